//! What the service may do, once it has begun: capabilities that it does not need are given up. Read capabilities(7) before
//! changing it; they belong to a thread, and a thread begins with those of the one that starts it.
//!
//! Scripts that run as root are given root's capabilities by the kernel when they begin. Those of other users have none.

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// What sockets and netlink need.
const NETWORK: CapabilitySet = CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_RAW);

/// Memory that is locked is limited for who has not this one, also if it was locked before.
const OF_ENGINE: CapabilitySet = NETWORK.union(CapabilitySet::IPC_LOCK);

/// Scripts run as other users and are ended when they take too long; the socket belongs to a group; files that are
/// followed, edited and written to may belong to others. A reload may bring any of it.
const OF_SERVICE: CapabilitySet = OF_ENGINE
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::DAC_OVERRIDE);

/// Whether scripts and mail programs may gain privileges, as `sendmail` and `sudo` do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scripts {
    /// There are some.
    May,
    /// There are none.
    None,
}

/// Gives up what the calling thread, which is to be the engine, does not need. To be called when it has been scheduled as
/// it is to be. It runs nothing, so that it never gains anything again.
pub(crate) fn restrict_engine() {
    restrict(OF_ENGINE);
    let _ = rustix::thread::set_no_new_privs(true); // as good a kernel as can be had
    let _ = restrict_files(&[]); // as above: its sockets are open, and it opens no file
}

/// Gives up what the service thread does not need. What it starts from now on has no more either, unless it runs as root
/// or has the right to gain some.
pub(crate) fn restrict_service(scripts: Scripts) {
    restrict(OF_SERVICE);
    // What an ordinary user was given for the service is not for its scripts.
    if let Err(errno) = rustix::thread::clear_ambient_capability_set() {
        log::debug!("scripts keep the capabilities of the service: {errno}"); // before Linux 4.3 there are none to keep
    }
    if scripts == Scripts::None {
        let _ = rustix::thread::set_no_new_privs(true); // as above
    }
}

/// What may be done in a place of the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Whatever there is below a directory is made, changed and removed.
    Change,
    /// Sockets and FIFOs are made in a directory, and files removed.
    Clear,
    /// Files that there are below a directory are written to.
    Write,
    /// Programs below a directory are run.
    Run,
}

/// A place, with all below it, and what may be done there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) right: Right,
}

impl Place {
    /// That this may be done there.
    pub(crate) fn new(path: impl AsRef<Path>, right: Right) -> Self {
        Self { path: path.as_ref().to_owned(), right }
    }

    /// Whether what `other` stands for may be done, if what this one stands for may.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let covers = self.right == other.right || self.right == Right::Change && other.right != Right::Run;
        covers && other.path.starts_with(&self.path)
    }
}

/// How far the kernel holds a thread to the places that it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "landlock"), allow(dead_code, reason = "without Landlock it is never held"))]
pub(crate) enum Held {
    /// In all.
    Fully,
    /// As far as this kernel can.
    Partly,
    /// Not at all, and why.
    Not(&'static str),
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fully => f.write_str("in all that it can"),
            Self::Partly => f.write_str("as far as this kernel can"),
            Self::Not(why) => f.write_str(why),
        }
    }
}

/// Holds the calling thread, and what it starts from now on, to changing files and running programs in these places only;
/// without any it does not read either (landlock(7)). Places that are not there are left out.
#[cfg(feature = "landlock")]
pub(crate) fn restrict_files(places: &[Place]) -> Held {
    use landlock::{
        ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
        RulesetStatus,
    };

    let rights = |right| -> BitFlags<AccessFs> {
        match right {
            Right::Change => AccessFs::from_write(ABI::V3),
            Right::Clear => AccessFs::MakeSock | AccessFs::MakeFifo | AccessFs::RemoveFile,
            Right::Write => AccessFs::WriteFile | AccessFs::Truncate,
            Right::Run => AccessFs::Execute.into(),
        }
    };
    let handled = match places {
        [] => AccessFs::from_all(ABI::V3),
        _ => AccessFs::from_write(ABI::V3) | AccessFs::Execute,
    };
    let restrict = || -> Result<RulesetStatus, RulesetError> {
        let mut ruleset = Ruleset::default().handle_access(handled)?.create()?;
        for place in places {
            if let Ok(path) = PathFd::new(&place.path) {
                ruleset = ruleset.add_rule(PathBeneath::new(path, rights(place.right)))?;
            }
        }
        Ok(ruleset.restrict_self()?.ruleset)
    };
    match restrict() {
        Ok(RulesetStatus::FullyEnforced) => Held::Fully,
        Ok(RulesetStatus::PartiallyEnforced) => Held::Partly,
        Ok(RulesetStatus::NotEnforced) => Held::Not("this kernel has no Landlock, or it is not switched on"),
        Err(_) => Held::Not("the kernel refuses it"),
    }
}

/// This program is built without Landlock.
#[cfg(not(feature = "landlock"))]
pub(crate) fn restrict_files(_: &[Place]) -> Held {
    Held::Not("this program is built without it")
}

fn restrict(needed: CapabilitySet) {
    let result = capabilities(None).and_then(|had| {
        let kept = had.permitted.intersection(needed);
        set_capabilities(
            None,
            CapabilitySets {
                effective: had.effective.intersection(kept),
                permitted: kept,
                inheritable: CapabilitySet::empty(),
            },
        )
    });
    if let Err(errno) = result {
        log::warn!("capabilities that are not needed cannot be given up: {errno}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::thread;

    use super::*;

    /// What a thread of its own comes to that was held to these places; nothing where the kernel cannot.
    fn held<T: Send + 'static>(places: Vec<Place>, act: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let restricted = move || match restrict_files(&places) {
            Held::Fully => Some(act()),
            Held::Partly | Held::Not(_) => None,
        };
        thread::spawn(restricted).join().unwrap()
    }

    #[test]
    fn without_a_place_no_file_is_opened() {
        assert!(File::open("/proc/version").is_ok());
        let opened = held(Vec::new(), || File::open("/proc/version").map(drop).map_err(|error| error.kind()));
        assert!(matches!(opened, None | Some(Err(std::io::ErrorKind::PermissionDenied))), "{opened:?}");
    }

    #[test]
    fn files_are_changed_in_their_places_and_read_everywhere() {
        let folder = std::env::temp_dir().join(format!("locum-privileges-{}", std::process::id()));
        let (own, other) = (folder.join("own"), folder.join("other"));
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(&other).unwrap();
        let places = vec![Place::new(&own, Right::Change)];
        let done = held(places, move || {
            let replaced = fs::write(own.join("new"), "x").and_then(|()| fs::rename(own.join("new"), own.join("old")));
            let elsewhere = fs::write(other.join("new"), "x");
            (replaced.is_ok(), elsewhere.is_ok(), File::open("/proc/version").is_ok())
        });
        assert!(matches!(done, None | Some((true, false, true))), "{done:?}");
        fs::remove_dir_all(folder).unwrap();
    }
}
