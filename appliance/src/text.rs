//! Text that is put together piece by piece.

use std::fmt::{self, Write};

/// Text that grows.
pub(crate) trait Append {
    /// Writes words behind it, without a text of their own in between.
    fn append(&mut self, words: fmt::Arguments<'_>);
}

impl Append for String {
    fn append(&mut self, words: fmt::Arguments<'_>) {
        let _ = self.write_fmt(words); // a string takes whatever is written
    }
}
