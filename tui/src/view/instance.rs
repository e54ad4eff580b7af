//! One instance: who says what on the wire, what will happen, and why it is as it is.

mod follows;

use locum_control::{ChecksumFlavour, Duration, InstanceStatus, Mode, State, headline, sender_mac_words};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::group::{router_at, succession};
use crate::model::{Instance, Lane, Model};
use crate::text::{date_time, span, time_of_day};
use crate::theme::Tone;
use crate::view::overview::{priority, state_tone};
use crate::view::pen::{Line, Pen, draw_lines, line, wrap};
use crate::view::{Extent, Room, timeline};

/// Transitions shown below; the history screen has them all.
const TRANSITIONS_SHOWN: usize = 5;
/// Routers of which it is said what they did before something happened.
const BEFORE_MAX: usize = 6;
/// However many lanes there are, so much is left for the rest.
const DETAIL_ROWS_MIN: u16 = 6;
/// The labels at the left.
const LABEL_CELLS: usize = 10;

/// The zoom in use, for the keys that change it.
pub(crate) fn zoom(model: &Model) -> usize {
    model.selected().map_or(0, |instance| timeline::zoom(model, &instance.status))
}

/// So much time behind a moment makes it stand near the right end of the timeline.
pub(crate) fn after_us(model: &Model) -> u64 {
    model.selected().map_or(0, |instance| u64::from(instance.status.advert_interval_cs).saturating_mul(2 * 10_000))
}

/// How far a key moves the timeline.
pub(crate) fn pan_columns(model: &Model) -> u64 {
    let columns = model.selected().map_or(0, |instance| timeline::columns(model, instance, model.size.width));
    u64::try_from(columns / 4).unwrap_or(1).max(1)
}

pub(super) fn render(model: &Model, area: Rect, buf: &mut Buffer) {
    let Some(instance) = model.selected() else { return };
    let parts = Parts::of(model, instance, area);
    for (row, head) in (0..parts.head.height).zip(head(model, instance, parts.full)) {
        let mut pen = Pen::new(buf, model.look, parts.head, row);
        for (text, tone) in &head {
            pen.put(text, *tone);
        }
    }
    timeline::render(model, instance, parts.timeline, buf);
    let lines = details(model, instance, area.width);
    draw_lines(&lines, model.scroll, model.look, parts.details, buf);
}

pub(super) fn extent(model: &Model, area: Rect) -> Extent {
    let Some(instance) = model.selected() else { return Extent::default() };
    let parts = Parts::of(model, instance, area);
    Extent { lines: details(model, instance, area.width).len(), page: parts.details.height.into() }
}

struct Parts {
    full: bool,
    head: Rect,
    timeline: Rect,
    details: Rect,
}

impl Parts {
    fn of(model: &Model, instance: &Instance, area: Rect) -> Self {
        let full = Room::of(Rect::new(0, 0, model.size.width, model.size.height)) == Room::Full;
        let head_rows = if full { 3 } else { 2 }.min(area.height);
        let left = area.height - head_rows;
        let most = if full { (left / 2).max(left.saturating_sub(DETAIL_ROWS_MIN)) } else { left.saturating_sub(1) };
        let timeline_rows = timeline::height(model, instance, most);
        let head = Rect { height: head_rows, ..area };
        let timeline = Rect { y: head.bottom(), height: timeline_rows, ..area };
        let details = Rect { y: timeline.bottom(), height: left - timeline_rows, ..area };
        Self { full, head, timeline, details }
    }
}

/// Who and what, in which state, and what happens next.
fn head(model: &Model, instance: &Instance, full: bool) -> Vec<Line> {
    let status = &instance.status;
    let since = span(model.server_us().saturating_sub(status.since_us));
    let mode = match &status.mode {
        Mode::Multicast { .. } => "multicast",
        Mode::Unicast { .. } => "unicast",
    };
    let who = vec![
        (status.name.clone(), Tone::Key),
        (format!("  VRID {} on {}", status.vrid, status.interface), Tone::Text),
        (format!(", VRRPv{} {} {mode}", status.version, status.family), Tone::Subdued),
        (status.group.as_ref().map_or_else(String::new, |group| format!(", group {group}")), Tone::Text),
    ];
    let is_lost = model.nodes.current().lost_for_us(model.now_us).is_some();
    let (doubt, tone) = if is_lost { ("?", Tone::Subdued) } else { ("", state_tone(status.state)) };
    let mut state = vec![(format!("{}{doubt}", status.state), tone), (format!(" for {since}"), Tone::Text)];
    if !full {
        let mut short = vec![(status.name.clone(), Tone::Key), (" ".into(), Tone::Text)];
        short.append(&mut state);
        return vec![short, next(model, status)];
    }
    state.push((format!(", priority {}", priority_words(status)), Tone::Text));
    if let Some(last) = &status.last_transition {
        state.push((format!(": {}", last.text), Tone::Text));
    }
    vec![who, state, next(model, status)]
}

