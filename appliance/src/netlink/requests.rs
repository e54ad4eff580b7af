//! Requests to the kernel that are answered at once: netlink handles a message while it is sent.

use std::io;

use netlink_sys::Socket;
use nix::errno::Errno;

use super::message::Message;
use super::read::{self, Received, messages};
use crate::engine::install::split_message;
use crate::engine::link::Refusal;

const SEQUENCE_AT: usize = 8;
/// A datagram of a long answer is not larger: the kernel fits it to the room that is offered, and 8 KiB are its least.
const ANSWER_BYTES: usize = 16 * 1024;

/// A netlink socket for requests.
pub(crate) struct Requests {
    socket: Socket,
    sequence: u32,
    answer: Vec<u8>,
}

impl Requests {
    /// A socket of this netlink protocol.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub(crate) fn open(protocol: isize) -> io::Result<Self> {
        let socket = Socket::new(protocol)?;
        socket.set_non_blocking(true)?;
        // Since Linux 4.12; before, a number has to do.
        let _ = socket.set_ext_ack(true).and_then(|()| socket.set_cap_ack(true));
        Ok(Self { socket, sequence: 0, answer: vec![0; ANSWER_BYTES] })
    }

    /// Sends messages that stand one after the other, numbered in turn, and waits for the kernel's word on each that asks
    /// for it. The first refusal counts.
    pub(crate) fn request(&mut self, messages: &[&[u8]]) -> Result<(), Refusal> {
        let failed = |error: &io::Error| Refusal {
            errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw),
            words: None,
        };
        let mut batch = Vec::new();
        for message in messages {
            let start = batch.len();
            batch.extend_from_slice(message);
            self.sequence = self.sequence.wrapping_add(1);
            if let Some(field) = batch.get_mut(start + SEQUENCE_AT..start + SEQUENCE_AT + 4) {
                field.copy_from_slice(&self.sequence.to_ne_bytes());
            }
        }
        self.socket.send(&batch, 0).map_err(|error| failed(&error))?;
        let mut result = Ok(());
        while let Ok(len) = self.socket.recv(&mut self.answer.as_mut_slice(), 0) {
            let mut rest = self.answer.get(..len).unwrap_or_default();
            while let Some((answer, after)) = split_message(rest) {
                rest = after;
                if answer.kind == read::ERROR && result.is_ok() {
                    result = answer.result;
                }
            }
        }
        result
    }
    /// Asks a question that may have a long answer ([`Message::question`]). Whoever does not read it to its end gives the
    /// socket up: the rest would be taken for the answer to what is asked next.
    pub(crate) fn ask(&mut self, question: Message) -> io::Result<Answer<'_>> {
        self.socket.send(&question.finish(), 0)?;
        Ok(Answer { requests: self, is_over: false, was_interrupted: false })
    }

    /// Asks for all that there is of something, and hands it over message by message. What changes meanwhile may be told
    /// twice or not at all: then this returns false.
    pub(crate) fn read_all(&mut self, question: Message, mut each: impl FnMut(Received<'_>)) -> io::Result<bool> {
        let mut answer = self.ask(question)?;
        while let Some(piece) = answer.piece()? {
            messages(piece).for_each(&mut each);
        }
        Ok(!answer.was_interrupted)
    }

    /// Gives the answer to a question only what it asks for (Linux 4.20), not all that there is of its kind.
    pub(crate) fn be_strict(&self) -> io::Result<()> {
        self.socket.set_netlink_get_strict_chk(true)
    }
}

/// A long answer, piece by piece. The kernel makes each while it is received.
pub(crate) struct Answer<'a> {
    requests: &'a mut Requests,
    is_over: bool,
    was_interrupted: bool,
}

impl Answer<'_> {
    /// The next messages, for [`messages`]. `None` at the end.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn piece(&mut self) -> io::Result<Option<&[u8]>> {
        if self.is_over {
            return Ok(None);
        }
        let len = self.requests.socket.recv(&mut self.requests.answer.as_mut_slice(), 0)?;
        let piece = self.requests.answer.get(..len).unwrap_or_default();
        for message in messages(piece) {
            self.was_interrupted |= message.flags & read::INTERRUPTED != 0;
            if matches!(message.kind, read::ERROR | read::DONE) {
                self.is_over = true;
                let code = read::u32_at(message.body, 0).map_or(0, u32::cast_signed);
                if code < 0 {
                    return Err(io::Error::from_raw_os_error(code.wrapping_neg()));
                }
            }
        }
        Ok(Some(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::super::NETLINK_ROUTE;
    use super::*;

    const RTM_NEWLINK: u16 = 16;
    const RTM_GETLINK: u16 = 18;

    #[test]
    fn the_kernel_tells_of_its_interfaces_each_time_it_is_asked() {
        let mut requests = Requests::open(NETLINK_ROUTE).unwrap();
        for _ in 0..3 {
            let mut indexes = Vec::new();
            let each = |message: Received<'_>| {
                if message.kind == RTM_NEWLINK {
                    indexes.extend(read::u32_at(message.body, 4));
                }
            };
            requests.read_all(Message::question(RTM_GETLINK, &[0; 16]), each).unwrap();
            assert!(indexes.contains(&1), "the loopback");
            indexes.sort_unstable();
            let all = indexes.len();
            indexes.dedup();
            assert_eq!(indexes.len(), all);
        }
    }

    #[test]
    fn a_question_that_the_kernel_does_not_understand_is_an_error() {
        let mut requests = Requests::open(NETLINK_ROUTE).unwrap();
        let refused = requests.read_all(Message::question(4_000, &[0; 16]), |_| {});
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(Errno::EOPNOTSUPP as i32));
        requests.read_all(Message::question(RTM_GETLINK, &[0; 16]), |_| {}).unwrap();
    }
}
