//! Plans of small groups, as text and as values.

use locum_config::check;

use super::*;

/// An instance whose lines are those of the scenario, with what is given changed or added.
fn node(name: &str, lines: &str) -> Node {
    let text = format!("vrrp_instance VI_1 {{\ninterface eth0\nvirtual_router_id 45\n{lines}\n}}\n");
    Node { name: name.to_owned(), configuration: check(name, text.as_bytes(), &Surroundings::default()) }
}

const VIP: &str = "virtual_ipaddress {\n172.20.45.248\n}\n";

fn unicast(name: &str, priority: u8, own: u8, peers: &[u8]) -> Node {
    let peers: Vec<String> = peers.iter().map(|peer| format!("172.20.45.{peer}\n")).collect();
    node(
        name,
        &format!("priority {priority}\nunicast_src_ip 172.20.45.{own}\nunicast_peer {{\n{}}}\n{VIP}", peers.concat()),
    )
}

fn only_group(nodes: &[Node]) -> GroupPlan {
    let mut plan = make(nodes).unwrap();
    assert_eq!(plan.groups.len(), 1);
    plan.groups.remove(0)
}

fn messages(group: &GroupPlan) -> Vec<&str> {
    group.findings.iter().map(|finding| finding.message.as_str()).collect()
}

#[test]
fn the_higher_priority_is_master_and_the_lower_takes_over_in_the_time_of_the_rfc() {
    let group = only_group(&[unicast("a", 100, 131, &[132]), unicast("b", 80, 132, &[131])]);
    assert_eq!(messages(&group), [""; 0]);
    assert_eq!(group.start.masters, ["a"]);
    assert_eq!(group.start.nobody_us, 3_609_375);
    let [a, b] = group.failures.as_slice() else { panic!() };
    // 3 intervals and (256 - 80)/256 s after the advert that was on its way for LATENCY_US.
    assert_eq!(a.fails, Outcome { masters: vec!["b".into()], nobody_us: 3_687_500 + 200, several_us: 0 });
    assert_eq!(a.returns.masters, ["a"]);
    assert_eq!((a.stops.masters.as_slice(), a.stops.nobody_us), (["b".to_owned()].as_slice(), 0));
    assert!(!b.was_master && b.fails.nobody_us == 0 && b.fails.masters == ["a"]);
}

#[test]
fn the_text_says_it_in_words() {
    let nodes = [unicast("a", 100, 131, &[132]), unicast("b", 80, 132, &[131])];
    assert_eq!(
        text(&make(&nodes).unwrap()),
        "VRID 45, IPv4: 172.20.45.248\n\
         \x20 NODE  INSTANCE  INTERFACE  PRIORITY  ADDRESS\n\
         \x20 a     VI_1      eth0       100       172.20.45.131\n\
         \x20 b     VI_1      eth0       80        172.20.45.132\n\
         \x20 All start at once: a is MASTER after 3.6 s.\n\
         \x20 a fails: b takes over after at most 3.7 s. Returns: a is MASTER. Stopped in order: b without a gap.\n\
         \x20 b fails, and returns: the VIPs stay where they are.\n\
         \n\
         2 nodes, 1 virtual routers, 0 errors, 0 warnings\n"
    );
}

#[test]
fn of_three_the_highest_that_is_left_takes_over() {
    let nodes = [unicast("a", 100, 1, &[2, 3]), unicast("b", 80, 2, &[1, 3]), unicast("c", 70, 3, &[1, 2])];
    let group = only_group(&nodes);
    assert_eq!(group.failures.first().unwrap().fails.masters, ["b"]);
    assert!(group.failures.iter().skip(1).all(|failure| !failure.was_master));
}

#[test]
fn nopreempt_leaves_the_vips_where_they_went() {
    let lines = |priority| format!("nopreempt\npriority {priority}\n{VIP}");
    let group = only_group(&[node("a", &lines(100)), node("b", &lines(80))]);
    assert_eq!(group.failures.first().unwrap().returns.masters, ["b"]);
    assert!(group.members.iter().all(|member| member.address_from == AddressFrom::MadeUp));
}

