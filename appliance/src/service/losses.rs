//! What somebody takes away from a master (`on_vip_lost`): put back at once, without giving up mastership; but whoever does
//! so again and again is not to be argued with.

use std::collections::VecDeque;

use locum_config::model::OnVipLost;
use locum_control::{Event as Told, Lasts, SortedSet};
use locum_core::router::Command;
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::{Cause, State};

use super::Service;
use crate::clock;
use crate::engine::link::Order;

/// Somebody who takes away what is put back this often in this time gets his way.
const OFTEN: usize = 10;
const OFTEN_WITHIN: Duration = Duration::from_s(5);

/// Where nobody else wants the addresses, more than this in that time are put back at a slower pace.
const OFTEN_IN_VAIN: usize = 3;

/// How long an instance stands back then: twice as long each time, until it was left alone for [`LEFT_ALONE`].
const LEASE_FIRST: Duration = Duration::from_s(60);
const LEASE_MAX: Duration = Duration::from_s(3600);
const LEFT_ALONE: Duration = Duration::from_s(900);

/// What was lost is told at once, and then as a count this often.
const TELL_EVERY: Duration = Duration::from_s(10);

/// Parts that are lost within this time went at one stroke, as when all addresses of an interface are flushed.
const STROKE: Duration = Duration::from_s(1);

/// The ticket of an order that nobody waits for.
pub(super) const NOBODY_ASKS: u32 = 0;

/// What was taken away from an instance.
#[derive(Debug, Default)]
pub(super) struct Losses {
    /// The last strokes, at most [`OFTEN`].
    strokes: VecDeque<Instant>,
    /// The parts that went with the last one.
    parts: SortedSet<usize>,
    /// Parts put back and not told of yet.
    untold: u32,
    /// The last of them, in words.
    last: String,
    /// When it was last told.
    told_at: Option<Instant>,
    /// When it last gave way, and for how long.
    gave_way: Option<(Instant, Duration)>,
    /// Why it stands back, in words, while it does.
    reason: Option<String>,
    /// Something is missing, or may be, and is put back at the next tick.
    waits: bool,
}

/// What is to be done about a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is put back, and that is that.
    PutBack,
    /// Somebody insists.
    GiveWay(Duration),
}

impl Losses {
    /// Takes note that a part was lost and is put back.
    fn note(&mut self, now: Instant, part: usize, policy: OnVipLost) -> Verdict {
        let goes_on = self.strokes.back().is_some_and(|at| now.since(*at) < STROKE) && self.parts.insert(part);
        self.untold = self.untold.saturating_add(1);
        if !goes_on {
            self.parts = SortedSet::from([part]);
            if self.strokes.len() >= OFTEN {
                self.strokes.pop_front();
            }
            self.strokes.push_back(now);
        }
        let insists = policy != OnVipLost::Restore || self.is_often(now);
        match self.gave_way {
            _ if !insists => Verdict::PutBack,
            // Giving way has just been tried: either it still stands back, or nobody wanted the addresses.
            Some((at, lease)) if now.since(at) < lease => Verdict::PutBack,
            before => {
                let again = before.filter(|(at, lease)| now.since(*at + *lease) < LEFT_ALONE);
                let lease = again.map_or(LEASE_FIRST, |(_, lease)| lease.times(2).min(LEASE_MAX));
                self.gave_way = Some((now, lease));
                self.strokes.clear();
                self.parts.clear();
                Verdict::GiveWay(lease)
            }
        }
    }

    fn is_often(&self, now: Instant) -> bool {
        self.strokes_lately(now) >= OFTEN
    }

    fn strokes_lately(&self, now: Instant) -> usize {
        self.strokes.iter().filter(|at| now.since(**at) < OFTEN_WITHIN).count()
    }

    /// Whether what is missing is to be put back now. Otherwise the next tick does it.
    fn may_put_back(&mut self, now: Instant) -> bool {
        let has_tried = self.gave_way.is_some_and(|(at, lease)| now.since(at) < lease);
        self.waits = has_tried && self.strokes_lately(now) >= OFTEN_IN_VAIN;
        !self.waits
    }

