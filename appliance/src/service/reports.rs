//! What the engine tells: into the state that the service keeps, the history, the log, and on to whoever watches.

use std::net::{IpAddr, Ipv4Addr};

use locum_control::{AdvertMark, Event as Told, ForeignVrid, MarkKind, NotifyStatus, Reject, TransitionRecord};
use locum_core::router::{Event, Transition};
use locum_core::set::{RouterId, Stray};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::{Block, Cause, State};

use super::Service;
use super::losses::NOBODY_ASKS;
use super::repeated::Say;
use crate::clock;
use crate::engine::link::Report;
use crate::notify::{Change, RunResult, cause_kind};

/// How often a router is expected to advertise of which nothing else is known.
const STRANGERS_INTERVAL: Duration = Duration::from_s(1);

impl Service {
    pub(super) fn handle_report(&mut self, report: Report) {
        match report {
            Report::Inserted { key, result } => {
                match result {
                    Ok(router) => {
                        if let Some(index) = self.note_router(key, router) {
                            // The source may have changed while the order was under way.
                            self.follow_source(index);
                            self.follow_block(index);
                            self.go_on(index);
                        }
                    }
                    Err(error) => {
                        if let Some(index) = self.instances.iter().position(|instance| instance.key == key) {
                            self.refuse(index, error.to_string());
                        }
                    }
                }
            }
            Report::Event { at, router, event } => {
                if let Some(index) = self.index_of(router) {
                    self.handle_event(index, at, event);
                }
            }
            Report::Stray { at, interface, stray } => self.handle_stray(at, usize::from(interface.0), stray),
            Report::Item { router, plan, index, outcome } => self.handle_item(router, plan, index, outcome),
            Report::Obeyed { ticket: NOBODY_ASKS, result } => {
                if let Err(error) = result {
                    log::debug!("an order of our own was not carried out: {error}");
                }
            }
            Report::Obeyed { ticket, result } => self.reply.obeyed = Some((ticket, result)),
            Report::Views { views, more_from, lateness } => self.reply.views = Some((views, more_from, lateness)),
            Report::Copied(routers) => self.reply.copied = Some(routers),
            Report::SendFailed { router, errno } => {
                if let Some(instance) = self.index_of(router).and_then(|index| self.instances.get(index)) {
                    log::warn!("{}: adverts cannot be sent: {}", instance.name(), errno.desc());
                }
            }
            Report::CannotWait(errno) => {
                log::error!(
                    "the engine cannot wait for packets (ppoll: {}), it looks for them a thousand times a second",
                    errno.desc()
                );
            }
            Report::NotScheduled(failed) => {
                log::warn!("{} cannot be had: {}", failed.what, failed.error);
            }
            Report::Reconfigured { ticket, result, .. } => self.reply.reconfigured.push((ticket, result)),
            Report::Removed { router, .. } => self.forget(router),
            Report::Discarded(_) | Report::Unpaced(_) | Report::Detached(_) => {}
            Report::Stopped => self.stopped = true,
        }
    }

    pub(super) fn index_of(&self, router: RouterId) -> Option<usize> {
        self.by_router.get(router.index()).copied().flatten()
    }

    /// An instance cannot run: its configuration is the reason.
    pub(super) fn refuse(&mut self, index: usize, why: String) {
        if let Some(instance) = self.instances.get_mut(index) {
            instance.refusal = Some(why);
        }
        let cause = Cause::Blocked { block: Block::Configuration };
        let transition = Transition { at: clock::now(), from: State::Init, to: State::Fault, cause };
        self.handle_event(index, transition.at, Event::Transition(transition));
    }

