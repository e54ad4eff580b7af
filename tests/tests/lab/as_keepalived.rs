//! Called as keepalived, with keepalived's options, signals and dumps.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use locum_tests::Daemon::{Keepalived, Locum};
use locum_tests::Node::{A, B};
use locum_tests::{Lab, Node, Outcome, find_program, locum_binary, with_lab};
use serde_json::Value;

const CONFIGURATION: &str = include_str!("as_keepalived.conf");

/// Starts a daemon in the background, has it dump, and stops it, in a /run of its own. Prints what came of each step.
const LIFE: &str = r#"
set -u
mount -t tmpfs none /run
export TMPDIR=$1
keepalived=$2
conf=$3
$keepalived -D -f "$conf"; echo "start $?"
for try in $(seq 50); do test -s /run/vrrp.pid && break; sleep 0.1; done
pid=$(cat /run/keepalived.pid)
echo "name $(cat /proc/$pid/comm)"
echo "session $(ps -o sid= -p $pid | tr -d ' ') of $pid"
test $(cat /run/vrrp.pid) -gt 0 && echo "pid files"
if test "$4" = again; then $keepalived -f "$conf"; echo "again $?"; fi
# Until it is master: 3.6 s, and a start before it.
for try in $(seq 100); do
    kill -$($keepalived --signum=STATS) $pid
    sleep 0.1
    grep -q "Became master: 1" $TMPDIR/keepalived.stats 2>/dev/null && break
