//! Does what the table of the state machine decides. Read RFC 3768 §6.4 and RFC 9568 §6.4 before changing it.

use core::net::IpAddr;

use super::config::{Preempt, Storage};
use super::phase::Phase;
use super::told::{Action, Effect, Event, Heard, Second, Transition};
use super::transition::{Decision, Place, Stimulus, decide};
use super::{Effects, VirtualRouter, bump, emit};
use crate::time::{Duration, Instant};
use crate::vocabulary::{Block, Cause};

/// As MASTER, a router of lower priority is answered at most this often for each of our intervals.
const DEFENCES_PER_INTERVAL: u64 = 2;

/// How much later than its skew time a backup on a busy box may take over; on one with short intervals, one of them.
const BACKUP_LATE_MAX: Duration = Duration::from_ms(250);

impl<S: Storage> VirtualRouter<S> {
    /// Asks the table, and does what it says.
    pub(super) fn stimulate(&mut self, now: Instant, stimulus: Stimulus, cause: Cause, out: &mut Effects) {
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
            Decision::Hold => {
                let again_at = now + self.config.advert_interval();
                self.phase = Phase::Backup {
                    master_down_at: self.timers().master_down_at.map_or(again_at, |at| at.max(again_at)),
                    preempt_at: self.timers().preempt_at.map(|_| again_at),
                };
            }
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
                self.listen_instead(now, cause, out);
            }
            Decision::StepDown => {
                self.send(0, out);
                self.listen_instead(now, cause, out);
            }
            Decision::Resign => self.listen_instead(now, cause, out),
            Decision::Leave => {
                self.send(0, out);
                self.enter(now, Phase::Leaving { until: now + self.leaving_max() }, cause, out);
            }
            Decision::HandOver => {
                self.send(0, out);
                self.enter(now, Phase::Yielding { until: now + self.yielding_max() }, cause, out);
            }
            Decision::LeaveNow => {
                let until = self.timers().handover_until.unwrap_or(now);
                self.enter(now, Phase::Leaving { until }, cause, out);
            }
            Decision::EndHandover => self.end_handover(now, stimulus, cause, out),
            Decision::Reclaim => {
                self.change_priority(now, out, |router| router.stands_back_since = None);
                // With its group: for this member, too, nobody has taken over.
                let nobody = Cause::NobodyTookOver { waited_us: now.since(self.since).us() };
                let cause = if matches!(cause, Cause::GroupMoved { .. }) { nobody } else { cause };
                self.take_over(now, cause, out);
            }
            // One that has not begun yet has nothing to tell.
            Decision::Stop if self.phase.place() == Place::Init => self.phase = Phase::Stopped,
            Decision::Stop => self.enter(now, Phase::Stopped, cause, out),
        }
    }

    /// How long one that leaves keeps the addresses at most. Backups say nothing, so that nobody can know that there is
    /// none: the one of least priority needs its whole skew time, and may be late by a moment. Whether its first advert
    /// arrives does not matter any more: it has the addresses by then.
    fn leaving_max(&self) -> Duration {
        self.slowest_skew() + BACKUP_LATE_MAX.min(self.config.advert_interval())
    }

    /// How long one that yields waits until it takes the addresses back. Here an advert of the next master that gets lost
    /// would have two of them, so it is given an interval to send another.
    fn yielding_max(&self) -> Duration {
        self.slowest_skew() + self.config.advert_interval()
    }

    fn slowest_skew(&self) -> Duration {
        self.config.skew(1, self.config.advert_interval())
    }

    /// The handover is over: the addresses go.
    fn end_handover(&mut self, now: Instant, stimulus: Stimulus, cause: Cause, out: &mut Effects) {
        let to = matches!(stimulus, Stimulus::Heard(_)).then_some(self.heard).flatten();
        let lasted = now.since(self.since);
        emit(out, Effect::Action(Action::RemoveAddresses));
        emit(out, Effect::Event(Event::HandoverEnded { to: to.map(|heard| heard.address), lasted }));
        if self.phase.place() == Place::Leaving {
            self.phase = Phase::Stopped;
        } else {
            self.phase = Phase::Backup { master_down_at: now + self.master_down_interval(), preempt_at: None };
            if stimulus == Stimulus::Blocked {
                self.suspend(now, cause, out);
            }
        }
    }

    /// From MASTER to BACKUP.
    fn listen_instead(&mut self, now: Instant, cause: Cause, out: &mut Effects) {
        emit(out, Effect::Action(Action::RemoveAddresses));
        let master_down_at = now + self.master_down_interval();
        self.enter(now, Phase::Backup { master_down_at, preempt_at: None }, cause, out);
    }

    /// To FAULT. A master that can still speak says so.
    pub(super) fn suspend(&mut self, now: Instant, cause: Cause, out: &mut Effects) {
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
    pub(super) fn take_over(&mut self, now: Instant, cause: Cause, out: &mut Effects) {
        bump(&mut self.counters.became_master);
        let listens_until = |heard: Heard| heard.at + self.master_down_interval();
        self.expects_goodbye = self.leaving.is_none() && self.heard.is_some_and(|heard| listens_until(heard) > now);
        self.master_interval = self.config.advert_interval();
        self.send(self.effective_priority(), out);
        // A master that takes the addresses back from its own handover still has them.
        if !self.holds_addresses() {
            emit(out, Effect::Action(Action::AddAddresses));
        }
        self.announcer.start(now, &self.config.announce);
        if self.announcer.poll(now, &self.config.announce) {
            emit(out, Effect::Action(Action::Announce));
        }
        self.enter(now, Phase::Master { advertise_at: now + self.config.advert_interval() }, cause, out);
    }

    pub(super) fn enter(&mut self, now: Instant, phase: Phase, cause: Cause, out: &mut Effects) {
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

    /// It is time for an advert, or long past it.
    pub(super) fn advert_due(&mut self, now: Instant, out: &mut Effects) {
        let Phase::Master { advertise_at } = self.phase else { return };
        let overdue = now.since(advertise_at);
        // The last advert went out an interval before the one that is due.
        let is_lost = overdue + self.config.advert_interval() >= self.master_down_interval();
        if self.config.resigns_when_overdue && is_lost && !self.is_owner() {
            self.stimulate(now, Stimulus::AdvertOverdue, Cause::HeldUp { overdue_us: overdue.us() }, out);
        } else {
            self.stimulate(now, Stimulus::AdvertDue, Cause::Start, out);
        }
    }

    /// The advert that is due, on an absolute schedule: lateness of one advert does not delay those after it. After a
    /// stall of more than an interval nobody needs the adverts that were missed, but the next is due when it was before:
    /// a thousand instances that stalled together would else go on in one burst for ever.
    pub(super) fn advertise(&mut self, now: Instant, out: &mut Effects) {
        let Phase::Master { advertise_at } = self.phase else { return };
        let interval = self.config.advert_interval();
        let next = advertise_at + interval;
        // What was missed is counted only where something was: boards of 32 bits divide slowly.
        let missed = if next > now { 0 } else { now.since(advertise_at).whole(interval) };
        self.phase = Phase::Master { advertise_at: next + interval.times(missed) };
        self.send(self.effective_priority(), out);
    }

    pub(super) fn defend(&mut self, now: Instant, out: &mut Effects) {
        let spacing = Duration::from_us(self.config.advert_interval().us() / DEFENCES_PER_INTERVAL);
        if self.config.answers_lower && self.defended_at.is_none_or(|at| now.since(at) >= spacing) {
            self.defended_at = Some(now);
            self.send(self.effective_priority(), out);
        }
        self.announcer.heal(now, &self.config.announce);
    }

    pub(super) fn follow_for_now(&mut self, now: Instant) {
        let (Phase::Backup { preempt_at, .. }, Preempt::After(delay)) = (self.phase, self.config.preempt) else {
            return;
        };
        self.phase = Phase::Backup {
            master_down_at: now + self.master_down_interval(),
            preempt_at: Some(preempt_at.unwrap_or(now + delay)),
        };
    }

    /// Why the master-down timer or the preempt delay ran out.
    pub(super) fn cause_of_takeover(&self, now: Instant) -> Cause {
        if let Some(from) = self.leaving {
            return Cause::PriorityZero { from };
        }
        let Some(Heard { address: master, priority, at }) = self.heard else {
            return Cause::NobodyHeard { waited_us: now.since(self.since).us() };
        };
        let silent = now.since(at);
        // What the master itself promised last: of one that is preempted the interval is not taken.
        let sender = self.senders().iter().find(|sender| sender.address == master);
        let interval =
            sender.map_or(self.master_interval, |sender| Duration::from_cs(sender.advert_interval_cs.max(1)));
        if priority < self.effective_priority() && silent.us() <= interval.us() + interval.us() / 2 {
            Cause::WePreempt { master, priority }
        } else {
            let intervals = u32::try_from(silent.whole(interval)).unwrap_or(u32::MAX);
            Cause::MasterSilent { master, silent_us: silent.us(), intervals }
        }
    }

    pub(super) fn note_second(&mut self, now: Instant, source: IpAddr, priority: u8, out: &mut Effects) {
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
    pub(super) fn second_gone(&mut self, now: Instant, who: Option<IpAddr>, out: &mut Effects) {
        if let Some(second) = self.second
            && who.is_none_or(|who| who == second.address)
        {
            self.second = None;
            let lasted = now.since(second.since);
            emit(out, Effect::Event(Event::SecondMasterGone { source: second.address, lasted }));
        }
    }

    pub(super) fn send(&self, priority: u8, out: &mut Effects) {
        if self.source.is_some() {
            emit(out, Effect::Advert { priority });
            emit(out, Effect::Event(Event::Sent { priority }));
        }
    }
}
