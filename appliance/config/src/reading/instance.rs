//! `vrrp_instance`

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::global::{integer, is_link_local_multicast, millis, version};
use super::statement::{Statement, Word};
use super::values::{Value, millionths};
use super::{Reader, shorten};
use crate::diagnostic::{Diagnostic, code};
use crate::model::{
    Authentication, Defaults, Family, GratuitousArp, Instance, Notify, Secret, Setting, StartState, Tracks, Version,
    VirtualMac,
};
use crate::schema::{AUTHENTICATION, INSTANCE, Keyword};
use crate::source::Span;

/// An instance as far as its own block tells; `global_defs` may follow after it.
pub(super) struct Draft {
    instance: Instance,
    /// `advert_int` in microseconds.
    advert_interval_us: Setting<u32>,
    auth_type: Option<Setting<&'static str>>,
    auth_pass: Option<Setting<Secret>>,
    native_ipv6: Option<Span>,
    no_addresses_meant: bool,
    /// A setting that only unicast has.
    unicast_setting: Option<Span>,
    /// Each keyword's first place.
    seen: HashMap<&'static str, Span>,
    /// Its diagnostics start here.
    diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    pub(super) fn instance(&mut self, keyword: &'static Keyword, statement: &Statement<'_>) {
        let mark = self.diagnostics.len();
        let Some(name) = self.name(keyword, statement) else { return };
        let mut draft = Draft::new(name, statement.whole());
        for line in statement.statements() {
            let Some(keyword) = self.keyword(&INSTANCE, line) else { continue };
            self.instance_line(&mut draft, keyword, line);
        }
        draft.diagnostics = self.diagnostics.split_off(mark);
        self.drafts.push(draft);
    }

