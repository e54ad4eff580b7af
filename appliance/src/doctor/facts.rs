//! What is read from the system. Nothing here judges.

use locum_control::{SortedMap, SortedSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use locum_config::files::names_in;
use nix::libc;
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::tools::{self, ToolError};
use crate::clock;

/// A file under /proc or /sys is not longer.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Programs that speak VRRP, too, or want the same addresses.
const DAEMONS: [&str; 5] = ["keepalived", "vrrpd", "uvrrpd", "ucarp", "holod"];
/// Processes that are looked at.
const PROCESSES_MAX: usize = 32_768;

/// What is worth reading.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// The interfaces that instances and addresses are on.
    pub(crate) interfaces: SortedSet<String>,
    /// The run directory.
    pub(crate) run_directory: PathBuf,
    /// It is the service's own process that looks.
    pub(crate) is_service: bool,
}

/// What was read. What could not be read is absent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(super) unix_ms: u64,
    pub(super) is_clock_synchronised: Option<bool>,
    /// Whether the process that looks is the service.
    pub(super) is_service: bool,
    /// `/proc/self/limits`: its soft limits by name; absent for "unlimited".
    pub(super) limits: SortedMap<String, Option<u64>>,
    /// Descriptors that it has open.
    pub(super) open_files: Option<u64>,
    /// Whether one of its threads runs in real time.
    pub(super) has_realtime_thread: bool,
    pub(super) is_root: bool,
    pub(super) interfaces: SortedMap<String, InterfaceFacts>,
    /// `rp_filter` and others for all interfaces, and `ip_forward`.
    pub(super) settings: SortedMap<&'static str, u32>,
    /// Which interface has joined which group.
    pub(super) memberships: Option<SortedSet<(String, IpAddr)>>,
    pub(super) filters: Filters,
    /// Processes that speak VRRP, too.
    pub(super) daemons: Vec<(String, u32)>,
    /// Whether the kernel has, or can load, a module. Absent where nobody can tell.
    pub(super) modules: SortedMap<&'static str, bool>,
    pub(super) run_directory: RunDirectory,
}

/// An interface, as sysfs and /proc/sys have it.
#[derive(Clone, Debug, Default)]
pub(super) struct InterfaceFacts {
    /// `IFF_…` of linux/if.h
    pub(super) flags: Option<u32>,
    /// The bridge that it is a port of, and its state as a port: `BR_STATE_…` of linux/if_bridge.h.
    pub(super) port_of: Option<(String, u32)>,
    /// The states of its ports, if it is a bridge.
    pub(super) ports: SortedMap<String, u32>,
    /// Whether it takes part in the spanning tree protocol, if it is a bridge.
    pub(super) has_spanning_tree: bool,
    /// `rp_filter`, `arp_ignore`, `arp_announce`, `disable_ipv6`
    pub(super) settings: SortedMap<&'static str, u32>,
}

/// The packet filters.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    /// `nft -j list ruleset`; absent where the kernel has no such filter.
    pub(super) nftables: Option<Result<String, ToolError>>,
    /// `iptables-save`, where it is about rules that nft does not show.
    pub(super) iptables: Option<Result<String, ToolError>>,
    /// The same for IPv6.
    pub(super) ip6tables: Option<Result<String, ToolError>>,
}

/// Where the journal and the history are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct RunDirectory {
    pub(super) path: PathBuf,
    /// Why nothing can be written there.
    pub(super) refused: Option<String>,
    /// It does not exist; its parent was looked at.
    pub(super) is_missing: bool,
    pub(super) free_bytes: Option<u64>,
    pub(super) free_files: Option<u64>,
}

/// Reads it all. Takes as long as the programs take that list the packet filter: up to some seconds.
pub(crate) fn gather(wanted: &Wanted) -> Facts {
    let mut settings = SortedMap::new();
    for name in ["rp_filter", "arp_ignore", "arp_announce"] {
        settings.extend(number(format!("/proc/sys/net/ipv4/conf/all/{name}")).map(|value| (name, value)));
    }
    let machine = [
        ("ip_forward", "ipv4/ip_forward"),
        ("ip_nonlocal_bind", "ipv4/ip_nonlocal_bind"),
        ("forwarding", "ipv6/conf/all/forwarding"),
    ];
    for (name, path) in machine {
        settings.extend(number(format!("/proc/sys/net/{path}")).map(|value| (name, value)));
    }
    Facts {
        unix_ms: clock::unix_ms(),
        is_clock_synchronised: is_clock_synchronised(),
        is_service: wanted.is_service,
        limits: read("/proc/self/limits").map(|text| limits(&text)).unwrap_or_default(),
        open_files: fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64),
        has_realtime_thread: has_realtime_thread(),
        is_root: nix::unistd::geteuid().is_root(),
        interfaces: wanted.interfaces.iter().map(|name| (name.clone(), interface(name))).collect(),
        settings,
        memberships: memberships(),
        filters: filters(),
        daemons: daemons(),
        modules: ["macvlan", "ipvlan", "nf_tables"]
            .into_iter()
            .filter_map(|name| Some((name, module(name)?)))
            .collect(),
        run_directory: run_directory(&wanted.run_directory),
    }
}

