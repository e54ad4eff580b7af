//! Command lines: what can be said is data (`verbs` has it), which one loop reads and one loop explains. Manual pages and
//! completions are made of the same tables.
//!
//! The texts and the rules are those of clap, which technicians know from other programs. The tests hold both side by side.
//! Clap itself would be a tenth of the binary on a board.

#[cfg(any(test, feature = "manual"))]
pub(crate) mod definitions;
mod help;
mod parse;
mod said;

use std::ffi::OsStr;
use std::process::ExitCode;

pub(crate) use self::parse::{Parsed, parse};
pub(crate) use self::said::{Misused, Said};
use crate::parts::Part;

/// A program with verbs.
pub(crate) struct Program {
    /// Its name, the options that every verb takes, and what is done without a verb.
    pub(crate) root: Verb,
    /// Options that stand before any verb, and their titles in the help.
    pub(crate) sections: &'static [(&'static str, &'static [Opt])],
    /// What it can do, in the order of the help.
    pub(crate) verbs: &'static [Verb],
    /// What of it a build may be without.
    pub(crate) parts: &'static [Part],
    /// The end of its help.
    pub(crate) closing: &'static str,
}

/// What a program can do, with what it takes.
pub(crate) struct Verb {
    /// As it is typed.
    pub(crate) name: &'static str,
    /// What it does: a line, without a full stop.
    pub(crate) about: &'static str,
    /// What `--help` has to say beyond that, or nothing.
    pub(crate) more: &'static str,
    /// Words that are no options, in their order.
    pub(crate) operands: &'static [Operand],
    /// Its options, beside those that every verb takes.
    pub(crate) options: &'static [Opt],
    /// Whether words are operands from the first on that is no option of ours, whatever they look like.
    pub(crate) passes_on: bool,
    /// Does it.
    pub(crate) act: fn(&Said) -> Result<ExitCode, Misused>,
}

/// A word that is no option. `name` is what stands for it in the help, in capitals.
pub(crate) struct Operand {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) count: Count,
    /// Whether it may look like an option, if it is a negative number.
    pub(crate) negative: bool,
}

/// How many words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    One,
    Optional,
    /// One, unless this option is there.
    Unless(&'static str),
    Any,
    AtLeastOne,
}

/// An option.
pub(crate) struct Opt {
    /// Without its hyphens.
    pub(crate) name: &'static str,
    pub(crate) short: Option<char>,
    pub(crate) takes: Takes,
    pub(crate) help: &'static str,
    /// What holds where it is not there.
    pub(crate) default: Option<&'static str>,
    /// Options and operands that it does not go with.
    pub(crate) conflicts: &'static [&'static str],
    /// An option that it makes no sense without.
    pub(crate) requires: Option<&'static str>,
    pub(crate) required: bool,
    /// Whether it may be there more than once.
    pub(crate) repeats: bool,
    /// Whether the help is silent about it.
    pub(crate) hidden: bool,
}

/// What follows an option.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Takes {
    Nothing,
    /// A value of this kind.
    A(&'static str),
    /// One of these words.
    OneOf(&'static str, &'static [Choice]),
    /// A value that is joined to it with `=`; without one it is as if there stood this.
    Perhaps(&'static str, &'static str),
}

/// A word that may follow an option, and what it means.
pub(crate) type Choice = (&'static str, &'static str);

impl Verb {
    /// One that takes nothing, for tables to say what is different.
    pub(crate) const fn new(
        name: &'static str,
        about: &'static str,
        act: fn(&Said) -> Result<ExitCode, Misused>,
    ) -> Self {
        Self { name, about, more: "", operands: &[], options: &[], passes_on: false, act }
    }
}

impl Operand {
    pub(crate) const fn new(name: &'static str, count: Count, help: &'static str) -> Self {
        Self { name, help, count, negative: false }
    }

    /// It may be a negative number.
    pub(crate) const fn negative(mut self) -> Self {
        self.negative = true;
        self
    }

    fn is_required(&self) -> bool {
        matches!(self.count, Count::One | Count::AtLeastOne)
    }

    /// Whether more than one word is meant.
    pub(crate) fn is_many(&self) -> bool {
        matches!(self.count, Count::Any | Count::AtLeastOne)
    }

    /// As the help and the errors write it.
    fn spelled(&self) -> String {
        let dots = if self.is_many() { "..." } else { "" };
        if self.is_required() { format!("<{}>{dots}", self.name) } else { format!("[{}]{dots}", self.name) }
    }
}

impl Opt {
    const fn new(name: &'static str, takes: Takes, help: &'static str) -> Self {
        Self {
            name,
            short: None,
            takes,
            help,
            default: None,
            conflicts: &[],
            requires: None,
            required: false,
            repeats: false,
            hidden: false,
        }
    }

    /// One without a value.
    pub(crate) const fn flag(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Takes::Nothing, help)
    }

    /// One with a value; `value` stands for it in the help.
    pub(crate) const fn value(name: &'static str, value: &'static str, help: &'static str) -> Self {
        Self::new(name, Takes::A(value), help)
    }

    /// One with a value that is one of these words.
    pub(crate) const fn choice(
        name: &'static str,
        value: &'static str,
        choices: &'static [Choice],
        help: &'static str,
    ) -> Self {
        Self::new(name, Takes::OneOf(value, choices), help)
    }

    /// One whose value may be left out.
    pub(crate) const fn perhaps(
        name: &'static str,
        value: &'static str,
        missing: &'static str,
        help: &'static str,
    ) -> Self {
        Self::new(name, Takes::Perhaps(value, missing), help)
    }

    pub(crate) const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    pub(crate) const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    pub(crate) const fn conflicts(mut self, names: &'static [&'static str]) -> Self {
        self.conflicts = names;
        self
    }

    pub(crate) const fn requires(mut self, name: &'static str) -> Self {
        self.requires = Some(name);
        self
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) const fn repeats(mut self) -> Self {
        self.repeats = true;
        self
    }

    pub(crate) const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// As the help and the errors write it, without its letter.
    fn spelled(&self) -> String {
        match self.takes {
            Takes::Nothing => format!("--{}", self.name),
            Takes::A(value) | Takes::OneOf(value, _) => format!("--{} <{value}>", self.name),
            Takes::Perhaps(value, _) => format!("--{}[=<{value}>]", self.name),
        }
    }

    fn choices(&self) -> &'static [Choice] {
        match self.takes {
            Takes::OneOf(_, choices) => choices,
            Takes::Nothing | Takes::A(_) | Takes::Perhaps(..) => &[],
        }
    }
}

impl Program {
    fn is_root(&self, verb: &Verb) -> bool {
        std::ptr::eq(verb, &raw const self.root)
    }

    fn verb(&'static self, name: &OsStr) -> Option<&'static Verb> {
        self.verbs.iter().find(|verb| verb.name == name)
    }

    /// The options that may stand behind a verb, or before any.
    fn options_of(&'static self, verb: &'static Verb) -> impl Iterator<Item = &'static Opt> {
        let (verbs, sections) = if self.is_root(verb) { (&[][..], self.sections) } else { (verb.options, &[][..]) };
        verbs.iter().chain(self.root.options).chain(sections.iter().flat_map(|(_, options)| *options))
    }
}

#[cfg(test)]
mod tests;
