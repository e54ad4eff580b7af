//! Messages about the table in which packets to VIPs are dropped (`no_accept`). The kernel's
//! `include/uapi/linux/netfilter/nf_tables.h` has the numbers; nft(8) explains what they mean.
//!
//! As `nft list ruleset` shows it:
//!
//! ```text
//! table inet locum {
//!     set v4 { type ipv4_addr }
//!     set v6 { type ipv6_addr }
//!     set link_local { type ifname . ipv6_addr }
//!     chain input {
//!         type filter hook input priority -1; policy accept;
//!         iif "lo" accept
//!         icmpv6 type 135-136 accept
//!         ip daddr @v4 drop
//!         ip6 daddr @v6 drop
//!         iifname . ip6 daddr @link_local drop
//!     }
//! }
//! ```

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::netlink::message::{CREATE, EXCLUSIVE, Message};

const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const SUBSYSTEM: u16 = 10; // NFNL_SUBSYS_NFTABLES
const NEW_TABLE: u16 = SUBSYSTEM << 8;
const DELETE_TABLE: u16 = SUBSYSTEM << 8 | 2;
const NEW_CHAIN: u16 = SUBSYSTEM << 8 | 3;
const NEW_RULE: u16 = SUBSYSTEM << 8 | 6;
const NEW_SET: u16 = SUBSYSTEM << 8 | 9;
const NEW_ELEMENTS: u16 = SUBSYSTEM << 8 | 12;
const DELETE_ELEMENTS: u16 = SUBSYSTEM << 8 | 14;
const APPEND: u16 = crate::netlink::message::APPEND;

const FAMILY_INET: u8 = 1;
const TABLE_OWNED: u32 = 2;
const HOOK_INPUT: u32 = 1;
const CHAIN: &str = "input";

/// Registers: the first and the second of 16 bytes, and the second of 4.
const REGISTER_1: u32 = 1;
const REGISTER_2: u32 = 2;
const REGISTER_SECOND_WORD: u32 = 9;

const META_IIF: u32 = 4;
const META_IIFNAME: u32 = 6;
const META_FAMILY: u32 = 15;
const META_PROTOCOL: u32 = 16;
const NFPROTO_IPV4: u8 = 2;
const NFPROTO_IPV6: u8 = 10;
const ICMPV6: u8 = 58;
/// Neighbour solicitation and advertisement: the types between them, both included.
const NEIGHBOUR_DISCOVERY: [u8; 2] = [135, 136];
/// The loopback interface has this index in every network namespace.
const LOOPBACK_INDEX: u32 = 1;

const BASE_NETWORK: u32 = 1;
const BASE_TRANSPORT: u32 = 2;
/// Where the destination stands in a header, and how long it is.
const IPV4_DESTINATION: (u32, u32) = (16, 4);
const IPV6_DESTINATION: (u32, u32) = (24, 16);

const EQUAL: u32 = 0;
const AT_MOST: u32 = 3;
const AT_LEAST: u32 = 5;

const DROP: u32 = 0;
const ACCEPT: u32 = 1;

/// Types of keys, for those who list them.
const TYPE_IPV4: u32 = 7;
const TYPE_IPV6: u32 = 8;
const TYPE_IFINDEX: u32 = 20;
const TYPE_IFNAME: u32 = 41;
const TYPE_BITS: u32 = 6;

const IFNAME_BYTES: usize = 16;

/// Elements in one message: an attribute must stay below 64 KiB.
const ELEMENTS_IN_MESSAGE: usize = 512;

/// What the table is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// Its name.
    pub(super) name: String,
    /// The priority of its chain.
    pub(super) priority: i32,
    /// Rules count what they drop.
    pub(super) counters: bool,
    /// Interfaces are known by index, not by name.
    pub(super) by_index: bool,
    /// It goes with the socket that made it, and nobody else can change it (Linux 5.12).
    pub(super) owned: bool,
}

/// What packets are dropped for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    /// A destination.
    V4(Ipv4Addr),
    /// A destination.
    V6(Ipv6Addr),
    /// A destination that means something on one interface only.
    LinkLocal(Link, Ipv6Addr),
}

/// An interface, as the table knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Link {
    Name(String),
    Index(u32),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    V4,
    V6,
    LinkLocal,
}

impl Set {
    const ALL: [Self; 3] = [Self::V4, Self::V6, Self::LinkLocal];

    const fn name(self) -> &'static str {
        match self {
            Self::V4 => "v4",
            Self::V6 => "v6",
            Self::LinkLocal => "link_local",
        }
    }
}

impl Element {
    const fn set(&self) -> Set {
        match self {
            Self::V4(_) => Set::V4,
            Self::V6(_) => Set::V6,
            Self::LinkLocal(..) => Set::LinkLocal,
        }
    }

