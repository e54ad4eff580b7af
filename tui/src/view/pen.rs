//! Writing into a row of cells without ever leaving it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::text::{fit, width};
use crate::theme::{Look, Tone};

/// Writes from left to right in one row.
pub(super) struct Pen<'a> {
    buf: &'a mut Buffer,
    look: Look,
    x: u16,
    right: u16,
    y: u16,
}

impl<'a> Pen<'a> {
    /// Row `row` of `area`, counted from its top; a row outside of it takes nothing.
    pub(super) fn new(buf: &'a mut Buffer, look: Look, area: Rect, row: u16) -> Self {
        let area = area.intersection(buf.area);
        let inside = row < area.height;
        let right = if inside { area.right() } else { area.left() };
        Self { buf, look, x: area.left(), right, y: area.top().saturating_add(row) }
    }

    /// How many cells are left.
    pub(super) fn room(&self) -> usize {
        usize::from(self.right.saturating_sub(self.x))
    }

    /// Writes as much of `text` as fits.
    pub(super) fn put(&mut self, text: &str, tone: Tone) -> &mut Self {
        if self.room() > 0 {
            let text = fit(text, self.room());
            (self.x, _) = self.buf.set_stringn(self.x, self.y, text, self.room(), self.look.style(tone));
        }
        self
    }

    /// Leaves `cells` cells out.
    pub(super) fn skip(&mut self, cells: usize) -> &mut Self {
        let cells = u16::try_from(cells).unwrap_or(u16::MAX);
        self.x = self.x.saturating_add(cells).min(self.right);
        self
    }

    /// Writes `text` into exactly `cells` cells, to the left, and leaves one cell out.
    pub(super) fn column(&mut self, text: &str, cells: usize, tone: Tone) -> &mut Self {
        let end = self.x.saturating_add(u16::try_from(cells).unwrap_or(u16::MAX)).min(self.right);
        let text = fit(text, cells.min(self.room()));
        self.put(&text, tone);
        self.x = end;
        self.skip(1)
    }

    /// Writes `text` into exactly `cells` cells, to the right, and leaves one cell out.
    pub(super) fn number(&mut self, text: &str, cells: usize, tone: Tone) -> &mut Self {
        let blank = cells.saturating_sub(width(text));
        self.skip(blank).column(text, cells - blank, tone)
    }

    /// Gives the rest of the row the look of `tone`.
    pub(super) fn fill(&mut self, tone: Tone) {
        let rest = Rect::new(self.x, self.y, self.right.saturating_sub(self.x), 1);
        self.buf.set_style(rest.intersection(self.buf.area), self.look.style(tone));
        self.x = self.right;
    }
}

/// A line of differently looking pieces.
pub(super) type Line = Vec<(String, Tone)>;

/// Draws the lines that are scrolled to; says where there are more.
pub(super) fn draw_lines(lines: &[Line], scroll: usize, look: Look, area: Rect, buf: &mut Buffer) {
    draw_first_lines(lines, true, scroll, look, area, buf);
}

/// Draws the lines that are scrolled to, of which `lines` are the first, or `all`.
pub(super) fn draw_first_lines(lines: &[Line], all: bool, scroll: usize, look: Look, area: Rect, buf: &mut Buffer) {
    let page = usize::from(area.height);
    let scroll = scroll.min(lines.len().saturating_sub(page));
    for (row, line) in (0..area.height).zip(lines.iter().skip(scroll)) {
        let mut pen = Pen::new(buf, look, area, row);
        for (text, tone) in line {
            pen.put(text, *tone);
        }
    }
    let below = lines.len().saturating_sub(scroll + page);
    if below > 0 && area.height > 0 {
        let note = if all { format!(" {below} more below ") } else { " more below ".to_owned() };
        let mut pen = Pen::new(buf, look, area, area.height - 1);
        let room = pen.room();
        pen.skip(room.saturating_sub(width(&note))).put(&note, Tone::Selected);
    }
}

/// A plain line.
pub(super) fn line(text: impl Into<String>, tone: Tone) -> Line {
    vec![(text.into(), tone)]
}

/// Breaks `text` between words into lines of at most `cells` cells.
pub(super) fn wrap(text: &str, cells: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(last) = lines.last_mut() else { break };
        if last.is_empty() {
            last.push_str(&fit(word, cells));
        } else if width(last) + 1 + width(word) <= cells {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(fit(word, cells).into_owned());
        }
    }
    lines
}
