//! The text is read back by a small parser that is as strict as the format.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;

/// A family as it was read.
#[derive(Debug)]
struct Family {
    kind: String,
    unit: Option<String>,
    help: String,
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// Reads OpenMetrics text; panics at whatever the format forbids.
fn read(text: &str) -> BTreeMap<String, Family> {
    let body = text.strip_suffix("# EOF\n").expect("ends with # EOF");
    let mut families = BTreeMap::<String, Family>::new();
    let mut open: Option<String> = None;
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut parts = rest.splitn(3, ' ');
            let (what, name, value) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
            match what {
                "TYPE" => {
                    let kinds = ["gauge", "counter", "info", "stateset", "histogram"];
                    assert!(kinds.contains(&value), "{line}");
                    let family = Family { kind: value.into(), unit: None, help: String::new(), samples: Vec::new() };
                    assert!(families.insert(name.into(), family).is_none(), "twice: {line}");
                    open = Some(name.into());
                }
                "UNIT" | "HELP" => {
                    assert_eq!(open.as_deref(), Some(name), "{line}");
                    let family = families.get_mut(name).unwrap();
                    assert!(family.samples.is_empty(), "a head after a sample: {line}");
                    if what == "HELP" {
                        assert!(family.help.is_empty() && !value.contains(['\\', '"']), "{line}");
                        family.help = value.into();
                    } else {
                        assert!(name.ends_with(&format!("_{value}")), "{line}");
                        family.unit = Some(value.into());
                    }
                }
                _ => panic!("{line}"),
            }
            continue;
        }
        let open = open.as_ref().expect("a head before the first sample");
        let family = families.get_mut(open).unwrap();
        let (name, labels, value) = read_sample(line);
        let suffix = name.strip_prefix(open.as_str()).unwrap_or_else(|| panic!("{line} is none of {open}"));
        let allowed: &[&str] = match family.kind.as_str() {
            "counter" => &["_total"],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_count", "_sum"],
            _ => &[""],
        };
        assert!(allowed.contains(&suffix), "{line}");
        assert!(value.is_finite() && (value >= 0.0 || family.kind == "gauge"), "{line}");
        let is_new = !family.samples.iter().any(|(other, others, _)| *other == name && *others == labels);
        assert!(is_new, "twice: {line}");
        family.samples.push((name, labels, value));
    }
    families.values().for_each(check);
    families
}

fn check(family: &Family) {
    assert!(!family.help.is_empty() && family.help.ends_with('.'), "{family:?}");
    assert!(!family.samples.is_empty(), "{family:?}");
    if family.kind == "histogram" {
        let buckets: Vec<_> = family.samples.iter().filter(|(name, ..)| name.ends_with("_bucket")).collect();
        let end = |labels: &BTreeMap<String, String>| match labels["le"].as_str() {
            "+Inf" => f64::INFINITY,
            end => end.parse().unwrap(),
        };
        assert!(buckets.is_sorted_by(|(_, a, lower), (_, b, upper)| end(a) < end(b) && lower <= upper), "{family:?}");
        let count = family.samples.iter().find(|(name, ..)| name.ends_with("_count")).unwrap();
        assert_eq!(buckets.last().map(|(_, labels, count)| (end(labels), *count)), Some((f64::INFINITY, count.2)));
    }
}

