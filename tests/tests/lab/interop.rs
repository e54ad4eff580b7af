//! Getting on with others: keepalived and FRR's vrrpd, in every version, family and transport that both know, each as the
//! better and as the worse router, with the master leaving, coming back, and being cut off.
//!
//! The matrix is printed. A cell fails unless all of it works, or it shows the defect of the peer that `interop/defects`
//! has for it, in the capture of that very run.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use locum_control::State;
use locum_tests::{Advert, Checksum, Daemon, Lab, Moment, Node, Sighting, Timeline, lab_lacks, skip, with_lab};

use crate::TAKEOVER_MAX;

const VRID: u8 = 45;
const INSTANCE: &str = "VI_1";

/// How many cells are played at once: they mostly wait.
const AT_ONCE: usize = 6;

/// A way of running a group together.
#[derive(Clone, Copy, Debug)]
struct Cell {
    peer: Daemon,
    name: &'static str,
    version: u8,
    ipv6: bool,
    unicast: bool,
    /// What the instance says on our side and on the peer's.
    ours: &'static str,
    theirs: &'static str,
}

const PASS: &str = "authentication {\n auth_type PASS\n auth_pass admin123\n }";

/// The virtual router's MAC address.
const VMAC: &str = "use_vmac";

/// The same, for the addresses alone.
const ON_BASE: &str = "use_vmac\n vmac_xmit_base";

const fn keepalived(name: &'static str, version: u8, ipv6: bool, unicast: bool) -> Cell {
    Cell { peer: Daemon::Keepalived, name, version, ipv6, unicast, ours: "", theirs: "" }
}

const fn frr(name: &'static str, version: u8, ipv6: bool) -> Cell {
    Cell { peer: Daemon::Frr, name, version, ipv6, unicast: false, ours: "", theirs: "" }
}

const CELLS: [Cell; 26] = [
    keepalived("v2 IPv4 multicast", 2, false, false),
    Cell { ours: PASS, theirs: PASS, ..keepalived("v2 IPv4 multicast PASS", 2, false, false) },
    keepalived("v2 IPv4 unicast", 2, false, true),
    Cell { ours: PASS, theirs: PASS, ..keepalived("v2 IPv4 unicast PASS", 2, false, true) },
    Cell { theirs: VMAC, ..keepalived("v2 IPv4 multicast, its VMAC", 2, false, false) },
    keepalived("v3 IPv4 multicast", 3, false, false),
    Cell { ours: "v3_checksum_as_v2 on", ..keepalived("v3 IPv4 multicast, our plain checksum", 3, false, false) },
    keepalived("v3 IPv4 unicast", 3, false, true),
    Cell { ours: "v3_checksum_as_v2 on", ..keepalived("v3 IPv4 unicast, our plain checksum", 3, false, true) },
    Cell { theirs: VMAC, ..keepalived("v3 IPv4 multicast, its VMAC", 3, false, false) },
    keepalived("v3 IPv6 multicast", 3, true, false),
    keepalived("v3 IPv6 unicast", 3, true, true),
    Cell { theirs: VMAC, ..keepalived("v3 IPv6 multicast, its VMAC", 3, true, false) },
    Cell { ours: VMAC, ..keepalived("v2 IPv4 multicast, our VMAC", 2, false, false) },
    Cell { ours: VMAC, theirs: VMAC, ..keepalived("v2 IPv4 multicast, VMAC on both", 2, false, false) },
    Cell { ours: VMAC, ..keepalived("v3 IPv4 multicast, our VMAC", 3, false, false) },
    Cell { ours: VMAC, theirs: VMAC, ..keepalived("v3 IPv4 multicast, VMAC on both", 3, false, false) },
    Cell { ours: VMAC, ..keepalived("v3 IPv6 multicast, our VMAC", 3, true, false) },
    Cell { ours: VMAC, theirs: VMAC, ..keepalived("v3 IPv6 multicast, VMAC on both", 3, true, false) },
    Cell { ours: ON_BASE, theirs: ON_BASE, ..keepalived("v3 IPv4 multicast, VMAC, adverts without", 3, false, false) },
    Cell { ours: ON_BASE, theirs: ON_BASE, ..keepalived("v3 IPv4 unicast, VMAC on both", 3, false, true) },
    frr("v2 IPv4 multicast", 2, false),
    frr("v3 IPv4 multicast", 3, false),
    frr("v3 IPv6 multicast", 3, true),
    Cell { ours: VMAC, ..frr("v3 IPv4 multicast, our VMAC", 3, false) },
    Cell { ours: VMAC, ..frr("v3 IPv6 multicast, our VMAC", 3, true) },
];

