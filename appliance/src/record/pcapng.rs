//! A capture file as Wireshark reads it (draft-ietf-opsawg-pcapng): packets from their IP header on, and remarks.

use std::io::{self, Write};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const LINKTYPE_RAW: u16 = 101; // the packet begins with its IP header

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const SECTION_PROGRAM: u16 = 4; // shb_userappl
const INTERFACE_NAME: u16 = 2;
const INTERFACE_RESOLUTION: u16 = 9;
const PACKET_FLAGS: u16 = 2;
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;

const MICROSECONDS: u8 = 6;

/// Begins a file.
pub(super) fn section(out: &mut impl Write, program: &str, comment: &str) -> io::Result<()> {
    let mut body = Vec::new();
    body.extend_from_slice(&BYTE_ORDER.to_le_bytes());
    body.extend_from_slice(&[1, 0, 0, 0]); // version 1.0
    body.extend_from_slice(&u64::MAX.to_le_bytes()); // of unknown length
    option(&mut body, OPTION_COMMENT, comment.as_bytes());
    option(&mut body, SECTION_PROGRAM, program.as_bytes());
    option(&mut body, OPTION_END, &[]);
    block(out, SECTION_HEADER, &body)
}

/// An interface; packets name them by number, from 0.
pub(super) fn interface(out: &mut impl Write, name: &str) -> io::Result<()> {
    let mut body = Vec::new();
    body.extend_from_slice(&LINKTYPE_RAW.to_le_bytes());
    body.extend_from_slice(&[0; 6]); // reserved, and packets of any length
    option(&mut body, INTERFACE_NAME, name.as_bytes());
    option(&mut body, INTERFACE_RESOLUTION, &[MICROSECONDS]);
    option(&mut body, OPTION_END, &[]);
    block(out, INTERFACE, &body)
}

/// A packet.
pub(super) fn packet(
    out: &mut impl Write,
    interface: u32,
    at_unix_us: u64,
    is_sent: bool,
    bytes: &[u8],
    comment: &str,
) -> io::Result<()> {
    let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut body = Vec::with_capacity(bytes.len() + 100);
    body.extend_from_slice(&interface.to_le_bytes());
    let [a, b, c, d, e, f, g, h] = at_unix_us.to_le_bytes();
    body.extend_from_slice(&[e, f, g, h, a, b, c, d]); // the higher half first
    body.extend_from_slice(&len.to_le_bytes());
    body.extend_from_slice(&len.to_le_bytes());
    body.extend_from_slice(bytes);
    pad(&mut body);
    option(&mut body, OPTION_COMMENT, comment.as_bytes());
    option(&mut body, PACKET_FLAGS, &(if is_sent { OUTBOUND } else { INBOUND }).to_le_bytes());
    option(&mut body, OPTION_END, &[]);
    block(out, ENHANCED_PACKET, &body)
}

fn block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let len = u32::try_from(body.len() + 12).map_err(io::Error::other)?.to_le_bytes();
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&len)?;
    out.write_all(body)?;
    out.write_all(&len)
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}
