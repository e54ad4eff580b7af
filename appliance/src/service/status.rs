//! What `show` says about an instance.

use locum_control::{
    BlockStatus, ChecksumFlavour, Counters, InstanceStatus, MasterStatus, Mode, PartKind, PartStatus, RunStatus,
    SecondMaster, SenderStatus, StandingBack, Timers, TrackReading, TrackStatus, TransitionRecord, VipStatus,
};
use locum_core::priority::{Contribution, Reading, Track};
use locum_core::reject::RejectCounters;
use locum_core::time::Instant;
use locum_core::vocabulary::{Block, Family, State};
use locum_core::wire::vrrp::Checksum;

use super::Service;
use super::instance::Instance;
use super::plan::{self, Part};
use crate::clock;
use crate::engine::link::{ItemOutcome, RouterView};

/// Interfaces, routes and rules of an instance in one answer, which must fit into a line of the socket.
const PARTS_SHOWN_MAX: usize = 100;

impl Service {
    /// Everything about an instance.
    pub(super) fn instance_status(&self, index: usize) -> Option<InstanceStatus> {
        let instance = self.instances.get(index)?;
        let trackers = instance.tracks.iter().filter_map(|track| self.track_status(track)).collect();
        let mut status = instance.status(self.blocks(index, instance), trackers, self.history.last(instance.name()));
        status.counters.transitions = instance.transitions();
        status.counters.put_back = instance.put_back;
        (status.notified, status.notifications_skipped) = self.notifier.runs(instance.name());
        (status.parts, status.parts_left_out) = self.parts(instance);
        status.no_accept = self.kernel.no_accept(self.configuration.model(), instance);
        let (up_at, down_at) = self.link_delays(index);
        status.timers.link_up_at_us = up_at.map(Instant::us);
        status.timers.link_down_at_us = down_at.map(Instant::us);
        if let (Some(back), Some(kept)) = (&mut status.standing_back, self.yields.of(instance.name())) {
            back.until_unix_ms = kept.until_unix_ms();
        }
        Some(status)
    }

    fn blocks(&self, index: usize, instance: &Instance) -> Vec<BlockStatus> {
        let status = |(block, since): (Block, Instant)| BlockStatus {
            block,
            since_us: since.us(),
            detail: self.block_detail(index, block),
        };
        match (&instance.refusal, &instance.view) {
            (Some(_), _) => vec![status((Block::Configuration, instance.since))],
            (None, Some(view)) => view.blocks.iter().copied().map(status).collect(),
            (None, None) => Vec::new(),
        }
    }

    /// What it has in the kernel beside its addresses, and how much more there is.
    fn parts(&self, instance: &Instance) -> (Vec<PartStatus>, u32) {
        let parts = plan::parts(&instance.configured, &instance.placement).into_iter().zip(&instance.outcomes);
        let status = |(part, outcome): (Part<'_>, &Option<ItemOutcome>)| {
            let (kind, name, refusal) = match part {
                Part::Interface(made) => (PartKind::Interface, made.describe(), self.kernel.refusal(&made.name)),
                Part::Route(route) => (PartKind::Route, plan::route::route_name(route), None),
                Part::Rule(_) => (PartKind::Rule, part.name(), None),
                Part::Address(..) => return None,
            };
            Some(PartStatus {
                kind,
                name,
                tracked: part.is_tracked(),
                installed: is_installed(outcome.as_ref()),
                error: refusal.or_else(|| trouble(outcome.as_ref())),
            })
        };
        let mut shown: Vec<PartStatus> = parts.filter_map(status).collect();
        let left_out = shown.len().saturating_sub(PARTS_SHOWN_MAX);
        if left_out > 0 {
            shown.sort_by_key(|part| part.error.is_none());
            shown.truncate(PARTS_SHOWN_MAX);
        }
        (shown, u32::try_from(left_out).unwrap_or(u32::MAX))
    }

