//! `global_defs`

use std::net::{Ipv4Addr, Ipv6Addr};

use super::instance::Defaults;
use super::{Script, Setting, Version};

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
    /// `vrrp_cpu_affinity`: the CPUs that the engine may use. Empty: all.
    pub cpu_affinity: Vec<u16>,
    /// `vmac_prefix`: what names of macvlans start with.
    pub vmac_prefix: Setting<String>,
    /// `vmac_addr_prefix`: the same for macvlans on other interfaces than the instance's; `vmac_prefix` when not written.
    pub vmac_address_prefix: Setting<String>,
    /// `disable_local_igmp`: macvlans do not report multicast groups.
    pub disable_local_igmp: Setting<bool>,
    /// `nftables`, `vrrp_iptables`, `vrrp_ipsets`
    pub firewall: Firewall,
    /// `script_user`: user and group.
    pub script_user: Option<Setting<(String, Option<String>)>>,
    /// `enable_script_security`
    pub script_security: Setting<bool>,
    /// `use_symlink_paths`: paths of scripts are used as they are written, symbolic links and all.
    pub symlink_paths: Setting<bool>,
    /// `set_supplementary_groups`: scripts get the supplementary groups of their user.
    pub supplementary_groups: Setting<bool>,
    /// `notify_timeout`, locum's own: how long a notify script may run before it is killed.
    pub notify_timeout_ms: Setting<u32>,
    /// `startup_script`
    pub startup: ServiceScript,
    /// `shutdown_script`
    pub shutdown: ServiceScript,
    /// Mail.
    pub mail: Mail,
    /// `notify_fifo` and `notify_fifo_script`
    pub notify_fifo: NotifyFifo,
    /// `vrrp_notify_fifo` and `vrrp_notify_fifo_script`
    pub vrrp_notify_fifo: NotifyFifo,
    /// `fifo_write_vrrp_states_on_reload`
    pub fifo_states_on_reload: Setting<bool>,
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
            cpu_affinity: Vec::new(),
            vmac_prefix: Setting::implied("vrrp".to_owned()),
            vmac_address_prefix: Setting::implied("vrrp".to_owned()),
            disable_local_igmp: Setting::default(),
            firewall: Firewall::default(),
            script_user: None,
            script_security: Setting::default(),
            symlink_paths: Setting::default(),
            supplementary_groups: Setting::default(),
            notify_timeout_ms: Setting::implied(60_000),
            startup: ServiceScript::default(),
            shutdown: ServiceScript::default(),
            mail: Mail::default(),
            notify_fifo: NotifyFifo::default(),
            vrrp_notify_fifo: NotifyFifo::default(),
            fifo_states_on_reload: Setting::default(),
            instance_defaults: Defaults::default(),
        }
    }
}

/// `startup_script` or `shutdown_script`: run once, and waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceScript {
    /// The command. `None`: nothing is run.
    pub script: Option<Setting<Script>>,
    /// `startup_script_timeout`, `shutdown_script_timeout`: after it the script is killed.
    pub timeout_s: Setting<u32>,
}

impl Default for ServiceScript {
    fn default() -> Self {
        Self { script: None, timeout_s: Setting::implied(10) }
    }
}

/// A FIFO that transitions are written to, and the script that reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifyFifo {
    /// The FIFO. `None`: nothing is written, and the script is not run.
    pub fifo: Option<Setting<Fifo>>,
    /// The script; it gets the path of the FIFO as its last argument.
    pub script: Option<Setting<Script>>,
}

/// A FIFO in the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fifo {
    /// Its path.
    pub path: String,
    /// Who owns it, when one is named; the user of scripts otherwise.
    pub user: Option<String>,
    /// Its group, when one is named.
    pub group: Option<String>,
}

/// How and to whom mail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// `notification_email`
    pub to: Vec<Setting<String>>,
    /// `notification_email_from`
    pub from: Option<Setting<String>>,
    /// `smtp_server`: host and port; the port is 25, or 465 with `smtp_security tls`, when none is written.
    pub server: Option<Setting<(String, u16)>>,
    /// `smtp_helo_name`
    pub helo_name: Option<Setting<String>>,
    /// `smtp_connect_timeout`; 30 s when not written.
    pub connect_timeout_ms: Setting<u32>,
    /// `no_email_faults`
    pub no_faults: Setting<bool>,
    /// `smtp_user`, locum's own: the name to log in with.
    pub user: Option<Setting<String>>,
    /// `smtp_password_file`, locum's own: a file whose first line is the password.
    pub password_file: Option<Setting<String>>,
    /// `smtp_security`, locum's own.
    pub security: Setting<MailSecurity>,
    /// `smtp_ca_file`, locum's own: the certificates to trust, in PEM. `None`: those of the system.
    pub ca_file: Option<Setting<String>>,
    /// `smtp_digest`, locum's own: transitions within so many seconds after a mail come in one mail; 0 for a mail each.
    pub digest_s: Setting<u32>,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            to: Vec::new(),
            from: None,
            server: None,
            helo_name: None,
            connect_timeout_ms: Setting::implied(30_000),
            no_faults: Setting::default(),
            user: None,
            password_file: None,
            security: Setting::default(),
            ca_file: None,
            digest_s: Setting::implied(60),
        }
    }
}

/// `smtp_security`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailSecurity {
    /// In clear, as keepalived does.
    #[default]
    None,
    /// TLS after STARTTLS (RFC 3207); without it no mail is sent.
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Tls,
}

/// What writes firewall rules for `no_accept` and virtual MACs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firewall {
    /// `nftables`: its table.
    pub nftables: Option<Setting<String>>,
    /// `nftables_priority`: priority of its chains.
    pub nftables_priority: Setting<i32>,
    /// `nftables_counters`
    pub nftables_counters: Setting<bool>,
    /// `nftables_ifindex`
    pub nftables_ifindex: Setting<bool>,
    /// `vrrp_iptables`: the chain for incoming packets, and that for outgoing ones.
    pub iptables: Option<Setting<(String, Option<String>)>>,
    /// `vrrp_ipsets`: names of sets, as far as they are written.
    pub ipsets: Vec<Setting<String>>,
}

impl Default for Firewall {
    fn default() -> Self {
        Self {
            nftables: None,
            nftables_priority: Setting::implied(-1),
            nftables_counters: Setting::default(),
            nftables_ifindex: Setting::default(),
            iptables: None,
            ipsets: Vec::new(),
        }
    }
}
