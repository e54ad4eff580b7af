//! The columns of the overview.

use std::cell::OnceCell;

/// So long a width holds.
const MEASURED_US: u64 = 1_000_000;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Node,
    Name,
    Vrid,
    Family,
    Interface,
    State,
    Since,
    Priority,
    Master,
    Adverts,
    Health,
    Group,
    Vips,
    Cause,
}

impl Column {
    /// Every column, in the order in which they are shown unless the user says otherwise.
    pub(crate) const ALL: [Self; 14] = [
        Self::Node,
        Self::Name,
        Self::Vrid,
        Self::Family,
        Self::Interface,
        Self::State,
        Self::Since,
        Self::Priority,
        Self::Master,
        Self::Adverts,
        Self::Health,
        Self::Group,
        Self::Vips,
        Self::Cause,
    ];

    /// Its name, as it is typed.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Node => "router",
            Self::Name => "name",
            Self::Vrid => "vrid",
            Self::Family => "family",
            Self::Interface => "interface",
            Self::State => "state",
            Self::Since => "since",
            Self::Priority => "priority",
            Self::Master => "master",
            Self::Adverts => "adverts",
            Self::Health => "health",
            Self::Group => "group",
            Self::Vips => "addresses",
            Self::Cause => "cause",
        }
    }

    /// What stands above it.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Node => "ROUTER",
            Self::Name => "NAME",
            Self::Vrid => "VRID",
            Self::Family => "FAM",
            Self::Interface => "IFACE",
            Self::State => "STATE",
            Self::Since => "SINCE",
            Self::Priority => "PRIO",
            Self::Master => "MASTER",
            Self::Adverts => "RX/LATE/MISS",
            Self::Health => "OK",
            Self::Group => "GROUP",
            Self::Vips => "ADDRESSES",
            Self::Cause => "LAST CHANGE",
        }
    }

    /// What it shows, for the one who chooses.
    pub(crate) const fn help(self) -> &'static str {
        match self {
            Self::Node => "whose instance",
            Self::Name => "the instance",
            Self::Vrid => "its VRID",
            Self::Family => "IPv4 or IPv6",
            Self::Interface => "its interface",
            Self::State => "its state",
            Self::Since => "since when",
            Self::Priority => "the one that counts",
            Self::Master => "who is master",
            Self::Adverts => "how many came",
            Self::Health => "share in time",
            Self::Group => "its sync group",
            Self::Vips => "its addresses",
            Self::Cause => "why it changed",
        }
    }
}

/// The columns that are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    /// Those that the user chose; none: as many as there is room for.
    chosen: Vec<Column>,
}

impl Columns {
    /// The columns of these names, in this order. `auto` means as many as there is room for.
    pub(crate) fn read(names: &str) -> Result<Self, String> {
        let mut chosen = Vec::new();
        if names.trim().eq_ignore_ascii_case("auto") {
            return Ok(Self::default());
        }
        for word in names.split([' ', ',']).filter(|word| !word.is_empty()) {
            let mut fitting = Column::ALL.into_iter().filter(|column| column.name().starts_with(&word.to_lowercase()));
            let exact = Column::ALL.into_iter().find(|column| column.name() == word.to_lowercase());
            let column = match (exact, fitting.next(), fitting.next()) {
                (Some(column), ..) | (None, Some(column), None) => column,
                (None, None, _) => return Err(format!("there is no column \"{word}\": {}", all_names())),
                (None, Some(_), Some(_)) => return Err(format!("\"{word}\" can be several columns: {}", all_names())),
            };
            if !chosen.contains(&column) {
                chosen.push(column);
            }
        }
        if chosen.is_empty() {
            return Err(format!("which columns? auto, or some of {}", all_names()));
        }
        Ok(Self { chosen })
    }

    /// Those that the user chose, if any.
    pub(crate) fn chosen(&self) -> Option<&[Column]> {
        (!self.chosen.is_empty()).then_some(self.chosen.as_slice())
    }
}

fn all_names() -> String {
    Column::ALL.map(Column::name).join(" ")
}

/// How wide the widest cell of each column is. Of a thousand instances that is not found out for every frame.
#[derive(Debug, Default)]
pub(crate) struct Widest {
    cells: [OnceCell<usize>; Column::ALL.len()],
    /// What they were measured of, and when.
    of: (u64, usize),
    at_us: u64,
}

impl Widest {
    /// Has them measured again if what they were measured of is something else by now, or a second has passed: counters
    /// may have grown.
    pub(crate) fn renew(&mut self, of: (u64, usize), now_us: u64) {
        if self.of != of || now_us.saturating_sub(self.at_us) >= MEASURED_US || now_us < self.at_us {
            *self = Self { of, at_us: now_us, ..Self::default() };
        }
    }

    /// That of a column.
    pub(crate) fn of(&self, column: Column, measure: impl FnOnce() -> usize) -> usize {
        match self.cells.get(column as usize) {
            Some(cell) => *cell.get_or_init(measure),
            None => measure(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_in_any_order() {
        let columns = Columns::read("state, name vr").unwrap();
        assert_eq!(columns.chosen(), Some([Column::State, Column::Name, Column::Vrid].as_slice()));
        assert_eq!(Columns::read("auto").unwrap().chosen(), None);
        for (names, says) in [("", "which columns"), ("nme", "no column \"nme\""), ("s", "several columns")] {
            assert!(Columns::read(names).unwrap_err().contains(says), "{names}");
        }
    }

    #[test]
    fn a_width_is_measured_once_a_second_and_when_something_else_is_listed() {
        let mut widest = Widest::default();
        let mut measured = 0;
        let mut look = |widest: &Widest| {
            widest.of(Column::Name, || {
                measured += 1;
                10 + measured
            })
        };
        widest.renew((1, 0), 5_000_000);
        assert_eq!([look(&widest), look(&widest)], [11, 11]);
        widest.renew((1, 0), 5_999_999);
        assert_eq!(look(&widest), 11);
        widest.renew((1, 0), 6_000_000);
        assert_eq!(look(&widest), 12);
        widest.renew((2, 0), 6_000_001);
        assert_eq!(look(&widest), 13);
        widest.renew((2, 1), 6_000_001);
        assert_eq!(look(&widest), 14, "a router was lost: a question mark more");
        assert_eq!(widest.of(Column::Vips, || 3), 3, "each has its own");
    }
}
