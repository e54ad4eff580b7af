//! OpenWrt's UCI file means what the keepalived.conf means that stands for it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use locum_config::edit::{BlockName, Edit, EditError};
use locum_config::{Surroundings, check};

const UCI: &str = include_str!("../corpus/uci/gateway.conf");

/// The same, as it would be written in keepalived.conf.
const CONF: &str = "
global_defs {
    router_id gw-1
    notification_email {
        net@example.com
        noc@example.com
    }
}
vrrp_script wan {
    script \"/usr/bin/check wan\"
    interval 5
    weight 20 reverse
    fall 3
}
vrrp_instance LAN {
    state BACKUP
    interface br-lan
    virtual_router_id 51
    priority 110
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass \"ab cd\"
    }
    unicast_src_ip 192.168.1.2
    unicast_peer {
        192.168.1.3
        192.168.1.4
    }
    virtual_ipaddress {
        192.168.1.1/24 dev br-lan label br-lan:vip scope global
        192.168.1.254/24
    }
    virtual_ipaddress_excluded {
        fd00:1::1/64 dev br-lan
    }
    track_interface {
        wan weight -30
    }
    track_script {
        wan
    }
}
vrrp_sync_group ALL {
    group {
        LAN
    }
}
";

#[test]
fn uci_and_keepalived_conf_give_one_model() {
    let around = Surroundings::default();
    let (uci, conf) = (check("keepalived", UCI.as_bytes(), &around), check("a.conf", CONF.as_bytes(), &around));
    assert!(!uci.has_errors(), "{}", uci.render_text(Default::default()));
    assert_eq!(uci.model(), conf.model());
}

#[test]
fn passwords_stay_hidden() {
    let around = Surroundings::default();
    let uci = check("keepalived", UCI.replace("'BACKUP'", "'BCKUP'").replace("ab cd", "geheim77x").as_bytes(), &around);
    assert!(uci.has_errors());
    assert!(!uci.render_text(Default::default()).contains("geheim"));
}

#[track_caller]
fn expect(before: &str, edits: &[Edit], after: &str) {
    let around = Surroundings::default();
    match check("keepalived", before.as_bytes(), &around).edit(edits, &around) {
        Ok(edited) => assert_eq!(edited.text(), after),
        Err(EditError::Invalid(configuration)) => panic!("{}", configuration.render_text(Default::default())),
        Err(error) => panic!("{error}"),
    }
}

fn refused(edits: &[Edit]) -> EditError {
    let around = Surroundings::default();
    check("keepalived", UCI.as_bytes(), &around).edit(edits, &around).unwrap_err()
}

fn lan() -> BlockName {
    BlockName::instance("LAN")
}

fn set(keyword: &str, values: &[&str]) -> Edit {
    Edit::Set { block: lan(), keyword: keyword.into(), values: values.iter().map(|it| (*it).to_owned()).collect() }
}

fn add(list: &str, line: &str) -> Edit {
    Edit::AddEntry { block: lan(), list: list.into(), words: line.split(' ').map(str::to_owned).collect() }
}

fn remove(list: &str, entry: &str) -> Edit {
    Edit::RemoveEntry { block: lan(), list: list.into(), entry: entry.into() }
}

#[test]
fn options_change_in_place() {
    expect(UCI, &[set("priority", &["120"])], &UCI.replace("priority '110'", "priority '120'"));
    expect(UCI, &[set("priority", &["110"])], UCI);
    expect(UCI, &[set("auth_pass", &["it's"])], &UCI.replace("\"ab cd\"", "'it'\\''s'"));
    expect(UCI, &[set("nopreempt", &[])], &UCI.replace("nopreempt '0'", "nopreempt '1'"));
    expect(
        UCI,
        &[set("preempt", &[])],
        &UCI.replace("\toption nopreempt '0'\n", "")
            .replace("\tlist track_script 'wan'\n", "\tlist track_script 'wan'\n\toption preempt '1'\n"),
    );
    let dos = UCI.replace('\n', "\r\n");
    expect(
        &dos,
        &[set("garp_master_delay", &["3"])],
        &dos.replace("track_script 'wan'\r\n", "track_script 'wan'\r\n\toption garp_master_delay '3'\r\n"),
    );
    let unset = Edit::Unset { block: lan(), keyword: "advert_int".into() };
    expect(UCI, &[unset], &UCI.replace("\toption advert_int '1'\n", ""));
    assert!(matches!(refused(&[Edit::Unset { block: lan(), keyword: "version".into() }]), EditError::NotThere(_)));
    assert!(matches!(refused(&[set("priority", &["0"])]), EditError::Invalid(_)));
    assert!(matches!(refused(&[set("interface", &["a b"])]), EditError::Invalid(_)));
    assert!(matches!(refused(&[set("interface", &["a\nb"])]), EditError::Word));
    assert!(matches!(refused(&[set("use_vmac", &["a", "b"])]), EditError::NotInUci(_)));
}

