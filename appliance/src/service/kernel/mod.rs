//! What locum has in the kernel besides the addresses of masters, whatever the state: interfaces that it makes, settings of
//! interfaces, what the configuration calls static, and the table of `no_accept`. Everything is in the
//! journal before it is there, and is gone at the end.
//!
//! - [`settings`]: settings of interfaces, and back.
//! - [`follow`]: what the service does about it.
//! - `statics`: static addresses, routes and rules; `watch`: notices when a route or rule is deleted.
//! - `firewall`: packets to VIPs that are not to be accepted; `nftables`: the messages about them.
//! - [`recovery`]: what an earlier run has left.

mod firewall;
pub(crate) mod follow;
mod nftables;
pub(crate) mod recovery;
pub(crate) mod settings;
mod statics;
mod watch;

use std::io;

use locum_config::Model;
use locum_control::NoAcceptStatus;
use nix::errno::Errno;

use self::firewall::Firewall;
use self::settings::Settings;
use self::statics::Statics;
use self::watch::Watch;
use super::instance::Instance;
use super::journal::{MadeEntry, Record};
use super::network::Network;
use super::plan::{MadeInterface, MadeKind, Placements, items, link};
use crate::engine::link::Refusal;
use crate::netlink::NETLINK_ROUTE;
use crate::netlink::requests::Requests;

/// What locum has in the kernel whatever the state of its routers.
pub(super) struct Kernel {
    requests: Requests,
    made: Vec<Made>,
    settings: Settings,
    statics: Statics,
    firewall: Firewall,
    watch: Watch,
    /// The table of `no_accept` that may be made, if it must be in the journal.
    journalled_table: Option<String>,
}

/// An interface that locum makes.
struct Made {
    interface: MadeInterface,
    /// IPv6 addresses go on it.
    has_ipv6: bool,
    /// The kernel's index of the base on which it was tried last.
    tried_on: Option<u32>,
    /// It was made by this run, with this index.
    index: Option<u32>,
    refusal: Option<Refusal>,
}

impl Kernel {
    /// For this configuration; nothing is done yet. Must be called on the runtime.
    ///
    /// # Errors
    /// When the kernel gives no netlink socket.
    pub(super) fn new(model: &Model, placements: &Placements) -> io::Result<Self> {
        let made = placements.made().map(|interface| Made::new(interface, placements));
        let mut watch = Watch::new();
        watch.adopt(model);
        Ok(Self {
            requests: Requests::open(NETLINK_ROUTE)?,
            made: made.collect(),
            settings: Settings::new(model, placements),
            statics: Statics::new(model),
            firewall: Firewall::default(),
            watch,
            journalled_table: firewall::journalled_name(model),
        })
    }

    /// Goes on with another configuration: what it does not name is taken out of the kernel, what is new is put there by
    /// [`Kernel::act`].
    pub(super) fn adopt(&mut self, model: &Model, placements: &Placements) {
        for mut made in std::mem::take(&mut self.made) {
            if placements.made().any(|interface| *interface == made.interface) {
                self.made.push(made);
            } else {
                made.delete(&mut self.requests);
            }
        }
        for made in &mut self.made {
            // One that has no IPv6 address any more keeps what it has until it is made again: others may still be leaving.
            let begins = placements.puts_ipv6_on(&made.interface.name) && !made.has_ipv6;
            made.has_ipv6 |= begins;
            if begins && made.index.is_some() {
                settings::allow_ipv6(&made.interface.name);
            }
        }
        for interface in placements.made() {
            if !self.made.iter().any(|made| made.interface == *interface) {
                self.made.push(Made::new(interface, placements));
            }
        }
        self.settings.adopt(model, placements);
        self.statics.adopt(model, &mut self.requests);
        self.watch.adopt(model);
        self.journalled_table = firewall::journalled_name(model);
    }

    /// Looks at what there is to do. Returns whether the journal must be written before [`Kernel::act`].
    /// `disturbed` says that something may have been taken away.
    pub(super) fn look(&mut self, network: &Network, disturbed: bool) -> bool {
        let settings = self.settings.look(network);
        self.statics.look(network, disturbed) || settings
    }

