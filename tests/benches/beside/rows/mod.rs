//! What is measured, row by row.

mod bad_packets;
mod check;
mod console;
mod lateness;
mod load;
mod outage;
mod start;
mod takeover;

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, Programs, Setup, Which};
use crate::figures::Line;
use crate::ground::{Capture, Ground};
use crate::sandbox;
use crate::tools;

use lateness::Strain;
use outage::Event;

/// What all rows are told.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The two.
    pub(crate) programs: Programs,
    /// How often each is measured.
    pub(crate) runs: usize,
    /// Short.
    pub(crate) quick: bool,
}

impl Context {
    /// A time, or a short one.
    fn window(&self, seconds: u64) -> Duration {
        if self.quick { Duration::from_millis(500) } else { Duration::from_secs(seconds) }
    }
}

/// What came of a row.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The figures.
    pub(crate) lines: Vec<Line>,
    /// What is to be known about them.
    pub(crate) notes: Vec<String>,
    /// The machine was too noisy for them.
    pub(crate) is_noisy: bool,
}

impl Taken {
    fn note_noise(&mut self, what: String, is_noisy: bool) {
        self.is_noisy |= is_noisy;
        self.notes.push(if is_noisy { format!("noisy: {what}") } else { what });
    }
}

/// A row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) name: String,
    work: Work,
}

#[derive(Clone, Copy, Debug)]
enum Work {
    Outage { event: Event, routers: usize, interval_ms: u64 },
    Cpu { instances: usize },
    Calls { instances: usize },
    Memory { instances: usize },
    Lateness { instances: usize, interval_ms: u64, strain: Strain },
    Start { instances: usize },
    Check { instances: usize },
    BadPackets { rate: u32 },
    Takeover { addresses: usize },
    Console { instances: usize },
}

/// How late an ordinary thread may be woken, one time in a hundred, before a row about time is called noisy.
const LATE_MAX_US: f64 = 2000.0;

/// How long a row may take beyond what its runs need.
const SLACK: Duration = Duration::from_secs(120);

impl Row {
    /// Whether it is among what was asked for.
    pub(crate) fn is_wanted(&self, words: &[String]) -> bool {
        words.is_empty() || words.iter().any(|word| self.name.contains(word.as_str()))
    }

    /// Measures it.
    pub(crate) fn take(&self, context: &Context) -> Taken {
        let runs = u32::try_from(context.runs).unwrap_or(u32::MAX);
        sandbox::allow(&self.name, SLACK + Duration::from_secs(60) * runs);
        match self.work {
            Work::Cpu { instances } => load::cpu(context, instances),
            Work::Calls { instances } => load::calls(context, instances),
            Work::Memory { instances } => load::memory(context, instances),
            Work::Lateness { strain: Strain::Hogs | Strain::HogsRealtime, .. } => self.take_timed(context),
            _ => {
                let sleeper = tools::sleeper();
                let mut taken = self.take_timed(context);
                let late = sleeper.finish().quantile(0.99).unwrap_or(0.0);
                taken.note_noise(format!("an ordinary thread was woken {late:.0} us late (p99)"), late > LATE_MAX_US);
                taken
            }
        }
    }

    fn take_timed(&self, context: &Context) -> Taken {
        match self.work {
            Work::Outage { event, routers, interval_ms } => outage::take(context, event, routers, interval_ms),
            Work::Lateness { instances, interval_ms, strain } => {
                lateness::take(context, instances, interval_ms, strain)
            }
            Work::Start { instances } => start::take(context, instances),
            Work::Check { instances } => check::take(context, instances),
            Work::BadPackets { rate } => bad_packets::take(context, rate),
            Work::Takeover { addresses } => takeover::take(context, addresses),
            Work::Console { instances } => console::take(context, instances),
            Work::Cpu { .. } | Work::Calls { .. } | Work::Memory { .. } => Taken::default(),
        }
    }
}

