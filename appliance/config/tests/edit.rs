//! Edits change the words that they must, and nothing else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use locum_config::edit::{BlockName, Edit, EditError, Origin};
use locum_config::{Surroundings, check};

fn set(instance: &str, keyword: &str, values: &[&str]) -> Edit {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    Edit::Set { block: BlockName::instance(instance), keyword: keyword.into(), values }
}

fn unset(instance: &str, keyword: &str) -> Edit {
    Edit::Unset { block: BlockName::instance(instance), keyword: keyword.into() }
}

fn add(list: &str, line: &str) -> Edit {
    add_to(BlockName::instance("V"), list, line)
}

fn add_to(block: BlockName, list: &str, line: &str) -> Edit {
    Edit::AddEntry { block, list: list.into(), words: line.split(' ').map(str::to_owned).collect() }
}

fn remove(list: &str, entry: &str) -> Edit {
    remove_from(BlockName::instance("V"), list, entry)
}

fn remove_from(block: BlockName, list: &str, entry: &str) -> Edit {
    Edit::RemoveEntry { block, list: list.into(), entry: entry.into() }
}

fn edited(text: &str, edits: &[Edit]) -> Result<String, EditError> {
    let around = Surroundings { config_id: Some("main".into()), ..Surroundings::default() };
    check("a.conf", text.as_bytes(), &around).edit(edits, &around).map(|edited| edited.text().to_owned())
}

#[track_caller]
fn expect(before: &str, edits: &[Edit], after: &str) {
    match edited(before, edits) {
        Ok(text) => assert_eq!(text, after),
        Err(EditError::Invalid(configuration)) => panic!("{}", configuration.render_text(Default::default())),
        Err(error) => panic!("{error}"),
    }
}

/// Uneven on purpose.
const FILE: &str = "# the gateway\n\
    vrrp_instance V {   # first\n\
    \tstate BACKUP\n\
    \x20   interface eth0   ! lan\n\
    \x20   virtual_router_id 45\n\
    \x20   priority   100 # of 100\n\
    \x20       unicast_peer {\n\
    \x20   172.20.45.132   # b\n\
    \x20   }\n\
    \x20   virtual_ipaddress {\n\
    \t172.20.45.248 dev eth0 # web\n\
    \x20   }\n\
    }\n";

#[test]
fn an_option_changes_in_place() {
    let after = FILE.replace("priority   100 #", "priority   120 #");
    expect(FILE, &[set("V", "priority", &["120"])], &after);
    expect(FILE, &[set("V", "priority", &["100"])], FILE);
    let quoted = FILE.replace("  100 #", "  \"100\" #");
    expect(&quoted, &[set("V", "priority", &["120"])], &quoted.replace("\"100\"", "\"120\""));
}

#[test]
fn an_absent_option_goes_behind_the_last_plain_line_indented_like_it() {
    let after = FILE.replace("# of 100\n", "# of 100\n    nopreempt\n");
    expect(FILE, &[set("V", "nopreempt", &[])], &after);
    let dos = FILE.replace('\n', "\r\n");
    expect(&dos, &[set("V", "nopreempt", &[])], &after.replace('\n', "\r\n"));
}

#[test]
fn an_option_taken_away_takes_its_line_along_and_leaves_a_comment() {
    expect(FILE, &[unset("V", "state")], &FILE.replace("\tstate BACKUP\n", ""));
    expect(FILE, &[unset("V", "priority")], &FILE.replace("priority   100 #", "#"));
    assert!(matches!(edited(FILE, &[unset("V", "nopreempt")]), Err(EditError::NotThere(_))));
}

#[test]
fn opposites_take_each_others_place() {
    let nopreempt = FILE.replace("\tstate", "\tpreempt # see below\n\tstate");
    let after = nopreempt.replace("\tpreempt", "\tnopreempt");
    expect(&nopreempt, &[set("V", "nopreempt", &[])], &after);
    expect(&after, &[set("V", "preempt", &[])], &nopreempt);
}

#[test]
fn passwords_go_where_they_belong() {
    let added = FILE.replace(
        "    }\n}\n",
        "    }\n    authentication {\n        auth_type PASS\n        auth_pass \"ab cd\"\n    }\n}\n",
    );
    let edits = [set("V", "auth_type", &["PASS"]), set("V", "auth_pass", &["ab cd"])];
    expect(FILE, &edits, &added);
    expect(&added, &[set("V", "auth_pass", &["x#y"])], &added.replace("ab cd", "x#y"));
    assert!(!format!("{edits:?}").contains("ab cd"));
}

#[test]
fn no_edit_tells_a_password_nor_what_an_unknown_word_takes() {
    for (keyword, value, told) in
        [("priority", "90", "90"), ("auth_pass", "secret", "********"), ("auth_pas", "secret", "********")]
    {
        let expected = format!("set {keyword} of vrrp_instance VI_1 to {told}");
        let edit = set("VI_1", keyword, &[value]);
        assert_eq!(edit.to_string(), expected);
        assert_eq!(format!("{edit:?}"), expected);
    }
}

