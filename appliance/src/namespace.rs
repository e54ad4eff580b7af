//! Network namespaces by name, as `ip netns` keeps them: read ip-netns(8) and network_namespaces(7) before changing it.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use locum_config::files::names_in;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

/// Where `ip netns` keeps their names.
const NAMES: &str = "/run/netns";
const OWN: &str = "/proc/self/ns/net";

/// The names that there are.
pub(crate) fn names() -> Vec<String> {
    names_in(Path::new(NAMES))
}

/// The number of the one that this process is in; 0 where nobody says.
pub(crate) fn own_number() -> u64 {
    fs::metadata(OWN).map_or(0, |meta| meta.ino())
}

/// A name of the one with this number.
pub(crate) fn name_of(number: u64) -> Option<String> {
    let has_it = |name: &String| fs::metadata(Path::new(NAMES).join(name)).is_ok_and(|meta| meta.ino() == number);
    names().into_iter().find(has_it)
}

/// Why a network namespace cannot be entered.
#[derive(Debug)]
pub(crate) struct EnterError {
    name: String,
    error: io::Error,
}

impl fmt::Display for EnterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, error } = self;
        if error.kind() == io::ErrorKind::NotFound {
            return write!(f, "there is no network namespace {name}\nhelp: make it before: ip netns add {name}");
        }
        write!(f, "network namespace {name} cannot be entered: {error}")?;
        if error.kind() == io::ErrorKind::PermissionDenied {
            write!(
                f,
                "\nhelp: start it in there: as root with `ip netns exec {name}`, or with \
                 NetworkNamespacePath={NAMES}/{name} in systemd's unit"
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for EnterError {}

/// Goes over to a network namespace, unless the process is in it already. To be called before there is a second thread.
/// From then on /sys shows what is in there; for that the process gets a view of mounts of its own, as with `ip netns exec`.
///
/// # Errors
/// When there is none of this name, or it is closed to this process.
pub(crate) fn enter(name: &str) -> Result<(), EnterError> {
    let failed = |error: io::Error| EnterError { name: name.to_owned(), error };
    let file = File::open(Path::new(NAMES).join(name)).map_err(failed)?;
    let is_same = |one: &Metadata, other: &Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
    let (its, own) = (file.metadata().map_err(failed)?, fs::metadata(OWN).map_err(failed)?);
    if is_same(&its, &own) {
        return Ok(());
    }
    setns(file, CloneFlags::CLONE_NEWNET).map_err(|errno| failed(errno.into()))?;
    if let Err(errno) = mount_sysfs() {
        log::warn!("/sys goes on showing the interfaces outside of network namespace {name}, to scripts too: {errno}");
    }
    Ok(())
}

fn mount_sysfs() -> Result<(), Errno> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    // What is mounted outside from now on appears here, and nothing of here appears outside.
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none)?;
    let _ = umount2("/sys", MntFlags::MNT_DETACH); // where nothing is mounted there, nothing needs to go
    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC, none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_cannot_be_entered_is_named_with_what_to_do() {
        let error = enter("no-such-namespace").unwrap_err().to_string();
        assert!(error.contains("there is no network namespace no-such-namespace"), "{error}");
        let closed = EnterError { name: "blue".into(), error: Errno::EPERM.into() }.to_string();
        assert!(closed.contains("ip netns exec blue") && closed.contains("NetworkNamespacePath="), "{closed}");
    }

    #[test]
    fn the_own_one_has_a_number() {
        assert_ne!(own_number(), 0);
        assert_eq!(name_of(0), None);
    }
}