/// Who has the higher priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Better {
    Locum,
    Peer,
}

/// How a cell went.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Works,
    Defect(String),
    Fails(String),
}

/// Goal: a group of different routers works as one of the same. Method: every cell in both roles, each in a lab of its own.
#[test]
fn matrix() {
    if let Some(lack) = lab_lacks(&[Daemon::Locum, Daemon::Keepalived, Daemon::Frr]) {
        return skip(&lack);
    }
    let defects = Defect::all();
    let runs: Vec<(Cell, Better)> =
        CELLS.into_iter().flat_map(|cell| [Better::Locum, Better::Peer].map(|better| (cell, better))).collect();
    let next = Mutex::new(0..runs.len());
    let verdicts = Mutex::new(vec![Verdict::Fails("was not played".into()); runs.len()]);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(index) = next.lock().expect("nobody panics with it").next() else { return };
                    let (cell, better) = runs[index];
                    let verdict = play(cell, better, &defects);
                    verdicts.lock().expect("nobody panics with it")[index] = verdict;
                }
            });
        }
    });
    let verdicts = verdicts.into_inner().expect("nobody panicked with it");
    let table = table(&verdicts);
    // Written past the harness, which hides what a test that passes prints.
    let _ = write!(io::stderr(), "\n{table}");
    let failed = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Fails(_)));
    assert!(!failed, "{table}");
}

fn table(verdicts: &[Verdict]) -> String {
    let mut table = format!("{:<12} {:<40} {:<14} {:<14}\n", "peer", "", "locum better", "peer better");
    let mut notes = String::new();
    for (cell, pair) in CELLS.iter().zip(verdicts.chunks(2)) {
        let words = pair.iter().map(|verdict| match verdict {
            Verdict::Works => "works",
            Verdict::Defect(_) => "their defect",
            Verdict::Fails(_) => "FAILS",
        });
        let words: Vec<&str> = words.collect();
        let peer = format!("{:?}", cell.peer);
        let _ = writeln!(table, "{peer:<12} {:<40} {:<14} {:<14}", cell.name, words[0], words[1]);
        for verdict in pair {
            if let Verdict::Defect(why) | Verdict::Fails(why) = verdict {
                let _ = writeln!(notes, "{peer} {}: {why}", cell.name);
            }
        }
    }
    table + &notes
}

/// Plays a cell on a thread of its own, so that what panics there ends only that.
fn play(cell: Cell, better: Better, defects: &[Defect]) -> Verdict {
    let name = format!("interop-{:?}-{}-{better:?}", cell.peer, cell.name).replace([' ', ','], "-");
    let verdict = Mutex::new(Verdict::Fails("broke".into()));
    let outcome = thread::scope(|scope| {
        let run = || {
            with_lab(&[Daemon::Locum, cell.peer], |lab| {
                let went = drive(lab, cell, better);
                *verdict.lock().expect("nobody else has it") = match went {
                    Ok(()) => Verdict::Works,
                    Err(wrong) => judge(lab, cell, wrong, defects, &name),
                };
            });
        };
        thread::Builder::new().name(name.clone()).spawn_scoped(scope, run).expect("a thread").join()
    });
    let verdict = verdict.into_inner().expect("nobody else has it");
    match outcome {
        Ok(()) => verdict,
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map_or("it panicked", String::as_str);
            Verdict::Fails(text.lines().next().unwrap_or_default().to_owned())
        }
    }
}

/// The better one becomes master, leaves, comes back, and is cut off. Says what did not happen.
fn drive(lab: &mut Lab, cell: Cell, better: Better) -> Result<(), String> {
    let (high, low) = if better == Better::Locum { (Node::A, Node::B) } else { (Node::B, Node::A) };
    for (node, other) in [(Node::A, Node::B), (Node::B, Node::A)] {
        if cell.ipv6 {
            lab.enable_ipv6(node);
            lab.router(node).ip(&format!("-6 addr add {}/64 dev eth0 nodad", own6(node)));
        }
        let daemon = lab.router(node).daemon();
        if daemon == Daemon::Frr {
            macvlan(lab, node, cell);
        }
        let configuration = configuration(cell, node, other, if node == high { 200 } else { 100 }, daemon);
        lab.start(node, &configuration);
    }
    master(lab, cell, high, low, "at the beginning")?;
    lab.stop(high);
    master(lab, cell, low, high, "after the better one has left")?;
    lab.start_again(high);
    master(lab, cell, high, low, "after the better one is back")?;
    // All so far was without a fault, so nothing may have been refused.
    let refused = lab.router(Node::A).status(INSTANCE).map(|status| status.counters.rejected).unwrap_or_default();
    if !refused.is_empty() {
        return Err(format!("we refused packets: {refused:?}"));
    }
    lab.cut(high);
    master(lab, cell, low, high, "after the better one was cut off")
}