#[test]
fn lists_take_and_lose_entries() {
    let behind = |line: &str, new: &str| UCI.replace(&format!("{line}\n"), &format!("{line}\n{new}\n"));
    let added = behind("\tlist virtual_ipaddress '192.168.1.254/24'", "\tlist virtual_ipaddress '192.168.1.253/24'");
    expect(UCI, &[add("virtual_ipaddress", "192.168.1.253/24")], &added);
    expect(&added, &[remove("virtual_ipaddress", "192.168.1.253")], UCI);
    // By the address, or by the name of the section that holds it.
    let fewer = UCI.replace("\tlist virtual_ipaddress 'lan_vip'\n", "");
    expect(UCI, &[remove("virtual_ipaddress", "192.168.1.1")], &fewer);
    expect(UCI, &[remove("virtual_ipaddress", "lan_vip")], &fewer);
    let both = UCI.replace(
        "\tlist unicast_peer 'gw-2'\n\tlist unicast_peer '192.168.1.4'\n",
        "\tlist unicast_peer 'gw-2 192.168.1.4'\n",
    );
    expect(&both, &[remove("unicast_peer", "192.168.1.3")], &both.replace("'gw-2 192.168.1.4'", "'192.168.1.4'"));
    assert!(matches!(refused(&[remove("unicast_peer", "192.168.1.9")]), EditError::NotThere(_)));
    assert!(matches!(refused(&[add("unicast_peer", "192.168.1.3")]), EditError::AlreadyThere(_)));
}

#[test]
fn what_needs_a_section_gets_one() {
    let peers = [add("unicast_peer", "192.168.1.9 min_ttl 250"), remove("unicast_peer", "192.168.1.9")];
    let section =
        "\nconfig peer\n\toption name 'peer_192_168_1_9'\n\toption address '192.168.1.9'\n\toption min_ttl '250'\n";
    let with_section =
        UCI.replace("\toption address '192.168.1.3'\n", &format!("\toption address '192.168.1.3'\n{section}"));
    expect(UCI, &peers, &with_section);
    let vip = add("virtual_ipaddress", "192.168.1.9/24 dev br-lan label br-lan:v scope host");
    let around = Surroundings::default();
    let edited = check("keepalived", UCI.as_bytes(), &around).edit(&[vip], &around).unwrap();
    let vip = edited.configuration().model().instances[0].addresses.last().unwrap().clone();
    assert_eq!(vip.label.unwrap().value, "br-lan:v");
    assert!(edited.text().contains("\toption label_suffix 'v'\n"));
    assert!(matches!(refused(&[add("virtual_ipaddress", "192.168.1.9/24 dev br-lan")]), EditError::NotInUci(_)));
    assert!(matches!(refused(&[add("virtual_ipaddress", "192.168.1.9/24 noprefixroute")]), EditError::NotInUci(_)));
}

#[test]
fn sections_come_and_go() {
    let edits = [
        Edit::AddBlock { block: BlockName::instance("GUEST") },
        Edit::Set { block: BlockName::instance("GUEST"), keyword: "interface".into(), values: vec!["br-guest".into()] },
        Edit::Set {
            block: BlockName::instance("GUEST"),
            keyword: "virtual_router_id".into(),
            values: vec!["52".into()],
        },
        Edit::AddEntry {
            block: BlockName::instance("GUEST"),
            list: "virtual_ipaddress".into(),
            words: vec!["10.9.0.1/24".into()],
        },
    ];
    let section = "\nconfig vrrp_instance\n\toption name 'GUEST'\n\toption interface 'br-guest'\n\toption virtual_router_id '52'\n\tlist virtual_ipaddress '10.9.0.1/24'\n";
    let with_guest = UCI.replace("\tlist track_script 'wan'\n", &format!("\tlist track_script 'wan'\n{section}"));
    expect(UCI, &edits, &with_guest);
    expect(&with_guest, &[Edit::RemoveBlock { block: BlockName::instance("GUEST") }], UCI);
    // A member of a group, and a script that is followed, cannot go alone.
    assert!(matches!(refused(&[Edit::RemoveBlock { block: lan() }]), EditError::Invalid(_)));
    let file = BlockName::named("track_file", "x");
    assert!(matches!(refused(&[Edit::AddBlock { block: file }]), EditError::NotInUci(_)));
    let near = refused(&[Edit::RemoveBlock { block: BlockName::instance("LAM") }]);
    assert_eq!(near.to_string(), "there is no instance `LAM`; did you mean `LAN`?");
}

#[test]
fn the_options_of_an_entry_change_in_its_section() {
    let set_entry = |list: &str, line: &str| Edit::SetEntry {
        block: lan(),
        list: list.into(),
        words: line.split(' ').map(str::to_owned).collect(),
    };
    expect(UCI, &[set_entry("track_interface", "wan weight -40")], &UCI.replace("weight '-30'", "weight '-40'"));
    assert!(matches!(refused(&[set_entry("track_interface", "eth7 weight 1")]), EditError::NotThere(_)));
    assert!(matches!(refused(&[set_entry("track_script", "wan weight 5")]), EditError::NotInUci(_)));
}