    /// Something may be missing that is just being put there: it is looked at again at the next tick.
    pub(super) fn look_again(&mut self) {
        self.waits = true;
    }

    /// How many parts are to be told of now, if any.
    fn take_untold(&mut self, now: Instant) -> Option<u32> {
        let is_due = self.told_at.is_none_or(|at| now.since(at) >= TELL_EVERY);
        (self.untold > 0 && is_due).then(|| {
            self.told_at = Some(now);
            std::mem::take(&mut self.untold)
        })
    }
}

impl Service {
    /// Whether what this instance lacks is to be put back now.
    pub(super) fn may_put_back(&mut self, index: usize, now: Instant) -> bool {
        self.instances.get_mut(index).is_some_and(|instance| {
            let losses = instance.losses.as_mut();
            losses.is_none_or(|losses| losses.may_put_back(now))
        })
    }

    /// Something had been taken away from an instance, and is there again.
    pub(super) fn handle_loss(&mut self, index: usize, part: usize, part_name: &str) {
        let now = clock::now();
        let Some(instance) = self.instances.get_mut(index) else { return };
        log::debug!("{}: {part_name} put back", instance.name());
        let losses = instance.losses.get_or_insert_default();
        part_name.clone_into(&mut losses.last);
        let policy = *instance.configured.on_vip_lost;
        match losses.note(now, part, policy) {
            Verdict::PutBack => self.tell_losses(index),
            Verdict::GiveWay(lease) => {
                losses.told_at = None;
                self.tell_losses(index);
                let verb = if policy == OnVipLost::Restore { "keeps removing" } else { "has removed" };
                let words = format!("somebody {verb} {part_name}");
                if policy == OnVipLost::Fault {
                    self.refuse_for(index, words, lease);
                } else {
                    self.give_way(index, &words, lease);
                }
            }
        }
    }

    fn tell_losses(&mut self, index: usize) {
        let now = clock::now();
        let Some(instance) = self.instances.get_mut(index) else { return };
        let Some(losses) = &mut instance.losses else { return };
        let Some(count) = losses.take_untold(now) else { return };
        let (part, instance) = (losses.last.clone(), instance.name().to_owned());
        match count {
            1 => log::warn!("{instance}: somebody had removed {part}; it is put back"),
            _ => log::warn!("{instance}: {count} times somebody had removed what is ours, last {part}; it is put back"),
        }
        self.tell(now, Told::VipLost { instance, part, count });
    }

    /// Hands over to whoever can hold the addresses, for so long. If nobody can, it goes on.
    fn give_way(&mut self, index: usize, words: &str, lease: Duration) {
        let Some(name) = self.instances.get(index).map(|instance| instance.name().to_owned()) else { return };
        let chosen = self.chosen_with_groups(Some(&name)).unwrap_or_default();
        let names: Vec<String> =
            chosen.iter().filter_map(|index| self.instances.get(*index)).map(|found| found.name().to_owned()).collect();
        // As if the operator had said so: written down, shown, and ended by `resume`.
        if let Err(error) = self.yields.begin(&names, Lasts::Seconds(lease.us() / 1_000_000), true) {
            log::error!("yields: {error}");
        }
        self.tell_operator("locum", format!("{words}: {} stands back for {lease}", names.join(", ")));
        for index in chosen {
            let Some(instance) = self.instances.get_mut(index) else { continue };
            instance.losses.get_or_insert_default().reason = Some(format!("{words}; stands back for {lease}"));
            if let Some(router) = instance.router {
                self.order(Order::Command { router, command: Command::GiveWay, ticket: NOBODY_ASKS });
            }
        }
    }

    /// Why an instance stands back that the operator has not told to.
    pub(super) fn reason_to_stand_back(&self, index: usize) -> Option<&str> {
        self.instances.get(index)?.losses.as_ref()?.reason.as_deref()
    }

    /// What a change of state means for it.
    pub(super) fn follow_losses(&mut self, index: usize, to: State, cause: Cause) {
        if let Some(instance) = self.instances.get_mut(index)
            && (to == State::Master || matches!(cause, Cause::Yielded | Cause::VipLost))
        {
            instance.goes_on_until = None;
            if let Some(losses) = &mut instance.losses {
                losses.reason = None;
            }
        }
    }

