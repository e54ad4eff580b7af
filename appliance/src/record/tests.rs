use std::net::IpAddr;
use std::time::{Duration, Instant};

use locum_control::{Line, Verb};
use locum_core::wire::ipv4;
use locum_core::wire::vrrp::{Checksum, Message, Version};
use serde_json::{Value, json};

use super::adverts::{Adverts, Exported};
use super::conversation::{Conversation, belongs};

fn line(value: Value) -> Line {
    locum_control::from_value(&value).unwrap()
}

/// An instance as the service tells of it.
fn instance(version: u8, mode: &Value, source: &str, vips: &[&str]) -> Line {
    let family = if source.contains(':') { "ipv6" } else { "ipv4" };
    let vip = |address: &&str| json!({"address": address, "device": "eth0", "installed": true});
    let vips: Vec<Value> = vips.iter().map(vip).collect();
    line(json!({"id": 1, "item": {"instance": {
        "name": "VI_1", "interface": "eth0", "vrid": 45, "family": family, "version": version, "mode": mode,
        "source": source, "state": "MASTER", "since_us": 0, "since_unix_ms": 0, "priority": 100,
        "effective_priority": 100, "preempt": true, "preempt_delay_us": 0, "advert_interval_cs": 100, "skew_us": 0,
        "master_down_interval_us": 0, "master": null, "timers": {}, "blocks": [], "vips": vips, "senders": [{
            "address": "10.0.0.2", "priority": 80, "advert_interval_cs": 300, "checksum": "plain", "first_heard_us": 0,
            "last_heard_us": 0, "received": 1, "late": 0, "missed": 0, "longest_gap_us": 0, "rejected": 0
        }], "second_master": null, "counters": {
            "adverts_sent": 0, "adverts_received": 0, "priority_zero_sent": 0, "priority_zero_received": 0,
            "became_master": 0, "announcements_sent": 0, "rejected": {}
        }, "last_transition": null
    }}}))
}

fn marks(marks: &Value) -> Line {
    line(json!({"seq": 1, "at_us": 0, "at_unix_ms": 0, "event": "adverts", "instance": "VI_1", "marks": marks}))
}

fn hello(now_us: u64, now_unix_ms: u64) -> Line {
    line(
        json!({"locum": 1, "version": "0", "host": "a", "role": "reader", "now_us": now_us, "now_unix_ms": now_unix_ms}),
    )
}

/// The packets: time, whether ours, bytes.
fn packets(adverts: &mut Adverts) -> Vec<(u64, bool, Vec<u8>)> {
    let mut packets = Vec::new();
    let done: Result<(), ()> = adverts.packets(|packet| {
        packets.push((packet.at_unix_us, packet.is_sent, packet.bytes.to_vec()));
        Ok(())
    });
    done.unwrap();
    packets
}

#[test]
fn adverts_are_rebuilt_at_their_times_and_each_once() {
    let mut adverts = Adverts::default();
    let group = json!({"kind": "multicast", "group": "224.0.0.18"});
    // Before anything is known of the instance nothing can be made of its adverts.
    let sent = |at_us: u64| json!({"at_us": at_us, "source": "10.0.0.1", "priority": 100, "mark": "sent"});
    let heard = |at_us: u64| json!({"at_us": at_us, "source": "10.0.0.2", "priority": 0, "mark": "received"});
    adverts.hear(marks(&json!([sent(1)])));
    adverts.hear(hello(5_000_000, 1_700_000_005_000));
    adverts.hear(instance(3, &group, "10.0.0.1", &["10.0.0.9/24", "10.0.0.8"]));
    let rejected =
        json!({"at_us": 4_000_000, "source": "10.0.0.7", "priority": 1, "mark": "rejected", "reason": "checksum"});
    adverts.hear(marks(&json!([sent(2_000_000), heard(3_000_000), rejected])));
    // Told again, and then one more.
    adverts.hear(marks(&json!([sent(2_000_000), heard(3_000_000), sent(4_500_000)])));
    let all = packets(&mut adverts);
    assert_eq!(adverts.exported, Exported { packets: 3, rejected: 1, left_out: 0 });
    let times: Vec<_> = all.iter().map(|(at, is_sent, _)| (*at, *is_sent)).collect();
    let second = 1_000_000;
    let began = 1_700_000_000 * second;
    assert_eq!(times, [(began + 2 * second, true), (began + 3 * second, false), (began + 4_500_000, true)]);
    let packet = ipv4::Packet::parse(&all[1].2).unwrap();
    assert_eq!((packet.source.to_string(), packet.ttl), ("10.0.0.2".into(), 255));
    let message = Message::new(packet.payload).unwrap();
    assert_eq!((message.vrid(), message.priority(), message.count()), (45, 0, 2));
    assert_eq!(message.advert_interval_cs(Version::V3), 300, "its sender's");
    let (source, destination) = (IpAddr::V4(packet.source), IpAddr::V4(packet.destination));
    assert_eq!(message.checksum(Version::V3, source, destination), Some(Checksum::Plain), "as its sender has it");
    // The machine has started anew: its clock begins at zero, and what comes then is new.
    adverts.hear(hello(1_000, 1_700_000_100_000));
    adverts.hear(marks(&json!([sent(2_000)])));
    assert_eq!(packets(&mut adverts).last().unwrap().0, 1_700_000_100_000_000 + 1_000);
}

