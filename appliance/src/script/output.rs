//! What a script prints: the last lines of it, whatever it prints, and whoever holds its pipe after it has ended.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::sync::Semaphore;

use crate::task;

/// Bytes that are kept of what a script prints.
const KEPT_BYTES: usize = 2_048;

/// Lines that are shown of it.
const LINES_MAX: usize = 8;

/// Characters of a line that are shown.
const LINE_CHARS_MAX: usize = 200;

/// Bytes that are read at once.
const CHUNK: usize = 4_096;

/// Bytes that a run may print at full speed. What prints more is slowed down, so that it cannot take the thread.
const FAST_BYTES: usize = 1 << 20;

/// Between two chunks of one that prints more.
const SLOW_PAUSE: Duration = Duration::from_millis(2);

/// Ended scripts whose children still hold the pipe. They are read on, and what they print is thrown away: a background
/// process that a script has started must not be killed by a pipe that nobody reads. Those beyond this number find the
/// pipe closed.
static STRAGGLERS: Semaphore = Semaphore::const_new(32);

/// The reading end of a script's standard output and standard error.
#[derive(Debug)]
pub(super) struct Output {
    /// `None` once everybody has closed the other end.
    pipe: Option<pipe::Receiver>,
    tail: VecDeque<u8>,
    bytes: usize,
}

impl Output {
    pub(super) fn new(pipe: pipe::Receiver) -> Self {
        Self { pipe: Some(pipe), tail: VecDeque::new(), bytes: 0 }
    }

    /// Takes in what is printed; never returns. Nothing is lost when the future is dropped.
    pub(super) async fn follow(&mut self) -> std::convert::Infallible {
        let mut ended = false;
        while let Some(pipe) = self.pipe.as_ref().filter(|_| !ended) {
            ended = pipe.readable().await.is_err() || !self.take();
            if self.bytes > FAST_BYTES {
                tokio::time::sleep(SLOW_PAUSE).await;
            }
        }
        self.pipe = None;
        std::future::pending().await
    }

    /// Takes in one chunk, if one is there. Returns whether more may come.
    fn take(&mut self) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        let mut chunk = [0; CHUNK];
        match pipe.try_read(&mut chunk) {
            Ok(0) => false,
            Ok(read) => {
                self.bytes = self.bytes.saturating_add(read);
                let printed = chunk.get(..read).unwrap_or_default();
                self.tail.extend(printed.get(read.saturating_sub(KEPT_BYTES)..).unwrap_or_default());
                let over = self.tail.len().saturating_sub(KEPT_BYTES);
                self.tail.drain(..over);
                true
            }
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// The script has ended: its last lines. What other processes still print is of no interest.
    pub(super) fn finish(mut self) -> Vec<String> {
        // What is in the pipe, of which the kernel bounds the size; not what somebody goes on printing.
        for _ in 0..(1 << 17) / CHUNK {
            let before = self.bytes;
            if !self.take() {
                self.pipe = None;
            }
            if self.bytes == before {
                break;
            }
        }
        if let (Some(pipe), Ok(permit)) = (self.pipe.take(), STRAGGLERS.try_acquire()) {
            task::spawn(async move {
                throw_away(&pipe).await;
                drop(permit);
            });
        }
        lines(self.tail.make_contiguous())
    }
}

async fn throw_away(pipe: &pipe::Receiver) {
    let mut chunk = [0; CHUNK];
    while pipe.readable().await.is_ok() {
        match pipe.try_read(&mut chunk) {
            Ok(0) => return,
            Ok(_) => tokio::time::sleep(SLOW_PAUSE).await,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// The last lines, fit for a terminal: whatever a script prints, it does not move the cursor.
fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<String> = text
        .lines()
        .rev()
        .map(|line| line.trim_end().replace('\t', " "))
        .filter(|line| !line.is_empty())
        .map(|line| line.chars().filter(|char| !char.is_control()).take(LINE_CHARS_MAX).collect())
        .take(LINES_MAX)
        .collect();
    lines.reverse();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_can_be_shown() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let (receiver, mut sender) = io::pipe().unwrap();
            let mut output = Output::new(pipe::Receiver::from_owned_fd(receiver.into()).unwrap());
            for _ in 0..100 {
                io::Write::write_all(&mut sender, &[b'x'; 1_000]).unwrap();
                output.pipe.as_ref().unwrap().readable().await.unwrap();
                assert!(output.take());
                assert!(output.tail.len() <= KEPT_BYTES);
            }
            assert_eq!((output.bytes, output.tail.len()), (100_000, KEPT_BYTES));
        });
    }

    #[test]
    fn lines_are_the_last_ones_and_cannot_move_the_cursor() {
        assert_eq!(lines(b""), Vec::<String>::new());
        assert_eq!(lines(b"one\n\ntwo\r\n"), ["one", "two"]);
        assert_eq!(lines(b"\x1b[2J\x07red\xff\n"), ["[2Jred\u{fffd}"]);
        let many: String = (0..20).map(|line| format!("{line}\n")).collect();
        assert_eq!(lines(many.as_bytes()), ["12", "13", "14", "15", "16", "17", "18", "19"]);
        assert_eq!(lines(&[b'x'; 1_000]), ["x".repeat(LINE_CHARS_MAX)]);
    }
}
