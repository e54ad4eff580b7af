//! Whether trackers can do what they are for: take the role of MASTER from the router on which they fail.

use std::net::IpAddr;

use locum_config::Severity;
use locum_core::priority::WEIGHT_MAX;

use super::compare::Finding;
use super::follow::Priorities;
use super::group::{Group, Member, Node};
use super::trackers::TrackerFailure;
use crate::service::ties;

/// Sums of a group that are beyond what a priority can be.
pub(super) fn bounds(group: &Group<'_>, nodes: &[Node]) -> Vec<Finding> {
    let mut found = Vec::new();
    for rank in group.members.iter().filter_map(|member| Rank::of(member, nodes)) {
        held_in_bounds(&rank, &mut found);
    }
    found
}

/// The members of a group that take part, in the order in which they win elections.
pub(super) fn ranking<'n>(group: &Group<'n>, nodes: &'n [Node]) -> Vec<Rank<'n>> {
    let mut ranks: Vec<Rank<'_>> = group.members.iter().filter_map(|member| Rank::of(member, nodes)).collect();
    ranks.sort_by_key(|rank| std::cmp::Reverse(rank.well()));
    ranks
}

/// Weights that do not move the role, as far as failures were played.
pub(super) fn weights(group: &Group<'_>, nodes: &[Node], played: &[TrackerFailure]) -> Vec<Finding> {
    let mut found = Vec::new();
    for pair in ranking(group, nodes).windows(2) {
        let [rank, next] = pair else { continue };
        // Weights of the owner do not count, and nobody preempts with nopreempt: checking its configuration says so.
        if rank.priorities.base() == u8::MAX || !next.preempts {
            continue;
        }
        let trackers: Vec<_> = rank.priorities.weighted().copied().collect();
        for tracker in &trackers {
            let is_it = |it: &&TrackerFailure| {
                (it.member, it.what, it.name.as_str()) == (rank.node, tracker.kind, tracker.name)
            };
            let Some(failure) = played.iter().find(is_it) else { continue };
            if failure.was_master && failure.fails.masters == [rank.name] {
                found.push(too_small(rank, next, tracker, &trackers, &failure.after));
            }
        }
    }
    found
}

/// A weighted tracker fails on `rank`, and `next` does not take over.
fn too_small(
    rank: &Rank<'_>,
    next: &Rank<'_>,
    tracker: &ties::Follows<'_>,
    all: &[ties::Follows<'_>],
    after: &[String],
) -> Finding {
    let fails = |it: &ties::Follows<'_>| it == tracker;
    let left = rank.priorities.without(&fails);
    let (words, points) = rank.priorities.arithmetic(&fails);
    let sum = if points == i32::from(left) && words == left.to_string() {
        format!("{left} is left")
    } else if points == i32::from(left) {
        format!("{words} = {left} is left")
    } else {
        format!("{words} = {points}, held at {left}, is left")
    };
    let after = if after.is_empty() { String::new() } else { format!("once {} failed, ", has(after)) };
    let what = format!("{after}when {} {} fails on {}, {sum}", tracker.kind, tracker.name, rank.name);
    let (name, other, its) = (rank.name, next.name, next.well().0);
    let (message, help) = if rank.loses(left, next) {
        (
            format!("{what}, and {other} has {its}, yet {name} stays MASTER: not all members of its sync group lose"),
            "Members move together; let the sync group itself follow it, in place of one member.".into(),
        )
    } else {
        let more = i32::from(left) - i32::from(its) + 1;
        let loses_all = rank.loses(rank.priorities.without(&|it| all.contains(it)), next);
        let together =
            if all.len() > 1 && loses_all { "; only together with others does it move the role" } else { "" };
        (format!("{what}, and {other} has {its}: {name} stays MASTER{together}"), remedy(tracker, more).into())
    };
    Finding { severity: Severity::Warning, message, help }
}

/// `a has`, `a and b have`
fn has(names: &[String]) -> String {
    format!("{} {}", names.join(" and "), if names.len() == 1 { "has" } else { "have" })
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

/// Sync groups whose members would not go to the same router: at the start, or after some have failed.
pub(super) fn sync_groups(groups: &[Group<'_>], nodes: &[Node]) -> Vec<Finding> {
    // What is to be said, and of which sync groups: most often it is the same on all nodes.
    let mut found: Vec<(String, &str, Vec<&str>)> = Vec::new();
    for node in nodes {
        let model = node.configuration.model();
        for sync in model.sync_groups.iter().filter(|sync| !sync.broken) {
            let is_in = |member: &Member<'_>| {
                nodes.get(member.node).is_some_and(|of| std::ptr::eq(of, node))
                    && sync.members.iter().any(|name| name.value == member.instance.name.value)
            };
            let of_it = groups.iter().filter(|group| group.members.len() > 1 && group.members.iter().any(is_in));
            let rankings: Vec<(u8, Vec<Rank<'_>>)> = of_it
                .filter_map(|group| Some((*group.members.first()?.instance.vrid, ranking(group, nodes))))
                .collect();
            let Some(said) = disagreement(&rankings) else { continue };
            match found.iter_mut().find(|(known, name, _)| (known, *name) == (&said, sync.name.value.as_str())) {
                Some((.., on)) => on.push(&node.name),
                None => found.push((said, &sync.name.value, vec![&node.name])),
            }
        }
    }
    let finding = |(said, name, on): (String, &str, Vec<&str>)| Finding {
        severity: Severity::Warning,
        message: format!(
            "the priorities give members of sync group {name} on {} to different routers: {said}",
            on.join(" and ")
        ),
        help: "They move together, so who has them depends on who came first; order the routers alike for all members."
            .into(),
    };
    found.into_iter().map(finding).collect()
}

/// The first place at which rankings differ: who has it in each.
fn disagreement(rankings: &[(u8, Vec<Rank<'_>>)]) -> Option<String> {
    let places = rankings.iter().map(|(_, ranking)| ranking.len()).min()?;
    let differs = |place: &usize| {
        let mut nodes = rankings.iter().filter_map(|(_, ranking)| ranking.get(*place)).map(|rank| rank.node);
        let first = nodes.next();
        nodes.any(|node| Some(node) != first)
    };
    let place = (0..places).find(differs)?;
    let (_, first) = rankings.first()?;
    let before: Vec<String> = first.iter().take(place).map(|rank| rank.name.to_owned()).collect();
    let after = if before.is_empty() { String::new() } else { format!(", once {} failed", has(&before)) };
    let to = rankings.iter().filter_map(|(vrid, ranking)| {
        let rank = ranking.get(place)?;
        Some(format!("VRID {vrid} to {} ({})", rank.name, rank.well().0))
    });
    Some(format!("{}{after}", to.collect::<Vec<_>>().join(", ")))
}

/// Where a member stands in an election.
pub(super) struct Rank<'n> {
    pub(super) node: usize,
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
    let (words, points) = rank.priorities.arithmetic(&|_| false);
    let effective = rank.priorities.effective();
    if points != i32::from(effective) && rank.priorities.base() < u8::MAX {
        found.push(Finding {
            severity: Severity::Warning,
            message: format!("{}: {words} = {points}, held at {effective}", rank.name),
            help: "The part beyond the bound does not count; choose priority and weights so that all sums stay from 1 to 254.".into(),
        });
    }
}
