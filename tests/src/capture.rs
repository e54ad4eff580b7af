//! The witness: a tap on the switch, read by a thread.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::decode::decode;
use crate::namespace::Namespace;
use crate::node::Node;
use crate::tap::Tap;
use crate::timeline::{Record, Timeline};

/// More frames than any test makes: 10 ms probes are 400 frames a second.
const RECORDS_MAX: usize = 500_000;

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
        let tap = Tap::open(switch)?;
        let records = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (kept, stopped) = (Arc::clone(&records), Arc::clone(&stop));
        let thread = thread::Builder::new().name("capture".into()).spawn(move || listen(&tap, &kept, &stopped))?;
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

fn listen(tap: &Tap, records: &Mutex<Vec<Record>>, stop: &AtomicBool) {
    let mut buffer = [0; 2048];
    while !stop.load(Ordering::Relaxed) {
        let Some(caught) = tap.next(&mut buffer) else { continue };
        // What came in at something that is no node's port, as the bridge itself, is none of the lab's.
        let Some(from) = Node::ALL.into_iter().find(|node| node.port_index() == caught.port) else { continue };
        let record = Record { at: caught.at, from, frame: decode(caught.bytes), bytes: caught.bytes.to_vec() };
        let mut records = records.lock().expect("nobody panics with the records");
        if records.len() < RECORDS_MAX {
            records.push(record);
        }
    }
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
