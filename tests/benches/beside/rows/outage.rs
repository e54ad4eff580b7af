//! What a client misses when something happens to the master. Both daemons go through it at the same time, each on a
//! network of its own.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::thread::{scope, sleep};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use locum_tests::{ArpKind, Frame, Moment};

use super::{Context, Taken, wait_claims};
use crate::daemon::{Daemon, FIRST, Setup, Which};
use crate::figures::{Goal, Line, ms};
use crate::ground::{CLIENT, Ground, Seen};
use crate::tools::{PROBE_EVERY, probe};

/// What happens to the master, and is undone again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Its cable is cut.
    LinkCut,
    /// Nothing gets through any more, with its carrier up; then the segment heals.
    Silence,
    /// It is stopped in order, and started again.
    Stop,
    /// It stands back, and takes part again; a peer that knows no such thing is stopped.
    Yield,
    /// It is stopped in order where nobody preempts: the next event is the other's.
    NoPreempt,
}

impl Event {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::LinkCut, Self::Silence, Self::Stop, Self::Yield, Self::NoPreempt];

    /// Its name among the rows.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::LinkCut => "link-cut",
            Self::Silence => "silence",
            Self::Stop => "stop",
            Self::Yield => "yield",
            Self::NoPreempt => "no-preempt",
        }
    }

    const fn is_planned(self) -> bool {
        matches!(self, Self::Stop | Self::Yield | Self::NoPreempt)
    }
}

/// The priorities of routers 1, 2 and 3.
const PRIORITIES: [u8; 3] = [200, 100, 50];

/// The virtual address of the first instance.
pub(super) const VIP: Ipv4Addr = Ipv4Addr::new(10, 70, 1, 1);

/// The times of a row.
struct Times {
    interval: Duration,
    /// Master_Down_Interval and Skew_Time of a router of this priority, as its version has it.
    down: [Duration; 3],
    skew: [Duration; 3],
    /// Between the event and its undoing, and after that.
    away: Duration,
    back: Duration,
}

impl Times {
    fn new(context: &Context, event: Event, interval_ms: u64) -> Self {
        let interval = Duration::from_millis(interval_ms);
        let unit = if interval_ms.is_multiple_of(1000) { Duration::from_secs(1) } else { interval };
        let skew = PRIORITIES.map(|priority| unit * (256 - u32::from(priority)) / 256);
        let down = skew.map(|skew| 3 * interval + skew);
        let slow = interval_ms >= 1000;
        let longest = down[1] * 115 / 100;
        let more = match event {
            // Clients can be on the wrong router for as long as the master's next announcements are away.
            Event::Silence if slow => Duration::from_secs(8),
            Event::Silence if !context.quick => Duration::from_secs(3),
            Event::NoPreempt => longest + Duration::from_secs(2),
            _ => longest + Duration::from_millis(if slow { 2500 } else { 1600 }),
        };
        let away = longest + Duration::from_millis(if slow { 1200 } else { 800 });
        Self { interval, down, skew, away, back: more }
    }
}

/// The moments of one run.
struct Moments {
    /// Who was master.
    master: usize,
    /// Just before the event.
    before: Moment,
    /// Just after it.
    after: Moment,
    /// When the process was gone, if it was to go.
    gone: Option<Moment>,
    /// Just before the event was undone, and just after it.
    undone: Moment,
    restored: Moment,
    /// The end of the run.
    end: Moment,
}

/// Lines of this row.
struct Lines {
    outage: Line,
    over: Line,
    announced: Line,
    switch: Line,
    back: Line,
    exit: Line,
    heal: Line,
}

/// Measures it.
pub(crate) fn take(context: &Context, event: Event, routers: usize, interval_ms: u64) -> Taken {
    let times = Times::new(context, event, interval_ms);
    let planned = if event.is_planned() { Goal::AtMost(20.0) } else { Goal::None };
    let bound = if event.is_planned() { "skew" } else { "master-down interval" };
    let lines = Mutex::new(Lines {
        outage: Line::new("outage [ms]", planned),
        over: Line::new(
            format!("timer beyond the {bound} [ms]"),
            if event.is_planned() { Goal::None } else { Goal::AtMost(2.0) },
        ),
        announced: Line::new("first advert to announcement [ms]", Goal::OfPeers(1.0)),
        // A ping a millisecond: on average half of that is its own.
        switch: Line::new("first advert to first answer [ms]", Goal::None),
        back: Line::new(
            "outage when it is undone [ms]",
            if event.is_planned() { Goal::AtMost(20.0) } else { Goal::None },
        ),
        exit: Line::new("next master's advert to process gone [ms]", Goal::AtMost(50.0)),
        heal: Line::new("heal: first advert to the right router [ms]", Goal::AtMost(50.0)),
    });
    let notes = Mutex::new(Vec::new());
    scope(|scope| {
        for which in Which::BOTH {
            let (times, lines, notes) = (&times, &lines, &notes);
            scope.spawn(move || play(context, which, event, routers, times, lines, notes));
        }
    });
    let Lines { outage, over, announced, switch, back, exit, heal } =
        lines.into_inner().expect("nobody panics with it");
    let wanted = [outage, over, announced, switch, back, exit, heal]
        .into_iter()
        .filter(|line| line.ours.len() + line.theirs.len() > 0);
    Taken { lines: wanted.collect(), notes: notes.into_inner().expect("nobody panics with it"), is_noisy: false }
}

