//! Any sequence of operations on a set of routers keeps what must hold after each: see the driver.
#![no_main]

#[path = "../driver/operations.rs"]
mod operations;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| operations::play(bytes));
