//! What instances follow, trackers and each other: into the engine, and into words.

use locum_config::model;
use locum_core::priority::{Contribution, Reading, Track, TrackerId};
use locum_core::router::GroupId;
use locum_core::vocabulary::{Block, Cause, Family, State};

use super::Service;
use super::instance::Instance;
use super::plan::ties;
use crate::engine::link::Order;
use crate::track::Report;

impl Service {
    /// A tracker says something else.
    pub(super) fn tracker_says(&mut self, report: &Report) {
        self.order(Order::SetReading { tracker: report.tracker, reading: report.reading });
    }

    /// Goes over to the trackers of the present configuration. Numbers that are given to other trackers are unknown to the
    /// engine until these have something to say.
    pub(super) fn reload_trackers(&mut self) {
        let name_of = |service: &Self, id| service.trackers.status(id).map(|status| (status.kind, status.name));
        let before: Vec<_> = self.trackers.ids().into_iter().map(|id| (id, name_of(self, id))).collect();
        let configuration = std::rc::Rc::clone(&self.configuration);
        self.trackers.reload(configuration.model());
        self.links.reload(&configuration.model().up_down_delays);
        for (id, name) in before {
            if name_of(self, id) != name {
                self.order(Order::SetReading { tracker: id, reading: Reading::Unknown });
            }
        }
        self.tell_trackers_of_links();
    }

    /// How many places the engine needs for trackers.
    pub(super) fn tracker_places(&self) -> usize {
        self.trackers.ids().last().map_or(0, |last| usize::from(last.0) + 1)
    }

    /// What an instance follows, of what is there to be followed.
    pub(super) fn tracks_of(&self, instance: &model::Instance) -> Box<[Track]> {
        let follows = ties::follows(self.configuration.model(), instance).into_iter();
        let track =
            |it: ties::Follows<'_>| Some(Track { tracker: self.trackers.id(it.kind, it.name)?, weight: it.weight });
        follows.filter_map(track).collect()
    }

    /// The name of an instance's sync group.
    pub(super) fn group_name(&self, instance: &str) -> Option<String> {
        ties::sync_group(self.configuration.model(), instance).map(|group| group.name.value.clone())
    }

    /// The engine's number of a sync group.
    pub(super) fn group_id(&mut self, name: &str) -> Option<GroupId> {
        let index = self.groups.iter().position(|known| known == name).unwrap_or_else(|| {
            self.groups.push(name.to_owned());
            self.groups.len() - 1
        });
        u16::try_from(index).ok().map(GroupId)
    }

    /// The particulars of a block, in words.
    pub(super) fn block_detail(&self, index: usize, block: Block) -> String {
        let Some(instance) = self.instances.get(index) else { return String::new() };
        let interface = instance.interface();
        // Without the ipvlan there cannot be its address.
        if let (Block::NoSourceAddress, Some(refusal)) = (block, self.ipvlan_refusal(instance)) {
            return refusal;
        }
        match block {
            Block::Configuration => instance.refusal.clone().unwrap_or_default(),
            Block::InterfaceMissing => format!("interface {interface} does not exist"),
            Block::LinkDown => match self.network.by_name(interface) {
                Some((_, known)) if !known.is_up => format!("{interface} is set down"),
                Some((_, known)) if known.has_carrier => {
                    format!("{interface} is up again, which does not count yet (interface_up_down_delays)")
                }
                Some(_) | None => format!("{interface} has no carrier"),
            },
            Block::NoSourceAddress => match &instance.configured.source_address {
                Some(address) => format!("no interface has the source address {}", address.value),
                None => {
                    let interface = instance.placement.ipvlan().map_or(interface, |made| &made.name);
                    match instance.family() {
                        Family::Ipv4 => format!("{interface} has no IPv4 address to send from"),
                        Family::Ipv6 => format!("{interface} has no link-local IPv6 address to send from"),
                    }
                }
            },
            Block::Refused => instance.dealings.block.clone().unwrap_or_else(|| block.to_string()),
            Block::Tracker => self.failed_trackers(instance),
            Block::Group => self.blocked_members(instance),
        }
    }

    fn failed_trackers(&self, instance: &Instance) -> String {
        let failed = instance.tracks.iter().filter_map(|track| {
            let status = self.trackers.status(track.tracker)?;
            let blocks = track.weight.contribution(status.reading) == Contribution::Blocks;
            blocks.then(|| format!("{} {}: {}", status.kind, status.name, status.detail))
        });
        let failed: Vec<_> = failed.collect();
        // It may have recovered since.
        if failed.is_empty() { Block::Tracker.to_string() } else { failed.join("; ") }
    }

    fn blocked_members(&self, instance: &Instance) -> String {
        let Some(group) = &instance.group else { return Block::Group.to_string() };
        let is_source = |other: &&Instance| {
            let by_itself = other.view.as_ref().is_none_or(|view| view.blocks.iter().any(|(b, _)| *b != Block::Group));
            other.group.as_ref() == Some(group)
                && other.name() != instance.name()
                && other.state == State::Fault
                && by_itself
        };
        let names: Vec<_> = self.instances.iter().filter(is_source).map(Instance::name).collect();
        match names.as_slice() {
            [] => format!("a member of sync group {group} is in FAULT"),
            [name] => format!("{name}, a member of sync group {group}, is in FAULT"),
            names => format!("{}, members of sync group {group}, are in FAULT", names.join(", ")),
        }
    }

    /// A cause in words, with the particulars.
    pub(super) fn cause_text(&self, index: usize, cause: Cause) -> String {
        match cause {
            Cause::Blocked { block } => self.block_detail(index, block),
            Cause::TrackerFailed { tracker } => self.tracker_text(tracker, "failed"),
            Cause::TrackerRecovered { tracker } => self.tracker_text(tracker, "recovered"),
            Cause::GroupMoved { member } => {
                let leader = self.by_router.get(usize::from(member)).copied().flatten();
                let leader = leader.and_then(|leader| self.instances.get(leader));
                let group = self.instances.get(index).and_then(|instance| instance.group.as_deref());
                match (leader, group) {
                    (Some(leader), Some(group)) => {
                        format!("sync group {group} followed {} ({})", leader.name(), leader.state)
                    }
                    (_, _) => "followed its sync group".to_owned(),
                }
            }
            Cause::VipLost => self.reason_to_stand_back(index).map_or_else(|| cause.to_string(), str::to_owned),
            Cause::StartOwner
            | Cause::Start
            | Cause::NobodyHeard { .. }
            | Cause::MasterSilent { .. }
            | Cause::PriorityZero { .. }
            | Cause::WePreempt { .. }
            | Cause::Resumed { .. }
            | Cause::PreemptedBy { .. }
            | Cause::TieLost { .. }
            | Cause::Recovered { .. }
            | Cause::Reconfigured
            | Cause::Removed
            | Cause::Yielded
            | Cause::GoesOn
            | Cause::YieldEnded
            | Cause::NobodyTookOver { .. }
            | Cause::Taken { .. }
            | Cause::HeldUp { .. }
            | Cause::Shutdown
            | Cause::Killed => cause.to_string(),
        }
    }

    fn tracker_text(&self, tracker: u16, what: &str) -> String {
        match self.trackers.status(TrackerId(tracker)) {
            Some(status) => format!("{} {} {what}: {}", status.kind, status.name, status.detail),
            None => format!("a tracker {what}"),
        }
    }
}
