//! Who is heard, as `show` says it.

use std::net::IpAddr;

use serde::Serialize;

use crate::reading::{readable, readable_words};
use crate::{Mac, Reject};

/// A router heard with an instance's VRID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SenderStatus {
    /// Its address.
    pub address: IpAddr,
    /// The MAC address that its adverts come from. Absent until it is known, on links without any, and where a router lies
    /// between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// Another MAC address that adverts of this address come from at the same time: two routers use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_mac: Option<Mac>,
    /// The priority of its last advert.
    pub priority: u8,
    /// The interval of its last advert.
    pub advert_interval_cs: u16,
    /// What the checksum of its last advert covered; said of VRRPv3 over IPv4 only, where both are in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<ChecksumFlavour>,
    /// When it was first heard.
    pub first_heard_us: u64,
    /// When it was last heard.
    pub last_heard_us: u64,
    /// Adverts accepted.
    pub received: u32,
    /// Adverts that came more than half an interval late.
    pub late: u32,
    /// Adverts that seem not to have come at all.
    pub missed: u32,
    /// The longest silence between two adverts while it was master.
    pub longest_gap_us: u64,
    /// Packets of it that were discarded.
    pub rejected: u32,
    /// Why the last of those was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_reject: Option<Reject>,
}

/// What a checksum of VRRPv3 over IPv4 covers (`v3_checksum_as_v2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChecksumFlavour {
    /// The VRRP message alone, as in version 2.
    Plain,
    /// A pseudo-header as well (RFC 9568 §5.2.8).
    PseudoHeader,
}

/// Another master heard while MASTER.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecondMaster {
    /// Its address.
    pub address: IpAddr,
    /// Its priority.
    pub priority: u8,
    /// Since when.
    pub since_us: u64,
}

/// A group on the segment that is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ForeignVrid {
    /// Its virtual router ID.
    pub vrid: u8,
    /// Who was heard with it first.
    pub source: IpAddr,
    /// When.
    pub first_heard_us: u64,
    /// The MAC address that its adverts come from, as soon as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
}

readable! {
    SenderStatus {
        address, mac, other_mac, priority, advert_interval_cs, checksum, first_heard_us, last_heard_us, received, late, missed,
        longest_gap_us, rejected, last_reject
    }
    SecondMaster { address, priority, since_us }
    ForeignVrid { vrid, source, first_heard_us, mac }
}

readable_words! {
    ChecksumFlavour: Plain, PseudoHeader;
}
