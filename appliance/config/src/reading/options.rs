//! Lines that are a row of options, as `ip` takes them: what routes, rules and probes have in common.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;

use super::line::Extra;
use super::statement::{Statement, Word};
use super::values::{self, Value};
use super::{Reader, shorten};
use crate::diagnostic::{Diagnostic, code};
use crate::model::{Family, Prefix};
use crate::names::{NameKind, RouteNames};
use crate::schema::{Entry, Keyword, Place, Status};
use crate::source::Span;

/// The family of a line, by the first word that has one.
#[derive(Default)]
pub(super) struct Families {
    first: Option<(Family, Span)>,
}

impl Families {
    pub(super) fn family(&self) -> Family {
        self.first.map_or(Family::V4, |(family, _)| family)
    }

    /// `default` is of the family of the rest of its line.
    pub(super) fn give_default(&self, prefix: &mut Prefix) {
        if prefix.len == 0 && prefix.address.is_unspecified() {
            prefix.address = match self.family() {
                Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
                Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
            };
        }
    }
}

/// What a word of a line is.
pub(super) enum Met<'w> {
    /// An option with its values, and the words that they stand in.
    Option { option: &'static Keyword, values: Vec<Value<'w>>, words: &'w [Word<'w>] },
    /// No option.
    Other(&'static Entry),
}

