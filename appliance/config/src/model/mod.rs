//! What a configuration says, with every default filled in: plain values for the service to act on.
//!
//! Two models are equal when they mean the same; where the values were written does not count. A reload compares models.

mod address;
mod global;
mod instance;
mod probe;
mod rare;
mod route;
mod tracker;
mod virtual_mac;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

pub use self::address::{Broadcast, Lifetime, Scope, StaticAddress, VirtualAddress};
pub use self::global::{Fifo, Firewall, Global, Mail, MailSecurity, NotifyFifo, ServiceScript};
pub use self::instance::{
    Authentication, ExtraInterfaces, Family, GratuitousArp, Instance, Notify, OldChecksum, OnVipLost, Options, Peer,
    Script, StartState, Version,
};
pub use self::probe::{Prefix, Probe, ProbeTarget};
pub use self::rare::Rare;
pub use self::route::{
    CongestionControl, MetricKind, NextHop, Placement, Route, RouteKind, RouteMetric, RouterPreference, Rule,
    RuleAction, TrackGroup,
};
pub use self::tracker::{
    GarpGroup, SyncGroup, TrackFile, TrackProcess, TrackedBy, Tracks, UpDownDelay, VrrpScript, Weight,
};
pub use self::virtual_mac::{Ipvlan, IpvlanMode, MacAddress, MacChoice, VirtualMac};
use crate::source::Span;

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// `net_namespace` and `instance`
    pub home: Home,
    /// `global_defs`
    pub global: Global,
    /// `vrrp_instance`, in the order of the file. Who runs one holds on to it, beyond a reload, without a copy.
    pub instances: Vec<Arc<Instance>>,
    /// `vrrp_sync_group`, in the order of the file.
    pub sync_groups: Vec<SyncGroup>,
    /// `vrrp_script`
    pub scripts: Vec<VrrpScript>,
    /// `track_file`
    pub track_files: Vec<TrackFile>,
    /// `vrrp_track_process`
    pub track_processes: Vec<TrackProcess>,
    /// `vrrp_probe`
    pub probes: Vec<Probe>,
    /// `static_ipaddress`
    pub static_addresses: Vec<StaticAddress>,
    /// `static_routes`
    pub static_routes: Vec<Route>,
    /// `static_rules`
    pub static_rules: Vec<Rule>,
    /// `track_group`
    pub track_groups: Vec<TrackGroup>,
    /// `garp_group`
    pub garp_groups: Vec<GarpGroup>,
    /// `interface_up_down_delays`
    pub up_down_delays: Vec<UpDownDelay>,
}

impl Model {
    /// The instance of this name.
    #[must_use]
    pub fn instance(&self, name: &str) -> Option<&Arc<Instance>> {
        self.instances.iter().find(|instance| instance.name.value == name)
    }
}

/// Where the service runs, and what it is called among several on the machine. Read at the start only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// `net_namespace`: fit for a file name. `None`: where it is started.
    pub net_namespace: Option<Setting<String>>,
    /// `instance`: fit for a file name. `None`: it is the only one.
    pub instance: Option<Setting<String>>,
}

/// A value, and where it was written. Equal when the values are.
#[derive(Clone, Copy, Default)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it stands; `None` for a default.
    pub at: Option<Span>,
}

impl<T> Setting<T> {
    /// A value that nobody wrote.
    pub const fn implied(value: T) -> Self {
        Self { value, at: None }
    }

    pub(crate) const fn written(value: T, at: Span) -> Self {
        Self { value, at: Some(at) }
    }

    /// Whether the file says so, rather than a default.
    pub const fn is_written(&self) -> bool {
        self.at.is_some()
    }
}

impl<T> Deref for Setting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Setting<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: PartialEq> PartialEq for Setting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Setting<T> {}

/// Where something stands. Any two are equal: what is said counts, not where.
#[derive(Clone, Copy, Debug)]
pub struct At(pub Span);

impl PartialEq for At {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for At {}

impl Deref for At {
    type Target = Span;

    fn deref(&self) -> &Span {
        &self.0
    }
}

/// A password. Shown nowhere: neither `Debug` nor `Display` nor serialisation give it away.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The password itself, for the one place that puts it into adverts.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The eight bytes that a VRRPv2 advert carries (RFC 2338 section 5.3.10): cut off after eight, filled up with zeros.
    #[must_use]
    pub fn vrrp2_data(&self) -> [u8; 8] {
        let mut data = [0; 8];
        for (to, from) in data.iter_mut().zip(self.0.bytes()) {
            *to = from;
        }
        data
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("********")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_itself_to_nobody() {
        let secret = Secret::new("admin123456");
        assert!(!format!("{secret:?} {secret}").contains("admin"));
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"********\"");
        assert_eq!(&secret.vrrp2_data(), b"admin123");
        assert_eq!(&Secret::new("abc").vrrp2_data(), b"abc\0\0\0\0\0");
    }
}
