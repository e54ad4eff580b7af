use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use locum_core::priority::Reading;
use tokio::runtime::{Builder, LocalOptions};
use tokio::time::timeout;

use super::*;

/// Far more than anything here takes.
const LONG: Duration = Duration::from_secs(20);

fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::LocalRuntime::new().unwrap().block_on(future)
}

/// A configuration with these trackers, all followed by one instance.
fn model(trackers: &str, followed: &str) -> Model {
    let text = format!(
        "{trackers}
        vrrp_instance VI_1 {{
            interface eth0
            virtual_router_id 1
            priority 100
            virtual_ipaddress {{ 10.0.0.1 }}
            {followed}
        }}"
    );
    let configuration = locum_config::check("test.conf", text.as_bytes(), &locum_config::Surroundings::default());
    assert!(
        !configuration.has_errors(),
        "{}",
        configuration.render_text(locum_config::Style { color: false, width: 100 })
    );
    configuration.model().clone()
}

async fn expect(reports: &Reports, reading: Reading) -> Report {
    let report = timeout(LONG, reports.next()).await.unwrap_or_else(|_| panic!("no report, {reading:?} expected"));
    assert_eq!(report.reading, reading, "{report:?}");
    report
}

/// Nothing changes for a while.
async fn expect_nothing(reports: &Reports, for_ms: u64) {
    if let Ok(report) = timeout(Duration::from_millis(for_ms), reports.next()).await {
        panic!("{report:?}");
    }
}

/// A directory that is gone at the end of the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("locum-track-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn script(&self, name: &str, text: &str) -> String {
        // Written under another name: a file that is open for writing cannot be executed.
        let path = self.path(name);
        let new = self.path("new");
        fs::write(&new, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&new, &path).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_script_fails_and_recovers_and_says_why() {
    let directory = Directory::new("script");
    let script = directory.script("check", "echo so it is; exit 0");
    on_runtime(async {
        let text = format!("vrrp_script chk {{\n script \"{script}\"\n interval 0.05\n timeout 1\n}}");
        let trackers = Trackers::start(&model(&text, "track_script { chk }"));
        let reports = trackers.reports();
        expect(&reports, Reading::Good).await;
        let id = trackers.id(Kind::Script, "chk").unwrap();
        directory.script("check", "echo gone; exit 3");
        assert_eq!(expect(&reports, Reading::Bad).await.detail, "exit 3");
        let status = trackers.status(id).unwrap();
        assert_eq!((status.name.as_str(), status.kind, status.reading), ("chk", Kind::Script, Reading::Bad));
        let last = status.last.unwrap();
        assert_eq!((last.result.as_str(), last.last_lines), ("exit 3", vec!["gone".to_owned()]));
        assert!(status.runs > 0 && status.next.is_some());
        directory.script("check", "kill -SEGV $$");
        expect_nothing(&reports, 300).await;
        assert_eq!(trackers.status(id).unwrap().detail, "killed by SIGSEGV");
        directory.script("check", "exit 0");
        expect(&reports, Reading::Good).await;
        fs::remove_file(&script).unwrap();
        assert_eq!(expect(&reports, Reading::Bad).await.detail, format!("not found: {script}"));
    });
}

#[test]
fn a_script_that_was_never_there_counts_for_nothing_until_it_is() {
    let directory = Directory::new("missing-script");
    let script = directory.path("check");
    on_runtime(async {
        let text = format!("vrrp_script chk {{\n script \"{script}\"\n interval 0.05\n}}");
        let trackers = Trackers::start(&model(&text, "track_script { chk }"));
        let reports = trackers.reports();
        let report = expect(&reports, Reading::Value(0)).await;
        assert_eq!(report.detail, format!("not found: {script}; it does not count until it can be asked"));
        directory.script("check", "exit 0");
        expect(&reports, Reading::Good).await;
    });
}

#[test]
fn a_script_that_hangs_has_failed_at_its_timeout_and_never_runs_twice_at_once() {
    let directory = Directory::new("hanging-script");
    let log = directory.path("log");
    let script = directory
        .script("check", &format!("trap '' TERM; echo begin >> {log}; sleep 0.3; sleep 0.3; echo end >> {log}"));
    on_runtime(async {
        let text = format!("vrrp_script chk {{\n script \"{script}\"\n interval 0.1\n timeout 0.2\n}}");
        let trackers = Trackers::start(&model(&text, "track_script { chk }"));
        let reports = trackers.reports();
        assert_eq!(expect(&reports, Reading::Bad).await.detail, "no answer within 0.2 s");
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let status = trackers.status(trackers.id(Kind::Script, "chk").unwrap()).unwrap();
        assert!(status.skipped >= 4, "{status:?}");
        drop(trackers);
        let text = fs::read_to_string(&log).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.len() > 3);
        assert!(lines.chunks(2).all(|pair| matches!(pair, ["begin", "end"] | ["begin"])), "{lines:?}");
    });
}

