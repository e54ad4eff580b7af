//! What a dry run foresees is what then happens.

use std::thread::sleep;
use std::time::Duration;

use locum_control::{Forecast, Item, State, Verb};
use locum_tests::Daemon::{self, Keepalived, Locum};
use locum_tests::Node::{self, A, B};
use locum_tests::{Group, Lab, scenario, wait_for, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// What `words` would bring about on a node.
fn foresee(lab: &mut Lab, node: Node, verb: Verb) -> Vec<Forecast> {
    let (items, _) = lab.router(node).client().request(verb).expect("a dry run");
    let forecast = |item| if let Item::Forecast(forecast) = item { Some(forecast) } else { None };
    items.into_iter().filter_map(forecast).collect()
}

fn order(order: Verb) -> Verb {
    Verb::Foresee { order: Box::new(order) }
}

fn priority(value: u8, dry_run: bool) -> Verb {
    let edit = locum_control::Edit::Set {
        instance: GROUP.instance.into(),
        keyword: "priority".into(),
        values: vec![value.to_string()],
    };
    let lasts = locum_control::Lasts::UntilRestart;
    Verb::Change { edits: vec![edit], lasts, confirm_within_s: None, revision: None, dry_run }
}

fn has(forecasts: &[Forecast], text: &str) -> bool {
    forecasts.iter().any(|forecast| forecast.to_string().contains(text))
}

#[test]
fn a_backup_that_would_preempt_says_when() {
    preempts(Locum);
}

#[test]
fn a_backup_that_would_preempt_keepalived_says_when() {
    preempts(Keepalived);
}

fn preempts(other: Daemon) {
    with_lab(&[other, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        lab.start(B, &scenario("1-unicast-b"));
        lab.router(B).wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
        sleep(Duration::from_millis(2300));
        let foreseen = foresee(lab, B, priority(90, true));
        assert!(has(&foreseen, "stays BACKUP, effective priority 90"), "{foreseen:?}");
        let foreseen = foresee(lab, B, priority(150, true));
        let takes_over = |forecast: &&Forecast| forecast.text.contains("BACKUP -> MASTER: we preempt 172.20.45.131");
        let foretold = foreseen.iter().find(takes_over).and_then(|forecast| forecast.in_us).unwrap_or_else(|| {
            panic!("{foreseen:?}");
        });
        assert!(
            has(&foreseen, "172.20.45.131 gives way") && has(&foreseen, "answered for all the time"),
            "{foreseen:?}"
        );
        assert_eq!(lab.router(B).expect_status(GROUP.instance).priority, 80, "nothing is done yet");
        let before = locum_tests::Moment::now();
        lab.router(B).client().request(priority(150, false)).expect("the change");
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        let taken = lab.timeline().since(before).first_claim(B, GROUP.vrid).expect("an advert of B");
        let passed = u64::try_from(taken.since(before).as_micros()).expect("it fits");
        assert!(passed.abs_diff(foretold) < 1_000_000, "{foretold} was foretold, it took {passed}");
    });
}

#[test]
fn a_yield_is_played_with_and_without_those_who_are_silent() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("1-unicast-a"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let yielded = || Verb::Yield { instance: Some(GROUP.instance.into()), lasts: None, last_resort: false };
        let foreseen = foresee(lab, A, order(yielded()));
        let alone =
            foreseen.iter().all(|it| it.provided.as_deref().is_some_and(|it| it.contains("nobody else listens")));
        assert!(alone && has(&foreseen, "nobody took over"), "{foreseen:?}");

        lab.start(B, &scenario("1-unicast-b"));
        lab.router(B).wait_state(GROUP.instance, State::Backup, TAKEOVER_MAX);
        lab.router(A).client().request(yielded()).expect("a yield");
        lab.wait_master(GROUP, B, TAKEOVER_MAX);
        sleep(Duration::from_millis(1500));
        let resume = || Verb::Resume { instance: Some(GROUP.instance.into()) };
        let foreseen = foresee(lab, A, order(resume()));
        assert!(has(&foreseen, "BACKUP -> MASTER: we preempt 172.20.45.132 (priority 80)"), "{foreseen:?}");
        assert!(foreseen.iter().all(|forecast| forecast.provided.is_none()), "{foreseen:?}");
        lab.router(A).client().request(resume()).expect("the end of the yield");
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        sleep(Duration::from_millis(1500));

        // B is silent again. It was heard, so both are played.
        let foreseen = foresee(lab, A, order(yielded()));
        let (with, without): (Vec<_>, Vec<_>) =
            foreseen.into_iter().partition(|it| it.provided.as_deref().is_some_and(|it| it.contains("still listens")));
        assert!(has(&with, "172.20.45.132 becomes MASTER") && has(&with, "answered for all the time"), "{with:?}");
        assert!(has(&without, "nobody took over") && !has(&without, "becomes MASTER"), "{without:?}");
        assert_eq!(lab.router(A).expect_status(GROUP.instance).state, State::Master, "nothing is done yet");
        let text = lab.router(A).locum(&["yield", "VI_1", "--dry-run"]).stdout;
        assert!(
            text.contains("If 172.20.45.132 (priority 80, last heard") && text.ends_with("nothing is done yet\n"),
            "{text}"
        );
        println!("{text}");
    });
}

#[test]
fn a_dry_run_shows_what_changes_in_the_file() {
    with_lab(&[Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let router = lab.router(A);
        let file = router.configuration();
        let before = std::fs::read_to_string(&file).expect("the configuration");
        let set = |rest: &[&str]| {
            let done = router.locum(&[&["set", GROUP.instance, "priority", "77"], rest].concat());
            assert_eq!(done.code, Some(0), "{}", done.said());
            done.said()
        };
        let changed =
            |said: &str| said.lines().filter(|line| line.trim_start_matches('+').trim() == "priority 77").count();
        let said = set(&["--dry-run"]);
        assert!(said.contains("--- running\n+++ then\n") && changed(&said) == 1, "{said}");
        let said = set(&["--save", "--dry-run"]);
        let names = format!("--- {0}\n+++ {0}\n", file.display());
        assert!(said.contains(&names) && changed(&said) == 1, "{said}");
        assert_eq!(std::fs::read_to_string(&file).expect("the configuration"), before, "nothing is written");
        set(&[]);
        let said = router.locum(&["diff"]).said();
        let names = format!("--- {}\n+++ running\n", file.display());
        assert!(said.contains(&names) && changed(&said) == 1, "{said}");
    });
}

#[test]
fn an_instance_that_is_new_says_what_is_known_of_its_group() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let other =
            scenario("alone").replace("VI_1", "VI_2").replace("id 45", "id 46").replace("20.45.248", "20.45.249");
        let file = lab.router(A).configuration();
        std::fs::write(&file, format!("{}\n{other}", scenario("alone"))).expect("the configuration is written");
        let dry_run = |lab: &mut Lab| foresee(lab, A, Verb::Reload { dry_run: true });
        let foreseen = dry_run(lab);
        assert!(has(&foreseen, "VI_2: begins as BACKUP, and is MASTER after 3.6 s"), "{foreseen:?}");

        lab.start(B, &other);
        let heard = || has(&dry_run(lab), "172.20.45.132 was heard with VRID 46 on eth0").then_some(());
        wait_for("the other's VRID is told", TAKEOVER_MAX, heard);
    });
}
