//! locum: one binary, the service and its command line.
//!
//! - `cli`: the command line.
//! - `service`: everything that may wait: files, netlink, the control socket.
//! - `notify`: who is told about changes of state: scripts, FIFOs, mailboxes.
//! - `script`: running a command of the configuration.
//! - `track`: what instances follow.
//! - `engine`: the thread that owns the virtual routers.
//! - `doctor`: what keeps virtual routers from working.
//! - `record`: what a service says, kept in a file, and captures made of it.
//! - `demo`: a virtual LAN to try it all on.
//! - `privileges`: what it may do; `supervision`: who watches it.
//! - `machine`: its name, and a configuration as it is read on it.
//! - `namespace`: network namespaces by name.
//! - `netlink`: what is said to the kernel, and what it says.
//! - `parts`: what a build may be without.
//! - `packet_filter`: the words that packet filters are made of.
//! - `readiness`: waiting for descriptors that tokio has no type for.
//! - `task`: tasks of the thread of the service.
//! - `clock`: the only place that reads one; `exit`: what the process ends with.

mod cli;
mod clock;
#[cfg(test)]
mod counting;
#[cfg(feature = "demo")]
mod demo;
#[cfg(feature = "doctor")]
mod doctor;
mod engine;
mod exit;
mod machine;
mod namespace;
mod netlink;
mod notify;
mod packet_filter;
mod parts;
mod privileges;
mod readiness;
#[cfg(feature = "record")]
mod record;
mod script;
mod seconds;
mod service;
#[cfg_attr(not(feature = "plan"), allow(dead_code, reason = "a plan plays more than a preview does"))]
mod simulate;
mod supervision;
mod task;
mod text;
mod track;

pub use cli::main;
#[cfg(feature = "manual")]
pub use cli::manual::write_manual;
