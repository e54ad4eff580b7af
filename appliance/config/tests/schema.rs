//! The schema and the reader agree: a keyword that is said to be supported changes what the service gets.
#![allow(clippy::unwrap_used, reason = "a test")]

use locum_config::model::Model;
use locum_config::schema::{self, Keyword, Kind, Place, Status};
use locum_config::{Surroundings, check};

/// Supported by being what holds anyway, or by what they do while the file is read.
const WITHOUT_TRACE: &[&str] = &["preempt", "accept", "include_check", "no_virtual_ipaddress"];

fn model(text: &str) -> Model {
    let configuration = check("test.conf", text.as_bytes(), &Surroundings::default());
    assert!(!configuration.refuses_start(), "{}", configuration.render_text(Default::default()));
    configuration.model().clone()
}

/// A value that differs from the default.
fn value(name: &str, kind: Kind) -> String {
    match (name, kind) {
        ("vrrp_mcast_group4" | "mcast_dst_ip", _) => "224.0.0.77".into(),
        ("vrrp_mcast_group6", _) => "ff02::77".into(),
        ("vrrp_version" | "version", _) => "3".into(),
        ("state", _) => "MASTER".into(),
        ("smtp_security", _) => "tls".into(),
        ("use_ipvlan", _) => "10.0.0.8/24".into(),
        ("old_unicast_checksum", _) => "never".into(),
        ("timeout", _) => "0.5".into(),
        (_, Kind::Integer { min, max, .. }) => (min.max(-9) + 7).min(max).to_string(),
        (_, Kind::Decimal { max_millionths, .. }) => if max_millionths > 2_000_000 { "2" } else { "0.5" }.into(),
        (_, Kind::Switch) => "on".into(),
        (_, Kind::Choice(words)) => (*words.first().unwrap()).to_owned(),
        (_, Kind::Interface) => "eth7".into(),
        (_, Kind::Address) => "10.7.7.7".into(),
        (_, Kind::Network) => "10.7.7.8/24".into(),
        (_, Kind::Word | Kind::Secret) => "7".into(),
        (_, Kind::Script) => "/bin/seven".into(),
    }
}

fn line(keyword: &Keyword) -> String {
    let mut line = keyword.name.to_owned();
    for arg in keyword.args {
        line.push(' ');
        line.push_str(&value(keyword.name, arg.kind));
    }
    if let Some(entry) = keyword.block.and_then(|place| place.entry.as_ref()) {
        let entry = match keyword.name {
            "virtual_routes" => "10.0.0.0/8 dev eth0".to_owned(),
            "virtual_rules" => "from 10.0.0.0/8 table 7 preference 7".to_owned(),
            _ => value(keyword.name, entry.first.kind),
        };
        line.push_str(&format!(" {{\n{entry}\n}}"));
    }
    line
}

/// Options that mark where something else stands, contradict the line that they are tried in (and are tried in the corpus),
/// or are the default.
const WITHOUT_TRACE_IN_LINES: &[&str] = &[
    "to",
    "or",
    "nexthop",
    "inet",
    "inet6",
    "prepend",
    "from",
    "expires",
    "pref",
    "table",
    "lookup",
    "l3mdev",
    "goto",
    "nop",
    "blackhole",
    "unreachable",
    "prohibit",
    "type",
    "via",
    "gw",
];

/// Each supported keyword of `place` changes the model of the text that `around` puts its line into.
fn all_are_read(place: &Place, around: impl Fn(&str) -> String) {
    let without = model(&around(""));
    for keyword in place.keywords {
        let is_group = keyword.block.is_some_and(|block| !block.keywords.is_empty());
        let read = matches!(keyword.status, Status::Supported);
        if !read || WITHOUT_TRACE.contains(&keyword.name) || is_group {
            continue;
        }
        let line = line(keyword);
        assert_ne!(model(&around(&line)), without, "`{line}` in {} is read over", place.name);
    }
}

#[test]
fn global_defs() {
    let instance = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nunicast_peer {\n10.0.0.2\n}\nvirtual_ipaddress {\n10.0.0.1\n}\n}\n";
    all_are_read(&schema::GLOBAL_DEFS, |line| format!("global_defs {{\n{line}\n}}\n{instance}"));
}

