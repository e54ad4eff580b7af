//! An instance as the service knows it, and what it says about it.

use std::collections::VecDeque;

use locum_config::Instance as Configured;
use locum_control::{
    AdvertMark, BlockStatus, Counters, InstanceStatus, MasterStatus, Mode, SecondMaster, SenderStatus, Timers,
    TransitionRecord, VipStatus,
};
use locum_core::reject::RejectCounters;
use locum_core::set::RouterId;
use locum_core::time::Instant;
use locum_core::vocabulary::{Block, Cause, Family, State};

use super::network::Network;
use super::plan;
use crate::engine::link::{AddressOutcome, InstanceKey, RouterView};

/// Adverts remembered for all instances together, for consoles that attach later.
const MARKS_IN_ALL: usize = 8_192;
/// Adverts remembered for one instance at least and at most.
const MARKS_EACH: std::ops::RangeInclusive<usize> = 8..=240;

/// An instance.
pub(crate) struct Instance {
    /// How the engine's answer to its making is known.
    pub(crate) key: InstanceKey,
    /// What its configuration says.
    pub(crate) configured: Configured,
    /// The engine's router. `None` before it runs, and where its configuration has an error.
    pub(crate) router: Option<RouterId>,
    /// Why it cannot run, where its configuration has an error.
    pub(crate) refusal: Option<String>,
    /// The state that was last told.
    pub(crate) state: State,
    /// Since when.
    pub(crate) since: Instant,
    /// The same on the wall clock.
    pub(crate) since_unix_ms: u64,
    /// The address that it is to send from, as last ordered.
    pub(crate) source: Option<std::net::IpAddr>,
    /// What became of each of its addresses.
    pub(crate) addresses: Vec<Option<AddressOutcome>>,
    /// The last adverts.
    marks: VecDeque<AdvertMark>,
    marks_max: usize,
    /// How many of `marks`, at its end, are not yet told to those who watch.
    pub(crate) untold_marks: usize,
    /// What the engine showed last.
    pub(crate) view: Option<RouterView>,
}

impl Instance {
    /// An instance that does not run yet. `of` is how many there are.
    pub(crate) fn new(key: InstanceKey, configured: Configured, of: usize, now: Instant, unix_ms: u64) -> Self {
        let addresses = vec![None; plan::addresses(&configured).count()];
        let marks_max = (MARKS_IN_ALL / of.max(1)).clamp(*MARKS_EACH.start(), *MARKS_EACH.end());
        Self {
            key,
            configured,
            router: None,
            state: State::Init,
            refusal: None,
            since: now,
            since_unix_ms: unix_ms,
            source: None,
            addresses,
            marks: VecDeque::new(),
            marks_max,
            untold_marks: 0,
            view: None,
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.configured.name.value
    }

    /// The interface that it runs on.
    pub(crate) fn interface(&self) -> &str {
        self.configured.interface.as_ref().map_or("", |name| name.value.as_str())
    }

    /// Its family.
    pub(crate) fn family(&self) -> Family {
        plan::family(self.configured.family)
    }

    /// Remembers an advert.
    pub(crate) fn mark(&mut self, mark: AdvertMark) {
        if self.marks.len() >= self.marks_max {
            self.marks.pop_front();
        }
        self.marks.push_back(mark);
        self.untold_marks = (self.untold_marks + 1).min(self.marks.len());
    }

    /// The last adverts, the oldest first.
    pub(crate) fn marks(&self) -> impl Iterator<Item = AdvertMark> + '_ {
        self.marks.iter().copied()
    }

    /// The adverts not yet told, the oldest first; they count as told then.
    pub(crate) fn take_untold_marks(&mut self) -> Vec<AdvertMark> {
        let told = self.marks.len() - std::mem::take(&mut self.untold_marks).min(self.marks.len());
        self.marks.range(told..).copied().collect()
    }

    /// The address that it is to send from: the one configured if an interface has it, else its interface's.
    pub(crate) fn choose_source(&self, network: &Network) -> Option<std::net::IpAddr> {
        match &self.configured.source_address {
            Some(address) => network.has(address.value).then_some(address.value),
            None => {
                let is_owner = *self.configured.priority == 255;
                let own: Vec<_> = plan::addresses(&self.configured).map(|(address, _)| address.address).collect();
                // An owner's virtual addresses are real ones, and may be the only ones.
                network
                    .source_on(self.interface(), self.family(), &own)
                    .or_else(|| is_owner.then(|| network.source_on(self.interface(), self.family(), &[])).flatten())
            }
        }
    }

