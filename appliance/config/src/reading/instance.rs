//! `vrrp_instance`

use std::net::{IpAddr, Ipv4Addr};

use super::global::{extra_interfaces, integer, is_link_local_multicast, millis, version};
use super::statement::Statement;
use super::values::Value;
use super::{Reader, shorten};
use crate::diagnostic::{Diagnostic, Severity, code};
use crate::model::{
    At, Authentication, ExtraInterfaces, Family, GratuitousArp, Instance, Notify, OldChecksum, OnVipLost, Secret,
    Setting, StartState, Tracks, Version,
};
use crate::schema::{AUTHENTICATION, INSTANCE, Keyword, VIRTUAL_ROUTES, VIRTUAL_RULES};
use crate::source::Span;

/// An instance as far as its own block tells; `global_defs` may follow after it.
pub(super) struct Draft {
    pub(super) instance: Instance,
    /// `advert_int` in microseconds.
    pub(super) advert_interval_us: Setting<u32>,
    pub(super) auth_type: Option<Setting<&'static str>>,
    pub(super) auth_pass: Option<Setting<Secret>>,
    pub(super) native_ipv6: Option<Span>,
    pub(super) no_addresses_meant: bool,
    /// A line with an address was refused, which has been said.
    pub(super) address_refused: bool,
    /// The same of a peer.
    pub(super) peer_refused: bool,
    /// A setting that only unicast has.
    pub(super) unicast_setting: Option<Span>,
    /// Each keyword's last place.
    pub(super) seen: Vec<(&'static str, Span)>,
    /// Its lines have an error.
    pub(super) failed: bool,
}

impl Reader<'_> {
    pub(super) fn instance(&mut self, keyword: &'static Keyword, statement: &Statement<'_>) {
        let mark = self.diagnostics.mark();
        let Some(name) = self.name(keyword, statement) else { return };
        let mut draft = Draft::new(name, statement.whole());
        for line in statement.statements() {
            let Some(keyword) = self.keyword(&INSTANCE, line) else { continue };
            self.instance_line(&mut draft, keyword, line);
        }
        draft.failed = self.diagnostics.failed_since(mark);
        for diagnostic in self.diagnostics.since(mark) {
            concern(diagnostic, &draft.instance.name.value);
        }
        let end = statement.block.as_ref().and_then(|block| block.close).unwrap_or(statement.whole());
        self.blocks.push((statement.whole().to(end), draft.instance.name.value.clone()));
        self.drafts.push(draft);
    }

