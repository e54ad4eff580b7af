//! What has happened: changes of state, orders, notifications and whatever else is worth a line, over all services.

use locum_control::{Duration, Event, Notice, SortedMap, State, TransitionRecord};

use crate::model::replica::{NAME_CHARS_MAX, TEXT_CHARS_MAX};
use crate::model::{Model, Node};
use crate::text::clean;

/// What is counted as flapping, if it happens within this time.
const FLAP_WINDOW_MS: u64 = 120_000;
/// A failover and back are two, a link that blinks on the master is three.
const FLAP_STATES_MIN: usize = 5;
/// A tracker that fails and recovers is two, as are a yield and its end.
const FLAP_PRIORITIES_MIN: usize = 4;

/// Something other than a change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Happened {
    pub(crate) at_us: u64,
    pub(crate) at_unix_ms: u64,
    pub(crate) kind: Kind,
    /// Whose, if it is about one instance.
    pub(crate) instance: Option<String>,
    pub(crate) text: String,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A change of state.
    Change,
    /// An operator did something, or what he did ended by itself.
    Order,
    /// A notification script ended well.
    Notified,
    /// It did not.
    NotNotified,
    /// A second master came or went.
    SecondMaster,
    /// A takeover nearly happened.
    NearMiss,
    /// Packets were discarded.
    Reject,
    /// The kernel refused an address.
    Address,
    /// The priority that counts changed.
    Priority,
    /// Something keeps an instance in FAULT, or no longer does.
    Block,
    /// A planned handover ended.
    Handover,
}

impl Kind {
    /// Its name, as a filter has it behind `kind:`.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Order => "order",
            Self::Notified | Self::NotNotified => "notify",
            Self::SecondMaster => "second",
            Self::NearMiss => "near",
            Self::Reject => "reject",
            Self::Address => "address",
            Self::Priority => "priority",
            Self::Block => "block",
            Self::Handover => "handover",
        }
    }
}

impl Happened {
    /// What a notice says, if it is something for the history. Changes of state have their own records.
    pub(crate) fn of(notice: &Notice) -> Option<Self> {
        let (kind, text) = match &notice.event {
            Event::Operator { who, text } => (Kind::Order, format!("{who}: {text}")),
            Event::Notified { run, .. } => {
                let kind = if run.ok { Kind::Notified } else { Kind::NotNotified };
                let of = if run.kind == "GROUP" { format!(" of group {}", run.name) } else { String::new() };
                let took = Duration::from_us(run.run.duration_us);
                let (script, state, result) = (&run.script, &run.state, &run.run.result);
                (kind, format!("{script}{of} told {state}: {result}, took {took}"))
            }
            Event::SecondMaster { source, priority, detail, .. } => {
                (Kind::SecondMaster, format!("second master {source} (priority {priority}): {detail}"))
            }
            Event::SecondMasterGone { source, lasted_us, .. } => {
                (Kind::SecondMaster, format!("second master {source} is gone, after {}", Duration::from_us(*lasted_us)))
            }
            Event::NearMiss { source, silent_us, left_us, .. } => {
                let (silent, left) = (Duration::from_us(*silent_us), Duration::from_us(*left_us));
                (Kind::NearMiss, format!("near miss: {source} was silent for {silent}, {left} were left"))
            }
            Event::Rejected { interface, source, reason, count, .. } => {
                (Kind::Reject, format!("{count} packets of {source} on {interface} rejected: {reason}"))
            }
            Event::AddressFailed { address, error, .. } => (Kind::Address, format!("address {address}: {error}")),
            Event::VipLost { part, count: 1, .. } => {
                (Kind::Address, format!("{part} was removed by somebody, put back"))
            }
            Event::VipLost { part, count, .. } => {
                (Kind::Address, format!("{count} times somebody removed what is ours, last {part}; put back"))
            }
            Event::PriorityChanged { from, to, .. } => (Kind::Priority, format!("priority {from} to {to}")),
            Event::Blocked { detail, .. } => (Kind::Block, format!("blocked: {detail}")),
            Event::Unblocked { block, .. } => (Kind::Block, format!("no longer blocked: {block}")),
            Event::HandoverEnded { to, lasted_us, .. } => {
                let lasted = Duration::from_us(*lasted_us);
                (
                    Kind::Handover,
                    match to {
                        Some(to) => format!("handed over to {to} in {lasted}"),
                        None => format!("nobody took over within {lasted}"),
                    },
                )
            }
            Event::Transition(_) | Event::Adverts { .. } | Event::Lagged { .. } | Event::Stopping => return None,
        };
        let instance = notice.event.instance().map(|name| clean(name, NAME_CHARS_MAX));
        let (at_us, at_unix_ms) = (notice.at_us, notice.at_unix_ms);
        Some(Self { at_us, at_unix_ms, kind, instance, text: clean(&text, TEXT_CHARS_MAX) })
    }
}

