//! The notifier as the service uses it, with real scripts and FIFOs.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use locum_config::{Surroundings, check};
use locum_core::vocabulary::Cause;

use super::*;

/// A directory of its own for a test, removed at the end.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("locum-notify-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub(super) fn script(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn run_local<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::LocalRuntime::new().unwrap().block_on(future)
}

pub(super) async fn eventually(mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it did not come about within 10 s");
}

/// A model whose instance VI_1, and group VG where one is asked for, say `notify`.
pub(super) fn model(global: &str, notify: &str, with_group: bool) -> Model {
    let group = if with_group { format!("vrrp_sync_group VG {{ group {{ VI_1 }}\n{notify} }}") } else { String::new() };
    let text = format!(
        "global_defs {{\nscript_user root\n{global}\n}}\nvrrp_instance VI_1 {{\ninterface lo\nvirtual_router_id 45\n\
         virtual_ipaddress {{ 127.0.0.9 }}\n{notify}\n}}\n{group}\n"
    );
    check("test.conf", text.as_bytes(), &Surroundings::default()).model().clone()
}

pub(super) fn change(from: State, to: State) -> Change<'static> {
    let cause = Cause::NobodyHeard { waited_us: 3_600_000 };
    Change { from, to, cause, cause_text: "nobody heard for 3.6 s" }
}

const ALL_SCRIPTS: &str = "notify_master \"SCRIPT notify_master\"\nnotify_backup \"SCRIPT notify_backup\"\n\
                           notify_fault \"SCRIPT notify_fault\"\nnotify_stop \"SCRIPT notify_stop\"\n\
                           notify \"SCRIPT notify\"\n";
const INSTANCE_SCRIPTS: &str = "notify_master_rx_lower_pri \"SCRIPT notify_master_rx_lower_pri\"\n";

#[test]
fn scripts_run_in_order_with_the_arguments_of_the_manual() {
    let folder = Folder::new("order");
    let script = folder.script("hook", &format!("echo \"$@\" >> {}", folder.path("log")));
    let notify = format!("{ALL_SCRIPTS}{INSTANCE_SCRIPTS}").replace("SCRIPT", &script);
    run_local(async {
        let (mut notifier, _results) = Notifier::start(&model("", &notify, false), &folder.0).await;
        let lines = |count| {
            let folder = &folder;
            eventually(move || folder.read("log").lines().count() == count)
        };
        notifier.transition("VI_1", &change(State::Init, State::Backup));
        lines(2).await;
        notifier.transition("VI_1", &change(State::Backup, State::Master));
        lines(4).await;
        notifier.heard_as_master("VI_1", 99);
        lines(5).await;
        notifier.heard_as_master("VI_1", 0);
        notifier.heard_as_master("VI_1", 100);
        notifier.priority_changed("VI_1", State::Master, 90);
        notifier.transition("VI_1", &change(State::Master, State::Fault));
        lines(7).await;
        notifier.transition("VI_1", &change(State::Fault, State::Init));
        notifier.shut_down().await;
    });
    let expected = [
        "notify_backup",
        "notify INSTANCE VI_1 BACKUP 100",
        "notify_master",
        "notify INSTANCE VI_1 MASTER 100",
        "notify_master_rx_lower_pri",
        "notify_fault",
        "notify INSTANCE VI_1 FAULT 90",
        "notify_stop",
        "notify INSTANCE VI_1 STOP 90",
    ];
    assert_eq!(folder.read("log").lines().collect::<Vec<_>>(), expected);
}

#[test]
fn groups_are_told_as_groups_with_priority_0() {
    let folder = Folder::new("group");
    let script = folder.script("hook", &format!("echo \"$@\" $LOCUM_GROUP >> {}", folder.path("log")));
    run_local(async {
        let model = model("", &ALL_SCRIPTS.replace("SCRIPT", &script), true);
        assert_eq!(model.sync_groups.len(), 1);
        let (mut notifier, _results) = Notifier::start(&model, &folder.0).await;
        notifier.transition("VI_1", &change(State::Backup, State::Master));
        notifier.shut_down().await;
    });
    let log = folder.read("log");
    let about_group: Vec<_> = log.lines().filter(|line| line.ends_with("VG")).collect();
    assert_eq!(about_group, ["notify_master VG", "notify GROUP VG MASTER 0 VG"], "{log}");
}