    fn instance_line(&mut self, draft: &mut Draft, keyword: &'static Keyword, line: &Statement<'_>) {
        let at = line.whole();
        if let Some(before) = draft.stands_at(keyword, at)
            && !matches!(
                keyword.name,
                "virtual_ipaddress"
                    | "virtual_ipaddress_excluded"
                    | "virtual_routes"
                    | "virtual_rules"
                    | "unicast_peer"
                    | "authentication"
            )
            && !keyword.name.starts_with("track_")
        {
            let notify = keyword.name.starts_with("notify");
            self.repeated(
                keyword,
                at,
                before,
                if notify { "As in keepalived, the first one counts." } else { "The last one counts." },
            );
            if notify {
                return;
            }
        }
        match keyword.name {
            "virtual_ipaddress" => {
                let addresses = self.virtual_addresses(line);
                draft.address_refused |= addresses.len() < line.statements().len();
                draft.instance.addresses.extend(addresses);
            }
            "virtual_ipaddress_excluded" => {
                let addresses = self.virtual_addresses(line);
                draft.instance.excluded_addresses.extend(addresses);
            }
            "use_vmac" => self.use_vmac(draft, line),
            "use_ipvlan" => self.use_ipvlan(draft, line),
            "virtual_routes" => {
                let routes = self.routes(&VIRTUAL_ROUTES, line);
                draft.instance.routes.extend(routes);
            }
            "virtual_rules" => {
                let rules = self.rules(&VIRTUAL_RULES, line);
                draft.instance.rules.extend(rules);
            }
            "unicast_peer" => {
                draft.unicast_setting.get_or_insert(line.at());
                let peers = self.peers(line);
                draft.peer_refused |= peers.len() < line.statements().len();
                draft.instance.peers.extend(peers);
            }
            "authentication" => {
                for line in line.statements() {
                    if let Some(keyword) = self.keyword(&AUTHENTICATION, line) {
                        self.authentication(draft, keyword, line);
                    }
                }
            }
            "auth_hmac" => {
                for line in line.statements() {
                    self.secrets.extend(line.args().iter().skip(1).map(|word| word.at));
                }
                self.diagnostics.push(
                    Diagnostic::new(&code::E027_UNSUPPORTED, line.at(), "signed adverts (auth_hmac) are not supported")
                        .why("Its peers would discard what it sends, and it could not check what they send."),
                );
            }
            "auth_type" | "auth_pass" => {
                self.diagnostics.push(
                    Diagnostic::new(
                        &code::L005_FLAT_AUTHENTICATION,
                        line.at(),
                        format!("`{}` stands outside `authentication`", keyword.name),
                    )
                    .fix("put it into `authentication { … }`"),
                );
                self.authentication(draft, keyword, line);
            }
            name if name.starts_with("track_") && keyword.block.is_some() => {
                self.tracks(&mut draft.instance.tracks, keyword, line);
            }
            name if name.starts_with("notify") && name != "notify_priority_changes" => {
                self.notify(&mut draft.instance.notify, keyword, line);
            }
            _ => {
                let Some(values) = self.values(keyword, line) else { return };
                if let Err(refusal) = draft.apply(keyword, &values, line) {
                    let at = line.args().first().map_or(at, |word| word.at);
                    self.diagnostics.push(
                        Diagnostic::new(
                            &code::E017_NOT_AN_ADDRESS,
                            at,
                            format!("wrong address for `{}`", keyword.name),
                        )
                        .label(refusal),
                    );
                }
            }
        }
    }

    fn authentication(&mut self, draft: &mut Draft, keyword: &'static Keyword, line: &Statement<'_>) {
        let Some(values) = self.values(keyword, line) else { return };
        let at = line.args().first().map_or(line.whole(), |word| word.at);
        match values.first() {
            Some(Value::Choice(kind)) => draft.auth_type = Some(Setting::written(kind, at)),
            Some(Value::Text(password)) => draft.auth_pass = Some(Setting::written(Secret::new(password), at)),
            _ => {}
        }
    }

    /// One of the notify scripts of an instance or a group.
    pub(super) fn notify(&mut self, notify: &mut Notify, keyword: &'static Keyword, line: &Statement<'_>) {
        if keyword.name == "notify_deleted" && line.args().is_empty() {
            notify.deleted = Some(Box::new(Setting::written(None, line.at())));
            return;
        }
        let Some(script) = self.command(keyword, line) else { return };
        let slot = match keyword.name {
            "notify_master" => &mut notify.master,
            "notify_backup" => &mut notify.backup,
            "notify_fault" => &mut notify.fault,
            "notify_stop" => &mut notify.stop,
            "notify_master_rx_lower_pri" => &mut notify.master_heard_lower,
            "notify_deleted" => {
                notify.deleted = Some(Box::new(Setting { value: Some(script.value), at: script.at }));
                return;
            }
            _ => &mut notify.any,
        };
        *slot = Some(Box::new(script));
    }
}

