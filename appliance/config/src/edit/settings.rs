//! What the options of a block say, as an edit would find them.

use super::find::Found;
use super::known::canonical;
use super::{BlockName, EditError, Tried};
use crate::schema::{Keyword, Kind};
use crate::source::FileId;
use crate::{Configuration, Surroundings};

/// An option that stands in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The option, in its present spelling.
    pub keyword: &'static str,
    /// The words after it.
    pub values: Vec<String>,
}

impl Configuration {
    /// The options that stand in a block and are a line each, in the order of the schema; of one that stands there several
    /// times the line that counts. Passwords are not told.
    ///
    /// # Errors
    ///
    /// When there is no such block.
    pub fn settings(&self, block: &BlockName, around: &Surroundings<'_>) -> Result<Vec<Setting>, EditError> {
        if self.sources.file(FileId::MAIN).is_none() {
            return Err(EditError::Untellable);
        }
        Found::new(&self.sources, &self.includes, around).settings(block).map_err(|error| *error)
    }
}

impl Found<'_> {
    fn settings(&self, block: &BlockName) -> Tried<Vec<Setting>> {
        let target = self.target(block)?;
        let setting = |keyword: &Keyword| {
            let line = target.counting(keyword.name)?;
            // Of two that take each other back, the other one may count.
            let is_it = canonical(target.place, line.keyword()) == keyword.name;
            is_it.then(|| Setting { keyword: keyword.name, values: line.values() })
        };
        Ok(target.place.keywords.iter().filter(|keyword| is_told(keyword)).filter_map(setting).collect())
    }
}

/// Whether it is a line without a secret.
fn is_told(keyword: &Keyword) -> bool {
    keyword.block.is_none() && keyword.args.iter().all(|arg| arg.kind != Kind::Secret)
}
