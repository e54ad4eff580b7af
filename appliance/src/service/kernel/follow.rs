//! The service and the kernel: what is missing is put there, what somebody takes away is put back, and what the kernel
//! refuses keeps an instance from taking part.

use std::net::IpAddr;

use locum_config::model::TrackGroup;
use locum_control::Event as Told;
use locum_core::set::RouterId;
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::{Block, State};
use nix::errno::Errno;

use super::super::instance::Instance;
use super::super::journal;
use super::super::plan::{self, Part};
use super::super::{KERNEL_EVERY, Service};
use crate::clock;
use crate::engine::install::InstallPlan;
use crate::engine::link::{ItemOutcome, Order, Refusal};

/// What the kernel refused is tried again after this long, then after twice as long, and so on.
const RETRY_FIRST: Duration = Duration::from_s(5);
/// Half of the time between two calls of [`Service::tick_kernel`].
const CALLED_EVERY_HALF: Duration = Duration::from_us(KERNEL_EVERY.us() / 2);
const RETRY_MAX: Duration = Duration::from_s(300);

/// An instance and the kernel.
#[derive(Debug, Default)]
pub(in super::super) struct Dealings {
    /// What the kernel said last when it refused something that the instance cannot do without.
    refused: Option<Box<Refused>>,
    /// Why it was last ordered not to take part.
    pub(in super::super) block: Option<String>,
    /// When to announce again what adverts do not keep alive.
    announce_extra_at: Option<Instant>,
}

#[derive(Debug)]
struct Refused {
    words: String,
    /// It holds until then, and is tried again.
    until: Instant,
    /// How long it holds the next time.
    next: Duration,
    is_over: bool,
}

impl Dealings {
    fn refuse(&mut self, now: Instant, words: String) {
        let wait = self.refused.as_ref().map_or(RETRY_FIRST, |before| before.next);
        self.refuse_for(now, words, wait);
    }

    fn refuse_for(&mut self, now: Instant, words: String, wait: Duration) {
        let next = wait.times(2).min(RETRY_MAX);
        self.refused = Some(Box::new(Refused { words, until: now + wait, next, is_over: false }));
    }

    fn refusal(&self) -> Option<&str> {
        self.refused.as_ref().filter(|refused| !refused.is_over).map(|refused| refused.words.as_str())
    }
}

impl Service {
    /// Interfaces or addresses have changed: brings what we have in the kernel up to date.
    pub(in super::super) fn follow_kernel(&mut self) {
        // Those that are to run, before they do, and those that still run.
        let model = self.configuration.model();
        let ending = self.instances.iter().filter(|running| model.instance(running.name()).is_none());
        let mut routes = Vec::new();
        for instance in model.instances.iter().chain(ending.map(|running| &running.configured)) {
            plan::items::add_route_entries(instance, &self.network, &mut routes);
        }
        // What a change of the network makes of the messages must be known before they are used.
        let others = self.journalled_routes != routes;
        self.journalled_routes = routes;
        let disturbed = self.network.take_disturbed();
        if (self.kernel.look(&self.network, disturbed) || others)
            && let Err(error) = self.write_journal()
        {
            // Nothing is changed that could not be changed back after a crash.
            log::error!("journal: {error}");
            return;
        }
        self.kernel.act(&self.network);
        self.follow_firewall(); // an interface may have another index
        if others {
            self.replan_routes();
        }
        if disturbed {
            self.put_back_what_is_missing();
        }
    }

    /// An interface that routes go over has come, or has another index: they are installed with other messages.
    fn replan_routes(&mut self) {
        let mut orders = Vec::new();
        for instance in self.instances.iter().filter(|instance| !instance.configured.routes.is_empty()) {
            let Some(router) = instance.router else { continue };
            let plan = self.install_plan(&instance.configured, &instance.placement);
            orders.push(Order::SetPlan { router, plan });
        }
        orders.into_iter().for_each(|order| self.order(order));
    }

