//! `vrrp_instance`

use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use super::{At, Ipvlan, Rare, Route, Rule, Secret, Setting, Tracks, VirtualAddress, VirtualMac};

/// A virtual router as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its name.
    pub name: Setting<String>,
    /// Its configuration has an error: it must not run, and the diagnostics about it are the cause.
    pub broken: bool,
    /// `state`. `Backup` also where `nopreempt` overrides `state MASTER`.
    pub start_state: Setting<StartState>,
    /// `interface`. A unicast instance may have none.
    pub interface: Option<Setting<String>>,
    /// `vrf`
    pub vrf: Rare<Option<Setting<String>>>,
    /// `virtual_router_id`, 1 to 255; 0 only in a broken instance.
    pub vrid: Setting<u8>,
    /// `priority`: the base priority, 1 to 255.
    pub priority: Setting<u8>,
    /// `version`
    pub version: Setting<Version>,
    /// The family of the VIPs and peers, or `native_ipv6`.
    pub family: Family,
    /// `advert_int`, as the version carries it: whole seconds in version 2.
    pub advert_interval_cs: Setting<u16>,
    /// `preempt` or `nopreempt`
    pub preempt: Setting<bool>,
    /// `authentication`
    pub authentication: Authentication,
    /// `unicast_src_ip` or `mcast_src_ip`
    pub source_address: Option<Setting<IpAddr>>,
    /// `mcast_dst_ip`, else the group of `global_defs`. Without meaning when there are unicast peers.
    pub multicast_group: Setting<IpAddr>,
    /// `unicast_peer`. Empty means multicast.
    pub peers: Rare<Vec<Setting<Peer>>>,
    /// `virtual_ipaddress`
    pub addresses: Vec<VirtualAddress>,
    /// `virtual_ipaddress_excluded`
    pub excluded_addresses: Rare<Vec<VirtualAddress>>,
    /// `virtual_routes`
    pub routes: Rare<Vec<Route>>,
    /// `virtual_rules`
    pub rules: Rare<Vec<Rule>>,
    /// `use_vmac`
    pub virtual_mac: Option<Box<VirtualMac>>,
    /// `use_ipvlan`
    pub ipvlan: Option<Box<Ipvlan>>,
    /// `track_interface`, `track_script`, …
    pub tracks: Rare<Tracks>,
    /// `notify`, `notify_master`, …
    pub notify: Rare<Notify>,
    /// What is the same for most instances; read through the instance, as its own fields are.
    pub options: Arc<Options>,
    /// The block's keyword and name: where the instance is.
    pub at: At,
}

impl Instance {
    /// Whether adverts go to peers instead of a multicast group.
    #[must_use]
    pub fn is_unicast(&self) -> bool {
        !self.peers.is_empty() || self.fault_without_peer.value
    }

    /// Its options, to be changed: no longer those of the others.
    pub fn options_mut(&mut self) -> &mut Options {
        Arc::make_mut(&mut self.options)
    }

    /// Marks one as [`Instance::broken`]. While a configuration is read, nobody else has it yet.
    pub(crate) fn hold(this: &mut Arc<Self>) {
        let only = Arc::get_mut(this);
        debug_assert!(only.is_some(), "an instance that others have already");
        if let Some(instance) = only {
            instance.broken = true;
        }
    }
}

impl Deref for Instance {
    type Target = Options;

    fn deref(&self) -> &Options {
        &self.options
    }
}

