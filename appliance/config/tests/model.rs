//! What the scenario files and others mean.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::IpAddr;
use std::path::Path;

use locum_config::model::{Authentication, Family, StartState, Version};
use locum_config::{Configuration, Instance, Severity, Surroundings, check, load};

fn scenario(name: &str) -> Configuration {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/scenarios").join(name);
    let around = Surroundings { interfaces: Some(vec!["lo".into(), "eth0".into()]), ..Surroundings::default() };
    load(&path, &around).unwrap()
}

fn one(text: &str) -> Instance {
    let configuration = check("test.conf", text.as_bytes(), &Surroundings::default());
    let instance = configuration.model().instances.first().unwrap().clone();
    assert!(!instance.broken, "{}", configuration.render_text(Default::default()));
    std::sync::Arc::unwrap_or_clone(instance)
}

fn instance(lines: &str) -> Instance {
    one(&format!("vrrp_instance V {{\ninterface eth0\nvirtual_router_id 1\n{lines}\n}}\n"))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn scenario_1_however_it_is_indented() {
    let plain = scenario("1-unicast-a.conf");
    let instance = plain.model().instance("VI_1").unwrap();
    assert_eq!(instance.start_state.value, StartState::Master);
    assert_eq!(instance.interface.as_ref().unwrap().value, "eth0");
    assert_eq!((instance.vrid.value, instance.priority.value), (45, 100));
    assert_eq!((instance.version.value, instance.family), (Version::V2, Family::V4));
    assert_eq!(instance.advert_interval_cs.value, 100);
    assert_eq!(instance.source_address.unwrap().value, ip("172.20.45.131"));
    assert_eq!(instance.peers.iter().map(|peer| peer.address).collect::<Vec<_>>(), [ip("172.20.45.132")]);
    let Authentication::Password(password) = &instance.authentication else { panic!("no password") };
    assert_eq!(&password.vrrp2_data(), b"admin123");
    let [vip] = instance.addresses.as_slice() else { panic!("one VIP") };
    assert_eq!((vip.address, vip.prefix_len), (ip("172.20.45.248"), 32));
    assert_eq!(vip.interface.as_ref().unwrap().value, "eth0");
    assert_eq!(vip.label.as_ref().unwrap().value, "eth0:0");
    assert!(instance.preempt.value && instance.accept.value && !instance.broken && instance.is_unicast());
    for same in ["1-unicast-uneven.conf", "1-unicast-crlf.conf"] {
        assert_eq!(scenario(same).model(), plain.model(), "{same}");
    }
}

/// Options that nobody writes are the same ones for all; what one instance writes is its own, and stands where it stands.
#[test]
fn what_an_instance_writes_changes_no_other() {
    let text = |name: &str, vrid: u8, lines: &str| {
        format!(
            "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {vrid}\nvirtual_ipaddress {{\n10.0.0.{vrid}\n}}\n{lines}\n}}\n"
        )
    };
    let text = text("A", 1, "")
        + &text("B", 2, "garp_master_delay 9\nno_accept")
        + &text("C", 3, "strict_mode")
        + "global_defs {\nvrrp_garp_master_delay 7\nvrrp_garp_master_repeat 3\n}\n"
        + &text("D", 4, "");
    let configuration = check("text", text.as_bytes(), &Surroundings::default());
    let options = |name: &str| {
        let instance = configuration.model().instance(name).unwrap();
        let garp = &instance.garp;
        (garp.master_delay_s.value, garp.master_repeat.value, garp.lower_priority_repeat.value, instance.accept.value)
    };
    assert_eq!(
        ["A", "B", "C", "D"].map(options),
        [(7, 3, 3, true), (9, 3, 3, false), (7, 3, 0, false), (7, 3, 3, true)]
    );
    let delay = |name: &str| configuration.model().instance(name).unwrap().garp.master_delay_s.at.unwrap();
    assert_eq!(configuration.sources().text(delay("B")), "9");
    assert_eq!(configuration.sources().text(delay("D")), "vrrp_garp_master_delay 7");
}

#[test]
fn scenarios_load_clean() {
    for name in [
        "1-unicast-a.conf",
        "1-unicast-b.conf",
        "1-unicast-uneven.conf",
        "1-unicast-crlf.conf",
        "2-two-masters-a.conf",
        "2-two-masters-b.conf",
        "3-nopreempt-a.conf",
        "3-nopreempt-b.conf",
        "3-preempt-delay-a.conf",
        "3-preempt-delay-b.conf",
        "5-three-nodes-a.conf",
        "5-three-nodes-b.conf",
        "5-three-nodes-c.conf",
    ] {
        let configuration = scenario(name);
        assert!(configuration.diagnostics().is_empty(), "{}", configuration.render_text(Default::default()));
    }
    for name in ["4-notify-a.conf", "4-notify-b.conf"] {
        assert!(!scenario(name).has_errors());
    }
}

#[test]
fn scenario_3() {
    let configuration = scenario("3-nopreempt-a.conf");
    assert!(!configuration.model().instance("VI_1").unwrap().preempt.value);
    let configuration = scenario("3-preempt-delay-a.conf");
    assert_eq!(configuration.model().instance("VI_1").unwrap().preempt_delay_ms.value, 300_000);
    let configuration = scenario("3-nopreempt-master.conf");
    let instance = configuration.model().instance("VI_1").unwrap();
    assert_eq!((instance.start_state.value, instance.preempt.value), (StartState::Backup, false));
    assert!(configuration.has_warnings() && !configuration.has_errors());
}

#[test]
fn scenario_4() {
    let configuration = scenario("4-notify-a.conf");
    let notify = &configuration.model().instance("VI_1").unwrap().notify;
    assert_eq!(notify.master.as_ref().unwrap().words, ["/etc/keepalived/notify.sh", "master"]);
    assert_eq!(notify.any.as_ref().unwrap().words, ["/etc/keepalived/any.sh"]);
    assert!(notify.stop.is_none());
}

#[test]
fn scenario_5() {
    let configuration = scenario("5-three-nodes-a.conf");
    let peers: Vec<_> = configuration.model().instance("VI_1").unwrap().peers.iter().map(|peer| peer.address).collect();
    assert_eq!(peers, [ip("172.20.45.132"), ip("172.20.45.133")]);
}

#[test]
fn strict_mode_refuses_unicast_and_says_so() {
    let configuration = scenario("strict-with-unicast.conf");
    assert!(configuration.model().instance("VI_1").unwrap().broken);
    let causes: Vec<_> = configuration.causes("VI_1").map(|cause| cause.code.id).collect();
    assert_eq!(causes, ["E023"]);
}

#[test]
fn defaults_are_those_of_the_manual() {
    let instance = instance("virtual_ipaddress {\n10.0.0.1\n}");
    assert_eq!(instance.start_state.value, StartState::Backup);
    assert_eq!((instance.priority.value, instance.advert_interval_cs.value), (100, 100));
    assert_eq!(instance.down_timer_adverts.value, 3);
    assert_eq!((instance.preempt.value, instance.preempt_delay_ms.value), (true, 0));
    assert_eq!((instance.garp.master_repeat.value, instance.garp.master_delay_s.value), (5, 5));
    assert_eq!((instance.garp.refresh_s.value, instance.garp.refresh_repeat.value), (0, 1));
    assert_eq!(instance.multicast_group.value, ip("224.0.0.18"));
    assert_eq!(instance.authentication, Authentication::None);
    assert!(!instance.priority.is_written() && instance.vrid.is_written());
}

#[test]
fn global_defs_reach_instances_wherever_they_stand() {
    let instance = one(
        "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\ngarp_master_repeat 2\nvirtual_ipaddress {\n10.0.0.1\n}\n}\n\
         global_defs {\nvrrp_garp_master_repeat 7\nvrrp_garp_master_delay 9\nvrrp_mcast_group4 224.0.0.99\n}\n",
    );
    assert_eq!((instance.garp.master_repeat.value, instance.garp.master_delay_s.value), (2, 9));
    assert_eq!((instance.garp.lower_priority_repeat.value, instance.garp.lower_priority_delay_s.value), (7, 9));
    assert_eq!(instance.multicast_group.value, ip("224.0.0.99"));
}

#[test]
fn intervals_are_what_the_version_carries() {
    let interval = |text: &str| {
        instance(&format!("advert_int {text}\nvirtual_ipaddress {{\n10.0.0.1\n}}")).advert_interval_cs.value
    };
    assert_eq!(interval("1"), 100);
    assert_eq!(interval("255"), 25_500);
    assert_eq!(interval("0.5"), 100);
    assert_eq!(interval("1.4"), 100);
    assert_eq!(interval("1.5"), 200);
    assert_eq!(interval("0.01"), 100);
}

#[test]
fn addresses_take_the_options_of_ip_address_add() {
    use locum_config::model::{Broadcast, Lifetime, Scope};
    let instance = instance(
        "virtual_ipaddress {\n10.0.0.1/24 brd + dev eth1 scope link label eth1:vip noprefixroute\n10.0.0.2 peer 10.0.0.3/30 preferred_lft 0\n}\n\
         virtual_ipaddress_excluded {\n2001:db8::1/64 -nodad home\n2001:db8::2\n}",
    );
    let [first, second] = instance.addresses.as_slice() else { panic!("two VIPs") };
    assert_eq!((first.prefix_len, first.broadcast, first.scope), (24, Some(Broadcast::HostBitsSet), Some(Scope(253))));
    assert!(first.no_prefix_route && !first.detect_duplicates);
    assert_eq!((second.peer, second.preferred_lifetime), (Some((ip("10.0.0.3"), 30)), Lifetime::Seconds(0)));
    let [third, fourth] = instance.excluded_addresses.as_slice() else { panic!("two excluded VIPs") };
    assert!(third.detect_duplicates && third.home);
    assert_eq!((third.preferred_lifetime, fourth.preferred_lifetime), (Lifetime::Forever, Lifetime::Seconds(0)));
    assert_eq!(instance.family, Family::V4);
}

#[test]
fn a_peer_may_have_ttl_bounds() {
    let instance =
        instance("unicast_peer {\n10.0.0.2 min_ttl 254 max_ttl 255\n10.0.0.3\n}\nvirtual_ipaddress {\n10.0.0.1\n}");
    let peers: Vec<_> = instance.peers.iter().map(|peer| (peer.min_ttl, peer.max_ttl)).collect();
    assert_eq!(peers, [(Some(254), Some(255)), (None, None)]);
    assert!(instance.check_unicast_source.value);
}

#[test]
fn models_are_equal_when_they_mean_the_same() {
    let a = instance("priority 90 # low\nvirtual_ipaddress {\n10.0.0.1/32\n}");
    let b = instance("\n\n  virtual_ipaddress { 10.0.0.1/32 }\npriority 90");
    let c = instance("priority 91\nvirtual_ipaddress {\n10.0.0.1/32\n}");
    assert_eq!(a.addresses, b.addresses);
    assert_eq!(a.priority, b.priority);
    assert_ne!(a.priority, c.priority);
}

#[test]
fn trackers_and_groups_are_read() {
    let text = "vrrp_script chk {\nscript \"/bin/check -x 'a b'\"\ninterval 2\ntimeout 1.5\nweight -20 reverse\nrise 2\nfall 3\nuser nobody nogroup\ninit_fail\n}\n\
                track_file load {\nfile /run/load\nweight 2\ninit_file 5 overwrite\n}\n\
                vrrp_track_process web {\nprocess nginx -g x\nquorum 2\ndelay 0.5\n}\n\
                interface_up_down_delays {\neth0 1.5 3\n}\n\
                vrrp_sync_group G {\ngroup {\nA B\n}\ntrack_script {\nchk weight 0\n}\nnotify_master /bin/n\n}\n\
                vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\ntrack_interface {\neth1 weight 5\neth2\n}\nvirtual_ipaddress {\n10.0.0.1\n}\n}\n\
                vrrp_instance B {\ninterface eth0\nvirtual_router_id 2\nvirtual_ipaddress {\n10.0.0.2\n}\n}\n";
    let configuration = check("test.conf", text.as_bytes(), &Surroundings::default());
    assert!(!configuration.has_errors(), "{}", configuration.render_text(Default::default()));
    let model = configuration.model();
    let script = &model.scripts[0];
    assert_eq!(script.command.as_ref().unwrap().words, ["/bin/check", "-x", "a b"]);
    assert_eq!(script.command.as_ref().unwrap().user.as_deref(), Some("nobody"));
    assert_eq!((script.interval_ms.value, script.timeout_ms.value), (2000, 1500));
    assert_eq!((script.weight.value, script.weight.reverse, script.rise.value, script.fall.value), (-20, true, 2, 3));
    assert_eq!(model.track_files[0].initial.unwrap().value, (5, true));
    assert_eq!(model.track_processes[0].command, ["nginx", "-g", "x"]);
    assert_eq!(model.track_processes[0].fork_delay_ms.value, 500);
    assert_eq!((model.up_down_delays[0].down_ms, model.up_down_delays[0].up_ms), (1500, 3000));
    let group = &model.sync_groups[0];
    assert_eq!(group.members.iter().map(|member| member.value.as_str()).collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(group.tracks.scripts[0].weight.unwrap().value, 0);
    let tracks = &model.instances[0].tracks.interfaces;
    assert_eq!((tracks[0].weight.unwrap().value, tracks[1].weight), (5, None));
}

#[test]
fn a_missing_file_is_as_clear_as_a_diagnostic() {
    let error = load(Path::new("/nonexistent/locum.conf"), &Surroundings::default()).unwrap_err();
    assert!(error.is_missing());
    assert_eq!(error.to_string(), "cannot read the configuration /nonexistent/locum.conf: there is no such file");
    assert!(
        load(Path::new("/dev/zero"), &Surroundings::default()).unwrap_err().to_string().ends_with("it is not a file")
    );
}

#[test]
fn passwords_appear_in_no_output() {
    let text = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nauthentication {\nauth_type PAS\nauth_pass hunter2hunter2 hunter3\nauth_pas hunter4\n}\n\
                auth_passwd hunter5#hunter6\n$PASS=hunter7\nauth_pass $PASS\nadvert_int 0.5\n}\n";
    let configuration = check("test.conf", text.as_bytes(), &Surroundings::default());
    assert!(configuration.diagnostics().len() > 4);
    let mut said = configuration.render_text(Default::default());
    said.push_str(&serde_json::to_string(&configuration.report()).unwrap());
    said.push_str(&format!("{:?}", configuration.model()));
    for found in configuration.diagnostics() {
        said.push_str(&configuration.one_line(found));
    }
    assert!(!said.contains("hunter"), "{said}");
}

#[test]
fn severities_and_json_agree() {
    let configuration = scenario("3-nopreempt-master.conf");
    let json: serde_json::Value = serde_json::to_value(configuration.report()).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["warnings"], 1);
    let first = &json["diagnostics"][0];
    assert_eq!((first["severity"].as_str(), first["code"].as_str()), (Some("warning"), Some("W005")));
    assert_eq!((first["line"].as_u64(), first["column"].as_u64()), (Some(7), Some(5)));
    assert_eq!(first["related"][0]["line"], 2);
    assert_eq!(configuration.diagnostics()[0].severity(), Severity::Warning);
}

#[test]
fn nothing_in_the_file_steers_the_terminal() {
    let text = "vrrp_instance \"\u{1b}[2Jx\u{202e}y\" {\ninterface eth0\nstate \u{1b}]0;t\u{7}\n\u{1b}c 1\n# \u{1b}\n}\n\u{feff}";
    let configuration = check("test.conf", text.as_bytes(), &Surroundings::default());
    assert!(configuration.diagnostics().len() >= 3);
    let mut said = configuration.render_text(Default::default());
    for found in configuration.diagnostics() {
        said.push_str(&configuration.one_line(found));
    }
    assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{said:?}");
}
