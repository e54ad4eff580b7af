//! What measures and what is measured against: the client's probe, bare loops, sleepers, and programs that only compute.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use locum_tests::{Namespace, checksum};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::gettid;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::figures::{Sample, us};
use crate::ground::Ground;

/// The tools run above what they measure: with this real-time priority, where that may be had.
const PRIORITY: &str = "5";

/// Takes the calling thread above the noise. Without root it stays where it is.
pub(crate) fn rise() {
    let thread = gettid().to_string();
    let _ = Command::new("chrt").args(["--fifo", "--pid", PRIORITY, &thread]).output(); // the report says how noisy it was
}

/// A thread that does something until it is dropped.
pub(crate) struct Until<T: Send + 'static> {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Until<T> {
    fn start(work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        Self { stop, thread: Some(thread::spawn(move || work(&told))) }
    }

    /// Ends it, and gives what it found.
    pub(crate) fn finish(mut self) -> T {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("it is finished once").join().expect("the tool is well")
    }
}

impl<T: Send + 'static> Drop for Until<T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // what broke it has been said
        }
    }
}

/// Between two probes.
pub(crate) const PROBE_EVERY: Duration = Duration::from_millis(1);

/// The client pings an address a thousand times a second. The capture sees who answers; numbers go on from ping to ping in
/// `ident` and `sequence` together.
pub(crate) fn probe(ground: &Ground, target: Ipv4Addr) -> Until<()> {
    let socket = ground.client().enter(|| Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)));
    let socket = socket.unwrap_or_else(|error| panic!("the probe: {error}"));
    let _ = socket.set_recv_buffer_size(4096); // nobody reads the answers here
    let address = SocketAddr::from((target, 0)).into();
    Until::start(move |stop| {
        rise();
        let mut due = Instant::now();
        let mut number = 0_u32;
        while !stop.load(Ordering::Relaxed) {
            let mut packet = [8, 0, 0, 0, 0, 0, 0, 0];
            packet[4..].copy_from_slice(&number.to_be_bytes());
            let sum = checksum(&packet);
            packet[2..4].copy_from_slice(&sum.to_be_bytes());
            let _ = socket.send_to(&packet, &address); // refused while the neighbour is unknown: not answered either
            number += 1;
            due += PROBE_EVERY;
            sleep(due.saturating_duration_since(Instant::now()));
        }
    })
}

/// How late an ordinary thread wakes that wants to every millisecond, in microseconds: the machine's noise.
pub(crate) fn sleeper() -> Until<Sample> {
    Until::start(|stop| {
        let mut late = Sample::default();
        while !stop.load(Ordering::Relaxed) {
            let due = Instant::now() + Duration::from_millis(1);
            sleep(Duration::from_millis(1));
            late.push(us(Instant::now().saturating_duration_since(due)));
        }
        late
    })
}

/// A thread that computes, at ordinary priority.
pub(crate) fn hog() -> Until<()> {
    Until::start(|stop| {
        let mut value = 0_u64;
        while !stop.load(Ordering::Relaxed) {
            for _ in 0..100_000 {
                value = std::hint::black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            }
        }
    })
}

/// Sends so many adverts from router 1 in each interval, by one sleep and a send for each, until it is dropped; in real
/// time with this priority. How exactly they follow one another is what the kernel and the machine give.
pub(crate) fn bare_master(ground: &Ground, adverts: u8, interval: Duration, realtime: Option<u8>) -> Until<()> {
    let (sender, _) = floor_sockets(ground).unwrap_or_else(|error| panic!("the bare loop: {error}"));
    Until::start(move |stop| {
        if let Some(priority) = realtime {
            let (thread, priority) = (gettid().to_string(), priority.to_string());
            let _ = Command::new("chrt").args(["--rr", "--pid", &priority, &thread]).output(); // as in `rise`
        }
        let group = SocketAddr::from((Ipv4Addr::new(224, 0, 0, 18), 0)).into();
        let mut packet = [0x21, 0, 200, 1, 0, 1, 0, 0, 10, 70, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut due = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            due += interval;
            sleep(due.saturating_duration_since(Instant::now()));
            for vrid in 1..=adverts {
                packet[1] = vrid;
                let _ = sender.send_to(&packet, &group); // a loss is seen at the switch
            }
        }
    })
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
        let group = SocketAddr::from((Ipv4Addr::new(224, 0, 0, 18), 0)).into();
        let mut packet = [0x21, 0, 200, 1, 0, 1, 0, 0, 10, 70, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
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
    receiver.join_multicast_v4_n(&Ipv4Addr::new(224, 0, 0, 18), &here)?;
    receiver.set_read_timeout(Some(Duration::from_millis(50)))?;
    Ok((sender, receiver))
}
