//! What only shows when all parts of a configuration are seen together.

mod addresses;
mod telling;
mod trackers;

use locum_sorted::{SortedMap, SortedSet};

use crate::around::Surroundings;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::{Family, Instance, Model, Setting};
use crate::source::Span;

/// Checks the model as a whole, and marks as broken what refers to something that is missing or broken.
pub(crate) fn check(model: &mut Model, around: &Surroundings<'_>, found: &mut Diagnostics) {
    trackers::references(model, found);
    groups(model, found);
    unequal_members(model, found);
    static_groups(model, found);
    macvlan_names(model, found);
    macvlans_beside_ipvlans(model, found);
    shared_vrids(model, found);
    addresses::check(model, found);
    addresses::already_there(model, around, found);
    trackers::weights(model, found);
    trackers::scripts(model, around, found);
    telling::check(model, around, found);
    net_namespace(model, around, found);
    interfaces(model, around, found);
}

/// A network namespace that is not there.
fn net_namespace(model: &Model, around: &Surroundings<'_>, found: &mut Diagnostics) {
    let (Some(name), Some(existing)) = (&model.home.net_namespace, &around.net_namespaces) else { return };
    if existing.contains(&name.value) {
        return;
    }
    let at = name.at.unwrap_or(Span::START);
    let near = found.suggest(name, existing.iter().map(String::as_str));
    let diagnostic =
        Diagnostic::new(&code::W038_NO_NAMESPACE, at, format_args!("there is no network namespace {}", name.value))
            .label("not on this machine")
            .why("The service does not start until there is one; what runs in it could not be checked.");
    found.push(diagnostic.fix(match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("make it before the service starts: ip netns add {}", name.value),
    }));
}

/// Members of sync groups.
fn groups(model: &mut Model, found: &mut Diagnostics) {
    let mut home: SortedMap<String, (String, Span)> = SortedMap::new();
    let names: SortedSet<String> = model.instances.iter().map(|instance| instance.name.value.clone()).collect();
    let mut broken: SortedSet<String> = SortedSet::new();
    for group in &mut model.sync_groups {
        let name = group.name.value.clone();
        let at = group.name.at.unwrap_or(Span::START);
        for member in &group.members {
            let here = member.at.unwrap_or(at);
            if !names.contains(&member.value) {
                group.broken = true;
                let near = found.suggest(member, names.iter().map(String::as_str));
                let mut diagnostic = Diagnostic::new(
                    &code::E025_UNDEFINED,
                    here,
                    format_args!("there is no `vrrp_instance {}`", member.value),
                )
                .label(format_args!("a member of `{name}`"))
                .why("The other members are held in FAULT: whether they may be MASTER depends on it.");
                diagnostic.instances = group.member_names();
                found.push(match near {
                    Some(near) => diagnostic.fix(format_args!("did you mean `{near}`?")),
                    None => diagnostic.fix("add the instance, or take it out of the group"),
                });
            } else if let Some((other, first)) = home.insert(member.value.clone(), (name.clone(), here)) {
                found.push(
                    Diagnostic::new(&code::W025_GROUP, here, format_args!("`{}` is in two sync groups", member.value))
                        .label(format_args!("in `{name}`"))
                        .related(first, format_args!("in `{other}`"))
                        .fix("leave it in one of them"),
                );
            }
        }
        if group.members.len() < 2 {
            found.push(
                Diagnostic::new(
                    &code::W025_GROUP,
                    at,
                    format_args!("sync group `{name}` has {} member(s)", group.members.len()),
                )
                .label("needs two at least to have an effect")
                .fix("list the instances in `group { … }`, or take the group away"),
            );
        }
        if group.broken {
            broken.extend(group.member_names());
        }
    }
    for instance in &mut model.instances {
        if broken.contains(&instance.name.value) {
            Instance::hold(instance);
        }
    }
}

