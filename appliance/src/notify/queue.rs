//! The scripts of one instance or group: one after the other, in order, never two at once. While one runs, only the newest
//! state waits; those between are skipped and counted.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use locum_config::model;
use locum_control::{NotifyStatus, RunStatus};
use locum_core::time::Instant;
use tokio::sync::{Notify, Semaphore};

use super::told::{Notice, Subject, Word};
use crate::clock;
use crate::script::{Command, Customs, End, Run, check};
use crate::task;

/// Notification scripts that run at once, of all instances together: a storm must not fill the memory of a small box.
const AT_ONCE_MAX: usize = 32;

/// Results that are kept of each instance and group.
const RESULTS_KEPT: usize = 4;

/// Results that wait for whoever takes them.
const RESULTS_WAITING_MAX: usize = 64;

/// How long a script that was called before may go on once the service stops.
const PATIENCE_AT_STOP: Duration = Duration::from_secs(2);

/// A run of a script that has ended.
#[derive(Clone, Debug)]
pub(crate) struct RunResult {
    /// What it was about.
    pub(crate) subject: Subject,
    /// Which of the scripts, as `notify_master`.
    pub(crate) keyword: &'static str,
    /// What it was told.
    pub(crate) word: Word,
    /// Whether it did what it was asked for.
    pub(crate) is_success: bool,
    /// How it ended, in words.
    pub(crate) end: String,
    /// When it ended.
    pub(crate) at: Instant,
    /// How long it ran.
    pub(crate) duration: Duration,
    /// The last lines that it printed.
    pub(crate) last_lines: Vec<String>,
    /// States that were passed over since the run before, because that took so long.
    pub(crate) skipped: u32,
}

impl From<RunResult> for NotifyStatus {
    fn from(result: RunResult) -> Self {
        Self {
            kind: result.subject.kind().into(),
            name: result.subject.name().into(),
            script: result.keyword.into(),
            state: result.word.to_string(),
            ok: result.is_success,
            skipped: result.skipped,
            run: RunStatus {
                at_us: result.at.us(),
                result: result.end,
                duration_us: clock::whole_us(result.duration),
                last_lines: result.last_lines,
            },
        }
    }
}

/// What all queues share.
pub(super) struct Shared {
    permits: Semaphore,
    /// Runs that have ended and that nobody has taken yet, a bounded number: what is not taken is still in
    /// [`Queue::results`].
    ended: RefCell<VecDeque<RunResult>>,
    has_ended: Notify,
    /// `notify_timeout`
    pub(super) limit: Cell<Duration>,
    /// Queues that have something to do.
    active: Cell<usize>,
    idle: Notify,
    /// The service stops; what was called before has time until then.
    patience_ends: Cell<Option<tokio::time::Instant>>,
    stop_asked: Notify,
}

impl Shared {
    pub(super) fn new(limit: Duration) -> Rc<Self> {
        Rc::new(Self {
            permits: Semaphore::new(AT_ONCE_MAX),
            ended: RefCell::default(),
            has_ended: Notify::new(),
            limit: Cell::new(limit),
            active: Cell::new(0),
            idle: Notify::new(),
            patience_ends: Cell::new(None),
            stop_asked: Notify::new(),
        })
    }

    /// From now on what runs is given little time, so that the last word is said before the service ends.
    pub(super) fn stop(&self) {
        self.patience_ends.set(Some(tokio::time::Instant::now() + PATIENCE_AT_STOP));
        self.stop_asked.notify_waiters();
    }

    /// Waits until no queue has anything to do.
    pub(super) async fn idle(&self) {
        while self.active.get() > 0 {
            // No queue runs between the look and the wait: this is one thread.
            self.idle.notified().await;
        }
    }

    async fn out_of_patience(&self) {
        loop {
            match self.patience_ends.get() {
                Some(end) => return tokio::time::sleep_until(end).await,
                None => self.stop_asked.notified().await,
            }
        }
    }
}

/// Where runs that have ended are taken from.
#[derive(Clone)]
pub(crate) struct Runs(pub(super) Rc<Shared>);

impl Runs {
    /// The next one. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&self) -> RunResult {
        loop {
            if let Some(run) = self.try_next() {
                return run;
            }
            self.0.has_ended.notified().await;
        }
    }

    /// The next one if there is one already.
    pub(crate) fn try_next(&self) -> Option<RunResult> {
        self.0.ended.borrow_mut().pop_front()
    }
}

/// The scripts of an instance or a group.
#[derive(Debug, Default)]
pub(super) struct Hooks {
    master: Option<Command>,
    backup: Option<Command>,
    fault: Option<Command>,
    stop: Option<Command>,
    deleted: Option<Command>,
    any: Option<Command>,
    heard_lower: Option<Command>,
    customs: Option<Customs>,
}

