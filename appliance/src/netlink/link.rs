//! Messages about interfaces (linux/rtnetlink.h, linux/if_link.h), as far as more than one part of locum sends them.

use super::message::Message;

/// Makes or changes an interface.
pub(crate) const RTM_NEWLINK: u16 = 16;
/// Deletes one.
pub(crate) const RTM_DELLINK: u16 = 17;
/// It is set up.
pub(crate) const IFF_UP: u32 = 0x1;
/// Its hardware address.
pub(crate) const IFLA_ADDRESS: u16 = 1;
/// Its name.
pub(crate) const IFLA_IFNAME: u16 = 3;
/// The group of interfaces that it is in, a number (ip-link(8)).
pub(crate) const IFLA_GROUP: u16 = 27;
/// What it is: a nest of the two below.
pub(crate) const IFLA_LINKINFO: u16 = 18;
/// The kind of interface, a text.
pub(crate) const IFLA_INFO_KIND: u16 = 1;
/// What the kind has of its own.
pub(crate) const IFLA_INFO_DATA: u16 = 2;

/// `struct ifinfomsg`: an interface, its flags, and which of them are to be changed.
pub(crate) fn header(index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut header = [0; 16];
    let (_, rest) = header.split_at_mut(4);
    for (field, value) in rest.chunks_exact_mut(4).zip([index, flags, change]) {
        field.copy_from_slice(&value.to_ne_bytes());
    }
    header
}

/// Sets an interface up.
pub(crate) fn set_up(index: u32) -> Box<[u8]> {
    Message::new(RTM_NEWLINK, 0, &header(index, IFF_UP, IFF_UP)).finish()
}

/// Sets an interface down.
pub(crate) fn set_down(index: u32) -> Box<[u8]> {
    Message::new(RTM_NEWLINK, 0, &header(index, 0, IFF_UP)).finish()
}