fn read_sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let end = line.find(['{', ' ']).unwrap_or_else(|| panic!("{line}"));
    let (name, mut rest) = line.split_at(end);
    let is_name = |name: &str| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    assert!(is_name(name) && !name.is_empty(), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(mut inner) = rest.strip_prefix('{') {
        loop {
            let (label, after) = inner.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(is_name(label), "{line}");
            let mut value = String::new();
            let mut chars = after.char_indices();
            let at = loop {
                match chars.next().unwrap_or_else(|| panic!("{line}")) {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match chars.next().unwrap().1 {
                        'n' => '\n',
                        escaped @ ('\\' | '"') => escaped,
                        other => panic!("\\{other} in {line}"),
                    }),
                    (_, other) => value.push(other),
                }
            };
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            inner = &after[at + 1..];
            match inner.split_at(1) {
                (",", more) => inner = more,
                ("}", more) => {
                    rest = more;
                    break;
                }
                _ => panic!("{line}"),
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
    (name.to_owned(), labels, value.parse().unwrap_or_else(|_| panic!("{line}")))
}

fn snapshot() -> Snapshot {
    let read = |value: Value| value;
    let service = read(json!({
        "host": "gw-a", "version": "0.1.0", "role": "admin", "pid": 7, "uptime_us": 90_000_001, "now_us": 1,
        "now_unix_ms": 1, "configuration": "/etc/locum/locum.conf", "configuration_errors": 0,
        "configuration_warnings": 2, "instances": 1, "lateness_max_us": 70, "reports_lost": 0, "revision": 3,
        "unsaved_changes": 1, "clients": 1, "journal_entries": 2,
        "on_trial": { "number": 3, "at_unix_ms": 5, "who": "ann", "what": ["VI_1 priority 120"],
            "standing": { "on_trial": { "until_unix_ms": 1_700_000_300_500u64 } } },
        "lateness": { "sum_us": 1_250, "max_us": 70,
            "buckets": [{ "to_us": 10, "count": 40 }, { "to_us": 100, "count": 2 }, { "count": 0 }] },
        "fifos": [{ "path": "/run/\"odd\"\\fifo\n", "waiting": 0, "lost": 4 }],
        "mail": { "waiting": 1, "collected": 0, "sent": 5, "refused": 0, "lost": 0 },
    }));
    let interface = read(json!({
        "name": "eth0", "exists": true, "up": true, "rejected": { "malformed": 3 },
        "foreign": [{ "vrid": 7, "source": "10.0.0.7", "first_heard_us": 1 }],
    }));
    let instance = read(json!({
        "name": "VI_1", "interface": "eth0", "vrid": 45, "family": "ipv4", "version": 2,
        "mode": { "kind": "unicast", "peers": ["10.0.0.2"] }, "source": "10.0.0.1", "state": "MASTER",
        "since_us": 1, "since_unix_ms": 1_700_000_000_250u64, "priority": 100, "effective_priority": 90,
        "preempt": true, "preempt_delay_us": 0, "advert_interval_cs": 100, "skew_us": 609_375,
        "master_down_interval_us": 3_609_375, "master": null, "timers": {}, "blocks": [],
        "vips": [{ "address": "10.0.0.9/24", "device": "eth0", "installed": true }],
        "senders": [{ "address": "10.0.0.2", "priority": 80, "advert_interval_cs": 100, "first_heard_us": 1,
            "last_heard_us": 2, "received": 12, "late": 2, "missed": 1, "longest_gap_us": 1_500_000, "rejected": 5 }],
        "second_master": null, "last_transition": null,
        "standing_back": { "since_us": 1, "last_resort": false, "until_unix_ms": 1_700_000_900_000u64 },
        "trackers": [{ "name": "chk", "kind": "script", "weight": -10, "reading": "bad", "adds": -10, "since_us": 1,
            "detail": "exit 1", "runs": 9, "skipped": 1,
            "last": { "at_us": 1, "result": "exit 1", "duration_us": 20_000 } },
            { "name": "load", "kind": "file", "weight": 1, "reading": { "value": -3 }, "adds": -3, "since_us": 1,
            "detail": "-3" }],
        "group": "G1", "notifications_skipped": 2,
        "counters": { "adverts_sent": 30, "adverts_received": 12, "priority_zero_sent": 1,
            "priority_zero_received": 0, "became_master": 2, "announcements_sent": 10, "rejected": { "password": 5 },
            "transitions": { "start": 1, "master_silent": 2 }, "put_back": 1 },
    }));
    Snapshot {
        service: Some(locum_control::from_value(&service).unwrap()),
        interfaces: vec![locum_control::from_value(&interface).unwrap()],
        instances: vec![locum_control::from_value(&instance).unwrap()],
    }
}

#[test]
fn what_is_printed_is_open_metrics() {
    let families = read(&families::render(&snapshot(), Dialect::OpenMetrics));
    let value = |name: &str, labels: &[(&str, &str)]| {
        let wanted: BTreeMap<_, _> = labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let mut all = families.values().flat_map(|family| &family.samples);
        let found = all.find(|(sample, labels, _)| sample == name && *labels == wanted);
        found.unwrap_or_else(|| panic!("{name} {labels:?} is not there")).2
    };
    let of = |name: &str| value(name, &[("vrrp_instance", "VI_1")]);
    assert_eq!(of("locum_instance_adverts_sent_total"), 30.0);
    assert_eq!(of("locum_instance_effective_priority"), 90.0);
    assert_eq!(of("locum_instance_state_since_timestamp_seconds"), 1_700_000_000.25);
    assert_eq!(of("locum_instance_standing_back_ends_timestamp_seconds"), 1_700_000_900.0);
    let state = |state| value("locum_instance_state", &[("vrrp_instance", "VI_1"), ("locum_instance_state", state)]);
    assert_eq!(["INIT", "FAULT", "BACKUP", "MASTER"].map(state), [0.0, 0.0, 0.0, 1.0]);
    let discarded =
        |reason| value("locum_instance_packets_discarded_total", &[("vrrp_instance", "VI_1"), ("reason", reason)]);
    assert_eq!(["password", "ttl"].map(discarded), [5.0, 0.0]);
    assert_eq!(value("locum_fifo_lines_lost_total", &[("path", "/run/\"odd\"\\fifo\n")]), 4.0);
    assert_eq!(value("locum_engine_lateness_seconds_bucket", &[("le", "0.0001")]), 42.0);
    assert_eq!(value("locum_engine_lateness_seconds_sum", &[]), 0.00125);
    let tracker = [("vrrp_instance", "VI_1"), ("tracker", "load"), ("kind", "file")];
    assert_eq!(value("locum_tracker_value", &tracker), -3.0);
    // What is in seconds says so.
    assert!(families.iter().all(|(name, family)| name.ends_with("_seconds") == family.unit.is_some()));
}

#[test]
fn the_metrics_of_one_instance() {
    let text = families::render(&snapshot(), Dialect::OpenMetrics);
    if std::env::var_os("METRICS_UPDATE").is_some() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/metrics/one_instance.txt");
        fs::write(here, &text).unwrap();
    }
    let stands = include_str!("one_instance.txt");
    let new: Vec<_> = text.lines().filter(|line| !stands.lines().any(|other| other == *line)).collect();
    let gone: Vec<_> = stands.lines().filter(|line| !text.lines().any(|other| other == *line)).collect();
    assert!(text == stands, "new: {new:#?}\ngone: {gone:#?}\nif that is meant, METRICS_UPDATE=1 writes it anew");
}

#[test]
fn the_older_dialect_has_only_what_its_readers_know() {
    let text = families::render(&snapshot(), Dialect::Prometheus);
    let kinds: BTreeSet<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').nth(1)).collect();
    assert_eq!(kinds, BTreeSet::from(["counter", "gauge", "histogram"]));
    assert!(!text.contains("# EOF") && !text.contains("# UNIT"), "{text}");
    // There the type belongs to the name of the sample.
    assert!(text.contains("# TYPE locum_instance_adverts_sent_total counter\n"), "{text}");
    let samples =
        |text: &str| text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(samples(&text), samples(&families::render(&snapshot(), Dialect::OpenMetrics)));
}

#[test]
fn a_service_without_instances_has_metrics_too() {
    let snapshot = Snapshot { instances: Vec::new(), interfaces: Vec::new(), ..snapshot() };
    assert!(read(&families::render(&snapshot, Dialect::OpenMetrics)).len() > 10);
}

#[test]
fn a_file_is_replaced_as_a_whole_and_nothing_else_is_left() {
    let directory = std::env::temp_dir().join(format!("locum-metrics-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    let path = directory.join("locum.prom");
    fs::write(&path, "old").unwrap();
    replace(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert!(replace(&directory.join("none/locum.prom"), b"new").is_err());
    // A file that cannot be replaced leaves nothing behind.
    fs::create_dir(directory.join("folder.prom")).unwrap();
    assert!(replace(&directory.join("folder.prom"), b"new").is_err());
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
    fs::remove_dir_all(directory).unwrap();
}