    /// The particulars of a block, in words.
    pub(crate) fn block_detail(&self, block: Block, network: &Network) -> String {
        let interface = self.interface();
        match block {
            Block::Configuration => self.refusal.clone().unwrap_or_default(),
            Block::InterfaceMissing => format!("interface {interface} does not exist"),
            Block::LinkDown => match network.by_name(interface) {
                Some((_, known)) if !known.is_up => format!("{interface} is set down"),
                Some(_) | None => format!("{interface} has no carrier"),
            },
            Block::NoSourceAddress => match &self.configured.source_address {
                Some(address) => format!("no interface has the source address {}", address.value),
                None => match self.family() {
                    Family::Ipv4 => format!("{interface} has no IPv4 address to send from"),
                    Family::Ipv6 => format!("{interface} has no link-local IPv6 address to send from"),
                },
            },
            Block::Tracker | Block::Group => block.to_string(),
        }
    }

    /// A cause in words, with the particulars.
    pub(crate) fn cause_text(&self, cause: Cause, network: &Network) -> String {
        match cause {
            Cause::Blocked { block } => self.block_detail(block, network),
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
            | Cause::TrackerFailed { .. }
            | Cause::TrackerRecovered { .. }
            | Cause::GroupMoved { .. }
            | Cause::Yielded
            | Cause::YieldEnded
            | Cause::Reconfigured
            | Cause::NobodyTookOver { .. }
            | Cause::Taken { .. }
            | Cause::HeldUp { .. }
            | Cause::Shutdown
            | Cause::Killed => cause.to_string(),
        }
    }

    /// Everything about it, as `show` says it.
    pub(crate) fn status(&self, network: &Network, last_transition: Option<&TransitionRecord>) -> InstanceStatus {
        let configured = &self.configured;
        let view = self.view.as_ref();
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
            priority: *configured.priority,
            effective_priority: view.map_or(*configured.priority, |view| view.effective_priority),
            preempt: *configured.preempt,
            preempt_delay_us: u64::from(*configured.preempt_delay_ms) * 1_000,
            advert_interval_cs: *configured.advert_interval_cs,
            skew_us: view.map_or(0, |view| view.skew.us()),
            master_down_interval_us: view.map_or(0, |view| view.master_down_interval.us()),
            master: view.and_then(|view| self.master(view)),
            timers: view.map_or_else(Timers::default, |view| Timers {
                master_down_at_us: view.timers.master_down_at.map(us),
                advertise_at_us: view.timers.advertise_at.map(us),
                preempt_at_us: view.timers.preempt_at.map(us),
                handover_until_us: view.timers.handover_until.map(us),
            }),
            blocks: self.blocks(network),
            vips: self.vips(),
            senders: view.map(|view| view.senders.iter().map(sender_status).collect()).unwrap_or_default(),
            second_master: view.and_then(|view| view.second).map(|second| SecondMaster {
                address: second.address,
                priority: second.priority,
                since_us: us(second.since),
            }),
            counters: view.map(counters).unwrap_or_default(),
            last_transition: last_transition.cloned(),
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

    fn blocks(&self, network: &Network) -> Vec<BlockStatus> {
        let status = |(block, since): (Block, Instant)| BlockStatus {
            block,
            since_us: since.us(),
            detail: self.block_detail(block, network),
        };
        match (&self.refusal, &self.view) {
            (Some(_), _) => vec![status((Block::Configuration, self.since))],
            (None, Some(view)) => view.blocks.iter().copied().map(status).collect(),
            (None, None) => Vec::new(),
        }
    }

    fn vips(&self) -> Vec<VipStatus> {
        let outcomes = self.addresses.iter().copied().chain(std::iter::repeat(None));
        plan::addresses(&self.configured)
            .zip(outcomes)
            .map(|((address, excluded), outcome)| VipStatus {
                address: format!("{}/{}", address.address, address.prefix_len),
                device: plan::device(address, &self.configured).to_owned(),
                label: address.label.as_ref().map(|label| label.value.clone()),
                excluded,
                installed: outcome == Some(AddressOutcome::Installed),
                error: match outcome {
                    Some(AddressOutcome::Failed(errno)) => Some(errno.desc().to_owned()),
                    Some(AddressOutcome::Foreign) => Some("was there before, not put there by locum".to_owned()),
                    Some(AddressOutcome::Installed | AddressOutcome::Removed) | None => None,
                },
            })
            .collect()
    }
}

fn sender_status(sender: &locum_core::router::Sender) -> SenderStatus {
    SenderStatus {
        address: sender.address,
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

fn counters(view: &RouterView) -> Counters {
    Counters {
        adverts_sent: view.counters.adverts_sent,
        adverts_received: view.counters.adverts_received,
        priority_zero_sent: view.counters.priority_zero_sent,
        priority_zero_received: view.counters.priority_zero_received,
        became_master: view.counters.became_master,
        announcements_sent: view.announcements_sent,
        rejected: rejected(&view.counters.rejected),
    }
}

/// Counters by reason, those that are not zero.
pub(crate) fn rejected(counters: &RejectCounters) -> std::collections::BTreeMap<locum_core::reject::Reject, u32> {
    counters.iter().collect()
}
