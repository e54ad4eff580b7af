//! Which interfaces the addresses of an instance go on, and which of those locum makes (`use_vmac`, `use_vmac_addr`,
//! `use_ipvlan`).
//!
//! A macvlan has the virtual router's MAC address. It is set up only while the router is MASTER. So a BACKUP cannot answer
//! for the VIP, it sends no frame from the virtual MAC address, which would draw the master's traffic to it, and it hears
//! the master's adverts on the interface below, as without a virtual MAC address.
//!
//! An ipvlan has the MAC address of the interface below, and an address of its own, which the router sends from. So it is
//! set up in every state. Adverts to a group come in, and all adverts leave, on the interface below: on the wire there is no
//! difference, and the kernel hands what goes through an ipvlan to a queue first. Only what is addressed to the ipvlan comes
//! in on it.

use locum_control::{SortedMap, SortedSet};
use std::net::IpAddr;

use locum_config::Model;
use locum_config::model::{Family, Global, Instance, IpvlanMode, MacAddress, VirtualAddress};
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
    /// What it is.
    pub(crate) kind: MadeKind,
    /// Its group of interfaces (`group` of `use_vmac`); `None` for that of the interface below it.
    pub(crate) group: Option<u32>,
    /// The family of the addresses that are meant for it.
    family: Family,
    /// It is the instance's own (`use_vmac` or `use_ipvlan` in the instance), which addresses go on without being asked.
    pub(crate) is_own: bool,
}

/// What an interface that locum makes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MadeKind {
    /// A macvlan with this MAC address, set up while the router is MASTER.
    Macvlan(Mac),
    /// An ipvlan, set up all the time.
    Ipvlan {
        /// How it talks to others on the same interface.
        mode: IpvlanMode,
        /// Its own address and its prefix length; `None` for the link-local one that the kernel makes.
        address: Option<(IpAddr, u8)>,
    },
}

impl MadeKind {
    /// Its name in ip-link(8), which is that of the kernel's module as well.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Macvlan(_) => "macvlan",
            Self::Ipvlan { .. } => "ipvlan",
        }
    }

    /// Its MAC address, where it has one of its own.
    pub(crate) const fn mac(self) -> Option<Mac> {
        match self {
            Self::Macvlan(mac) => Some(mac),
            Self::Ipvlan { .. } => None,
        }
    }
}

impl MadeInterface {
    /// It in words: its name, what tells it from others, and what it stands on.
    pub(crate) fn describe(&self) -> String {
        let own = match self.kind {
            MadeKind::Macvlan(mac) => MacAddress(mac).to_string(),
            MadeKind::Ipvlan { address: Some((address, prefix_len)), .. } => format!("ipvlan {address}/{prefix_len}"),
            MadeKind::Ipvlan { address: None, .. } => "ipvlan".into(),
        };
        format!("{} ({own}) on {}", self.name, self.base)
    }

    /// Whether it is an ipvlan.
    pub(crate) const fn is_ipvlan(&self) -> bool {
        matches!(self.kind, MadeKind::Ipvlan { .. })
    }

    /// Whether it sends from a link-local IPv6 address that the kernel makes.
    pub(crate) fn makes_its_address(&self) -> bool {
        self.family == Family::V6 && matches!(self.kind, MadeKind::Ipvlan { address: None, .. })
    }

