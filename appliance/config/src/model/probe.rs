//! `vrrp_probe`, locum's own

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::{Setting, Weight};

/// `vrrp_probe`: something that is asked at intervals, without a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Its name.
    pub name: Setting<String>,
    /// It has an error; instances that follow it are broken too.
    pub broken: bool,
    /// `icmp`, `neighbour`, `tcp` or `route`. `None` only when it is broken.
    pub target: Option<Setting<ProbeTarget>>,
    /// `interface`: where the question goes out. `None`: where the routes lead.
    pub interface: Option<Setting<String>>,
    /// `source`: the address that it is asked from. `None`: the kernel's choice.
    pub source: Option<Setting<IpAddr>>,
    /// `interval`: time between two questions.
    pub interval_ms: Setting<u32>,
    /// `timeout`: how long an answer may take; the interval when nothing is written.
    pub timeout_ms: Setting<u32>,
    /// `rise`: answers in a row that make it good.
    pub rise: Setting<u32>,
    /// `fall`: missing answers in a row that make it bad.
    pub fall: Setting<u32>,
    /// `fail_hold`: how long it must stay bad before that counts.
    pub fail_hold_ms: Setting<u32>,
    /// `recover_hold`: how long it must stay good before that counts.
    pub recover_hold_ms: Setting<u32>,
    /// `weight`
    pub weight: Weight,
    /// `init_fail`: it counts as bad until its first success.
    pub starts_failed: Setting<bool>,
}

/// What a probe asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeTarget {
    /// An answer to an ICMP or ICMPv6 echo request.
    Icmp(IpAddr),
    /// An answer to an ARP request or neighbour solicitation.
    Neighbour(IpAddr),
    /// A TCP connection that is accepted.
    Tcp(SocketAddr),
    /// A route of exactly this prefix in a routing table.
    Route {
        /// Its destination.
        destination: Prefix,
        /// The number of its table.
        table: u32,
    },
}

/// An address and how much of it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// The address, as it is written: host bits are kept.
    pub address: IpAddr,
    /// The number of bits that count.
    pub len: u8,
}

impl Prefix {
    /// The address with all bits beyond the prefix clear.
    #[must_use]
    pub fn network(self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.len.min(32))).unwrap_or(0);
                IpAddr::V4((u32::from(address) & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.len.min(128))).unwrap_or(0);
                IpAddr::V6((u128::from(address) & mask).into())
            }
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_knows_its_network() {
        let network = |text: &str, len| Prefix { address: text.parse().unwrap(), len }.network().to_string();
        assert_eq!(network("10.1.2.3", 24), "10.1.2.0");
        assert_eq!(network("10.1.2.3", 32), "10.1.2.3");
        assert_eq!(network("10.1.2.3", 0), "0.0.0.0");
        assert_eq!(network("2001:db8::1", 64), "2001:db8::");
        assert_eq!(network("2001:db8::1", 0), "::");
        assert_eq!(network("2001:db8::1", 128), "2001:db8::1");
    }
}