    fn key(&self) -> Vec<u8> {
        match self {
            Self::V4(address) => address.octets().to_vec(),
            Self::V6(address) => address.octets().to_vec(),
            Self::LinkLocal(link, address) => {
                let mut key = match link {
                    Link::Name(name) => {
                        let mut bytes = name.as_bytes().to_vec();
                        bytes.resize(IFNAME_BYTES, 0);
                        bytes
                    }
                    Link::Index(index) => index.to_ne_bytes().to_vec(),
                };
                key.extend(address.octets());
                key
            }
        }
    }
}

impl Table {
    /// Its name, if it must be in the journal because it does not go with the process.
    pub(super) fn must_be_journalled(&self) -> Option<String> {
        (!self.owned).then(|| self.name.clone())
    }

    /// The messages that make it, empty.
    pub(super) fn make(&self) -> Vec<Box<[u8]>> {
        let mut table = message(NEW_TABLE, CREATE | EXCLUSIVE);
        table.put_text(1, &self.name);
        if self.owned {
            put_u32(&mut table, 2, TABLE_OWNED);
        }
        let mut chain = message(NEW_CHAIN, CREATE);
        chain.put_text(1, &self.name).put_text(3, CHAIN);
        let hook = chain.open(4);
        put_u32(&mut chain, 1, HOOK_INPUT);
        chain.put(2, &self.priority.to_be_bytes());
        chain.close(hook);
        put_u32(&mut chain, 5, ACCEPT);
        chain.put_text(7, "filter");
        let mut messages = vec![table.finish()];
        messages.extend((1..).zip(Set::ALL).map(|(id, set)| self.make_set(set, id)));
        messages.extend([chain.finish(), self.loopback(), self.neighbour_discovery()]);
        messages.extend(Set::ALL.map(|set| self.drop_rule(set)));
        messages
    }

    /// The message that deletes it with all that is in it.
    pub(super) fn delete(&self) -> Box<[u8]> {
        let mut message = message(DELETE_TABLE, 0);
        message.put_text(1, &self.name);
        message.finish()
    }

    /// The messages that add elements.
    pub(super) fn add<'a>(&self, elements: impl Iterator<Item = &'a Element>) -> Vec<Box<[u8]>> {
        self.change_elements(NEW_ELEMENTS, CREATE, elements)
    }

    /// The messages that remove elements.
    pub(super) fn remove<'a>(&self, elements: impl Iterator<Item = &'a Element>) -> Vec<Box<[u8]>> {
        self.change_elements(DELETE_ELEMENTS, 0, elements)
    }

    fn change_elements<'a>(
        &self,
        kind: u16,
        flags: u16,
        elements: impl Iterator<Item = &'a Element>,
    ) -> Vec<Box<[u8]>> {
        let elements: Vec<&Element> = elements.collect();
        let mut messages = Vec::new();
        for set in Set::ALL {
            let of_it: Vec<_> = elements.iter().filter(|element| element.set() == set).collect();
            for chunk in of_it.chunks(ELEMENTS_IN_MESSAGE) {
                let mut message = message(kind, flags);
                message.put_text(1, &self.name).put_text(2, set.name());
                let list = message.open(3);
                for element in chunk {
                    let entry = message.open(1);
                    let key = message.open(1);
                    message.put(1, &element.key());
                    message.close(key).close(entry);
                }
                message.close(list);
                messages.push(message.finish());
            }
        }
        messages
    }

    fn make_set(&self, set: Set, id: u32) -> Box<[u8]> {
        let (kind, len) = match set {
            Set::V4 => (TYPE_IPV4, IPV4_DESTINATION.1),
            Set::V6 => (TYPE_IPV6, IPV6_DESTINATION.1),
            Set::LinkLocal if self.by_index => (TYPE_IFINDEX << TYPE_BITS | TYPE_IPV6, 4 + IPV6_DESTINATION.1),
            Set::LinkLocal => (TYPE_IFNAME << TYPE_BITS | TYPE_IPV6, 16 + IPV6_DESTINATION.1),
        };
        let mut message = message(NEW_SET, CREATE);
        message.put_text(1, &self.name).put_text(2, set.name());
        put_u32(&mut message, 4, kind);
        put_u32(&mut message, 5, len);
        put_u32(&mut message, 10, id);
        message.finish()
    }

    /// The host reaches its own addresses.
    fn loopback(&self) -> Box<[u8]> {
        let mut rule = Rule::new(self);
        rule.meta(META_IIF, REGISTER_1);
        rule.compare(REGISTER_1, EQUAL, &LOOPBACK_INDEX.to_ne_bytes());
        rule.verdict(ACCEPT)
    }

    /// Neighbour discovery is answered even for addresses that accept nothing (RFC 9568 section 6.4.3).
    fn neighbour_discovery(&self) -> Box<[u8]> {
        let [first, last] = NEIGHBOUR_DISCOVERY;
        let mut rule = Rule::new(self);
        rule.family(NFPROTO_IPV6);
        rule.meta(META_PROTOCOL, REGISTER_1);
        rule.compare(REGISTER_1, EQUAL, &[ICMPV6]);
        rule.payload(BASE_TRANSPORT, (0, 1), REGISTER_1);
        rule.compare(REGISTER_1, AT_LEAST, &[first]);
        rule.compare(REGISTER_1, AT_MOST, &[last]);
        rule.verdict(ACCEPT)
    }

    fn drop_rule(&self, set: Set) -> Box<[u8]> {
        let mut rule = Rule::new(self);
        match set {
            Set::V4 => {
                rule.family(NFPROTO_IPV4);
                rule.payload(BASE_NETWORK, IPV4_DESTINATION, REGISTER_1);
            }
            Set::V6 => {
                rule.family(NFPROTO_IPV6);
                rule.payload(BASE_NETWORK, IPV6_DESTINATION, REGISTER_1);
            }
            Set::LinkLocal => {
                rule.family(NFPROTO_IPV6);
                let (key, next) =
                    if self.by_index { (META_IIF, REGISTER_SECOND_WORD) } else { (META_IIFNAME, REGISTER_2) };
                rule.meta(key, REGISTER_1);
                rule.payload(BASE_NETWORK, IPV6_DESTINATION, next);
            }
        }
        rule.look_up(set);
        if self.counters {
            rule.expression("counter", |_| {});
        }
        rule.verdict(DROP)
    }
}

