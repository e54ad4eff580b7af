//! What a configuration says, with every default filled in: plain values for the service to act on.
//!
//! Two models are equal when they mean the same; where the values were written does not count. A reload compares models.

mod address;
mod instance;
mod tracker;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Deref;

pub use self::address::{Broadcast, Lifetime, Scope, StaticAddress, VirtualAddress};
pub use self::instance::{
    Authentication, Family, GratuitousArp, Instance, Notify, Peer, Script, StartState, Version, VirtualMac,
};
pub use self::tracker::{SyncGroup, TrackFile, TrackProcess, TrackedBy, Tracks, UpDownDelay, VrrpScript, Weight};
use crate::source::Span;

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// `global_defs`
    pub global: Global,
    /// `vrrp_instance`, in the order of the file.
    pub instances: Vec<Instance>,
    /// `vrrp_sync_group`, in the order of the file.
    pub sync_groups: Vec<SyncGroup>,
    /// `vrrp_script`
    pub scripts: Vec<VrrpScript>,
    /// `track_file`
    pub track_files: Vec<TrackFile>,
    /// `vrrp_track_process`
    pub track_processes: Vec<TrackProcess>,
    /// `static_ipaddress`
    pub static_addresses: Vec<StaticAddress>,
    /// `interface_up_down_delays`
    pub up_down_delays: Vec<UpDownDelay>,
}

impl Model {
    /// The instance of this name.
    #[must_use]
    pub fn instance(&self, name: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.name.value == name)
    }
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

/// `global_defs`: what holds for the service as a whole. Defaults for instances are worked into the instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Global {
    /// `router_id`; without it the host name is meant.
    pub router_id: Option<Setting<String>>,
    /// `vrrp_version`
    pub version: Option<Setting<Version>>,
    /// `vrrp_mcast_group4`
    pub multicast_group4: Setting<Ipv4Addr>,
    /// `vrrp_mcast_group6`
    pub multicast_group6: Setting<Ipv6Addr>,
    /// `default_interface`
    pub default_interface: Option<Setting<String>>,
    /// `vrrp_strict`
    pub strict: Setting<bool>,
    /// `vrrp_check_unicast_src`
    pub check_unicast_source: Setting<bool>,
    /// `vrrp_startup_delay`
    pub startup_delay_ms: Setting<u32>,
    /// `vrrp_delay_after_boot`
    pub delay_after_boot_ms: Setting<u32>,
    /// `vrrp_garp_interval`: least time between two gratuitous ARP packets on an interface.
    pub garp_interval_us: Setting<u32>,
    /// `vrrp_gna_interval`: the same for unsolicited neighbour advertisements.
    pub gna_interval_us: Setting<u32>,
    /// `vrrp_rt_priority`: SCHED_RR priority of the engine, 1 to 99.
    pub realtime_priority: Option<Setting<u8>>,
    /// `vrrp_priority`: nice value of the engine, -20 to 19.
    pub nice: Option<Setting<i8>>,
    /// `vrrp_no_swap`
    pub no_swap: Setting<bool>,
    /// `script_user`: user and group.
    pub script_user: Option<Setting<(String, Option<String>)>>,
    /// `enable_script_security`
    pub script_security: Setting<bool>,
    /// Mail.
    pub mail: Mail,
    /// `notify_fifo` and `vrrp_notify_fifo`, with the scripts that read them.
    pub notify_fifos: Vec<Setting<String>>,
    /// Defaults that instances take over.
    pub(crate) instance_defaults: Defaults,
}

impl Default for Global {
    fn default() -> Self {
        Self {
            router_id: None,
            version: None,
            multicast_group4: Setting::implied(Ipv4Addr::new(224, 0, 0, 18)),
            multicast_group6: Setting::implied(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12)),
            default_interface: None,
            strict: Setting::default(),
            check_unicast_source: Setting::default(),
            startup_delay_ms: Setting::default(),
            delay_after_boot_ms: Setting::default(),
            garp_interval_us: Setting::default(),
            gna_interval_us: Setting::default(),
            realtime_priority: None,
            nice: None,
            no_swap: Setting::default(),
            script_user: None,
            script_security: Setting::default(),
            mail: Mail::default(),
            notify_fifos: Vec::new(),
            instance_defaults: Defaults::default(),
        }
    }
}

/// How and to whom mail goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// `notification_email`
    pub to: Vec<Setting<String>>,
    /// `notification_email_from`
    pub from: Option<Setting<String>>,
    /// `smtp_server`: host and port.
    pub server: Option<Setting<(String, u16)>>,
    /// `smtp_helo_name`
    pub helo_name: Option<Setting<String>>,
    /// `smtp_connect_timeout`
    pub connect_timeout_ms: Option<Setting<u32>>,
    /// `no_email_faults`
    pub no_faults: Setting<bool>,
}

pub(crate) use self::instance::Defaults;

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
