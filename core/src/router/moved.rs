//! What moves a router beside packets and time: what blocks it, trackers, its sync group, the operator.

use core::net::IpAddr;
use core::num::NonZeroU8;

use super::config::{Config, GroupId, Storage};
use super::phase::Phase;
use super::told::{Command, CommandError, Effect, Event, Heard};
use super::transition::{Decision, Place, Stimulus, decide};
use super::{Effects, VirtualRouter, emit};
use crate::priority::{self, Tracker, TrackerId};
use crate::time::Instant;
use crate::vocabulary::{Block, Cause};
use crate::wire::vrrp::Version;

impl<S: Storage> VirtualRouter<S> {
    /// Something keeps the router from taking part, or no longer does.
    pub(crate) fn handle_block(&mut self, now: Instant, block: Block, holds: bool, out: &mut Effects) {
        let cause = if holds { Cause::Blocked { block } } else { Cause::Recovered { block } };
        self.set_block(now, block, holds, cause, out);
    }

    fn set_block(&mut self, now: Instant, block: Block, holds: bool, cause: Cause, out: &mut Effects) {
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
            self.stimulate(now, Stimulus::Blocked, cause, out);
        } else if was_blocked && !self.is_blocked() {
            self.stimulate(now, Stimulus::Unblocked, cause, out);
        }
    }

    /// Something keeps it from taking part before it has begun.
    pub(crate) fn block_from_the_beginning(&mut self, now: Instant, block: Block) {
        if let Some(slot) = self.blocks.get_mut(block.index()) {
            *slot = Some(now);
        }
    }

    /// The operator had it stand back before it has begun.
    pub(crate) const fn stand_back_from_the_beginning(&mut self, now: Instant, last_resort: bool) {
        self.stands_back_since = Some(now);
        self.last_resort = last_resort;
    }

    /// Whether something other than its group keeps it from taking part.
    pub(crate) fn is_blocked_itself(&self) -> bool {
        let runs = !matches!(self.phase, Phase::Stopped | Phase::Leaving { .. });
        runs && self.blocks().any(|(block, _)| block != Block::Group)
    }

    /// The address to send from has changed.
    pub(crate) fn handle_source(&mut self, now: Instant, source: Option<IpAddr>, out: &mut Effects) {
        self.source = source;
        self.handle_block(now, Block::NoSourceAddress, source.is_none(), out);
    }

    /// A tracker says something else than before.
    pub(crate) fn handle_reading(&mut self, now: Instant, trackers: &[Tracker], changed: TrackerId, out: &mut Effects) {
        let before = self.sum.blocks;
        self.add_up(now, trackers, out);
        let TrackerId(tracker) = changed;
        let failed = self.sum.blocks;
        let cause = if failed { Cause::TrackerFailed { tracker } } else { Cause::TrackerRecovered { tracker } };
        self.follow_trackers(now, before, cause, out);
        self.start(now, out);
    }

    /// Trackers keep the router from taking part, or no longer do; `before` says what held.
    fn follow_trackers(&mut self, now: Instant, before: bool, cause: Cause, out: &mut Effects) {
        let blocks = self.sum.blocks;
        if before != blocks {
            self.set_block(now, Block::Tracker, blocks, cause, out);
        }
    }

    /// Computes the effective priority again.
    fn add_up(&mut self, now: Instant, trackers: &[Tracker], out: &mut Effects) {
        let sum = priority::sum(self.config.priority, self.config.tracks.as_ref(), trackers);
        self.change_priority(now, out, |router| router.sum = sum);
    }

    /// Does what may change the effective priority, and what follows from it: the master-down timer depends on it.
    pub(super) fn change_priority(&mut self, now: Instant, out: &mut Effects, change: impl FnOnce(&mut Self)) {
        let (from, skew_before) = (self.effective_priority(), self.skew());
        change(self);
        let to = self.effective_priority();
        if from == to {
            return;
        }
        emit(out, Effect::Event(Event::PriorityChanged { from, to }));
        let skew = self.skew();
        if let Phase::Backup { master_down_at, preempt_at } = self.phase {
            let master_down_at = (master_down_at + skew - skew_before).max(now);
            self.phase = Phase::Backup { master_down_at, preempt_at };
        }
    }

    /// A new configuration for the same interface, family and VRID. What can go on goes on: the state, the timers, who was
    /// heard. `link_is_down` is the state of the interface. Gives the old configuration back.
    pub(crate) fn reconfigure(
        &mut self,
        now: Instant,
        config: Config<S>,
        link_is_down: bool,
        trackers: &[Tracker],
        out: &mut Effects,
    ) -> Config<S> {
        let (before, blocked_before) = (self.master_down_interval(), self.sum.blocks);
        let old = core::mem::replace(&mut self.config, config);
        if self.config.version == Version::V2 || matches!(self.phase, Phase::Master { .. }) {
            self.master_interval = self.config.advert_interval();
        }
        match self.phase {
            Phase::Backup { master_down_at, preempt_at } => {
                // The effective priority is computed below, and moves the timer on its own account.
                let master_down_at = (master_down_at + self.master_down_interval() - before).max(now);
                let preempt_at = preempt_at.filter(|_| old.preempt == self.config.preempt);
                self.phase = Phase::Backup { master_down_at, preempt_at };
            }
            Phase::Master { advertise_at } => {
                let advertise_at = advertise_at.min(now + self.config.advert_interval());
                self.phase = Phase::Master { advertise_at };
                self.announcer.reconfigure(now, &self.config.announce);
            }
            Phase::Init { .. } | Phase::Stopped | Phase::Fault | Phase::Leaving { .. } | Phase::Yielding { .. } => {}
        }
        self.add_up(now, trackers, out);
        self.follow_trackers(now, blocked_before, Cause::Reconfigured, out);
        let holds = link_is_down && !self.config.ignores_link;
        self.set_block(now, Block::LinkDown, holds, Cause::Reconfigured, out);
        self.start(now, out);
        old
    }

    /// Another member of its group, number `member`, has moved. `blocked` says whether a member other than this one is
    /// kept from taking part.
    pub(crate) fn follow_group(&mut self, now: Instant, member: u16, to: GroupMove, blocked: bool, out: &mut Effects) {
        let cause = Cause::GroupMoved { member };
        self.set_block(now, Block::Group, blocked, cause, out);
        match to {
            GroupMove::ToMaster => self.stimulate(now, Stimulus::GroupMaster, cause, out),
            GroupMove::FromMaster => self.stimulate(now, Stimulus::GroupBackup, cause, out),
            GroupMove::None => {}
        }
    }

    /// Whether the group must not take over yet on account of this member: it waits to begin, or it hears a master that it
    /// follows.
    pub(crate) fn objects_to_takeover(&self, now: Instant) -> bool {
        match self.phase {
            Phase::Init { .. } => true,
            Phase::Backup { .. } => {
                (self.stands_back_since.is_some() && !self.last_resort) || self.hears_better_master(now).is_some()
            }
            Phase::Stopped | Phase::Fault | Phase::Master { .. } | Phase::Leaving { .. } | Phase::Yielding { .. } => {
                false
            }
        }
    }

    /// The master that it follows, if one was heard within the master-down interval and does not leave.
    fn hears_better_master(&self, now: Instant) -> Option<Heard> {
        let heard = self.heard.filter(|_| self.leaving.is_none())?;
        let is_alive = heard.at + self.master_down_interval() > now;
        let rank = self.rank(heard.address, heard.priority);
        let is_followed = decide(Place::Backup, Stimulus::Heard(rank), self.rules()) == Decision::Follow;
        (is_alive && is_followed).then_some(heard)
    }

    /// It belongs to this group now.
    pub(crate) const fn set_group(&mut self, group: Option<GroupId>) {
        self.config.group = group;
        self.held_by_group = false;
    }

    /// Whether its group lets it take over.
    pub(crate) const fn set_held_by_group(&mut self, held: bool) {
        self.held_by_group = held;
    }

    /// An order of the operator.
    pub(crate) fn handle_command(
        &mut self,
        now: Instant,
        command: Command,
        trackers: &[Tracker],
        out: &mut Effects,
    ) -> Result<(), CommandError> {
        if matches!(self.phase, Phase::Stopped | Phase::Leaving { .. }) {
            return Err(CommandError::NotRunning);
        }
        match command {
            Command::Resume => self.resume(now, out),
            Command::Take => self.take(now, out, |master| Cause::Taken { master }),
            Command::GoOn => self.take(now, out, |_| Cause::GoesOn),
            Command::Yield { last_resort } => {
                self.stand_back(now, last_resort, Cause::Yielded, out);
                Ok(())
            }
            Command::GiveWay => {
                self.stand_back(now, true, Cause::VipLost, out);
                Ok(())
            }
            Command::ClearCounters => {
                self.counters = super::Counters::default();
                Ok(())
            }
            Command::SetPriority(priority) => self.set_priority(now, priority, trackers, out),
        }
    }

    fn resume(&mut self, now: Instant, out: &mut Effects) -> Result<(), CommandError> {
        if self.stands_back_since.is_some() {
            self.change_priority(now, out, |router| router.stands_back_since = None);
            self.stimulate(now, Stimulus::Resume, Cause::YieldEnded, out);
            return Ok(());
        }
        if let Phase::Init { start_at: Some(_) } = self.phase {
            self.phase = Phase::Init { start_at: None };
            self.start(now, out);
            return Ok(());
        }
        match (self.timers().preempt_at, self.heard) {
            (Some(_), Some(_)) if self.held_by_group => Err(CommandError::HeldByGroup),
            (Some(_), Some(Heard { address: master, priority, .. })) => {
                self.stimulate(now, Stimulus::Resume, Cause::Resumed { master, priority }, out);
                Ok(())
            }
            (None, _) | (_, None) => Err(CommandError::NothingToResume),
        }
    }

    fn take(
        &mut self,
        now: Instant,
        out: &mut Effects,
        cause: impl FnOnce(Option<IpAddr>) -> Cause,
    ) -> Result<(), CommandError> {
        let heard = self.heard.filter(|heard| heard.at + self.master_down_interval() > now && self.leaving.is_none());
        match self.phase {
            Phase::Master { .. } => return Ok(()),
            Phase::Fault => return Err(CommandError::Blocked),
            Phase::Init { .. } | Phase::Stopped | Phase::Leaving { .. } => return Err(CommandError::NotRunning),
            Phase::Backup { .. } | Phase::Yielding { .. } => {}
        }
        if self.stands_back_since.is_some() {
            return Err(CommandError::StandsBack);
        }
        if self.held_by_group {
            return Err(CommandError::HeldByGroup);
        }
        if let Some(Heard { address: master, priority, .. }) = heard
            && priority >= self.effective_priority()
        {
            return Err(CommandError::Outranked { master, priority });
        }
        self.stimulate(now, Stimulus::Take, cause(heard.map(|heard| heard.address)), out);
        Ok(())
    }

    fn stand_back(&mut self, now: Instant, last_resort: bool, cause: Cause, out: &mut Effects) {
        let before = self.stands_back_since.is_some();
        self.change_priority(now, out, |router| {
            router.stands_back_since = router.stands_back_since.or(Some(now));
            router.last_resort = last_resort;
        });
        if !before {
            if let Phase::Backup { master_down_at, .. } = self.phase {
                // A preempt delay ends here.
                self.phase = Phase::Backup { master_down_at, preempt_at: None };
            }
            self.stimulate(now, Stimulus::Yield, cause, out);
        }
    }

    fn set_priority(
        &mut self,
        now: Instant,
        priority: NonZeroU8,
        trackers: &[Tracker],
        out: &mut Effects,
    ) -> Result<(), CommandError> {
        if self.config.is_owner() || priority.get() > priority::BACKUP_PRIORITY_MAX {
            return Err(CommandError::Owner);
        }
        self.config.priority = priority;
        self.add_up(now, trackers, out);
        Ok(())
    }
}

/// Where another member of the group has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupMove {
    /// It is MASTER now.
    ToMaster,
    /// It was MASTER and listens now.
    FromMaster,
    /// Nowhere that others follow.
    None,
}
