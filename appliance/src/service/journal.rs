//! What may be on the interfaces because of us. Written before it is installed; a start after SIGKILL or power loss removes
//! what it lists, before the first advert, and nothing else.
//!
//! Three things tell our address from one that merely looks like it: the boot and the network namespace in which the
//! journal was written, that the address was not there before, and, since Linux 5.18, the mark that we put on it
//! (`IFA_PROTO`).

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use locum_control::{readable, to_json};
use locum_core::wire::arp::Mac;
use serde::Serialize;

use super::kept::{self, boot_id};
use super::network::Network;
use crate::namespace::own_number;

/// The mark on our addresses. The kernel uses 1 to 3 itself, keepalived 18 (RTPROT_KEEPALIVED).
pub(crate) const ADDRESS_PROTOCOL: u8 = 76;

/// The mark on our routes and rules: the same number, among routing protocols.
pub(crate) const ROUTE_PROTOCOL: u8 = ADDRESS_PROTOCOL;

const VERSION: u32 = 1;
const FILE: &str = "journal.json";

/// A journal longer than this is not ours.
const BYTES_MAX: u64 = 16 << 20;

/// The file in the run directory.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
}

/// What is written, beside the record.
#[derive(Clone, Debug, Serialize)]
struct Stamp {
    version: u32,
    /// Which boot of which machine: addresses do not survive one.
    boot: String,
    /// Which network namespace.
    namespace: u64,
}

/// What is written.
#[derive(Serialize)]
struct Content {
    #[serde(flatten)]
    stamp: Stamp,
    #[serde(flatten)]
    record: Record,
}

/// What may be in the kernel because of us.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Record {
    /// Addresses.
    pub(crate) addresses: Vec<Entry>,
    /// Interfaces that are made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) interfaces: Vec<MadeEntry>,
    /// Routes and rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) routes: Vec<RouteEntry>,
    /// Settings of interfaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) settings: Vec<SettingEntry>,
    /// nftables tables that do not go with the process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tables: Vec<String>,
}

/// An interface that may be made by us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MadeEntry {
    /// Its name.
    pub(crate) name: String,
    /// Its MAC address; `None` for an ipvlan, which has that of the interface below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mac: Option<Mac>,
}

/// A route or a rule that may be installed by us.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct RouteEntry {
    /// What it is, in words.
    pub(crate) name: String,
    /// The message that removes it, and nothing that does not bear our mark: netlink's bytes as hexadecimal digits.
    pub(crate) remove: String,
}

readable! {
    Content { ; within stamp, record }
    Stamp { version, boot, namespace }
    Record { addresses; or_default interfaces, routes, settings, tables }
    MadeEntry { name, mac }
    RouteEntry { name, remove }
    SettingEntry { interface, name, before, ours }
    Entry { interface, address, prefix_len }
}

impl RouteEntry {
    /// For what this message removes.
    pub(crate) fn new(name: String, remove: &[u8]) -> Self {
        Self { name, remove: remove.iter().map(|byte| format!("{byte:02x}")).collect() }
    }

    /// The message. `None` if it is none.
    pub(crate) fn message(&self) -> Option<Vec<u8>> {
        let pairs = self.remove.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
        let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
        let bytes = bytes?;
        let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
        // RTM_DELROUTE and RTM_DELRULE, of the length that it says it has.
        let len = u32::from_ne_bytes(*bytes.first_chunk()?);
        (matches!(kind, 25 | 33) && usize::try_from(len) == Ok(bytes.len())).then_some(bytes)
    }
}

/// A setting of an interface that may be changed by us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SettingEntry {
    /// The interface's name.
    pub(crate) interface: String,
    /// The setting's name.
    pub(crate) name: String,
    /// What it was.
    pub(crate) before: u32,
    /// What we have set it to.
    pub(crate) ours: u32,
}

/// An address that may be installed by us.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Entry {
    /// The interface's name.
    pub(crate) interface: String,
    /// The address.
    pub(crate) address: IpAddr,
    /// Its prefix length.
    pub(crate) prefix_len: u8,
}

impl Journal {
    /// The journal in this run directory.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self { path: directory.join(FILE) }
    }

    /// What an earlier run may have left behind. Empty if there is no journal, or one of another boot or namespace.
    ///
    /// # Errors
    /// When there is one that cannot be read or understood: then nobody knows what is ours.
    pub(crate) fn read(&self) -> io::Result<Record> {
        let Some(Content { stamp, record }) = self.content()? else { return Ok(Record::default()) };
        let is_here = stamp.boot == boot_id() && stamp.namespace == own_number();
        Ok(if is_here { record } else { Record::default() })
    }

    /// The network namespace that it was written in, in this boot. `None` without a journal of this boot.
    ///
    /// # Errors
    /// As [`Journal::read`].
    pub(crate) fn namespace(&self) -> io::Result<Option<u64>> {
        let stamp = self.content()?.map(|content| content.stamp);
        Ok(stamp.filter(|stamp| stamp.boot == boot_id()).map(|stamp| stamp.namespace))
    }

    fn content(&self) -> io::Result<Option<Content>> {
        kept::read(&self.path, BYTES_MAX, VERSION)
    }

    /// Writes what may be installed from now on, in place of what was written before. On return it is on the disk.
    ///
    /// # Errors
    /// What the file system says; the old journal stands then.
    pub(crate) fn write(&self, record: Record) -> io::Result<()> {
        let stamp = Stamp { version: VERSION, boot: boot_id(), namespace: own_number() };
        let content = Content { stamp, record };
        kept::write(&self.path, to_json(&content).as_bytes())
    }

    /// Forgets everything: nothing of ours is installed any more.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn clear(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Of what the journal lists, what is really there and ours: the interface's index, and what to remove.
