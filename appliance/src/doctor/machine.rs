//! The machine and the process: clock, limits, privileges, other programs, modules of the kernel, the run directory.

use super::{Checks, Subject};
use crate::service::scheduling;

/// 2020-01-01: no clock that was ever set says less.
const CLOCK_MS_MIN: u64 = 1_577_836_800_000;
/// Descriptors that the service has without any instance, and leaves for clients and scripts.
const FILES_BASE: u64 = 96;
/// What the sockets of an interface take at most.
const FILES_PER_INTERFACE: u64 = 8;
/// Less does not hold a journal and a history.
const FREE_BYTES_MIN: u64 = 256 << 10;
const FREE_FILES_MIN: u64 = 16;

/// The wall clock. VRRP does not need it, people do.
pub(super) fn clock(subject: &Subject<'_>, checks: &mut Checks) {
    const NAME: &str = "clock";
    let fix = "set it, and let it be kept right: an NTP client, as `/etc/init.d/sysntpd enable` or systemd-timesyncd";
    if subject.facts.unix_ms < CLOCK_MS_MIN {
        let detail =
            "the wall clock lies years in the past: VRRP goes on, but no time in history and log can be trusted";
        return checks.warning(NAME, None, detail, fix);
    }
    match subject.facts.is_clock_synchronised {
        Some(true) => checks.ok(NAME, None, "the wall clock is kept right"),
        Some(false) => {
            let detail =
                "nobody keeps the wall clock right: times of two routers cannot be compared. VRRP does not need it";
            checks.warning(NAME, None, detail, fix);
        }
        None => checks.unknown(NAME, None, "the kernel does not say whether somebody keeps the wall clock right", fix),
    }
}

/// The limits of the process, and real time.
pub(super) fn process(subject: &Subject<'_>, checks: &mut Checks) {
    files(subject, checks);
    realtime(subject, checks);
}

fn files(subject: &Subject<'_>, checks: &mut Checks) {
    const NAME: &str = "file-limit";
    let interfaces = subject.facts.interfaces.len() as u64;
    let wanted = FILES_BASE + FILES_PER_INTERFACE * interfaces;
    let most = match subject.facts.limits.get("Max open files") {
        Some(Some(most)) => *most,
        Some(None) => return checks.ok(NAME, None, "the number of open files is not limited"),
        None => return checks.unknown(NAME, None, "the limit of open files cannot be read", "look at `ulimit -n`"),
    };
    let whose = if subject.facts.is_service { "the service" } else { "a program started here" };
    let fix = "raise it: LimitNOFILE= in the unit, or `procd_set_param limits nofile=…`";
    let open = subject.facts.open_files.filter(|_| subject.facts.is_service);
    if most < wanted {
        let detail =
            format!("{whose} may have {most} files open; with {interfaces} interfaces up to {wanted} are needed");
        checks.warning(NAME, None, detail, fix);
    } else if let Some(open) = open.filter(|open| open.saturating_mul(10) > most.saturating_mul(9)) {
        checks.warning(NAME, None, format!("{open} of {most} files that {whose} may have are open"), fix);
    } else {
        let open = open.map(|open| format!(", {open} are")).unwrap_or_default();
        checks.ok(NAME, None, format!("{whose} may have {most} files open{open}"));
    }
}

fn realtime(subject: &Subject<'_>, checks: &mut Checks) {
    const NAME: &str = "real-time";
    let Ok(configuration) = &subject.configuration else { return };
    let Some(priority) = scheduling(&configuration.model().global).realtime else {
        let detail = "not asked for; with vrrp_rt_priority adverts are on time also when the machine is busy";
        return checks.ok(NAME, None, detail);
    };
    let fix = "give the service CAP_SYS_NICE (root has it), or LimitRTPRIO= in its unit; in a container see cpu.rt_runtime_us";
    if subject.facts.is_service {
        if subject.facts.has_realtime_thread {
            checks.ok(NAME, None, format!("the engine runs in real time, priority {priority}"));
        } else {
            let detail = format!("vrrp_rt_priority {priority} is asked for, and the system has not allowed it");
            checks.problem(NAME, None, detail, fix);
        }
        return;
    }
    let most = subject.facts.limits.get("Max realtime priority").copied();
    let may = subject.facts.is_root || matches!(most, Some(None)) || most.flatten() >= Some(priority.into());
    if may {
        checks.ok(NAME, None, format!("vrrp_rt_priority {priority} may be had"));
    } else {
        checks.unknown(NAME, None, format!("whether the service may have vrrp_rt_priority {priority}"), fix);
    }
}