    fn instance_line(&mut self, draft: &mut Draft, keyword: &'static Keyword, line: &Statement<'_>) {
        let at = line.whole();
        if let Some(before) = draft.seen.insert(keyword.name, at)
            && !matches!(
                keyword.name,
                "virtual_ipaddress" | "virtual_ipaddress_excluded" | "unicast_peer" | "authentication"
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
                draft.instance.addresses.extend(addresses);
            }
            "virtual_ipaddress_excluded" => {
                let addresses = self.virtual_addresses(line);
                draft.instance.excluded_addresses.extend(addresses);
            }
            "unicast_peer" => {
                draft.unicast_setting.get_or_insert(line.at());
                let peers = self.peers(line);
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
                self.tracks(&mut draft.instance.tracks, keyword, line)
            }
            name if name.starts_with("notify") && name != "notify_priority_changes" => {
                self.notify(&mut draft.instance.notify, keyword, line)
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
            notify.deleted = Some(Setting::written(None, line.at()));
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
                notify.deleted = Some(Setting { value: Some(script.value), at: script.at });
                return;
            }
            _ => &mut notify.any,
        };
        *slot = Some(script);
    }

    /// Completes an instance with what `global_defs` says, and checks what its values say together.
    pub(super) fn finish_instance(&mut self, draft: Draft) {
        let mark = self.diagnostics.len();
        let Draft {
            mut instance,
            advert_interval_us,
            auth_type,
            auth_pass,
            native_ipv6,
            no_addresses_meant,
            unicast_setting,
            seen: _,
            diagnostics,
        } = draft;
        for diagnostic in diagnostics {
            self.diagnostics.push(diagnostic);
        }
        let name = instance.name.value.clone();
        take_defaults(&mut instance, &self.model.global.instance_defaults);
        self.settle_family(&mut instance, native_ipv6);
        self.settle_version(&mut instance);
        self.settle_interval(&mut instance, advert_interval_us);
        self.settle_authentication(&mut instance, auth_type, auth_pass);
        self.settle_unicast(&mut instance, unicast_setting);
        self.settle_start(&mut instance);
        let at = instance.at;
        if instance.vrid.value == 0 && !self.diagnostics.since(mark).iter().any(|d| self_vrid(d, &name)) {
            self.diagnostics.push(
                Diagnostic::new(&code::E021_NO_VRID, at, format!("`{}` has no virtual_router_id", shorten(&name)))
                    .label("this instance")
                    .fix("add `virtual_router_id N`, 1 to 255, the same on all routers of the group and used by no other group on the network"),
            );
        }
        if instance.interface.is_none() {
            let default = self.model.global.default_interface.clone();
            if instance.peers.is_empty() {
                match default {
                    Some(default) => instance.interface = Some(default),
                    None => self.diagnostics.push(
                        Diagnostic::new(&code::E020_NO_INTERFACE, at, format!("`{}` has no interface", shorten(&name)))
                            .label("this instance")
                            .fix("add `interface NAME`"),
                    ),
                }
            }
        }
        if instance.addresses.is_empty() && !no_addresses_meant {
            self.no_addresses(&instance);
        }
        if self.failed_since(mark) {
            instance.broken = true;
        }
        for diagnostic in self.diagnostics.since(mark) {
            if !diagnostic.instances.contains(&name) {
                diagnostic.instances.push(name.clone());
            }
        }
        self.model.instances.push(instance);
    }

    fn no_addresses(&mut self, instance: &Instance) {
        let at = instance.at;
        let name = shorten(&instance.name.value);
        let fix = "add `virtual_ipaddress { … }`, or `no_virtual_ipaddress` if that is meant";
        self.diagnostics.push(if instance.version.value == Version::V3 || instance.strict.value {
            Diagnostic::new(&code::E026_NO_VIP_V3, at, format!("`{name}` has no VIP"))
                .label("this instance")
                .why("A VRRPv3 advert, or one in strict mode, lists at least one address.")
                .fix(fix)
        } else if instance.excluded_addresses.is_empty() {
            Diagnostic::new(&code::W009_NO_VIP, at, format!("`{name}` has no VIP"))
                .label("this instance")
                .why("It elects a master of nothing.")
                .fix(fix)
        } else {
            Diagnostic::new(&code::W028_EXCLUDED_ONLY, at, format!("`{name}` only has VIPs that adverts do not list"))
                .label("this instance")
                .fix("move at least one of them to `virtual_ipaddress`")
        });
    }

    fn settle_family(&mut self, instance: &mut Instance, native_ipv6: Option<Span>) {
        let first = instance.addresses.first().map(|address| (Family::of(address.address), address.at));
        let by_router = || {
            let peer = instance.peers.first().map(|peer| (peer.address, peer.at));
            let source = instance.source_address.map(|source| (source.value, source.at));
            peer.or(source).map(|(address, at)| (Family::of(address), at.unwrap_or(instance.at)))
        };
        let native = native_ipv6.map(|at| (Family::V6, at));
        let (family, because) = native.or(first).or_else(by_router).unwrap_or((Family::V4, instance.at));
        instance.family = family;
        let addresses = instance.addresses.iter().map(|address| (address.address, address.at));
        let peers = instance.peers.iter().map(|peer| (peer.address, peer.at.unwrap_or(instance.at)));
        let source = instance.source_address.iter().map(|source| (source.value, source.at.unwrap_or(instance.at)));
        let others: Vec<(IpAddr, Span)> =
            addresses.chain(peers).chain(source).filter(|(address, _)| Family::of(*address) != family).collect();
        for (address, at) in others {
            self.diagnostics.push(
                Diagnostic::new(&code::E024_FAMILIES, at, format!("`{address}` is {}, the instance is {family}", Family::of(address)))
                    .label(format!("{} here", Family::of(address)))
                    .related(because, format!("makes it an {family} instance"))
                    .fix(format!("put it into an instance of its own; a VIP may also go into virtual_ipaddress_excluded of this {family} one")),
            );
        }
        instance.multicast_group = match (instance.multicast_group.at, family) {
            (Some(at), _) if Family::of(instance.multicast_group.value) != family => {
                self.diagnostics.push(Diagnostic::new(
                    &code::E024_FAMILIES,
                    at,
                    format!("mcast_dst_ip is {}, the instance is {family}", Family::of(instance.multicast_group.value)),
                ));
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
                    written.unwrap_or(instance.at),
                    format!(
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
                if let Some(at) = at.filter(|_| us % SECOND_US != 0) {
                    self.diagnostics.push(
                        Diagnostic::new(&code::W007_FRACTIONAL_V2, at, format!("VRRPv2 cannot carry an interval of {written} s"))
                            .label(format!("rounded to {seconds} s"))
                            .why("An advert of version 2 has whole seconds. Routers of a group that round differently discard each other's adverts.")
                            .fix(format!("write `advert_int {seconds}`, or `version 3` on all routers of the group")),
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
                            format!("VRRPv3 cannot carry an interval of {written} s"),
                        )
                        .label("40.95 s at most")
                        .fix("choose a shorter interval"),
                    );
                } else if let Some(at) = at.filter(|_| us % CS_US != 0) {
                    self.diagnostics.push(
                        Diagnostic::new(
                            &code::L007_INTERVAL,
                            at,
                            format!("VRRPv3 carries hundredths of a second, not {written} s"),
                        )
                        .label(format!("cut to {} s", millionths(i64::from(cs) * 10_000))),
                    );
                }
                cs
            }
        };
        instance.advert_interval_cs = Setting { value: u16::try_from(cs).unwrap_or(u16::MAX), at };
    }

    fn settle_authentication(
        &mut self,
        instance: &mut Instance,
        kind: Option<Setting<&'static str>>,
        pass: Option<Setting<Secret>>,
    ) {
        if instance.version.value == Version::V3 {
            if let Some(at) = kind.and_then(|kind| kind.at).or_else(|| pass.as_ref().and_then(|pass| pass.at)) {
                self.diagnostics.push(
                    Diagnostic::new(&code::W021_AUTHENTICATION, at, "VRRPv3 has no authentication")
                        .label("ignored")
                        .why("It was removed from the protocol (RFC 9568 section 9); the password is not sent and not asked for.")
                        .fix("take `authentication` away"),
                );
            }
            return;
        }
        match (kind, pass) {
            (None, None) => {}
            (Some(Setting { value: "AH", at }), pass) => {
                self.diagnostics.push(
                    Diagnostic::new(
                        &code::E027_UNSUPPORTED,
                        at.unwrap_or(instance.at),
                        "auth_type AH (IPsec) is not supported",
                    )
                    .why(
                        "It was removed from the protocol in 2004. Peers with AH would discard what this router sends.",
                    )
                    .fix("use `auth_type PASS` on all routers of the group, or unicast peers"),
                );
                instance.authentication = Authentication::AuthenticationHeader(pass);
            }
            (Some(kind), None) => self.diagnostics.push(
                Diagnostic::new(
                    &code::W021_AUTHENTICATION,
                    kind.at.unwrap_or(instance.at),
                    "auth_type without auth_pass",
                )
                .label("no password follows")
                .why("Without a password there is no authentication, as in keepalived.")
                .fix("add `auth_pass PASSWORD`"),
            ),
            (kind, Some(pass)) => {
                let at = pass.at.unwrap_or(instance.at);
                if kind.is_none() {
                    self.diagnostics.push(
                        Diagnostic::new(&code::W021_AUTHENTICATION, at, "auth_pass without auth_type")
                            .label("read as `auth_type PASS`")
                            .fix("add `auth_type PASS`"),
                    );
                }
                if pass.reveal().len() > 8 {
                    self.diagnostics.push(
                        Diagnostic::new(&code::W006_LONG_PASSWORD, at, "the password is longer than 8 characters")
                            .label("only the first 8 are sent")
                            .why("A VRRPv2 advert has room for 8 bytes. Passwords that only differ after them are the same.")
                            .fix("shorten it to 8 characters on all routers of the group; that changes nothing on the wire"),
                    );
                }
                instance.authentication = Authentication::Password(pass);
            }
        }
    }

    fn settle_unicast(&mut self, instance: &mut Instance, setting: Option<Span>) {
        if instance.strict.at.is_none() && self.model.global.strict.value {
            instance.strict = self.model.global.strict;
        }
        let own = instance.source_address.map(|source| source.value);
        let (selves, others): (Vec<_>, Vec<_>) =
            instance.peers.iter().copied().partition(|peer| Some(peer.address) == own);
        for peer in selves {
            let at = peer.at.unwrap_or(instance.at);
            let (code, why) = if others.is_empty() {
                (&code::E029_OWN_ADDRESS, "It is the only peer: the adverts would reach nobody.")
            } else {
                (&code::W013_PEER_IS_SELF, "The router would send adverts to itself, so the line is ignored.")
            };
            let diagnostic = Diagnostic::new(code, at, "this peer is the router itself")
                .label("the same as the source address")
                .why(why)
                .fix("put the address of the other router here");
            self.diagnostics.push(match instance.source_address.and_then(|source| source.at) {
                Some(source) => diagnostic.related(source, "the source address"),
                None => diagnostic,
            });
        }
        if !others.is_empty() {
            instance.peers.retain(|peer| Some(peer.address) != own);
        }
        if instance.peers.iter().any(|peer| peer.min_ttl.is_some() || peer.max_ttl.is_some()) {
            instance.check_unicast_source.value = true;
        }
        if !instance.check_unicast_source.is_written() && self.model.global.check_unicast_source.value {
            instance.check_unicast_source.value = true;
        }
        if let (Some(at), false) = (setting, instance.is_unicast()) {
            self.diagnostics.push(
                Diagnostic::new(&code::W012_UNICAST_WITHOUT_PEER, at, "unicast is asked for, and there is no peer")
                    .label("has no effect without peers")
                    .why("As in keepalived, the instance uses multicast then.")
                    .fix("list the other routers in `unicast_peer { … }`; or, if multicast is meant, take this away (`mcast_src_ip` sets the source address)"),
            );
        }
        if let (true, true, Some(at)) = (instance.strict.value, instance.is_unicast(), instance.strict.at) {
            let peer = instance.peers.first().and_then(|peer| peer.at).unwrap_or(instance.at);
            self.diagnostics.push(
                Diagnostic::new(&code::E023_STRICT_UNICAST, peer, "unicast peers in strict mode")
                    .label("strict mode knows no unicast")
                    .related(at, "strict mode is asked for here")
                    .why("The RFC knows multicast adverts only, so the two contradict each other.")
                    .fix("take vrrp_strict or strict_mode away, or the unicast peers"),
            );
        }
    }

    fn settle_start(&mut self, instance: &mut Instance) {
        let master = instance.start_state.value == StartState::Master;
        let owner = instance.priority.value == 255;
        if !instance.preempt.value && master && !owner {
            let at = instance.preempt.at.unwrap_or(instance.at);
            let diagnostic = Diagnostic::new(&code::W005_NOPREEMPT_MASTER, at, "`nopreempt` needs `state BACKUP`")
                .label("leaves a present master alone")
                .why("The instance is started as BACKUP, so that nopreempt holds. keepalived would drop nopreempt instead.")
                .fix("write `state BACKUP` on all routers of the group; the priority decides who becomes MASTER first");
            self.diagnostics.push(match instance.start_state.at {
                Some(state) => diagnostic.related(state, "asks to be MASTER from the start"),
                None => diagnostic,
            });
            instance.start_state.value = StartState::Backup;
        }
        if let Some(at) = instance.preempt_delay_ms.at.filter(|_| instance.preempt_delay_ms.value > 0) {
            if !instance.preempt.value {
                self.diagnostics.push(
                    Diagnostic::new(
                        &code::W016_PREEMPT_DELAY,
                        at,
                        "`preempt_delay` has no effect together with `nopreempt`",
                    )
                    .fix("take one of them away"),
                );
            } else if master && !owner {
                self.diagnostics.push(
                    Diagnostic::new(&code::W016_PREEMPT_DELAY, at, "`preempt_delay` with `state MASTER`")
                        .why("At the start nothing is delayed then; a later return is.")
                        .fix("write `state BACKUP`"),
                );
            }
        }
        if owner {
            if let Some(at) = instance.start_state.at.filter(|_| !master) {
                self.diagnostics.push(
                    Diagnostic::new(&code::L009_OWNER_STATE, at, "`state BACKUP` with priority 255")
                        .why("Priority 255 owns the addresses and takes over at once."),
                );
            }
            if let Some(at) = instance.preempt.at.filter(|_| !instance.preempt.value) {
                self.diagnostics.push(
                    Diagnostic::new(&code::W022_OWNER, at, "`nopreempt` with priority 255")
                        .why("Priority 255 owns the addresses and always takes over.")
                        .fix("choose a priority of 254 at most, or take `nopreempt` away"),
                );
            }
        }
    }
}

