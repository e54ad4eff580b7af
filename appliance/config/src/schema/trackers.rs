//! What instances follow: scripts, files, processes, BFD sessions, and the groups that tie them together.

use super::Status;
use super::{
    Arg, Keyword, Kind, NONE, OWN, Place, SCRIPT_ARGS, SWITCH, any, decimal_seconds, int, keyword, one, optional,
    outside, renamed, supported,
};

/// `vrrp_script NAME { … }`
#[rustfmt::skip] // a row a keyword
pub static SCRIPT: Place = Place::new(
    "vrrp_script",
    &[
        supported("script", "1.1.13", SCRIPT_ONLY, "The command; exit status 0 is success."),
        supported("interval", "1.1.13", &[one("SECONDS", decimal_seconds(1_000, 1_000_000))], "Time between two runs.").default("1"),
        supported("timeout", "1.2.6", &[one("SECONDS", decimal_seconds(1_000, 1_000_000))], "How long a run may take before it counts as failed.").default("the interval"),
        supported("weight", "1.1.13", WEIGHT_253, WEIGHT_HELP).default("0"),
        supported("rise", "1.1.18", &[one("COUNT", int(1, i32::MAX as i64))], "Successes in a row that make it good.").default("1"),
        supported("fall", "1.1.18", &[one("COUNT", int(1, i32::MAX as i64))], "Failures in a row that make it bad.").default("1"),
        supported("user", "1.3.0", USER, "User and group that it runs as.").default("global_defs script_user"),
        supported("init_fail", "1.3.2", NONE, "It counts as failed until its first success."),
    ],
);

/// `track_file NAME { … }`
#[rustfmt::skip] // a row a keyword
pub static TRACK_FILE: Place = Place::new(
    "track_file",
    &[
        supported("file", "2.0.0", &[one("PATH", Kind::Word)], "The file; it holds a number."),
        supported("weight", "2.0.0", &[one("WEIGHT", int(-2_147_483_647, 2_147_483_647)), REVERSE], FILE_WEIGHT_HELP).default("1"),
        supported("init_file", "2.0.0", &[optional("VALUE", Kind::Word), optional("overwrite", Kind::Choice(&["overwrite"]))], "Writes VALUE to the file at start when it does not exist, or always with `overwrite`."),
    ],
);

/// `vrrp_track_process NAME { … }`
#[rustfmt::skip] // a row a keyword
pub static TRACK_PROCESS: Place = Place::new(
    "vrrp_track_process",
    &[
        supported("process", "2.0.11", &[one("COMMAND", Kind::Word), any("ARGUMENT", Kind::Word)], "The process to look for."),
        supported("param_match", "2.0.16", &[one("initial|partial", Kind::Choice(&["initial", "partial"]))], "How far its arguments must agree."),
        supported("weight", "2.0.11", WEIGHT_254, WEIGHT_HELP).default("0"),
        supported("quorum", "2.0.11", &[one("COUNT", int(1, 65_535))], "Fewest processes that count as good.").default("1"),
        supported("quorum_max", "2.0.16", &[one("COUNT", int(0, 65_535))], "Most processes that count as good.").default("no limit"),
        supported("fork_delay", "2.0.16", &[one("SECONDS", decimal_seconds(0, 3_600))], "Wait before it counts as good.").default("0"),
        supported("terminate_delay", "2.0.16", &[one("SECONDS", decimal_seconds(0, 3_600))], "Wait before it counts as bad.").default("0"),
        supported("delay", "2.0.11", &[one("SECONDS", decimal_seconds(0, 3_600))], "Both delays at once."),
        supported("full_command", "2.0.11", NONE, "Looks at the whole command line, not at the process's name."),
    ],
);

