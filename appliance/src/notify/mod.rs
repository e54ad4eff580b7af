//! Who is told about changes of state: scripts, FIFOs, mailboxes (keepalived.conf(5), `notify`, `notify_fifo`, `smtp_alert`).
//!
//! Everything here happens on the service's thread, and nothing of it is waited for: a call takes note and returns. A script
//! that hangs is in the way of nobody but its own queue.
//!
//! A script finds in its environment: `LOCUM_TYPE` (INSTANCE or GROUP), `LOCUM_INSTANCE` or `LOCUM_GROUP` (the name),
//! `LOCUM_STATE`, `LOCUM_PREVIOUS_STATE`, `LOCUM_PRIORITY`, `LOCUM_CAUSE` (in words), `LOCUM_CAUSE_KIND` (the name that JSON
//! has for it), `LOCUM_AT_UNIX_MS`, `LOCUM_SKIPPED` (states passed over since the run before) and, of an instance,
//! `LOCUM_VRID`, `LOCUM_INTERFACE` and `LOCUM_FAMILY`.
//!
//! - [`told`]: what is said, in which words.
//! - [`queue`]: the scripts of an instance or group, one after the other.
//! - [`groups`]: when a sync group has moved.
//! - [`fifo`]: FIFOs and the scripts that read them.
//! - [`once`]: what is run at the start and at the end.
//! - [`mail`]: built-in mail.
//! - [`trial`]: one of each, for `locum notify-test`.

mod fifo;
mod groups;
#[cfg(feature = "mail")]
mod mail;
mod once;
mod queue;
mod told;
mod trial;

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use locum_config::Model;
use locum_config::model;
use locum_control::{FifoStatus, MailStatus, NotifyStatus, SortedMap};
use locum_core::vocabulary::State;

use self::fifo::Fifo;
use self::groups::{Groups, Moved};
#[cfg(feature = "mail")]
use self::mail::Mailer;
use self::once::run_once;
use self::queue::{Hooks, Queue, Shared};
pub(crate) use self::queue::{RunResult, Runs};
pub(crate) use self::told::cause_kind;
pub(crate) use self::told::{Change, Subject, Word};
use self::told::{Notice, Particulars};
pub(crate) use self::trial::{Standing, Trial, try_all};
use crate::clock;
use crate::script::Customs;

/// How long the last scripts may run when the service stops. A handover takes up to two seconds before; procd and systemd must
/// not lose their patience first, for then nothing would be cleaned up.
const STOP_MAX: Duration = Duration::from_secs(5);

/// How long mail is given when the service stops. What is not sent then lies in the spool for the next start.
#[cfg(feature = "mail")]
const MAIL_AT_STOP_MAX: Duration = Duration::from_secs(3);

/// Who is told.
pub(crate) struct Notifier {
    targets: SortedMap<Subject, Target>,
    groups: Groups,
    shared: Rc<Shared>,
    /// `notify_fifo` and `vrrp_notify_fifo`, as configured and as open.
    fifos: [(model::NotifyFifo, Option<Fifo>); 2],
    fifo_states_on_reload: bool,
    /// `shutdown_script`
    at_the_end: Option<(model::ServiceScript, Customs)>,
    #[cfg(feature = "mail")]
    mailer: Mailer,
}

/// An instance or a group that is told about.
struct Target {
    queue: Queue,
    particulars: Particulars,
    /// `notify_priority_changes`
    priority_changes: bool,
    /// `notify_deleted` is written, with or without a script.
    says_deleted: bool,
    /// `smtp_alert`
    #[cfg_attr(not(feature = "mail"), allow(dead_code, reason = "mail is left out of this build"))]
    mails: bool,
    /// What the last mail said.
    #[cfg_attr(not(feature = "mail"), allow(dead_code, reason = "mail is left out of this build"))]
    last_mail: Option<Word>,
    /// What was last told.
    last: Option<Word>,
    /// The effective priority, as last told; a group has none.
    priority: u8,
}

impl Notifier {
    /// Runs `startup_script`, opens FIFOs, and gives the end from which finished runs of scripts can be taken.
    /// `run_directory` is where mail waits that cannot be sent yet.
    pub(crate) async fn start(model: &Model, run_directory: &Path) -> (Self, Runs) {
        run_once("startup_script", &model.global.startup, &Customs::of(&model.global)).await;
        let shared = Shared::new(Duration::from_millis(u64::from(*model.global.notify_timeout_ms)));
        let mut notifier = Self {
            targets: SortedMap::new(),
            groups: Groups::default(),
            shared: Rc::clone(&shared),
            fifos: Default::default(),
            fifo_states_on_reload: false,
            at_the_end: None,
            #[cfg(feature = "mail")]
            mailer: Mailer::start(&model.global, run_directory),
        };
        #[cfg(not(feature = "mail"))]
        let _ = run_directory;
        notifier.follow(model);
        (notifier, Runs(shared))
    }

