//! Addresses on the interfaces that VRRP has not put there: a VIP must not be among them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use locum_config::InterfaceAddress;
use locum_config::files::names_in;

use super::journal::{ADDRESS_PROTOCOL, Entry, Journal, kernel_marks_addresses};
use super::network::Network;
use crate::machine::Links;

/// keepalived's mark on its addresses (RTPROT_KEEPALIVED in linux/rtnetlink.h). Its older versions leave none.
const KEEPALIVED: u8 = 18;

/// Asks the kernel, for who runs no service. What it cannot be asked, or nobody can tell, is not known.
pub(crate) fn look(run_directory: &Path) -> Links {
    let Ok(network) = Network::read() else { return Links::default() };
    let ours = Journal::in_directory(run_directory).read();
    Links {
        interfaces: Some(network.names().map(str::to_owned).collect()),
        addresses: ours.ok().and_then(|ours| among(&network, &ours.addresses)),
    }
}

/// What a configuration is checked with. `journal` is what the service may have put on the interfaces.
pub(super) fn links(network: &Network, journal: &[Entry]) -> Links {
    Links { interfaces: Some(network.names().map(str::to_owned).collect()), addresses: among(network, journal) }
}

/// Those among the addresses of the network. `None` when a keepalived that leaves no mark may have put any of them there.
fn among(network: &Network, journal: &[Entry]) -> Option<Vec<InterfaceAddress>> {
    let keepalived_marks = network.addresses().any(|(_, _, address)| address.protocol == Some(KEEPALIVED));
    if !keepalived_marks && keepalived_runs() {
        return None;
    }
    Some(select(network, journal, kernel_marks_addresses()))
}

fn select(network: &Network, journal: &[Entry], kernel_marks_addresses: bool) -> Vec<InterfaceAddress> {
    let foreign = network.addresses().filter(|(_, interface, known)| {
        let in_journal = || {
            let is_it = |entry: &Entry| {
                (entry.interface.as_str(), entry.address, entry.prefix_len)
                    == (*interface, known.address, known.prefix_len)
            };
            !kernel_marks_addresses && journal.iter().any(is_it)
        };
        !matches!(known.protocol, Some(ADDRESS_PROTOCOL | KEEPALIVED)) && !in_journal()
    });
    let foreign = foreign.map(|(_, interface, known)| InterfaceAddress {
        interface: interface.to_owned(),
        address: known.address,
        prefix_len: known.prefix_len,
    });
    foreign.collect()
}

/// Whether a keepalived runs in this network namespace, or may do.
fn keepalived_runs() -> bool {
    let here = network_of(Path::new("/proc/self"));
    let processes = Path::new("/proc");
    names_in(processes).iter().map(|process| processes.join(process)).any(|process| {
        let is_keepalived = fs::read(process.join("comm")).is_ok_and(|name| name == b"keepalived\n");
        // One that has ended, and whose parent has not asked yet how, is in no namespace.
        is_keepalived && network_of(&process) == here
    })
}

/// A number for the network namespace of a process: the file's, of which each namespace has its own (proc(5), /proc/net).
/// The namespace itself (`ns/net`) can be asked for only by who may do all that the process may.
fn network_of(process: &Path) -> Option<u64> {
    fs::metadata(process.join("net/dev")).ok().map(|file| file.ino())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::network::{Address, Interface};
    use super::*;

    fn network(addresses: &[(&str, Option<u8>)]) -> Network {
        let address = |(text, protocol): &(&str, Option<u8>)| Address {
            address: text.parse().unwrap(),
            prefix_len: 24,
            is_secondary: false,
            is_tentative: false,
            protocol: *protocol,
        };
        let addresses = addresses.iter().map(address).collect();
        Network::of([(2, Interface { name: "eth0".into(), addresses, ..Interface::default() })])
    }

    fn names(found: &[InterfaceAddress]) -> Vec<String> {
        found.iter().map(|it| format!("{}/{} {}", it.address, it.prefix_len, it.interface)).collect()
    }

    #[test]
    fn what_vrrp_has_marked_is_left_out() {
        let network =
            network(&[("10.0.0.1", None), ("10.0.0.2", Some(76)), ("10.0.0.3", Some(18)), ("10.0.0.4", Some(2))]);
        assert_eq!(names(&select(&network, &[], true)), ["10.0.0.1/24 eth0", "10.0.0.4/24 eth0"]);
    }

    #[test]
    fn without_marks_the_journal_tells() {
        let network = network(&[("10.0.0.1", None), ("10.0.0.2", None)]);
        let address: IpAddr = "10.0.0.2".parse().unwrap();
        let journal = [Entry { interface: "eth0".into(), address, prefix_len: 24 }];
        assert_eq!(names(&select(&network, &journal, false)), ["10.0.0.1/24 eth0"]);
        // What the journal lists and bears no mark where the kernel keeps one is somebody else's.
        assert_eq!(select(&network, &journal, true).len(), 2);
    }
}
