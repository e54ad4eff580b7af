//! Reading a command line.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::slice::Iter;

use locum_config::closest;

use super::help::{Length, help};
use super::{Count, Misused, Operand, Opt, Program, Said, Takes, Verb};
use crate::parts::lacking;

/// What a command line asks for.
pub(crate) enum Parsed {
    /// To do something.
    Said(Said),
    /// To be told something.
    Text(String),
}

/// Reads a command line, without the name of the program.
///
/// # Errors
/// When it makes no sense.
pub(crate) fn parse(program: &'static Program, words: &[OsString]) -> Result<Parsed, Misused> {
    let mut said = Said { program, verb: &program.root, values: Vec::new() };
    let mut left = words.iter();
    let mut operands_only = false;
    let mut before_verb = Vec::new();
    while let Some(word) = left.next() {
        let bytes = word.as_bytes();
        if bytes == b"--" && !operands_only {
            operands_only = true;
            continue;
        }
        operands_only |= said.verb.passes_on && !is_option(&said, bytes);
        if operands_only || bytes == b"-" || !bytes.starts_with(b"-") || said.takes_number(bytes) {
            if said.has_verb() {
                said.operand(word)?;
            } else if word == "help" {
                return explain(&said, left.next());
            } else {
                said.verb = said.find_verb(word)?;
                before_verb = std::mem::take(&mut said.values);
            }
        } else if let Some(text) = said.option_word(bytes, &mut left)? {
            return Ok(Parsed::Text(text));
        }
    }
    // What is said again behind the verb holds.
    before_verb.retain(|(name, _)| !said.has(name));
    said.values.append(&mut before_verb);
    said.agree()?;
    Ok(Parsed::Said(said))
}

/// Whether a word is one of our options by its name, with or without a value.
fn is_option(said: &Said, word: &[u8]) -> bool {
    said.program.options_of(said.verb).any(|option| {
        let rest = word.strip_prefix(b"--").and_then(|word| word.strip_prefix(option.name.as_bytes()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"="))
    })
}

/// `help`, and `help VERB`.
fn explain(said: &Said, word: Option<&OsString>) -> Result<Parsed, Misused> {
    let verb = word.map_or(Ok(said.verb), |word| said.find_verb(word))?;
    Ok(Parsed::Text(help(said.program, verb, Length::Full)))
}