#[test]
fn security_is_enforced_where_it_is_asked_for() {
    let directory = Directory::new("security");
    let script = directory.script("check", "exit 0");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o757)).unwrap();
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    on_runtime(async {
        let text = |global: &str| {
            format!(
                "global_defs {{\n script_user root\n {global}\n}}\nvrrp_script chk {{\n script \"{script}\"\n interval 0.05\n}}"
            )
        };
        let mut trackers = Trackers::start(&model(&text("enable_script_security"), "track_script { chk }"));
        let reports = trackers.reports();
        let report = expect(&reports, Reading::Value(0)).await;
        assert!(report.detail.starts_with("writable by others than root"), "{report:?}");
        trackers.reload(&model(&text(""), "track_script { chk }"));
        expect(&reports, Reading::Good).await;
    });
}

#[test]
fn a_file_is_read_whenever_it_changes() {
    let directory = Directory::new("file");
    let path = directory.path("value");
    on_runtime(async {
        let text = format!("track_file F {{\n file \"{path}\"\n}}");
        let trackers = Trackers::start(&model(&text, "track_file { F }"));
        let reports = trackers.reports();
        let says = |detail: &str| {
            let status = trackers.status(trackers.id(Kind::File, "F").unwrap()).unwrap();
            assert_eq!(status.detail, detail);
        };
        expect(&reports, Reading::Value(0)).await;
        says("there is no file, which counts as 0");
        fs::write(&path, "-10\n").unwrap();
        expect(&reports, Reading::Value(-10)).await;
        says("the file says -10");
        fs::write(directory.path("new"), " 0x1f and more").unwrap();
        fs::rename(directory.path("new"), &path).unwrap();
        expect(&reports, Reading::Value(31)).await;
        fs::write(&path, "99999999999").unwrap();
        expect_nothing(&reports, 200).await;
        says("the file says 99999999999, which is out of range; it still counts as 31");
        fs::write(&path, "good\x1b[2J").unwrap();
        expect(&reports, Reading::Value(0)).await;
        says("the file says `good[2J`, which counts as 0");
        fs::write(&path, "5").unwrap();
        expect(&reports, Reading::Value(5)).await;
        fs::remove_file(&path).unwrap();
        expect(&reports, Reading::Value(0)).await;
        fs::create_dir(&path).unwrap();
        expect_nothing(&reports, 200).await;
        says("the file cannot be read (it is not a file), which counts as 0");
        fs::remove_dir(&path).unwrap();
        expect_nothing(&reports, 100).await;
        // Somebody keeps it open and writes it in pieces: read when it is closed.
        let mut file = fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut file, b"7").unwrap();
        expect_nothing(&reports, 200).await;
        drop(file);
        expect(&reports, Reading::Value(7)).await;
    });
}

#[test]
fn a_file_may_be_reached_by_links_and_in_directories_that_come_and_go() {
    let directory = Directory::new("links");
    let path = directory.path("current/value");
    on_runtime(async {
        let text = format!("track_file F {{\n file \"{path}\"\n}}");
        let trackers = Trackers::start(&model(&text, "track_file { F }"));
        let reports = trackers.reports();
        expect(&reports, Reading::Value(0)).await;
        fs::create_dir(directory.path("current")).unwrap();
        fs::write(&path, "3").unwrap();
        expect(&reports, Reading::Value(3)).await;
        fs::remove_dir_all(directory.path("current")).unwrap();
        expect(&reports, Reading::Value(0)).await;
        // The file is a link into another directory, where it changes, and then the link itself does.
        for (name, value) in [("one", "1"), ("two", "2")] {
            fs::create_dir(directory.path(name)).unwrap();
            fs::write(directory.path(&format!("{name}/value")), value).unwrap();
        }
        fs::create_dir(directory.path("current")).unwrap();
        std::os::unix::fs::symlink("../one/value", &path).unwrap();
        expect(&reports, Reading::Value(1)).await;
        fs::write(directory.path("one/value"), "11").unwrap();
        expect(&reports, Reading::Value(11)).await;
        std::os::unix::fs::symlink("../two/value", directory.path("current/new")).unwrap();
        fs::rename(directory.path("current/new"), &path).unwrap();
        expect(&reports, Reading::Value(2)).await;
    });
}