    /// Whether it has an IPv6 address of its own.
    fn has_own_ipv6(&self) -> bool {
        self.family == Family::V6 && self.is_ipvlan()
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
            // An interface carries macvlans or ipvlans, not both (linux/netdevice.h, rx_handler): the ipvlan has to do.
            let is_its_own = made.is_own && (made.family == family || !wished || made.is_ipvlan());
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

    /// The made interface to which the kernel gives adverts and not to the one below: on a macvlan those to the group whose
    /// sender has our virtual MAC address, too, on an ipvlan those to its address.
    pub(crate) fn hears(&self, instance: &Instance) -> Option<&MadeInterface> {
        self.own().filter(|made| made.is_ipvlan() == instance.is_unicast())
    }

    /// The ipvlan that the instance sends from the address of.
    pub(crate) fn ipvlan(&self) -> Option<&MadeInterface> {
        self.own().filter(|made| made.is_ipvlan())
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
    of_instances: SortedMap<String, Placement>,
    /// The names of the made interfaces that IPv6 addresses go on.
    with_ipv6: SortedSet<String>,
}

impl Placements {
    /// Those of a configuration.
    pub(crate) fn of(model: &Model) -> Self {
        let mut names = SortedSet::new();
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
            let own = placement.made.iter().filter(|made| made.has_own_ipv6());
            placements.with_ipv6.extend(own.map(|made| made.name.clone()));
            if placement != NONE {
                placements.of_instances.insert(instance.name.value.clone(), placement);
            }
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

fn placement(instance: &Instance, global: &Global, names: &mut SortedSet<String>) -> Placement {
    let mut placement = Placement::default();
    let own = instance.interface.as_ref().map_or("", |name| name.value.as_str());
    let wish = match (&instance.virtual_mac, &instance.ipvlan) {
        (Some(wish), _) => {
            let MacAddress(mac) = wish.address(instance.family, *instance.vrid);
            Some((MadeKind::Macvlan(mac), wish.group))
        }
        (None, Some(wish)) => Some((MadeKind::Ipvlan { mode: wish.mode, address: wish.address }, wish.group)),
        (None, None) => None,
    };
    if let Some((kind, group)) = wish.filter(|_| !own.is_empty()) {
        let name = match written_name(instance) {
            Some(name) => name.to_owned(),
            None => free_name(&global.vmac_prefix, *instance.vrid, instance.family, names),
        };
        let family = instance.family;
        let base = own.to_owned();
        placement.made.push(MadeInterface { name, base, kind, group, family, is_own: true });
        placement.advert_mac = kind.mac().filter(|_| !*instance.transmit_on_base && !instance.is_unicast());
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
        let (base, kind) = (base.to_owned(), MadeKind::Macvlan(mac));
        placement.made.push(MadeInterface { name, base, kind, group: None, family, is_own: false });
    }
    placement
}

/// A name that nobody has yet, made of the virtual router's number.
fn free_name(prefix: &str, vrid: u8, family: Family, names: &mut SortedSet<String>) -> String {
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
    let name = match (&instance.virtual_mac, &instance.ipvlan) {
        (Some(wish), _) => &wish.name,
        (None, Some(wish)) => &wish.name,
        (None, None) => return None,
    };
    name.as_ref().map(|name| name.value.as_str())
}

#[cfg(test)]
mod tests {
    use locum_config::Surroundings;

    use super::*;

    fn model(interface: &str) -> Model {
        let text = format!(
            "vrrp_instance A {{\n interface eth0\n virtual_router_id 54\n {interface}\n virtual_ipaddress {{\n 10.0.0.1/24\n \
             10.0.1.1/24 dev eth1\n }}\n virtual_ipaddress_excluded {{\n 2001:db8::1/64\n }}\n}}\n"
        );
        locum_config::check("test.conf", text.as_bytes(), &Surroundings::default()).model().clone()
    }

    #[test]
    fn an_ipvlan_is_sent_from_and_the_addresses_of_its_base_are_on_it() {
        let with_group = model("use_ipvlan ipv54 10.0.0.54/24 vepa");
        let placements = Placements::of(&with_group);
        let [instance] = with_group.instances.as_slice() else { panic!("{:?}", with_group.instances) };
        let placement = placements.get(instance);
        let own = ("10.0.0.54".parse().unwrap(), 24);
        let kind = MadeKind::Ipvlan { mode: IpvlanMode::Vepa, address: Some(own) };
        assert_eq!(
            placement.made.iter().map(|made| (made.name.as_str(), made.kind)).collect::<Vec<_>>(),
            [("ipv54", kind)]
        );
        let devices: Vec<_> =
            super::super::addresses(instance).map(|(address, _)| placement.device(address, instance)).collect();
        assert_eq!(devices, ["ipv54", "eth1", "ipv54"]);
        assert!(placements.puts_ipv6_on("ipv54"));
        assert_eq!(placement.advert_mac, None, "the MAC address is that of the interface below");
        assert_eq!(instance.source_address.map(|source| source.value), Some(own.0));
        // It is up in every state, so it is no part of what a MASTER installs.
        assert!(
            !super::super::parts(instance, placement)
                .iter()
                .any(|part| matches!(part, super::super::Part::Interface(_)))
        );
        assert_eq!(placement.hears(instance), None, "adverts to the group come in below");

        let with_peer = model("use_ipvlan 10.0.0.54/24\n unicast_peer {\n 10.0.0.2\n }");
        let placements = Placements::of(&with_peer);
        let instance = with_peer.instances.first().unwrap();
        let hears = placements.get(instance).hears(instance).map(|made| made.name.as_str());
        assert_eq!(hears, Some("vrrp.54"), "what is addressed to it comes in on it");
    }

    #[test]
    fn a_macvlan_hears_the_group_only() {
        for (options, expected) in [("use_vmac", Some("vrrp.54")), ("use_vmac\n unicast_peer {\n 10.0.0.2\n }", None)] {
            let model = model(options);
            let instance = model.instances.first().unwrap();
            let placements = Placements::of(&model);
            let hears = placements.get(instance).hears(instance).map(|made| made.name.as_str());
            assert_eq!(hears, expected, "{options}");
        }
    }
}
