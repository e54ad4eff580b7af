//! Settings of interfaces (`/proc/sys/net/ipv4/conf`, and `ipv6/conf` for interfaces that locum makes), changed for as long
//! as locum runs. The kernel's Documentation/networking/ip-sysctl.rst says what they mean.

use locum_control::SortedMap;
use std::fs;
use std::io;
use std::num::NonZeroU32;

use locum_config::Model;

use super::super::journal::SettingEntry;
use super::super::network::Network;
use super::super::plan::{self, Placements};

/// What an interface that locum makes needs. It goes with the interface, so nothing has to be restored.
const OF_MADE_INTERFACES: &[(&str, u32)] = &[
    // It answers for its own addresses only, not for those of the interface below.
    ("arp_ignore", 1),
    // What comes in goes out again by the interface below, so only a loose check of the source can hold. The larger of
    // this and that for all interfaces counts; 2 is loose, so the one for all can stay as it is.
    ("rp_filter", 2),
    // One of several addresses of a subnet can go without the others.
    ("promote_secondaries", 1),
];

/// What it needs of IPv6. A virtual MAC address must make no address (RFC 9568 §7.4), neither by itself nor when a router on
/// the link announces a prefix, and what that router says is meant for the interface below.
const OF_MADE_INTERFACES_V6: &[(&str, u32)] = &[("accept_ra", 0), ("autoconf", 0)];

/// Whether IPv6 is off on an interface.
const V6_OFF: &str = "disable_ipv6";

/// What the interface below needs: it does not answer for the VIP with its own MAC address, nor does it ask neighbours in
/// the VIP's name, from which they would learn the wrong MAC address. (Below an ipvlan there is only one MAC address; but the
/// answer to a neighbour asked in its name would come in on the ipvlan, and the interface that asked would not learn it.)
const OF_BASES: &[(&str, u32)] = &[("arp_ignore", 1), ("arp_announce", 2)];

/// The settings that locum changes. What is as wanted already is left alone, and not set back.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// What is wanted at least, by interface and name.
    wanted: SortedMap<(String, &'static str), u32>,
    /// What was changed, or is about to be.
    changed: SortedMap<(String, &'static str), Changed>,
    /// The kernel's index of an interface when its settings were last looked at.
    seen: SortedMap<String, NonZeroU32>,
}

#[derive(Clone, Copy, Debug)]
struct Changed {
    before: u32,
    ours: u32,
    is_applied: bool,
}

impl Settings {
    pub(super) fn new(model: &Model, placements: &Placements) -> Self {
        let mut wanted = SortedMap::new();
        for instance in &model.instances {
            let placement = placements.get(instance);
            for made in &placement.made {
                for (name, value) in OF_BASES {
                    wanted.insert((made.base.clone(), *name), *value);
                }
            }
            if *instance.promote_secondaries {
                let own = instance.interface.iter().map(|name| name.value.as_str());
                let devices = plan::addresses(instance).map(|(address, _)| placement.device(address, instance));
                for device in own.chain(devices).filter(|device| !device.is_empty() && !placement.is_made(device)) {
                    wanted.insert((device.to_owned(), "promote_secondaries"), 1);
                }
            }
        }
        Self { wanted, ..Self::default() }
    }

    /// Goes on with what another configuration wants; the rest is set back.
    pub(super) fn adopt(&mut self, model: &Model, placements: &Placements) {
        self.wanted = Self::new(model, placements).wanted;
        for entry in self.entries() {
            if !self.wanted.keys().any(|(interface, name)| *interface == entry.interface && *name == entry.name) {
                restore(&entry);
            }
        }
        let Self { wanted, changed, seen } = self;
        changed.retain(|key, _| wanted.contains_key(key));
        seen.clear();
    }

    /// Looks which settings of interfaces that have come are to be changed. Returns whether there are any.
    pub(super) fn look(&mut self, network: &Network) -> bool {
        let mut any = false;
        for ((interface, name), least) in &self.wanted {
            let Some((index, _)) = network.by_name(interface) else { continue };
            if self.seen.get(interface) == Some(&index) {
                continue;
            }
            match read(interface, name) {
                Ok(before) if before < *least => {
                    let changed = Changed { before, ours: *least, is_applied: false };
                    self.changed.insert((interface.clone(), name), changed);
                    any = true;
                }
                Ok(_) => {}
                Err(error) => log::warn!("{interface}: {name} cannot be read: {error}"),
            }
        }
        for (interface, _) in self.wanted.keys() {
            if let Some((index, _)) = network.by_name(interface) {
                self.seen.insert(interface.clone(), index);
            }
        }
        any
    }

    /// Changes what [`Settings::look`] has found.
    pub(super) fn apply(&mut self) {
        for ((interface, name), changed) in self.changed.iter_mut().filter(|(_, changed)| !changed.is_applied) {
            changed.is_applied = true;
            match write(interface, name, changed.ours) {
                Ok(()) => log::debug!("{interface}: {name} set from {} to {}", changed.before, changed.ours),
                Err(error) => log::warn!("{interface}: {name} cannot be set to {}: {error}", changed.ours),
            }
        }
    }

    /// For the journal.
    pub(super) fn entries(&self) -> Vec<SettingEntry> {
        let entry = |((interface, name), changed): (&(String, &str), &Changed)| SettingEntry {
            interface: interface.clone(),
            name: (*name).to_owned(),
            before: changed.before,
            ours: changed.ours,
        };
        self.changed.iter().map(entry).collect()
    }

    pub(super) fn restore(&mut self) {
        self.entries().iter().for_each(restore);
        self.changed.clear();
    }
}

/// Whether a setting has the value that we have given it, and is to be set back.
pub(super) fn is_as_we_set_it(entry: &SettingEntry) -> bool {
    let SettingEntry { interface, name, before, ours } = entry;
    let is_a_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_a_name && before != ours && read(interface, name).is_ok_and(|current| current == *ours)
}

/// Sets back what is still as we have set it.
pub(super) fn restore(entry: &SettingEntry) {
    let SettingEntry { interface, name, before, ours } = entry;
    // The name comes out of a file: it must not lead elsewhere.
    if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        return;
    }
    match read(interface, name) {
        Ok(current) if current == *ours => {
            if let Err(error) = write(interface, name, *before) {
                log::warn!("{interface}: {name} cannot be set back to {before}: {error}");
            }
        }
        // The interface has gone, or somebody else has set it meanwhile.
        Ok(_) | Err(_) => {}
    }
}

