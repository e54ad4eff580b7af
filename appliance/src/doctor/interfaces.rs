//! Links, source addresses, groups, bridges, and the kernel's settings about them.

use locum_control::SortedSet;
use std::net::IpAddr;

use locum_config::model::{Family, Instance};
use locum_core::set::Link;

use super::facts::InterfaceFacts;
use super::{Checks, Subject};
use crate::service::{addresses_of, core_family};

const IFF_MULTICAST: u32 = 0x1000; // linux/if.h
/// States of a bridge's port (linux/if_bridge.h).
const PORT_STATES: [&str; 5] = ["disabled", "listening", "learning", "forwarding", "blocking"];
const FORWARDING: u32 = 3;

/// Whether each interface is there, up and connected.
pub(super) fn links(subject: &Subject<'_>, checks: &mut Checks) {
    const NAME: &str = "link";
    let Some(network) = subject.network else {
        return checks.unknown(NAME, None, "the kernel cannot be asked for its interfaces", "ask as root");
    };
    for name in subject.interfaces() {
        let here = Some(name.to_owned());
        match network.by_name(name) {
            None => checks.problem(
                NAME,
                here,
                format!("{name} does not exist"),
                "plug it in or make it, or name another one with `interface`; `ip link` lists those that are there",
            ),
            Some((_, link)) if !link.is_up => {
                checks.problem(NAME, here, format!("{name} is not set up"), format!("ip link set {name} up"));
            }
            Some((_, link)) if !link.has_carrier => checks.problem(
                NAME,
                here,
                format!("{name} has no carrier"),
                "look at the cable, and at the port of the switch at its other end",
            ),
            Some(_) => checks.ok(NAME, here, format!("{name} is up and has carrier")),
        }
    }
}

/// Whether each instance has an address to send from.
pub(super) fn sources(subject: &Subject<'_>, checks: &mut Checks) {
    const NAME: &str = "source-address";
    let Some(network) = subject.network else { return };
    for (instance, interface) in subject.placed() {
        let name = Some(instance.name.value.clone());
        let is_there = network.by_name(interface).is_some();
        let own: Vec<IpAddr> = addresses_of(instance).map(|(address, _)| address.address).collect();
        let placements = subject.placements();
        let ipvlan = placements.get(instance).ipvlan();
        let is_from_ipvlan = ipvlan.is_some() && instance.source_address.is_none_or(|source| source.at.is_none());
        // The address comes with the ipvlan, and the ipvlan with the service, which says what it lacks.
        if is_from_ipvlan && subject.service.is_none() {
            continue;
        }
        let interface = ipvlan.map_or(interface, |made| made.name.as_str());
        if let Some(wanted) = &instance.source_address {
            let wanted = wanted.value;
            let has = network.has(wanted);
            let word = match (is_from_ipvlan, instance.is_unicast()) {
                (true, _) => "use_ipvlan",
                (false, true) => "unicast_src_ip",
                (false, false) => "mcast_src_ip",
            };
            if has && own.contains(&wanted) {
                checks.problem(
                    NAME,
                    name,
                    format!("{word} {wanted} is one of the virtual addresses: only a MASTER has it"),
                    format!("set {word} to an address that {interface} always has"),
                );
            } else if has {
                checks.ok(NAME, name, format!("{word} {wanted} is there"));
            } else {
                checks.problem(
                    NAME,
                    name,
                    format!("no interface has {wanted} ({word})"),
                    format!("give it to one, as `ip address add {wanted}/… dev {interface}`, or correct {word}"),
                );
            }
            continue;
        }
        let family = instance.family;
        match network.source_on(interface, core_family(family), &own) {
            Some(source) => checks.ok(NAME, name, format!("adverts are sent from {source} on {interface}")),
            // Said about the link already.
            None if !is_there => {}
            None if family == Family::V6 => {
                let off = setting(subject, interface, "disable_ipv6") == Some(1);
                let fix = if off {
                    format!("sysctl -w net.ipv6.conf.{interface}.disable_ipv6=0")
                } else {
                    format!("look why `ip -6 address show dev {interface}` has no fe80 address that may be used")
                };
                let why = if off { ": IPv6 is off on it" } else { "" };
                checks.problem(NAME, name, format!("{interface} has no IPv6 link-local address{why}"), fix);
            }
            None => checks.problem(
                NAME,
                name,
                format!("{interface} has no {family} address of its own to send adverts from"),
                format!("give it one, as `ip address add ADDRESS/LENGTH dev {interface}`, and in the system's own network configuration, too"),
            ),
        }
    }
}