pub(crate) fn left_behind<'a>(
    journal: &'a [Entry],
    network: &'a Network,
    kernel_marks_addresses: bool,
) -> impl Iterator<Item = (u32, &'a Entry)> + 'a {
    network.addresses().filter_map(move |(index, name, address)| {
        let is_ours = !kernel_marks_addresses || address.protocol == Some(ADDRESS_PROTOCOL);
        let entry = journal.iter().find(|entry| {
            entry.interface == name && entry.address == address.address && entry.prefix_len == address.prefix_len
        })?;
        is_ours.then_some((index, entry))
    })
}

/// Whether the kernel keeps `IFA_PROTO`: since 5.18.
pub(crate) fn kernel_marks_addresses() -> bool {
    kernel_is_at_least((5, 18))
}

/// Whether the kernel removes an nftables table with the process that made it (`NFT_TABLE_F_OWNER`): since 5.12.
pub(crate) fn kernel_owns_tables() -> bool {
    kernel_is_at_least((5, 12))
}

fn kernel_is_at_least(wanted: (u32, u32)) -> bool {
    /// It does not change while this program runs, and is asked for each second.
    static RELEASE: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let release = || {
        let known = nix::sys::utsname::uname().ok();
        known.map(|uname| uname.release().to_string_lossy().into_owned()).unwrap_or_default()
    };
    release_is_at_least(RELEASE.get_or_init(release), wanted)
}

fn release_is_at_least(release: &str, wanted: (u32, u32)) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|word| word.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn record() -> Record {
        Record {
            addresses: vec![Entry {
                interface: "eth0".into(),
                address: Ipv4Addr::new(10, 0, 0, 1).into(),
                prefix_len: 24,
            }],
            routes: vec![RouteEntry::new("rule 1:".into(), &rule_removal())],
            interfaces: vec![
                MadeEntry { name: "vrrp.1".into(), mac: Some([0, 0, 0x5e, 0, 1, 1]) },
                MadeEntry { name: "vrrp.2".into(), mac: None },
            ],
            tables: vec!["locum".into()],
            settings: vec![SettingEntry { interface: "eth0".into(), name: "arp_ignore".into(), before: 0, ours: 1 }],
        }
    }

    fn rule_removal() -> Vec<u8> {
        let mut message = 16_u32.to_ne_bytes().to_vec();
        message.extend(33_u16.to_ne_bytes());
        message.resize(16, 0);
        message
    }

    #[test]
    fn only_removals_of_routes_and_rules_are_read_as_such() {
        let entry = RouteEntry::new("rule 1:".into(), &rule_removal());
        assert_eq!(entry.message(), Some(rule_removal()));
        let mut other = rule_removal();
        other[4..6].copy_from_slice(&17_u16.to_ne_bytes());
        for bad in [RouteEntry::new(String::new(), &other), RouteEntry::new(String::new(), &rule_removal()[..12])] {
            assert_eq!(bad.message(), None);
        }
        assert_eq!(RouteEntry { name: String::new(), remove: "0g\u{e9}1".into() }.message(), None);
    }

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("locum-journal-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn what_is_written_is_read_until_it_is_cleared() {
        let path = directory("round");
        let journal = Journal::in_directory(&path);
        assert_eq!(journal.read().unwrap(), Record::default());
        journal.write(record()).unwrap();
        assert_eq!(journal.read().unwrap(), record());
        journal.clear().unwrap();
        journal.clear().unwrap();
        assert_eq!(journal.read().unwrap(), Record::default());
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn another_boot_or_namespace_lists_nothing_of_ours() {
        let path = directory("boot");
        let journal = Journal::in_directory(&path);
        for (from, to) in [(boot_id(), "0".repeat(36)), (format!(":{}", own_number()), ":1".into())] {
            journal.write(record()).unwrap();
            let text = fs::read_to_string(&journal.path).unwrap();
            assert!(text.contains(&from));
            fs::write(&journal.path, text.replace(&from, &to)).unwrap();
            assert_eq!(journal.read().unwrap(), Record::default());
        }
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_journal_that_cannot_be_understood_is_an_error() {
        let path = directory("bad");
        let journal = Journal::in_directory(&path);
        journal.write(record()).unwrap();
        let text = fs::read_to_string(&journal.path).unwrap();
        for bad in [&text[..text.len() / 2], "", "{}", &text.replace("\"version\":1", "\"version\":9")] {
            fs::write(&journal.path, bad).unwrap();
            assert!(journal.read().is_err(), "{bad}");
        }
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn kernel_releases_compare_as_numbers() {
        for (release, expected) in
            [("5.18.0", true), ("6.1.0-50-armmp", true), ("5.4.2", false), ("5.9", false), ("10", true), ("odd", false)]
        {
            assert_eq!(release_is_at_least(release, (5, 18)), expected, "{release}");
        }
    }
}