impl Said {
    fn find_verb(&self, word: &OsStr) -> Result<&'static Verb, Misused> {
        let program = self.program;
        program.verb(word).ok_or_else(|| {
            let word = word.to_string_lossy();
            if let Some(misused) = self.left_out(&word) {
                return misused;
            }
            let mut misused = self.misused(&format!("unrecognized subcommand '{word}'"));
            let similar = closest(&word, program.verbs.iter().map(|verb| verb.name));
            misused.set_tip(similar.map(|verb| format!("a similar subcommand exists: '{verb}'")));
            misused
        })
    }

    /// That a word belongs to a part of the program that is not there.
    fn left_out(&self, word: &str) -> Option<Misused> {
        for part in self.program.parts.iter().filter(|part| !part.is_here) {
            if let Some((_, instead)) = part.words.iter().find(|(known, _)| *known == word) {
                let mut misused = self.misused(&lacking(part.name));
                misused.set_tip(Some((*instead).to_owned()));
                return Some(misused);
            }
        }
        None
    }

    /// The operand that comes next, if there is one.
    fn next_operand(&self) -> Option<&'static Operand> {
        let has = |operand: &Operand| self.values.iter().any(|(name, _)| *name == operand.name);
        self.verb.operands.iter().find(|operand| operand.is_many() || !has(operand))
    }

    /// Whether a word with a hyphen is a number, where one may stand.
    fn takes_number(&self, word: &[u8]) -> bool {
        self.next_operand().is_some_and(|operand| operand.negative) && word.get(1).is_some_and(u8::is_ascii_digit)
    }

    fn operand(&mut self, word: &OsStr) -> Result<(), Misused> {
        let Some(operand) = self.next_operand() else {
            return Err(self.misused(&format!("unexpected argument '{}' found", word.display())));
        };
        self.values.push((operand.name, word.to_owned()));
        Ok(())
    }

    /// A word with one hyphen or two. Returns what is to be told, if that is what it asks for.
    fn option_word<'a>(&mut self, word: &'a [u8], left: &mut Iter<'a, OsString>) -> Result<Option<String>, Misused> {
        let Some(long) = word.strip_prefix(b"--") else { return self.letters(word, left) };
        let (name, joined) = match long.iter().position(|byte| *byte == b'=') {
            Some(at) => (long.get(..at).unwrap_or_default(), long.get(at + 1..)),
            None => (long, None),
        };
        if let Some(text) = self.told(word) {
            return Ok(Some(text));
        }
        let option = self.program.options_of(self.verb).find(|option| option.name.as_bytes() == name);
        let option = option.ok_or_else(|| self.no_such_option(&String::from_utf8_lossy(name)))?;
        let value = joined.map(OsStr::from_bytes);
        self.push(option, value, left).map(|()| None)
    }

    /// Options of one letter, the last of which may have a value.
    fn letters<'a>(&mut self, word: &'a [u8], left: &mut Iter<'a, OsString>) -> Result<Option<String>, Misused> {
        let mut letters = word.get(1..).unwrap_or_default();
        while let [letter, rest @ ..] = letters {
            if let Some(text) = self.told(&[b'-', *letter]) {
                return Ok(Some(text));
            }
            let option = self.program.options_of(self.verb).find(|option| option.short == Some(char::from(*letter)));
            let Some(option) = option else {
                let word = String::from_utf8_lossy(letters);
                let letter = word.chars().next().unwrap_or_default();
                return Err(self.unexpected(&format!("-{letter}")));
            };
            if matches!(option.takes, Takes::Nothing) {
                self.push(option, None, left)?;
                letters = rest;
                continue;
            }
            let joined = Some(rest.strip_prefix(b"=").unwrap_or(rest)).filter(|_| !rest.is_empty());
            return self.push(option, joined.map(OsStr::from_bytes), left).map(|()| None);
        }
        Ok(None)
    }

    /// What `--help`, `-h`, `--version` and `-V` ask for.
    fn told(&self, name: &[u8]) -> Option<String> {
        let is_root = !self.has_verb();
        match name {
            b"--help" => Some(help(self.program, self.verb, Length::Full)),
            b"-h" => Some(help(self.program, self.verb, Length::Brief)),
            b"--version" | b"-V" if is_root => Some(self.version()),
            _ => None,
        }
    }

    /// The version, and what of the program is there.
    fn version(&self) -> String {
        let mut text = format!("{} {}\n", self.verb.name, env!("CARGO_PKG_VERSION"));
        for (title, is_here) in [("with", true), ("without", false)] {
            let parts = self.program.parts.iter().filter(|part| part.is_here == is_here);
            let names: Vec<&str> = parts.map(|part| part.name).collect();
            if !names.is_empty() {
                let _ = writeln!(text, "{title} {}", names.join(", ")); // a string takes whatever is written
            }
        }
        text
    }

    fn push(
        &mut self,
        option: &'static Opt,
        joined: Option<&OsStr>,
        left: &mut Iter<'_, OsString>,
    ) -> Result<(), Misused> {
        if !option.repeats && self.values.iter().any(|(name, _)| *name == option.name) {
            return Err(self.misused(&format!("the argument '{}' cannot be used multiple times", option.spelled())));
        }
        let value = match (option.takes, joined) {
            (Takes::Nothing, Some(value)) => {
                let value = value.display();
                let what = format!("unexpected value '{value}' for '--{}' found; no more were expected", option.name);
                return Err(self.misused(&what));
            }
            (_, Some(value)) => value.to_owned(),
            (Takes::Nothing, None) => OsString::new(),
            (Takes::Perhaps(_, missing), None) => missing.into(),
            (Takes::A(_) | Takes::OneOf(..), None) => {
                // What has a hyphen is the next option. A value that has one is joined to its option.
                let next = left.as_slice().first().filter(|next| *next == "-" || !next.as_bytes().starts_with(b"-"));
                let next = next.ok_or_else(|| {
                    let spelled = option.spelled();
                    self.misused(&format!("a value is required for '{spelled}' but none was supplied"))
                })?;
                left.next();
                next.clone()
            }
        };
        let choices = option.choices();
        if !choices.is_empty() && !choices.iter().any(|(word, _)| value == *word) {
            return Err(self.none_of(option, &value.to_string_lossy()));
        }
        self.values.push((option.name, value));
        Ok(())
    }

    /// That a value is none of those that there are.
    fn none_of(&self, option: &Opt, value: &str) -> Misused {
        if let Some(misused) = self.left_out(value) {
            return misused;
        }
        let words: Vec<&str> = option.choices().iter().map(|(word, _)| *word).collect();
        let mut misused = self.misused(&format!(
            "invalid value '{value}' for '{}'\n  [possible values: {}]",
            option.spelled(),
            words.join(", ")
        ));
        misused.set_tip(closest(value, words.into_iter()).map(|word| format!("a similar value exists: '{word}'")));
        misused
    }

    fn no_such_option(&self, name: &str) -> Misused {
        if let Some(misused) = self.left_out(name) {
            return misused;
        }
        let mut misused = self.unexpected(&format!("--{name}"));
        let similar = closest(name, self.program.options_of(self.verb).map(|option| option.name));
        if let Some(similar) = similar {
            misused.set_tip(Some(format!("a similar argument exists: '--{similar}'")));
        }
        misused
    }

    fn unexpected(&self, option: &str) -> Misused {
        let mut misused = self.misused(&format!("unexpected argument '{option}' found"));
        if self.next_operand().is_some() {
            misused.set_tip(Some(format!("to pass '{option}' as a value, use '-- {option}'")));
        }
        misused
    }

    /// Whether what is there goes together, and nothing is missing.
    fn agree(&self) -> Result<(), Misused> {
        for option in self.values.iter().filter_map(|(name, _)| self.option(name)) {
            if let Some(other) = option.conflicts.iter().find(|other| self.has(other)) {
                let (one, other) = (option.spelled(), self.spelled(other));
                return Err(self.misused(&format!("the argument '{one}' cannot be used with '{other}'")));
            }
            if let Some(other) = option.requires.filter(|other| !self.has(other)) {
                return Err(self.missing(&[self.spelled(other)]));
            }
        }
        let options = self.verb.options.iter().filter(|option| option.required && !self.has(option.name));
        let is_missing = |operand: &&Operand| {
            let is_needed = match operand.count {
                Count::One | Count::AtLeastOne => true,
                Count::Unless(option) => !self.has(option),
                Count::Optional | Count::Any => false,
            };
            is_needed && !self.has(operand.name)
        };
        let operands = self.verb.operands.iter().filter(is_missing);
        let operands =
            operands.map(|operand| format!("<{}>{}", operand.name, if operand.is_many() { "..." } else { "" }));
        let missing: Vec<String> = options.map(Opt::spelled).chain(operands).collect();
        if missing.is_empty() { Ok(()) } else { Err(self.missing(&missing)) }
    }

    fn missing(&self, what: &[String]) -> Misused {
        self.misused(&format!("the following required arguments were not provided:\n  {}", what.join("\n  ")))
    }
}
