//! One of each, for `locum notify-test`: every script of an instance, a line on every FIFO, a mail. Nothing of it passes the
//! service, so that it can be tried before the service runs.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::Arc;
use std::time::Duration;

use locum_config::Model;
use locum_config::model;
use locum_core::vocabulary::State;
use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::queue::Hooks;
use super::told::{Notice, Particulars, Subject, Word};
use crate::clock;
use crate::script::{Customs, check, run};

/// What became of one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    /// What was tried, as `notify_master (MASTER)`.
    pub(crate) what: String,
    /// How it went, in words.
    pub(crate) result: Result<String, String>,
    /// What a script printed.
    pub(crate) last_lines: Vec<String>,
}

/// How an instance stands, so that the last word about it is true.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// Its state. BACKUP where no service runs: then it has no addresses.
    pub(crate) state: State,
    /// Its effective priority.
    pub(crate) priority: u8,
}

/// Tries everything that is configured for an instance and its sync group, and gives each result to `tell` as it comes.
/// Scripts are told of every state, and last of the one that the instance is in. They find `LOCUM_TEST=1`.
pub(crate) async fn try_all(
    model: &Model,
    instance: &Arc<model::Instance>,
    now: Standing,
    mut tell: impl FnMut(Trial),
) {
    let customs = Customs::of(&model.global);
    let limit = Duration::from_millis(u64::from(*model.global.notify_timeout_ms));
    let name = &instance.name.value;
    let particulars = Particulars::of(instance);
    let groups = model.sync_groups.iter().filter(|group| group.members.iter().any(|member| member.value == *name));
    let of_groups = groups.map(|group| (Subject::group(&group.name), &group.notify, Particulars::default()));
    let mut subjects = vec![(Subject::instance(name), &*instance.notify, particulars)];
    subjects.extend(of_groups);
    for (subject, notify, particulars) in subjects {
        let hooks = Hooks::new(notify, &customs);
        for word in words(now.state) {
            let notice = Notice {
                subject: subject.clone(),
                word,
                from: Some(now.state),
                priority: now.priority,
                cause_kind: "test".into(),
                cause: "locum notify-test".into(),
                at_unix_ms: clock::unix_ms(),
                particulars: particulars.clone(),
                is_deletion: false,
            };
            for (keyword, command) in hooks.runs(&notice) {
                let variables = notice.environment(0).into_iter().chain([("LOCUM_TEST", "1".to_owned())]);
                let command = variables.fold(command, |command, (name, value)| command.variable(name, value));
                let what = format!("{} {}: {keyword} ({word})", subject.kind(), subject.name());
                tell(match check(&command, customs.security) {
                    Err(why) => Trial { what, result: Err(why.to_string()), last_lines: Vec::new() },
                    Ok(()) => {
                        let outcome = run(&command, limit).await;
                        let text = format!("{}, {} ms", outcome.end, clock::whole_ms(outcome.duration));
                        let result = if outcome.is_success() { Ok(text) } else { Err(text) };
                        Trial { what, result, last_lines: outcome.last_lines }
                    }
                });
            }
        }
        let word = Word::of(now.state);
        let line =
            format!("{} \"{}\" {word} {}\n", subject.kind(), subject.name(), subject.shown_priority(now.priority));
        let fifos = [("notify_fifo", &model.global.notify_fifo), ("vrrp_notify_fifo", &model.global.vrrp_notify_fifo)];
        for (keyword, fifo) in fifos.into_iter().filter_map(|(keyword, fifo)| Some((keyword, fifo.fifo.as_ref()?))) {
            let what = format!("{keyword} {}", fifo.path);
            let result = write_line(&fifo.path, &line).map(|()| line.trim_end().to_owned());
            tell(Trial { what, result, last_lines: Vec::new() });
        }
    }
    #[cfg(feature = "mail")]
    if let Some(result) = super::mail::send_test(&model.global, name).await {
        tell(Trial { what: "mail".into(), result, last_lines: Vec::new() });
    }
}

/// All states, the one that it is in at the end.
fn words(now: State) -> Vec<Word> {
    let mut words = vec![Word::HeardLower, Word::Fault, Word::Stop, Word::Deleted, Word::Backup, Word::Master];
    let last = Word::of(now);
    words.retain(|word| *word != last);
    words.push(last);
    words
}

fn write_line(path: &str, line: &str) -> Result<(), String> {
    let flags = (OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits();
    let opened = OpenOptions::new().write(true).custom_flags(flags).open(path);
    let mut file = opened.map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => "it is not there; the service makes it when it starts".to_owned(),
        Some(Errno::ENXIO) => "it is there, but neither the service nor anybody else has it open".to_owned(),
        _ => error.to_string(),
    })?;
    if !file.metadata().is_ok_and(|found| found.file_type().is_fifo()) {
        return Err("what is there is not a FIFO".into());
    }
    file.write_all(line.as_bytes()).map_err(|error| {
        let is_full = error.kind() == ErrorKind::WouldBlock;
        if is_full { "it is full: nobody reads it".to_owned() } else { error.to_string() }
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Folder, model, run_local};
    use super::*;

    #[test]
    fn every_script_runs_once_and_the_last_word_is_true() {
        let folder = Folder::new("trial");
        let script =
            folder.script("hook", &format!("echo $@ $LOCUM_STATE $LOCUM_TEST >> {}; echo said", folder.path("log")));
        let notify = format!(
            "notify_master \"{script} m\"\nnotify_backup \"{script} b\"\nnotify_fault {}\nnotify \"{script} any\"",
            folder.path("missing")
        );
        let fifo = folder.path("fifo");
        let model = model(&format!("notify_fifo {fifo}"), &notify, true);
        let mut trials = Vec::new();
        let now = Standing { state: State::Backup, priority: 90 };
        run_local(try_all(&model, &model.instances[0], now, |trial| trials.push(trial)));
        let log = folder.read("log");
        let own: Vec<_> = log.lines().take(7).collect();
        let expected = [
            "any INSTANCE VI_1 FAULT 90 FAULT 1",
            "any INSTANCE VI_1 STOP 90 STOP 1",
            "any INSTANCE VI_1 DELETED 90 DELETED 1",
            "m MASTER 1",
            "any INSTANCE VI_1 MASTER 90 MASTER 1",
            "b BACKUP 1",
            "any INSTANCE VI_1 BACKUP 90 BACKUP 1",
        ];
        assert_eq!(own, expected);
        assert!(log.ends_with("any GROUP VG BACKUP 0 BACKUP 1\n"), "{log}");
        let failed: Vec<_> = trials.iter().filter(|trial| trial.result.is_err()).collect();
        assert_eq!(failed.len(), 4, "the missing script and the missing FIFO, of instance and group: {failed:?}");
        assert!(failed[0].what.contains("INSTANCE VI_1: notify_fault (FAULT)"), "{failed:?}");
        assert!(trials.iter().any(|trial| trial.last_lines == ["said"]));
    }
}
