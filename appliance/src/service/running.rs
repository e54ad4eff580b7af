//! Which instances run: begun at the start or by a reload, and forgotten when they have ended.

use std::sync::Arc;

use locum_config::Model;
use locum_config::model;
use locum_control::{SortedMap, TransitionRecord};
use locum_core::router::Config;
use locum_core::set::RouterId;
use locum_core::vocabulary::{Cause, State};

use super::Service;
use super::facts::Interface;
use super::instance::Instance;
use super::plan::{self, Placement, Placements, Ties};
use crate::clock;
use crate::engine::INTERFACES_MAX;
use crate::engine::install::InstallPlan;
use crate::engine::link::{InstanceKey, Order};
use crate::engine::storage::Owned;

impl Service {
    /// Adds an instance and has the engine run it, unless its configuration has an error. Returns whether the engine will
    /// answer.
    pub(super) fn insert(&mut self, configured: &Arc<model::Instance>) -> bool {
        let index = self.instances.len();
        let (now, unix_ms) = (clock::now(), clock::unix_ms());
        let of = self.configuration.model().instances.len();
        let key = InstanceKey(self.next_key);
        self.next_key = self.next_key.wrapping_add(1);
        let placement = self.placements.get(configured).clone();
        let mut instance = Instance::new(key, Arc::clone(configured), placement, of, now, unix_ms);
        let source = instance.choose_source(&self.network);
        instance.source = source;
        let config = self.core_config(configured);
        instance.tracks = self.tracks_of(configured);
        instance.group = self.group_name(&configured.name);
        let plan = self.install_plan(configured, &instance.placement);
        let name = instance.name().to_owned();
        self.instances.push(instance);
        let configuration = &self.configuration;
        let causes: Vec<_> = configuration.causes(&name).map(|found| configuration.one_line(found)).collect();
        match config {
            _ if !causes.is_empty() => self.refuse(index, causes.join("; ")),
            _ if configured.broken => self.refuse(index, "its configuration has an error".into()),
            None => self.refuse(index, "its configuration lacks an interface, a VRID or a priority".into()),
            Some(config) => {
                let last_resort = self.yields.of(&name).map(|kept| kept.last_resort);
                if last_resort.is_some() {
                    log::warn!("{name} stands back, as the operator has said before the restart");
                }
                self.order(Order::Insert { key, config: Box::new(config), source, plan, last_resort });
                return true;
            }
        }
        false
    }

    /// How the engine is to install the parts of an instance as the network is now.
    pub(super) fn install_plan(&self, configured: &model::Instance, placement: &Placement) -> Box<InstallPlan> {
        Box::new(plan::install_plan(configured, placement, &self.network, &|name| self.interface_id(name)))
    }

    /// What the core is to run for an instance. `None` where that cannot be, which the check of the configuration has
    /// reported.
    pub(super) fn core_config(&mut self, configured: &model::Instance) -> Option<Config<Owned>> {
        let interface = configured.interface.as_ref().and_then(|name| self.interface_id(&name.value))?;
        let announce = plan::announce_config(configured, &self.configuration.model().global);
        let group = self.group_name(&configured.name).and_then(|name| self.group_id(&name));
        let start_delay = self.begin_at.since(clock::now());
        let ties = Ties { tracks: self.tracks_of(configured), group, start_delay };
        plan::core_config(configured, interface, announce, ties)
    }

    /// The last run of the instance ended in the middle of something: the history says so, rather than have a hole.
    pub(super) fn note_unclean_end(&mut self, name: &str) {
        let Some(last) = self.history.last_state(name).filter(|last| *last != State::Init) else { return };
        let cause = Cause::Killed;
        let record = TransitionRecord {
            instance: name.to_owned(),
            at_us: clock::now().us(),
            at_unix_ms: clock::unix_ms(),
            from: last,
            to: State::Init,
            cause,
            text: cause.to_string(),
        };
        log::warn!("{name}: was {last} when the service was killed or the power failed");
        if let Err(error) = self.history.add(&record) {
            log::warn!("history: {error}");
        }
    }

    /// The engine's router of an instance.
    pub(super) fn note_router(&mut self, key: InstanceKey, router: RouterId) -> Option<usize> {
        let index = self.instances.iter().position(|instance| instance.key == key)?;
        self.instances.get_mut(index)?.router = Some(router);
        self.index_router(router, index);
        Some(index)
    }

