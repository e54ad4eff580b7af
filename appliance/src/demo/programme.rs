//! The programme that is played without a terminal: what is done when, and what the protocol promises about it.

use std::thread;
use std::time::Duration as StdDuration;

use locum_control::{SortedSet, State};
use locum_core::time::{Duration, Instant};

use super::group::{PROBE_INTERVAL, RouterId, allowance};
use super::report::Report;
use super::story::{IN_ORDER_AFTER, Snapshot, Who};
use super::{Demo, DemoError, Ending};
use crate::clock;

/// After a takeover, before the next deed: what follows from it has happened, and adverts have come.
const SETTLE: Duration = Duration::from_ms(500);

/// How often the programme looks.
const LOOK_EVERY: StdDuration = StdDuration::from_millis(20);

/// A machine that is later than this is remarked upon.
const LATENESS_MAX: Duration = Duration::from_ms(50);

/// What is done to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// All routers are started.
    StartAll,
    /// A cable is cut.
    Cut(RouterId),
    /// It is plugged in again.
    Plug(RouterId),
    /// A router is stopped in order.
    Stop(RouterId),
    /// It is killed.
    Kill(RouterId),
    /// It is started again.
    Start(RouterId),
}

impl Deed {
    /// As the report says it.
    pub(super) fn words(self) -> String {
        match self {
            Self::StartAll => "start of all three".into(),
            Self::Cut(id) => format!("cut of {id}'s cable"),
            Self::Plug(id) => format!("{id}'s cable plugged in"),
            Self::Stop(id) => format!("orderly stop of {id}"),
            Self::Kill(id) => format!("kill of {id}"),
            Self::Start(id) => format!("start of {id}"),
        }
    }
}

/// What the protocol promises about a handover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// Nobody is MASTER: the successor listens for its master down interval.
    First,
    /// The master has vanished: the successor notices after its master down interval; until then nobody answers.
    Vanished,
    /// The master says that it leaves: the successor waits for its skew. locum's master answers until it hears it.
    Leaves,
    /// A router of higher priority comes: it listens for its master down interval, and the present master answers until
    /// it is preempted (RFC 3768 §6.4.2: adverts of lower priority do not restart the timer).
    Preempts,
}

impl Promise {
    fn takeover(self, successor: RouterId) -> Duration {
        match self {
            Self::First | Self::Vanished | Self::Preempts => successor.master_down_interval(),
            Self::Leaves => successor.skew(),
        }
    }

    /// How the bound of the takeover is reckoned.
    pub(super) fn reckoning(self, successor: RouterId) -> String {
        match self {
            Self::First | Self::Vanished | Self::Preempts => successor.master_down_reckoning(),
            Self::Leaves => successor.skew_reckoning(),
        }
    }

    /// What is said about the bound of the client's silence.
    pub(super) const fn silence_words(self) -> &'static str {
        match self {
            Self::First => "",
            Self::Vanished => ": the same, and a probe",
            Self::Leaves => ": the same, and a probe; to reach: 0.020 s",
            Self::Preempts => ": nobody is without a master meanwhile",
        }
    }
}

/// A part of the programme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) deed: Deed,
    pub(super) promise: Promise,
    /// Who has to be MASTER after it, alone.
    pub(super) successor: RouterId,
}

impl Step {
    const fn new(deed: Deed, promise: Promise, successor: RouterId) -> Self {
        Self { deed, promise, successor }
    }

    /// How long it may take until the successor is MASTER.
    pub(super) fn takeover_bound(&self) -> Duration {
        self.promise.takeover(self.successor) + allowance()
    }

    /// How long the client may be without an answer; no bound before there is anybody to answer.
    pub(super) fn silence_bound(&self) -> Option<Duration> {
        match self.promise {
            Promise::First => None,
            Promise::Vanished | Promise::Leaves => Some(self.takeover_bound() + PROBE_INTERVAL),
            Promise::Preempts => Some(allowance()),
        }
    }

    /// The time that it needs in the programme.
    fn slot(&self) -> Duration {
        self.takeover_bound() + SETTLE
    }
}

