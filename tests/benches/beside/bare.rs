//! What is measured against beside the other daemon: loops that do the same with nothing around it, which shows what the kernel
//! and the machine need. Read packet(7) and rtnetlink(7) before changing the takeover.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use locum_tests::Namespace;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{LinkAddr, MsgFlags, MultiHeaders, sendmmsg};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::figures::us;
use crate::ground::Ground;
use crate::tools::{Until, in_real_time};

/// Where adverts go.
const VRRP_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// An advert, but for its checksum, which nobody looks at: VRRPv2, VRID 1, priority 200, one address.
const ADVERT: [u8; 20] = [0x21, 1, 200, 1, 0, 1, 0, 0, 10, 70, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0];

// From linux/socket.h, linux/rtnetlink.h, linux/netlink.h and linux/if_addr.h.
const NETLINK: i32 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const CREATE: u16 = 0x400;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

/// Sends so many adverts from router 1 in each interval, by one sleep and a send for each, until it is dropped, and takes them
/// on router 2, as a backup does: who hears an advert shares the kernel with who sends it. Both in real time with this
/// priority. How exactly the adverts follow one another is what the kernel and the machine give.
pub(crate) fn bare_master(
    ground: &Ground,
    adverts: u8,
    interval: Duration,
    realtime: Option<u8>,
) -> (Until<()>, Until<()>) {
    let (sender, receiver) = floor_sockets(ground).unwrap_or_else(|error| panic!("the bare loop: {error}"));
    let rise = move || realtime.into_iter().for_each(|priority| in_real_time("--rr", priority));
    let receiving = Until::start(move |stop| {
        rise();
        let mut buffer = [std::mem::MaybeUninit::uninit(); 256];
        while !stop.load(Ordering::Relaxed) {
            let _ = receiver.recv(&mut buffer); // none came within its time
        }
    });
    let sending = Until::start(move |stop| {
        rise();
        let group = SocketAddr::from((VRRP_GROUP, 0)).into();
        let mut packet = ADVERT;
        let mut due = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            due += interval;
            sleep(due.saturating_duration_since(Instant::now()));
            for vrid in 1..=adverts {
                packet[1] = vrid;
                let _ = sender.send_to(&packet, &group); // a loss is seen at the switch
            }
        }
    });
    (sending, receiving)
}

/// The time that the calling thread has computed.
fn thread_cpu() -> Duration {
    Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap_or(TimeSpec::new(0, 0)))
}

/// What an advert costs a bare loop, in microseconds of a CPU: the kernel's share, below which nobody gets who takes them
/// one at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Floor {
    /// One sleep and one send.
    pub(crate) sent: f64,
    /// One wait and one receive, of the same packets.
    pub(crate) received: f64,
}

/// Sends so many adverts a second, evenly spread, from router 1 to router 2, for a time.
pub(crate) fn floor(ground: &Ground, rate: u32, time: Duration) -> Floor {
    let (sender, receiver) = floor_sockets(ground).unwrap_or_else(|error| panic!("the bare loop: {error}"));
    let receiving = Until::start(move |stop| {
        let (from, mut count) = (thread_cpu(), 0_u32);
        let mut buffer = [std::mem::MaybeUninit::uninit(); 256];
        while !stop.load(Ordering::Relaxed) {
            count += u32::from(receiver.recv(&mut buffer).is_ok());
        }
        us(thread_cpu() - from) / f64::from(count.max(1))
    });
    let sending = thread::spawn(move || {
        let group = SocketAddr::from((VRRP_GROUP, 0)).into();
        let mut packet = ADVERT;
        let (from, started, mut count) = (thread_cpu(), Instant::now(), 0_u32);
        while started.elapsed() < time {
            let due = Duration::from_secs(1) * count / rate;
            sleep(due.saturating_sub(started.elapsed()));
            packet[1] = u8::try_from(count % 255 + 1).unwrap_or(1);
            let _ = sender.send_to(&packet, &group); // a loss is seen at the receiver
            count += 1;
        }
        us(thread_cpu() - from) / f64::from(count.max(1))
    });
    let sent = sending.join().expect("the bare loop is well");
    Floor { sent, received: receiving.finish() }
}