    /// A router has ended. Where its instance is still configured, it was only to begin again; and another one may have
    /// waited for its place.
    pub(super) fn forget(&mut self, router: RouterId) {
        let Some(index) = self.index_of(router) else { return };
        let ended = self.instances.remove(index);
        self.index_routers();
        let configuration = std::rc::Rc::clone(&self.configuration);
        let model = configuration.model();
        if model.instance(ended.name()).is_none() {
            log::info!("{}: removed", ended.name());
        }
        for configured in &model.instances {
            if (configured.name == ended.configured.name || is_same_router(configured, &ended.configured))
                && !self.instances.iter().any(|known| known.name() == configured.name.value)
                && !self.must_wait(configured)
            {
                self.insert(configured);
            }
        }
        self.sort_instances();
    }

    /// Whether another instance is, until it has ended, the virtual router that this one is to be. One that stays keeps
    /// nobody waiting: with other peers they may share a VRID.
    pub(super) fn must_wait(&self, configured: &model::Instance) -> bool {
        let model = self.configuration.model();
        let stays = |known: &model::Instance| {
            model.instance(&known.name).is_some_and(|configured| is_same_router(configured, known))
        };
        let running = self.instances.iter().filter(|known| known.refusal.is_none()).map(|known| &known.configured);
        running.filter(|known| is_same_router(known, configured)).any(|known| !stays(known))
    }

    /// Takes an instance that never ran out of the table.
    pub(super) fn forget_unrun(&mut self, name: &str) {
        self.instances.retain(|instance| instance.name() != name || instance.router.is_some());
        self.index_routers();
    }

    /// Puts the instances into the order of the configuration; those that are ending come last.
    pub(super) fn sort_instances(&mut self) {
        let configuration = std::rc::Rc::clone(&self.configuration);
        let places: SortedMap<&str, usize> = configuration
            .model()
            .instances
            .iter()
            .zip(0..)
            .map(|(known, at)| (known.name.value.as_str(), at))
            .collect();
        self.instances.sort_by_key(|instance| places.get(instance.name()).copied().unwrap_or(usize::MAX));
        self.index_routers();
    }

    fn index_routers(&mut self) {
        self.by_router.clear();
        for index in 0..self.instances.len() {
            if let Some(router) = self.instances.get(index).and_then(|instance| instance.router) {
                self.index_router(router, index);
            }
        }
    }

    fn index_router(&mut self, router: RouterId, index: usize) {
        if self.by_router.len() <= router.index() {
            self.by_router.resize(router.index() + 1, None);
        }
        if let Some(slot) = self.by_router.get_mut(router.index()) {
            *slot = Some(index);
        }
    }
}

/// Whether two instances are the same virtual router to others.
fn is_same_router(one: &model::Instance, other: &model::Instance) -> bool {
    (one.vrid, one.family, &one.interface) == (other.vrid, other.family, &other.interface)
}

/// Brings the table of interfaces up to date with the configuration. Those that are known keep their place; those that are
/// not used any more stay in it, without groups.
pub(super) fn note_interfaces(model: &Model, interfaces: &mut Vec<Interface>) {
    for interface in interfaces.iter_mut() {
        interface.is_used_for_adverts = false;
        interface.groups.clear();
    }
    let placements = Placements::of(model);
    for instance in &model.instances {
        let placement = placements.get(instance);
        let own = instance.interface.as_ref().map(|name| name.value.as_str());
        let devices = plan::addresses(instance).map(|(address, _)| placement.device(address, instance));
        let made = placement.made.iter().flat_map(|made| [made.base.as_str(), made.name.as_str()]);
        for name in own.into_iter().chain(made).chain(devices).filter(|name| !name.is_empty()) {
            let index = match interfaces.iter().position(|known| known.name == name) {
                Some(index) => index,
                None if interfaces.len() < INTERFACES_MAX => {
                    interfaces.push(Interface::new(name.to_owned()));
                    interfaces.len() - 1
                }
                None => continue,
            };
            let Some(interface) = interfaces.get_mut(index) else { continue };
            if let Some(made) = placement.made.iter().find(|made| made.name == name) {
                interface.made = Some(made.clone());
                let hears = placement.hears(instance).filter(|own| *own == made);
                interface.hears = hears.map(|_| plan::family(instance.family));
            }
            if own != Some(name) {
                continue;
            }
            interface.is_used_for_adverts = true;
            let group = *instance.multicast_group;
            if !instance.is_unicast() && !interface.groups.contains(&group) {
                interface.groups.push(group);
            }
        }
    }
}
