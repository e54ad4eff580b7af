//! Routes and policy rules as messages. Read rtnetlink(7), ip-route(8) and ip-rule(8) before changing it.

use std::net::IpAddr;

use locum_config::model::{Family, NextHop, Placement, Prefix, Route, RouteKind, Rule, RuleAction};

use super::super::journal::ROUTE_PROTOCOL;
use crate::netlink::message::{APPEND, CREATE, EXCLUSIVE, Message};
use crate::text::Append;

const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_NEWRULE: u16 = 32;
const RTM_DELRULE: u16 = 33;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// `RT_TABLE_UNSPEC`: the attribute has the number, which may not fit into the header.
const TABLE_IN_ATTRIBUTE: u8 = 0;
/// `RT_SCOPE_NOWHERE`: when removing, any scope.
const ANY_SCOPE: u8 = 255;
const RTNH_F_ONLINK: u8 = 4;

const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_METRICS: u16 = 8;
const RTA_MULTIPATH: u16 = 9;
const RTA_FLOW: u16 = 11;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;
const RTA_PREF: u16 = 20;
const RTA_EXPIRES: u16 = 23;
const RTAX_LOCK: u16 = 1;
const RTAX_CC_ALGO: u16 = 16;

const FRA_DST: u16 = 1;
const FRA_SRC: u16 = 2;
const FRA_IIFNAME: u16 = 3;
const FRA_GOTO: u16 = 4;
const FRA_PRIORITY: u16 = 6;
const FRA_FWMARK: u16 = 10;
const FRA_FLOW: u16 = 11;
const FRA_TUN_ID: u16 = 12;
const FRA_SUPPRESS_IFGROUP: u16 = 13;
const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
const FRA_TABLE: u16 = 15;
const FRA_FWMASK: u16 = 16;
const FRA_OIFNAME: u16 = 17;
const FRA_L3MDEV: u16 = 19;
const FRA_UID_RANGE: u16 = 20;
const FRA_PROTOCOL: u16 = 21;
const FRA_IP_PROTO: u16 = 22;
const FRA_SPORT_RANGE: u16 = 23;
const FRA_DPORT_RANGE: u16 = 24;
const FIB_RULE_INVERT: u32 = 2;

/// What a route needs to know of the machine.
pub(crate) trait Machine {
    /// The kernel's index of the interface of this name.
    fn index(&self, interface: &str) -> Option<u32>;
    /// The routing table of the VRF of this name.
    fn vrf_table(&self, vrf: &str) -> Option<u32>;
}

/// The message that adds something and the one that removes it.
pub(crate) type AddAndRemove = (Box<[u8]>, Box<[u8]>);

/// The messages that add a route and remove it. `None` while an interface that it names does not exist.
pub(crate) fn messages(route: &Route, machine: &impl Machine) -> Option<AddAndRemove> {
    let flags = match route.placement {
        Placement::Prepend => CREATE,
        Placement::Append => CREATE | APPEND,
        Placement::Add => CREATE | EXCLUSIVE,
    };
    let mut add = Message::new(RTM_NEWROUTE, flags, &header(route, scope(route)));
    let mut remove = Message::new(RTM_DELROUTE, 0, &header(route, ANY_SCOPE));
    for message in [&mut add, &mut remove] {
        put_key(message, route, machine)?;
        put_ways(message, route, machine)?;
    }
    put_metrics(&mut add, route);
    if let Some(realms) = route.realms {
        add.put_u32(RTA_FLOW, realms);
    }
    if let Some(seconds) = route.expires_s {
        add.put_u32(RTA_EXPIRES, seconds);
    }
    if let Some(preference) = route.preference {
        add.put(RTA_PREF, &[preference as u8]);
    }
    Some((add.finish(), remove.finish()))
}

/// The names of the interfaces that a route goes over.
pub(crate) fn interfaces(route: &Route) -> impl Iterator<Item = &str> {
    let own = route.interface.iter().chain(route.next_hops.iter().filter_map(|hop| hop.interface.as_ref()));
    own.chain(&route.vrf).map(|name| name.value.as_str())
}

/// A route in words, as ip(8) writes it.
pub(crate) fn route_name(route: &Route) -> String {
    let mut words = String::new();
    if route.kind != RouteKind::Unicast {
        words = format!("{:?} ", route.kind).to_ascii_lowercase();
    }
    words.push_str(&prefix_name(route.destination));
    if let Some(gateway) = route.gateway {
        words.append(format_args!(" via {gateway}"));
    }
    if let Some(interface) = &route.interface {
        words.append(format_args!(" dev {}", interface.value));
    }
    if route.table != MAIN {
        words.append(format_args!(" table {}", route.table));
    }
    if let Some(metric) = route.metric {
        words.append(format_args!(" metric {metric}"));
    }
    words
}

