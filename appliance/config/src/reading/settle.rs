//! An instance once all of its block and `global_defs` is known: defaults, and what its values say together.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::instance::{Draft, concern};
use super::values::millionths;
use super::{Reader, shorten};
use crate::diagnostic::{Diagnostic, code};
use crate::model::{Family, Global, Instance, MailSecurity, Model, Options, Setting, Version};
use crate::source::Span;

impl Reader<'_> {
    /// Completes an instance with what `global_defs` says, and checks what its values say together.
    /// `usual` are the options of instances that write none.
    pub(super) fn finish_instance(&mut self, draft: Draft, usual: &Arc<Options>) {
        let mark = self.diagnostics.mark();
        let Draft {
            mut instance,
            advert_interval_us,
            auth_type,
            auth_pass,
            native_ipv6,
            no_addresses_meant,
            address_refused,
            peer_refused,
            unicast_setting,
            seen,
            failed,
        } = draft;
        let name = instance.name.value.clone();
        take_defaults(&mut instance, &self.model.global, &self.unwritten, usual);
        self.settle_family(&mut instance, native_ipv6);
        self.settle_version(&mut instance);
        self.settle_interval(&mut instance, advert_interval_us);
        self.settle_authentication(&mut instance, auth_type, auth_pass);
        // What a refused line of a list would have said has been said already.
        let refused_before = self.failed.contains(&name);
        self.settle_unicast(&mut instance, unicast_setting.filter(|_| !peer_refused && !refused_before));
        self.settle_virtual_mac(&mut instance);
        self.settle_start(&mut instance);
        self.settle_strict(&mut instance);
        let at = instance.at.0;
        let stands = |keyword: &str| seen.iter().any(|(name, _)| *name == keyword);
        if instance.vrid.value == 0 && !stands("virtual_router_id") {
            self.diagnostics.push(
                Diagnostic::new(&code::E021_NO_VRID, at, format_args!("`{}` has no virtual_router_id", shorten(&name)))
                    .label("this instance")
                    .fix("add `virtual_router_id N`, 1 to 255, the same on all routers of the group and used by no other group on the network"),
            );
        }
        // A value that was refused has been said already.
        if instance.interface.is_none() && !stands("interface") {
            self.settle_interface(&mut instance);
        }
        self.settle_addresses(&mut instance);
        if instance.addresses.is_empty() && !no_addresses_meant && !address_refused && !refused_before {
            self.no_addresses(&instance);
        }
        instance.broken = failed || self.diagnostics.failed_since(mark);
        for diagnostic in self.diagnostics.since(mark) {
            concern(diagnostic, &name);
        }
        // They stay for as long as the service runs: no room for more.
        instance.addresses.shrink_to_fit();
        if let Some(excluded) = instance.excluded_addresses.as_mut() {
            excluded.shrink_to_fit();
        }
        self.model.instances.push(Arc::new(instance));
    }

    /// `global_defs` as a whole: what stands for what is not written, and what groups take over from it.
    pub(super) fn settle_global(&mut self) {
        let Model { global, sync_groups, garp_groups, static_addresses, .. } = &mut self.model;
        for address in static_addresses.iter_mut().filter(|address| address.address.interface.is_none()) {
            let default = global.default_interface.clone();
            address.address.interface = Some(default.unwrap_or_else(|| Setting::implied("eth0".to_owned())));
        }
        if let Some(Setting { value: (_, port @ 0), .. }) = &mut global.mail.server {
            *port = if global.mail.security.value == MailSecurity::Tls { 465 } else { 25 };
        }
        if !global.vmac_address_prefix.is_written() {
            global.vmac_address_prefix.value.clone_from(&global.vmac_prefix.value);
        }
        let defaults = &global.instance_defaults;
        for group in garp_groups {
            take(&mut group.garp_interval_us, Some(global.garp_interval_us));
            take(&mut group.gna_interval_us, Some(global.gna_interval_us));
        }
        for group in sync_groups {
            take(&mut group.smtp_alert, defaults.smtp_alert_vrrp.or(defaults.smtp_alert));
            take(&mut group.notify.priority_changes, defaults.notify_priority_changes);
        }
    }

    /// Only unicast can do without an interface; the VIPs then go where they say, or to the default interface.
    fn settle_interface(&mut self, instance: &mut Instance) {
        if instance.peers.is_empty() {
            self.diagnostics.push(
                Diagnostic::new(
                    &code::E020_NO_INTERFACE,
                    instance.at.0,
                    format_args!("`{}` has no interface", shorten(&instance.name.value)),
                )
                .label("this instance")
                .fix("add `interface NAME`"),
            );
            return;
        }
        let default = self.model.global.default_interface.clone();
        let excluded = instance.excluded_addresses.as_mut().into_iter().flatten();
        for address in instance.addresses.iter_mut().chain(excluded).filter(|address| address.interface.is_none()) {
            match &default {
                Some(default) => address.interface = Some(default.clone()),
                None => self.diagnostics.push(
                    Diagnostic::new(
                        &code::E020_NO_INTERFACE,
                        address.at.0,
                        format_args!("VIP {} has no interface", address.address),
                    )
                    .label("neither here nor in the instance")
                    .fix("add `dev NAME` here, or `interface NAME` to the instance"),
                ),
            }
        }
    }

    /// What an advert can list, and what it should.
    fn settle_addresses(&mut self, instance: &mut Instance) {
        if let Some(beyond) = instance.addresses.get(255) {
            self.diagnostics.push(
                Diagnostic::new(
                    &code::E030_TOO_MANY_VIPS,
                    beyond.at.0,
                    format_args!("`{}` has {} VIPs", shorten(&instance.name.value), instance.addresses.len()),
                )
                .label("the 256th")
                .why("An advert lists 255 addresses at most.")
                .fix("move some of them to `virtual_ipaddress_excluded`"),
            );
        }
        if let Some(first) = instance.addresses.first()
            && let IpAddr::V6(address) = first.address
            && !address.is_unicast_link_local()
        {
            self.diagnostics.push(
                Diagnostic::new(&code::L010_LINK_LOCAL_FIRST, first.at.0, "the first IPv6 VIP is not link-local")
                    .why("Hosts name their router by its link-local address; the RFC wants it first.")
                    .fix("put an address from fe80::/64 first"),
            );
        }
        let mut garp = instance.garp;
        for repeat in [&mut garp.master_repeat, &mut garp.refresh_repeat] {
            if let Some(at) = repeat.at.filter(|_| repeat.value == 0) {
                repeat.value = 1;
                self.diagnostics.push(
                    Diagnostic::new(&code::W030_NO_GARP, at, "no gratuitous ARP at all")
                        .label("read as 1")
                        .why("Switches and hosts would go on sending to the old master.")
                        .fix("write 1 or more"),
                );
            }
        }
        if garp != instance.garp {
            instance.options_mut().garp = garp;
        }
    }

    fn no_addresses(&mut self, instance: &Instance) {
        let at = instance.at.0;
        let name = shorten(&instance.name.value);
        let fix = "list its addresses in `virtual_ipaddress`, or write `no_virtual_ipaddress` if that is meant";
        self.diagnostics.push(if instance.version.value == Version::V3 || instance.strict.value {
            Diagnostic::new(&code::E026_NO_VIP_V3, at, format_args!("`{name}` has no VIP"))
                .label("this instance")
                .why("A VRRPv3 advert, or one in strict mode, lists at least one address.")
                .fix(fix)
        } else if instance.excluded_addresses.is_empty() {
            Diagnostic::new(&code::W009_NO_VIP, at, format_args!("`{name}` has no VIP"))
                .label("this instance")
                .why("It elects a master of nothing.")
                .fix(fix)
        } else {
            Diagnostic::new(
                &code::W028_EXCLUDED_ONLY,
                at,
                format_args!("`{name}` only has VIPs that adverts do not list"),
            )
            .label("this instance")
            .fix("move at least one of them to `virtual_ipaddress`")
        });
    }

    fn settle_family(&mut self, instance: &mut Instance, native_ipv6: Option<Span>) {
        let first = instance.addresses.first().map(|address| (Family::of(address.address), address.at.0));
        let by_router = || {
            let peer = instance.peers.first().map(|peer| (peer.address, peer.at));
            let source = instance.source_address.map(|source| (source.value, source.at));
            peer.or(source).map(|(address, at)| (Family::of(address), at.unwrap_or(instance.at.0)))
        };
        let native = native_ipv6.map(|at| (Family::V6, at));
        let (family, because) = native.or(first).or_else(by_router).unwrap_or((Family::V4, instance.at.0));
        instance.family = family;
        let mut check = |address: IpAddr, at: Span, fix: fmt::Arguments<'_>| {
            let of_address = Family::of(address);
            if of_address == family {
                return;
            }
            let message = format_args!("`{address}` is {of_address}, the instance is {family}");
            self.diagnostics.push(
                Diagnostic::new(&code::E024_FAMILIES, at, message)
                    .label(format_args!("{of_address} here"))
                    .related(because, format_args!("makes it an {family} instance"))
                    .fix(fix),
            );
        };
        let fix =
            format_args!("put it into an instance of its own, or into virtual_ipaddress_excluded of this {family} one");
        for vip in &instance.addresses {
            check(vip.address, vip.at.0, fix);
        }
        let fix = format_args!("write the router's {family} address");
        for peer in &instance.peers {
            check(peer.address, peer.at.unwrap_or(instance.at.0), fix);
        }
        if let Some(source) = &instance.source_address {
            check(source.value, source.at.unwrap_or(instance.at.0), fix);
        }
        instance.multicast_group = match (instance.multicast_group.at, family) {
            (Some(at), _) if Family::of(instance.multicast_group.value) != family => {
                self.diagnostics.push(
                    Diagnostic::new(
                        &code::E024_FAMILIES,
                        at,
                        format_args!(
                            "mcast_dst_ip is {}, the instance is {family}",
                            Family::of(instance.multicast_group.value)
                        ),
                    )
                    .label(format_args!("{} here", Family::of(instance.multicast_group.value)))
                    .related(because, format_args!("makes it an {family} instance"))
                    .fix(format_args!(
                        "write an {family} multicast group, or take the line away: the usual group is used then"
                    )),
                );
                instance.multicast_group
            }
            (Some(_), _) => instance.multicast_group,
            (None, Family::V4) => Setting { value: IpAddr::V4(self.model.global.multicast_group4.value), at: None },
            (None, Family::V6) => Setting { value: IpAddr::V6(self.model.global.multicast_group6.value), at: None },
        };
    }

    fn settle_version(&mut self, instance: &mut Instance) {
        let written = instance.version.at;
        if instance.family == Family::V6 {
            if let (Version::V2, Some(at)) = (instance.version.value, written) {
                self.diagnostics.push(
                    Diagnostic::new(&code::E024_FAMILIES, at, "VRRPv2 knows IPv4 only")
                        .label("the instance has IPv6 addresses")
                        .fix("write `version 3`, or take the line away"),
                );
            }
            instance.version = Setting { value: Version::V3, at: written };
        } else if written.is_none() {
            instance.version = Setting::implied(self.model.global.version.map_or(Version::V2, |version| version.value));
        }
        if !crate::SUPPORTED_VERSIONS.contains(&(instance.version.value, instance.family)) {
            self.diagnostics.push(
                Diagnostic::new(
                    &code::E027_UNSUPPORTED,
                    written.unwrap_or(instance.at.0),
                    format_args!(
                        "{} over {} is not supported by this version of locum",
                        instance.version.value, instance.family
                    ),
                )
                .why("The routers of its group could not understand each other."),
            );
        }
    }

    /// RFC 3768 section 5.3.7: whole seconds in 8 bits. RFC 9568 section 5.2.7: hundredths in 12 bits.
    fn settle_interval(&mut self, instance: &mut Instance, interval_us: Setting<u32>) {
        const CS_US: u32 = 10_000;
        const SECOND_US: u32 = 1_000_000;
        let us = interval_us.value;
        let at = interval_us.at;
        let written = millionths(i64::from(us));
        let cs = match instance.version.value {
            Version::V2 => {
                let seconds = ((us + SECOND_US / 2) / SECOND_US).max(1);
                if let Some(at) = at.filter(|_| !us.is_multiple_of(SECOND_US)) {
                    self.diagnostics.push(
                        Diagnostic::new(&code::W007_FRACTIONAL_V2, at, format_args!("VRRPv2 cannot carry an interval of {written} s"))
                            .label(format_args!("rounded to {seconds} s"))
                            .why("An advert of version 2 has whole seconds. Routers of a group that round differently discard each other's adverts.")
                            .fix(format_args!("write `advert_int {seconds}`, or `version 3` on all routers of the group")),
                    );
                }
                seconds * 100
            }
            Version::V3 => {
                let cs = (us / CS_US).clamp(1, 4095);
                if let Some(at) = at.filter(|_| us > 4095 * CS_US) {
                    self.diagnostics.push(
                        Diagnostic::new(
                            &code::E015_RANGE,
                            at,
                            format_args!("VRRPv3 cannot carry an interval of {written} s"),
                        )
                        .label("40.95 s at most")
                        .fix("choose a shorter interval"),
                    );
                } else if let Some(at) = at.filter(|_| !us.is_multiple_of(CS_US)) {
                    self.diagnostics.push(
                        Diagnostic::new(
                            &code::L007_INTERVAL,
                            at,
                            format_args!("VRRPv3 carries hundredths of a second, not {written} s"),
                        )
                        .label(format_args!("cut to {} s", millionths(i64::from(cs) * 10_000))),
                    );
                }
                cs
            }
        };
        instance.advert_interval_cs = Setting { value: u16::try_from(cs).unwrap_or(u16::MAX), at };
    }
}