/// `vrrp_probe NAME { … }`
#[rustfmt::skip] // a row a keyword
pub static PROBE: Place = Place::new(
    "vrrp_probe",
    &[
        supported("icmp", OWN, &[one("ADDRESS", Kind::Address)], "Asks the address by ICMP echo (ping)."),
        supported("neighbour", OWN, &[one("ADDRESS", Kind::Address)], "Asks the address by ARP or neighbour solicitation. It must be on a network of this router."),
        renamed("neighbor", OWN, "neighbour"),
        supported("tcp", OWN, &[one("ADDRESS", Kind::Address), one("PORT", int(1, 65_535))], "Opens a TCP connection to the address and closes it."),
        supported("route", OWN, &[one("PREFIX", Kind::Word), any("table TABLE", Kind::Word)], "Looks whether there is a route for exactly this prefix, or for `default`, in the routing table `main` or the one that is named."),
        supported("interface", OWN, &[one("INTERFACE", Kind::Interface)], "The interface that it asks on.").default("where the routes lead"),
        supported("source", OWN, &[one("ADDRESS", Kind::Address)], "The address that it asks from.").default("the kernel's choice"),
        supported("interval", OWN, &[one("SECONDS", decimal_seconds(100_000, 86_400))], "Time between two questions.").default("1"),
        supported("timeout", OWN, &[one("SECONDS", decimal_seconds(10_000, 86_400))], "How long an answer may take; not longer than the interval.").default("the interval"),
        supported("rise", OWN, &[one("COUNT", int(1, 1_000_000))], "Answers in a row that make it good.").default("1"),
        supported("fall", OWN, &[one("COUNT", int(1, 1_000_000))], "Missing answers in a row that make it bad.").default("3"),
        supported("fail_hold", OWN, &[one("SECONDS", decimal_seconds(0, 86_400))], "How long it must stay bad before that counts.").default("0"),
        supported("recover_hold", OWN, &[one("SECONDS", decimal_seconds(0, 86_400))], "How long it must stay good before that counts.").default("0"),
        supported("weight", OWN, WEIGHT_253, WEIGHT_HELP).default("0"),
        supported("init_fail", OWN, NONE, "It counts as bad until its first success."),
    ],
);

/// `bfd_instance NAME { … }`
#[rustfmt::skip] // a row a keyword
pub(super) static BFD: Place = Place::new(
    "bfd_instance",
    &[
        supported("neighbor_ip", "2.0.0", &[one("ADDRESS", Kind::Address)], "The other end."),
        supported("neighbour_ip", "2.0.0", &[one("ADDRESS", Kind::Address)], "The other end."),
        supported("source_ip", "2.0.0", &[one("ADDRESS", Kind::Address)], "Our end."),
        supported("min_rx", "2.0.0", MILLISECONDS, "Interval wanted from the other end.").default("10"),
        supported("min_tx", "2.0.0", MILLISECONDS, "Interval offered.").default("10"),
        supported("idle_tx", "2.0.0", MILLISECONDS, "Interval while the session is down.").default("1000"),
        supported("multiplier", "2.0.0", &[one("COUNT", int(1, 255))], "Packets missed before the session is down.").default("5"),
        supported("passive", "2.0.0", NONE, "Waits for the other end to start."),
        supported("ttl", "2.0.0", &[one("TTL", int(1, 255))], "TTL sent.").default("255"),
        supported("hoplimit", "2.0.0", &[one("HOPS", int(1, 255))], "Hop limit sent.").default("64"),
        supported("max_hops", "2.0.0", &[one("HOPS", int(0, 255))], "Hops allowed.").default("0"),
        supported("multihop", "2.4.0", SWITCH, "Uses the port of RFC 5883."),
        supported("weight", "2.0.0", WEIGHT_253, WEIGHT_HELP).default("0"),
        supported("vrrp", "2.0.0", NONE, "Only instances are told."),
        supported("checker", "2.0.0", NONE, "Only checkers are told."),
    ],
);

/// `vrrp_sync_group NAME { … }`
#[rustfmt::skip] // a row a keyword
pub static SYNC_GROUP: Place = Place::new(
    "vrrp_sync_group",
    &[
        supported("group", "0.6.4", NONE, "The instances that change state together.").opens(&MEMBERS),
        supported("track_interface", "2.0.0", NONE, "Interfaces that all members follow.").opens(&TRACK_INTERFACE_LIST),
        supported("track_script", "2.0.0", NONE, "vrrp_script blocks that all members follow.").opens(&TRACK_SCRIPT_LIST),
        supported("track_file", "2.0.0", NONE, "track_file blocks that all members follow.").opens(&TRACK_FILE_LIST),
        supported("track_process", "2.0.11", NONE, "vrrp_track_process blocks that all members follow.").opens(&TRACK_PROCESS_LIST),
        supported("track_probe", OWN, NONE, "vrrp_probe blocks that all members follow.").opens(&TRACK_PROBE_LIST),
        outside("track_bfd", "2.0.0", NONE, "BFD sessions that all members follow.", TRACK_INSTEAD).opens(&TRACK_BFD_LIST),
        supported("notify_master", "0.6.4", SCRIPT_ARGS, "Run when the group becomes MASTER."),
        supported("notify_backup", "0.6.4", SCRIPT_ARGS, "Run when the group becomes BACKUP."),
        supported("notify_fault", "0.6.4", SCRIPT_ARGS, "Run when the group enters FAULT."),
        supported("notify_stop", "2.0.0", SCRIPT_ARGS, "Run when the service stops."),
        supported("notify", "1.1.2", SCRIPT_ARGS, "Run on every transition, with GROUP, the name, the state and the priority added."),
        supported("notify_priority_changes", "2.2.0", SWITCH, "Reports changes of the priority on the notify FIFOs."),
        supported("smtp_alert", "1.0.0", SWITCH, "Mails each transition."),
        keyword("global_tracking", "1.2.3", NONE, Status::Renamed("sync_group_tracking_weight"), "Deprecated."),
        supported("sync_group_tracking_weight", "2.0.0", NONE, "Members may have trackers with weights."),
    ],
);

