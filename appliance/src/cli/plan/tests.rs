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
    assert_eq!(
        a.fails,
        Outcome { masters: vec!["b".into()], nobody_us: 3_687_500 + 200, several_us: 0, moved_us: a.fails.moved_us }
    );
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
         \x20 a fails: b takes over after at most 3.7 s. Returns: a is MASTER after 3.6 s. Stopped in order: b without a gap.\n\
         \x20 b fails, and returns: the VIPs stay where they are.\n\
         \n\
         2 nodes, 1 virtual router, 0 errors, 0 warnings\n"
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

/// Two instances as of a router towards two networks, with what else stands in the file.
fn two(name: &str, priorities: [u8; 2], lines: &str, blocks: &str) -> Node {
    let instance = |name: &str, vrid: u8, priority: u8| {
        format!(
            "vrrp_instance {name} {{\nstate BACKUP\ninterface eth{vrid}\nvirtual_router_id {vrid}\npriority {priority}\n{lines}\nvirtual_ipaddress {{\n10.0.{vrid}.1/24\n}}\n}}\n"
        )
    };
    let [inside, outside] = priorities;
    let text = format!("{}{}{blocks}", instance("INSIDE", 1, inside), instance("OUTSIDE", 2, outside));
    Node { name: name.to_owned(), configuration: check(name, text.as_bytes(), &Surroundings::default()) }
}

const SYNC: &str = "vrrp_sync_group BOTH {\ngroup {\nINSIDE\nOUTSIDE\n}\n}\n";

fn with_check(name: &str, priority: u8, weight: &str) -> Node {
    two(
        name,
        [priority; 2],
        "track_script {\nuplink\n}",
        &format!("vrrp_script uplink {{\nscript \"/bin/true\"\n{weight}\n}}\n"),
    )
}

fn masters_at_start(plan: &Plan) -> Vec<String> {
    plan.groups.iter().map(|group| group.start.masters.join(" ")).collect()
}

#[test]
fn members_of_a_sync_group_move_together() {
    // By themselves the instances would go to different routers; the group goes to the one that has both.
    let plan = make(&[two("a", [100, 80], "", ""), two("b", [90, 90], "", "")]).unwrap();
    assert_eq!(masters_at_start(&plan), ["a", "b"]);
    let plan = make(&[two("a", [100, 80], "", SYNC), two("b", [90, 90], "", SYNC)]).unwrap();
    let [inside, outside] = masters_at_start(&plan).try_into().unwrap();
    assert_eq!(inside, outside);
    assert_eq!(
        plan.findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>(),
        [
            "the priorities give members of sync group BOTH on a and b to different routers: VRID 1 to a (100), VRID 2 to b (90)"
        ]
    );
    let plan = make(&[two("a", [100, 100], "", SYNC), two("b", [90, 90], "", SYNC)]).unwrap();
    assert_eq!((masters_at_start(&plan), plan.findings.len()), (vec!["a".to_owned(), "a".to_owned()], 0));
    assert!(plan.groups.iter().all(|group| group.failures.first().unwrap().fails.masters == ["b"]));
}

#[test]
fn sync_groups_that_differ_are_said_once() {
    let plan = make(&[two("a", [100, 100], "", SYNC), two("b", [90, 90], "", "")]).unwrap();
    assert_eq!(
        plan.findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>(),
        ["VRIDs 1 2 are in different sync groups: none (b), VRIDs 1 2 (a)"]
    );
}

#[test]
fn a_weight_above_0_counts_while_all_is_well() {
    let plan = make(&[with_check("a", 80, "weight 30"), two("b", [100, 100], "", "")]).unwrap();
    assert_eq!(masters_at_start(&plan), ["a", "a"]);
    let member = plan.groups.first().unwrap().members.first().unwrap();
    assert_eq!((member.priority, member.effective_priority), (80, 110));
    assert!(text(&plan).contains("110 (base 80)"), "{}", text(&plan));
    assert_eq!(messages(plan.groups.first().unwrap()), [""; 0]);
}

#[test]
fn a_weight_that_loses_no_election_is_said_with_the_arithmetic() {
    let of = |weight: &str, b: u8| {
        let plan = make(&[with_check("a", 100, weight), two("b", [b, b], "", "")]).unwrap();
        let group = plan.groups.into_iter().next().unwrap();
        group.findings.into_iter().map(|found| format!("{}\n{}", found.message, found.help)).collect::<Vec<_>>()
    };
    assert_eq!(
        of("weight -10", 80),
        ["when script uplink fails on a, 100 - 10 (script uplink) = 90 is left, and b has 80: a stays MASTER\n\
          Write weight -21 or lower, or 0 for FAULT."]
    );
    // An equal priority leaves the MASTER alone (RFC 9568 section 6.4.2).
    assert_eq!(
        of("weight -20", 80),
        ["when script uplink fails on a, 100 - 20 (script uplink) = 80 is left, and b has 80: a stays MASTER\n\
          Write weight -21 or lower, or 0 for FAULT."]
    );
    assert_eq!(of("weight -21", 80), [""; 0]);
    assert_eq!(of("weight 0", 80), [""; 0]);
    assert_eq!(
        of("weight 10", 80),
        ["when script uplink fails on a, 100 is left, and b has 80: a stays MASTER\n\
          Lower the priority itself by 21 at least, and raise the weight by as much; or write weight 0 for FAULT."]
    );
    let beyond = of("weight 200", 80);
    assert_eq!(
        beyond.first().unwrap(),
        "a: 100 + 200 (script uplink) = 300, held at 254\n\
         The part beyond the bound does not count; choose priority and weights so that all sums stay from 1 to 254."
    );
}

