//! Routes and policy rules, as `ip route` and `ip rule` take them (ip-route(8), ip-rule(8), rtnetlink(7)).

use std::net::IpAddr;

use super::{At, Family, Prefix, Scope, Setting};

/// A line of `virtual_routes` or `static_routes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What becomes of packets that it matches.
    pub kind: RouteKind,
    /// The family of its addresses.
    pub family: Family,
    /// Where the packets go to.
    pub destination: Prefix,
    /// `from`: where they come from; IPv6 only.
    pub from: Option<Prefix>,
    /// `src`: the source address that the kernel chooses for packets of this router.
    pub preferred_source: Option<IpAddr>,
    /// `via`: the next router, which may be of the other family.
    pub gateway: Option<IpAddr>,
    /// `dev`
    pub interface: Option<Setting<String>>,
    /// `nexthop` or `or`: several ways. Empty when there is one.
    pub next_hops: Vec<NextHop>,
    /// `table`; 254, `main`, when not written.
    pub table: u32,
    /// `vrf`: in place of a table, the one of this VRF.
    pub vrf: Option<Setting<String>>,
    /// `metric`
    pub metric: Option<u32>,
    /// `scope`; without it 0, global, also for a route without a gateway, as in keepalived.
    pub scope: Option<Scope>,
    /// `protocol`: who made it. `None`: the one that marks what this service made.
    pub protocol: Option<u8>,
    /// `tos`
    pub tos: u8,
    /// `onlink`: the gateway is on the interface's link, whatever addresses say.
    pub onlink: bool,
    /// `realms`: the realm of the source in the upper 16 bits, that of the destination in the lower.
    pub realms: Option<u32>,
    /// `expires`: seconds until the kernel removes it; IPv6 only.
    pub expires_s: Option<u32>,
    /// `pref`: preference among default routers (RFC 4191); IPv6 only.
    pub preference: Option<RouterPreference>,
    /// `mtu`, `advmss`, …, each at most once.
    pub metrics: Vec<RouteMetric>,
    /// `congctl`: congestion control of TCP.
    pub congestion_control: Option<CongestionControl>,
    /// `add`, `append`, `prepend`
    pub placement: Placement,
    /// `no_track`: nothing happens when somebody deletes it.
    pub no_track: bool,
    /// `track_group`; only for `static_routes`.
    pub track_group: Option<Setting<String>>,
    /// Where it stands.
    pub at: At,
}

/// The type of a route, numbered as the kernel does (linux/rtnetlink.h, RTN_…).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum RouteKind {
    /// Forwarded.
    #[default]
    Unicast = 1,
    /// Delivered on this router.
    Local = 2,
    /// Sent as broadcast, accepted as such.
    Broadcast = 3,
    /// Sent as unicast, accepted as broadcast.
    Anycast = 4,
    /// Multicast.
    Multicast = 5,
    /// Dropped without a word.
    Blackhole = 6,
    /// Refused with “host unreachable”.
    Unreachable = 7,
    /// Refused with “administratively prohibited”.
    Prohibit = 8,
    /// Lookup goes on in the next rule's table.
    Throw = 9,
}

impl RouteKind {
    pub(crate) const ALL: [(&'static str, Self); 9] = [
        ("unicast", Self::Unicast),
        ("local", Self::Local),
        ("broadcast", Self::Broadcast),
        ("anycast", Self::Anycast),
        ("multicast", Self::Multicast),
        ("blackhole", Self::Blackhole),
        ("unreachable", Self::Unreachable),
        ("prohibit", Self::Prohibit),
        ("throw", Self::Throw),
    ];

    /// Whether such a route leads anywhere.
    pub(crate) const fn has_way(self) -> bool {
        !matches!(self, Self::Blackhole | Self::Unreachable | Self::Prohibit | Self::Throw)
    }
}

/// One of several ways of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// `via`
    pub gateway: Option<IpAddr>,
    /// `dev`
    pub interface: Option<Setting<String>>,
    /// `weight`, 1 to 256: its share of the traffic.
    pub weight: u16,
    /// `onlink`
    pub onlink: bool,
    /// `realms`
    pub realms: Option<u32>,
}

/// A value that the kernel keeps with a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteMetric {
    /// Which one.
    pub kind: MetricKind,
    /// Its value, in the kernel's unit.
    pub value: u32,
    /// `lock`: the kernel does not change it by itself.
    pub locked: bool,
}