/// Lets it happen to one of the daemons.
fn play(
    context: &Context,
    which: Which,
    event: Event,
    routers: usize,
    times: &Times,
    lines: &Mutex<Lines>,
    notes: &Mutex<Vec<String>>,
) {
    let ground = Ground::new(routers, 1);
    let interval_ms = u64::try_from(times.interval.as_millis()).unwrap_or(u64::MAX);
    let setups = PRIORITIES
        .map(|priority| Setup { no_preempt: event == Event::NoPreempt, ..Setup::new(1, priority, interval_ms) });
    let start = |router: usize| Daemon::start(&context.programs, which, &ground, router, &setups[router - 1]);
    let capture = ground.capture();
    let mut daemons = vec![start(1)];
    wait_claims(&capture, 1, 1);
    daemons.extend((2..=routers).map(start));
    sleep(Duration::from_secs(2));
    drop(capture);
    let mut master = 1;
    for _ in 0..context.runs {
        let capture = ground.capture();
        let probe = probe(&ground, VIP);
        // Long enough for an advert to be seen, and then at any point between two of them.
        let before_event = Duration::from_millis(300) + times.interval;
        sleep(before_event + random_share(times.interval.max(Duration::from_millis(50))));
        let before = Moment::now();
        let stands_back = event == Event::Yield && which == Which::Locum;
        let is_stopped = event.is_planned() && !stands_back;
        match event {
            Event::LinkCut => ground.set_cable(master, false),
            Event::Silence => ground.set_forwarding(master, false),
            Event::Yield if stands_back => daemons[master - 1].ask(&["yield", FIRST]),
            Event::Stop | Event::Yield | Event::NoPreempt => daemons[master - 1].ask_to_stop(),
        }
        let after = Moment::now();
        let gone = is_stopped.then(|| {
            daemons[master - 1].wait_end();
            Moment::now()
        });
        sleep(times.away);
        let undone = Moment::now();
        match event {
            Event::LinkCut => ground.set_cable(master, true),
            Event::Silence => ground.set_forwarding(master, true),
            Event::Yield if stands_back => daemons[master - 1].ask(&["resume", FIRST]),
            Event::Stop | Event::Yield | Event::NoPreempt => daemons[master - 1] = start(master),
        }
        let restored = Moment::now();
        sleep(times.back);
        let moments = Moments { master, before, after, gone, undone, restored, end: Moment::now() };
        drop(probe);
        let seen = capture.seen();
        if claims_before(&seen, before) == Some(master) {
            let mut lines = lines.lock().expect("nobody panics with it");
            judge(&seen, &moments, event, which, times, &mut lines);
            if event == Event::Silence && got_through(&seen, &moments).is_none() {
                let note =
                    format!("{which:?}: nobody knows whether an advert got through or was just too early; no heal");
                notes.lock().expect("nobody panics with it").push(note);
            }
        } else {
            let note = format!("{which:?}: router {master} was not the master when it should have been; left out");
            notes.lock().expect("nobody panics with it").push(note);
        }
        if event == Event::Silence {
            ground.forget_neighbours(); // a client that is still on the wrong router must not spoil the next run
        }
        if event == Event::NoPreempt {
            master = 3 - master;
        }
    }
}

/// Who claimed to be master last before this moment.
fn claims_before(seen: &[Seen], at: Moment) -> Option<usize> {
    let mut claims = seen.iter().filter(|seen| seen.at < at && seen.advert().is_some_and(|(_, priority)| priority > 0));
    claims.next_back().map(|seen| seen.router)
}

/// A share of `time` that nobody can foresee.
fn random_share(time: Duration) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    time * (now.subsec_micros() % 997) / 997
}

