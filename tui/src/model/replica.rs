//! What the service said, kept up to date from its events.
//!
//! Everything a server sends is cut to size and cleaned here, so that the views can draw it as it is, and nothing grows
//! without bound whatever arrives.

use std::collections::VecDeque;
use std::net::IpAddr;

use locum_control::{
    AdvertMark, ChangeRecord, Event, Hello, InstanceStatus, InterfaceStatus, Item, MarkKind, MasterStatus, Notice,
    Role, RunStatus, SenderStatus, ServiceStatus, SortedMap, State, Timers, TransitionRecord,
};

use crate::clock::Clock;
use crate::link::Purpose;
use crate::model::Lane;
use crate::model::history::Happened;
use crate::text::clean;

const INSTANCES_MAX: usize = 2_048;
const INTERFACES_MAX: usize = 256;
/// Both families of each VRID.
const FOREIGN_MAX: usize = 510;
const HISTORY_MAX: usize = 1_000;
const EVENTS_MAX: usize = 500;
const TRACKERS_MAX: usize = 64;
const PARTS_MAX: usize = 128;
const NOTIFIED_MAX: usize = 16;
const LAST_LINES_MAX: usize = 4;
const LINES_PER_CHANGE_MAX: usize = 64;
/// Ours among them.
const LANES_MAX: usize = 17;
const MARKS_PER_LANE_MAX: usize = 600;
const MARKS_PER_LANE_MIN: usize = 60;
/// Over all lanes, as long as that leaves [`MARKS_PER_LANE_MIN`] for each.
const MARKS_MAX: usize = 200_000;
const SENDERS_MAX: usize = 32;
pub(crate) const NAME_CHARS_MAX: usize = 64;
pub(crate) const TEXT_CHARS_MAX: usize = 300;

/// What is known of a service.
#[derive(Debug, Default)]
pub(crate) struct Replica {
    pub(crate) hello: Option<Hello>,
    pub(crate) service: Option<ServiceStatus>,
    pub(crate) clock: Clock,
    pub(crate) instances: SortedMap<String, Instance>,
    /// The interfaces that they use.
    pub(crate) interfaces: SortedMap<String, Interface>,
    /// Counts up when an instance comes, goes or changes its state.
    pub(crate) revision: u64,
    /// Changes of state, oldest first.
    pub(crate) history: VecDeque<TransitionRecord>,
    /// What else has happened since this console attached, oldest first: the service does not tell it again.
    pub(crate) happened: VecDeque<Happened>,
    /// Counts whole answers, to find out what is no longer there.
    generation: u64,
    /// How many instances found no room, of the answer that is under way.
    refused: usize,
    /// The same, of the last whole answer.
    left_out: usize,
    lanes: usize,
}

/// A virtual router of the service.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) status: InstanceStatus,
    /// Our own first, then the others in order of address.
    pub(crate) lanes: Vec<Lane>,
    /// Another router's advert came near a takeover: how long it was silent and what was left, in microseconds.
    pub(crate) near_miss: Option<NearMiss>,
    /// What the service said of the second master when it was first heard: what differs, or who will give way.
    pub(crate) second_master: Option<String>,
    generation: u64,
}

/// A network interface of the service.
#[derive(Debug)]
pub(crate) struct Interface {
    pub(crate) status: InterfaceStatus,
    generation: u64,
}

/// A takeover that nearly happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NearMiss {
    pub(crate) at_us: u64,
    pub(crate) source: IpAddr,
    pub(crate) silent_us: u64,
    pub(crate) left_us: u64,
}

/// What follows from a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Follow {
    /// Nothing more.
    Nothing,
    /// This instance has to be asked for again.
    Ask(String),
    /// All instances and the service itself have to.
    AskAll,
    /// Everything has to, and what happened meanwhile.
    Resync,
    /// The service stops.
    Stopping,
}

impl Replica {
    /// What this connection may do.
    pub(crate) fn role(&self) -> Option<Role> {
        self.hello.as_ref().map(|hello| hello.role)
    }

    /// How many instances of the service are not in here, because it has more than [`INSTANCES_MAX`].
    pub(crate) const fn left_out(&self) -> usize {
        self.left_out
    }

    /// The greeting arrived at `now_us` of our clock.
    pub(crate) fn greeted(&mut self, now_us: u64, hello: &Hello) {
        self.clock = Clock::greeted(now_us, hello.now_us, hello.now_unix_ms);
        self.hello = Some(Hello {
            version: clean(&hello.version, NAME_CHARS_MAX),
            host: clean(&hello.host, NAME_CHARS_MAX),
            ..hello.clone()
        });
    }

