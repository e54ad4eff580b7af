use std::net::IpAddr;

use locum_config::{Configuration, Surroundings};
use locum_control::{Check, CheckResult};

use super::facts::{InterfaceFacts, igmp, igmp6, limits};
use super::firewall::{Advert, Fate, fate};
use super::interfaces::covers;
use super::nftables::Ruleset;
use super::tools::ToolError;
use super::*;
use crate::service::{KnownAddress, KnownInterface};

const CONFIGURATION: &str = "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 45\n priority 100\n \
                             unicast_peer {\n 10.0.0.2\n }\n virtual_ipaddress {\n 10.0.0.9/24\n }\n}\n";

fn configuration(text: &str) -> Configuration {
    locum_config::check("test.conf", text.as_bytes(), &Surroundings::default())
}

/// Interfaces: name, whether up, whether with carrier, addresses.
fn network_of(interfaces: &[(&str, bool, bool, &[&str])]) -> Network {
    let address = |text: &&str| {
        let (address, prefix_len) = text.split_once('/').unwrap();
        let (address, prefix_len) = (address.parse().unwrap(), prefix_len.parse().unwrap());
        KnownAddress { address, prefix_len, is_secondary: false, is_tentative: false, protocol: None }
    };
    let interface = |(at, (name, is_up, has_carrier, addresses)): (usize, &(&str, bool, bool, &[&str]))| {
        let (name, addresses) = ((*name).to_owned(), addresses.iter().map(address).collect());
        let (is_up, has_carrier) = (*is_up, *has_carrier);
        (
            u32::try_from(at + 1).unwrap(),
            KnownInterface { name, is_up, has_carrier, addresses, ..KnownInterface::default() },
        )
    };
    Network::of(interfaces.iter().enumerate().map(interface))
}

/// All that is said of one kind.
fn said(name: &str, configuration: &Configuration, network: Option<&Network>, facts: &Facts) -> Vec<Check> {
    let subject = Subject { configuration: Ok(configuration), network, facts, service: None };
    examine(&subject).into_iter().filter(|check| check.name == name).collect()
}

fn worst(checks: &[Check]) -> (CheckResult, &str, &str) {
    let check = checks.first().expect("something is said");
    (check.result, &check.detail, check.fix.as_deref().unwrap_or_default())
}

/// An interface that is all right.
fn facts() -> Facts {
    let mut facts = Facts { unix_ms: 1_795_365_601_123, ..Facts::default() };
    let settings = [("rp_filter", 0), ("arp_ignore", 0), ("arp_announce", 0)].into();
    let eth0 = InterfaceFacts { flags: Some(0x1043), settings, ..InterfaceFacts::default() };
    facts.interfaces.insert("eth0".into(), eth0);
    facts
}

fn advert(is_incoming: bool, source: Option<&str>, destination: &str) -> Advert {
    let destination: IpAddr = destination.parse().unwrap();
    Advert {
        is_incoming,
        interface: "eth0".into(),
        is_ipv6: destination.is_ipv6(),
        source: source.map(|source| source.parse().unwrap()),
        destination: Some(destination),
    }
}

const GROUP: &str = "224.0.0.18";

/// What becomes of an advert in a chain on the input hook with these rules, each a list of expressions.
fn through_nft(policy: &str, rules: &[&str], advert: &Advert) -> Fate {
    let rules: String = rules
        .iter()
        .enumerate()
        .map(|(at, rule)| {
            let (chain, rule) = rule.strip_prefix("other:").map_or(("input", *rule), |rule| ("other", rule));
            let at = at + 5;
            format!(r#", {{"rule":{{"family":"inet","table":"f","chain":"{chain}","handle":{at},"expr":[{rule}]}}}}"#)
        })
        .collect();
    let text = format!(
        r#"{{"nftables":[{{"metainfo":{{"version":"1.0.6"}}}}, {{"table":{{"family":"inet","name":"f"}}}},
        {{"set":{{"family":"inet","name":"good","table":"f","type":"ipv4_addr","elem":["10.0.0.2",{{"prefix":{{"addr":"10.1.0.0","len":16}}}}]}}}},
        {{"chain":{{"family":"inet","table":"f","name":"input","type":"filter","hook":"input","prio":0,"policy":"{policy}"}}}},
        {{"chain":{{"family":"inet","table":"f","name":"other"}}}}{rules}]}}"#
    );
    fate(&Ruleset::parse(&text).unwrap().chains(advert))
}

