//! `locum watch`

use std::path::Path;

use locum_control::client::ClientError;
use locum_control::{Duration, Event, MarkKind, Notice, SCHEMA, Verb, time, to_json_line};

use super::{Exit, complain, complain_about, connect};
use crate::text::Append;

pub(super) fn watch(socket: &Path, instance: Option<String>, adverts: bool, json: bool) -> Exit {
    let mut client = match connect(socket) {
        Ok(client) => client,
        Err(exit) => return exit,
    };
    if let Err(error) = client.request(Verb::Watch { instance, adverts }) {
        return complain_about(socket, &error);
    }
    loop {
        let notice = match client.next_notice(None) {
            Ok(notice) => notice,
            Err(ClientError::Closed) => {
                complain(&"the service has ended");
                return Exit::Failed;
            }
            Err(error) => return complain_about(socket, &error),
        };
        let text = if json { json_line(&notice) } else { lines(&notice) };
        // Whoever has read enough closes the pipe.
        if std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes()).is_err() {
            return Exit::Done;
        }
    }
}

/// A notice as `watch --json` prints it: the schema's number stands before its own fields.
fn json_line(notice: &Notice) -> String {
    let line = to_json_line(notice);
    format!("{{\"schema\":{SCHEMA},{}", line.trim_start_matches('{'))
}

/// A notice in words: one line, or one for each advert.
fn lines(notice: &Notice) -> String {
    let time = time::time_of_day_ms(notice.at_unix_ms);
    let span = |us: u64| Duration::from_us(us);
    let text = match &notice.event {
        Event::Transition(record) => {
            format!("{}: {} -> {}: {}", record.instance, record.from, record.to, record.text)
        }
        Event::Adverts { instance, marks } => {
            let mut text = String::new();
            for mark in marks {
                let earlier_ms = notice.at_us.saturating_sub(mark.at_us) / 1_000;
                let time = time::time_of_day_ms(notice.at_unix_ms.saturating_sub(earlier_ms));
                let what = match mark.kind {
                    MarkKind::Received => format!("heard from {}", mark.source),
                    MarkKind::Sent => format!("sent from {}", mark.source),
                    MarkKind::Rejected { reason } => format!("from {} discarded: {reason}", mark.source),
                };
                text.append(format_args!("{time} {instance}: advert of priority {} {what}\n", mark.priority));
            }
            return text;
        }
        Event::Blocked { instance, block, detail } => format!("{instance}: blocked by {block}: {detail}"),
        Event::Unblocked { instance, block } => format!("{instance}: no longer blocked by {block}"),
        Event::Rejected { instance, interface, source, reason, count } => {
            let whose = instance.as_deref().unwrap_or(interface);
            format!("{whose}: {count} packets from {source} discarded: {reason}. {}", reason.help())
        }
        Event::SecondMaster { instance, source, priority, detail } => {
            format!("{instance}: second master {source} (priority {priority}): {detail}")
        }
        Event::SecondMasterGone { instance, source, lasted_us } => {
            format!("{instance}: second master {source} is gone after {}", span(*lasted_us))
        }
        Event::NearMiss { instance, source, silent_us, left_us } => format!(
            "{instance}: master {source} was silent for {}, {} before a takeover",
            span(*silent_us),
            span(*left_us)
        ),
        Event::VipLost { instance, part, count: 1 } => format!("{instance}: somebody removed {part}; it is put back"),
        Event::VipLost { instance, part, count } => {
            format!("{instance}: {count} times somebody removed what is ours, last {part}; it is put back")
        }
        Event::AddressFailed { instance, address, error } => format!("{instance}: address {address}: {error}"),
        Event::HandoverEnded { instance, to: Some(to), lasted_us } => {
            format!("{instance}: {to} has taken over within {}", span(*lasted_us))
        }
        Event::HandoverEnded { instance, to: None, lasted_us } => {
            format!("{instance}: nobody has taken over within {}", span(*lasted_us))
        }
        Event::PriorityChanged { instance, from, to } => format!("{instance}: effective priority {from} -> {to}"),
        Event::Operator { who, text } => format!("{who}: {text}"),
        Event::Notified { run, .. } => {
            format!("{}: {} ({}) {}", run.name, run.script, run.state, run.run.result)
        }
        Event::Lagged { missed } => format!("{missed} events were missed, this program was too slow"),
        Event::Stopping => "the service stops".into(),
    };
    format!("{time} {text}\n")
}

#[cfg(test)]
mod tests {
    use locum_control::{Value, from_json};

    use super::*;

    #[test]
    fn a_notice_is_printed_behind_the_number_of_the_schema() {
        let notice = Notice { seq: 7, at_us: 1, at_unix_ms: 2, event: Event::Lagged { missed: 3 } };
        let line = json_line(&notice);
        assert_eq!(line, "{\"schema\":1,\"seq\":7,\"at_us\":1,\"at_unix_ms\":2,\"event\":\"lagged\",\"missed\":3}\n");
        let read: Value = from_json(line.as_bytes()).unwrap();
        assert_eq!(read.get("schema"), Some(&Value::from(SCHEMA)));
    }
}
