//! A question in the middle of the screen. The button that does nothing is marked at first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use crate::model::{Dialog, Model};
use crate::text::{fit, fit_end, width};
use crate::theme::Tone;
use crate::view::Extent;
use crate::view::pen::{Line, Pen, line, wrap};

const COLUMNS_MAX: u16 = 66;
/// With lines of a file in it.
const DIFF_COLUMNS_MAX: u16 = 110;
/// Of what a field is for.
const HELP_ROWS_MAX: usize = 3;

pub(super) fn render(model: &Model, dialog: &Dialog, area: Rect, buf: &mut Buffer) {
    let layout = Layout::of(dialog, area);
    let Layout { columns, framed, inset, most, .. } = layout;
    let extent = layout.extent();
    let scroll = dialog.scroll.min(extent.lines.saturating_sub(extent.page));
    let mut lines: Vec<Line> = layout.text.into_iter().skip(scroll).take(extent.page).collect();
    let below = extent.lines.saturating_sub(scroll + extent.page);
    if extent.page > 1 && extent.lines > extent.page {
        // Nobody is to say yes to what he has not seen and does not know of.
        // In a field these keys go to other fields.
        let keys = if dialog.field().is_none() { ": PgDn or Ctrl-D" } else { "" };
        let note = if below > 0 { format!("-- {below} more lines{keys} --") } else { "-- end --".to_owned() };
        lines.pop();
        lines.push(line(note, Tone::Warning));
    }
    lines.extend(layout.controls);
    let surplus = lines.len().saturating_sub(most);
    let focused = lines.iter().position(|line| line.iter().any(|(_, tone)| *tone == Tone::Selected)).unwrap_or(0);
    lines.drain(..surplus.min(focused));
    lines.truncate(most);
    let edges: u16 = if framed { 2 } else { 0 };
    let rows = u16::try_from(lines.len()).unwrap_or(0) + edges;
    let outer = Rect {
        x: area.x + (area.width - columns) / 2,
        y: area.y + area.height.saturating_sub(rows) / 2,
        width: columns,
        height: rows.min(area.height),
    };
    Clear.render(outer, buf);
    if framed {
        frame(model, &dialog.title, outer, buf);
    }
    let inner = Rect {
        x: outer.x + inset,
        y: outer.y + edges / 2,
        width: outer.width - 2 * inset,
        height: outer.height.saturating_sub(edges),
    };
    for (row, line) in (0..).zip(&lines) {
        let mut pen = Pen::new(buf, model.look, inner, row);
        for (text, tone) in line {
            pen.put(text, *tone);
        }
    }
}

/// How far the text can be scrolled.
pub(super) fn extent(dialog: &Dialog, area: Rect) -> Extent {
    Layout::of(dialog, area).extent()
}

/// What there is to show, and how much room for it.
struct Layout {
    columns: u16,
    framed: bool,
    inset: u16,
    /// Rows inside the frame.
    most: usize,
    text: Vec<Line>,
    controls: Vec<Line>,
}

impl Layout {
    fn of(dialog: &Dialog, area: Rect) -> Self {
        let columns = area.width.min(if dialog.diff.is_empty() { COLUMNS_MAX } else { DIFF_COLUMNS_MAX });
        // Where there is no room for a frame, the buttons matter most.
        let framed = columns >= 24 && area.height >= 6;
        let inset: u16 = if framed { 2 } else { 0 };
        let room = usize::from(columns.saturating_sub(2 * inset));
        let mut text: Vec<Line> =
            dialog.lines.iter().flat_map(|text| wrap(text, room)).map(|text| line(text, Tone::Text)).collect();
        text.extend(dialog.diff.iter().map(|text| diff_line(text, room)));
        let most = usize::from(area.height.saturating_sub(if framed { 2 } else { 0 }));
        Self { columns, framed, inset, most, text, controls: controls(dialog, room) }
    }

    /// The text gives way to what has the keys.
    fn extent(&self) -> Extent {
        let page = self.most.saturating_sub(self.controls.len()).min(self.text.len());
        Extent { lines: self.text.len(), page }
    }
}

/// A line of a file that changes. Its blanks stay: they are the file's.
fn diff_line(text: &str, room: usize) -> Line {
    let tone = match text.chars().next() {
        Some('+') => Tone::Master,
        Some('-') => Tone::Warning,
        Some(_) | None => Tone::Subdued,
    };
    line(fit(text, room).into_owned(), tone)
}

/// The fields, a line each with what is wrong below it, and the buttons in as many lines as they need.
fn controls(dialog: &Dialog, room: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let labels = dialog.fields.iter().map(|field| width(&field.label)).max().unwrap_or(0);
    for (index, field) in dialog.fields.iter().enumerate() {
        let marked = index == dialog.at;
        let changed = if field.text.trim() == field.before.trim() { Tone::Text } else { Tone::Key };
        let label = format!("{:<labels$} ", field.label);
        let value_room = room.saturating_sub(width(&label) + 1);
        let mut line = vec![
            (label, if marked { Tone::Heading } else { Tone::Subdued }),
            (fit_end(&field.text, value_room).into_owned(), changed),
        ];
        if marked {
            line.push((" ".into(), Tone::Selected));
        }
        line.push((format!(" {}", field.hint()), Tone::Subdued));
        lines.push(line);
        if let Some(help) = Some(field.help()).filter(|help| marked && !help.is_empty()) {
            let texts = wrap(&help, room.saturating_sub(2)).into_iter().take(HELP_ROWS_MAX);
            lines.extend(texts.map(|text| vec![("  ".to_owned(), Tone::Text), (text, Tone::Subdued)]));
        }
        if let Some(problem) = field.problem(&dialog.words) {
            lines.extend(
                wrap(&problem, room.saturating_sub(2))
                    .into_iter()
                    .map(|text| vec![("  ".to_owned(), Tone::Text), (text, Tone::Alert)]),
            );
        }
    }
    let mut row: Line = Vec::new();
    let mut used = 0;
    for (index, button) in dialog.buttons.iter().enumerate() {
        let marked = index + dialog.fields.len() == dialog.at;
        let text = if marked { format!("[>{}<]", button.name) } else { format!("[ {} ]", button.name) };
        let cells = width(&text);
        if used > 0 && used + 2 + cells > room {
            lines.push(std::mem::take(&mut row));
            used = 0;
        }
        if used > 0 {
            row.push(("  ".into(), Tone::Text));
            used += 2;
        }
        used += cells;
        row.push((text, if marked { Tone::Selected } else { Tone::Text }));
    }
    lines.push(row);
    lines
}

fn frame(model: &Model, title: &str, outer: Rect, buf: &mut Buffer) {
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
    let title = format!(" {title} ");
    if inside > 6 {
        let title = fit(&title, inside.saturating_sub(2));
        Pen::new(buf, model.look, outer, 0).skip(2).put(&title, Tone::Warning);
    }
}
