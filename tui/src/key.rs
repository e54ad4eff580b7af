//! Keys, and the parser that finds them in what a terminal sends.
//!
//! Sequences arrive in any number of pieces (a byte every 33 ms at 300 baud), so the parser keeps its place between
//! bytes. The only thing that time decides is whether an Esc stands alone.

use std::fmt;

/// The longest sequence that is followed; the rest of a longer one is skipped up to its final byte.
const SEQUENCE_BYTES_MAX: usize = 32;

/// A key, or something else that a terminal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// A printable character.
    Char(char),
    /// A letter with Ctrl.
    Ctrl(char),
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    /// The answer to "where is the cursor" (CSI 6n), counted from 1.
    CursorReport {
        row: u16,
        column: u16,
    },
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(' ') => f.write_str("Space"),
            Self::Char(letter) => write!(f, "{letter}"),
            Self::Ctrl(letter) => write!(f, "Ctrl-{}", letter.to_ascii_uppercase()),
            Self::Up => f.write_str("Up"),
            Self::Down => f.write_str("Down"),
            Self::Left => f.write_str("Left"),
            Self::Right => f.write_str("Right"),
            Self::Home => f.write_str("Home"),
            Self::End => f.write_str("End"),
            Self::PageUp => f.write_str("PgUp"),
            Self::PageDown => f.write_str("PgDn"),
            Self::Enter => f.write_str("Enter"),
            Self::Esc => f.write_str("Esc"),
            Self::Tab => f.write_str("Tab"),
            Self::BackTab => f.write_str("Shift-Tab"),
            Self::Backspace => f.write_str("Backspace"),
            Self::CursorReport { .. } => f.write_str("cursor report"),
        }
    }
}

/// Finds keys in bytes, however they are cut.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    place: Place,
}

#[derive(Debug, Default)]
enum Place {
    #[default]
    Ground,
    /// After Esc.
    Escape,
    /// After Esc O.
    Ss3,
    /// After Esc [: what stands before the final byte.
    Csi(Vec<u8>),
    /// After Esc [ [, with which the Linux console begins its first function keys: one more byte.
    LinuxFunction,
    /// In a character of several bytes.
    Utf8 { bytes: [u8; 4], have: usize, want: usize },
}

impl Parser {
    /// Takes one byte; hands each key found to `found`.
    pub(crate) fn feed(&mut self, byte: u8, mut found: impl FnMut(Key)) {
        match std::mem::take(&mut self.place) {
            Place::Ground => self.ground(byte, found),
            Place::Escape => match byte {
                b'[' => self.place = Place::Csi(Vec::new()),
                b'O' => self.place = Place::Ss3,
                // Alt is bound to nothing, so this was Esc and then another key, sent in one piece.
                _ => {
                    found(Key::Esc);
                    self.ground(byte, found);
                }
            },
            Place::Ss3 => match byte {
                0x1b => self.place = Place::Escape,
                b'M' => found(Key::Enter),
                _ => {
                    if let Some(key) = cursor_key(byte) {
                        found(key);
                    }
                }
            },
            Place::Csi(mut parameters) => match byte {
                0x1b => self.place = Place::Escape,
                // CAN and SUB abort a sequence (ECMA-48 §8.3.6 and §8.3.148).
                0x18 | 0x1a => {}
                b'[' if parameters.is_empty() => self.place = Place::LinuxFunction,
                0x20..=0x3f => {
                    if parameters.len() < SEQUENCE_BYTES_MAX {
                        parameters.push(byte);
                    }
                    self.place = Place::Csi(parameters);
                }
                0x40..=0x7e => {
                    if let Some(key) = control_sequence(&parameters, byte) {
                        found(key);
                    }
                }
                // Not part of a sequence: what came before is lost, this byte is not.
                _ => self.ground(byte, found),
            },
            Place::LinuxFunction => {}
            Place::Utf8 { mut bytes, have, want } => {
                if !(0x80..0xc0).contains(&byte) {
                    self.ground(byte, found);
                    return;
                }
                if let Some(slot) = bytes.get_mut(have) {
                    *slot = byte;
                }
                let have = have + 1;
                if have < want {
                    self.place = Place::Utf8 { bytes, have, want };
                    return;
                }
                let letter = bytes.get(..want).and_then(|bytes| std::str::from_utf8(bytes).ok());
                if let Some(letter) = letter.and_then(|text| text.chars().next()) {
                    found(Key::Char(letter));
                }
            }
        }
    }

    /// Whether an Esc waits for what follows: after a while, call [`Parser::timeout`].
    pub(crate) const fn pending(&self) -> bool {
        !matches!(self.place, Place::Ground)
    }

    /// Nothing followed.
    pub(crate) fn timeout(&mut self, mut found: impl FnMut(Key)) {
        match std::mem::take(&mut self.place) {
            Place::Escape => found(Key::Esc),
            // Esc and a bracket, typed by hand, or a sequence that lost its end: Esc does no harm.
            Place::Csi(parameters) if parameters.is_empty() => found(Key::Esc),
            Place::Ground | Place::Ss3 | Place::Csi(_) | Place::LinuxFunction | Place::Utf8 { .. } => {}
        }
    }

