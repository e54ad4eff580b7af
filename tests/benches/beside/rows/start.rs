//! From the start to adverts on the wire, and from the order to stop to the end.

use std::collections::BTreeMap;

use locum_tests::Moment;

use super::{Context, Taken, in_turn, wait_claims};
use crate::daemon::{Daemon, Setup};
use crate::figures::{Goal, Line, ms};
use crate::ground::Ground;

/// Measures it, with a router that owns its addresses and need not wait for anybody.
pub(crate) fn take(context: &Context, instances: usize) -> Taken {
    let (first_goal, all_goal) = match instances {
        1 => (Goal::AtMost(6.0), Goal::None),
        1000 => (Goal::None, Goal::AtMost(100.0)),
        _ => (Goal::None, Goal::None),
    };
    let mut first = Line::new("start to first advert [ms]", first_goal);
    let mut all = Line::new("start to an advert of all [ms]", all_goal);
    let mut stop = Line::new("alone: signal to process gone [ms]", Goal::None);
    for run in 0..context.runs {
        for which in in_turn(run) {
            let ground = Ground::new(1, instances);
            let capture = ground.capture();
            let mut daemon = Daemon::start(&context.programs, which, &ground, 1, &Setup::new(instances, 255, 1000));
            wait_claims(&capture, 1, instances);
            let mut claims: BTreeMap<(usize, u8), Moment> = BTreeMap::new();
            for seen in capture.seen() {
                if let Some((vrid, _)) = seen.advert() {
                    claims.entry((seen.lan, vrid)).or_insert(seen.at);
                }
            }
            let after = |moment: Option<&Moment>| moment.map(|at| ms(at.since(daemon.started)));
            first.of(which).extend(after(claims.values().min()));
            all.of(which).extend(after(claims.values().max()));
            stop.push(which, ms(daemon.stop()));
        }
    }
    let lines = if instances == 1 { vec![first, stop] } else { vec![first, all, stop] };
    Taken { lines, ..Taken::default() }
}
