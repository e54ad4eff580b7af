//! Messages about interfaces that locum makes. Read rtnetlink(7) and ip-link(8) before changing it.

use locum_config::model::IpvlanMode;

use super::placement::{MadeInterface, MadeKind};
use crate::netlink::link::{
    IFLA_ADDRESS, IFLA_GROUP, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_LINKINFO, RTM_DELLINK, RTM_NEWLINK,
    header,
};
pub(crate) use crate::netlink::link::{set_down, set_up};
use crate::netlink::message::{CREATE, EXCLUSIVE, Message};

const IFLA_LINK: u16 = 5;
const IFLA_MACVLAN_MODE: u16 = 1;
const MACVLAN_MODE_PRIVATE: u32 = 1;
const IFLA_IPVLAN_MODE: u16 = 1;
const IFLA_IPVLAN_FLAGS: u16 = 2;
const IPVLAN_MODE_L2: u16 = 0;
const IPVLAN_F_PRIVATE: u16 = 1;
const IPVLAN_F_VEPA: u16 = 2;
const IFLA_AF_SPEC: u16 = 26;
const AF_INET6: u16 = 10;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_EUI64: u8 = 0;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;

/// Makes the interface, set down, in this group of interfaces: a macvlan that exchanges no frames with others on the same
/// base, or an ipvlan of the wished mode.
pub(crate) fn make(made: &MadeInterface, base_index: u32, group: u32) -> Box<[u8]> {
    let mut message = Message::new(RTM_NEWLINK, CREATE | EXCLUSIVE, &header(0, 0, 0));
    message.put_text(IFLA_IFNAME, &made.name).put_u32(IFLA_LINK, base_index).put_u32(IFLA_GROUP, group);
    if let Some(mac) = made.kind.mac() {
        message.put(IFLA_ADDRESS, &mac);
    }
    let info = message.open(IFLA_LINKINFO);
    message.put(IFLA_INFO_KIND, made.kind.name().as_bytes());
    let data = message.open(IFLA_INFO_DATA);
    match made.kind {
        MadeKind::Macvlan(_) => {
            message.put_u32(IFLA_MACVLAN_MODE, MACVLAN_MODE_PRIVATE);
        }
        MadeKind::Ipvlan { mode, .. } => {
            let flags = match mode {
                IpvlanMode::Bridge => 0,
                IpvlanMode::Private => IPVLAN_F_PRIVATE,
                IpvlanMode::Vepa => IPVLAN_F_VEPA,
            };
            message.put(IFLA_IPVLAN_MODE, &IPVLAN_MODE_L2.to_ne_bytes());
            message.put(IFLA_IPVLAN_FLAGS, &flags.to_ne_bytes());
        }
    }
    message.close(data).close(info);
    message.finish()
}

/// Says whether the kernel gives it a link-local IPv6 address. With a virtual MAC address all routers of the group would have
/// that in common; an ipvlan's has a number in it that makes it its own (`dev_id`), whatever else is set on this machine.
pub(crate) fn own_address(index: u32, has_one: bool) -> Box<[u8]> {
    let mode = if has_one { IN6_ADDR_GEN_MODE_EUI64 } else { IN6_ADDR_GEN_MODE_NONE };
    let mut message = Message::new(RTM_NEWLINK, 0, &header(index, 0, 0));
    let families = message.open(IFLA_AF_SPEC);
    let v6 = message.open(AF_INET6);
    message.put(IFLA_INET6_ADDR_GEN_MODE, &[mode]);
    message.close(v6).close(families);
    message.finish()
}

/// Deletes an interface.
pub(crate) fn delete(index: u32) -> Box<[u8]> {
    Message::new(RTM_DELLINK, 0, &header(index, 0, 0)).finish()
}

#[cfg(test)]
mod tests {
    use locum_config::Surroundings;

    use super::super::Placements;
    use super::*;
    use crate::netlink::read::{Attributes, messages, text, u16_at};

    /// The kind of the interface that an instance with this line has made, and what follows the kind in the message.
    fn made(line: &str) -> (String, Vec<(u16, Vec<u8>)>, bool) {
        let instance = format!("vrrp_instance A {{\n interface eth0\n virtual_router_id 54\n {line}\n}}\n");
        let checked = locum_config::check("test.conf", instance.as_bytes(), &Surroundings::default());
        let placements = Placements::of(checked.model());
        let message = make(placements.made().next().unwrap(), 7, 0);
        let message = messages(&message).next().unwrap();
        let (_, attributes) = message.split::<16>().unwrap();
        let mut kind = String::new();
        let mut data = Vec::new();
        let mut has_mac = false;
        for (attribute, value) in attributes {
            has_mac |= attribute == IFLA_ADDRESS;
            for (inner, value) in Attributes(value).filter(|_| attribute == IFLA_LINKINFO) {
                match inner {
                    IFLA_INFO_KIND => kind = text(value),
                    IFLA_INFO_DATA => data = Attributes(value).map(|(of, value)| (of, value.to_vec())).collect(),
                    other => panic!("{other}"),
                }
            }
        }
        (kind, data, has_mac)
    }

    #[test]
    fn an_ipvlan_is_made_in_the_mode_that_is_written_and_without_a_mac_address() {
        for (line, flags) in [("", 0), ("bridge", 0), ("private", 1), ("vepa", 2)] {
            let (kind, data, has_mac) = made(&format!("use_ipvlan 10.0.0.54/24 {line}"));
            assert_eq!((kind.as_str(), has_mac), ("ipvlan", false));
            let data: Vec<_> = data.iter().map(|(of, value)| (*of, value.len(), u16_at(value, 0))).collect();
            assert_eq!(data, [(IFLA_IPVLAN_MODE, 2, Some(0)), (IFLA_IPVLAN_FLAGS, 2, Some(flags))], "{line}");
        }
    }

    #[test]
    fn a_macvlan_is_made_with_its_mac_address() {
        let (kind, data, has_mac) = made("use_vmac");
        assert_eq!((kind.as_str(), has_mac), ("macvlan", true));
        assert_eq!(data, [(IFLA_MACVLAN_MODE, 1_u32.to_ne_bytes().to_vec())]);
    }
}