/// All rows; the few short ones of each kind if it is to be quick.
pub(crate) fn all(quick: bool) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |name: String, work| rows.push(Row { name, work });
    let intervals: &[u64] = if quick { &[10] } else { &[1000, 100, 10] };
    for interval_ms in intervals.iter().copied() {
        for routers in if quick { 2..=2 } else { 2..=3 } {
            for event in Event::ALL.into_iter().filter(|event| !quick || *event != Event::NoPreempt) {
                let name = format!("{}/{routers}-routers/{interval_ms}-ms", event.name());
                row(name, Work::Outage { event, routers, interval_ms });
            }
        }
    }
    let counts: &[usize] = if quick { &[10] } else { &[1, 10, 100, 255, 1000] };
    for instances in counts.iter().copied() {
        row(format!("cpu/{instances}"), Work::Cpu { instances });
    }
    for instances in if quick { [10].as_slice() } else { &[100, 1000] }.iter().copied() {
        row(format!("calls/{instances}"), Work::Calls { instances });
    }
    let lateness = |instances, interval_ms, strain: Strain| {
        let name = format!("lateness/{instances}/{interval_ms}-ms{}", strain.name());
        (name, Work::Lateness { instances, interval_ms, strain })
    };
    if quick {
        let (name, work) = lateness(1, 10, Strain::None);
        row(name, work);
    } else {
        for (instances, interval_ms) in [(1, 10), (1, 1000), (100, 1000), (1000, 1000)] {
            let (name, work) = lateness(instances, interval_ms, Strain::None);
            row(name, work);
        }
        for strain in [Strain::Hogs, Strain::HogsRealtime] {
            let (name, work) = lateness(100, 1000, strain);
            row(name, work);
        }
    }
    for instances in if quick { [1].as_slice() } else { &[1, 1000] }.iter().copied() {
        row(format!("memory/{instances}"), Work::Memory { instances });
        row(format!("start/{instances}"), Work::Start { instances });
    }
    let instances = if quick { 500 } else { 10_000 };
    row(format!("check/{instances}"), Work::Check { instances });
    for rate in if quick { [1000].as_slice() } else { &[20_000, 10] }.iter().copied() {
        row(format!("bad-packets/{rate}"), Work::BadPackets { rate });
    }
    for addresses in if quick { [100].as_slice() } else { &[1, 100, 500] }.iter().copied() {
        row(format!("takeover/{addresses}"), Work::Takeover { addresses });
    }
    let instances = if quick { 10 } else { 1000 };
    row(format!("console/{instances}"), Work::Console { instances });
    rows
}

/// The first two routers, with the first as master of all instances.
struct Pair {
    master: Daemon,
    backup: Daemon,
}

/// How long instances may take until they are all MASTER.
const MASTER_MAX: Duration = Duration::from_secs(30);

impl Pair {
    /// Starts them one after the other, and waits until it is quiet.
    fn start(context: &Context, which: Which, ground: &Ground, setup: &Setup) -> Self {
        let capture = ground.capture();
        let master = Daemon::start(&context.programs, which, ground, 1, setup);
        wait_claims(&capture, 1, setup.instances);
        let backup = Setup { priority: setup.priority / 2, ..setup.clone() };
        let backup = Daemon::start(&context.programs, which, ground, 2, &backup);
        // The second round of announcements comes five seconds after the first, and goes on for a quarter of a second with
        // every address several times: at a thousand instances as many packets as adverts leave in five seconds.
        let quiet = if context.quick { 1 } else { 7 };
        sleep(Duration::from_secs(quiet));
        Self { master, backup }
    }
}

/// Waits until a router has claimed to be master of so many instances.
fn wait_claims(capture: &Capture, router: usize, instances: usize) {
    let started = Instant::now();
    loop {
        let seen = capture.seen();
        let claims: BTreeSet<_> = seen
            .iter()
            .filter(|seen| seen.router == router)
            .filter_map(|seen| seen.advert().map(|(vrid, _)| (seen.lan, vrid)))
            .collect();
        if claims.len() >= instances {
            return;
        }
        assert!(started.elapsed() < MASTER_MAX, "router {router} is master of {} of {instances}", claims.len());
        sleep(Duration::from_millis(50));
    }
}

/// Both, in an order that changes from run to run.
fn in_turn(run: usize) -> [Which; 2] {
    if run.is_multiple_of(2) { Which::BOTH } else { [Which::Peer, Which::Locum] }
}