/// The VRID is missing because its value was refused: that has been said.
fn self_vrid(diagnostic: &Diagnostic, _instance: &str) -> bool {
    diagnostic.message.contains("`virtual_router_id`")
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
                promote_secondaries: Setting::implied(false),
                garp: GratuitousArp {
                    master_repeat: Setting::implied(5),
                    master_delay_s: Setting::implied(5),
                    refresh_s: Setting::implied(0),
                    refresh_repeat: Setting::implied(1),
                    lower_priority_repeat: Setting::implied(5),
                    lower_priority_delay_s: Setting::implied(5),
                },
                virtual_mac: None,
                ignore_own_link: Setting::implied(false),
                track_source_address: Setting::implied(false),
                tracks: Tracks::default(),
                notify: Notify::default(),
                smtp_alert: Setting::implied(false),
                at,
            },
            advert_interval_us: Setting::implied(1_000_000),
            auth_type: None,
            auth_pass: None,
            native_ipv6: None,
            no_addresses_meant: false,
            unicast_setting: None,
            seen: HashMap::new(),
            diagnostics: Vec::new(),
        }
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
            "use_vmac" => virtual_mac(instance, line).arguments = line.args().iter().map(word_text).collect(),
            "use_vmac_addr" => virtual_mac(instance, line).for_addresses = true,
            "vmac_xmit_base" => virtual_mac(instance, line).transmit_on_base = true,
            "dont_track_primary" => instance.ignore_own_link = flag,
            "notify_priority_changes" => instance.notify.priority_changes = switch,
            "smtp_alert" => instance.smtp_alert = switch,
            _ => {}
        }
        Ok(())
    }
}

