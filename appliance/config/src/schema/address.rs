//! Lists of addresses: virtual_ipaddress, virtual_ipaddress_excluded, static_ipaddress and unicast_peer.

use super::{Arg, Keyword, Kind, NONE, Place, int, no_effect, one, supported};

/// `virtual_ipaddress { … }` and `virtual_ipaddress_excluded { … }`
pub static VIRTUAL_ADDRESSES: Place = Place::list("virtual_ipaddress", ADDRESS, VIRTUAL_OPTIONS);

/// `static_ipaddress { … }`
pub static STATIC_ADDRESSES: Place = Place::list("static_ipaddress", ADDRESS, STATIC_OPTIONS);

/// `unicast_peer { … }`
pub static UNICAST_PEERS: Place = Place::list("unicast_peer", one("ADDRESS", Kind::Address), PEER_OPTIONS);

const ADDRESS: Arg = one("ADDRESS[/PREFIX]", Kind::Network);

const BROADCAST: &[Arg] = &[one("ADDRESS|-|+", Kind::Word)];
const BROADCAST_HELP: &str = "The broadcast address; `+` sets the host bits of the address, `-` clears them.";
const DEV: &[Arg] = &[one("INTERFACE", Kind::Interface)];
const SCOPE: &[Arg] = &[one("SCOPE", Kind::Word)];
const SCOPE_HELP: &str = "global, site, link, host, nowhere, or a number 0 to 255.";
const LABEL: &[Arg] = &[one("LABEL", Kind::Word)];
const LABEL_HELP: &str =
    "A name for the address that ifconfig shows, usually INTERFACE:TEXT; 15 bytes at most; IPv4 only.";
const PEER: &[Arg] = &[one("ADDRESS[/PREFIX]", Kind::Network)];
const LIFETIME: &[Arg] = &[one("SECONDS|forever", Kind::Word)];
const LIFETIME_HELP: &str = "Preferred lifetime; 0 keeps the kernel from using the address as a source.";

#[rustfmt::skip] // a row a keyword
static VIRTUAL_OPTIONS: &[Keyword] = &[
    supported("dev", "0.6.4", DEV, "The interface that gets the address.").default("the instance's interface"),
    supported("brd", "1.1.8", BROADCAST, BROADCAST_HELP),
    supported("broadcast", "1.1.8", BROADCAST, BROADCAST_HELP),
    supported("scope", "0.6.4", SCOPE, SCOPE_HELP).default("global"),
    supported("label", "0.6.8", LABEL, LABEL_HELP),
    supported("peer", "1.2.20", PEER, "The other end of a point-to-point address."),
    supported("home", "1.3.0", NONE, "Marks the address as a Mobile IPv6 home address."),
    supported("-nodad", "1.3.0", NONE, "Leaves IPv6 duplicate address detection on, which is off for VIPs otherwise."),
    supported("mngtmpaddr", "1.3.0", NONE, "The kernel manages temporary addresses made from this one."),
    supported("noprefixroute", "1.3.0", NONE, "No route for the address's prefix is added."),
    supported("autojoin", "1.3.0", NONE, "The kernel joins the multicast groups of the address."),
    supported("preferred_lft", "2.0.17", LIFETIME, LIFETIME_HELP).default("forever; 0 for an IPv6 /128"),
    supported("no_track", "2.0.3", NONE, "The instance does not react when somebody deletes the address."),
    supported("use_vmac", "2.2.0", NONE, "Puts the address on a macvlan with the virtual router's MAC address."),
    no_effect("track_group", "2.0.3", &[one("GROUP", Kind::Word)], "Only for static addresses.", "an instance always tracks its own VIPs"),
];

#[rustfmt::skip] // a row a keyword
static STATIC_OPTIONS: &[Keyword] = &[
    supported("dev", "1.1.0", DEV, "The interface that gets the address.").default("global_defs default_interface, else eth0"),
    supported("brd", "1.1.8", BROADCAST, BROADCAST_HELP),
    supported("broadcast", "1.1.8", BROADCAST, BROADCAST_HELP),
    supported("scope", "1.1.0", SCOPE, SCOPE_HELP).default("global"),
    supported("label", "1.1.0", LABEL, LABEL_HELP),
    supported("peer", "1.2.20", PEER, "The other end of a point-to-point address."),
    supported("home", "1.3.0", NONE, "Marks the address as a Mobile IPv6 home address."),
    supported("-nodad", "1.3.0", NONE, "Leaves IPv6 duplicate address detection on."),
    supported("mngtmpaddr", "1.3.0", NONE, "The kernel manages temporary addresses made from this one."),
    supported("noprefixroute", "1.3.0", NONE, "No route for the address's prefix is added."),
    supported("autojoin", "1.3.0", NONE, "The kernel joins the multicast groups of the address."),
    supported("preferred_lft", "2.0.17", LIFETIME, LIFETIME_HELP).default("forever; 0 for an IPv6 /128"),
    supported("track_group", "2.0.3", &[one("GROUP", Kind::Word)], "The instances of this track_group go to FAULT when the address is lost."),
    supported("no_track", "2.0.3", NONE, "Nobody reacts when the address is lost."),
];

#[rustfmt::skip] // a row a keyword
static PEER_OPTIONS: &[Keyword] = &[
    supported("min_ttl", "2.1.0", &[one("TTL", int(0, 255))], "Adverts from this peer with a smaller TTL are discarded."),
    supported("max_ttl", "2.1.0", &[one("TTL", int(0, 255))], "Adverts from this peer with a larger TTL are discarded."),
];