    /// Called every second: puts back what waits, and tells what has been lost meanwhile.
    pub(super) fn tick_losses(&mut self) {
        let mut orders = Vec::new();
        for index in 0..self.instances.len() {
            self.tell_losses(index);
            let Some(instance) = self.instances.get_mut(index) else { continue };
            let losses = instance.losses.as_mut();
            if losses.is_some_and(|losses| std::mem::take(&mut losses.waits)) && instance.state == State::Master {
                orders.extend(instance.router.map(|router| Order::Refresh { router }));
            }
        }
        orders.into_iter().for_each(|order| self.order(order));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_ms(ms)
    }

    fn restore(losses: &mut Losses, ms: u64, part: usize) -> Verdict {
        losses.note(at(ms), part, OnVipLost::Restore)
    }

    #[test]
    fn ten_times_in_five_seconds_is_too_often() {
        let mut losses = Losses::default();
        assert!((0..30).all(|count| restore(&mut losses, count * 600, 0) == Verdict::PutBack), "that is tolerated");
        let verdicts: Vec<_> = (0..10).map(|count| restore(&mut losses, 60_000 + count * 20, 0)).collect();
        assert!(verdicts[..9].iter().all(|verdict| *verdict == Verdict::PutBack));
        assert_eq!(verdicts[9], Verdict::GiveWay(LEASE_FIRST));
    }

    #[test]
    fn what_goes_at_one_stroke_is_lost_once() {
        let mut losses = Losses::default();
        assert!((0..500).all(|part| restore(&mut losses, 1_000, part) == Verdict::PutBack));
        assert_eq!(losses.strokes.len(), 1);
        assert_eq!(losses.take_untold(at(1_000)), Some(500));
    }

    #[test]
    fn the_first_loss_is_enough_where_it_is_to_be() {
        for policy in [OnVipLost::Yield, OnVipLost::Fault] {
            assert_eq!(Losses::default().note(at(0), 0, policy), Verdict::GiveWay(LEASE_FIRST));
        }
    }

    #[test]
    fn somebody_who_does_not_tire_is_given_way_for_ever_longer() {
        let mut losses = Losses::default();
        let mut now = 0;
        let mut leases = Vec::new();
        while leases.len() < 8 {
            now += 100;
            if let Verdict::GiveWay(lease) = restore(&mut losses, now, 0) {
                leases.push(lease.us() / 1_000_000);
                now += lease.us() / 1_000;
            }
        }
        assert_eq!(leases, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
        // A quarter of an hour of peace, and all is forgotten.
        now += 3_600_000 + 900_000;
        let verdicts: Vec<_> = (0..10).map(|count| restore(&mut losses, now + count * 100, 0)).collect();
        assert_eq!(verdicts[9], Verdict::GiveWay(LEASE_FIRST));
    }

    #[test]
    fn where_nobody_takes_over_it_is_put_back_at_a_slower_pace() {
        let mut losses = Losses::default();
        for count in 0..10 {
            assert!(losses.may_put_back(at(count)));
            restore(&mut losses, count, 0);
        }
        // It has given way, and is MASTER again because nobody wanted the addresses.
        for count in 0..3 {
            assert!(losses.may_put_back(at(3_000 + count)));
            assert_eq!(restore(&mut losses, 3_000 + count, 0), Verdict::PutBack);
        }
        for second in 4..20 {
            assert!(!losses.may_put_back(at(second * 1_000)));
            assert!(losses.waits);
            assert_eq!(restore(&mut losses, second * 1_000, 0), Verdict::PutBack);
        }
        assert!(losses.may_put_back(at(30_000)));
    }

    #[test]
    fn one_loss_is_told_at_once_and_many_as_a_count() {
        let mut losses = Losses::default();
        restore(&mut losses, 0, 0);
        assert_eq!(losses.take_untold(at(0)), Some(1));
        for count in 1..6 {
            restore(&mut losses, count * 1_000, 0);
        }
        assert_eq!(losses.take_untold(at(6_000)), None);
        assert_eq!(losses.take_untold(at(10_000)), Some(5));
        assert_eq!(losses.take_untold(at(30_000)), None);
    }
}