    fn handle_stray(&mut self, at: Instant, index: usize, stray: Stray) {
        let Some(interface) = self.interfaces.get_mut(index) else { return };
        match stray {
            Stray::ForeignVrid { vrid, source, .. } => {
                log::info!("{}: another group is here, VRID {vrid} from {source}", interface.name);
                interface.foreign.push(ForeignVrid { vrid, source, first_heard_us: at.us(), mac: None });
                self.listening.want(at, STRANGERS_INTERVAL);
            }
            Stray::Malformed { source, count } => {
                let (interface, reason) = (interface.name.clone(), Reject::Malformed);
                // Nothing of it can be read, not even who sent it.
                let source = source.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
                self.log_rejected(at, &interface, source, reason, count);
                self.tell(at, Told::Rejected { instance: None, interface, source, reason, count });
            }
        }
    }

    fn handle_event(&mut self, index: usize, at: Instant, event: Event) {
        let Some(instance) = self.instances.get_mut(index) else { return };
        // A thousand of these a second are an ordinary thing; everything else is rare.
        if let Event::Heard { source, priority } = event {
            if instance.stations.note(source, true) {
                self.listening.want(at, instance.interval());
            }
            if instance.state == State::Master {
                self.notifier.heard_as_master(instance.name(), priority);
            }
            return instance.mark(AdvertMark { at_us: at.us(), source, priority, kind: MarkKind::Received });
        }
        if let (Event::Sent { priority }, Some(source)) = (event, instance.source) {
            return instance.mark(AdvertMark { at_us: at.us(), source, priority, kind: MarkKind::Sent });
        }
        let name = instance.name().to_owned();
        match event {
            Event::Heard { .. } | Event::Sent { .. } => {}
            Event::Transition(transition) => self.handle_transition(index, transition),
            Event::Rejected { source, reason, count } => {
                let kind = MarkKind::Rejected { reason };
                if instance.stations.note(source, false) {
                    self.listening.want(at, instance.interval());
                }
                instance.mark(AdvertMark { at_us: at.us(), source, priority: 0, kind });
                let interface = instance.interface().to_owned();
                self.log_rejected(at, &name, source, reason, count);
                self.tell(at, Told::Rejected { instance: Some(name), interface, source, reason, count });
            }
            Event::Blocked(block) => {
                let detail = self.block_detail(index, block);
                self.tell(at, Told::Blocked { instance: name, block, detail });
            }
            Event::Unblocked(block) => self.tell(at, Told::Unblocked { instance: name, block }),
            Event::SecondMaster { source, priority } => {
                self.listening.want(at, instance.interval());
                let detail = second_master_detail(*instance.configured.priority, priority);
                log::warn!("{name}: second master {source} (priority {priority}): {detail}");
                self.tell(at, Told::SecondMaster { instance: name, source, priority, detail });
            }
            Event::SecondMasterGone { source, lasted } => {
                log::info!("{name}: second master {source} is gone after {lasted}");
                self.tell(at, Told::SecondMasterGone { instance: name, source, lasted_us: lasted.us() });
            }
            Event::NearMiss { source, silent, left } => {
                log::warn!("{name}: master {source} was silent for {silent}, {left} before a takeover");
                let (silent_us, left_us) = (silent.us(), left.us());
                self.tell(at, Told::NearMiss { instance: name, source, silent_us, left_us });
            }
            Event::AddressesDiffer { source, differ } => {
                // A sender, or two with one address, can change that with each packet.
                match (self.repeated.happened(at, &name, source, "addresses", 1), differ) {
                    (Say::Nothing, _) => {}
                    (Say::It(_) | Say::OfMany(_), true) => {
                        log::warn!("{name}: {source} advertises other addresses than ours: compare virtual_ipaddress");
                    }
                    (Say::It(_) | Say::OfMany(_), false) => {
                        log::info!("{name}: {source} advertises the same addresses again");
                    }
                }
            }
            Event::PriorityChanged { from, to } => {
                log::info!("{name}: effective priority {from} -> {to}");
                self.notifier.priority_changed(&name, instance.state, to);
                self.tell(at, Told::PriorityChanged { instance: name, from, to });
            }
            Event::HandoverEnded { to, lasted } => {
                match to {
                    Some(to) => log::info!("{name}: {to} has taken over, {lasted} after we said that we leave"),
                    None => log::warn!("{name}: nobody has taken over within {lasted}"),
                }
                let told = match to {
                    Some(to) => format!("{name} has handed over to {to} in {lasted}"),
                    None => format!("{name} has left, and nobody has taken over"),
                };
                self.handover_ended(&name, &told);
                self.tell(at, Told::HandoverEnded { instance: name, to, lasted_us: lasted.us() });
            }
        }
    }

