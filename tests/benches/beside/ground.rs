//! What a measurement runs on: routers and a client in network namespaces, joined by a switch for each LAN.
//!
//! LAN `j` is 10.(70+j).0.0/16, with router `i` at .0.i, the client at .0.100, and the virtual address of VRID `v` at
//! .1.v. The client's neighbour entries never age, so that only an announcement can move it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use locum_tests::{Frame, Moment, Namespace, Tap, decode, tool, unique_name};

/// The most virtual routers of one LAN; more are spread over several.
pub(crate) const OF_A_LAN: usize = 255;

/// LANs where one is not enough.
const LANS: usize = 4;

/// The number of the client among those of a LAN.
pub(crate) const CLIENT: usize = 9;

/// Where all this happens.
pub(crate) struct Ground {
    // Dropped in this order: a namespace takes along what runs in it.
    routers: Vec<Namespace>,
    client: Namespace,
    switch: Namespace,
    folder: PathBuf,
    lans: usize,
}

impl Ground {
    /// Builds one for so many routers with so many instances.
    pub(crate) fn new(routers: usize, instances: usize) -> Self {
        Self::build(routers, instances).unwrap_or_else(|error| panic!("cannot build the network: {error}"))
    }

    fn build(routers: usize, instances: usize) -> Result<Self, String> {
        let name = unique_name();
        let folder = Path::new("/run").join(&name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let lans = if instances > OF_A_LAN { LANS } else { 1 };
        let switch = Namespace::new(&name, "sw")?;
        let client = Namespace::new(&name, "cl")?;
        let routers: Result<Vec<_>, _> = (1..=routers).map(|i| Namespace::new(&name, &format!("n{i}"))).collect();
        let routers = routers?;
        for lan in 0..lans {
            switch.ip(&format!("link add br{lan} type bridge stp_state 0 forward_delay 0 mcast_snooping 0"))?;
            switch.ip(&format!("link set br{lan} up"))?;
            let ends = routers.iter().zip(1..).chain([(&client, CLIENT)]);
            for (there, i) in ends {
                let (port, index, host) = (port(i, lan), port_index(i, lan), if i == CLIENT { 100 } else { i });
                let there_name = there.name();
                switch.ip(&format!("link add {port} index {index} type veth peer name eth{lan} netns {there_name}"))?;
                switch.ip(&format!("link set {port} master br{lan} up"))?;
                there.ip(&format!("addr add 10.{}.0.{host}/16 dev eth{lan}", 70 + lan))?;
                there.ip(&format!("link set eth{lan} up"))?;
            }
        }
        client.enter(|| {
            for lan in 0..lans {
                let folder = format!("/proc/sys/net/ipv4/neigh/eth{lan}");
                fs::write(format!("{folder}/base_reachable_time_ms"), "3600000").expect("a setting of the client");
                fs::write(format!("{folder}/gc_stale_time"), "3600").expect("a setting of the client");
            }
        });
        Ok(Self { routers, client, switch, folder, lans })
    }

    /// How many LANs there are.
    pub(crate) const fn lans(&self) -> usize {
        self.lans
    }

    /// A router, counted from 1.
    pub(crate) fn router(&self, number: usize) -> &Namespace {
        &self.routers[number - 1]
    }

    /// The client.
    pub(crate) const fn client(&self) -> &Namespace {
        &self.client
    }

    /// A folder for what a router's daemon writes.
    pub(crate) fn folder(&self, router: usize) -> PathBuf {
        let folder = self.folder.join(router.to_string());
        fs::create_dir_all(folder.join("run")).expect("a folder in our own /run");
        folder
    }

    /// Cuts a router's first cable, or joins it again: its carrier goes.
    pub(crate) fn set_cable(&self, router: usize, joined: bool) {
        self.switch_ip(&format!("link set {} {}", port(router, 0), if joined { "up" } else { "down" }));
    }

    /// Lets nothing through at a router's first port, or everything again: its carrier stays.
    pub(crate) fn set_forwarding(&self, router: usize, forwards: bool) {
        // Not by `ip link set ... type bridge_slave state`, which is taken and does nothing.
        let state = if forwards { "3" } else { "0" };
        tool("bridge", &["-n", self.switch.name(), "link", "set", "dev", &port(router, 0), "state", state]);
    }

    /// The client forgets where it had found anybody.
    pub(crate) fn forget_neighbours(&self) {
        let _ = self.client.ip("neigh flush dev eth0"); // there may be none
    }

    fn switch_ip(&self, arguments: &str) {
        self.switch.ip(arguments).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Begins to keep what comes in at the ports of the switch.
    pub(crate) fn capture(&self) -> Capture {
        let tap = Tap::open(&self.switch).unwrap_or_else(|error| panic!("the capture: {error}"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (kept, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut buffer = [0; 2048];
            while !stopped.load(Ordering::Relaxed) {
                let Some(caught) = tap.next(&mut buffer) else { continue };
                let Some((lan, router)) = caught.port.checked_sub(PORTS_FROM).map(|it| (it / 10, it % 10)) else {
                    continue;
                };
                let frame = decode(caught.bytes);
                let is_a_strangers = router == CLIENT && matches!(frame, Frame::Advert(_));
                if !is_a_strangers && !matches!(frame, Frame::Other) {
                    kept.lock().expect("nobody panics with it").push(Seen { at: caught.at, lan, router, frame });
                }
            }
        });
        Capture { seen, stop, thread: Some(thread) }
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder); // /run goes with the namespaces
    }
}

/// Interface indices of ports are from here on, ten for each LAN.
const PORTS_FROM: usize = 1000;

fn port(number: usize, lan: usize) -> String {
    format!("p{number}.{lan}")
}

const fn port_index(number: usize, lan: usize) -> usize {
    PORTS_FROM + 10 * lan + number
}

/// A frame that came in at a port.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// When, by the kernel.
    pub(crate) at: Moment,
    /// On which LAN.
    pub(crate) lan: usize,
    /// From which router, or [`CLIENT`].
    pub(crate) router: usize,
    /// It.
    pub(crate) frame: Frame,
}

impl Seen {
    /// The VRID and the priority, if it is an advert.
    pub(crate) const fn advert(&self) -> Option<(u8, u8)> {
        match &self.frame {
            Frame::Advert(advert) => Some((advert.vrid, advert.priority)),
            _ => None,
        }
    }
}

/// A capture that runs until it is asked what it saw.
pub(crate) struct Capture {
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// What was seen so far, in the order of time.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let mut seen = self.seen.lock().expect("the capture is well").clone();
        seen.sort_by_key(|seen| seen.at);
        seen
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // what broke it has been said
        }
    }
}
