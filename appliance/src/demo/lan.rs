//! The virtual LAN: a switch, which is a bridge in the network namespace of the demo itself, and machines on it, each a
//! network namespace with an eth0. Read veth(4) and network_namespaces(7) before changing it.
//!
//! ```text
//!    A: eth0   B: eth0   C: eth0   client: eth0
//!      │         │         │         │             a pair of veth each: the machine's end and the switch's port
//!    ┌─┴─────────┴─────────┴─────────┴─┐
//!    │               br0               │
//!    └─────────────────────────────────┘
//! ```
//!
//! A cable is cut by setting its port down: the machine then sees its eth0 without carrier, as with a real cable.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::sethostname;

use super::DemoError;
use super::group::{CLIENT, PREFIX_LEN, RouterId, mac_for};
use crate::netlink::NETLINK_ROUTE;
use crate::netlink::link::{
    IFF_UP, IFLA_ADDRESS, IFLA_IFNAME, IFLA_INFO_DATA, IFLA_INFO_KIND, IFLA_LINKINFO, RTM_NEWLINK, header, set_down,
    set_up,
};
use crate::netlink::message::{CREATE, EXCLUSIVE, Message};
use crate::netlink::requests::Requests;

// linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h, linux/if.h, linux/veth.h
const RTM_NEWADDR: u16 = 20;
const IFLA_MASTER: u16 = 10;
const IFLA_NET_NS_FD: u16 = 28;
const VETH_INFO_PEER: u16 = 1;
const AF_INET: u8 = 2;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

/// The bridge's interface index, given so that nobody has to look it up.
const BRIDGE: u32 = 100;

/// The indexes of every machine's interfaces.
const LOOPBACK: u32 = 1;
const ETH0: u32 = 2;

/// The switch.
pub(super) struct Lan {
    netlink: Mutex<Netlink>,
}

/// What is on the LAN.
pub(super) struct Machines {
    /// The routers' machines.
    pub(super) routers: [(RouterId, Machine); RouterId::COUNT],
    /// The client.
    pub(super) client: Machine,
}

impl Lan {
    /// Makes the switch and the machines, and plugs them in.
    pub(super) fn build() -> Result<(Self, Machines), DemoError> {
        let mut netlink = Netlink::open()?;
        let mut switch = Message::new(RTM_NEWLINK, CREATE | EXCLUSIVE, &header(BRIDGE, IFF_UP, IFF_UP));
        switch.put_text(IFLA_IFNAME, "br0");
        let info = switch.open(IFLA_LINKINFO);
        switch.put_text(IFLA_INFO_KIND, "bridge").close(info);
        netlink.run("making the switch", &switch.finish())?;
        let mut machine = |id: RouterId| Ok((id, machine_on(&mut netlink, id.name(), id.address())?));
        let [a, b, c] = RouterId::ALL;
        let routers = [machine(a)?, machine(b)?, machine(c)?];
        let client = machine_on(&mut netlink, "client", CLIENT)?;
        Ok((Self { netlink: Mutex::new(netlink) }, Machines { routers, client }))
    }

    /// Cuts a router's cable, or plugs it in.
    pub(super) fn set_cable(&self, id: RouterId, is_plugged: bool) -> Result<(), DemoError> {
        let port = port_of(id.address());
        let mut netlink = self.netlink.lock().unwrap_or_else(PoisonError::into_inner);
        netlink.run("setting a port of the switch", &if is_plugged { set_up(port) } else { set_down(port) })
    }
}

/// Makes a machine, and plugs it in.
fn machine_on(netlink: &mut Netlink, name: &'static str, address: Ipv4Addr) -> Result<Machine, DemoError> {
    let machine = Machine::new(name)?;
    netlink.run("making a cable", &cable(&machine, name, address).finish())?;
    machine.enter(|| configure(address))??;
    Ok(machine)
}