#[test]
fn a_reversed_tracker_is_well_while_it_fails() {
    let plan = make(&[with_check("a", 100, "weight 0 reverse"), two("b", [80, 80], "", "")]).unwrap();
    assert_eq!(masters_at_start(&plan), ["a", "a"]);
}

#[test]
fn what_a_plan_says_is_told_to_programs_too() {
    let plan = make(&[two("a", [100, 100], "", SYNC), with_check("b", 80, "weight 5")]).unwrap();
    let value = serde_json::to_value(&plan).unwrap();
    assert_eq!(value.pointer("/groups/0/members/0/sync_group").unwrap(), "BOTH");
    assert_eq!(value.pointer("/groups/0/members/1/effective_priority").unwrap(), 85);
    assert!(value.pointer("/findings/0/message").unwrap().as_str().unwrap().contains("different sync groups"));
}

#[test]
fn routers_are_ordered_alike_for_all_members_down_to_the_last() {
    let plan =
        make(&[two("a", [100, 100], "", SYNC), two("b", [90, 80], "", SYNC), two("c", [80, 90], "", SYNC)]).unwrap();
    assert_eq!(
        plan.findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>(),
        [
            "the priorities give members of sync group BOTH on a and b and c to different routers: VRID 1 to b (90), VRID 2 to c (90), once a has failed"
        ]
    );
}

/// What becomes of the first group when something fails.
fn played(nodes: &[Node]) -> Vec<String> {
    let plan = make(nodes).unwrap();
    plan.groups.first().unwrap().trackers.iter().map(tracker_failed).collect()
}

#[test]
fn failures_of_what_is_followed_are_played() {
    let b = || two("b", [80, 80], "", "");
    assert_eq!(
        played(&[with_check("a", 100, "weight -30"), b()]),
        ["On a, script uplink fails: b takes over without a gap.", "On a, interface eth2 fails: a stays MASTER."]
    );
    assert_eq!(played(&[with_check("a", 100, "weight -10"), b()])[0], "On a, script uplink fails: a stays MASTER.");
    // FAULT says goodbye with priority 0, so that only the skew passes.
    assert_eq!(
        played(&[with_check("a", 100, "weight 0"), b()])[0],
        "On a, script uplink fails: b takes over after at most 687 ms."
    );
    // A cut cable says nothing.
    let synced = [two("a", [100, 100], "", SYNC), two("b", [80, 80], "", SYNC)];
    assert_eq!(played(&synced), ["On a, interface eth2 fails: b takes over after at most 3.7 s."]);
    let followed = |name: &str, priority| two(name, [priority; 2], "track_interface {\neth1\n}", "");
    assert_eq!(
        played(&[followed("a", 100), followed("b", 80)])[0],
        "On a, interface eth1 fails: b takes over after at most 3.7 s."
    );
}

#[test]
fn failures_are_played_for_each_router_that_has_one_behind_it() {
    let of = |name: &str, priority| with_check(name, priority, "weight -15");
    let nodes = [of("a", 100), of("b", 90), of("c", 70)];
    let group = make(&nodes).unwrap().groups.remove(0);
    let scripts = group.trackers.iter().filter(|failure| failure.kind == "script").map(tracker_failed);
    assert_eq!(
        scripts.collect::<Vec<_>>(),
        [
            "On a, script uplink fails: b takes over without a gap.",
            "On b, once a has failed, script uplink fails: b stays MASTER.",
        ]
    );
    let messages: Vec<_> = messages(&group);
    assert_eq!(
        messages,
        [
            "once a has failed, when script uplink fails on b, 90 - 15 (script uplink) = 75 is left, and c has 70: b stays MASTER"
        ]
    );
}

#[test]
fn a_member_that_does_not_lose_holds_its_sync_group() {
    let of = |name: &str, priority: u8| {
        let blocks = format!("vrrp_script uplink {{\nscript \"/bin/true\"\nweight -30\n}}\n{SYNC}");
        let node = two(name, [priority; 2], "", &blocks);
        let text = node.configuration.sources().iter().next().unwrap().text().to_owned();
        // Only the first of the two follows it.
        let text = text.replacen("virtual_ipaddress", "track_script {\nuplink\n}\nvirtual_ipaddress", 1);
        Node { name: node.name, configuration: check(name, text.as_bytes(), &Surroundings::default()) }
    };
    let group = make(&[of("a", 100), of("b", 80)]).unwrap().groups.remove(0);
    let said = messages(&group);
    assert_eq!(
        said,
        [
            "when script uplink fails on a, 100 - 30 (script uplink) = 70 is left, and b has 80, yet a stays MASTER: not all members of its sync group lose"
        ]
    );
}
