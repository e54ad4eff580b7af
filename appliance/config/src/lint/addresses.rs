//! VIPs against each other and against the addresses of routers.

use std::net::IpAddr;

use locum_sorted::SortedMap;

use crate::around::Surroundings;
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::{Instance, Model, VirtualAddress};
use crate::source::Span;

/// VIPs that stand twice, collide, or look as if something was forgotten.
pub(super) fn check(model: &Model, found: &mut Diagnostics) {
    let mut seen: SortedMap<(IpAddr, Option<&str>), (&Instance, Span)> = SortedMap::new();
    for instance in &model.instances {
        let all = || instance.addresses.iter().chain(&instance.excluded_addresses);
        let with_prefix = all().find(|address| {
            address.prefix_written && address.prefix_len < if address.address.is_ipv4() { 32 } else { 128 }
        });
        for address in all() {
            // Link-local addresses may be the same on different links; others may not.
            let link_local = matches!(address.address, IpAddr::V6(v6) if v6.is_unicast_link_local());
            let interface = address.interface.as_ref().or(instance.interface.as_ref()).map(|name| name.value.as_str());
            let key = (address.address, interface.filter(|_| link_local));
            match seen.get(&key) {
                Some((other, first)) if std::ptr::eq(*other, &**instance) => found.push(
                    Diagnostic::new(&code::W017_DUPLICATE_ENTRY, address.at.0, format_args!("VIP {} stands twice in `{}`", address.address, instance.name.value))
                        .label("again here")
                        .related(*first, "first here")
                        .fix("take one of them away")
                        .instance(&instance.name.value),
                ),
                Some((other, first)) => found.push(
                    Diagnostic::new(&code::W008_SHARED_VIP, address.at.0, format_args!("VIP {} is also in `{}`", address.address, other.name.value))
                        .label(format_args!("in `{}`", instance.name.value))
                        .related(*first, format_args!("in `{}`", other.name.value))
                        .why("When one of the two leaves MASTER, it takes the address away from the other; and two routers may answer on it at once.")
                        .fix("leave it in one of them")
                        .instance(&other.name.value)
                        .instance(&instance.name.value),
                ),
                None => {
                    seen.insert(key, (instance, address.at.0));
                }
            }
            router_address(instance, address.address, address.at.0, found);
            label(instance, address, found);
            if let (Some(other), false) = (with_prefix, address.prefix_written)
                && other.address.is_ipv4() == address.address.is_ipv4()
            {
                found.push(
                    Diagnostic::new(
                        &code::L004_NO_PREFIX,
                        address.at.0,
                        format_args!("VIP {} has no prefix length", address.address),
                    )
                    .label(format_args!("read as /{}", address.prefix_len))
                    .related(other.at.0, format_args!("this one has /{}", other.prefix_len))
                    .why("As a single address it answers, but adds no route to its subnet.")
                    .fix(format_args!(
                        "write `{}/{}` if that is meant, or `{}/{}` to say so",
                        address.address, other.prefix_len, address.address, address.prefix_len
                    ))
                    .instance(&instance.name.value),
                );
            }
        }
    }
}

fn router_address(instance: &Instance, vip: IpAddr, at: Span, found: &mut Diagnostics) {
    let source =
        instance.source_address.iter().map(|source| (source.value, source.at, "the source address of this router"));
    let peers = instance.peers.iter().map(|peer| (peer.address, peer.at, "the address of a peer"));
    for (address, place, what) in source.chain(peers) {
        let owner =
            instance.priority.value == 255 && Some(address) == instance.source_address.map(|source| source.value);
        if address == vip && !owner {
            let diagnostic = Diagnostic::new(&code::W018_VIP_IS_ROUTER, at, format_args!("VIP {vip} is {what}"))
                .label("a VIP here")
                .why("It would stand on two routers at once, or go away with the role of MASTER and take the router's own address with it.")
                .fix("choose an address that no router has")
                .instance(&instance.name.value);
            found.push(match place {
                Some(place) => diagnostic.related(place, what),
                None => diagnostic,
            });
            return;
        }
    }
}

