//! Requests to the kernel that are answered at once: netlink handles a message while it is sent.

use std::io;

use nix::errno::Errno;
use rtnetlink::sys::Socket;

use crate::engine::install::split_message;
use crate::engine::link::Refusal;

const SEQUENCE_AT: usize = 8;
const NLMSG_ERROR: u16 = 2;

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
        Ok(Self { socket, sequence: 0, answer: vec![0; 16 * 1024] })
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
                if answer.kind == NLMSG_ERROR && result.is_ok() {
                    result = answer.result;
                }
            }
        }
        result
    }
}