impl Hooks {
    /// Those of the configuration. Looks users up.
    pub(super) fn new(notify: &model::Notify, customs: &Customs) -> Self {
        let command = |script: &Option<Box<model::Setting<model::Script>>>| {
            script.as_ref().map(|script| Command::new(&script.value, customs))
        };
        let deleted = notify.deleted.as_ref().and_then(|script| script.value.as_ref());
        Self {
            master: command(&notify.master),
            backup: command(&notify.backup),
            fault: command(&notify.fault),
            stop: command(&notify.stop),
            deleted: deleted.map(|script| Command::new(script, customs)),
            any: command(&notify.any),
            heard_lower: command(&notify.master_heard_lower),
            customs: Some(customs.clone()),
        }
    }

    /// `None` where there is nothing to call.
    fn kept(self) -> Option<Rc<Self>> {
        let Self { master, backup, fault, stop, deleted, any, heard_lower, customs: _ } = &self;
        let all = [master, backup, fault, stop, deleted, any, heard_lower];
        let has_any = all.iter().any(|command| command.is_some());
        has_any.then(|| Rc::new(self))
    }

    /// What runs for a notice, in order: the script for the state, then `notify`, which gets told the state
    /// (keepalived.conf(5)).
    pub(super) fn runs(&self, notice: &Notice) -> Vec<(&'static str, Command)> {
        let (keyword, own) = match notice.word {
            Word::Master => ("notify_master", &self.master),
            Word::Backup => ("notify_backup", &self.backup),
            // keepalived tells of a deletion as FAULT, but does not run the script for FAULT.
            Word::Fault if notice.is_deletion => ("notify_fault", &None),
            Word::Fault => ("notify_fault", &self.fault),
            Word::Stop => ("notify_stop", &self.stop),
            Word::Deleted => ("notify_deleted", &self.deleted),
            Word::HeardLower => ("notify_master_rx_lower_pri", &self.heard_lower),
            // Only FIFOs are told.
            Word::MasterPriority | Word::BackupPriority => return Vec::new(),
        };
        let mut runs = Vec::new();
        if let Some(command) = own {
            runs.push((keyword, command.clone()));
        }
        if let Some(any) = self.any.as_ref().filter(|_| notice.word != Word::HeardLower) {
            runs.push(("notify", notice.arguments().into_iter().fold(any.clone(), Command::argument)));
        }
        runs
    }
}

impl Inner {
    fn runs(&self, notice: &Notice) -> Vec<(&'static str, Command)> {
        self.hooks.as_ref().map(|hooks| hooks.runs(notice)).unwrap_or_default()
    }
}

/// The queue of an instance or a group. `None` where nothing was ever to be called, as of most instances of a large
/// configuration.
#[derive(Debug, Default)]
pub(super) struct Queue(Option<Rc<RefCell<Inner>>>);

#[derive(Debug, Default)]
struct Inner {
    /// `None` where nothing is to be called any more.
    hooks: Option<Rc<Hooks>>,
    /// The newest state that is not told yet.
    state: Option<Box<Notice>>,
    /// A lower priority was heard after that.
    heard_lower: Option<Box<Notice>>,
    /// A task tells what waits.
    is_running: bool,
    /// States passed over since the last run began.
    skipped_now: u32,
    /// And since the queue was made.
    skipped: u32,
    results: VecDeque<RunResult>,
}

impl Queue {
    pub(super) fn new(hooks: Hooks) -> Self {
        let mut queue = Self::default();
        queue.set_hooks(hooks);
        queue
    }

    /// Other scripts from the next run on.
    pub(super) fn set_hooks(&mut self, hooks: Hooks) {
        let hooks = hooks.kept();
        match &self.0 {
            Some(inner) => inner.borrow_mut().hooks = hooks,
            None if hooks.is_some() => self.0 = Some(Rc::new(RefCell::new(Inner { hooks, ..Inner::default() }))),
            None => {}
        }
    }

    /// Tells the scripts, as soon as those that run have ended. Never waits.
    pub(super) fn push(&self, notice: Notice, shared: &Rc<Shared>) {
        let Some(queue) = &self.0 else { return };
        let mut inner = queue.borrow_mut();
        if inner.runs(&notice).is_empty() {
            return;
        }
        if notice.word == Word::HeardLower {
            inner.heard_lower = Some(Box::new(notice));
        } else {
            // What was heard as MASTER is of no interest in the next state.
            inner.heard_lower = None;
            if inner.state.replace(Box::new(notice)).is_some() {
                inner.skipped_now = inner.skipped_now.saturating_add(1);
                inner.skipped = inner.skipped.saturating_add(1);
            }
        }
        if !inner.is_running {
            inner.is_running = true;
            shared.active.set(shared.active.get() + 1);
            task::spawn(work(Rc::clone(queue), Rc::clone(shared)));
        }
    }

