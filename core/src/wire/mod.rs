//! Packets as bytes.
//!
//! Reading never panics, whatever the bytes: every view is made by a function that checks the length which its accessors
//! need, and fails otherwise. Writing needs a buffer of the stated length and writes all of it.

pub mod arp;
pub mod checksum;
pub mod ipv4;
pub mod ipv6;
pub mod neighbour;
pub mod vrrp;

/// A big-endian 16-bit field; 0 where the packet ends before it.
pub(crate) fn read_u16(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..) {
        Some([high, low, ..]) => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

/// `N` bytes from `at`, if they are there.
pub(crate) fn read_array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// Appends to a buffer that may turn out too small: writes what fits, and says at the end whether all did.
pub(crate) struct Writer<'a> {
    buffer: &'a mut [u8],
    /// Where the next byte goes; past the end when the buffer was too small.
    at: usize,
}

impl<'a> Writer<'a> {
    pub(crate) const fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, at: 0 }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if let Some(space) = self.buffer.get_mut(self.at..self.at.saturating_add(bytes.len())) {
            space.copy_from_slice(bytes);
        }
        self.at = self.at.saturating_add(bytes.len());
    }

    /// What was written, or `None` if it did not fit.
    pub(crate) fn finish(self) -> Option<&'a mut [u8]> {
        self.buffer.get_mut(..self.at)
    }
}
