//! The client: probes the VIP with an ICMP echo request every 10 ms, and knows by whom it is answered.
//!
//! Requests go out through a raw ICMP socket, so that the kernel finds the way as for any other client, with its own
//! neighbour table. Answers are read as whole frames from a packet socket: the sender's hardware address says which router
//! has answered. Read raw(7), packet(7) and icmp(7) before changing it.

use std::io::{self, Read};
use std::net::SocketAddrV4;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;

use locum_core::time::Instant;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::DemoError;
use super::group::{CLIENT, PROBE_INTERVAL, RouterId, VIP};
use super::lan::Machine;
use super::story::Story;
use crate::clock;

/// The identifier in our requests: only we are on this machine, any would do.
const IDENT: u16 = 0x4c6f;

const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;

const ETHERNET_BYTES: usize = 14;

/// Longer than any answer to ours.
const FRAME_BYTES_MAX: usize = 128;

/// The sockets of the client.
struct Probe {
    requests: Socket,
    answers: Socket,
}

/// Starts to probe, until the process ends.
pub(super) fn start(client: &Machine, story: &Arc<Story>) -> Result<(), DemoError> {
    let sockets = client.enter(Probe::open)?;
    let probe = sockets.map_err(|error| DemoError::Powerless("the client cannot have its sockets", error))?;
    let story = Arc::clone(story);
    thread::Builder::new().name("probe".into()).spawn(move || probe.run(&story)).map_err(DemoError::System)?;
    Ok(())
}

impl Probe {
    fn open() -> io::Result<Self> {
        let requests = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
        // The answers that this one gets, too, are never read from it.
        requests.set_recv_buffer_size(1)?;
        let ipv4 = u16::try_from(libc::ETH_P_IP).unwrap_or_default().to_be();
        let answers = Socket::new(Domain::PACKET, Type::RAW, Some(i32::from(ipv4).into()))?;
        answers.set_nonblocking(true)?;
        Ok(Self { requests, answers })
    }

    fn run(self, story: &Story) -> ! {
        let vip = SockAddr::from(SocketAddrV4::new(VIP, 0));
        let mut due = clock::now();
        loop {
            let now = clock::now();
            let late = now.since(due);
            let number = story.probe(late);
            // Refused while nobody answers for the VIP: that is a probe without an answer.
            let _ = self.requests.send_to(&echo_request(on_the_wire(number)), &vip);
            // No burst to make up for what was missed.
            due = if late > PROBE_INTERVAL { now } else { due } + PROBE_INTERVAL;
            loop {
                let now = clock::now();
                self.take_answers(story, number, now);
                if now >= due {
                    break;
                }
                let left_ms = due.since(now).us().div_ceil(1_000);
                let timeout = PollTimeout::from(u8::try_from(left_ms).unwrap_or(u8::MAX));
                // Interrupted or not: the clock is looked at again.
                let _ = poll(&mut [PollFd::new(self.answers.as_fd(), PollFlags::POLLIN)], timeout);
            }
        }
    }

    /// Takes the answers that are there. `last` is the last probe that was sent.
    fn take_answers(&self, story: &Story, last: u64, now: Instant) {
        let mut frame = [0; FRAME_BYTES_MAX];
        // At most one answer a probe comes, and those of a stall; the kernel bounds how many wait.
        while let Ok(length) = (&self.answers).read(&mut frame) {
            if let Some((mac, sequence)) = frame.get(..length).and_then(answer) {
                let router = RouterId::ALL.into_iter().find(|router| router.mac() == mac);
                story.answered(number_of(sequence, last), router, now);
            }
        }
    }
}

/// The sequence number of a probe in its packet.
const fn on_the_wire(number: u64) -> u16 {
    let [.., high, low] = number.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// The number of the probe that had this sequence number most recently. `last` is the last probe that was sent.
fn number_of(sequence: u16, last: u64) -> u64 {
    last.saturating_sub(u64::from(on_the_wire(last).wrapping_sub(sequence)))
}

fn echo_request(sequence: u16) -> [u8; 8] {
    let [ident_high, ident_low] = IDENT.to_be_bytes();
    let [sequence_high, sequence_low] = sequence.to_be_bytes();
    // RFC 1071: the sum of the words, carries added in, complemented. The words that are zero add nothing.
    let sum = [u16::from_be_bytes([ECHO_REQUEST, 0]), IDENT, sequence].into_iter().fold(0, |sum: u16, word| {
        let (sum, carry) = sum.overflowing_add(word);
        sum + u16::from(carry)
    });
    let [sum_high, sum_low] = (!sum).to_be_bytes();
    [ECHO_REQUEST, 0, sum_high, sum_low, ident_high, ident_low, sequence_high, sequence_low]
}

/// The hardware address of the sender and the sequence number, if the frame is an answer of the VIP to one of our requests.
fn answer(frame: &[u8]) -> Option<([u8; 6], u16)> {
    let mac = frame.get(6..12)?.try_into().ok()?;
    let packet = frame.get(ETHERNET_BYTES..)?;
    let header_bytes = usize::from(packet.first()? & 0x0f) * 4;
    let is_ours = packet.first()? >> 4 == 4
        && packet.get(9)? == &1 // ICMP
        && packet.get(12..16)? == VIP.octets()
        && packet.get(16..20)? == CLIENT.octets();
    let icmp = packet.get(header_bytes..)?;
    let is_answer = icmp.first()? == &ECHO_REPLY && icmp.get(4..6)? == IDENT.to_be_bytes();
    let sequence = u16::from_be_bytes(icmp.get(6..8)?.try_into().ok()?);
    (is_ours && is_answer).then_some((mac, sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 200];
        frame.extend(RouterId::B.mac());
        frame.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0]);
        frame.extend(VIP.octets());
        frame.extend(CLIENT.octets());
        let mut icmp = echo_request(7);
        icmp[0] = ECHO_REPLY;
        frame.extend(icmp);
        frame
    }

    #[test]
    fn an_answer_names_its_sender() {
        assert_eq!(answer(&frame()), Some((RouterId::B.mac(), 7)));
    }

    #[test]
    fn nothing_else_is_an_answer() {
        for length in 0..frame().len() {
            assert_eq!(answer(&frame()[..length]), None, "{length} bytes");
        }
        for (at, what) in
            [(14, "version"), (23, "protocol"), (29, "source"), (33, "destination"), (34, "type"), (39, "identifier")]
        {
            let mut frame = frame();
            frame[at] ^= 0x10;
            assert_eq!(answer(&frame), None, "{what}");
        }
    }

    #[test]
    fn numbers_are_told_apart_although_those_on_the_wire_wrap() {
        for last in [1_u64, 2, 65_535, 65_536, 65_537, 200_000] {
            for number in [last, last - 1, last.saturating_sub(400)] {
                assert_eq!(number_of(on_the_wire(number), last), number, "{last}");
            }
        }
    }

    #[test]
    fn requests_have_a_good_checksum() {
        for sequence in [0, 1, 0xb38f, 0xb390, 0xffff] {
            let words = echo_request(sequence);
            let words = words.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
            let sum: u32 = words.sum();
            assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "{sequence}");
        }
    }
}
