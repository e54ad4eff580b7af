//! `vrrp_instance NAME { … }` and the blocks inside it that are its own.

use super::address::{UNICAST_PEERS, VIRTUAL_ADDRESSES};
use super::route::{VIRTUAL_ROUTES, VIRTUAL_RULES};
use super::trackers::{
    TRACK_BFD_LIST, TRACK_FILE_LIST, TRACK_INTERFACE_LIST, TRACK_PROBE_LIST, TRACK_PROCESS_LIST, TRACK_SCRIPT_LIST,
};
use super::{
    Keyword, Kind, NONE, OWN, Place, SCRIPT_ARGS, SWITCH, any, decimal_seconds, int, no_effect, one, optional, outside,
    renamed, seconds, supported,
};

/// `vrrp_instance`
pub static INSTANCE: Place = Place::new("vrrp_instance", KEYWORDS);

/// `authentication { … }`
#[rustfmt::skip] // a row a keyword
pub static AUTHENTICATION: Place = Place::new(
    "authentication",
    &[
        supported("auth_type", "0.5.3", AUTH_TYPE, AUTH_TYPE_HELP),
        supported("auth_pass", "0.5.3", AUTH_PASS, AUTH_PASS_HELP),
    ],
);

/// `auth_hmac { … }`
#[rustfmt::skip] // a row a keyword
pub static AUTH_HMAC: Place = Place::new(
    "auth_hmac",
    &[
        supported("key", "2.4.0", &[one("ID", int(1, 255)), one("KEY", Kind::Secret)], "A signing key: text, hex:… or file:…, 32 to 64 bytes.").repeats(),
        supported("active_key", "2.4.0", &[one("ID", int(1, 255))], "The key that adverts are signed with."),
        supported("anti_replay", "2.4.0", &[one("MODE", Kind::Choice(&["time", "monotonic"]))], "How replayed adverts are told.").default("time"),
        supported("time_window", "2.4.0", &[one("SECONDS", seconds(1, 300))], "How far the clocks of the routers may differ.").default("3 advert intervals, at least 5 s"),
        supported("mode", "2.4.0", &[one("MODE", Kind::Choice(&["enforce", "permissive", "receive-only"]))], "Whether unsigned adverts are taken, for rolling it out.").default("enforce"),
    ],
);

const AUTH_TYPE: &[super::Arg] = &[one("PASS|AH", Kind::Choice(&["PASS", "AH"]))];
const AUTH_TYPE_HELP: &str = "PASS: a password in clear text in each advert (RFC 2338). AH: IPsec, not supported.";
const AUTH_PASS: &[super::Arg] = &[one("PASSWORD", Kind::Secret)];
const AUTH_PASS_HELP: &str = "The same on all routers; VRRPv2 carries 8 characters, the rest is not sent.";
const ADDRESS: &[super::Arg] = &[one("ADDRESS", Kind::Address)];
const REPEAT: &[super::Arg] = &[one("COUNT", int(0, 1_000_000))];
const DELAY: &[super::Arg] = &[one("SECONDS", seconds(0, 4_294))];

const VMAC: &[super::Arg] = &[any("[name] NAME | MAC | netlink_notify_msg | group GROUP", Kind::Word)];
const IPVLAN: &[super::Arg] = &[any("[name] NAME | ADDRESS[/PREFIX] | bridge|private|vepa | group GROUP", Kind::Word)];
const TRACK_INSTEAD: &str = "the priority and state of the instance do not follow it";

