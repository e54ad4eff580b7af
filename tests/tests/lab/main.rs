//! The service in the lab. One behaviour a module, named as the behaviour.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "these are tests, and the harness wants them outside cfg(test)"
)]

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

mod accept_mode;
mod address_already_there;
mod as_keepalived;
mod bad_input;
mod bad_packets;
mod causes;
mod cleanup;
mod command_line;
mod configuration;
mod crash;
mod doctor;
mod effective_priority;
mod faults;
mod interop;
mod ipvlan;
mod kernel;
mod lab_itself;
mod log;
mod mac_addresses;
mod made_interfaces;
mod metrics;
mod no_addresses;
mod notify_fifo;
mod notify_stuck;
mod operators;
mod overload;
mod preempt_delay;
mod preview;
mod privileges;
mod quiet;
mod random;
mod record;
mod reload;
mod remote;
mod sandbox;
mod saving;
mod scenario_1_unicast;
mod scenario_2_two_masters;
mod scenario_3_no_preemption;
mod scenario_4_notifications;
mod scenario_5_three_nodes;
mod session;
mod several_services;
mod shared_vrid;
mod socket;
mod split;
mod ssh;
mod start_delays;
mod statistics;
mod steering;
mod supervision;
mod trackers;
mod transport;
mod version_3;
mod vip_lost;
mod virtual_mac;
mod witness;

/// More than a takeover takes at an interval of 1 s (3.7 s), with the start of a daemon on a busy machine before it.
const TAKEOVER_MAX: Duration = Duration::from_secs(12);

/// A number of the environment, by which a test lasts longer or is played again.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// The threads of a process, as their directories in /proc, the first one first.
fn tasks(process: impl Display) -> Vec<PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("threads");
    let mut paths: Vec<_> = tasks.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// What a thread is called.
fn comm(task: &Path) -> String {
    fs::read_to_string(task.join("comm")).unwrap_or_default().trim().to_owned()
}

/// A service that a test starts by itself. It ends with the test, however that ends.
struct Running(Child);

impl Running {
    fn signal(&self, signal: impl Into<Option<Signal>>) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

/// The tests of `$behaviour(a, b)`: locum with itself, and with keepalived in both roles.
macro_rules! each_pair {
    ($behaviour:ident) => {
        #[test]
        fn locum_with_locum() {
            $behaviour(locum_tests::Daemon::Locum, locum_tests::Daemon::Locum);
        }

        #[test]
        fn locum_with_keepalived() {
            $behaviour(locum_tests::Daemon::Locum, locum_tests::Daemon::Keepalived);
        }

        #[test]
        fn keepalived_with_locum() {
            $behaviour(locum_tests::Daemon::Keepalived, locum_tests::Daemon::Locum);
        }
    };
}
pub(crate) use each_pair;

/// A configuration of one instance with another priority.
fn with_priority(configuration: &str, priority: u8) -> String {
    assert!(configuration.contains("priority 100"), "{configuration}");
    configuration.replace("priority 100", &format!("priority {priority}"))
}
