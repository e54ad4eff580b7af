//! What an instance follows, and what operators have ordered.

use locum_control::{
    ChangeRecord, ChangeStanding, Event as Happening, InstanceStatus, NotifyStatus, RunStatus, ServiceStatus,
    StandingBack, TrackReading, TrackStatus,
};

use super::*;
use crate::fixture::happens;
use crate::fixture::statuses::UNIX_MS;

const WIDE: [(u16, u16); 3] = [(80, 24), (40, 12), (160, 50)];

fn run(result: &str, lines: &[&str]) -> RunStatus {
    let last_lines = lines.iter().map(ToString::to_string).collect();
    RunStatus { at_us: BOOT_US - 2_000_000, result: result.into(), duration_us: 31_000, last_lines }
}

fn tracker(kind: &str, name: &str, weight: i16, reading: TrackReading, adds: i16, detail: &str) -> TrackStatus {
    TrackStatus {
        name: name.into(),
        kind: kind.into(),
        weight,
        reverse: false,
        reading,
        adds,
        blocks: false,
        awaited: false,
        since_us: BOOT_US - 40_000_000,
        detail: detail.into(),
        last: None,
        next_us: None,
        runs: 12,
        skipped: 0,
    }
}

/// A backup whose tracker has failed, in a group, with a notification that failed, too.
fn following(name: &str) -> InstanceStatus {
    let mut status = statuses::backup(name, 45);
    (status.priority, status.effective_priority) = (110, 80);
    status.group = Some("uplinks".into());
    let script = tracker("script", "chk_dns", -30, TrackReading::Bad, -30, "exit 1");
    status.trackers = vec![
        TrackStatus { last: Some(run("exit 1", &["resolver 10.0.0.53 does not answer"])), skipped: 2, ..script },
        tracker("interface", "wan0", 0, TrackReading::Good, 0, ""),
        tracker("file", "load", 1, TrackReading::Value(0), 0, "/run/load"),
    ];
    status.notified = vec![NotifyStatus {
        kind: "INSTANCE".into(),
        name: name.into(),
        script: "notify_backup".into(),
        state: "BACKUP".into(),
        ok: false,
        skipped: 0,
        run: run("exit 127", &["conntrackd: not found"]),
    }];
    status.notifications_skipped = 1;
    status
}

fn steered() -> Model {
    let mut back = statuses::backup("VI_2", 144);
    let until_unix_ms = Some(UNIX_MS + 1_500_000);
    back.standing_back = Some(StandingBack { since_us: BOOT_US - 300_000_000, last_resort: false, until_unix_ms });
    back.effective_priority = 0;
    let mut model =
        attached(80, 24, vec![following("VI_1"), back, statuses::waiting("VI_3", 46), second_master("VI_5")]);
    let on_trial = ChangeRecord {
        number: 7,
        at_unix_ms: UNIX_MS - 60_000,
        who: "anna (uid 1000)".into(),
        what: vec!["VI_1 priority 110".into()],
        standing: ChangeStanding::OnTrial { until_unix_ms: UNIX_MS + 240_000 },
    };
    let service = statuses::service(Role::Admin, BOOT_US, 4);
    let service = ServiceStatus { on_trial: Some(on_trial), unsaved_changes: 2, revision: 9, ..service };
    link(&mut model, Report::Item(Box::new(Item::Service(Box::new(service)))));
    model
}

fn at_wide_sizes(name: &str, model: &mut Model) {
    for (columns, rows) in WIDE {
        for unicode in [false, true] {
            model.size = Size::new(columns, rows);
            model.unicode = unicode;
            let text = screen(model);
            assert!(unicode || text.is_ascii());
            let charset = if unicode { "utf8" } else { "ascii" };
            assert_snapshot!(format!("{name}-{columns}x{rows}-{charset}"), text);
        }
    }
}

#[test]
fn what_waits_for_a_person_is_said_on_every_screen() {
    let mut model = steered();
    model.size = Size::new(160, 50);
    for keys in ["", "o", "p", "t", "?"] {
        type_text(&mut model, keys);
        let text = screen(&model);
        for said in [
            "change 7 on trial: taken back in 4 min",
            "VI_5: second master 172.20.45.131",
            "VI_2 stands back, 25 min left",
            "VI_3 preempts in 4 min",
            "1 change is not saved",
        ] {
            assert!(text.contains(said), "{keys}: {said}\n{text}");
        }
    }
    model.size = Size::new(80, 24);
    assert!(screen(&model).contains("| +4 more"), "{}", screen(&model));
    // Nothing to say, no row for it.
    let mut calm = attached(80, 24, vec![statuses::backup("VI_1", 45)]);
    assert!(screen(&calm).lines().nth(1).unwrap().contains("NAME"), "{}", screen(&calm));
    calm.nodes.current_mut().replica.service = None;
    let _ = screen(&calm);
}

#[test]
fn overview_with_orders() {
    let mut model = steered();
    model.selected = Some("VI_1".into());
    at_wide_sizes("steered-overview", &mut model);
}