    /// Gives a plan for the engine its number.
    pub(in super::super) fn number_plan(&mut self, router: RouterId, plan: &mut InstallPlan) {
        self.plans = self.plans.wrapping_add(1);
        plan.number = self.plans;
        let index = self.index_of(router);
        if let Some(instance) = index.and_then(|index| self.instances.get_mut(index)) {
            instance.plan = plan.number;
        }
    }

    /// Whether a refusal says no more than that an interface has gone: it was made with the plan before, or the kernel's word
    /// that the interface has gone is on its way, and a new plan with it.
    fn is_overtaken(&self, plan: u32, instance: &Instance, part: &Part<'_>, refusal: &Refusal) -> bool {
        let has_changed = |device: &str| nix::net::if_::if_nametoindex(device).ok() != self.network.index(device);
        plan != instance.plan || refusal.errno == Errno::ENODEV && part.devices().any(has_changed)
    }

    /// What is not to be accepted is dropped, as the instances are now.
    pub(in super::super) fn follow_firewall(&mut self) {
        self.kernel.guard(self.configuration.model(), &self.instances, &self.network);
    }

    /// Tells the engine how fast announcements may follow one another.
    pub(in super::super) fn set_paces(&mut self) {
        let names = self.interfaces.iter().map(|interface| interface.name.as_str());
        let paces = plan::paces(self.configuration.model(), names, &self.placements);
        self.order(Order::SetPaces(Box::new(paces)));
    }

    pub(in super::super) fn write_journal(&self) -> std::io::Result<()> {
        let mut record = self.kernel.record();
        record.addresses.extend_from_slice(&self.journalled_addresses);
        record.routes.extend_from_slice(&self.journalled_routes);
        self.journal.write(record)
    }