/// `RT_TABLE_MAIN`
const MAIN: u32 = 254;

fn prefix_name(prefix: Prefix) -> String {
    match prefix.len {
        0 => "default".to_owned(),
        len => format!("{}/{len}", prefix.address),
    }
}

fn family(family: Family) -> u8 {
    match family {
        Family::V4 => AF_INET,
        Family::V6 => AF_INET6,
    }
}

/// The scope that the kernel wants where none is written: what leads nowhere, or to this machine, is not global.
fn scope(route: &Route) -> u8 {
    route.scope.map_or(0, |scope| scope.0)
}

/// `struct rtmsg`
fn header(route: &Route, scope: u8) -> [u8; 12] {
    let from = route.from.map_or(0, |from| from.len);
    let protocol = route.protocol.unwrap_or(ROUTE_PROTOCOL);
    let kind = route.kind as u8;
    let fixed =
        [family(route.family), route.destination.len, from, route.tos, TABLE_IN_ATTRIBUTE, protocol, scope, kind];
    let onlink = if route.onlink && route.next_hops.is_empty() { RTNH_F_ONLINK } else { 0 };
    let mut header = [0; 12];
    for (to, from) in header.iter_mut().zip(fixed.into_iter().chain(u32::from(onlink).to_ne_bytes())) {
        *to = from;
    }
    header
}

/// What tells a route from others.
fn put_key(message: &mut Message, route: &Route, machine: &impl Machine) -> Option<()> {
    let table = match &route.vrf {
        Some(vrf) => machine.vrf_table(&vrf.value)?,
        None => route.table,
    };
    message.put_u32(RTA_TABLE, table);
    if route.destination.len > 0 {
        message.put_address(RTA_DST, route.destination.network());
    }
    if let Some(from) = route.from {
        message.put_address(RTA_SRC, from.network());
    }
    if let Some(metric) = route.metric {
        message.put_u32(RTA_PRIORITY, metric);
    }
    if let Some(source) = route.preferred_source {
        message.put_address(RTA_PREFSRC, source);
    }
    Some(())
}

fn put_ways(message: &mut Message, route: &Route, machine: &impl Machine) -> Option<()> {
    put_gateway(message, route.family, route.gateway);
    if let Some(interface) = &route.interface {
        message.put_u32(RTA_OIF, machine.index(&interface.value)?);
    }
    if route.next_hops.is_empty() {
        return Some(());
    }
    let nest = message.open_plain(RTA_MULTIPATH);
    for hop in &route.next_hops {
        put_next_hop(message, hop, route.family, machine)?;
    }
    message.close(nest);
    Some(())
}

/// `struct rtnexthop` and its attributes.
fn put_next_hop(message: &mut Message, hop: &NextHop, family: Family, machine: &impl Machine) -> Option<()> {
    let index = match &hop.interface {
        Some(interface) => machine.index(&interface.value)?,
        None => 0,
    };
    let start = message.position();
    let flags = if hop.onlink { RTNH_F_ONLINK } else { 0 };
    // The kernel counts from nought.
    let weight = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    message.put_raw(&[0, 0, flags, weight]).put_raw(&index.to_ne_bytes());
    put_gateway(message, family, hop.gateway);
    if let Some(realms) = hop.realms {
        message.put_u32(RTA_FLOW, realms);
    }
    message.set_len_at(start);
    Some(())
}

fn put_gateway(message: &mut Message, of: Family, gateway: Option<IpAddr>) {
    match gateway {
        Some(gateway) if Family::of(gateway) == of => {
            message.put_address(RTA_GATEWAY, gateway);
        }
        // `struct rtvia`: a gateway of the other family.
        Some(gateway) => {
            let mut via = u16::from(family(Family::of(gateway))).to_ne_bytes().to_vec();
            match gateway {
                IpAddr::V4(gateway) => via.extend(gateway.octets()),
                IpAddr::V6(gateway) => via.extend(gateway.octets()),
            }
            message.put(RTA_VIA, &via);
        }
        None => {}
    }
}

fn put_metrics(message: &mut Message, route: &Route) {
    if route.metrics.is_empty() && route.congestion_control.is_none() {
        return;
    }
    let locked = route.metrics.iter().filter(|metric| metric.locked).map(|metric| metric.kind as u16);
    let congestion = route.congestion_control.iter().filter(|control| control.locked).map(|_| RTAX_CC_ALGO);
    let lock = locked.chain(congestion).fold(0_u32, |lock, kind| lock | 1 << kind);
    let nest = message.open_plain(RTA_METRICS);
    if lock != 0 {
        message.put_u32(RTAX_LOCK, lock);
    }
    for metric in &route.metrics {
        message.put_u32(metric.kind as u16, metric.value);
    }
    if let Some(control) = &route.congestion_control {
        message.put_text(RTAX_CC_ALGO, &control.name);
    }
    message.close(nest);
}

