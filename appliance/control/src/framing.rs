//! Lines out of a stream of bytes, with a bound.

use std::fmt;

use crate::LINE_BYTES_MAX;

/// Collects bytes and gives back whole lines.
///
/// Holds at most one line of [`LINE_BYTES_MAX`] and what came with its last bytes. A longer line is reported once and
/// skipped up to its newline, so that one bad line does not end the conversation.
#[derive(Debug, Default)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    /// Up to where `bytes` is known to hold no newline.
    searched: usize,
    /// The rest of an overlong line is being skipped.
    skipping: bool,
}

/// A line that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FramingError {
    /// Longer than [`LINE_BYTES_MAX`].
    TooLong,
    /// Not UTF-8.
    NotUtf8,
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "line longer than {LINE_BYTES_MAX} bytes"),
            Self::NotUtf8 => f.write_str("line is not UTF-8"),
        }
    }
}

impl std::error::Error for FramingError {}

impl LineBuffer {
    /// Adds what was read.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole line without its newline, if there is one. Call it until it yields `None`, then read more.
    pub fn next_line(&mut self) -> Option<Result<String, FramingError>> {
        loop {
            let end =
                self.bytes.iter().skip(self.searched).position(|byte| *byte == b'\n').map(|at| at + self.searched);
            let Some(end) = end else {
                self.searched = self.bytes.len();
                if self.skipping {
                    self.clear();
                } else if self.bytes.len() >= LINE_BYTES_MAX {
                    self.clear();
                    self.skipping = true;
                    return Some(Err(FramingError::TooLong));
                }
                return None;
            };
            let mut line: Vec<u8> = self.bytes.drain(..=end).collect();
            self.searched = 0;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if line.len() > LINE_BYTES_MAX {
                return Some(Err(FramingError::TooLong));
            }
            line.pop();
            return Some(String::from_utf8(line).map_err(|_| FramingError::NotUtf8));
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.searched = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(buffer: &mut LineBuffer) -> Vec<Result<String, FramingError>> {
        std::iter::from_fn(|| buffer.next_line()).collect()
    }

    #[test]
    fn lines_come_out_whole_however_they_are_cut() {
        let mut buffer = LineBuffer::default();
        let mut seen = Vec::new();
        for byte in b"one\n\ntwo\nthr" {
            buffer.extend(&[*byte]);
            seen.extend(lines(&mut buffer));
        }
        assert_eq!(seen, [Ok("one".into()), Ok(String::new()), Ok("two".into())]);
        buffer.extend(b"ee\n");
        assert_eq!(lines(&mut buffer), [Ok("three".into())]);
    }

    #[test]
    fn an_overlong_line_is_named_once_and_skipped() {
        let mut buffer = LineBuffer::default();
        let mut seen = Vec::new();
        for _ in 0..10 {
            buffer.extend(&[b'x'; 20_000]);
            seen.extend(lines(&mut buffer));
            assert!(buffer.bytes.len() <= LINE_BYTES_MAX + 20_000, "memory is bounded");
        }
        buffer.extend(b"end\nnext\n");
        seen.extend(lines(&mut buffer));
        assert_eq!(seen, [Err(FramingError::TooLong), Ok("next".into())]);
    }

    #[test]
    fn a_line_that_is_not_utf8_is_an_error_and_the_next_one_is_read() {
        let mut buffer = LineBuffer::default();
        buffer.extend(b"\xff\xfe\nfine\n");
        assert_eq!(lines(&mut buffer), [Err(FramingError::NotUtf8), Ok("fine".into())]);
    }

    #[test]
    fn the_longest_line_allowed_passes() {
        let mut buffer = LineBuffer::default();
        let mut line = vec![b'x'; LINE_BYTES_MAX - 1];
        line.push(b'\n');
        buffer.extend(&line);
        assert_eq!(lines(&mut buffer).len(), 1);
        assert!(buffer.bytes.is_empty());
    }
}
