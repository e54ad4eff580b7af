//! What a service manager is told: datagrams to the socket that it names in the environment (sd_notify(3)). Without one,
//! nothing is told to nobody.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A service manager, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Manager {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// It wants to hear of us at least this often (`WatchdogSec=`).
    watchdog: Option<Duration>,
}

impl Manager {
    /// The one that the environment names.
    pub(crate) fn from_environment() -> Self {
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        let is_for_us = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|us| is_for_us && *us > 0).map(Duration::from_micros);
        Self::at(std::env::var_os("NOTIFY_SOCKET"), watchdog)
    }

    fn at(socket: Option<OsString>, watchdog: Option<Duration>) -> Self {
        let to = socket.and_then(|path| {
            let address = match path.as_bytes() {
                [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
                _ => SocketAddr::from_pathname(&path),
            };
            let socket = UnixDatagram::unbound().ok()?;
            // A manager that does not read holds nobody up.
            socket.set_nonblocking(true).ok()?;
            Some((socket, address.ok()?))
        });
        let watchdog = watchdog.filter(|_| to.is_some());
        Self { to, watchdog }
    }

    /// Whether there is one.
    pub(crate) const fn is_there(&self) -> bool {
        self.to.is_some()
    }

    /// How often it wants to hear of us.
    pub(crate) const fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// All runs.
    pub(crate) fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={status}"));
    }

    /// How it goes, in words.
    pub(crate) fn status(&self, status: &str) {
        self.say(&format!("STATUS={status}"));
    }

    /// A reload begins, which [`Manager::ready`] ends.
    pub(crate) fn reloading(&self) {
        // By the time it is told from what was said before the signal.
        if let Ok(now) = clock_gettime(ClockId::CLOCK_MONOTONIC) {
            let now_us = now.tv_sec().saturating_mul(1_000_000).saturating_add(now.tv_nsec() / 1_000);
            self.say(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}"));
        }
    }

    /// The service stops in order.
    pub(crate) fn stopping(&self) {
        self.say("STOPPING=1");
    }

    /// The service moves.
    pub(crate) fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    fn say(&self, text: &str) {
        if let Some((socket, address)) = &self.to
            && let Err(error) = socket.send_to_addr(text.as_bytes(), address)
        {
            log::debug!("the service manager cannot be told: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let len = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    }

    #[test]
    fn a_manager_hears_by_path_and_by_abstract_name() {
        let name = format!("locum-manager-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let by_path = UnixDatagram::bind(&path).unwrap();
        let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&abstract_address).unwrap();
        for (socket, address) in [(&by_path, path.clone().into_os_string()), (&by_name, format!("@{name}").into())] {
            let manager = Manager::at(Some(address), Some(Duration::from_secs(1)));
            manager.ready("4 instances");
            manager.alive();
            manager.reloading();
            manager.stopping();
            assert_eq!(heard(socket), "READY=1\nSTATUS=4 instances");
            assert_eq!(heard(socket), "WATCHDOG=1");
            assert!(heard(socket).starts_with("RELOADING=1\nMONOTONIC_USEC="));
            assert_eq!(heard(socket), "STOPPING=1");
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn without_a_manager_nobody_is_told() {
        for socket in [None, Some("".into()), Some("/no/such/socket".into()), Some("x".repeat(300).into())] {
            let manager = Manager::at(socket, None);
            manager.ready("");
            assert_eq!(manager.watchdog(), None);
        }
    }
}
