//! What only shows when all parts of a configuration are seen together.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::around::Surroundings;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::{Family, Instance, Model, TrackedBy};
use crate::source::{FileId, Span};

/// Checks the model as a whole, and marks as broken what refers to something that is missing or broken.
pub(crate) fn check(model: &mut Model, around: &Surroundings<'_>, found: &mut Diagnostics) {
    references(model, found);
    groups(model, found);
    shared_vrids(model, found);
    addresses(model, found);
    interfaces(model, around, found);
}

/// Names in `track_…` lists that lead nowhere, or to a block with an error.
fn references(model: &mut Model, found: &mut Diagnostics) {
    let kinds: [(&str, &str, HashMap<String, bool>); 3] = [
        ("track_script", "vrrp_script", model.scripts.iter().map(|it| (it.name.value.clone(), it.broken)).collect()),
        ("track_file", "track_file", model.track_files.iter().map(|it| (it.name.value.clone(), it.broken)).collect()),
        (
            "track_process",
            "vrrp_track_process",
            model.track_processes.iter().map(|it| (it.name.value.clone(), it.broken)).collect(),
        ),
    ];
    for instance in &mut model.instances {
        let lists = [&instance.tracks.scripts, &instance.tracks.files, &instance.tracks.processes];
        for ((list, block, known), entries) in kinds.iter().zip(lists) {
            for entry in entries {
                if let Some(diagnostic) = reference(list, block, known, entry) {
                    instance.broken = true;
                    found.push(diagnostic.instance(&instance.name.value));
                }
            }
        }
    }
    for group in &mut model.sync_groups {
        let lists = [&group.tracks.scripts, &group.tracks.files, &group.tracks.processes];
        for ((list, block, known), entries) in kinds.iter().zip(lists) {
            for entry in entries {
                if let Some(mut diagnostic) = reference(list, block, known, entry) {
                    group.broken = true;
                    diagnostic.instances = group.members.iter().map(|member| member.value.clone()).collect();
                    found.push(diagnostic);
                }
            }
        }
    }
}

fn reference(list: &str, block: &str, known: &HashMap<String, bool>, entry: &TrackedBy) -> Option<Diagnostic> {
    let name = &entry.name.value;
    let at = entry.name.at?;
    match known.get(name) {
        Some(false) => None,
        Some(true) => Some(
            Diagnostic::new(&code::E028_BROKEN_TRACKER, at, format!("`{block} {name}` has an error"))
                .label("followed here")
                .why("The instance is held in FAULT: without the check it would run on a guess."),
        ),
        None => {
            let diagnostic = Diagnostic::new(&code::E025_UNDEFINED, at, format!("there is no `{block} {name}`"))
                .label(format!("`{list}` refers to it"))
                .why("keepalived would run without the check. The instance is held in FAULT instead.");
            Some(match crate::reading::closest(name, known.keys().map(String::as_str)) {
                Some(near) => diagnostic.fix(format!("did you mean `{near}`?")),
                None => diagnostic.fix(format!("add `{block} {name} {{ … }}`, or take this line away")),
            })
        }
    }
}

