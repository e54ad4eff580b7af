//! The row below the bar: what waits for a person, on whatever screen he is.

use locum_control::ChangeStanding;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Model;
use crate::text::{fit, span, width};
use crate::theme::Tone;
use crate::view::pen::Pen;

/// What is to be said, the most urgent first.
pub(super) fn pieces(model: &Model) -> Vec<(String, Tone)> {
    let mut pieces = Vec::new();
    let server_us = model.server_us();
    let now_ms = model.replica.clock.unix_ms(server_us);
    let left_ms = |until_ms: u64| span(until_ms.saturating_sub(now_ms).saturating_mul(1_000));
    let service = model.replica.service.as_ref();
    let trial = service.and_then(|service| service.on_trial.as_ref());
    if let Some(record) = trial
        && let ChangeStanding::OnTrial { until_unix_ms } = record.standing
    {
        let text = format!("change {} on trial: taken back in {}", record.number, left_ms(until_unix_ms));
        pieces.push((text, Tone::Alert));
    }
    let statuses = || model.replica.instances.values().map(|instance| &instance.status);
    for status in statuses() {
        if let Some(second) = &status.second_master {
            pieces.push((format!("{}: second master {}", status.name, second.address), Tone::Alert));
        }
    }
    for status in statuses() {
        if let Some(back) = &status.standing_back {
            let long = back.until_unix_ms.map_or_else(|| "until resumed".to_owned(), |until| left_ms(until) + " left");
            pieces.push((format!("{} stands back, {long}", status.name), Tone::Warning));
        } else if let Some(at_us) = status.timers.start_at_us {
            let left = span(at_us.saturating_sub(server_us));
            pieces.push((format!("{} begins in {left}", status.name), Tone::Warning));
        } else if let Some(at_us) = status.timers.preempt_at_us {
            let left = span(at_us.saturating_sub(server_us));
            pieces.push((format!("{} preempts in {left}", status.name), Tone::Warning));
        }
    }
    // The one that is on trial has its own words.
    let unsaved = service.map_or(0, |service| service.unsaved_changes).saturating_sub(u32::from(trial.is_some()));
    match unsaved {
        0 => {}
        1 => pieces.push(("1 change is not saved".to_owned(), Tone::Warning)),
        count => pieces.push((format!("{count} changes are not saved"), Tone::Warning)),
    }
    pieces
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
