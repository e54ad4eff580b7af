//! Random faults, each with a seed that is printed and a number that can be raised: `LAB_SEED=N`, `LAB_RELOADS=1000`,
//! `LAB_KILLS=200`, `LAB_CHURN=500`, `LAB_SOAK_SECONDS=3600`.

use std::fmt::Write;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use locum_control::{Event, Item, State, Verb};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Lab, Moment, scenario, wait_for, with_lab};

use crate::{TAKEOVER_MAX, number};

const GROUP: Group = Group::VI_1;

/// xorshift64: enough to choose faults by.
struct Random(u64);

impl Random {
    /// From `LAB_SEED`, or from the clock; printed either way.
    fn new(what: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_nanos();
        let seed = number("LAB_SEED", u64::try_from(now & 0xffff_ffff).expect("32 bits")).max(1);
        eprintln!("{what}: LAB_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Whatever one of 32 instances is changed to, the others notice nothing.
#[test]
fn reloads_touch_only_what_they_name() {
    let rounds = number("LAB_RELOADS", 25);
    with_lab(&[Locum], |lab| {
        let mut random = Random::new("reloads");
        let mut options = vec![String::new(); 33];
        let text = |options: &[String]| {
            let mut text = String::new();
            for (number, option) in options.iter().enumerate().skip(1) {
                let vip = 150 + number;
                write!(
                    text,
                    "vrrp_instance V{number} {{\n interface eth0\n virtual_router_id {number}\n{option}\n \
                     virtual_ipaddress {{\n 172.20.45.{vip}/32\n }}\n}}\n"
                )
                .unwrap();
            }
            text
        };
        lab.start(A, &text(&options));
        for number in 1..=32 {
            lab.router(A).wait_state(&format!("V{number}"), State::Master, TAKEOVER_MAX);
        }
        sleep(Duration::from_secs(1));
        let mut client = lab.router(A).client();
        client.request(Verb::Watch { instance: None, adverts: false }).expect("watch");
        let file = lab.router(A).configuration();
        for round in 0..rounds {
            let number = usize::try_from(1 + random.below(32)).unwrap();
            let priority = 50 + random.below(200);
            options[number] = match random.below(5) {
                0 => String::new(),
                1 => format!(" priority {priority}"),
                2 => format!(" priority {priority}\n advert_int {}", 1 + random.below(3)),
                3 => format!(" virtual_ipaddress_excluded {{\n 172.20.46.{}/32\n }}", 1 + random.below(250)),
                _ => format!(" garp_master_refresh {}\n down_timer_adverts {}", random.below(9), 2 + random.below(4)),
            };
            fs::write(&file, text(&options)).unwrap();
            let from = Moment::now();
            let told = lab.router(A).locum(&["reload"]);
            assert_eq!(told.code, Some(0), "round {round}, V{number}: {}", told.said());
            sleep(Duration::from_millis(if rounds > 100 { 20 } else { 1_100 }));
            // Judged for a while after each of some reloads: the whole would be the square of them.
            if round % 20 == 0 {
                sleep(Duration::from_millis(1_200));
                let timeline = lab.timeline().since(from);
                for other in (1..=32u8).filter(|other| usize::from(*other) != number) {
                    let option = &options[usize::from(other)];
                    if option.contains("advert_int") && !option.contains("advert_int 1") {
                        continue;
                    }
                    let gap = timeline.longest_gap(A, other);
                    assert!(gap < Duration::from_millis(1200), "round {round}: V{other} was silent for {gap:?}");
                }
            }
        }
        while let Ok(notice) = client.next_notice(Some(Duration::from_millis(300))) {
            assert!(!matches!(notice.event, Event::Transition(_) | Event::VipLost { .. }), "{notice:?}");
        }
        for number in 1..=32 {
            assert_eq!(lab.router(A).history(&format!("V{number}")).len(), 2, "V{number} changed its state");
        }
    });
}

/// SIGKILL at any moment, as MASTER and as BACKUP, and a start after any time: nothing is left behind, and never do two
/// answer for longer than the protocol allows.
#[test]
fn kills_at_any_moment_leave_nothing_behind() {
    let rounds = number("LAB_KILLS", 4);
    with_lab(&[Locum, Locum], |lab| {
        let mut random = Random::new("kills");
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let mut probe = lab.probe(GROUP.vip);
        for round in 0..rounds {
            let node = if random.below(3) == 0 { B } else { A };
            sleep(Duration::from_millis(random.below(3_000)));
            lab.kill9(node);
            sleep(Duration::from_millis(random.below(6_000)));
            let started = lab.start_again(node);
            if round % 10 == 9 || round + 1 == rounds {
                lab.wait_master(GROUP, A, TAKEOVER_MAX);
                lab.router(B).wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
                sleep(Duration::from_secs(2));
                let answers = probe.finish();
                let until = Moment::now();
                let (_, silence) = answers.longest_silence(until - Duration::from_millis(1500), until);
                assert!(silence < Duration::from_millis(500), "round {round}: nobody answers: {silence:?}");
                probe = lab.probe(GROUP.vip);
            }
            let kept = lab.router(node).history(GROUP.instance).len();
            assert!(kept >= 2, "round {round}: the history is lost, started {started:?}");
        }
        drop(probe);
    });
}

/// What is in the kernel of A, without what no two runs have in common.
fn kernel(lab: &mut Lab) -> String {
    let router = lab.router(A);
    let mut lines: Vec<String> = ["-o addr", "route show table all", "rule", "-o link"]
        .iter()
        .flat_map(|what| router.ip(what).lines().map(str::to_owned).collect::<Vec<_>>())
        .map(|line| {
            // Interfaces that were made again have other numbers.
            let line = line.split_once(": ").map_or(line.clone(), |(_, rest)| rest.to_owned());
            line.replace("@if", "@").split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

/// Whatever happens to interfaces and addresses, the end is that of a fresh start.
#[test]
fn churn_of_interfaces_ends_like_a_fresh_start() {
    let rounds = number("LAB_CHURN", 40);
    with_lab(&[Locum], |lab| {
        lab.excuse_all();
        let mut random = Random::new("churn");
        let routes = "priority 100\n virtual_routes {\n 192.168.110.0/24 via 172.20.45.200\n }";
        lab.start(A, &scenario("alone").replace("priority 100", routes));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let mut name = "eth0";
        for _ in 0..rounds {
            let what = random.below(10);
            let there = lab.router(A).ip("-o link").contains("eth");
            let own = format!("{}/24", A.address());
            // Some of it makes no sense at that moment, and fails.
            let mut ip = |arguments: &str| drop(lab.router(A).command_in("ip").args(arguments.split(' ')).output());
            match what {
                0 if there => {
                    ip(&format!("link del {name}"));
                    name = "eth0";
                }
                0 | 1 if !there => {
                    lab.add_interface(A);
                }
                2 => {
                    let other = if name == "eth0" { "eth9" } else { "eth0" };
                    ip(&format!("link set {name} down"));
                    ip(&format!("link set {name} name {other}"));
                    ip(&format!("link set {other} up"));
                    name = if there { other } else { "eth0" };
                }
                3 => ip(&format!("link set {name} down")),
                4 => ip(&format!("link set {name} up")),
                5 => ip(&format!("addr del {own} dev {name}")),
                6 => ip(&format!("addr add {own} dev {name}")),
                7 => ip(&format!("addr flush dev {name}")),
                8 => ip(&format!("addr del {}/32 dev {name}", GROUP.vip)),
                _ => {
                    ip("link add br9 type bridge");
                    ip(&format!("link set {name} master br9"));
                    ip(&format!("link set {name} nomaster"));
                    ip("link del br9");
                }
            }
            sleep(Duration::from_millis(random.below(400)));
        }
        // Back to what a start expects.
        if !lab.router(A).ip("-o link").contains("eth") {
            lab.add_interface(A);
            name = "eth0";
        }
        let own = format!("{}/24", A.address());
        for command in [
            format!("link set {name} down"),
            format!("link set {name} name eth0"),
            "link set eth0 up".to_owned(),
            format!("addr add {own} dev eth0"),
        ] {
            drop(lab.router(A).command_in("ip").args(command.split(' ')).output());
        }
        // It may stand back from somebody who takes its address away again and again.
        sleep(Duration::from_secs(1));
        drop(lab.router(A).locum(&["resume", GROUP.instance]));
        lab.wait_master(GROUP, A, Duration::from_secs(60));
        sleep(Duration::from_secs(2));
        let after_churn = kernel(lab);
        let status = lab.router(A).expect_status(GROUP.instance);
        assert!(status.blocks.is_empty() && status.source == Some(A.address().into()), "{status:?}");
        lab.stop(A);
        lab.start_again(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        sleep(Duration::from_secs(2));
        assert_eq!(after_churn, kernel(lab), "it differs from a fresh start");
        // It is heard as well.
        let from = Moment::now();
        sleep(Duration::from_secs(2));
        assert!(!lab.timeline().since(from).adverts_by(A, GROUP.vrid).is_empty());
    });
}

/// More changes at once than the kernel's buffer holds: what was lost is found by looking at all.
#[test]
fn thousands_of_addresses_while_it_does_not_listen() {
    with_lab(&[Locum], |lab| {
        lab.excuse_all();
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.pause(A);
        let mut batch = String::new();
        for number in 0..5_000 {
            writeln!(batch, "addr add 10.{}.{}.1/32 dev eth0", 100 + number / 250, number % 250).unwrap();
        }
        // What comes last is told to nobody who does not look.
        writeln!(batch, "addr del {}/32 dev eth0", GROUP.vip).unwrap();
        let file = lab.file("batch", &batch);
        lab.router(A).ip(&format!("-batch {}", file.display()));
        lab.resume(A);
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        assert!(lab.router(A).log().contains("is looked at as a whole"), "it all fitted, nothing is shown");
        assert!(lab.router(A).log().contains("somebody had removed"), "the loss was not seen");
    });
}

/// What a service uses: kilobytes, descriptors, threads.
fn used(lab: &mut Lab) -> [u64; 3] {
    let pid = lab.router(A).show().iter().find_map(|item| match item {
        Item::Service(service) => Some(service.pid),
        _ => None,
    });
    let pid = pid.expect("a process");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of its status");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    };
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").count();
    [value("VmRSS:"), u64::try_from(descriptors).unwrap(), value("Threads:")]
}

/// Faults of all kinds, on and on: nothing grows.
#[test]
fn a_soak_leaves_memory_descriptors_and_threads_as_they_were() {
    let lasts = Duration::from_secs(number("LAB_SOAK_SECONDS", 120));
    with_lab(&[Locum, Locum], |lab| {
        let mut random = Random::new("soak");
        lab.start(A, &scenario("1-unicast-a"));
        lab.start(B, &scenario("1-unicast-b"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let fault = |lab: &mut Lab, what: u64, length: Duration| match what {
            0 => {
                lab.cut(A);
                sleep(length);
                lab.restore(A);
            }
            1 => {
                lab.kill9(B);
                sleep(length);
                lab.start_again(B);
            }
            2 => {
                lab.pause(A);
                sleep(length);
                lab.resume(A);
            }
            3 => {
                lab.delete_interface(A);
                lab.add_interface(A);
            }
            4 => {
                lab.drop_adverts(A, B);
                sleep(length);
                lab.forward_all();
            }
            5 => drop(lab.router(A).locum(&["reload"])),
            6 => drop(lab.router(A).locum(&["yield", GROUP.instance, "--for", "1s"])),
            _ => drop((0..20).map(|_| lab.router(A).try_client()).collect::<Vec<_>>()),
        };
        (0..8).for_each(|what| fault(lab, what, Duration::from_millis(300)));
        lab.wait_master(GROUP, A, TAKEOVER_MAX * 2);
        sleep(Duration::from_secs(2));
        let before = used(lab);
        let began = Instant::now();
        while began.elapsed() < lasts {
            let (what, length) = (random.below(8), Duration::from_millis(random.below(3_000)));
            fault(lab, what, length);
            sleep(Duration::from_millis(random.below(2_000)));
        }
        lab.wait_master(GROUP, A, TAKEOVER_MAX * 2);
        wait_for("the connections to be closed", TAKEOVER_MAX, || (used(lab)[1] <= before[1]).then_some(()));
        let after = used(lab);
        eprintln!("KB of memory, descriptors, threads: {before:?} -> {after:?}");
        assert!(after[2] <= before[2], "threads: {before:?} -> {after:?}");
        assert!(after[0] < before[0] + 1_500, "memory: {before:?} -> {after:?}");
    });
}