#[rustfmt::skip] // a row a keyword
static KEYWORDS: &[Keyword] = &[
    // Who and where.
    supported("state", "0.5.3", &[one("MASTER|BACKUP", Kind::Choice(&["MASTER", "BACKUP"]))], "The state to start in. With priority 255 and MASTER the instance starts as MASTER at once; otherwise it listens first.").default("BACKUP"),
    supported("interface", "0.5.3", &[one("INTERFACE", Kind::Interface)], "The interface on which adverts are sent and received and, unless an address says otherwise, the VIPs stand."),
    supported("virtual_router_id", "0.5.3", &[one("VRID", int(1, 255))], "Tells virtual routers on one network apart. The same on all routers of the group."),
    supported("priority", "0.5.3", &[one("PRIORITY", int(1, 255))], "The highest wins the election. 255 means owner of the addresses.").default("100"),
    supported("version", "1.2.17", &[one("2|3", int(2, 3))], "The VRRP version to speak.").default("global_defs vrrp_version; 3 with IPv6 addresses"),
    supported("native_ipv6", "1.2.1", NONE, "Makes it an IPv6 instance even without IPv6 addresses."),
    supported("advert_int", "0.5.3", &[one("SECONDS", decimal_seconds(10_000, 255))], "Interval between adverts. VRRPv2 carries whole seconds; VRRPv3 hundredths up to 40.95 s. The same on all routers of the group.").default("1"),
    supported("down_timer_adverts", "2.2.3", &[one("COUNT", int(1, 100))], "How many adverts may be missed before the master counts as down. The same on all routers of the group.").default("3"),
    outside("vrf", "2.2.5", &[one("INTERFACE", Kind::Interface)], "The VRF of a unicast instance without an interface.", "the instance uses the default VRF; name an `interface` that belongs to the VRF instead"),
    // Elections.
    supported("preempt", "0.5.3", NONE, "A higher priority takes over from a lower one.").default("on"),
    supported("nopreempt", "1.1.8", NONE, "A returning router with a higher priority leaves the present master alone. Needs state BACKUP."),
    supported("preempt_delay", "1.1.8", &[one("SECONDS", decimal_seconds(0, 1000))], "How long to wait before taking over from a lower priority. Needs state BACKUP.").default("0"),
    supported("skip_check_adv_addr", "1.2.20", SWITCH, "Does not compare the addresses in an advert when it comes from the same master as the one before.").default("global_defs vrrp_skip_check_adv_addr"),
    supported("strict_mode", "1.2.20", SWITCH, "Holds the instance to the letter of the RFC: no unicast, no authentication, and more.").default("global_defs vrrp_strict"),
    supported("lower_prio_no_advert", "1.2.20", SWITCH, "A master that hears a lower priority does not answer with an advert.").default("off"),
    supported("higher_prio_send_advert", "1.3.5", SWITCH, "A master that hears a higher priority sends a last advert before it gives way: locum always does, which heals neighbours.").default("off"),
    supported("owner_ignore_adverts", "2.3.3", SWITCH, "With priority 255, adverts of others are ignored."),
    supported("timer_expired_backup", "2.2.8", &[optional("PRIORITY", int(1, 254))], "With nopreempt: after a stall, goes to BACKUP when another router may have taken over."),
    renamed("thread_timer_expired", "2.3.2", "timer_expired_backup"),
    supported("on_vip_lost", OWN, &[one("restore|yield|fault", Kind::Choice(&["yield", "restore", "fault"]))], "What a master does when somebody takes away an address, route or rule of its: puts it back, and stands back for a while from somebody who does so ten times in five seconds; hands over at the first time; or goes to FAULT, and tries again later.").default("restore"),
    // Adverts and addresses of routers.
    supported("unicast_peer", "1.2.8", NONE, "Adverts go to these routers by unicast instead of to the multicast group.").opens(&UNICAST_PEERS),
    supported("unicast_src_ip", "1.2.10", ADDRESS, "Source address of unicast adverts.").default("the interface's first address"),
    supported("mcast_src_ip", "0.6.1", ADDRESS, "Source address of adverts.").default("the interface's first address"),
    supported("mcast_dst_ip", "2.2.5", ADDRESS, "Multicast group to use instead of 224.0.0.18 or ff02::12."),
    supported("check_unicast_src", "2.1.0", NONE, "Takes unicast adverts from configured peers only.").default("off"),
    supported("unicast_ttl", "2.1.0", &[one("TTL", int(0, 255))], "TTL of unicast adverts sent.").default("255"),
    supported("unicast_fault_no_peer", "2.2.5", NONE, "Without any peer the instance goes to FAULT instead of using multicast."),
    supported("track_src_ip", "2.0.0", NONE, "FAULT while the configured source address is missing."),
    outside("old_unicast_checksum", "1.3.7", &[optional("never", Kind::Choice(&["never"]))], "VRRPv3 unicast checksum as keepalived before 1.3.7 made it.", "the checksum is that of the RFC; bring peers older than keepalived 1.3.7 up to date"),
    supported("v3_checksum_as_v2", "2.2.8", SWITCH, "VRRPv3 over IPv4 without pseudo-header in the checksum, as RFC 9568 and several vendors have it.").default("off"),
    // Authentication.
    supported("authentication", "0.5.3", NONE, "VRRPv2 authentication.").opens(&AUTHENTICATION),
    supported("auth_type", "0.5.3", AUTH_TYPE, AUTH_TYPE_HELP),
    supported("auth_pass", "0.5.3", AUTH_PASS, AUTH_PASS_HELP),
    outside("auth_hmac", "2.4.0", NONE, "Signs adverts with a shared key.", "the instance is held in FAULT, because it could not understand its peers").opens(&AUTH_HMAC),
    // Addresses.
    supported("virtual_ipaddress", "0.5.3", NONE, "The VIPs: on the master's interface, and listed in adverts.").opens(&VIRTUAL_ADDRESSES),
    supported("virtual_ipaddress_excluded", "0.5.9", NONE, "VIPs that adverts do not list.").opens(&VIRTUAL_ADDRESSES),
    supported("no_virtual_ipaddress", "2.2.8", NONE, "The instance has no VIPs, and that is meant."),
    supported("promote_secondaries", "1.3.0", NONE, "Keeps the kernel from removing other addresses of the same subnet with the first one.").default("off"),
    supported("accept", "1.2.17", NONE, "A master that does not own the VIPs answers on them.").default("on; off with strict_mode"),
    supported("no_accept", "1.3.0", NONE, "A master that does not own the VIPs drops packets to them, by an nftables table of its own."),
    supported("virtual_routes", "1.0.1", NONE, "Routes that follow the master.").opens(&VIRTUAL_ROUTES),
    supported("virtual_rules", "1.2.20", NONE, "Policy rules that follow the master.").opens(&VIRTUAL_RULES),
    // Gratuitous ARP and unsolicited neighbour advertisements.
    supported("garp_master_delay", "0.7.1", DELAY, "Second round of gratuitous ARP, so long after becoming MASTER; 0 for none.").default("5"),
    supported("garp_master_repeat", "1.2.14", REPEAT, "Gratuitous ARP packets per round.").default("5"),
    supported("garp_master_refresh", "1.2.10", &[one("SECONDS", seconds(0, 4_294_967))], "Gratuitous ARP again every so often while MASTER; 0 for never.").default("0"),
    supported("garp_master_refresh_repeat", "1.2.14", REPEAT, "Packets per VIP at each refresh.").default("1"),
    supported("garp_lower_prio_delay", "1.2.20", DELAY, "Second round after a lower priority was heard while MASTER; 0 for none.").default("garp_master_delay"),
    supported("garp_lower_prio_repeat", "1.2.20", REPEAT, "Packets per VIP after a lower priority was heard while MASTER.").default("garp_master_repeat"),
    supported("garp_extra_if", "2.2.3", &[optional("all", Kind::Choice(&["all"])), one("SECONDS", seconds(0, 86_400))], "Gratuitous ARP from time to time on the other interfaces that carry VIPs."),
    renamed("vmac_garp_intvl", "2.2.0", "garp_extra_if"),
    // Virtual MAC.
    supported("use_vmac", "1.2.3", VMAC, "Runs on a macvlan with the virtual router's MAC address 00:00:5e:00:01:VRID."),
    supported("use_vmac_addr", "2.2.0", NONE, "A macvlan for each other interface that carries VIPs."),
    supported("vmac_xmit_base", "1.2.10", NONE, "Adverts go through the interface below the macvlan."),
    supported("use_ipvlan", "2.0.17", IPVLAN, "The VIPs go on an ipvlan, which has an address of its own, from which adverts are sent, and the MAC address of the interface below it."),
    // What it follows.
    supported("dont_track_primary", "1.1.8", NONE, "The instance stays up when its own interface goes down."),
    supported("track_interface", "1.0.1", NONE, "Interfaces whose loss lowers the priority, or means FAULT.").opens(&TRACK_INTERFACE_LIST),
    supported("track_script", "1.1.13", NONE, "vrrp_script blocks whose failure lowers the priority, or means FAULT.").opens(&TRACK_SCRIPT_LIST),
    supported("track_file", "2.0.0", NONE, "track_file blocks whose value counts into the priority.").opens(&TRACK_FILE_LIST),
    supported("track_process", "2.0.11", NONE, "vrrp_track_process blocks whose loss lowers the priority, or means FAULT.").opens(&TRACK_PROCESS_LIST),
    supported("track_probe", OWN, NONE, "vrrp_probe blocks whose failure lowers the priority, or means FAULT.").opens(&TRACK_PROBE_LIST),
    outside("track_bfd", "2.0.0", NONE, "BFD sessions whose loss lowers the priority, or means FAULT.", TRACK_INSTEAD).opens(&TRACK_BFD_LIST),
    no_effect("linkbeat_use_polling", "2.0.0", NONE, "Polls the link state.", "the kernel reports link changes by netlink"),
    // Who is told.
    supported("notify_master", "0.5.9", SCRIPT_ARGS, "Run on becoming MASTER."),
    supported("notify_backup", "0.5.9", SCRIPT_ARGS, "Run on becoming BACKUP."),
    supported("notify_fault", "0.5.9", SCRIPT_ARGS, "Run on entering FAULT."),
    supported("notify_stop", "1.1.13", SCRIPT_ARGS, "Run when the service stops."),
    supported("notify_deleted", "2.1.0", &[optional("COMMAND", Kind::Script), optional("USER", Kind::Word), optional("GROUP", Kind::Word)], "Run when a reload deletes the instance."),
    supported("notify", "0.5.3", SCRIPT_ARGS, "Run on every transition, with INSTANCE, the name, the state and the priority added."),
    supported("notify_master_rx_lower_pri", "2.0.6", SCRIPT_ARGS, "Run when a MASTER hears a lower priority."),
    supported("notify_priority_changes", "2.0.16", SWITCH, "Reports changes of the priority on the notify FIFOs."),
    supported("smtp_alert", "0.5.7", SWITCH, "Mails each transition."),
    // Of no consequence here.
    no_effect("debug", "0.5.3", &[one("LEVEL", int(0, 4))], "Debug level.", "keepalived does not act on it either"),
    no_effect("kernel_rx_buf_size", "2.0.3", &[one("BYTES", int(1, i32::MAX as i64))], "Receive buffer of the socket.", "the receive buffers are sized for the number of instances"),
    outside("lvs_sync_daemon_interface", "0.5.5", &[one("INTERFACE", Kind::Interface)], "IPVS connection synchronisation.", "IPVS is left alone"),
];
