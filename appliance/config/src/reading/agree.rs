//! Settings of an instance that have to agree: authentication, unicast, the start, strict mode.

use super::Reader;
use crate::diagnostic::{Diagnostic, code};
use crate::model::{Authentication, Instance, Secret, Setting, StartState, Version};
use crate::source::Span;

impl Reader<'_> {
    pub(super) fn settle_authentication(
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
                        .fix("take the authentication away"),
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
                        at.unwrap_or(instance.at.0),
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
                    kind.at.unwrap_or(instance.at.0),
                    "auth_type without auth_pass",
                )
                .label("no password follows")
                .why("Without a password there is no authentication, as in keepalived.")
                .fix("add `auth_pass PASSWORD`"),
            ),
            (kind, Some(pass)) => {
                let at = pass.at.unwrap_or(instance.at.0);
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

    pub(super) fn settle_unicast(&mut self, instance: &mut Instance, setting: Option<Span>) {
        let own = instance.source_address.map(|source| source.value);
        let (selves, others): (Vec<_>, Vec<_>) =
            instance.peers.iter().copied().partition(|peer| Some(peer.address) == own);
        for peer in selves {
            let at = peer.at.unwrap_or(instance.at.0);
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
        if !others.is_empty() && others.len() < instance.peers.len() {
            instance.peers.get_mut().retain(|peer| Some(peer.address) != own);
        }
        if instance.peers.iter().any(|peer| peer.min_ttl.is_some() || peer.max_ttl.is_some()) {
            instance.options_mut().check_unicast_source.value = true;
        }
        if let (Some(at), false) = (setting, instance.is_unicast()) {
            self.diagnostics.push(
                Diagnostic::new(&code::W012_UNICAST_WITHOUT_PEER, at, "unicast is asked for, and there is no peer")
                    .label("has no effect without peers")
                    .why("As in keepalived, the instance uses multicast then.")
                    .fix("list the other routers in `unicast_peer`; or, if multicast is meant, take this away (`mcast_src_ip` sets the source address). `unicast_fault_no_peer` holds an instance without peers in FAULT"),
            );
        }
        if let (true, true, Some(at)) = (instance.strict.value, instance.is_unicast(), instance.strict.at) {
            let peer = instance.peers.first().and_then(|peer| peer.at).unwrap_or(instance.at.0);
            self.diagnostics.push(
                Diagnostic::new(&code::E023_STRICT_UNICAST, peer, "unicast peers in strict mode")
                    .label("strict mode knows no unicast")
                    .related(at, "strict mode is asked for here")
                    .why("The RFC knows multicast adverts only, so the two contradict each other.")
                    .fix("take vrrp_strict or strict_mode away, or the unicast peers"),
            );
        }
    }

    /// What strict mode overrides, as in keepalived; unicast peers are an error of their own.
    pub(super) fn settle_strict(&mut self, instance: &mut Instance) {
        let Some(strict) = instance.strict.at.filter(|_| instance.strict.value) else { return };
        let owner = instance.priority.value == 255;
        let mut overridden: Vec<(&str, Option<Span>)> = Vec::new();
        if let Authentication::Password(password) = &instance.authentication {
            overridden.push(("authentication is ignored", password.at));
            instance.authentication = Authentication::None;
        }
        if instance.start_state.value == StartState::Master && !owner {
            overridden.push(("`state MASTER` needs priority 255; it starts as BACKUP", instance.start_state.at));
            instance.start_state.value = StartState::Backup;
        }
        if instance.preempt_delay_ms.value > 0 {
            overridden.push(("`preempt_delay` is ignored", instance.preempt_delay_ms.at));
            instance.options_mut().preempt_delay_ms.value = 0;
        }
        if instance.down_timer_adverts.value != 3 {
            overridden.push(("`down_timer_adverts` is 3", instance.down_timer_adverts.at));
            instance.options_mut().down_timer_adverts.value = 3;
        }
        if instance.higher_priority_send_advert.value {
            overridden.push(("`higher_prio_send_advert` is ignored", instance.higher_priority_send_advert.at));
            instance.options_mut().higher_priority_send_advert.value = false;
        }
        if instance.transmit_on_base.value {
            overridden.push(("`vmac_xmit_base` is ignored", instance.transmit_on_base.at));
            instance.options_mut().transmit_on_base.value = false;
        }
        instance.options_mut().lower_priority_no_advert.value = true;
        instance.options_mut().garp.lower_priority_repeat.value = 0;
        if !instance.accept.is_written() {
            instance.options_mut().accept.value = owner;
        }
        if !overridden.is_empty() {
            let mut diagnostic = Diagnostic::new(&code::W031_STRICT, strict, "strict mode overrides other settings")
                .label("asked for here")
                .why("It holds the instance to the RFC, which knows none of them.")
                .fix("take strict mode away, unless it is really needed");
            for (what, at) in overridden {
                diagnostic = diagnostic.related(at.unwrap_or(instance.at.0), what);
            }
            self.diagnostics.push(diagnostic);
        }
    }

    pub(super) fn settle_start(&mut self, instance: &mut Instance) {
        let master = instance.start_state.value == StartState::Master;
        let owner = instance.priority.value == 255;
        if !instance.preempt.value && master && !owner {
            let at = instance.preempt.at.unwrap_or(instance.at.0);
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
                        .why("keepalived drops it then. Here it holds for a later return, not for the start.")
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