#[test]
fn preempt_delay_is_waited_for() {
    let delayed = format!("preempt_delay 30\n{VIP}");
    let group = only_group(&[node("a", &delayed), node("b", &format!("priority 80\n{VIP}"))]);
    let a = group.failures.first().unwrap();
    assert_eq!(
        (a.fails.masters.as_slice(), a.returns.masters.as_slice()),
        (["b".to_owned()].as_slice(), ["a".to_owned()].as_slice())
    );
}

#[test]
fn what_does_not_fit_is_said_and_seen() {
    let vips = "virtual_ipaddress {\n172.20.45.248\n172.20.45.249\n}\n";
    for (b, message) in [
        ("advert_int 2\n", "different advert_int: 1 s (a), 2 s (b)"),
        ("version 3\n", "different versions: VRRPv2 (a), VRRPv3 (b)"),
        ("virtual_router_id 46\n", "different virtual_router_id: 45 (a), 46 (b)"),
        ("authentication {\nauth_type PASS\nauth_pass x\n}\n", "different authentication: PASS (b), none (a)"),
        (
            "mcast_dst_ip 224.0.0.77\n",
            "different ways to send: multicast to 224.0.0.18 (a), multicast to 224.0.0.77 (b)",
        ),
    ] {
        let group = only_group(&[node("a", VIP), node("b", &format!("priority 80\n{b}{VIP}"))]);
        assert!(messages(&group).contains(&message), "{:?}", messages(&group));
        assert_eq!(group.start.masters, ["a", "b"], "{b}");
    }
    let group = only_group(&[node("a", VIP), node("b", &format!("priority 80\n{vips}"))]);
    assert_eq!(messages(&group), ["virtual_ipaddress of a lacks 172.20.45.249"]);
    let group = only_group(&[unicast("a", 100, 131, &[132]), unicast("b", 80, 132, &[133])]);
    assert_eq!(
        messages(&group),
        [
            "unicast_peer of b lacks 172.20.45.131 (a)",
            "unicast_peer of b lists 172.20.45.133, which is none of these nodes"
        ]
    );
    let group = only_group(&[node("a", VIP), node("b", VIP)]);
    assert_eq!(messages(&group), ["a and b have the same priority 100"]);
    assert_eq!(group.start.masters, ["b"]);
    assert_eq!(messages(&only_group(&[node("a", VIP)])), ["only a has it"]);
}

#[test]
fn passwords_are_compared_and_not_told() {
    let with = |password: &str| format!("authentication {{\nauth_type PASS\nauth_pass {password}\n}}\n{VIP}");
    let nodes = [node("a", &with("geheim77")), node("b", &with("geheim78"))];
    let plan = make(&nodes).unwrap();
    assert!(messages(plan.groups.first().unwrap()).contains(&"different auth_pass"));
    assert!(!serde_json::to_string(&plan).unwrap().contains("geheim"));
}

#[test]
fn an_address_that_only_the_peers_know_is_taken_from_them() {
    let b = node("b", &format!("priority 80\nunicast_peer {{\n172.20.45.131\n}}\n{VIP}"));
    let group = only_group(&[unicast("a", 100, 131, &[132]), b]);
    let b = group.members.get(1).unwrap();
    assert_eq!((b.address.as_str(), b.address_from), ("172.20.45.132", AddressFrom::Peers));
    assert_eq!(group.start.masters, ["a"]);
}

#[test]
fn two_groups_on_the_same_nodes_stay_two() {
    let of = |name: &str, first: u8, second: u8| {
        let instance = |name: &str, vrid: u8, priority: u8| {
            format!(
                "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\npriority {priority}\nvirtual_ipaddress {{\n10.0.0.{vrid}\n}}\n}}\n"
            )
        };
        let text = instance("A", 45, first) + &instance("B", 144, second);
        Node { name: name.to_owned(), configuration: check(name, text.as_bytes(), &Surroundings::default()) }
    };
    let plan = make(&[of("a", 100, 80), of("b", 80, 100)]).unwrap();
    let starts: Vec<_> = plan.groups.iter().map(|group| group.start.masters.join(" ")).collect();
    assert_eq!(starts, ["a", "b"]);
    let a_fails: Vec<_> =
        plan.groups.iter().map(|group| group.failures.first().unwrap().fails.masters.join(" ")).collect();
    assert_eq!(a_fails, ["b", "b"]);
}
