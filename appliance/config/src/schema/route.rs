//! Lists of routes and policy rules: virtual_routes, virtual_rules, static_routes and static_rules.

use super::{Arg, Keyword, Kind, NONE, Place, int, no_effect, one, optional, outside, renamed, supported};

/// `virtual_routes { … }`
pub static VIRTUAL_ROUTES: Place = Place::list("virtual_routes", ROUTE, VIRTUAL_ROUTE_OPTIONS);

/// `static_routes { … }`
pub static STATIC_ROUTES: Place = Place::list("static_routes", ROUTE, STATIC_ROUTE_OPTIONS);

/// `virtual_rules { … }`
pub static VIRTUAL_RULES: Place = Place::list("virtual_rules", RULE, VIRTUAL_RULE_OPTIONS);

/// `static_rules { … }`
pub static STATIC_RULES: Place = Place::list("static_rules", RULE, STATIC_RULE_OPTIONS);

/// What stands after `nexthop`, once for each.
pub(crate) static NEXT_HOP: Place = Place::list("nexthop", one("via ADDRESS", Kind::Word), NEXT_HOP_OPTIONS);

const ROUTE: Arg = one("[TYPE] DESTINATION", Kind::Word);
const RULE: Arg = one("CONDITION", Kind::Word);
const PREFIX: &[Arg] = &[one("PREFIX", Kind::Word)];
const NAME: &[Arg] = &[one("NAME|NUMBER", Kind::Word)];
const DEV: &[Arg] = &[one("INTERFACE", Kind::Interface)];
const VIA: &[Arg] = &[optional("inet|inet6", Kind::Choice(&["inet", "inet6"])), one("ADDRESS", Kind::Address)];
const ADDRESS: &[Arg] = &[one("ADDRESS", Kind::Address)];
const U32: &[Arg] = &[one("NUMBER", int(0, u32::MAX as i64))];
const LOCKABLE: &[Arg] = &[LOCK, one("NUMBER", int(0, u32::MAX as i64))];
const LOCKABLE_TIME: &[Arg] = &[LOCK, one("TIME", Kind::Word)];
const LOCK: Arg = optional("lock", Kind::Choice(&["lock"]));
const BIT: &[Arg] = &[one("0|1", int(0, 1))];
const GROUP: &[Arg] = &[one("GROUP", Kind::Word)];
const RANGE: &[Arg] = &[one("FIRST-LAST", Kind::Word)];
const MPLS: &str = "the route would be another one without it, so the line is an error";

