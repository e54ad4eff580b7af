//! One virtual router. Read RFC 3768 §6 and RFC 9568 §6 before changing it.
//!
//! It reacts to a packet, a fact, a command or the time, and says what to do as [`Effect`]s: see
//! [`RouterSet`](crate::set::RouterSet), which owns the routers and hands their effects on.

mod announce;
mod check;
mod config;
mod senders;
mod transition;

use core::net::IpAddr;

pub use announce::AnnounceConfig;
pub use check::Received;
pub use config::{Borrowed, Config, ConfigError, InterfaceId, Peer, Preempt, Storage, Transport};
pub use senders::{REJECT_REPORT_EVERY, SENDERS_MAX, Sender};

use announce::Announcer;
use check::Accepted;
use senders::Senders;
use transition::{Decision, Place, Policy, Rank, Rules, Stimulus, decide};

use crate::reject::{Reject, RejectCounters};
use crate::time::{Duration, Instant};
use crate::vocabulary::{Block, Cause, State};
use crate::wire::vrrp::{Message, Version};

/// As MASTER, a router of lower priority is answered at most this often for each of our intervals.
const DEFENCES_PER_INTERVAL: u64 = 2;

/// Something that the caller is to do or to know, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Send an advert of this priority.
    Advert { priority: u8 },
    /// Change or announce addresses.
    Action(Action),
    /// Take note.
    Event(Event),
}

/// What is to be done with the addresses of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put them on their interfaces.
    AddAddresses,
    /// Take them off.
    RemoveAddresses,
    /// Send one gratuitous ARP or neighbour advertisement for each.
    Announce,
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Instant,
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// Why.
    pub cause: Cause,
}

/// What a router tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It changed its state.
    Transition(Transition),
    /// It accepted an advert.
    Heard {
        /// From whom.
        source: IpAddr,
        /// Of which priority.
        priority: u8,
    },
    /// It sent an advert.
    Sent {
        /// Of which priority.
        priority: u8,
    },
    /// It discarded a packet. Reported at most every [`REJECT_REPORT_EVERY`] for a (sender, reason).
    Rejected {
        /// From whom.
        source: IpAddr,
        /// Why.
        reason: Reject,
        /// How many packets of this sender were discarded since the last report about it.
        count: u32,
    },
    /// Something keeps it from taking part.
    Blocked(Block),
    /// It no longer does.
    Unblocked(Block),
    /// As MASTER it hears another master.
    SecondMaster {
        /// The other.
        source: IpAddr,
        /// Its priority.
        priority: u8,
    },
    /// The other master is not heard any more, gave way, or we gave way to it.
    SecondMasterGone {
        /// The other.
        source: IpAddr,
        /// How long it was heard.
        lasted: Duration,
    },
    /// An advert of the master came so late that a takeover was near.
    NearMiss {
        /// The master.
        source: IpAddr,
        /// How long it was silent.
        silent: Duration,
        /// What was left until the takeover.
        left: Duration,
    },
    /// The addresses in a sender's adverts differ from ours, or no longer do.
    AddressesDiffer {
        /// The sender.
        source: IpAddr,
        /// Whether they do.
        differ: bool,
    },
    /// A planned handover ended, and the addresses are gone.
    HandoverEnded {
        /// The router that took over, if one was heard in time.
        to: Option<IpAddr>,
        /// How long it took.
        lasted: Duration,
    },
}

/// An order of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Do not wait for the end of the preempt delay.
    Resume,
}

/// Why an order was not carried out. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// There is no such router.
    NoSuchRouter,
    /// No preempt delay runs.
    NothingToResume,
}

/// What was counted since the router was made. Counters saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Adverts sent, one for each destination.
    pub adverts_sent: u32,
    /// Adverts accepted.
    pub adverts_received: u32,
    /// Adverts of priority 0 sent, one for each destination.
    pub priority_zero_sent: u32,
    /// Adverts of priority 0 accepted.
    pub priority_zero_received: u32,
    /// How often it became MASTER.
    pub became_master: u32,
    /// Packets discarded.
    pub rejected: RejectCounters,
}

/// The master that was heard last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its address.
    pub address: IpAddr,
    /// The priority it advertised.
    pub priority: u8,
    /// When.
    pub at: Instant,
}

/// Another master, heard while MASTER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Second {
    /// Its address.
    pub address: IpAddr,
    /// Its priority.
    pub priority: u8,
    /// When it was first heard.
    pub since: Instant,
    /// When it was last heard.
    pub last: Instant,
}

/// Deadlines; `None` where the timer does not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timers {
    /// BACKUP: when to take over unless the master is heard.
    pub master_down_at: Option<Instant>,
    /// BACKUP: when to take over from a master of lower priority.
    pub preempt_at: Option<Instant>,
    /// MASTER: when to send the next advert.
    pub advertise_at: Option<Instant>,
    /// Leaving: when to remove the addresses at the latest.
    pub handover_until: Option<Instant>,
}

