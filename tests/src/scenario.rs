//! The configurations of the field, kept word for word beside the tests.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

/// A virtual router as a test speaks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// The instance's name, the same on all routers.
    pub instance: &'static str,
    /// The virtual router ID.
    pub vrid: u8,
    /// The virtual address.
    pub vip: Ipv4Addr,
}

impl Group {
    /// `VI_1` of the scenarios.
    pub const VI_1: Self = Self { instance: "VI_1", vrid: 45, vip: Ipv4Addr::new(172, 20, 45, 248) };
    /// `VI_2` of the scenarios.
    pub const VI_2: Self = Self { instance: "VI_2", vrid: 144, vip: Ipv4Addr::new(172, 20, 45, 249) };
}

/// The configuration `scenarios/NAME.conf`.
///
/// # Panics
/// When there is none.
#[track_caller]
pub fn scenario(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{name}.conf"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