#[test]
fn vips_and_peers_come_and_go() {
    let more = FILE.replace("# web\n", "# web\n\t172.20.45.249/24 dev eth0 label eth0:2\n");
    expect(FILE, &[add("virtual_ipaddress", "172.20.45.249/24 dev eth0 label eth0:2")], &more);
    expect(&more, &[remove("virtual_ipaddress", "172.20.45.249")], FILE);
    expect(
        &more,
        &[remove("virtual_ipaddress", "172.20.45.248")],
        &more.replace("172.20.45.248 dev eth0 # web", "# web"),
    );
    let peers = FILE.replace("# b\n", "# b\n    172.20.45.133\n");
    expect(FILE, &[add("unicast_peer", "172.20.45.133")], &peers);
    expect(&peers, &[remove("unicast_peer", "172.20.45.133")], FILE);
    let excluded = FILE.replace("    }\n}\n", "    }\n    virtual_ipaddress_excluded {\n        10.0.0.1\n    }\n}\n");
    expect(FILE, &[add("virtual_ipaddress_excluded", "10.0.0.1")], &excluded);
    assert!(matches!(edited(FILE, &[add("virtual_ipaddress", "172.20.45.248/32")]), Err(EditError::AlreadyThere(_))));
    assert!(matches!(edited(FILE, &[remove("unicast_peer", "172.20.45.9")]), Err(EditError::NotThere(_))));
}

#[test]
fn blocks_on_one_line_stay_readable() {
    let line = "vrrp_instance V { virtual_router_id 1\ninterface eth0\nvirtual_ipaddress { 10.0.0.1 } }\n";
    expect(
        line,
        &[add("virtual_ipaddress", "10.0.0.2")],
        "vrrp_instance V { virtual_router_id 1\ninterface eth0\nvirtual_ipaddress { 10.0.0.1 \n    10.0.0.2\n} }\n",
    );
    expect(line, &[set("V", "priority", &["9"])], &line.replace("eth0\n", "eth0\npriority 9\n"));
}

#[test]
fn instances_come_and_go() {
    let edits = [
        Edit::AddBlock { block: BlockName::instance("W") },
        set("W", "interface", &["eth0"]),
        set("W", "virtual_router_id", &["46"]),
        add_to(BlockName::instance("W"), "virtual_ipaddress", "172.20.45.250"),
    ];
    let text = "vrrp_instance W {\n    interface eth0\n    virtual_router_id 46\n    virtual_ipaddress {\n        \
                172.20.45.250\n    }\n}\n";
    expect(FILE, &edits, &format!("{FILE}\n{text}"));
    expect("", &edits, text);
    let behind = format!("{FILE}\nvrrp_script s {{\n script /bin/true\n}}");
    expect(&behind, &edits, &format!("{FILE}\n{text}\nvrrp_script s {{\n script /bin/true\n}}"));
    expect(&format!("{text}{FILE}"), &[Edit::RemoveBlock { block: BlockName::instance("W") }], FILE);
    assert!(matches!(
        edited(FILE, &[Edit::AddBlock { block: BlockName::instance("V") }]),
        Err(EditError::AlreadyThere(_))
    ));
    let Err(EditError::NoBlock { near, .. }) = edited(FILE, &[set("v", "priority", &["1"])]) else { panic!() };
    assert_eq!(near.as_deref(), Some("V"));
}

