//! One virtual router. Read RFC 3768 §6 and RFC 9568 §6 before changing it.
//!
//! It reacts to a packet, a fact, a command or the time, and says what to do as effects: see
//! [`RouterSet`](crate::set::RouterSet), which owns the routers and hands their effects on.

mod act;
mod announce;
mod check;
mod config;
mod phase;
mod senders;
mod told;
mod transition;

use core::net::IpAddr;

pub use announce::AnnounceConfig;
pub use check::Received;
pub use config::{Borrowed, Config, ConfigError, InterfaceId, Peer, Preempt, Storage, Transport};
pub use senders::{REJECT_REPORT_EVERY, SENDERS_MAX, Sender};

pub(crate) use told::Effect;
pub use told::{Action, Command, CommandError, Counters, Event, Heard, Second, Timers, Transition};

use announce::Announcer;
use check::Accepted;
use phase::Phase;
use senders::Senders;
use transition::{Place, Policy, Rank, Rules, Stimulus};

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
    /// Since when each block holds.
    blocks: [Option<Instant>; Block::ALL.len()],
    /// The master heard last.
    heard: Option<Heard>,
    /// Who said in the last accepted advert that it leaves.
    leaving: Option<IpAddr>,
    /// The interval that the master uses: its own in version 3, ours in version 2.
    master_interval: Duration,
    second: Option<Second>,
    /// We have just preempted a master: one more advert of it is its goodbye, no second master.
    expects_goodbye: bool,
    /// When a master of lower priority was last answered.
    defended_at: Option<Instant>,
    announcer: Announcer,
    senders: Senders,
    counters: Counters,
}

impl<S: Storage> VirtualRouter<S> {
    /// A router in INIT; `blocks` is what keeps it from taking part so far.
    pub(crate) fn new(now: Instant, config: Config<S>, source: Option<IpAddr>, blocks: &[Block]) -> Self {
        let mut since = [None; Block::ALL.len()];
        for block in blocks.iter().filter(|block| **block != Block::LinkDown || !config.ignores_link) {
            if let Some(slot) = since.get_mut(block.index()) {
                *slot = Some(now);
            }
        }
        let master_interval = config.advert_interval();
        Self {
            config,
            phase: Phase::Init,
            since: now,
            source,
            blocks: since,
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
        matches!(self.phase, Phase::Master { .. } | Phase::Leaving { .. })
    }

    /// Whether it is done: in INIT and without addresses.
    pub const fn is_stopped(&self) -> bool {
        matches!(self.phase, Phase::Init)
    }

    /// What keeps it in FAULT, each since when.
    pub fn blocks(&self) -> impl Iterator<Item = (Block, Instant)> + '_ {
        Block::ALL.into_iter().zip(self.blocks).filter_map(|(block, since)| since.map(|since| (block, since)))
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

    /// The priority that counts.
    pub const fn effective_priority(&self) -> u8 {
        self.config.priority.get()
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
            Phase::Init | Phase::Fault => {}
            Phase::Backup { master_down_at, preempt_at } => {
                timers.master_down_at = Some(master_down_at);
                timers.preempt_at = preempt_at;
            }
            Phase::Master { advertise_at } => timers.advertise_at = Some(advertise_at),
            Phase::Leaving { until } => timers.handover_until = Some(until),
        }
        timers
    }

    /// When [`VirtualRouter::handle_timer`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let timers = self.timers();
        let second_gone_at = self.second.map(|second| second.last + self.master_down_interval());
        [
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

    pub(crate) fn start(&mut self, now: Instant, out: &mut Effects) {
        self.stimulate(now, Stimulus::Start, Cause::Start, out);
    }

    pub(crate) fn shutdown(&mut self, now: Instant, out: &mut Effects) {
        self.stimulate(now, Stimulus::Shutdown, Cause::Shutdown, out);
    }

    /// Something keeps the router from taking part, or no longer does.
    pub(crate) fn handle_block(&mut self, now: Instant, block: Block, holds: bool, out: &mut Effects) {
        let holds = holds && !(block == Block::LinkDown && self.config.ignores_link);
        let was_blocked = self.is_blocked();
        let Some(slot) = self.blocks.get_mut(block.index()) else { return };
        if slot.is_some() == holds {
            return;
        }
        *slot = holds.then_some(now);
        let event = if holds { Event::Blocked(block) } else { Event::Unblocked(block) };
        emit(out, Effect::Event(event));
        if holds {
            self.stimulate(now, Stimulus::Blocked, Cause::Blocked { block }, out);
        } else if was_blocked && !self.is_blocked() {
            self.stimulate(now, Stimulus::Unblocked, Cause::Recovered { block }, out);
        }
    }

    /// The address to send from has changed.
    pub(crate) fn handle_source(&mut self, now: Instant, source: Option<IpAddr>, out: &mut Effects) {
        self.source = source;
        self.handle_block(now, Block::NoSourceAddress, source.is_none(), out);
    }

    pub(crate) fn handle_command(
        &mut self,
        now: Instant,
        command: Command,
        out: &mut Effects,
    ) -> Result<(), CommandError> {
        match (command, self.timers().preempt_at, self.heard) {
            (Command::Resume, Some(_), Some(Heard { address: master, priority, .. })) => {
                self.stimulate(now, Stimulus::Resume, Cause::Resumed { master, priority }, out);
                Ok(())
            }
            (Command::Resume, None, _) | (Command::Resume, _, None) => Err(CommandError::NothingToResume),
        }
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
        match check::check(&self.config, self.source, master, packet, message) {
            Ok(accepted) => self.accept(now, packet.source, accepted, out),
            Err(reason) => {
                self.counters.rejected.count(reason);
                if let Some(count) = self.senders.reject(now, packet.source, reason) {
                    emit(out, Effect::Event(Event::Rejected { source: packet.source, reason, count }));
                }
                if reason == Reject::LocalOwner {
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
            if self.config.version == Version::V3 {
                // RFC 9568 §6.4.2: a Backup takes the interval of the Active router's adverts.
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
            self.stimulate(now, Stimulus::AdvertDue, Cause::Start, out);
        } else if due(timers.master_down_at) {
            let cause = self.cause_of_takeover(now);
            self.stimulate(now, Stimulus::MasterDown, cause, out);
        } else if due(timers.preempt_at) {
            let cause = self.cause_of_takeover(now);
            self.stimulate(now, Stimulus::PreemptDelayOver, cause, out);
        } else if due(timers.handover_until) {
            self.stimulate(now, Stimulus::HandoverOver, Cause::Shutdown, out);
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
            owner: self.config.is_owner(),
            blocked: self.is_blocked(),
            delaying: self.timers().preempt_at.is_some(),
            policy: match self.config.preempt {
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
