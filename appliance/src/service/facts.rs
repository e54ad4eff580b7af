//! What the kernel's changes mean: sockets opened and closed, links up and down, source addresses found and lost.

use std::io;
use std::net::IpAddr;
use std::num::NonZeroU32;

use locum_control::{ForeignVrid, InstanceStatus, InterfaceStatus};
use locum_core::router::InterfaceId;
use locum_core::set::Link;
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::Family;
use locum_core::wire::arp::Mac;

use super::Service;
use super::plan::{self, MadeInterface};
use super::status::rejected;
use crate::clock;
use crate::engine::link::Order;
use crate::engine::wire::{Attachment, Hearing, Made};
use crate::track::Kind;

/// An interface that instances use.
pub(super) struct Interface {
    /// Its name.
    pub(super) name: String,
    /// Groups that adverts come to on it.
    pub(super) groups: Vec<IpAddr>,
    /// Whether it carries adverts; otherwise it only has addresses on it.
    pub(super) is_used_for_adverts: bool,
    /// Locum makes it, and this is how.
    pub(super) made: Option<MadeInterface>,
    /// The family of the adverts that come in on it in place of its base, if it is a made one.
    pub(super) hears: Option<Family>,
    /// The kernel's index and hardware address that its sockets were opened with.
    attached: Option<(NonZeroU32, Option<Mac>)>,
    /// Its groups are not those that its sockets were opened with.
    has_other_groups: bool,
    /// The link as last ordered.
    link: Link,
    /// Groups heard on it that are not ours.
    pub(super) foreign: Vec<ForeignVrid>,
}

impl Interface {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            groups: Vec::new(),
            is_used_for_adverts: false,
            made: None,
            hears: None,
            attached: None,
            has_other_groups: false,
            link: Link::Missing,
            foreign: Vec::new(),
        }
    }
}

impl Interface {
    /// Its sockets do not fit any more: they are opened again when the network is next looked at.
    pub(super) fn open_again(&mut self) {
        self.has_other_groups = true;
    }
}

impl Service {
    /// Something about links or addresses has changed: brings the engine up to date.
    pub(super) fn network_changed(&mut self) {
        self.tell_trackers_of_links();
        for index in 0..self.interfaces.len() {
            self.follow_interface(index);
        }
        for index in 0..self.instances.len() {
            self.follow_source(index);
        }
        self.follow_kernel();
        for index in 0..self.instances.len() {
            self.follow_block(index);
        }
    }

    /// Interfaces that are followed as trackers.
    pub(super) fn tell_trackers_of_links(&mut self) {
        for name in self.trackers.interfaces() {
            let known = self.network.by_name(name).map(|(_, known)| known.link() == Link::Up);
            // One that is not there is not up, and the delays hold for that as well.
            let is_up = self.links.settle(name, known == Some(true));
            let runs = self.links.pending(name).is_some();
            self.trackers.interface_is(name, if known.is_none() && !is_up { None } else { Some(is_up) }, runs);
        }
    }

    /// The interfaces that an instance depends on: its own, and those that it follows.
    fn depends_on(&self, index: usize) -> Vec<String> {
        let Some(instance) = self.instances.get(index) else { return Vec::new() };
        let followed = instance.tracks.iter().filter_map(|track| self.trackers.status(track.tracker));
        let followed = followed.filter(|status| status.kind == Kind::Interface).map(|status| status.name);
        std::iter::once(instance.interface().to_owned()).chain(followed).collect()
    }

    /// When the links that an instance depends on count as up, and when one of them counts as down
    /// (`interface_up_down_delays`); `None` where no such delay runs.
    pub(super) fn link_delays(&self, index: usize) -> (Option<Instant>, Option<Instant>) {
        let (mut up, mut down) = (None, None);
        for (is_up, left) in self.depends_on(index).iter().filter_map(|name| self.links.pending(name)) {
            let at = clock::now() + Duration::from_us(clock::whole_us(left));
            // It takes part when the last one is up, and does not when the first one is down.
            if is_up {
                up = up.max(Some(at));
            } else {
                down = Some(down.map_or(at, |known: Instant| known.min(at)));
            }
        }
        (up, down)
    }

    /// Has the links of an instance that are up count as up now. Gives the names of those that did not yet.
    pub(super) fn skip_link_delays(&mut self, index: usize) -> Vec<String> {
        let mut skipped = self.depends_on(index);
        skipped.retain(|name| self.links.skip_to_up(name));
        if !skipped.is_empty() {
            self.network_changed();
        }
        skipped
    }

    /// The engine's number of the interface of this name.
    pub(super) fn interface_id(&self, name: &str) -> Option<InterfaceId> {
        let index = self.interfaces.iter().position(|interface| interface.name == name)?;
        u16::try_from(index).ok().map(InterfaceId)
    }

