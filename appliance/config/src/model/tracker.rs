//! What instances follow, and groups of instances.

use super::{At, Notify, Script, Setting};

/// `vrrp_script`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VrrpScript {
    /// Its name.
    pub name: Setting<String>,
    /// It has an error; instances that follow it are broken too.
    pub broken: bool,
    /// `script`
    pub command: Option<Setting<Script>>,
    /// `interval`
    pub interval_ms: Setting<u32>,
    /// `timeout`; the interval when nothing is written.
    pub timeout_ms: Setting<u32>,
    /// `weight`
    pub weight: Weight,
    /// `rise`
    pub rise: Setting<u32>,
    /// `fall`
    pub fall: Setting<u32>,
    /// `init_fail`
    pub starts_failed: Setting<bool>,
}

/// `track_file`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackFile {
    /// Its name.
    pub name: Setting<String>,
    /// It has an error; instances that follow it are broken too.
    pub broken: bool,
    /// `file`
    pub path: Option<Setting<String>>,
    /// `weight`
    pub weight: Weight,
    /// `init_file`: the value to write, and whether to overwrite.
    pub initial: Option<Setting<(i64, bool)>>,
}

/// `vrrp_track_process`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackProcess {
    /// Its name.
    pub name: Setting<String>,
    /// It has an error; instances that follow it are broken too.
    pub broken: bool,
    /// `process`: command and arguments.
    pub command: Vec<String>,
    /// `param_match`: `initial`, `partial` or nothing.
    pub match_arguments: Option<Setting<String>>,
    /// `full_command`
    pub full_command: Setting<bool>,
    /// `weight`
    pub weight: Weight,
    /// `quorum`
    pub quorum: Setting<u32>,
    /// `quorum_max`
    pub quorum_max: Option<Setting<u32>>,
    /// `fork_delay`
    pub fork_delay_ms: Setting<u32>,
    /// `terminate_delay`
    pub terminate_delay_ms: Setting<u32>,
}

/// How a tracker counts. Above 0: added while it is good; below 0: taken off while it is bad; 0: bad means FAULT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// The weight.
    pub value: i32,
    /// `reverse`: what is added is taken off, and the other way round; with weight 0, good means FAULT.
    pub reverse: bool,
}

/// One line of a `track_…` list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackedBy {
    /// The interface, or the name of the tracker.
    pub name: Setting<String>,
    /// Its weight here. `None`: that of the tracker itself, which for interfaces is 0.
    pub weight: Option<Weight>,
}

/// All that an instance or a group follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracks {
    /// `track_interface`
    pub interfaces: Vec<TrackedBy>,
    /// `track_script`
    pub scripts: Vec<TrackedBy>,
    /// `track_file`
    pub files: Vec<TrackedBy>,
    /// `track_process`
    pub processes: Vec<TrackedBy>,
    /// `track_probe`
    pub probes: Vec<TrackedBy>,
}

/// `vrrp_sync_group`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroup {
    /// Its name.
    pub name: Setting<String>,
    /// It has an error; its members are broken too.
    pub broken: bool,
    /// `group`: names of instances.
    pub members: Vec<Setting<String>>,
    /// What all members follow.
    pub tracks: Tracks,
    /// `notify`, `notify_master`, …
    pub notify: Notify,
    /// `smtp_alert`
    pub smtp_alert: Setting<bool>,
    /// `sync_group_tracking_weight`
    pub tracking_weight: Setting<bool>,
}

impl SyncGroup {
    /// The names of its members.
    pub(crate) fn member_names(&self) -> Vec<String> {
        self.members.iter().map(|member| member.value.clone()).collect()
    }
}

/// `garp_group`: interfaces that share a limit of announcements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GarpGroup {
    /// Its interfaces, at least one.
    pub interfaces: Vec<Setting<String>>,
    /// `garp_interval`: least time between two gratuitous ARP packets on any of them; 0 for none.
    pub garp_interval_us: Setting<u32>,
    /// `gna_interval`: the same for unsolicited neighbour advertisements.
    pub gna_interval_us: Setting<u32>,
    /// Where it stands.
    pub at: At,
}

/// A line of `interface_up_down_delays`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpDownDelay {
    /// The interface.
    pub interface: String,
    /// How long it must be down before that counts.
    pub down_ms: u32,
    /// How long it must be up before that counts.
    pub up_ms: u32,
    /// Where it stands.
    pub at: At,
}