/// The messages that add a rule and remove it. A rule may name interfaces that do not exist.
pub(crate) fn rule_messages(rule: &Rule) -> AddAndRemove {
    let message = |kind, flags| {
        let mut message = Message::new(kind, flags, &rule_header(rule));
        put_rule(&mut message, rule);
        message.finish()
    };
    (message(RTM_NEWRULE, CREATE | EXCLUSIVE), message(RTM_DELRULE, 0))
}

/// A rule in words, as ip(8) writes it.
pub(crate) fn rule_name(rule: &Rule) -> String {
    let mut words = format!("rule {}:", *rule.preference);
    for (word, prefix) in [("from", rule.from), ("to", rule.to)] {
        if let Some(prefix) = prefix {
            words.append(format_args!(" {word} {}/{}", prefix.address, prefix.len));
        }
    }
    match rule.action {
        RuleAction::Table(table) => words.append(format_args!(" table {table}")),
        RuleAction::Goto(target) => words.append(format_args!(" goto {target}")),
        RuleAction::L3mdev
        | RuleAction::Nop
        | RuleAction::Blackhole
        | RuleAction::Unreachable
        | RuleAction::Prohibit => {
            words.push_str(&format!(" {:?}", rule.action).to_ascii_lowercase());
        }
    }
    words
}

/// `struct fib_rule_hdr`
fn rule_header(rule: &Rule) -> [u8; 12] {
    let action = match rule.action {
        RuleAction::Table(_) | RuleAction::L3mdev => 1,
        RuleAction::Goto(_) => 2,
        RuleAction::Nop => 3,
        RuleAction::Blackhole => 6,
        RuleAction::Unreachable => 7,
        RuleAction::Prohibit => 8,
    };
    let len = |prefix: Option<Prefix>| prefix.map_or(0, |prefix| prefix.len);
    let fixed = [family(rule.family), len(rule.to), len(rule.from), rule.tos, TABLE_IN_ATTRIBUTE, 0, 0, action];
    let flags = if rule.inverted { FIB_RULE_INVERT } else { 0 };
    let mut header = [0; 12];
    for (to, from) in header.iter_mut().zip(fixed.into_iter().chain(flags.to_ne_bytes())) {
        *to = from;
    }
    header
}

fn put_rule(message: &mut Message, rule: &Rule) {
    message.put_u32(FRA_PRIORITY, *rule.preference);
    message.put(FRA_PROTOCOL, &[rule.protocol.unwrap_or(ROUTE_PROTOCOL)]);
    for (kind, prefix) in [(FRA_DST, rule.to), (FRA_SRC, rule.from)] {
        if let Some(prefix) = prefix.filter(|prefix| prefix.len > 0) {
            message.put_address(kind, prefix.network());
        }
    }
    for (kind, name) in [(FRA_IIFNAME, &rule.input_interface), (FRA_OIFNAME, &rule.output_interface)] {
        if let Some(name) = name {
            message.put_text(kind, &name.value);
        }
    }
    if let Some((mark, mask)) = rule.fwmark {
        message.put_u32(FRA_FWMARK, mark);
        if let Some(mask) = mask {
            message.put_u32(FRA_FWMASK, mask);
        }
    }
    if let Some((first, last)) = rule.uid_range {
        message.put(FRA_UID_RANGE, &[first.to_ne_bytes(), last.to_ne_bytes()].concat());
    }
    if let Some(protocol) = rule.ip_protocol {
        message.put(FRA_IP_PROTO, &[protocol]);
    }
    for (kind, ports) in [(FRA_SPORT_RANGE, rule.source_ports), (FRA_DPORT_RANGE, rule.destination_ports)] {
        if let Some((first, last)) = ports {
            message.put(kind, &[first.to_ne_bytes(), last.to_ne_bytes()].concat());
        }
    }
    if let Some(tunnel) = rule.tunnel_id {
        message.put(FRA_TUN_ID, &tunnel.to_be_bytes());
    }
    match rule.action {
        RuleAction::Table(table) => {
            message.put_u32(FRA_TABLE, table);
        }
        RuleAction::Goto(target) => {
            message.put_u32(FRA_GOTO, target);
        }
        RuleAction::L3mdev => {
            message.put(FRA_L3MDEV, &[1]);
        }
        RuleAction::Nop | RuleAction::Blackhole | RuleAction::Unreachable | RuleAction::Prohibit => {}
    }
    if let Some(len) = rule.suppress_prefix_len {
        message.put_u32(FRA_SUPPRESS_PREFIXLEN, len);
    }
    if let Some(group) = rule.suppress_group {
        message.put_u32(FRA_SUPPRESS_IFGROUP, group);
    }
    if let Some(realms) = rule.realms {
        message.put_u32(FRA_FLOW, realms);
    }
}