    fn follow_interface(&mut self, index: usize) {
        let (Some(interface), Ok(number)) = (self.interfaces.get(index), u16::try_from(index)) else { return };
        let id = InterfaceId(number);
        let known = self.network.by_name(&interface.name).map(|(index, known)| (index, known.mac, known.link()));
        let wanted = known.map(|(index, mac, _)| (index, mac));
        // One that is gone is down; when it is there again, its delay holds as well.
        if known.is_none() {
            self.links.settle(&interface.name, false);
        }
        let link = known.map_or(Link::Missing, |(_, _, link)| match link {
            Link::Missing => Link::Missing,
            Link::Up | Link::Down if self.links.settle(&interface.name, link == Link::Up) => Link::Up,
            Link::Up | Link::Down => Link::Down,
        });
        let index_before = interface.attached.map(|(index, _)| index);
        if wanted != interface.attached || interface.has_other_groups {
            // The kernel cuts sockets off from an interface that goes; a new one of the same name needs new sockets.
            self.attach(index, id, wanted);
            if wanted.map(|(index, _)| index) != index_before {
                self.replan(index);
            }
        }
        if let Some(interface) = self.interfaces.get_mut(index).filter(|interface| interface.link != link) {
            interface.link = link;
            self.order(Order::SetLink { interface: id, link });
        }
    }

    fn attach(&mut self, place: usize, id: InterfaceId, wanted: Option<(NonZeroU32, Option<Mac>)>) {
        let Some(interface) = self.interfaces.get(place) else { return };
        let attachment = wanted.map(|(index, mac)| match &interface.made {
            Some(made) => self.open_made(made, interface.hears, index, mac),
            None => Attachment::open(&interface.name, index, mac, &interface.groups),
        });
        let Some(interface) = self.interfaces.get_mut(place) else { return };
        interface.attached = wanted;
        interface.has_other_groups = false;
        match attachment {
            Some(Ok(attachment)) => self.order(Order::Attach { interface: id, attachment: Box::new(attachment) }),
            Some(Err(error)) => {
                log::error!("{}: cannot open its sockets: {error}", interface.name);
                // Tried again when the kernel next tells of a change.
                interface.attached = None;
                self.order(Order::Detach { interface: id });
            }
            None => self.order(Order::Detach { interface: id }),
        }
    }

    fn open_made(
        &self,
        made: &MadeInterface,
        hears: Option<Family>,
        index: NonZeroU32,
        mac: Option<Mac>,
    ) -> io::Result<Attachment> {
        let (base_index, _) = self.network.by_name(&made.base).ok_or(io::ErrorKind::NotFound)?;
        let heard_on = hears.and_then(|family| Some((self.interface_id(&made.base)?, family)));
        let Some(mac) = made.kind.mac().or(mac) else { return Err(io::ErrorKind::Unsupported.into()) };
        let socket = if made.is_ipvlan() { Hearing::Addressed(&made.name) } else { Hearing::FromOwnMac };
        Attachment::open_made(Made { index, mac, base_index, heard_on }, socket)
    }

    /// The kernel's index of an interface has changed: the addresses that go on it are installed with other messages.
    fn replan(&mut self, interface: usize) {
        let Some(name) = self.interfaces.get(interface).map(|interface| interface.name.clone()) else { return };
        let mut orders = Vec::new();
        for instance in &self.instances {
            let parts = plan::parts(&instance.configured, &instance.placement);
            let uses = parts.iter().any(|part| part.devices().any(|device| device == name));
            if let Some(router) = instance.router.filter(|_| uses) {
                let plan = self.install_plan(&instance.configured, &instance.placement);
                orders.push(Order::SetPlan { router, plan });
            }
        }
        orders.into_iter().for_each(|order| self.order(order));
    }

    pub(super) fn follow_source(&mut self, index: usize) {
        let Some(instance) = self.instances.get(index) else { return };
        let source: Option<IpAddr> = instance.choose_source(&self.network);
        let Some(router) = instance.router.filter(|_| source != instance.source) else { return };
        if let Some(instance) = self.instances.get_mut(index) {
            instance.source = source;
        }
        self.order(Order::SetSource { router, source });
    }

    /// The interfaces that these instances use.
    pub(super) fn interface_statuses(&self, instances: &[InstanceStatus]) -> Vec<InterfaceStatus> {
        let used = |interface: &&Interface| {
            interface.is_used_for_adverts && instances.iter().any(|status| status.interface == interface.name)
        };
        let status = |interface: &Interface| {
            let view = self.instances.iter().filter(|instance| instance.interface() == interface.name);
            let view = view.filter_map(|instance| instance.view.as_ref()).next();
            InterfaceStatus {
                name: interface.name.clone(),
                exists: interface.link != Link::Missing,
                up: interface.link == Link::Up,
                foreign: interface.foreign.clone(),
                rejected: view.map(|view| rejected(&view.interface_rejected)).unwrap_or_default(),
            }
        };
        self.interfaces.iter().filter(used).map(status).collect()
    }
}
