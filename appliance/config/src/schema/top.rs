//! What stands in the file itself, outside all blocks.

use super::address::STATIC_ADDRESSES;
use super::route::{STATIC_ROUTES, STATIC_RULES};
use super::trackers::{BFD, GARP_GROUP, TRACK_GROUP};
use super::{
    GLOBAL_DEFS, INSTANCE, Keyword, Kind, NAME, NONE, OWN, PROBE, Place, SCRIPT, SYNC_GROUP, TRACK_FILE, TRACK_PROCESS,
    WORDS, any, no_effect, one, outside, renamed, seconds, supported,
};

/// The file itself.
pub static FILE: Place = Place::new("the file", KEYWORDS);

const LVS_INSTEAD: &str = "the block is passed over; run keepalived or another load balancer for it beside locum";

/// A block of another project's realm, whose content is passed over.
static LVS: Place = Place::list("LVS", any("…", Kind::Word), &[]);
static LINKBEAT: Place = Place::list("linkbeat_interfaces", any("INTERFACE [MII|ETHTOOL|IOCTL]", Kind::Word), &[]);
#[rustfmt::skip] // a row a keyword
static UP_DOWN_DELAYS: Place =
    Place::list("interface_up_down_delays", any("INTERFACE DOWN_DELAY [UP_DELAY]", Kind::Word), &[]);

#[rustfmt::skip] // a row a keyword
static KEYWORDS: &[Keyword] = &[
    supported("global_defs", "0.5.3", NONE, "What holds for all instances.").opens(&GLOBAL_DEFS).repeats(),
    supported("vrrp_instance", "0.5.3", NAME, "A virtual router on an interface.").opens(&INSTANCE).repeats(),
    supported("vrrp_sync_group", "0.6.1", NAME, "Instances that change state together.").opens(&SYNC_GROUP).repeats(),
    supported("vrrp_script", "1.1.13", NAME, "A command, run at intervals, whose outcome instances follow.").opens(&SCRIPT).repeats(),
    supported("track_file", "2.1.0", NAME, "A file whose content instances follow.").opens(&TRACK_FILE).repeats(),
    renamed("vrrp_track_file", "2.0.0", "track_file").repeats(),
    supported("vrrp_track_process", "2.0.11", NAME, "A process whose presence instances follow.").opens(&TRACK_PROCESS).repeats(),
    supported("vrrp_probe", OWN, NAME, "Something that is asked at intervals (ICMP echo, ARP, TCP, a route), without a script, and whose answer instances follow.").opens(&PROBE).repeats(),
    outside("bfd_instance", "2.0.0", NAME, "A BFD session (RFC 5880).", "no session is set up; run another BFD daemon and a vrrp_script that asks it").opens(&BFD).repeats(),
    supported("garp_group", "1.2.21", NONE, "Limits the rate of gratuitous ARP on interfaces.").opens(&GARP_GROUP).repeats(),
    supported("interface_up_down_delays", "2.2.3", NONE, "How long an interface must be up or down before that counts.").opens(&UP_DOWN_DELAYS).repeats(),
    no_effect("linkbeat_interfaces", "2.0.13", NONE, "Interfaces whose link state is polled.", "the kernel reports link changes by netlink").opens(&LINKBEAT).repeats(),
    no_effect("linkbeat_use_polling", "1.1.18", NONE, "Polls the link state of all interfaces.", "the kernel reports link changes by netlink"),
    supported("static_ipaddress", "1.1.0", NONE, "Addresses that are there whatever the state.").opens(&STATIC_ADDRESSES).repeats(),
    supported("static_routes", "1.0.1", NONE, "Routes that are there whatever the state.").opens(&STATIC_ROUTES).repeats(),
    supported("static_rules", "1.2.20", NONE, "Policy rules that are there whatever the state.").opens(&STATIC_RULES).repeats(),
    supported("track_group", "2.0.3", NAME, "Instances that go to FAULT when a static address or route is lost.").opens(&TRACK_GROUP).repeats(),
    supported("net_namespace", "1.2.24", NAME, "The network namespace (as `ip netns` has it) that the service and its scripts run in. Its run directory is /run/locum-NAME then, where the command line says no other. Read at the start only."),
    outside("net_namespace_ipvs", "2.1.0", &[any("NAME", Kind::Word)], "The network namespace of IPVS.", "IPVS is left alone"),
    no_effect("namespace_with_ipsets", "1.3.0", NONE, "ipsets in a network namespace.", "locum uses no ipsets"),
    supported("instance", "1.2.24", NAME, "What this service is called among several on the machine. Its run directory is /run/locum-NAME then (with net_namespace /run/locum-NAMESPACE-NAME), where the command line says no other. Read at the start only."),
    no_effect("use_pid_dir", "1.2.24", NONE, "Where pid files stand.", "locum locks its run directory instead of writing a pid file"),
    no_effect("child_wait_time", "2.0.0", &[one("SECONDS", seconds(0, 1_000))], "How long keepalived waits for its own processes at the end.", "locum is one process"),
    outside("virtual_server", "0.5.3", WORDS, "IPVS load balancing.", LVS_INSTEAD).opens(&LVS).repeats(),
    outside("virtual_server_group", "0.6.10", WORDS, "IPVS load balancing.", LVS_INSTEAD).opens(&LVS).repeats(),
    outside("real_server", "0.5.3", WORDS, "IPVS load balancing.", LVS_INSTEAD).opens(&LVS).repeats(),
    outside("SSL", "0.5.3", NONE, "TLS settings of the load balancer's checks.", LVS_INSTEAD).opens(&LVS).repeats(),
];
