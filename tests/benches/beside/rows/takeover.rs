//! How long a takeover takes with many virtual addresses.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use locum_tests::{ArpKind, Frame, Moment};

use super::{Context, Pair, Taken, in_turn};
use crate::daemon::Setup;
use crate::figures::{Goal, Line, ms};
use crate::ground::{Ground, Seen};

/// The interval: a takeover comes soon, and is not over before the next one.
const INTERVAL_MS: u64 = 100;

/// How long a takeover may take.
const TAKEOVER_MAX: Duration = Duration::from_secs(20);

/// Measures it: the master's cable is cut, and the other one announces.
pub(crate) fn take(context: &Context, addresses: usize) -> Taken {
    let goal = if addresses == 500 { Goal::OfPeers(0.5) } else { Goal::OfPeers(1.0) };
    let mut line = Line::new("first advert to last address announced [ms]", goal);
    let mut notes = Vec::new();
    for run in 0..context.runs {
        for which in in_turn(run) {
            let ground = Ground::new(2, 1);
            let setup = Setup { more_addresses: addresses - 1, ..Setup::new(1, 200, INTERVAL_MS) };
            let pair = Pair::start(context, which, &ground, &setup);
            let capture = ground.capture();
            let cut = Moment::now();
            ground.set_cable(1, false);
            let started = Instant::now();
            let took = loop {
                if let Some(took) = announced(&capture.seen(), cut, addresses) {
                    break Some(took);
                }
                if started.elapsed() > TAKEOVER_MAX {
                    break None;
                }
                sleep(Duration::from_millis(100));
            };
            match took {
                Some(took) => line.push(which, ms(took)),
                None => notes.push(format!("{which:?} has not announced all {addresses} addresses")),
            }
            drop(pair);
        }
    }
    Taken { lines: vec![line], notes, is_noisy: false }
}

/// From router 2's first advert to the announcement of the last of its addresses, if all have been announced.
fn announced(seen: &[Seen], cut: Moment, addresses: usize) -> Option<Duration> {
    let mut by = seen.iter().filter(|seen| seen.router == 2 && seen.at > cut);
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
