mod following;
mod readme;
mod recorded;

use std::time::Duration as StdDuration;

use insta::assert_snapshot;
use locum_control::{
    Cause, ForeignVrid, InstanceStatus, Item, Mac, MarkKind, Reject, Role, SecondMaster, SenderStatus, State,
};
use ratatui::layout::Size;

use super::*;
use crate::fixture::statuses::{self, BOOT_US, PEER};
use crate::fixture::{
    adverts, attach, attached, heard, link, press, router, screen, sent, transition, type_text, wait_until,
};
use crate::key::Key;
use crate::link::Report;
use crate::model::Connection;
use crate::options::ExtraAction;

const SIZES: [(u16, u16); 3] = [(80, 24), (40, 12), (160, 50)];

/// A master that fell silent, we take over, it returns and takes its place again.
fn failover() -> Model {
    let mut model = attached(
        80,
        24,
        vec![
            statuses::backup("VI_1", 45),
            statuses::master("VI_2", 144),
            statuses::waiting("VI_3", 46),
            statuses::fault("VI_4", 47),
            second_master("VI_5"),
        ],
    );
    model.selected = Some("VI_1".into());
    adverts(&mut model, "VI_1", heard(-12, -6));
    let silent = Cause::MasterSilent { master: PEER, silent_us: 3_609_375, intervals: 3 };
    transition(&mut model, statuses::record("VI_1", 3, State::Backup, State::Master, silent));
    adverts(&mut model, "VI_1", sent(-3, 4));
    model.now_us = 5_000_000;
    let back = Cause::PreemptedBy { by: PEER, priority: 100 };
    let record = statuses::record("VI_1", 0, State::Master, State::Backup, back);
    let at_us = record.at_us + 4_200_000;
    transition(&mut model, locum_control::TransitionRecord { at_us, at_unix_ms: record.at_unix_ms + 4_200, ..record });
    adverts(&mut model, "VI_1", heard(4, 8));
    let stranger = MarkKind::Rejected { reason: Reject::Password };
    adverts(&mut model, "VI_1", vec![statuses::advert(6.5, [172, 20, 45, 7].into(), 200, stranger)]);
    wait_until(&mut model, 8);
    model
}

fn second_master(name: &str) -> InstanceStatus {
    let mut status = statuses::master(name, 50);
    status.second_master = Some(SecondMaster { address: PEER, priority: 80, since_us: BOOT_US - 4_000_000 });
    status
}