    fn track_status(&self, track: &Track) -> Option<TrackStatus> {
        let status = self.trackers.status(track.tracker)?;
        let contribution = track.weight.contribution(status.reading);
        Some(TrackStatus {
            name: status.name,
            kind: status.kind.to_string(),
            weight: track.weight.value,
            reverse: track.weight.reverse,
            reading: match status.reading {
                Reading::Unknown => TrackReading::Unknown,
                Reading::Good => TrackReading::Good,
                Reading::Bad => TrackReading::Bad,
                Reading::Value(value) => TrackReading::Value(value),
            },
            adds: match contribution {
                Contribution::Adds(points) => points,
                Contribution::Blocks | Contribution::Awaited => 0,
            },
            blocks: contribution == Contribution::Blocks,
            awaited: contribution == Contribution::Awaited,
            since_us: status.since.us(),
            detail: status.detail,
            last: status.last.map(|last| RunStatus {
                at_us: last.at.us(),
                result: last.result,
                duration_us: clock::whole_us(last.duration),
                last_lines: last.last_lines,
            }),
            next_us: status.next.map(Instant::us),
            runs: status.runs,
            skipped: status.skipped,
        })
    }
}

impl Instance {
    /// Everything about it, as `show` says it.
    fn status(
        &self,
        blocks: Vec<BlockStatus>,
        trackers: Vec<TrackStatus>,
        last_transition: Option<TransitionRecord>,
    ) -> InstanceStatus {
        let configured = &self.configured;
        let (vips, vips_left_out) = bounded(self.vips());
        let view = self.view.as_deref();
        let is_version_3 = *configured.version == locum_config::model::Version::V3;
        let has_flavours = is_version_3 && self.family() == Family::Ipv4;
        let us = |at: Instant| at.us();
        InstanceStatus {
            name: self.name().to_owned(),
            interface: self.interface().to_owned(),
            vrid: *configured.vrid,
            family: self.family(),
            version: match *configured.version {
                locum_config::model::Version::V2 => 2,
                locum_config::model::Version::V3 => 3,
            },
            mode: if configured.is_unicast() {
                Mode::Unicast { peers: configured.peers.iter().map(|peer| peer.address).collect() }
            } else {
                Mode::Multicast { group: *configured.multicast_group }
            },
            source: view.and_then(|view| view.source),
            state: self.state,
            since_us: us(self.since),
            since_unix_ms: self.since_unix_ms,
            priority: view.map_or(*configured.priority, |view| view.priority),
            effective_priority: view.map_or(*configured.priority, |view| view.effective_priority),
            preempt: *configured.preempt,
            preempt_delay_us: u64::from(*configured.preempt_delay_ms) * 1_000,
            advert_interval_cs: *configured.advert_interval_cs,
            skew_us: view.map_or(0, |view| view.skew.us()),
            master_down_interval_us: view.map_or(0, |view| view.master_down_interval.us()),
            master: view.and_then(|view| self.master(view)),
            timers: view.map_or_else(Timers::default, |view| Timers {
                start_at_us: view.timers.start_at.map(us),
                master_down_at_us: view.timers.master_down_at.map(us),
                advertise_at_us: view.timers.advertise_at.map(us),
                preempt_at_us: view.timers.preempt_at.map(us),
                handover_until_us: view.timers.handover_until.map(us),
                ..Timers::default()
            }),
            blocks,
            trackers,
            group: self.group.clone(),
            standing_back: view.and_then(|view| view.standing_back).map(|back| StandingBack {
                since_us: us(back.since),
                last_resort: back.last_resort,
                until_unix_ms: None,
            }),
            vips,
            vips_left_out,
            parts: Vec::new(),
            parts_left_out: 0,
            no_accept: None,
            senders: view
                .map(|view| view.senders.iter().map(|sender| self.sender_status(sender, has_flavours)).collect())
                .unwrap_or_default(),
            second_master: view.and_then(|view| view.second).map(|second| SecondMaster {
                address: second.address,
                priority: second.priority,
                since_us: us(second.since),
            }),
            counters: view.map(counters).unwrap_or_default(),
            last_transition,
            notified: Vec::new(),
            notifications_skipped: 0,
        }
    }

    fn master(&self, view: &RouterView) -> Option<MasterStatus> {
        match view.state {
            State::Master => Some(MasterStatus {
                address: view.source?,
                priority: view.effective_priority,
                is_self: true,
                last_heard_us: None,
            }),
            State::Backup | State::Init => view.heard.map(|heard| MasterStatus {
                address: heard.address,
                priority: heard.priority,
                is_self: false,
                last_heard_us: Some(heard.at.us()),
            }),
            // What was heard before says nothing any more.
            State::Fault => None,
        }
    }

