//! Why an edit cannot be made.

use std::fmt;

use super::BlockName;
use crate::Configuration;

/// Why an edit cannot be made. Nothing has been changed.
#[derive(Debug)]
pub enum EditError {
    /// The file is not UTF-8, so an edit could not keep every byte of it.
    NotUtf8,
    /// UCI has no way to say this; the text says what it is.
    NotInUci(String),
    /// It cannot be told which lines of the file belong to which block.
    Untellable,
    /// There is no such block.
    NoBlock {
        /// Its kind and name.
        block: BlockName,
        /// A name that may have been meant.
        near: Option<String>,
    },
    /// Blocks of this kind are not known, or have no names.
    UnknownBlock(String),
    /// There is a block, or an entry, of this name already.
    AlreadyThere(String),
    /// What is to be taken away is not there.
    NotThere(String),
    /// Not a keyword of the block.
    UnknownKeyword {
        /// The word.
        keyword: String,
        /// The kind of block.
        place: &'static str,
        /// A keyword that may have been meant.
        near: Option<String>,
    },
    /// A keyword that opens a block, so that it has no value of its own.
    TakesBlock(String),
    /// More values than the keyword takes.
    TooManyValues {
        /// The word.
        keyword: String,
        /// How many it takes.
        most: usize,
    },
    /// A keyword that opens no list.
    NoList(String),
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

/// What becomes of an edit while it is worked out. In a box, since each step hands the error on.
pub(crate) type Tried<T> = Result<T, Box<EditError>>;

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
            Self::NotInUci(what) => write!(f, "UCI has no way to say {what}"),
            Self::Untellable => f.write_str(
                "the structure of the file cannot be told apart; put its errors right first (`locum check`)",
            ),
            Self::NoBlock { block, near } => {
                match block {
                    BlockName::Named { keyword, name } if keyword == "vrrp_instance" => {
                        write!(f, "there is no instance `{name}`")?;
                    }
                    block @ (BlockName::File | BlockName::GlobalDefs | BlockName::Named { .. }) => {
                        write!(f, "there is no `{block}`")?;
                    }
                }
                match near {
                    Some(near) => write!(f, "; did you mean `{near}`?"),
                    None => Ok(()),
                }
            }
            Self::UnknownBlock(keyword) => write!(f, "there are no blocks `{keyword} NAME`"),
            Self::AlreadyThere(what) => write!(f, "{what} is there already"),
            Self::NotThere(what) => write!(f, "there is no {what}"),
            Self::UnknownKeyword { keyword, place, near } => {
                write!(f, "`{keyword}` is no option of `{place}`")?;
                match near {
                    Some(near) => write!(f, "; did you mean `{near}`?"),
                    None => Ok(()),
                }
            }
            Self::NoList(keyword) => write!(f, "`{keyword}` is no list"),
            Self::TooManyValues { keyword, most: 0 } => write!(f, "`{keyword}` takes no value"),
            Self::TooManyValues { keyword, most: 1 } => write!(f, "`{keyword}` takes one value"),
            Self::TooManyValues { keyword, most } => write!(f, "`{keyword}` takes {most} values at most"),
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
