//! `locum plan`: the configurations of all nodes side by side, and what becomes of them when one fails, found by running
//! the core on simulated time.

mod compare;
mod follow;
mod group;
mod trackers;
mod weigh;
mod world;

use std::path::{Path, PathBuf};

use locum_config::{Severity, Surroundings};
use locum_core::time::Duration;
use serde::Serialize;

use self::compare::{Finding, compare, compare_sync_groups};
use self::follow::Priorities;
use self::group::{AddressFrom, Group, Node, groups};
use self::trackers::TrackerFailure;
use self::world::World;
use super::{Exit, complain, print, print_json, table};
use crate::service::ties;
use crate::simulate::TooLong;
use crate::text::Append;

/// Nodes that a plan takes; made-up addresses end there, and no group of routers is larger.
const NODES_MAX: usize = 64;

/// What is found out about the nodes.
#[derive(Debug, Serialize)]
struct Plan {
    /// The layout of this value; it changes when fields are removed or change their meaning.
    schema: u32,
    nodes: Vec<String>,
    /// What does not fit together beyond a single group.
    findings: Vec<Finding>,
    groups: Vec<GroupPlan>,
    /// Failures of trackers that were not played because there are too many.
    trackers_not_played: usize,
}

/// A virtual router.
#[derive(Debug, Serialize)]
struct GroupPlan {
    vrid: u8,
    family: String,
    vips: Vec<String>,
    members: Vec<MemberPlan>,
    findings: Vec<Finding>,
    /// All nodes start at once.
    start: Outcome,
    /// Each node fails while all others run.
    failures: Vec<Failure>,
    /// Something fails that a node follows, while it is MASTER.
    trackers: Vec<TrackerFailure>,
}

#[derive(Debug, Serialize)]
struct MemberPlan {
    node: String,
    instance: String,
    interface: Option<String>,
    priority: u8,
    /// The priority that counts while all that it follows is well.
    effective_priority: u8,
    sync_group: Option<String>,
    preempt: bool,
    address: String,
    address_from: AddressFrom,
    /// Its configuration has an error: it is held in FAULT and does not take part.
    broken: bool,
}

/// What has become of a group after an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Outcome {
    /// Who is MASTER in the end. None, or more than one, is bad.
    masters: Vec<String>,
    /// How long nobody held the addresses, at most: as if the failure struck right after an advert.
    nobody_us: u64,
    /// How long more than one node held them.
    several_us: u64,
    /// How long it took until nothing moved any more.
    moved_us: u64,
}

#[derive(Debug, Default, Serialize)]
struct Failure {
    node: String,
    was_master: bool,
    /// It goes dark.
    fails: Outcome,
    /// It comes back after that.
    returns: Outcome,
    /// It is stopped in order instead.
    stops: Outcome,
}

pub(super) fn plan(files: &[PathBuf], json: bool) -> Exit {
    if files.len() > NODES_MAX {
        complain(&format_args!("more than {NODES_MAX} configurations"));
        return Exit::Failed;
    }
    let mut nodes = Vec::new();
    let mut failed = false;
    for file in files {
        match load(file) {
            Ok(node) => nodes.push(node),
            Err(error) => {
                complain(&error);
                failed = true;
            }
        }
    }
    for node in &nodes {
        if node.configuration.has_errors() {
            failed = true;
            let errors = node.configuration.diagnostics().iter().filter(|it| it.severity() == Severity::Error);
            for error in errors.take(20) {
                complain(&node.configuration.one_line(error));
            }
        }
    }
    if nodes.len() < files.len() || nodes.iter().any(|node| node.configuration.refuses_start()) {
        return Exit::ConfigurationErrors;
    }
    let plan = match make(&nodes) {
        Ok(plan) => plan,
        Err(TooLong) => {
            complain(
                &"the simulation does not come to an end: too many instances with too long delays\nhelp: plan with fewer of them",
            );
            return Exit::Failed;
        }
    };
    let printed = if json { print_json(&plan) } else { print(&text(&plan)) };
    let findings = plan.findings.iter().chain(plan.groups.iter().flat_map(|group| &group.findings));
    failed |= findings.into_iter().any(|finding| finding.severity == Severity::Error);
    if failed { Exit::ConfigurationErrors } else { printed }
}

/// Reads the configuration of another machine: what exists there is not known, and `@NAME` lines compare with the name of
/// the file without its ending.
fn load(file: &Path) -> Result<Node, String> {
    let config_id = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let around = Surroundings { config_id, ..Surroundings::default() };
    match locum_config::load(file, &around) {
        Ok(configuration) => Ok(Node { name: file.display().to_string(), configuration }),
        Err(error) => Err(match error.fix() {
            Some(_) if error.is_missing() => error.to_string(),
            Some(fix) => format!("{error}\nhelp: {fix}"),
            None => error.to_string(),
        }),
    }
}