/// Waits until `node` alone advertises, has the address, and says so.
fn master(lab: &mut Lab, cell: Cell, node: Node, other: Node, when: &str) -> Result<(), String> {
    let started = Instant::now();
    loop {
        let claims = |lab: &Lab, node| claims_lately(lab, cell, node);
        let spoken = claims(lab, node) && !claims(lab, other);
        if spoken && is_as_it_says(lab, cell, node, true) && is_as_it_says(lab, cell, other, false) {
            return Ok(());
        }
        if started.elapsed() > TAKEOVER_MAX {
            let who = |lab: &Lab, node| if claims(lab, node) { "advertises" } else { "is silent" };
            return Err(format!(
                "{node} is not the only master {when}: it {}, {other} {}",
                who(lab, node),
                who(lab, other)
            ));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Whether the daemon's own word and the addresses agree. A router that was cut off or stopped is not asked.
fn is_as_it_says(lab: &mut Lab, cell: Cell, node: Node, master: bool) -> bool {
    if lab.is_disturbed(node) || !lab.router(node).is_running() {
        return !master;
    }
    let router = lab.router(node);
    let has_it = router.ip("-o address show").split_whitespace().any(|word| word.starts_with(vip(cell)));
    match router.daemon() {
        Daemon::Locum => {
            has_it == master && router.status(INSTANCE).is_some_and(|it| (it.state == State::Master) == master)
        }
        Daemon::Keepalived => has_it == master,
        // Its address is always on its macvlan, which it means to set down.
        Daemon::Frr => true,
    }
}

fn adverts<'a>(timeline: &'a Timeline, cell: Cell, node: Node) -> Vec<Sighting<'a, Advert>> {
    let mut adverts = if cell.ipv6 { timeline.adverts6(VRID) } else { timeline.adverts(VRID) };
    adverts.retain(|advert| advert.from == node);
    adverts
}

/// Whether the last word of `node`, not long ago, was that it is master.
fn claims_lately(lab: &Lab, cell: Cell, node: Node) -> bool {
    let timeline = lab.timeline();
    let last = adverts(&timeline, cell, node).pop().map(|advert| (advert.at, advert.what.claims()));
    last.is_some_and(|(at, claims)| claims && Moment::now().since(at) < interval(cell) * 5 / 2)
}

const fn interval(cell: Cell) -> Duration {
    Duration::from_millis(if cell.version == 2 { 1000 } else { 200 })
}

const fn vip(cell: Cell) -> &'static str {
    if cell.ipv6 { "2001:db8:1::248" } else { "172.20.45.248" }
}

fn own6(node: Node) -> String {
    format!("2001:db8:1::{}", node.address().octets()[3])
}

fn configuration(cell: Cell, node: Node, other: Node, priority: u8, daemon: Daemon) -> String {
    if daemon == Daemon::Frr {
        let addresses = if cell.ipv6 {
            format!(" vrrp {VRID} ipv6 fe80::248\n vrrp {VRID} ipv6 {}\n", vip(cell))
        } else {
            format!(" vrrp {VRID} ip {}\n", vip(cell))
        };
        return format!(
            "frr defaults traditional\nlog stdout informational\ninterface eth0\n vrrp {VRID} version {}\n vrrp {VRID} \
             priority {priority}\n vrrp {VRID} advertisement-interval {}\n{addresses}exit\n",
            cell.version,
            interval(cell).as_millis()
        );
    }
    let more = if daemon == Daemon::Locum { cell.ours } else { cell.theirs };
    let transport = match (cell.unicast, cell.ipv6) {
        (false, _) => String::new(),
        (true, false) => {
            format!("unicast_src_ip {}\n unicast_peer {{\n {}\n }}", node.address(), other.address())
        }
        (true, true) => format!("unicast_src_ip {}\n unicast_peer {{\n {}\n }}", own6(node), own6(other)),
    };
    let addresses = if cell.ipv6 { format!("fe80::248/64\n {}/64", vip(cell)) } else { format!("{}/24", vip(cell)) };
    format!(
        "vrrp_instance {INSTANCE} {{\n state BACKUP\n interface eth0\n version {}\n virtual_router_id {VRID}\n priority \
         {priority}\n advert_int {}\n {more}\n {transport}\n virtual_ipaddress {{\n {addresses}\n }}\n}}\n",
        cell.version,
        interval(cell).as_secs_f32()
    )
}

