//! Who takes part, and what the protocol promises about them.

use std::fmt;
use std::net::Ipv4Addr;

use locum_core::time::Duration;

/// The virtual address.
pub(super) const VIP: Ipv4Addr = Ipv4Addr::new(172, 20, 45, 248);

/// The client's address.
pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(172, 20, 45, 200);

/// The prefix length of the LAN.
pub(super) const PREFIX_LEN: u8 = 24;

/// The instance's name.
pub(super) const INSTANCE: &str = "VI_1";

const VRID: u8 = 45;
const ADVERT_INTERVAL_S: u64 = 1;

/// How often the client probes the VIP.
pub(super) const PROBE_INTERVAL: Duration = Duration::from_ms(10);

/// What is allowed on top of the protocol's bounds, because three routers, a switch and a client share one machine with
/// whatever else runs on it. A busy machine may ask for more.
pub(super) fn allowance() -> Duration {
    let asked = std::env::var(ALLOWANCE_MS).ok().and_then(|ms| ms.parse().ok());
    Duration::from_ms(asked.unwrap_or(250).min(60_000))
}

/// The environment variable that says so, in milliseconds.
const ALLOWANCE_MS: &str = "LOCUM_DEMO_ALLOWANCE_MS";

/// A router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RouterId {
    A,
    B,
    C,
}

impl RouterId {
    /// How many there are.
    pub(super) const COUNT: usize = 3;

    /// All of them, the highest priority first.
    pub(super) const ALL: [Self; Self::COUNT] = [Self::A, Self::B, Self::C];

    /// Its name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }

    /// Its place in [`RouterId::ALL`].
    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// Its priority.
    pub(super) const fn priority(self) -> u8 {
        match self {
            Self::A => 100,
            Self::B => 80,
            Self::C => 70,
        }
    }

    /// Its address.
    pub(super) const fn address(self) -> Ipv4Addr {
        let last = match self {
            Self::A => 131,
            Self::B => 132,
            Self::C => 133,
        };
        Ipv4Addr::new(172, 20, 45, last)
    }

    /// The hardware address of its interface; the probe recognises it by this.
    pub(super) fn mac(self) -> [u8; 6] {
        mac_for(self.address())
    }

    /// The configuration: the word-for-word form of a group of three that speaks unicast (VRRP version 2).
    pub(super) fn configuration(self) -> String {
        let peers: Vec<_> = Self::ALL.into_iter().filter(|other| *other != self).collect();
        let peers: String = peers.iter().map(|peer| format!("        {}\n", peer.address())).collect();
        let state = if self == Self::A { "MASTER" } else { "BACKUP" };
        let (priority, source) = (self.priority(), self.address());
        format!(
            "vrrp_instance {INSTANCE} {{\n    state {state}\n    interface eth0\n    virtual_router_id {VRID}\n    \
             priority {priority}\n    advert_int {ADVERT_INTERVAL_S}\n    unicast_src_ip {source}\n    \
             unicast_peer {{\n{peers}    }}\n    authentication {{\n        auth_type PASS\n        \
             auth_pass admin123\n    }}\n    virtual_ipaddress {{\n        {VIP} dev eth0 label eth0:0\n    }}\n}}\n"
        )
    }

    /// `Skew_Time` (RFC 3768 §6.1): (256 - priority) / 256 of a second.
    pub(super) fn skew(self) -> Duration {
        Duration::from_us(1_000_000 * (256 - u64::from(self.priority())) / 256)
    }

    /// `Master_Down_Interval` (RFC 3768 §6.1): 3 x the interval + the skew.
    pub(super) fn master_down_interval(self) -> Duration {
        Duration::from_s(3 * ADVERT_INTERVAL_S) + self.skew()
    }

    /// How [`RouterId::master_down_interval`] is reckoned.
    pub(super) fn master_down_reckoning(self) -> String {
        format!("3 x {ADVERT_INTERVAL_S} s + {}", self.skew_reckoning())
    }

    /// How [`RouterId::skew`] is reckoned.
    pub(super) fn skew_reckoning(self) -> String {
        format!("(256 - {})/256 s", self.priority())
    }
}

impl fmt::Display for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A locally administered hardware address, told apart by the last byte of the address it belongs to.
pub(super) fn mac_for(address: Ipv4Addr) -> [u8; 6] {
    let [.., last] = address.octets();
    [0x02, 0, 0, 0, 0, last]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_those_of_the_rfc() {
        assert_eq!(RouterId::A.master_down_interval().us(), 3_609_375);
        assert_eq!(RouterId::B.master_down_interval().us(), 3_687_500);
        assert_eq!(RouterId::C.skew().us(), 726_562);
        assert_eq!(RouterId::B.master_down_reckoning(), "3 x 1 s + (256 - 80)/256 s");
    }

    #[test]
    fn the_configurations_have_nothing_to_complain_about() {
        for id in RouterId::ALL {
            let around = locum_config::Surroundings {
                interfaces: Some(vec!["eth0".into()]),
                ..locum_config::Surroundings::default()
            };
            let folder = std::env::temp_dir().join(format!("locum-demo-test-{}-{id}", std::process::id()));
            std::fs::write(&folder, id.configuration()).unwrap();
            let configuration = locum_config::load(&folder, &around);
            std::fs::remove_file(&folder).unwrap();
            let configuration = configuration.unwrap();
            let warnings = configuration
                .diagnostics()
                .iter()
                .filter(|found| found.severity() != locum_config::Severity::Lint)
                .count();
            assert_eq!(warnings, 0, "{}", id.configuration());
            assert_eq!(configuration.model().instances.len(), 1);
        }
    }
}
