//! A witness who has nothing to do with us: tshark reads every kind of packet that is sent, and finds nothing wrong.

use std::collections::BTreeSet;
use std::process::Command;

use locum_control::State;
use locum_tests::{Daemon, Lab, Node, Outcome, find_program, skip, wait_for, with_lab};

use crate::TAKEOVER_MAX;

/// Group, version, family, what else the instance says.
const INSTANCES: [(u8, u8, Family, &str); 9] = [
    (1, 2, Family::V4, ""),
    (2, 2, Family::V4, "authentication {\n auth_type PASS\n auth_pass admin123\n }"),
    (3, 2, Family::V4, "unicast_peer {\n 172.20.45.132\n }"),
    (4, 3, Family::V4, "v3_checksum_as_v2 on"),
    (5, 3, Family::V4, ""),
    (6, 3, Family::V4, "v3_checksum_as_v2 on\n unicast_peer {\n 172.20.45.132\n }"),
    (7, 3, Family::V4, "unicast_peer {\n 172.20.45.132\n }"),
    (8, 3, Family::V6, ""),
    (9, 3, Family::V6, "unicast_peer {\n fe80::ff:fe00:84\n }"),
];

/// Of these the checksum of version 3 covers no pseudo-header, which tshark must be told.
const PLAIN: [&str; 2] = ["4", "6"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

/// Goal: what we send is what the protocols say, in the eyes of others. Method: one router with an instance of each kind,
/// from its start to its end in order, captured and given to tshark with all its checks on.
#[test]
fn tshark_finds_nothing_wrong() {
    if find_program("tshark").is_none() {
        return skip("tshark is not installed");
    }
    with_lab(&[Daemon::Locum, Daemon::Locum], |lab| {
        for node in [Node::A, Node::B] {
            lab.enable_ipv6(node);
        }
        lab.start(Node::A, &configuration());
        for (vrid, ..) in INSTANCES {
            lab.router(Node::A).wait_state(&format!("VI_{vrid}"), State::Master, TAKEOVER_MAX);
        }
        // An advert or two of each, and the announcements.
        let sent = |lab: &Lab, vrid: u8| {
            let timeline = lab.timeline();
            timeline.adverts(vrid).len() + timeline.adverts6(vrid).len()
        };
        for (vrid, ..) in INSTANCES {
            wait_for(&format!("adverts of VRID {vrid}"), TAKEOVER_MAX, || (sent(lab, vrid) >= 2).then_some(()));
        }
        lab.stop(Node::A);
        judge(lab);
    });
}

fn configuration() -> String {
    let instance = |(vrid, version, family, more): (u8, u8, Family, &str)| {
        let (interval, addresses) = match (version, family) {
            (2, _) => ("1", format!("172.20.45.{}/24", 240 + vrid)),
            (_, Family::V4) => ("0.2", format!("172.20.45.{}/24\n 172.20.46.{}/24", 240 + vrid, 240 + vrid)),
            (_, Family::V6) => ("0.2", format!("fe80::{vrid}/64\n 2001:db8::{vrid}/64")),
        };
        format!(
            "vrrp_instance VI_{vrid} {{\n interface eth0\n state BACKUP\n version {version}\n virtual_router_id {vrid}\n \
             priority 254\n advert_int {interval}\n {more}\n virtual_ipaddress {{\n {addresses}\n }}\n}}\n"
        )
    };
    INSTANCES.map(instance).concat()
}

/// A frame of ours, as tshark reads it.
struct Read {
    number: String,
    protocol: String,
    fields: Vec<String>,
}

impl Read {
    fn field(&self, name: &str) -> &str {
        let index = FIELDS.iter().position(|field| *field == name).expect("a field that was asked for");
        self.fields.get(index).map_or("", String::as_str)
    }
}

const FIELDS: [&str; 21] = [
    "frame.number",
    "_ws.col.Protocol",
    "_ws.malformed",
    "_ws.expert.severity",
    "_ws.expert.message",
    "ip.checksum.status",
    "ip.ttl",
    "ipv6.hlim",
    "ip.dst",
    "ipv6.dst",
    "vrrp.version",
    "vrrp.virt_rtr_id",
    "vrrp.prio",
    "vrrp.checksum.status",
    "vrrp.auth_type",
    "arp.isgratuitous",
    "arp.opcode",
    "icmpv6.type",
    "icmpv6.checksum.status",
    "icmpv6.nd.na.flag.r",
    "icmpv6.nd.na.flag.o",
];

/// tshark's word for a checksum that is right.
const GOOD: &str = "1";

fn judge(lab: &Lab) {
    let pcap = lab.save_capture("witness.pcap");
    let mut kinds = BTreeSet::new();
    for as_in_v2 in [true, false] {
        let mut tshark = Command::new(find_program("tshark").expect("it was there"));
        tshark.arg("-n").arg("-r").arg(&pcap).args(["-Y", "eth.src == 02:00:00:00:00:83", "-T", "fields"]);
        tshark.args(["-E", "separator=|", "-o", "ip.check_checksum:TRUE", "-o"]);
        tshark.arg(format!("vrrp.v3_checksum_as_in_v2:{}", if as_in_v2 { "TRUE" } else { "FALSE" }));
        tshark.args(FIELDS.iter().flat_map(|field| ["-e", field]));
        let outcome = Outcome::of(&mut tshark);
        assert_eq!(outcome.code, Some(0), "{}", outcome.said());
        for line in outcome.stdout.lines() {
            let fields: Vec<String> = line.split('|').map(ToOwned::to_owned).collect();
            let read = Read { number: fields[0].clone(), protocol: fields[1].clone(), fields };
            if let Some(kind) = kind(&read, as_in_v2) {
                kinds.insert(kind);
            }
        }
    }
    let expected = [
        "v2 v4 group auth 0",
        "v2 v4 group auth 0 leaving",
        "v2 v4 group auth 1",
        "v2 v4 group auth 1 leaving",
        "v2 v4 peer auth 0",
        "v2 v4 peer auth 0 leaving",
        "v3 v4 group plain",
        "v3 v4 group plain leaving",
        "v3 v4 group pseudo",
        "v3 v4 group pseudo leaving",
        "v3 v4 peer plain",
        "v3 v4 peer plain leaving",
        "v3 v4 peer pseudo",
        "v3 v4 peer pseudo leaving",
        "v3 v6 group pseudo",
        "v3 v6 group pseudo leaving",
        "v3 v6 peer pseudo",
        "v3 v6 peer pseudo leaving",
        "gratuitous ARP",
        "neighbour advertisement",
    ];
    assert_eq!(kinds, BTreeSet::from(expected.map(String::from)), "the kinds of packets that were sent");
}

/// What kind of packet this is, which must be in order. Nothing for those that are not ours to make.
fn kind(read: &Read, as_in_v2: bool) -> Option<String> {
    let Read { number, protocol, fields } = read;
    assert_eq!(read.field("_ws.malformed"), "", "frame {number}: {fields:?}");
    match protocol.as_str() {
        "VRRP" => {
            let version = read.field("vrrp.version");
            let over_v4 = !read.field("ip.dst").is_empty();
            let plain = PLAIN.contains(&read.field("vrrp.virt_rtr_id"));
            if version == "3" && over_v4 && plain != as_in_v2 {
                return None;
            }
            assert_eq!(read.field("vrrp.checksum.status"), GOOD, "frame {number}: {fields:?}");
            assert_eq!(read.field("_ws.expert.message"), "", "frame {number}: {fields:?}");
            assert!(!over_v4 || read.field("ip.checksum.status") == GOOD, "frame {number}: {fields:?}");
            let (ttl, to) = if over_v4 {
                (read.field("ip.ttl"), read.field("ip.dst"))
            } else {
                (read.field("ipv6.hlim"), read.field("ipv6.dst"))
            };
            assert_eq!(ttl, "255", "frame {number}: {fields:?}");
            let family = if over_v4 { "v4" } else { "v6" };
            let cast = if ["224.0.0.18", "ff02::12"].contains(&to) { "group" } else { "peer" };
            let more = match (version, over_v4 && plain) {
                ("2", _) => format!("auth {}", read.field("vrrp.auth_type")),
                (_, true) => "plain".into(),
                (_, false) => "pseudo".into(),
            };
            let leaving = if read.field("vrrp.prio") == "0" { " leaving" } else { "" };
            Some(format!("v{version} {family} {cast} {more}{leaving}"))
        }
        "ARP" if !read.field("arp.isgratuitous").is_empty() && read.field("arp.isgratuitous") != "0" => {
            assert!(["1", "2"].contains(&read.field("arp.opcode")), "frame {number}: {fields:?}");
            Some("gratuitous ARP".into())
        }
        "ICMPv6" if read.field("icmpv6.type") == "136" => {
            assert_eq!(read.field("icmpv6.checksum.status"), GOOD, "frame {number}: {fields:?}");
            let to_all = read.field("ipv6.dst") == "ff02::1";
            let flags = (read.field("icmpv6.nd.na.flag.r"), read.field("icmpv6.nd.na.flag.o"));
            // The kernel's own answers are none of ours.
            if !to_all || flags.0 != "1" {
                return None;
            }
            assert_eq!(flags, ("1", "1"), "frame {number}: {fields:?}");
            assert_eq!(read.field("ipv6.hlim"), "255", "frame {number}: {fields:?}");
            Some("neighbour advertisement".into())
        }
        _ => None,
    }
}
