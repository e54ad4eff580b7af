//! Whether a route is in a routing table.

use std::net::IpAddr;

use futures_util::{StreamExt, pin_mut};
use locum_config::model::Prefix;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteNextHopFlags, RouteType,
};
use rtnetlink::{Handle, new_connection, new_connection_with_strict_check};

use super::{Failure, Way};

/// The kernel's routing tables.
#[derive(Debug)]
pub(super) struct Routes(Handle);

impl Routes {
    fn open() -> std::io::Result<Self> {
        // With strict checks the kernel (since 4.20) gives only the table that is asked for; without, all of them.
        match new_connection_with_strict_check() {
            Ok((connection, handle, _)) => {
                tokio::spawn(connection);
                Ok(Self(handle))
            }
            Err(_) => {
                let (connection, handle, _) = new_connection()?;
                tokio::spawn(connection);
                Ok(Self(handle))
            }
        }
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
    let handle = match routes {
        Some(routes) => routes.0.clone(),
        None => routes.insert(Routes::open()?).0.clone(),
    };
    let found = handle.route().get(question(destination, table)).execute();
    pin_mut!(found);
    let mut is_down = false;
    while let Some(route) = found.next().await {
        let Ok(route) = route else { break }; // there is no such table
        match fits(&route, destination, table, interface) {
            Some(true) => return Ok(format!("{destination} is in table {table}")),
            Some(false) => is_down = true,
            None => {}
        }
    }
    Err(Failure::Absent(match is_down {
        true => format!("{destination} is in table {table}, but its link is down"),
        false => format!("{destination} is not in table {table}"),
    }))
}

fn question(destination: Prefix, table: u32) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family =
        if destination.address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.table = u8::try_from(table).unwrap_or(0);
    message.attributes.push(RouteAttribute::Table(table));
    message
}

/// Whether it is the route that is looked for, and if so, whether its link is up.
fn fits(route: &RouteMessage, destination: Prefix, table: u32, interface: Option<u32>) -> Option<bool> {
    let header = &route.header;
    let mut is_there = if destination.len == 0 { Some(()) } else { None };
    let mut its_table = u32::from(header.table);
    let mut hops = Vec::new();
    let is_live = !header.flags.intersects(RouteFlags::Dead | RouteFlags::Linkdown);
    for attribute in &route.attributes {
        #[allow(clippy::wildcard_enum_match_arm, reason = "dozens of attributes, of which four matter")]
        match attribute {
            RouteAttribute::Destination(address) => is_there = (ip(address)? == destination.network()).then_some(()),
            RouteAttribute::Table(table) => its_table = *table,
            RouteAttribute::Oif(index) => hops.push((*index, is_live)),
            RouteAttribute::MultiPath(paths) => hops.extend(paths.iter().map(|hop| {
                let is_dead = hop.flags.intersects(RouteNextHopFlags::Dead | RouteNextHopFlags::Linkdown);
                (hop.interface_index, !is_dead)
            })),
            _ => {}
        }
    }
    is_there?;
    let is_way = matches!(header.kind, RouteType::Unicast | RouteType::Local);
    if header.destination_prefix_length != destination.len
        || its_table != table
        || !is_way
        || header.flags.contains(RouteFlags::Cloned)
    {
        return None;
    }
    let mut ours = hops.iter().filter(|(index, _)| interface.is_none_or(|wanted| wanted == *index)).peekable();
    ours.peek()?;
    Some(ours.any(|(_, is_live)| *is_live))
}

const fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        RouteAddress::Mpls(_) | RouteAddress::Other(_) | _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_route::route::RouteNextHop;

    use super::*;

    fn route(destination: &str, len: u8, table: u32, attributes: Vec<RouteAttribute>) -> RouteMessage {
        let mut message = RouteMessage::default();
        message.header.destination_prefix_length = len;
        message.header.table = 254;
        message.header.kind = RouteType::Unicast;
        if len > 0 {
            let address: IpAddr = destination.parse().unwrap();
            message.attributes.push(RouteAttribute::Destination(address.into()));
        }
        message.attributes.push(RouteAttribute::Table(table));
        message.attributes.extend(attributes);
        message
    }

    fn hop(index: u32, flags: RouteNextHopFlags) -> RouteNextHop {
        let mut hop = RouteNextHop::default();
        hop.interface_index = index;
        hop.flags = flags;
        hop
    }

    #[test]
    fn only_the_very_route_fits_and_only_over_a_link_that_is_up() {
        let prefix = |text: &str, len| Prefix { address: text.parse().unwrap(), len };
        let oif = || vec![RouteAttribute::Oif(3)];
        let wanted = prefix("10.1.2.3", 24);
        let there = route("10.1.2.0", 24, 254, oif());
        assert_eq!(fits(&there, wanted, 254, None), Some(true), "host bits do not count");
        assert_eq!(fits(&there, wanted, 254, Some(3)), Some(true));
        assert_eq!(fits(&there, wanted, 254, Some(4)), None);
        assert_eq!(fits(&there, wanted, 100, None), None);
        assert_eq!(fits(&there, prefix("10.1.2.0", 25), 254, None), None);
        assert_eq!(fits(&there, prefix("0.0.0.0", 0), 254, None), None);
        assert_eq!(fits(&route("", 0, 254, oif()), prefix("0.0.0.0", 0), 254, None), Some(true));
        assert_eq!(fits(&route("10.1.2.0", 24, 1_000, oif()), wanted, 1_000, None), Some(true));
        let mut blackhole = there.clone();
        blackhole.header.kind = RouteType::BlackHole;
        assert_eq!(fits(&blackhole, wanted, 254, None), None);
        let mut down = there;
        down.header.flags = RouteFlags::Linkdown;
        assert_eq!(fits(&down, wanted, 254, None), Some(false));
        let up = RouteNextHopFlags::empty();
        let paths = vec![RouteAttribute::MultiPath(vec![hop(3, RouteNextHopFlags::Dead), hop(4, up)])];
        let paths = route("10.1.2.0", 24, 254, paths);
        assert_eq!(fits(&paths, wanted, 254, None), Some(true));
        assert_eq!(fits(&paths, wanted, 254, Some(3)), Some(false));
        let v6 = route("2001:db8::", 64, 254, oif());
        assert_eq!(fits(&v6, prefix("2001:db8::1", 64), 254, None), Some(true));
    }
}
