//! What must hold for any input.
#![allow(clippy::unwrap_used, reason = "a test")]

use locum_config::{Style, Surroundings, check};
use proptest::prelude::*;

fn judge(bytes: &[u8]) {
    let existing = Some(vec!["eth0".to_owned()]);
    let around = Surroundings { interfaces: existing, config_id: Some("main".into()), ..Surroundings::default() };
    let configuration = check("any.conf", bytes, &around);
    assert_eq!(configuration.sources().iter().next().unwrap().bytes(), bytes);
    let text = configuration.render_text(Style { color: true, width: 80 });
    assert_eq!(text.is_empty(), configuration.diagnostics().is_empty());
    serde_json::to_string(&configuration.report()).unwrap();
    if configuration.refuses_start() {
        assert!(configuration.has_errors());
    }
    for instance in &configuration.model().instances {
        let failed = configuration.causes(&instance.name).count() > 0;
        assert_eq!(failed, instance.broken, "{instance:?}");
    }
}

/// Words that reach far into the reader.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "vrrp_instance", "vrrp_script", "vrrp_sync_group", "track_file", "vrrp_track_process", "global_defs", "group",
            "state", "MASTER", "BACKUP", "interface", "eth0", "virtual_router_id", "priority", "advert_int", "version",
            "virtual_ipaddress", "virtual_ipaddress_excluded", "unicast_peer", "unicast_src_ip", "authentication",
            "auth_type", "auth_pass", "PASS", "AH", "nopreempt", "preempt_delay", "track_script", "track_interface",
            "weight", "reverse", "script", "interval", "vrrp_strict", "native_ipv6", "dev", "label", "brd", "scope", "-",
            "notify_master", "notify", "static_ipaddress", "interface_up_down_delays", "virtual_server", "include",
            "init_file", "process", "file", "min_ttl", "use_vmac", "V1", "V2", "10.0.0.1", "10.0.0.2/24", "fe80::1",
            "255", "0", "1", "0.5", "50.001", "-300", "\"a b\"", "\"x", "'y z'", "$A", "${A}", "${_ENV HOME}", "$A=1",
            "$B= \\", "@main", "@^main", "~SEQ(I, 1, 3)", "~LST({I, J}, {1,2})", "${I}",
        ]).prop_map(str::to_owned),
        1 => "[a-z0-9./:\\-\"'\\\\$@~!#]{1,8}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    let separator =
        prop::sample::select(vec![" ", " ", " ", "\n", "\n", " {\n", "\n}\n", "\t", "\r\n", " # c\n", "\\\n"]);
    prop::collection::vec((word(), separator), 0..60)
        .prop_map(|parts| parts.into_iter().map(|(word, separator)| format!("{word}{separator}")).collect())
}

/// Lines of UCI whose words belong together often enough.
fn uci() -> impl Strategy<Value = String> {
    let section = prop::sample::select(vec![
        "globals",
        "vrrp_instance",
        "vrrp_sync_group",
        "vrrp_script",
        "ipaddress",
        "peer",
        "track_interface",
        "track_script",
        "static_ipaddress",
        "interface_up_down_delays",
        "virtual_server",
        "route",
        "nonsense",
    ]);
    let option = prop::sample::select(vec![
        "name",
        "state",
        "interface",
        "virtual_router_id",
        "priority",
        "virtual_ipaddress",
        "unicast_peer",
        "unicast_src_ip",
        "track_script",
        "track_interface",
        "auth_type",
        "auth_pass",
        "nopreempt",
        "use_vmac",
        "version",
        "address",
        "device",
        "scope",
        "value",
        "weight",
        "direction",
        "script",
        "fail",
        "group",
        "smtp_alert",
        "min_ttl",
        "authentication",
        "down_delay",
        "nonsense",
    ]);
    let value = prop::sample::select(vec![
        "V1",
        "V2",
        "A",
        "B",
        "'A B'",
        "10.0.0.1",
        "'10.0.0.2/24'",
        "fe80::1",
        "eth0",
        "0",
        "1",
        "255",
        "-3",
        "MASTER",
        "PASS",
        "\"x y\"",
        "'open",
        "reverse",
        "",
        "a b",
        "'/bin/x y'",
    ]);
    let line = prop_oneof![
        2 => section.prop_map(|section| format!("config {section}\n")),
        9 => (prop::bool::ANY, option, value).prop_map(|(list, option, value)| {
            format!("\t{} {option} {value}\n", if list { "list" } else { "option" })
        }),
        1 => "[a-z '\"\\\\#\r\n]{0,12}".prop_map(|junk| format!("{junk}\n")),
    ];
    prop::collection::vec(line, 0..60).prop_map(|lines| format!("config globals\n{}", lines.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(2000), ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        judge(&bytes);
    }

    #[test]
    fn no_uci_makes_it_panic(text in uci()) {
        judge(text.as_bytes());
    }

    #[test]
    fn no_words_make_it_panic(text in text()) {
        judge(text.as_bytes());
    }

    #[test]
    fn no_broken_instance_makes_it_panic(text in text()) {
        judge(format!("vrrp_instance V {{\n{text}\n}}\n").as_bytes());
    }
}
