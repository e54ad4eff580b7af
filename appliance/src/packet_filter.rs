//! The words that packet filters are made of. Read bpf(4) before changing it.

use socket2::SockFilter;

/// Loads the byte at an offset from the IP header; from [`LINK_LAYER`] on, from the header before it.
pub(crate) fn load_byte(at: u32) -> SockFilter {
    SockFilter::new(0x30, 0, 0, at)
}

/// The same of two bytes.
pub(crate) fn load_half(at: u32) -> SockFilter {
    SockFilter::new(0x28, 0, 0, at)
}

/// The same of four bytes.
pub(crate) fn load_word(at: u32) -> SockFilter {
    SockFilter::new(0x20, 0, 0, at)
}

/// Skips so many words unless what was loaded is `value`.
pub(crate) fn unless(value: u32, skip: u8) -> SockFilter {
    SockFilter::new(0x15, 0, skip, value)
}

/// Ends it: so many bytes of the packet are taken; with 0 it is left.
pub(crate) fn take(bytes: u32) -> SockFilter {
    SockFilter::new(0x06, 0, 0, bytes)
}

/// `SKF_LL_OFF`: -0x200000.
pub(crate) const LINK_LAYER: u32 = 0xffe0_0000;