fn priority_words(status: &InstanceStatus) -> String {
    if status.effective_priority == status.priority {
        priority(status)
    } else {
        format!("{} (configured {})", status.effective_priority, status.priority)
    }
}

/// What happens next, with its countdown.
fn next(model: &Model, status: &InstanceStatus) -> Line {
    if let Some(lost_us) = model.nodes.current().lost_for_us(model.now_us) {
        return line(format!("not reached for {}: this is how it stood then", span(lost_us)), Tone::Warning);
    }
    let left = |at_us: u64| Duration::from_us(at_us.saturating_sub(model.server_us()));
    if let Some(second) = &status.second_master {
        let since = span(model.server_us().saturating_sub(second.since_us));
        let words = format!("SECOND MASTER {} (priority {}) for {since}", second.address, second.priority);
        return line(words, Tone::Alert);
    }
    let timers = &status.timers;
    if let Some(at_us) = timers.handover_until_us {
        return line(format!("leaving: gives the addresses up in {} at the latest", left(at_us)), Tone::Warning);
    }
    if let Some(at_us) = timers.start_at_us {
        return line(format!("begins in {}: start delay, r ends it", left(at_us)), Tone::Warning);
    }
    if let Some(at_us) = timers.link_up_at_us {
        return line(format!("its link counts as up in {}: up delay, r ends it", left(at_us)), Tone::Warning);
    }
    if let Some(at_us) = timers.link_down_at_us {
        return line(format!("its link is down, which counts in {}: down delay", left(at_us)), Tone::Warning);
    }
    if let Some(at_us) = timers.preempt_at_us {
        let from = status.master.as_ref();
        let from = from.map_or_else(String::new, |master| format!(" from {} p{}", master.address, master.priority));
        let words = format!("takes over in {}{from}: preempt delay, r ends it", left(at_us));
        return line(words, Tone::Warning);
    }
    if status.standing_back.is_some() && status.state == State::Backup {
        return line(headline(status), Tone::Warning);
    }
    match (status.state, timers.master_down_at_us) {
        (State::Backup, Some(at_us)) => {
            let unless = match &status.master {
                Some(master) => format!("unless {} is heard", master.address),
                None => "unless a master is heard".into(),
            };
            line(format!("takes over in {} {unless}", left(at_us)), Tone::Text)
        }
        (State::Fault, _) => line(format!("does not take part: {}", headline(status)), Tone::Warning),
        (State::Master, _) => {
            let interval = Duration::from_cs(status.advert_interval_cs);
            line(format!("{}; sends an advert every {interval}", headline(status)), Tone::Text)
        }
        (State::Backup | State::Init, _) => line(headline(status), Tone::Text),
    }
}

/// Everything below the timeline.
fn details(model: &Model, instance: &Instance, width: u16) -> Vec<Line> {
    let status = &instance.status;
    let now_us = model.server_us();
    let ago = |at_us: u64| span(now_us.saturating_sub(at_us));
    let room = usize::from(width).saturating_sub(LABEL_CELLS);
    let mut lines: Vec<Line> = Vec::new();
    explained(model, instance, room, &mut lines);
    for block in &status.blocks {
        lines.push(vec![
            (format!("{:<LABEL_CELLS$}", "blocked"), Tone::Subdued),
            (format!("{}: ", block.block), Tone::Fault),
            (format!("{}, for {}", block.detail, ago(block.since_us)), Tone::Text),
        ]);
    }
    if let Some(detail) = instance.second_master.as_ref().filter(|_| status.second_master.is_some()) {
        labelled("second", wrap(detail, room), Tone::Warning, &mut lines);
    }
    follows::standing(model, status, room, &mut lines);
    follows::priority(status, room, &mut lines);
    addresses(status, &mut lines);
    follows::parts(status, room, &mut lines);
    follows::trackers(status, now_us, room, &mut lines);
    transitions(model, status, room, &mut lines);
    if let Some(near) = instance.near_miss {
        let (silent, left) = (Duration::from_us(near.silent_us), Duration::from_us(near.left_us));
        lines.push(vec![
            (format!("{:<LABEL_CELLS$}", "near miss"), Tone::Subdued),
            (
                format!("{} ago {} was silent for {silent}, {left} were left", ago(near.at_us), near.source),
                Tone::Warning,
            ),
        ]);
    }
    senders(model, instance, room, &mut lines);
    follows::notified(status, now_us, room, &mut lines);
    counters(status, room, &mut lines);
    rejects(status, room, &mut lines);
    labelled("outlook", wrap(&succession(model, instance), room), Tone::Text, &mut lines);
    lines
}

