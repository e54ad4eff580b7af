//! Packets to the VIPs of a master that does not own them are dropped, if the configuration says so (`no_accept`, RFC 9568
//! section 6.1, `Accept_Mode`): the VIPs are good for routing only.
//!
//! An instance's addresses are in the table for as long as it takes part, not only while it is MASTER: a packet to an
//! address that is not here never gets to the hook, and so none is accepted in the moment between the arrival of the
//! address and that of the rule.

use locum_control::SortedSet;
use std::net::IpAddr;

use locum_config::{Instance as Configured, Model};
use locum_core::vocabulary::State;
use nix::errno::Errno;

use super::super::instance::Instance;
use super::super::journal;
use super::super::network::Network;
use super::super::plan;
use super::nftables::{self, Element, Link, Table};
use crate::engine::link::{ItemOutcome, Refusal};
use crate::netlink::NETLINK_NETFILTER;
use crate::netlink::requests::Requests;

const NAME: &str = "locum";

/// Elements in one transaction, so that it fits into the socket's buffer.
const ELEMENTS_AT_ONCE: usize = 1024;

/// A priority that says: owner of the addresses.
const OWNER: u8 = 255;

/// The table, as it is in the kernel.
#[derive(Default)]
pub(super) struct Firewall {
    /// Opened when it is first needed. The kernel removes the table when it is closed.
    requests: Option<Requests>,
    /// What the table is like that is there.
    table: Option<Table>,
    elements: SortedSet<Element>,
    refusal: Option<Refusal>,
}

/// What the table is to be like.
pub(super) fn table(model: &Model) -> Table {
    let firewall = &model.global.firewall;
    Table {
        name: firewall.nftables.as_ref().map_or(NAME, |name| name.value.as_str()).to_owned(),
        priority: *firewall.nftables_priority,
        counters: *firewall.nftables_counters,
        by_index: *firewall.nftables_ifindex,
        owned: journal::kernel_owns_tables(),
    }
}

/// The name under which the table must be in the journal: where it does not go with the process by itself.
pub(super) fn journalled_name(model: &Model) -> Option<String> {
    let table = table(model);
    let is_wanted = model.instances.iter().any(|instance| !*instance.accept);
    table.must_be_journalled().filter(|_| is_wanted)
}

/// What is to be dropped.
pub(super) fn elements<'a>(
    instances: impl IntoIterator<Item = &'a Instance>,
    network: &Network,
    by_index: bool,
) -> SortedSet<Element> {
    let mut elements = SortedSet::new();
    for instance in instances {
        let configured = &instance.configured;
        if !applies_to(configured) || !takes_part(instance) {
            continue;
        }
        elements.extend(plan::addresses(configured).filter_map(|(address, _)| match address.address {
            IpAddr::V4(address) => Some(Element::V4(address)),
            IpAddr::V6(v6) if v6.is_unicast_link_local() => {
                let device = instance.placement.device(address, configured);
                let link = if by_index { Link::Index(network.index(device)?) } else { Link::Name(device.to_owned()) };
                Some(Element::LinkLocal(link, v6))
            }
            IpAddr::V6(address) => Some(Element::V6(address)),
        }));
    }
    elements
}

/// Whether packets to the addresses are to be dropped while the instance takes part.
pub(super) fn applies_to(configured: &Configured) -> bool {
    !*configured.accept && *configured.priority != OWNER
}

/// Whether the instance may have addresses now, or any moment.
pub(super) fn takes_part(instance: &Instance) -> bool {
    let is_there =
        |outcome: &Option<ItemOutcome>| matches!(outcome, Some(ItemOutcome::Installed | ItemOutcome::PutBack));
    // One that leaves may have its addresses until the next master is heard.
    matches!(instance.state, State::Backup | State::Master) || instance.outcomes.iter().any(is_there)
}

