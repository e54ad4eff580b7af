use locum_control::{InstanceStatus, VipStatus};

use super::*;
use crate::fixture::statuses::{self, PEER};

fn replica(statuses: Vec<InstanceStatus>) -> Replica {
    let mut replica = Replica::default();
    replica.begin(&Purpose::Watch);
    for status in statuses {
        replica.item(0, 0, Item::Instance(Box::new(status)));
    }
    replica.done(&Purpose::Watch);
    replica
}

fn adverts(instance: &str, marks: Vec<AdvertMark>) -> Notice {
    statuses::notice(1, 0, Event::Adverts { instance: instance.into(), marks })
}

#[test]
fn an_interface_that_is_no_longer_used_goes() {
    let mut replica = Replica::default();
    let mut answer = |names: &[&str], purpose: &Purpose| {
        replica.begin(purpose);
        for name in names {
            replica.item(0, 0, Item::Interface(statuses::interface(name)));
        }
        replica.done(purpose);
        replica.interfaces.keys().cloned().collect::<Vec<String>>()
    };
    assert_eq!(answer(&["eth0", "eth1"], &Purpose::Watch), ["eth0", "eth1"]);
    assert_eq!(answer(&[], &Purpose::One("VI_1".into())), ["eth0", "eth1"], "an answer about one instance names none");
    assert_eq!(answer(&["eth1"], &Purpose::All), ["eth1"]);
}

#[test]
fn strangers_have_a_bound() {
    let mut replica = Replica::default();
    let mut status = statuses::interface("eth0\x1b");
    status.foreign = vec![status.foreign[0].clone(); 10_000];
    replica.item(0, 0, Item::Interface(status.clone()));
    assert_eq!(replica.interfaces["eth0?"].status.foreign.len(), FOREIGN_MAX);
    for n in 0..1_000 {
        replica.item(0, 0, Item::Interface(InterfaceStatus { name: format!("eth{n}"), ..statuses::interface("x") }));
    }
    assert_eq!(replica.interfaces.len(), INTERFACES_MAX);
    replica.item(0, 0, Item::Interface(InterfaceStatus { up: false, ..status }));
    assert!(!replica.interfaces["eth0?"].status.up, "one that is known is still kept up to date");
}

#[test]
fn a_hostile_service_cannot_fill_the_memory() {
    let mut replica = replica((0..3_000).map(|n| statuses::backup(&format!("VI_{n}"), 1)).collect());
    assert_eq!(replica.instances.len(), INSTANCES_MAX);
    for n in 0..5_000 {
        replica.item(
            0,
            0,
            Item::Transition(statuses::record(
                &format!("VI_{n}"),
                0,
                State::Init,
                State::Fault,
                locum_control::Cause::Start,
            )),
        );
    }
    assert_eq!(replica.history.len(), HISTORY_MAX);
    assert_eq!(replica.history.back().unwrap().instance, "VI_4999");
    for n in 0..2_000_u32 {
        let source = IpAddr::from(n.to_be_bytes());
        let mark = AdvertMark { source, ..statuses::advert(1.0, PEER, 100, MarkKind::Received) };
        replica.notice(adverts("VI_1", vec![mark; 3]));
    }
    let instance = &replica.instances["VI_1"];
    assert_eq!(instance.lanes.len(), LANES_MAX);
    assert_eq!(instance.status.senders.len(), SENDERS_MAX);
    assert_eq!(replica.lanes, LANES_MAX);
}

#[test]
fn texts_are_cleaned_and_cut() {
    let mut status = statuses::backup("VI\x1b[2J", 1);
    status.interface = "x".repeat(5_000);
    status.vips = vec![VipStatus { error: Some("no\x07".into()), ..status.vips.remove(0) }; 400];
    let replica = replica(vec![status]);
    let status = &replica.instances["VI?[2J"].status;
    assert_eq!(status.interface.chars().count(), NAME_CHARS_MAX);
    assert_eq!(status.vips.len(), 255);
    assert_eq!(status.vips[0].error.as_deref(), Some("no?"));
}