/// Members of sync groups.
fn groups(model: &mut Model, found: &mut Diagnostics) {
    let mut home: HashMap<String, (String, Span)> = HashMap::new();
    for group in &mut model.sync_groups {
        let name = group.name.value.clone();
        let at = group.name.at.unwrap_or(Span::new(FileId(0), 0, 0));
        for member in &group.members {
            let here = member.at.unwrap_or(at);
            if !model.instances.iter().any(|instance| instance.name.value == member.value) {
                group.broken = true;
                let near = crate::reading::closest(
                    member,
                    model.instances.iter().map(|instance| instance.name.value.as_str()),
                );
                let mut diagnostic = Diagnostic::new(
                    &code::E025_UNDEFINED,
                    here,
                    format!("there is no `vrrp_instance {}`", member.value),
                )
                .label(format!("a member of `{name}`"))
                .why("The other members are held in FAULT: whether they may be MASTER depends on it.");
                diagnostic.instances = group.members.iter().map(|member| member.value.clone()).collect();
                found.push(match near {
                    Some(near) => diagnostic.fix(format!("did you mean `{near}`?")),
                    None => diagnostic.fix("add the instance, or take it out of the group"),
                });
            } else if let Some((other, first)) = home.insert(member.value.clone(), (name.clone(), here)) {
                found.push(
                    Diagnostic::new(&code::W025_GROUP, here, format!("`{}` is in two sync groups", member.value))
                        .label(format!("in `{name}`"))
                        .related(first, format!("in `{other}`"))
                        .fix("leave it in one of them"),
                );
            }
        }
        if group.members.len() < 2 {
            found.push(
                Diagnostic::new(
                    &code::W025_GROUP,
                    at,
                    format!("sync group `{name}` has {} member(s)", group.members.len()),
                )
                .label("a group of one has no effect")
                .fix("list the instances in `group { … }`, or take the group away"),
            );
        }
        if group.broken {
            for instance in &mut model.instances {
                instance.broken |= group.members.iter().any(|member| member.value == instance.name.value);
            }
        }
    }
}

/// Two instances that would take each other's adverts for their own.
fn shared_vrids(model: &mut Model, found: &mut Diagnostics) {
    let mut seen: HashMap<(String, Family, u8), Vec<usize>> = HashMap::new();
    let mut broken = Vec::new();
    for (index, instance) in model.instances.iter().enumerate() {
        let Some(interface) = instance.interface.as_ref().filter(|_| instance.vrid.value != 0) else { continue };
        let same = seen.entry((interface.value.clone(), instance.family, instance.vrid.value)).or_default();
        let clash = same
            .iter()
            .filter_map(|other| Some((*other, model.instances.get(*other)?)))
            .find(|(_, other)| same_audience(instance, other));
        if let Some((other_index, other)) = clash {
            let at = instance.vrid.at.unwrap_or(instance.at);
            found.push(
                Diagnostic::new(
                    &code::E022_DUPLICATE_VRID,
                    at,
                    format!(
                        "`{}` and `{}` both use VRID {} with {} on {}",
                        other.name.value, instance.name.value, instance.vrid.value, instance.family, interface.value
                    ),
                )
                .label("the same VRID again")
                .related(other.vrid.at.unwrap_or(other.at), "first here")
                .why("Each would take the other's adverts for those of its own group. Both are held in FAULT.")
                .fix("give one of them another virtual_router_id, on all routers of its group")
                .instance(&other.name.value)
                .instance(&instance.name.value),
            );
            broken.extend([other_index, index]);
        }
        same.push(index);
    }
    for index in broken {
        if let Some(instance) = model.instances.get_mut(index) {
            instance.broken = true;
        }
    }
}

/// Whether adverts of one reach the other: both multicast to one group, or both unicast with a peer in common.
fn same_audience(a: &Instance, b: &Instance) -> bool {
    match (a.is_unicast(), b.is_unicast()) {
        (false, false) => a.multicast_group == b.multicast_group,
        (true, true) => a.peers.iter().any(|peer| b.peers.iter().any(|other| other.address == peer.address)),
        (true, false) | (false, true) => false,
    }
}

