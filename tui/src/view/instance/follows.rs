//! What an instance follows and what follows from it: trackers, orders of the operator, notifications.

use locum_control::{Duration, InstanceStatus, PartKind, RunStatus, State, TrackReading, TrackStatus, priority_sum};

use super::labelled;
use crate::model::Model;
use crate::text::{date_time, span};
use crate::theme::Tone;
use crate::view::pen::{Line, wrap};

/// Runs of notification scripts that are shown, the newest ones.
const NOTIFIED_SHOWN: usize = 4;

/// That the operator has it stand back, and until when.
pub(super) fn standing(model: &Model, status: &InstanceStatus, room: usize, lines: &mut Vec<Line>) {
    let Some(back) = &status.standing_back else { return };
    let server_us = model.server_us();
    let now_ms = model.replica().clock.unix_ms(server_us);
    let since = span(server_us.saturating_sub(back.since_us));
    let end = match back.until_unix_ms {
        Some(until_ms) => {
            let left = span(until_ms.saturating_sub(now_ms).saturating_mul(1_000));
            format!("{left} left, until {}", date_time(until_ms, now_ms))
        }
        None => "until it is resumed".to_owned(),
    };
    let resort = if back.last_resort {
        "takes over when nobody else is heard"
    } else {
        "does not take over even if nobody else is heard"
    };
    let text = format!("for {since} by order of the operator, {end}; {resort}; r resumes");
    labelled("back", wrap(&text, room), Tone::Warning, lines);
}

/// How the priority that counts comes about.
pub(super) fn priority(status: &InstanceStatus, room: usize, lines: &mut Vec<Line>) {
    if status.effective_priority != status.priority || !status.trackers.is_empty() {
        labelled("priority", wrap(&priority_sum(status), room), Tone::Text, lines);
    }
}

/// What it has in the kernel beside its addresses while it is MASTER, and whether it is there.
pub(super) fn parts(status: &InstanceStatus, room: usize, lines: &mut Vec<Line>) {
    let is_ours = status.state == State::Master || status.timers.handover_until_us.is_some();
    let mut before = None;
    for part in &status.parts {
        let label = match part.kind {
            _ if before == Some(part.kind) => "",
            PartKind::Interface => "interface",
            PartKind::Route => "routes",
            PartKind::Rule => "rules",
        };
        before = Some(part.kind);
        // An interface of its own stands all the time; the rest only while it is MASTER.
        let is_wanted = is_ours || part.kind == PartKind::Interface && status.state != State::Fault;
        let (held, tone) = match (&part.error, part.installed, is_wanted) {
            (Some(error), ..) => (error.clone(), Tone::Warning),
            (None, true, true) => ("here".to_owned(), Tone::Master),
            (None, true, false) => ("here".to_owned(), Tone::Text),
            (None, false, true) => ("MISSING HERE".to_owned(), Tone::Warning),
            (None, false, false) => ("not here".to_owned(), Tone::Subdued),
        };
        let tracked = if part.tracked || part.kind == PartKind::Interface { "" } else { ", not tracked" };
        labelled(label, wrap(&format!("{}{tracked}: {held}", part.name), room), tone, lines);
    }
    if status.parts_left_out > 0 {
        let text = format!("{} more routes and rules", status.parts_left_out);
        labelled("", vec![text], Tone::Subdued, lines);
    }
    if let Some(table) = &status.no_accept {
        let (text, tone) = match (&table.error, table.in_force) {
            (Some(error), _) => (format!("NOT dropped, because the kernel refused it: {error}"), Tone::Warning),
            (None, true) => (format!("dropped by the nftables table {}", table.table), Tone::Text),
            (None, false) => ("nothing to drop now".to_owned(), Tone::Subdued),
        };
        labelled("no_accept", wrap(&format!("packets to the addresses: {text}"), room), tone, lines);
    }
}

/// What each tracker says, since when, and how its last run went.
pub(super) fn trackers(status: &InstanceStatus, now_us: u64, room: usize, lines: &mut Vec<Line>) {
    for (index, track) in status.trackers.iter().enumerate() {
        let label = if index == 0 { "tracks" } else { "" };
        let (text, tone) = tracker(track, now_us);
        labelled(label, wrap(&text, room), tone, lines);
        for said in track.last.iter().filter(|_| tone == Tone::Fault).flat_map(|run| &run.last_lines) {
            labelled("", wrap(&format!("> {said}"), room), Tone::Subdued, lines);
        }
    }
}

fn tracker(track: &TrackStatus, now_us: u64) -> (String, Tone) {
    let (reading, tone) = match track.reading {
        TrackReading::Good => ("good".to_owned(), Tone::Text),
        TrackReading::Bad => ("FAILED".to_owned(), Tone::Fault),
        TrackReading::Value(value) => (format!("says {value}"), Tone::Text),
        TrackReading::Unknown => ("no word yet".to_owned(), Tone::Warning),
    };
    let tone = if track.blocks { Tone::Fault } else { tone };
    let since = span(now_us.saturating_sub(track.since_us));
    let mut text = format!("{} {} {reading} for {since}", track.kind, track.name);
    if !track.detail.is_empty() {
        text.push_str(&format!(": {}", track.detail));
    }
    text.push_str(&match (track.blocks, track.weight) {
        (true, _) => "; keeps it in FAULT".to_owned(),
        (false, 0) => "; weight 0: its failure is FAULT".to_owned(),
        (false, weight) => {
            let reverse = if track.reverse { " reverse" } else { "" };
            format!("; weight {weight:+}{reverse}, adds {:+}", track.adds)
        }
    });
    if let Some(run) = &track.last {
        text.push_str(&format!("; last run {}", run_words(run, now_us)));
    }
    if track.skipped > 0 {
        text.push_str(&format!("; {} of {} runs left out", track.skipped, track.runs.saturating_add(track.skipped)));
    }
    (text, tone)
}

/// How the last notification scripts went, the newest first.
pub(super) fn notified(status: &InstanceStatus, now_us: u64, room: usize, lines: &mut Vec<Line>) {
    for (index, told) in status.notified.iter().rev().take(NOTIFIED_SHOWN).enumerate() {
        let label = if index == 0 { "notified" } else { "" };
        let of = if told.kind == "GROUP" { format!(" of group {}", told.name) } else { String::new() };
        let text = format!("{}{of}, told {}: {}", told.script, told.state, run_words(&told.run, now_us));
        labelled(label, wrap(&text, room), if told.ok { Tone::Text } else { Tone::Warning }, lines);
        for said in told.run.last_lines.iter().filter(|_| !told.ok) {
            labelled("", wrap(&format!("> {said}"), room), Tone::Subdued, lines);
        }
    }
    if status.notifications_skipped > 0 {
        let count = status.notifications_skipped;
        let states = if count == 1 { "1 state was".to_owned() } else { format!("{count} states were") };
        let text = format!("{states} never told, because the scripts before took so long");
        labelled(if status.notified.is_empty() { "notified" } else { "" }, wrap(&text, room), Tone::Warning, lines);
    }
}

fn run_words(run: &RunStatus, now_us: u64) -> String {
    let (ago, took) = (span(now_us.saturating_sub(run.at_us)), Duration::from_us(run.duration_us));
    format!("{ago} ago: {}, took {took}", run.result)
}