/// The state with its deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Init,
    Fault,
    Backup {
        /// When to take over: `Master_Down_Timer`.
        master_down_at: Instant,
        /// When to take over from the lower master that is heard.
        preempt_at: Option<Instant>,
    },
    Master {
        /// When to send the next advert: `Adver_Timer`.
        advertise_at: Instant,
    },
    Leaving {
        /// When to remove the addresses at the latest.
        until: Instant,
    },
}

impl Phase {
    const fn place(&self) -> Place {
        match self {
            Self::Init => Place::Init,
            Self::Fault => Place::Fault,
            Self::Backup { .. } => Place::Backup,
            Self::Master { .. } => Place::Master,
            Self::Leaving { .. } => Place::Leaving,
        }
    }

    const fn state(&self) -> State {
        match self {
            Self::Init | Self::Leaving { .. } => State::Init,
            Self::Fault => State::Fault,
            Self::Backup { .. } => State::Backup,
            Self::Master { .. } => State::Master,
        }
    }
}

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

    /// Asks the table, and does what it says.
    fn stimulate(&mut self, now: Instant, stimulus: Stimulus, cause: Cause, out: &mut Effects) {
        match decide(self.phase.place(), stimulus, self.rules()) {
            Decision::Stay | Decision::Overrule => {}
            Decision::Suspend => {
                let block = self.blocks().next().map_or(cause, |(block, _)| Cause::Blocked { block });
                self.suspend(now, if stimulus == Stimulus::Start { block } else { cause }, out);
            }
            Decision::Listen => {
                let master_down_at = now + self.master_down_interval();
                self.heard = None;
                self.leaving = None;
                self.enter(now, Phase::Backup { master_down_at, preempt_at: None }, cause, out);
            }
            Decision::TakeOver => {
                let cause = if cause == Cause::Start { Cause::StartOwner } else { cause };
                self.take_over(now, cause, out);
            }
            Decision::Follow => {
                self.phase = Phase::Backup { master_down_at: now + self.master_down_interval(), preempt_at: None };
            }
            Decision::FollowForNow => self.follow_for_now(now),
            Decision::FollowLeaving => {
                if let Cause::PriorityZero { from } = cause {
                    self.leaving = Some(from);
                }
                self.phase = Phase::Backup { master_down_at: now + self.skew(), preempt_at: None };
            }
            Decision::Advertise => self.advertise(now, out),
            Decision::Assert => {
                self.send(self.effective_priority(), out);
                self.phase = Phase::Master { advertise_at: now + self.config.advert_interval() };
                self.announcer.heal(now, &self.config.announce);
            }
            Decision::Defend => self.defend(now, out),
            Decision::GiveWay => {
                // A last advert of our own priority: the better master learns from it that there were two, answers,
                // and announces the addresses, so that neighbours who had learnt ours go back to it at once. Without
                // it a healed partition leaves them here for as long as their caches last.
                self.send(self.effective_priority(), out);
                emit(out, Effect::Action(Action::RemoveAddresses));
                let master_down_at = now + self.master_down_interval();
                self.enter(now, Phase::Backup { master_down_at, preempt_at: None }, cause, out);
            }
            Decision::Leave => {
                self.send(0, out);
                // The slowest backup needs its whole skew time, at most one unit, and one interval more is allowed for
                // an advert that gets lost.
                let interval = self.config.advert_interval();
                let until = now + self.config.skew(1, interval) + interval;
                self.enter(now, Phase::Leaving { until }, cause, out);
            }
            Decision::EndHandover => {
                let to = matches!(stimulus, Stimulus::Heard(_)).then_some(self.heard).flatten();
                let lasted = now.since(self.since);
                self.phase = Phase::Init;
                emit(out, Effect::Action(Action::RemoveAddresses));
                emit(out, Effect::Event(Event::HandoverEnded { to: to.map(|heard| heard.address), lasted }));
            }
            Decision::Stop => self.enter(now, Phase::Init, cause, out),
        }
    }

    /// To FAULT. A master that can still speak says so.
    fn suspend(&mut self, now: Instant, cause: Cause, out: &mut Effects) {
        if matches!(self.phase, Phase::Master { .. }) {
            let link_works = [Block::InterfaceMissing, Block::LinkDown]
                .into_iter()
                .all(|block| self.blocks.get(block.index()).is_some_and(Option::is_none));
            if link_works && self.source.is_some() {
                self.send(0, out);
            }
            emit(out, Effect::Action(Action::RemoveAddresses));
        }
        self.enter(now, Phase::Fault, cause, out);
    }

    /// To MASTER. RFC 3768 §6.4.2: advert, gratuitous ARP, `Adver_Timer`. The advert goes first, so that no slower
    /// backup follows suit while the addresses are put in place.
    fn take_over(&mut self, now: Instant, cause: Cause, out: &mut Effects) {
        bump(&mut self.counters.became_master);
        self.expects_goodbye = matches!(cause, Cause::WePreempt { .. } | Cause::Resumed { .. });
        self.master_interval = self.config.advert_interval();
        self.send(self.effective_priority(), out);
        emit(out, Effect::Action(Action::AddAddresses));
        self.announcer.start(now, &self.config.announce);
        if self.announcer.poll(now, &self.config.announce) {
            emit(out, Effect::Action(Action::Announce));
        }
        self.enter(now, Phase::Master { advertise_at: now + self.config.advert_interval() }, cause, out);
    }

    fn enter(&mut self, now: Instant, phase: Phase, cause: Cause, out: &mut Effects) {
        let from = self.state();
        if !matches!(phase, Phase::Master { .. }) {
            self.announcer.stop();
            self.second_gone(now, None, out);
            self.defended_at = None;
        }
        if matches!(phase, Phase::Master { .. }) {
            self.heard = None;
            self.leaving = None;
        }
        self.phase = phase;
        self.since = now;
        emit(out, Effect::Event(Event::Transition(Transition { at: now, from, to: self.state(), cause })));
    }

    /// The advert that is due, on an absolute schedule: lateness of one advert does not delay those after it. Only after
    /// a stall of more than an interval does the schedule begin anew, since nobody needs the adverts that were missed.
    fn advertise(&mut self, now: Instant, out: &mut Effects) {
        let Phase::Master { advertise_at } = self.phase else { return };
        let interval = self.config.advert_interval();
        let next = advertise_at + interval;
        self.phase = Phase::Master { advertise_at: if next > now { next } else { now + interval } };
        self.send(self.effective_priority(), out);
    }

    fn defend(&mut self, now: Instant, out: &mut Effects) {
        let spacing = Duration::from_us(self.config.advert_interval().us() / DEFENCES_PER_INTERVAL);
        if self.config.answers_lower && self.defended_at.is_none_or(|at| now.since(at) >= spacing) {
            self.defended_at = Some(now);
            self.send(self.effective_priority(), out);
        }
        self.announcer.heal(now, &self.config.announce);
    }

    fn follow_for_now(&mut self, now: Instant) {
        let (Phase::Backup { preempt_at, .. }, Preempt::After(delay)) = (self.phase, self.config.preempt) else {
            return;
        };
        self.phase = Phase::Backup {
            master_down_at: now + self.master_down_interval(),
            preempt_at: Some(preempt_at.unwrap_or(now + delay)),
        };
    }

    /// Why the master-down timer or the preempt delay ran out.
    fn cause_of_takeover(&self, now: Instant) -> Cause {
        if let Some(from) = self.leaving {
            return Cause::PriorityZero { from };
        }
        let Some(Heard { address: master, priority, at }) = self.heard else {
            return Cause::NobodyHeard { waited_us: now.since(self.since).us() };
        };
        let silent = now.since(at);
        let interval = self.master_interval;
        if priority < self.effective_priority() && silent.us() <= interval.us() + interval.us() / 2 {
            Cause::WePreempt { master, priority }
        } else {
            let intervals = u32::try_from(silent.whole(interval)).unwrap_or(u32::MAX);
            Cause::MasterSilent { master, silent_us: silent.us(), intervals }
        }
    }

    fn note_second(&mut self, now: Instant, source: IpAddr, priority: u8, out: &mut Effects) {
        let is_goodbye = now.since(self.since) < self.config.advert_interval();
        if core::mem::take(&mut self.expects_goodbye) && is_goodbye {
            return;
        }
        match &mut self.second {
            Some(second) if second.address == source => {
                second.priority = priority;
                second.last = now;
            }
            Some(_) => {}
            None => {
                self.second = Some(Second { address: source, priority, since: now, last: now });
                emit(out, Effect::Event(Event::SecondMaster { source, priority }));
            }
        }
    }

    /// The second master is gone; only if it was `who`, where that is given.
    fn second_gone(&mut self, now: Instant, who: Option<IpAddr>, out: &mut Effects) {
        if let Some(second) = self.second
            && who.is_none_or(|who| who == second.address)
        {
            self.second = None;
            let lasted = now.since(second.since);
            emit(out, Effect::Event(Event::SecondMasterGone { source: second.address, lasted }));
        }
    }

    fn send(&self, priority: u8, out: &mut Effects) {
        if self.source.is_some() {
            emit(out, Effect::Advert { priority });
            emit(out, Effect::Event(Event::Sent { priority }));
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