    fn ground(&mut self, byte: u8, mut found: impl FnMut(Key)) {
        match byte {
            0x1b => self.place = Place::Escape,
            b'\r' | b'\n' => found(Key::Enter),
            b'\t' => found(Key::Tab),
            0x08 | 0x7f => found(Key::Backspace),
            0x01..=0x1a => found(Key::Ctrl(char::from(byte - 1 + b'a'))),
            0x20..=0x7e => found(Key::Char(char::from(byte))),
            0xc2..=0xdf => self.utf8(byte, 2),
            0xe0..=0xef => self.utf8(byte, 3),
            0xf0..=0xf4 => self.utf8(byte, 4),
            // NUL (a break on the line), other controls, and bytes that begin no UTF-8 character.
            0x00 | 0x1c..=0x1f | 0x80..=0xc1 | 0xf5..=0xff => {}
        }
    }

    fn utf8(&mut self, first: u8, want: usize) {
        self.place = Place::Utf8 { bytes: [first, 0, 0, 0], have: 1, want };
    }
}

fn cursor_key(last: u8) -> Option<Key> {
    Some(match last {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        _ => return None,
    })
}

fn control_sequence(parameters: &[u8], last: u8) -> Option<Key> {
    match last {
        b'Z' => Some(Key::BackTab),
        b'~' => match parameters.split(|byte| *byte == b';').next()? {
            b"1" | b"7" => Some(Key::Home),
            b"4" | b"8" => Some(Key::End),
            b"5" => Some(Key::PageUp),
            b"6" => Some(Key::PageDown),
            _ => None,
        },
        b'R' => {
            let text = std::str::from_utf8(parameters).ok()?;
            let (row, column) = text.split_once(';')?;
            Some(Key::CursorReport { row: row.parse().ok()?, column: column.parse().ok()? })
        }
        _ => cursor_key(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(pieces: &[&[u8]]) -> Vec<Key> {
        let mut parser = Parser::default();
        let mut found = Vec::new();
        for piece in pieces {
            for byte in *piece {
                parser.feed(*byte, |key| found.push(key));
            }
            parser.timeout(|key| found.push(key));
        }
        found
    }

    #[test]
    fn keys_are_found_byte_by_byte() {
        let all = b"q\x1b[A\x1bOB\x1b[1;5C\x1b[5~\x1b[6~\x1b[1~\x1b[8~\x1b[Z\r\t\x7f\x0c\x03\xc3\xa9\x1b[24;80R";
        assert_eq!(
            keys(&[all]),
            [
                Key::Char('q'),
                Key::Up,
                Key::Down,
                Key::Right,
                Key::PageUp,
                Key::PageDown,
                Key::Home,
                Key::End,
                Key::BackTab,
                Key::Enter,
                Key::Tab,
                Key::Backspace,
                Key::Ctrl('l'),
                Key::Ctrl('c'),
                Key::Char('é'),
                Key::CursorReport { row: 24, column: 80 },
            ]
        );
    }

    #[test]
    fn a_lone_escape_is_a_key_only_after_the_timeout() {
        let mut parser = Parser::default();
        let mut found = Vec::new();
        parser.feed(0x1b, |key| found.push(key));
        assert!(parser.pending());
        assert_eq!(found, []);
        parser.timeout(|key| found.push(key));
        assert_eq!(found, [Key::Esc]);
        assert!(!parser.pending());
    }

    #[test]
    fn an_escape_sent_together_with_a_key_is_both() {
        assert_eq!(keys(&[b"\x1bj"]), [Key::Esc, Key::Char('j')]);
        assert_eq!(keys(&[b"\x1b\x1b[A"]), [Key::Esc, Key::Up]);
    }

    #[test]
    fn what_is_not_bound_is_swallowed_whole() {
        // F1 of the Linux console, of xterm and of rxvt; a paste mark; a mouse report in SGR form.
        for sequence in [&b"\x1b[[A"[..], b"\x1bOP", b"\x1b[11~", b"\x1b[200~", b"\x1b[<0;10;10M"] {
            assert_eq!(keys(&[sequence, b"j"]), [Key::Char('j')], "{sequence:?}");
        }
        let mut long = b"\x1b[".to_vec();
        long.extend([b'1'; 500]);
        long.push(b'u');
        assert_eq!(keys(&[&long, b"j"]), [Key::Char('j')]);
    }

    #[test]
    fn junk_makes_no_keys_and_does_not_stick() {
        assert_eq!(keys(&[b"\xff\xfe\x00\x80"]), []);
        assert_eq!(keys(&[b"\xe2\x82j"]), [Key::Char('j')], "a cut character does not eat the next key");
        assert_eq!(keys(&[b"\x1b[12\x18j"]), [Key::Char('j')], "CAN aborts");
        assert_eq!(keys(&[b"\x1b[99999999;1R", b"j"]), [Key::Char('j')], "numbers out of range");
        assert_eq!(keys(&[b"\x1b["]), [Key::Esc]);
        for byte in 0..=255_u8 {
            for second in 0..=255_u8 {
                let _ = keys(&[&[0x1b, b'[', byte, second], &[0x1b, byte, second], &[byte, second]]);
            }
        }
    }
}