/// The options that both kinds of routes have; `$more` are those of one kind.
macro_rules! route_options {
    ($($more:expr),*) => {
        &[
            supported("to", "1.0.1", NONE, "Stands before the destination, or not."),
            supported("via", "1.0.1", VIA, "The next router."),
            renamed("gw", "1.0.1", "via"),
            supported("or", "1.0.1", ADDRESS, "A second next router; an old way to write `nexthop`."),
            supported("dev", "1.0.1", DEV, "The interface that it leads out of."),
            supported("oif", "1.2.20", DEV, "The same as `dev`."),
            supported("src", "1.0.1", ADDRESS, "The source address of packets of this router."),
            supported("from", "1.2.20", PREFIX, "Matches packets from here only; IPv6."),
            supported("inet", "2.0.0", NONE, "It is an IPv4 route."),
            supported("inet6", "2.0.0", NONE, "It is an IPv6 route."),
            supported("table", "1.1.2", NAME, "The routing table that it goes into.").default("main"),
            supported("vrf", "2.0.6", DEV, "The VRF whose table it goes into."),
            supported("metric", "1.2.13", U32, "Of several routes to a destination, the one with the lowest counts."),
            supported("priority", "1.2.20", U32, "The same as `metric`."),
            supported("preference", "1.2.20", U32, "The same as `metric`."),
            supported("scope", "1.1.0", NAME, "How far its destinations are: global, site, link, host, nowhere, or a number.").default("global"),
            supported("protocol", "1.2.20", NAME, "Who made it. A route with another protocol than keepalived's is not tracked there."),
            supported("tos", "1.2.20", NAME, "Matches packets with this type of service only."),
            supported("dsfield", "1.2.20", NAME, "The same as `tos`."),
            supported("onlink", "1.2.20", NONE, "The next router is on the interface's link, whatever the addresses say."),
            supported("realms", "1.2.20", &[one("[FROM/]TO", Kind::Word)], "Realms, for accounting; IPv4."),
            supported("expires", "1.2.20", U32, "Seconds after which the kernel removes it; IPv6."),
            supported("pref", "1.2.20", &[one("low|medium|high", Kind::Choice(&["low", "medium", "high"]))], "Preference among default routers; IPv6."),
            supported("mtu", "1.2.20", LOCKABLE, "MTU of the path."),
            supported("advmss", "1.2.20", LOCKABLE, "Segment size that TCP offers."),
            supported("hoplimit", "1.2.20", &[one("HOPS", int(0, 255))], "Hop limit of packets sent."),
            supported("rtt", "1.2.20", LOCKABLE_TIME, "First guess of the round-trip time: seconds with `s`, milliseconds with `ms`, else the kernel's unit."),
            supported("rttvar", "1.2.20", LOCKABLE_TIME, "First guess of its variance."),
            supported("rto_min", "1.2.20", LOCKABLE_TIME, "Least time before TCP sends again."),
            supported("reordering", "1.2.20", LOCKABLE, "Reordering that TCP expects."),
            supported("window", "1.2.20", U32, "Most bytes that TCP offers to receive."),
            supported("cwnd", "1.2.20", LOCKABLE, "Bound of the congestion window."),
            supported("ssthresh", "1.2.20", LOCKABLE, "Slow start threshold."),
            supported("initcwnd", "1.2.20", U32, "First congestion window."),
            supported("initrwnd", "1.2.20", U32, "First receive window."),
            supported("features", "1.2.20", &[one("ecn", Kind::Choice(&["ecn"]))], "Turns on ECN."),
            supported("quickack", "1.2.20", BIT, "Acknowledges at once."),
            supported("congctl", "1.2.20", &[LOCK, one("NAME", Kind::Word)], "Congestion control of TCP."),
            supported("fastopen_no_cookie", "2.0.0", BIT, "TCP Fast Open without cookie."),
            supported("add", "2.2.8", NONE, "Not made where there is such a route already."),
            supported("append", "2.2.8", NONE, "Goes after a route like it."),
            supported("prepend", "2.2.8", NONE, "Goes before a route like it; this is the default."),
            supported("nexthop", "1.2.20", NONE, "Starts one of several ways: `nexthop via ADDRESS dev INTERFACE weight N …`, to the end of the line."),
            supported("no_track", "2.0.3", NONE, "Nothing happens when somebody deletes it."),
            outside("encap", "1.2.20", NONE, "Encapsulates packets.", MPLS),
            outside("as", "1.2.20", NONE, "Changes the destination; MPLS only.", MPLS),
            no_effect("ttl-propagate", "2.0.0", &[one("enabled|disabled", Kind::Choice(&["enabled", "disabled"]))], "TTL at the end of an MPLS path.", "MPLS is left alone"),
            $($more),*
        ]
    };
}

#[rustfmt::skip] // a row a keyword
static VIRTUAL_ROUTE_OPTIONS: &[Keyword] = route_options!();

#[rustfmt::skip] // a row a keyword
static STATIC_ROUTE_OPTIONS: &[Keyword] = route_options!(
    supported("track_group", "2.0.3", GROUP, "The instances of this track_group go to FAULT when it is lost.")
);

#[rustfmt::skip] // a row a keyword
static NEXT_HOP_OPTIONS: &[Keyword] = &[
    supported("via", "1.2.20", VIA, "The next router."),
    supported("dev", "1.2.20", DEV, "The interface that it leads out of."),
    supported("weight", "1.2.20", &[one("WEIGHT", int(1, 256))], "Its share of the traffic.").default("1"),
    supported("onlink", "1.2.20", NONE, "The next router is on the interface's link, whatever the addresses say."),
    supported("realms", "1.2.20", &[one("[FROM/]TO", Kind::Word)], "Realms, for accounting; IPv4."),
    outside("encap", "1.2.20", NONE, "Encapsulates packets.", MPLS),
    outside("as", "1.2.20", NONE, "Changes the destination; MPLS only.", MPLS),
];

