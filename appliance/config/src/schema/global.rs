//! `global_defs { … }`

use super::{
    Arg, Keyword, Kind, NONE, OWN, Place, SCRIPT_ARGS, SWITCH, WORDS, any, decimal_seconds, int, no_effect, one,
    optional, outside, renamed, seconds, supported,
};

/// `global_defs`
pub static GLOBAL_DEFS: Place = Place::new("global_defs", KEYWORDS);

/// `notification_email { … }`
static EMAILS: Place = Place::names("notification_email", any("ADDRESS", Kind::Word));

const BYTES: &[Arg] = &[one("BYTES", int(1, i32::MAX as i64))];
const REPEAT: &[Arg] = &[one("COUNT", int(0, 1_000_000))];
const DELAY: &[Arg] = &[one("SECONDS", seconds(0, 4_294))];
const PATH: &[Arg] = &[one("PATH", Kind::Word)];
const FIFO: &[Arg] = &[one("PATH", Kind::Word), optional("USER", Kind::Word), optional("GROUP", Kind::Word)];
const NICE: &[Arg] = &[one("NICE", int(-20, 19))];
const REALTIME: &[Arg] = &[one("PRIORITY", int(1, 99))];
const ADDRESS: &[Arg] = &[one("ADDRESS", Kind::Address)];

const ONE_PROCESS: &str = "locum is one process and needs no such setting";
const NO_IPVS: &str = "IPVS is left alone";
const NO_SNMP: &str = "there is no SNMP agent; `locum show --json` and `locum metrics` have the figures";
const NO_DBUS: &str = "there is no D-Bus service; the control socket has all of it";
const NFTABLES: &str = "locum uses nftables, in a table of its own";
const BUFFERS: &str = "receive buffers are sized by locum, and an overrun is followed by a full resynchronisation";
const SOCKET_INSTEAD: &str = "no state files are written; the control socket has all of it";
const RELOAD: &str = "a reload always checks the new configuration first and keeps the old one if it has errors";

