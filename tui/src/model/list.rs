//! Which instances the overview lists, and in which order.

use std::cmp::Reverse;
use std::fmt::Write;

use locum_control::{Family, InstanceStatus, SortedMap, State};

use crate::model::Nodes;
use crate::model::replica::severity;
use crate::text::moment;

/// The longest filter that is kept.
pub(crate) const FILTER_CHARS_MAX: usize = 64;

/// The instances as the overview lists them.
#[derive(Debug, Default)]
pub(crate) struct List {
    /// The lines, in order.
    pub(crate) spots: Vec<Spot>,
    sort: Sort,
    filter: Filter,
    /// Only those of this service.
    only: Option<usize>,
    /// The services' revision that `spots` are of.
    revision: Option<u64>,
}

/// A line of the overview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    /// Whose it is: a number of a service.
    pub(crate) node: usize,
    /// The instance.
    pub(crate) name: String,
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

/// What the lines of a list must say to be shown: all of its words, and none of those with a `!` before them. One with a
/// `=` before it must stand there as a whole. Capital and small letters count the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    text: String,
    /// In small letters, each with whether it must be missing.
    words: Vec<(String, bool)>,
    /// What bounds the time.
    times: Vec<TimeWord>,
    /// A word that should have bounded the time and is none.
    odd: Option<String>,
}

/// A word of a filter that bounds the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeWord {
    /// Not before.
    Since(Moment),
    /// Not after.
    Until(Moment),
}

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So many milliseconds ago.
    Ago(u64),
    /// The last time that the clock (UTC) showed so many milliseconds since midnight.
    OfDay(u64),
}

impl Moment {
    /// In milliseconds since 1970.
    pub(crate) const fn unix_ms(self, now_ms: u64) -> u64 {
        const DAY_MS: u64 = 86_400_000;
        match self {
            Self::Ago(ms) => now_ms.saturating_sub(ms),
            Self::OfDay(ms) => {
                let at_ms = (now_ms - now_ms % DAY_MS).saturating_add(ms);
                if at_ms > now_ms { at_ms.saturating_sub(DAY_MS) } else { at_ms }
            }
        }
    }
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

    /// The only service whose instances are listed, if it is only one.
    pub(crate) const fn only(&self) -> Option<usize> {
        self.only
    }

    pub(crate) fn set_only(&mut self, only: Option<usize>) {
        self.only = only;
        self.revision = None;
    }

    /// Whether it is not of the services' present state.
    pub(crate) fn is_stale(&self, nodes: &Nodes) -> bool {
        self.revision != Some(nodes.revision())
    }

    /// Lists what the services have now.
    pub(crate) fn arrange(&mut self, nodes: &Nodes, now_us: u64) {
        self.revision = Some(nodes.revision());
        let mut lines: Vec<(usize, &InstanceStatus)> = Vec::new();
        for (at, node) in nodes.iter().enumerate().filter(|(at, _)| self.only.is_none_or(|only| only == *at)) {
            let name = if nodes.are_several() { nodes.name(at) } else { String::new() };
            let now_ms = node.unix_ms(now_us);
            let shown = |status: &&InstanceStatus| {
                self.filter.is_empty()
                    || self.filter.accepts(&words_of(status, &name))
                        && self.filter.accepts_time(status.since_unix_ms, now_ms)
            };
            let statuses = node.replica.instances.values().map(|instance| &instance.status);
            lines.extend(statuses.filter(shown).map(|status| (at, status)));
        }
        if nodes.are_several() {
            lines.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
        }
        self.sort.apply(&mut lines);
        self.spots = lines.into_iter().map(|(node, status)| Spot { node, name: status.name.clone() }).collect();
    }