#[test]
fn a_deleted_instance_is_told_as_the_manual_says() {
    let folder = Folder::new("deleted");
    let script = folder.script("hook", &format!("echo \"$@\" >> {}", folder.path("log")));
    let told = |notify: &str, from| {
        let _ = fs::remove_file(folder.path("log"));
        let notify = format!("{ALL_SCRIPTS}{notify}").replace("SCRIPT", &script);
        run_local(async {
            let (mut notifier, _results) = Notifier::start(&model("", &notify, false), &folder.0).await;
            notifier.deleted("VI_1", &change(from, State::Init));
            notifier.reload(&Model::default());
            notifier.shut_down().await;
        });
        folder.read("log").lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(told("", State::Master), ["notify INSTANCE VI_1 FAULT 100"]);
    assert_eq!(told("", State::Fault), Vec::<String>::new());
    assert_eq!(told("notify_deleted", State::Fault), ["notify INSTANCE VI_1 DELETED 100"]);
    let expected = ["gone", "notify INSTANCE VI_1 DELETED 100"];
    assert_eq!(told("notify_deleted \"SCRIPT gone\"", State::Backup), expected);
}

#[test]
fn fifos_get_the_lines_of_the_manual_and_go_with_us() {
    let folder = Folder::new("fifo-lines");
    let fifos = format!("notify_fifo {}\nvrrp_notify_fifo {}", folder.path("all"), folder.path("vrrp"));
    run_local(async {
        let global = format!("{fifos}\nfifo_write_vrrp_states_on_reload");
        let model = model(&global, "notify_priority_changes on", true);
        let (mut notifier, _results) = Notifier::start(&model, &folder.0).await;
        let mode = fs::metadata(folder.path("all")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        notifier.transition("VI_1", &change(State::Init, State::Backup));
        notifier.transition("VI_1", &change(State::Backup, State::Master));
        notifier.heard_as_master("VI_1", 99);
        notifier.priority_changed("VI_1", State::Master, 90);
        notifier.reload(&model);
        notifier.transition("VI_1", &change(State::Master, State::Backup));
        notifier.priority_changed("VI_1", State::Backup, 80);
        for name in ["all", "vrrp"] {
            let mut text = [0; 1_000];
            let mut file =
                fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(folder.path(name)).unwrap();
            let read = file.read(&mut text).unwrap_or_else(|error| panic!("{name}: {error}, {:?}", notifier.fifos()));
            let expected = "GROUP \"VG\" BACKUP 0\nINSTANCE \"VI_1\" BACKUP 100\nINSTANCE \"VI_1\" MASTER 100\nGROUP \"VG\" MASTER 0\n\
                            INSTANCE \"VI_1\" MASTER_RX_LOWER_PRI 100\nINSTANCE \"VI_1\" MASTER_PRIORITY 90\n\
                            GROUP \"VG\" MASTER 0\nINSTANCE \"VI_1\" MASTER 90\nINSTANCE \"VI_1\" BACKUP 90\n\
                            GROUP \"VG\" BACKUP 0\nINSTANCE \"VI_1\" BACKUP_PRIORITY 80\n";
            assert_eq!(std::str::from_utf8(&text[..read]).unwrap(), expected, "{name}");
        }
        assert_eq!(notifier.fifos().len(), 2);
        notifier.shut_down().await;
    });
    assert!(!Path::new(&folder.path("all")).exists());
}

#[test]
fn a_reload_takes_other_scripts_and_keeps_results_and_fifos() {
    let folder = Folder::new("reload");
    let script = folder.script("hook", &format!("echo \"$@\" >> {}", folder.path("log")));
    let fifo = format!("notify_fifo {}", folder.path("fifo"));
    run_local(async {
        let first = model(&fifo, &format!("notify_master \"{script} one\""), false);
        let (mut notifier, _results) = Notifier::start(&first, &folder.0).await;
        notifier.transition("VI_1", &change(State::Backup, State::Master));
        eventually(|| !notifier.runs("VI_1").0.is_empty()).await;
        let inode = fs::metadata(folder.path("fifo")).map(|found| std::os::unix::fs::MetadataExt::ino(&found)).unwrap();
        notifier.reload(&model(&fifo, &format!("notify_master \"{script} two\""), false));
        assert_eq!(notifier.runs("VI_1").0.len(), 1, "what was is still known");
        let after = fs::metadata(folder.path("fifo")).map(|found| std::os::unix::fs::MetadataExt::ino(&found)).unwrap();
        assert_eq!(inode, after, "readers keep their FIFO");
        notifier.transition("VI_1", &change(State::Backup, State::Master));
        notifier.shut_down().await;
    });
    assert_eq!(folder.read("log"), "one\ntwo\n");
}

#[test]
fn the_last_word_is_said_even_when_a_script_hangs() {
    let folder = Folder::new("last-word");
    let script = folder.script("hook", &format!("echo $1 >> {}; [ $1 = stop ] || sleep 100", folder.path("log")));
    let notify = format!("notify_master \"{script} master\"\nnotify_stop \"{script} stop\"\nnotify \"{script} stop\"");
    run_local(async {
        let (mut notifier, results) = Notifier::start(&model("", &notify, false), &folder.0).await;
        notifier.transition("VI_1", &change(State::Backup, State::Master));
        eventually(|| folder.read("log") == "master\n").await;
        notifier.transition("VI_1", &change(State::Master, State::Init));
        let begun = std::time::Instant::now();
        notifier.shut_down().await;
        assert!(begun.elapsed() < STOP_MAX, "{:?}", begun.elapsed());
        let first = results.try_next().unwrap();
        assert_eq!((first.is_success, first.end.as_str()), (false, "ended because the service stops"));
        assert!(results.try_next().unwrap().is_success);
    });
    assert_eq!(folder.read("log"), "master\nstop\nstop\n", "the last word alone is said to the end");
}

#[test]
fn what_is_run_at_the_start_and_at_the_end_is_waited_for_within_its_time() {
    let folder = Folder::new("once");
    let log = folder.path("log");
    let up = folder.script("up", &format!("sleep 0.2; echo up >> {log}"));
    let down = folder.script("down", &format!("echo down >> {log}; sleep 100"));
    let global = format!("startup_script {up}\nshutdown_script {down}\nshutdown_script_timeout 1");
    let hook = folder.script("hook", &format!("echo $3 >> {log}"));
    run_local(async {
        let (mut notifier, _results) =
            Notifier::start(&model(&global, &format!("notify {hook}"), false), &folder.0).await;
        assert_eq!(folder.read("log"), "up\n");
        notifier.transition("VI_1", &change(State::Master, State::Init));
        let begun = std::time::Instant::now();
        notifier.shut_down().await;
        assert!(begun.elapsed() < Duration::from_secs(5));
    });
    assert_eq!(folder.read("log"), "up\nSTOP\ndown\n");
}
