//! `vrrp_instance`

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::global::{extra_interfaces, is_link_local_multicast, version};
use super::slot::{Places, Slot, Slots, slot};
use super::statement::Statement;
use super::values::Value;
use super::{Reader, shorten};
use crate::diagnostic::{Diagnostic, Severity, code};
use crate::model::{
    At, Authentication, Family, Instance, Notify, OldChecksum, OnVipLost, Options, Rare, Secret, Setting, StartState,
    Version,
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
        let mut draft = Draft::new(name, statement.whole(), Arc::clone(&self.unwritten));
        for line in statement.statements() {
            let Some(keyword) = self.keyword(&INSTANCE, line) else { continue };
            self.instance_line(&mut draft, keyword, line);
        }
        draft.failed = self.diagnostics.failed_since(mark);
        for diagnostic in self.diagnostics.since(mark) {
            concern(diagnostic, &draft.instance.name.value);
        }
        let whole = statement.whole();
        let close = statement.block.as_ref().and_then(|block| block.close);
        let end = close.filter(|close| close.file == whole.file && close.end() > whole.start).unwrap_or(whole);
        self.blocks.push((whole, end, draft.instance.name.value.clone()));
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
                draft.instance.excluded_addresses.get_mut().extend(addresses);
            }
            "use_vmac" => self.use_vmac(draft, line),
            "use_ipvlan" => self.use_ipvlan(draft, line),
            "virtual_routes" => {
                let routes = self.routes(&VIRTUAL_ROUTES, line);
                draft.instance.routes.get_mut().extend(routes);
            }
            "virtual_rules" => {
                let rules = self.rules(&VIRTUAL_RULES, line);
                draft.instance.rules.get_mut().extend(rules);
            }
            "unicast_peer" => {
                draft.unicast_setting.get_or_insert(line.at());
                let peers = self.peers(line);
                draft.peer_refused |= peers.len() < line.statements().len();
                draft.instance.peers.get_mut().extend(peers);
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
                        format_args!("`{}` stands outside `authentication`", keyword.name),
                    )
                    .fix("put it into `authentication { … }`"),
                );
                self.authentication(draft, keyword, line);
            }
            name if name.starts_with("track_") && keyword.block.is_some() => {
                self.tracks(draft.instance.tracks.get_mut(), keyword, line);
            }
            name if name.starts_with("notify") && name != "notify_priority_changes" => {
                self.notify(draft.instance.notify.get_mut(), keyword, line);
            }
            _ => {
                let Some(values) = self.values(keyword, line) else { return };
                if let Err(refusal) = draft.apply(keyword, &values, line) {
                    let at = line.args().first().map_or(at, |word| word.at);
                    self.diagnostics.push(
                        Diagnostic::new(
                            &code::E017_NOT_AN_ADDRESS,
                            at,
                            format_args!("wrong address for `{}`", keyword.name),
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
    /// `options` are those of instances that write none.
    pub(super) fn new(name: Setting<String>, at: Span, options: Arc<Options>) -> Self {
        Self {
            instance: Instance {
                name,
                broken: false,
                start_state: Setting::implied(StartState::Backup),
                interface: None,
                vrf: Rare::default(),
                vrid: Setting::implied(0),
                priority: Setting::implied(100),
                version: Setting::implied(Version::V2),
                family: Family::V4,
                advert_interval_cs: Setting::implied(100),
                preempt: Setting::implied(true),
                authentication: Authentication::None,
                source_address: None,
                multicast_group: Setting::implied(IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18))),
                peers: Rare::default(),
                addresses: Vec::new(),
                excluded_addresses: Rare::default(),
                routes: Rare::default(),
                rules: Rare::default(),
                virtual_mac: None,
                ipvlan: None,
                tracks: Rare::default(),
                notify: Rare::default(),
                options,
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

    /// Takes over the value of a keyword.
    fn apply(&mut self, keyword: &Keyword, values: &[Value<'_>], line: &Statement<'_>) -> Result<(), &'static str> {
        let places = Places::of(line);
        if matches!(keyword.name, "unicast_src_ip" | "check_unicast_src" | "unicast_ttl") {
            self.unicast_setting.get_or_insert(places.keyword);
        }
        if let Some(slot) = slot(PLAIN, self, keyword) {
            slot.put(values, &places);
            return Ok(());
        }
        let Places { keyword: keyword_at, value: at, whole } = places;
        let address = || match values.first() {
            Some(Value::Address(address)) => Some(Setting::written(*address, at)),
            _ => None,
        };
        let instance = &mut self.instance;
        match keyword.name {
            "state" => {
                let master = values.first() == Some(&Value::Choice("MASTER"));
                let state = if master { StartState::Master } else { StartState::Backup };
                instance.start_state = Setting::written(state, whole);
            }
            "version" => instance.version = version(values, at).unwrap_or(instance.version),
            "native_ipv6" => self.native_ipv6 = Some(keyword_at),
            "unicast_src_ip" | "mcast_src_ip" => instance.source_address = Some(source(address())?),
            "mcast_dst_ip" => instance.multicast_group = multicast(address())?,
            "no_virtual_ipaddress" => self.no_addresses_meant = true,
            "garp_extra_if" => instance.options_mut().garp.extra_interfaces = extra_interfaces(values, at),
            "timer_expired_backup" => {
                let priority = match values.first() {
                    Some(Value::Integer(priority)) => u8::try_from(*priority).ok(),
                    _ => None,
                };
                instance.options_mut().timer_expired_backup = Some(Setting::written(priority, whole));
            }
            "on_vip_lost" => {
                let choice = match values.first() {
                    Some(Value::Choice("yield")) => OnVipLost::Yield,
                    Some(Value::Choice("fault")) => OnVipLost::Fault,
                    _ => OnVipLost::Restore,
                };
                instance.options_mut().on_vip_lost = Setting::written(choice, whole);
            }
            "old_unicast_checksum" => {
                let which = if values.is_empty() { OldChecksum::Always } else { OldChecksum::Never };
                instance.options_mut().old_unicast_checksum = Setting::written(which, whole);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The settings of plain keywords.
#[rustfmt::skip] // a row a keyword
pub(super) const PLAIN: &Slots<Draft> = &[
    ("interface", |draft| Slot::OptText(&mut draft.instance.interface)),
    ("vrf", |draft| Slot::OptText(draft.instance.vrf.get_mut())),
    ("virtual_router_id", |draft| Slot::U8(&mut draft.instance.vrid)),
    ("priority", |draft| Slot::U8(&mut draft.instance.priority)),
    ("advert_int", |draft| Slot::Micros(&mut draft.advert_interval_us)),
    ("down_timer_adverts", |draft| Slot::U8(&mut draft.instance.options_mut().down_timer_adverts)),
    ("preempt", |draft| Slot::Flag(&mut draft.instance.preempt)),
    ("nopreempt", |draft| Slot::NoFlag(&mut draft.instance.preempt)),
    ("preempt_delay", |draft| Slot::Millis(&mut draft.instance.options_mut().preempt_delay_ms)),
    ("skip_check_adv_addr", |draft| Slot::Switch(&mut draft.instance.options_mut().skip_check_advert_addresses)),
    ("strict_mode", |draft| Slot::Switch(&mut draft.instance.options_mut().strict)),
    ("lower_prio_no_advert", |draft| Slot::Switch(&mut draft.instance.options_mut().lower_priority_no_advert)),
    ("higher_prio_send_advert", |draft| Slot::Switch(&mut draft.instance.options_mut().higher_priority_send_advert)),
    ("owner_ignore_adverts", |draft| Slot::Switch(&mut draft.instance.options_mut().owner_ignore_adverts)),
    ("check_unicast_src", |draft| Slot::Flag(&mut draft.instance.options_mut().check_unicast_source)),
    ("unicast_ttl", |draft| Slot::U8(&mut draft.instance.options_mut().unicast_ttl)),
    ("unicast_fault_no_peer", |draft| Slot::Flag(&mut draft.instance.options_mut().fault_without_peer)),
    ("track_src_ip", |draft| Slot::Flag(&mut draft.instance.options_mut().track_source_address)),
    ("v3_checksum_as_v2", |draft| Slot::Switch(&mut draft.instance.options_mut().v3_checksum_as_v2)),
    ("promote_secondaries", |draft| Slot::Flag(&mut draft.instance.options_mut().promote_secondaries)),
    ("accept", |draft| Slot::Flag(&mut draft.instance.options_mut().accept)),
    ("no_accept", |draft| Slot::NoFlag(&mut draft.instance.options_mut().accept)),
    ("garp_master_delay", |draft| Slot::U32(&mut draft.instance.options_mut().garp.master_delay_s)),
    ("garp_master_repeat", |draft| Slot::U32(&mut draft.instance.options_mut().garp.master_repeat)),
    ("garp_master_refresh", |draft| Slot::U32(&mut draft.instance.options_mut().garp.refresh_s)),
    ("garp_master_refresh_repeat", |draft| Slot::U32(&mut draft.instance.options_mut().garp.refresh_repeat)),
    ("garp_lower_prio_delay", |draft| Slot::U32(&mut draft.instance.options_mut().garp.lower_priority_delay_s)),
    ("garp_lower_prio_repeat", |draft| Slot::U32(&mut draft.instance.options_mut().garp.lower_priority_repeat)),
    ("use_vmac_addr", |draft| Slot::Flag(&mut draft.instance.options_mut().virtual_mac_for_addresses)),
    ("vmac_xmit_base", |draft| Slot::Flag(&mut draft.instance.options_mut().transmit_on_base)),
    ("dont_track_primary", |draft| Slot::Flag(&mut draft.instance.options_mut().ignore_own_link)),
    ("notify_priority_changes", |draft| Slot::Switch(&mut draft.instance.notify.get_mut().priority_changes)),
    ("smtp_alert", |draft| Slot::Switch(&mut draft.instance.options_mut().smtp_alert)),
];

/// An error without a reason of its own says what follows from it.
pub(super) fn concern(diagnostic: &mut Diagnostic, instance: &str) {
    if diagnostic.why.is_empty() && diagnostic.severity() == Severity::Error {
        diagnostic.why = format!("`{}` is held in FAULT until this is put right.", shorten(instance)).into();
    }
    if !diagnostic.instances.iter().any(|known| known == instance) {
        diagnostic.instances.push(instance.to_owned());
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