/// The instances of a service that have changed too often of late to be left alone, each with what has changed.
pub(crate) fn flapping(node: &Node, now_us: u64) -> Vec<(&str, String)> {
    let replica = &node.replica;
    let since_ms = node.unix_ms(now_us).saturating_sub(FLAP_WINDOW_MS);
    let mut changes: SortedMap<&str, (usize, usize)> = SortedMap::new();
    // The newest stand last.
    let recent = replica.history.iter().rev().take_while(|record| record.at_unix_ms >= since_ms);
    // A service that is stopped and started does not flap.
    for record in recent.filter(|record| record.from != State::Init && record.to != State::Init) {
        changes.get_or_default(&record.instance).0 += 1;
    }
    for happened in replica.happened.iter().rev().take_while(|happened| happened.at_unix_ms >= since_ms) {
        if let (Kind::Priority, Some(instance)) = (happened.kind, &happened.instance) {
            changes.get_or_default(instance).1 += 1;
        }
    }
    let minutes = FLAP_WINDOW_MS / 60_000;
    let words = |(instance, (states, priorities))| {
        let states = (states >= FLAP_STATES_MIN).then(|| format!("{states} changes of state"));
        let priorities = (priorities >= FLAP_PRIORITIES_MIN).then(|| format!("{priorities} changes of priority"));
        let all: Vec<String> = states.into_iter().chain(priorities).collect();
        (!all.is_empty()).then(|| (instance, format!("flaps: {} in {minutes} min", all.join(", "))))
    };
    changes.into_iter().filter_map(words).collect()
}

/// A line of the history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    /// Whose it is: a number of a service.
    pub(crate) node: usize,
    /// When, by the wall clock of the first service, so that those of several can be compared.
    pub(crate) at_unix_ms: u64,
    pub(crate) what: What<'a>,
}

/// What it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What<'a> {
    Change(&'a TransitionRecord),
    Else(&'a Happened),
}

impl<'a> Entry<'a> {
    pub(crate) const fn kind(&self) -> Kind {
        match self.what {
            What::Change(_) => Kind::Change,
            What::Else(happened) => happened.kind,
        }
    }

    pub(crate) fn instance(&self) -> Option<&'a str> {
        match self.what {
            What::Change(record) => Some(&record.instance),
            What::Else(happened) => happened.instance.as_deref(),
        }
    }

    pub(crate) fn text(&self) -> &'a str {
        match self.what {
            What::Change(record) => &record.text,
            What::Else(happened) => &happened.text,
        }
    }

    /// When, on its service's boot-time clock.
    pub(crate) const fn at_us(&self) -> u64 {
        match self.what {
            What::Change(record) => record.at_us,
            What::Else(happened) => happened.at_us,
        }
    }

    /// What a filter looks for.
    fn words(&self, node: &str) -> String {
        let state = match self.what {
            What::Change(record) => record.to.to_string(),
            What::Else(_) => String::new(),
        };
        let (instance, kind) = (self.instance().unwrap_or_default(), self.kind());
        let operator = if kind == Kind::Order { "operator" } else { "" };
        format!("{node} {instance} {state} {} kind:{} {operator}", self.text(), kind.word())
    }
}

/// What the history shows, newest first.
pub(crate) fn entries(model: &Model) -> Vec<Entry<'_>> {
    let filter = &model.history_filter;
    let now_ms = model.nodes.current().unix_ms(model.now_us);
    let mut entries = Vec::new();
    for (at, node) in model.nodes.iter().enumerate() {
        let ahead_ms = model.nodes.ahead_ms(at, model.now_us).map_or(0, |(ahead_ms, _)| ahead_ms);
        let changes = node.replica.history.iter().map(|record| (record.at_unix_ms, What::Change(record)));
        let others = node.replica.happened.iter().map(|happened| (happened.at_unix_ms, What::Else(happened)));
        let entry = |unix_ms: u64, what| {
            // A few milliseconds are no more than the clocks' readings are worth.
            let corrected = unix_ms.saturating_add_signed(ahead_ms.saturating_neg());
            Entry { node: at, at_unix_ms: if ahead_ms.abs() < 50 { unix_ms } else { corrected }, what }
        };
        let name = if model.nodes.are_several() { model.nodes.name(at) } else { String::new() };
        let shown = |entry: &Entry<'_>| {
            filter.is_empty() || filter.accepts(&entry.words(&name)) && filter.accepts_time(entry.at_unix_ms, now_ms)
        };
        let from = entries.len();
        entries.extend(changes.chain(others).map(|(unix_ms, what)| entry(unix_ms, what)).filter(shown));
        // Where two happened in the same millisecond, the order in which they were told holds.
        if let Some(own) = entries.get_mut(from..) {
            own.reverse();
        }
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at_unix_ms));
    entries
}

/// How many lines there are without a filter.
pub(crate) fn count(model: &Model) -> usize {
    model.nodes.iter().map(|node| node.replica.history.len() + node.replica.happened.len()).sum()
}
