//! Where the lists of the engine's routers live: on the heap, put there by the service.

use std::net::IpAddr;

use locum_core::priority::Track;
use locum_core::router::{Peer, Storage};

/// Lists that the router owns.
#[derive(Clone, Debug)]
pub(crate) struct Owned;

impl Storage for Owned {
    type Addresses = Box<[IpAddr]>;
    type Peers = Box<[Peer]>;
    type Tracks = Box<[Track]>;
}
