//! Brings the terminal from what it shows to what it should show, in pieces if the line is slow.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};

use crate::backend::TerminalBackend;

/// A gap of this many unchanged cells is written again: that is no longer than moving the cursor.
const GAP_CELLS_MAX: u16 = 3;

/// So many blanks at the end of a row are erased instead of written.
const ERASE_CELLS_MIN: usize = 4;

/// Knows what the terminal shows.
#[derive(Debug)]
pub(crate) struct Painter {
    shown: Buffer,
    /// The row to begin with, so that a line that is too slow for all of it still gets every row in turn.
    first_row: u16,
    /// What the terminal shows is unknown.
    clear: bool,
}

impl Painter {
    pub(crate) fn new(size: Size) -> Self {
        Self { shown: Buffer::empty(Rect::from((Position::ORIGIN, size))), first_row: 0, clear: true }
    }

    /// The terminal may show anything and has this size: the next [`Painter::paint`] starts from a cleared screen.
    pub(crate) fn reset(&mut self, size: Size) {
        *self = Self::new(size);
    }

    /// Sends what differs, row by row, and stops after the row in which `bytes_max` is reached. Returns whether all of
    /// it was sent; if not, call it again with what should be shown by then.
    pub(crate) fn paint<W: Write>(
        &mut self,
        backend: &mut TerminalBackend<W>,
        wanted: &Buffer,
        bytes_max: usize,
    ) -> io::Result<bool> {
        if wanted.area != self.shown.area {
            self.reset(wanted.area.as_size());
        }
        if std::mem::take(&mut self.clear) {
            backend.clear()?;
        }
        let mut rows: Vec<Vec<(u16, u16, &Cell)>> = Vec::new();
        for change in self.shown.diff_iter(wanted) {
            match rows.last_mut().filter(|row| row.last().is_some_and(|(_, y, _)| *y == change.1)) {
                Some(row) => row.push(change),
                None => rows.push(vec![change]),
            }
        }
        let is_early = |row: &Vec<(u16, u16, &Cell)>| row.first().is_some_and(|(_, y, _)| *y < self.first_row);
        let early = rows.partition_point(is_early);
        rows.rotate_left(early);
        let mut rows = rows.into_iter();
        for row in rows.by_ref() {
            let Some((_, y, _)) = row.first().copied() else { continue };
            paint_row(backend, wanted, &row)?;
            copy_row(wanted, &mut self.shown, y);
            self.first_row = y.saturating_add(1);
            if backend.queued() >= bytes_max {
                break;
            }
        }
        backend.flush()?;
        Ok(rows.next().is_none())
    }
}

/// Sends the changes of one row, which is not empty.
fn paint_row<W: Write>(
    backend: &mut TerminalBackend<W>,
    wanted: &Buffer,
    changes: &[(u16, u16, &Cell)],
) -> io::Result<()> {
    let Some((_, y, _)) = changes.first().copied() else { return Ok(()) };
    let blanks_from = (0..wanted.area.width)
        .rev()
        .find(|x| wanted.cell((*x, y)).is_some_and(|cell| *cell != Cell::default()))
        .map_or(0, |x| x + 1);
    let kept = changes.partition_point(|(x, ..)| *x < blanks_from);
    let (written, blanked) = changes.split_at_checked(kept).unwrap_or((changes, &[]));
    let mut last: Option<(u16, &Cell)> = None;
    for (x, _, cell) in written {
        if let Some((last_x, last_cell)) = last {
            fill_gap(backend, wanted, (last_x, last_cell), (*x, cell), y)?;
        }
        backend.draw(std::iter::once((*x, y, *cell)))?;
        last = Some((*x, cell));
    }
    match blanked.first() {
        Some((x, ..)) if blanked.len() >= ERASE_CELLS_MIN => {
            backend.set_cursor_position((*x, y))?;
            backend.clear_region(ClearType::UntilNewLine)
        }
        Some(_) | None => backend.draw(blanked.iter().copied()),
    }
}