impl Firewall {
    /// What the kernel said when it refused what is wanted.
    pub(super) const fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// Brings the table up to date: there is none where nothing is to be dropped.
    pub(super) fn follow(&mut self, table: &Table, wanted: SortedSet<Element>) {
        if wanted.is_empty() {
            self.remove();
            self.refusal = None;
            return;
        }
        if self.table.as_ref() == Some(table) && self.elements == wanted {
            return;
        }
        let mut result = self.change(table, &wanted);
        if result.as_ref().is_err_and(|refusal| refusal.errno == Errno::ENOENT) && self.table.is_some() {
            log::warn!("somebody had removed the nftables table {}; it is made again", table.name);
            self.forget();
            result = self.change(table, &wanted);
        }
        match result {
            Ok(()) => self.refusal = None,
            Err(refusal) => {
                if self.refusal.as_ref() != Some(&refusal) {
                    let hint = if refusal.errno == Errno::EEXIST {
                        "another program has a table of this name: give ours another one (`nftables NAME`)"
                    } else {
                        "is the kernel built with nf_tables and its inet family?"
                    };
                    let name = &table.name;
                    log::error!(
                        "no_accept has no effect, packets to the VIPs are ACCEPTED: nftables table {name}: {refusal}; {hint}"
                    );
                }
                self.refusal = Some(refusal);
            }
        }
    }

    fn change(&mut self, table: &Table, wanted: &SortedSet<Element>) -> Result<(), Refusal> {
        let mut begin = Vec::new();
        let mut before = self.elements.clone();
        if self.table.as_ref() != Some(table) {
            begin.extend(self.table.iter().map(Table::delete));
            begin.extend(table.make());
            before.clear();
        }
        let added: Vec<Element> = wanted.difference(&before).cloned().collect();
        let removed: Vec<Element> = before.difference(wanted).cloned().collect();
        let (first, more) = added.split_at(added.len().min(ELEMENTS_AT_ONCE));
        begin.extend(table.add(first.iter()));
        self.transact(begin)?;
        self.table = Some(table.clone());
        self.elements = before;
        self.elements.extend(first.iter().cloned());
        for chunk in more.chunks(ELEMENTS_AT_ONCE) {
            self.transact(table.add(chunk.iter()))?;
            self.elements.extend(chunk.iter().cloned());
        }
        for chunk in removed.chunks(ELEMENTS_AT_ONCE) {
            self.transact(table.remove(chunk.iter()))?;
            chunk.iter().for_each(|element| {
                self.elements.remove(element);
            });
        }
        log::debug!("nftables table {}: packets to {} addresses are dropped", table.name, self.elements.len());
        Ok(())
    }

    fn transact(&mut self, messages: Vec<Box<[u8]>>) -> Result<(), Refusal> {
        if messages.is_empty() {
            return Ok(());
        }
        let requests = match &mut self.requests {
            Some(requests) => requests,
            slot @ None => slot.insert(open()?),
        };
        let messages = nftables::transaction(messages);
        requests.request(&messages.iter().map(|message| &**message).collect::<Vec<_>>())
    }

    /// The name of the table that is there, if a crash would leave it there.
    pub(super) fn left_by_a_crash(&self) -> Option<String> {
        self.table.as_ref()?.must_be_journalled()
    }

    /// Removes the table. Returns whether it is gone.
    pub(super) fn remove(&mut self) -> bool {
        let Some(table) = self.table.clone() else { return true };
        let result = self.transact(vec![table.delete()]);
        self.forget();
        match result {
            Ok(()) | Err(Refusal { errno: Errno::ENOENT, .. }) => true,
            Err(refusal) => {
                log::error!("nftables table {} cannot be deleted: {refusal}", table.name);
                false
            }
        }
    }

    fn forget(&mut self) {
        self.table = None;
        self.elements.clear();
    }
}

/// Deletes a table that an earlier run has left.
pub(super) fn remove_left_behind(name: &str) -> Result<(), Refusal> {
    let messages = nftables::delete_table(name);
    open()?.request(&messages.iter().map(|message| &**message).collect::<Vec<_>>())
}

fn open() -> Result<Requests, Refusal> {
    Requests::open(NETLINK_NETFILTER)
        .map_err(|error| Refusal { errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw), words: None })
}
