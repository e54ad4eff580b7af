//! What an earlier run has left in the kernel goes before the first advert, and nothing else does.

use super::super::StartError;
use super::super::journal::{self, Record};
use super::super::network::{Interface, Network};
use super::super::plan::{items, link};
use super::{firewall, settings};
use crate::netlink::NETLINK_ROUTE;
use crate::netlink::requests::Requests;

/// Something that an earlier run has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remnant {
    /// What, in words.
    pub(crate) what: String,
    /// What became of it.
    pub(crate) fate: Fate,
}

/// What became of something that an earlier run has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It would be removed.
    Found,
    /// It would be removed if it is there, which only the removal shows.
    Supposed,
    /// It is gone.
    Removed,
    /// The kernel's words.
    Refused(String),
}

/// Takes out of the kernel what the journal lists and is still there, or only says what it would take out.
///
/// # Errors
/// When the kernel gives no netlink socket.
pub(in super::super) fn clean(left: &Record, network: &Network, dry_run: bool) -> std::io::Result<Vec<Remnant>> {
    let mut requests = Requests::open(NETLINK_ROUTE)?;
    let mut remnants = Vec::new();
    // Routes and rules first: they may need the addresses. Only their removal shows whether they are there.
    for entry in left.routes.iter().rev() {
        let Some(message) = entry.message() else { continue };
        if dry_run {
            remnants.push(Remnant { what: entry.name.clone(), fate: Fate::Supposed });
        } else if Requests::open(NETLINK_ROUTE)?.request(&[&message]).is_ok() {
            remnants.push(Remnant { what: entry.name.clone(), fate: Fate::Removed });
        }
    }
    let mut remove = |what: String, message: &[u8]| {
        let fate = match dry_run {
            true => Fate::Found,
            false => match requests.request(&[message]) {
                Ok(()) => Fate::Removed,
                Err(refusal) => Fate::Refused(refusal.to_string()),
            },
        };
        remnants.push(Remnant { what, fate });
    };
    for (index, entry) in journal::left_behind(&left.addresses, network, journal::kernel_marks_addresses()) {
        let message = items::remove_bare_address(entry.address, entry.prefix_len, index);
        remove(format!("{}/{} on {}", entry.address, entry.prefix_len, entry.interface), &message);
    }
    for entry in &left.interfaces {
        let is_it = |known: &Interface| match entry.mac {
            Some(mac) => known.is_macvlan && known.mac == Some(mac),
            None => known.is_ipvlan,
        };
        if let Some((index, _)) = network.by_name(&entry.name).filter(|(_, known)| is_it(known)) {
            remove(format!("interface {}", entry.name), &link::delete(index.get()));
        }
    }
    for entry in left.settings.iter().filter(|entry| settings::is_as_we_set_it(entry)) {
        let what = format!("{} of {} (set back to {})", entry.name, entry.interface, entry.before);
        if !dry_run {
            settings::restore(entry);
        }
        remnants.push(Remnant { what, fate: if dry_run { Fate::Found } else { Fate::Removed } });
    }
    for name in &left.tables {
        let what = format!("nftables table {name}");
        if dry_run {
            remnants.push(Remnant { what, fate: Fate::Supposed });
        } else if firewall::remove_left_behind(name).is_ok() {
            remnants.push(Remnant { what, fate: Fate::Removed });
        }
    }
    Ok(remnants)
}

/// Takes out of the kernel what the journal lists and is still there. Gives the network as it is afterwards.
pub(in super::super) fn remove_left_behind(left: &Record, network: Network) -> Result<Network, StartError> {
    let remnants = clean(left, &network, false)?;
    for Remnant { what, fate } in &remnants {
        match fate {
            Fate::Refused(words) => {
                log::error!("an earlier run had left {what} behind, and it cannot be removed: {words}");
            }
            Fate::Found | Fate::Supposed | Fate::Removed => {
                log::warn!("removed {what}, which an earlier run had left behind");
            }
        }
    }
    if remnants.is_empty() { Ok(network) } else { Network::read().map_err(StartError::Netlink) }
}
