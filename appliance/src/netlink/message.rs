//! Netlink messages as bytes, built piece by piece. Read netlink(7) before changing it.

const NLM_F_REQUEST: u16 = 0x1;
/// It is answered also where all is well (netlink(7)).
pub(crate) const NLM_F_ACK: u16 = 0x4;
/// `NLM_F_ROOT | NLM_F_MATCH`: all that there are.
const NLM_F_DUMP: u16 = 0x300;
/// Where the length of a message stands in it is at its begin; the header is 16 bytes.
const HEADER_BYTES: usize = 16;
/// A nest of attributes.
const NLA_F_NESTED: u16 = 0x8000;

/// Fail if it is there.
pub(crate) const EXCLUSIVE: u16 = 0x200;
/// Make it if it is not there.
pub(crate) const CREATE: u16 = 0x400;
/// Put it after those that are there.
pub(crate) const APPEND: u16 = 0x800;

/// A message in the making.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

/// A nest that is open.
#[must_use]
#[derive(Debug)]
pub(crate) struct Nest(usize);

impl Message {
    /// A request of this kind with these flags, and the fixed part that every message of the kind begins with.
    pub(crate) fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        Self::begin(kind, NLM_F_REQUEST | NLM_F_ACK | flags, fixed)
    }

    /// A question for all that there are of something.
    pub(crate) fn question(kind: u16, fixed: &[u8]) -> Self {
        Self::begin(kind, NLM_F_REQUEST | NLM_F_DUMP, fixed)
    }

    fn begin(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.resize(HEADER_BYTES, 0); // sequence and port: when it is sent
        bytes.extend(fixed);
        let mut message = Self { bytes };
        message.align();
        message
    }

    /// Adds an attribute.
    pub(crate) fn put(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let nest = self.open_as(kind);
        self.bytes.extend(value);
        self.close(nest);
        self
    }

    /// Adds a number in the machine's order.
    pub(crate) fn put_u32(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put(kind, &value.to_ne_bytes())
    }

    /// Adds a text with its zero at the end.
    pub(crate) fn put_text(&mut self, kind: u16, text: &str) -> &mut Self {
        let nest = self.open_as(kind);
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
        self.close(nest);
        self
    }

    /// Adds an address of either family.
    pub(crate) fn put_address(&mut self, kind: u16, address: std::net::IpAddr) -> &mut Self {
        match address {
            std::net::IpAddr::V4(address) => self.put(kind, &address.octets()),
            std::net::IpAddr::V6(address) => self.put(kind, &address.octets()),
        }
    }

    /// Opens a nest: what is added until it is closed stands in it.
    pub(crate) fn open(&mut self, kind: u16) -> Nest {
        self.open_as(kind | NLA_F_NESTED)
    }

    /// Opens a nest without saying that it is one, as attributes older than that flag are written.
    pub(crate) fn open_plain(&mut self, kind: u16) -> Nest {
        self.open_as(kind)
    }

    fn open_as(&mut self, kind: u16) -> Nest {
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        self.bytes.extend(kind.to_ne_bytes());
        Nest(start)
    }

    /// Adds bytes as they are: a structure that is no attribute.
    pub(crate) fn put_raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(bytes);
        self
    }

    /// Where the next byte goes, for a structure whose length is known only later.
    pub(crate) fn position(&self) -> usize {
        self.bytes.len()
    }

    /// Writes the length of what began at `start` into its first two bytes.
    pub(crate) fn set_len_at(&mut self, start: usize) {
        let len = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        if let Some(field) = self.bytes.get_mut(start..start + 2) {
            field.copy_from_slice(&len.to_ne_bytes());
        }
        self.align();
    }

    /// Closes a nest.
    pub(crate) fn close(&mut self, nest: Nest) -> &mut Self {
        self.set_len_at(nest.0);
        self
    }

    /// The finished message, padded so that another can follow it.
    pub(crate) fn finish(mut self) -> Box<[u8]> {
        let len = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        if let Some(field) = self.bytes.get_mut(..4) {
            field.copy_from_slice(&len.to_ne_bytes());
        }
        self.align();
        self.bytes.into()
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_nest_and_are_aligned() {
        let mut message = Message::new(24, CREATE, &[2, 0, 0, 0]);
        message.put(1, &[7]);
        let nest = message.open(2);
        message.put_text(3, "ab");
        message.close(nest);
        let bytes = message.finish();
        assert_eq!(bytes[..4], 40_u32.to_ne_bytes());
        assert_eq!(bytes[4..8], [24_u16.to_ne_bytes(), 0x405_u16.to_ne_bytes()].concat());
        assert_eq!(bytes[16..20], [2, 0, 0, 0]);
        let expected = [
            &5_u16.to_ne_bytes()[..],
            &1_u16.to_ne_bytes(),
            &[7, 0, 0, 0],
            &12_u16.to_ne_bytes(),
            &0x8002_u16.to_ne_bytes(),
            &7_u16.to_ne_bytes(),
            &3_u16.to_ne_bytes(),
            b"ab\0\0",
        ];
        assert_eq!(bytes[20..], expected.concat());
    }
}
