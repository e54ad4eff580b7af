//! The lab: routers A, B and C, a client H and an injector X in network namespaces of their own, joined by a switch,
//! with a capture as the witness of everything that is said.
//!
//! ```text
//!    A .131   B .132   C .133   H .200   X .66      172.20.45.0/24 on each one's eth0
//!      │        │        │        │        │
//!     pA       pB       pC       pH       pX
//!   ┌─┴────────┴────────┴────────┴────────┴─┐
//!   │                 br0                   │      the switch, in a namespace of its own; the capture listens
//!   └───────────────────────────────────────┘      on its ports, so it sees each frame once, where it came in
//! ```
//!
//! Reading order: [`Lab`] (what a test does with it), [`Timeline`] (what it asks the capture), [`Probe`] (what the
//! client saw), [`Injector`] and [`VrrpPacket`] (what a stranger sends), `invariants` (what must hold in every test).
//!
//! Nothing is ever sent outside the namespaces. They are named `locum-lab-PID-N-ROLE`; a lab that was left behind by a
//! test that was killed is swept by the next one.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a lab that cannot do its work is a failed test"
)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "questions pick one kind out of many; a new kind changes nothing for them"
)]

mod addresses;
mod capture;
mod command;
mod decode;
mod frr;
mod injector;
mod invariants;
mod lab;
mod moment;
mod namespace;
mod node;
mod probe;
mod report;
mod router;
mod scenario;
mod share;
mod tap;
mod timeline;

pub use addresses::AddressEntry;
pub use command::{Outcome, copy_program, find_program, locum, locum_binary, tool};
pub use decode::{Advert, Arp, ArpKind, Checksum, Echo, Frame, checksum, decode};
pub use injector::{Injector, VrrpPacket};
pub use lab::{Lab, lab_lacks, skip, with_broken_lab, with_lab};
pub use moment::{Moment, wait_for};
pub use namespace::{Namespace, sweep, unique_name};
pub use node::Node;
pub use probe::{Answers, Probe};
pub use router::{Daemon, Router};
pub use scenario::{Group, scenario};
pub use share::{CpuShare, can_run_in_real_time};
pub use tap::{Caught, Tap};
pub use timeline::{Mastership, Record, Sighting, Timeline};
