//! The language as data: every keyword of the VRRP-related part of keepalived's manual (keepalived.conf(5), 2.4), where
//! it may stand, what it takes, and what locum does with it. Reading, checking, help and completion come from here.

mod address;
mod global;
#[cfg(feature = "explain")]
mod help;
mod instance;
#[cfg(feature = "explain")]
mod reference;
mod route;
mod top;
mod trackers;

pub use self::address::{STATIC_ADDRESSES, UNICAST_PEERS, VIRTUAL_ADDRESSES};
pub use self::global::GLOBAL_DEFS;
#[cfg(feature = "explain")]
pub use self::help::{help, nearest};
pub use self::instance::{AUTH_HMAC, AUTHENTICATION, INSTANCE};
#[cfg(feature = "explain")]
pub use self::reference::reference;
pub(crate) use self::route::NEXT_HOP;
pub use self::route::{STATIC_ROUTES, STATIC_RULES, VIRTUAL_ROUTES, VIRTUAL_RULES};
pub use self::top::FILE;
pub(crate) use self::trackers::TRACK_GROUP;
pub use self::trackers::{GARP_GROUP, PROBE, SCRIPT, SYNC_GROUP, TRACK_FILE, TRACK_PROCESS};

/// A kind of block: what may stand between its braces. The file itself is one.
#[derive(Debug)]
pub struct Place {
    /// The word that opens the block, or `the file`.
    pub name: &'static str,
    /// Keywords that start a line here.
    pub keywords: &'static [Keyword],
    /// For a block that is a list: what its lines are.
    pub entry: Option<Entry>,
}

/// A line of a list, as in `unicast_peer { … }`: a value, then options in any order.
#[derive(Debug)]
pub struct Entry {
    /// What the line starts with.
    pub first: Arg,
    /// Words that may follow, with their values.
    pub options: &'static [Keyword],
    /// Several entries may share a line (`group { A B }`).
    pub many_per_line: bool,
}

/// One keyword in one place.
#[derive(Debug)]
pub struct Keyword {
    /// The word.
    pub name: &'static str,
    /// The keepalived release that brought it; [`OWN`] when keepalived does not know it. As all that only explains, empty
    /// without the feature `explain`.
    pub since: &'static str,
    /// What follows it on its line.
    pub args: &'static [Arg],
    /// The block that it opens.
    pub block: Option<&'static Place>,
    /// What holds without it, in words; empty when nothing does, or without the feature `explain`.
    pub default: &'static str,
    /// What locum does with it.
    pub status: Status,
    /// What it is for, in a sentence or two; empty without the feature `explain`.
    pub help: &'static str,
    /// It may stand several times in one block.
    pub repeats: bool,
}

/// Stands in place of a keepalived release: the keyword is locum's own.
pub const OWN: &str = "";

/// What locum does with a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Acted on as the manual describes.
    Supported,
    /// Accepted and without effect here. Says why that is right.
    NoEffect(&'static str),
    /// Not part of locum. Says what happens instead.
    Outside(&'static str),
    /// An old spelling of another keyword of the same place, which it is read as.
    Renamed(&'static str),
}

/// One value after a keyword.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// What it is called in help and messages.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// How often it stands.
    pub count: Count,
}

/// How often a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Exactly once.
    One,
    /// Once or not at all.
    Optional,
    /// Any number, to the end of the line.
    Any,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number within bounds, both included.
    Integer {
        /// Least.
        min: i64,
        /// Most.
        max: i64,
        /// `s`, `ms`, … or empty.
        unit: &'static str,
    },
    /// A number with decimals; bounds and value in millionths, so that no float is needed.
    Decimal {
        /// Least, in millionths.
        min_millionths: i64,
        /// Most, in millionths.
        max_millionths: i64,
        /// `s`, `ms`, … or empty.
        unit: &'static str,
    },
    /// `on`, `off`, `true`, `false`, `yes`, `no`.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The name of a network interface: 1 to 15 bytes without `/`, `:` and blanks.
    Interface,
    /// An address without prefix.
    Address,
    /// An address with or without prefix.
    Network,
    /// A name or any other word.
    Word,
    /// A command with its arguments in one word (quoted), then optionally the user and group that it runs as.
    Script,
    /// Something that must not be shown.
    Secret,
}

impl Place {
    const fn new(name: &'static str, keywords: &'static [Keyword]) -> Self {
        Self { name, keywords, entry: None }
    }

    const fn list(name: &'static str, first: Arg, options: &'static [Keyword]) -> Self {
        Self { name, keywords: &[], entry: Some(Entry { first, options, many_per_line: false }) }
    }

    const fn names(name: &'static str, first: Arg) -> Self {
        Self { name, keywords: &[], entry: Some(Entry { first, options: &[], many_per_line: true }) }
    }

