//! What the service may do, once it has begun: capabilities that it does not need are given up. Read capabilities(7) before
//! changing it; they belong to a thread, and a thread begins with those of the one that starts it.
//!
//! Scripts that run as root are given root's capabilities by the kernel when they begin. Those of other users have none.

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
