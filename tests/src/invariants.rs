//! What must hold in every test, whatever it is about.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use locum_control::{InstanceStatus, State, TransitionRecord};

use crate::addresses::AddressEntry;
use crate::decode::{ArpKind, Frame};
use crate::lab::{Disturbance, Lab};
use crate::moment::{LOOK_EVERY, Moment};
use crate::node::Node;
use crate::router::{Daemon, Router};
use crate::timeline::{Mastership, Record, Timeline};

/// Longer than the master-down interval at the scenarios' interval of 1 s (RFC 3768 §6.1: three intervals and the skew).
const MASTER_DOWN_MAX: Duration = Duration::from_secs(4);

/// How long after its last advert a master may still answer: up to the moment of its next advert, in which it may learn
/// that it is no master, or to the end of a handover.
const ANSWER_AFTER: Duration = Duration::from_millis(2500);

/// How long before its first advert a master may answer: both are sent in one go.
const ANSWER_BEFORE: Duration = Duration::from_millis(200);

/// How long all may take to behave after one was disturbed.
const RECOVERY: Duration = Duration::from_secs(5);

/// How long address and state may differ while a transition is under way.
const SETTLE: Duration = Duration::from_secs(3);

/// Checks it all; what it says otherwise is what is wrong.
pub(crate) fn check(lab: &mut Lab) -> Result<(), String> {
    let timeline = lab.timeline();
    let vrids: BTreeSet<u8> = timeline
        .records()
        .iter()
        .filter(|record| record.from.is_router())
        .filter_map(|record| match &record.frame {
            Frame::Advert(advert) => Some(advert.vrid),
            Frame::Arp(_) | Frame::Echo(_) | Frame::Other => None,
        })
        .collect();
    for vrid in vrids {
        one_master_at_a_time(&timeline, vrid, lab.disturbances())?;
        only_masters_answer(&timeline, vrid, lab.disturbances())?;
    }
    for router in lab.routers() {
        if router.daemon() == Daemon::Locum && router.is_running() {
            addresses_follow_the_state(router)?;
            each_transition_has_a_cause(router)?;
        }
    }
    Ok(())
}

fn must_hold(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Never more than one master for longer than a master-down interval, when frames flow.
fn one_master_at_a_time(timeline: &Timeline, vrid: u8, disturbances: &[Disturbance]) -> Result<(), String> {
    for (one, other, _) in timeline.masters_overlap(vrid, MASTER_DOWN_MAX) {
        let overlap = (one.from.max(other.from), one.until.min(other.until));
        let theirs = disturbances.iter().filter(|it| it.node == one.node || it.node == other.node);
        let longest = longest_remainder(overlap, theirs);
        must_hold(longest <= MASTER_DOWN_MAX, || {
            let (a, b) = (one.node, other.node);
            format!("{a} and {b} were both master of VRID {vrid} for {longest:?}: {one:?}, {other:?}")
        })?;
    }
    Ok(())
}

/// The longest piece of `span` in which there is no disturbance.
fn longest_remainder<'a>(span: (Moment, Moment), disturbances: impl Iterator<Item = &'a Disturbance>) -> Duration {
    let mut pieces = vec![span];
    for disturbance in disturbances {
        let cut = |(from, until): (Moment, Moment)| {
            [(from, until.min(disturbance.from)), (from.max(disturbance.until), until)]
        };
        pieces = pieces.into_iter().flat_map(cut).filter(|(from, until)| from < until).collect();
    }
    pieces.into_iter().map(|(from, until)| until.since(from)).max().unwrap_or_default()
}

