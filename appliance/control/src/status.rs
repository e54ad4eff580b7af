//! What `show` says.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::Value;

use crate::reading::{FromJson, Reader, readable, readable_by, readable_words, word_or_key};
use crate::{
    Block, Family, FifoStatus, ForeignVrid, Histogram, MailStatus, NotifyStatus, Reject, Role, SecondMaster,
    SenderStatus, SortedMap, State, TransitionRecord,
};

/// The service as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceStatus {
    /// The host's name.
    pub host: String,
    /// The version of the service.
    pub version: String,
    /// What the asking connection may do.
    pub role: Role,
    /// Its process.
    pub pid: u32,
    /// Since it started.
    pub uptime_us: u64,
    /// The boot-time clock now.
    pub now_us: u64,
    /// The wall clock now, in milliseconds since 1970.
    pub now_unix_ms: u64,
    /// The configuration file it runs with.
    pub configuration: String,
    /// Errors and warnings in that file, counted.
    pub configuration_errors: u32,
    /// See `configuration_errors`.
    pub configuration_warnings: u32,
    /// How many instances there are.
    pub instances: u32,
    /// The largest lateness of the engine's timer so far.
    pub lateness_max_us: u64,
    /// How late the engine was each time that it woke for a deadline.
    pub lateness: Histogram,
    /// Connections to the control socket.
    pub clients: u32,
    /// Events that clients of the control socket were too slow for.
    pub notices_missed: u64,
    /// Addresses, routes and rules that the journal lists: what a start after a crash would remove.
    pub journal_entries: u32,
    /// Counts the changes of the running configuration.
    pub revision: u64,
    /// The change that is on trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_trial: Option<crate::ChangeRecord>,
    /// Changes that hold and are not in the configuration file.
    pub unsaved_changes: u32,
    /// Reports that the engine could not hand over because nobody fetched them in time.
    pub reports_lost: u64,
    /// The FIFOs that changes of state are written to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fifos: Vec<FifoStatus>,
    /// Built-in mail, if it is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailStatus>,
}

/// A network interface that instances use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InterfaceStatus {
    /// Its name.
    pub name: String,
    /// Whether it exists.
    pub exists: bool,
    /// Whether it is set up and has carrier.
    pub up: bool,
    /// Groups heard on it that are not ours.
    pub foreign: Vec<ForeignVrid>,
    /// Packets discarded before an instance was found for them.
    pub rejected: SortedMap<Reject, u32>,
}

/// How adverts travel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mode {
    /// To a group.
    Multicast {
        /// Which.
        group: IpAddr,
    },
    /// To each peer.
    Unicast {
        /// Which.
        peers: Vec<IpAddr>,
    },
}

/// A virtual router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InstanceStatus {
    /// The instance's name.
    pub name: String,
    /// The interface it runs on.
    pub interface: String,
    /// The virtual router ID.
    pub vrid: u8,
    /// The family.
    pub family: Family,
    /// The VRRP version.
    pub version: u8,
    /// How adverts travel.
    pub mode: Mode,
    /// The address that adverts are sent from.
    pub source: Option<IpAddr>,
    /// The state.
    pub state: State,
    /// Since when, on the boot-time clock.
    pub since_us: u64,
    /// Since when, on the wall clock, in milliseconds since 1970.
    pub since_unix_ms: u64,
    /// The configured priority.
    pub priority: u8,
    /// The priority that counts, after trackers.
    pub effective_priority: u8,
    /// Whether it takes over from a master of lower priority.
    pub preempt: bool,
    /// How long it waits before that.
    pub preempt_delay_us: u64,
    /// The configured advert interval.
    pub advert_interval_cs: u16,
    /// `Skew_Time` (RFC 3768 §6.1).
    pub skew_us: u64,
    /// `Master_Down_Interval` (RFC 3768 §6.1).
    pub master_down_interval_us: u64,
    /// Who is master as far as this instance knows.
    pub master: Option<MasterStatus>,
    /// What will happen when.
    pub timers: Timers,
    /// What keeps it in FAULT, in the order in which a person would mend it.
    pub blocks: Vec<BlockStatus>,
    /// Its virtual addresses.
    pub vips: Vec<VipStatus>,
    /// How many more there are than in `vips`, which has those that are in trouble or not installed before others then.
    #[serde(skip_serializing_if = "is_zero")]
    pub vips_left_out: u32,
    /// What else it has in the kernel while it is MASTER, in the order in which it is put there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartStatus>,
    /// How many more there are than in `parts`, which has those that are in trouble before others.
    #[serde(skip_serializing_if = "is_zero")]
    pub parts_left_out: u32,
    /// How packets to its addresses are kept from this machine; absent where they are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_accept: Option<NoAcceptStatus>,
    /// The routers heard with its VRID.
    pub senders: Vec<SenderStatus>,
    /// Another master heard while MASTER.
    pub second_master: Option<SecondMaster>,
    /// What was counted since the service started.
    pub counters: Counters,
    /// What it follows: its own trackers and those of its group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trackers: Vec<TrackStatus>,
    /// Its sync group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// That the operator has it stand back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing_back: Option<StandingBack>,
    /// The last change of state.
    pub last_transition: Option<TransitionRecord>,
    /// The last runs of the notification scripts of it and of its sync group, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notified: Vec<NotifyStatus>,
    /// States that these scripts were never told, because those before took so long.
    pub notifications_skipped: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over by reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Who is master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MasterStatus {
    /// Its address.
    pub address: IpAddr,
    /// Its priority.
    pub priority: u8,
    /// Whether it is this router.
    pub is_self: bool,
    /// When it was last heard; absent for this router.
    pub last_heard_us: Option<u64>,
}