#[test]
fn a_file_is_made_where_init_file_says_so() {
    let directory = Directory::new("init-file");
    for (name, content) in [("kept", "5"), ("overwritten", "5")] {
        fs::write(directory.path(name), content).unwrap();
    }
    std::os::unix::fs::symlink(directory.path("kept"), directory.path("link")).unwrap();
    let file = |name: &str, how: &str| {
        format!("track_file {name} {{\n file \"{}\"\n init_file {how}\n}}\n", directory.path(name))
    };
    let text =
        file("made", "7") + &file("kept", "7") + &file("overwritten", "7 overwrite") + &file("link", "7 overwrite");
    on_runtime(async {
        let trackers = Trackers::start(&model(&text, "track_file { \n made\n kept\n overwritten\n link\n }"));
        let reports = trackers.reports();
        for _ in 0..4 {
            timeout(LONG, reports.next()).await.unwrap();
        }
        let says = |name| trackers.status(trackers.id(Kind::File, name).unwrap()).unwrap().reading;
        assert_eq!(says("made"), Reading::Value(7));
        assert_eq!(says("kept"), Reading::Value(5), "nor through the link");
        assert_eq!(says("overwritten"), Reading::Value(7));
    });
}

/// A process of this name, ended with the value.
struct Sleeper(std::process::Child);