fn setting(subject: &Subject<'_>, interface: &str, name: &str) -> Option<u32> {
    subject.facts.interfaces.get(interface)?.settings.get(name).copied()
}

/// Whether the kernel has joined the groups that adverts are sent to.
pub(super) fn memberships(subject: &Subject<'_>, checks: &mut Checks) {
    const NAME: &str = "multicast";
    let mut wanted = SortedSet::new();
    for (instance, interface) in subject.placed().filter(|(instance, _)| !instance.is_unicast()) {
        let placements = subject.placements();
        let hears = placements.get(instance).hears(instance).map(|made| made.name.clone());
        wanted.insert((interface.to_owned(), hears, instance.multicast_group.value));
    }
    for (interface, made, group) in wanted {
        let here = Some(interface.clone());
        let is_there = subject.network.is_some_and(|network| network.by_name(&interface).is_some());
        let flags = subject.facts.interfaces.get(&interface).and_then(|facts| facts.flags);
        if flags.is_some_and(|flags| flags & IFF_MULTICAST == 0) {
            checks.problem(
                NAME,
                here,
                format!("{interface} does not carry multicast"),
                format!("ip link set {interface} multicast on, or configure unicast_peer"),
            );
            continue;
        }
        // Only the service joins, and only on what is there.
        if subject.service.is_none() || !is_there {
            continue;
        }
        let Some(joined) = &subject.facts.memberships else {
            checks.unknown(NAME, here, "/proc/net/igmp cannot be read", "look at `ip maddress`");
            continue;
        };
        let has =
            [Some(&interface), made.as_ref()].into_iter().flatten().any(|name| joined.contains(&(name.clone(), group)));
        if has {
            checks.ok(NAME, here, format!("{interface} has joined {group}"));
        } else {
            checks.problem(
                NAME,
                here,
                format!("{interface} has not joined {group}, so the adverts of others do not arrive"),
                "look into the log of the service; it joins when the interface comes",
            );
        }
    }
}

/// Whether a bridge lets adverts through.
pub(super) fn bridges(subject: &Subject<'_>, checks: &mut Checks) {
    const NAME: &str = "bridge";
    let word = |state: u32| usize::try_from(state).ok().and_then(|state| PORT_STATES.get(state)).unwrap_or(&"unknown");
    for name in subject.interfaces() {
        let Some(facts) = subject.facts.interfaces.get(name) else { continue };
        let here = Some(name.to_owned());
        if let Some((bridge, state)) = &facts.port_of {
            let detail = format!(
                "{name} is a port of the bridge {bridge} ({}): what arrives on it belongs to {bridge}",
                word(*state)
            );
            checks.problem(NAME, here, detail, format!("run the instance on {bridge}: `interface {bridge}`"));
            continue;
        }
        if facts.ports.is_empty() {
            continue;
        }
        let closed: Vec<String> = facts
            .ports
            .iter()
            .filter(|(_, state)| **state != FORWARDING)
            .map(|(port, state)| format!("{port} is {}", word(*state)))
            .collect();
        if closed.is_empty() {
            checks.ok(NAME, here, format!("all ports of {name} forward"));
        } else if closed.len() == facts.ports.len() {
            let fix =
                "look at the cables; with the spanning tree protocol a port takes twice its forward delay to forward";
            checks.problem(NAME, here, format!("no port of {name} forwards: {}", closed.join(", ")), fix);
        } else {
            let why = if facts.has_spanning_tree { " (spanning tree is on)" } else { "" };
            checks.warning(
                NAME,
                here,
                format!("not all ports of {name} forward{why}: {}", closed.join(", ")),
                "routers behind those ports are not heard; if that is not meant, look at the cables",
            );
        }
    }
}

