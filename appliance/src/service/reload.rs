//! A new configuration put into effect while the service runs: as a whole or not at all, and with the smallest effect on
//! each instance.
//!
//! The order counts: first what only makes room (tables, journal, sockets), then what ends, changes and begins.

use std::rc::Rc;
use std::sync::Arc;

use locum_config::{Configuration, Model, Style};
use locum_control::{Difference, DifferenceKind, ErrorCode, Item, SortedMap};
use locum_core::router::ConfigError;
use locum_core::vocabulary::{Cause, State};

use super::answers::Outcome;
use super::clients::ClientId;
use super::instance::Instance;
use super::plan::ties;
use super::{Service, compare, plan, running, start};
use crate::engine::Sizes;
use crate::engine::link::Order;
use crate::machine;
use crate::notify::Change;
use crate::text::Append;

/// Characters of diagnostics that an answer quotes.
const DIAGNOSTICS_MAX: usize = 16 * 1024;

impl Service {
    /// Reads the configuration file again, and puts it into effect unless this is a dry run.
    pub(super) fn reload(&mut self, client: ClientId, id: u64, dry_run: bool) -> Outcome {
        let file = Rc::new(self.read_again()?);
        let (new, dropped) = self.with_layers(&file);
        let differences = compare::compare(self.configuration.model(), new.model());
        self.tell_findings(client, id, &new);
        if dry_run {
            let running = Rc::clone(&self.configuration);
            let path = self.options.configuration.display().to_string();
            self.tell_difference(client, id, [("running", &running), (&path, &new)]);
            self.foresee_configuration(client, id, &new)?;
        } else {
            self.apply(new)?;
            self.set_base(file, &dropped);
        }
        let mut text = summary(&differences, self.configuration.model().instances.len(), dry_run);
        if !dry_run {
            let who = self.who(client);
            self.note_order(&who, format!("reload: {text}"));
        }
        match self.changes.unsaved() {
            0 => {}
            1 => text.push_str("; 1 change at run time stays on top of the file, see `locum changes`"),
            count => {
                text.append(format_args!("; {count} changes at run time stay on top of the file, see `locum changes`"));
            }
        }
        if let Some(asking) = self.clients.get_mut(client) {
            for difference in differences {
                asking.item(id, Item::Difference(difference));
            }
        }
        Ok(text)
    }