/// Settings that hardly any instance writes itself: those that write none of them have the same ones, in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// `down_timer_adverts`
    pub down_timer_adverts: Setting<u8>,
    /// `preempt_delay`
    pub preempt_delay_ms: Setting<u32>,
    /// `strict_mode`
    pub strict: Setting<bool>,
    /// `accept` or `no_accept`
    pub accept: Setting<bool>,
    /// `unicast_fault_no_peer`
    pub fault_without_peer: Setting<bool>,
    /// `check_unicast_src`, also on when a peer has TTL bounds.
    pub check_unicast_source: Setting<bool>,
    /// `unicast_ttl`
    pub unicast_ttl: Setting<u8>,
    /// `skip_check_adv_addr`
    pub skip_check_advert_addresses: Setting<bool>,
    /// `lower_prio_no_advert`
    pub lower_priority_no_advert: Setting<bool>,
    /// `higher_prio_send_advert`
    pub higher_priority_send_advert: Setting<bool>,
    /// `owner_ignore_adverts`
    pub owner_ignore_adverts: Setting<bool>,
    /// `v3_checksum_as_v2`
    pub v3_checksum_as_v2: Setting<bool>,
    /// `promote_secondaries`
    pub promote_secondaries: Setting<bool>,
    /// Gratuitous ARP and unsolicited neighbour advertisements.
    pub garp: GratuitousArp,
    /// `use_vmac_addr`: VIPs on other interfaces get a macvlan there.
    pub virtual_mac_for_addresses: Setting<bool>,
    /// `vmac_xmit_base`: adverts go through the interface below the macvlan. Always so with unicast peers.
    pub transmit_on_base: Setting<bool>,
    /// `timer_expired_backup`: after a stall it goes to BACKUP, unless its priority is above this one.
    pub timer_expired_backup: Option<Setting<Option<u8>>>,
    /// `on_vip_lost`
    pub on_vip_lost: Setting<OnVipLost>,
    /// `old_unicast_checksum`
    pub old_unicast_checksum: Setting<OldChecksum>,
    /// `dont_track_primary`
    pub ignore_own_link: Setting<bool>,
    /// `track_src_ip`
    pub track_source_address: Setting<bool>,
    /// `smtp_alert`
    pub smtp_alert: Setting<bool>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            down_timer_adverts: Setting::implied(3),
            preempt_delay_ms: Setting::implied(0),
            strict: Setting::implied(false),
            accept: Setting::implied(true),
            fault_without_peer: Setting::implied(false),
            check_unicast_source: Setting::implied(false),
            unicast_ttl: Setting::implied(255),
            skip_check_advert_addresses: Setting::implied(false),
            lower_priority_no_advert: Setting::implied(false),
            higher_priority_send_advert: Setting::implied(false),
            owner_ignore_adverts: Setting::implied(false),
            v3_checksum_as_v2: Setting::implied(false),
            promote_secondaries: Setting::implied(false),
            garp: GratuitousArp {
                master_repeat: Setting::implied(5),
                master_delay_s: Setting::implied(5),
                refresh_s: Setting::implied(0),
                refresh_repeat: Setting::implied(1),
                lower_priority_repeat: Setting::implied(5),
                lower_priority_delay_s: Setting::implied(5),
                extra_interfaces: Setting::implied(ExtraInterfaces::default()),
            },
            virtual_mac_for_addresses: Setting::implied(false),
            transmit_on_base: Setting::implied(false),
            timer_expired_backup: None,
            on_vip_lost: Setting::implied(OnVipLost::Restore),
            old_unicast_checksum: Setting::implied(OldChecksum::WhenHeard),
            ignore_own_link: Setting::implied(false),
            track_source_address: Setting::implied(false),
            smtp_alert: Setting::implied(false),
        }
    }
}

/// The state an instance starts in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartState {
    /// As soon as nobody else is heard; at once with priority 255.
    Master,
    /// Listens first.
    #[default]
    Backup,
}

/// The protocol version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// RFC 3768
    #[default]
    V2,
    /// RFC 9568
    V3,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2 => "VRRPv2",
            Self::V3 => "VRRPv3",
        })
    }
}

/// The address family of a virtual router. It is part of its identity beside VRID and interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4
    #[default]
    V4,
    /// IPv6
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// `authentication`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// None.
    #[default]
    None,
    /// `auth_type PASS`: a password in clear text (RFC 2338 section 5.3.6).
    Password(Setting<Secret>),
    /// `auth_type AH`: IPsec authentication header. The instance is broken.
    AuthenticationHeader(Option<Setting<Secret>>),
}

/// A line of `unicast_peer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: IpAddr,
    /// `min_ttl`
    pub min_ttl: Option<u8>,
    /// `max_ttl`
    pub max_ttl: Option<u8>,
}