#[rustfmt::skip] // a row a keyword
static KEYWORDS: &[Keyword] = &[
    // VRRP.
    supported("router_id", "1.1.8", &[one("NAME", Kind::Word)], "The name of this router in messages and mails.").default("the host name"),
    supported("vrrp_version", "1.2.20", &[one("2|3", int(2, 3))], "VRRP version of instances that do not say.").default("2; 3 with IPv6 addresses"),
    supported("vrrp_mcast_group4", "1.2.10", ADDRESS, "Multicast group of IPv4 adverts.").default("224.0.0.18"),
    supported("vrrp_mcast_group6", "1.2.10", ADDRESS, "Multicast group of IPv6 adverts.").default("ff02::12"),
    supported("default_interface", "1.2.24", &[one("INTERFACE", Kind::Interface)], "The interface of static addresses, and of VIPs of unicast instances that name none.").default("eth0"),
    supported("vrrp_garp_master_delay", "1.2.20", DELAY, "garp_master_delay of instances that do not say.").default("5"),
    supported("vrrp_garp_master_repeat", "1.2.20", REPEAT, "garp_master_repeat of instances that do not say.").default("5"),
    supported("vrrp_garp_master_refresh", "1.2.20", &[one("SECONDS", seconds(0, 4_294_967))], "garp_master_refresh of instances that do not say.").default("0"),
    supported("vrrp_garp_master_refresh_repeat", "1.2.20", REPEAT, "garp_master_refresh_repeat of instances that do not say.").default("1"),
    supported("vrrp_garp_lower_prio_delay", "1.2.20", DELAY, "garp_lower_prio_delay of instances that do not say.").default("vrrp_garp_master_delay"),
    supported("vrrp_garp_lower_prio_repeat", "1.2.20", REPEAT, "garp_lower_prio_repeat of instances that do not say.").default("vrrp_garp_master_repeat"),
    supported("vrrp_garp_interval", "1.2.21", &[one("SECONDS", decimal_seconds(0, 1))], "Least time between two gratuitous ARP packets on an interface.").default("0"),
    supported("vrrp_gna_interval", "1.2.21", &[one("SECONDS", decimal_seconds(0, 1))], "Least time between two unsolicited neighbour advertisements on an interface.").default("0"),
    supported("vrrp_min_garp", "2.0.12", SWITCH, "One gratuitous ARP packet, no second round.").default("off"),
    supported("vrrp_garp_extra_if", "2.2.3", &[optional("all", Kind::Choice(&["all"])), one("SECONDS", seconds(0, 86_400))], "garp_extra_if of instances that do not say."),
    renamed("vrrp_vmac_garp_intvl", "2.2.0", "vrrp_garp_extra_if"),
    supported("vrrp_lower_prio_no_advert", "1.2.20", SWITCH, "lower_prio_no_advert of instances that do not say.").default("off"),
    supported("vrrp_higher_prio_send_advert", "1.3.5", SWITCH, "higher_prio_send_advert of instances that do not say.").default("off"),
    supported("vrrp_down_timer_adverts", "2.2.3", &[one("COUNT", int(1, 100))], "down_timer_adverts of instances that do not say.").default("3"),
    supported("vrrp_owner_ignore_adverts", "2.3.3", SWITCH, "owner_ignore_adverts of instances that do not say."),
    supported("vrrp_check_unicast_src", "1.2.20", SWITCH, "check_unicast_src of all unicast instances.").default("off"),
    supported("vrrp_skip_check_adv_addr", "1.2.20", SWITCH, "skip_check_adv_addr of instances that do not say.").default("off"),
    supported("vrrp_strict", "1.2.20", SWITCH, "strict_mode of instances that do not say: no unicast, no authentication, and more.").default("off"),
    supported("v3_checksum_as_v2", "2.2.8", SWITCH, "v3_checksum_as_v2 of instances that do not say.").default("off"),
    supported("vrrp_startup_delay", "2.0.14", &[one("SECONDS", decimal_seconds(0, 1_000))], "Wait after the start before any instance takes part.").default("0"),
    supported("vrrp_delay_after_boot", "2.4.0", &[one("SECONDS", decimal_seconds(0, 1_000))], "Wait after the boot of the system before any instance takes part."),
    no_effect("log_unknown_vrids", "2.0.16", NONE, "Logs adverts of VRIDs that are not configured.", "unknown VRIDs are always counted and shown"),
    no_effect("dynamic_interfaces", "2.0.0", &[optional("allow_if_changes", Kind::Choice(&["allow_if_changes"]))], "Interfaces may come and go.", "interfaces may always come and go"),
    supported("vmac_prefix", "2.2.0", &[one("TEXT", Kind::Word)], "Prefix of the names of macvlans."),
    supported("vmac_addr_prefix", "2.2.0", &[one("TEXT", Kind::Word)], "Prefix of the names of macvlans for VIPs."),
    no_effect("disable_local_igmp", "2.2.0", NONE, "Keeps macvlans from reporting multicast groups.", "groups are joined on the interface below, never on a macvlan"),
    // How the process runs.
    supported("vrrp_rt_priority", "2.0.0", REALTIME, "Real-time priority (SCHED_RR) of the engine thread.").default("none"),
    supported("vrrp_no_swap", "1.2.20", NONE, "Keeps the process in memory."),
    supported("vrrp_priority", "1.2.20", NICE, "Nice value of the engine thread.").default("0"),
    supported("vrrp_cpu_affinity", "2.0.17", &[any("CPU", int(0, 4_095))], "CPUs that the engine may use."),
    no_effect("vrrp_rlimit_rttime", "2.1.0", &[one("MICROSECONDS", int(2, i64::MAX))], "Limit of real-time computing without a pause.", "the engine's work is bounded, and a limit would kill it when there is most to do"),
    renamed("vrrp_rlimit_rtime", "2.0.0", "vrrp_rlimit_rttime"),
    no_effect("max_auto_priority", "2.1.0", &[optional("PRIORITY", int(-1, 99))], "Raises the process's priority when it runs late.", "set vrrp_rt_priority to have it from the start"),
    no_effect("min_auto_priority_delay", "2.1.0", &[one("MICROSECONDS", int(1, 10_000_000))], "When keepalived counts as late.", "set vrrp_rt_priority to have a real-time priority from the start"),
    no_effect("vrrp_rx_bufs_policy", "2.0.3", &[optional("MTU|ADVERT|BYTES", Kind::Word)], "Size of receive buffers.", BUFFERS),
    no_effect("vrrp_rx_bufs_multiplier", "2.0.3", &[one("COUNT", int(1, 65_535))], "Size of receive buffers.", BUFFERS),
    no_effect("vrrp_netlink_cmd_rcv_bufs", "2.0.0", BYTES, "Netlink buffer.", BUFFERS),
    no_effect("vrrp_netlink_cmd_rcv_bufs_force", "2.0.0", SWITCH, "Netlink buffer.", BUFFERS),
    no_effect("vrrp_netlink_monitor_rcv_bufs", "2.0.0", BYTES, "Netlink buffer.", BUFFERS),
    no_effect("vrrp_netlink_monitor_rcv_bufs_force", "2.0.0", SWITCH, "Netlink buffer.", BUFFERS),
    no_effect("process_monitor_rcv_bufs", "2.0.11", BYTES, "Process event buffer.", BUFFERS),
    no_effect("process_monitor_rcv_bufs_force", "2.0.11", SWITCH, "Process event buffer.", BUFFERS),
    no_effect("process_names", "2.0.16", NONE, "Names of keepalived's processes.", ONE_PROCESS),
    no_effect("process_name", "2.0.16", &[one("NAME", Kind::Word)], "Names of keepalived's processes.", ONE_PROCESS),
    no_effect("vrrp_process_name", "2.0.16", &[one("NAME", Kind::Word)], "Names of keepalived's processes.", ONE_PROCESS),
    no_effect("checker_process_name", "2.2.0", &[one("NAME", Kind::Word)], "Names of keepalived's processes.", ONE_PROCESS),
    no_effect("lvs_process_name", "2.0.16", &[one("NAME", Kind::Word)], "Names of keepalived's processes.", ONE_PROCESS),
    no_effect("bfd_process_name", "2.0.16", &[one("NAME", Kind::Word)], "Names of keepalived's processes.", ONE_PROCESS),
    no_effect("umask", "2.0.9", WORDS, "Permissions of files that keepalived writes.", "locum's run directory is for its own user only"),
    no_effect("tmp_config_directory", "2.2.0", PATH, "Where keepalived copies its configuration.", "no copy is made"),
    no_effect("config_save_dir", "2.2.3", PATH, "Where keepalived saves configurations to find its own faults.", "no copy is made"),
    no_effect("random_seed", "2.0.15", &[one("SEED", int(0, u32::MAX as i64))], "Seed of ${_RANDOM}.", "${_RANDOM} is not supported"),
    no_effect("iproute_usr_dir", "2.3.2", PATH, "Where iproute2's name tables stand.", "they are looked for in the usual places"),
    no_effect("iproute_etc_dir", "2.3.2", PATH, "Where iproute2's name tables stand.", "they are looked for in the usual places"),
    // Mail.
    supported("notification_email", "0.5.3", NONE, "Who gets mail.").opens(&EMAILS),
    supported("notification_email_from", "0.5.3", &[one("ADDRESS", Kind::Word)], "Sender of mail.").default("keepalived@HOST"),
    supported("smtp_server", "0.5.3", &[one("HOST", Kind::Word), optional("PORT", int(1, 65_535))], "The mail relay."),
    supported("smtp_helo_name", "1.2.20", &[one("NAME", Kind::Word)], "Our name towards the relay.").default("the host name"),
    supported("smtp_connect_timeout", "0.5.3", &[one("SECONDS", decimal_seconds(0, 86_400))], "How long the relay may take.").default("30"),
    supported("smtp_alert", "2.0.0", SWITCH, "smtp_alert of all that does not say.").default("off"),
    supported("smtp_alert_vrrp", "2.0.0", SWITCH, "smtp_alert of instances and groups that do not say.").default("smtp_alert"),
    supported("no_email_faults", "2.0.0", NONE, "No mail about FAULT."),
    supported("smtp_user", OWN, &[one("NAME", Kind::Word)], "The name to log in to the relay with.").default("no login"),
    supported("smtp_password_file", OWN, PATH, "A file that only root can read and whose first line is the password for the relay."),
    supported("smtp_security", OWN, &[one("none|starttls|tls", Kind::Choice(&["none", "starttls", "tls"]))], "Whether mail is sent over TLS: by STARTTLS, or from the first byte (port 465).").default("none"),
    supported("smtp_ca_file", OWN, PATH, "Certificates (PEM) that the relay's certificate must be signed by.").default("those of the system"),
    supported("smtp_digest", OWN, &[one("SECONDS", seconds(0, 86_400))], "Of more than five transitions within so many seconds, those after the fifth come in one mail; 0 for a mail each.").default("60"),
    outside("smtp_alert_checker", "2.0.0", SWITCH, "Mail of the load balancer.", NO_IPVS),
    outside("checker_log_all_failures", "2.0.11", SWITCH, "Log of the load balancer.", NO_IPVS),
    outside("no_checker_emails", "2.0.0", NONE, "Mail of the load balancer.", NO_IPVS),
    // Scripts.
    supported("script_user", "1.3.0", &[one("USER", Kind::Word), optional("GROUP", Kind::Word)], "User and group that scripts run as.").default("keepalived_script if there is such a user, else root"),
    supported("enable_script_security", "1.3.0", NONE, "Does not run scripts as root that others than root can change."),
    supported("set_supplementary_groups", "2.4.0", NONE, "Scripts get the supplementary groups of their user."),
    no_effect("use_symlink_paths", "2.3.0", SWITCH, "Keeps symbolic links in the paths of scripts.", "scripts are run by the path that is written, links and all"),
    supported("startup_script", "2.1.0", SCRIPT_ARGS, "Run before the start."),
    supported("startup_script_timeout", "2.1.0", &[one("SECONDS", seconds(1, 1_000))], "How long it may take.").default("10"),
    supported("shutdown_script", "2.1.0", SCRIPT_ARGS, "Run after the end."),
    supported("shutdown_script_timeout", "2.1.0", &[one("SECONDS", seconds(1, 1_000))], "How long it may take.").default("10"),
    supported("notify_fifo", "1.3.6", FIFO, "A FIFO that gets all transitions."),
    supported("notify_fifo_script", "1.3.6", SCRIPT_ARGS, "A script that reads it."),
    supported("vrrp_notify_fifo", "1.3.6", FIFO, "A FIFO that gets the transitions of instances."),
    supported("vrrp_notify_fifo_script", "1.3.6", SCRIPT_ARGS, "A script that reads it."),
    supported("vrrp_notify_priority_changes", "2.0.16", SWITCH, "Reports changes of the priority on the FIFOs."),
    supported("notify_timeout", OWN, &[one("SECONDS", decimal_seconds(1_000_000, 86_400))], "How long a notify script may run before it is killed.").default("60"),
    supported("fifo_write_vrrp_states_on_reload", "2.2.5", NONE, "Writes all states to the FIFOs after a reload."),
    outside("lvs_notify_fifo", "1.3.6", FIFO, "FIFO of the load balancer.", NO_IPVS),
    outside("lvs_notify_fifo_script", "1.3.6", SCRIPT_ARGS, "A script that reads it.", NO_IPVS),
    // Reload and files.
    no_effect("reload_check_config", "2.2.0", &[optional("PATH", Kind::Word)], "Checks a configuration before a reload.", RELOAD),
    outside("reload_time_file", "2.1.0", PATH, "Reloads at a time that a file names.", "use cron and `locum reload`"),
    outside("reload_repeat", "2.1.0", NONE, "Repeats that.", "use cron and `locum reload`"),
    outside("reload_file", "2.2.0", &[optional("PATH", Kind::Word)], "A file that stands while keepalived reads its configuration.", "write the new configuration to another file and rename it"),
    supported("include_check", "2.2.0", WORDS, "Which include lines without a match are errors: readable, match, wildcard_match, brace_match.").repeats(),
    no_effect("data_use_instance", "2.2.3", SWITCH, "Names of state files.", SOCKET_INSTEAD),
    no_effect("state_dump_file", "2.3.3", PATH, "Names of state files.", SOCKET_INSTEAD),
    no_effect("stats_dump_file", "2.3.3", PATH, "Names of state files.", SOCKET_INSTEAD),
    no_effect("json_dump_file", "2.3.3", PATH, "Names of state files.", SOCKET_INSTEAD),
    no_effect("state_file_location", "2.3.3", PATH, "Names of state files (the manual's spelling).", SOCKET_INSTEAD),
    no_effect("stats_file_location", "2.3.3", PATH, "Names of state files (the manual's spelling).", SOCKET_INSTEAD),
    no_effect("json_file_location", "2.3.3", PATH, "Names of state files (the manual's spelling).", SOCKET_INSTEAD),
    no_effect("json_version", "2.2.8", &[one("1|2", int(1, 2))], "Layout of the state file.", SOCKET_INSTEAD),
    // Firewall.
    supported("nftables", "2.0.11", &[optional("TABLE", Kind::Word)], "The name of the nftables table in which no_accept drops packets.").default("locum"),
    supported("nftables_priority", "2.0.11", &[one("PRIORITY", int(i32::MIN as i64, i32::MAX as i64))], "Priority of its chain.").default("-1"),
    supported("nftables_counters", "2.0.11", NONE, "Counters in its rules."),
    supported("nftables_ifindex", "2.0.11", NONE, "Interface indices instead of names in its set of link-local addresses."),
    no_effect("vrrp_iptables", "1.2.20", &[optional("CHAIN", Kind::Word), optional("CHAIN", Kind::Word)], "Uses iptables for no_accept and virtual MACs.", NFTABLES),
    no_effect("vrrp_ipsets", "1.2.20", WORDS, "Uses ipsets.", NFTABLES),
    outside("nftables_ipvs", "2.2.2", &[optional("TABLE", Kind::Word)], "nftables of the load balancer.", NO_IPVS),
    outside("nftables_ipvs_priority", "2.2.2", &[one("PRIORITY", int(i32::MIN as i64, i32::MAX as i64))], "nftables of the load balancer.", NO_IPVS),
    outside("nftables_ipvs_start_fwmark", "2.2.2", &[one("MARK", int(0, u32::MAX as i64))], "nftables of the load balancer.", NO_IPVS),
    // SNMP and D-Bus.
    outside("snmp_socket", "1.2.20", &[any("ADDRESS", Kind::Word)], "Socket of the SNMP master agent.", NO_SNMP),
    outside("enable_snmp_vrrp", "2.0.0", NONE, "SNMP.", NO_SNMP),
    renamed("enable_snmp_keepalived", "1.2.20", "enable_snmp_vrrp"),
    outside("enable_snmp_checker", "1.2.20", NONE, "SNMP.", NO_SNMP),
    outside("enable_snmp_rfc", "1.2.20", NONE, "SNMP.", NO_SNMP),
    outside("enable_snmp_rfcv2", "1.2.20", NONE, "SNMP.", NO_SNMP),
    outside("enable_snmp_rfcv3", "1.2.20", NONE, "SNMP.", NO_SNMP),
    outside("enable_traps", "1.2.5", NONE, "SNMP.", NO_SNMP),
    outside("snmp_vs_stats_update_interval", "2.3.0", &[one("SECONDS", decimal_seconds(1_000, 30))], "SNMP.", NO_SNMP),
    outside("snmp_rs_stats_update_interval", "2.3.0", &[one("SECONDS", decimal_seconds(1_000, 30))], "SNMP.", NO_SNMP),
    outside("enable_dbus", "1.3.0", NONE, "D-Bus.", NO_DBUS),
    outside("dbus_service_name", "1.3.7", &[one("NAME", Kind::Word)], "D-Bus.", NO_DBUS),
    outside("dbus_no_interface_name", "2.3.0", &[one("NAME", Kind::Word)], "D-Bus.", NO_DBUS),
    // The load balancer and the BFD process.
    outside("lvs_id", "0.5.3", &[one("NAME", Kind::Word)], "The name of this router, before router_id.", "set router_id instead"),
    outside("lvs_timeouts", "1.2.24", WORDS, "IPVS.", NO_IPVS),
    outside("lvs_flush", "1.2.23", NONE, "IPVS.", NO_IPVS),
    outside("lvs_flush_on_stop", "2.2.0", &[optional("VS", Kind::Choice(&["VS"]))], "IPVS.", NO_IPVS),
    renamed("lvs_flush_onstop", "2.0.15", "lvs_flush_on_stop"),
    outside("lvs_sync_daemon", "1.2.20", WORDS, "IPVS.", NO_IPVS),
    outside("lvs_netlink_cmd_rcv_bufs", "2.0.0", BYTES, "IPVS.", NO_IPVS),
    outside("lvs_netlink_cmd_rcv_bufs_force", "2.0.0", SWITCH, "IPVS.", NO_IPVS),
    outside("lvs_netlink_monitor_rcv_bufs", "2.0.0", BYTES, "IPVS.", NO_IPVS),
    outside("lvs_netlink_monitor_rcv_bufs_force", "2.0.0", SWITCH, "IPVS.", NO_IPVS),
    outside("rs_init_notifies", "2.0.0", NONE, "IPVS.", NO_IPVS),
    no_effect("checker_priority", "1.2.20", NICE, "Scheduling of the load balancer.", ONE_PROCESS),
    no_effect("checker_no_swap", "1.2.20", NONE, "Scheduling of the load balancer.", ONE_PROCESS),
    no_effect("checker_rt_priority", "2.0.0", REALTIME, "Scheduling of the load balancer.", ONE_PROCESS),
    no_effect("checker_cpu_affinity", "2.0.17", &[any("CPU", int(0, 4_095))], "Scheduling of the load balancer.", ONE_PROCESS),
    no_effect("checker_rlimit_rttime", "2.1.0", &[one("MICROSECONDS", int(2, i64::MAX))], "Scheduling of the load balancer.", ONE_PROCESS),
    renamed("checker_rlimit_rtime", "2.0.0", "checker_rlimit_rttime"),
    no_effect("bfd_priority", "2.0.0", NICE, "Scheduling of the BFD process.", ONE_PROCESS),
    no_effect("bfd_no_swap", "2.0.0", NONE, "Scheduling of the BFD process.", ONE_PROCESS),
    no_effect("bfd_rt_priority", "2.0.0", REALTIME, "Scheduling of the BFD process.", ONE_PROCESS),
    no_effect("bfd_cpu_affinity", "2.0.17", &[any("CPU", int(0, 4_095))], "Scheduling of the BFD process.", ONE_PROCESS),
    no_effect("bfd_rlimit_rttime", "2.1.0", &[one("MICROSECONDS", int(2, i64::MAX))], "Scheduling of the BFD process.", ONE_PROCESS),
    renamed("bfd_rlimit_rtime", "2.0.0", "bfd_rlimit_rttime"),
    no_effect("plugin_dir", "1.1.8", PATH, "keepalived's plug-ins.", "there are no plug-ins"),
];
