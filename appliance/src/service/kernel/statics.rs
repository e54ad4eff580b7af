//! Addresses, routes and rules that are there whatever the state (`static_ipaddress`, `static_routes`, `static_rules`),
//! from the start of the service to its end.

use locum_config::Model;
use locum_config::model::{Route, Rule, Setting, StaticAddress};
use nix::errno::Errno;

use super::super::journal::{Entry, RouteEntry};
use super::super::network::Network;
use super::super::plan::items;
use super::super::plan::route::{self, AddAndRemove};
use crate::engine::link::Refusal;
use crate::netlink::requests::Requests;

/// Where an address goes that names no interface, as in keepalived.
const DEFAULT_INTERFACE: &str = "eth0";

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Address(StaticAddress),
    Route(Route),
    Rule(Rule),
}

/// One of them, and how it stands.
#[derive(Debug)]
struct Static {
    what: What,
    /// How to add and remove it, as the network is. `None` while its interface does not exist.
    messages: Option<AddAndRemove>,
    /// It is to be tried.
    is_due: bool,
    /// It is there because of us.
    installed: bool,
    /// Why it is not there.
    refusal: Option<Refusal>,
}

/// All of them, in the order in which they are added.
#[derive(Debug, Default)]
pub(super) struct Statics(Vec<Static>);

impl Statics {
    pub(super) fn new(model: &Model) -> Self {
        let mut all = Vec::new();
        let mut add = |what| all.push(Static { what, messages: None, is_due: true, installed: false, refusal: None });
        model.static_addresses.iter().for_each(|address| add(What::Address(address.clone())));
        model.static_routes.iter().for_each(|route| add(What::Route(route.clone())));
        model.static_rules.iter().for_each(|rule| add(What::Rule(rule.clone())));
        Self(all)
    }

    /// Goes on with those of another configuration; what it does not name is removed.
    pub(super) fn adopt(&mut self, model: &Model, requests: &mut Requests) {
        let mut before = std::mem::replace(self, Self::new(model));
        for new in &mut self.0 {
            if let Some(place) = before.0.iter().position(|old| old.what == new.what) {
                *new = before.0.remove(place);
            }
        }
        before.remove(requests);
    }

    /// Looks at what is to be done as the network is now. Returns whether the journal must be written before.
    pub(super) fn look(&mut self, network: &Network, disturbed: bool) -> bool {
        let mut any = false;
        for known in &mut self.0 {
            let messages = known.what.messages(network);
            if messages != known.messages {
                any |= messages.is_some();
                known.messages = messages;
                known.is_due = true;
                known.installed = false; // it has gone with its interface
                known.refusal = None;
            }
            known.is_due |= disturbed && known.what.is_tracked();
        }
        any
    }

    pub(super) fn act(&mut self, requests: &mut Requests) {
        for known in self.0.iter_mut().filter(|known| known.is_due) {
            let Some((add, _)) = &known.messages else { continue };
            known.is_due = false;
            let name = known.what.name();
            match requests.request(&[add]) {
                Ok(()) if known.installed => log::warn!("somebody had removed {name}; it is put back"),
                Ok(()) => {
                    known.installed = true;
                    log::info!("{name} added");
                }
                Err(Refusal { errno: Errno::EEXIST, .. }) => {}
                Err(refusal) => {
                    if known.refusal.as_ref() != Some(&refusal) {
                        log::error!("the kernel refuses {name}: {refusal}");
                    }
                    known.refusal = Some(refusal);
                    continue;
                }
            }
            known.refusal = None;
        }
    }

    /// Tries again what was refused.
    pub(super) fn retry(&mut self, requests: &mut Requests) {
        self.0.iter_mut().for_each(|known| known.is_due |= known.refusal.is_some());
        self.act(requests);
    }

    /// What a track group lacks, in words.
    pub(super) fn lack_of(&self, group: &str) -> Option<String> {
        let of_it = |known: &&Static| known.what.track_group().is_some_and(|name| name.value == group);
        self.0.iter().filter(of_it).find_map(|known| match (&known.messages, &known.refusal) {
            (None, _) => Some(format!("the interface of {} does not exist", known.what.name())),
            (Some(_), Some(refusal)) => Some(format!("the kernel refuses {}: {refusal}", known.what.name())),
            (Some(_), None) => None,
        })
    }

    /// For the journal: addresses.
    pub(super) fn addresses(&self) -> impl Iterator<Item = Entry> {
        self.0.iter().filter_map(|known| match &known.what {
            What::Address(wanted) => Some(Entry {
                interface: device(wanted).to_owned(),
                address: wanted.address.address,
                prefix_len: items::installed_prefix_len(&wanted.address),
            }),
            What::Route(_) | What::Rule(_) => None,
        })
    }

    /// For the journal: routes and rules.
    pub(super) fn routes(&self) -> impl Iterator<Item = RouteEntry> {
        self.0.iter().filter_map(|known| match (&known.what, &known.messages) {
            (What::Route(_) | What::Rule(_), Some((_, remove))) => Some(RouteEntry::new(known.what.name(), remove)),
            (What::Route(_) | What::Rule(_) | What::Address(_), _) => None,
        })
    }

    /// Takes them out of the kernel, the last first.
    pub(super) fn remove(&mut self, requests: &mut Requests) {
        for known in self.0.iter_mut().rev().filter(|known| known.installed) {
            known.installed = false;
            let Some((_, remove)) = &known.messages else { continue };
            match requests.request(&[remove]) {
                Ok(()) => {}
                Err(Refusal { errno: Errno::ESRCH | Errno::ENOENT | Errno::ENODEV | Errno::EADDRNOTAVAIL, .. }) => {} // gone already
                Err(refusal) => log::error!("{} cannot be removed: {refusal}", known.what.name()),
            }
        }
    }
}

fn device(wanted: &StaticAddress) -> &str {
    wanted.address.interface.as_ref().map_or(DEFAULT_INTERFACE, |name| name.value.as_str())
}

impl What {
    fn messages(&self, network: &Network) -> Option<AddAndRemove> {
        match self {
            Self::Address(wanted) => {
                let index = network.index(device(wanted))?;
                Some((items::add_address(&wanted.address, index), items::remove_address(&wanted.address, index)))
            }
            Self::Route(wanted) => route::messages(wanted, network),
            Self::Rule(wanted) => Some(route::rule_messages(wanted)),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Address(wanted) => {
                format!("static {}/{} on {}", wanted.address.address, wanted.address.prefix_len, device(wanted))
            }
            Self::Route(wanted) => format!("static route {}", route::route_name(wanted)),
            Self::Rule(wanted) => format!("static {}", route::rule_name(wanted)),
        }
    }

    const fn is_tracked(&self) -> bool {
        match self {
            Self::Address(wanted) => !wanted.address.no_track,
            Self::Route(wanted) => !wanted.no_track,
            Self::Rule(wanted) => !wanted.no_track,
        }
    }

    const fn track_group(&self) -> Option<&Setting<String>> {
        match self {
            Self::Address(wanted) => wanted.track_group.as_ref(),
            Self::Route(wanted) => wanted.track_group.as_ref(),
            Self::Rule(wanted) => wanted.track_group.as_ref(),
        }
    }
}