/// Members of a sync group that would not agree when to move.
fn unequal_members(model: &Model, found: &mut Diagnostics) {
    if model.sync_groups.is_empty() {
        return;
    }
    let by_name: SortedMap<&str, &Instance> =
        model.instances.iter().map(|it| (it.name.value.as_str(), &**it)).collect();
    for group in &model.sync_groups {
        let mut members = group.members.iter().filter_map(|name| by_name.get(name.value.as_str()));
        let Some(first) = members.next() else { continue };
        for other in members {
            let (what, at, of_first, here, there) = if other.priority != first.priority {
                let shown = |instance: &Instance| instance.priority.value.to_string();
                ("priority", other.priority.at, first.priority.at, shown(other), shown(first))
            } else if other.preempt != first.preempt {
                let shown =
                    |instance: &Instance| if instance.preempt.value { "preempt" } else { "nopreempt" }.to_owned();
                ("preemption", other.preempt.at.or(first.preempt.at), first.preempt.at, shown(other), shown(first))
            } else {
                continue;
            };
            let diagnostic = Diagnostic::new(
                &code::L013_UNEQUAL_MEMBERS,
                at.unwrap_or(other.at.0),
                format_args!(
                    "members of `{}` differ in {what}: `{}` {here}, `{}` {there}",
                    group.name.value, other.name.value, first.name.value
                ),
            )
            .related(of_first.unwrap_or(first.at.0), "the first member")
            .why("One member may win where another loses; then the group changes state for one and back for the other.")
            .fix("give all members the same, on each router")
            .instance(&other.name.value);
            found.push(diagnostic);
            break; // One for a group says it.
        }
    }
}

/// Two macvlans or ipvlans of one name.
fn macvlan_names(model: &mut Model, found: &mut Diagnostics) {
    let mut seen: SortedMap<String, Span> = SortedMap::new();
    let mut broken = Vec::new();
    for (index, instance) in model.instances.iter().enumerate() {
        let vmac = instance.virtual_mac.as_ref().and_then(|vmac| vmac.name.as_ref());
        let Some(name) = vmac.or_else(|| instance.ipvlan.as_ref().and_then(|ipvlan| ipvlan.name.as_ref())) else {
            continue;
        };
        let at = name.at.unwrap_or(instance.at.0);
        let Some(first) = seen.get(&name.value) else {
            seen.insert(name.value.clone(), at);
            continue;
        };
        let diagnostic = Diagnostic::new(
            &code::E019_DUPLICATE_NAME,
            at,
            format_args!("two instances want an interface of their own called {}", name.value),
        )
        .label("the same name again")
        .related(*first, "first here")
        .why("There can be one interface of a name; the second instance is held in FAULT.")
        .fix("give it another name, or none: then the VRID is part of it")
        .instance(&instance.name.value);
        found.push(diagnostic);
        broken.push(index);
    }
    hold(model, broken);
}

/// These instances do not run.
fn hold(model: &mut Model, instances: Vec<usize>) {
    for index in instances {
        if let Some(instance) = model.instances.get_mut(index) {
            Instance::hold(instance);
        }
    }
}

/// An interface carries macvlans or ipvlans: the kernel refuses the second kind, whichever comes first.
fn macvlans_beside_ipvlans(model: &mut Model, found: &mut Diagnostics) {
    let mut macvlans: SortedMap<&str, Span> = SortedMap::new();
    for instance in &model.instances {
        let own = instance.interface.as_ref().map(|name| name.value.as_str());
        if let (Some(own), Some(vmac)) = (own, &instance.virtual_mac) {
            macvlans.get_or_insert_with(own, || vmac.at.0);
        }
        let addresses = instance.addresses.iter().chain(&instance.excluded_addresses);
        for address in addresses.filter(|address| address.virtual_mac) {
            if let Some(base) = address.interface.as_ref().map(|name| name.value.as_str()).or(own) {
                macvlans.get_or_insert_with(base, || address.at.0);
            }
        }
    }
    let mut broken = Vec::new();
    for (index, instance) in model.instances.iter().enumerate() {
        // One that has both itself was told so.
        let ipvlan = instance.ipvlan.as_ref().filter(|_| instance.virtual_mac.is_none());
        let (Some(ipvlan), Some(base)) = (ipvlan, &instance.interface) else { continue };
        let Some(other) = macvlans.get(base.value.as_str()) else { continue };
        let diagnostic = Diagnostic::new(
            &code::E033_IPVLAN,
            ipvlan.at.0,
            format_args!("{} cannot carry an ipvlan and a macvlan", base.value),
        )
        .related(*other, "asks for a macvlan on it")
        .why("The kernel gives an interface one kind or the other.")
        .fix("take `use_vmac` or `use_ipvlan` for all that is on this interface")
        .instance(&instance.name.value);
        found.push(diagnostic);
        broken.push(index);
    }
    hold(model, broken);
}

