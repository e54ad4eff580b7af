//! The columns of the overview.

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
}