/// VIPs that an interface of this machine has anyway, so that they do not come and go with the role of MASTER.
pub(super) fn already_there(model: &Model, around: &Surroundings<'_>, found: &mut Diagnostics) {
    let Some(there) = &around.addresses else { return };
    // The owner's addresses are those of its interfaces (RFC 9568 section 6.1).
    for instance in model.instances.iter().filter(|instance| instance.priority.value < 255) {
        for vip in instance.addresses.iter().chain(&instance.excluded_addresses) {
            let interface = vip.interface.as_ref().or(instance.interface.as_ref());
            // Link-local addresses may be the same on different links.
            let link_local = matches!(vip.address, IpAddr::V6(v6) if v6.is_unicast_link_local());
            let same = there.iter().find(|known| {
                known.address == vip.address
                    && (!link_local || interface.is_some_and(|name| name.value == known.interface))
            });
            let Some(known) = same else { continue };
            let (address, interface) = (vip.address, &known.interface);
            found.push(
                Diagnostic::new(&code::W037_VIP_IS_THERE, vip.at.0, format_args!("VIP {address} is an address of {interface} already"))
                    .label("on this router in every state")
                    .why("locum leaves alone what it has not put there, so as BACKUP this router answers for the VIP beside the MASTER.")
                    .fix(format_args!(
                        "choose an address that no router has; or, if it is meant to be the VIP, take it off the interface: `ip address del {address}/{} dev {interface}`, and where the interface is configured",
                        known.prefix_len
                    ))
                    .instance(&instance.name.value),
            );
        }
    }
}

/// A label that tools do not show.
fn label(instance: &Instance, address: &VirtualAddress, found: &mut Diagnostics) {
    let Some(label) = &address.label else { return };
    let Some(interface) = address.interface.as_ref().or(instance.interface.as_ref()) else { return };
    if label.value == interface.value
        || label.value.strip_prefix(&interface.value).is_some_and(|rest| rest.starts_with(':'))
    {
        return;
    }
    found.push(
        Diagnostic::new(
            &code::L006_LABEL,
            address.at.0,
            format_args!("label `{}` does not start with `{}:`", label.value, interface.value),
        )
        .why("ifconfig and the like only show labels that start with the interface's name.")
        .fix(format_args!("write `label {}:…`", interface.value))
        .instance(&instance.name.value),
    );
}

#[cfg(test)]
mod tests {
    use crate::{InterfaceAddress, Surroundings, check};

    /// What is said about VIPs that are there already, when the interfaces have these addresses.
    fn said(lines: &str, there: &[(&str, &str)]) -> Vec<String> {
        let address = |(interface, address): &(&str, &str)| InterfaceAddress {
            interface: (*interface).to_owned(),
            address: address.parse().unwrap(),
            prefix_len: 24,
        };
        let around = Surroundings { addresses: Some(there.iter().map(address).collect()), ..Surroundings::default() };
        let text = format!("vrrp_instance V {{\ninterface eth0\nvirtual_router_id 1\n{lines}\n}}\n");
        let configuration = check("a", text.as_bytes(), &around);
        let found = configuration.diagnostics().iter().filter(|found| found.code.id == "W037");
        found.map(|found| configuration.one_line(found)).collect()
    }

    #[test]
    fn a_vip_that_an_interface_has_is_said() {
        let vips = "virtual_ipaddress {\n10.0.0.9/24\n10.0.0.1/24\n}";
        let line = "a:6:1: VIP 10.0.0.1 is an address of eth1 already [W037]";
        assert_eq!(said(vips, &[("eth1", "10.0.0.1"), ("eth0", "10.0.0.2")]), [line]);
        assert!(said(&format!("priority 255\n{vips}"), &[("eth0", "10.0.0.1")]).is_empty());
        assert!(said(vips, &[]).is_empty());
    }

    #[test]
    fn link_local_addresses_are_those_of_their_link() {
        let vips = "version 3\nnative_ipv6\nvirtual_ipaddress {\nfe80::1/64\n}";
        assert!(said(vips, &[("eth1", "fe80::1")]).is_empty());
        assert_eq!(said(vips, &[("eth0", "fe80::1")]).len(), 1);
    }
}
