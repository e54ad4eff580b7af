//! OpenWrt's UCI file means what the keepalived.conf means that stands for it.
#![allow(clippy::unwrap_used, reason = "a test")]

use locum_config::edit::{Edit, EditError};
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
fn passwords_stay_hidden_and_edits_are_refused() {
    let around = Surroundings::default();
    let uci = check("keepalived", UCI.replace("'BACKUP'", "'BCKUP'").replace("ab cd", "geheim77x").as_bytes(), &around);
    assert!(uci.has_errors());
    assert!(!uci.render_text(Default::default()).contains("geheim"));
    let edit = Edit::RemoveInstance { name: "LAN".into() };
    assert!(matches!(uci.edit(&[edit], &around), Err(EditError::Uci)));
}
