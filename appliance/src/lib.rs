//! locum: one binary, the service and its command line.
//!
//! - `cli`: the command line.
//! - `service`: everything that may wait: files, netlink, the control socket.
//! - `engine`: the thread that owns the virtual routers.
//! - `clock`: the only place that reads one.

mod cli;
mod clock;
mod engine;
mod service;

pub use cli::main;