/// `track_group NAME { … }`
pub(crate) static TRACK_GROUP: Place =
    Place::new("track_group", &[supported("group", "2.0.3", NONE, "The instances of the group.").opens(&MEMBERS)]);

/// `garp_group { … }`
#[rustfmt::skip] // a row a keyword
pub static GARP_GROUP: Place = Place::new(
    "garp_group",
    &[
        supported("garp_interval", "1.2.21", &[one("SECONDS", decimal_seconds(0, 1))], "Least time between two gratuitous ARP packets.").default("0"),
        supported("gna_interval", "1.2.21", &[one("SECONDS", decimal_seconds(0, 1))], "Least time between two unsolicited neighbour advertisements.").default("0"),
        supported("interface", "1.2.21", &[one("INTERFACE", Kind::Interface)], "The interface that this holds for."),
        supported("interfaces", "1.2.21", NONE, "Interfaces that share the limit.").opens(&INTERFACES),
    ],
);

static MEMBERS: Place = Place::names("group", any("INSTANCE", Kind::Word));
static INTERFACES: Place = Place::names("interfaces", any("INTERFACE", Kind::Interface));

pub(super) static TRACK_INTERFACE_LIST: Place =
    Place::list("track_interface", one("INTERFACE", Kind::Interface), TRACK_OPTIONS);
pub(super) static TRACK_SCRIPT_LIST: Place = Place::list("track_script", one("SCRIPT", Kind::Word), TRACK_OPTIONS);
pub(super) static TRACK_FILE_LIST: Place = Place::list("track_file", one("FILE", Kind::Word), TRACK_FILE_OPTIONS);
pub(super) static TRACK_PROCESS_LIST: Place =
    Place::list("track_process", one("PROCESS", Kind::Word), TRACK_PROCESS_OPTIONS);
pub(super) static TRACK_PROBE_LIST: Place = Place::list("track_probe", one("PROBE", Kind::Word), TRACK_PROBE_OPTIONS);
pub(super) static TRACK_BFD_LIST: Place = Place::list("track_bfd", one("BFD", Kind::Word), TRACK_OPTIONS);

static TRACK_OPTIONS: &[Keyword] = &[supported("weight", "1.0.1", WEIGHT_253, WEIGHT_HELP)];
static TRACK_PROBE_OPTIONS: &[Keyword] = &[supported("weight", OWN, WEIGHT_253, WEIGHT_HELP)];
static TRACK_FILE_OPTIONS: &[Keyword] = &[supported("weight", "2.0.0", WEIGHT_254, FILE_WEIGHT_HELP)];
static TRACK_PROCESS_OPTIONS: &[Keyword] = &[supported("weight", "2.0.0", WEIGHT_254, WEIGHT_HELP)];

const SCRIPT_ONLY: &[Arg] = &[one("COMMAND", Kind::Script)];
const USER: &[Arg] = &[one("USER", Kind::Word), optional("GROUP", Kind::Word)];
const MILLISECONDS: &[Arg] =
    &[one("MILLISECONDS", Kind::Decimal { min_millionths: 1_000, max_millionths: 4_294_967_000_000, unit: "ms" })];
const REVERSE: Arg = optional("reverse", Kind::Choice(&["reverse", "noreverse"]));
const WEIGHT_253: &[Arg] = &[one("WEIGHT", int(-253, 253)), REVERSE];
const WEIGHT_254: &[Arg] = &[one("WEIGHT", int(-254, 254)), REVERSE];
const WEIGHT_HELP: &str = "Above 0: added to the priority while it is good. Below 0: taken off while it is bad. 0: bad means FAULT. `reverse` turns the sign of what is added.";
const FILE_WEIGHT_HELP: &str = "Its number times this is added to the priority; 0: any number but 0 means FAULT.";
const TRACK_INSTEAD: &str = "the members do not follow it";
