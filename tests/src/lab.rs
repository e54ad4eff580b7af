//! The lab itself: built, disturbed, checked and taken down.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use locum_control::State;
use nix::sys::signal::Signal;

use crate::capture::{Capture, write_pcap};
use crate::command::{find_program, target_dir, tool, try_tool};
use crate::frr;
use crate::injector::Injector;
use crate::moment::{Moment, wait_for};
use crate::namespace::{Namespace, sweep, unique_name};
use crate::node::Node;
use crate::probe::Probe;
use crate::router::{Daemon, Router};
use crate::scenario::Group;
use crate::timeline::Timeline;
use crate::{invariants, report};

/// The routers in the order in which a test names their daemons.
const ROUTERS: [Node; 3] = [Node::A, Node::B, Node::C];

/// How long a new IPv6 address is tried for duplicates, on a busy machine.
const LINK_LOCAL_MAX: Duration = Duration::from_secs(12);

/// A time in which a router could not do what it should: cut off, killed, stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disturbance {
    pub(crate) node: Node,
    pub(crate) from: Moment,
    /// [`Moment::END`] while it lasts.
    pub(crate) until: Moment,
}

/// Routers, a client and an injector on a switch, with a capture.
#[derive(Debug)]
pub struct Lab {
    // Fields are dropped in this order: daemons end before their namespaces, and the capture before the switch.
    routers: BTreeMap<Node, Router>,
    capture: Capture,
    client: Namespace,
    stranger: Namespace,
    switch: Namespace,
    folder: PathBuf,
    /// What the switch does not forward, as nftables matches.
    drops: Vec<String>,
    disturbances: Vec<Disturbance>,
}

/// Builds a lab with one router for each of `daemons` (A, B, C in turn; nothing runs yet), gives it to `test`, and then
/// checks what must hold in every test. Where the lab cannot be built because the machine lacks something, the test is
/// skipped by name, which is a failure where `CI` is set.
///
/// # Panics
/// When the test fails.
pub fn with_lab(daemons: &[Daemon], test: impl FnOnce(&mut Lab)) {
    let Some(mut lab) = built_or_skipped(daemons) else { return };
    test(&mut lab);
    invariants::check(&mut lab).unwrap_or_else(|wrong| panic!("{wrong}"));
    lab.stop_all();
}

/// As [`with_lab`], for a test that breaks what must hold in every test: returns what the check says of it, or nothing
/// where the lab cannot be built.
///
/// # Panics
/// When the test fails, or the check finds nothing.
pub fn with_broken_lab(daemons: &[Daemon], test: impl FnOnce(&mut Lab)) -> Option<String> {
    let mut lab = built_or_skipped(daemons)?;
    test(&mut lab);
    Some(invariants::check(&mut lab).expect_err("the check overlooks what is wrong"))
}

fn built_or_skipped(daemons: &[Daemon]) -> Option<Lab> {
    if let Some(lack) = lab_lacks(daemons) {
        skip(&lack);
        return None;
    }
    sweep();
    Some(Lab::new(daemons).unwrap_or_else(|error| panic!("the lab cannot be built: {error}")))
}

/// What the machine lacks to build a lab with these daemons.
pub fn lab_lacks(daemons: &[Daemon]) -> Option<String> {
    let keepalived = daemons.contains(&Daemon::Keepalived).then_some("keepalived");
    let missing = ["ip", "nft"].into_iter().chain(keepalived).find(|program| find_program(program).is_none());
    if let Some(program) = missing {
        return Some(format!("{program} is not installed"));
    }
    if daemons.contains(&Daemon::Frr)
        && let Some(lack) = frr::lack()
    {
        return Some(lack);
    }
    let made = Namespace::new(&unique_name(), "try");
    made.err().map(|error| format!("no network namespace can be made ({error}); run it as root, or by tests/run"))
}

/// Says that the test on this thread is skipped, and why; where `CI` is set, it fails instead.
///
/// # Panics
/// Where `CI` is set.
pub fn skip(reason: &str) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    assert!(std::env::var_os("CI").is_none(), "{name} would be skipped, which CI does not allow: {reason}");
    // Written past the harness, which hides what a test that passes prints, and clear of a line that it has begun.
    let _ = write!(io::stderr(), "\nSKIPPED {name}: {reason}\n");
}

