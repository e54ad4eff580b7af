//! ratatui's way to the terminal: cells to bytes, only such as the terminal's [`Profile`] allows, and as few as possible.
//!
//! A vt100 gets CUP, SGR 0, 1, 4 and 7, ED and EL (and CR and BS) and nothing else. More capable terminals also get CUF,
//! colours and a hidden cursor. Where the cursor stands and how it writes is remembered from call to call.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};

use crate::profile::Profile;
use crate::text;
use crate::theme::Palette;

/// Collects bytes until [`Backend::flush`].
pub(crate) struct TerminalBackend<W: Write> {
    out: W,
    queue: Vec<u8>,
    palette: Palette,
    beyond_vt100: bool,
    size: Size,
    /// Where the cursor stands, where that is certain: after the last column it is not.
    cursor: Option<Position>,
    /// How it writes, where that is certain.
    pen: Option<Pen>,
    /// All bytes flushed so far.
    written: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pen {
    foreground: Color,
    background: Color,
    modifiers: Modifier,
}

impl Pen {
    const PLAIN: Self = Self { foreground: Color::Reset, background: Color::Reset, modifiers: Modifier::empty() };
}

/// What every terminal can show.
const MODIFIERS: Modifier = Modifier::BOLD.union(Modifier::UNDERLINED).union(Modifier::REVERSED);

impl<W: Write> TerminalBackend<W> {
    pub(crate) const fn new(out: W, profile: &Profile, size: Size) -> Self {
        Self {
            out,
            queue: Vec::new(),
            palette: profile.palette,
            beyond_vt100: profile.beyond_vt100,
            size,
            cursor: None,
            pen: None,
            written: 0,
        }
    }

    /// The terminal has this size now.
    pub(crate) const fn resize(&mut self, size: Size) {
        self.size = size;
        self.cursor = None;
    }

    /// How many bytes wait to be flushed.
    pub(crate) const fn queued(&self) -> usize {
        self.queue.len()
    }

    /// How many bytes have been flushed since the start.
    pub(crate) const fn written(&self) -> u64 {
        self.written
    }

    /// Sends bytes that are no cells. Afterwards nothing is certain about the cursor.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.queue.extend_from_slice(bytes);
        self.cursor = None;
        self.pen = None;
        self.flush()
    }

    #[cfg(test)]
    pub(crate) const fn out(&self) -> &W {
        &self.out
    }

    /// Moves the cursor with as few bytes as there can be.
    fn move_to(&mut self, to: Position) {
        let from = self.cursor.replace(to);
        if from == Some(to) {
            return;
        }
        if let Some(from) = from.filter(|from| from.y == to.y) {
            if to.x == 0 {
                self.queue.push(b'\r');
                return;
            }
            if to.x < from.x && from.x - to.x <= 4 {
                self.queue.extend(std::iter::repeat_n(0x08, usize::from(from.x - to.x)));
                return;
            }
            if to.x > from.x && self.beyond_vt100 {
                match to.x - from.x {
                    1 => self.queue.extend_from_slice(b"\x1b[C"),
                    columns => self.queue.extend_from_slice(format!("\x1b[{columns}C").as_bytes()),
                }
                return;
            }
        }
        let bytes = match (to.y, to.x) {
            (0, 0) => "\x1b[H".to_owned(),
            (row, 0) => format!("\x1b[{}H", row + 1),
            (row, column) => format!("\x1b[{};{}H", row + 1, column + 1),
        };
        self.queue.extend_from_slice(bytes.as_bytes());
    }

    fn set_pen(&mut self, pen: Pen) {
        if self.pen == Some(pen) {
            return;
        }
        // What only adds needs no reset; whatever takes away does: SGR 22, 24 and 27 are unknown to a vt100.
        let from = self.pen.filter(|from| {
            pen.modifiers.contains(from.modifiers)
                && (pen.foreground != Color::Reset || from.foreground == Color::Reset)
                && (pen.background != Color::Reset || from.background == Color::Reset)
        });
        let mut codes: Vec<String> = Vec::new();
        let base = from.unwrap_or_else(|| {
            codes.push("0".to_owned());
            Pen::PLAIN
        });
        for (modifier, code) in [(Modifier::BOLD, "1"), (Modifier::UNDERLINED, "4"), (Modifier::REVERSED, "7")] {
            if pen.modifiers.contains(modifier) && !base.modifiers.contains(modifier) {
                codes.push(code.to_owned());
            }
        }
        if pen.foreground != base.foreground {
            codes.extend(colour_code(pen.foreground, 30));
        }
        if pen.background != base.background {
            codes.extend(colour_code(pen.background, 40));
        }
        let codes = codes.join(";");
        self.queue.extend_from_slice(b"\x1b[");
        self.queue.extend_from_slice(if codes == "0" { b"" } else { codes.as_bytes() });
        self.queue.push(b'm');
        self.pen = Some(pen);
    }

