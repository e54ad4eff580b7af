//! The words that the core, the socket and the people share: states, what blocks an instance, why it moved.

use core::fmt;
use core::net::IpAddr;

use crate::time::Duration;

/// The state of a virtual router (RFC 3768 §6.3, RFC 9568 §6.3; FAULT is keepalived's).
///
/// RFC 9568 says Initialize, Backup and Active; configuration files and the field say INIT, BACKUP and MASTER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "UPPERCASE"))]
pub enum State {
    /// Not taking part: not started yet, or stopped.
    Init,
    /// Would take part but must not: see [`Block`].
    Fault,
    /// Listens to the master and stands ready.
    Backup,
    /// Holds the addresses and advertises.
    Master,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Init => "INIT",
            Self::Fault => "FAULT",
            Self::Backup => "BACKUP",
            Self::Master => "MASTER",
        })
    }
}

/// An IP family. A virtual router has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// The family of `address`.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// What keeps an instance in FAULT. Several can hold at once; each has its own since-when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Block {
    /// Its configuration has an error; the diagnostic says which. Such an instance never reaches a
    /// [`RouterSet`](crate::set::RouterSet).
    Configuration,
    /// The interface does not exist.
    InterfaceMissing,
    /// The interface exists, but is set down or has no carrier.
    LinkDown,
    /// The interface has no address to send adverts from, or not the one configured.
    NoSourceAddress,
    /// The kernel refuses an address or a route that the instance cannot do without.
    Refused,
    /// A tracker without a weight has failed.
    Tracker,
    /// Another member of its sync group is in FAULT.
    Group,
}

impl Block {
    /// Every block, in the order in which a person would mend them.
    pub const ALL: [Self; 7] = [
        Self::Configuration,
        Self::InterfaceMissing,
        Self::LinkDown,
        Self::NoSourceAddress,
        Self::Refused,
        Self::Tracker,
        Self::Group,
    ];

    /// Those that a router can have: all but the first, which keeps an instance from becoming one.
    pub(crate) const OF_ROUTERS: [Self; 6] =
        [Self::InterfaceMissing, Self::LinkDown, Self::NoSourceAddress, Self::Refused, Self::Tracker, Self::Group];

    /// Its place in [`Block::OF_ROUTERS`].
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::InterfaceMissing => 0,
            Self::LinkDown => 1,
            Self::NoSourceAddress => 2,
            Self::Refused => 3,
            Self::Tracker => 4,
            Self::Group => 5,
            Self::Configuration => usize::MAX,
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Configuration => "configuration error",
            Self::InterfaceMissing => "interface missing",
            Self::LinkDown => "link down",
            Self::NoSourceAddress => "no source address",
            Self::Refused => "refused by the kernel",
            Self::Tracker => "tracker failed",
            Self::Group => "sync group in FAULT",
        })
    }
}

