//! What has happened and how things stand: told by the routers' watchers and the probe, read by the programme and the
//! console.

use std::collections::VecDeque;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, PoisonError};

use locum_control::{State, TransitionRecord};
use locum_core::time::{Duration, Instant};

use super::group::RouterId;
use super::report::seconds;
use super::silence::Silences;
use crate::clock;

/// Entries that may wait to be read. The console reads none.
const ENTRIES_MAX: usize = 512;

/// Takeovers that are remembered.
const TAKEOVERS_MAX: usize = 64;

/// How long an entry waits for those that happened before it and are told after it.
pub(super) const IN_ORDER_AFTER: Duration = Duration::from_ms(150);

/// Who an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Demo,
    Client,
    Router(RouterId),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Demo => "demo",
            Self::Client => "client",
            Self::Router(id) => id.name(),
        })
    }
}

/// Something that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: Instant,
    pub(super) who: Who,
    pub(super) what: String,
}

/// How a router stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RouterView {
    /// Its service runs.
    pub(super) runs: bool,
    /// Its service was started and not stopped since.
    pub(super) should_run: bool,
    /// Its cable is plugged in.
    pub(super) is_plugged: bool,
    /// Its state as last told; none if its service does not run.
    pub(super) state: Option<State>,
}

/// How everything stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot {
    pub(super) now: Instant,
    pub(super) routers: [RouterView; RouterId::COUNT],
    pub(super) silences: Silences,
    /// Who has answered last.
    pub(super) answered_by: Option<RouterId>,
}

impl Snapshot {
    /// How a router stands.
    pub(super) const fn router(&self, id: RouterId) -> RouterView {
        let [a, b, c] = self.routers;
        match id {
            RouterId::A => a,
            RouterId::B => b,
            RouterId::C => c,
        }
    }

    /// Those that are MASTER.
    pub(super) fn masters(&self) -> impl Iterator<Item = RouterId> {
        RouterId::ALL.into_iter().filter(|id| self.router(*id).state == Some(State::Master))
    }
}

/// What has happened.
#[derive(Debug)]
pub(super) struct Story(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    entries: VecDeque<Entry>,
    takeovers: VecDeque<(Instant, RouterId)>,
    snapshot: Snapshot,
    /// The outage that goes on has been told.
    outage_told: bool,
}

impl Story {
    /// Nothing has happened yet.
    pub(super) fn new() -> Self {
        let router = RouterView { runs: false, should_run: false, is_plugged: true, state: None };
        let snapshot = Snapshot {
            now: clock::now(),
            routers: [router; RouterId::COUNT],
            silences: Silences::default(),
            answered_by: None,
        };
        let inner = Inner { entries: VecDeque::new(), takeovers: VecDeque::new(), snapshot, outage_told: false };
        Self(Mutex::new(inner))
    }