impl Draft {
    fn new(name: Setting<String>, at: Span) -> Self {
        let implied = Setting::implied;
        Self {
            instance: Instance {
                name,
                broken: false,
                start_state: implied(StartState::Backup),
                interface: None,
                vrf: None,
                vrid: Setting::implied(0),
                priority: Setting::implied(100),
                version: Setting::implied(Version::V2),
                family: Family::V4,
                advert_interval_cs: Setting::implied(100),
                down_timer_adverts: Setting::implied(3),
                preempt: Setting::implied(true),
                preempt_delay_ms: Setting::implied(0),
                strict: Setting::implied(false),
                accept: Setting::implied(true),
                authentication: Authentication::None,
                source_address: None,
                multicast_group: Setting::implied(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18))),
                peers: Vec::new(),
                fault_without_peer: Setting::implied(false),
                check_unicast_source: Setting::implied(false),
                unicast_ttl: Setting::implied(255),
                skip_check_advert_addresses: Setting::implied(false),
                lower_priority_no_advert: Setting::implied(false),
                higher_priority_send_advert: Setting::implied(false),
                owner_ignore_adverts: Setting::implied(false),
                v3_checksum_as_v2: Setting::implied(false),
                addresses: Vec::new(),
                excluded_addresses: Vec::new(),
                routes: Vec::new(),
                rules: Vec::new(),
                promote_secondaries: Setting::implied(false),
                garp: GratuitousArp {
                    master_repeat: Setting::implied(5),
                    master_delay_s: Setting::implied(5),
                    refresh_s: Setting::implied(0),
                    refresh_repeat: Setting::implied(1),
                    lower_priority_repeat: Setting::implied(5),
                    lower_priority_delay_s: Setting::implied(5),
                    extra_interfaces: Setting::implied(ExtraInterfaces::default()),
                },
                virtual_mac: None,
                virtual_mac_for_addresses: Setting::implied(false),
                transmit_on_base: Setting::implied(false),
                ipvlan: None,
                timer_expired_backup: None,
                on_vip_lost: Setting::implied(OnVipLost::Restore),
                old_unicast_checksum: Setting::implied(OldChecksum::WhenHeard),
                ignore_own_link: Setting::implied(false),
                track_source_address: Setting::implied(false),
                tracks: Tracks::default(),
                notify: Notify::default(),
                smtp_alert: Setting::implied(false),
                at: At(at),
            },
            advert_interval_us: Setting::implied(1_000_000),
            auth_type: None,
            auth_pass: None,
            native_ipv6: None,
            no_addresses_meant: false,
            address_refused: false,
            peer_refused: false,
            unicast_setting: None,
            seen: Vec::new(),
            failed: false,
        }
    }

    /// Notes where a keyword stands; gives where it stood before.
    fn stands_at(&mut self, keyword: &Keyword, at: Span) -> Option<Span> {
        let known = self.seen.iter_mut().find(|(name, _)| *name == keyword.name);
        let before = known.map(|(_, before)| std::mem::replace(before, at));
        if before.is_none() {
            self.seen.push((keyword.name, at));
        }
        before
    }

    /// Takes over the value of a plain keyword.
    fn apply(&mut self, keyword: &Keyword, values: &[Value<'_>], line: &Statement<'_>) -> Result<(), &'static str> {
        let at = line.args().first().map_or(line.whole(), |word| word.at);
        let flag = Setting::written(true, line.at());
        let switch = match values.first() {
            Some(Value::Switch(on)) => Setting::written(*on, line.whole()),
            _ => flag,
        };
        let text = || match values.first() {
            Some(Value::Text(text)) => Some(Setting::written((*text).to_owned(), at)),
            _ => None,
        };
        let address = || match values.first() {
            Some(Value::Address(address)) => Some(Setting::written(*address, at)),
            _ => None,
        };
        let instance = &mut self.instance;
        match keyword.name {
            "state" => {
                let master = values.first() == Some(&Value::Choice("MASTER"));
                instance.start_state =
                    Setting::written(if master { StartState::Master } else { StartState::Backup }, line.whole());
            }
            "interface" => instance.interface = text(),
            "vrf" => instance.vrf = text(),
            "virtual_router_id" => set(&mut instance.vrid, integer(values, at)),
            "priority" => set(&mut instance.priority, integer(values, at)),
            "version" => set(&mut instance.version, version(values, at)),
            "native_ipv6" => self.native_ipv6 = Some(line.at()),
            "advert_int" => self.advert_interval_us = super::global::micros(values, at),
            "down_timer_adverts" => set(&mut instance.down_timer_adverts, integer(values, at)),
            "preempt" => instance.preempt = flag,
            "nopreempt" => instance.preempt = Setting { value: false, ..flag },
            "preempt_delay" => instance.preempt_delay_ms = millis(values, at),
            "skip_check_adv_addr" => instance.skip_check_advert_addresses = switch,
            "strict_mode" => instance.strict = switch,
            "lower_prio_no_advert" => instance.lower_priority_no_advert = switch,
            "higher_prio_send_advert" => instance.higher_priority_send_advert = switch,
            "owner_ignore_adverts" => instance.owner_ignore_adverts = switch,
            "unicast_src_ip" => {
                self.unicast_setting.get_or_insert(line.at());
                instance.source_address = Some(source(address())?);
            }
            "mcast_src_ip" => instance.source_address = Some(source(address())?),
            "mcast_dst_ip" => instance.multicast_group = multicast(address())?,
            "check_unicast_src" => {
                self.unicast_setting.get_or_insert(line.at());
                instance.check_unicast_source = flag;
            }
            "unicast_ttl" => {
                self.unicast_setting.get_or_insert(line.at());
                set(&mut instance.unicast_ttl, integer(values, at));
            }
            "unicast_fault_no_peer" => instance.fault_without_peer = flag,
            "track_src_ip" => instance.track_source_address = flag,
            "v3_checksum_as_v2" => instance.v3_checksum_as_v2 = switch,
            "no_virtual_ipaddress" => self.no_addresses_meant = true,
            "promote_secondaries" => instance.promote_secondaries = flag,
            "accept" => instance.accept = flag,
            "no_accept" => instance.accept = Setting { value: false, ..flag },
            "garp_master_delay" => set(&mut instance.garp.master_delay_s, integer(values, at)),
            "garp_master_repeat" => set(&mut instance.garp.master_repeat, integer(values, at)),
            "garp_master_refresh" => set(&mut instance.garp.refresh_s, integer(values, at)),
            "garp_master_refresh_repeat" => set(&mut instance.garp.refresh_repeat, integer(values, at)),
            "garp_lower_prio_delay" => set(&mut instance.garp.lower_priority_delay_s, integer(values, at)),
            "garp_lower_prio_repeat" => set(&mut instance.garp.lower_priority_repeat, integer(values, at)),
            "garp_extra_if" => instance.garp.extra_interfaces = extra_interfaces(values, at),
            "timer_expired_backup" => {
                let priority = integer(values, at).map(|priority| priority.value);
                instance.timer_expired_backup = Some(Setting::written(priority, line.whole()));
            }
            "on_vip_lost" => {
                let choice = match values.first() {
                    Some(Value::Choice("yield")) => OnVipLost::Yield,
                    Some(Value::Choice("fault")) => OnVipLost::Fault,
                    _ => OnVipLost::Restore,
                };
                instance.on_vip_lost = Setting::written(choice, line.whole());
            }
            "old_unicast_checksum" => {
                let which = if values.is_empty() { OldChecksum::Always } else { OldChecksum::Never };
                instance.old_unicast_checksum = Setting::written(which, line.whole());
            }
            "use_vmac_addr" => instance.virtual_mac_for_addresses = flag,
            "vmac_xmit_base" => instance.transmit_on_base = flag,
            "dont_track_primary" => instance.ignore_own_link = flag,
            "notify_priority_changes" => instance.notify.priority_changes = switch,
            "smtp_alert" => instance.smtp_alert = switch,
            _ => {}
        }
        Ok(())
    }
}