fn interface(name: &str) -> InterfaceFacts {
    let mut facts = InterfaceFacts::default();
    // A name that is no file name is none of an interface either.
    if name.contains('/') || name.starts_with('.') {
        return facts;
    }
    let device = Path::new("/sys/class/net").join(name);
    facts.flags = read(device.join("flags")).and_then(|text| hexadecimal(&text));
    let bridge = fs::read_link(device.join("brport/bridge")).ok();
    let bridge = bridge.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    facts.port_of = bridge.zip(number(device.join("brport/state")));
    let ports = device.join("brif");
    for port in names_in(&ports) {
        let state = number(ports.join(&port).join("state"));
        facts.ports.extend(state.map(|state| (port, state)));
    }
    facts.has_spanning_tree = number(device.join("bridge/stp_state")).is_some_and(|state| state != 0);
    for name_of_setting in ["rp_filter", "arp_ignore", "arp_announce"] {
        let value = number(format!("/proc/sys/net/ipv4/conf/{name}/{name_of_setting}"));
        facts.settings.extend(value.map(|value| (name_of_setting, value)));
    }
    let v6 = number(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"));
    facts.settings.extend(v6.map(|value| ("disable_ipv6", value)));
    facts
}

fn memberships() -> Option<SortedSet<(String, IpAddr)>> {
    let mut all = igmp(&read("/proc/net/igmp")?);
    // A kernel without IPv6 has no such file.
    all.extend(igmp6(&read("/proc/net/igmp6").unwrap_or_default()));
    Some(all)
}

/// `/proc/net/igmp`: a line for an interface, and below it one for each group, in hexadecimal as the kernel has it in
/// memory.
pub(super) fn igmp(text: &str) -> SortedSet<(String, IpAddr)> {
    let (mut all, mut interface) = (SortedSet::new(), None);
    for line in text.lines().skip(1) {
        let mut words = line.split_whitespace();
        if line.starts_with(char::is_whitespace) {
            let group = words.next().and_then(|word| u32::from_str_radix(word, 16).ok());
            if let (Some(group), Some(interface)) = (group, &interface) {
                all.insert((String::clone(interface), IpAddr::V4(Ipv4Addr::from(group.to_ne_bytes()))));
            }
        } else {
            interface = words.nth(1).map(|name| name.trim_end_matches(':').to_owned());
        }
    }
    all
}

/// `/proc/net/igmp6`: index, interface, group in hexadecimal, and more.
pub(super) fn igmp6(text: &str) -> SortedSet<(String, IpAddr)> {
    let entry = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (interface, group) = (words.next()?, u128::from_str_radix(words.next()?, 16).ok()?);
        Some((interface.to_owned(), IpAddr::V6(Ipv6Addr::from(group))))
    };
    text.lines().filter_map(entry).collect()
}

/// `/proc/self/limits`: name, soft limit, hard limit, unit, in columns.
pub(super) fn limits(text: &str) -> SortedMap<String, Option<u64>> {
    let entry = |line: &str| {
        let (name, values) = (line.get(..26)?.trim(), line.get(26..)?);
        let soft = values.split_whitespace().next()?;
        if soft == "unlimited" {
            Some((name.to_owned(), None))
        } else {
            Some((name.to_owned(), Some(soft.parse().ok()?)))
        }
    };
    text.lines().skip(1).filter_map(entry).collect()
}

fn filters() -> Filters {
    // The old filter has a list of its tables; what iptables makes of the new one, nft shows.
    let has_tables = |path: &str| read(path).is_some_and(|text| !text.trim().is_empty());
    let legacy = |path: &str, programs: [&str; 2]| has_tables(path).then(|| ask_first(programs));
    let has_nftables = Path::new("/sys/module/nf_tables").exists();
    let nftables = match tools::ask("nft", &["-j", "list", "ruleset"]) {
        // Nobody can have made rules for what is not there.
        Err(ToolError::Missing) if !has_nftables => None,
        answer => Some(answer),
    };
    Filters {
        nftables,
        iptables: legacy("/proc/net/ip_tables_names", ["iptables-legacy-save", "iptables-save"]),
        ip6tables: legacy("/proc/net/ip6_tables_names", ["ip6tables-legacy-save", "ip6tables-save"]),
    }
}