    /// Everything is forgotten, because a recording is played from its beginning again.
    pub(crate) fn forget(&mut self) {
        *self = Self { revision: self.revision + 1, ..Self::default() };
    }

    /// An answer begins.
    pub(crate) fn begin(&mut self, purpose: &Purpose) {
        self.generation += 1;
        self.refused = 0;
        if *purpose == Purpose::Watch {
            self.history.clear();
            for instance in self.instances.values_mut() {
                instance.lanes.clear();
                instance.near_miss = None;
            }
            self.lanes = 0;
        }
    }

    /// A part of an answer, to what was asked at `asked_at_us`.
    pub(crate) fn item(&mut self, asked_at_us: u64, now_us: u64, item: Item) {
        if let Item::Service(service) = item {
            let clock = Clock::set(asked_at_us, now_us, service.now_us, service.now_unix_ms);
            self.clock = self.clock.better(clock, now_us);
            self.service = Some(ServiceStatus {
                host: clean(&service.host, NAME_CHARS_MAX),
                version: clean(&service.version, NAME_CHARS_MAX),
                configuration: clean(&service.configuration, TEXT_CHARS_MAX),
                on_trial: service.on_trial.map(cleaned_change),
                ..*service
            });
        } else if let Item::Interface(status) = item {
            self.upsert_interface(status);
        } else if let Item::Instance(status) = item {
            self.upsert(*status);
        } else if let Item::Transition(record) = item {
            self.remember(cleaned_record(record));
        } else if let Item::Notice(Notice { event: Event::Adverts { instance, marks }, .. }) = item {
            self.draw(&clean(&instance, NAME_CHARS_MAX), &marks);
        }
    }

    /// An answer ended well.
    pub(crate) fn done(&mut self, purpose: &Purpose) {
        if matches!(purpose, Purpose::Watch | Purpose::All) {
            self.left_out = self.refused;
            self.instances.retain(|_, instance| instance.generation == self.generation);
            self.interfaces.retain(|_, interface| interface.generation == self.generation);
        }
        if *purpose == Purpose::Watch {
            // They come instance by instance. The boot-time clock of another boot says nothing in this one.
            self.history.make_contiguous().sort_by_key(|record| record.at_unix_ms);
        }
        self.revision += 1;
    }

    /// An instance is gone.
    pub(crate) fn remove(&mut self, name: &str) {
        self.instances.remove(name);
        self.revision += 1;
    }

    /// Something happened.
    pub(crate) fn notice(&mut self, notice: Notice) -> Follow {
        let name = notice.event.instance().map(|name| clean(name, NAME_CHARS_MAX));
        if let Some(happened) = Happened::of(&notice) {
            if self.happened.len() >= EVENTS_MAX {
                self.happened.pop_front();
            }
            self.happened.push_back(happened);
        }
        match notice.event {
            Event::Transition(record) => {
                let record = cleaned_record(record);
                let name = record.instance.clone();
                if let Some(instance) = self.instances.get_mut(&name) {
                    instance.status.state = record.to;
                    instance.status.since_us = record.at_us;
                    instance.status.since_unix_ms = record.at_unix_ms;
                    instance.status.timers = Timers::default();
                    instance.status.last_transition = Some(record.clone());
                }
                self.remember(record);
                self.revision += 1;
                Follow::Ask(name)
            }
            Event::Adverts { marks, .. } => {
                let name = name.unwrap_or_default();
                if let Some(instance) = self.instances.get_mut(&name) {
                    for mark in &marks {
                        instance.follow(mark);
                    }
                }
                self.draw(&name, &marks);
                Follow::Nothing
            }
            Event::NearMiss { source, silent_us, left_us, .. } => {
                if let Some(instance) = name.as_deref().and_then(|name| self.instances.get_mut(name)) {
                    instance.near_miss = Some(NearMiss { at_us: notice.at_us, source, silent_us, left_us });
                }
                Follow::Nothing
            }
            Event::SecondMaster { detail, .. } => {
                if let Some(instance) = name.as_deref().and_then(|name| self.instances.get_mut(name)) {
                    instance.second_master = Some(clean(&detail, TEXT_CHARS_MAX));
                }
                name.map_or(Follow::Nothing, Follow::Ask)
            }
            Event::Blocked { .. }
            | Event::Unblocked { .. }
            | Event::Rejected { .. }
            | Event::SecondMasterGone { .. }
            | Event::AddressFailed { .. }
            | Event::VipLost { .. }
            | Event::PriorityChanged { .. }
            | Event::Notified { .. }
            | Event::HandoverEnded { .. } => name.map_or(Follow::Nothing, Follow::Ask),
            // What it changed shows in the service's own status, or in that of any instance.
            Event::Operator { .. } => Follow::AskAll,
            Event::Lagged { .. } => Follow::Resync,
            Event::Stopping => Follow::Stopping,
        }
    }

