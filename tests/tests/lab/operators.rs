//! Operators: what they have said survives any moment of a SIGKILL and a reboot as it was meant to, all ways of saying it
//! are the same, and several at once do not hurt each other.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use locum_control::client::{Client, ClientError};
use locum_control::{ChangeStanding, Edit, ErrorCode, Event, Item, Lasts, State, Verb};
use locum_tests::Daemon::Locum;
use locum_tests::Node::A;
use locum_tests::{Group, Lab, scenario, wait_for, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

fn alone(lab: &mut Lab) {
    lab.start(A, &scenario("alone"));
    lab.wait_master(GROUP, A, TAKEOVER_MAX);
}

fn name() -> Option<String> {
    Some(GROUP.instance.into())
}

/// Whether it stands back, as soon as it answers.
fn stands_back(lab: &mut Lab) -> bool {
    let status = wait_for("its status", TAKEOVER_MAX, || lab.router(A).status(GROUP.instance));
    status.standing_back.is_some()
}

/// What is written down about yields.
fn is_written(lab: &mut Lab) -> bool {
    let file = lab.router(A).run_dir().join("yields.json");
    fs::read_to_string(file).is_ok_and(|text| text.contains(GROUP.instance))
}

/// How many moments of a SIGKILL are tried: `LOCUM_KILLS`, else some.
fn kills() -> u64 {
    std::env::var("LOCUM_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(10)
}

#[test]
fn a_yield_that_is_killed_at_any_moment_is_done_or_was_never_said() {
    with_lab(&[Locum], |lab| {
        alone(lab);
        let (mut stood_back, mut never) = (0, 0);
        for turn in 0..kills() {
            // From before the record to well after the action, in steps that have nothing to do with either.
            let moment = Duration::from_micros(turn * 6_700 % 20_000 / 10);
            let mut socket = UnixStream::connect(lab.router(A).socket()).expect("the socket");
            let last_resort = turn % 2 == 0;
            let line = format!(
                "{{\"id\":1,\"verb\":\"yield\",\"instance\":\"VI_1\",\"lasts\":\"saved\",\"last_resort\":{last_resort}}}\n"
            );
            socket.write_all(line.as_bytes()).expect("the order");
            sleep(moment);
            lab.kill9(A);
            let recorded = is_written(lab);
            lab.start_again(A);
            assert_eq!(stands_back(lab), recorded, "turn {turn}: what was written down is what is done");
            if recorded {
                stood_back += 1;
                lab.router(A).client().request(Verb::Resume { instance: name() }).expect("resume");
                assert!(!is_written(lab), "turn {turn}: a yield that has ended is not kept");
            } else {
                never += 1;
            }
        }
        println!("{stood_back} stood back, {never} had not been told in time");
        assert!(stood_back > 0, "no turn came as far as the record");
    });
}

#[test]
fn a_yield_until_reboot_ends_with_the_boot_and_others_do_not() {
    for (lasts, is_kept) in [(Lasts::UntilReboot, false), (Lasts::Saved, true), (Lasts::Seconds(1800), true)] {
        with_lab(&[Locum], |lab| {
            // It begins as BACKUP: nobody has to take over from it.
            lab.start(A, &scenario("alone"));
            lab.router(A).wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
            lab.router(A)
                .client()
                .request(Verb::Yield { instance: name(), lasts: Some(lasts), last_resort: true })
                .expect("a yield");
            lab.kill9(A);
            lab.start_again(A);
            assert!(stands_back(lab), "{lasts:?}: a restart is no reboot");
            lab.kill9(A);
            // Another boot: the run directory here outlives it, as on a board whose /run is on flash.
            let file = lab.router(A).run_dir().join("yields.json");
            let text = fs::read_to_string(&file).expect("the yields");
            let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("the boot");
            assert!(text.contains(boot.trim()), "{text}");
            fs::write(&file, text.replace(boot.trim(), "00000000-0000-0000-0000-000000000000")).expect("write");
            lab.start_again(A);
            assert_eq!(stands_back(lab), is_kept, "{lasts:?}");
        });
    }
}

#[test]
fn a_change_whose_maker_is_gone_is_taken_back_at_its_time() {
    with_lab(&[Locum], |lab| {
        alone(lab);
        let mut client = lab.router(A).client();
        let began = Instant::now();
        client.request(change("70", Some(3))).expect("a change");
        drop(client);
        assert_eq!(lab.router(A).expect_status(GROUP.instance).priority, 70);
        wait_for("the old priority", TAKEOVER_MAX, || {
            (lab.router(A).expect_status(GROUP.instance).priority == 100).then_some(())
        });
        let lasted = began.elapsed();
        assert!(lasted >= Duration::from_secs(3), "taken back after {lasted:?}");
    });
}

fn change(priority: &str, confirm_within_s: Option<u64>) -> Verb {
    let keyword = "priority".to_owned();
    let edits = vec![Edit::Set { instance: GROUP.instance.into(), keyword, values: vec![priority.to_owned()] }];
    Verb::Change { edits, lasts: Lasts::UntilRestart, confirm_within_s, revision: None, dry_run: false }
}

#[test]
fn the_command_line_and_the_socket_say_the_same() {
    with_lab(&[Locum], |lab| {
        alone(lab);
        let mut watching = lab.router(A).client();
        watching.request(Verb::Watch { instance: None, adverts: false }).expect("watch");
        let both: [(&[&str], Verb); 6] = [
            (&["set", "VI_1", "priority", "90"], change("80", None)),
            (&["rollback"], Verb::Rollback { number: None }),
            (
                &["yield", "VI_1", "--persist"],
                Verb::Yield { instance: name(), lasts: Some(Lasts::Saved), last_resort: false },
            ),
            (&["reload"], Verb::Reload { dry_run: false }),
            (&["take", "VI_1"], Verb::Take { instance: GROUP.instance.into(), for_s: None }),
            (
                &["yield", "VI_9"],
                Verb::Yield { instance: Some("VI_9".into()), lasts: Some(Lasts::Saved), last_resort: false },
            ),
        ];
        for (words, verb) in both {
            let printed = lab.router(A).locum(words);
            let event = next_act(&mut watching, printed.code == Some(0));
            undo(lab, words, &mut watching);
            let answered = lab.router(A).client().request(verb);
            let event_again = next_act(&mut watching, answered.is_ok());
            undo(lab, words, &mut watching);
            let (line, code) = match answered {
                Ok((_, done)) => (done, 0),
                Err(ClientError::Refused(refusal)) => (refusal.message, 1),
                Err(other) => panic!("{words:?}: {other}"),
            };
            let said = if code == 0 { printed.stdout.trim_end() } else { printed.stderr.trim_end() };
            let last = said.lines().last().unwrap_or_default();
            assert_eq!(printed.code, Some(code), "{words:?}: {}", printed.said());
            assert!(without_numbers(last).ends_with(&without_numbers(&line)), "{words:?}: {last} and {line}");
            assert_eq!(event.map(|text| without_numbers(&text)), event_again.map(|text| without_numbers(&text)));
        }
    });
}

/// Brings things back to where they were before `words`.
fn undo(lab: &mut Lab, words: &[&str], watching: &mut Client) {
    if words.first() == Some(&"rollback") {
        lab.router(A).client().request(change("90", None)).expect("a change");
        let _ = next_act(watching, true);
    }
    wait_for("MASTER again", TAKEOVER_MAX, || {
        (lab.router(A).expect_status(GROUP.instance).state == State::Master).then_some(())
    });
}

/// The next thing that an operator has done.
fn next_act(watching: &mut Client, is_expected: bool) -> Option<String> {
    let until = Instant::now() + Duration::from_secs(5);
    while is_expected && Instant::now() < until {
        if let Ok(notice) = watching.next_notice(Some(Duration::from_secs(5)))
            && let Event::Operator { text, .. } = notice.event
        {
            return Some(text);
        }
    }
    None
}

/// Numbers of changes and times differ.
fn without_numbers(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_ascii_digit() && *letter != '.').collect()
}

#[test]
fn ten_who_change_something_at_once_each_have_it_done_whole_or_not_at_all() {
    with_lab(&[Locum], |lab| {
        let instance = |n: usize| {
            format!(
                "vrrp_instance V{n} {{\n interface eth0\n virtual_router_id {}\n priority 100\n virtual_ipaddress {{\n \
                 172.20.45.{}/32\n }}\n}}\n",
                n + 10,
                n + 200
            )
        };
        let configuration: String = (0..10).map(instance).collect();
        lab.start(A, &configuration);
        let socket = lab.router(A).socket();
        let revision = revision(lab);
        let outcomes: Vec<_> = scope(|scope| {
            let one = |n: usize| {
                let socket = &socket;
                scope.spawn(move || {
                    let set = |keyword: &str, value: String| Edit::Set {
                        instance: format!("V{n}"),
                        keyword: keyword.into(),
                        values: vec![value],
                    };
                    let edits = vec![set("priority", (50 + n).to_string()), set("advert_int", (n + 2).to_string())];
                    // Five of them say what they have seen.
                    let revision = n.is_multiple_of(2).then_some(revision);
                    let lasts = Lasts::UntilRestart;
                    let mut client = Client::connect(socket).expect("the socket");
                    client.request(Verb::Change { edits, lasts, confirm_within_s: None, revision, dry_run: false })
                })
            };
            let threads: Vec<_> = (0..10).map(one).collect();
            threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
        });
        let mut done = 0;
        for (n, outcome) in outcomes.iter().enumerate() {
            let status = lab.router(A).expect_status(&format!("V{n}"));
            let (priority, interval) = (usize::from(status.priority), usize::from(status.advert_interval_cs));
            match outcome {
                Ok(_) => {
                    done += 1;
                    assert_eq!((priority, interval), (50 + n, 100 * (n + 2)), "V{n} is done");
                }
                Err(ClientError::Refused(refusal)) => {
                    assert_eq!(refusal.code, ErrorCode::Stale, "{}", refusal.message);
                    assert_eq!((priority, interval), (100, 100), "V{n} is refused, and nothing of it is done");
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert!(done >= 5, "{done} of ten");
        let (items, _) = lab.router(A).client().request(Verb::Changes).expect("the changes");
        let holds = |item: &Item| matches!(item, Item::Change(record) if record.standing == ChangeStanding::Holds);
        assert_eq!(items.iter().filter(|item| holds(item)).count(), done, "each is in the list");
    });
}

fn revision(lab: &mut Lab) -> u64 {
    wait_for("the status of the service", TAKEOVER_MAX, || {
        let items = lab.router(A).show();
        items.iter().find_map(|item| if let Item::Service(status) = item { Some(status.revision) } else { None })
    })
}

#[test]
fn what_was_done_is_told_to_those_who_come_later() {
    with_lab(&[Locum], |lab| {
        alone(lab);
        lab.router(A).client().request(change("90", None)).expect("a change");
        lab.router(A).client().request(Verb::Reload { dry_run: false }).expect("a reload");
        lab.kill9(A);
        lab.start_again(A);
        let (items, _) = lab.router(A).client().request(Verb::Watch { instance: None, adverts: false }).expect("watch");
        let told: Vec<String> = items
            .into_iter()
            .filter_map(|item| match item {
                Item::Notice(notice) => match notice.event {
                    Event::Operator { text, .. } => Some(text),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        assert!(told.iter().any(|text| text.contains("priority of vrrp_instance VI_1 to 90")), "{told:?}");
        assert!(told.iter().any(|text| text.starts_with("reload: ")), "{told:?}");
        let list = lab.router(A).locum(&["changes"]).stdout;
        assert!(list.contains("lost when the service ended") && list.contains("reload: "), "{list}");
        assert!(lab.router(A).locum(&["diff"]).stdout.starts_with("what runs is what "));
        lab.router(A).client().request(change("80", None)).expect("a change");
        let diff = lab.router(A).locum(&["diff"]).stdout;
        assert!(diff.starts_with("~ VI_1: priority 100 -> 80\n"), "{diff}");
    });
}

/// A generator of numbers that are as good as any here (xorshift); the seed is printed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Changes made at random, each saved at once.
fn edits() -> u64 {
    std::env::var("LOCUM_EDITS").ok().and_then(|count| count.parse().ok()).unwrap_or(40)
}

/// What of a status comes from the configuration.
fn configured(lab: &mut Lab) -> String {
    let status = wait_for("its status", TAKEOVER_MAX, || lab.router(A).status(GROUP.instance));
    let vips: Vec<_> = status.vips.iter().map(|vip| vip.address.clone()).collect();
    let (priority, interval, preempt) = (status.priority, status.advert_interval_cs, status.preempt);
    format!("{priority} {interval} {preempt} {} {vips:?} {:?}", status.preempt_delay_us, status.mode)
}

#[test]
fn a_restart_with_what_was_saved_runs_what_ran() {
    let seed = std::env::var("LOCUM_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0x10c0_0001);
    println!("LOCUM_SEED={seed}");
    with_lab(&[Locum], |lab| {
        let configuration = scenario("1-unicast-a");
        lab.start(A, &configuration);
        lab.router(A).wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
        let mut dice = Dice(seed);
        let mut done = 0;
        for turn in 0..edits() {
            let number = dice.below(4) + 1;
            let (vip, peer) = (format!("172.20.45.{}/32", 220 + number), format!("172.20.45.{}", 150 + number));
            let (priority, interval) = ((dice.below(254) + 1).to_string(), (dice.below(9) + 1).to_string());
            let words: Vec<&str> = match dice.below(10) {
                0 | 1 => vec!["set", "VI_1", "priority", &priority],
                2 => vec!["set", "VI_1", "advert_int", &interval],
                3 => vec!["set", "VI_1", "nopreempt"],
                4 => vec!["unset", "VI_1", "nopreempt"],
                5 => vec!["set", "VI_1", "vip", "add", &vip],
                6 => vec!["set", "VI_1", "vip", "remove", &vip],
                7 => vec!["set", "VI_1", "peer", "add", &peer],
                8 => vec!["set", "VI_1", "peer", "remove", &peer],
                _ => vec!["set", "VI_1", "preempt_delay", &interval],
            };
            let words: Vec<&str> = words.into_iter().chain(["--save"]).collect();
            let outcome = lab.router(A).locum(&words);
            // What makes no sense is refused (a VIP that is there, the last peer); then nothing has changed.
            assert!(matches!(outcome.code, Some(0 | 1)), "{words:?}: {}", outcome.said());
            done += u64::from(outcome.code == Some(0));
            if turn % 8 == 7 {
                let ran = configured(lab);
                lab.kill9(A);
                lab.start_again(A);
                assert_eq!(configured(lab), ran, "turn {turn}, after {words:?}");
            }
        }
        assert!(done > edits() / 3, "{done} of {} were done", edits());
        // The comments and the layout are as they were.
        let text = fs::read_to_string(lab.router(A).configuration()).expect("the file");
        for comment in configuration.lines().filter_map(|line| line.split_once('#')).map(|(_, comment)| comment) {
            assert!(text.contains(comment) || comment.contains("second node: .131"), "lost: {comment}\n{text}");
        }
        let file = lab.router(A).configuration().display().to_string();
        assert_eq!(lab.router(A).locum(&["check", &file]).code, Some(0));
    });
}
