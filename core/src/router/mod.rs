//! One virtual router. Read RFC 3768 §6 and RFC 9568 §6 before changing it.
//!
//! It reacts to a packet, a fact, a command or the time, and says what to do as effects: see
//! [`RouterSet`](crate::set::RouterSet), which owns the routers and hands their effects on.

mod act;
mod announce;
mod check;
mod config;
mod moved;
mod phase;
mod senders;
mod told;
mod transition;

use core::net::IpAddr;

pub use announce::AnnounceConfig;
pub use check::Received;
pub use config::{Borrowed, Config, ConfigError, GroupId, InterfaceId, Peer, Preempt, Storage, Transport};
pub use senders::{REJECT_REPORT_EVERY, SENDERS_MAX, Sender};

pub(crate) use moved::GroupMove;
pub(crate) use told::Effect;
pub use told::{Action, Command, CommandError, Counters, Event, Heard, Second, StandingBack, Timers, Transition};

use announce::Announcer;
use check::Accepted;
use phase::Phase;
use senders::Senders;
pub(crate) use transition::Place;
use transition::{Policy, Rank, Rules, Stimulus};

use crate::priority::{self, Sum, Tracker};

use crate::reject::Reject;
use crate::time::{Duration, Instant};
use crate::vocabulary::{Block, Cause, State};
use crate::wire::vrrp::{Message, Version};

/// Where a router puts its effects. The bound is the most that one input can have.
pub(crate) type Effects = heapless::Deque<Effect, 12>;

/// A virtual router.
#[derive(Clone, Debug)]
pub struct VirtualRouter<S: Storage> {
    config: Config<S>,
    phase: Phase,
    /// When it came into its state.
    since: Instant,
    /// The address to send from.
    source: Option<IpAddr>,
    /// What counts, after trackers.
    sum: Sum,
    /// Since when each block holds.
    blocks: [Option<Instant>; Block::OF_ROUTERS.len()],
    /// That the operator has it stand back.
    stands_back_since: Option<Instant>,
    /// Whether it takes over all the same when nobody else is heard.
    last_resort: bool,
    /// Another member of its group hears a better master.
    held_by_group: bool,
    /// The master heard last.
    heard: Option<Heard>,
    /// Who said in the last accepted advert that it leaves.
    leaving: Option<IpAddr>,
    /// The interval that the master uses: its own in version 3, ours in version 2.
    master_interval: Duration,
    second: Option<Second>,
    /// We have just displaced a master: one more advert of it is its goodbye, no second master.
    expects_goodbye: bool,
    /// When a master of lower priority was last answered.
    defended_at: Option<Instant>,
    announcer: Announcer,
    senders: Senders,
    counters: Counters,
}

impl<S: Storage> VirtualRouter<S> {
    /// A router in INIT; `blocks` is what keeps it from taking part so far, beside trackers.
    pub(crate) fn new(
        now: Instant,
        config: Config<S>,
        source: Option<IpAddr>,
        blocks: &[Block],
        trackers: &[Tracker],
    ) -> Self {
        let mut since = [None; Block::OF_ROUTERS.len()];
        let sum = priority::sum(config.priority, config.tracks.as_ref(), trackers);
        let tracker = sum.blocks.then_some(Block::Tracker);
        let blocks = blocks.iter().copied().filter(|block| *block != Block::LinkDown || !config.ignores_link);
        for block in blocks.chain(tracker) {
            if let Some(slot) = since.get_mut(block.index()) {
                *slot = Some(now);
            }
        }
        let master_interval = config.advert_interval();
        let start_at = (config.start_delay > Duration::ZERO).then_some(now + config.start_delay);
        Self {
            config,
            phase: Phase::Init { start_at },
            since: now,
            source,
            sum,
            blocks: since,
            stands_back_since: None,
            last_resort: false,
            held_by_group: false,
            heard: None,
            leaving: None,
            master_interval,
            second: None,
            expects_goodbye: false,
            defended_at: None,
            announcer: Announcer::default(),
            senders: Senders::default(),
            counters: Counters::default(),
        }
    }

    /// Its configuration.
    pub const fn config(&self) -> &Config<S> {
        &self.config
    }

    /// Gives the configuration back.
    pub(crate) fn into_config(self) -> Config<S> {
        self.config
    }

    /// Its state.
    pub const fn state(&self) -> State {
        self.phase.state()
    }

    /// When it came into its state.
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// The address that it sends from.
    pub const fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// Whether its addresses are to be on the interfaces: MASTER, or leaving in order.
    pub const fn holds_addresses(&self) -> bool {
        matches!(self.phase, Phase::Master { .. } | Phase::Leaving { .. } | Phase::Yielding { .. })
    }

