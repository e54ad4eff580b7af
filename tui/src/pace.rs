//! When to draw, and how much at a time.
//!
//! Nothing is drawn that did not change, and never more often than a person can read. On a slow line the next piece
//! waits until the last one has left, so that a key's effect never queues behind seconds of output.

/// The shortest time between two frames.
const FRAME_US: u64 = 100_000;

/// The shortest time between two frames on a slow line, unless a key was pressed.
const SLOW_FRAME_US: u64 = 2_000_000;

/// On a slow line, no piece takes the line for longer than this.
const PIECE_US: u64 = 300_000;

/// Why a frame is wanted; the more urgent one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wish {
    /// There is news.
    News,
    /// The last frame was cut short.
    Rest,
    /// A key was pressed, or the terminal's size changed.
    Key,
}

/// Keeps the pace. Times are microseconds of a monotonic clock.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_s: Option<u32>,
    slow: bool,
    wish: Option<Wish>,
    /// When the last frame began.
    drawn_at_us: Option<u64>,
    /// When the line will have carried all that was sent.
    line_free_at_us: u64,
}

impl Pace {
    pub(crate) const fn new(bytes_per_s: Option<u32>, slow: bool) -> Self {
        Self { bytes_per_s, slow, wish: None, drawn_at_us: None, line_free_at_us: 0 }
    }

    /// A frame is wanted.
    pub(crate) fn want(&mut self, wish: Wish) {
        self.wish = self.wish.max(Some(wish));
    }

    /// When to draw, if anything is to be drawn.
    pub(crate) fn due_at_us(&self) -> Option<u64> {
        let wish = self.wish?;
        let pause_us = match wish {
            Wish::News if self.slow => SLOW_FRAME_US,
            Wish::News | Wish::Key => FRAME_US,
            Wish::Rest => 0,
        };
        let after_last = self.drawn_at_us.map_or(0, |at| at.saturating_add(pause_us));
        Some(after_last.max(self.line_free_at_us))
    }

    /// How many bytes the frame may have.
    pub(crate) fn bytes_max(&self) -> usize {
        match self.bytes_per_s {
            None => usize::MAX,
            Some(rate) => usize::try_from(u64::from(rate) * PIECE_US / 1_000_000).unwrap_or(usize::MAX).max(1),
        }
    }

    /// A frame of `bytes` was drawn at `now_us`; `all` says whether it was all of it.
    pub(crate) fn drawn(&mut self, now_us: u64, bytes: u64, all: bool) {
        self.drawn_at_us = Some(now_us);
        self.sent(now_us, bytes);
        self.wish = if all { None } else { Some(Wish::Rest) };
    }

    /// Something else was sent.
    pub(crate) fn sent(&mut self, now_us: u64, bytes: u64) {
        if let Some(rate) = self.bytes_per_s {
            let takes_us = bytes.saturating_mul(1_000_000) / u64::from(rate.max(1));
            self.line_free_at_us = self.line_free_at_us.max(now_us).saturating_add(takes_us);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_due_without_a_wish() {
        let mut pace = Pace::new(None, false);
        assert_eq!(pace.due_at_us(), None);
        pace.want(Wish::News);
        assert_eq!(pace.due_at_us(), Some(0), "the first frame at once");
        pace.drawn(1_000, 500, true);
        assert_eq!(pace.due_at_us(), None);
        pace.want(Wish::Key);
        assert_eq!(pace.due_at_us(), Some(101_000));
        assert_eq!(pace.bytes_max(), usize::MAX);
    }

    #[test]
    fn a_slow_line_is_kept_free_for_keys() {
        let mut pace = Pace::new(Some(960), true);
        assert_eq!(pace.bytes_max(), 288);
        pace.want(Wish::News);
        pace.drawn(0, 288, false);
        assert_eq!(pace.due_at_us(), Some(300_000), "the rest as soon as the line is free");
        pace.drawn(300_000, 96, true);
        pace.want(Wish::News);
        assert_eq!(pace.due_at_us(), Some(2_300_000), "news seldom");
        pace.want(Wish::Key);
        assert_eq!(pace.due_at_us(), Some(400_000), "a key soon");
    }

    #[test]
    fn the_slowest_line_gets_something() {
        let mut pace = Pace::new(Some(1), true);
        assert_eq!(pace.bytes_max(), 1);
        pace.sent(0, u64::MAX);
        pace.want(Wish::Key);
        assert!(pace.due_at_us().is_some());
    }
}