/// A ping, and who answered.
pub(super) struct Probed {
    pub(super) at: Moment,
    pub(super) by: Option<usize>,
}

/// The pings that were seen.
pub(super) fn probed(seen: &[Seen]) -> Vec<Probed> {
    let mut answers: BTreeMap<u32, usize> = BTreeMap::new();
    let echoes = || {
        seen.iter().filter_map(|seen| match &seen.frame {
            Frame::Echo(echo) => Some((seen, echo, u32::from(echo.ident) << 16 | u32::from(echo.sequence))),
            _ => None,
        })
    };
    for (seen, _, number) in echoes().filter(|(_, echo, _)| echo.reply) {
        answers.entry(number).or_insert(seen.router);
    }
    let asked = echoes().filter(|(seen, echo, _)| seen.router == CLIENT && !echo.reply);
    asked.map(|(seen, _, number)| Probed { at: seen.at, by: answers.get(&number).copied() }).collect()
}

/// The longest time from one answered ping to the next, or to the end.
fn longest_silence(probes: &[Probed], from: Moment, until: Moment) -> Duration {
    let from = from - Duration::from_millis(100);
    let answered = probes.iter().filter(|it| it.by.is_some() && it.at >= from && it.at <= until).map(|it| it.at);
    let mut last = from;
    let mut longest = Duration::ZERO;
    for at in answered.chain([until]) {
        longest = longest.max(at.since(last));
        last = at;
    }
    longest
}

fn announces(seen: &Seen) -> bool {
    matches!(&seen.frame, Frame::Arp(arp) if arp.kind == ArpKind::Gratuitous && arp.sender == VIP)
}

/// How long before the port was surely open an advert may have been sent and count as one that got through.
const UNSURE_MAX: Duration = Duration::from_millis(10);

/// When the first advert after a silence got through. `None` where one was sent while the port was being opened, which takes
/// a busy machine half a second: nobody knows what became of it.
fn got_through(seen: &[Seen], moments: &Moments) -> Option<Moment> {
    let first = seen.iter().find(|seen| seen.advert().is_some() && seen.at > moments.undone);
    let at = first.map_or(moments.end, |first| first.at);
    (at + UNSURE_MAX >= moments.restored).then_some(at)
}

fn judge(seen: &[Seen], moments: &Moments, event: Event, which: Which, times: &Times, lines: &mut Lines) {
    let Moments { master, before, after, gone, undone, end, .. } = *moments;
    let probes = probed(seen);
    lines.outage.push(which, ms(longest_silence(&probes, before, undone)));
    let adverts = || seen.iter().filter_map(|seen| seen.advert().map(|(_, priority)| (seen, priority)));
    let next = adverts()
        .find(|(seen, priority)| seen.router != master && *priority > 0 && seen.at > before && seen.at < undone);
    if let Some((next, priority)) = next {
        // What a router sends whose port is blocked is seen, and heard by nobody.
        let until = if event == Event::Silence { after + Duration::from_millis(5) } else { undone };
        let heard = |it: &&(&Seen, u8)| it.0.router == master && it.0.at < next.at && it.0.at < until;
        let place = PRIORITIES.iter().position(|it| *it == priority).unwrap_or(1);
        if let Some((last, last_priority)) = adverts().rfind(|it| heard(&it)) {
            let due = if last_priority == 0 { times.skew[place] } else { times.down[place] };
            lines.over.push(which, ms(next.at.since(last.at)) - ms(due));
        }
        let announced = seen.iter().find(|it| it.router == next.router && it.at > before && announces(it));
        if let Some(announced) = announced {
            lines.announced.push(which, ms(announced.at.since(next.at)));
        }
        let answered = probes.iter().find(|probe| probe.by == Some(next.router) && probe.at > next.at);
        if let Some(answered) = answered {
            lines.switch.push(which, ms(answered.at.since(next.at)));
        }
        if let Some(gone) = gone.filter(|_| event != Event::Yield) {
            lines.exit.push(which, ms(gone.since(next.at)));
        }
    }
    if event == Event::Silence {
        if let Some(through) = got_through(seen, moments) {
            let mut wrong =
                probes.iter().filter(|probe| probe.at > through && probe.at < end && probe.by != Some(master));
            let right = wrong.next_back().map_or(through, |wrong| wrong.at + PROBE_EVERY);
            lines.heal.push(which, ms(right.since(through)));
        }
    } else {
        lines.back.push(which, ms(longest_silence(&probes, undone, end)));
    }
}
