//! Which instances the overview lists, and in which order.

use std::cmp::Reverse;
use std::fmt::Write;

use locum_control::{InstanceStatus, State};

use crate::model::Replica;
use crate::model::replica::severity;

/// The longest filter that is kept.
pub(crate) const FILTER_CHARS_MAX: usize = 64;

/// The instances as the overview lists them.
#[derive(Debug, Default)]
pub(crate) struct List {
    /// The names, in order.
    pub(crate) names: Vec<String>,
    sort: Sort,
    filter: Filter,
    /// The replica's revision that `names` are of.
    revision: Option<u64>,
}

/// The order of the overview. What is equal in it stands in the order of the names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    /// What is wrong first.
    #[default]
    Worst,
    Name,
    Vrid,
    /// What changed last first.
    Since,
}

/// What the lines of a list must say to be shown: all of its words, and none of those with a `!` before them. Capital
/// and small letters count the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    text: String,
    /// In small letters, each with whether it must be missing.
    words: Vec<(String, bool)>,
}

impl List {
    pub(crate) const fn sort(&self) -> Sort {
        self.sort
    }

    pub(crate) const fn filter(&self) -> &Filter {
        &self.filter
    }

    pub(crate) fn set_sort(&mut self, sort: Sort) {
        self.sort = sort;
        self.revision = None;
    }

    pub(crate) fn set_filter(&mut self, filter: Filter) {
        self.filter = filter;
        self.revision = None;
    }

    /// Whether it is not of the replica's present state.
    pub(crate) fn is_stale(&self, replica: &Replica) -> bool {
        self.revision != Some(replica.revision)
    }

    /// Lists what the replica has now.
    pub(crate) fn arrange(&mut self, replica: &Replica) {
        self.revision = Some(replica.revision);
        let shown = |status: &&InstanceStatus| self.filter.is_empty() || self.filter.accepts(&words_of(status));
        let mut statuses: Vec<&InstanceStatus> =
            replica.instances.values().map(|instance| &instance.status).filter(shown).collect();
        self.sort.apply(&mut statuses);
        self.names = statuses.into_iter().map(|status| status.name.clone()).collect();
    }
}

impl Sort {
    /// Every order, as the key goes through them.
    pub(crate) const ALL: [Self; 4] = [Self::Worst, Self::Name, Self::Vrid, Self::Since];

    /// Its name, as on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Name => "name",
            Self::Vrid => "vrid",
            Self::Since => "since",
        }
    }

    /// What comes first.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Worst => "worst first",
            Self::Name => "by name",
            Self::Vrid => "by VRID",
            Self::Since => "last change first",
        }
    }

    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Worst => Self::Name,
            Self::Name => Self::Vrid,
            Self::Vrid => Self::Since,
            Self::Since => Self::Worst,
        }
    }

    /// Puts instances into this order. They come in the order of their names.
    pub(crate) fn apply(self, statuses: &mut [&InstanceStatus]) {
        match self {
            Self::Worst => statuses.sort_by_key(|status| severity(status)),
            Self::Name => {}
            Self::Vrid => statuses.sort_by_key(|status| status.vrid),
            Self::Since => statuses.sort_by_key(|status| Reverse(status.since_us)),
        }
    }
}

impl Filter {
    pub(crate) fn new(text: &str) -> Self {
        let text: String = text.chars().take(FILTER_CHARS_MAX).collect();
        let word = |word: &str| match word.strip_prefix('!') {
            Some(rest) => (rest.to_lowercase(), true),
            None => (word.to_lowercase(), false),
        };
        // A lone `!` is the beginning of a word that is still being typed.
        let words = text.split_whitespace().map(word).filter(|(word, _)| !word.is_empty()).collect();
        Self { text, words }
    }

    /// As it was typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it lets everything through.
    pub(crate) const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether `text` is to be shown.
    pub(crate) fn accepts(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.words.iter().all(|(word, inverse)| text.contains(word.as_str()) != *inverse)
    }
}