#[test]
fn instance_with_trackers() {
    let mut model = steered();
    model.selected = Some("VI_1".into());
    press(&mut model, Key::Enter);
    at_wide_sizes("following", &mut model);
    model.size = Size::new(160, 50);
    let text = screen(&model);
    for said in [
        "80 = 110 - 30 (script chk_dns failed: exit 1)",
        "script chk_dns FAILED for 40 s: exit 1; weight -30, adds -30; last run 2 s ago: exit 1, took 31 ms",
        "> resolver 10.0.0.53 does not answer",
        "notify_backup, told BACKUP: 2 s ago: exit 127",
        "group uplinks",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
}

#[test]
fn instance_that_stands_back() {
    let mut model = steered();
    model.selected = Some("VI_2".into());
    press(&mut model, Key::Enter);
    at_wide_sizes("standing-back", &mut model);
}

#[test]
fn what_operators_did_is_in_the_history() {
    let mut model = steered();
    model.now_us = 3_000_000;
    happens(
        &mut model,
        Happening::Operator { who: "anna (uid 1000)".into(), text: "VI_2 stand back for 30 min".into() },
    );
    model.now_us = 5_000_000;
    let silent = Cause::MasterSilent { master: PEER, silent_us: 3_609_375, intervals: 3 };
    transition(&mut model, statuses::record("VI_1", 0, State::Backup, State::Master, silent));
    type_text(&mut model, "t");
    at_wide_sizes("steered-history", &mut model);
    type_text(&mut model, "/anna");
    assert!(screen(&model).contains("1 of 2"), "{}", screen(&model));
    // The service does not tell it again when everything is asked for anew.
    attach(&mut model, Role::Admin, vec![following("VI_1")]);
    assert!(screen(&model).contains("VI_2 stand back"), "{}", screen(&model));
}

#[test]
fn dialogs_with_fields_and_many_buttons() {
    let mut model = steered();
    model.selected = Some("VI_1".into());
    type_text(&mut model, "e");
    at_wide_sizes("edit", &mut model);
    press(&mut model, Key::Ctrl('u'));
    type_text(&mut model, "255");
    assert!(screen(&model).contains("a whole number from 1 to 254"), "{}", screen(&model));
    // However small the window, the field that has the keys is seen.
    for _ in 0..6 {
        for (columns, rows) in [(40, 12), (32, 6), (20, 3), (10, 1)] {
            model.size = Size::new(columns, rows);
            let dialog = model.dialog.as_ref().unwrap();
            let label: String = dialog.field().map_or("Cancel", |field| &field.label).chars().take(6).collect();
            assert!(screen(&model).contains(&label), "{label} {columns}x{rows}\n{}", screen(&model));
        }
        press(&mut model, Key::Tab);
    }
    press(&mut model, Key::Ctrl('g'));
    model.dialog = None;
    type_text(&mut model, "y");
    at_wide_sizes("yield", &mut model);
}

/// A master with an interface, routes and rules of its own, one of which the kernel refused.
#[test]
fn what_else_is_in_the_kernel() {
    use locum_control::{NoAcceptStatus, PartKind, PartStatus};

    let part =
        |kind, name: &str, installed| PartStatus { kind, name: name.into(), tracked: true, installed, error: None };
    let mut status = statuses::master("VI_1", 45);
    status.parts = vec![
        part(PartKind::Interface, "vrrp.45 00:00:5e:00:01:2d", true),
        part(PartKind::Route, "10.9.0.0/16 via 172.20.45.1 dev eth0", true),
        PartStatus {
            tracked: false,
            error: Some("Network is unreachable".into()),
            ..part(PartKind::Route, "10.10.0.0/16 via 10.255.0.1", false)
        },
        part(PartKind::Rule, "from 172.20.45.248 lookup 100", false),
    ];
    status.parts_left_out = 3;
    status.no_accept = Some(NoAcceptStatus { table: "locum".into(), in_force: true, error: None });
    let mut model = attached(80, 24, vec![status]);
    press(&mut model, Key::Enter);
    at_wide_sizes("parts", &mut model);
    let text = screen(&model);
    for words in [
        "interface vrrp.45 00:00:5e:00:01:2d: here",
        "routes    10.9.0.0/16 via 172.20.45.1 dev eth0: here",
        "          10.10.0.0/16 via 10.255.0.1, not tracked: Network is unreachable",
        "rules     from 172.20.45.248 lookup 100: MISSING HERE",
        "          3 more routes and rules",
        "no_accept packets to the addresses: dropped by the nftables table locum",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn what_flaps_is_said() {
    let mut model = attached(80, 24, vec![statuses::backup("VI_1", 45), statuses::backup("VI_2", 46)]);
    let changes = |model: &mut Model, s: u64| {
        model.now_us = s * 1_000_000;
        happens(model, Happening::PriorityChanged { instance: "VI_1".into(), from: 80, to: 50 });
    };
    (1..4).for_each(|s| changes(&mut model, s));
    assert!(!screen(&model).contains("flaps"), "a tracker that failed: {}", screen(&model));
    changes(&mut model, 5);
    assert!(screen(&model).contains("\nVI_1 flaps: 4 changes of priority in 2 min\n"), "{}", screen(&model));
    wait_until(&mut model, 123);
    assert!(!screen(&model).contains("flaps"), "that is long ago: {}", screen(&model));
    for s in 200..205 {
        assert!(!screen(&model).contains("flaps"), "four are two failovers and back: {}", screen(&model));
        model.now_us = s * 1_000_000;
        let mut record = statuses::record("VI_2", 0, State::Backup, State::Master, Cause::Start);
        record.at_us += s * 1_000_000;
        record.at_unix_ms += s * 1_000;
        transition(&mut model, record);
    }
    assert!(screen(&model).contains("VI_2 flaps: 5 changes of state in 2 min"), "{}", screen(&model));
}