/// Writes the unchanged cells between two changed ones again, where that is the shortest way: they are few, and look like
/// one of their neighbours.
fn fill_gap<W: Write>(
    backend: &mut TerminalBackend<W>,
    wanted: &Buffer,
    (left, left_cell): (u16, &Cell),
    (right, right_cell): (u16, &Cell),
    y: u16,
) -> io::Result<()> {
    let gap = left.saturating_add(1)..right;
    if gap.is_empty() || gap.len() > usize::from(GAP_CELLS_MAX) || !left_cell.symbol().is_ascii() {
        return Ok(());
    }
    let cells: Vec<(u16, u16, &Cell)> = gap.filter_map(|x| Some((x, y, wanted.cell((x, y))?))).collect();
    let all_like = |neighbour: &Cell| {
        cells.iter().all(|(_, _, cell)| cell.style() == neighbour.style() && cell.symbol().is_ascii())
    };
    if all_like(left_cell) || all_like(right_cell) {
        backend.draw(cells.iter().copied())?;
    }
    Ok(())
}

fn copy_row(from: &Buffer, to: &mut Buffer, y: u16) {
    for x in 0..from.area.width {
        if let (Some(source), Some(target)) = (from.cell((x, y)), to.cell_mut((x, y))) {
            *target = source.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::profile::{Environment, Line, Profile};

    fn backend(size: Size) -> TerminalBackend<Vec<u8>> {
        let environment = Environment { term: Some("vt100".into()), ..Environment::default() };
        let profile = Profile::choose(&environment, Line::Pseudo, &Options::new("/x".into()));
        TerminalBackend::new(Vec::new(), &profile, size)
    }

    /// Paints screen after screen; what is sent for each.
    fn painted(screens: &[&[&str]]) -> Vec<String> {
        let size = Buffer::with_lines(screens[0].iter().copied()).area.as_size();
        let (mut backend, mut painter) = (backend(size), Painter::new(size));
        let mut sent = Vec::new();
        let mut before = 0;
        for screen in screens {
            assert!(painter.paint(&mut backend, &Buffer::with_lines(screen.iter().copied()), usize::MAX).unwrap());
            sent.push(String::from_utf8(backend.out()[before..].to_vec()).unwrap());
            before = backend.out().len();
        }
        sent
    }

    #[test]
    fn the_screen_is_cleared_once_and_then_only_changes_are_sent() {
        let sent =
            painted(&[&["one two   ", "three     "], &["one two   ", "three     "], &["one too   ", "three     "]]);
        assert_eq!(sent, ["\x1b[H\x1b[m\x1b[2Jone two\x1b[2Hthree", "", "\x1b[1;6Ho"]);
    }

    #[test]
    fn small_gaps_are_bridged_and_long_tails_erased() {
        let sent = painted(&[&["abcdefgh  ", "0123456789"], &["Abc efgH  ", "0         "]]);
        assert_eq!(sent[1], "\x1b[HAbc efgH\x1b[2;2H\x1b[K");
        let sent = painted(&[&["abcdefgh  "], &["Abcdefg   "]]);
        assert_eq!(sent[1], "\rA\x1b[1;8H ", "too far to bridge, too short to erase");
    }

    #[test]
    fn a_small_budget_still_paints_every_row_in_turn() {
        let size = Size::new(10, 4);
        let (mut backend, mut painter) = (backend(size), Painter::new(size));
        let mut steps = 0;
        // The first row changes at every step, as a clock does; the others must not starve.
        loop {
            steps += 1;
            let clock = format!("{steps:<10}");
            let wanted = Buffer::with_lines([clock.as_str(), "second    ", "third     ", "fourth    "]);
            if painter.paint(&mut backend, &wanted, 1).unwrap() || steps > 20 {
                break;
            }
        }
        let sent = String::from_utf8(backend.out().clone()).unwrap();
        assert!(sent.contains("second") && sent.contains("third") && sent.contains("fourth"), "{sent:?}");
        assert!((4..10).contains(&steps), "a row a step, and then the rest: {steps}");
    }

    #[test]
    fn a_new_size_starts_anew() {
        let (mut backend, mut painter) = (backend(Size::new(4, 1)), Painter::new(Size::new(4, 1)));
        painter.paint(&mut backend, &Buffer::with_lines(["abcd"]), usize::MAX).unwrap();
        backend.resize(Size::new(6, 2));
        painter.paint(&mut backend, &Buffer::with_lines(["abcdef", "g     "]), usize::MAX).unwrap();
        assert_eq!(String::from_utf8_lossy(backend.out()).matches("\x1b[2J").count(), 2);
    }
}