    /// What of a cell's look this terminal can show.
    fn pen_of(&self, cell: &Cell) -> Pen {
        let colour = |colour: Color| match (self.palette, colour) {
            (Palette::Mono, _) | (_, Color::Rgb(..)) | (Palette::Sixteen, Color::Indexed(_)) => Color::Reset,
            (Palette::Sixteen | Palette::Indexed, colour) => colour,
        };
        Pen { foreground: colour(cell.fg), background: colour(cell.bg), modifiers: cell.modifier & MODIFIERS }
    }

    fn write_cell(&mut self, x: u16, y: u16, cell: &Cell) {
        if x >= self.size.width || y >= self.size.height {
            return;
        }
        let last_column = x + 1 == self.size.width;
        // Some vt100 look-alikes scroll the screen when its last cell is written.
        if last_column && y + 1 == self.size.height && !self.beyond_vt100 {
            return;
        }
        self.move_to(Position { x, y });
        self.set_pen(self.pen_of(cell));
        let symbol = cell.symbol();
        let cells = text::width(symbol);
        let (symbol, cells) = if cells == 0 { (" ", 1) } else { (symbol, cells) };
        self.queue.extend_from_slice(symbol.as_bytes());
        // In the last column a terminal waits for the next character before it wraps: where it stands is uncertain.
        self.cursor = u16::try_from(cells)
            .ok()
            .and_then(|cells| x.checked_add(cells))
            .filter(|next| *next < self.size.width)
            .map(|next| Position { x: next, y });
    }
}

fn colour_code(colour: Color, base: u8) -> Option<String> {
    let offset = match colour {
        Color::Reset => 9,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        // The bright ones: 90 to 97 and 100 to 107.
        Color::DarkGray => 60,
        Color::LightRed => 61,
        Color::LightGreen => 62,
        Color::LightYellow => 63,
        Color::LightBlue => 64,
        Color::LightMagenta => 65,
        Color::LightCyan => 66,
        Color::White => 67,
        Color::Indexed(index) => return Some(format!("{};5;{index}", base + 8)),
        Color::Rgb(..) => return None,
    };
    Some((base + offset).to_string())
}

impl<W: Write> Backend for TerminalBackend<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        for (x, y, cell) in content {
            self.write_cell(x, y, cell);
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.beyond_vt100 {
            self.queue.extend_from_slice(b"\x1b[?25l");
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.beyond_vt100 {
            self.queue.extend_from_slice(b"\x1b[?25h");
        }
        Ok(())
    }

