//! Reading a recording, or what a service says now, and making a capture of the adverts in it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use locum_control::client::{Client, ClientError};
use locum_control::{LINE_BYTES_MAX, Line, SortedMap, Verb, from_json, readable};

use super::adverts::{Adverts, Exported};
use super::{VERSION, new_file, pcapng};

/// A line of the file: one of the socket, and its time.
const FILE_LINE_BYTES_MAX: u64 = 2 * LINE_BYTES_MAX as u64;

const REMARK: &str = "Rebuilt by locum from what it keeps of each advert: its time, sender and priority. All else is what \
                      the service says of the instance, not what was on the wire. Passwords are left out.";

/// Why there is no capture.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The service does not say it.
    Service(ClientError),
    /// The file is no recording that this version reads.
    NoRecording(PathBuf),
    /// A file cannot be read or written.
    File(PathBuf, io::Error),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Service(error) => error.fmt(f),
            Self::NoRecording(path) => {
                write!(f, "{} is no recording that this version of locum reads", path.display())
            }
            Self::File(path, error) if error.kind() == ErrorKind::AlreadyExists => {
                write!(f, "{} exists: name another file, or remove it", path.display())
            }
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

/// The first line.
struct Head {
    locum_recording: u32,
}

/// Each of the others.
struct Recorded {
    line: Line,
}

readable! {
    Head { locum_recording }
    Recorded { line }
}

/// Writes a capture of the adverts in a recording, or of the last ones that the service at `socket` has kept.
///
/// # Errors
/// When there is nothing to read, or the capture cannot be written.
pub(crate) fn export(socket: &Path, recording: Option<&Path>, capture: &Path) -> Result<Exported, ReadError> {
    let mut adverts = Adverts::default();
    match recording {
        Some(path) => read(path, &mut adverts)?,
        None => ask(socket, &mut adverts).map_err(ReadError::Service)?,
    }
    let failed = |error| ReadError::File(capture.to_owned(), error);
    let file = new_file(capture).map_err(failed)?;
    write(BufWriter::new(file), &mut adverts).map_err(failed)?;
    Ok(adverts.exported)
}

fn ask(socket: &Path, adverts: &mut Adverts) -> Result<(), ClientError> {
    let mut client = Client::connect(socket)?;
    adverts.hear(Line::Hello(client.hello().clone()));
    let (items, _) = client.request(Verb::Watch { instance: None, adverts: true })?;
    items.into_iter().for_each(|item| adverts.item(item));
    Ok(())
}

fn read(path: &Path, adverts: &mut Adverts) -> Result<(), ReadError> {
    let failed = |error| ReadError::File(path.to_owned(), error);
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let head = read_line(&mut file).map_err(failed)?.unwrap_or_default();
    if !matches!(from_json(&head), Ok(Head { locum_recording: VERSION })) {
        return Err(ReadError::NoRecording(path.to_owned()));
    }
    while let Some(line) = read_line(&mut file).map_err(failed)? {
        // A torn line, as a recorder leaves it that was killed, and what a newer service says are passed over.
        if let Ok(Recorded { line }) = from_json(&line) {
            adverts.hear(line);
        }
    }
    Ok(())
}

/// A line without looking at more than one can be long; what is longer makes no sense and is passed over in pieces.
fn read_line(file: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let count = file.by_ref().take(FILE_LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    Ok((count > 0).then_some(line))
}

pub(super) fn write(mut out: impl Write, adverts: &mut Adverts) -> io::Result<()> {
    pcapng::section(&mut out, concat!("locum ", env!("CARGO_PKG_VERSION")), REMARK)?;
    let mut interfaces: SortedMap<String, u32> = SortedMap::new();
    for profile in &adverts.profiles {
        let next = u32::try_from(interfaces.len()).unwrap_or(u32::MAX);
        if !interfaces.contains_key(&profile.interface) {
            pcapng::interface(&mut out, &profile.interface)?;
            interfaces.insert(profile.interface.clone(), next);
        }
    }
    adverts.packets(|packet| {
        let interface = interfaces.get(&packet.profile.interface).copied().unwrap_or(0);
        let remark = format!("rebuilt by locum, instance {}", packet.profile.instance);
        pcapng::packet(&mut out, interface, packet.at_unix_us, packet.is_sent, packet.bytes, &remark)
    })?;
    out.flush()
}