/// Other programs, modules of the kernel, the run directory.
pub(super) fn surroundings(subject: &Subject<'_>, checks: &mut Checks) {
    daemons(subject, checks);
    modules(subject, checks);
    run_directory(subject, checks);
}

fn daemons(subject: &Subject<'_>, checks: &mut Checks) {
    const NAME: &str = "other-daemon";
    for (program, pid) in &subject.facts.daemons {
        let detail = format!(
            "{program} (process {pid}) runs here as well: with the same virtual routers both would take the addresses"
        );
        let fix = format!(
            "stop it and keep it from starting: systemctl disable --now {program}, or /etc/init.d/{program} disable"
        );
        checks.warning(NAME, None, detail, fix);
    }
    if subject.facts.daemons.is_empty() {
        checks.ok(NAME, None, "no other VRRP daemon runs here");
    }
}

fn modules(subject: &Subject<'_>, checks: &mut Checks) {
    const NAME: &str = "kernel";
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    for instance in subject.instances() {
        for made in &subject.placements().get(instance).made {
            wanted.push((made.kind.name(), if made.is_ipvlan() { "use_ipvlan" } else { "use_vmac" }));
        }
        if !*instance.accept {
            wanted.push(("nf_tables", "no_accept"));
        }
    }
    wanted.sort_unstable();
    wanted.dedup();
    for (module, keyword) in wanted {
        match subject.facts.modules.get(module) {
            Some(true) => checks.ok(NAME, None, format!("the kernel has {module}, which {keyword} needs")),
            Some(false) => {
                let fix = format!(
                    "install the module {module} (kmod-{} on OpenWrt), or do without {keyword}",
                    package(module)
                );
                checks.problem(NAME, None, format!("the kernel lacks {module}, which {keyword} needs"), fix);
            }
            None => {
                let detail = format!("whether the kernel has {module}, which {keyword} needs, cannot be found out");
                checks.unknown(NAME, None, detail, "look into the log of the service when it starts");
            }
        }
    }
}

fn package(module: &str) -> &str {
    if module == "nf_tables" { "nft-core" } else { module }
}

fn run_directory(subject: &Subject<'_>, checks: &mut Checks) {
    const NAME: &str = "run-directory";
    let directory = &subject.facts.run_directory;
    let path = directory.path.display();
    let space = match (directory.free_bytes, directory.free_files) {
        (Some(bytes), _) if bytes < FREE_BYTES_MIN => Some(format!("only {} KiB are left", bytes >> 10)),
        (_, Some(files)) if files < FREE_FILES_MIN => Some(format!("only {files} files can be made")),
        _ => None,
    };
    let consequence = "without the journal a crash leaves addresses behind";
    if let Some(space) = space {
        let detail = format!("{space} where {path} is: {consequence}");
        checks.problem(NAME, None, detail, "make room; it should be a tmpfs, as /run is");
    } else if let Some(refused) =
        directory.refused.as_ref().filter(|_| subject.facts.is_service || subject.facts.is_root)
    {
        let detail = format!("nothing can be written to {path} ({refused}): {consequence}");
        checks.problem(NAME, None, detail, "see to its owner and mode, or name another one with --run-dir");
    } else if directory.refused.is_some() {
        checks.unknown(NAME, None, format!("whether the service can write to {path}"), "ask as root");
    } else if directory.is_missing {
        checks.ok(NAME, None, format!("{path} can be made"));
    } else {
        checks.ok(NAME, None, format!("{path} can be written to"));
    }
}