#[test]
fn adverts_of_an_instance_with_an_odd_name_find_it() {
    let mut replica = replica(vec![statuses::backup("VI\x1b", 1)]);
    replica.notice(adverts("VI\x1b", vec![statuses::advert(1.0, PEER, 100, MarkKind::Received)]));
    assert_eq!(replica.instances["VI?"].lanes.len(), 1);
    assert_eq!(replica.notice(adverts("unknown", vec![])), Follow::Nothing);
}

#[test]
fn our_lane_comes_first_and_follows_a_change_of_address() {
    let mut replica = replica(vec![statuses::master("VI_1", 1)]);
    let mark = |last: u8, kind| statuses::advert(1.0, [10, 0, 0, last].into(), 100, kind);
    let marks = vec![
        mark(9, MarkKind::Received),
        mark(3, MarkKind::Received),
        mark(5, MarkKind::Sent),
        mark(6, MarkKind::Sent),
        mark(3, MarkKind::Received),
    ];
    replica.notice(adverts("VI_1", marks));
    let lanes: Vec<(bool, String)> =
        replica.instances["VI_1"].lanes.iter().map(|lane| (lane.ours, lane.source.to_string())).collect();
    assert_eq!(lanes, [(true, "10.0.0.5".into()), (false, "10.0.0.3".into()), (false, "10.0.0.9".into())]);
}

#[test]
fn adverts_of_the_past_are_drawn_but_not_counted() {
    let mut replica = replica(vec![statuses::backup("VI_1", 1)]);
    let mark = statuses::advert(5.0, PEER, 100, MarkKind::Received);
    replica.item(0, 0, Item::Notice(adverts("VI_1", vec![mark])));
    assert_eq!(replica.instances["VI_1"].status.senders[0].received, 600);
    assert_eq!(replica.instances["VI_1"].lanes.len(), 1);
    replica.begin(&Purpose::Watch);
    assert!(replica.instances["VI_1"].lanes.is_empty(), "they come again with the next watch");
}

#[test]
fn events_say_what_follows() {
    let mut replica = replica(vec![statuses::backup("VI_1", 1)]);
    let blocked = Event::Unblocked { instance: "VI_1".into(), block: locum_control::Block::LinkDown };
    assert_eq!(replica.notice(statuses::notice(1, 0, blocked)), Follow::Ask("VI_1".into()));
    assert_eq!(replica.notice(statuses::notice(2, 0, Event::Lagged { missed: 1 })), Follow::Resync);
    assert_eq!(replica.notice(statuses::notice(3, 0, Event::Stopping)), Follow::Stopping);
    let detail = "its VIPs are others\x1b[5m".to_owned();
    let second = Event::SecondMaster { instance: "VI_1".into(), source: PEER, priority: 90, detail };
    assert_eq!(replica.notice(statuses::notice(3, 0, second)), Follow::Ask("VI_1".into()));
    assert_eq!(replica.instances["VI_1"].second_master.as_deref(), Some("its VIPs are others?[5m"));
    let near = Event::NearMiss { instance: "VI_1".into(), source: PEER, silent_us: 3_000_000, left_us: 600_000 };
    assert_eq!(replica.notice(statuses::notice(4, 0, near)), Follow::Nothing);
    assert_eq!(replica.instances["VI_1"].near_miss.unwrap().left_us, 600_000);
}

#[test]
fn the_history_is_in_order_of_time_whatever_boot_it_was() {
    let mut replica = Replica::default();
    replica.begin(&Purpose::Watch);
    for (name, ago_s) in [("VI_1", 50), ("VI_1", 10), ("VI_2", 40), ("VI_2", 20)] {
        let mut record = statuses::record(name, ago_s, State::Init, State::Backup, locum_control::Cause::Start);
        record.at_us = u64::from(name == "VI_1") * 5;
        replica.item(0, 0, Item::Transition(record));
    }
    replica.done(&Purpose::Watch);
    let names: Vec<&str> = replica.history.iter().map(|record| record.instance.as_str()).collect();
    assert_eq!(names, ["VI_1", "VI_2", "VI_2", "VI_1"]);
}
