//! The console on a pseudo-terminal: drawn, left, cut off, killed, and its terminal restored each time.
//!
//! The console runs in a process of its own, because it owns the process's signals and panic hook: this test program,
//! started again with the name of the one test that is no test but the child.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "test code")]

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod dialogs;
mod ending;
mod harness;
mod services;
mod slow;
mod terminals;

use std::path::PathBuf;

/// A socket that no other test has.
fn socket(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("locum-tui-{}-{name}.sock", std::process::id()))
}