#[test]
fn rules_of_nftables_that_drop_adverts_are_found_with_their_handle() {
    let heard = advert(true, Some("10.0.0.2"), GROUP);
    let vrrp = r#"{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"protocol"}},"right":"vrrp"}}"#;
    let is = |left: &str, right: &str| format!(r#"{{"match":{{"op":"==","left":{left},"right":{right}}}}}"#);
    let dropped = |rules: &[&str]| match through_nft("accept", rules, &heard) {
        Fate::Dropped(place) => place,
        other @ (Fate::Passes | Fate::MayBeDropped(_) | Fate::Depends(_)) => panic!("{rules:?}: {other:?}"),
    };
    let accept = r#"{"accept":null}"#;
    let drop = r#"{"drop":null}"#;
    let place = dropped(&[&format!("{vrrp},{{\"counter\":{{\"packets\":1,\"bytes\":2}}}},{drop}")]);
    assert_eq!(place, "the rule with handle 5 in chain inet f input");
    // By number, by the group, by the interface, in a chain that is jumped to, by a map of verdicts, by a set.
    let l4proto = r#"{"meta":{"key":"l4proto"}}"#;
    dropped(&[&format!("{},{drop}", is(l4proto, "112"))]);
    dropped(&[&format!("{},{drop}", is(r#"{"payload":{"protocol":"ip","field":"daddr"}}"#, "\"224.0.0.18\""))]);
    dropped(&[&format!("{},{drop}", is(r#"{"meta":{"key":"iifname"}}"#, "\"eth*\""))]);
    let place = dropped(&[r#"{"jump":{"target":"other"}}"#, &format!("other:{vrrp},{{\"reject\":null}}")]);
    assert!(place.ends_with("handle 6 in chain inet f other"), "{place}");
    dropped(&[
        r#"{"vmap":{"key":{"meta":{"key":"iifname"}},"data":{"set":[["lo",{"accept":null}],["eth0",{"drop":null}]]}}}"#,
    ]);
    dropped(&[&format!("{},{drop}", is(r#"{"payload":{"protocol":"ip","field":"saddr"}}"#, "\"@good\""))]);
    dropped(&[&format!("{},{drop}", is(r#"{"fib":{"result":"type","flags":["daddr"]}}"#, "\"multicast\""))]);
    // What lets it pass before.
    let passes = |rules: &[&str]| assert_eq!(through_nft("accept", rules, &heard), Fate::Passes, "{rules:?}");
    passes(&[&format!("{vrrp},{accept}"), drop]);
    passes(&[&format!("{},{drop}", is(l4proto, r#"{"set":["tcp","udp"]}"#))]);
    passes(&[&format!("{},{drop}", is(r#"{"payload":{"protocol":"tcp","field":"dport"}}"#, "22"))]);
    passes(&[&format!("{},{drop}", is(r#"{"payload":{"protocol":"ip6","field":"nexthdr"}}"#, "\"vrrp\""))]);
    passes(&[&format!("{},{drop}", is(r#"{"meta":{"key":"iifname"}}"#, "\"eth1\""))]);
    passes(&[&format!("{},{drop}", is(r#"{"ct":{"key":"state"}}"#, "\"invalid\""))]);
    passes(&[r#"{"goto":{"target":"other"}}"#, drop]);
    passes(&[r#"{"match":{"op":"<","left":{"payload":{"protocol":"ip","field":"ttl"}},"right":255}},{"drop":null}"#]);
}

#[test]
fn what_depends_on_things_that_nobody_knows_is_said_carefully() {
    let vrrp = r#"{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"vrrp"}}"#;
    let good = r#"{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"@good"}}"#;
    let (known, stranger, unknown) =
        (advert(true, Some("10.0.0.2"), GROUP), advert(true, Some("10.0.0.3"), GROUP), advert(true, None, GROUP));
    let only_good = format!("{vrrp},{good},{{\"accept\":null}}");
    assert_eq!(through_nft("drop", &[&only_good], &known), Fate::Passes);
    let policy = "the policy of chain inet f input".to_owned();
    assert_eq!(through_nft("drop", &[&only_good], &stranger), Fate::Dropped(policy.clone()));
    assert!(matches!(through_nft("drop", &[&only_good], &unknown), Fate::Depends(_)));
    // A limit drops some of them; a block list that does not speak of VRRP is nobody's business.
    let limited = format!("{vrrp},{{\"limit\":{{\"rate\":5,\"per\":\"second\"}}}},{{\"drop\":null}}");
    assert!(matches!(through_nft("accept", &[&limited], &known), Fate::MayBeDropped(_)));
    let blocked = format!("{good},{{\"drop\":null}}");
    assert_eq!(through_nft("accept", &[&blocked], &unknown), Fate::Passes);
    // An accept that may or may not fit, and does not speak of VRRP, before a policy that drops.
    let marked = r#"{"match":{"op":"==","left":{"meta":{"key":"mark"}},"right":1}},{"accept":null}"#;
    assert_eq!(through_nft("drop", &[marked], &known), Fate::MayBeDropped(policy));
    // Chains that lead into each other end.
    let endless = ["{\"jump\":{\"target\":\"other\"}}", "other:{\"jump\":{\"target\":\"other\"}}"];
    assert_eq!(through_nft("accept", &endless, &known), Fate::Passes);
    assert!(Ruleset::parse("no JSON").is_err() && Ruleset::parse("{}").is_err());
}

#[test]
fn rules_of_iptables_are_read() {
    let through = |rules: &str, advert: &Advert| {
        let text =
            format!("# Generated\n*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n:vrrp - [0:0]\n{rules}COMMIT\n");
        fate(&iptables::chains(&text, advert))
    };
    let heard = advert(true, Some("10.0.0.2"), GROUP);
    let line = "-A INPUT -i eth+ -p vrrp -m comment --comment \"a \\\"b\\\" -j ACCEPT\" -j DROP";
    let place = format!("iptables rule \"{line}\" in table filter");
    assert_eq!(through(&format!("{line}\n"), &heard), Fate::Dropped(place));
    let dropped = |rules: &str| assert!(matches!(through(rules, &heard), Fate::Dropped(_)), "{rules}");
    dropped("-A INPUT -d 224.0.0.0/4 -j REJECT --reject-with icmp-port-unreachable\n");
    dropped("-A INPUT ! -s 192.168.0.0/16 -j DROP\n");
    dropped("-A INPUT -j vrrp\n-A vrrp -p 112 -j DROP\n");
    dropped("-A INPUT -m conntrack --ctstate INVALID,NEW -j DROP\n");
    dropped("-A INPUT -p 112 -j LOG\n-A INPUT -m pkttype --pkt-type multicast -j DROP\n");
    let passes = |rules: &str| assert_eq!(through(rules, &heard), Fate::Passes, "{rules}");
    passes("-A INPUT -p 112 -j ACCEPT\n-A INPUT -j DROP\n");
    passes("-A INPUT -p tcp -m tcp --dport 22 -j DROP\n");
    passes("-A INPUT -s 10.0.1.0/24 -p vrrp -j DROP\n-A INPUT -i eth1 -j DROP\n");
    passes("-A INPUT -j vrrp\n-A vrrp -j RETURN\n-A vrrp -j DROP\n");
    let limited = through("-A INPUT -p vrrp -m limit --limit 5/sec -j DROP\n", &heard);
    assert!(matches!(limited, Fate::MayBeDropped(_)), "{limited:?}");
    // Ours go out by another chain.
    let sent = advert(false, Some("10.0.0.1"), GROUP);
    assert_eq!(through("", &sent), Fate::Dropped("iptables policy of chain OUTPUT in table filter".into()));
    assert_eq!(through("-A OUTPUT -p vrrp -j ACCEPT\n", &sent), Fate::Passes);
    for nonsense in
        ["-A", "-A INPUT -j", "-A INPUT !", "-A INPUT -s", "-A INPUT -s 10.0.0.0/99 -j DROP", "-A X -j \"", ":", "*"]
    {
        let _ = through(&format!("{nonsense}\n"), &heard);
    }
}

#[test]
fn a_filter_that_cannot_be_listed_is_not_known_to_be_harmless() {
    let configuration = configuration(CONFIGURATION);
    let mut facts = facts();
    assert_eq!(worst(&said("firewall", &configuration, None, &facts)).0, CheckResult::Ok);
    facts.filters.nftables = Some(Err(ToolError::Missing));
    assert_eq!(worst(&said("firewall", &configuration, None, &facts)).0, CheckResult::Unknown);
    facts.filters.nftables = Some(Ok("{\"nftables\":[]}".into()));
    assert_eq!(worst(&said("firewall", &configuration, None, &facts)).0, CheckResult::Ok);
    facts.filters.iptables = Some(Ok("*filter\n:INPUT DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n".into()));
    let checks = said("firewall", &configuration, None, &facts);
    let (result, detail, fix) = worst(&checks);
    assert_eq!(result, CheckResult::Problem);
    assert_eq!(
        detail,
        "adverts (protocol 112) from 10.0.0.2 are dropped by iptables policy of chain INPUT in table filter"
    );
    assert!(fix.ends_with("iptables -I INPUT -p 112 -j ACCEPT"), "{fix}");
}

#[test]
fn links_and_sources() {
    let configuration = configuration(CONFIGURATION);
    let facts = facts();
    let network = network_of(&[("eth0", true, true, &["10.0.0.1/24"])]);
    assert_eq!(worst(&said("link", &configuration, Some(&network), &facts)).0, CheckResult::Ok);
    assert_eq!(worst(&said("source-address", &configuration, Some(&network), &facts)).0, CheckResult::Ok);
    let network = network_of(&[("eth0", false, false, &["10.0.0.9/24"])]);
    assert_eq!(worst(&said("link", &configuration, Some(&network), &facts)).2, "ip link set eth0 up");
    let checks = said("source-address", &configuration, Some(&network), &facts);
    assert_eq!(worst(&checks).1, "eth0 has no IPv4 address of its own to send adverts from", "the VIP is none");
    let network = network_of(&[("eth0", true, false, &[])]);
    assert_eq!(worst(&said("link", &configuration, Some(&network), &facts)).1, "eth0 has no carrier");
    let network = network_of(&[]);
    assert_eq!(worst(&said("link", &configuration, Some(&network), &facts)).1, "eth0 does not exist");
    assert_eq!(worst(&said("link", &configuration, None, &facts)).0, CheckResult::Unknown);
    let named = CONFIGURATION.replace("priority 100", "unicast_src_ip 10.0.0.7");
    let network = network_of(&[("eth0", true, true, &["10.0.0.1/24"])]);
    let named = self::configuration(&named);
    let checks = said("source-address", &named, Some(&network), &facts);
    assert_eq!(worst(&checks).1, "no interface has 10.0.0.7 (unicast_src_ip)");
}

#[test]
fn a_strict_rp_filter_matters_where_answers_go_out_elsewhere() {
    let configuration = configuration(CONFIGURATION);
    let with = |rp_filter: u32| {
        let mut facts = facts();
        facts.interfaces.get_mut("eth0").unwrap().settings.insert("rp_filter", rp_filter);
        facts
    };
    let eth0 = ("eth0", true, true, &["10.0.0.1/24"][..]);
    let alone = network_of(&[eth0]);
    assert_eq!(worst(&said("rp_filter", &configuration, Some(&alone), &with(1))).0, CheckResult::Ok);
    let twice = network_of(&[eth0, ("eth1", true, true, &["10.0.0.3/24"])]);
    assert_eq!(worst(&said("rp_filter", &configuration, Some(&twice), &with(1))).0, CheckResult::Warning);
    let elsewhere = network_of(&[eth0, ("eth1", true, true, &["10.0.0.3/29"])]);
    let checks = said("rp_filter", &configuration, Some(&elsewhere), &with(1));
    let (result, detail, fix) = worst(&checks);
    assert_eq!(result, CheckResult::Problem);
    assert!(detail.contains("eth1") && fix.contains("net.ipv4.conf.eth0.rp_filter=2"), "{detail} {fix}");
    // The loose one lets it pass, also if it is the one for all interfaces.
    assert_eq!(worst(&said("rp_filter", &configuration, Some(&elsewhere), &with(2))).0, CheckResult::Ok);
    let mut loose = with(1);
    loose.settings.insert("rp_filter", 2);
    assert_eq!(worst(&said("rp_filter", &configuration, Some(&elsewhere), &loose)).0, CheckResult::Ok);
    let far = network_of(&[("eth0", true, true, &["10.9.0.1/24"])]);
    assert_eq!(worst(&said("rp_filter", &configuration, Some(&far), &with(1))).0, CheckResult::Warning);
    // Two interfaces in one network answer for each other.
    let checks = said("arp", &configuration, Some(&twice), &with(0));
    assert!(worst(&checks).2.contains("arp_ignore=1"), "{checks:?}");
}

#[test]
fn bridges_groups_and_the_machine() {
    let configuration = configuration(&CONFIGURATION.replace("unicast_peer {\n 10.0.0.2\n }", ""));
    let mut facts = facts();
    let network = network_of(&[("eth0", true, true, &["10.0.0.1/24"])]);
    let eth0 = facts.interfaces.get_mut("eth0").unwrap();
    eth0.port_of = Some(("br0".into(), 4));
    eth0.flags = Some(0x43);
    let checks = said("bridge", &configuration, Some(&network), &facts);
    assert!(worst(&checks).1.contains("br0 (blocking)") && worst(&checks).2.contains("interface br0"), "{checks:?}");
    let checks = said("multicast", &configuration, Some(&network), &facts);
    assert_eq!(worst(&checks).1, "eth0 does not carry multicast");
    let eth0 = facts.interfaces.get_mut("eth0").unwrap();
    eth0.port_of = None;
    eth0.ports = [("a".into(), 3), ("b".into(), 1)].into();
    let checks = said("bridge", &configuration, Some(&network), &facts);
    assert_eq!(worst(&checks).1, "not all ports of eth0 forward: b is listening");

    facts.unix_ms = 1_000;
    facts.daemons = vec![("keepalived".into(), 77)];
    facts.limits = [("Max open files".into(), Some(64))].into();
    facts.run_directory.free_bytes = Some(1 << 10);
    let result = |name: &str, facts: &Facts| worst(&said(name, &configuration, None, facts)).0;
    assert_eq!(result("clock", &facts), CheckResult::Warning);
    assert_eq!(result("other-daemon", &facts), CheckResult::Warning);
    assert_eq!(result("file-limit", &facts), CheckResult::Warning);
    assert_eq!(result("run-directory", &facts), CheckResult::Problem);
    facts.limits = [("Max open files".into(), None)].into();
    facts.run_directory.free_bytes = Some(1 << 30);
    (facts.is_clock_synchronised, facts.unix_ms) = (Some(true), 1_795_365_601_123);
    for name in ["clock", "file-limit", "run-directory"] {
        assert_eq!(result(name, &facts), CheckResult::Ok, "{name}");
    }
}

#[test]
fn real_time_and_modules_that_are_asked_for_and_not_there() {
    let text =
        format!("global_defs {{\n vrrp_rt_priority 50\n}}\n{}", CONFIGURATION.replace("priority 100", "use_vmac"));
    let configuration = configuration(&text);
    let mut facts = Facts { is_service: true, ..facts() };
    facts.modules.insert("macvlan", false);
    let checks = said("real-time", &configuration, None, &facts);
    assert_eq!(worst(&checks).0, CheckResult::Problem);
    let checks = said("kernel", &configuration, None, &facts);
    assert!(worst(&checks).2.contains("kmod-macvlan"), "{checks:?}");
    facts.has_realtime_thread = true;
    facts.modules.insert("macvlan", true);
    assert_eq!(worst(&said("real-time", &configuration, None, &facts)).0, CheckResult::Ok);
    assert_eq!(worst(&said("kernel", &configuration, None, &facts)).0, CheckResult::Ok);
}

#[test]
fn the_configuration_is_judged_with_it() {
    let broken = configuration(&CONFIGURATION.replace("virtual_router_id 45", "virtual_router_id 450"));
    let checks = said("configuration", &broken, None, &facts());
    let (result, detail, fix) = worst(&checks);
    assert_eq!(result, CheckResult::Problem);
    assert!(detail.starts_with("test.conf:3:") && !fix.is_empty(), "{detail} {fix}");
    let unread =
        Subject { configuration: Err(("no file".into(), None)), network: None, facts: &facts(), service: None };
    assert_eq!(worst(&examine(&unread)).1, "no file");
}

#[test]
fn what_is_said_is_bounded_harmless_and_sorted() {
    let mut checks = Checks::default();
    for number in 0..100 {
        checks.ok("many", Some(format!("\x1b[2J{number}")), "fine\n");
    }
    checks.problem("many", None, "bad".repeat(1_000), "");
    let checks = checks.finish();
    assert_eq!(checks.len(), CHECKS_OF_A_KIND_MAX + 1);
    assert_eq!(checks[0].result, CheckResult::Problem);
    assert_eq!(checks[0].detail.len(), TEXT_CHARS_MAX);
    assert_eq!(checks[1].subject.as_deref(), Some("?[2J0"));
    assert_eq!(checks.last().unwrap().detail, "37 more that are not shown here");
    assert_eq!(summary(&checks), "1 problem, 64 ok");
}

#[test]
fn files_of_the_kernel() {
    let text = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n4\teth0      :     1      V3\n\t\t\t\t120000E0     1 0:00000000\t\t0\n5\tverylongname15:     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n";
    let text = if cfg!(target_endian = "little") {
        text.to_owned()
    } else {
        text.replace("120000E0", "E0000012").replace("010000E0", "E0000001")
    };
    let groups: Vec<_> = igmp(&text).into_iter().map(|(name, group)| format!("{name} {group}")).collect();
    assert_eq!(groups, ["eth0 224.0.0.18", "verylongname15 224.0.0.1"]);
    let text = "4    eth0            ff020000000000000000000000000012     1 0000000C 0\nrubbish\n";
    let groups: Vec<_> = igmp6(text).into_iter().map(|(name, group)| format!("{name} {group}")).collect();
    assert_eq!(groups, ["eth0 ff02::12"]);
    let limits = limits(
        "Limit                     Soft Limit           Hard Limit           Units     \nMax cpu time              unlimited            unlimited            seconds   \nMax open files            20000                20000                files     \nshort\n",
    );
    assert_eq!(limits.get("Max open files"), Some(&Some(20_000)));
    assert_eq!(limits.get("Max cpu time"), Some(&None));
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    assert!(
        covers(address("10.0.0.1"), 24, address("10.0.0.255")) && !covers(address("10.0.0.1"), 24, address("10.0.1.1"))
    );
    assert!(covers(address("10.0.0.1"), 0, address("1.1.1.1")) && covers(address("fe80::1"), 10, address("febf::1")));
    assert!(!covers(address("10.0.0.1"), 0, address("::1")) && covers(address("10.0.0.1"), 200, address("10.0.0.1")));
}

#[test]
fn this_machine_can_be_examined() {
    let configuration = configuration(CONFIGURATION);
    let mut wanted = wanted(Some(&configuration));
    assert_eq!(wanted.interfaces, ["eth0".to_owned()].into());
    wanted.run_directory = std::env::temp_dir();
    let facts = gather(&wanted);
    assert!(facts.unix_ms > 0 && facts.open_files > Some(2) && facts.memberships.is_some());
    assert!(facts.run_directory.refused.is_none() && facts.run_directory.free_bytes > Some(0));
    let checks = said("file-limit", &configuration, None, &facts);
    assert_eq!(checks.len(), 1, "{checks:?}");
}

#[test]
fn what_the_service_has_heard_is_judged() {
    let sender = serde_json::json!({
        "address": "10.0.0.2", "priority": 80, "advert_interval_cs": 300, "first_heard_us": 0, "last_heard_us": 0,
        "received": 10, "late": 0, "missed": 9, "longest_gap_us": 0, "rejected": 3, "last_reject": "password"
    });
    let status = serde_json::json!({
        "name": "VI_1", "interface": "eth0", "vrid": 45, "family": "ipv4", "version": 3,
        "mode": {"kind": "multicast", "group": "224.0.0.18"}, "source": "10.0.0.1", "state": "MASTER", "since_us": 0,
        "since_unix_ms": 0, "priority": 100, "effective_priority": 100, "preempt": true, "preempt_delay_us": 0,
        "advert_interval_cs": 100, "skew_us": 0, "master_down_interval_us": 0, "master": null, "timers": {},
        "blocks": [{"block": "link_down", "since_us": 0, "detail": "eth0 has no carrier"}],
        "vips": [{"address": "10.0.0.9/24", "device": "eth0", "installed": false}], "senders": [sender],
        "second_master": {"address": "10.0.0.3", "priority": 120, "since_us": 0},
        "counters": {
            "adverts_sent": 0, "adverts_received": 0, "priority_zero_sent": 0, "priority_zero_received": 0,
            "became_master": 0, "announcements_sent": 0, "rejected": {}
        },
        "standing_back": {"since_us": 0, "last_resort": false}, "last_transition": null
    });
    let interface = serde_json::json!({
        "name": "eth0", "exists": true, "up": true, "foreign": [{"vrid": 7, "source": "10.0.0.7", "first_heard_us": 0}],
        "rejected": {"unknown_vrid": 5, "ttl": 2}
    });
    let instances = [locum_control::from_value(&status).unwrap()];
    let interfaces = [locum_control::from_value(&interface).unwrap()];
    let (configuration, facts) = (configuration(CONFIGURATION), facts());
    let service = Some(Service { instances: &instances, interfaces: &interfaces });
    let checks = examine(&Subject { configuration: Ok(&configuration), network: None, facts: &facts, service });
    let said = |result: CheckResult, name: &str, words: &str| {
        let is_it = |check: &&Check| check.result == result && check.name == name && check.detail.contains(words);
        assert_eq!(checks.iter().filter(is_it).count(), 1, "{result} {name} {words}: {checks:#?}");
    };
    said(CheckResult::Problem, "fault", "eth0 has no carrier");
    said(CheckResult::Problem, "second-master", "10.0.0.3 (priority 120) is MASTER of VRID 45 as well");
    said(CheckResult::Problem, "address", "MASTER without 10.0.0.9/24 on eth0");
    said(CheckResult::Warning, "discarded", "3 packets with VRID 45 from 10.0.0.2 were discarded: password differs");
    said(CheckResult::Warning, "interval", "10.0.0.2 sends every 3.00 s and this router every 1.00 s");
    said(CheckResult::Warning, "lost-adverts", "9 adverts of 10.0.0.2 have not arrived");
    said(CheckResult::Warning, "yield", "stands back");
    said(CheckResult::Warning, "discarded", "2 packets were discarded on eth0: TTL is not 255");
    said(CheckResult::Ok, "foreign-vrid", "VRID 7 (10.0.0.7)");
    assert!(checks.iter().all(|check| !check.detail.contains("VRID not ours")), "strangers are no fault: {checks:#?}");
}
