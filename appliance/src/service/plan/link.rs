//! Messages about interfaces that locum makes. Read rtnetlink(7) and ip-link(8) before changing it.

use super::placement::MadeInterface;
use crate::netlink::link::{
    IFLA_ADDRESS, IFLA_GROUP, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_LINKINFO, RTM_DELLINK, RTM_NEWLINK,
    header,
};
pub(crate) use crate::netlink::link::{set_down, set_up};
use crate::netlink::message::{CREATE, EXCLUSIVE, Message};

const IFLA_LINK: u16 = 5;
const IFLA_MACVLAN_MODE: u16 = 1;
const MACVLAN_MODE_PRIVATE: u32 = 1;
const IFLA_AF_SPEC: u16 = 26;
const AF_INET6: u16 = 10;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;

/// Makes the interface, set down: a macvlan that exchanges no frames with others on the same base, and is in this group of
/// interfaces.
pub(crate) fn make(made: &MadeInterface, base_index: u32, group: u32) -> Box<[u8]> {
    let mut message = Message::new(RTM_NEWLINK, CREATE | EXCLUSIVE, &header(0, 0, 0));
    message.put_text(IFLA_IFNAME, &made.name).put_u32(IFLA_LINK, base_index).put(IFLA_ADDRESS, &made.mac);
    message.put_u32(IFLA_GROUP, group);
    let info = message.open(IFLA_LINKINFO);
    message.put(IFLA_INFO_KIND, b"macvlan");
    let data = message.open(IFLA_INFO_DATA);
    message.put_u32(IFLA_MACVLAN_MODE, MACVLAN_MODE_PRIVATE);
    message.close(data).close(info);
    message.finish()
}

/// Keeps the kernel from giving it a link-local IPv6 address, which all routers of the group would have in common.
pub(crate) fn without_own_address(index: u32) -> Box<[u8]> {
    let mut message = Message::new(RTM_NEWLINK, 0, &header(index, 0, 0));
    let families = message.open(IFLA_AF_SPEC);
    let v6 = message.open(AF_INET6);
    message.put(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE]);
    message.close(v6).close(families);
    message.finish()
}

/// Deletes an interface.
pub(crate) fn delete(index: u32) -> Box<[u8]> {
    Message::new(RTM_DELLINK, 0, &header(index, 0, 0)).finish()
}
