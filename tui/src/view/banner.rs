//! The row below the bar: what waits for a person, on whatever screen he is.

use locum_control::ChangeStanding;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::history;
use crate::model::node::Play;
use crate::model::{Connection, Model, Node};
use crate::text::{fit, span, time_of_day, width};
use crate::theme::Tone;
use crate::view::pen::Pen;

/// What is to be said, the most urgent first.
pub(super) fn pieces(model: &Model) -> Vec<(String, Tone)> {
    let mut pieces = Vec::new();
    if let Some(play) = model.nodes.current().play {
        pieces.push((playing(&play, model.now_us), Tone::Selected));
    }
    let of = |at: usize| if model.nodes.are_several() { format!("{} ", model.nodes.name(at)) } else { String::new() };
    for (at, node) in model.nodes.iter().enumerate() {
        if model.nodes.are_several() && matches!(node.connection, Connection::Lost { .. }) {
            pieces.push((format!("{}disconnected", of(at)), Tone::Alert));
        }
        if let Some(record) = node.replica.service.as_ref().and_then(|service| service.on_trial.as_ref())
            && let ChangeStanding::OnTrial { until_unix_ms } = record.standing
        {
            let left = left_ms(node, model.now_us, until_unix_ms);
            pieces.push((format!("{}change {} on trial: taken back in {left}", of(at), record.number), Tone::Alert));
        }
    }
    for (at, instance) in model.instances() {
        if let Some(second) = &instance.status.second_master {
            let text = format!("{}{}: second master {}", of(at), instance.status.name, second.address);
            pieces.push((text, Tone::Alert));
        }
    }
    for (at, node) in model.nodes.iter().enumerate() {
        match node.replica.left_out() {
            0 => {}
            count => {
                let shown = node.replica.instances.len();
                pieces.push((
                    format!("{}{count} instances are not shown, only the first {shown}", of(at)),
                    Tone::Warning,
                ));
            }
        }
        let flapping = history::flapping(node, model.now_us).into_iter();
        pieces.extend(flapping.map(|(name, words)| (format!("{}{name} {words}", of(at)), Tone::Warning)));
        let server_us = node.server_us(model.now_us);
        for status in node.replica.instances.values().map(|instance| &instance.status) {
            let name = || format!("{}{}", of(at), status.name);
            if let Some(back) = &status.standing_back {
                let long = back.until_unix_ms;
                let long =
                    long.map_or_else(|| "until resumed".to_owned(), |it| left_ms(node, model.now_us, it) + " left");
                pieces.push((format!("{} stands back, {long}", name()), Tone::Warning));
            } else if let Some(at_us) = status.timers.start_at_us {
                let left = span(at_us.saturating_sub(server_us));
                pieces.push((format!("{} begins in {left}", name()), Tone::Warning));
            } else if let Some(at_us) = status.timers.link_up_at_us {
                let left = span(at_us.saturating_sub(server_us));
                pieces.push((format!("{}: the link counts as up in {left}", name()), Tone::Warning));
            } else if let Some(at_us) = status.timers.preempt_at_us {
                let left = span(at_us.saturating_sub(server_us));
                pieces.push((format!("{} preempts in {left}", name()), Tone::Warning));
            }
        }
    }
    for (at, service) in
        model.nodes.iter().enumerate().filter_map(|(at, node)| Some((at, node.replica.service.as_ref()?)))
    {
        // The one that is on trial has its own words.
        match service.unsaved_changes.saturating_sub(u32::from(service.on_trial.is_some())) {
            0 => {}
            1 => pieces.push((format!("{}1 change is not saved", of(at)), Tone::Warning)),
            count => pieces.push((format!("{}{count} changes are not saved", of(at)), Tone::Warning)),
        }
    }
    pieces
}

/// How long it is until `until_ms` of the wall clock of a service.
fn left_ms(node: &Node, now_us: u64, until_ms: u64) -> String {
    span(until_ms.saturating_sub(node.unix_ms(now_us)).saturating_mul(1_000))
}

/// Where a recording is.
fn playing(play: &Play, now_us: u64) -> String {
    let at = |us: u64| time_of_day(us / 1_000);
    let how = match (play.runs, play.speed) {
        (false, _) => ", held".to_owned(),
        (true, 1) => String::new(),
        (true, speed) => format!(", {speed} x"),
    };
    format!("RECORDING {}{how} of {} to {}", at(play.position_us(now_us)), at(play.start_us), at(play.end_us))
}

/// Draws as many as there is room for, and says how many more there are.
pub(super) fn render(model: &Model, area: Rect, buf: &mut Buffer) {
    let pieces = pieces(model);
    let mut pen = Pen::new(buf, model.look, area, 1);
    for (index, (text, tone)) in pieces.iter().enumerate() {
        let left = pieces.len() - index;
        let more = format!("+{left} more");
        let reserved = if left > 1 { width(&more) + 3 } else { 0 };
        if index > 0 && width(text) + reserved > pen.room() {
            pen.put(&more, Tone::Warning);
            break;
        }
        pen.put(&fit(text, pen.room().saturating_sub(reserved)), *tone);
        if left > 1 {
            pen.put(" | ", Tone::Subdued);
        }
    }
}
