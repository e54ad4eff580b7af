//! What the programme prints: a line for each event as it happens, and at the end each handover with its bound.

use std::io::{self, Write};

use locum_core::time::{Duration, Instant};

use super::group::{CLIENT, PROBE_INTERVAL, RouterId, VIP, allowance};
use super::programme::{Outcome, Step};
use super::silence::{OUTAGE_MIN, Outages};
use super::story::Entry;

/// `3.609`: seconds, as in every column of the report.
pub(super) fn seconds(duration: Duration) -> String {
    let ms = duration.us() / 1_000;
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// The report, with its own beginning of time. Where nobody reads it any more, the programme goes on: its exit code still
/// says how it went.
pub(super) struct Report {
    began: Instant,
}

impl Report {
    /// Begins with who takes part.
    pub(super) fn begin(began: Instant, duration: std::time::Duration) -> Self {
        let routers: Vec<_> =
            RouterId::ALL.iter().map(|id| format!("{id} {} (priority {})", id.address(), id.priority())).collect();
        print(&format!(
            "a virtual LAN with the routers {}\nVIP {VIP}; the client {CLIENT} probes it every {PROBE_INTERVAL}; the \
             programme takes {} s\n\n  time s  who     what\n",
            routers.join(", "),
            duration.as_secs()
        ));
        Self { began }
    }

    /// A line for each.
    pub(super) fn entries(&self, entries: &[Entry]) {
        for Entry { at, who, what } in entries {
            print(&format!("{:>8}  {who:<6}  {what}\n", seconds(at.since(self.began))));
        }
    }

    /// What came of it.
    pub(super) fn end(&self, outcomes: &[(Step, Outcome)], outages: Option<Outages>) {
        let allowance = allowance();
        let mut text = format!(
            "\nhandovers; each bound is the protocol's (RFC 3768 section 6) plus {allowance} for everything sharing one machine;\n\
             a silence is from the answer before to the answer after, where a probe in between went unanswered\n"
        );
        for (step, outcome) in outcomes {
            text.push_str(&handover(step, outcome));
        }
        text.push_str(&self.outages(outages));
        let broken = outcomes.iter().filter(|(_, outcome)| !outcome.failures.is_empty()).count();
        let all = outcomes.len();
        text.push_str(&match broken {
            0 => format!("\nall {all} handovers stayed within their bounds\n"),
            _ => format!("\n{broken} of {all} handovers did not stay within their bounds\n"),
        });
        print(&text);
    }

    fn outages(&self, outages: Option<Outages>) -> String {
        let least = OUTAGE_MIN;
        outages.map_or_else(
            || format!("\nthe client had no outage ({least} or more without an answer)\n"),
            |Outages { count, longest, .. }| {
                format!(
                    "\noutages of the client ({least} or more without an answer): {count}, the longest {} s, from {} s on\n",
                    seconds(longest.lasted),
                    seconds(longest.from.since(self.began))
                )
            },
        )
    }
}

fn handover(step: &Step, outcome: &Outcome) -> String {
    let verdict = if outcome.failures.is_empty() { "ok    " } else { "BROKEN" };
    let what = step.deed.words();
    let successor = step.successor;
    let took = outcome.took.map_or("is not MASTER".into(), |took| format!("is MASTER after {} s", seconds(took)));
    let bound = seconds(step.takeover_bound());
    let allowance = allowance();
    let mut text = format!(
        "{verdict}  {what}: {successor} {took}, bound {bound} s = {} + {allowance}\n",
        step.promise.reckoning(successor)
    );
    if let Some((silence, bound)) = outcome.silence.zip(step.silence_bound()) {
        let why = step.promise.silence_words();
        text.push_str(&format!(
            "        the client's longest silence: {} s, bound {} s{why}\n",
            seconds(silence),
            seconds(bound)
        ));
    }
    for line in outcome.failures.iter().chain(&outcome.remarks) {
        text.push_str(&format!("        {line}\n"));
    }
    text
}

fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_three_digits() {
        for (us, text) in [(0, "0.000"), (3_609_375, "3.609"), (999_999, "0.999"), (61_000_000, "61.000")] {
            assert_eq!(seconds(Duration::from_us(us)), text);
        }
    }
}
