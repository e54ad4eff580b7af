//! A tap on a switch: every frame that comes in at one of its ports, stamped by the kernel.

use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;
use std::thread::sleep;
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBufForce, ReceiveTimestampns};
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use crate::moment::Moment;
use crate::namespace::Namespace;

/// All protocols, from `linux/if_ether.h`.
const ETH_P_ALL: u16 = 3;

/// What the kernel may keep while nobody reads.
const BUFFER_BYTES: usize = 32 << 20;

/// How long [`Tap::next`] waits before it looks again. It sleeps, and does not wait in the socket: whoever sends a frame would
/// pay for waking it, a large part of what a router's announcement costs.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// An AF_PACKET socket on all ports of a switch.
#[derive(Debug)]
pub struct Tap {
    socket: Socket,
}

/// A frame.
#[derive(Clone, Copy, Debug)]
pub struct Caught<'a> {
    /// When it came in, by the kernel.
    pub at: Moment,
    /// The interface index of the port that it came in at.
    pub port: usize,
    /// It, as far as the buffer holds it.
    pub bytes: &'a [u8],
}

impl Tap {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the kernel gives no such socket.
    pub fn open(switch: &Namespace) -> io::Result<Self> {
        let socket = switch.enter(|| -> io::Result<Socket> {
            let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(ETH_P_ALL.to_be()))))?;
            socket.attach_filter(&incoming_only())?;
            Ok(socket)
        })?;
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        // Without root the kernel's ordinary limit stays, which is enough for all but the bursts.
        let _ = setsockopt(&socket, RcvBufForce, &BUFFER_BYTES);
        Ok(Self { socket })
    }

    /// The next frame; none if there was none for a moment.
    ///
    /// # Panics
    /// When the socket breaks.
    pub fn next<'a>(&self, buffer: &'a mut [u8]) -> Option<Caught<'a>> {
        let (at, port, len) = {
            let mut slices = [IoSliceMut::new(buffer)];
            let mut control = cmsg_space!(TimeSpec);
            let flags = MsgFlags::MSG_DONTWAIT;
            let message = match recvmsg::<LinkAddr>(self.socket.as_raw_fd(), &mut slices, Some(&mut control), flags) {
                Ok(message) => message,
                Err(Errno::EAGAIN) => {
                    sleep(LOOK_EVERY);
                    return None;
                }
                Err(Errno::EINTR | Errno::ENETDOWN) => return None,
                Err(error) => panic!("the tap broke: {error}"),
            };
            let stamp = message.cmsgs().ok()?.find_map(|message| match message {
                ControlMessageOwned::ScmTimestampns(stamp) => Some(Moment::from_unix(Duration::from(stamp))),
                _ => None,
            });
            (stamp.unwrap_or_else(Moment::now), message.address.map_or(0, |address| address.ifindex()), message.bytes)
        };
        Some(Caught { at, port, bytes: buffer.get(..len).unwrap_or(buffer) })
    }
}

/// Keeps what comes in at a port and drops what goes out, so that each frame is seen once.
const fn incoming_only() -> [SockFilter; 4] {
    // From linux/filter.h and linux/if_packet.h: load the packet type, compare it with PACKET_OUTGOING.
    const LOAD_PACKET_TYPE: u32 = 0xffff_f000 + 4;
    const PACKET_OUTGOING: u32 = 4;
    [
        SockFilter::new(0x20, 0, 0, LOAD_PACKET_TYPE),
        SockFilter::new(0x15, 0, 1, PACKET_OUTGOING),
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ]
}