/// Why an instance changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename_all = "snake_case"))]
pub enum Cause {
    /// Started as the owner of the addresses (priority 255): MASTER at once (RFC 3768 §6.4.1).
    StartOwner,
    /// Started, and listens first (RFC 3768 §6.4.1).
    Start,
    /// Since it started to listen, nobody advertised.
    NobodyHeard {
        /// How long it listened.
        waited_us: u64,
    },
    /// The master went silent: Master_Down_Interval passed without an advert (RFC 3768 §6.4.2).
    MasterSilent {
        /// The master that was heard last.
        master: IpAddr,
        /// Since its last advert.
        silent_us: u64,
        /// Whole advert intervals without an advert.
        intervals: u32,
    },
    /// The master said that it leaves (an advert of priority 0).
    PriorityZero {
        /// The master that left.
        from: IpAddr,
    },
    /// We have the higher priority and preempt.
    WePreempt {
        /// The master that was heard last.
        master: IpAddr,
        /// The priority it advertised.
        priority: u8,
    },
    /// The operator ended the preempt delay, and we preempt.
    Resumed {
        /// The master that was heard last.
        master: IpAddr,
        /// The priority it advertised.
        priority: u8,
    },
    /// A router of higher priority advertises.
    PreemptedBy {
        /// That router.
        by: IpAddr,
        /// Its priority.
        priority: u8,
    },
    /// Another master has our priority and the higher address (RFC 3768 §6.4.3).
    TieLost {
        /// The other master.
        to: IpAddr,
        /// The priority of both.
        priority: u8,
    },
    /// Something keeps it from taking part.
    Blocked {
        /// What.
        block: Block,
    },
    /// The last thing that kept it from taking part is gone.
    Recovered {
        /// What it was.
        block: Block,
    },
    /// A tracker without a weight has failed.
    TrackerFailed {
        /// Its place in the list of trackers.
        tracker: u16,
    },
    /// The last tracker that kept it from taking part has recovered.
    TrackerRecovered {
        /// Its place in the list of trackers.
        tracker: u16,
    },
    /// Another member of its sync group moved, and the group moves together.
    GroupMoved {
        /// The place of that member in the list of instances.
        member: u16,
    },
    /// Its configuration was changed.
    Reconfigured,
    /// A reload removed it, or has it begin again.
    Removed,
    /// The operator has it stand back.
    Yielded,
    /// Somebody takes our addresses away again and again, and we hand over to whoever can hold them.
    VipLost,
    /// It was MASTER when its program crashed, so short a while ago that no other can have taken over.
    GoesOn,
    /// The operator ended the yield before anybody had taken over.
    YieldEnded,
    /// It was to stand back, but nobody has taken over.
    NobodyTookOver {
        /// How long it waited.
        waited_us: u64,
    },
    /// The operator wants it to be MASTER now.
    Taken {
        /// The master that was heard last, if any.
        master: Option<IpAddr>,
    },
    /// It was held up for longer than a backup waits, so another is master now (`timer_expired_backup`).
    HeldUp {
        /// How long its advert was overdue.
        overdue_us: u64,
    },
    /// The service stops.
    Shutdown,
    /// The service ended without stopping: it was killed, or the power failed. Noted by the next one at its start.
    Killed,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::StartOwner => f.write_str("started as owner of the addresses (priority 255)"),
            Self::Start => f.write_str("started, listens first"),
            Self::NobodyHeard { waited_us } => write!(f, "nobody heard for {}", Duration::from_us(waited_us)),
            Self::MasterSilent { master, silent_us, intervals } => {
                let silent = Duration::from_us(silent_us);
                write!(f, "master {master} silent for {silent} ({intervals} intervals)")
            }
            Self::PriorityZero { from } => write!(f, "master {from} left (priority 0)"),
            Self::WePreempt { master, priority } => write!(f, "we preempt {master} (priority {priority})"),
            Self::Resumed { master, priority } => {
                write!(f, "preempt delay ended by operator, we preempt {master} (priority {priority})")
            }
            Self::PreemptedBy { by, priority } => write!(f, "preempted by {by} (priority {priority})"),
            Self::TieLost { to, priority } => {
                write!(f, "second master {to} has the same priority {priority} and the higher address")
            }
            Self::Blocked { block } => write!(f, "{block}"),
            Self::Recovered { block } => match block {
                Block::Configuration => f.write_str("configuration mended"),
                Block::InterfaceMissing => f.write_str("interface is there"),
                Block::LinkDown => f.write_str("link is up"),
                Block::NoSourceAddress => f.write_str("source address is there"),
                Block::Refused => f.write_str("tries again what the kernel had refused"),
                Block::Tracker => f.write_str("tracker recovered"),
                Block::Group => f.write_str("sync group out of FAULT"),
            },
            Self::TrackerFailed { tracker } => write!(f, "tracker {tracker} failed"),
            Self::TrackerRecovered { tracker } => write!(f, "tracker {tracker} recovered"),
            Self::GroupMoved { member } => write!(f, "sync group followed member {member}"),
            Self::Reconfigured => f.write_str("configuration changed"),
            Self::Removed => f.write_str("ended by a reload"),
            Self::YieldEnded => f.write_str("yield ended by operator"),
            Self::Yielded => f.write_str("yielded by operator"),
            Self::GoesOn => {
                f.write_str("goes on: the service was gone for a moment only, too short for anybody to take over")
            }
            Self::VipLost => f.write_str("somebody takes our addresses away"),
            Self::NobodyTookOver { waited_us } => {
                write!(f, "yielded, but nobody took over within {}", Duration::from_us(waited_us))
            }
            Self::Taken { master: Some(master) } => write!(f, "taken from {master} by operator"),
            Self::Taken { master: None } => f.write_str("taken by operator"),
            Self::HeldUp { overdue_us } => {
                let overdue = Duration::from_us(overdue_us);
                write!(f, "advert was overdue by {overdue}: another router has taken over meanwhile")
            }
            Self::Shutdown => f.write_str("service stopped"),
            Self::Killed => f.write_str("service was killed, or the power failed; noted at the next start"),
        }
    }
}