    /// Whether it is done: in INIT and without addresses.
    pub const fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopped)
    }

    /// Whether the operator has it stand back, and since when.
    pub fn standing_back(&self) -> Option<StandingBack> {
        self.stands_back_since.map(|since| StandingBack { since, last_resort: self.last_resort })
    }

    pub(crate) const fn place(&self) -> Place {
        self.phase.place()
    }

    /// What keeps it in FAULT, each since when.
    pub fn blocks(&self) -> impl Iterator<Item = (Block, Instant)> + '_ {
        Block::OF_ROUTERS.into_iter().zip(self.blocks).filter_map(|(block, since)| since.map(|since| (block, since)))
    }

    /// The master heard last, if this router is not it.
    pub const fn heard(&self) -> Option<Heard> {
        self.heard
    }

    /// Another master heard while MASTER.
    pub const fn second(&self) -> Option<Second> {
        self.second
    }

    /// The routers heard with this VRID.
    pub fn senders(&self) -> &[Sender] {
        self.senders.as_slice()
    }

    /// What was counted.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The priority that counts: what trackers make of the base priority, and the lowest while it stands back.
    pub const fn effective_priority(&self) -> u8 {
        match self.stands_back_since {
            Some(_) => 1,
            None => self.sum.effective,
        }
    }

    /// Whether it behaves as the owner of the addresses.
    const fn is_owner(&self) -> bool {
        self.config.is_owner() && self.stands_back_since.is_none()
    }

    /// `Skew_Time`.
    pub fn skew(&self) -> Duration {
        self.config.skew(self.effective_priority(), self.master_interval)
    }

    /// `Master_Down_Interval`.
    pub fn master_down_interval(&self) -> Duration {
        self.config.master_down_interval(self.effective_priority(), self.master_interval)
    }

    /// The timers that run.
    pub fn timers(&self) -> Timers {
        let mut timers = Timers::default();
        match self.phase {
            Phase::Init { start_at } => timers.start_at = start_at,
            Phase::Stopped | Phase::Fault => {}
            Phase::Backup { master_down_at, preempt_at } => {
                timers.master_down_at = Some(master_down_at);
                timers.preempt_at = preempt_at;
            }
            Phase::Master { advertise_at } => timers.advertise_at = Some(advertise_at),
            Phase::Leaving { until } | Phase::Yielding { until } => timers.handover_until = Some(until),
        }
        timers
    }

    /// When [`VirtualRouter::handle_timer`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let timers = self.timers();
        let second_gone_at = self.second.map(|second| second.last + self.master_down_interval());
        [
            timers.start_at,
            timers.master_down_at,
            timers.preempt_at,
            timers.advertise_at,
            timers.handover_until,
            self.announcer.next_at(),
            second_gone_at,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Begins, unless the start is delayed or a first reading of a tracker is waited for.
    pub(crate) fn start(&mut self, now: Instant, out: &mut Effects) {
        if let Phase::Init { start_at } = self.phase
            && start_at.is_none_or(|at| at <= now)
        {
            self.phase = Phase::Init { start_at: None };
            if !self.sum.awaits {
                self.stimulate(now, Stimulus::Start, Cause::Start, out);
            }
        }
    }

    pub(crate) fn shutdown(&mut self, now: Instant, cause: Cause, out: &mut Effects) {
        self.stimulate(now, Stimulus::Shutdown, cause, out);
    }

    /// A packet with this router's VRID.
    pub(crate) fn handle_packet(
        &mut self,
        now: Instant,
        packet: &Received<'_>,
        message: &Message<'_>,
        out: &mut Effects,
    ) {
        let master = self.heard.map(|heard| heard.address);
        match check::check(&self.config, self.is_owner(), self.source, master, packet, message) {
            Ok(accepted) => self.accept(now, packet.source, accepted, out),
            Err(reason) => {
                self.counters.rejected.count(reason);
                if let Some(count) = self.senders.reject(now, packet.source, reason) {
                    emit(out, Effect::Event(Event::Rejected { source: packet.source, reason, count }));
                }
                if reason == Reject::LocalOwner && !self.config.owner_ignores_adverts {
                    self.note_second(now, packet.source, message.priority(), out);
                }
            }
        }
    }

    fn accept(&mut self, now: Instant, source: IpAddr, advert: Accepted, out: &mut Effects) {
        let priority = advert.priority;
        bump(&mut self.counters.adverts_received);
        let down = self.master_down_interval();
        let gap = self.senders.accept(now, source, &advert, down);
        emit(out, Effect::Event(Event::Heard { source, priority }));
        if self.senders.note_addresses(source, advert.addresses_differ) {
            emit(out, Effect::Event(Event::AddressesDiffer { source, differ: advert.addresses_differ }));
        }
        if let (Phase::Backup { master_down_at, .. }, Some(silent)) = (self.phase, gap)
            && silent > self.master_interval.times(2) + Duration::from_us(self.master_interval.us() / 2)
            && self.heard.is_some_and(|heard| heard.address == source)
        {
            let left = master_down_at.since(now);
            emit(out, Effect::Event(Event::NearMiss { source, silent, left }));
        }
        let rank = self.rank(source, priority);
        if rank == Rank::Zero {
            bump(&mut self.counters.priority_zero_received);
        } else if self.phase.place() != Place::Master || matches!(rank, Rank::Higher | Rank::TieLost) {
            self.heard = Some(Heard { address: source, priority, at: now });
            self.leaving = None;
            let is_discarded = rank == Rank::Lower && self.rules().policy == Policy::Preempt;
            if self.config.version == Version::V3 && !is_discarded {
                // RFC 9568 §6.4.2: a Backup takes the interval of the Active router's adverts, but not of one that it is
                // about to preempt.
                self.master_interval = Duration::from_cs(advert.advert_interval_cs.max(1));
            }
        }
        let cause = match rank {
            Rank::TieLost => Cause::TieLost { to: source, priority },
            Rank::Zero => Cause::PriorityZero { from: source },
            Rank::Lower | Rank::TieWon | Rank::Higher => Cause::PreemptedBy { by: source, priority },
        };
        if self.phase.place() == Place::Master {
            match rank {
                Rank::Lower | Rank::TieWon => self.note_second(now, source, priority, out),
                Rank::Zero => self.second_gone(now, Some(source), out),
                Rank::TieLost | Rank::Higher => {}
            }
        }
        self.stimulate(now, Stimulus::Heard(rank), cause, out);
    }

    /// Handles one timer that has expired. Called early, it does nothing.
    pub(crate) fn handle_timer(&mut self, now: Instant, out: &mut Effects) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let timers = self.timers();
        if due(timers.advertise_at) {
            self.advert_due(now, out);
        } else if due(timers.master_down_at) {
            let cause = self.cause_of_takeover(now);
            self.stimulate(now, Stimulus::MasterDown, cause, out);
        } else if due(timers.preempt_at) {
            let cause = self.cause_of_takeover(now);
            self.stimulate(now, Stimulus::PreemptDelayOver, cause, out);
        } else if due(timers.handover_until) {
            let cause = Cause::NobodyTookOver { waited_us: now.since(self.since).us() };
            self.stimulate(now, Stimulus::HandoverOver, cause, out);
        } else if due(timers.start_at) {
            self.start(now, out);
        } else if due(self.announcer.next_at()) {
            if self.announcer.poll(now, &self.config.announce) {
                emit(out, Effect::Action(Action::Announce));
            }
        } else if self.second.is_some_and(|second| second.last + self.master_down_interval() <= now) {
            self.second_gone(now, None, out);
        }
    }

    /// Counts an advert that the caller has written for one destination.
    pub(crate) fn count_sent(&mut self, priority: u8) {
        bump(&mut self.counters.adverts_sent);
        if priority == 0 {
            bump(&mut self.counters.priority_zero_sent);
        }
    }

    fn is_blocked(&self) -> bool {
        self.blocks.iter().any(Option::is_some)
    }

    fn rank(&self, source: IpAddr, priority: u8) -> Rank {
        let own = self.effective_priority();
        if priority == 0 {
            Rank::Zero
        } else if priority != own {
            if priority > own { Rank::Higher } else { Rank::Lower }
        } else if self.source.is_some_and(|own| source > own) {
            Rank::TieLost
        } else {
            Rank::TieWon
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            owner: self.is_owner(),
            blocked: self.is_blocked(),
            delaying: self.timers().preempt_at.is_some(),
            held: self.held_by_group || self.stands_back_since.is_some() && !self.last_resort,
            policy: match self.config.preempt {
                _ if self.stands_back_since.is_some() => Policy::NeverPreempt,
                Preempt::Never => Policy::NeverPreempt,
                Preempt::AtOnce => Policy::Preempt,
                Preempt::After(Duration::ZERO) => Policy::Preempt,
                Preempt::After(_) => Policy::PreemptDelayed,
            },
        }
    }
}

fn emit(out: &mut Effects, effect: Effect) {
    let fits = out.push_back(effect).is_ok();
    debug_assert!(fits, "an input has more effects than the bound");
}

fn bump(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}