/// What of the history is looked at, and what was heard before it.
fn explained(model: &Model, instance: &Instance, room: usize, lines: &mut Vec<Line>) {
    let Some(moment) = &model.timeline.explained else { return };
    let unix_ms = model.replica().clock.unix_ms(moment.at_us);
    let text = if moment.is_of_this_boot {
        format!("{}: {}", time_of_day(unix_ms), moment.text)
    } else {
        format!("{}; that was before this boot: nothing else is known of it", moment.text)
    };
    labelled("then", wrap(&text, room), Tone::Key, lines);
    if !moment.is_of_this_boot {
        return;
    }
    let before =
        |lane: &Lane| Some((lane.last_before(moment.at_us)?, if lane.ours { None } else { Some(lane.source) }));
    let mut heard: Vec<_> = instance.lanes.iter().filter_map(before).collect();
    heard.sort_by_key(|(mark, _)| std::cmp::Reverse(mark.at_us));
    if heard.is_empty() {
        labelled("before it", vec!["no adverts of that time are kept".to_owned()], Tone::Subdued, lines);
    }
    for (index, (mark, source)) in heard.into_iter().take(BEFORE_MAX).enumerate() {
        let ago = Duration::from_us(moment.at_us.saturating_sub(mark.at_us));
        let (who, did) = match source {
            Some(source) => (source.to_string(), "last heard"),
            None => ("this router".to_owned(), "last sent"),
        };
        let what = match (mark.reject, mark.priority) {
            (Some(reason), _) => format!("rejected: {reason}"),
            (None, 0) => "priority 0: it left".to_owned(),
            (None, priority) => format!("priority {priority}"),
        };
        let text = format!("{who} {did} {ago} before, {what}");
        labelled(if index == 0 { "before it" } else { "" }, wrap(&text, room), Tone::Text, lines);
    }
}

/// Lines of which the first has a label.
fn labelled(label: &str, texts: Vec<String>, tone: Tone, lines: &mut Vec<Line>) {
    for (index, text) in texts.into_iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        lines.push(vec![(format!("{label:<LABEL_CELLS$}"), Tone::Subdued), (text, tone)]);
    }
}

fn addresses(status: &InstanceStatus, lines: &mut Vec<Line>) {
    for (index, vip) in status.vips.iter().enumerate() {
        let label = vip.label.as_ref().map_or_else(String::new, |label| format!(" label {label}"));
        let excluded = if vip.excluded { ", not in adverts" } else { "" };
        let is_ours = status.state == State::Master || status.timers.handover_until_us.is_some();
        let (held, tone) = match (&vip.error, vip.installed, is_ours) {
            (Some(error), ..) => (format!(": {error}"), Tone::Warning),
            (None, true, true) => (": here".to_owned(), Tone::Master),
            (None, true, false) => (": STILL HERE".to_owned(), Tone::Warning),
            (None, false, true) => (": MISSING HERE".to_owned(), Tone::Warning),
            (None, false, false) => (": not here".to_owned(), Tone::Subdued),
        };
        lines.push(vec![
            (format!("{:<LABEL_CELLS$}", if index == 0 { "addresses" } else { "" }), Tone::Subdued),
            (format!("{} on {}{label}{excluded}", vip.address, vip.device), Tone::Text),
            (held, tone),
        ]);
    }
}

fn transitions(model: &Model, status: &InstanceStatus, room: usize, lines: &mut Vec<Line>) {
    let now_ms = model.replica().clock.unix_ms(model.server_us());
    let records = model.replica().history.iter().rev().filter(|record| record.instance == status.name);
    for (index, record) in records.take(TRANSITIONS_SHOWN).enumerate() {
        let when = format!("{} ", date_time(record.at_unix_ms, now_ms));
        let state = format!("{:<6} ", record.to.to_string());
        let indent = LABEL_CELLS + when.len() + state.len();
        let mut texts = wrap(&record.text, room.saturating_sub(when.len() + state.len())).into_iter();
        lines.push(vec![
            (format!("{:<LABEL_CELLS$}", if index == 0 { "changes" } else { "" }), Tone::Subdued),
            (when, Tone::Subdued),
            (state, state_tone(record.to)),
            (texts.next().unwrap_or_default(), Tone::Text),
        ]);
        lines.extend(texts.map(|text| line(format!("{:indent$}{text}", ""), Tone::Text)));
    }
}

