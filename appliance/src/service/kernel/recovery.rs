//! What an earlier run has left in the kernel goes before the first advert, and nothing else does.

use super::super::StartError;
use super::super::journal::{self, Record};
use super::super::network::Network;
use super::super::plan::{items, link};
use super::{firewall, settings};
use crate::netlink::NETLINK_ROUTE;
use crate::netlink::requests::Requests;

/// Takes out of the kernel what the journal lists and is still there. Gives the network as it is afterwards.
pub(in super::super) fn remove_left_behind(left: &Record, network: Network) -> Result<Network, StartError> {
    let mut requests = Requests::open(NETLINK_ROUTE)?;
    let mut removed = false;
    let mut remove = |what: String, message: &[u8]| {
        removed = true;
        match requests.request(&[message]) {
            Ok(()) => log::warn!("removed {what}, which an earlier run had left behind"),
            Err(refusal) => log::error!("an earlier run had left {what} behind, and it cannot be removed: {refusal}"),
        }
    };
    // Routes and rules first: they may need the addresses.
    for entry in left.routes.iter().rev() {
        if let Some(message) = entry.message()
            && Requests::open(NETLINK_ROUTE)?.request(&[&message]).is_ok()
        {
            log::warn!("removed {}, which an earlier run had left behind", entry.name);
        }
    }
    for (index, entry) in journal::left_behind(&left.addresses, &network, journal::kernel_marks_addresses()) {
        let message = items::remove_bare_address(entry.address, entry.prefix_len, index);
        remove(format!("{}/{} on {}", entry.address, entry.prefix_len, entry.interface), &message);
    }
    for entry in &left.interfaces {
        let known = network.by_name(&entry.name).filter(|(_, known)| known.mac == Some(entry.mac));
        if let Some((index, _)) = known.filter(|(_, known)| known.is_macvlan) {
            remove(format!("interface {}", entry.name), &link::delete(index.get()));
        }
    }
    left.settings.iter().for_each(settings::restore);
    for name in &left.tables {
        if firewall::remove_left_behind(name).is_ok() {
            log::warn!("removed nftables table {name}, which an earlier run had left behind");
        }
    }
    if !removed {
        return Ok(network);
    }
    Network::read().map_err(StartError::Netlink)
}
