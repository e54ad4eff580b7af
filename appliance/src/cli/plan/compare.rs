//! What does not fit together in the configurations of one virtual router.

use locum_control::{SortedMap, SortedSet};
use std::borrow::Cow;
use std::net::IpAddr;

use locum_config::Severity;
use locum_config::model::{Authentication, Family, Instance, Version, VirtualAddress};
use serde::Serialize;

use super::follow::Priorities;
use super::group::{AddressFrom, Group, Member, Node};
use super::weigh;
use crate::seconds::Seconds;
use crate::service::ties;

/// Something that does not fit together.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// What, with the nodes.
    pub(super) message: String,
    /// What comes of it, and what to do.
    pub(super) help: Cow<'static, str>,
}

/// Compares the members of a group.
pub(super) fn compare(group: &Group<'_>, nodes: &[Node]) -> Vec<Finding> {
    let mut found = Findings { group, nodes, list: Vec::new() };
    if let [only] = group.members.as_slice() {
        found.push(
            Severity::Warning,
            format!("only {} has it", found.name(only.node)),
            "No other router takes over when it fails; give the others an instance with the same virtual_router_id.",
        );
        return found.list;
    }
    found.protocol();
    found.addresses();
    found.peers();
    found.elections();
    found.list.extend(weigh::bounds(group, nodes));
    found.list
}