#[test]
fn instances() {
    let instance =
        |line: &str| format!("vrrp_instance V {{\nvirtual_ipaddress_excluded {{\n10.0.0.1\n}}\n{line}\n}}\n");
    // A password needs its type, and the other way round.
    all_are_read(&schema::INSTANCE, |line| {
        instance(&format!("{line}\n{}", if line.starts_with("auth_type") { "auth_pass x" } else { "" }))
    });
    all_are_read(&schema::AUTHENTICATION, |line| {
        let rest = if line.starts_with("auth_type") || line.is_empty() { "auth_pass y" } else { "" };
        let line = if line.starts_with("auth_type") { "auth_type AH" } else { line };
        instance(&format!("authentication {{\n{line}\n{rest}\n}}"))
    });
}

#[test]
fn trackers() {
    for place in [&schema::SCRIPT, &schema::TRACK_FILE, &schema::TRACK_PROCESS, &schema::PROBE] {
        let first = match place.name {
            "vrrp_script" => "script /bin/x",
            "track_file" => "file /x",
            "vrrp_track_process" => "process x",
            _ => "icmp 10.0.0.1",
        };
        all_are_read(place, |line| {
            let own = first.split(' ').next().unwrap();
            let target = ["neighbour", "tcp", "route"].iter().any(|target| line.starts_with(target));
            let first = if line.starts_with(own) || target { "" } else { first };
            format!("{} T {{\n{first}\n{line}\n}}\n", place.name)
        });
    }
    all_are_read(&schema::SYNC_GROUP, |line| format!("vrrp_sync_group G {{\n{line}\n}}\n"));
}

#[test]
fn options_of_addresses() {
    for (place, head) in [
        (
            &schema::VIRTUAL_ADDRESSES,
            "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n10.0.0.1/24",
        ),
        (&schema::STATIC_ADDRESSES, "static_ipaddress {\n10.0.0.1/24"),
        (
            &schema::VIRTUAL_ROUTES,
            "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_routes {\n10.0.0.0/24 via 10.0.0.1",
        ),
        (&schema::STATIC_ROUTES, "static_routes {\n10.0.0.0/24 dev eth0"),
        (
            &schema::VIRTUAL_RULES,
            "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_rules {\ntable 7 preference 5",
        ),
        (&schema::STATIC_RULES, "static_rules {\ntable 7 preference 5 iif eth0"),
        (&schema::UNICAST_PEERS, "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nunicast_peer {\n10.0.0.1"),
    ] {
        let close = if place.name.starts_with("static") { "\n}\n" } else { "\n}\n}\n" };
        let without = model(&format!("{head}{close}track_group 7 {{\ngroup {{\n}}\n}}\n"));
        for option in place.entry.as_ref().unwrap().options.iter().filter(|option| option.status == Status::Supported) {
            if WITHOUT_TRACE_IN_LINES.contains(&option.name) {
                continue;
            }
            let value = match option.name {
                "via" => "10.0.0.7".to_owned(),
                "nexthop" => "via 10.0.0.3 nexthop via 10.0.0.4".to_owned(),
                "from" | "to" if place.name.ends_with("rules") => "10.0.0.0/8".to_owned(),
                "realms" => "3/4".to_owned(),
                "table" | "lookup" => "8".to_owned(),
                "uidrange" | "sport" | "dport" => "7-8".to_owned(),
                "brd" | "broadcast" => "+".to_owned(),
                "scope" => "link".to_owned(),
                _ => option.args.iter().map(|arg| value(option.name, arg.kind) + " ").collect(),
            };
            let text = format!("{head} {} {value}{close}track_group 7 {{\ngroup {{\n}}\n}}\n", option.name);
            let read = check("test.conf", text.as_bytes(), &Surroundings::default());
            assert!(!read.has_errors(), "{}", read.render_text(Default::default()));
            assert_ne!(model(&text), without, "{text} is read over");
        }
    }
}

#[test]
fn every_keyword_has_help_and_a_release() {
    for place in schema::places() {
        let options = place.entry.iter().flat_map(|entry| entry.options);
        for keyword in place.keywords.iter().chain(options) {
            assert!(keyword.help.ends_with('.'), "{}", keyword.name);
            let own = keyword.since == schema::OWN;
            assert!(own || keyword.since.split('.').all(|part| part.parse::<u32>().is_ok()), "{}", keyword.name);
            if let Status::NoEffect(text) | Status::Outside(text) = keyword.status {
                assert!(!text.is_empty() && !text.ends_with('.'), "{}", keyword.name);
            }
        }
    }
}