    fn upsert(&mut self, status: InstanceStatus) {
        let status = cleaned(status);
        let generation = self.generation;
        if let Some(instance) = self.instances.get_mut(&status.name) {
            instance.status = status;
            instance.generation = generation;
        } else if self.instances.len() < INSTANCES_MAX {
            let instance = Instance { generation, lanes: Vec::new(), near_miss: None, second_master: None, status };
            self.instances.insert(instance.status.name.clone(), instance);
        } else {
            self.refused = self.refused.saturating_add(1);
        }
    }

    fn upsert_interface(&mut self, mut status: InterfaceStatus) {
        status.name = clean(&status.name, NAME_CHARS_MAX);
        status.foreign.truncate(FOREIGN_MAX);
        if self.interfaces.len() < INTERFACES_MAX || self.interfaces.contains_key(&status.name) {
            let generation = self.generation;
            self.interfaces.insert(status.name.clone(), Interface { status, generation });
        }
    }

    fn remember(&mut self, record: TransitionRecord) {
        if self.history.len() >= HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(record);
    }

    /// Puts adverts on the timeline.
    fn draw(&mut self, name: &str, marks: &[AdvertMark]) {
        let Some(instance) = self.instances.get_mut(name) else { return };
        let marks_max = (MARKS_MAX / self.lanes.max(1)).clamp(MARKS_PER_LANE_MIN, MARKS_PER_LANE_MAX);
        for mark in marks {
            let before = instance.lanes.len();
            if let Some(lane) = instance.lane(mark) {
                lane.push(mark, marks_max);
            }
            self.lanes += instance.lanes.len() - before;
        }
    }
}

impl Instance {
    /// The lane of an advert's sender; there is none if there are too many senders.
    fn lane(&mut self, mark: &AdvertMark) -> Option<&mut Lane> {
        let ours = mark.kind == MarkKind::Sent;
        let key = |lane: &Lane| (!lane.ours, (!lane.ours).then_some(lane.source));
        let wanted = (!ours, (!ours).then_some(mark.source));
        match self.lanes.binary_search_by_key(&wanted, key) {
            Ok(at) => self.lanes.get_mut(at),
            Err(at) if self.lanes.len() < LANES_MAX => {
                self.lanes.insert(at, Lane::new(mark.source, ours));
                self.lanes.get_mut(at)
            }
            Err(_) => None,
        }
    }

    /// Carries on what an advert changes, so that counters and countdowns need not wait for the next `show`.
    fn follow(&mut self, mark: &AdvertMark) {
        let status = &mut self.status;
        match mark.kind {
            MarkKind::Sent => {
                let interval_us = u64::from(status.advert_interval_cs) * 10_000;
                status.timers.advertise_at_us = Some(mark.at_us.saturating_add(interval_us));
            }
            MarkKind::Rejected { .. } => {}
            MarkKind::Received => {
                let Some(sender) = sender(&mut status.senders, mark) else { return };
                // An advert that the last `show` had counted already.
                if mark.at_us <= sender.last_heard_us {
                    return;
                }
                sender.received = sender.received.saturating_add(1);
                sender.last_heard_us = mark.at_us;
                sender.priority = mark.priority;
                if status.state == State::Backup {
                    restart_master_down(status, mark);
                }
            }
        }
    }
}

/// As the state machine of a backup does (RFC 3768 §6.4.2).
fn restart_master_down(status: &mut InstanceStatus, mark: &AdvertMark) {
    let is_master = status.master.as_ref().is_none_or(|master| master.address == mark.source);
    if mark.priority == 0 {
        if is_master {
            status.timers.master_down_at_us = Some(mark.at_us.saturating_add(status.skew_us));
        }
        return;
    }
    if is_master || !status.preempt || mark.priority >= status.effective_priority {
        let last_heard_us = Some(mark.at_us);
        status.master =
            Some(MasterStatus { address: mark.source, priority: mark.priority, is_self: false, last_heard_us });
        if status.timers.master_down_at_us.is_some() {
            status.timers.master_down_at_us = Some(mark.at_us.saturating_add(status.master_down_interval_us));
        }
    }
}