/// The steps, in order: each part begins and ends with A as MASTER.
const PARTS: [&[Step]; 3] = {
    use Deed::{Cut, Kill, Plug, Start, StartAll, Stop};
    use Promise::{First, Leaves, Preempts, Vanished};
    use RouterId::{A, B, C};
    [
        &[
            Step::new(StartAll, First, A),
            Step::new(Cut(A), Vanished, B),
            Step::new(Plug(A), Preempts, A),
            Step::new(Stop(A), Leaves, B),
        ],
        &[Step::new(Start(A), Preempts, A)],
        &[
            Step::new(Kill(A), Vanished, B),
            Step::new(Stop(B), Leaves, C),
            Step::new(Start(B), Preempts, B),
            Step::new(Start(A), Preempts, A),
        ],
    ]
};

/// What came of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// How long it took until the successor was MASTER.
    pub(super) took: Option<Duration>,
    /// The client's longest silence; none if it was never answered.
    pub(super) silence: Option<Duration>,
    /// What was not as promised, a sentence each.
    pub(super) failures: Vec<String>,
    /// What the protocol allows but nobody expects, a sentence each.
    pub(super) remarks: Vec<String>,
}

/// A programme for a certain time.
#[derive(Debug)]
pub(super) struct Programme {
    duration: StdDuration,
    /// Each with the time it may use.
    steps: Vec<(Step, Duration)>,
}