fn make(nodes: &[Node]) -> Result<Plan, TooLong> {
    let groups = groups(nodes);
    let world = World::started(&groups, nodes)?;
    let mut plans = Vec::with_capacity(groups.len());
    for (index, group) in groups.iter().enumerate() {
        plans.push(group_plan(group, nodes, world.outcome(index, 0)));
    }
    for (index, node) in nodes.iter().enumerate() {
        play(&groups, nodes, (index, &node.name), &mut plans)?;
    }
    let trackers_not_played = trackers::play(&groups, nodes, &mut plans)?;
    for (group, plan) in groups.iter().zip(&mut plans) {
        plan.findings.extend(weigh::weights(group, nodes, &plan.trackers));
    }
    let mut findings = compare_sync_groups(&groups, nodes);
    findings.extend(weigh::sync_groups(&groups, nodes));
    let nodes = nodes.iter().map(|node| node.name.clone()).collect();
    Ok(Plan { schema: 1, nodes, findings, groups: plans, trackers_not_played })
}

/// A node fails and returns, and is stopped in order instead: what becomes of the groups that it is in.
fn play(
    groups: &[Group<'_>],
    nodes: &[Node],
    (node, name): (usize, &str),
    plans: &mut [GroupPlan],
) -> Result<(), TooLong> {
    let mut world = World::settled(groups, nodes)?;
    let mut failures = Vec::new();
    for (group, _) in groups.iter().enumerate().filter(|(_, group)| group.member_of(node).is_some()) {
        let was_master = world.masters(group).contains(&node);
        let failure = Failure { node: name.to_owned(), was_master, ..Failure::default() };
        failures.push((group, world.since_advert_us(node, group), failure));
    }
    world.fail(node);
    world.settle()?;
    for (group, before_us, failure) in &mut failures {
        failure.fails = world.outcome(*group, *before_us);
    }
    world.restart_watches();
    world.start(node);
    world.settle()?;
    for (group, _, failure) in &mut failures {
        failure.returns = world.outcome(*group, 0);
    }
    let mut world = World::settled(groups, nodes)?;
    world.stop(node);
    world.settle()?;
    for (group, _, mut failure) in failures {
        failure.stops = world.outcome(group, 0);
        if let Some(plan) = plans.get_mut(group) {
            plan.failures.push(failure);
        }
    }
    Ok(())
}

/// What is known of a group before anything fails.
fn group_plan(group: &Group<'_>, nodes: &[Node], start: Outcome) -> GroupPlan {
    let mut vips: Vec<String> = Vec::new();
    let mut members = Vec::with_capacity(group.members.len());
    for member in &group.members {
        let Some(node) = nodes.get(member.node) else { continue };
        let (model, instance) = (node.configuration.model(), member.instance);
        for vip in &instance.addresses {
            let vip = vip.address.to_string();
            if !vips.contains(&vip) {
                vips.push(vip);
            }
        }
        members.push(MemberPlan {
            node: node.name.clone(),
            instance: instance.name.value.clone(),
            interface: instance.interface.as_ref().map(|interface| interface.value.clone()),
            priority: *instance.priority,
            effective_priority: Priorities::of(model, instance).effective(),
            sync_group: ties::sync_group(model, &instance.name).map(|sync| sync.name.value.clone()),
            preempt: *instance.preempt,
            address: member.address.to_string(),
            address_from: member.address_from,
            broken: instance.broken,
        });
    }
    let first = group.members.first().map(|member| member.instance);
    GroupPlan {
        vrid: first.map_or(0, |first| *first.vrid),
        family: first.map_or_else(String::new, |first| first.family.to_string()),
        vips,
        members,
        findings: compare(group, nodes),
        start,
        failures: Vec::new(),
        trackers: Vec::new(),
    }
}

/// For people.
fn text(plan: &Plan) -> String {
    let mut text = String::new();
    for group in &plan.groups {
        text.append(format_args!("VRID {}, {}: {}\n", group.vrid, group.family, group.vips.join(" ")));
        let mut rows = vec![["", "NODE", "INSTANCE", "INTERFACE", "PRIORITY", "ADDRESS"].map(String::from).to_vec()];
        for member in &group.members {
            let note = match (member.broken, member.address_from) {
                (true, _) => " (held in FAULT: its configuration has an error)",
                (false, AddressFrom::Configuration) => "",
                (false, AddressFrom::Peers) => " (from the peers of the others)",
                (false, AddressFrom::MadeUp) => " (made up: the configuration names none)",
            };
            rows.push(vec![
                String::new(),
                member.node.clone(),
                member.instance.clone(),
                member.interface.clone().unwrap_or_else(|| "-".to_owned()),
                format!("{}{}", priority(member), if member.preempt { "" } else { " nopreempt" }),
                format!("{}{note}", member.address),
            ]);
        }
        let synced = group.members.iter().any(|member| member.sync_group.is_some());
        for (at, row) in rows.iter_mut().enumerate().filter(|_| synced) {
            let member = at.checked_sub(1).and_then(|at| group.members.get(at));
            let cell = member.map_or("SYNC GROUP", |member| member.sync_group.as_deref().unwrap_or("-"));
            row.insert(4, cell.to_owned());
        }
        text.push_str(&table::render(&rows));
        findings(&mut text, &group.findings);
        text.append(format_args!("  All start at once: {}\n", started(&group.start)));
        for failure in &group.failures {
            text.append(format_args!("  {}\n", failed(failure)));
        }
        for failure in group.trackers.iter().filter(|failure| failure.was_master) {
            text.append(format_args!("  {}\n", tracker_failed(failure)));
        }
        text.push('\n');
    }
    findings(&mut text, &plan.findings);
    let count = |severity| {
        let all = plan.findings.iter().chain(plan.groups.iter().flat_map(|group| &group.findings));
        all.filter(|finding| finding.severity == severity).count()
    };
    if plan.trackers_not_played > 0 {
        text.append(format_args!("{} more failures of what is followed were not played\n", plan.trackers_not_played));
    }
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    text.append(format_args!(
        "{} node{}, {} virtual router{}, {}, {}\n",
        plan.nodes.len(),
        plural(plan.nodes.len()),
        plan.groups.len(),
        plural(plan.groups.len()),
        Severity::Error.counted(count(Severity::Error)),
        Severity::Warning.counted(count(Severity::Warning))
    ));
    text
}

/// `80`, or `100 (base 80)` where what it follows counts.
fn priority(member: &MemberPlan) -> String {
    if member.effective_priority == member.priority {
        member.priority.to_string()
    } else {
        format!("{} (base {})", member.effective_priority, member.priority)
    }
}

fn findings(text: &mut String, findings: &[Finding]) {
    for finding in findings {
        let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
        text.append(format_args!("  {severity}: {}\n    {}\n", finding.message, finding.help));
    }
}

fn started(outcome: &Outcome) -> String {
    match outcome.masters.as_slice() {
        [] => "nobody is MASTER.".to_owned(),
        [one] => format!("{one} is MASTER after {}.", Duration::from_us(outcome.nobody_us)),
        several => format!("{} are MASTER at the same time!", several.join(" and ")),
    }
}

fn failed(failure: &Failure) -> String {
    let node = &failure.node;
    if !failure.was_master {
        let same = failure.fails.nobody_us == 0 && failure.returns.nobody_us == 0 && failure.returns.several_us == 0;
        return if same && failure.fails.masters == failure.returns.masters {
            format!("{node} fails, and returns: the VIPs stay where they are.")
        } else {
            format!("{node} fails: {} Returns: {}", masters(&failure.fails), returned(failure))
        };
    }
    let fails = match failure.fails.masters.as_slice() {
        [one] if failure.fails.nobody_us == 0 => format!("{one} goes on holding the VIPs"),
        _ => taken_over(&failure.fails),
    };
    let stops = match (failure.stops.masters.as_slice(), failure.stops.nobody_us) {
        ([], _) => "nobody takes over".to_owned(),
        (masters, 0) => format!("{} without a gap", masters.join(" and ")),
        (masters, gap_us) => format!("{} after {}", masters.join(" and "), Duration::from_us(gap_us)),
    };
    format!("{node} fails: {fails}. Returns: {} Stopped in order: {stops}.", returned(failure))
}

/// When something fails that a node follows which is MASTER.
fn tracker_failed(failure: &TrackerFailure) -> String {
    let TrackerFailure { node, kind, name, after, fails, .. } = failure;
    let after = match after.as_slice() {
        [] => String::new(),
        [one] => format!(" once {one} has failed,"),
        several => format!(" once {} have failed,", several.join(" and ")),
    };
    let then = match fails.masters.as_slice() {
        [one] if one == node && fails.nobody_us == 0 => format!("{node} stays MASTER"),
        [one] if fails.nobody_us == 0 => format!("{one} takes over without a gap"),
        _ => taken_over(fails),
    };
    format!("On {node},{after} {kind} {name} fails: {then}.")
}

/// Who has the VIPs after those have failed who had them.
fn taken_over(outcome: &Outcome) -> String {
    match outcome.masters.as_slice() {
        [] => "nobody takes over".to_owned(),
        [one] => format!("{one} takes over after at most {}", Duration::from_us(outcome.nobody_us)),
        several => format!("{} take over, all of them!", several.join(" and ")),
    }
}

/// Two hold the VIPs for the time that an advert takes whenever one takes over from the other; that is no news.
const WORTH_TELLING_US: u64 = 10_000;

/// What becomes of a group when a node that has failed returns.
fn returned(failure: &Failure) -> String {
    let Outcome { masters: now, several_us, moved_us, .. } = &failure.returns;
    match now.as_slice() {
        [one] if failure.fails.masters == *now => format!("{one} stays MASTER."),
        [one] if *several_us < WORTH_TELLING_US => {
            format!("{one} is MASTER after {}.", Duration::from_us(*moved_us))
        }
        _ => masters(&failure.returns),
    }
}

fn masters(outcome: &Outcome) -> String {
    let several = Duration::from_us(outcome.several_us);
    match outcome.masters.as_slice() {
        [] => "nobody is MASTER.".to_owned(),
        [one] if outcome.several_us < WORTH_TELLING_US => format!("{one} is MASTER."),
        [one] => format!("{one} is MASTER, after two held the VIPs for {several}."),
        masters => format!("{} are MASTER at the same time!", masters.join(" and ")),
    }
}

#[cfg(test)]
#[path = "plan/tests.rs"]
mod tests;