/// Deadlines on the boot-time clock; absent where the timer does not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timers {
    /// INIT: begins.
    pub start_at_us: Option<u64>,
    /// BACKUP: takes over unless the master is heard before.
    pub master_down_at_us: Option<u64>,
    /// MASTER: the next advert.
    pub advertise_at_us: Option<u64>,
    /// BACKUP: the preempt delay ends and we take over.
    pub preempt_at_us: Option<u64>,
    /// Leaving: the addresses go at the latest.
    pub handover_until_us: Option<u64>,
    /// FAULT: the link is up, and counts as up then (`interface_up_down_delays`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_up_at_us: Option<u64>,
    /// The link is down, and counts as down then (`interface_up_down_delays`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_down_at_us: Option<u64>,
}

/// What keeps an instance in FAULT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockStatus {
    /// What.
    pub block: Block,
    /// Since when, on the boot-time clock.
    pub since_us: u64,
    /// The particulars, as "eth9 does not exist".
    pub detail: String,
}

/// A virtual address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VipStatus {
    /// The address with its prefix length.
    pub address: String,
    /// The interface it goes on.
    pub device: String,
    /// Its label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether it is not part of adverts (`virtual_ipaddress_excluded`).
    pub excluded: bool,
    /// Whether locum has put it on the interface.
    pub installed: bool,
    /// What the kernel said when it refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What an instance has in the kernel while it is MASTER, beside its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartStatus {
    /// What it is.
    pub kind: PartKind,
    /// Which: the name and MAC address of an interface, a route or rule as ip(8) writes it.
    pub name: String,
    /// Whether the instance goes to FAULT without it (not `no_track`).
    pub tracked: bool,
    /// Whether it is there because of locum; of an interface, whether it is set up.
    pub installed: bool,
    /// What the kernel said when it refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What an instance has in the kernel beside its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// An interface that locum makes and sets up (`use_vmac`).
    Interface,
    /// A route (`virtual_routes`).
    Route,
    /// A policy rule (`virtual_rules`).
    Rule,
}

/// How packets to the addresses of an instance that does not own them are dropped (`no_accept`, RFC 9568 §6.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoAcceptStatus {
    /// The nftables table that does it.
    pub table: String,
    /// Whether they are dropped now; an instance that takes no part has nothing to drop.
    pub in_force: bool,
    /// What the kernel said when it refused the table: packets to the addresses are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// That the operator has an instance stand back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StandingBack {
    /// Since when, on the boot-time clock.
    pub since_us: u64,
    /// Whether it takes over all the same when nobody else is heard.
    pub last_resort: bool,
    /// When it ends by itself, on the wall clock, in milliseconds since 1970; absent where only `resume` ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_unix_ms: Option<u64>,
}

