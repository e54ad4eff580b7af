//! What the service wants of the engine.

use locum_core::priority::Tracker;
use locum_core::router::{Command, InterfaceId, VirtualRouter};
use locum_core::set::{Interface, RouterId, Slot};

use super::install::{InstallPlan, JobKind};
use super::lateness::Lateness;
use super::link::{Order, Report, RouterView};
use super::wire::Attachment;
use super::{Beside, Engine, INTERFACES_MAX, Sizes};
use crate::clock;

/// Orders taken before packets and timers have their turn.
const ORDERS_MAX: usize = 16;

impl Engine {
    /// Takes orders. `Err` when the service has gone: then nobody is left to work for.
    pub(super) fn obey(&mut self) -> Result<(), ()> {
        if !self.has_orders {
            return Ok(());
        }
        self.end.acknowledge();
        for _ in 0..ORDERS_MAX {
            match self.end.order()? {
                Some(order) => self.handle_order(order),
                None => return Ok(()),
            }
        }
        // There may be more, and its wake-up has just been acknowledged.
        self.end.wake_again();
        Ok(())
    }

    pub(super) fn handle_order(&mut self, order: Order) {
        let now = clock::now();
        match order {
            Order::Attach { interface, attachment } => self.attach(interface, Some(attachment)),
            Order::Detach { interface } => self.attach(interface, None),
            Order::SetLink { interface, link } => self.set.handle_link(now, interface, link),
            Order::Insert { key, config, source, plan, last_resort } => {
                match self.set.insert_standing_back(now, *config, source, last_resort) {
                    Ok(router) => {
                        if let Some(beside) = self.beside.get_mut(router.index()) {
                            *beside = Beside { plan: Some(plan), ..Beside::default() };
                        }
                        // Before the events of its start, which carry the router's number.
                        self.end.tell(Report::Inserted { key, result: Ok(router) });
                    }
                    Err((error, _)) => self.end.tell(Report::Inserted { key, result: Err(error) }),
                }
            }
            Order::SetSource { router, source } => self.set.handle_source(now, router, source),
            Order::SetPlan { router, plan } => self.set_plan(router, plan),
            Order::Refresh { router } => self.push_if_holding(router, JobKind::Refresh),
            Order::AnnounceExtra { router } => self.push_if_holding(router, JobKind::AnnounceExtra),
            Order::SetBlock { router, block, holds } => self.set.handle_block(now, router, block, holds),
            Order::SetPaces(paces) => {
                let before = self.jobs.set_paces(paces);
                self.end.tell(Report::Unpaced(before));
            }
            Order::SetReading { tracker, reading } => self.set.handle_reading(now, tracker, reading),
            Order::Command { router, command, ticket } => {
                let result = self.set.handle_command(now, router, command);
                if command == Command::ClearCounters
                    && let Some(beside) = self.beside.get_mut(router.index())
                {
                    beside.announcements_sent = 0;
                }
                self.drain(now);
                self.end.tell(Report::Obeyed { ticket, result });
            }
            Order::Reconfigure { router, config, ticket } => {
                let (result, unused) = match self.set.reconfigure(now, router, *config) {
                    Ok(old) => (Ok(()), old),
                    Err((error, new)) => (Err(error), new),
                };
                self.drain(now);
                self.end.tell(Report::Reconfigured { ticket, result, unused: Box::new(unused) });
            }
            Order::SetGroup { router, group } => self.set.handle_group(now, router, group),
            Order::Remove { router } => {
                self.set.handle_stop(now, router);
                if !self.ending.contains(&router) {
                    self.ending.push(router);
                }
            }
            Order::Grow(sizes) => self.grow(sizes),
            Order::View { first, views, lateness } => self.view(first, views, lateness),
            // Allocates, because an operator has asked for it; a kilobyte a router.
            Order::Copy => self.end.tell(Report::Copied(Box::new(self.set.clone()))),
            Order::Shutdown => {
                self.stopping = true;
                self.set.handle_shutdown(now);
            }
        }
        self.drain(now);
    }

