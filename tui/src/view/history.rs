//! What has happened, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Model;
use crate::model::history::{Entry, Kind, What, count, entries};
use crate::text::{date_time, width};
use crate::theme::Tone;
use crate::view::overview::{is_full, state_tone};
use crate::view::pen::{Pen, wrap};
use crate::view::{Extent, below_head};

/// Below the list: a rule, and the marked line in full.
const DETAIL_ROWS: u16 = 3;

pub(super) fn render(model: &Model, area: Rect, buf: &mut Buffer) {
    Pen::new(buf, model.look, area, 0).put("What has happened, newest first (UTC)", Tone::Heading);
    let entries = entries(model);
    if count(model) == 0 {
        Pen::new(buf, model.look, area, 2).skip(2).put("nothing yet", Tone::Text);
        return;
    }
    if entries.is_empty() {
        Pen::new(buf, model.look, area, 2).skip(2).put("nothing with these words; Esc shows all", Tone::Text);
        return;
    }
    let list = list_area(model, area);
    let page = usize::from(list.height).max(1);
    let marked = model.history_at.min(entries.len() - 1);
    let first = marked / page * page;
    let names = entries.iter().filter_map(Entry::instance).map(width).max().unwrap_or(0).min(20);
    let nodes = if model.nodes.are_several() {
        (0..model.nodes.len()).map(|at| width(&model.nodes.name(at))).max().unwrap_or(0).min(12)
    } else {
        0
    };
    for (row, (index, entry)) in (0..list.height).zip(entries.iter().enumerate().skip(first)) {
        let mut pen = Pen::new(buf, model.look, list, row);
        let is_marked = index == marked;
        if is_marked {
            pen.put("►", Tone::Key);
        } else {
            pen.skip(1);
        }
        line(model, entry, (nodes, names), is_marked, &mut pen);
    }
    let below = entries.len().saturating_sub(first + page);
    if below > 0 && list.height > 0 {
        let note = format!(" {below} more below ");
        let mut pen = Pen::new(buf, model.look, list, list.height - 1);
        let room = pen.room();
        pen.skip(room.saturating_sub(width(&note))).put(&note, Tone::Selected);
    }
    if let (true, Some(entry)) = (is_full(model), entries.get(marked)) {
        let detail = Rect { y: list.bottom(), height: area.bottom().saturating_sub(list.bottom()), ..area };
        let mut rule = Pen::new(buf, model.look, detail, 0);
        let dashes = "─".repeat(rule.room());
        rule.put(&dashes, Tone::Subdued);
        let from = match entry.what {
            What::Change(record) => format!("{} to {}: ", record.from, record.to),
            What::Else(_) => String::new(),
        };
        let text = format!("{} {from}{}", entry.instance().unwrap_or_default(), entry.text());
        for (row, text) in (1..).zip(wrap(&text, detail.width.into()).iter().take(2)) {
            Pen::new(buf, model.look, detail, row).put(text, Tone::Text);
        }
    }
}

pub(super) fn extent(model: &Model, area: Rect) -> Extent {
    Extent { lines: entries(model).len(), page: list_area(model, area).height.into() }
}

fn list_area(model: &Model, area: Rect) -> Rect {
    let list = below_head(area);
    let detail = if is_full(model) { DETAIL_ROWS } else { 0 };
    Rect { height: list.height.saturating_sub(detail), ..list }
}

fn line(model: &Model, entry: &Entry<'_>, (nodes, names): (usize, usize), is_marked: bool, pen: &mut Pen<'_>) {
    let now_ms = model.nodes.current().unix_ms(model.now_us);
    pen.put(&date_time(entry.at_unix_ms, now_ms), if is_marked { Tone::Selected } else { Tone::Subdued }).skip(1);
    if nodes > 0 {
        pen.column(&model.nodes.name(entry.node), nodes, Tone::Subdued);
    }
    match entry.what {
        What::Change(record) => {
            pen.column(&record.instance, names, Tone::Text);
            pen.column(&record.to.to_string(), 6, state_tone(record.to)).put(&record.text, Tone::Text);
        }
        What::Else(happened) => {
            if let Some(instance) = &happened.instance {
                pen.column(instance, names, Tone::Text);
            }
            let tone = match happened.kind {
                Kind::Order => Tone::Key,
                Kind::SecondMaster | Kind::NearMiss | Kind::Reject | Kind::Address | Kind::NotNotified => Tone::Warning,
                Kind::Change | Kind::Notified | Kind::Priority | Kind::Block | Kind::Handover => Tone::Text,
            };
            pen.put(&happened.text, tone);
        }
    }
}