fn ask_first(programs: [&str; 2]) -> Result<String, ToolError> {
    programs.into_iter().map(|program| tools::ask(program, &[])).find(Result::is_ok).unwrap_or(Err(ToolError::Missing))
}

/// Other programs in this network namespace that speak VRRP.
fn daemons() -> Vec<(String, u32)> {
    let namespace = |process: &Path| fs::read_link(process.join("ns/net"));
    let here = namespace(Path::new("/proc/self")).ok();
    let processes = Path::new("/proc");
    let mut found: Vec<(String, u32)> = Vec::new();
    for process in names_in(processes).iter().take(PROCESSES_MAX) {
        let Ok(pid) = process.parse() else { continue };
        let process = processes.join(process);
        let Some(name) = read(process.join("comm")) else { continue };
        let is_here = match namespace(&process) {
            Ok(its) => Some(its) == here,
            // Who may not ask cannot tell. One that has ended and is still listed has no namespace any more.
            Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
        };
        if is_here && DAEMONS.contains(&name.trim_end()) {
            found.push((name.trim_end().to_owned(), pid));
        }
    }
    found.sort_unstable();
    // One program often is several processes.
    found.dedup_by(|next, first| next.0 == first.0);
    found
}

/// Whether the kernel has a module built in or loaded, or finds one to load.
fn module(name: &str) -> Option<bool> {
    if Path::new("/sys/module").join(name).exists() {
        return Some(true);
    }
    let release = nix::sys::utsname::uname().ok()?.release().to_string_lossy().into_owned();
    let folder = Path::new("/lib/modules").join(release);
    // OpenWrt has its modules in one folder, without lists.
    if folder.join(format!("{name}.ko")).exists() {
        return Some(true);
    }
    let lists = ["modules.builtin", "modules.dep"].map(|list| read(folder.join(list)));
    if lists.iter().all(Option::is_none) {
        return None;
    }
    let file = format!("/{name}.ko");
    Some(lists.iter().flatten().flat_map(|list| list.lines()).any(|line| {
        let path = line.split(':').next().unwrap_or_default();
        path.find(&file).is_some_and(|at| path.len() - at - file.len() <= ".zst".len())
    }))
}

fn run_directory(path: &Path) -> RunDirectory {
    let is_missing = !path.exists();
    let place = if is_missing { path.parent().unwrap_or(path) } else { path };
    let refused = access(place, AccessFlags::W_OK).err().map(|errno| errno.desc().to_owned());
    let space = statvfs(place).ok();
    RunDirectory {
        path: path.to_owned(),
        refused,
        is_missing,
        // The types differ between machines.
        #[allow(clippy::useless_conversion, reason = "the C types are of other sizes on other machines")]
        free_bytes: space.as_ref().map(|it| u64::from(it.blocks_available()).saturating_mul(it.fragment_size().into())),
        // A file system that makes them as needed has none.
        #[allow(clippy::useless_conversion, reason = "the C types are of other sizes on other machines")]
        free_files: space.as_ref().filter(|it| it.files() > 0).map(|it| it.files_available().into()),
    }
}

/// Whether a thread of this process has SCHED_FIFO or SCHED_RR: field 41 of proc_pid_stat(5).
fn has_realtime_thread() -> bool {
    let threads = Path::new("/proc/self/task");
    names_in(threads).iter().filter_map(|thread| read(threads.join(thread).join("stat"))).any(|stat| {
        // The name in brackets, which is the second field, may hold anything.
        let policy = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(38));
        matches!(policy, Some("1" | "2"))
    })
}

/// Whether somebody keeps the wall clock right (adjtimex(2)).
#[allow(unsafe_code, reason = "nix has no adjtimex")]
fn is_clock_synchronised() -> Option<bool> {
    // SAFETY: a timex is numbers only, for which zeros are valid; modes 0 asks and changes nothing.
    let mut time: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes to `time`, which lives until the call returns.
    let state = unsafe { libc::adjtimex(&raw mut time) };
    (state >= 0).then_some(time.status & libc::STA_UNSYNC == 0)
}

fn number(path: impl AsRef<Path>) -> Option<u32> {
    read(path)?.trim().parse().ok()
}

fn hexadecimal(text: &str) -> Option<u32> {
    let text = text.trim();
    u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
