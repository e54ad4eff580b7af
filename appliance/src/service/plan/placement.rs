//! Which interfaces the addresses of an instance go on, and which of those locum makes (`use_vmac`, `use_vmac_addr`).
//!
//! An interface that locum makes is a macvlan with the virtual router's MAC address. It is set up only while the router is
//! MASTER. So a BACKUP cannot answer for the VIP, it sends no frame from the virtual MAC address, which would draw the
//! master's traffic to it, and it hears the master's adverts on the interface below, as without a virtual MAC address.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use locum_config::Model;
use locum_config::model::{Family, Global, Instance, MacAddress, VirtualAddress};
use locum_core::wire::arp::Mac;

/// Bytes that the name of an interface has at most.
const NAME_BYTES_MAX: usize = 15;

/// An interface that locum makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MadeInterface {
    /// Its name.
    pub(crate) name: String,
    /// The name of the interface below it.
    pub(crate) base: String,
    /// Its MAC address.
    pub(crate) mac: Mac,
    /// Its group of interfaces (`group` of `use_vmac`); `None` for that of the interface below it.
    pub(crate) group: Option<u32>,
    /// The family of the addresses that are meant for it.
    family: Family,
    /// It is the instance's own (`use_vmac` in the instance), which addresses go on without being asked.
    pub(crate) is_own: bool,
}

impl MadeInterface {
    /// It in words: its name, its MAC address and what it stands on.
    pub(crate) fn describe(&self) -> String {
        let mac: Vec<String> = self.mac.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{} ({}) on {}", self.name, mac.join(":"), self.base)
    }
}

/// Where the addresses of an instance go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The interfaces to be made.
    pub(crate) made: Vec<MadeInterface>,
    /// The MAC address that adverts are sent from, where it is not the interface's own.
    pub(crate) advert_mac: Option<Mac>,
}

impl Placement {
    /// The name of the interface that an address goes on.
    pub(crate) fn device<'a>(&'a self, address: &'a VirtualAddress, instance: &'a Instance) -> &'a str {
        let base = super::device(address, instance);
        let family = Family::of(address.address);
        let wished = wishes_own_mac(address, instance);
        let fits = |made: &&MadeInterface| {
            let is_its_own = made.is_own && (made.family == family || !wished);
            made.base == base && (is_its_own || (wished && made.family == family))
        };
        self.made.iter().find(fits).map_or(base, |made| &made.name)
    }

    /// Whether locum makes the interface of this name.
    pub(crate) fn is_made(&self, name: &str) -> bool {
        self.made.iter().any(|made| made.name == name)
    }

    /// The made interface that is the instance's own.
    pub(crate) fn own(&self) -> Option<&MadeInterface> {
        self.made.iter().find(|made| made.is_own)
    }

    /// The made interface on which adverts arrive whose sender has our virtual MAC address, too: the kernel gives them to
    /// it and not to the one below.
    pub(crate) fn hears(&self, instance: &Instance) -> Option<&MadeInterface> {
        self.own().filter(|_| !instance.is_unicast())
    }
}

/// Whether an address is to have a virtual MAC address wherever it is.
fn wishes_own_mac(address: &VirtualAddress, instance: &Instance) -> bool {
    address.virtual_mac || *instance.virtual_mac_for_addresses
}

/// That of an instance without interfaces of its own.
static NONE: Placement = Placement { made: Vec::new(), advert_mac: None };

/// The placements of all instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placements {
    of_instances: BTreeMap<String, Placement>,
    /// The names of the made interfaces that IPv6 addresses go on.
    with_ipv6: BTreeSet<String>,
}

impl Placements {
    /// Those of a configuration.
    pub(crate) fn of(model: &Model) -> Self {
        let mut names = HashSet::new();
        // Names that were chosen by somebody are not given to others.
        for instance in &model.instances {
            names.extend(written_name(instance).map(str::to_owned));
        }
        let mut placements = Self::default();
        for instance in &model.instances {
            let placement = placement(instance, &model.global, &mut names);
            let v6 = super::addresses(instance).filter(|(address, _)| address.address.is_ipv6());
            let devices = v6.map(|(address, _)| placement.device(address, instance));
            placements.with_ipv6.extend(devices.filter(|name| placement.is_made(name)).map(str::to_owned));
            placements.of_instances.insert(instance.name.value.clone(), placement);
        }
        placements
    }

    /// Whether IPv6 addresses go on the made interface of this name.
    pub(crate) fn puts_ipv6_on(&self, made: &str) -> bool {
        self.with_ipv6.contains(made)
    }

    /// That of an instance.
    pub(crate) fn get(&self, instance: &Instance) -> &Placement {
        self.of_instances.get(&instance.name.value).unwrap_or(&NONE)
    }

    /// Every interface that locum makes.
    pub(crate) fn made(&self) -> impl Iterator<Item = &MadeInterface> {
        self.of_instances.values().flat_map(|placement| &placement.made)
    }
}

fn placement(instance: &Instance, global: &Global, names: &mut HashSet<String>) -> Placement {
    let mut placement = Placement::default();
    let own = instance.interface.as_ref().map_or("", |name| name.value.as_str());
    if let Some(wish) = instance.virtual_mac.as_ref().filter(|_| !own.is_empty()) {
        let MacAddress(mac) = wish.address(instance.family, *instance.vrid);
        let name = match written_name(instance) {
            Some(name) => name.to_owned(),
            None => free_name(&global.vmac_prefix, *instance.vrid, instance.family, names),
        };
        let family = instance.family;
        let base = own.to_owned();
        placement.made.push(MadeInterface { name, base, mac, group: wish.group, family, is_own: true });
        placement.advert_mac = (!*instance.transmit_on_base && !instance.is_unicast()).then_some(mac);
    }
    for (address, _) in super::addresses(instance) {
        let base = super::device(address, instance);
        if !wishes_own_mac(address, instance) || placement.device(address, instance) != base || base.is_empty() {
            continue;
        }
        // On the instance's own interface `use_vmac_addr` alone changes nothing: that is what `use_vmac` is for.
        let family = Family::of(address.address);
        if base == own && family == instance.family && !address.virtual_mac {
            continue;
        }
        let prefix = if base == own { &global.vmac_prefix } else { &global.vmac_address_prefix };
        let name = free_name(prefix, *instance.vrid, family, names);
        let MacAddress(mac) = MacAddress::of_virtual_router(family, *instance.vrid);
        let base = base.to_owned();
        placement.made.push(MadeInterface { name, base, mac, group: None, family, is_own: false });
    }
    placement
}

/// A name that nobody has yet, made of the virtual router's number.
fn free_name(prefix: &str, vrid: u8, family: Family, names: &mut HashSet<String>) -> String {
    let six = match family {
        Family::V4 => "",
        Family::V6 => "6",
    };
    // Some 255 groups on some interfaces: the loop ends long before the numbers do.
    for number in 0..u32::MAX {
        let tail = if number == 0 { format!("{six}.{vrid}") } else { format!("{six}.{vrid}.{number}") };
        let room = NAME_BYTES_MAX.saturating_sub(tail.len());
        let head: String = prefix.chars().filter(char::is_ascii).take(room).collect();
        let name = format!("{head}{tail}");
        if names.insert(name.clone()) {
            return name;
        }
    }
    String::new()
}

fn written_name(instance: &Instance) -> Option<&str> {
    instance.virtual_mac.as_ref()?.name.as_ref().map(|name| name.value.as_str())
}
