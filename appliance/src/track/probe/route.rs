//! Whether a route is in a routing table.

use std::io;

use locum_config::model::Prefix;

use super::{Failure, Way};
use crate::netlink::NETLINK_ROUTE;
use crate::netlink::message::Message;
use crate::netlink::read::{self, Received, messages};
use crate::netlink::requests::Requests;

// linux/rtnetlink.h
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_MULTIPATH: u16 = 9;
const RTA_TABLE: u16 = 15;
const RTN_UNICAST: u8 = 1;
const RTN_LOCAL: u8 = 2;
const RTM_F_CLONED: u32 = 0x200;
/// `RTNH_F_DEAD | RTNH_F_LINKDOWN`, of a route as of each of its ways.
const DOWN: u8 = 0x01 | 0x10;

/// `struct rtmsg`, `struct rtnexthop`
const ROUTE_BYTES: usize = 12;
const HOP_BYTES: usize = 8;

/// The kernel's routing tables.
pub(super) struct Routes(Requests);

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Routes")
    }
}

impl Routes {
    fn open() -> io::Result<Self> {
        let requests = Requests::open(NETLINK_ROUTE)?;
        // With strict checks the kernel (since 4.20) gives only the table that is asked for; without, all of them.
        let _ = requests.be_strict();
        Ok(Self(requests))
    }
}

/// Looks for a route of exactly this prefix over a link that is up.
pub(super) async fn ask(
    destination: Prefix,
    table: u32,
    way: &Way,
    routes: &mut Option<Routes>,
) -> Result<String, Failure> {
    let interface = match &way.interface {
        Some(name) => Some(
            nix::net::if_::if_nametoindex(name.as_str())
                .map_err(|_| Failure::Absent(format!("there is no interface {name}")))?,
        ),
        None => None,
    };
    let mut tables = match routes.take() {
        Some(tables) => tables,
        None => Routes::open()?,
    };
    let mut is_down = false;
    let mut answer = tables.0.ask(question(destination, table))?;
    // An error says that there is no such table.
    while let Ok(Some(piece)) = answer.piece() {
        for route in messages(piece) {
            match fits(route, destination, table, interface) {
                Some(true) => return Ok(format!("{destination} is in table {table}")),
                Some(false) => is_down = true,
                None => {}
            }
        }
        // A router of the Internet has a million: others have their turn in between.
        tokio::task::yield_now().await;
    }
    *routes = Some(tables);
    Err(Failure::Absent(match is_down {
        true => format!("{destination} is in table {table}, but its link is down"),
        false => format!("{destination} is not in table {table}"),
    }))
}

fn question(destination: Prefix, table: u32) -> Message {
    let mut fixed = [0; ROUTE_BYTES];
    let [family, _, _, _, of_table, ..] = &mut fixed;
    *family = if destination.address.is_ipv4() { AF_INET } else { AF_INET6 };
    *of_table = u8::try_from(table).unwrap_or(0);
    let mut message = Message::question(RTM_GETROUTE, &fixed);
    message.put_u32(RTA_TABLE, table);
    message
}

/// Whether it is the route that is looked for, and if so, whether its link is up.
fn fits(route: Received<'_>, destination: Prefix, table: u32, interface: Option<u32>) -> Option<bool> {
    let (fixed, attributes) = route.split::<ROUTE_BYTES>().filter(|_| route.kind == RTM_NEWROUTE)?;
    let [_, len, _, _, of_table, _, _, kind, ..] = *fixed;
    let flags = read::u32_at(fixed, 8)?;
    let [.., live_flags] = flags.to_be_bytes();
    let is_live = live_flags & DOWN == 0;
    let mut is_there = destination.len == 0;
    let mut its_table = u32::from(of_table);
    let mut hops = Vec::new();
    for (kind, value) in attributes {
        match kind {
            RTA_DST => is_there = read::address(value)? == destination.network(),
            RTA_TABLE => its_table = read::u32_at(value, 0)?,
            RTA_OIF => hops.push((read::u32_at(value, 0)?, is_live)),
            RTA_MULTIPATH => hops.extend(ways(value)),
            _ => {}
        }
    }
    let is_way = matches!(kind, RTN_UNICAST | RTN_LOCAL) && flags & RTM_F_CLONED == 0;
    if !is_there || len != destination.len || its_table != table || !is_way {
        return None;
    }
    let mut ours = hops.iter().filter(|(index, _)| interface.is_none_or(|wanted| wanted == *index)).peekable();
    ours.peek()?;
    Some(ours.any(|(_, is_live)| *is_live))
}