/// Which value, numbered as the kernel does (linux/rtnetlink.h, RTAX_…).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum MetricKind {
    /// `mtu`, in bytes.
    Mtu = 2,
    /// `window`, in bytes.
    Window = 3,
    /// `rtt`, in 1/8 ms.
    Rtt = 4,
    /// `rttvar`, in 1/4 ms.
    RttVariance = 5,
    /// `ssthresh`
    SlowStartThreshold = 6,
    /// `cwnd`
    CongestionWindow = 7,
    /// `advmss`, in bytes.
    AdvertisedMss = 8,
    /// `reordering`
    Reordering = 9,
    /// `hoplimit`
    HopLimit = 10,
    /// `initcwnd`
    InitialCongestionWindow = 11,
    /// `features`: bit 0 for `ecn`.
    Features = 12,
    /// `rto_min`, in ms.
    RtoMin = 13,
    /// `initrwnd`
    InitialReceiveWindow = 14,
    /// `quickack`, 0 or 1.
    QuickAck = 15,
    /// `fastopen_no_cookie`, 0 or 1.
    FastOpenNoCookie = 17,
}

/// `congctl`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CongestionControl {
    /// Its name.
    pub name: String,
    /// `lock`: a socket's own choice does not count.
    pub locked: bool,
}

/// `pref` (RFC 4191 section 2.1)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RouterPreference {
    /// `medium`
    Medium = 0,
    /// `high`
    High = 1,
    /// `low`
    Low = 3,
}

/// What happens when there is a route like it already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// It goes before that one: keepalived's way.
    #[default]
    Prepend,
    /// It goes after that one.
    Append,
    /// It is not made.
    Add,
}

/// A line of `virtual_rules` or `static_rules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The family of what it matches.
    pub family: Family,
    /// `preference`: the rule with the lowest number is asked first. When none is written, numbers are given downwards
    /// from 16384 in the order of reading, as in keepalived.
    pub preference: Setting<u32>,
    /// `not`: it matches what its conditions do not.
    pub inverted: bool,
    /// `from`
    pub from: Option<Prefix>,
    /// `to`
    pub to: Option<Prefix>,
    /// `tos`
    pub tos: u8,
    /// `fwmark`: the mark and, when written, the bits of it that count.
    pub fwmark: Option<(u32, Option<u32>)>,
    /// `iif`
    pub input_interface: Option<Setting<String>>,
    /// `oif`
    pub output_interface: Option<Setting<String>>,
    /// `uidrange`: first and last.
    pub uid_range: Option<(u32, u32)>,
    /// `ipproto`
    pub ip_protocol: Option<u8>,
    /// `sport`: first and last.
    pub source_ports: Option<(u16, u16)>,
    /// `dport`: first and last.
    pub destination_ports: Option<(u16, u16)>,
    /// `tunnel-id`
    pub tunnel_id: Option<u64>,
    /// What becomes of packets that it matches.
    pub action: RuleAction,
    /// `suppress_prefixlength`: routes with a prefix as short as this or shorter do not count.
    pub suppress_prefix_len: Option<u32>,
    /// `suppress_ifgroup`: routes to interfaces of this group do not count.
    pub suppress_group: Option<u32>,
    /// `realms`, as in [`Route::realms`].
    pub realms: Option<u32>,
    /// `protocol`: who made it. `None`: the one that marks what this service made.
    pub protocol: Option<u8>,
    /// `no_track`: nothing happens when somebody deletes it.
    pub no_track: bool,
    /// `track_group`; only for `static_rules`.
    pub track_group: Option<Setting<String>>,
    /// Where it stands.
    pub at: At,
}

/// What a rule does (linux/fib_rules.h, FR_ACT_…).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// `table`: looks the route up there; never 0 where the machine's names are known.
    Table(u32),
    /// `l3mdev`: looks it up in the table of the VRF.
    L3mdev,
    /// `goto`: goes on at the rule of this preference.
    Goto(u32),
    /// `nop`
    Nop,
    /// `blackhole`
    Blackhole,
    /// `unreachable`
    Unreachable,
    /// `prohibit`
    Prohibit,
}

/// `track_group`: instances that go to FAULT when a static address, route or rule of the group is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackGroup {
    /// Its name.
    pub name: Setting<String>,
    /// Names of instances.
    pub members: Vec<Setting<String>>,
}