impl Sleeper {
    fn start(program: &str, seconds: &str) -> Self {
        Self(Command::new(program).arg(seconds).stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn processes_are_counted_as_they_come_and_go() {
    let directory = Directory::new("process");
    let name = format!("lct{}", std::process::id());
    let program = directory.path(&name);
    // Another process copies it: what this one has open for writing is open for a moment in what other tests start, and then it
    // cannot be executed.
    assert!(Command::new("cp").args(["/bin/sleep", &program]).status().unwrap().success());
    on_runtime(async {
        let text = format!(
            "vrrp_track_process P {{\n process {name}\n quorum 2\n quorum_max 2\n}}
             vrrp_track_process Q {{\n process {program} 1000\n full_command\n terminate_delay 0.4\n}}"
        );
        let trackers = Trackers::start(&model(&text, "track_process { P\n Q }"));
        let reports = trackers.reports();
        let id = |name| trackers.id(Kind::Process, name).unwrap();
        let next = async || timeout(LONG, reports.next()).await.unwrap();
        let mut first = [next().await, next().await];
        first.sort_by_key(|report| report.tracker);
        assert_eq!(first.map(|report| report.reading), [Reading::Bad; 2]);
        let one = Sleeper::start(&program, "1000");
        let report = next().await;
        assert_eq!((report.tracker, report.reading), (id("Q"), Reading::Good));
        let two = Sleeper::start(&program, "1001");
        let report = next().await;
        assert_eq!((report.tracker, report.reading), (id("P"), Reading::Good));
        assert_eq!(report.detail, "2 running, 2 to 2 wanted");
        let three = Sleeper::start(&program, "1002");
        let report = next().await;
        assert_eq!((report.tracker, report.reading), (id("P"), Reading::Bad), "more than quorum_max");
        drop(three);
        assert_eq!(next().await.reading, Reading::Good);
        drop(two);
        let report = next().await;
        assert_eq!((report.tracker, report.reading), (id("P"), Reading::Bad));
        // It is gone for less than its terminate_delay.
        drop(one);
        let again = Sleeper::start(&program, "1000");
        expect_nothing(&reports, 600).await;
        let ended = std::time::Instant::now();
        drop(again);
        let report = next().await;
        assert_eq!((report.tracker, report.reading), (id("Q"), Reading::Bad));
        assert!(ended.elapsed() >= Duration::from_millis(390), "after its delay");
    });
}

#[test]
fn interfaces_settle_after_their_delays() {
    let runtime =
        Builder::new_current_thread().enable_time().start_paused(true).build_local(LocalOptions::default()).unwrap();
    let model = model("interface_up_down_delays {\n eth1 0.5 2\n}", "track_interface {\n eth1\n eth2 weight -10\n }");
    runtime.block_on(async {
        let trackers = Trackers::start(&model);
        let reports = trackers.reports();
        let mut links = Links::new(&model.up_down_delays);
        let feed =
            |links: &mut Links, name: &str, is_up| trackers.interface_is(name, Some(links.settle(name, is_up)), false);
        feed(&mut links, "eth1", true);
        feed(&mut links, "eth2", true);
        feed(&mut links, "eth3", true);
        assert_eq!(reports.try_next().unwrap().reading, Reading::Good, "the first word needs no time");
        assert_eq!(reports.try_next().unwrap().reading, Reading::Good);
        assert_eq!(reports.try_next(), None, "nobody follows eth3");
        feed(&mut links, "eth2", false);
        assert_eq!(reports.try_next().unwrap().detail, "it is down", "without a delay at once");
        for _ in 0..10 {
            feed(&mut links, "eth1", false);
            tokio::time::sleep(Duration::from_millis(300)).await;
            feed(&mut links, "eth1", true);
        }
        assert_eq!(reports.try_next(), None, "it flaps faster than its delay");
        feed(&mut links, "eth1", false);
        let start = tokio::time::Instant::now();
        links.wake().await;
        assert_eq!(start.elapsed().as_millis(), 500);
        feed(&mut links, "eth1", false);
        assert_eq!(reports.try_next().unwrap().reading, Reading::Bad);
        feed(&mut links, "eth1", true);
        links.reload(&model.up_down_delays);
        links.wake().await;
        assert!(start.elapsed() >= Duration::from_millis(2_500));
        feed(&mut links, "eth1", true);
        assert_eq!(reports.try_next().unwrap().reading, Reading::Good);
        trackers.interface_is("eth1", None, false);
        assert_eq!(reports.try_next().unwrap().detail, "there is no such interface");
    });
}

#[test]
fn a_reload_leaves_alone_what_is_the_same() {
    let directory = Directory::new("reload");
    let script = directory.script("check", "exit 0");
    let text = |interval: &str, weight: &str| {
        format!(
            "vrrp_script same {{\n script \"{script}\"\n interval 1000\n weight {weight}\n}}
             vrrp_script other {{\n script \"{script}\"\n interval {interval}\n}}
             vrrp_script unused {{\n script \"{script}\"\n}}"
        )
    };
    on_runtime(async {
        let mut trackers = Trackers::start(&model(&text("1000", "1"), "track_script {\n same\n other\n }"));
        let reports = trackers.reports();
        expect(&reports, Reading::Good).await;
        expect(&reports, Reading::Good).await;
        assert_eq!(trackers.ids(), [TrackerId(0), TrackerId(1)]);
        assert_eq!(trackers.id(Kind::Script, "unused"), None);
        let id = trackers.id(Kind::Script, "same").unwrap();
        let since = trackers.status(id).unwrap().since;
        trackers.reload(&model(&text("999", "2"), "track_script {\n same\n other\n }"));
        assert_eq!(trackers.id(Kind::Script, "same"), Some(id), "its weight is not its own business");
        assert_eq!(trackers.status(id).unwrap().since, since);
        let other = trackers.id(Kind::Script, "other").unwrap();
        assert_eq!(trackers.status(other).unwrap().reading, Reading::Unknown, "it begins anew");
        assert_eq!(expect(&reports, Reading::Good).await.tracker, other);
        trackers.reload(&model(&text("999", "2"), "track_interface { eth9 }"));
        assert_eq!(trackers.ids().len(), 1);
        assert!(trackers.id(Kind::Script, "same").is_none());
        assert_eq!(trackers.interfaces().collect::<Vec<_>>(), ["eth9"]);
        trackers.reload(&Model::default());
        assert!(trackers.ids().is_empty());
        expect_nothing(&reports, 100).await;
    });
}

#[test]
fn a_tcp_port_is_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    on_runtime(async {
        let text = format!("vrrp_probe P {{\n tcp 127.0.0.1 {port}\n interval 0.1\n fall 2\n}}");
        let trackers = Trackers::start(&model(&text, "track_probe { P }"));
        let reports = trackers.reports();
        let report = expect(&reports, Reading::Good).await;
        assert_eq!(report.detail, format!("127.0.0.1:{port} accepts connections"));
        drop(listener);
        let report = expect(&reports, Reading::Bad).await;
        assert_eq!(report.detail, format!("127.0.0.1:{port} refuses connections"));
    });
}

/// Runs it in a network namespace of its own, in which `near` (10.9.0.1, 2001:db8:9::1) has a neighbour at `.2`; `false`
/// where that is not permitted. The words are commands for the neighbour's side.
fn beside_a_neighbour(test: impl FnOnce(&dyn Fn(&str)) + Send + 'static) -> bool {
    use nix::sched::{CloneFlags, unshare};
    let thread = std::thread::spawn(move || {
        if unshare(CloneFlags::CLONE_NEWNET).is_err() {
            return false;
        }
        let holder = Sleeper(Command::new("unshare").args(["-n", "sleep", "1000"]).spawn().unwrap());
        let pid = holder.0.id();
        let own = || fs::read_link("/proc/thread-self/ns/net").unwrap();
        while fs::read_link(format!("/proc/{pid}/ns/net")).unwrap() == own() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let sh = |line: &str| assert!(Command::new("sh").args(["-ec", line]).status().unwrap().success(), "{line}");
        sh(&format!(
            "ip link set lo up
             ip link add near type veth peer name far netns {pid}
             ip address add 10.9.0.1/24 dev near
             ip address add 2001:db8:9::1/64 dev near nodad
             ip link set near up
             nsenter -t {pid} -n sh -ec 'ip address add 10.9.0.2/24 dev far; ip address add 2001:db8:9::2/64 dev far nodad; ip link set far up; ip link set lo up'"
        ));
        let there = move |line: &str| sh(&format!("nsenter -t {pid} -n {line}"));
        test(&there);
        drop(holder);
        true
    });
    thread.join().unwrap()
}

#[test]
fn addresses_neighbours_and_routes_are_asked() {
    let ran = beside_a_neighbour(|there| {
        let probe = |name: &str, lines: &str| format!("vrrp_probe {name} {{\n {lines}\n interval 0.2\n}}\n");
        let text = probe("icmp4", "icmp 10.9.0.2")
            + &probe("icmp6", "icmp 2001:db8:9::2\n interface near\n source 2001:db8:9::1")
            + &probe("arp", "neighbour 10.9.0.2")
            + &probe("nd", "neighbour 2001:db8:9::2\n interface near")
            + &probe("route", "route 10.9.0.0/24\n interface near")
            + &probe("gone", "route 10.77.0.0/16 table 100");
        let names = ["icmp4", "icmp6", "arp", "nd", "route", "gone"];
        let followed = format!("track_probe {{\n {}\n }}", names.join("\n "));
        on_runtime(async {
            let trackers = Trackers::start(&model(&text, &followed));
            let reports = trackers.reports();
            let status = |name| trackers.status(trackers.id(Kind::Probe, name).unwrap()).unwrap();
            let settled = async |wanted: [Reading; 6]| {
                let now = || names.map(|name| status(name).reading);
                let waited = timeout(LONG, async {
                    while now() != wanted {
                        reports.next().await;
                    }
                });
                let words = || names.map(|name| format!("{name}: {}", status(name).detail));
                assert!(waited.await.is_ok(), "{wanted:?} expected: {:#?}", words());
            };
            use Reading::{Bad, Good};
            settled([Good, Good, Good, Good, Good, Bad]).await;
            assert_eq!(status("arp").detail, "10.9.0.2 answers");
            assert_eq!(status("gone").detail, "10.77.0.0/16 is not in table 100");
            let run = |line: &str| assert!(Command::new("sh").args(["-ec", line]).status().unwrap().success());
            run("ip route add 10.77.0.0/16 dev near table 100");
            settled([Good, Good, Good, Good, Good, Good]).await;
            // A firewall that drops echo requests hides a host from them, and not from ARP.
            there("sh -c 'echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all'");
            settled([Bad, Good, Good, Good, Good, Good]).await;
            assert_eq!(status("icmp4").detail, "no answer within 200 ms");
            there("sh -c 'echo 0 > /proc/sys/net/ipv4/icmp_echo_ignore_all'");
            settled([Good; 6]).await;
            there("ip link set far down");
            settled([Bad; 6]).await;
            assert_eq!(status("route").detail, "10.9.0.0/24 is in table 254, but its link is down");
            there("ip link set far up");
            there("ip address add 2001:db8:9::2/64 dev far nodad");
            settled([Good; 6]).await;
            run("ip link delete near");
            settled([Bad; 6]).await;
            assert_eq!(status("route").detail, "there is no interface near");
        });
    });
    if !ran {
        assert!(!nix::unistd::geteuid().is_root(), "root may make namespaces");
    }
}

#[test]
fn an_echo_answers_from_this_host_itself() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    on_runtime(async {
        let text = "vrrp_probe P {\n icmp 127.0.0.1\n interval 0.1\n}";
        let trackers = Trackers::start(&model(text, "track_probe { P }"));
        expect(&trackers.reports(), Reading::Good).await;
    });
}
