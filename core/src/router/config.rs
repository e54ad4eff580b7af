//! What a virtual router is told about itself.

use core::fmt;
use core::net::IpAddr;
use core::num::NonZeroU8;

use super::announce::AnnounceConfig;
use crate::priority::Track;
use crate::time::Duration;
use crate::vocabulary::Family;
use crate::wire::vrrp::{Checksum, GROUP_V4, GROUP_V6, Password, Version};

/// Where the lists of a set of routers are kept: in the caller's memory, since their worst case is long.
///
/// An implementation says which containers it uses; see [`Borrowed`] for one without a heap.
pub trait Storage: Clone + fmt::Debug {
    /// The virtual addresses of a router, at most 255.
    type Addresses: AsRef<[IpAddr]> + Clone + fmt::Debug;
    /// The unicast peers of a router.
    type Peers: AsRef<[Peer]> + Clone + fmt::Debug;
    /// The trackers that a router follows.
    type Tracks: AsRef<[Track]> + Clone + fmt::Debug;
}

/// Lists that are slices somebody else owns.
#[derive(Clone, Copy, Debug)]
pub struct Borrowed<'a>(core::marker::PhantomData<&'a ()>);

impl<'a> Storage for Borrowed<'a> {
    type Addresses = &'a [IpAddr];
    type Peers = &'a [Peer];
    type Tracks = &'a [Track];
}

/// A network interface: its place in the interface table of the [`RouterSet`](crate::set::RouterSet), which the caller
/// assigns. Not the kernel's index, which changes when an interface is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId(pub u16);

/// A sync group: a number of the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u16);

/// A unicast peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// The lowest TTL that its packets may arrive with.
    pub ttl_min: u8,
    /// The highest.
    pub ttl_max: u8,
}

impl Peer {
    /// A peer whose packets may have any TTL.
    pub const fn new(address: IpAddr) -> Self {
        Self { address, ttl_min: 0, ttl_max: u8::MAX }
    }
}

/// How adverts travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport<P> {
    /// To everybody in the group (RFC 3768 §5.2.2).
    Multicast {
        /// The group.
        group: IpAddr,
    },
    /// To each peer (keepalived's extension).
    Unicast {
        /// To whom.
        peers: P,
        /// The TTL to send with.
        ttl: u8,
        /// Whether adverts from others are refused (`check_unicast_src`).
        check_source: bool,
    },
}

impl<P: AsRef<[Peer]>> Transport<P> {
    /// Whether routers that send in these two ways hear each other: by one group, or by a peer in common.
    pub fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Multicast { group }, Self::Multicast { group: other }) => group == other,
            (Self::Unicast { peers, .. }, Self::Unicast { peers: others, .. }) => {
                let has = |peer: &Peer| others.as_ref().iter().any(|other| other.address == peer.address);
                peers.as_ref().iter().any(has)
            }
            (Self::Multicast { .. }, Self::Unicast { .. }) | (Self::Unicast { .. }, Self::Multicast { .. }) => false,
        }
    }

    /// Whether a packet between these addresses is for who sends in this way: to the group, or from a peer.
    pub fn awaits(&self, source: IpAddr, destination: IpAddr) -> bool {
        match self {
            Self::Multicast { group } => destination == *group,
            Self::Unicast { peers, .. } => {
                !destination.is_multicast() && peers.as_ref().iter().any(|peer| peer.address == source)
            }
        }
    }
}

/// Whether to take over from a master of lower priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preempt {
    /// Never (`nopreempt`).
    Never,
    /// As RFC 3768 §6.4.2 says: its adverts are ignored until the master-down timer expires.
    AtOnce,
    /// This long after it was first heard (`preempt_delay`).
    After(Duration),
}

/// The configuration of a virtual router.
#[derive(Clone, Debug)]
pub struct Config<S: Storage> {
    /// The interface it runs on.
    pub interface: InterfaceId,
    /// The virtual router ID.
    pub vrid: NonZeroU8,
    /// The family of its addresses.
    pub family: Family,
    /// The VRRP version.
    pub version: Version,
    /// The base priority; 255 owns the addresses.
    pub priority: NonZeroU8,
    /// Version 2: 100 to 25,500 in whole seconds. Version 3: 1 to 4,095.
    pub advert_interval_cs: u16,
    /// How many adverts may be missed before the master counts as down; 3 in the RFCs.
    pub down_timer_adverts: NonZeroU8,
    /// Whether to take over from a master of lower priority.
    pub preempt: Preempt,
    /// How adverts travel.
    pub transport: Transport<S::Peers>,
    /// The password; only in version 2.
    pub password: Option<Password>,
    /// The virtual addresses that adverts carry.
    pub addresses: S::Addresses,
    /// How the addresses are announced on the link.
    pub announce: AnnounceConfig,
    /// What the checksum of our adverts covers; only version 3 over IPv4 has a choice (`v3_checksum_as_v2`).
    pub checksum: Checksum,
    /// Whether the addresses in an advert are taken as they are if it comes from the master that was heard last
    /// (`skip_check_adv_addr`).
    pub skips_address_check: bool,
    /// Whether a MASTER that hears a lower priority answers with an advert (`lower_prio_no_advert` says no).
    pub answers_lower: bool,
    /// Whether the state of the link does not matter (`dont_track_primary`).
    pub ignores_link: bool,
    /// Whether an owner of the addresses disregards other masters altogether (`owner_ignore_adverts`).
    pub owner_ignores_adverts: bool,
    /// Whether a MASTER that was held up for longer than a backup waits gives way instead of going on
    /// (`timer_expired_backup`).
    pub resigns_when_overdue: bool,
    /// How long it stays in INIT before it begins (`vrrp_startup_delay`).
    pub start_delay: Duration,
    /// What it follows.
    pub tracks: S::Tracks,
    /// Its sync group.
    pub group: Option<GroupId>,
}

