//! The routers of one group, as far as the console is attached to them.

use std::cmp::Reverse;
use std::net::IpAddr;

use locum_control::{Duration, InstanceStatus, State, outlook};

use crate::model::{Instance, Model, Node};

/// Among more, an instance is not looked for by its address: that would be done for each line of the overview.
const INSTANCES_SEARCHED_MAX: usize = 256;

/// The present service's `instance` first, then those of the other services that stand for the same addresses.
pub(crate) fn members<'a>(model: &'a Model, instance: &'a Instance) -> Vec<(usize, &'a Instance)> {
    let own = &instance.status;
    let is_same =
        |other: &InstanceStatus| other.vrid == own.vrid && other.family == own.family && shares_network(other, own);
    let others = model.instances().filter(|(node, other)| *node != model.nodes.at && is_same(&other.status));
    std::iter::once((model.nodes.at, instance)).chain(others).collect()
}

/// The name of the router of the group that has this address, if the console is attached to it.
pub(crate) fn router_at(model: &Model, instance: &Instance, address: IpAddr) -> Option<String> {
    if !model.nodes.are_several() {
        return None;
    }
    let status = &instance.status;
    let is_it = |other: &InstanceStatus| {
        other.source == Some(address) && other.vrid == status.vrid && other.family == status.family
    };
    // Nearly always it has the same name on all routers of the group; only then is it looked for among many.
    let named = |node: &Node| node.replica.instances.get(&status.name).is_some_and(|other| is_it(&other.status));
    let found = model.nodes.iter().position(named).or_else(|| {
        let is_few = model.list.spots.len() <= INSTANCES_SEARCHED_MAX;
        model.instances().filter(|_| is_few).find(|(_, other)| is_it(&other.status)).map(|(node, _)| node)
    });
    Some(model.nodes.name(found?))
}

/// The name of any router that has this address, if the console is attached to it: also one that uses another VRID.
pub(crate) fn router_with(model: &Model, address: IpAddr) -> Option<String> {
    let is_few = model.list.spots.len() <= INSTANCES_SEARCHED_MAX;
    let mut all = model.instances().filter(|_| is_few && model.nodes.are_several());
    let (node, _) = all.find(|(_, other)| other.status.source == Some(address))?;
    Some(model.nodes.name(node))
}

/// Whether two instances of the same VRID belong to one group: they have an address in common, or hear each other.
fn shares_network(status: &InstanceStatus, own: &InstanceStatus) -> bool {
    let bare = |address: &str| address.split('/').next().unwrap_or_default().to_owned();
    let has = |address: &str| own.vips.iter().any(|vip| bare(&vip.address) == bare(address));
    status.vips.iter().any(|vip| has(&vip.address))
        || status.source.is_some_and(|source| own.senders.iter().any(|sender| sender.address == source))
}

/// Who follows if the present master fails: what the routers say themselves where the console is attached to several of
/// them, else what this one knows.
pub(crate) fn succession(model: &Model, instance: &Instance) -> String {
    let mut group = members(model, instance);
    if group.len() < 2 {
        return outlook(&instance.status);
    }
    // What a router said that is reached no longer may not hold.
    let is_reached = |node: usize| model.nodes.get(node).is_some_and(|node| node.lost_for_us(model.now_us).is_none());
    if group.iter().any(|(node, _)| is_reached(*node)) {
        group.retain(|(node, _)| is_reached(*node));
    }
    let is_ready = |status: &InstanceStatus| {
        status.state == State::Backup && status.standing_back.as_ref().is_none_or(|back| back.last_resort)
    };
    let mut heirs: Vec<(usize, &InstanceStatus)> =
        group.iter().map(|(node, member)| (*node, &member.status)).filter(|(_, status)| is_ready(status)).collect();
    heirs.sort_by_key(|(_, status)| Reverse((status.effective_priority, status.source)));
    let master = group.iter().find(|(_, member)| member.status.state == State::Master);
    let master = match master {
        Some((node, _)) => model.nodes.name(*node),
        None => match &instance.status.master {
            Some(master) => master.address.to_string(),
            None => "the master".to_owned(),
        },
    };
    // A router that one of them hears and the console is not attached to may stand before them.
    let is_member = |address| group.iter().any(|(_, member)| member.status.source == Some(address));
    let is_stranger =
        group.iter().flat_map(|(_, member)| &member.status.senders).any(|sender| !is_member(sender.address));
    let unless = if is_stranger { ", unless one that this console is not attached to comes first" } else { "" };
    let mut names = heirs.iter().map(|(node, status)| (model.nodes.name(*node), status));
    let Some((first, status)) = names.next() else {
        return format!("if {master} fails, none of these routers takes over{unless}");
    };
    let after = Duration::from_us(status.master_down_interval_us);
    let mut text =
        format!("if {master} fails, {first} (priority {}) takes over after {after}", status.effective_priority);
    for (name, status) in names {
        text.push_str(&format!(", then {name} ({})", status.effective_priority));
    }
    text + unless
}