impl Programme {
    /// As many parts as fit, at least the first; what is left over is shared out among the steps as quiet time.
    pub(super) fn fit(duration: StdDuration) -> Result<Self, DemoError> {
        let length = Duration::from_us(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
        let mut steps: Vec<Step> = Vec::new();
        let mut needed = Duration::ZERO;
        for (index, part) in PARTS.into_iter().enumerate() {
            let with_it = part.iter().fold(needed, |sum, step| sum + step.slot());
            if with_it > length {
                if index == 0 {
                    let needed = StdDuration::from_secs(with_it.us().div_ceil(1_000_000));
                    return Err(DemoError::TooShort { wanted: duration, needed });
                }
                break;
            }
            needed = with_it;
            steps.extend(part);
        }
        let count = u64::try_from(steps.len()).unwrap_or(1).max(1);
        let quiet = Duration::from_us(length.us().saturating_sub(needed.us()) / count);
        Ok(Self { duration, steps: steps.into_iter().map(|step| (step, step.slot() + quiet)).collect() })
    }

    /// Plays it, and prints what happens.
    pub(super) fn play(self, demo: &Demo) -> Ending {
        let began = clock::now();
        let report = Report::begin(began, self.duration);
        let mut outcomes = Vec::new();
        let mut until = began;
        for (step, length) in self.steps {
            until = until + length;
            let outcome = play_step(&step, until, demo, &report);
            outcomes.push((step, outcome));
        }
        report.entries(&demo.story.take_entries(Instant::from_us(u64::MAX)));
        report.end(&outcomes, demo.story.snapshot().silences.outages());
        let is_good = outcomes.iter().all(|(_, outcome)| outcome.failures.is_empty());
        if is_good { Ending::Good } else { Ending::Bad }
    }
}

fn play_step(step: &Step, until: Instant, demo: &Demo, report: &Report) -> Outcome {
    let began = demo.story.measure_anew();
    let done = do_deed(step.deed, demo);
    if let Err(error) = &done {
        demo.story.tell(Who::Demo, format!("that failed: {error}"));
    }
    while clock::now() < until {
        thread::sleep(LOOK_EVERY);
        report.entries(&demo.story.take_entries(clock::now() - IN_ORDER_AFTER));
    }
    let mut outcome = judge(step, began, &demo.story.takeovers_since(began), &demo.story.snapshot());
    if let Err(error) = done {
        outcome.failures.push(error.to_string());
    }
    outcome
}

fn do_deed(deed: Deed, demo: &Demo) -> Result<(), DemoError> {
    match deed {
        Deed::StartAll => RouterId::ALL.into_iter().try_for_each(|id| demo.start(id)),
        Deed::Cut(id) => demo.cut(id),
        Deed::Plug(id) => demo.plug(id),
        Deed::Stop(id) => demo.stop(id),
        Deed::Kill(id) => demo.kill(id),
        Deed::Start(id) => demo.start(id),
    }
}

/// Compares what has happened with what the protocol promises.
fn judge(step: &Step, began: Instant, takeovers: &[(Instant, RouterId)], after: &Snapshot) -> Outcome {
    let successor = step.successor;
    let took = takeovers.iter().find(|(_, id)| *id == successor).map(|(at, _)| at.since(began));
    // Before the first step nobody has answered: how long that lasted says nothing.
    let silence = if step.promise == Promise::First { None } else { after.silences.longest(after.now) };
    let mut failures = Vec::new();
    match took {
        None => failures.push(format!("{successor} did not become MASTER")),
        Some(took) if took > step.takeover_bound() => failures.push(format!("{successor} became MASTER too late")),
        Some(_) => {}
    }
    let others: SortedSet<_> = takeovers.iter().map(|(_, id)| *id).filter(|id| *id != successor).collect();
    // The skews of neighbours differ by 40 ms or so: one that is scheduled late is overtaken, and preempts.
    let mut remarks: Vec<_> = others.iter().map(|other| format!("{other} was MASTER for a moment, too")).collect();
    let late = after.silences.lateness_max();
    if late > LATENESS_MAX {
        remarks.push(format!("this machine is busy: it did what was due up to {late} late"));
    }
    let masters: Vec<_> = after.masters().map(RouterId::name).collect();
    if masters != [successor.name()] {
        let masters = if masters.is_empty() { "nobody".into() } else { masters.join(" and ") };
        failures.push(format!("MASTER at the end: {masters}"));
    }
    match (silence, step.silence_bound()) {
        (None, Some(_)) => failures.push("the client was never answered".into()),
        (Some(silence), Some(bound)) if silence > bound => {
            failures.push("the client was without an answer for too long".into());
        }
        _ => {}
    }
    if !after.silences.is_answered(after.now) {
        failures.push("the client is not answered at the end".into());
    }
    for id in RouterId::ALL {
        let view = after.router(id);
        if view.should_run && !view.runs {
            failures.push(format!("{id} has ended by itself"));
        }
        if view.runs && view.is_plugged && matches!(view.state, None | Some(State::Fault | State::Init)) {
            let state = view.state.map_or("not known".into(), |state| state.to_string());
            failures.push(format!("{id} does not take part: its state is {state}"));
        }
    }
    Outcome { took, silence, failures, remarks }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::silence::Silences;
    use crate::demo::story::RouterView;

    const CUT: Step = Step::new(Deed::Cut(RouterId::A), Promise::Vanished, RouterId::B);

    fn deeds(seconds: u64) -> Vec<Deed> {
        Programme::fit(StdDuration::from_secs(seconds)).unwrap().steps.iter().map(|(step, _)| step.deed).collect()
    }

    #[test]
    fn more_time_is_used_for_more() {
        use Deed::{Cut, Plug, Start, StartAll, Stop};
        use RouterId::A;
        assert_eq!(deeds(15), [StartAll, Cut(A), Plug(A), Stop(A)]);
        assert_eq!(deeds(20), [StartAll, Cut(A), Plug(A), Stop(A), Start(A)]);
        assert_eq!(deeds(60).len(), 9);
    }

    #[test]
    fn too_little_time_is_an_error_that_says_how_much_it_takes() {
        for seconds in [0, 1, 14] {
            let error = Programme::fit(StdDuration::from_secs(seconds)).unwrap_err();
            assert!(error.to_string().contains("--duration 15s"), "{error}");
        }
        assert!(Programme::fit(StdDuration::MAX).is_ok());
    }

    #[test]
    fn the_time_is_used_up_and_no_step_has_less_than_it_needs() {
        for seconds in 15..100 {
            let programme = Programme::fit(StdDuration::from_secs(seconds)).unwrap();
            let sum = programme.steps.iter().fold(Duration::ZERO, |sum, (_, length)| sum + *length);
            assert!(sum.us() <= seconds * 1_000_000 && sum.us() > seconds * 1_000_000 - 100, "{seconds}: {sum:?}");
            assert!(programme.steps.iter().all(|(step, length)| *length >= step.slot()));
        }
    }

    #[test]
    fn every_part_begins_and_ends_with_a_group_in_order() {
        // Whoever is cut or stopped is MASTER, and whoever is plugged in or started was cut or stopped before.
        let mut master = RouterId::A;
        let mut away = SortedSet::new();
        for step in PARTS.into_iter().flatten() {
            let removes = match step.deed {
                Deed::StartAll => continue,
                Deed::Cut(id) | Deed::Stop(id) | Deed::Kill(id) => (id, true),
                Deed::Plug(id) | Deed::Start(id) => (id, false),
            };
            match removes {
                (id, true) => assert!(id == master && away.insert(id), "{step:?}"),
                (id, false) => assert!(away.remove(&id), "{step:?}"),
            }
            master = step.successor;
            assert_eq!(RouterId::ALL.into_iter().find(|id| !away.contains(id)), Some(master), "{step:?}");
        }
        assert!(away.is_empty());
    }

    fn group(states: [State; 3], silences: Silences, now: Instant) -> Snapshot {
        let view =
            |state| RouterView { runs: true, should_run: true, is_plugged: state != State::Fault, state: Some(state) };
        Snapshot { now, routers: states.map(view), silences, answered_by: Some(RouterId::B) }
    }

    /// A cut at 1 s, the takeover after `took_ms` and the first answer 5 ms later.
    fn cut(took_ms: u64, states: [State; 3]) -> Outcome {
        let ms = |ms: u64| Instant::from_us(ms * 1_000);
        let mut silences = Silences::default();
        silences.answered(1, ms(995));
        silences.answered(took_ms / 10, ms(1_000 + took_ms + 5));
        let takeovers = [(ms(1_000 + took_ms), RouterId::B)];
        judge(&CUT, ms(1_000), &takeovers, &group(states, silences, ms(1_000 + took_ms + 10)))
    }

    #[test]
    fn a_takeover_within_the_bound_is_good() {
        let outcome = cut(3_600, [State::Fault, State::Master, State::Backup]);
        let expected = Outcome {
            took: Some(Duration::from_ms(3_600)),
            silence: Some(Duration::from_ms(3_610)),
            failures: Vec::new(),
            remarks: Vec::new(),
        };
        assert_eq!(outcome, expected);
    }

    #[test]
    fn a_takeover_beyond_the_bound_is_not() {
        let outcome = cut(3_950, [State::Fault, State::Master, State::Backup]);
        assert_eq!(outcome.failures, ["B became MASTER too late", "the client was without an answer for too long"]);
    }

    #[test]
    fn two_masters_nobody_or_the_wrong_one_are_not() {
        let two = cut(3_600, [State::Fault, State::Master, State::Master]);
        assert_eq!(two.failures, ["MASTER at the end: B and C"]);
        let ms = |ms: u64| Instant::from_us(ms * 1_000);
        let wrong = [(ms(4_000), RouterId::C)];
        let after = group([State::Fault, State::Backup, State::Master], Silences::default(), ms(9_000));
        let outcome = judge(&CUT, ms(1_000), &wrong, &after);
        let expected = [
            "B did not become MASTER",
            "MASTER at the end: C",
            "the client was never answered",
            "the client is not answered at the end",
        ];
        assert_eq!((outcome.failures.as_slice(), outcome.remarks.len()), (&expected.map(String::from)[..], 1));
    }

    #[test]
    fn a_router_that_has_ended_or_does_not_take_part_is_not() {
        let outcome = cut(3_600, [State::Fault, State::Master, State::Init]);
        assert_eq!(outcome.failures, ["C does not take part: its state is INIT"]);
    }
}