    /// How everything stands now.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot { now: clock::now(), ..self.inner().snapshot }
    }

    /// Somebody became MASTER: who and when, since `from`, in the order in which it was told.
    pub(super) fn takeovers_since(&self, from: Instant) -> Vec<(Instant, RouterId)> {
        self.inner().takeovers.iter().copied().filter(|(at, _)| *at >= from).collect()
    }

    /// Begins to measure the client's silence anew.
    pub(super) fn measure_anew(&self) -> Instant {
        self.inner().snapshot.silences.measure_anew();
        clock::now()
    }

    /// Takes what happened before `until`, in order.
    pub(super) fn take_entries(&self, until: Instant) -> Vec<Entry> {
        let mut inner = self.inner();
        inner.notice_outage(clock::now());
        let (mut taken, left): (Vec<_>, Vec<_>) = inner.entries.drain(..).partition(|entry| entry.at < until);
        inner.entries = left.into();
        taken.sort_by_key(|entry| entry.at);
        taken
    }

    /// Says something.
    pub(super) fn tell(&self, who: Who, what: String) {
        self.inner().add(clock::now(), who, what);
    }

    /// A router's service is being started.
    pub(super) fn starting(&self, id: RouterId) {
        self.inner().with_router(id, |view| {
            view.runs = true;
            view.should_run = true;
        });
    }

    /// A router's service will end, because it is told to.
    pub(super) fn ending(&self, id: RouterId) {
        self.inner().with_router(id, |view| view.should_run = false);
    }

    /// It has ended, or could not be started.
    pub(super) fn is_gone(&self, id: RouterId) {
        self.inner().with_router(id, |view| {
            view.runs = false;
            view.state = None;
        });
    }

    /// Its process has ended.
    pub(super) fn ended(&self, id: RouterId, status: ExitStatus, log_tail: &str) {
        self.is_gone(id);
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, signal) => format!("signal {}", signal.unwrap_or(0)),
        };
        let mut inner = self.inner();
        let now = clock::now();
        if inner.snapshot.router(id).should_run {
            inner.add(now, Who::Router(id), format!("has ended by itself: {how}; the end of its log:"));
            for line in log_tail.lines() {
                inner.add(now, Who::Router(id), format!("  {line}"));
            }
        } else {
            inner.add(now, Who::Router(id), format!("has ended ({how})"));
        }
    }

    /// A cable was cut or plugged in.
    pub(super) fn cable(&self, id: RouterId, is_plugged: bool) {
        self.inner().with_router(id, |view| view.is_plugged = is_plugged);
    }

    /// A router cannot be asked.
    pub(super) fn trouble(&self, id: RouterId, what: &str) {
        self.tell(Who::Router(id), what.to_owned());
    }

    /// A router has changed its state.
    pub(super) fn transition(&self, id: RouterId, record: &TransitionRecord) {
        let at = Instant::from_us(record.at_us);
        let mut inner = self.inner();
        inner.with_router(id, |view| view.state = Some(record.to));
        if record.to == State::Master {
            if inner.takeovers.len() >= TAKEOVERS_MAX {
                inner.takeovers.pop_front();
            }
            inner.takeovers.push_back((at, id));
        }
        inner.add(at, Who::Router(id), format!("{} -> {}: {}", record.from, record.to, record.text));
    }

    /// The client sends a probe, so long after it was due. Returns its number.
    pub(super) fn probe(&self, late: Duration) -> u64 {
        self.inner().snapshot.silences.send(late)
    }

    /// The client was answered to this probe: by one of the routers, or by somebody else.
    pub(super) fn answered(&self, number: u64, by: Option<RouterId>, at: Instant) {
        let mut inner = self.inner();
        let is_first = inner.snapshot.silences.present(at).is_none();
        let outage = inner.snapshot.silences.answered(number, at);
        let before = std::mem::replace(&mut inner.snapshot.answered_by, by);
        inner.outage_told = false;
        let who = by.map_or("a stranger", RouterId::name);
        if let Some(outage) = outage {
            let lasted = seconds(outage.lasted);
            inner.add(at, Who::Client, format!("is answered again, by {who}, after {lasted} s without an answer"));
        } else if is_first || before != by {
            inner.add(at, Who::Client, format!("is answered by {who}"));
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn add(&mut self, at: Instant, who: Who, what: String) {
        if self.entries.len() >= ENTRIES_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { at, who, what });
    }

    fn with_router(&mut self, id: RouterId, change: impl FnOnce(&mut RouterView)) {
        if let Some(view) = self.snapshot.routers.get_mut(id.index()) {
            change(view);
        }
    }

    /// Tells, once, that the client is not answered any more; as of the last answer.
    fn notice_outage(&mut self, now: Instant) {
        let silences = &self.snapshot.silences;
        if let Some(silent) = silences.present(now)
            && !silences.is_answered(now)
            && !std::mem::replace(&mut self.outage_told, true)
        {
            self.add(now - silent, Who::Client, "is not answered any more".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use locum_control::Cause;

    use super::*;

    fn record(at_us: u64, to: State) -> TransitionRecord {
        let (instance, text) = ("VI_1".into(), "because".into());
        TransitionRecord { instance, at_us, at_unix_ms: 0, from: State::Backup, to, cause: Cause::Start, text }
    }

    #[test]
    fn entries_come_out_in_order_whatever_order_they_came_in() {
        let story = Story::new();
        story.transition(RouterId::B, &record(2_000, State::Master));
        story.transition(RouterId::A, &record(1_000, State::Fault));
        story.transition(RouterId::C, &record(9_000, State::Backup));
        let who: Vec<_> = story.take_entries(Instant::from_us(5_000)).iter().map(|entry| entry.who).collect();
        assert_eq!(who, [Who::Router(RouterId::A), Who::Router(RouterId::B)]);
        assert_eq!(story.take_entries(Instant::from_us(10_000)).len(), 1);
    }

    #[test]
    fn takeovers_are_remembered_with_their_time() {
        let story = Story::new();
        story.transition(RouterId::A, &record(1_000, State::Master));
        story.transition(RouterId::B, &record(2_000, State::Master));
        assert_eq!(story.takeovers_since(Instant::from_us(1_500)), [(Instant::from_us(2_000), RouterId::B)]);
        assert_eq!(story.snapshot().masters().collect::<Vec<_>>(), [RouterId::A, RouterId::B]);
    }

    #[test]
    fn a_router_that_ends_uncalled_shows_its_log() {
        let story = Story::new();
        story.starting(RouterId::A);
        story.transition(RouterId::A, &record(1_000, State::Master));
        story.ended(RouterId::A, ExitStatus::from_raw(9), "one\ntwo\n");
        assert_eq!(story.snapshot().router(RouterId::A).state, None);
        let said = story.take_entries(clock::now() + Duration::from_s(1));
        assert_eq!(said.len(), 4);
        assert!(said[1].what.contains("by itself: signal 9"), "{said:?}");
        story.starting(RouterId::A);
        story.ending(RouterId::A);
        story.ended(RouterId::A, ExitStatus::from_raw(9), "one\ntwo\n");
        assert_eq!(story.take_entries(clock::now() + Duration::from_s(1)).len(), 1);
    }

    #[test]
    fn the_client_tells_when_it_is_answered_and_by_whom() {
        let story = Story::new();
        let now = clock::now();
        let ms = |ms| now - Duration::from_ms(1_000) + Duration::from_ms(ms);
        for _ in 0..60 {
            story.probe(Duration::ZERO);
        }
        let answers =
            [(1, RouterId::A, ms(0)), (2, RouterId::A, ms(10)), (3, RouterId::B, ms(20)), (51, RouterId::A, ms(500))];
        for (number, router, at) in answers {
            story.answered(number, Some(router), at);
        }
        let said = |story: &Story| -> Vec<String> {
            story.take_entries(now + Duration::from_s(1)).into_iter().map(|entry| entry.what).collect()
        };
        let again = "is answered again, by A, after 0.480 s without an answer";
        // Since then, half a second has passed.
        assert_eq!(said(&story), ["is answered by A", "is answered by B", again, "is not answered any more"]);
        assert!(said(&story).is_empty());
    }

    #[test]
    fn what_nobody_reads_does_not_pile_up() {
        let story = Story::new();
        for at_us in 0..2_000 {
            story.transition(RouterId::A, &record(at_us, State::Master));
        }
        assert_eq!(story.take_entries(Instant::from_us(10_000)).len(), ENTRIES_MAX);
        assert_eq!(story.takeovers_since(Instant::ZERO).len(), TAKEOVERS_MAX);
    }
}
