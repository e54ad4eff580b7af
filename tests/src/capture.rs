//! The witness: an AF_PACKET socket on the switch, read by a thread.

use std::fs::File;
use std::io::{self, BufWriter, IoSliceMut, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBufForce, ReceiveTimestampns};
use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use crate::decode::decode;
use crate::moment::Moment;
use crate::namespace::Namespace;
use crate::node::Node;
use crate::timeline::{Record, Timeline};

/// All protocols, from `linux/if_ether.h`.
const ETH_P_ALL: u16 = 3;

/// More frames than any test makes: 10 ms probes are 400 frames a second.
const RECORDS_MAX: usize = 500_000;

/// What the kernel may keep while the thread does not get to run.
const BUFFER_BYTES: usize = 32 << 20;

/// How long the thread waits for a frame before it looks whether it is to stop.
const STOP_LOOK: Duration = Duration::from_millis(50);

/// The capture, from its start until it is dropped.
#[derive(Debug)]
pub(crate) struct Capture {
    records: Arc<Mutex<Vec<Record>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Starts to listen on the ports of the switch.
    pub(crate) fn start(switch: &Namespace) -> io::Result<Self> {
        let socket = switch.enter(|| -> io::Result<Socket> {
            let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(ETH_P_ALL.to_be()))))?;
            socket.attach_filter(&incoming_only())?;
            Ok(socket)
        })?;
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        // Without root the kernel's ordinary limit stays, which is enough for all but the bursts.
        let _ = setsockopt(&socket, RcvBufForce, &BUFFER_BYTES);
        socket.set_read_timeout(Some(STOP_LOOK))?;
        let records = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (kept, stopped) = (Arc::clone(&records), Arc::clone(&stop));
        let thread = thread::Builder::new().name("capture".into()).spawn(move || listen(&socket, &kept, &stopped))?;
        Ok(Self { records, stop, thread: Some(thread) })
    }

    /// What was seen so far.
    pub(crate) fn timeline(&self) -> Timeline {
        Timeline::new(self.records.lock().expect("the capture thread is well").clone())
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A capture that broke has said so where it was asked for its records.
            let _ = thread.join();
        }
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

fn listen(socket: &Socket, records: &Mutex<Vec<Record>>, stop: &AtomicBool) {
    let mut bytes = [0; 2048];
    while !stop.load(Ordering::Relaxed) {
        match next_frame(socket, &mut bytes) {
            Ok(Some(record)) => {
                let mut records = records.lock().expect("nobody panics with the records");
                if records.len() < RECORDS_MAX {
                    records.push(record);
                }
            }
            Ok(None) | Err(Errno::EAGAIN | Errno::EINTR | Errno::ENETDOWN) => {}
            Err(error) => panic!("the capture broke: {error}"),
        }
    }
}

/// The next frame, unless it came in at something that is no node's port, as the bridge itself.
fn next_frame(socket: &Socket, bytes: &mut [u8]) -> Result<Option<Record>, Errno> {
    let mut slices = [IoSliceMut::new(bytes)];
    let mut control = cmsg_space!(TimeSpec);
    let message = recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::empty())?;
    let port = message.address.map(|address| address.ifindex());
    let stamp = message.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmTimestampns(stamp) => Some(Moment::from_unix(Duration::from(stamp))),
        _ => None,
    });
    let length = message.bytes;
    let Some(from) = Node::ALL.into_iter().find(|node| Some(node.port_index()) == port) else { return Ok(None) };
    let bytes = bytes.get(..length).unwrap_or(bytes).to_vec();
    Ok(Some(Record { at: stamp.unwrap_or_else(Moment::now), from, frame: decode(&bytes), bytes }))
}

/// Writes the records as a pcap file (draft-ietf-opsawg-pcap: nanoseconds, Ethernet).
pub(crate) fn write_pcap(path: &Path, records: &[Record]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for word in [0xa1b2_3c4d, 0x0004_0002, 0, 0, 0xffff, 1_u32] {
        file.write_all(&word.to_le_bytes())?;
    }
    for record in records {
        let at = record.at.unix();
        let length = u32::try_from(record.bytes.len()).unwrap_or(u32::MAX);
        // The format's seconds end in 2106.
        for word in [u32::try_from(at.as_secs()).unwrap_or(u32::MAX), at.subsec_nanos(), length, length] {
            file.write_all(&word.to_le_bytes())?;
        }
        file.write_all(&record.bytes)?;
    }
    file.flush()
}