    /// Where the cursor was put last; the top left corner where that is not certain. Does not ask the terminal, which
    /// may never answer.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.move_to(position.into());
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.set_cursor_position(Position::ORIGIN)?;
        self.clear_region(ClearType::All)
    }

    /// Erased cells take the pen's background on some terminals, so the pen is plain first.
    fn clear_region(&mut self, clear_type: ClearType) -> io::Result<()> {
        self.set_pen(Pen::PLAIN);
        self.queue.extend_from_slice(match clear_type {
            ClearType::All => b"\x1b[2J",
            ClearType::AfterCursor => b"\x1b[J",
            ClearType::BeforeCursor => b"\x1b[1J",
            ClearType::CurrentLine => b"\x1b[2K",
            ClearType::UntilNewLine => b"\x1b[K",
        });
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.queue)?;
        self.out.flush()?;
        self.written = self.written.saturating_add(self.queue.len() as u64);
        self.queue.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::profile::{Environment, Line};
    use ratatui::style::Style;

    fn backend(term: &str) -> TerminalBackend<Vec<u8>> {
        let environment = Environment { term: Some(term.into()), ..Environment::default() };
        let profile = Profile::choose(&environment, Line::Pseudo, &Options::new("/x".into()));
        TerminalBackend::new(Vec::new(), &profile, Size::new(80, 24))
    }

    fn cell(symbol: &str, style: Style) -> Cell {
        let mut cell = Cell::default();
        cell.set_symbol(symbol).set_style(style);
        cell
    }

    /// What is sent for these cells.
    fn sent(term: &str, cells: &[(u16, u16, &str, Style)]) -> String {
        let mut backend = backend(term);
        for (x, y, symbol, style) in cells {
            let cell = cell(symbol, *style);
            backend.draw(std::iter::once((*x, *y, &cell))).unwrap();
        }
        backend.flush().unwrap();
        String::from_utf8(backend.out).unwrap()
    }

    #[test]
    fn neighbours_need_no_move_and_no_new_pen() {
        let bold = Style::new().bold();
        assert_eq!(sent("vt100", &[(3, 2, "a", bold), (4, 2, "b", bold)]), "\x1b[3;4H\x1b[0;1mab");
    }

    #[test]
    fn a_vt100_gets_only_what_it_knows() {
        let loud = Style::new().red().on_blue().bold().italic().underlined().reversed();
        let plain = Style::new();
        let cells = [(0, 0, "a", loud), (1, 0, "b", plain), (9, 0, "c", plain), (0, 0, "d", plain), (3, 5, "e", plain)];
        assert_eq!(sent("vt100", &cells), "\x1b[H\x1b[0;1;4;7ma\x1b[mb\x1b[1;10Hc\rd\x1b[6;4He");
    }

    #[test]
    fn colours_are_sent_as_far_as_there_are_some() {
        let grey = Style::new().fg(Color::Indexed(245));
        let cells = [(0, 0, "a", Style::new().red()), (1, 0, "b", Style::new().red().bold()), (2, 0, "c", grey)];
        assert_eq!(sent("xterm", &cells), "\x1b[H\x1b[0;31ma\x1b[1mb\x1b[mc");
        assert_eq!(sent("xterm-256color", &cells), "\x1b[H\x1b[0;31ma\x1b[1mb\x1b[0;38;5;245mc");
    }

    #[test]
    fn the_cursor_takes_the_shortest_way() {
        let plain = Style::new();
        let way = |term, from: u16, to: u16| {
            let all = sent(term, &[(from, 3, "x", plain), (to, 3, "y", plain)]);
            all.split_once('x').unwrap().1.to_owned()
        };
        assert_eq!(way("xterm", 10, 12), "\x1b[Cy");
        assert_eq!(way("xterm", 10, 40), "\x1b[29Cy");
        assert_eq!(way("xterm", 10, 9), "\x08\x08y");
        assert_eq!(way("vt100", 10, 0), "\ry");
        assert_eq!(way("vt100", 79, 78), "\x1b[4;79Hy", "after the last column the place is uncertain");
    }

    #[test]
    fn the_last_cell_is_spared_where_it_may_scroll() {
        assert_eq!(sent("vt100", &[(79, 23, "x", Style::new())]), "");
        assert!(sent("xterm", &[(79, 23, "x", Style::new())]).ends_with('x'));
        assert_eq!(sent("xterm", &[(80, 3, "x", Style::new()), (3, 24, "x", Style::new())]), "", "outside");
    }

    #[test]
    fn a_wide_character_moves_the_cursor_by_two() {
        let plain = Style::new();
        assert_eq!(sent("xterm", &[(0, 0, "路", plain), (2, 0, "x", plain)]), "\x1b[H\x1b[m路x");
    }

    #[test]
    fn erasing_is_done_with_a_plain_pen() {
        let mut backend = backend("xterm");
        backend.draw(std::iter::once((0, 0, &cell("a", Style::new().reversed())))).unwrap();
        backend.clear_region(ClearType::UntilNewLine).unwrap();
        backend.show_cursor().unwrap();
        backend.flush().unwrap();
        assert_eq!(backend.out(), b"\x1b[H\x1b[0;7ma\x1b[m\x1b[K\x1b[?25h");
        assert_eq!(backend.written(), backend.out().len() as u64);
    }
}