    /// Waits until a route or rule may have been deleted that locum had put there.
    pub(super) async fn route_deleted(&mut self) {
        self.watch.deleted().await;
    }

    /// Tries again what the kernel has refused.
    pub(super) fn retry(&mut self, network: &Network) {
        for made in &mut self.made {
            // Of what was there before, the journal does not know that we would make it.
            if made.refusal.is_some() && !made.is_foreign() {
                made.retry(network, &mut self.requests);
            }
        }
        self.statics.retry(&mut self.requests);
    }

    /// What the static addresses, routes and rules of a track group lack.
    pub(super) fn lack_of(&self, group: &str) -> Option<String> {
        self.statics.lack_of(group)
    }

    /// What may be in the kernel because of us, beside the addresses.
    pub(super) fn record(&self) -> Record {
        let entry = |made: &Made| MadeEntry { name: made.interface.name.clone(), mac: made.interface.kind.mac() };
        // What was there before is never ours.
        let ours = self.made.iter().filter(|made| !made.is_foreign());
        Record {
            addresses: self.statics.addresses().collect(),
            routes: self.statics.routes().collect(),
            interfaces: ours.map(entry).collect(),
            settings: self.settings.entries(),
            tables: self.journalled_table.iter().cloned().chain(self.firewall.left_by_a_crash()).collect(),
        }
    }

    /// Makes what is missing and can be made, and sets what is to be set.
    pub(super) fn act(&mut self, network: &Network) {
        for made in &mut self.made {
            made.follow(network, &mut self.requests);
        }
        self.settings.apply();
        self.statics.act(&mut self.requests);
    }

    /// Has packets dropped that are addressed to the VIPs of these instances and not to be accepted.
    pub(super) fn guard<'a>(
        &mut self,
        model: &Model,
        instances: impl IntoIterator<Item = &'a Instance>,
        network: &Network,
    ) {
        let table = firewall::table(model);
        let elements = firewall::elements(instances, network, table.by_index);
        self.firewall.follow(&table, elements);
    }

    /// How packets to the addresses of an instance are kept away, if its configuration says so.
    pub(super) fn no_accept(&self, model: &Model, instance: &Instance) -> Option<NoAcceptStatus> {
        firewall::applies_to(&instance.configured).then(|| NoAcceptStatus {
            table: firewall::table(model).name,
            in_force: firewall::takes_part(instance) && self.firewall.refusal().is_none(),
            error: self.firewall.refusal().map(ToString::to_string),
        })
    }

    /// Why the interface of this name could not be made, and what to do about it.
    pub(super) fn refusal(&self, name: &str) -> Option<String> {
        let made = self.made.iter().find(|made| made.interface.name == name)?;
        made.refusal.as_ref().map(|refusal| made.explain(refusal))
    }

    /// Takes everything out of the kernel again. Nothing of it is left if it returns true.
    pub(super) fn end(&mut self) -> bool {
        self.statics.remove(&mut self.requests);
        let mut all_gone = true;
        for made in &mut self.made {
            all_gone &= made.delete(&mut self.requests);
        }
        self.settings.restore();
        self.firewall.remove() && all_gone
    }
}

impl Made {
    fn new(interface: &MadeInterface, placements: &Placements) -> Self {
        let has_ipv6 = placements.puts_ipv6_on(&interface.name);
        Self { interface: interface.clone(), has_ipv6, tried_on: None, index: None, refusal: None }
    }

    /// Returns whether it is gone.
    fn delete(&mut self, requests: &mut Requests) -> bool {
        let Some(index) = self.index.take() else { return true };
        match requests.request(&[&link::delete(index)]) {
            Ok(()) | Err(Refusal { errno: Errno::ENODEV, .. }) => true, // gone with its base
            Err(refusal) => {
                log::error!("{} cannot be deleted: {refusal}", self.interface.name);
                false
            }
        }
    }

    fn is_foreign(&self) -> bool {
        self.refusal.as_ref().is_some_and(|refusal| refusal.errno == Errno::EEXIST)
    }

