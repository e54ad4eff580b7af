//! A stranger floods the segment with packets that must be refused, or lets them trickle in.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::sleep;
use std::time::{Duration, Instant};

use locum_tests::{Moment, VrrpPacket};
use socket2::{Domain, Protocol, Socket, Type};

use super::outage::{VIP, probed};
use super::{Context, Pair, Taken, in_turn};
use crate::daemon::Setup;
use crate::figures::{Goal, Line, ms, us};
use crate::ground::{Ground, Seen};
use crate::tools::probe;

/// Instances of the routers in a flood. What trickles in is all for one, as a stray router's adverts are.
const INSTANCES: u8 = 10;

/// Fewer packets a second than this only trickle.
const FLOOD: u32 = 1000;

/// Measures it.
pub(crate) fn take(context: &Context, rate: u32) -> Taken {
    let instances = if rate < FLOOD { 1 } else { INSTANCES };
    // Between packets that trickle there are adverts, of which a master that is muted sends fewer.
    let goal = if rate < FLOOD { Goal::None } else { Goal::OfPeers(1.0) };
    let mut cpu = Line::new("CPU per bad packet, master [us]", goal);
    let mut gap = Line::new("longest time between adverts [ms]", Goal::AtMost(1100.0));
    let mut claims = Line::new("adverts of the backup, which should be silent", Goal::AtMost(0.0));
    let mut lost = Line::new("pings of a client without an answer", Goal::AtMost(0.0));
    let mut log = Line::new("lines logged by the master", Goal::None);
    let setup = Setup { password: true, ..Setup::new(instances.into(), 200, 1000) };
    for run in 0..context.runs {
        for which in in_turn(run) {
            let ground = Ground::new(2, instances.into());
            let pair = Pair::start(context, which, &ground, &setup);
            let capture = ground.capture();
            let probe = probe(&ground, VIP);
            let (before, lines, from) = (pair.master.cpu(), pair.master.log_lines(), Moment::now());
            // A few packets take longer to do harm than many.
            let sent = flood(&ground, &bad_packets(instances), rate, context.window(if rate < FLOOD { 20 } else { 5 }));
            cpu.push(which, us(pair.master.cpu() - before) / f64::from(sent.max(1)));
            drop(probe);
            sleep(Duration::from_millis(100));
            #[allow(clippy::cast_precision_loss, reason = "counts")]
            let count = |count: usize| count as f64;
            log.push(which, count(pair.master.log_lines() - lines));
            let seen = capture.seen();
            gap.push(which, longest_gap(&seen, instances, from, Moment::now()));
            lost.push(
                which,
                count(probed(&seen).iter().filter(|probed| probed.at > from && probed.by.is_none()).count()),
            );
            claims.push(which, count(seen.iter().filter(|it| it.router == 2 && it.advert().is_some()).count()));
        }
    }
    Taken { lines: vec![cpu, gap, claims, lost, log], ..Taken::default() }
}

/// The longest time in which an instance of router 1 was silent, in milliseconds.
fn longest_gap(seen: &[Seen], instances: u8, from: Moment, until: Moment) -> f64 {
    let mut last: BTreeMap<u8, Moment> = (1..=instances).map(|vrid| (vrid, from)).collect();
    let mut longest = Duration::ZERO;
    for seen in seen.iter().filter(|seen| seen.router == 1 && seen.at > from) {
        if let Some((vrid, _)) = seen.advert()
            && let Some(before) = last.insert(vrid, seen.at)
        {
            longest = longest.max(seen.at.since(before));
        }
    }
    ms(last.values().map(|last| until.since(*last)).fold(longest, Duration::max))
}

/// Everything that is refused, for all the groups. What was taken would depose the master.
fn bad_packets(instances: u8) -> Vec<VrrpPacket> {
    let mut packets = Vec::new();
    for vrid in 1..=instances {
        let good = VrrpPacket {
            source: Ipv4Addr::new(10, 70, 0, 100),
            vrid,
            priority: 250,
            auth: *b"secret12",
            addresses: vec![Ipv4Addr::new(10, 70, 1, vrid)],
            ..VrrpPacket::default()
        };
        packets.extend([
            VrrpPacket { checksum_error: 0x5555, ..good.clone() },
            VrrpPacket { version: 7, ..good.clone() },
            VrrpPacket { version: 3, ..good.clone() },
            VrrpPacket { packet_type: 9, ..good.clone() },
            VrrpPacket { ttl: 64, ..good.clone() },
            VrrpPacket { auth: *b"guess\0\0\0", ..good.clone() },
            VrrpPacket { auth_type: 0, ..good.clone() },
            VrrpPacket { auth_type: 2, ..good.clone() },
            VrrpPacket { count: Some(20), ..good.clone() },
            VrrpPacket { cut_to: Some(5), ..good.clone() },
            VrrpPacket { cut_to: Some(10), ..good.clone() },
            VrrpPacket { vrid: vrid + 100, ..good.clone() },
            VrrpPacket { vrid: 0, ..good },
        ]);
    }
    packets
}

/// Sends them from the client for a time, and says how many.
fn flood(ground: &Ground, packets: &[VrrpPacket], rate: u32, time: Duration) -> u32 {
    let socket = ground.client().enter(|| Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(255))));
    let socket = socket.unwrap_or_else(|error| panic!("the flood: {error}"));
    socket.set_header_included_v4(true).expect("a setting of a raw socket");
    socket.bind_device(Some(b"eth0")).expect("the client has it");
    let packets: Vec<(Vec<u8>, _)> =
        packets.iter().map(|packet| (packet.bytes(), SocketAddr::from((packet.target, 0)).into())).collect();
    let (started, mut sent) = (Instant::now(), 0_u32);
    for (bytes, to) in packets.iter().cycle() {
        if started.elapsed() >= time {
            break;
        }
        let due = Duration::from_secs(1) * sent / rate;
        // A thousand wake-ups a second are enough.
        let early = due.saturating_sub(started.elapsed());
        if !early.is_zero() {
            sleep(early.max(Duration::from_millis(1)));
        }
        let _ = socket.send_to(bytes, to); // a full queue drops, as a flood does
        sent += 1;
    }
    sent
}