    /// An instance has changed its state; its sync group may have with it.
    pub(crate) fn transition(&mut self, instance: &str, change: &Change<'_>) {
        let moved = self.groups.moved(instance, change);
        let is_first = moved.as_ref().is_some_and(|moved| moved.is_first);
        let (before, after) = if is_first { (moved, None) } else { (None, moved) };
        self.group_moved(before);
        self.moved(&Subject::instance(instance), change);
        self.group_moved(after);
    }

    /// The effective priority of an instance has changed.
    pub(crate) fn priority_changed(&mut self, instance: &str, state: State, priority: u8) {
        let subject = Subject::instance(instance);
        let Some(target) = self.targets.get_mut(&subject) else { return };
        target.priority = priority;
        let word = match state {
            State::Master => Word::MasterPriority,
            State::Init | State::Fault | State::Backup => Word::BackupPriority,
        };
        if target.priority_changes {
            let notice = target.plain_notice(&subject, word);
            self.tell(notice);
        }
    }

    /// An instance that is MASTER has heard an advert. It is told if the other has the lower priority and does not leave.
    pub(crate) fn heard_as_master(&mut self, instance: &str, priority: u8) {
        let subject = Subject::instance(instance);
        let Some(target) = self.targets.get(&subject) else { return };
        if (1..target.priority).contains(&priority) {
            let cause = format!("heard an advert of priority {priority}");
            let notice =
                Notice { cause, cause_kind: "heard_lower".into(), ..target.plain_notice(&subject, Word::HeardLower) };
            self.tell(notice);
        }
    }

    /// A reload has removed an instance. Told before [`Self::reload`], while its scripts are still known. It is told as
    /// FAULT unless `notify_deleted` is written (keepalived.conf(5)), and nothing is said then where it was that already.
    pub(crate) fn deleted(&mut self, instance: &str, change: &Change<'_>) {
        let subject = &Subject::instance(instance);
        let Some(target) = self.targets.get(subject) else { return };
        let word = match (target.says_deleted, change.from) {
            (true, _) => Word::Deleted,
            (false, State::Fault) => return,
            (false, State::Init | State::Backup | State::Master) => Word::Fault,
        };
        let notice = Notice { is_deletion: true, ..target.notice(subject, word, change) };
        self.tell(notice);
    }

    /// Another configuration: what is the same goes on as it was. The states are written to the FIFOs if
    /// `fifo_write_vrrp_states_on_reload` says so.
    pub(crate) fn reload(&mut self, model: &Model) {
        self.follow(model);
        if !self.fifo_states_on_reload {
            return;
        }
        let is_group = |subject: &Subject| matches!(subject, Subject::Group(_));
        // Groups first, as keepalived does.
        let states = self.targets.iter().filter_map(|(subject, target)| {
            Some((!is_group(subject), target.plain_notice(subject, target.last?).line()))
        });
        let mut lines: Vec<_> = states.collect();
        lines.sort_by_key(|(is_instance, _)| *is_instance);
        lines.iter().for_each(|(_, line)| self.write(line));
    }

    /// The last runs of the scripts of an instance and of its sync group, the oldest first; and how many states its scripts
    /// were never told, because those before took so long.
    pub(crate) fn runs(&self, instance: &str) -> (Vec<NotifyStatus>, u32) {
        let subjects = [Some(Subject::instance(instance)), self.groups.of(instance)];
        let targets = subjects.iter().flatten().filter_map(|subject| self.targets.get(subject));
        let mut runs: Vec<_> = targets.clone().flat_map(|target| target.queue.results()).collect();
        runs.sort_by_key(|run| run.at);
        let skipped = targets.fold(0, |sum: u32, target| sum.saturating_add(target.queue.skipped()));
        (runs.into_iter().map(NotifyStatus::from).collect(), skipped)
    }

    /// The FIFOs that are open.
    pub(crate) fn fifos(&self) -> Vec<FifoStatus> {
        self.fifos.iter().filter_map(|(_, fifo)| fifo.as_ref()).map(Fifo::status).collect()
    }

    /// What became of the last mails; nothing where no mail is sent.
    pub(crate) fn mail(&self) -> Option<MailStatus> {
        #[cfg(feature = "mail")]
        return self.mailer.status();
        #[cfg(not(feature = "mail"))]
        None
    }

