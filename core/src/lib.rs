//! VRRP without I/O: wire formats, the virtual router state machine, advert statistics.
//!
//! No heap, no clock, no sockets, no `unsafe`: time and packets are handed in, and what is to be done comes out as values.
//! So every moment of a failover can be played in a test, and the same code runs in the service, in a simulator and on a
//! target without an operating system.
//!
//! Read in this order:
//!
//! 1. [`vocabulary`]: states, causes, what blocks an instance; [`reject`]: why packets are discarded.
//! 2. [`wire`]: packets as bytes.
//! 3. [`priority`]: what trackers do to a router's priority.
//! 4. [`router`]: one virtual router; its state machine is a table in `router/transition.rs`.
//! 5. [`set`]: many of them, and how to drive them: one mutation, then drain.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod priority;
pub mod reject;
pub mod router;
pub mod set;
pub mod time;
pub mod vocabulary;
pub mod wire;