/// The kernel's settings about where packets may come from and who answers ARP.
pub(super) fn settings(subject: &Subject<'_>, checks: &mut Checks) {
    for (instance, interface) in subject.placed().filter(|(instance, _)| instance.family == Family::V4) {
        let Some(facts) = subject.facts.interfaces.get(interface) else { continue };
        rp_filter(subject, instance, interface, facts, checks);
        arp(subject, instance, interface, facts, checks);
    }
    forwarding(subject, checks);
}

/// The larger of the setting for all interfaces and that of this one counts (ip-sysctl.rst).
fn effective(subject: &Subject<'_>, facts: &InterfaceFacts, name: &str) -> Option<u32> {
    let all = subject.facts.settings.get(name).copied().unwrap_or(0);
    facts.settings.get(name).map(|own| all.max(*own))
}

/// With `rp_filter` 1 a packet passes only if the answer would go out where it came in.
fn rp_filter(subject: &Subject<'_>, instance: &Instance, interface: &str, facts: &InterfaceFacts, checks: &mut Checks) {
    const NAME: &str = "rp_filter";
    let here = Some(interface.to_owned());
    match effective(subject, facts, NAME) {
        Some(1) => {}
        Some(value) => {
            let word = if value == 0 { "no check of where packets come from" } else { "a loose check" };
            return checks.ok(NAME, here, format!("{value} on {interface}: {word}"));
        }
        None => return,
    }
    let fix = format!(
        "sysctl -w net.ipv4.conf.{interface}.rp_filter=2 (loose), and in /etc/sysctl.d, or correct the routes to it"
    );
    let mut wrong = false;
    for other in subject.others(instance) {
        let Some(found) = way_to(subject, other) else {
            wrong = true;
            let detail = format!(
                "rp_filter is 1 (strict) on {interface}, and no interface has an address in the network of {other}: its \
                 packets are dropped unless a route to it leads over {interface}"
            );
            checks.warning(NAME, here.clone(), detail, fix.as_str());
            continue;
        };
        if !found.iter().any(|name| name == interface) {
            wrong = true;
            let way = found.first().map_or("another interface", String::as_str);
            let detail = format!(
                "rp_filter is 1 (strict) on {interface}, and answers to {other} go out on {way}: what it sends to \
                 {interface} is dropped, its adverts, too"
            );
            checks.problem(NAME, here.clone(), detail, fix.as_str());
        } else if found.len() > 1 {
            wrong = true;
            let detail = format!(
                "rp_filter is 1 (strict) on {interface}, and the network of {other} is on {}, too: its packets may be \
                 dropped",
                found.iter().filter(|name| *name != interface).cloned().collect::<Vec<_>>().join(", ")
            );
            checks.warning(NAME, here.clone(), detail, fix.as_str());
        }
    }
    if !wrong {
        checks.ok(NAME, here, format!("1 (strict) on {interface}, where answers to the other routers go out"));
    }
}

/// The interfaces with the longest prefix in which an address is; there may be several.
fn way_to(subject: &Subject<'_>, address: IpAddr) -> Option<SortedSet<String>> {
    let network = subject.network?;
    let fitting: Vec<_> =
        network.addresses().filter(|(_, _, known)| covers(known.address, known.prefix_len, address)).collect();
    let longest = fitting.iter().map(|(_, _, known)| known.prefix_len).max()?;
    let best = fitting.iter().filter(|(_, _, known)| known.prefix_len == longest);
    Some(best.map(|(_, name, _)| (*name).to_owned()).collect())
}