/// VIPs against each other and against the addresses of routers.
fn addresses(model: &Model, found: &mut Diagnostics) {
    let mut seen: HashMap<(IpAddr, Option<&str>), (&Instance, Span)> = HashMap::new();
    for instance in &model.instances {
        let all = || instance.addresses.iter().chain(&instance.excluded_addresses);
        let with_prefix = all().find(|address| {
            address.prefix_written && address.prefix_len < if address.address.is_ipv4() { 32 } else { 128 }
        });
        for address in all() {
            // Link-local addresses may be the same on different links; others may not.
            let link_local = matches!(address.address, IpAddr::V6(v6) if v6.is_unicast_link_local());
            let interface = address.interface.as_ref().or(instance.interface.as_ref()).map(|name| name.value.as_str());
            let key = (address.address, interface.filter(|_| link_local));
            match seen.get(&key) {
                Some((other, first)) if std::ptr::eq(*other, instance) => found.push(
                    Diagnostic::new(&code::W017_DUPLICATE_ENTRY, address.at, format!("VIP {} stands twice in `{}`", address.address, instance.name.value))
                        .label("again here")
                        .related(*first, "first here")
                        .fix("take one of them away")
                        .instance(&instance.name.value),
                ),
                Some((other, first)) => found.push(
                    Diagnostic::new(&code::W008_SHARED_VIP, address.at, format!("VIP {} is also in `{}`", address.address, other.name.value))
                        .label(format!("in `{}`", instance.name.value))
                        .related(*first, format!("in `{}`", other.name.value))
                        .why("When one of the two leaves MASTER, it takes the address away from the other; and two routers may answer on it at once.")
                        .fix("leave it in one of them")
                        .instance(&other.name.value)
                        .instance(&instance.name.value),
                ),
                None => {
                    seen.insert(key, (instance, address.at));
                }
            }
            router_address(instance, address.address, address.at, found);
            if let (Some(other), false) = (with_prefix, address.prefix_written)
                && other.address.is_ipv4() == address.address.is_ipv4()
            {
                found.push(
                    Diagnostic::new(
                        &code::L004_NO_PREFIX,
                        address.at,
                        format!("VIP {} has no prefix length", address.address),
                    )
                    .label(format!("read as /{}", address.prefix_len))
                    .related(other.at, format!("this one has /{}", other.prefix_len))
                    .why("As a single address it answers, but adds no route to its subnet.")
                    .fix(format!(
                        "write `{}/{}` if that is meant, or `{}/{}` to say so",
                        address.address, other.prefix_len, address.address, address.prefix_len
                    ))
                    .instance(&instance.name.value),
                );
            }
        }
    }
}

fn router_address(instance: &Instance, vip: IpAddr, at: Span, found: &mut Diagnostics) {
    let source =
        instance.source_address.iter().map(|source| (source.value, source.at, "the source address of this router"));
    let peers = instance.peers.iter().map(|peer| (peer.address, peer.at, "the address of a peer"));
    for (address, place, what) in source.chain(peers) {
        let owner =
            instance.priority.value == 255 && Some(address) == instance.source_address.map(|source| source.value);
        if address == vip && !owner {
            let diagnostic = Diagnostic::new(&code::W018_VIP_IS_ROUTER, at, format!("VIP {vip} is {what}"))
                .label("a VIP here")
                .why("It would stand on two routers at once, or go away with the role of MASTER and take the router's own address with it.")
                .fix("choose an address that no router has")
                .instance(&instance.name.value);
            found.push(match place {
                Some(place) => diagnostic.related(place, what),
                None => diagnostic,
            });
            return;
        }
    }
}

/// Interfaces that do not exist now.
fn interfaces(model: &Model, around: &Surroundings<'_>, found: &mut Diagnostics) {
    let Some(existing) = &around.interfaces else { return };
    for instance in &model.instances {
        let own = instance.interface.iter();
        let of_addresses = instance
            .addresses
            .iter()
            .chain(&instance.excluded_addresses)
            .filter_map(|address| address.interface.as_ref());
        let mut said: Vec<&str> = Vec::new();
        for name in own.chain(of_addresses) {
            if existing.contains(&name.value) || said.contains(&name.value.as_str()) {
                continue;
            }
            said.push(&name.value);
            let diagnostic = Diagnostic::new(
                &code::W004_NO_SUCH_INTERFACE,
                name.at.unwrap_or(instance.at),
                format!("there is no interface {}", name.value),
            )
            .label("does not exist now")
            .why(format!("`{}` waits in FAULT until it exists.", instance.name.value))
            .instance(&instance.name.value);
            let near =
                crate::reading::closest(&name.value, existing.iter().map(String::as_str).filter(|name| *name != "lo"));
            found.push(match near {
                Some(near) => diagnostic.fix(format!("did you mean `{near}`?")),
                None if existing.iter().all(|name| name == "lo") => diagnostic,
                None => diagnostic.fix(format!(
                    "there are: {}",
                    existing.iter().filter(|name| *name != "lo").take(10).cloned().collect::<Vec<_>>().join(", ")
                )),
            });
        }
    }
}
