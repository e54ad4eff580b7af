//! A question in the middle of the screen. The button that does nothing is marked at first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use crate::model::{Dialog, Model};
use crate::text::width;
use crate::theme::Tone;
use crate::view::pen::{Pen, wrap};

const COLUMNS_MAX: u16 = 66;

pub(super) fn render(model: &Model, dialog: &Dialog, area: Rect, buf: &mut Buffer) {
    let columns = area.width.min(COLUMNS_MAX);
    // Where there is no room for a frame, the buttons matter most.
    let framed = columns >= 24 && area.height >= 6;
    let inset: u16 = if framed { 2 } else { 0 };
    let room = usize::from(columns.saturating_sub(2 * inset));
    let mut texts: Vec<String> = dialog.lines.iter().flat_map(|text| wrap(text, room)).collect();
    let edges: u16 = if framed { 2 } else { 0 };
    texts.truncate(usize::from(area.height.saturating_sub(1 + edges)));
    let rows = u16::try_from(texts.len()).unwrap_or(0) + 1 + edges;
    let outer = Rect {
        x: area.x + (area.width - columns) / 2,
        y: area.y + area.height.saturating_sub(rows) / 2,
        width: columns,
        height: rows.min(area.height),
    };
    Clear.render(outer, buf);
    if framed {
        frame(model, outer, buf);
    }
    let inner = Rect {
        x: outer.x + inset,
        y: outer.y + edges / 2,
        width: outer.width - 2 * inset,
        height: outer.height.saturating_sub(edges),
    };
    for (row, text) in (0..).zip(&texts) {
        Pen::new(buf, model.look, inner, row).put(text, Tone::Text);
    }
    let tone = |marked: bool| if marked { Tone::Selected } else { Tone::Text };
    let brackets = |name: &str, marked: bool| if marked { format!("[>{name}<]") } else { format!("[ {name} ]") };
    Pen::new(buf, model.look, inner, inner.height.saturating_sub(1))
        .put(&brackets("Cancel", !dialog.yes), tone(!dialog.yes))
        .skip(2)
        .put(&brackets("Resume", dialog.yes), tone(dialog.yes));
}

fn frame(model: &Model, outer: Rect, buf: &mut Buffer) {
    let inside = usize::from(outer.width.saturating_sub(2));
    let last = outer.height.saturating_sub(1);
    for row in 0..outer.height {
        let (left, right) = match row {
            0 => ("┌", "┐"),
            row if row == last => ("└", "┘"),
            _ => ("│", "│"),
        };
        let middle = if row == 0 || row == last { "─".repeat(inside) } else { " ".repeat(inside) };
        Pen::new(buf, model.look, outer, row).put(&format!("{left}{middle}{right}"), Tone::Warning);
    }
    let title = " Resume ";
    if inside > width(title) + 2 {
        Pen::new(buf, model.look, outer, 0).skip(2).put(title, Tone::Warning);
    }
}