/// All or nothing: the messages between a begin and an end.
pub(super) fn transaction(mut messages: Vec<Box<[u8]>>) -> Vec<Box<[u8]>> {
    let frame = |kind| Message::new(kind, 0, &[0, 0, 0, 10]).finish(); // the subsystem, in network order
    messages.insert(0, frame(BATCH_BEGIN));
    messages.push(frame(BATCH_END));
    messages
}

/// Deletes a table of this name.
pub(super) fn delete_table(name: &str) -> Vec<Box<[u8]>> {
    let mut message = message(DELETE_TABLE, 0);
    message.put_text(1, name);
    transaction(vec![message.finish()])
}

fn message(kind: u16, flags: u16) -> Message {
    Message::new(kind, flags, &[FAMILY_INET, 0, 0, 0])
}

/// nf_tables has its numbers in network order.
fn put_u32(message: &mut Message, kind: u16, value: u32) {
    message.put(kind, &value.to_be_bytes());
}

/// A rule in the making: expressions one after the other.
struct Rule {
    message: Message,
    expressions: crate::netlink::message::Nest,
}

impl Rule {
    fn new(table: &Table) -> Self {
        let mut message = message(NEW_RULE, CREATE | APPEND);
        message.put_text(1, &table.name).put_text(2, CHAIN);
        let expressions = message.open(4);
        Self { message, expressions }
    }

    fn expression(&mut self, name: &str, fill: impl FnOnce(&mut Message)) {
        let element = self.message.open(1);
        self.message.put_text(1, name);
        let data = self.message.open(2);
        fill(&mut self.message);
        self.message.close(data).close(element);
    }

    fn meta(&mut self, key: u32, register: u32) {
        self.expression("meta", |message| {
            put_u32(message, 1, register);
            put_u32(message, 2, key);
        });
    }

    fn payload(&mut self, base: u32, (offset, len): (u32, u32), register: u32) {
        self.expression("payload", |message| {
            for (kind, value) in (1..).zip([register, base, offset, len]) {
                put_u32(message, kind, value);
            }
        });
    }

    fn compare(&mut self, register: u32, how: u32, with: &[u8]) {
        self.expression("cmp", |message| {
            put_u32(message, 1, register);
            put_u32(message, 2, how);
            let data = message.open(3);
            message.put(1, with).close(data);
        });
    }

    fn family(&mut self, family: u8) {
        self.meta(META_FAMILY, REGISTER_1);
        self.compare(REGISTER_1, EQUAL, &[family]);
    }

    fn look_up(&mut self, set: Set) {
        self.expression("lookup", |message| {
            message.put_text(1, set.name());
            put_u32(message, 2, REGISTER_1);
        });
    }

    fn verdict(mut self, verdict: u32) -> Box<[u8]> {
        self.expression("immediate", |message| {
            put_u32(message, 1, 0); // the register for verdicts
            let data = message.open(2);
            let inner = message.open(2);
            put_u32(message, 1, verdict);
            message.close(inner).close(data);
        });
        self.message.close(self.expressions);
        self.message.finish()
    }
}