/// A tracker as an instance follows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrackStatus {
    /// Its name; that of the interface, for an interface.
    pub name: String,
    /// What it is: interface, script, file, process or probe.
    pub kind: String,
    /// Its weight; 0 means that its failure is FAULT.
    pub weight: i16,
    /// Whether what is added is taken off, and the other way round.
    pub reverse: bool,
    /// What it says.
    pub reading: TrackReading,
    /// What it adds to the priority.
    pub adds: i16,
    /// Whether it keeps the instance in FAULT.
    pub blocks: bool,
    /// Whether the instance waits for its first word.
    pub awaited: bool,
    /// Since when it says so, on the boot-time clock.
    pub since_us: u64,
    /// Why, in words.
    pub detail: String,
    /// The last run of a script or a probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<RunStatus>,
    /// When it is run next, on the boot-time clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_us: Option<u64>,
    /// How many runs there have been.
    pub runs: u64,
    /// How many were left out because the one before still ran.
    pub skipped: u64,
}

/// What a tracker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackReading {
    /// Nothing yet.
    Unknown,
    /// All is well.
    Good,
    /// It has failed.
    Bad,
    /// A number, which the weight multiplies.
    Value(i32),
}

/// A run of a script or a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunStatus {
    /// When it ended, on the boot-time clock.
    pub at_us: u64,
    /// What came of it, in words.
    pub result: String,
    /// How long it took.
    pub duration_us: u64,
    /// The last lines that it printed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<String>,
}

/// What was counted since the service started. Counters saturate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Adverts sent, each peer counted.
    pub adverts_sent: u32,
    /// Adverts accepted.
    pub adverts_received: u32,
    /// Adverts of priority 0 sent.
    pub priority_zero_sent: u32,
    /// Adverts of priority 0 accepted.
    pub priority_zero_received: u32,
    /// How often it became MASTER.
    pub became_master: u32,
    /// Gratuitous ARPs (unsolicited neighbour advertisements) sent.
    pub announcements_sent: u32,
    /// Packets discarded, by reason.
    pub rejected: SortedMap<Reject, u32>,
    /// Changes of state, by the kind of their cause.
    #[serde(skip_serializing_if = "SortedMap::is_empty")]
    pub transitions: SortedMap<String, u32>,
    /// How often an address, a route or a rule was put back that somebody else had taken away.
    pub put_back: u32,
}

readable! {
    ServiceStatus {
        host, version, role, pid, uptime_us, now_us, now_unix_ms, configuration, configuration_errors,
        configuration_warnings, instances, lateness_max_us, on_trial, reports_lost, mail;
        or_default lateness, clients, notices_missed, journal_entries, revision, unsaved_changes, fifos
    }
    InterfaceStatus { name, exists, up, foreign, rejected }
    InstanceStatus {
        name, interface, vrid, family, version, mode, source, state, since_us, since_unix_ms, priority,
        effective_priority, preempt, preempt_delay_us, advert_interval_cs, skew_us, master_down_interval_us, master,
        timers, blocks, vips, no_accept, senders, second_master, counters, group, standing_back, last_transition;
        or_default vips_left_out, parts, parts_left_out, trackers, notified, notifications_skipped
    }
    MasterStatus { address, priority, is_self, last_heard_us }
    Timers {
        start_at_us, master_down_at_us, advertise_at_us, preempt_at_us, handover_until_us, link_up_at_us,
        link_down_at_us
    }
    BlockStatus { block, since_us, detail }
    VipStatus { address, device, label, installed, error; or_default excluded }
    PartStatus { kind, name, tracked, installed, error }
    NoAcceptStatus { table, in_force, error }
    StandingBack { since_us, last_resort, until_unix_ms }
    TrackStatus {
        name, kind, weight, reading, adds, since_us, detail, last, next_us;
        or_default reverse, blocks, awaited, runs, skipped
    }
    RunStatus { at_us, result, duration_us; or_default last_lines }
    Counters {
        adverts_sent, adverts_received, priority_zero_sent, priority_zero_received, became_master, announcements_sent,
        rejected;
        or_default transitions, put_back
    }
}

readable_words! {
    PartKind: Interface, Route, Rule;
}

readable_by! {
    Mode by "kind" or Unicast { peers: Vec::new() };
    "multicast" => Multicast { group },
    "unicast" => Unicast { peers },
}

impl FromJson for TrackReading {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        match word_or_key(value) {
            ("unknown", _) => Self::Unknown,
            ("good", _) => Self::Good,
            ("bad", _) => Self::Bad,
            ("value", number) => Self::Value(i32::read(number, reader)),
            _ => {
                reader.expected("what a tracker says");
                Self::Unknown
            }
        }
    }
}