    fn follow(&mut self, network: &Network, requests: &mut Requests) {
        let MadeInterface { name, base, .. } = &self.interface;
        let Some((base_index, base_group)) = network.by_name(base).map(|(index, known)| (index.get(), known.group))
        else {
            // It has gone with its base.
            self.tried_on = None;
            self.index = None;
            self.refusal = None;
            return;
        };
        let is_there = network.by_name(name).map(|(index, _)| index.get());
        if self.index.is_some() && self.index == is_there {
            if self.lacks(network) {
                self.set_up(requests);
            }
            return;
        }
        if self.tried_on == Some(base_index) && self.index.is_none() {
            return;
        }
        if self.tried_on == Some(base_index) {
            log::warn!("interface {name} was deleted by somebody; it is made again");
        }
        self.tried_on = Some(base_index);
        let made =
            requests.request(&[&link::make(&self.interface, base_index, self.interface.group.unwrap_or(base_group))]);
        self.index = match made {
            Ok(()) => nix::net::if_::if_nametoindex(name.as_str()).ok(),
            Err(refusal) => {
                self.refuse(refusal);
                None
            }
        };
        let Some(index) = self.index else { return };
        self.refusal = None;
        let MadeInterface { name, base, .. } = &self.interface;
        if let Err(refusal) = requests.request(&[&link::own_address(index, self.interface.makes_its_address())]) {
            log::debug!("{name}: {refusal}"); // the kernel has no IPv6
        }
        settings::prepare_made(name, self.has_ipv6);
        log::info!("interface {name} made on {base}");
        self.set_up(requests);
    }

    fn retry(&mut self, network: &Network, requests: &mut Requests) {
        if self.index.is_some() {
            self.set_up(requests);
        } else {
            self.tried_on = None;
            self.follow(network, requests);
        }
    }

    /// Whether an ipvlan is not as it was made: set down, or without its address.
    fn lacks(&self, network: &Network) -> bool {
        let MadeKind::Ipvlan { address, .. } = self.interface.kind else { return false };
        let known = network.by_name(&self.interface.name).map(|(_, known)| known);
        known.is_some_and(|known| {
            let has = |wanted| known.addresses.iter().any(|it| (it.address, it.prefix_len) == wanted);
            !known.is_up || address.is_some_and(|wanted| !has(wanted))
        })
    }

    /// Sets an ipvlan up and gives it its address. A macvlan is set up by the engine, when its router becomes MASTER.
    fn set_up(&mut self, requests: &mut Requests) {
        let (MadeKind::Ipvlan { address, .. }, Some(index)) = (self.interface.kind, self.index) else { return };
        let address = address.map(|(address, prefix_len)| items::add_own_address(address, prefix_len, index));
        let mut result = Ok(());
        for message in [link::set_up(index)].iter().chain(&address) {
            let answer = requests.request(&[message]);
            // What is there already is what is wanted.
            let answer = answer.or_else(|refusal| if refusal.errno == Errno::EEXIST { Ok(()) } else { Err(refusal) });
            result = result.and(answer);
        }
        match result {
            Ok(()) => self.refusal = None,
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Takes note of what the kernel refuses; says it once.
    fn refuse(&mut self, refusal: Refusal) {
        if self.refusal.as_ref().is_none_or(|before| before.errno != refusal.errno) {
            let MadeInterface { name, base, .. } = &self.interface;
            log::error!("interface {name} on {base} cannot be made: {}", self.explain(&refusal));
        }
        self.refusal = Some(refusal);
    }

    /// The kernel's words, and what to do where they do not say.
    fn explain(&self, refusal: &Refusal) -> String {
        let MadeInterface { base, kind, .. } = &self.interface;
        let kind = kind.name();
        if refusal.errno == Errno::EOPNOTSUPP {
            format!("{refusal}: the kernel has no {kind}; install or load its module, as `modprobe {kind}`")
        } else if refusal.errno == Errno::EBUSY {
            format!(
                "{refusal}: {base} is part of a bridge, or carries interfaces of another kind than {kind} already (see `ip -d link`)"
            )
        } else {
            refusal.to_string()
        }
    }
}
