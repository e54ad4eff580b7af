//! An instance as the service knows it.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use locum_config::Instance as Configured;
use locum_control::{AdvertMark, SortedMap};
use locum_core::priority::Track;
use locum_core::set::RouterId;
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::{Family, State};

use super::kernel::follow::Dealings;
use super::losses::Losses;
use super::network::Network;
use super::plan;
use super::plan::Placement;
use super::stations::Stations;
use crate::engine::link::{InstanceKey, ItemOutcome, RouterView};

/// Adverts remembered for all instances together, for consoles that attach later.
const MARKS_IN_ALL: usize = 8_192;
/// Adverts remembered for one instance at least and at most.
const MARKS_EACH: std::ops::RangeInclusive<usize> = 8..=240;

/// An instance.
pub(crate) struct Instance {
    /// How the engine's answer to its making is known.
    pub(crate) key: InstanceKey,
    /// What its configuration says.
    pub(crate) configured: Arc<Configured>,
    /// The engine's router. `None` before it runs, and where its configuration has an error.
    pub(crate) router: Option<RouterId>,
    /// Why it cannot run, where its configuration has an error.
    pub(crate) refusal: Option<String>,
    /// The state that was last told.
    pub(crate) state: State,
    /// Since when.
    pub(crate) since: Instant,
    /// The same on the wall clock.
    pub(crate) since_unix_ms: u64,
    /// The address that it is to send from, as last ordered.
    pub(crate) source: Option<std::net::IpAddr>,
    /// What it follows, as the engine was told.
    pub(crate) tracks: Box<[Track]>,
    /// Its sync group.
    pub(crate) group: Option<String>,
    /// Which interfaces its addresses go on.
    pub(crate) placement: Placement,
    /// The number of the plan that the engine was last given for it; 0 for that of its begin.
    pub(crate) plan: u32,
    /// What became of each of its parts ([`plan::parts`]).
    pub(crate) outcomes: Vec<Option<ItemOutcome>>,
    /// What the kernel said to it.
    pub(crate) dealings: Dealings,
    /// It was MASTER when the service crashed, and goes on if it begins before this.
    pub(super) goes_on_until: Option<Instant>,
    /// What somebody took away from it; `None` where nobody ever has.
    pub(super) losses: Option<Box<Losses>>,
    /// Who was heard with its VRID, and the MAC addresses.
    pub(super) stations: Stations,
    /// The last adverts.
    marks: VecDeque<AdvertMark>,
    marks_max: usize,
    /// How many of `marks`, at its end, are not yet told to those who watch.
    pub(crate) untold_marks: usize,
    /// Changes of state, by the kind of their cause.
    transitions: Vec<(Rc<str>, u32)>,
    /// How often it ceased to be MASTER.
    pub(crate) left_master: u32,
    /// How often something of it was put back that somebody else had taken out of the kernel.
    pub(crate) put_back: u32,
    /// What the engine showed last.
    pub(crate) view: Option<Box<RouterView>>,
}

impl Instance {
    /// An instance that does not run yet. `of` is how many there are.
    pub(crate) fn new(
        key: InstanceKey,
        configured: Arc<Configured>,
        placement: Placement,
        of: usize,
        now: Instant,
        unix_ms: u64,
    ) -> Self {
        let outcomes = vec![None; plan::parts(&configured, &placement).len()];
        let marks_max = (MARKS_IN_ALL / of.max(1)).clamp(*MARKS_EACH.start(), *MARKS_EACH.end());
        Self {
            key,
            configured,
            router: None,
            state: State::Init,
            refusal: None,
            since: now,
            since_unix_ms: unix_ms,
            source: None,
            tracks: Box::default(),
            group: None,
            placement,
            plan: 0,
            outcomes,
            dealings: Dealings::default(),
            goes_on_until: None,
            losses: None,
            stations: Stations::default(),
            marks: VecDeque::new(),
            marks_max,
            untold_marks: 0,
            transitions: Vec::new(),
            left_master: 0,
            put_back: 0,
            view: None,
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.configured.name.value
    }

    /// The interface that it runs on.
    pub(crate) fn interface(&self) -> &str {
        self.configured.interface.as_ref().map_or("", |name| name.value.as_str())
    }

    /// Its family.
    pub(crate) fn family(&self) -> Family {
        plan::family(self.configured.family)
    }

    /// Its advert interval.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_cs(*self.configured.advert_interval_cs)
    }

    /// Counts a change of state, by the kind of its cause.
    pub(crate) fn count_transition(&mut self, kind: Rc<str>) {
        match self.transitions.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => {
                self.transitions.reserve_exact(1);
                self.transitions.push((kind, 1));
            }
        }
    }

    /// The changes of state so far, by the kind of their cause.
    pub(crate) fn transitions(&self) -> SortedMap<String, u32> {
        self.transitions.iter().map(|(kind, count)| (kind.to_string(), *count)).collect()
    }

    /// Counts anew.
    pub(crate) fn clear_counters(&mut self) {
        self.transitions.clear();
        (self.put_back, self.left_master) = (0, 0);
    }

    /// Remembers an advert.
    pub(crate) fn mark(&mut self, mark: AdvertMark) {
        if self.marks.len() >= self.marks_max {
            self.marks.pop_front();
        }
        self.marks.push_back(mark);
        self.untold_marks = (self.untold_marks + 1).min(self.marks.len());
    }

    /// The last adverts, the oldest first.
    pub(crate) fn marks(&self) -> impl Iterator<Item = AdvertMark> + '_ {
        self.marks.iter().copied()
    }

    /// The adverts not yet told, the oldest first; they count as told then.
    pub(crate) fn take_untold_marks(&mut self) -> Vec<AdvertMark> {
        let told = self.marks.len() - std::mem::take(&mut self.untold_marks).min(self.marks.len());
        self.marks.range(told..).copied().collect()
    }

    /// The address that it is to send from: the one configured if an interface has it, else its interface's, or that of the
    /// ipvlan on it.
    pub(crate) fn choose_source(&self, network: &Network) -> Option<std::net::IpAddr> {
        match &self.configured.source_address {
            Some(address) => network.has(address.value).then_some(address.value),
            None => {
                let is_owner = *self.configured.priority == 255;
                let own: Vec<_> = plan::addresses(&self.configured).map(|(address, _)| address.address).collect();
                // An owner's virtual addresses are real ones, and may be the only ones.
                let interface = self.placement.ipvlan().map_or(self.interface(), |made| &made.name);
                network
                    .source_on(interface, self.family(), &own)
                    .or_else(|| is_owner.then(|| network.source_on(interface, self.family(), &[])).flatten())
            }
        }
    }
}
