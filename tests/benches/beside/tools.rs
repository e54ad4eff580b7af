//! What measures, and what makes it hard: the client's probe, sleepers, and programs that only compute.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use locum_tests::checksum;
use nix::unistd::gettid;
use socket2::{Domain, Protocol, Socket, Type};

use crate::figures::{Sample, us};
use crate::ground::Ground;

/// The tools run above what they measure: with this real-time priority, where that may be had.
const PRIORITY: u8 = 5;

/// Takes the calling thread above the noise.
pub(crate) fn rise() {
    in_real_time("--fifo", PRIORITY);
}

/// Has the calling thread run in real time, by a policy as chrt(1) names it. Without root it stays where it is.
pub(crate) fn in_real_time(policy: &str, priority: u8) {
    let (priority, thread) = (priority.to_string(), gettid().to_string());
    let _ = Command::new("chrt").args([policy, "--pid", &priority, &thread]).output(); // the report says how noisy it was
}

/// A thread that does something until it is dropped.
pub(crate) struct Until<T: Send + 'static> {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Until<T> {
    pub(crate) fn start(work: impl FnOnce(&AtomicBool) -> T + Send + 'static) -> Self {
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