/// Prepares an interface that locum has made for its work. `has_ipv6` says whether IPv6 addresses go on it: where
/// they do, IPv6 must be on, whatever the machine does with new interfaces; elsewhere the interface keeps out of it.
pub(super) fn prepare_made(interface: &str, has_ipv6: bool) {
    for (name, value) in OF_MADE_INTERFACES {
        complain(interface, name, write(interface, name, *value));
    }
    for (name, value) in OF_MADE_INTERFACES_V6 {
        complain(interface, name, write_in(V6, interface, name, *value));
    }
    complain(interface, V6_OFF, write_in(V6, interface, V6_OFF, u32::from(!has_ipv6)));
}

/// Lets IPv6 addresses go on an interface that was made without.
pub(super) fn allow_ipv6(interface: &str) {
    complain(interface, V6_OFF, write_in(V6, interface, V6_OFF, 0));
}

fn complain(interface: &str, name: &str, result: io::Result<()>) {
    match result {
        Ok(()) => {}
        // The kernel is without IPv6.
        Err(error) if error.kind() == io::ErrorKind::NotFound => log::debug!("{interface}: {name}: {error}"),
        Err(error) => log::warn!("{interface}: {name} cannot be set: {error}"),
    }
}

const V4: &str = "ipv4";
const V6: &str = "ipv6";

fn path(family: &str, interface: &str, name: &str) -> io::Result<String> {
    // Not one of the names that the kernel lets an interface have.
    if interface.is_empty() || interface.starts_with('.') || interface.contains('/') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(format!("/proc/sys/net/{family}/conf/{interface}/{name}"))
}

fn read(interface: &str, name: &str) -> io::Result<u32> {
    let text = fs::read_to_string(path(V4, interface, name)?)?;
    text.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

fn write(interface: &str, name: &str, value: u32) -> io::Result<()> {
    write_in(V4, interface, name, value)
}

fn write_in(family: &str, interface: &str, name: &str, value: u32) -> io::Result<()> {
    fs::write(path(family, interface, name)?, value.to_string())
}