/// The screen at every size, in ASCII and in UTF-8.
fn at_all_sizes(name: &str, model: &mut Model) {
    for (columns, rows) in SIZES {
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
fn overview() {
    at_all_sizes("overview", &mut failover());
}

#[test]
fn instance_after_a_failover() {
    let mut model = failover();
    press(&mut model, Key::Enter);
    at_all_sizes("instance", &mut model);
}

#[test]
fn instance_with_a_second_master() {
    let mut model = failover();
    model.selected = Some("VI_5".into());
    let detail = "it has our VRID but other VIPs (10.0.0.1): a stranger, give one group another virtual_router_id";
    let event = locum_control::Event::SecondMaster {
        instance: "VI_5".into(),
        source: PEER,
        priority: 80,
        detail: detail.into(),
    };
    crate::fixture::happens(&mut model, event);
    adverts(&mut model, "VI_5", heard(3, 8));
    adverts(&mut model, "VI_5", sent(-12, 8));
    press(&mut model, Key::Enter);
    at_all_sizes("second-master", &mut model);
}

#[test]
fn instance_in_fault() {
    let mut model = failover();
    model.selected = Some("VI_4".into());
    press(&mut model, Key::Enter);
    at_all_sizes("fault", &mut model);
}

#[test]
fn help() {
    let mut model = failover();
    model.extra_actions = vec![ExtraAction { key: 'c', name: "cut".into(), help: "pull the master's cable".into() }];
    press(&mut model, Key::Char('?'));
    at_all_sizes("help", &mut model);
}

#[test]
fn history() {
    let mut model = failover();
    press(&mut model, Key::Char('t'));
    at_all_sizes("history", &mut model);
}

/// Ours, a stranger with our VRID, a peer that nobody heard, one that left, a weaker one that was master before, and a
/// group that is not ours.
#[test]
fn peers() {
    let sender = |address: [u8; 4], priority| SenderStatus {
        address: address.into(),
        priority,
        checksum: None,
        last_heard_us: BOOT_US - 300_000_000,
        late: 0,
        ..statuses::backup("x", 1).senders.remove(0)
    };
    let mut many = statuses::backup("VI_1", 45);
    let stranger = SenderStatus { received: 0, rejected: 3, ..sender([172, 20, 45, 7], 200) };
    let other_mac = Some(Mac([0, 0, 0x5e, 0, 1, 45]));
    many.senders.push(SenderStatus { last_reject: Some(Reject::Password), other_mac, ..stranger });
    many.senders.extend([sender([172, 20, 45, 134], 70), sender([172, 20, 45, 135], 0)]);
    let unheard = [172, 20, 45, 133].into();
    many.mode = locum_control::Mode::Unicast { peers: vec![PEER, unheard] };
    let mut model =
        attached(80, 24, vec![second_master("VI_5"), statuses::master("VI_2", 144), statuses::fault("VI_4", 47), many]);
    type_text(&mut model, "p");
    at_all_sizes("peers", &mut model);
    let text = screen(&model);
    assert!(text.contains("free VRIDs, as far as heard: 1-6, 8-44, 46-49, 51-143, 145-255"), "{text}");
    // A service that says nothing of interfaces, and one that has no instance.
    model.nodes.current_mut().replica.interfaces.clear();
    assert!(screen(&model).contains("free VRIDs, as far as heard: 1-44, 46-49"), "{}", screen(&model));
    model.nodes.current_mut().replica.instances.clear();
    assert!(screen(&model).contains("There is no instance"));
}

#[test]
fn every_group_of_many_is_reached() {
    let mut model = attached(80, 24, (1..=200).map(|vrid| statuses::backup(&format!("VI_{vrid}"), vrid)).collect());
    type_text(&mut model, "p");
    let mut seen = locum_control::SortedSet::new();
    for _ in 0..200 {
        let text = screen(&model);
        // "VRID 7   VI_" and "VRID 7   not": what follows may be covered by the note that there is more.
        seen.extend(text.lines().filter(|row| row.starts_with("VRID")).map(|row| row[..12].to_owned()));
        press(&mut model, Key::PageDown);
    }
    assert_eq!(seen.len(), 201, "ours and the stranger");
    let text = screen(&model);
    assert!(text.contains("free VRIDs, as far as heard: 201-255") && !text.contains("more below"), "{text}");
    type_text(&mut model, "g");
    assert!(screen(&model).contains(" more below"), "{}", screen(&model));
}

#[test]
fn what_finds_no_room_is_counted() {
    let all = |count: u32| (0..count).map(|n| statuses::backup(&format!("VI_{n}"), 1)).collect();
    let model = attached(80, 24, all(2_500));
    assert!(screen(&model).contains("452 instances are not shown, only the first 2048"), "{}", screen(&model));
    assert!(!screen(&attached(80, 24, all(2_048))).contains("not shown"));
}

#[test]
fn a_segment_without_a_free_vrid_says_so() {
    let mut model = attached(80, 24, vec![statuses::backup("VI_1", 45)]);
    let mut interface = statuses::interface("eth0");
    let stranger = interface.foreign.remove(0);
    for vrid in 0..=255 {
        interface.foreign.push(ForeignVrid { vrid, ..stranger });
    }
    link(&mut model, Report::Item(Box::new(Item::Interface(interface))));
    type_text(&mut model, "pG");
    assert!(screen(&model).contains("free VRIDs: none"), "{}", screen(&model));
}

#[test]
fn a_filter_while_it_is_typed_and_after() {
    let mut model = failover();
    type_text(&mut model, ">/45.131 !vi_3");
    at_all_sizes("filter-typing", &mut model);
    press(&mut model, Key::Enter);
    at_all_sizes("filter", &mut model);
    type_text(&mut model, "/ nowhere");
    model.size = Size::new(80, 24);
    assert!(screen(&model).contains("no instance has these words; Esc shows all"), "{}", screen(&model));
    assert!(screen(&model).contains("0 of 5"), "{}", screen(&model));
    model.size = Size::new(20, 5);
    assert!(screen(&model).starts_with("none with these wor"), "{}", screen(&model));
    assert!(screen(&model).lines().last().unwrap().starts_with('/'), "a line that has the keys is never hidden");
}

#[test]
fn the_history_can_be_filtered() {
    let mut model = failover();
    type_text(&mut model, "t/preempted");
    press(&mut model, Key::Enter);
    let text = screen(&model);
    assert!(text.contains("/preempted: 1 of 2") && text.contains("preempted by") && !text.contains("silent"), "{text}");
    type_text(&mut model, "/ nowhere");
    assert!(screen(&model).contains("nothing with these words; Esc shows all"), "{}", screen(&model));
}

#[test]
fn a_command_line_shows_how_it_can_go_on() {
    let mut model = failover();
    type_text(&mut model, ":re");
    at_all_sizes("command", &mut model);
}

#[test]
fn the_overview_as_text() {
    let mut model = failover();
    for columns in [120, 80, 40] {
        model.size = Size::new(columns, 500);
        assert_snapshot!(format!("plain-{columns}"), plain(&model));
    }
    model.nodes.current_mut().replica.instances.clear();
    assert!(plain(&model).contains("There is no instance."), "{}", plain(&model));
}

#[test]
fn disconnected() {
    let mut model = failover();
    let reason = "the service closed the connection";
    link(&mut model, Report::Lost { reason: reason.into(), retry_in: StdDuration::from_secs(2) });
    at_all_sizes("disconnected", &mut model);
}

#[test]
fn never_connected() {
    let mut model = Model::new(vec![router("a")], Size::new(80, 24));
    let reason = "no service answers at /run/locum/a.sock: No such file or directory";
    link(&mut model, Report::Lost { reason: reason.into(), retry_in: StdDuration::from_secs(2) });
    at_all_sizes("unreachable", &mut model);
}

#[test]
fn the_question_before_resume() {
    let mut model = failover();
    type_text(&mut model, "Gr");
    at_all_sizes("dialog", &mut model);
}

#[test]
fn several_routers_and_a_program_around() {
    let mut model = Model::new(vec![router("A"), router("B")], Size::new(80, 24));
    model.extra_actions = vec![ExtraAction { key: 'c', name: "cut".into(), help: "pull the master's cable".into() }];
    attach(&mut model, Role::Reader, vec![statuses::backup("VI_1", 45)]);
    model.extra_status = vec!["client: answered by A; last outage 3.6 s".into()];
    at_all_sizes("demo", &mut model);
}

#[test]
fn a_window_of_a_few_cells_still_says_the_state() {
    let mut model = failover();
    for (columns, rows, first) in [(20, 5, "BACKUP VI_1"), (8, 1, "BACKUP …"), (1, 1, "…")] {
        model.size = Size::new(columns, rows);
        model.unicode = true;
        let text = screen(&model);
        assert!(text.starts_with(first), "{columns}x{rows}: {text}");
    }
    model.nodes.current_mut().connection = Connection::Lost { reason: "x".into(), retry_at_us: 0 };
    model.size = Size::new(20, 1);
    assert_eq!(screen(&model), "disconnected");
}

/// Every screen at every size up to a hundred columns, with every kind of trouble: nothing panics, and without UTF-8
/// everything is ASCII.
#[test]
fn no_size_is_too_small_or_too_large() {
    let mut wide = statuses::backup(&"路由器".repeat(10), 45);
    wide.source = Some("2001:db8:1234:5678:9abc:def0:1234:5678".parse().unwrap());
    wide.interface = "interface-of-many-letters".into();
    let mut models = vec![failover(), attached(80, 24, Vec::new()), attached(80, 24, vec![wide])];
    let long: std::net::IpAddr = "2001:db8:1234:5678:9abc:def0:1234:5678".parse().unwrap();
    let name = models[2].list.names()[0].to_owned();
    adverts(&mut models[2], &name, vec![statuses::advert(0.5, long, 255, MarkKind::Received)]);
    models[0].extra_status = vec!["one".into(), "two".into(), "three".into()];
    for model in &mut models {
        for setup in [
            "",
            "?",
            "t",
            "p",
            "/V",
            "/nowhere",
            ":",
            ":open ",
            "t/V",
            ">",
            "o",
            "of",
            "o-----",
            "o++++++++",
            "Gr",
            "C",
            "y",
            "e",
            "e\u{7f}",
            "P",
            "or",
        ] {
            model.screen = Screen::Overview;
            model.trail.clear();
            (model.help, model.dialog, model.message, model.prompt) = (false, None, None, None);
            model.set_filter(crate::model::Filter::default());
            model.timeline = crate::model::Timeline::default();
            type_text(model, setup);
            for (columns, rows) in
                (1..100).map(|n| (n, n / 3 + 1)).chain([(500, 200), (500, 1), (1, 200), (72, 16), (32, 6)])
            {
                model.size = Size::new(columns, rows);
                let _ = scroll_extent(model);
                model.scroll = 1_000_000;
                assert!(screen(model).is_ascii(), "{columns}x{rows} {setup}");
                type_text(model, "j");
                model.scroll = 0;
            }
        }
    }
}

#[test]
fn sixty_instances_fit_and_every_one_can_be_reached() {
    let mut model = attached(80, 24, (0..60).map(|n| statuses::backup(&format!("VI_{n:02}"), n)).collect());
    for n in 0..60 {
        let text = screen(&model);
        assert!(text.contains(&format!("> VI_{n:02}")), "{text}");
        type_text(&mut model, "j");
    }
}

#[test]
fn the_countdown_is_in_words() {
    let mut model = failover();
    type_text(&mut model, "o");
    // The snapshot of the state after the transition was not fetched, so no timer is known.
    assert!(screen(&model).contains("master is 172.20.45.131"), "{}", screen(&model));
    let mut model = attached(80, 24, vec![statuses::backup("VI_1", 45)]);
    type_text(&mut model, "o");
    wait_until(&mut model, 1);
    assert!(screen(&model).contains("takes over in 2.7 s unless 172.20.45.131 is heard"), "{}", screen(&model));
    let mut model = attached(80, 24, vec![statuses::waiting("VI_1", 45)]);
    type_text(&mut model, "o");
    let text = screen(&model);
    assert!(text.contains("takes over in 4 min 10 s from 172.20.45.131 p80: preempt delay, r ends it"), "{text}");
    assert!(text.contains("priority 90 (configured 100)"), "{text}");
}

#[test]
fn only_what_is_wrong_is_flagged() {
    let model = failover();
    let buffer = crate::fixture::rendered(&model);
    for (row, text) in screen(&model).lines().enumerate().skip(2).take(5) {
        let cell = &buffer[(1, u16::try_from(row).unwrap())];
        let reversed = cell.modifier.contains(ratatui::style::Modifier::REVERSED);
        assert_eq!(reversed, text.contains("VI_4") || text.contains("VI_5"), "{text}");
        assert_eq!(reversed, cell.symbol() == "!");
    }
}

/// What a minute of a screen costs, in bytes a second: the console's own loop in simulated time. The peers advertise once
/// a second, and the service is asked for its counters every few seconds.
fn bytes_per_s(model: &mut Model, term: &str, baud: Option<u32>) -> u64 {
    use crate::backend::TerminalBackend;
    use crate::options::Options;
    use crate::pace::{Pace, Wish};
    use crate::painter::Painter;
    use crate::profile::{Environment, Line, Profile};
    const MINUTE_S: u64 = 60;

    let environment = Environment { term: Some(term.into()), ..Environment::default() };
    let profile = Profile::choose(&environment, Line::Pseudo, &Options { baud, ..Options::new("/x".into()) });
    let mut backend = TerminalBackend::new(Vec::new(), &profile, model.size);
    let (mut painter, mut pace) = (Painter::new(model.size), Pace::new(profile.bytes_per_s, profile.is_slow()));
    let names: Vec<String> = model.list.names().into_iter().map(str::to_owned).collect();
    let mut first_frames = 0;
    for tenth in 0..(MINUTE_S + 5) * 10 {
        model.now_us = tenth * 100_000;
        // The instances' adverts are spread over the second.
        for (index, name) in names.iter().enumerate().filter(|(index, _)| *index as u64 % 10 == tenth % 10) {
            let _ = index;
            #[allow(clippy::cast_precision_loss, reason = "a minute")]
            let mark = statuses::advert(tenth as f64 / 10.0, PEER, 100, MarkKind::Received);
            adverts(model, name, vec![mark]);
            pace.want(Wish::News);
        }
        if tenth % 10 == 0 {
            wait_until(model, tenth / 10);
            pace.want(Wish::News);
        }
        if pace.due_at_us().is_some_and(|due_at_us| due_at_us <= model.now_us) {
            let before = backend.written();
            let all = painter.paint(&mut backend, &crate::fixture::rendered(model), pace.bytes_max()).unwrap();
            pace.drawn(model.now_us, backend.written() - before, all);
        }
        if tenth == 50 {
            first_frames = backend.written();
        }
    }
    (backend.written() - first_frames) / MINUTE_S
}

#[test]
fn a_quiet_screen_stays_within_its_budget() {
    let instances = || (0..24).map(|n| statuses::backup(&format!("VI_{n:02}"), n)).collect();
    for term in ["vt100", "xterm-256color"] {
        for baud in [None, Some(9_600)] {
            for (setup, name) in [("", "overview"), ("o", "instance"), ("p", "peers"), ("t", "history")] {
                let mut model = attached(80, 24, instances());
                type_text(&mut model, setup);
                let cost = bytes_per_s(&mut model, term, baud);
                println!("{name} on {term} at {baud:?}: {cost} B/s");
                assert!(cost <= 400, "{name} on {term} at {baud:?}: {cost} B/s");
                assert!(cost > 0 || matches!(name, "history" | "peers"), "something moves");
            }
        }
    }
}