/// The interface index of a machine's port on the switch.
fn port_of(address: Ipv4Addr) -> u32 {
    let [.., last] = address.octets();
    BRIDGE + u32::from(last)
}

/// A cable from the switch to the machine's eth0.
fn cable(machine: &Machine, name: &str, address: Ipv4Addr) -> Message {
    let mut cable = Message::new(RTM_NEWLINK, CREATE | EXCLUSIVE, &header(port_of(address), IFF_UP, IFF_UP));
    cable.put_text(IFLA_IFNAME, &format!("port-{name}")).put_u32(IFLA_MASTER, BRIDGE);
    let info = cable.open(IFLA_LINKINFO);
    cable.put_text(IFLA_INFO_KIND, "veth");
    let data = cable.open(IFLA_INFO_DATA);
    let other_end = cable.open(VETH_INFO_PEER);
    cable.put_raw(&header(ETH0, 0, 0)).put_text(IFLA_IFNAME, "eth0").put(IFLA_ADDRESS, &mac_for(address));
    cable.put(IFLA_NET_NS_FD, &machine.network.as_raw_fd().to_ne_bytes());
    cable.close(other_end).close(data).close(info);
    cable
}

/// Inside a machine: gives eth0 its address and sets it up.
fn configure(address: Ipv4Addr) -> Result<(), DemoError> {
    let mut netlink = Netlink::open()?;
    netlink.run("setting up a loopback", &set_up(LOOPBACK))?;
    let mut on_eth0 = [AF_INET, PREFIX_LEN, 0, 0, 0, 0, 0, 0];
    let (_, index) = on_eth0.split_at_mut(4);
    index.copy_from_slice(&ETH0.to_ne_bytes());
    let mut its_address = Message::new(RTM_NEWADDR, CREATE | EXCLUSIVE, &on_eth0);
    its_address.put_address(IFA_LOCAL, address.into()).put_address(IFA_ADDRESS, address.into());
    netlink.run("giving a machine its address", &its_address.finish())?;
    netlink.run("setting up a machine's interface", &set_up(ETH0))
}

/// A conversation with the kernel about the network namespace in which it was opened.
struct Netlink(Requests);

impl Netlink {
    fn open() -> Result<Self, DemoError> {
        Requests::open(NETLINK_ROUTE).map(Self).map_err(|error| DemoError::Lan("no netlink socket", error))
    }

    fn run(&mut self, what: &'static str, request: &[u8]) -> Result<(), DemoError> {
        self.0.request(&[request]).map_err(|refusal| DemoError::Netlink(what, refusal))
    }
}

/// A machine: a network of its own and a host name. It is there for as long as this is.
#[derive(Debug)]
pub(super) struct Machine {
    network: File,
    host_name: File,
}

impl Machine {
    fn new(name: &'static str) -> Result<Self, DemoError> {
        let made = thread::scope(|scope| {
            let thread = scope.spawn(|| -> io::Result<Self> {
                unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS)?;
                sethostname(name)?;
                let namespace = |kind: &str| File::open(format!("/proc/thread-self/ns/{kind}"));
                Ok(Self { network: namespace("net")?, host_name: namespace("uts")? })
            });
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        });
        made.map_err(|error| DemoError::Powerless("a machine on the virtual LAN cannot be made", error))
    }

    /// Does `work` on the machine, on a thread of its own. A socket that is made there, or a process that is started
    /// there, stays there.
    pub(super) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, DemoError> {
        let done = thread::scope(|scope| {
            let thread = scope.spawn(|| -> io::Result<T> {
                setns(&self.network, CloneFlags::CLONE_NEWNET)?;
                setns(&self.host_name, CloneFlags::CLONE_NEWUTS)?;
                Ok(work())
            });
            thread.join().unwrap_or_else(|panic| resume_unwind(panic))
        });
        done.map_err(|error| DemoError::Lan("a machine cannot be entered", error))
    }
}