fn word_text(word: &Word<'_>) -> String {
    word.text.clone().into_owned()
}

fn set<T>(slot: &mut Setting<T>, value: Option<Setting<T>>) {
    if let Some(value) = value {
        *slot = value;
    }
}

fn virtual_mac<'i>(instance: &'i mut Instance, line: &Statement<'_>) -> &'i mut VirtualMac {
    instance.virtual_mac.get_or_insert_with(|| VirtualMac {
        arguments: Vec::new(),
        for_addresses: false,
        transmit_on_base: false,
        at: line.whole(),
    })
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

/// What the instance does not say itself, `global_defs` may say.
fn take_defaults(instance: &mut Instance, defaults: &Defaults) {
    fn take<T: Copy>(slot: &mut Setting<T>, default: Option<Setting<T>>) {
        if let (false, Some(default)) = (slot.is_written(), default) {
            *slot = default;
        }
    }
    let garp = &mut instance.garp;
    take(&mut garp.master_repeat, defaults.garp_master_repeat);
    take(&mut garp.master_delay_s, defaults.garp_master_delay_s);
    take(&mut garp.refresh_s, defaults.garp_refresh_s);
    take(&mut garp.refresh_repeat, defaults.garp_refresh_repeat);
    // In keepalived the instance's own garp_master_… do not reach the rounds for a lower priority; those of global_defs do.
    take(&mut garp.lower_priority_repeat, defaults.garp_lower_priority_repeat.or(defaults.garp_master_repeat));
    take(&mut garp.lower_priority_delay_s, defaults.garp_lower_priority_delay_s.or(defaults.garp_master_delay_s));
    take(&mut instance.down_timer_adverts, defaults.down_timer_adverts);
    take(&mut instance.lower_priority_no_advert, defaults.lower_priority_no_advert);
    take(&mut instance.higher_priority_send_advert, defaults.higher_priority_send_advert);
    take(&mut instance.owner_ignore_adverts, defaults.owner_ignore_adverts);
    take(&mut instance.skip_check_advert_addresses, defaults.skip_check_advert_addresses);
    take(&mut instance.v3_checksum_as_v2, defaults.v3_checksum_as_v2);
    take(&mut instance.smtp_alert, defaults.smtp_alert_vrrp.or(defaults.smtp_alert));
}