/// Track groups of static addresses, routes and rules.
fn static_groups(model: &Model, found: &mut Diagnostics) {
    let instances: SortedSet<&str> = model.instances.iter().map(|instance| instance.name.value.as_str()).collect();
    let groups: SortedSet<&str> = model.track_groups.iter().map(|group| group.name.value.as_str()).collect();
    let mut names: Vec<(&Setting<String>, &str, &SortedSet<&str>)> = Vec::new();
    for member in model.track_groups.iter().flat_map(|group| &group.members) {
        names.push((member, "vrrp_instance", &instances));
    }
    let mut used: Vec<&Setting<String>> = Vec::new();
    for address in &model.static_addresses {
        used.extend(&address.track_group);
    }
    for route in &model.static_routes {
        used.extend(&route.track_group);
    }
    for rule in &model.static_rules {
        used.extend(&rule.track_group);
    }
    for group in used {
        names.push((group, "track_group", &groups));
    }
    for (name, block, known) in names {
        let Some(at) = name.at.filter(|_| !known.contains(name.value.as_str())) else { continue };
        let near = found.suggest(name, known.iter().copied());
        let diagnostic =
            Diagnostic::new(&code::E025_UNDEFINED, at, format_args!("there is no `{block} {}`", name.value))
                .label("named here")
                .why("Nobody would notice the loss of what the group is for.");
        found.push(match near {
            Some(near) => diagnostic.fix(format_args!("did you mean `{near}`?")),
            None => diagnostic.fix(format_args!("add the {block}, or take the name away")),
        });
    }
}

/// Two instances that would take each other's adverts for their own.
fn shared_vrids(model: &mut Model, found: &mut Diagnostics) {
    let mut seen: SortedMap<(String, Family, u8), Vec<usize>> = SortedMap::new();
    let mut broken = Vec::new();
    for (index, instance) in model.instances.iter().enumerate() {
        let Some(interface) = instance.interface.as_ref().filter(|_| instance.vrid.value != 0) else { continue };
        let same = seen.get_or_default((interface.value.clone(), instance.family, instance.vrid.value));
        let clash = same
            .iter()
            .filter_map(|other| Some((*other, model.instances.get(*other)?)))
            .find(|(_, other)| same_audience(instance, other));
        if let Some((other_index, other)) = clash {
            let at = instance.vrid.at.unwrap_or(instance.at.0);
            found.push(
                Diagnostic::new(
                    &code::E022_DUPLICATE_VRID,
                    at,
                    format_args!(
                        "`{}` and `{}` both use VRID {} with {} on {}",
                        other.name.value, instance.name.value, instance.vrid.value, instance.family, interface.value
                    ),
                )
                .label("the same VRID again")
                .related(other.vrid.at.unwrap_or(other.at.0), "first here")
                .why("Each would take the other's adverts for those of its own group. Both are held in FAULT.")
                .fix("give one of them another virtual_router_id, on all routers of its group")
                .instance(&other.name.value)
                .instance(&instance.name.value),
            );
            broken.extend([other_index, index]);
        }
        same.push(index);
    }
    hold(model, broken);
}

/// Whether adverts of one reach the other: both multicast to one group, or both unicast with a peer in common.
fn same_audience(a: &Instance, b: &Instance) -> bool {
    match (a.is_unicast(), b.is_unicast()) {
        (false, false) => a.multicast_group == b.multicast_group,
        (true, true) => a.peers.iter().any(|peer| b.peers.iter().any(|other| other.address == peer.address)),
        (true, false) | (false, true) => false,
    }
}

/// Interfaces that do not exist now.
fn interfaces(model: &Model, around: &Surroundings<'_>, found: &mut Diagnostics) {
    let Some(existing) = &around.interfaces else { return };
    for instance in &model.instances {
        let mut names: Vec<&Setting<String>> = Vec::new();
        names.extend(&instance.interface);
        for address in instance.addresses.iter().chain(&instance.excluded_addresses) {
            names.extend(&address.interface);
        }
        for route in &instance.routes {
            names.extend(&route.interface);
            names.extend(&route.vrf);
            for hop in &route.next_hops {
                names.extend(&hop.interface);
            }
        }
        for rule in &instance.rules {
            names.extend(&rule.input_interface);
            names.extend(&rule.output_interface);
        }
        let mut said: Vec<&str> = Vec::new();
        for name in names {
            if existing.contains(&name.value) || said.contains(&name.value.as_str()) {
                continue;
            }
            said.push(&name.value);
            let diagnostic = Diagnostic::new(
                &code::W004_NO_SUCH_INTERFACE,
                name.at.unwrap_or(instance.at.0),
                format_args!("there is no interface {}", name.value),
            )
            .label("does not exist now")
            .why(format_args!("`{}` waits in FAULT until it exists.", instance.name.value))
            .instance(&instance.name.value);
            let others: Vec<&str> = existing.iter().map(String::as_str).filter(|name| *name != "lo").take(10).collect();
            found.push(if name.value.ends_with([';', ',']) {
                diagnostic.fix("take the sign at its end away: lines end without one")
            } else if others.is_empty() {
                diagnostic
            } else {
                diagnostic.fix(format_args!("there are: {}", others.join(", ")))
            });
        }
    }
}