/// The interfaces of a route with several ways, and whether each is up.
fn ways(value: &[u8]) -> impl Iterator<Item = (u32, bool)> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let len = usize::from(read::u16_at(rest, 0)?);
        let [_, _, flags, _, ..] = *rest.first_chunk::<HOP_BYTES>()?;
        let index = read::u32_at(rest, 4)?;
        // A length that leads nowhere ends it.
        rest = rest.get(len.next_multiple_of(4).max(HOP_BYTES)..).unwrap_or_default();
        Some((index, flags & DOWN == 0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Route {
        kind: u8,
        flags: u32,
        destination: &'static str,
        len: u8,
        table: u32,
        oif: Option<u32>,
        ways: Vec<(u32, u8)>,
    }

    fn route(destination: &'static str, len: u8, table: u32) -> Route {
        Route { kind: RTN_UNICAST, flags: 0, destination, len, table, oif: Some(3), ways: Vec::new() }
    }

    impl Route {
        fn fits(&self, wanted: (&str, u8), table: u32, interface: Option<u32>) -> Option<bool> {
            let mut fixed = [2, self.len, 0, 0, 254, 0, 0, self.kind, 0, 0, 0, 0];
            fixed[8..].copy_from_slice(&self.flags.to_ne_bytes());
            let mut message = Message::new(RTM_NEWROUTE, 0, &fixed);
            if self.len > 0 {
                message.put_address(RTA_DST, self.destination.parse().unwrap());
            }
            message.put_u32(RTA_TABLE, self.table);
            if let Some(index) = self.oif {
                message.put_u32(RTA_OIF, index);
            }
            if !self.ways.is_empty() {
                let paths = message.open_plain(RTA_MULTIPATH);
                for (index, flags) in &self.ways {
                    let hop = message.position();
                    message.put_raw(&[0, 0, *flags, 0]).put_raw(&index.to_ne_bytes()).put(5, &[10, 0, 0, 1]);
                    message.set_len_at(hop);
                }
                message.close(paths);
            }
            let bytes = message.finish();
            let wanted = Prefix { address: wanted.0.parse().unwrap(), len: wanted.1 };
            fits(messages(&bytes).next().unwrap(), wanted, table, interface)
        }
    }

    #[test]
    fn only_the_very_route_fits_and_only_over_a_link_that_is_up() {
        let wanted = ("10.1.2.3", 24);
        let there = route("10.1.2.0", 24, 254);
        assert_eq!(there.fits(wanted, 254, None), Some(true), "host bits do not count");
        assert_eq!(there.fits(wanted, 254, Some(3)), Some(true));
        assert_eq!(there.fits(wanted, 254, Some(4)), None);
        assert_eq!(there.fits(wanted, 100, None), None);
        assert_eq!(there.fits(("10.1.2.0", 25), 254, None), None);
        assert_eq!(there.fits(("0.0.0.0", 0), 254, None), None);
        assert_eq!(route("", 0, 254).fits(("0.0.0.0", 0), 254, None), Some(true));
        assert_eq!(route("10.1.2.0", 24, 1_000).fits(wanted, 1_000, None), Some(true));
        assert_eq!(Route { kind: 6, ..route("10.1.2.0", 24, 254) }.fits(wanted, 254, None), None, "a black hole");
        assert_eq!(Route { flags: RTM_F_CLONED, ..route("10.1.2.0", 24, 254) }.fits(wanted, 254, None), None);
        let down = Route { flags: 0x10, ..route("10.1.2.0", 24, 254) };
        assert_eq!(down.fits(wanted, 254, None), Some(false));
        let paths = Route { oif: None, ways: vec![(3, 1), (4, 0)], ..route("10.1.2.0", 24, 254) };
        assert_eq!(paths.fits(wanted, 254, None), Some(true));
        assert_eq!(paths.fits(wanted, 254, Some(3)), Some(false));
        assert_eq!(route("2001:db8::", 64, 254).fits(("2001:db8::1", 64), 254, None), Some(true));
    }

    #[test]
    fn a_way_that_lies_about_its_length_ends_the_list() {
        let hop = |len: u16, index: u32| [&len.to_ne_bytes()[..], &[0, 0], &index.to_ne_bytes()].concat();
        assert_eq!(ways(&[hop(8, 3), hop(8, 4)].concat()).collect::<Vec<_>>(), [(3, true), (4, true)]);
        assert_eq!(ways(&[hop(0, 3), hop(u16::MAX, 4), hop(8, 5)].concat()).count(), 2);
        assert_eq!(ways(&hop(8, 3)[..7]).count(), 0);
    }
}
