//! Lines on `notify_fifo`, byte for byte what keepalived writes in the same sequence of events.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use locum_tests::{Daemon, Group, Node, wait_for, with_lab};

use crate::TAKEOVER_MAX;

#[test]
fn the_same_sequence_gives_the_same_bytes() {
    let theirs = lines_of(Daemon::Keepalived);
    let ours = lines_of(Daemon::Locum);
    if let (Some(theirs), Some(ours)) = (theirs, ours) {
        assert_eq!(members_sorted(&ours), members_sorted(&theirs));
    }
}

/// Members of a group move at once, and which of them is told first is nobody's business: keepalived itself does it in one order
/// today and in the other tomorrow.
fn members_sorted(lines: &str) -> Vec<&str> {
    let mut lines: Vec<_> = lines.split_inclusive('\n').collect();
    let what = |line: &str| line.replace("VI_2", "VI_1");
    for at in 1..lines.len() {
        if lines[at - 1] > lines[at] && what(lines[at - 1]) == what(lines[at]) {
            lines.swap(at - 1, at);
        }
    }
    lines
}

/// Start, takeover, a change of priority, FAULT, recovery, stop, of an instance alone and of two in a group; nothing where
/// the lab cannot be built.
fn lines_of(daemon: Daemon) -> Option<String> {
    let mut lines = None;
    with_lab(&[daemon], |lab| {
        let fifo = lab.router(Node::A).run_dir().join("fifo");
        let file = lab.file("weight", "0");
        lab.start(Node::A, &configuration(&fifo, &file));
        let text = read_on(&fifo);
        let so_far = || text.lock().unwrap().clone();
        let wait = |what: &str, count: usize| {
            wait_for(&format!("{count} lines with {what}"), TAKEOVER_MAX, || {
                (so_far().matches(what).count() >= count).then_some(())
            });
        };
        wait(" MASTER ", 4);
        lab.wait_master(Group::VI_1, Node::A, TAKEOVER_MAX);
        std::fs::write(&file, "5").unwrap();
        wait("\"VI_3\" MASTER_PRIORITY 155", 1);
        lab.cut(Node::A);
        wait(" FAULT ", 4);
        lab.restore(Node::A);
        wait(" MASTER ", 8);
        lab.stop(Node::A);
        wait(" STOP ", 4);
        // What comes late would be one line too many.
        sleep(Duration::from_millis(200));
        assert!(!fifo.exists(), "{daemon:?} leaves the FIFO behind that it has made");
        lines = Some(so_far());
    });
    lines
}

fn configuration(fifo: &Path, file: &Path) -> String {
    let (fifo, file) = (fifo.display(), file.display());
    let instance = |name: &str, vrid: u8, priority: u8, vip: u8| {
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n priority {priority}\n advert_int 1\n \
             virtual_ipaddress {{\n 172.20.45.{vip}\n }}\n notify_priority_changes on\n"
        )
    };
    let (one, two, three) =
        (instance("VI_1", 45, 100, 248), instance("VI_2", 46, 100, 249), instance("VI_3", 47, 150, 250));
    format!(
        "global_defs {{\n script_user root\n vrrp_notify_fifo {fifo}\n}}\n\
         track_file tf {{\n file {file}\n weight 1\n}}\n\
         vrrp_sync_group VG {{\n group {{\n VI_1\n VI_2\n }}\n}}\n{one}}}\n{two}}}\n{three} track_file {{\n tf weight 1\n }}\n}}\n"
    )
}

/// Reads a FIFO from when it is there, on a thread of its own, until whoever writes it closes it.
fn read_on(fifo: &Path) -> Arc<Mutex<String>> {
    let opened = wait_for("the FIFO", Duration::from_secs(5), || OpenOptions::new().read(true).open(fifo).ok());
    let text = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&text);
    std::thread::spawn(move || follow(opened, &kept));
    text
}

fn follow(mut fifo: File, text: &Mutex<String>) {
    let mut chunk = [0; 4_096];
    while let Ok(read @ 1..) = fifo.read(&mut chunk) {
        text.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..read]));
    }
}
