//! Messages of the kernel, read piece by piece where they are. Nothing of them is believed: what is cut off or too long
//! ends the reading. Read netlink(7) before changing it.

use std::net::IpAddr;

/// `NLMSG_ERROR`: the kernel's word on a request.
pub(crate) const ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a long answer.
pub(crate) const DONE: u16 = 3;
/// `NLM_F_DUMP_INTR`: what is asked for has changed while it was told.
pub(crate) const INTERRUPTED: u16 = 0x10;

const HEADER_BYTES: usize = 16;
/// Without the flags `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
const ATTRIBUTE_KIND: u16 = 0x3fff;

/// A message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received<'a> {
    /// Its type.
    pub(crate) kind: u16,
    /// Its flags.
    pub(crate) flags: u16,
    /// What stands behind the header.
    pub(crate) body: &'a [u8],
}

impl<'a> Received<'a> {
    /// The fixed part with which every message of its type begins, and its attributes.
    pub(crate) fn split<const FIXED: usize>(&self) -> Option<(&'a [u8; FIXED], Attributes<'a>)> {
        let (fixed, rest) = self.body.split_first_chunk()?;
        let padding = FIXED.next_multiple_of(4) - FIXED;
        Some((fixed, Attributes(rest.get(padding..).unwrap_or_default())))
    }
}

/// The messages of a datagram.
pub(crate) fn messages(datagram: &[u8]) -> impl Iterator<Item = Received<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let len = usize::try_from(u32::from_ne_bytes(*rest.first_chunk()?)).ok()?;
        let message = rest.get(..len)?;
        let received =
            Received { kind: u16_at(message, 4)?, flags: u16_at(message, 6)?, body: message.get(HEADER_BYTES..)? };
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some(received)
    })
}

/// Attributes one after the other: their types, without flags, and their values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let len = usize::from(u16_at(self.0, 0)?);
        let kind = u16_at(self.0, 2)? & ATTRIBUTE_KIND;
        let value = self.0.get(4..len)?;
        self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

/// The number at this place of a structure.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The number at this place of a structure.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// An attribute that is a text, with or without its zero at the end.
pub(crate) fn text(value: &[u8]) -> String {
    let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// An attribute that is an address of either family.
pub(crate) fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => <[u8; 4]>::try_from(value).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(value).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Message;
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut one = Message::new(20, 0, &[2, 24, 0, 0, 7, 0, 0, 0]);
        one.put(1, &[10, 0, 0, 1]).put_text(3, "eth0:1");
        let nest = one.open(18);
        one.put_u32(1, 100).close(nest);
        let two = Message::new(21, 0, &[0; 8]).finish();
        let datagram = [&one.finish()[..], &two].concat();
        let read: Vec<_> = messages(&datagram).collect();
        assert_eq!(read.iter().map(|message| message.kind).collect::<Vec<_>>(), [20, 21]);
        let (fixed, attributes) = read[0].split::<8>().unwrap();
        assert_eq!(fixed[..2], [2, 24]);
        let attributes: Vec<_> = attributes.collect();
        assert_eq!(address(attributes[0].1), Some("10.0.0.1".parse().unwrap()));
        assert_eq!((attributes[1].0, text(attributes[1].1).as_str()), (3, "eth0:1"));
        assert_eq!(attributes[2].0, 18, "the flag of a nest is no part of its type");
        let (kind, value) = Attributes(attributes[2].1).next().unwrap();
        assert_eq!((kind, u32_at(value, 0)), (1, Some(100)));
        assert_eq!(read[1].split::<8>().unwrap().1.count(), 0);
    }

    #[test]
    fn what_is_cut_off_or_lies_about_its_length_ends_the_reading() {
        let whole = Message::new(20, 0, &[0; 8]).put(1, &[1, 2, 3, 4]).clone().finish();
        for len in 0..whole.len() {
            assert_eq!(messages(&whole[..len]).count(), 0, "{len} bytes");
        }
        for length in [0_u32, 1, 15, u32::MAX] {
            let mut lying = whole.to_vec();
            lying[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(messages(&lying).count(), 0, "length {length}");
        }
        for length in [0_u16, 3, 9, u16::MAX] {
            let mut lying = whole[24..].to_vec();
            lying[..2].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(Attributes(&lying).count(), 0, "length {length}");
        }
    }
}