#[test]
fn any_block_is_edited_by_its_name() {
    let script = "vrrp_script chk {\n    script /bin/true\n    weight 10\n}\n";
    let text = format!("{script}{FILE}");
    let chk = || BlockName::named("vrrp_script", "chk");
    let weigh = |values: &[&str]| Edit::Set {
        block: chk(),
        keyword: "weight".into(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    expect(&text, &[weigh(&["-20", "reverse"])], &text.replace("weight 10", "weight -20 reverse"));
    expect(&text, &[Edit::Unset { block: chk(), keyword: "weight".into() }], &text.replace("    weight 10\n", ""));
    let tracked = text.replace("    }\n}\n", "    }\n    track_script {\n        chk weight 5\n    }\n}\n");
    expect(&text, &[add("track_script", "chk weight 5")], &tracked);
    // The last of a list leaves an empty block, in which the next one finds its place.
    let emptied = tracked.replace("        chk weight 5\n", "");
    expect(&tracked, &[remove("track_script", "chk")], &emptied);
    expect(&emptied, &[add("track_script", "chk weight 5")], &tracked);
    // What somebody follows cannot be taken away; nothing is changed.
    let gone = [Edit::RemoveBlock { block: chk() }];
    assert!(matches!(edited(&tracked, &gone), Err(EditError::Invalid(_))));
    expect(&text, &gone, FILE);
    assert!(matches!(edited(FILE, &gone), Err(EditError::NoBlock { .. })));
    let other = [Edit::AddBlock { block: BlockName::named("virtual_server", "x") }];
    assert!(matches!(edited(FILE, &other), Err(EditError::UnknownBlock(_))));
}

#[test]
fn groups_take_and_lose_members() {
    let both = format!(
        "{FILE}{}",
        FILE.replace("instance V", "instance W").replace("_id 45", "_id 46").replace(".248", ".249")
    );
    let text = format!("{both}vrrp_sync_group G {{\n    group {{\n        V  W # both\n    }}\n}}\n");
    let group = || BlockName::named("vrrp_sync_group", "G");
    let one = text.replace("V  W #", "V #");
    expect(&text, &[remove_from(group(), "group", "W")], &one);
    expect(&text, &[remove_from(group(), "group", "V")], &text.replace("V  W #", "W #"));
    expect(&one, &[add_to(group(), "group", "W")], &one.replace("# both\n", "# both\n        W\n"));
    assert!(matches!(edited(&text, &[add_to(group(), "group", "W")]), Err(EditError::AlreadyThere(_))));
    assert!(matches!(edited(&text, &[add_to(group(), "group", "X")]), Err(EditError::Invalid(_))));
    let made = [
        Edit::AddBlock { block: BlockName::named("vrrp_sync_group", "H") },
        add_to(BlockName::named("vrrp_sync_group", "H"), "group", "V"),
        add_to(BlockName::named("vrrp_sync_group", "H"), "group", "W"),
    ];
    let behind = "\nvrrp_sync_group H {\n    group {\n        V\n        W\n    }\n}\n";
    expect(&both, &made, &format!("{both}{behind}"));
}

#[test]
fn global_settings_are_edited_and_made_where_there_are_none() {
    let mail = |keyword: &str, value: &str| Edit::Set {
        block: BlockName::GlobalDefs,
        keyword: keyword.into(),
        values: vec![value.into()],
    };
    let text = format!(
        "{FILE}\nglobal_defs {{\n    router_id gw\n    notification_email {{\n        a@example.com\n    }}\n}}\n"
    );
    let list = text.replace("    notification_email {\n        a@example.com\n    }\n", "");
    expect(FILE, &[mail("router_id", "gw")], &list);
    expect(&list, &[add_to(BlockName::GlobalDefs, "notification_email", "a@example.com")], &text);
    expect(&text, &[mail("router_id", "edge")], &text.replace("router_id gw", "router_id edge"));
    expect(
        &text,
        &[remove_from(BlockName::GlobalDefs, "notification_email", "a@example.com")],
        &text.replace("        a@example.com\n", ""),
    );
}

#[test]
fn routes_are_lines_as_a_whole() {
    let route = "192.168.9.0/24 via 172.20.45.9";
    let text = FILE.replace("    }\n}\n", &format!("    }}\n    virtual_routes {{\n        {route}\n    }}\n}}\n"));
    expect(FILE, &[add("virtual_routes", route)], &text);
    let again = "192.168.9.0/24 via 172.20.45.8 metric 5";
    let two = text.replace(&format!("{route}\n"), &format!("{route}\n        {again}\n"));
    expect(&text, &[add("virtual_routes", again)], &two);
    expect(&two, &[remove("virtual_routes", again)], &text);
    assert!(matches!(edited(&text, &[add("virtual_routes", route)]), Err(EditError::AlreadyThere(_))));
    let top = format!("{FILE}\nstatic_routes {{\n    {route}\n}}\n");
    expect(FILE, &[add_to(BlockName::File, "static_routes", route)], &top);
    expect(&top, &[remove_from(BlockName::File, "static_routes", route)], &top.replace(&format!("    {route}\n"), ""));
}

#[test]
fn what_comes_out_of_something_is_not_edited() {
    let defined = format!("$P=100\n{}", FILE.replace("  100", " $P"));
    let Err(EditError::Elsewhere { place, origin: Origin::Substitution, .. }) =
        edited(&defined, &[set("V", "priority", &["120"])])
    else {
        panic!()
    };
    assert_eq!(place, "a.conf:7:5");
    expect(&defined, &[set("V", "state", &["MASTER"])], &defined.replace("BACKUP", "MASTER"));
    let sequence = FILE.replace("    172.20.45.132   # b\n", "~SEQ(I, 2, 3) 172.20.45.13${I}\n");
    let removed = edited(&sequence, &[remove("unicast_peer", "172.20.45.133")]);
    assert!(matches!(removed, Err(EditError::Elsewhere { origin: Origin::Substitution, .. })));
}

#[test]
fn conditions_are_heeded() {
    let text = FILE.replace("priority   100", "@main priority 100\n    @^main priority 50");
    expect(&text, &[set("V", "priority", &["120"])], &text.replace("priority 100", "priority 120"));
    expect(&text, &[unset("V", "priority")], &text.replace("    @main priority 100\n", ""));
}

#[test]
fn what_would_be_wrong_is_refused_with_its_diagnostics() {
    let Err(EditError::Invalid(configuration)) = edited(FILE, &[set("V", "priority", &["256"])]) else { panic!() };
    assert_eq!(configuration.diagnostics().iter().filter(|found| found.code.id == "E015").count(), 1);
    for (edit, what) in [
        (set("V", "priority", &["1\n2"]), "control"),
        (set("V", "interface", &["a\"b"]), "quotes"),
        (set("V", "virtual_ipaddress", &["1"]), "is a block"),
        (set("V", "priorty", &["1"]), "did you mean `priority`?"),
        (set("V", "auth_pass", &["a\\"]), "cannot be written"),
        (set("V", "interface", &["eth0", "eth1"]), "takes one value"),
        (set("V", "nopreempt", &["yes"]), "takes no value"),
    ] {
        let error = edited(FILE, &[edit]).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let broken = FILE.replacen("}\n", "\n", 1);
    assert!(matches!(edited(&broken, &[set("V", "priority", &["1"])]), Err(EditError::Untellable)));
}

#[test]
fn the_options_of_an_entry_change_in_place() {
    let set_entry = |list: &str, line: &str| Edit::SetEntry {
        block: BlockName::instance("V"),
        list: list.into(),
        words: line.split(' ').map(str::to_owned).collect(),
    };
    let script = "vrrp_script chk {\n script /bin/true\n}\nvrrp_script other {\n script /bin/true\n}\n";
    let lines = "track_script {\n  chk   weight  -20   # the link\n  other\n }\n";
    let file = format!("{script}{}", FILE.replace("\tstate BACKUP\n", &format!("\tstate BACKUP\n {lines}")));
    expect(&file, &[set_entry("track_script", "chk weight -30")], &file.replace("-20", "-30"));
    expect(&file, &[set_entry("track_script", "other weight 7")], &file.replace("  other\n", "  other weight 7\n"));
    expect(&file, &[set_entry("track_script", "chk")], &file.replace("chk   weight  -20", "chk"));
    expect(
        &file,
        &[set_entry("virtual_ipaddress", "172.20.45.248 dev eth1")],
        &file.replace("248 dev eth0", "248 dev eth1"),
    );
    for absent in [set_entry("track_script", "chkk weight 1"), set_entry("track_interface", "eth0 weight 1")] {
        assert!(matches!(edited(&file, &[absent]), Err(EditError::NotThere(_))));
    }
    assert!(matches!(edited(&file, &[set_entry("track_script", "chk weight 999")]), Err(EditError::Invalid(_))));
}

#[test]
fn the_options_of_a_block_are_told_as_edits_find_them() {
    let text = "vrrp_instance V {\n    interface eth0\n    virtual_router_id 45\n    priority 90\n    priority 100\n    \
                nopreempt\n    preempt\n    notify \"/etc/a b.sh\" x\n    authentication {\n        auth_type PASS\n        \
                auth_pass secret1\n    }\n    virtual_ipaddress {\n        10.0.0.1\n    }\n}\n";
    let around = Surroundings::default();
    let configuration = check("a.conf", text.as_bytes(), &around);
    let settings = configuration.settings(&BlockName::instance("V"), &around).unwrap();
    let told: Vec<String> =
        settings.iter().map(|setting| format!("{} {}", setting.keyword, setting.values.join("|"))).collect();
    for wanted in
        ["interface eth0", "virtual_router_id 45", "priority 100", "preempt ", "auth_type PASS", "notify /etc/a b.sh|x"]
    {
        assert!(told.iter().any(|line| line == wanted), "{wanted}: {told:?}");
    }
    // The one that counts, once; no lists, and no passwords.
    assert_eq!(told.len(), 6, "{told:?}");
    assert!(!told.iter().any(|line| line.contains("secret1")), "{told:?}");
    assert!(matches!(configuration.settings(&BlockName::instance("W"), &around), Err(EditError::NoBlock { .. })));
    // An option of OpenWrt's file is found under keepalived's name.
    let uci = "config vrrp_instance 'V'\n\toption interface 'eth0'\n\toption virtual_router_id '45'\n\toption priority '90'\n";
    let settings = check("keepalived", uci.as_bytes(), &around).settings(&BlockName::instance("V"), &around);
    let priority =
        |settings: Vec<locum_config::edit::Setting>| settings.into_iter().find(|it| it.keyword == "priority");
    assert_eq!(settings.ok().and_then(priority).unwrap().values, ["90"]);
}
