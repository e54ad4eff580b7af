//! Seconds in words.

use std::fmt;
use std::time::Duration;

/// Seconds with as many decimals as there are, milliseconds at most: `1`, `0.25`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seconds(pub(crate) Duration);

impl Seconds {
    /// As configurations say intervals.
    pub(crate) const fn from_cs(centiseconds: u16) -> Self {
        Self(Duration::from_millis(centiseconds as u64 * 10))
    }

    /// As configurations say delays.
    pub(crate) const fn from_ms(ms: u32) -> Self {
        Self(Duration::from_millis(ms as u64))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0.as_secs(), self.0.subsec_millis());
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_decimals_as_there_are() {
        for (ms, text) in
            [(0, "0"), (1, "0.001"), (50, "0.05"), (250, "0.25"), (1_000, "1"), (10_000, "10"), (10_100, "10.1")]
        {
            assert_eq!(Seconds::from_ms(ms).to_string(), text);
        }
        assert_eq!(Seconds::from_cs(4_095).to_string(), "40.95");
        assert_eq!(Seconds(Duration::from_micros(1_500_900)).to_string(), "1.5");
    }
}
