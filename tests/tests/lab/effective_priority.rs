//! Trackers and weights in a row of configurations: after each step locum and keepalived, which both watch the same files
//! and links, have the same effective priority and agree on what is in FAULT. keepalived's own dump is the witness.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use locum_control::State;
use locum_tests::Daemon::{Keepalived, Locum};
use locum_tests::Node::{A, B};
use locum_tests::{Lab, wait_for, with_lab};

/// How long both may take for a step. Scripts run each second, and some need two runs.
const SETTLE_MAX: Duration = Duration::from_secs(8);

/// Where keepalived writes what it knows when it gets SIGUSR1.
const DUMP: &str = "/tmp/keepalived.data";

/// Scripts, files, and how the instances below follow them. `DIR` is the directory that the steps change.
const TRACKERS: &str = r#"
vrrp_script plus { script "/usr/bin/test -e DIR/s1"
 interval 1
 weight 20
}
vrrp_script minus { script "/usr/bin/test -e DIR/s1"
 interval 1
 weight -20
}
vrrp_script none { script "/usr/bin/test -e DIR/s1"
 interval 1
}
vrrp_script slow { script "/usr/bin/test -e DIR/s1"
 interval 1
 rise 2
 fall 2
 weight 10
}
vrrp_script fails_first { script "/usr/bin/test -e DIR/s2"
 interval 1
 rise 2
 weight 10
 init_fail
}
vrrp_script missing { script "DIR/no-such-script"
 interval 1
 weight 20
}
vrrp_script hangs { script "DIR/hangs"
 interval 1
 timeout 1
 weight -7
}
track_file number { file "DIR/number"
}
"#;

/// What each instance says beyond its name, its VRID and its VIP.
const INSTANCES: [(&str, &str); 26] = [
    ("plus", "track_script { plus }"),
    ("minus", "track_script { minus }"),
    ("none", "track_script { none }"),
    ("plus_reverse", "track_script { plus weight 20 reverse }"),
    ("minus_reverse", "track_script { plus weight -20 reverse }"),
    ("none_reverse", "track_script { none weight 0 reverse }"),
    ("rise_and_fall", "track_script { slow }"),
    ("fails_first", "track_script { fails_first }"),
    ("never_there", "track_script { missing }"),
    ("never_there_for_all", "track_script { missing weight 0 }"),
    ("hangs", "track_script { hangs }"),
    ("list_weight", "track_script { none weight 33 }"),
    ("file", "track_file { number }"),
    ("file_times_minus_two", "track_file { number weight -2 }"),
    ("file_none", "track_file { number weight 0 }"),
    ("file_reverse", "track_file { number weight 10 reverse }"),
    ("link", "track_interface { up0 }"),
    ("link_plus", "track_interface { up0 weight 15 }"),
    ("link_minus", "track_interface { up0 weight -15 }"),
    ("link_reverse", "track_interface { up0 weight 15 reverse }"),
    ("too_high", "track_script {\n plus weight 100\n slow weight 100\n }\n track_interface { up0 weight 15 }"),
    ("too_low", "track_script {\n minus weight -90\n slow weight -90\n }"),
    ("all_kinds", "track_script {\n plus\n minus\n }\n track_interface { up0 weight 15 }\n track_file { number }"),
    ("owner", "track_script { none }"),
    ("in_group", "track_script { minus }\n track_interface { up0 weight -15 }"),
    ("in_weighted_group", "track_script { minus }"),
];

const GROUPS: &str = "
vrrp_sync_group plain { group { in_group }
}
vrrp_sync_group weighted { group { in_weighted_group }
 sync_group_tracking_weight
 track_script { plus }
}
";

/// Where locum means to differ, and why. Anything else that differs is a defect, and so is one of these that does not.
const DIFFERENCES: [(&str, &str); 1] = [(
    "in_group",
    "without sync_group_tracking_weight keepalived leaves out the weighted scripts of a group's members, and so does not \
     see that one of them has failed; with locum a member's tracker always counts",
)];

