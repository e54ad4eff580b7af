//! Who takes part.

use std::fmt;
use std::net::Ipv4Addr;

/// A machine of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A router.
    A,
    /// A router.
    B,
    /// A router.
    C,
    /// The client.
    H,
    /// The injector: a stranger that sends what it likes.
    X,
}

impl Node {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::A, Self::B, Self::C, Self::H, Self::X];

    /// Its address, with 24 bits of prefix.
    pub const fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(
            172,
            20,
            45,
            match self {
                Self::A => 131,
                Self::B => 132,
                Self::C => 133,
                Self::H => 200,
                Self::X => 66,
            },
        )
    }

    /// The MAC address of its eth0.
    pub const fn mac(self) -> [u8; 6] {
        [0x02, 0, 0, 0, 0, self.address().octets()[3]]
    }

    /// The name of its port on the switch.
    pub fn port(self) -> String {
        format!("p{self}")
    }

    /// The interface index of that port, given when it is made, so that it stays the same when it is made again.
    pub const fn port_index(self) -> usize {
        100 + self.address().octets()[3] as usize
    }

    /// Whether it is one of the routers.
    pub const fn is_router(self) -> bool {
        matches!(self, Self::A | Self::B | Self::C)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
