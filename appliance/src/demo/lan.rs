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
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use std::panic::resume_unwind;
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::sethostname;
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkMessage};
use rtnetlink::{Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, new_connection};
use tokio::runtime::{Builder, Runtime};

use super::DemoError;
use super::group::{CLIENT, PREFIX_LEN, RouterId, mac_for};

/// The bridge's interface index, given so that nobody has to look it up.
const BRIDGE: u32 = 100;

/// The index of every machine's eth0; 1 is the loopback.
const ETH0: u32 = 2;

/// The switch.
pub(super) struct Lan {
    netlink: Netlink,
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
        let lan = Self { netlink: Netlink::open()? };
        lan.netlink.run("making the switch", |netlink| {
            netlink.link().add(LinkBridge::new("br0").index(BRIDGE).build()).execute()
        })?;
        let machine = |id: RouterId| Ok((id, lan.machine(id.name(), id.address())?));
        let [a, b, c] = RouterId::ALL;
        let routers = [machine(a)?, machine(b)?, machine(c)?];
        let client = lan.machine("client", CLIENT)?;
        Ok((lan, Machines { routers, client }))
    }

    /// Cuts a router's cable, or plugs it in.
    pub(super) fn set_cable(&self, id: RouterId, is_plugged: bool) -> Result<(), DemoError> {
        let port = LinkUnspec::new_with_index(port_of(id.address()));
        let port = if is_plugged { port.up() } else { port.down() };
        self.netlink.run("setting a port of the switch", |netlink| netlink.link().set(port.build()).execute())
    }

    fn machine(&self, name: &'static str, address: Ipv4Addr) -> Result<Machine, DemoError> {
        let machine = Machine::new(name)?;
        let eth0 = LinkMessageBuilder::<LinkUnspec>::new()
            .name("eth0")
            .index(ETH0)
            .address(mac_for(address).to_vec())
            .setns_by_fd(machine.network.as_raw_fd())
            .build();
        let cable = cable(&format!("port-{name}"), port_of(address), eth0);
        self.netlink.run("making a cable", |netlink| netlink.link().add(cable).execute())?;
        machine.enter(|| configure(address))??;
        Ok(machine)
    }
}

/// The interface index of a machine's port on the switch.
fn port_of(address: Ipv4Addr) -> u32 {
    let [.., last] = address.octets();
    BRIDGE + u32::from(last)
}

/// A cable from the switch's port `name` to `other_end`.
fn cable(name: &str, index: u32, other_end: LinkMessage) -> LinkMessage {
    let port = LinkVeth::new(name, "eth0").index(index).controller(BRIDGE).up();
    port.set_info_data(InfoData::Veth(InfoVeth::Peer(other_end))).build()
}

/// Inside a machine: gives eth0 its address and sets it up.
fn configure(address: Ipv4Addr) -> Result<(), DemoError> {
    let netlink = Netlink::open()?;
    let up = |index| LinkUnspec::new_with_index(index).up().build();
    netlink.run("setting up a loopback", |netlink| netlink.link().set(up(1)).execute())?;
    netlink.run("giving a machine its address", |netlink| {
        netlink.address().add(ETH0, IpAddr::V4(address), PREFIX_LEN).execute()
    })?;
    netlink.run("setting up a machine's interface", |netlink| netlink.link().set(up(ETH0)).execute())
}

/// A conversation with the kernel about the network namespace in which it was opened.
struct Netlink {
    runtime: Runtime,
    handle: Handle,
}

impl Netlink {
    fn open() -> Result<Self, DemoError> {
        let runtime = Builder::new_current_thread().enable_io().build().map_err(DemoError::System)?;
        let _inside = runtime.enter();
        let (connection, handle, _) = new_connection().map_err(|error| DemoError::Lan("no netlink socket", error))?;
        runtime.spawn(connection);
        drop(_inside);
        Ok(Self { runtime, handle })
    }

    fn run<F>(&self, what: &'static str, request: impl FnOnce(&Handle) -> F) -> Result<(), DemoError>
    where
        F: Future<Output = Result<(), rtnetlink::Error>>,
    {
        self.runtime.block_on(request(&self.handle)).map_err(|error| DemoError::Netlink(what, error))
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