    /// Lets what has been told come to its end, within a bound; then removes the FIFOs and runs `shutdown_script`. To be
    /// called when all instances have handed over.
    pub(crate) async fn shut_down(&mut self) {
        for moved in self.groups.stop() {
            self.group_moved(Some(moved));
        }
        self.shared.stop();
        let scripts = async {
            if tokio::time::timeout(STOP_MAX, self.shared.idle()).await.is_err() {
                log::warn!("scripts still run after {} s; they are ended", STOP_MAX.as_secs());
            }
        };
        #[cfg(feature = "mail")]
        tokio::join!(scripts, self.mailer.shut_down(MAIL_AT_STOP_MAX));
        #[cfg(not(feature = "mail"))]
        scripts.await;
        for (_, fifo) in &mut self.fifos {
            *fifo = None;
        }
        if let Some((script, customs)) = self.at_the_end.take() {
            run_once("shutdown_script", &script, &customs).await;
        }
    }

    fn group_moved(&mut self, moved: Option<Moved>) {
        let Some(Moved { subject, from, to, cause, cause_text, .. }) = moved else { return };
        self.moved(&subject, &Change { from, to, cause, cause_text: &cause_text });
    }

    fn moved(&mut self, subject: &Subject, change: &Change<'_>) {
        let word = Word::of(change.to);
        let Some(target) = self.targets.get_mut(subject) else { return };
        target.last = Some(word);
        let notice = target.notice(subject, word, change);
        self.tell(notice);
    }

    fn tell(&mut self, notice: Notice) {
        if let Some(target) = self.targets.get_mut(&notice.subject) {
            #[cfg(feature = "mail")]
            if target.mails && self.mailer.alert(&notice, target.last_mail) {
                target.last_mail = Some(notice.word);
            }
            target.queue.push(notice.clone(), &self.shared);
        }
        self.write(&notice.line());
    }

    fn write(&self, line: &str) {
        self.fifos.iter().filter_map(|(_, fifo)| fifo.as_ref()).for_each(|fifo| fifo.write(line));
    }

    fn follow(&mut self, model: &Model) {
        let global = &model.global;
        let customs = Customs::of(global);
        self.shared.limit.set(Duration::from_millis(u64::from(*global.notify_timeout_ms)));
        self.fifo_states_on_reload = *global.fifo_states_on_reload;
        self.groups.follow(model);
        let mut before = std::mem::take(&mut self.targets);
        let mut follow = |subject: Subject, priority, notify: &model::Notify, mails: bool, particulars: Particulars| {
            let hooks = Hooks::new(notify, &customs);
            let mut target = match before.remove(&subject) {
                Some(mut target) => {
                    target.queue.set_hooks(hooks);
                    target
                }
                None => Target { priority, ..Target::new(hooks) },
            };
            target.particulars = particulars;
            target.priority_changes = *notify.priority_changes;
            target.says_deleted = notify.deleted.is_some();
            target.mails = mails;
            self.targets.insert(subject, target);
        };
        for instance in &model.instances {
            let particulars = Particulars::of(instance);
            let subject = Subject::instance(&instance.name);
            follow(subject, *instance.priority, &instance.notify, *instance.smtp_alert, particulars);
        }
        for group in &model.sync_groups {
            follow(Subject::group(&group.name), 0, &group.notify, *group.smtp_alert, Particulars::default());
        }
        for ((configured, open), wanted) in self.fifos.iter_mut().zip([&global.notify_fifo, &global.vrrp_notify_fifo]) {
            if configured == wanted && open.is_some() {
                continue;
            }
            *open = None; // before the new one, which may have the same path
            *configured = wanted.clone();
            *open = Fifo::open(wanted, &customs).unwrap_or_else(|error| {
                let path = wanted.fifo.as_ref().map_or("", |fifo| fifo.path.as_str());
                log::error!("notify FIFO {path}: {error}");
                None
            });
        }
        self.at_the_end = Some((global.shutdown.clone(), customs));
        #[cfg(feature = "mail")]
        self.mailer.reload(global);
    }
}

impl Target {
    fn new(hooks: Hooks) -> Self {
        Self {
            queue: Queue::new(hooks),
            particulars: Particulars::default(),
            priority_changes: false,
            says_deleted: false,
            mails: false,
            last_mail: None,
            last: None,
            priority: 0,
        }
    }

    fn notice(&self, subject: &Subject, word: Word, change: &Change<'_>) -> Notice {
        Notice {
            from: Some(change.from),
            cause_kind: cause_kind(change.cause),
            cause: change.cause_text.to_owned(),
            ..self.plain_notice(subject, word)
        }
    }

    fn plain_notice(&self, subject: &Subject, word: Word) -> Notice {
        Notice {
            subject: subject.clone(),
            word,
            from: None,
            priority: self.priority,
            cause_kind: String::new(),
            cause: String::new(),
            at_unix_ms: clock::unix_ms(),
            particulars: self.particulars.clone(),
            is_deletion: false,
        }
    }
}

#[cfg(test)]
mod tests;
