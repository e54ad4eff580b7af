//! Any packets at any times reach a router without a panic and without steps that do not end.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;

use libfuzzer_sys::fuzz_target;
use locum_core::priority::Tracker;
use locum_core::router::{Borrowed, Config, InterfaceId, Received};
use locum_core::set::{Interface, Link, Output, PACKET_BYTES_MAX, RouterSet, Slot};
use locum_core::time::Instant;
use locum_core::vocabulary::Family;
use locum_core::wire::vrrp::{GROUP_V4, Version};

const VIPS: &[IpAddr] = &[IpAddr::V4(Ipv4Addr::new(172, 20, 45, 248))];
const ETH0: InterfaceId = InterfaceId(0);

type Set = RouterSet<Borrowed<'static>, Vec<Slot<Borrowed<'static>>>, Vec<Interface>, Vec<Tracker>>;

fn drain(set: &mut Set) {
    let mut buffer = [0; PACKET_BYTES_MAX];
    for _ in 0..1_000 {
        if matches!(set.poll_output(&mut buffer), Output::Timeout(_)) {
            return;
        }
    }
    panic!("one input has no end of outputs");
}

// A byte of time and of source, then a message.
fuzz_target!(|packets: Vec<(u8, u8, &[u8])>| {
    let one = |number| NonZeroU8::new(number).unwrap_or(NonZeroU8::MIN);
    for version in [Version::V2, Version::V3] {
        let mut set = Set::new(vec![Slot::default(); 1], vec![Interface::default(); 1], Vec::new());
        let config: Config<Borrowed<'static>> = Config { version, ..Config::new(one(45), Family::Ipv4, VIPS) };
        let mut now_us = 0;
        set.handle_link(Instant::ZERO, ETH0, Link::Up);
        drain(&mut set);
        let _ = set.insert(Instant::ZERO, config, Some(Ipv4Addr::new(172, 20, 45, 131).into()));
        drain(&mut set);
        for (time, source, message) in &packets {
            now_us += u64::from(*time) * 20_000;
            let now = Instant::from_us(now_us);
            set.handle_timeout(now);
            drain(&mut set);
            let received = Received {
                source: Ipv4Addr::new(172, 20, 45, *source).into(),
                destination: GROUP_V4.into(),
                ttl: 255,
                message,
            };
            set.handle_packet(now, ETH0, &received);
            drain(&mut set);
        }
    }
});
