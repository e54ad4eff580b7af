//! Changes to a configuration file, by name: only the words that must change do, every other byte stays.
//!
//! Where a word stands is asked of the reader, with conditions, definitions and includes put in place, so that an edit
//! changes the line that counts. How the lines around it are laid out is asked of the tree. The outcome is read again as
//! a whole; what would have an error comes back as [`EditError::Invalid`] with its diagnostics, and no file is touched
//! before [`Edited::write`].

mod error;
mod find;
mod layout;
mod write;

use std::fmt;
use std::net::IpAddr;

pub use self::error::{EditError, Origin};
use self::find::Found;
pub use self::write::WriteError;
use crate::reading::Includes;
use crate::schema::{self, Kind};
use crate::source::{FileId, Sources, offset};
use crate::{Configuration, Surroundings, uci};

/// One change.
#[derive(Clone, PartialEq, Eq)]
pub enum Edit {
    /// Writes an option of an instance, or changes the one that counts.
    Set {
        /// The instance.
        instance: String,
        /// The keyword: a plain one of `vrrp_instance`, or of its `authentication`.
        keyword: String,
        /// The words after it, without quotes.
        values: Vec<String>,
    },
    /// Takes an option of an instance away, wherever in its block it stands.
    Unset {
        /// The instance.
        instance: String,
        /// The keyword.
        keyword: String,
    },
    /// Adds a line to a list of an instance.
    AddEntry {
        /// The instance.
        instance: String,
        /// Which list.
        list: List,
        /// The words of the line: the address and its options.
        words: Vec<String>,
    },
    /// Takes a line out of a list of an instance.
    RemoveEntry {
        /// The instance.
        instance: String,
        /// Which list.
        list: List,
        /// The address that the line is about.
        address: IpAddr,
    },
    /// Adds an instance with an empty block behind the last one. Further edits fill it.
    AddInstance {
        /// Its name.
        name: String,
    },
    /// Takes an instance away, with all that stands in its block.
    RemoveInstance {
        /// Its name.
        name: String,
    },
}

/// A list of addresses in an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `virtual_ipaddress`
    Addresses,
    /// `virtual_ipaddress_excluded`
    ExcludedAddresses,
    /// `unicast_peer`
    Peers,
}

impl List {
    /// The keyword that opens it.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Addresses => "virtual_ipaddress",
            Self::ExcludedAddresses => "virtual_ipaddress_excluded",
            Self::Peers => "unicast_peer",
        }
    }
}

impl Edit {
    /// The instance that it is about.
    #[must_use]
    pub fn instance(&self) -> &str {
        match self {
            Self::Set { instance, .. }
            | Self::Unset { instance, .. }
            | Self::AddEntry { instance, .. }
            | Self::RemoveEntry { instance, .. } => instance,
            Self::AddInstance { name } | Self::RemoveInstance { name } => name,
        }
    }
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { instance, keyword, values } => {
                let known = schema::INSTANCE.keyword(keyword).or_else(|| schema::AUTHENTICATION.keyword(keyword));
                let open = known.is_some_and(|known| known.args.iter().all(|arg| arg.kind != Kind::Secret));
                let values = if open { values.join(" ") } else { "********".to_owned() };
                write!(f, "set {instance} {keyword} {values}")
            }
            Self::Unset { instance, keyword } => write!(f, "unset {instance} {keyword}"),
            Self::AddEntry { instance, list, words } => {
                write!(f, "add to {instance} {}: {}", list.keyword(), words.join(" "))
            }
            Self::RemoveEntry { instance, list, address } => {
                write!(f, "remove from {instance} {}: {address}", list.keyword())
            }
            Self::AddInstance { name } => write!(f, "add instance {name}"),
            Self::RemoveInstance { name } => write!(f, "remove instance {name}"),
        }
    }
}

/// A configuration after edits. Nothing is written yet.
#[derive(Debug)]
pub struct Edited {
    configuration: Configuration,
    /// The file as it was when the configuration was read.
    original: String,
}

impl Edited {
    /// The configuration as it is with the edits: without errors, perhaps with warnings.
    #[must_use]
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The text of the file with the edits.
    #[must_use]
    pub fn text(&self) -> &str {
        main_text(&self.configuration.sources)
    }

    /// Whether the edits change anything.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.text() != self.original
    }

    /// Puts the file in the place of the one that was read, in one step and with the same owner, group and mode.
    ///
    /// # Errors
    ///
    /// When the file is no longer what was read, or cannot be replaced. It is then as it was.
    pub fn write(&self) -> Result<(), WriteError> {
        let path = self.configuration.sources.file(FileId::MAIN).and_then(|main| main.path());
        let path = path.ok_or(WriteError::NoFile)?;
        write::replace(path, self.original.as_bytes(), self.text().as_bytes())
    }
}

impl Configuration {
    /// Makes edits, one after the other, and checks what comes of them.
    ///
    /// # Errors
    ///
    /// Why they cannot be made, or what would be wrong then.
    pub fn edit(&self, edits: &[Edit], around: &Surroundings<'_>) -> Result<Edited, EditError> {
        let main = self.sources.file(FileId::MAIN).ok_or(EditError::Untellable)?;
        if !main.is_utf8() {
            return Err(EditError::NotUtf8);
        }
        if uci::is_uci(main.text()) {
            return Err(EditError::Uci);
        }
        if self.refuses_start() {
            return Err(EditError::Untellable);
        }
        let original = main.text().to_owned();
        let mut sources = self.sources.clone();
        let mut includes = self.includes.clone();
        for edit in edits {
            let changes = Found::new(&sources, &includes, around).changes(edit)?;
            apply(&mut sources, &mut includes, changes);
            if !Found::new(&sources, &includes, around).is_done(edit) {
                return Err(EditError::Unwritable);
            }
        }
        let configuration = Self::read(sources, includes, around);
        if configuration.has_errors() {
            return Err(EditError::Invalid(Box::new(configuration)));
        }
        Ok(Edited { configuration, original })
    }
}

fn main_text(sources: &Sources) -> &str {
    sources.file(FileId::MAIN).map_or("", |main| main.text())
}

/// Bytes of the main file, and what to put in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    start: usize,
    end: usize,
    text: String,
}

/// Makes changes that do not overlap. What stands in place of `include` lines moves along.
fn apply(sources: &mut Sources, includes: &mut Includes, mut changes: Vec<Change>) {
    changes.sort_by_key(|change| std::cmp::Reverse(change.start));
    let mut text = main_text(sources).to_owned();
    for change in changes {
        if text.get(change.start..change.end).is_none() {
            continue;
        }
        text.replace_range(change.start..change.end, &change.text);
        let moved = |at: u32| -> Option<u32> {
            let at = at as usize;
            if at < change.start {
                Some(offset(at))
            } else if at >= change.end {
                Some(offset(at - change.end + change.start + change.text.len()))
            } else {
                None
            }
        };
        *includes = std::mem::take(includes)
            .into_iter()
            .filter_map(|((file, at), mut included)| {
                if file != FileId::MAIN {
                    return Some(((file, at), included));
                }
                for problem in &mut included.problems {
                    problem.at.start = moved(problem.at.start)?;
                    problem.at.end = moved(problem.at.end)?;
                }
                Some(((file, moved(at)?), included))
            })
            .collect();
    }
    sources.replace_main(&text);
}
