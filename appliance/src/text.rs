//! Text that is put together piece by piece.

use std::fmt::{self, Write};

/// So many instances are named to somebody who asks for one that there is not.
const NAMED_MAX: usize = 10;

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

/// Who there is, for somebody who asked for one that there is not.
pub(crate) fn there_is(names: &[&str]) -> String {
    let named = names.get(..NAMED_MAX).unwrap_or(names).join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        _ if names.is_empty() => "there is none".to_owned(),
        0 => format!("there is {named}"),
        more => format!("there is {named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_the_first_are_named_and_the_others_counted() {
        assert_eq!(there_is(&[]), "there is none");
        assert_eq!(there_is(&["A", "B"]), "there is A, B");
        assert_eq!(there_is(&["A"; NAMED_MAX]), format!("there is {}", ["A"; NAMED_MAX].join(", ")));
        assert!(there_is(&["A"; 1_000]).ends_with(", A, A and 990 more"));
    }
}
