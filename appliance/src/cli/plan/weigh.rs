//! Whether trackers can do what they are for: take the role of MASTER from the router on which they fail.

use std::collections::BTreeSet;
use std::net::IpAddr;

use locum_config::Severity;
use locum_core::priority::WEIGHT_MAX;

use super::compare::Finding;
use super::follow::Priorities;
use super::group::{Group, Member, Node};
use crate::service::ties;

/// What can be said about the weights of a group's trackers.
pub(super) fn weights(group: &Group<'_>, nodes: &[Node]) -> Vec<Finding> {
    let mut found = Vec::new();
    let ranks: Vec<Rank<'_>> = group.members.iter().filter_map(|member| Rank::of(member, nodes)).collect();
    for rank in &ranks {
        held_in_bounds(rank, &mut found);
    }
    let Some(first) = ranks.iter().max_by_key(|rank| rank.well()) else { return found };
    let others = ranks.iter().filter(|rank| rank.node != first.node);
    let Some(next) = others.max_by_key(|rank| rank.well()) else { return found };
    // Weights of the owner do not count, and nobody preempts with nopreempt: checking its configuration says so.
    if first.priorities.base() == u8::MAX || !next.preempts {
        return found;
    }
    let trackers: Vec<_> = first.priorities.weighted().copied().collect();
    let loses_all = first.loses(first.priorities.without(|it| trackers.contains(it)), next);
    for tracker in &trackers {
        let fails = |it: &ties::Follows<'_>| it == tracker;
        let left = first.priorities.without(fails);
        if first.loses(left, next) {
            continue;
        }
        let (words, points) = first.priorities.arithmetic(fails);
        let sum = if points == i32::from(left) && words == left.to_string() {
            format!("{left} is left")
        } else if points == i32::from(left) {
            format!("{words} = {left} is left")
        } else {
            format!("{words} = {points}, held at {left}, is left")
        };
        let more = i32::from(left) - i32::from(next.well().0) + 1;
        let together =
            if trackers.len() > 1 && loses_all { "; only together with others does it move the role" } else { "" };
        found.push(Finding {
            severity: Severity::Warning,
            message: format!(
                "when {} {} fails on {}, {sum}, and {} has {}: {} stays MASTER{together}",
                tracker.kind,
                tracker.name,
                first.name,
                next.name,
                next.well().0,
                first.name,
            ),
            help: remedy(tracker, more).into(),
        });
    }
    found
}

/// How to get the priority down by `more` when the tracker fails.
fn remedy(tracker: &ties::Follows<'_>, more: i32) -> String {
    let needed = i32::from(tracker.weight.value) - more;
    if tracker.weight.value < 0 && !tracker.weight.reverse && needed >= -i32::from(WEIGHT_MAX) {
        format!("Write weight {needed} or lower, or 0 for FAULT.")
    } else {
        // What is added while all is well cannot take anything off.
        format!(
            "Lower the priority itself by {more} at least, and raise the weight by as much; or write weight 0 for FAULT."
        )
    }
}

/// Sync groups whose members are not won by the same router.
pub(super) fn sync_groups(groups: &[Group<'_>], nodes: &[Node]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for node in nodes {
        let model = node.configuration.model();
        for sync in model.sync_groups.iter().filter(|sync| !sync.broken) {
            let mut parts = Vec::new();
            let mut winners = BTreeSet::new();
            for group in groups {
                let is_in = |member: &&Member<'_>| {
                    nodes.get(member.node).is_some_and(|of| std::ptr::eq(of, node))
                        && sync.members.iter().any(|name| name.value == member.instance.name.value)
                };
                let Some(member) = group.members.iter().find(is_in) else { continue };
                let ranks = group.members.iter().filter_map(|member| Rank::of(member, nodes));
                let Some(first) = ranks.max_by_key(Rank::well).filter(|_| group.members.len() > 1) else { continue };
                winners.insert(first.node);
                parts.push(format!("VRID {} to {} ({})", *member.instance.vrid, first.name, first.well().0));
            }
            if winners.len() > 1 {
                let message = format!(
                    "the priorities give members of sync group {} on {} to different routers: {}",
                    sync.name.value,
                    node.name,
                    parts.join(", ")
                );
                found.push(Finding {
                    severity: Severity::Warning,
                    message,
                    help: "They move together, so who has them depends on who came first; order the routers alike for all members.".into(),
                });
            }
        }
    }
    found
}

/// Where a member stands in an election.
struct Rank<'n> {
    node: usize,
    name: &'n str,
    address: IpAddr,
    preempts: bool,
    priorities: Priorities<'n>,
}

impl<'n> Rank<'n> {
    /// `None` for one that does not take part.
    fn of(member: &Member<'n>, nodes: &'n [Node]) -> Option<Self> {
        let node = nodes.get(member.node).filter(|_| !member.instance.broken)?;
        let priorities = Priorities::of(node.configuration.model(), member.instance);
        let preempts = *member.instance.preempt;
        Some(Self { node: member.node, name: &node.name, address: member.address, preempts, priorities })
    }

    /// While all is well: the priority, then the address.
    fn well(&self) -> (u8, IpAddr) {
        (self.priorities.effective(), self.address)
    }

    /// Whether it gives the role to `other` with `left` as its priority. A BACKUP takes over from a lower priority only;
    /// equal ones leave the MASTER alone (RFC 9568 section 6.4.2).
    fn loses(&self, left: u8, other: &Self) -> bool {
        left < other.well().0
    }
}

/// Sums beyond what a priority can be.
fn held_in_bounds(rank: &Rank<'_>, found: &mut Vec<Finding>) {
    let (words, points) = rank.priorities.arithmetic(|_| false);
    let effective = rank.priorities.effective();
    if points != i32::from(effective) && rank.priorities.base() < u8::MAX {
        found.push(Finding {
            severity: Severity::Warning,
            message: format!("{}: {words} = {points}, held at {effective}", rank.name),
            help: "The part beyond the bound does not count; choose priority and weights so that all sums stay from 1 to 254.".into(),
        });
    }
}
