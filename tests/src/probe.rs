//! What the client sees: echoes to a virtual address, one every 10 ms.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::decode::checksum;
use crate::moment::Moment;
use crate::namespace::Namespace;

/// Between two probes.
const PROBE_EVERY: Duration = Duration::from_millis(10);

/// The shortest wait for an answer.
const WAIT_MIN: Duration = Duration::from_micros(100);

/// A client that probes until it is asked what it saw.
#[derive(Debug)]
pub struct Probe {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Answer>>>,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    sent: Moment,
    arrived: Option<Moment>,
}

/// What a client saw.
#[derive(Clone, Debug)]
pub struct Answers(Vec<Answer>);

impl Probe {
    pub(crate) fn start(client: &Namespace, target: Ipv4Addr) -> io::Result<Self> {
        static IDENT: AtomicU16 = AtomicU16::new(1);
        let ident = IDENT.fetch_add(1, Ordering::Relaxed);
        let socket = client.enter(|| Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread =
            thread::Builder::new().name("probe".into()).spawn(move || probe(&socket, target, ident, &stopped))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends it and returns what it saw.
    pub fn finish(mut self) -> Answers {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is finished once");
        Answers(thread.join().expect("the probe is well"))
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Dropped without being asked: the test has failed elsewhere.
            let _ = thread.join();
        }
    }
}

impl Answers {
    /// The longest time from `from` to `until` in which no answer arrived, and when it began.
    pub fn longest_silence(&self, from: Moment, until: Moment) -> (Moment, Duration) {
        let mut arrivals: Vec<Moment> = self.0.iter().filter_map(|answer| answer.arrived).collect();
        arrivals.retain(|arrived| *arrived > from && *arrived < until);
        arrivals.sort_unstable();
        let beginnings = [from].into_iter().chain(arrivals.iter().copied());
        let ends = arrivals.iter().copied().chain([until]);
        let silences = beginnings.zip(ends).map(|(begin, end)| (begin, end.since(begin)));
        silences.max_by_key(|(_, silence)| *silence).expect("there is at least one")
    }

    /// How many probes were sent from `from` to `until`, and how many of them were answered.
    pub fn count(&self, from: Moment, until: Moment) -> (usize, usize) {
        let within = || self.0.iter().filter(|answer| answer.sent >= from && answer.sent <= until);
        (within().count(), within().filter(|answer| answer.arrived.is_some()).count())
    }
}

fn probe(socket: &Socket, target: Ipv4Addr, ident: u16, stop: &AtomicBool) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    let address = SocketAddr::from((target, 0)).into();
    let started = Instant::now();
    let mut due = started;
    while !stop.load(Ordering::Relaxed) {
        // The numbers wrap after 655 s, which is longer than any test.
        let sequence = u16::try_from(answers.len()).expect("tests are shorter than the numbers");
        answers.push(Answer { sent: Moment::now(), arrived: None });
        // While the neighbour is unknown, the kernel may refuse: that is a probe without an answer.
        let _ = socket.send_to(&echo_request(ident, sequence), &address);
        due += PROBE_EVERY;
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // The kernel counts microseconds, and takes none of them for no timeout at all.
            socket.set_read_timeout(Some(left.max(WAIT_MIN))).expect("a timeout");
            if let Some(sequence) = answer(socket, target, ident)
                && let Some(answer) = answers.get_mut(usize::from(sequence))
            {
                answer.arrived = answer.arrived.or(Some(Moment::now()));
            }
        }
    }
    answers
}

fn echo_request(ident: u16, sequence: u16) -> [u8; 8] {
    let mut packet = [8, 0, 0, 0, 0, 0, 0, 0];
    packet[4..6].copy_from_slice(&ident.to_be_bytes());
    packet[6..8].copy_from_slice(&sequence.to_be_bytes());
    let sum = checksum(&packet);
    packet[2..4].copy_from_slice(&sum.to_be_bytes());
    packet
}

/// The number of the probe that the next packet answers, if it is an answer to one of ours.
fn answer(mut socket: &Socket, target: Ipv4Addr, ident: u16) -> Option<u16> {
    let mut packet = [0; 128];
    let length = socket.read(&mut packet).ok()?;
    let packet = packet.get(..length)?;
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let icmp = packet.get(header..header + 8)?;
    let ours = packet.get(12..16)? == target.octets() && icmp[0] == 0 && icmp[4..6] == ident.to_be_bytes();
    ours.then(|| u16::from_be_bytes([icmp[6], icmp[7]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::from_unix(Duration::from_millis(ms))
    }

    #[test]
    fn silence_is_measured_also_at_the_edges() {
        let arrived = |ms| Answer { sent: at(ms), arrived: Some(at(ms + 1)) };
        let answers = Answers(vec![arrived(100), arrived(110), Answer { sent: at(120), arrived: None }, arrived(200)]);
        assert_eq!(answers.longest_silence(at(90), at(210)), (at(111), Duration::from_millis(90)));
        assert_eq!(answers.longest_silence(at(90), at(1000)), (at(201), Duration::from_millis(799)));
        assert_eq!(answers.longest_silence(at(0), at(115)), (at(0), Duration::from_millis(101)));
        assert_eq!(answers.count(at(100), at(200)), (4, 3));
    }
}