fn sender<'a>(senders: &'a mut Vec<SenderStatus>, mark: &AdvertMark) -> Option<&'a mut SenderStatus> {
    if let Some(at) = senders.iter().position(|sender| sender.address == mark.source) {
        return senders.get_mut(at);
    }
    if senders.len() >= SENDERS_MAX {
        return None;
    }
    senders.push(SenderStatus {
        address: mark.source,
        mac: None,
        other_mac: None,
        priority: mark.priority,
        advert_interval_cs: 0,
        first_heard_us: mark.at_us,
        checksum: None,
        last_heard_us: 0,
        received: 0,
        late: 0,
        missed: 0,
        longest_gap_us: 0,
        rejected: 0,
        last_reject: None,
    });
    senders.last_mut()
}

/// How bad it is: the smaller, the nearer to the top. MASTER and BACKUP are equally good, so that lines do not change
/// places when an instance moves from one to the other.
pub(crate) const fn severity(status: &InstanceStatus) -> u8 {
    match status.state {
        State::Fault => 0,
        _ if status.second_master.is_some() => 1,
        State::Init => 2,
        State::Backup | State::Master => 3,
    }
}

fn cleaned_record(record: TransitionRecord) -> TransitionRecord {
    TransitionRecord {
        instance: clean(&record.instance, NAME_CHARS_MAX),
        text: clean(&record.text, TEXT_CHARS_MAX),
        ..record
    }
}

/// A change that a service tells of, cut to size.
pub(crate) fn cleaned_change(record: ChangeRecord) -> ChangeRecord {
    ChangeRecord {
        who: clean(&record.who, NAME_CHARS_MAX),
        what: record.what.iter().take(LINES_PER_CHANGE_MAX).map(|what| clean(what, TEXT_CHARS_MAX)).collect(),
        ..record
    }
}

fn clean_run(run: &mut RunStatus) {
    run.result = clean(&run.result, TEXT_CHARS_MAX);
    run.last_lines.truncate(LAST_LINES_MAX);
    for text in &mut run.last_lines {
        *text = clean(text, TEXT_CHARS_MAX);
    }
}

fn cleaned(mut status: InstanceStatus) -> InstanceStatus {
    status.name = clean(&status.name, NAME_CHARS_MAX);
    status.interface = clean(&status.interface, NAME_CHARS_MAX);
    status.blocks.truncate(16);
    for block in &mut status.blocks {
        block.detail = clean(&block.detail, TEXT_CHARS_MAX);
    }
    status.vips.truncate(255);
    for vip in &mut status.vips {
        vip.address = clean(&vip.address, NAME_CHARS_MAX);
        vip.device = clean(&vip.device, NAME_CHARS_MAX);
        vip.label = vip.label.as_deref().map(|label| clean(label, NAME_CHARS_MAX));
        vip.error = vip.error.as_deref().map(|error| clean(error, TEXT_CHARS_MAX));
    }
    if status.parts.len() > PARTS_MAX {
        let more = u32::try_from(status.parts.len() - PARTS_MAX).unwrap_or(u32::MAX);
        status.parts_left_out = status.parts_left_out.saturating_add(more);
        status.parts.truncate(PARTS_MAX);
    }
    for part in &mut status.parts {
        part.name = clean(&part.name, TEXT_CHARS_MAX);
        part.error = part.error.as_deref().map(|error| clean(error, TEXT_CHARS_MAX));
    }
    if let Some(table) = &mut status.no_accept {
        table.table = clean(&table.table, NAME_CHARS_MAX);
        table.error = table.error.as_deref().map(|error| clean(error, TEXT_CHARS_MAX));
    }
    status.senders.truncate(SENDERS_MAX);
    status.group = status.group.as_deref().map(|group| clean(group, NAME_CHARS_MAX));
    status.trackers.truncate(TRACKERS_MAX);
    for track in &mut status.trackers {
        track.name = clean(&track.name, NAME_CHARS_MAX);
        track.kind = clean(&track.kind, NAME_CHARS_MAX);
        track.detail = clean(&track.detail, TEXT_CHARS_MAX);
        if let Some(run) = &mut track.last {
            clean_run(run);
        }
    }
    let surplus = status.notified.len().saturating_sub(NOTIFIED_MAX);
    status.notified.drain(..surplus);
    for run in &mut status.notified {
        for text in [&mut run.kind, &mut run.name, &mut run.script, &mut run.state] {
            *text = clean(text, NAME_CHARS_MAX);
        }
        clean_run(&mut run.run);
    }
    status.last_transition = status.last_transition.map(cleaned_record);
    status
}

#[cfg(test)]
mod tests;
