//! What was said on a command line, and its values by name.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use super::help::usage;
use super::{Opt, Program, Verb};

/// What was said: a verb, and options and operands by name. What the tables ask for is there.
pub(crate) struct Said {
    pub(super) program: &'static Program,
    /// The verb, or the program itself.
    pub(super) verb: &'static Verb,
    /// In the order of the line; an option without a value has an empty one.
    pub(super) values: Vec<(&'static str, OsString)>,
}

impl Said {
    /// Whether there is a verb.
    pub(crate) fn has_verb(&self) -> bool {
        !self.program.is_root(self.verb)
    }

    /// Does what was said.
    ///
    /// # Errors
    /// When a value cannot be read.
    pub(crate) fn act(&self) -> Result<std::process::ExitCode, Misused> {
        (self.verb.act)(self)
    }

    /// Whether an option or an operand is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values_of(name).next().is_some()
    }

    /// All values of what can be there more than once.
    pub(crate) fn paths(&self, name: &str) -> Vec<PathBuf> {
        self.values_of(name).map(PathBuf::from).collect()
    }

    /// A value that need not be readable.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.values_of(name).next().map(PathBuf::from)
    }

    /// The same of all that were given.
    pub(crate) fn words(&self, name: &str) -> Vec<OsString> {
        self.values_of(name).map(OsStr::to_owned).collect()
    }

    /// A text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Misused> {
        self.read(name, |text| Ok(text.to_owned()))
    }

    /// The texts of what can be there more than once.
    ///
    /// # Errors
    /// When one is not UTF-8.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, Misused> {
        self.all(name, |text| Ok(text.to_owned()))
    }

    /// The values of what can be there more than once, as `how` reads them.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(crate) fn all<T>(&self, name: &str, how: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, Misused> {
        let read = |value| {
            let text = self.utf8(value)?;
            how(text).map_err(|error| self.invalid(name, text, &error))
        };
        self.values_of(name).map(read).collect()
    }

    /// The text of what has to be there.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub(crate) fn needed(&self, name: &str) -> Result<String, Misused> {
        self.text(name).map(Option::unwrap_or_default)
    }

    /// A value, or its default, as `how` reads it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read<T>(&self, name: &str, how: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, Misused> {
        let Some(text) = self.given(name)? else { return Ok(None) };
        how(text).map(Some).map_err(|error| self.invalid(name, text, &error))
    }

    /// Which of its words stands behind an option, or its default; nothing where there is neither.
    pub(crate) fn one_of(&self, name: &str) -> &'static str {
        let Some(option) = self.option(name) else { return "" };
        let given = self.values_of(name).next();
        let word =
            option.choices().iter().map(|(word, _)| *word).find(|word| given.is_some_and(|given| given == *word));
        word.or(option.default).unwrap_or_default()
    }

    /// A value or its default.
    fn given(&self, name: &str) -> Result<Option<&str>, Misused> {
        match self.values_of(name).next() {
            Some(value) => self.utf8(value).map(Some),
            None => Ok(self.option(name).and_then(|option| option.default)),
        }
    }

    fn utf8<'a>(&self, value: &'a OsStr) -> Result<&'a str, Misused> {
        value.to_str().ok_or_else(|| self.misused("invalid UTF-8 was detected in one or more arguments"))
    }

    fn values_of(&self, name: &str) -> impl Iterator<Item = &OsStr> {
        debug_assert!(self.is_known(name), "the table of `{}` has no {name}", self.verb.name);
        self.values.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_os_str())
    }

    fn is_known(&self, name: &str) -> bool {
        self.option(name).is_some() || self.verb.operands.iter().any(|operand| operand.name == name)
    }

    /// An option that may stand here, or may have stood before the verb.
    pub(super) fn option(&self, name: &str) -> Option<&'static Opt> {
        let before = self.program.options_of(&self.program.root);
        self.program.options_of(self.verb).chain(before).find(|option| option.name == name)
    }

    /// An option or an operand as errors write it.
    pub(super) fn spelled(&self, name: &str) -> String {
        let operand = || self.verb.operands.iter().find(|operand| operand.name == name);
        match self.option(name) {
            Some(option) => option.spelled(),
            None => operand().map_or_else(|| name.to_owned(), super::Operand::spelled),
        }
    }

    fn invalid(&self, name: &str, value: &str, why: &str) -> Misused {
        self.misused(&format!("invalid value '{value}' for '{}': {why}", self.spelled(name)))
    }

    /// That this makes no sense.
    pub(super) fn misused(&self, what: &str) -> Misused {
        Misused(Box::new(Words { what: what.to_owned(), tip: None, usage: usage(self.program, self.verb) }))
    }
}

/// A command line makes no sense. In a box, for hardly any does: so it is handed on in a register.
#[derive(Debug)]
pub(crate) struct Misused(Box<Words>);

#[derive(Debug)]
struct Words {
    what: String,
    tip: Option<String>,
    usage: String,
}

impl Misused {
    /// What may have been meant.
    pub(super) fn set_tip(&mut self, tip: Option<String>) {
        self.0.tip = tip;
    }
}

impl fmt::Display for Misused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Words { what, tip, usage } = &*self.0;
        writeln!(f, "error: {what}\n")?;
        if let Some(tip) = tip {
            writeln!(f, "  tip: {tip}\n")?;
        }
        writeln!(f, "{usage}\n\nFor more information, try '--help'.")
    }
}
