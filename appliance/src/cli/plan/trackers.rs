//! What becomes of the groups when something fails that a node follows, or an interface of it: played like the failure of a
//! node, for each router while it is MASTER.

use locum_control::SortedSet;
use locum_core::priority::{Reading, TrackerId};
use serde::Serialize;

use super::follow::{Followed, sync_group};
use super::group::{Group, Node};
use super::weigh::ranking;
use super::world::World;
use super::{GroupPlan, Outcome};
use crate::service::ties;
use crate::simulate::TooLong;
use crate::track::Kind;

/// Failures that are played for groups of few members; for many, fewer.
const PLAYED_MAX: usize = 200;
/// Members that all plays together may have.
const MEMBERS_MAX: usize = 40_000;

/// Something fails on a node.
#[derive(Debug, Serialize)]
pub(super) struct TrackerFailure {
    pub(super) node: String,
    /// `interface`, `script`, `process`, `file` or `probe`.
    pub(super) kind: String,
    pub(super) name: String,
    /// The nodes that have failed before, so that this one is MASTER.
    pub(super) after: Vec<String>,
    pub(super) was_master: bool,
    pub(super) fails: Outcome,
    #[serde(skip)]
    pub(super) member: usize,
    #[serde(skip)]
    pub(super) what: Kind,
}

/// Something that can fail.
struct Thing<'n> {
    kind: Kind,
    name: &'n str,
    /// What says so, where somebody follows it.
    tracker: Option<(TrackerId, Reading)>,
}

/// Plays the failures of all nodes. Returns how many were not played because there are too many.
pub(super) fn play(groups: &[Group<'_>], nodes: &[Node], plans: &mut [GroupPlan]) -> Result<usize, TooLong> {
    let members: usize = groups.iter().map(|group| group.members.len()).sum();
    let mut left = (MEMBERS_MAX / members.max(1)).clamp(1, PLAYED_MAX);
    let mut not_played = 0;
    for (node, of) in nodes.iter().enumerate() {
        let above: Vec<Option<Vec<usize>>> = groups.iter().map(|group| above(group, nodes, node)).collect();
        let cases: SortedSet<&Vec<usize>> = above.iter().flatten().collect();
        for dark in cases {
            for thing in things(groups, node, of) {
                let concerned: Vec<usize> = (0..groups.len())
                    .filter(|index| above.get(*index).and_then(Option::as_ref) == Some(dark))
                    .filter(|index| groups.get(*index).is_some_and(|group| concerns(&thing, group, node, of)))
                    .collect();
                if concerned.is_empty() {
                    continue;
                }
                if left == 0 {
                    not_played += 1;
                    continue;
                }
                left -= 1;
                for (index, outcome, was_master) in play_one(groups, nodes, node, dark, &thing, &concerned)? {
                    if let Some(plan) = plans.get_mut(index) {
                        let after = dark.iter().filter_map(|node| nodes.get(*node)).map(|node| node.name.clone());
                        plan.trackers.push(TrackerFailure {
                            node: of.name.clone(),
                            kind: thing.kind.to_string(),
                            name: thing.name.to_owned(),
                            after: after.collect(),
                            was_master,
                            fails: outcome,
                            member: node,
                            what: thing.kind,
                        });
                    }
                }
            }
        }
    }
    Ok(not_played)
}

/// The nodes that come before this one in a group's elections. `None` where it is not a member, or the last: then its
/// failures only decide whether there is a MASTER at all.
fn above(group: &Group<'_>, nodes: &[Node], node: usize) -> Option<Vec<usize>> {
    let ranking = ranking(group, nodes);
    let place = ranking.iter().position(|rank| rank.node == node)?;
    let mut above: Vec<usize> = ranking.iter().take(place).map(|rank| rank.node).collect();
    above.sort_unstable();
    (place + 1 < ranking.len()).then_some(above)
}

/// What can fail on a node: what it follows, and the interfaces that its groups are on.
fn things<'n>(groups: &[Group<'n>], node: usize, of: &'n Node) -> Vec<Thing<'n>> {
    let model = of.configuration.model();
    let followed = Followed::of(model);
    let mut things: Vec<Thing<'n>> = followed
        .failures(model)
        .map(|(kind, name, id, reading)| Thing { kind, name, tracker: Some((id, reading)) })
        .collect();
    for interface in groups.iter().filter_map(|group| group.member_of(node)?.instance.interface.as_ref()) {
        if !things.iter().any(|it| it.kind == Kind::Interface && it.name == interface.value) {
            things.push(Thing { kind: Kind::Interface, name: &interface.value, tracker: None });
        }
    }
    things
}

/// Whether it says something about a group that the failure of the whole node does not: the member follows it, or it is
/// the interface of another group.
fn concerns(thing: &Thing<'_>, group: &Group<'_>, node: usize, of: &Node) -> bool {
    let Some(member) = group.member_of(node) else { return false };
    let follows = ties::follows(of.configuration.model(), member.instance);
    follows.iter().any(|it| (it.kind, it.name) == (thing.kind, thing.name))
        || (thing.tracker.is_none() && !is_on(group, node, thing))
}

/// Whether a node is in a group on this interface.
fn is_on(group: &Group<'_>, node: usize, thing: &Thing<'_>) -> bool {
    let interface = group.member_of(node).and_then(|member| member.instance.interface.as_ref());
    thing.kind == Kind::Interface && interface.is_some_and(|interface| interface.value == thing.name)
}

/// What becomes of the groups that it concerns, and whether the node was MASTER of each.
fn play_one(
    groups: &[Group<'_>],
    nodes: &[Node],
    node: usize,
    dark: &[usize],
    thing: &Thing<'_>,
    concerned: &[usize],
) -> Result<Vec<(usize, Outcome, bool)>, TooLong> {
    let mut world = World::settled(groups, nodes)?;
    if !dark.is_empty() {
        dark.iter().for_each(|node| world.fail(*node));
        world.settle()?;
        world.restart_watches();
    }
    let cut: Vec<usize> =
        groups.iter().enumerate().filter(|(_, group)| is_on(group, node, thing)).map(|(index, _)| index).collect();
    // A node that has lost its link cannot say goodbye: the others notice as late as when it fails, and with them what
    // moves together with them.
    let held: Vec<(bool, u64)> = concerned
        .iter()
        .map(|index| {
            let with_it =
                cut.iter().filter(|other| *other == index || together(groups, nodes, node, [*index, **other]));
            let before_us = with_it.map(|index| world.since_advert_us(node, *index)).max().unwrap_or(0);
            (world.masters(*index).contains(&node), before_us)
        })
        .collect();
    for index in cut {
        world.cut(node, index);
    }
    if let Some((tracker, reading)) = thing.tracker {
        world.read(node, tracker, reading);
    }
    world.settle()?;
    let played = concerned.iter().zip(held);
    Ok(played.map(|(index, (master, before_us))| (*index, world.outcome(*index, before_us), master)).collect())
}

/// Whether the node's members of two groups are in one sync group.
fn together(groups: &[Group<'_>], nodes: &[Node], node: usize, two: [usize; 2]) -> bool {
    let [one, other] = two.map(|index| {
        let instance = groups.get(index)?.member_of(node)?.instance;
        sync_group(nodes.get(node)?.configuration.model(), &instance.name)
    });
    one.is_some() && one == other
}