/// The interface that FRR wants to find, with the virtual router's MAC address and addresses.
fn macvlan(lab: &mut Lab, node: Node, cell: Cell) {
    let router = lab.router(node);
    router.ip("link add vrrp link eth0 type macvlan mode bridge");
    let family = if cell.ipv6 { 2 } else { 1 };
    router.ip(&format!("link set vrrp address 00:00:5e:00:{family:02x}:{VRID:02x}"));
    if cell.ipv6 {
        lab.set_sysctl(node, "ipv6/conf/vrrp/disable_ipv6", "0");
        let router = lab.router(node);
        router.ip("-6 addr add fe80::248/64 dev vrrp nodad");
        router.ip(&format!("-6 addr add {}/64 dev vrrp nodad", vip(cell)));
    } else {
        router.ip(&format!("addr add {}/24 dev vrrp", vip(cell)));
    }
    lab.router(node).ip("link set vrrp up");
}

/// A line of `interop/defects`.
struct Defect {
    peer: String,
    cell: String,
    symptom: String,
    text: String,
}

impl Defect {
    fn all() -> Vec<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/defects");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let defect = |line: &str| match line.split('|').map(str::trim).collect::<Vec<_>>()[..] {
            [peer, cell, symptom, text] => {
                let known = CELLS.iter().any(|it| it.name == cell && peer.starts_with(&format!("{:?}", it.peer)));
                assert!(known, "{line}: no such cell");
                Self { peer: peer.into(), cell: cell.into(), symptom: symptom.into(), text: text.into() }
            }
            _ => panic!("{line}: four parts"),
        };
        lines.map(defect).collect()
    }
}

/// Whether what went wrong is a known defect of the peer, and the capture shows it.
fn judge(lab: &mut Lab, cell: Cell, wrong: String, defects: &[Defect], name: &str) -> Verdict {
    let capture = lab.keep_capture(name);
    let peer = format!("{:?}", cell.peer);
    let known = defects.iter().find(|it| it.peer.starts_with(&peer) && it.cell == cell.name);
    let known = known.filter(|it| shows(lab, cell, &it.symptom));
    // The peer is known, or about to be known, to misbehave: the lab's own rules are not for it. From here on none of the
    // routers counts as whole, so its addresses were looked at before.
    lab.excuse_all();
    match known {
        Some(Defect { text, .. }) => Verdict::Defect(format!("{text} (capture: {})", capture.display())),
        None => {
            let log = lab.router(Node::B).log();
            let last = log.lines().rev().take(3).collect::<Vec<_>>().join(" / ");
            Verdict::Fails(format!("{wrong} (capture: {}); its log ends: {last}", capture.display()))
        }
    }
}

/// Whether the capture shows the symptom.
fn shows(lab: &mut Lab, cell: Cell, symptom: &str) -> bool {
    assert_eq!(symptom, "both-masters", "a symptom that can be looked for");
    let timeline = lab.timeline();
    let (ours, theirs) = (adverts(&timeline, cell, Node::A), adverts(&timeline, cell, Node::B));
    let valid = |advert: &Advert| advert.whole && advert.checksum != Checksum::Wrong && advert.ttl == 255;
    let Some(last) = theirs.iter().rfind(|it| it.what.claims()) else { return false };
    // It claims by an advert; or, where each of ours puts off its own, by the address that it keeps.
    let keeps_it = is_as_it_says(lab, cell, Node::B, true);
    let until = ours.last().map(|it| it.at).filter(|_| keeps_it).map_or(last.at, |at| at.max(last.at));
    // Ten intervals, in which it has heard better ones of ours and nothing else, and still it claims to be master.
    let heard: Vec<_> = ours.iter().filter(|it| it.at <= until && until.since(it.at) < interval(cell) * 10).collect();
    heard.len() >= 8 && heard.iter().all(|it| valid(it.what) && it.what.priority > last.what.priority)
}
