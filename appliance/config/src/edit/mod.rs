//! Changes to a configuration file, by name: only the words that must change do, every other byte stays.
//!
//! Where a word stands is asked of the reader, with conditions, definitions and includes put in place, so that an edit
//! changes the line that counts. How the lines around it are laid out is asked of the tree. The outcome is read again as
//! a whole; what would have an error comes back as [`EditError::Invalid`] with its diagnostics, and no file is touched
//! before [`Edited::write`].

mod error;
mod find;
mod known;
mod layout;
mod settings;
mod write;

use std::fmt;

pub(crate) use self::error::Tried;
pub use self::error::{EditError, Origin};
pub(crate) use self::find::{Found, is_about};
pub(crate) use self::known::{list_of, option};
pub use self::settings::Setting;
pub use self::write::WriteError;
use crate::reading::Includes;
use crate::schema::{self, Kind};
use crate::source::{FileId, Sources, Span, offset};
use crate::{Configuration, Surroundings, uci};

/// One change.
#[derive(Clone, PartialEq, Eq)]
pub enum Edit {
    /// Writes an option of a block, or changes the line that counts.
    Set {
        /// The block.
        block: BlockName,
        /// The keyword: a plain one of the block, or of the `authentication` of an instance.
        keyword: String,
        /// The words after it, without quotes.
        values: Vec<String>,
    },
    /// Takes an option of a block away, wherever in it it stands.
    Unset {
        /// The block.
        block: BlockName,
        /// The keyword.
        keyword: String,
    },
    /// Adds a line to a list of a block, or a name to a list of names.
    AddEntry {
        /// The block.
        block: BlockName,
        /// The keyword that opens the list: `virtual_ipaddress`, `unicast_peer`, `track_script`, `group`, …
        list: String,
        /// The words of the line: the address or name, and its options.
        words: Vec<String>,
    },
    /// Changes the options of the line of a list that is about the first word: what follows it is this now.
    SetEntry {
        /// The block.
        block: BlockName,
        /// The keyword that opens the list.
        list: String,
        /// What the line is about, and its options.
        words: Vec<String>,
    },
    /// Takes a line, or a name, out of a list of a block.
    RemoveEntry {
        /// The block.
        block: BlockName,
        /// The keyword that opens the list.
        list: String,
        /// What the line is about: its address, its name, or the whole of it.
        entry: String,
    },
    /// Adds an empty block behind the last one of its kind. Further edits fill it.
    AddBlock {
        /// Its kind and name.
        block: BlockName,
    },
    /// Takes a block away, with all that stands in it.
    RemoveBlock {
        /// Its kind and name.
        block: BlockName,
    },
}

/// Where an edit is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockName {
    /// Outside all blocks.
    File,
    /// In `global_defs`.
    GlobalDefs,
    /// In the block of this kind and name.
    Named {
        /// What opens it: `vrrp_instance`, `vrrp_sync_group`, `vrrp_script`, …
        keyword: String,
        /// Its name.
        name: String,
    },
}

impl BlockName {
    /// A `vrrp_instance`.
    #[must_use]
    pub fn instance(name: &str) -> Self {
        Self::named("vrrp_instance", name)
    }

    /// A block of any kind that has names.
    #[must_use]
    pub fn named(keyword: &str, name: &str) -> Self {
        Self::Named { keyword: keyword.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for BlockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the file"),
            Self::GlobalDefs => f.write_str("global_defs"),
            Self::Named { keyword, name } => write!(f, "{keyword} {name}"),
        }
    }
}

impl Edit {
    /// The block that it is about.
    #[must_use]
    pub fn block(&self) -> &BlockName {
        match self {
            Self::Set { block, .. }
            | Self::Unset { block, .. }
            | Self::AddEntry { block, .. }
            | Self::SetEntry { block, .. }
            | Self::RemoveEntry { block, .. }
            | Self::AddBlock { block }
            | Self::RemoveBlock { block } => block,
        }
    }
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// In words, with passwords masked.
impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { block, keyword, values } => {
                let places = schema::places_of(keyword);
                let is_open = places
                    .iter()
                    .filter_map(|place| place.keyword(keyword))
                    .all(|known| known.args.iter().all(|arg| arg.kind != Kind::Secret));
                // Nobody knows what an unknown word takes.
                let values = if is_open && !places.is_empty() { values.join(" ") } else { "********".to_owned() };
                write!(f, "set {keyword} of {block}")?;
                if values.is_empty() { Ok(()) } else { write!(f, " to {values}") }
            }
            Self::Unset { block, keyword } => write!(f, "unset {keyword} of {block}"),
            Self::AddEntry { block, list, words } => write!(f, "add to {list} of {block}: {}", words.join(" ")),
            Self::SetEntry { block, list, words } => write!(f, "set in {list} of {block}: {}", words.join(" ")),
            Self::RemoveEntry { block, list, entry } => write!(f, "remove from {list} of {block}: {entry}"),
            Self::AddBlock { block } => write!(f, "add {block}"),
            Self::RemoveBlock { block } => write!(f, "remove {block}"),
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

    /// The same, for keeping.
    #[must_use]
    pub fn into_configuration(self) -> Configuration {
        self.configuration
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
        self.try_edit(edits, around).map_err(|error| *error)
    }

    fn try_edit(&self, edits: &[Edit], around: &Surroundings<'_>) -> Tried<Edited> {
        let main = self.sources.file(FileId::MAIN).ok_or(EditError::Untellable)?;
        if !main.is_utf8() {
            return Err(EditError::NotUtf8.into());
        }
        if self.refuses_start() {
            return Err(EditError::Untellable.into());
        }
        let original = main.text().to_owned();
        let mut sources = self.sources.clone();
        let mut includes = self.includes.clone();
        let is_uci = uci::is_uci(main.text());
        for edit in edits {
            let found = Found::new(&sources, &includes, around);
            let mut changes = Vec::new();
            if is_uci {
                uci::changes(&sources, &found, edit, &mut changes)?;
            } else {
                found.changes(edit, &mut changes)?;
            }
            drop(found);
            apply(&mut sources, &mut includes, changes);
            if !Found::new(&sources, &includes, around).is_done(edit) {
                return Err(EditError::Unwritable.into());
            }
        }
        let configuration = Self::read(sources, includes, around);
        if configuration.has_errors() {
            return Err(EditError::Invalid(Box::new(configuration)).into());
        }
        Ok(Edited { configuration, original })
    }
}

fn main_text(sources: &Sources) -> &str {
    sources.file(FileId::MAIN).map_or("", |main| main.text())
}

/// Bytes of the main file, and what to put in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) text: String,
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
                    problem.at = Span::new(file, moved(problem.at.start)?, moved(problem.at.end())?);
                }
                Some(((file, moved(at)?), included))
            })
            .collect();
    }
    sources.replace_main(&text);
}