/// What a takeover consists of, on router 2, and nothing else: an advert, the addresses into the kernel in one system call, and
/// an announcement of each in one more. How long that takes, as the switch sees it, is what the kernel needs, whoever asks it.
/// The addresses are gone again when it returns.
pub(crate) fn bare_takeover(ground: &Ground, addresses: &[Ipv4Addr]) {
    let taken = ground.router(2).enter(|| -> io::Result<()> {
        let adverts = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(112)))?;
        adverts.set_multicast_if_v4(&Ipv4Addr::new(10, 70, 0, 2))?;
        let kernel = Socket::new(Domain::from(NETLINK), Type::RAW, None)?;
        let frames = Socket::new(Domain::PACKET, Type::RAW, None)?;
        let port = getifaddrs()?
            .filter(|here| here.interface_name == "eth0")
            .find_map(|here| here.address?.as_link_addr().copied());
        let port = port.ok_or(io::ErrorKind::NotFound)?;
        let (index, mac) = (u32::try_from(port.ifindex()).unwrap_or(0), port.addr().unwrap_or_default());
        let change = |kind: u16, flags: u16| -> Vec<u8> {
            addresses.iter().flat_map(|address| address_message(kind, flags, index, *address)).collect()
        };
        let announcements: Vec<_> = addresses.iter().map(|address| announcement(mac, *address)).collect();
        let slices: Vec<_> = announcements.iter().map(|frame| [IoSlice::new(frame)]).collect();
        let mut headers = MultiHeaders::<LinkAddr>::preallocate(slices.len(), None);
        let (add, remove) = (change(RTM_NEWADDR, CREATE), change(RTM_DELADDR, 0));
        adverts.send_to(&ADVERT, &SocketAddr::from((VRRP_GROUP, 0)).into())?;
        kernel.send(&add)?;
        sendmmsg(
            frames.as_raw_fd(),
            &mut headers,
            slices.iter(),
            vec![Some(port); slices.len()],
            [],
            MsgFlags::empty(),
        )?;
        kernel.send(&remove)?;
        Ok(())
    });
    taken.unwrap_or_else(|error| panic!("the bare takeover: {error}"));
}

/// A message that adds or removes an address (rtnetlink(7)). It is answered only where it is refused, and nobody reads that: the
/// switch sees it when an address is not announced.
fn address_message(kind: u16, flags: u16, index: u32, address: Ipv4Addr) -> Vec<u8> {
    const REQUEST: u16 = 1;
    const LEN: u32 = 16 + 8 + 2 * 8;
    let attribute = |kind: u16| [8_u16.to_ne_bytes(), kind.to_ne_bytes()].concat().into_iter().chain(address.octets());
    let header =
        [LEN.to_ne_bytes().as_slice(), &kind.to_ne_bytes(), &(REQUEST | flags).to_ne_bytes(), &[0; 8]].concat();
    let fixed = [[2, 32, 0, 0], index.to_ne_bytes()].concat();
    header.into_iter().chain(fixed).chain(attribute(IFA_LOCAL)).chain(attribute(IFA_ADDRESS)).collect()
}

/// A gratuitous ARP request as a frame (RFC 826).
fn announcement(mac: [u8; 6], address: Ipv4Addr) -> Vec<u8> {
    let (all, address) = ([0xff; 6], address.octets());
    let kind = [0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1];
    [all.as_slice(), &mac, &kind, &mac, &address, &all, &address].concat()
}

fn floor_sockets(ground: &Ground) -> io::Result<(Socket, Socket)> {
    let raw =
        |namespace: &Namespace| namespace.enter(|| Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(112))));
    let (sender, receiver) = (raw(ground.router(1))?, raw(ground.router(2))?);
    sender.bind_device(Some(b"eth0"))?;
    sender.set_multicast_ttl_v4(255)?;
    sender.set_multicast_loop_v4(false)?;
    sender.set_multicast_if_v4(&Ipv4Addr::new(10, 70, 0, 1))?;
    receiver.bind_device(Some(b"eth0"))?;
    let here = InterfaceIndexOrAddress::Address(Ipv4Addr::new(10, 70, 0, 2));
    receiver.join_multicast_v4_n(&VRRP_GROUP, &here)?;
    receiver.set_read_timeout(Some(Duration::from_millis(50)))?;
    Ok((sender, receiver))
}