    /// Reloads at a signal: nobody waits for the answer, so it goes into the log.
    pub(super) fn reload_at_signal(&mut self) {
        let file = self.options.configuration.display().to_string();
        let result = match self.read_again() {
            Ok(file) => {
                let file = Rc::new(file);
                let (new, dropped) = self.with_layers(&file);
                let differences = compare::compare(self.configuration.model(), new.model());
                let count = new.model().instances.len();
                self.apply(new).map(|()| {
                    self.set_base(file, &dropped);
                    summary(&differences, count, false)
                })
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(text) => self.note_order("SIGHUP", format!("reload: {text}")),
            Err((_, text)) => log::error!("{file} is not reloaded, the old configuration stands: {text}"),
        }
    }

    /// Reads and checks the file. One with an error is refused whole.
    pub(super) fn read_again(&self) -> Result<Configuration, (ErrorCode, String)> {
        let refused = |text: String| (ErrorCode::Failed, text);
        let new = machine::load(&self.options.configuration, self.links());
        let new = new.map_err(|error| refused(error.to_string()))?;
        if new.has_errors() {
            let (errors, _) = start::count(&new);
            let mut text = new.render_errors(Style { color: false, width: 100 });
            if let Some((cut, _)) = text.char_indices().find(|(at, _)| *at >= DIAGNOSTICS_MAX) {
                text.truncate(cut);
                text.push_str("\n…");
            }
            let errors = if errors == 1 { "an error".to_owned() } else { format!("{errors} errors") };
            return Err(refused(format!("the configuration has {errors}, nothing is changed\n{}", text.trim_end())));
        }
        self.within_sandbox(&new)?;
        Ok(new)
    }

    /// Puts a configuration into effect.
    pub(super) fn apply(&mut self, new: Rc<Configuration>) -> Result<(), (ErrorCode, String)> {
        self.within_sandbox(&new)?;
        let old = Rc::clone(&self.configuration);
        let differences = compare::compare(old.model(), new.model());
        let Err((code, text)) = self.change_to(new) else {
            let later = compare::next_start(old.model(), self.configuration.model());
            if !later.is_empty() {
                log::warn!("these take effect when the service is started again: {}", later.join(", "));
            }
            self.changes.applied(differences);
            return Ok(());
        };
        log::error!("the new configuration cannot be put into effect, the old one is restored: {text}");
        if let Err((_, text)) = self.change_to(old) {
            log::error!("the old configuration cannot be restored: {text}");
        }
        Err((code, text))
    }

    fn change_to(&mut self, new: Rc<Configuration>) -> Result<(), (ErrorCode, String)> {
        let old = std::mem::replace(&mut self.configuration, Rc::clone(&new));
        let (before, after) = (old.model(), new.model());
        self.findings = start::count(&new);
        self.make_room(before, after)?;
        // Before the configurations, which name the new groups.
        self.regroup(before, after);
        let mut tickets = SortedMap::new();
        let mut beginning = Vec::new();
        for Difference { name, kind, .. } in compare::compare(before, after) {
            let configured = after.instance(&name);
            let known = self.instances.iter().position(|instance| instance.name() == name);
            let router = known.and_then(|index| self.instances.get(index)?.router);
            match (kind, configured, router) {
                (DifferenceKind::Removed | DifferenceKind::Restarted, _, Some(router)) => {
                    // Where it is to begin again, that happens when the engine says that it has ended.
                    self.order(Order::Remove { router });
                }
                (DifferenceKind::Removed, _, None) => self.forget_unrun(&name),
                (
                    DifferenceKind::Added | DifferenceKind::Changed | DifferenceKind::Restarted,
                    Some(configured),
                    None,
                ) => beginning.push(configured),
                (DifferenceKind::Changed | DifferenceKind::Added, Some(configured), Some(router)) => {
                    let ticket = self.ticket();
                    tickets.insert(ticket, name.clone());
                    let Some(config) = self.core_config(configured) else { continue };
                    self.order(Order::Reconfigure { router, config: Box::new(config), ticket });
                    let placement = self.placements.get(configured).clone();
                    let plan = self.install_plan(configured, &placement);
                    self.order(Order::SetPlan { router, plan });
                    let index = known.unwrap_or_default();
                    let (tracks, group) = (self.tracks_of(configured), self.group_name(&name));
                    if let Some(instance) = self.instances.get_mut(index) {
                        instance.reconfigure(configured.clone(), placement);
                        (instance.tracks, instance.group) = (tracks, group);
                    }
                    self.follow_source(index);
                }
                // What is no instance has been seen to already.
                (DifferenceKind::Changed | DifferenceKind::Restarted | DifferenceKind::Added, None, _)
                | (DifferenceKind::Block, _, _) => {}
            }
        }
        // Last, for who begins may have the VRID and the peers that one which goes on had so far.
        for configured in beginning {
            self.forget_unrun(&configured.name);
            if !self.must_wait(configured) {
                self.insert(configured);
            }
        }
        adopt(&mut self.instances, after);
        self.sort_instances();
        self.follow_firewall();
        for gone in before.instances.iter().filter(|instance| after.instance(&instance.name).is_none()) {
            let known = self.instances.iter().find(|instance| instance.name() == gone.name.value);
            let from = known.map_or(State::Init, |instance| instance.state);
            let cause_text = "removed from the configuration";
            let change = Change { from, to: State::Init, cause: Cause::Removed, cause_text };
            self.notifier.deleted(&gone.name, &change);
        }
        self.notifier.reload(after);
        let known = |name: &str| after.instance(name).is_some() || before.instance(name).is_some();
        self.history.retain(known);
        self.wait_for_changes(tickets)
    }

    /// Tables, journal and sockets for what the new configuration needs.
    fn make_room(&mut self, before: &Model, after: &Model) -> Result<(), (ErrorCode, String)> {
        let groups_before: Vec<_> = self.interfaces.iter().map(|interface| interface.groups.clone()).collect();
        running::note_interfaces(after, &mut self.interfaces);
        for (interface, groups) in self.interfaces.iter_mut().zip(groups_before) {
            if interface.groups != groups {
                interface.open_again();
            }
        }
        let routers = self.instances.len() + count_new(before, after);
        self.reload_trackers();
        let (interfaces, trackers) = (self.interfaces.len(), self.tracker_places());
        self.order(Order::Grow(Sizes { routers, interfaces, trackers }));
        let mut entries = start::journal_entries(after, &self.network);
        entries.extend(plan::items::journal_entries(before));
        entries.sort_unstable();
        entries.dedup();
        self.journalled_addresses = entries;
        self.journalled_routes = Vec::new();
        for instance in before.instances.iter().chain(&after.instances) {
            plan::items::add_route_entries(instance, &self.network, &mut self.journalled_routes);
        }
        self.placements = plan::Placements::of(after);
        self.kernel.adopt(after, &self.placements);
        self.kernel.look(&self.network, false);
        self.write_journal().map_err(|error| (ErrorCode::Failed, format!("journal: {error}")))?;
        self.kernel.act(&self.network);
        self.set_paces();
        self.network_changed();
        Ok(())
    }

    /// Instances that changed their sync group.
    fn regroup(&mut self, before: &Model, after: &Model) {
        let group =
            |model: &Model, instance: &str| ties::sync_group(model, instance).map(|group| group.name.value.clone());
        let moved = self.instances.iter().filter_map(|instance| {
            let name = instance.name();
            after.instance(name)?;
            let (old, new) = (group(before, name), group(after, name));
            Some((name.to_owned(), instance.router?)).filter(|_| old != new && before.instance(name).is_some())
        });
        let moved: Vec<_> = moved.collect();
        for (_, router) in &moved {
            self.order(Order::SetGroup { router: *router, group: None });
        }
        for (name, router) in moved {
            if let Some(group) = self.group_name(&name).and_then(|group| self.group_id(&group)) {
                self.order(Order::SetGroup { router, group: Some(group) });
            }
        }
    }

    /// Waits until the engine has said what became of each change.
    fn wait_for_changes(&mut self, mut tickets: SortedMap<u32, String>) -> Result<(), (ErrorCode, String)> {
        let mut refused: Option<(String, ConfigError)> = None;
        while !tickets.is_empty() {
            let (ticket, result) = self.wait_for(|reply| reply.reconfigured.pop())?;
            let Some(name) = tickets.remove(&ticket) else { continue };
            if let Err(error) = result {
                refused.get_or_insert((name, error));
            }
        }
        match refused {
            None => Ok(()),
            Some((name, error)) => Err((ErrorCode::Failed, format!("{name}: {error}"))),
        }
    }
}

/// A reload in a sentence.
fn summary(differences: &[Difference], instances: usize, dry_run: bool) -> String {
    if differences.is_empty() {
        return "nothing changes".into();
    }
    let blocks = differences.iter().filter(|found| found.kind == DifferenceKind::Block).count();
    let of_instances = differences.len() - blocks;
    let count = |wanted: DifferenceKind| differences.iter().filter(|found| found.kind == wanted).count();
    let verbs = [
        (DifferenceKind::Added, "begin"),
        (DifferenceKind::Changed, "change"),
        (DifferenceKind::Restarted, "begin again"),
        (DifferenceKind::Removed, "end"),
    ];
    let would = if dry_run { "would " } else { "" };
    let parts = verbs.into_iter().filter_map(|(kind, verb)| match count(kind) {
        0 => None,
        count => Some(format!("{count} {would}{verb}")),
    });
    let parts: Vec<_> = parts.collect();
    let untouched = instances.saturating_sub(of_instances - count(DifferenceKind::Removed));
    let parts = if parts.is_empty() { "none change".to_owned() } else { parts.join(", ") };
    let others = match blocks {
        0 => String::new(),
        1 => "; 1 other block changes".to_owned(),
        count => format!("; {count} other blocks change"),
    };
    format!("instances: {parts}; {untouched} untouched{others}")
}

impl Instance {
    /// It goes on with another configuration: what became of the addresses that stay is still known.
    fn reconfigure(&mut self, configured: Arc<locum_config::Instance>, placement: plan::Placement) {
        let known = plan::parts(&self.configured, &self.placement);
        let outcome_of = |wanted: &plan::Part<'_>| {
            let same = known.iter().position(|part| part == wanted);
            same.and_then(|place| self.outcomes.get(place)?.clone())
        };
        let outcomes = plan::parts(&configured, &placement).iter().map(outcome_of).collect();
        self.outcomes = outcomes;
        self.configured = configured;
        self.placement = placement;
    }
}