/// The priority of a router that does not own the addresses, where nothing is said: 100 (RFC 9568 §6.1).
const PRIORITY: NonZeroU8 = NonZeroU8::MIN.saturating_add(99);
/// After how many adverts missed a master counts as down: 3 (RFC 9568 §6.1).
const DOWN_TIMER_ADVERTS: NonZeroU8 = NonZeroU8::MIN.saturating_add(2);

/// Why a configuration cannot be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// Another router has the same interface, family and virtual router ID, and would hear the same adverts.
    Duplicate,
    /// The advert interval is outside what the version can carry.
    Interval,
    /// An address is of another family, or there are more than 255.
    Addresses,
    /// Version 2 with IPv6.
    Version,
    /// A password in version 3.
    Password,
    /// Unicast without peers, or a peer or group of another family.
    Transport,
    /// The interface is not in the interface table.
    Interface,
    /// Every slot is taken.
    Full,
    /// It follows a tracker that the tracker table has no place for.
    Tracker,
    /// There is no router to be given a new configuration, or the new one is for another interface, family or VRID.
    Identity,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Duplicate => {
                "another instance has the same interface, family and virtual_router_id, and hears the same adverts"
            }
            Self::Interval => "the advert interval is outside what this VRRP version can carry",
            Self::Addresses => "the virtual addresses are of another family, or more than 255",
            Self::Version => "VRRP version 2 does not know IPv6",
            Self::Password => "VRRP version 3 has no password",
            Self::Transport => "unicast without peers, or a peer of another family",
            Self::Interface => "the interface is not known",
            Self::Full => "no room for another instance",
            Self::Tracker => "a tracker is not known",
            Self::Identity => "the interface, the family and the virtual_router_id cannot change while it runs",
        })
    }
}

impl core::error::Error for ConfigError {}

impl<S: Storage> Config<S>
where
    S::Tracks: Default,
{
    /// A router as RFC 9568 has it where nothing is said: version 3, priority 100, an advert a second to the group of the
    /// family, on the first interface.
    pub fn new(vrid: NonZeroU8, family: Family, addresses: S::Addresses) -> Self {
        let group = match family {
            Family::Ipv4 => IpAddr::V4(GROUP_V4),
            Family::Ipv6 => IpAddr::V6(GROUP_V6),
        };
        Self {
            interface: InterfaceId(0),
            vrid,
            family,
            version: Version::V3,
            priority: PRIORITY,
            advert_interval_cs: 100,
            down_timer_adverts: DOWN_TIMER_ADVERTS,
            preempt: Preempt::AtOnce,
            transport: Transport::Multicast { group },
            password: None,
            addresses,
            announce: AnnounceConfig::default(),
            checksum: Checksum::PseudoHeader,
            skips_address_check: false,
            answers_lower: true,
            ignores_link: false,
            owner_ignores_adverts: false,
            resigns_when_overdue: false,
            start_delay: Duration::ZERO,
            tracks: S::Tracks::default(),
            group: None,
        }
    }
}

impl<S: Storage> Config<S> {
    /// Whether this router owns the addresses (RFC 3768 §5.3.4).
    pub const fn is_owner(&self) -> bool {
        self.priority.get() == 255
    }

    /// The advert interval as a duration.
    pub const fn advert_interval(&self) -> Duration {
        Duration::from_cs(self.advert_interval_cs)
    }

    /// `Skew_Time`: the lower the priority, the longer (RFC 3768 §6.1: (256 − priority) / 256 seconds; RFC 9568 §6.1:
    /// the same share of the master's interval).
    pub fn skew(&self, priority: u8, master_interval: Duration) -> Duration {
        let whole = match self.version {
            Version::V2 => Duration::from_s(1),
            Version::V3 => master_interval,
        };
        Duration::from_us(whole.times(256 - u64::from(priority)).us() / 256)
    }

    /// `Master_Down_Interval` (RFC 3768 §6.1, RFC 9568 §6.1).
    pub fn master_down_interval(&self, priority: u8, master_interval: Duration) -> Duration {
        master_interval.times(u64::from(self.down_timer_adverts.get())) + self.skew(priority, master_interval)
    }

    /// Checks everything that the types do not rule out.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let interval_ok = match self.version {
            Version::V2 => {
                (100..=25_500).contains(&self.advert_interval_cs) && self.advert_interval_cs.is_multiple_of(100)
            }
            Version::V3 => (1..=4_095).contains(&self.advert_interval_cs),
        };
        let of_family = |address: IpAddr| Family::of(address) == self.family;
        let addresses = self.addresses.as_ref();
        let transport_ok = match &self.transport {
            Transport::Multicast { group } => of_family(*group) && group.is_multicast(),
            Transport::Unicast { peers, .. } => {
                let peers = peers.as_ref();
                !peers.is_empty() && peers.iter().all(|peer| of_family(peer.address))
            }
        };
        if self.version == Version::V2 && self.family == Family::Ipv6 {
            Err(ConfigError::Version)
        } else if self.version == Version::V3 && self.password.is_some() {
            Err(ConfigError::Password)
        } else if !interval_ok {
            Err(ConfigError::Interval)
        } else if addresses.len() > 255 || !addresses.iter().copied().all(of_family) {
            Err(ConfigError::Addresses)
        } else if !transport_ok {
            Err(ConfigError::Transport)
        } else {
            Ok(())
        }
    }
}
