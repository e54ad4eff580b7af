//! `use_vmac` and `use_ipvlan`

use super::instance::Draft;
use super::statement::{Statement, Word};
use super::values;
use super::{Reader, shorten};
use crate::diagnostic::{Diagnostic, code};
use crate::model::{At, Family, Instance, Ipvlan, IpvlanMode, MacAddress, MacChoice, Setting, VirtualMac};
use crate::names::NameKind;
use crate::schema::Kind;

impl Reader<'_> {
    /// `use_vmac [[name] NAME] [MAC] [netlink_notify_msg] [group GROUP]`
    pub(super) fn use_vmac(&mut self, draft: &mut Draft, line: &Statement<'_>) {
        let mut vmac = VirtualMac {
            name: None,
            mac: MacChoice::VirtualRouter,
            group: None,
            announce_base: false,
            at: At(line.whole()),
        };
        let mut words = line.args().iter();
        while let Some(word) = words.next() {
            match word.text.as_ref() {
                "netlink_notify_msg" => vmac.announce_base = true,
                "group" => vmac.group = self.group_after(word, words.next()),
                "name" => vmac.name = self.after(word, words.next()).and_then(|name| self.interface_name(name)),
                // No name of an interface holds a colon.
                text if text.contains(':') => vmac.mac = self.own_mac(word),
                _ if vmac.name.is_some() => self.second_name(word),
                _ => vmac.name = self.interface_name(word),
            }
        }
        draft.instance.virtual_mac = Some(Box::new(vmac));
    }

    /// `use_ipvlan [[name] NAME] [ADDRESS[/PREFIX]] [bridge|private|vepa] [group GROUP]`
    pub(super) fn use_ipvlan(&mut self, draft: &mut Draft, line: &Statement<'_>) {
        let mut ipvlan =
            Ipvlan { name: None, address: None, mode: IpvlanMode::Bridge, group: None, at: At(line.whole()) };
        let mut words = line.args().iter();
        while let Some(word) = words.next() {
            match word.text.as_ref() {
                "bridge" => ipvlan.mode = IpvlanMode::Bridge,
                "private" => ipvlan.mode = IpvlanMode::Private,
                "vepa" => ipvlan.mode = IpvlanMode::Vepa,
                "group" => ipvlan.group = self.group_after(word, words.next()),
                "name" => ipvlan.name = self.after(word, words.next()).and_then(|name| self.interface_name(name)),
                text => match values::network(text) {
                    Ok((address, len)) => {
                        let full = if address.is_ipv4() { 32 } else { 128 };
                        ipvlan.address = Some((address, len.unwrap_or(full)));
                    }
                    Err(_) if ipvlan.name.is_some() => self.second_name(word),
                    Err(_) => ipvlan.name = self.interface_name(word),
                },
            }
        }
        draft.instance.ipvlan = Some(Box::new(ipvlan));
    }

    /// What `use_vmac` and `use_ipvlan` mean together with the rest of the instance.
    pub(super) fn settle_virtual_mac(&mut self, instance: &mut Instance) {
        let unicast = instance.is_unicast();
        let family = instance.family;
        if let Some(at) = instance.virtual_mac.as_ref().map(|vmac| vmac.at.0)
            && unicast
            && !instance.transmit_on_base.value
        {
            instance.options_mut().transmit_on_base.value = true;
            self.diagnostics.push(
                    Diagnostic::new(&code::W033_VIRTUAL_MAC, at, "`use_vmac` with unicast peers and without `vmac_xmit_base`")
                        .label("adverts go through the interface below")
                        .why("The address that the peers know stands on the interface below the macvlan. As in keepalived, `vmac_xmit_base` is taken as written.")
                        .fix("write `vmac_xmit_base`"),
                );
        }
        if let (None, Some(at)) = (&instance.virtual_mac, instance.transmit_on_base.at) {
            self.diagnostics.push(
                Diagnostic::new(&code::W033_VIRTUAL_MAC, at, "`vmac_xmit_base` without `use_vmac`")
                    .label("has no effect")
                    .fix("write `use_vmac`, or take this away"),
            );
        }
        let Some(ipvlan) = &instance.ipvlan else { return };
        let at = ipvlan.at.0;
        if let Some(vmac) = &instance.virtual_mac {
            self.diagnostics.push(
                Diagnostic::new(&code::E033_IPVLAN, at, "`use_ipvlan` beside `use_vmac`")
                    .related(vmac.at.0, "asks for a macvlan")
                    .fix("take one of them away"),
            );
        }
        match ipvlan.address {
            Some((address, _)) if Family::of(address) != family => self.diagnostics.push(Diagnostic::new(
                &code::E024_FAMILIES,
                at,
                format_args!("the address of the ipvlan is {}, the instance is {family}", Family::of(address)),
            )),
            Some((address, _)) => {
                let mut virtual_addresses = instance.addresses.iter().chain(&instance.excluded_addresses);
                if virtual_addresses.any(|known| known.address == address) {
                    self.diagnostics.push(
                        Diagnostic::new(
                            &code::E033_IPVLAN,
                            at,
                            format_args!("{address} is a VIP, and the ipvlan's own address as well"),
                        )
                        .label("this one stays when another router is MASTER")
                        .fix("give the ipvlan an address of its own"),
                    );
                }
                // Adverts come from the interface that the VIPs are on.
                instance.source_address.get_or_insert_with(|| Setting::implied(address));
            }
            None if family == Family::V4 => self.diagnostics.push(
                Diagnostic::new(&code::E033_IPVLAN, at, "an ipvlan of an IPv4 instance needs an address")
                    .label("without one it could not send")
                    .fix("write `use_ipvlan ADDRESS/PREFIX`"),
            ),
            None => {}
        }
    }

    fn own_mac(&mut self, word: &Word<'_>) -> MacChoice {
        let text = word.text.as_ref();
        let refuse = |message: String| Diagnostic::new(&code::E017_NOT_AN_ADDRESS, word.at, message);
        let choice = MacChoice::parse(text);
        let octets = match choice {
            Some(MacChoice::Own(mac)) => mac,
            Some(MacChoice::OwnPrefix([a, b, c, d, e])) => MacAddress([a, b, c, d, e, 0]),
            Some(MacChoice::VirtualRouter) | None => {
                self.diagnostics.push(
                    refuse(format!("`{}` is no MAC address", shorten(text)))
                        .label("expected six octets, or five, to which the VRID is added: `02:00:00:00:01`"),
                );
                return MacChoice::VirtualRouter;
            }
        };
        if octets.is_multicast() {
            let refusal = refuse(format!("`{}` is a multicast address", shorten(text)));
            self.diagnostics.push(refusal.label("the first octet must be even"));
        } else if octets.is_virtual_router() {
            self.diagnostics.push(
                refuse(format!("`{}` is an address that the RFC gives to virtual routers", shorten(text)))
                    .label("another virtual router may have it")
                    .fix("take it away: the address of this virtual router is set by itself"),
            );
        }
        choice.unwrap_or_default()
    }

    /// The value after a word of these lines.
    fn after<'w>(&mut self, word: &Word<'_>, value: Option<&'w Word<'w>>) -> Option<&'w Word<'w>> {
        if value.is_none() {
            self.diagnostics.push(
                Diagnostic::new(
                    &code::E012_MISSING_VALUE,
                    word.at,
                    format_args!("`{}` needs a value", shorten(&word.text)),
                )
                .label("nothing follows it"),
            );
        }
        value
    }

    fn group_after(&mut self, word: &Word<'_>, group: Option<&Word<'_>>) -> Option<u32> {
        let group = self.after(word, group)?;
        self.number_of(NameKind::Group, group)
    }

    pub(super) fn interface_name(&mut self, word: &Word<'_>) -> Option<Setting<String>> {
        match values::read(word, Kind::Interface) {
            Ok(_) => Some(word.setting()),
            Err(refusal) => {
                self.diagnostics.push(
                    Diagnostic::new(
                        refusal.code,
                        word.at,
                        format_args!("`{}` cannot be the name of an interface", shorten(&word.text)),
                    )
                    .label("1 to 15 bytes without `/` and `:`"),
                );
                None
            }
        }
    }

    fn second_name(&mut self, word: &Word<'_>) {
        self.diagnostics.push(
            Diagnostic::new(
                &code::W010_EXTRA,
                word.at,
                format_args!("`{}` would be a second name", shorten(&word.text)),
            )
            .label("ignored")
            .fix("take it away"),
        );
    }
}