/// Compares which virtual routers move together.
pub(super) fn compare_sync_groups(groups: &[Group<'_>], nodes: &[Node]) -> Vec<Finding> {
    // What is to be said, and of which VRIDs: it is the same for all members of a group.
    let mut differing: SortedMap<String, Vec<u8>> = SortedMap::new();
    for group in groups.iter().filter(|group| group.members.len() > 1) {
        let mut together: SortedMap<Vec<u8>, Vec<&str>> = SortedMap::new();
        for member in &group.members {
            let Some(node) = nodes.get(member.node) else { continue };
            let model = node.configuration.model();
            let sync = ties::sync_group(model, &member.instance.name);
            let members = sync.map(|sync| sync.members.as_slice()).unwrap_or_default();
            let vrids: SortedSet<u8> =
                members.iter().filter_map(|member| model.instance(&member.value)).map(|it| *it.vrid).collect();
            together.get_or_default(vrids.into_iter().collect()).push(&node.name);
        }
        if together.len() > 1 {
            let with = |vrids: &[u8]| if vrids.is_empty() { "none".to_owned() } else { numbers("VRID", vrids) };
            let shown: Vec<_> = together.into_iter().map(|(vrids, nodes)| (with(&vrids), nodes)).collect();
            let known = differing.get_or_default(listed(&shown));
            if let Some(first) = group.members.first().filter(|first| !known.contains(&*first.instance.vrid)) {
                known.push(*first.instance.vrid);
            }
        }
    }
    let finding = |(shown, vrids): (String, Vec<u8>)| {
        let are = if vrids.len() == 1 { "is" } else { "are" };
        Finding {
            severity: Severity::Warning,
            message: format!("{} {are} in different sync groups: {shown}", numbers("VRID", &vrids)),
            help: "What moves together on one router must move together on the others.".into(),
        }
    };
    differing.into_iter().map(finding).collect()
}

/// `VRID 45`, `VRIDs 45 46`
fn numbers(what: &str, numbers: &[u8]) -> String {
    let plural = if numbers.len() == 1 { "" } else { "s" };
    let numbers: Vec<String> = numbers.iter().map(u8::to_string).collect();
    format!("{what}{plural} {}", numbers.join(" "))
}

struct Findings<'g, 'n> {
    group: &'g Group<'n>,
    nodes: &'n [Node],
    list: Vec<Finding>,
}

impl<'n> Findings<'_, 'n> {
    fn name(&self, node: usize) -> &'n str {
        self.nodes.get(node).map_or("", |node| &node.name)
    }

    fn push(&mut self, severity: Severity, message: String, help: &'static str) {
        self.list.push(Finding { severity, message, help: help.into() });
    }

    /// Says who has which value, where they are not all the same.
    fn same(&mut self, severity: Severity, what: &str, value: fn(&Instance) -> String, help: &'static str) -> bool {
        let mut values: SortedMap<String, Vec<&str>> = SortedMap::new();
        for member in &self.group.members {
            values.get_or_default(value(member.instance)).push(self.name(member.node));
        }
        let differs = values.len() > 1;
        if differs {
            let values: Vec<_> = values.into_iter().collect();
            self.push(severity, format!("{what}: {}", listed(&values)), help);
        }
        differs
    }

    fn protocol(&mut self) {
        const DISCARDED: &str =
            "They discard each other's adverts, so that each becomes MASTER; write the same on all routers.";
        let error = Severity::Error;
        self.same(error, "different virtual_router_id", |it| it.vrid.to_string(), DISCARDED);
        self.same(error, "different versions", |it| it.version.to_string(), DISCARDED);
        let all_v3 = self.group.members.iter().all(|member| *member.instance.version == Version::V3);
        self.same(
            if all_v3 { Severity::Warning } else { error },
            "different advert_int",
            |it| format!("{} s", Seconds::from_cs(*it.advert_interval_cs)),
            if all_v3 {
                "In VRRPv3 a BACKUP goes by the interval of the MASTER, so the failover takes another time after each move."
            } else {
                DISCARDED
            },
        );
        self.same(
            Severity::Warning,
            "different down_timer_adverts",
            |it| it.down_timer_adverts.to_string(),
            "The routers wait for different times before they take over.",
        );
        self.authentication(DISCARDED);
        self.same(
            error,
            "different ways to send",
            |it| if it.is_unicast() { "unicast".to_owned() } else { format!("multicast to {}", *it.multicast_group) },
            "They do not hear each other, so that each becomes MASTER; write the same on all routers.",
        );
        let pseudo_header = |it: &Instance| it.version.value == Version::V3 && it.family == Family::V4;
        if self.group.members.iter().all(|member| pseudo_header(member.instance)) {
            self.same(
                Severity::Warning,
                "different v3_checksum_as_v2",
                |it| if *it.v3_checksum_as_v2 { "on" } else { "off" }.to_owned(),
                "locum takes both; other routers may discard one of them.",
            );
        }
    }

    /// Passwords are compared as adverts carry them, and not shown.
    fn authentication(&mut self, discarded: &'static str) {
        let error = Severity::Error;
        let kind = |it: &Instance| match (&it.authentication, *it.version) {
            (Authentication::Password(_), Version::V2) => "PASS".to_owned(),
            (Authentication::AuthenticationHeader(_), _) => "AH".to_owned(),
            (Authentication::Password(_), Version::V3) | (Authentication::None, _) => "none".to_owned(),
        };
        if self.same(error, "different authentication", kind, discarded) {
            return;
        }
        let passwords: SortedSet<[u8; 8]> = self
            .group
            .members
            .iter()
            .filter(|member| *member.instance.version == Version::V2)
            .filter_map(|member| match &member.instance.authentication {
                Authentication::Password(secret) => Some(secret.vrrp2_data()),
                Authentication::None | Authentication::AuthenticationHeader(_) => None,
            })
            .collect();
        if passwords.len() > 1 {
            self.push(error, "different auth_pass".to_owned(), discarded);
        }
    }

    fn addresses(&mut self) {
        for (what, list) in [
            ("virtual_ipaddress", (|it| &it.addresses) as fn(&Instance) -> &Vec<VirtualAddress>),
            ("virtual_ipaddress_excluded", |it| &it.excluded_addresses),
        ] {
            let members = &self.group.members;
            let all: SortedSet<IpAddr> =
                members.iter().flat_map(|member| list(member.instance)).map(|vip| vip.address).collect();
            let mut missing: SortedMap<Vec<&str>, Vec<String>> = SortedMap::new();
            for vip in all {
                let lacks = |member: &&Member<'_>| !list(member.instance).iter().any(|known| known.address == vip);
                let without: Vec<&str> = members.iter().filter(lacks).map(|member| self.name(member.node)).collect();
                if !without.is_empty() {
                    missing.get_or_default(without).push(vip.to_string());
                }
            }
            for (nodes, vips) in missing {
                self.push(
                    Severity::Error,
                    format!("{what} of {} lacks {}", nodes.join(" and "), vips.join(" ")),
                    "The address is gone while that router is MASTER; write the same list on all routers.",
                );
            }
        }
    }

    fn peers(&mut self) {
        let unicast = self.group.members.iter().filter(|member| member.instance.is_unicast());
        let all_known = self.group.members.iter().all(|member| member.address_from != AddressFrom::MadeUp);
        let mut found = Vec::new();
        for member in unicast {
            let lists = |address: IpAddr| member.instance.peers.iter().any(|peer| peer.address == address);
            let name = self.name(member.node);
            for other in self.group.members.iter().filter(|other| other.node != member.node) {
                if other.address_from != AddressFrom::MadeUp && !lists(other.address) {
                    found.push((
                        Severity::Error,
                        format!("unicast_peer of {name} lacks {} ({})", other.address, self.name(other.node)),
                        "That router does not hear this one, so that both may be MASTER.",
                    ));
                }
            }
            for peer in member.instance.peers.iter().filter(|_| all_known) {
                if !self.group.members.iter().any(|other| other.address == peer.address) {
                    found.push((
                        Severity::Warning,
                        format!("unicast_peer of {name} lists {}, which is none of these nodes", peer.address),
                        "Give its configuration as well, or correct the address.",
                    ));
                }
            }
        }
        for (severity, message, help) in found {
            self.push(severity, message, help);
        }
    }

    fn elections(&mut self) {
        let mut priorities: SortedMap<u8, Vec<&str>> = SortedMap::new();
        for member in &self.group.members {
            let Some(node) = self.nodes.get(member.node) else { continue };
            let effective = Priorities::of(node.configuration.model(), member.instance).effective();
            priorities.get_or_default(effective).push(&node.name);
        }
        for (priority, nodes) in priorities.into_iter().filter(|(_, nodes)| nodes.len() > 1) {
            let (severity, help) = if priority == 255 {
                (Severity::Error, "Only one router can own the addresses; each of these becomes MASTER at once.")
            } else {
                (Severity::Warning, "The higher address decides when both start at once; give each router its own.")
            };
            self.push(severity, format!("{} have the same priority {priority}", nodes.join(" and ")), help);
        }
        self.same(
            Severity::Warning,
            "preempt on some, nopreempt on others",
            |it| if *it.preempt { "preempt" } else { "nopreempt" }.to_owned(),
            "Who is MASTER depends on who came last; write the same on all routers.",
        );
    }
}

/// `1 s (a, b), 2 s (c)`
fn listed(values: &[(String, Vec<&str>)]) -> String {
    let parts: Vec<String> = values.iter().map(|(value, nodes)| format!("{value} ({})", nodes.join(", "))).collect();
    parts.join(", ")
}