/// How many instances begin that are not there yet. Those that end still have their places in the engine's tables then;
/// what stays or begins again keeps its own.
fn count_new(before: &Model, after: &Model) -> usize {
    after.instances.iter().filter(|instance| before.instance(&instance.name).is_none()).count()
}

/// What is configured as before is held as it stands in the new configuration, so that nobody needs the old one any more.
fn adopt(instances: &mut [Instance], after: &Model) {
    let known: SortedMap<&str, &Arc<locum_config::Instance>> =
        after.instances.iter().map(|instance| (instance.name.value.as_str(), instance)).collect();
    for instance in instances {
        let same = known.get(instance.name()).copied().filter(|same| **same == instance.configured);
        if let Some(same) = same {
            instance.configured = Arc::clone(same);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::link::InstanceKey;
    use locum_config::Surroundings;
    use locum_core::time::Instant;

    fn read(instances: &[(&str, u8)]) -> Configuration {
        let block = |(name, priority): &(&str, u8)| {
            format!(
                "vrrp_instance {name} {{\ninterface eth0\nvirtual_router_id {priority}\npriority {priority}\n\
                 virtual_ipaddress {{\n10.0.0.9\n}}\n}}\n"
            )
        };
        let text: String = instances.iter().map(block).collect();
        locum_config::check("test.conf", text.as_bytes(), &Surroundings::default())
    }

    #[test]
    fn the_old_configuration_is_held_only_where_another_is_to_come() {
        let before = read(&[("STAYS", 100), ("CHANGES", 101), ("GOES", 102)]);
        let after = read(&[("STAYS", 100), ("CHANGES", 110), ("COMES", 103)]);
        let make = |configured: &Arc<locum_config::Instance>| {
            Instance::new(InstanceKey(0), Arc::clone(configured), plan::Placement::default(), 3, Instant::ZERO, 0)
        };
        let mut instances: Vec<_> = before.model().instances.iter().map(make).collect();
        assert_eq!(count_new(before.model(), after.model()), 1);
        assert_eq!(count_new(before.model(), before.model()), 0);
        let held: Vec<_> = before.model().instances.iter().map(Arc::downgrade).collect();
        adopt(&mut instances, after.model());
        drop(before);
        assert_eq!(held.iter().map(std::sync::Weak::strong_count).collect::<Vec<_>>(), [0, 1, 1]);
    }
}