    #[cfg(test)]
    pub(crate) fn names(&self) -> Vec<&str> {
        self.spots.iter().map(|spot| spot.name.as_str()).collect()
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

    /// Puts instances, each with the number of its service, into this order. They come in the order of their names.
    pub(crate) fn apply(self, lines: &mut [(usize, &InstanceStatus)]) {
        match self {
            Self::Worst => {
                // Routers of one group stay together: the group is as bad as the worst of them.
                let mut worst: SortedMap<(u8, bool), u8> = SortedMap::new();
                let group = |status: &InstanceStatus| (status.vrid, status.family == Family::Ipv6);
                let are_several = lines.iter().any(|(node, _)| lines.first().is_some_and(|(first, _)| first != node));
                for (_, status) in lines.iter().filter(|_| are_several) {
                    let entry = worst.get_or_insert_with(group(status), || u8::MAX);
                    *entry = severity(status).min(*entry);
                }
                lines.sort_by_key(|(_, status)| worst.get(&group(status)).copied().unwrap_or_else(|| severity(status)));
            }
            Self::Name => {}
            Self::Vrid => lines.sort_by_key(|(_, status)| status.vrid),
            Self::Since => lines.sort_by_key(|(_, status)| Reverse(status.since_unix_ms)),
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
        let (mut words, mut times, mut odd) = (Vec::new(), Vec::new(), None);
        for typed in text.split_whitespace() {
            let bounded = typed.split_once(':').and_then(|(name, rest)| {
                let to = match name {
                    "since" | "last" => TimeWord::Since,
                    "until" => TimeWord::Until,
                    _ => return None,
                };
                Some((to, rest))
            });
            match bounded.map(|(to, rest)| (to, moment(rest))) {
                Some((to, Some(moment))) => times.push(to(moment)),
                Some((_, None)) => odd = Some(typed.to_owned()),
                None => words.push(word(typed)),
            }
        }
        // A lone `!` is the beginning of a word that is still being typed.
        words.retain(|(word, _)| !word.is_empty());
        Self { text, words, times, odd }
    }

    /// A word that should bound the time and is no time.
    pub(crate) fn odd(&self) -> Option<&str> {
        self.odd.as_deref()
    }

    /// Whether what happened at `unix_ms` is to be shown.
    pub(crate) fn accepts_time(&self, unix_ms: u64, now_ms: u64) -> bool {
        self.times.iter().all(|word| match word {
            TimeWord::Since(moment) => unix_ms >= moment.unix_ms(now_ms),
            TimeWord::Until(moment) => unix_ms <= moment.unix_ms(now_ms).saturating_add(999),
        })
    }

    /// As it was typed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it lets everything through.
    pub(crate) const fn is_empty(&self) -> bool {
        self.words.is_empty() && self.times.is_empty()
    }

    /// Whether `text` is to be shown.
    pub(crate) fn accepts(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let is_there = |word: &str| match word.strip_prefix('=') {
            Some(whole) if !whole.is_empty() => text.split_whitespace().any(|other| other == whole),
            Some(_) | None => text.contains(word),
        };
        self.words.iter().all(|(word, inverse)| is_there(word) != *inverse)
    }
}

/// What a filter looks for in an instance: names, numbers, addresses, states.
fn words_of(status: &InstanceStatus, node: &str) -> String {
    let mut text =
        format!("{} {} VRID{} {} {} {node}", status.name, status.interface, status.vrid, status.family, status.state);
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

    fn nodes() -> Nodes {
        let mut nodes = Nodes::new(vec![crate::fixture::router("a")]);
        let replica = &mut nodes.current_mut().replica;
        replica.begin(&Purpose::Watch);
        let mut second = statuses::master("b-second", 9);
        second.second_master = Some(SecondMaster { address: PEER, priority: 80, since_us: BOOT_US });
        (second.since_us, second.since_unix_ms) = (BOOT_US, statuses::UNIX_MS);
        let init = InstanceStatus { state: State::Init, ..statuses::backup("e-init", 12) };
        let others =
            [statuses::backup("a-backup", 45), statuses::master("c-master", 144), statuses::fault("d-fault", 1)];
        for status in others.into_iter().chain([second, init]) {
            replica.item(0, 0, Item::Instance(Box::new(status)));
        }
        replica.done(&Purpose::Watch);
        nodes
    }

    fn listed(sort: Sort, filter: &str) -> Vec<String> {
        let mut list = List { sort, filter: Filter::new(filter), ..List::default() };
        let nodes = nodes();
        assert!(list.is_stale(&nodes));
        list.arrange(&nodes, 0);
        assert!(!list.is_stale(&nodes));
        list.spots.into_iter().map(|spot| spot.name).collect()
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
            ("=vrid1", vec!["d-fault"]),
            ("!=vrid1 =fault", vec![]),
            ("=", vec![]),
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
