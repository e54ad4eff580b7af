//! Addresses that locum puts on interfaces.

use std::net::{IpAddr, Ipv4Addr};

use super::{At, Setting};

/// A line of `virtual_ipaddress` or `virtual_ipaddress_excluded`, as `ip address add` would take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualAddress {
    /// The address.
    pub address: IpAddr,
    /// Prefix length; 32 or 128 when the line has none.
    pub prefix_len: u8,
    /// Whether the line has one.
    pub prefix_written: bool,
    /// `dev`; without it the instance's interface is meant, and for a static address `default_interface`, else eth0.
    pub interface: Option<Setting<String>>,
    /// `brd`
    pub broadcast: Option<Broadcast>,
    /// `scope`
    pub scope: Option<Scope>,
    /// `label`
    pub label: Option<Box<Setting<String>>>,
    /// `peer`: the other end and its prefix length.
    pub peer: Option<(IpAddr, u8)>,
    /// `home`
    pub home: bool,
    /// `-nodad`: duplicate address detection stays on.
    pub detect_duplicates: bool,
    /// `mngtmpaddr`
    pub manage_temporary: bool,
    /// `noprefixroute`
    pub no_prefix_route: bool,
    /// `autojoin`
    pub autojoin: bool,
    /// `no_track`
    pub no_track: bool,
    /// `use_vmac`
    pub virtual_mac: bool,
    /// `preferred_lft`; without it 0 for an IPv6 /128 and for ever otherwise.
    pub preferred_lifetime: Lifetime,
    /// Where it stands.
    pub at: At,
}

/// `brd`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broadcast {
    /// This address.
    Address(Ipv4Addr),
    /// `+`: all host bits set.
    HostBitsSet,
    /// `-`: all host bits clear.
    HostBitsClear,
}

/// `scope`, as the kernel numbers it (rtnetlink(7), `rtm_scope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope(pub u8);

impl Scope {
    /// The scope that a word names.
    #[must_use]
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Some(Self(match word {
            "global" => 0,
            "site" => 200,
            "link" => 253,
            "host" => 254,
            "nowhere" => 255,
            number => number.parse().ok()?,
        }))
    }
}

/// `preferred_lft`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// No end.
    Forever,
    /// Seconds; 0 means that the kernel does not choose the address as a source.
    Seconds(u32),
}

/// A line of `static_ipaddress`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticAddress {
    /// The address and its options.
    pub address: VirtualAddress,
    /// `track_group`
    pub track_group: Option<Setting<String>>,
}