/// An error without a reason of its own says what follows from it.
pub(super) fn concern(diagnostic: &mut Diagnostic, instance: &str) {
    if diagnostic.why.is_empty() && diagnostic.severity() == Severity::Error {
        diagnostic.why = format!("`{}` is held in FAULT until this is put right.", shorten(instance)).into();
    }
    if !diagnostic.instances.iter().any(|known| known == instance) {
        diagnostic.instances.push(instance.to_owned());
    }
}

fn set<T>(slot: &mut Setting<T>, value: Option<Setting<T>>) {
    if let Some(value) = value {
        *slot = value;
    }
}

fn source(address: Option<Setting<IpAddr>>) -> Result<Setting<IpAddr>, &'static str> {
    match address {
        Some(address) if !address.is_multicast() && !address.is_unspecified() => Ok(address),
        _ => Err("expected an address of this router"),
    }
}

fn multicast(address: Option<Setting<IpAddr>>) -> Result<Setting<IpAddr>, &'static str> {
    match address {
        Some(group) if matches!(group.value, IpAddr::V4(v4) if v4.is_multicast()) => Ok(group),
        Some(group) if matches!(group.value, IpAddr::V6(v6) if is_link_local_multicast(&v6)) => Ok(group),
        _ => Err("expected a multicast address: 224.0.0.0 to 239.255.255.255, or IPv6 link-local ff02::…"),
    }
}
