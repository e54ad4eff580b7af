//! What is said to the kernel about interfaces, addresses, routes and packet filters, and what it says. Read netlink(7) and
//! rtnetlink(7) before changing it.
//!
//! There are crates that know every message and every attribute. On a board with 8 MB of flash they take a quarter of what
//! locum takes in all, and locum needs few of them: here are only the envelopes.
//!
//! - [`message`]: messages to the kernel, as bytes; [`link`]: those about interfaces; [`read`]: messages from it.
//! - [`requests`]: a request that is answered at once, and a question with a long answer.
//! - [`monitor`]: what the kernel tells by itself.

pub(crate) mod link;
pub(crate) mod message;
pub(crate) mod monitor;
pub(crate) mod read;
pub(crate) mod requests;

pub(crate) use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};