    /// Has the engine put back what masters have lost.
    fn put_back_what_is_missing(&mut self) {
        let mut present: Vec<(&str, IpAddr, u8)> =
            self.network.addresses().map(|(_, name, known)| (name, known.address, known.prefix_len)).collect();
        present.sort_unstable();
        let lacks = |part: &Part<'_>| match part {
            Part::Address(address, device) => {
                let wanted = (*device, address.address, plan::items::installed_prefix_len(address));
                present.binary_search(&wanted).is_err()
            }
            // The kernel is not asked to tell of it; to ask for it once more does no harm.
            Part::Interface(_) | Part::Route(_) | Part::Rule(_) => true,
        };
        // What somebody else had put there, another instance for one, is ours to put there when it goes; but nothing that
        // a start after a crash would not know again.
        let marks = journal::kernel_marks_addresses();
        let was_there = |(part, outcome): &(Part<'_>, &Option<ItemOutcome>)| match outcome {
            Some(ItemOutcome::Installed | ItemOutcome::PutBack) => true,
            Some(ItemOutcome::Foreign) => marks && matches!(part, Part::Address(..)),
            Some(ItemOutcome::Removed | ItemOutcome::Failed(_)) | None => false,
        };
        let mut lacking = Vec::new();
        for (index, instance) in self.instances.iter().enumerate().filter(|(_, it)| it.state == State::Master) {
            let parts = plan::parts(&instance.configured, &instance.placement).into_iter().zip(&instance.outcomes);
            let mut lost = parts.filter(|it| it.0.is_tracked() && was_there(it) && lacks(&it.0));
            if let Some(router) = instance.router.filter(|_| lost.next().is_some()) {
                lacking.push((index, router));
            }
        }
        // What is on its way into the kernel right now may have been taken out already.
        let is_under_way = |outcome: &Option<ItemOutcome>| matches!(outcome, None | Some(ItemOutcome::Removed));
        for instance in self.instances.iter_mut().filter(|instance| instance.state == State::Master) {
            if instance.outcomes.iter().any(is_under_way) {
                instance.losses.get_or_insert_default().look_again();
            }
        }
        let now = clock::now();
        for (index, router) in lacking {
            if self.may_put_back(index, now) {
                self.order(Order::Refresh { router });
            }
        }
    }

    /// Keeps an instance from taking part for so long.
    pub(in super::super) fn refuse_for(&mut self, index: usize, words: String, wait: Duration) {
        if let Some(instance) = self.instances.get_mut(index) {
            instance.dealings.refuse_for(clock::now(), words, wait);
        }
        self.follow_block(index);
    }

    /// Why the ipvlan that an instance sends from could not be made.
    pub(in super::super) fn ipvlan_refusal(&self, instance: &Instance) -> Option<String> {
        let made = instance.placement.ipvlan()?;
        self.kernel.refusal(&made.name).map(|refusal| format!("interface {} cannot be made: {refusal}", made.name))
    }

    /// What keeps an instance from taking part, as far as the kernel is concerned.
    fn kernel_block(&self, index: usize) -> Option<String> {
        let instance = self.instances.get(index)?;
        // Its own interface has blocks of its own.
        if self.network.by_name(instance.interface()).is_none() && !instance.interface().is_empty() {
            return None;
        }
        let missing = |part: Part<'_>| {
            let mut devices = part.devices().filter(|_| part.is_tracked());
            devices.find_map(|device| match self.kernel.refusal(device) {
                Some(refusal) => Some(format!("interface {device} cannot be made: {refusal}")),
                None if instance.placement.is_made(device) || self.network.by_name(device).is_some() => None,
                None => Some(format!("interface {device} of {} does not exist", part.short_name())),
            })
        };
        let parts = plan::parts(&instance.configured, &instance.placement);
        let missing = self.ipvlan_refusal(instance).or_else(|| parts.into_iter().find_map(missing));
        let is_member = |group: &&TrackGroup| group.members.iter().any(|member| member.value == instance.name());
        let groups = self.configuration.model().track_groups.iter().filter(is_member);
        let lack = groups.filter_map(|group| self.kernel.lack_of(&group.name)).next();
        missing.or(lack).or_else(|| instance.dealings.refusal().map(str::to_owned))
    }

    /// Tells the engine whether the kernel keeps an instance from taking part.
    pub(in super::super) fn follow_block(&mut self, index: usize) {
        let block = self.kernel_block(index);
        let Some(instance) = self.instances.get_mut(index) else { return };
        let Some(router) = instance.router else { return };
        let changed = block.is_some() != instance.dealings.block.is_some();
        instance.dealings.block = block;
        if changed {
            let holds = instance.dealings.block.is_some();
            self.order(Order::SetBlock { router, block: Block::Refused, holds });
        }
    }

    /// Takes note of what became of a part of an instance.
    pub(in super::super) fn handle_item(&mut self, router: RouterId, plan: u32, number: u16, outcome: ItemOutcome) {
        let Some(index) = self.index_of(router) else { return };
        if let (Some(instance), ItemOutcome::Failed(refusal)) = (self.instances.get(index), &outcome) {
            let part = plan::parts(&instance.configured, &instance.placement).into_iter().nth(usize::from(number));
            if let Some(part) = part.filter(|part| self.is_overtaken(plan, instance, part, refusal)) {
                log::debug!("{}: {}: {refusal}; its interface has changed", instance.name(), part.name());
                return;
            }
        }
        let Some(instance) = self.instances.get_mut(index) else { return };
        let number = usize::from(number);
        let parts = plan::parts(&instance.configured, &instance.placement);
        let Some(part) = parts.get(number) else { return };
        let (part_name, is_tracked) = (part.name(), part.is_tracked());
        let name = instance.name().to_owned();
        if let Some(slot) = instance.outcomes.get_mut(number) {
            *slot = Some(outcome.clone());
        }
        match outcome {
            ItemOutcome::Installed => {
                log::debug!("{name}: {part_name} added");
                // What had been refused goes in now, as far as this part is concerned.
                let all_in = !instance.outcomes.iter().any(|outcome| matches!(outcome, Some(ItemOutcome::Failed(_))));
                if all_in && instance.outcomes.last().is_some_and(Option::is_some) {
                    instance.dealings.refused = None;
                }
            }
            ItemOutcome::Removed => log::debug!("{name}: {part_name} removed"),
            ItemOutcome::PutBack => {
                instance.put_back = instance.put_back.saturating_add(1);
                self.handle_loss(index, number, &part_name);
            }
            ItemOutcome::Foreign => {
                log::warn!("{name}: {part_name} was there already; locum did not put it there and leaves it there");
            }
            ItemOutcome::Failed(refusal) => self.handle_refusal(index, &part_name, is_tracked, &refusal),
        }
    }

    fn handle_refusal(&mut self, index: usize, part: &str, is_tracked: bool, refusal: &Refusal) {
        let Some(instance) = self.instances.get_mut(index) else { return };
        let name = instance.name().to_owned();
        let error = refusal.to_string();
        if is_tracked {
            log::error!("{name}: the kernel refuses {part}: {error}");
            // One reason at a time: the first one is what a person has to mend first.
            if instance.dealings.refusal().is_none() {
                instance.dealings.refuse(clock::now(), format!("the kernel refuses {part}: {error}"));
            }
        } else {
            log::warn!("{name}: the kernel refuses {part}: {error}; nobody follows it (no_track)");
        }
        self.tell(clock::now(), Told::AddressFailed { instance: name, address: part.to_owned(), error });
        self.follow_block(index);
    }

    /// Called every second or so: what was refused is tried again, and what adverts do not keep alive is announced.
    pub(in super::super) fn tick_kernel(&mut self) {
        let now = clock::now();
        log::logger().flush(); // what the log's target did not take at once
        self.follow_firewall();
        self.tick_losses();
        let mut orders = Vec::new();
        if self.kernel_retry_at.is_none_or(|at| at <= now) {
            self.kernel_retry_at = Some(now + RETRY_FIRST);
            self.kernel.retry(&self.network);
        }
        for index in 0..self.instances.len() {
            self.follow_block(index);
            let Some(instance) = self.instances.get_mut(index) else { continue };
            if let Some(refused) = &mut instance.dealings.refused
                && !refused.is_over
                && refused.until <= now
            {
                refused.is_over = true;
                self.follow_block(index);
            }
            let Some(instance) = self.instances.get_mut(index) else { continue };
            let every = plan::extra_announcements_every(&instance.configured);
            let due = match (every, instance.state, instance.dealings.announce_extra_at) {
                (Some(every), State::Master, None) => {
                    instance.dealings.announce_extra_at = Some(now + every);
                    false
                }
                // On a schedule of its own, to the nearest of these calls: else one that comes a moment early skips a turn.
                (Some(every), State::Master, Some(at)) if at <= now + CALLED_EVERY_HALF => {
                    instance.dealings.announce_extra_at = Some((at + every).max(now));
                    true
                }
                (Some(_), State::Master, Some(_)) => false,
                (None, _, _) | (Some(_), State::Init | State::Backup | State::Fault, _) => {
                    instance.dealings.announce_extra_at = None;
                    false
                }
            };
            orders.extend(instance.router.filter(|_| due).map(|router| Order::AnnounceExtra { router }));
        }
        orders.into_iter().for_each(|order| self.order(order));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_again_and_again_is_tried_ever_less_often() {
        let mut dealings = Dealings::default();
        let mut now = Instant::ZERO;
        let mut waits = Vec::new();
        for _ in 0..8 {
            dealings.refuse(now, "no".into());
            let until = dealings.refused.as_ref().unwrap().until;
            waits.push(until.since(now).us() / 1_000_000);
            now = until;
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
    }
}