/// What happens to what is followed.
type Step = (&'static str, fn(&Path, &mut Lab));

const STEPS: [Step; 10] = [
    ("all is well", |_, _| {}),
    ("the script fails", |dir, _| fs::remove_file(dir.join("s1")).unwrap()),
    ("the file says -10", |dir, _| fs::write(dir.join("number"), "-10\n").unwrap()),
    ("the file says 7, the script recovers", |dir, _| {
        fs::write(dir.join("number"), "7\n").unwrap();
        fs::write(dir.join("s1"), "").unwrap();
    }),
    ("the file says 400", |dir, _| fs::write(dir.join("number"), "400").unwrap()),
    ("the file holds text", |dir, _| fs::write(dir.join("number"), "many").unwrap()),
    ("the file says 0x10, then is out of range", |dir, _| {
        fs::write(dir.join("number"), "0x10").unwrap();
        sleep(Duration::from_millis(500));
        fs::write(dir.join("number"), "99999999999999").unwrap();
    }),
    ("the file is gone, the link is down", |dir, lab| {
        fs::remove_file(dir.join("number")).unwrap();
        lab.router(A).ip("link set up1 down");
        lab.router(B).ip("link set up1 down");
    }),
    ("the script fails, too, and the one that began as failed recovers", |dir, _| {
        fs::remove_file(dir.join("s1")).unwrap();
        fs::write(dir.join("s2"), "").unwrap();
    }),
    ("all is well again", |dir, lab| {
        fs::write(dir.join("s1"), "").unwrap();
        lab.router(A).ip("link set up1 up");
        lab.router(B).ip("link set up1 up");
    }),
];

fn configuration(dir: &Path, vrid: usize, network: u8) -> String {
    let mut text = TRACKERS.replace("DIR", dir.to_str().unwrap());
    writeln!(text, "global_defs {{\n script_user root\n}}\n{GROUPS}").unwrap();
    for (index, (name, follows)) in INSTANCES.iter().enumerate() {
        let priority = if *name == "owner" { 255 } else { 100 };
        let vrid = vrid + index;
        writeln!(
            text,
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n priority {priority}\n \
             virtual_ipaddress {{ 10.{network}.{index}.1/32 }}\n {follows}\n}}"
        )
        .unwrap();
    }
    text
}

/// The effective priority of each instance; `None` in FAULT, in which none is sent and keepalived keeps some earlier one.
type Priorities = BTreeMap<String, Option<u8>>;

fn of_locum(lab: &mut Lab) -> Priorities {
    let instances = lab.router(A).instances();
    let priority = |state, priority| (state != State::Fault).then_some(priority);
    instances.into_iter().map(|one| (one.name, priority(one.state, one.effective_priority))).collect()
}

fn of_keepalived(lab: &mut Lab) -> Priorities {
    let pid = fs::read_to_string(lab.router(B).run_dir().join("keepalived.pid")).unwrap();
    let _ = fs::remove_file(DUMP);
    assert!(Command::new("kill").args(["-USR1", pid.trim()]).status().unwrap().success());
    wait_for("keepalived's dump", Duration::from_secs(5), || {
        let priorities = read_dump(&fs::read_to_string(DUMP).ok()?);
        (priorities.len() == INSTANCES.len()).then_some(priorities)
    })
}

fn read_dump(text: &str) -> Priorities {
    let mut priorities = Priorities::new();
    let mut name = String::new();
    let mut is_fault = false;
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once(" = ") else { continue };
        match key {
            "VRRP Instance" => value.clone_into(&mut name),
            "State" => is_fault = value.starts_with("FAULT"),
            "Effective priority" => {
                priorities.insert(name.clone(), (!is_fault).then(|| value.parse().unwrap()));
            }
            _ => {}
        }
    }
    priorities
}

fn differences(locum: &Priorities, keepalived: &Priorities) -> Vec<String> {
    let differing = locum.iter().filter(|(name, one)| keepalived.get(*name) != Some(one));
    differing.map(|(name, one)| format!("{name}: locum {one:?}, keepalived {:?}", keepalived.get(name))).collect()
}

fn is_meant(difference: &str) -> bool {
    DIFFERENCES.iter().any(|(name, _)| difference.starts_with(&format!("{name}:")))
}

#[test]
fn the_same_as_keepalived_has_after_each_step() {
    with_lab(&[Locum, Keepalived], |lab| {
        let dir = PathBuf::from(lab.file("s1", "").parent().unwrap());
        for (name, content) in [("number", "0"), ("hangs", "#!/bin/sh\nsleep 5\n")] {
            lab.file(name, content);
        }
        let hangs = dir.join("hangs");
        fs::set_permissions(&hangs, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for node in [A, B] {
            lab.router(node).ip("link add up0 type veth peer name up1");
            lab.router(node).ip("link set up0 up");
            lab.router(node).ip("link set up1 up");
        }
        // Two virtual LANs in one: neither hears of the other's virtual routers.
        lab.start(A, &configuration(&dir, 1, 1));
        lab.start(B, &configuration(&dir, 101, 2));
        sleep(Duration::from_secs(6));
        let mut failures = Vec::new();
        let mut seen = Vec::new();
        for (step, act) in STEPS {
            act(&dir, lab);
            sleep(Duration::from_secs(2));
            let deadline = Instant::now() + SETTLE_MAX;
            let found = loop {
                let found = differences(&of_locum(lab), &of_keepalived(lab));
                if found.iter().all(|found| is_meant(found)) || Instant::now() > deadline {
                    break found;
                }
                sleep(Duration::from_millis(250));
            };
            let (meant, unmeant): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| is_meant(found));
            seen.extend(meant);
            failures.extend(unmeant.into_iter().map(|found| format!("{step}: {found}")));
        }
        assert!(failures.is_empty(), "{failures:#?}");
        for (name, reason) in DIFFERENCES {
            assert!(
                seen.iter().any(|seen| seen.starts_with(&format!("{name}:"))),
                "{name} no longer differs: {reason}"
            );
        }
    });
}