fn senders(model: &Model, instance: &Instance, room: usize, lines: &mut Vec<Line>) {
    let status = &instance.status;
    for (index, sender) in status.senders.iter().enumerate() {
        let heard = span(model.server_us().saturating_sub(sender.last_heard_us));
        let name = router_at(model, instance, sender.address).map_or_else(String::new, |name| name + " ");
        let mut text = format!(
            "{name}{} priority {}, last heard {heard} ago; received {}, late {}, missed {}",
            sender.address, sender.priority, sender.received, sender.late, sender.missed
        );
        if sender.longest_gap_us > 0 {
            text.push_str(&format!(", longest silence {}", Duration::from_us(sender.longest_gap_us)));
        }
        let differs = sender.advert_interval_cs > 0 && sender.advert_interval_cs != status.advert_interval_cs;
        if differs {
            let (its, ours) = (sender.advert_interval_cs, status.advert_interval_cs);
            text.push_str(&format!("; its advert_int is {}, ours {}", Duration::from_cs(its), Duration::from_cs(ours)));
        }
        match sender.checksum {
            Some(ChecksumFlavour::Plain) => text.push_str("; checksum without a pseudo-header"),
            Some(ChecksumFlavour::PseudoHeader) => text.push_str("; checksum over a pseudo-header"),
            None => {}
        }
        if let Some(words) = sender_mac_words(sender, status.vrid).filter(|_| sender.other_mac.is_none()) {
            text.push_str(&format!("; {words}"));
        }
        let troubled = sender.late > 0 || sender.missed > 0 || differs;
        let label = if index == 0 { "heard" } else { "" };
        labelled(label, wrap(&text, room), if troubled { Tone::Warning } else { Tone::Text }, lines);
        if let Some(words) = sender_mac_words(sender, status.vrid).filter(|_| sender.other_mac.is_some()) {
            labelled("", wrap(&words, room), Tone::Alert, lines);
        }
        if let Some(reason) = sender.last_reject {
            let text = format!("{} of its packets rejected, the last: {reason}", sender.rejected);
            labelled("", wrap(&text, room), Tone::Fault, lines);
        }
    }
}

fn counters(status: &InstanceStatus, room: usize, lines: &mut Vec<Line>) {
    let counters = &status.counters;
    let text = format!(
        "adverts sent {}, received {}; priority 0 sent {}, received {}; MASTER {} times; announcements {}",
        counters.adverts_sent,
        counters.adverts_received,
        counters.priority_zero_sent,
        counters.priority_zero_received,
        counters.became_master,
        counters.announcements_sent
    );
    labelled("counters", wrap(&text, room), Tone::Text, lines);
    let (interval, skew) = (Duration::from_cs(status.advert_interval_cs), Duration::from_us(status.skew_us));
    let down = Duration::from_us(status.master_down_interval_us);
    let preempt = match (status.preempt, status.preempt_delay_us) {
        (false, _) => "never".to_owned(),
        (true, 0) => "at once".to_owned(),
        (true, delay_us) => format!("after {}", Duration::from_us(delay_us)),
    };
    let text = format!("advert_int {interval}, skew {skew}, master down after {down}, preempts {preempt}");
    labelled("timers", wrap(&text, room), Tone::Text, lines);
    let source = status.source.map_or_else(|| "none".to_owned(), |source| source.to_string());
    let to = match &status.mode {
        Mode::Multicast { group } => format!("the group {group}"),
        Mode::Unicast { peers } => {
            let peers: Vec<String> = peers.iter().take(8).map(ToString::to_string).collect();
            format!("{} by unicast", peers.join(", "))
        }
    };
    labelled("sends", wrap(&format!("from {source} to {to}"), room), Tone::Text, lines);
}

/// What was discarded, why, and what to do about it.
fn rejects(status: &InstanceStatus, room: usize, lines: &mut Vec<Line>) {
    for (index, (reason, count)) in status.counters.rejected.iter().filter(|(_, count)| **count > 0).enumerate() {
        let label = if index == 0 { "rejected" } else { "" };
        labelled(label, wrap(&format!("{count} x {reason}"), room), Tone::Fault, lines);
        labelled("", wrap(reason.help(), room), Tone::Text, lines);
    }
}