    fn handle_transition(&mut self, index: usize, transition: Transition) {
        let at_unix_ms = clock::unix_ms();
        let text = self.cause_text(index, transition.cause);
        let Some(instance) = self.instances.get_mut(index) else { return };
        instance.state = transition.to;
        instance.since = transition.at;
        instance.since_unix_ms = at_unix_ms;
        let Transition { at, from, to, cause } = transition;
        instance.count_transition(self.cause_kinds.shared(&cause_kind(cause)));
        instance.left_master = instance.left_master.saturating_add(u32::from(from == State::Master));
        log::info!("{}: {from} -> {to}: {text}", instance.name());
        self.notifier.transition(instance.name(), &Change { from, to, cause, cause_text: &text });
        let name = instance.name().to_owned();
        let record = TransitionRecord { instance: name.clone(), at_us: at.us(), at_unix_ms, from, to, cause, text };
        if let Err(error) = self.history.add(&record) {
            log::warn!("history: {error}");
        }
        self.tell(at, Told::Transition(record));
        self.follow_losses(index, to, cause);
        self.follow_yield(&name, cause);
        self.follow_firewall();
    }

    fn log_rejected(&mut self, at: Instant, whose: &str, source: IpAddr, reason: Reject, count: u32) {
        let help = reason.help();
        match self.repeated.happened(at, whose, source, reason.name(), count) {
            Say::Nothing => {}
            Say::It(0 | 1) => log::warn!("{whose}: packet from {source} discarded: {reason}. {help}"),
            Say::It(count) => {
                log::warn!("{whose}: {count} packets from {source} discarded, the last one: {reason}. {help}");
            }
            Say::OfMany(count) => {
                log::warn!(
                    "{whose}: {count} more packets discarded, of too many senders to name them; the last one was {source}: {reason}. {help}"
                );
            }
        }
    }

    pub(super) fn tell(&mut self, at: Instant, event: Told) {
        // What happened a moment ago happened that much earlier on the wall clock, too.
        let age_ms = clock::now().since(at).us() / 1_000;
        self.clients.tell(at.us(), clock::unix_ms().saturating_sub(age_ms), event);
    }

    /// A notification script has ended.
    pub(super) fn tell_run(&mut self, run: RunResult) {
        let (at, run) = (run.at, NotifyStatus::from(run));
        let instance = (run.kind == "INSTANCE").then(|| run.name.clone());
        self.tell(at, Told::Notified { instance, run });
    }

    /// Tells those who watch adverts what has come since the last time.
    pub(super) fn tell_adverts(&mut self) {
        self.clients.expect(self.instances.len());
        for index in 0..self.instances.len() {
            let Some(instance) = self.instances.get_mut(index).filter(|instance| instance.untold_marks > 0) else {
                continue;
            };
            let marks = instance.take_untold_marks();
            let Some(last) = marks.last() else { continue };
            let at = Instant::from_us(last.at_us);
            let event = Told::Adverts { instance: instance.name().into(), marks };
            self.tell(at, event);
        }
    }
}

/// Who will give way, as far as priorities say.
fn second_master_detail(ours: u8, theirs: u8) -> String {
    match theirs.cmp(&ours) {
        std::cmp::Ordering::Less => format!("it should give way to our priority {ours}: can it hear us?"),
        std::cmp::Ordering::Equal => "it has our priority, the higher address stays".into(),
        std::cmp::Ordering::Greater => "it has the higher priority".into(),
    }
}
