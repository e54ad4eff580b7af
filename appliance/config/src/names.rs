//! Names that iproute2's files give to numbers: routing tables, protocols, scopes and the like.

use locum_sorted::SortedMap;

/// What a name of iproute2 stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameKind {
    /// A routing table (`rt_tables`).
    Table,
    /// Who made a route or rule (`rt_protos`).
    Protocol,
    /// A scope (`rt_scopes`).
    Scope,
    /// A value of the DS field (`rt_dsfield`).
    DsField,
    /// A realm (`rt_realms`).
    Realm,
    /// A group of interfaces (`group`).
    Group,
}

impl NameKind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Table, Self::Protocol, Self::Scope, Self::DsField, Self::Realm, Self::Group];

    /// The file of iproute2 that holds them; more stand in the files `*.conf` of the directory of this name with `.d`.
    #[must_use]
    pub const fn file(self) -> &'static str {
        match self {
            Self::Table => "rt_tables",
            Self::Protocol => "rt_protos",
            Self::Scope => "rt_scopes",
            Self::DsField => "rt_dsfield",
            Self::Realm => "rt_realms",
            Self::Group => "group",
        }
    }

    /// The greatest number there is.
    const fn most(self) -> u32 {
        match self {
            Self::Table | Self::Group => u32::MAX,
            Self::Protocol | Self::Scope | Self::DsField => 255,
            Self::Realm => 65_535,
        }
    }

    /// Names that hold without any file, as the kernel's headers have them (linux/rtnetlink.h).
    const fn built_in(self) -> &'static [(&'static str, u32)] {
        match self {
            Self::Table => &[("default", 253), ("main", 254), ("local", 255)],
            Self::Protocol => &[
                ("redirect", 1),
                ("kernel", 2),
                ("boot", 3),
                ("static", 4),
                ("ra", 9),
                ("dhcp", 16),
                ("keepalived", 18),
            ],
            Self::Scope => &[("global", 0), ("site", 200), ("link", 253), ("host", 254), ("nowhere", 255)],
            Self::Group => &[("default", 0)],
            Self::DsField | Self::Realm => &[],
        }
    }
}

/// The names of one machine. The kernel's own are always known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteNames {
    numbers: SortedMap<(NameKind, Box<str>), u32>,
}

impl RouteNames {
    /// Takes the lines of a file over: a number, then its name; `#` starts a comment. Other lines are passed over.
    pub fn add(&mut self, kind: NameKind, text: &str) {
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            if let (Some(number), Some(name)) = (words.next(), words.next())
                && let Some(number) = parse(number).filter(|number| *number <= kind.most())
            {
                self.numbers.insert((kind, name.into()), number);
            }
        }
    }

    /// The number that a word stands for: a number itself, a name of the kernel's headers, or one of the files.
    #[must_use]
    pub fn number(&self, kind: NameKind, word: &str) -> Option<u32> {
        if let Some(number) = parse(word) {
            return (number <= kind.most()).then_some(number);
        }
        let written = self.numbers.get(&(kind, Box::from(word))).copied();
        written.or_else(|| kind.built_in().iter().find(|(name, _)| *name == word).map(|(_, number)| *number))
    }

    /// All names of a kind.
    pub(crate) fn names(&self, kind: NameKind) -> impl Iterator<Item = &str> {
        let written = self.numbers.keys().filter(move |(of, _)| *of == kind).map(|(_, name)| name.as_ref());
        written.chain(kind.built_in().iter().map(|(name, _)| *name))
    }
}

/// A number as `ip` takes it: decimal or, with `0x`, hexadecimal.
pub(crate) fn parse(word: &str) -> Option<u32> {
    let (digits, radix) = word.strip_prefix("0x").map_or((word, 10), |hex| (hex, 16));
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(digits, radix).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_iproute2_are_understood() {
        let mut names = RouteNames::default();
        names.add(
            NameKind::Table,
            "#\n# reserved\n255\tlocal\n254 main\n100 uplink # the first\n0x65 second\nnonsense\n-1 x\n",
        );
        names.add(NameKind::DsField, "0x10\tlowdelay\n256 beyond\n");
        let table = |word| names.number(NameKind::Table, word);
        assert_eq!(table("uplink"), Some(100));
        assert_eq!(table("second"), Some(101));
        assert_eq!(table("main"), Some(254));
        assert_eq!(table("6909"), Some(6909));
        assert_eq!(table("0x10"), Some(16));
        assert_eq!(table("nobody"), None);
        assert_eq!(table("x"), None);
        assert_eq!(names.number(NameKind::DsField, "lowdelay"), Some(16));
        assert_eq!(names.number(NameKind::DsField, "beyond"), None);
        assert_eq!(names.number(NameKind::DsField, "256"), None);
        assert_eq!(RouteNames::default().number(NameKind::Scope, "link"), Some(253));
    }
}
