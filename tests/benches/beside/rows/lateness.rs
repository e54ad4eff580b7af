//! How exactly adverts follow one another, by the kernel's stamps at the switch. Both daemons at the same time, but for
//! those that compete for the processors.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use locum_tests::Moment;

use super::{Context, Pair, Taken, in_turn};
use crate::bare::bare_master;
use crate::daemon::{Setup, Which};
use crate::figures::{Goal, Line, Sample, ms};
use crate::ground::{Ground, Seen};
use crate::tools::hog;

/// What else the machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strain {
    /// Nothing.
    None,
    /// Two programs compute.
    Hogs,
    /// The same, and the daemons run in real time.
    HogsRealtime,
}

impl Strain {
    /// The end of its row's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Hogs => "/two-hogs",
            Self::HogsRealtime => "/two-hogs/real-time",
        }
    }
}

/// The real-time priority.
const REALTIME: u8 = 20;

/// Measures it.
pub(crate) fn take(context: &Context, instances: usize, interval_ms: u64, strain: Strain) -> Taken {
    let mean_goal = match (interval_ms, strain, instances) {
        (1000, Strain::None, 1) => Goal::Near(1000.0, 0.01),
        (10, Strain::None, _) => Goal::Near(10.0, 0.002),
        _ => Goal::None,
    };
    let p99_goal = if strain == Strain::HogsRealtime { Goal::AtMost(0.14) } else { Goal::None };
    let mut mean = Line::new("mean interval [ms]", mean_goal);
    let mut p99 = Line::new("deviation of an interval, p99 [ms]", p99_goal);
    let mut max = Line::new("deviation of an interval, most [ms]", Goal::None);
    let mut taken = Taken::default();
    let mut bare = Sample::default();
    let mut strangers: BTreeMap<&str, usize> = BTreeMap::new();
    let setup = Setup {
        realtime: (strain == Strain::HogsRealtime).then_some(REALTIME),
        ..Setup::new(instances, 200, interval_ms)
    };
    for run in 0..context.runs {
        for which in in_turn(run) {
            let ground = Ground::new(2, instances);
            let pair = Pair::start(context, which, &ground, &setup);
            let hogs = (strain != Strain::None).then(|| [hog(), hog()]);
            let capture = ground.capture();
            let from = Moment::now();
            sleep(context.window(10));
            drop(hogs);
            let seen = capture.seen();
            let false_claims = seen.iter().filter(|seen| seen.at > from && seen.router == 2 && seen.advert().is_some());
            let name = if which == Which::Locum { "locum" } else { "the peer" };
            *strangers.entry(name).or_default() += false_claims.count();
            let deviations = intervals(&seen, interval_ms);
            mean.of(which).extend(deviations.0);
            p99.of(which).extend(deviations.1.quantile(0.99));
            max.of(which).extend(deviations.1.quantile(1.0));
            drop(pair);
        }
        if strain != Strain::None {
            bare.extend(bare_deviation(context, &setup));
        }
    }
    if bare.len() > 0 {
        taken.notes.push(format!(
            "a bare loop, with a sleep for all and a send for each, heard by another, deviates by {bare} ms (p99)"
        ));
    }
    for (name, count) in strangers.into_iter().filter(|(_, count)| *count > 0) {
        taken.notes.push(format!("{count} adverts of the backup of {name}: it took over from a master that was well"));
    }
    taken.lines.extend([mean, p99, max]);
    taken
}

/// By how much the intervals of a bare loop with as many adverts differ beside two programs that compute, p99 in
/// milliseconds.
fn bare_deviation(context: &Context, setup: &Setup) -> Option<f64> {
    let ground = Ground::new(2, 1);
    let adverts = u8::try_from(setup.instances).unwrap_or(u8::MAX);
    let sends = bare_master(&ground, adverts, Duration::from_millis(setup.interval_ms), setup.realtime);
    let hogs = [hog(), hog()];
    let capture = ground.capture();
    sleep(context.window(10));
    drop((hogs, sends));
    intervals(&capture.seen(), setup.interval_ms).1.quantile(0.99)
}

/// The mean interval, and by how much each differs from what it should be, in milliseconds.
pub(super) fn intervals(seen: &[Seen], interval_ms: u64) -> (Option<f64>, Sample) {
    let mut last: BTreeMap<(usize, u8), Moment> = BTreeMap::new();
    let (mut all, mut deviations) = (Sample::default(), Sample::default());
    let nominal = ms(Duration::from_millis(interval_ms));
    for seen in seen.iter().filter(|seen| seen.router == 1) {
        let Some((vrid, _)) = seen.advert() else { continue };
        if let Some(before) = last.insert((seen.lan, vrid), seen.at) {
            let interval = ms(seen.at.since(before));
            all.push(interval);
            deviations.push((interval - nominal).abs());
        }
    }
    (all.mean(), deviations)
}
