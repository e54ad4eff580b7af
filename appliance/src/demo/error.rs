//! Why the demo cannot be shown.

use std::fmt;
use std::fs;
use std::io;
use std::time::Duration;

use nix::errno::Errno;

use super::group::RouterId;
use crate::engine::link::Refusal;

/// Why the demo cannot be shown, in words that say what to do about it.
#[derive(Debug)]
pub(crate) enum DemoError {
    /// The programme does not fit into the time.
    TooShort { wanted: Duration, needed: Duration },
    /// The kernel refuses namespaces.
    Namespaces(Errno),
    /// The namespaces are there, but the kernel refuses to use what is in them.
    Powerless(&'static str, io::Error),
    /// The file system of the demo cannot be made.
    Files(io::Error),
    /// A part of the virtual LAN cannot be made.
    Lan(&'static str, io::Error),
    /// The kernel refuses a change of the virtual LAN.
    Netlink(&'static str, Refusal),
    /// A service cannot be started or reached.
    Router(RouterId, io::Error),
    /// It does not run.
    NotRunning(RouterId),
    /// It runs already.
    Running(RouterId),
    /// The system refuses a thread, a pipe or a signal.
    System(io::Error),
    /// The process inside was killed.
    Killed(&'static str),
    /// It was called with what only it itself says.
    NotInside,
    /// The console.
    #[cfg(feature = "console")]
    Console(locum_tui::ConsoleError),
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { wanted, needed } => write!(
                f,
                "the programme does not fit into {:.1} s\nhelp: it takes at least {} s, most of them waiting for the \
                 protocol's timers: `--duration {}s`",
                wanted.as_secs_f32(),
                needed.as_secs(),
                needed.as_secs()
            ),
            Self::Namespaces(Errno::EINVAL) => f.write_str(
                "this kernel lacks namespaces\nhelp: it needs CONFIG_NET_NS, CONFIG_PID_NS and, without root, CONFIG_USER_NS",
            ),
            Self::Namespaces(errno) => {
                write!(f, "the kernel refuses namespaces of its own: {}\nhelp: {}", errno.desc(), advice())
            }
            Self::Powerless(what, error) if is_refusal(error) => {
                write!(f, "{what}: {error}\nhelp: {}", advice())
            }
            Self::Powerless(what, error) => write!(f, "{what}: {error}"),
            Self::Files(error) => write!(f, "the files of the demo: {error}"),
            Self::Lan(what, error) => write!(f, "the virtual LAN: {what}: {error}"),
            Self::Netlink(what, error) => {
                write!(f, "the virtual LAN: {what}: {error}")?;
                netlink_help(error).map_or(Ok(()), |help| write!(f, "\nhelp: {help}"))
            }
            Self::Router(id, error) => write!(f, "router {id}: {error}"),
            Self::NotRunning(id) => write!(f, "{id} does not run"),
            Self::Running(id) => write!(f, "{id} runs already"),
            Self::System(error) => write!(f, "the system refuses what the demo needs: {error}"),
            Self::Killed(signal) => write!(f, "the demo was killed ({signal}); everything that it had made is gone"),
            Self::NotInside => f.write_str("`--inside` is only for the demo itself\nhelp: call `locum demo` without it"),
            #[cfg(feature = "console")]
            Self::Console(error) => {
                write!(f, "{error}\nhelp: without a terminal: `locum demo --headless`")
            }
        }
    }
}

impl std::error::Error for DemoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Powerless(_, error)
            | Self::Files(error)
            | Self::Lan(_, error)
            | Self::Router(_, error)
            | Self::System(error) => Some(error),
            Self::Namespaces(errno) => Some(errno),
            #[cfg(feature = "console")]
            Self::Console(error) => Some(error),
            Self::Netlink(..)
            | Self::TooShort { .. }
            | Self::NotRunning(_)
            | Self::Running(_)
            | Self::Killed(_)
            | Self::NotInside => None,
        }
    }
}

/// What to do about a kernel that lets nobody but root make namespaces, as far as the kernel says why.
fn advice() -> String {
    let says = |path: &str, value: &str| fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
    let as_root = "or run it as root";
    if says("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        format!(
            "AppArmor restricts user namespaces here: `sysctl kernel.apparmor_restrict_unprivileged_userns=0`, \
             {as_root}"
        )
    } else if says("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        format!("user namespaces are switched off here: `sysctl kernel.unprivileged_userns_clone=1`, {as_root}")
    } else if says("/proc/sys/user/max_user_namespaces", "0") {
        format!("user namespaces are switched off here: `sysctl user.max_user_namespaces=1000`, {as_root}")
    } else if nix::unistd::geteuid().is_root() {
        "root lacks CAP_SYS_ADMIN here, as in most containers: run it outside, or in one that may make namespaces \
         (`--privileged`)"
            .into()
    } else {
        "run it as root; in a container, in one that may make namespaces (`--privileged`)".into()
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EPERM | Errno::EACCES))
}

fn netlink_help(refusal: &Refusal) -> Option<String> {
    if refusal.errno == Errno::EOPNOTSUPP {
        return Some(
            "the kernel lacks CONFIG_BRIDGE or CONFIG_VETH (as root: `modprobe bridge; modprobe veth`)".into(),
        );
    }
    matches!(refusal.errno, Errno::EPERM | Errno::EACCES).then(advice)
}