/// The options that both kinds of rules have; `$more` are those of one kind.
macro_rules! rule_options {
    ($($more:expr),*) => {
        &[
            supported("from", "1.2.20", PREFIX, "Matches packets from here."),
            supported("to", "1.2.20", PREFIX, "Matches packets to here."),
            supported("not", "2.0.0", NONE, "Matches what the other words do not."),
            supported("inet", "2.0.0", NONE, "It is an IPv4 rule."),
            supported("inet6", "2.0.0", NONE, "It is an IPv6 rule."),
            supported("preference", "1.2.20", U32, "Its place: the lowest is asked first.").default("from 16384 downwards"),
            supported("priority", "1.2.20", U32, "The same as `preference`."),
            supported("order", "1.2.20", U32, "The same as `preference`."),
            supported("iif", "1.2.20", DEV, "Matches packets that came in here; `lo` is this router itself."),
            supported("dev", "1.2.20", DEV, "The same as `iif`."),
            supported("oif", "1.2.20", DEV, "Matches packets of sockets that are bound to this interface."),
            supported("tos", "1.2.20", NAME, "Matches packets with this type of service."),
            supported("dsfield", "1.2.20", NAME, "The same as `tos`."),
            supported("fwmark", "1.2.20", &[one("MARK[/MASK]", Kind::Word)], "Matches packets with this mark."),
            supported("uidrange", "2.0.0", RANGE, "Matches packets of these users."),
            supported("ipproto", "2.0.12", &[one("NAME|NUMBER", Kind::Word)], "Matches packets of this protocol: tcp, udp, …, or a number."),
            supported("ip_proto", "2.0.12", &[one("NAME|NUMBER", Kind::Word)], "The same as `ipproto`."),
            supported("sport", "2.0.12", RANGE, "Matches packets from these ports."),
            supported("dport", "2.0.12", RANGE, "Matches packets to these ports."),
            supported("tunnel-id", "2.0.0", &[one("NUMBER", int(0, i64::MAX))], "Matches packets of this tunnel."),
            supported("table", "1.2.20", NAME, "Looks the route up in this table."),
            supported("lookup", "1.2.20", NAME, "The same as `table`."),
            supported("l3mdev", "2.0.0", NONE, "Looks the route up in the table of the VRF."),
            supported("goto", "2.0.0", U32, "Goes on at the rule of this preference."),
            supported("nop", "2.0.0", NONE, "Does nothing."),
            supported("blackhole", "2.0.0", NONE, "Drops the packet."),
            supported("unreachable", "2.0.0", NONE, "Refuses it with “network unreachable”."),
            supported("prohibit", "2.0.0", NONE, "Refuses it with “administratively prohibited”."),
            supported("type", "2.0.0", NONE, "Stands before one of the five words above, or not."),
            supported("suppress_prefixlength", "2.0.0", &[one("LENGTH", int(0, 128))], "Routes with a prefix as short as this or shorter do not count."),
            supported("sup_pl", "2.0.0", &[one("LENGTH", int(0, 128))], "The same as `suppress_prefixlength`."),
            supported("suppress_ifgroup", "2.0.0", NAME, "Routes to interfaces of this group do not count."),
            supported("sup_group", "2.0.0", NAME, "The same as `suppress_ifgroup`."),
            supported("realms", "1.2.20", &[one("[FROM/]TO", Kind::Word)], "Realms, for accounting; IPv4."),
            supported("protocol", "2.0.6", NAME, "Who made it."),
            supported("no_track", "2.0.3", NONE, "Nothing happens when somebody deletes it."),
            $($more),*
        ]
    };
}

#[rustfmt::skip] // a row a keyword
static VIRTUAL_RULE_OPTIONS: &[Keyword] = rule_options!();

#[rustfmt::skip] // a row a keyword
static STATIC_RULE_OPTIONS: &[Keyword] = rule_options!(
    supported("track_group", "2.0.3", GROUP, "The instances of this track_group go to FAULT when it is lost.")
);