done
kill -$($keepalived --signum=DATA) $pid
kill -$($keepalived --signum=JSON) $pid
sleep 1
kill -$($keepalived --signum=STATS_CLEAR) $pid
kill -$($keepalived --signum=RELOAD) $pid
sleep 1
kill -0 $pid && echo "lives"
kill -$($keepalived --signum=STOP) $pid
for try in $(seq 100); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done
kill -0 $pid 2>/dev/null || echo "stopped"
ls /run/*.pid 2>/dev/null || echo "no pid files"
"#;

fn live(lab: &mut Lab, node: Node, keepalived: &Path, vrid: u8, again: &str) -> (Outcome, PathBuf) {
    // Each has a group and addresses of its own.
    let conf =
        CONFIGURATION.replace("VRID", &vrid.to_string()).replace("172.20.45.17", &format!("172.20.45.{}", vrid - 70));
    let conf = lab.file(&format!("{vrid}.conf"), &conf);
    let dumps = conf.with_file_name(format!("dumps-{vrid}"));
    fs::create_dir(&dumps).unwrap();
    // Whoever plants something gains nothing.
    let precious = lab.file("precious", "precious");
    if node == A {
        symlink(&precious, dumps.join("keepalived.json")).unwrap();
    }
    let mut command = lab.router(node).command_in("unshare");
    command.args(["--mount", "sh", "-c", LIFE, "life"]).arg(&dumps).arg(keepalived).arg(conf).arg(again);
    let outcome = Outcome::of(&mut command);
    assert_eq!(fs::read_to_string(precious).unwrap(), "precious");
    (outcome, dumps)
}

/// Each key of an instance, and the type of its value.
fn shape(value: &Value, path: &str, into: &mut BTreeMap<String, &'static str>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| shape(value, &format!("{path}/{key}"), into));
            "object"
        }
    };
    into.insert(path.to_owned(), kind);
}

#[test]
fn the_dumps_have_the_keys_and_lines_of_keepalived() {
    with_lab(&[Locum, Keepalived], |lab| {
        let link = lab.file("x", "").with_file_name("keepalived");
        symlink(locum_binary(), &link).unwrap();
        let (outcome, ours) = live(lab, A, &link, 71, "again");
        let said = outcome.said();
        for step in ["start 0", "name keepalived", "pid files", "again 1", "lives", "stopped", "no pid files"] {
            assert!(outcome.stdout.lines().any(|line| line == step), "{step} is missing: {said}");
        }
        let session = outcome.stdout.lines().find_map(|line| line.strip_prefix("session ")).unwrap();
        let (session, pid) = session.split_once(" of ").unwrap();
        assert_eq!(session, pid, "it has no session of its own");

        let program = find_program("keepalived").unwrap();
        let (their_life, theirs) = live(lab, B, &program, 72, "");
        assert!(their_life.stdout.contains("start 0"), "{}", their_life.said());
        let read = |folder: &Path, name: &str| {
            fs::read_to_string(folder.join(name))
                .unwrap_or_else(|error| panic!("{name}: {error}: {said}\n{}", their_life.said()))
        };
        let json = |folder: &Path| -> Vec<Value> { serde_json::from_str(&read(folder, "keepalived.json")).unwrap() };
        let (ours_json, theirs_json) = (json(&ours), json(&theirs));
        assert_eq!(ours_json.len(), theirs_json.len());
        for (our, their) in ours_json.iter().zip(&theirs_json) {
            let shapes = [our, their].map(|instance| {
                let mut keys = BTreeMap::new();
                shape(instance, "", &mut keys);
                keys
            });
            assert_eq!(shapes[0], shapes[1], "{}", our["data"]["iname"]);
            for key in ["iname", "ifp_ifname", "state", "vipset", "effective_priority", "adver_int", "preempt_delay"] {
                assert_eq!(our["data"][key], their["data"][key], "{key}");
            }
            assert_eq!(our["stats"]["become_master"], their["stats"]["become_master"]);
        }
        let secret = |folder: &Path| read(folder, "keepalived.json").contains("admin123");
        assert!(secret(&theirs) && !secret(&ours), "the password is told");

        // Without the numbers that differ from run to run the statistics are the same.
        let lines = |folder: &Path| {
            let text = read(folder, "keepalived.stats");
            text.lines().map(|line| line.trim_end_matches(char::is_numeric).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(lines(&ours), lines(&theirs));

        // Each line of ours that says what is there, theirs says, too.
        let keys = |folder: &Path| {
            let text = read(folder, "keepalived.data");
            let topology = text.split_once("VRRP Topology").unwrap().1.to_owned();
            topology.lines().filter_map(|line| Some(line.split_once(" = ")?.0.to_owned())).collect::<Vec<_>>()
        };
        let theirs_keys = keys(&theirs);
        let strange: Vec<_> = keys(&ours).into_iter().filter(|key| !theirs_keys.contains(key)).collect();
        assert_eq!(strange, [""; 0]);
        let vips = read(&ours, "keepalived.data");
        assert!(vips.contains("     172.20.45.11/24 dev eth0 scope global label eth0:v set\n"), "{vips}");
    });
}

#[test]
fn a_start_that_fails_says_so_before_it_goes_into_the_background() {
    with_lab(&[Locum], |lab| {
        let link = lab.file("x", "").with_file_name("keepalived");
        symlink(locum_binary(), &link).unwrap();
        let conf = lab.file("bad.conf", "vrrp_instance V {\n");
        let script = "mount -t tmpfs none /run; \"$1\" -f \"$2\"; echo \"exit $?\"; ls /run/*.pid";
        let mut command = lab.router(A).command_in("unshare");
        command.args(["--mount", "sh", "-c", script, "start"]).arg(&link).arg(&conf);
        let outcome = Outcome::of(&mut command);
        assert!(outcome.stdout.contains("exit 3"), "{}", outcome.said());
        assert!(outcome.stderr.contains("bad.conf") && !outcome.stdout.contains(".pid"), "{}", outcome.said());
    });
}

#[test]
fn without_being_asked_a_service_ignores_the_signals_of_dumps() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &locum_tests::scenario("alone"));
        drop(lab.router(A).client());
        let pid = lab.router(A).show().into_iter().find_map(|item| match item {
            locum_control::Item::Service(service) => Some(service.pid),
            _ => None,
        });
        let pid = pid.unwrap_or_else(|| panic!("no service: {}", lab.router(A).log())).to_string();
        for signal in ["USR1", "USR2", "36", "37", "63"] {
            assert!(Outcome::of(std::process::Command::new("kill").args(["-s", signal, &pid])).code == Some(0));
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(lab.router(A).is_running(), "{}", lab.router(A).log());
        assert!(lab.router(A).log().contains("--keepalived-dumps"), "{}", lab.router(A).log());
    });
}

#[test]
fn a_check_looks_at_the_network_namespace_that_it_is_told() {
    with_lab(&[Locum], |lab| {
        lab.router(A).ip("link add only-here type bridge");
        let text = "vrrp_instance V {\n interface only-here\n virtual_router_id 9\n virtual_ipaddress {\n 10.0.0.9/24\n }\n}\n";
        let file = lab.file("elsewhere.conf", text);
        let check = |options: &[&str]| {
            let mut command = std::process::Command::new(locum_binary());
            Outcome::of(command.arg("keepalived").arg("-t").arg("-f").arg(&file).args(options))
        };
        let missing = "W004";
        let (outside, inside) = (check(&[]), check(&["-s", lab.router(A).namespace_name()]));
        assert!(outside.said().contains(missing), "{}", outside.said());
        assert!(inside.code == Some(0) && !inside.said().contains(missing), "{}", inside.said());
    });
}
