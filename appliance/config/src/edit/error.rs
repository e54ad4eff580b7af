//! Why an edit cannot be made.

use std::fmt;

use crate::Configuration;

/// Why an edit cannot be made. Nothing has been changed.
#[derive(Debug)]
pub enum EditError {
    /// The file is not UTF-8, so an edit could not keep every byte of it.
    NotUtf8,
    /// The file is UCI, which edits do not know.
    Uci,
    /// It cannot be told which lines of the file belong to which block.
    Untellable,
    /// There is no such instance.
    NoInstance {
        /// The name.
        name: String,
        /// A name that may have been meant.
        near: Option<String>,
    },
    /// There is an instance, or an entry, of this name already.
    AlreadyThere(String),
    /// What is to be taken away is not there.
    NotThere(String),
    /// Not a keyword of an instance.
    UnknownKeyword {
        /// The word.
        keyword: String,
        /// A keyword that may have been meant.
        near: Option<String>,
    },
    /// A keyword that opens a block, so that it has no value of its own.
    TakesBlock(String),
    /// A word that the language cannot express: with a line end, another control character or a double quote.
    Word,
    /// The words cannot be written so that they are read again as meant.
    Unwritable,
    /// What is to be changed does not stand in the file as words of its own.
    Elsewhere {
        /// What.
        what: String,
        /// `file:line:column`
        place: String,
        /// How it comes into the configuration.
        origin: Origin,
    },
    /// The configuration would have errors; its diagnostics say which.
    Invalid(Box<Configuration>),
}

/// How something comes into a configuration without standing in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// By an `include` line.
    Include,
    /// Out of a definition (`$NAME`) or a sequence (`~SEQ`, `~LST`).
    Substitution,
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("the file is not UTF-8, so it cannot be edited without losing bytes"),
            Self::Uci => f.write_str("the file is UCI: change it with `uci set` and `uci commit`"),
            Self::Untellable => f.write_str(
                "the structure of the file cannot be told apart; put its errors right first (`locum check`)",
            ),
            Self::NoInstance { name, near: None } => write!(f, "there is no instance `{name}`"),
            Self::NoInstance { name, near: Some(near) } => {
                write!(f, "there is no instance `{name}`; did you mean `{near}`?")
            }
            Self::AlreadyThere(what) => write!(f, "{what} is there already"),
            Self::NotThere(what) => write!(f, "there is no {what}"),
            Self::UnknownKeyword { keyword, near: None } => write!(f, "`{keyword}` is no option of an instance"),
            Self::UnknownKeyword { keyword, near: Some(near) } => {
                write!(f, "`{keyword}` is no option of an instance; did you mean `{near}`?")
            }
            Self::TakesBlock(keyword) => write!(f, "`{keyword}` is a block, not an option with a value"),
            Self::Word => f.write_str("a value cannot hold double quotes, line ends or other control characters"),
            Self::Unwritable => f.write_str("the value cannot be written so that it is read as meant"),
            Self::Elsewhere { what, place, origin: Origin::Include } => {
                write!(f, "{what} stands in an included file, at {place}: change it there")
            }
            Self::Elsewhere { what, place, origin: Origin::Substitution } => {
                write!(f, "{what} comes out of a definition or a sequence, at {place}: change it there by hand")
            }
            Self::Invalid(configuration) => {
                let count = configuration
                    .diagnostics()
                    .iter()
                    .filter(|found| found.severity() == crate::Severity::Error)
                    .count();
                write!(f, "the configuration would have {count} error(s); nothing was changed")
            }
        }
    }
}

impl std::error::Error for EditError {}