fn take<T: Copy>(slot: &mut Setting<T>, default: Option<Setting<T>>) {
    if let (false, Some(default)) = (slot.is_written(), default) {
        *slot = default;
    }
}

/// What the instance does not say itself, `global_defs` may say. `written` are the options as instances write them that
/// write none, and `usual` the same with what `global_defs` says.
fn take_defaults(instance: &mut Instance, global: &Global, written: &Arc<Options>, usual: &Arc<Options>) {
    if Arc::ptr_eq(&instance.options, written) {
        instance.options = Arc::clone(usual);
    } else {
        take_options(instance.options_mut(), global);
    }
    if let Some(default) = global.instance_defaults.notify_priority_changes {
        take(&mut instance.notify.get_mut().priority_changes, Some(default));
    }
}

/// The options that are not written are those of `global_defs`.
pub(super) fn take_options(options: &mut Options, global: &Global) {
    let defaults = &global.instance_defaults;
    let garp = &mut options.garp;
    take(&mut garp.master_repeat, defaults.garp_master_repeat);
    take(&mut garp.master_delay_s, defaults.garp_master_delay_s);
    take(&mut garp.refresh_s, defaults.garp_refresh_s);
    take(&mut garp.refresh_repeat, defaults.garp_refresh_repeat);
    // In keepalived the instance's own garp_master_… do not reach the rounds for a lower priority; those of global_defs do.
    take(&mut garp.lower_priority_repeat, defaults.garp_lower_priority_repeat.or(defaults.garp_master_repeat));
    take(&mut garp.lower_priority_delay_s, defaults.garp_lower_priority_delay_s.or(defaults.garp_master_delay_s));
    take(&mut garp.extra_interfaces, defaults.extra_interfaces);
    take(&mut options.down_timer_adverts, defaults.down_timer_adverts);
    take(&mut options.lower_priority_no_advert, defaults.lower_priority_no_advert);
    take(&mut options.higher_priority_send_advert, defaults.higher_priority_send_advert);
    take(&mut options.owner_ignore_adverts, defaults.owner_ignore_adverts);
    take(&mut options.skip_check_advert_addresses, defaults.skip_check_advert_addresses);
    take(&mut options.v3_checksum_as_v2, defaults.v3_checksum_as_v2);
    take(&mut options.smtp_alert, defaults.smtp_alert_vrrp.or(defaults.smtp_alert));
    take(&mut options.strict, Some(global.strict).filter(|strict| strict.value));
    if !options.check_unicast_source.is_written() {
        options.check_unicast_source.value = global.check_unicast_source.value;
    }
}