    fn sender_status(&self, sender: &locum_core::router::Sender, has_flavours: bool) -> SenderStatus {
        let (mac, other_mac) = self.stations.macs(sender.address);
        SenderStatus {
            checksum: sender.checksum.filter(|_| has_flavours).map(|checksum| match checksum {
                Checksum::Plain => ChecksumFlavour::Plain,
                Checksum::PseudoHeader => ChecksumFlavour::PseudoHeader,
            }),
            address: sender.address,
            mac,
            other_mac,
            priority: sender.priority,
            advert_interval_cs: sender.advert_interval_cs,
            first_heard_us: sender.first_heard().us(),
            last_heard_us: sender.last_heard.us(),
            received: sender.received,
            late: sender.late,
            missed: sender.missed,
            longest_gap_us: sender.longest_gap().us(),
            rejected: sender.rejected,
            last_reject: sender.last_reject,
        }
    }

    pub(super) fn vips(&self) -> Vec<VipStatus> {
        let parts = plan::parts(&self.configured, &self.placement).into_iter().zip(&self.outcomes);
        let installed = parts.filter_map(|(part, outcome)| match part {
            Part::Address(_, device) => Some((device, outcome.as_ref())),
            Part::Interface(_) | Part::Route(_) | Part::Rule(_) => None,
        });
        plan::addresses(&self.configured)
            .zip(installed)
            .map(|((address, excluded), (device, outcome))| VipStatus {
                address: format!("{}/{}", address.address, address.prefix_len),
                device: device.to_owned(),
                label: address.label.as_ref().map(|label| label.value.clone()),
                excluded,
                installed: is_installed(outcome),
                error: trouble(outcome),
            })
            .collect()
    }
}

/// Bytes of JSON that the virtual addresses of an instance may take. A line of the control socket has 64 KiB, and holds the
/// rest of the instance as well.
pub(super) const VIPS_BYTES_MAX: usize = 40 * 1024;

/// As many of them as there is room for, and how many are left out. Those that somebody has to look at come first then.
fn bounded(mut vips: Vec<VipStatus>) -> (Vec<VipStatus>, u32) {
    let bytes = |vip: &VipStatus| {
        let texts = [vip.label.as_ref(), vip.error.as_ref(), Some(&vip.address), Some(&vip.device)];
        // What stands around the texts, and the escapes of odd characters in them.
        90 + texts.into_iter().flatten().map(|text| 2 * text.len()).sum::<usize>()
    };
    if vips.iter().map(bytes).sum::<usize>() <= VIPS_BYTES_MAX {
        return (vips, 0);
    }
    vips.sort_by_key(|vip| (vip.error.is_none(), vip.installed));
    let mut room = VIPS_BYTES_MAX;
    let fits = |vip: &&VipStatus| {
        let left = room.checked_sub(bytes(vip));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let kept = vips.iter().take_while(fits).count();
    let left_out = u32::try_from(vips.len() - kept).unwrap_or(u32::MAX);
    vips.truncate(kept);
    (vips, left_out)
}

const fn is_installed(outcome: Option<&ItemOutcome>) -> bool {
    matches!(outcome, Some(ItemOutcome::Installed | ItemOutcome::PutBack))
}

/// What is not as it should be with a part, in words.
fn trouble(outcome: Option<&ItemOutcome>) -> Option<String> {
    match outcome? {
        ItemOutcome::Failed(refusal) => Some(refusal.to_string()),
        ItemOutcome::Foreign => Some("was there before, not put there by locum".to_owned()),
        ItemOutcome::Installed | ItemOutcome::PutBack | ItemOutcome::Removed => None,
    }
}

fn counters(view: &RouterView) -> Counters {
    Counters {
        adverts_sent: view.counters.adverts_sent,
        adverts_received: view.counters.adverts_received,
        priority_zero_sent: view.counters.priority_zero_sent,
        priority_zero_received: view.counters.priority_zero_received,
        became_master: view.counters.became_master,
        announcements_sent: view.announcements_sent,
        rejected: rejected(&view.counters.rejected),
        ..Counters::default()
    }
}

/// Counters by reason, those that are not zero.
pub(crate) fn rejected(counters: &RejectCounters) -> locum_control::SortedMap<locum_core::reject::Reject, u32> {
    counters.iter().collect()
}
