//! Instructions that the core takes, counted by valgrind's callgrind: the same on every run, so that a change is seen that
//! no clock could tell from noise. `cargo bench -p locum-core --bench instructions`.
//!
//! The counts lie in `instructions.txt`, with the compiler that they are of. One that has changed by more than
//! [`CHANGE_MAX_PERCENT`] fails until it is accepted: `INSTRUCTIONS_UPDATE=1` writes the file anew. Under another compiler
//! or on another processor the counts are only printed.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a count that cannot be taken ends the run"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use locum_core::priority::{Track, Tracker};
use locum_core::router::{AnnounceConfig, Config, InterfaceId, Peer, Preempt, Received, Storage, Transport};
use locum_core::set::{Interface, Link, Output, PACKET_BYTES_MAX, RouterSet, Slot};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::Family;
use locum_core::wire::ipv4;
use locum_core::wire::vrrp::{self, Advertisement, Checksum, Message, Version};

/// By how much a count may change before somebody has to say that it is right.
const CHANGE_MAX_PERCENT: u64 = 5;

/// How often each is done while it is counted.
const TIMES: u64 = 1000;

/// What is counted.
const CASES: [(&str, fn()); 8] = [
    ("an advert is parsed and its checksum verified", parse),
    ("a packet with a wrong TTL is refused", refuse),
    ("a backup takes an advert", || take(1)),
    ("a backup takes an advert, one of 100 routers", || take(100)),
    ("a backup takes an advert, one of 10000 routers", || take(10_000)),
    ("a master makes an advert", || make(1)),
    ("a master makes an advert, one of 100 routers", || make(100)),
    ("a master makes an advert, one of 10000 routers", || make(10_000)),
];

/// Valgrind counts while this function runs, and only then.
#[inline(never)]
fn counted(mut work: impl FnMut(u64)) {
    for n in 0..TIMES {
        work(n);
    }
    black_box(());
}

#[derive(Clone, Debug)]
struct Owned;

impl Storage for Owned {
    type Addresses = Box<[IpAddr]>;
    type Peers = Box<[Peer]>;
    type Tracks = Box<[Track]>;
}

type Set = RouterSet<Owned, Vec<Slot<Owned>>, Vec<Interface>, Vec<Tracker>>;

const HERE: Ipv4Addr = Ipv4Addr::new(10, 70, 0, 2);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 70, 0, 1);

/// Virtual routers of an interface.
const OF_AN_INTERFACE: u16 = 250;

const fn place(n: u16) -> (InterfaceId, u8) {
    let vrid = n % OF_AN_INTERFACE + 1;
    assert!(vrid <= 255, "a VRID");
    (InterfaceId(n / OF_AN_INTERFACE), vrid.to_be_bytes()[1])
}

fn address(vrid: u8) -> Box<[IpAddr]> {
    Box::new([Ipv4Addr::new(10, 70, 1, vrid).into()])
}

/// Routers that have all begun.
fn set(routers: u16, priority: u8) -> (Set, Buffer) {
    let mut buffer = [0; PACKET_BYTES_MAX];
    let interfaces = routers.div_ceil(OF_AN_INTERFACE);
    let mut set = Set::new(
        vec![Slot::default(); usize::from(routers)],
        vec![Interface::default(); usize::from(interfaces)],
        Vec::new(),
    );
    for n in 0..interfaces {
        set.handle_link(Instant::ZERO, InterfaceId(n), Link::Up);
        drain(&mut set, &mut buffer);
    }
    for n in 0..routers {
        let (interface, vrid) = place(n);
        let config = Config {
            interface,
            vrid: NonZeroU8::new(vrid).unwrap(),
            family: Family::Ipv4,
            version: Version::V2,
            priority: NonZeroU8::new(priority).unwrap(),
            advert_interval_cs: 100,
            down_timer_adverts: NonZeroU8::new(3).unwrap(),
            preempt: Preempt::AtOnce,
            transport: Transport::Multicast { group: Ipv4Addr::new(224, 0, 0, 18).into() },
            password: None,
            addresses: address(vrid),
            announce: AnnounceConfig { delay: Duration::ZERO, ..AnnounceConfig::default() },
            checksum: Checksum::PseudoHeader,
            skips_address_check: false,
            answers_lower: true,
            ignores_link: false,
            owner_ignores_adverts: false,
            resigns_when_overdue: false,
            start_delay: Duration::ZERO,
            tracks: Box::default(),
            group: None,
        };
        // A microsecond apart, so that the heap has something to order.
        let inserted = set.insert(at(u64::from(n)), config, Some(HERE.into()));
        assert!(inserted.is_ok(), "router {n}");
        drain(&mut set, &mut buffer);
    }
    (set, buffer)
}

fn at(us: u64) -> Instant {
    Instant::from_us(us)
}

/// Where packets are written, made once as the engine does.
type Buffer = [u8; PACKET_BYTES_MAX];

/// Does nothing with what is to be done, and says how many adverts there were.
fn drain(set: &mut Set, buffer: &mut Buffer) -> u64 {
    let mut sent = 0;
    loop {
        match set.poll_output(buffer) {
            Output::Timeout(_) => return sent,
            Output::Transmit(transmit) => {
                black_box(&buffer[..transmit.len]);
                sent += 1;
            }
            Output::Action { .. } | Output::Event { .. } | Output::Stray { .. } => {}
        }
    }
}