/// When addresses are announced by gratuitous ARP (IPv4) and unsolicited neighbour advertisements (IPv6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GratuitousArp {
    /// `garp_master_repeat`: packets per VIP on becoming MASTER.
    pub master_repeat: Setting<u32>,
    /// `garp_master_delay`: the second round, so long after; 0 for none.
    pub master_delay_s: Setting<u32>,
    /// `garp_master_refresh`: interval of further rounds; 0 for none.
    pub refresh_s: Setting<u32>,
    /// `garp_master_refresh_repeat`: packets per VIP at each.
    pub refresh_repeat: Setting<u32>,
    /// `garp_lower_prio_repeat`: packets per VIP after a lower priority was heard while MASTER; 0 for none.
    pub lower_priority_repeat: Setting<u32>,
    /// `garp_lower_prio_delay`: the second round after that; 0 for none.
    pub lower_priority_delay_s: Setting<u32>,
    /// `garp_extra_if`
    pub extra_interfaces: Setting<ExtraInterfaces>,
}

/// `garp_extra_if`: announcements from time to time on the other interfaces that carry VIPs, so that switches do not forget
/// where their MAC addresses are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExtraInterfaces {
    /// `all`: on all of them. Otherwise on macvlans only.
    pub all: bool,
    /// Time between two announcements; 0 for none.
    pub interval_s: u32,
}

/// `old_unicast_checksum`: the checksum of VRRPv3 unicast adverts as keepalived before 1.3.7 made it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OldChecksum {
    /// Taken where a peer sends it.
    #[default]
    WhenHeard,
    /// Sent from the start.
    Always,
    /// `never`: not even taken.
    Never,
}

/// `on_vip_lost`: what a master does when somebody takes away what it has in the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnVipLost {
    /// Puts it back, and stands back for a while from somebody who takes it away again and again.
    #[default]
    Restore,
    /// Hands over at the first time, and stands back for a while.
    Yield,
    /// Goes to FAULT at the first time, and tries again later.
    Fault,
}

/// A command with its arguments and the user that it runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Program and arguments, quotes and escapes resolved. Never empty.
    pub words: Vec<String>,
    /// User, when one is named.
    pub user: Option<String>,
    /// Group, when one is named.
    pub group: Option<String>,
}

/// Who is told about transitions. Boxed, because most instances of a large configuration tell nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// `notify_master`
    pub master: Option<Box<Setting<Script>>>,
    /// `notify_backup`
    pub backup: Option<Box<Setting<Script>>>,
    /// `notify_fault`
    pub fault: Option<Box<Setting<Script>>>,
    /// `notify_stop`
    pub stop: Option<Box<Setting<Script>>>,
    /// `notify_deleted`; `Some(None)` when it stands without a script.
    pub deleted: Option<Box<Setting<Option<Script>>>>,
    /// `notify`
    pub any: Option<Box<Setting<Script>>>,
    /// `notify_master_rx_lower_pri`
    pub master_heard_lower: Option<Box<Setting<Script>>>,
    /// `notify_priority_changes`
    pub priority_changes: Setting<bool>,
}

/// What instances take over from `global_defs` where they say nothing themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Defaults {
    pub(crate) garp_master_repeat: Option<Setting<u32>>,
    pub(crate) garp_master_delay_s: Option<Setting<u32>>,
    pub(crate) garp_refresh_s: Option<Setting<u32>>,
    pub(crate) garp_refresh_repeat: Option<Setting<u32>>,
    pub(crate) garp_lower_priority_repeat: Option<Setting<u32>>,
    pub(crate) garp_lower_priority_delay_s: Option<Setting<u32>>,
    pub(crate) extra_interfaces: Option<Setting<ExtraInterfaces>>,
    pub(crate) down_timer_adverts: Option<Setting<u8>>,
    pub(crate) lower_priority_no_advert: Option<Setting<bool>>,
    pub(crate) higher_priority_send_advert: Option<Setting<bool>>,
    pub(crate) owner_ignore_adverts: Option<Setting<bool>>,
    pub(crate) skip_check_advert_addresses: Option<Setting<bool>>,
    pub(crate) v3_checksum_as_v2: Option<Setting<bool>>,
    pub(crate) notify_priority_changes: Option<Setting<bool>>,
    pub(crate) smtp_alert: Option<Setting<bool>>,
    pub(crate) smtp_alert_vrrp: Option<Setting<bool>>,
}
