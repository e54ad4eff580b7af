//! Why a received packet is discarded. Read RFC 3768 §7.1 and RFC 9568 §7.1 before changing it.
//!
//! Each reason is one variant, one counter and one line of help. A packet that is discarded touches its counter and
//! nothing else: no timer, no state, no reply.

use core::fmt;

macro_rules! rejects {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $help:literal;)*) => {
        /// A reason to discard a received packet, in the order of the checks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
        #[repr(u8)]
        pub enum Reject {
            $($(#[$doc])* $variant,)*
        }

        impl Reject {
            /// Every reason, in the order of the checks.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant,)*];
            /// How many reasons there are.
            pub const COUNT: usize = [$($name,)*].len();

            /// The reason in a few words, for logs and screens.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means and what to do about it, in one line.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)* }
            }
        }
    };
}

rejects! {
    /// Shorter than its headers, or an IP header that contradicts itself.
    Malformed, "malformed packet",
        "The packet is cut short or its IP header contradicts itself: damage on the way, or junk.";
    /// The virtual router ID is not configured on the interface (RFC 3768 §7.1).
    UnknownVrid, "VRID not ours",
        "Another group uses this segment with its own VRID: harmless, unless the VRID was meant to be ours.";
    /// The source is one of our own addresses: a looped packet, or a stranger with our address.
    OwnSource, "sent from our own address",
        "A loop in the network returns our adverts, or another device uses our address.";
    /// TTL or hop limit is not 255 (RFC 3768 §7.1), or outside what the peer may have.
    Ttl, "TTL is not 255",
        "The packet crossed a router, so its sender is not on this link; for unicast see min_ttl and max_ttl.";
    /// The VRRP version is not the one configured.
    Version, "other VRRP version",
        "The sender speaks another VRRP version: set the same `version` on all routers of the group.";
    /// The type is not ADVERTISEMENT, the only one there is.
    PacketType, "unknown packet type",
        "Only adverts (type 1) exist: the packet is junk.";
    /// The packet ends before the addresses and authentication data that it announces.
    Length, "length wrong",
        "The packet is shorter than the number of addresses in it needs: damage, or junk.";
    /// The checksum is wrong.
    Checksum, "checksum wrong",
        "Damage on the way, or a sender that computes VRRPv3 checksums the other way (v3_checksum_as_v2).";
    /// Unicast peers are configured, but the packet came by multicast.
    Multicast, "multicast to a unicast instance",
        "Another group uses this VRID by multicast: give one of them another virtual_router_id.";
    /// It was sent to another multicast group than ours (`mcast_dst_ip`).
    Group, "to another multicast group",
        "Another group uses this VRID with another mcast_dst_ip: harmless, unless its routers are meant to be of ours.";
    /// No unicast peers are configured, but the packet came by unicast.
    Unicast, "unicast to a multicast instance",
        "The sender has unicast_peer set and we do not: use the same on all routers of the group.";
    /// The source is not among the unicast peers (`check_unicast_src`).
    UnknownPeer, "not a unicast peer",
        "The sender is not among our unicast_peer addresses: add it there if it belongs to the group.";
    /// The authentication type differs (RFC 3768 §5.3.6).
    AuthenticationType, "other authentication type",
        "One side uses `authentication` and the other does not: use the same auth_type on all routers.";
    /// The password differs (RFC 2338 §5.3.6.2).
    Password, "password differs",
        "The sender has another auth_pass (only the first 8 characters count): a stranger, or a typing error.";
    /// The advert interval differs from ours, which VRRPv2 forbids (RFC 3768 §7.1), or it is zero (RFC 9568 §7.1, erratum
    /// 8301).
    Interval, "other advert interval",
        "VRRPv2 wants the same advert_int on all routers of the group; an interval of zero is a sender's mistake.";
    /// It carries none of our addresses: a stranger with our VRID.
    Addresses, "none of our VIPs",
        "Its addresses are not ours: another group uses this VRID; give one of them another virtual_router_id.";
    /// We own the addresses (priority 255), so nobody else can be master (RFC 3768 §7.1).
    LocalOwner, "we own the addresses",
        "Our priority is 255, so we obey nobody: another router advertises our VIP and must be stopped.";
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One counter for each [`Reject`]. They saturate, so a flood can never look like silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RejectCounters([u32; Reject::COUNT]);

impl RejectCounters {
    /// Counts one packet.
    pub(crate) fn count(&mut self, reason: Reject) {
        if let Some(counter) = self.0.get_mut(reason as usize) {
            *counter = counter.saturating_add(1);
        }
    }

    /// How often `reason` applied.
    pub fn of(&self, reason: Reject) -> u32 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// The reasons that applied, each with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Reject, u32)> + '_ {
        Reject::ALL.iter().copied().zip(self.0.iter().copied()).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter_and_words() {
        let mut counters = RejectCounters::default();
        for reason in Reject::ALL {
            counters.count(reason);
            counters.count(reason);
        }
        for (index, reason) in Reject::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            assert_eq!(counters.of(reason), 2);
            assert!(reason.help().len() > reason.name().len());
            assert!(Reject::ALL.iter().filter(|other| other.name() == reason.name()).count() == 1);
        }
        assert_eq!(counters.iter().count(), Reject::COUNT);
    }
}