/// What is done with a word: it, and the words from it on. Says whether to go on.
pub(super) type Meet<'m, 'w, R> = dyn FnMut(&mut R, Met<'w>, &'w Word<'w>, &'w [Word<'w>]) -> ControlFlow<()> + 'm;

impl Reader<'_> {
    /// Goes through the words of a line, option by option with its values. `meet` is given what it comes by and the words
    /// from there on, and says whether to go on. An option whose values are wrong is said and passed over.
    pub(super) fn each_option<'w>(
        &mut self,
        place: &'static Place,
        words: &'w [Word<'w>],
        meet: &mut Meet<'_, 'w, Self>,
    ) {
        let Some(entry) = &place.entry else { return };
        let mut rest = words;
        while let Some((word, after)) = rest.split_first() {
            let (met, used) = match entry.option(&word.text) {
                None => (Some(Met::Other(entry)), 0),
                Some(mut option) => {
                    self.option_status(option, word);
                    if let Status::Renamed(new) = option.status {
                        option = entry.option(new).unwrap_or(option);
                    }
                    match self.read_values(option, after, word.at, Extra::Leave) {
                        Some((values, used)) => {
                            let words = after.get(..used).unwrap_or_default();
                            (Some(Met::Option { option, values, words }), used)
                        }
                        None => (None, option.args.len()),
                    }
                }
            };
            if met.is_some_and(|met| meet(self, met, word, rest).is_break()) {
                return;
            }
            rest = after.get(used..).unwrap_or_default();
        }
    }

    pub(super) fn no_block_in(&mut self, place: &'static Place, line: &Statement<'_>) {
        if let Some(block) = &line.block {
            self.diagnostics.push(
                Diagnostic::new(
                    &code::E013_BLOCK,
                    block.open,
                    format_args!("a line of `{}` takes no block", place.name),
                )
                .label("this block belongs to nothing"),
            );
        }
    }

    /// Takes note of the family of a word, which must be that of the words before it.
    pub(super) fn family(&mut self, families: &mut Families, family: Family, at: Span) {
        match families.first {
            None => families.first = Some((family, at)),
            Some((first, _)) if first == family => {}
            Some((first, because)) => self.diagnostics.push(
                Diagnostic::new(&code::E024_FAMILIES, at, format_args!("{family} in a line that is {first}"))
                    .label(format_args!("{family} here"))
                    .related(because, format_args!("{first} here"))
                    .fix("write a line for each family"),
            ),
        }
    }

    /// A prefix of the family of the line.
    pub(super) fn family_prefix(&mut self, families: &mut Families, word: &Word<'_>) -> Option<Prefix> {
        let prefix = self.prefix(word, Some(families.family() == Family::V6))?;
        if !is_default(&word.text) {
            self.family(families, Family::of(prefix.address), word.at);
        }
        Some(prefix)
    }

    /// A word that `parse` understands.
    pub(super) fn parsed<T>(
        &mut self,
        word: &Word<'_>,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let parsed = parse(&word.text);
        if parsed.is_none() {
            self.misfit(word, expected);
        }
        parsed
    }

    fn misfit(&mut self, word: &Word<'_>, expected: &'static str) {
        let message = format_args!("`{}` does not fit here", shorten(&word.text));
        self.diagnostics.push(
            Diagnostic::new(&code::E016_UNKNOWN_WORD, word.at, message).label(format_args!("expected {expected}")),
        );
    }

    /// A line that cannot be made as it stands.
    pub(super) fn odd(&mut self, at: Span, message: &'static str, fix: &'static str) {
        self.diagnostics.push(Diagnostic::new(&code::E031_ROUTE, at, message).fix(fix));
    }

    /// A prefix as `ip route` takes it: an address with or without length, or `default`, which is IPv4 unless `family`
    /// says otherwise.
    pub(super) fn prefix(&mut self, word: &Word<'_>, v6: Option<bool>) -> Option<Prefix> {
        if is_default(&word.text) {
            let address = if v6.unwrap_or(false) {
                IpAddr::from(Ipv6Addr::UNSPECIFIED)
            } else {
                IpAddr::from(Ipv4Addr::UNSPECIFIED)
            };
            return Some(Prefix { address, len: 0 });
        }
        match values::network(&word.text) {
            Ok((address, len)) => {
                let full = if address.is_ipv4() { 32 } else { 128 };
                Some(Prefix { address, len: len.unwrap_or(full) })
            }
            Err(refusal) => {
                self.diagnostics.push(
                    Diagnostic::new(refusal.code, word.at, format_args!("`{}` is no prefix", shorten(&word.text)))
                        .label(format_args!("expected `default`, or {}", refusal.expected))
                        .fix(refusal.fix),
                );
                None
            }
        }
    }

    /// The number of a routing table or the like. A name that nobody knows is an error where the machine's names are
    /// known; where they are not, nothing is said and 0 stands for it.
    pub(super) fn number_of(&mut self, kind: NameKind, word: &Word<'_>) -> Option<u32> {
        let text = word.text.as_ref();
        let none = RouteNames::default();
        let names = self.around.route_names.unwrap_or(&none);
        if let Some(number) = names.number(kind, text) {
            return Some(number);
        }
        let what = match kind {
            NameKind::Table => "routing table",
            NameKind::Protocol => "routing protocol",
            NameKind::Scope => "scope",
            NameKind::DsField => "DS field value",
            NameKind::Realm => "realm",
            NameKind::Group => "group of interfaces",
        };
        let number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        if self.around.route_names.is_some() || number {
            let near = self.diagnostics.suggest(text, names.names(kind)).map(str::to_owned);
            let diagnostic = Diagnostic::new(
                &code::E016_UNKNOWN_WORD,
                word.at,
                format_args!("there is no {what} `{}`", shorten(text)),
            );
            self.diagnostics.push(match near {
                Some(near) => diagnostic.fix(format_args!("did you mean `{near}`?")),
                None => {
                    diagnostic.fix(format_args!("write its number, or add the name to /etc/iproute2/{}", kind.file()))
                }
            });
            return None;
        }
        Some(0)
    }

    /// `[FROM/]TO`
    pub(super) fn realms_of(&mut self, word: &Word<'_>) -> Option<u32> {
        let parts = realms(word);
        let mut number = 0;
        for part in parts.iter() {
            number = number << 16 | self.number_of(NameKind::Realm, part)?;
        }
        Some(number)
    }
}

/// The words for every destination.
pub(super) fn is_default(word: &str) -> bool {
    matches!(word, "default" | "any" | "all")
}

/// The parts of `[FROM/]TO`; more than two are left together, and so refused as one.
pub(super) fn realms<'w>(word: &'w Word<'_>) -> Vec<Word<'w>> {
    let part = |text: &'w str| Word { text: Cow::Borrowed(text), raw: Cow::Borrowed(text), at: word.at };
    word.text.splitn(2, '/').map(part).collect()
}