    /// The last runs, the oldest first.
    pub(super) fn results(&self) -> Vec<RunResult> {
        self.0.as_ref().map(|inner| inner.borrow().results.iter().cloned().collect()).unwrap_or_default()
    }

    /// States that were never told, because scripts took so long.
    pub(super) fn skipped(&self) -> u32 {
        self.0.as_ref().map_or(0, |inner| inner.borrow().skipped)
    }
}

/// Tells what waits until nothing does.
async fn work(inner: Rc<RefCell<Inner>>, shared: Rc<Shared>) {
    while let Some((runs, notice, skipped)) = next(&inner) {
        for (keyword, command) in runs {
            // There is little time left, and a newer state to be told.
            if shared.patience_ends.get().is_some() && inner.borrow().state.is_some() {
                break;
            }
            let customs = inner.borrow().hooks.as_ref().and_then(|hooks| hooks.customs.clone());
            let environment = notice.environment(skipped);
            let command = environment.into_iter().fold(command, |command, (name, value)| command.variable(name, value));
            let refusal = customs.and_then(|customs| check(&command, customs.security).err());
            let (end, is_success, duration, last_lines) = match refusal {
                Some(why) => (why.to_string(), false, Duration::ZERO, Vec::new()),
                None => run(&command, notice.word, &shared).await,
            };
            let subject = notice.subject.clone();
            let word = notice.word;
            log_end(&subject, keyword, word, is_success, &end, &last_lines);
            let result =
                RunResult { subject, keyword, word, is_success, end, at: clock::now(), duration, last_lines, skipped };
            let mut inner = inner.borrow_mut();
            if inner.results.len() >= RESULTS_KEPT {
                inner.results.pop_front();
            }
            inner.results.push_back(result.clone());
            let mut ended = shared.ended.borrow_mut();
            if ended.len() < RESULTS_WAITING_MAX {
                ended.push_back(result);
                shared.has_ended.notify_one();
            }
        }
    }
    shared.active.set(shared.active.get().saturating_sub(1));
    shared.idle.notify_waiters();
}

type Next = (Vec<(&'static str, Command)>, Box<Notice>, u32);

fn next(inner: &RefCell<Inner>) -> Option<Next> {
    let mut inner = inner.borrow_mut();
    let notice = inner.state.take().or_else(|| inner.heard_lower.take());
    let Some(notice) = notice else {
        inner.is_running = false;
        return None;
    };
    let skipped = std::mem::take(&mut inner.skipped_now);
    Some((inner.runs(&notice), notice, skipped))
}

async fn run(command: &Command, word: Word, shared: &Shared) -> (String, bool, Duration, Vec<String>) {
    let Ok(_permit) = shared.permits.acquire().await else {
        return ("the service ends".into(), false, Duration::ZERO, Vec::new());
    };
    let limit = shared.limit.get();
    let mut run = match Run::start(command) {
        Ok(run) => run,
        Err(why) => return (why.to_string(), false, Duration::ZERO, Vec::new()),
    };
    // The last word is given all the time that there is; what was called before it makes room.
    let is_last = word == Word::Stop;
    let ended = tokio::select! {
        ended = run.ended(limit) => Some(ended),
        () = shared.out_of_patience(), if !is_last => None,
    };
    let outcome = match ended {
        Some(Some(outcome)) => outcome,
        Some(None) => run.stop(limit).await,
        None => {
            let outcome = run.stop(PATIENCE_AT_STOP).await;
            return ("ended because the service stops".into(), false, outcome.duration, outcome.last_lines);
        }
    };
    let end = match &outcome.end {
        End::TimedOut(_) => format!("{}, ended (notify_timeout)", outcome.end),
        End::Exited(_) | End::Signalled(_) | End::NotStarted(_) => outcome.end.to_string(),
    };
    (end, outcome.is_success(), outcome.duration, outcome.last_lines)
}

fn log_end(subject: &Subject, keyword: &str, word: Word, is_success: bool, end: &str, last_lines: &[String]) {
    let name = subject.name();
    if is_success {
        log::debug!("{name}: {keyword} ({word}): {end}");
    } else {
        let said = last_lines.last().map(|line| format!("; it said: {line}")).unwrap_or_default();
        log::warn!("{name}: {keyword} ({word}): {end}{said}");
    }
}

#[cfg(test)]
mod tests;
