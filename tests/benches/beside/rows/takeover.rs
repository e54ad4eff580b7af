//! How long a takeover takes with many virtual addresses.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use locum_tests::{ArpKind, Frame, Moment};

use super::{Context, Pair, Taken, in_turn};
use crate::bare::bare_takeover;
use crate::daemon::Setup;
use crate::figures::{Goal, Line, Sample, ms};
use crate::ground::{Capture, Ground, Seen};

/// The interval: a takeover comes soon, and is not over before the next one.
const INTERVAL_MS: u64 = 100;

/// How long a takeover may take.
const TAKEOVER_MAX: Duration = Duration::from_secs(20);

/// Measures it: the master's cable is cut, and the other one announces.
pub(crate) fn take(context: &Context, addresses: usize) -> Taken {
    let goal = if addresses == 500 { Goal::OfPeers(0.5) } else { Goal::OfPeers(1.0) };
    let setup = Setup { more_addresses: addresses - 1, ..Setup::new(1, 200, INTERVAL_MS) };
    let all: Vec<_> = [Ipv4Addr::new(10, 70, 1, 1)].into_iter().chain(setup.more_addresses()).collect();
    let mut line = Line::new("first advert to last address announced [ms]", goal);
    let mut bare = Sample::default();
    let mut taken = Taken::default();
    for run in 0..context.runs {
        for which in in_turn(run) {
            let ground = Ground::new(2, 1);
            let capture = ground.capture();
            let begun = Moment::now();
            bare_takeover(&ground, &all);
            match wait(&capture, begun, addresses) {
                Some(took) => bare.push(ms(took)),
                None => taken.notes.push(format!("the bare loop has not announced all {addresses} addresses")),
            }
            drop(capture);
            let pair = Pair::start(context, which, &ground, &setup);
            let capture = ground.capture();
            let cut = Moment::now();
            ground.set_cable(1, false);
            match wait(&capture, cut, addresses) {
                Some(took) => line.push(which, ms(took)),
                None => taken.notes.push(format!("{which:?} has not announced all {addresses} addresses")),
            }
            drop(pair);
        }
    }
    taken.notes.push(format!(
        "a bare loop needs {bare} ms: an advert, all addresses in one system call, all announcements in one more",
    ));
    taken.lines.push(line);
    taken
}

/// How long router 2 takes to announce so many addresses, counted from its first advert since then.
fn wait(capture: &Capture, since: Moment, addresses: usize) -> Option<Duration> {
    let started = Instant::now();
    loop {
        match announced(&capture.seen(), since, addresses) {
            None if started.elapsed() < TAKEOVER_MAX => sleep(Duration::from_millis(100)),
            took => return took,
        }
    }
}

/// From router 2's first advert to the announcement of the last of its addresses, if all have been announced.
fn announced(seen: &[Seen], since: Moment, addresses: usize) -> Option<Duration> {
    let mut by = seen.iter().filter(|seen| seen.router == 2 && seen.at > since);
    let first = by.clone().find(|seen| seen.advert().is_some())?.at;
    let mut announced: BTreeSet<Ipv4Addr> = BTreeSet::new();
    let last = by.find(|seen| {
        if let Frame::Arp(arp) = &seen.frame
            && arp.kind == ArpKind::Gratuitous
        {
            announced.insert(arp.sender);
        }
        announced.len() == addresses
    })?;
    Some(last.at.since(first))
}