#[test]
fn unicast_and_ipv6() {
    let mut adverts = Adverts::default();
    adverts.hear(hello(0, 0));
    let peers = json!({"kind": "unicast", "peers": ["10.0.0.2", "10.0.0.3"]});
    adverts.hear(instance(2, &peers, "10.0.0.1", &["10.0.0.9/24"]));
    adverts.hear(marks(&json!([
        {"at_us": 1, "source": "10.0.0.1", "priority": 100, "mark": "sent"},
        {"at_us": 2, "source": "10.0.0.2", "priority": 80, "mark": "received"}
    ])));
    let group = json!({"kind": "multicast", "group": "ff02::12"});
    adverts.hear(instance(3, &group, "fe80::1", &["fe80::9/64", "2001:db8::9/64"]));
    adverts.hear(marks(&json!([{"at_us": 3, "source": "fe80::1", "priority": 100, "mark": "sent"}])));
    // One whose family is another cannot be.
    adverts.hear(marks(&json!([{"at_us": 4, "source": "10.0.0.2", "priority": 100, "mark": "received"}])));
    let all = packets(&mut adverts);
    let to: Vec<_> =
        all.iter().take(3).map(|(_, _, bytes)| ipv4::Packet::parse(bytes).unwrap().destination.octets()[3]).collect();
    assert_eq!(to, [2, 3, 1], "to each peer, and to us");
    let message = Message::new(&all[3].2[40..]).unwrap();
    let (source, destination) = ("fe80::1".parse().unwrap(), "ff02::12".parse().unwrap());
    assert_eq!(message.checksum(Version::V3, source, destination), Some(Checksum::PseudoHeader));
    assert_eq!(adverts.exported, Exported { packets: 4, rejected: 0, left_out: 1 });
}

#[test]
fn everything_is_asked_for_at_first_after_an_event_and_from_time_to_time() {
    let start = Instant::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let mut conversation = Conversation::new(start);
    let asked = conversation.heard(&hello(0, 0), start).unwrap();
    assert_eq!((asked.id, asked.verb), (1, Verb::Watch { instance: None, adverts: true }));
    assert!(conversation.due(at(20_000)).is_none(), "the answer is awaited");
    assert!(conversation.heard(&line(json!({"id": 1, "done": "watching"})), at(10)).is_none());
    assert!(conversation.is_watching() && conversation.due(at(9_000)).is_none());
    let asked = conversation.due(at(10_000)).unwrap();
    assert_eq!((asked.id, asked.verb), (2, Verb::Show { instance: None }));
    conversation.heard(&line(json!({"id": 2, "done": "1 instances"})), at(10_010));
    conversation.heard(&marks(&json!([])), at(11_000));
    assert!(conversation.due(at(12_000)).is_none(), "adverts are no news");
    let event = json!({"seq": 2, "at_us": 0, "at_unix_ms": 0, "event": "priority_changed", "instance": "VI_1", "from": 1, "to": 2});
    conversation.heard(&line(event), at(12_000));
    assert!(conversation.due(at(12_000)).is_some());
    conversation.heard(&line(json!({"id": 3, "done": "1 instances"})), at(12_010));
    let lagged = json!({"seq": 3, "at_us": 0, "at_unix_ms": 0, "event": "lagged", "missed": 4});
    assert!(matches!(conversation.heard(&line(lagged), at(12_100)).unwrap().verb, Verb::Watch { .. }));
}

#[test]
fn what_operators_ask_for_is_not_in_a_recording() {
    assert!(belongs(&hello(0, 0)) && belongs(&line(json!({"id": 1, "done": ""}))) && belongs(&marks(&json!([]))));
    assert!(!belongs(&line(json!({"id": 1, "item": {"finding": "x"}}))));
}