/// A router answers on a virtual address only while it advertises as its master, or hands it over.
fn only_masters_answer(timeline: &Timeline, vrid: u8, disturbances: &[Disturbance]) -> Result<(), String> {
    let masterships = timeline.masterships(vrid, MASTER_DOWN_MAX);
    let vips: BTreeSet<IpAddr> = timeline
        .adverts(vrid)
        .iter()
        .filter(|advert| advert.from.is_router())
        .flat_map(|advert| advert.what.addresses.clone())
        .collect();
    for record in timeline.records().iter().filter(|record| record.from.is_router()) {
        let spoke_for = match &record.frame {
            Frame::Arp(arp) if arp.kind != ArpKind::Request => arp.sender,
            Frame::Echo(echo) if echo.reply => echo.source,
            Frame::Arp(_) | Frame::Echo(_) | Frame::Advert(_) | Frame::Other => continue,
        };
        let is_master = masterships.iter().any(|mastership| covers(mastership, record.from, record.at));
        // Adverts to a peer that is away wait for its MAC address, so its master may speak without being seen as one.
        let excused = disturbances.iter().any(|it| record.at >= it.from && record.at <= it.until + RECOVERY);
        must_hold(!vips.contains(&IpAddr::from(spoke_for)) || is_master || excused, || {
            let Record { at, from, frame, .. } = record;
            format!("{from} spoke for {spoke_for} at {at:?} without being master: {frame:?}; {masterships:#?}")
        })?;
    }
    Ok(())
}

fn covers(mastership: &Mastership, node: Node, at: Moment) -> bool {
    mastership.node == node && at >= mastership.from - ANSWER_BEFORE && at <= mastership.until + ANSWER_AFTER
}

/// A virtual address is on a node if and only if it says MASTER; a handover is excepted while it lasts.
fn addresses_follow_the_state(router: &Router) -> Result<(), String> {
    let deadline = Instant::now() + SETTLE;
    loop {
        let instances = router.instances();
        let present: Vec<String> = router.addresses().iter().map(with_prefix).collect();
        let Some(status) = instances.iter().find(|status| differs(status, &present)) else { return Ok(()) };
        let (node, name, state) = (router.node(), &status.name, status.state);
        must_hold(Instant::now() < deadline, || format!("{node} is {state} in {name} and has {present:?}"))?;
        sleep(LOOK_EVERY);
    }
}

fn differs(status: &InstanceStatus, present: &[String]) -> bool {
    let here = status.vips.iter().filter(|vip| present.contains(&vip.address)).count();
    match status.state {
        State::Master => here < status.vips.len(),
        State::Init | State::Backup | State::Fault => here > 0 && status.timers.handover_until_us.is_none(),
    }
}

/// An address as the socket writes it.
pub(crate) fn with_prefix(entry: &AddressEntry) -> String {
    format!("{}/{}", entry.address, entry.prefix)
}

/// The kept history is whole: each transition begins in the state in which the one before it ended, and says why.
fn each_transition_has_a_cause(router: &Router) -> Result<(), String> {
    for status in router.instances() {
        let history = router.history(&status.name);
        let follows =
            |pair: &[TransitionRecord]| pair[0].to == pair[1].from && pair[0].at_unix_ms <= pair[1].at_unix_ms;
        let is_whole = history.windows(2).all(follows)
            && history.iter().all(|it| !it.text.is_empty() && it.from != it.to)
            && history.last().map(|it| it.to) == Some(status.state);
        must_hold(is_whole, || {
            let told: Vec<_> = history.iter().map(|it| format!("{} -> {}: {}", it.from, it.to, it.text)).collect();
            format!("{} is {} in {}, and its history has a hole: {told:#?}", router.node(), status.state, status.name)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Moment {
        Moment::from_unix(Duration::from_secs(s))
    }

    fn disturbed(from: u64, until: u64) -> Disturbance {
        Disturbance { node: Node::A, from: at(from), until: at(until) }
    }

    #[test]
    fn what_a_disturbance_explains_does_not_count() {
        let remainder = |disturbances: &[Disturbance]| longest_remainder((at(10), at(20)), disturbances.iter());
        assert_eq!(remainder(&[]), Duration::from_secs(10));
        assert_eq!(remainder(&[disturbed(0, 13)]), Duration::from_secs(7));
        assert_eq!(remainder(&[disturbed(12, 16), disturbed(14, 19)]), Duration::from_secs(2));
        assert_eq!(remainder(&[disturbed(5, 25)]), Duration::ZERO);
    }
}