/// An advert of the other router, as a raw socket gives it.
fn advert(vrid: u8, ttl: u8) -> Vec<u8> {
    let addresses = address(vrid);
    let advert = Advertisement {
        version: Version::V2,
        vrid,
        priority: 200,
        advert_interval_cs: 100,
        password: None,
        addresses: &addresses,
        checksum: Checksum::Plain,
    };
    let len = advert.len(Family::Ipv4);
    let mut packet = vec![0; ipv4::HEADER_BYTES + len];
    let group = Ipv4Addr::new(224, 0, 0, 18);
    ipv4::emit(&mut packet, OTHER, group, ttl, vrrp::PROTOCOL, len).unwrap();
    advert.emit(&mut packet[ipv4::HEADER_BYTES..], OTHER.into(), group.into()).unwrap();
    packet
}

fn received(bytes: &[u8]) -> Received<'_> {
    let packet = ipv4::Packet::parse(bytes).unwrap();
    Received {
        source: packet.source.into(),
        destination: packet.destination.into(),
        ttl: packet.ttl,
        message: packet.payload,
    }
}

fn parse() {
    let bytes = advert(1, 255);
    counted(|_| {
        let packet = received(black_box(&bytes));
        let message = Message::new(packet.message).unwrap();
        assert!(message.is_complete(Version::V2, Family::Ipv4));
        assert_eq!(message.checksum(Version::V2, packet.source, packet.destination), Some(Checksum::Plain));
    });
}

fn refuse() {
    let (mut set, mut buffer) = set(1, 100);
    let bytes = advert(1, 64);
    counted(|n| {
        set.handle_packet(at(1000 + n), InterfaceId(0), &received(black_box(&bytes)));
        drain(&mut set, &mut buffer);
    });
}

fn take(routers: u16) {
    let (mut set, mut buffer) = set(routers, 100);
    let bytes: Vec<_> = (0..routers).map(|n| advert(place(n).1, 255)).collect();
    let mut hear = |set: &mut Set, turn: u64, n: u16| {
        let packet = received(black_box(&bytes[usize::from(n)]));
        set.handle_packet(at(1_000_000 * turn + u64::from(n)), place(n).0, &packet);
        drain(set, &mut buffer);
        black_box(set.deadline());
    };
    for turn in 1..=2 {
        (0..routers).for_each(|n| hear(&mut set, turn, n));
    }
    counted(|n| {
        let turn = 3 + n / u64::from(routers);
        hear(&mut set, turn, u16::try_from(n % u64::from(routers)).unwrap());
    });
    let heard: u64 = set.routers().map(|(_, router)| u64::from(router.counters().adverts_received)).sum();
    assert_eq!(heard, 2 * u64::from(routers) + TIMES, "all were taken");
}

fn make(routers: u16) {
    let (mut set, mut buffer) = set(routers, 255);
    let mut expire = |set: &mut Set| {
        let due = set.deadline().unwrap();
        set.handle_timeout(due);
        drain(set, &mut buffer)
    };
    // After ten seconds all announcements have been made.
    while set.deadline().unwrap() < at(10_000_000) {
        expire(&mut set);
    }
    let mut sent = 0;
    counted(|_| sent += expire(&mut set));
    assert_eq!(sent, TIMES, "each is one advert");
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    if let Some(case) = arguments.next().and_then(|number| number.parse::<usize>().ok()) {
        CASES[case].1();
        return ExitCode::SUCCESS;
    }
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Counts all cases, and compares them with what is written down.
fn compare() -> Result<(), String> {
    let compiler = compiler()?;
    let mut counts = Vec::new();
    for (case, (name, _)) in CASES.iter().enumerate() {
        counts.push((*name, count(case)?));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt");
    let mut text = format!("compiler: {compiler}\n");
    for (name, count) in &counts {
        let _ = writeln!(text, "{count:>8}  {name}");
    }
    if std::env::var_os("INSTRUCTIONS_UPDATE").is_some() {
        print!("{text}");
        return std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()));
    }
    let kept = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let is_same_compiler = kept.lines().next() == Some(format!("compiler: {compiler}").as_str());
    let mut changed = Vec::new();
    for (name, count) in counts {
        let line = kept.lines().find_map(|line| line.trim_start().split_once("  ").filter(|(_, of)| *of == name));
        let before = line.and_then(|(count, _)| count.parse::<u64>().ok());
        println!("{count:>8}  {name}{}", before.map_or(" (new)".into(), |before| difference(before, count)));
        if before.is_none_or(|before| count.abs_diff(before) * 100 > before * CHANGE_MAX_PERCENT) {
            changed.push(name);
        }
    }
    if !is_same_compiler {
        println!("not compared: the file is of another compiler than {compiler}");
        return Ok(());
    }
    if changed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "changed by more than {CHANGE_MAX_PERCENT} %: {}\nIf that is right: INSTRUCTIONS_UPDATE=1 cargo bench -p locum-core \
         --bench instructions",
        changed.join("; ")
    ))
}

fn difference(before: u64, after: u64) -> String {
    if before == after { String::new() } else { format!(", {before} before") }
}

/// The compiler and what it compiles for: counts of another one are not comparable.
fn compiler() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let field = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    Ok(format!("rustc {} for {}", field("release: "), std::env::consts::ARCH))
}

/// The instructions of one case, each time that it is done.
fn count(case: usize) -> Result<u64, String> {
    let this = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let file: PathBuf = std::env::temp_dir().join(format!("locum-instructions-{}-{case}", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*counted*"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(this)
        .arg(case.to_string())
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let _ = std::fs::remove_file(&file); // it is in the temporary folder in any case
    if !output.status.success() {
        let _ = std::io::stderr().write_all(&output.stderr);
        return Err(format!("{}: {}", CASES[case].0, output.status));
    }
    let total = text.lines().find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")));
    let total: u64 = total.and_then(|total| total.trim().parse().ok()).ok_or("valgrind has written no summary")?;
    if total < TIMES { Err("valgrind has counted nothing".into()) } else { Ok(total / TIMES) }
}