    /// The keyword of this name in this place.
    #[must_use]
    pub fn keyword(&self, name: &str) -> Option<&'static Keyword> {
        self.keywords.iter().find(|keyword| keyword.name == name)
    }
}

impl Entry {
    /// The option of this name.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&'static Keyword> {
        self.options.iter().find(|option| option.name == name)
    }
}

/// All places, in reading order.
#[must_use]
pub fn places() -> Vec<&'static Place> {
    let mut found: Vec<&'static Place> = vec![&FILE];
    let mut next = 0;
    while let Some(place) = found.get(next).copied() {
        for block in place.keywords.iter().filter_map(|keyword| keyword.block) {
            if !found.iter().any(|known| std::ptr::eq(*known, block)) {
                found.push(block);
            }
        }
        next += 1;
    }
    found
}

/// The places that know a keyword of this name.
#[must_use]
pub fn places_of(name: &str) -> Vec<&'static Place> {
    places().into_iter().filter(|place| place.keyword(name).is_some()).collect()
}

// Builders: they keep the tables readable.

const fn keyword(
    name: &'static str,
    since: &'static str,
    args: &'static [Arg],
    status: Status,
    help: &'static str,
) -> Keyword {
    let (since, help) = if cfg!(feature = "explain") { (since, help) } else { ("", "") };
    Keyword { name, since, args, block: None, default: "", status, help, repeats: false }
}

const fn supported(name: &'static str, since: &'static str, args: &'static [Arg], help: &'static str) -> Keyword {
    keyword(name, since, args, Status::Supported, help)
}

const fn no_effect(
    name: &'static str,
    since: &'static str,
    args: &'static [Arg],
    help: &'static str,
    why: &'static str,
) -> Keyword {
    keyword(name, since, args, Status::NoEffect(why), help)
}

const fn outside(
    name: &'static str,
    since: &'static str,
    args: &'static [Arg],
    help: &'static str,
    instead: &'static str,
) -> Keyword {
    keyword(name, since, args, Status::Outside(instead), help)
}

const fn renamed(name: &'static str, since: &'static str, new: &'static str) -> Keyword {
    keyword(name, since, &[], Status::Renamed(new), "An old spelling.")
}

impl Keyword {
    const fn default(self, default: &'static str) -> Self {
        Self { default: if cfg!(feature = "explain") { default } else { "" }, ..self }
    }

    const fn opens(self, place: &'static Place) -> Self {
        Self { block: Some(place), ..self }
    }

    const fn repeats(self) -> Self {
        Self { repeats: true, ..self }
    }
}

const fn one(name: &'static str, kind: Kind) -> Arg {
    Arg { name, kind, count: Count::One }
}

const fn optional(name: &'static str, kind: Kind) -> Arg {
    Arg { name, kind, count: Count::Optional }
}

const fn any(name: &'static str, kind: Kind) -> Arg {
    Arg { name, kind, count: Count::Any }
}

const fn int(min: i64, max: i64) -> Kind {
    Kind::Integer { min, max, unit: "" }
}

const fn seconds(min: i64, max: i64) -> Kind {
    Kind::Integer { min, max, unit: "s" }
}

/// Seconds with decimals; the least is in microseconds.
const fn decimal_seconds(min_us: i64, max: i64) -> Kind {
    Kind::Decimal { min_millionths: min_us, max_millionths: max * 1_000_000, unit: "s" }
}

const NONE: &[Arg] = &[];
const SWITCH: &[Arg] = &[optional("on|off", Kind::Switch)];
const WORDS: &[Arg] = &[any("…", Kind::Word)];
const SCRIPT_ARGS: &[Arg] =
    &[one("COMMAND", Kind::Script), optional("USER", Kind::Word), optional("GROUP", Kind::Word)];
const NAME: &[Arg] = &[one("NAME", Kind::Word)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_place_names_a_keyword_twice() {
        for place in places() {
            for keyword in place.keywords {
                assert!(
                    std::ptr::eq(place.keyword(keyword.name).unwrap(), keyword),
                    "{} in {} stands twice",
                    keyword.name,
                    place.name
                );
            }
        }
    }

    #[test]
    fn old_spellings_name_a_keyword_that_exists() {
        for place in places() {
            for keyword in place.keywords {
                if let Status::Renamed(new) = keyword.status {
                    let new = place.keyword(new).expect(new);
                    assert!(!matches!(new.status, Status::Renamed(_)), "{} leads nowhere", keyword.name);
                }
            }
        }
    }

    #[test]
    fn values_that_may_be_missing_come_last() {
        for place in places() {
            for keyword in place.keywords {
                let mut optional = false;
                for arg in keyword.args {
                    assert!(!(optional && arg.count == Count::One), "{} in {}", keyword.name, place.name);
                    // A word like `all` can be told from the value after it.
                    let told = arg.count == Count::Optional && matches!(arg.kind, Kind::Choice(_));
                    optional |= arg.count != Count::One && !told;
                }
            }
        }
    }
}