impl Lab {
    fn new(daemons: &[Daemon]) -> Result<Self, String> {
        let name = unique_name();
        let folder = std::env::temp_dir().join(&name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let switch = Namespace::new(&name, "sw")?;
        switch.ip("link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0")?;
        switch.ip("link set br0 up")?;
        let nft = "add table bridge lab; add chain bridge lab drops { type filter hook forward priority 0; }";
        try_tool("ip", &["netns", "exec", switch.name(), "nft", nft])?;
        let mut routers = BTreeMap::new();
        for (node, daemon) in ROUTERS.into_iter().zip(daemons) {
            let namespace = Namespace::new(&name, &node.to_string())?;
            plug_in(&switch, &namespace, node)?;
            routers.insert(node, Router::new(node, *daemon, namespace, &folder));
        }
        let client = Namespace::new(&name, "H")?;
        plug_in(&switch, &client, Node::H)?;
        client.enter(trust_neighbours);
        let stranger = Namespace::new(&name, "X")?;
        plug_in(&switch, &stranger, Node::X)?;
        let capture = Capture::start(&switch).map_err(|error| format!("the capture: {error}"))?;
        Ok(Self { routers, capture, client, stranger, switch, folder, drops: Vec::new(), disturbances: Vec::new() })
    }

    /// A router.
    ///
    /// # Panics
    /// When the lab was built without it.
    #[track_caller]
    pub fn router(&mut self, node: Node) -> &mut Router {
        self.routers.get_mut(&node).unwrap_or_else(|| panic!("this lab has no router {node}"))
    }

    /// All routers.
    pub fn routers(&mut self) -> impl Iterator<Item = &mut Router> {
        self.routers.values_mut()
    }

    /// What the capture saw so far.
    pub fn timeline(&self) -> Timeline {
        self.capture.timeline()
    }

    /// A client that begins to probe `target` every 10 ms.
    ///
    /// # Panics
    /// When it cannot.
    pub fn probe(&self, target: Ipv4Addr) -> Probe {
        Probe::start(&self.client, target).unwrap_or_else(|error| panic!("the probe: {error}"))
    }

    /// The stranger.
    ///
    /// # Panics
    /// When its socket cannot be opened.
    pub fn injector(&self) -> Injector {
        Injector::new(&self.stranger).unwrap_or_else(|error| panic!("the injector: {error}"))
    }

    /// Saves the capture so far under this name, and returns where it lies until the lab is taken down.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn save_capture(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        let written = write_pcap(&path, self.timeline().records());
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Saves the capture so far where it stays, and returns where that is.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn keep_capture(&self, name: &str) -> PathBuf {
        let folder = target_dir().join("lab-captures");
        let path = folder.join(format!("{name}.pcap"));
        let written = fs::create_dir_all(folder).and_then(|()| write_pcap(&path, self.timeline().records()));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Writes a file for a test, and returns where it lies until the lab is taken down.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    pub(crate) fn disturbances(&self) -> &[Disturbance] {
        &self.disturbances
    }
}

/// What a test does to the daemons.
impl Lab {
    /// Starts the node's daemon with this configuration.
    #[track_caller]
    pub fn start(&mut self, node: Node, configuration: &str) -> Moment {
        self.router(node).start(configuration);
        self.mend(node);
        Moment::now()
    }

    /// Starts the node's daemon with the configuration that it had.
    #[track_caller]
    pub fn start_again(&mut self, node: Node) -> Moment {
        self.router(node).start_again();
        self.mend(node);
        Moment::now()
    }

    /// Asks the node's daemon to leave in order, waits until it has, and says when it was asked and how it ended.
    #[track_caller]
    pub fn stop(&mut self, node: Node) -> (Moment, ExitStatus) {
        let asked = Moment::now();
        (asked, self.router(node).stop())
    }

    /// Kills the node's daemon. Its addresses stay in its kernel.
    #[track_caller]
    pub fn kill9(&mut self, node: Node) -> Moment {
        self.disturb(node);
        self.router(node).kill9();
        Moment::now()
    }

    /// Stops the node's daemon in its tracks, as a stall does; [`Self::resume`] lets it go on.
    #[track_caller]
    pub fn pause(&mut self, node: Node) -> Moment {
        self.disturb(node);
        self.router(node).signal(Signal::SIGSTOP);
        Moment::now()
    }

    /// Lets a paused daemon go on.
    #[track_caller]
    pub fn resume(&mut self, node: Node) -> Moment {
        self.router(node).signal(Signal::SIGCONT);
        self.mend(node);
        Moment::now()
    }

    fn stop_all(&mut self) {
        for router in self.routers.values_mut() {
            if !router.is_running() {
                continue;
            }
            let vips: Vec<String> =
                router.instances().into_iter().flat_map(|status| status.vips).map(|vip| vip.address).collect();
            let status = router.stop();
            if router.daemon() == Daemon::Locum {
                assert!(status.success(), "{} was asked to stop and ended with {status}", router.node());
                let left = router.addresses().into_iter().find(|it| vips.contains(&invariants::with_prefix(it)));
                assert_eq!(left, None, "{} has stopped and left an address behind", router.node());
            }
        }
    }
}

/// What a test does to the network.
impl Lab {
    /// Cuts the node's cable: it loses its carrier.
    #[track_caller]
    pub fn cut(&mut self, node: Node) -> Moment {
        let at = self.disturb(node);
        self.switch_ip(&format!("link set {} down", node.port()));
        at
    }

    /// Restores a cable that was cut.
    #[track_caller]
    pub fn restore(&mut self, node: Node) -> Moment {
        self.switch_ip(&format!("link set {} up", node.port()));
        self.mend(node)
    }

    /// Nothing gets through to or from the node any more, though its carrier stays.
    #[track_caller]
    pub fn silence(&mut self, node: Node) -> Moment {
        let at = self.disturb(node);
        self.drops.push(format!("iifname {}", node.port()));
        self.drops.push(format!("oifname {}", node.port()));
        self.apply_drops();
        at
    }

    /// Adverts of `from` do not get through to `to` any more.
    #[track_caller]
    pub fn drop_adverts(&mut self, from: Node, to: Node) -> Moment {
        let at = self.disturb(from);
        self.disturb(to);
        self.drops.push(format!("iifname {} oifname {} ip protocol 112", from.port(), to.port()));
        self.apply_drops();
        at
    }

    /// Ends every silence and drop.
    #[track_caller]
    pub fn forward_all(&mut self) -> Moment {
        self.drops.clear();
        self.apply_drops();
        for node in ROUTERS {
            self.mend(node);
        }
        Moment::now()
    }

    /// Deletes the node's eth0.
    #[track_caller]
    pub fn delete_interface(&mut self, node: Node) -> Moment {
        let at = self.disturb(node);
        self.router(node).ip("link del eth0");
        at
    }

    /// Makes the node's eth0 again, with its address.
    ///
    /// # Panics
    /// When it is still there.
    #[track_caller]
    pub fn add_interface(&mut self, node: Node) -> Moment {
        let router = self.routers.get(&node).unwrap_or_else(|| panic!("this lab has no router {node}"));
        plug_in(&self.switch, router.namespace(), node).unwrap_or_else(|error| panic!("{error}"));
        self.mend(node)
    }

    /// Takes the node's own address from its eth0.
    #[track_caller]
    pub fn delete_address(&mut self, node: Node) -> Moment {
        let at = self.disturb(node);
        self.router(node).ip(&format!("addr del {}/24 dev eth0", node.address()));
        at
    }

    /// Gives the node its own address back.
    #[track_caller]
    pub fn add_address(&mut self, node: Node) -> Moment {
        self.router(node).ip(&format!("addr add {}/24 dev eth0", node.address()));
        self.mend(node)
    }

    /// Writes a setting of the kernel under `/proc/sys/net` in the node's namespace.
    ///
    /// # Panics
    /// When there is no such setting.
    #[track_caller]
    pub fn set_sysctl(&mut self, node: Node, setting: &str, value: &str) {
        let path = format!("/proc/sys/net/{setting}");
        let written = self.router(node).namespace().enter(|| fs::write(&path, value));
        written.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Gives the node's eth0 IPv6, and waits until its link-local address may be used.
    ///
    /// # Panics
    /// When that is not so within a few seconds.
    #[track_caller]
    pub fn enable_ipv6(&mut self, node: Node) {
        self.set_sysctl(node, "ipv6/conf/eth0/disable_ipv6", "0");
        let router = self.router(node);
        wait_for("a link-local address that may be used", LINK_LOCAL_MAX, || {
            let addresses = router.ip("-6 -o address show dev eth0 scope link");
            (addresses.contains("fe80") && !addresses.contains("tentative")).then_some(())
        });
    }

    #[track_caller]
    fn switch_ip(&self, arguments: &str) {
        self.switch.ip(arguments).unwrap_or_else(|error| panic!("{error}"));
    }

    #[track_caller]
    fn apply_drops(&self) {
        let rules = self.drops.iter().map(|matches| format!("add rule bridge lab drops {matches} drop; "));
        let script = format!("flush chain bridge lab drops; {}", rules.collect::<String>());
        tool("ip", &["netns", "exec", self.switch.name(), "nft", &script]);
    }

    /// Whether the node is cut off, killed or stopped right now.
    pub fn is_disturbed(&self, node: Node) -> bool {
        self.disturbances.iter().any(|it| it.node == node && it.until == Moment::END)
    }

    /// What the routers do in this test, and have done, is not to be judged by what must hold in every test.
    pub fn excuse_all(&mut self) {
        let excuse = |node| Disturbance { node, from: Moment::BEGINNING, until: Moment::END };
        self.disturbances.extend(ROUTERS.map(excuse));
    }

    fn disturb(&mut self, node: Node) -> Moment {
        let at = Moment::now();
        self.disturbances.push(Disturbance { node, from: at, until: Moment::END });
        at
    }

    fn mend(&mut self, node: Node) -> Moment {
        let at = Moment::now();
        let open = self.disturbances.iter_mut().filter(|it| it.node == node && it.until == Moment::END);
        open.for_each(|it| it.until = at);
        at
    }
}

/// What a test waits for.
impl Lab {
    /// Waits until `node` is the master of `group`: it has the address and no other router has it; each locum says the
    /// same of itself. Routers that are disturbed right now are not asked.
    ///
    /// # Panics
    /// When it is not so within `limit`.
    #[track_caller]
    pub fn wait_master(&mut self, group: Group, node: Node, limit: Duration) -> Moment {
        let disturbed = |it: &Disturbance| it.until == Moment::END;
        let away: Vec<Node> = self.disturbances.iter().filter(|it| disturbed(it)).map(|it| it.node).collect();
        let what = format!("{node} to be the only master of {}", group.instance);
        wait_for(&what, limit, || {
            let asked = self.routers.values_mut().filter(|router| !away.contains(&router.node()));
            let mut wrong = asked.filter_map(|router| {
                let is_it = router.node() == node;
                let running = router.is_running();
                assert!(running || !is_it, "{node} has ended; its log: {}", router.log());
                let said = match router.daemon() {
                    Daemon::Locum if running => {
                        router.status(group.instance).is_some_and(|it| (it.state == State::Master) == is_it)
                    }
                    Daemon::Locum | Daemon::Keepalived | Daemon::Frr => true,
                };
                (!said || router.has(group.vip) != is_it).then_some(())
            });
            wrong.next().is_none().then(Moment::now)
        })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if thread::panicking() {
            report::print(self);
        }
        // What stays is swept by the next lab.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Connects `node` to the switch and gives it its address.
fn plug_in(switch: &Namespace, namespace: &Namespace, node: Node) -> Result<(), String> {
    let (port, index, address) = (node.port(), node.port_index(), node.address());
    let mac = node.mac().map(|byte| format!("{byte:02x}")).join(":");
    let (there, name) = (namespace.name(), port.as_str());
    switch.ip(&format!("link add {name} index {index} type veth peer name eth0 address {mac} netns {there}"))?;
    switch.ip(&format!("link set {name} master br0 up"))?;
    namespace.ip(&format!("addr add {address}/24 dev eth0"))?;
    namespace.ip("link set eth0 up")?;
    Ok(())
}

/// The client never asks again on its own who has an address, so that it finds a new master only if that one says so.
fn trust_neighbours() {
    for (setting, value) in [("base_reachable_time_ms", "3600000"), ("gc_stale_time", "3600")] {
        fs::write(format!("/proc/sys/net/ipv4/neigh/eth0/{setting}"), value).expect("a setting of the client");
    }
}