/// What a filter looks for in an instance: names, numbers, addresses, states.
fn words_of(status: &InstanceStatus) -> String {
    let mut text =
        format!("{} {} VRID{} {} {}", status.name, status.interface, status.vrid, status.family, status.state);
    if status.second_master.is_some() {
        text.push_str(" SECOND MASTER");
    }
    let addresses = status
        .source
        .into_iter()
        .chain(status.master.as_ref().map(|master| master.address))
        .chain(status.senders.iter().map(|sender| sender.address));
    for address in addresses {
        // Writing to a string does not fail.
        let _ = write!(text, " {address}");
    }
    if let Some(group) = &status.group {
        text.push(' ');
        text.push_str(group);
    }
    for vip in &status.vips {
        text.push(' ');
        text.push_str(&vip.address);
    }
    if status.state == State::Fault {
        for block in &status.blocks {
            text.push(' ');
            text.push_str(&block.detail);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use locum_control::{Item, SecondMaster};

    use super::*;
    use crate::fixture::statuses::{self, BOOT_US, PEER};
    use crate::link::Purpose;

    fn replica() -> Replica {
        let mut replica = Replica::default();
        replica.begin(&Purpose::Watch);
        let mut second = statuses::master("b-second", 9);
        second.second_master = Some(SecondMaster { address: PEER, priority: 80, since_us: BOOT_US });
        second.since_us = BOOT_US;
        let init = InstanceStatus { state: State::Init, ..statuses::backup("e-init", 12) };
        let others =
            [statuses::backup("a-backup", 45), statuses::master("c-master", 144), statuses::fault("d-fault", 1)];
        for status in others.into_iter().chain([second, init]) {
            replica.item(0, Item::Instance(Box::new(status)));
        }
        replica.done(&Purpose::Watch);
        replica
    }

    fn listed(sort: Sort, filter: &str) -> Vec<String> {
        let mut list = List { sort, filter: Filter::new(filter), ..List::default() };
        let replica = replica();
        assert!(list.is_stale(&replica));
        list.arrange(&replica);
        assert!(!list.is_stale(&replica));
        list.names
    }

    #[test]
    fn each_order_has_its_first_and_the_key_goes_through_all() {
        assert_eq!(listed(Sort::Worst, ""), ["d-fault", "b-second", "e-init", "a-backup", "c-master"]);
        assert_eq!(listed(Sort::Name, ""), ["a-backup", "b-second", "c-master", "d-fault", "e-init"]);
        assert_eq!(listed(Sort::Vrid, ""), ["d-fault", "b-second", "e-init", "a-backup", "c-master"]);
        assert_eq!(listed(Sort::Since, ""), ["b-second", "a-backup", "c-master", "d-fault", "e-init"]);
        for (index, sort) in Sort::ALL.into_iter().enumerate() {
            assert_eq!(sort.next(), Sort::ALL[(index + 1) % Sort::ALL.len()]);
        }
    }

    #[test]
    fn a_filter_finds_what_the_screen_says() {
        for (filter, names) in [
            ("fault", vec!["d-fault"]),
            ("Backup", vec!["a-backup"]),
            ("eth9", vec!["d-fault"]),
            ("exist", vec!["d-fault"]),
            ("vrid14", vec!["c-master"]),
            ("second master", vec!["b-second"]),
            (".45.245/", vec!["a-backup"]),
            ("45.131 !master", vec!["e-init", "a-backup"]),
            ("!45.131", vec!["d-fault"]),
            ("!eth0", vec!["d-fault"]),
            ("  ! ", vec!["d-fault", "b-second", "e-init", "a-backup", "c-master"]),
            ("a-backup c-master", vec![]),
        ] {
            assert_eq!(listed(Sort::Worst, filter), names, "{filter}");
        }
    }

    #[test]
    fn a_filter_has_a_bound() {
        assert_eq!(Filter::new(&"x".repeat(1_000)).text().len(), FILTER_CHARS_MAX);
        assert!(Filter::new("É").accepts("routeur-né É"));
    }
}