/// Two interfaces in one network: each answers for the addresses of both, with its own MAC address.
fn arp(subject: &Subject<'_>, instance: &Instance, interface: &str, facts: &InterfaceFacts, checks: &mut Checks) {
    const NAME: &str = "arp";
    let Some(network) = subject.network else { return };
    let placements = subject.placements();
    let made: SortedSet<&str> = placements.get(instance).made.iter().map(|made| made.name.as_str()).collect();
    if !made.is_empty() && subject.service.is_some() {
        // With a virtual MAC address the interface below must not answer for the VIP with its own.
        for (setting, least) in [("arp_ignore", 1), ("arp_announce", 2)] {
            if let Some(value) = effective(subject, facts, setting).filter(|value| *value < least) {
                checks.problem(
                    NAME,
                    Some(interface.to_owned()),
                    format!("{setting} is {value} on {interface}: it gives out its own MAC address for the VIP of {}", instance.name.value),
                    format!("sysctl -w net.ipv4.conf.{interface}.{setting}={least}; locum sets it when it starts, so somebody has set it back"),
                );
            }
        }
    }
    let other = addresses_of(instance).filter(|(address, _)| address.address.is_ipv4()).find_map(|(address, _)| {
        let neighbour = network.addresses().find(|(_, name, known)| {
            let is_other = *name != interface && *name != "lo" && !made.contains(name);
            is_other && known.prefix_len < 32 && covers(known.address, known.prefix_len, address.address)
        });
        neighbour.map(|(_, name, _)| (address.address, name.to_owned()))
    });
    let Some((vip, other)) = other else { return };
    let ignores = subject.facts.settings.get("arp_ignore").copied().unwrap_or(0);
    let of_other = subject.facts.interfaces.get(&other).and_then(|facts| facts.settings.get("arp_ignore").copied());
    if ignores.max(of_other.unwrap_or(0)) == 0 {
        checks.warning(
            NAME,
            Some(interface.to_owned()),
            format!("{interface} and {other} are in one network: {other} may answer ARP for {vip} with its own MAC address"),
            "sysctl -w net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2, or take one of them out of that network",
        );
    }
}

/// Whether this machine passes packets on.
fn forwarding(subject: &Subject<'_>, checks: &mut Checks) {
    const NAME: &str = "forwarding";
    let families =
        [(Family::V4, "ip_forward", "net.ipv4.ip_forward"), (Family::V6, "forwarding", "net.ipv6.conf.all.forwarding")];
    for (family, name, key) in families {
        let mut devices = SortedSet::new();
        let mut has_routes = false;
        for instance in subject.instances().filter(|instance| instance.family == family) {
            devices.extend(instance.interface.as_ref().map(|name| name.value.clone()));
            has_routes |= !instance.routes.is_empty();
        }
        let Some(value) = subject.facts.settings.get(name).filter(|_| !devices.is_empty()) else { continue };
        if *value != 0 {
            checks.ok(NAME, None, format!("{family} packets are passed on"));
        } else if devices.len() > 1 || has_routes {
            checks.warning(
                NAME,
                None,
                format!("{key} is 0: whoever has a VIP of this machine as its gateway reaches nothing behind it"),
                format!("sysctl -w {key}=1, if this machine is a router"),
            );
        } else {
            let text = format!("{key} is 0, which is right unless a VIP is somebody's gateway");
            checks.ok(NAME, None, text);
        }
    }
    if subject.facts.settings.get("ip_nonlocal_bind") == Some(&0) && subject.instances().next().is_some() {
        let text = "net.ipv4.ip_nonlocal_bind is 0: programs cannot bind to a VIP while another router has it";
        checks.ok("nonlocal_bind", None, text);
    }
}

/// Whether an address is in the network of another one.
pub(super) fn covers(network: IpAddr, prefix_len: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix_len.into())).unwrap_or(0);
            u32::from(network) & mask == u32::from(address) & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix_len.into())).unwrap_or(0);
            u128::from(network) & mask == u128::from(address) & mask
        }
        _ => false,
    }
}

/// Whether an interface can carry packets; for those who ask in a word.
pub(super) fn is_up(subject: &Subject<'_>, name: &str) -> bool {
    subject.network.and_then(|network| network.by_name(name)).is_some_and(|(_, link)| link.link() == Link::Up)
}