    /// Makes room. This allocates, on a reload that needs it.
    fn grow(&mut self, sizes: Sizes) {
        let interfaces = sizes.interfaces.min(INTERFACES_MAX);
        self.set.grow(|slots, places, trackers| {
            slots.resize_with(slots.len().max(sizes.routers), Slot::default);
            places.resize_with(places.len().max(interfaces), Interface::default);
            trackers.resize_with(trackers.len().max(sizes.trackers), Tracker::default);
        });
        self.beside.resize_with(self.beside.len().max(sizes.routers), Beside::default);
        self.attachments.resize_with(self.attachments.len().max(interfaces), || None);
        self.readable.reserve(2 * self.attachments.len());
        self.ending.reserve(sizes.routers);
        self.jobs.reserve(sizes.routers);
    }

    /// Removes the routers that were told to end and have done all that there was to do.
    pub(super) fn remove_ended(&mut self) {
        for index in (0..self.ending.len()).rev() {
            let Some(router) = self.ending.get(index).copied() else { continue };
            if self.jobs.has(router) || self.has_untold(router) {
                continue;
            }
            let Some(config) = self.set.remove(router) else { continue };
            self.ending.swap_remove(index);
            let plan = self.beside.get_mut(router.index()).and_then(|beside| std::mem::take(beside).plan);
            self.end.tell(Report::Removed { router, unused: Box::new(config), plan });
        }
    }

    fn attach(&mut self, interface: InterfaceId, attachment: Option<Box<Attachment>>) {
        if let Some(slot) = self.attachments.get_mut(usize::from(interface.0)) {
            let before = std::mem::replace(slot, attachment);
            if let Some(before) = before {
                self.end.tell(Report::Detached(before));
            }
        }
    }

    /// A new plan takes over what the old one has installed, as far as it names the same messages.
    fn set_plan(&mut self, router: RouterId, mut plan: Box<InstallPlan>) {
        let Some(beside) = self.beside.get_mut(router.index()) else { return };
        if let Some(before) = beside.plan.take() {
            if plan.succeed(&before) {
                self.jobs.push(router, JobKind::Retire);
            }
            self.end.tell(Report::Discarded(before));
        }
        beside.plan = Some(plan);
        self.push_if_holding(router, JobKind::Add);
        self.push_if_holding(router, JobKind::Announce);
    }

    fn push_if_holding(&mut self, router: RouterId, kind: JobKind) {
        if self.set.router(router).is_some_and(VirtualRouter::holds_addresses) {
            self.jobs.push(router, kind);
        }
    }

    pub(super) fn view(&mut self, first: usize, mut views: Vec<RouterView>, mut lateness: Box<Lateness>) {
        views.clear();
        let room = views.capacity();
        let mut more_from = None;
        for (id, router) in self.set.routers().skip_while(|(id, _)| id.index() < first) {
            if views.len() == room {
                more_from = Some(id.index());
                break;
            }
            let announcements_sent = self.beside.get(id.index()).map_or(0, |beside| beside.announcements_sent);
            let rejected = self.set.interface(router.config().interface).map(|interface| *interface.rejected());
            views.push(RouterView {
                router: id,
                state: router.state(),
                source: router.source(),
                priority: router.config().priority.get(),
                effective_priority: router.effective_priority(),
                standing_back: router.standing_back(),
                skew: router.skew(),
                master_down_interval: router.master_down_interval(),
                timers: router.timers(),
                heard: router.heard(),
                second: router.second(),
                blocks: router.blocks().collect(),
                senders: router.senders().iter().copied().collect(),
                counters: *router.counters(),
                announcements_sent,
                interface_rejected: rejected.unwrap_or_default(),
            });
        }
        (*lateness).clone_from(&self.lateness);
        self.end.tell(Report::Views { views, more_from, lateness });
    }
}
