//! What the instances of a node follow, and what that makes of their priorities while all is well, and when something fails.

use std::num::NonZeroU8;

use locum_config::Model;
use locum_config::model::Instance;
use locum_core::priority::{self, Contribution, Reading, Track, Tracker, TrackerId};
use locum_core::router::GroupId;

use crate::service::ties::{self, Follows};
use crate::text::Append;
use crate::track::Kind;

/// All trackers of a node that somebody follows, in the order of their numbers.
pub(super) struct Followed<'n> {
    trackers: Vec<(Kind, &'n str, Reading)>,
}

impl<'n> Followed<'n> {
    pub(super) fn of(model: &'n Model) -> Self {
        let mut trackers: Vec<(Kind, &str, Reading)> = Vec::new();
        for it in model.instances.iter().flat_map(|instance| ties::follows(model, instance)) {
            if !trackers.iter().any(|(kind, name, _)| (*kind, *name) == (it.kind, it.name)) {
                trackers.push((it.kind, it.name, well(&it)));
            }
        }
        trackers.truncate(usize::from(u16::MAX));
        Self { trackers }
    }

    pub(super) fn len(&self) -> usize {
        self.trackers.len()
    }

    /// What each says while all is well.
    pub(super) fn readings(&self) -> impl Iterator<Item = (TrackerId, Reading)> {
        (0..=u16::MAX).zip(&self.trackers).map(|(id, (_, _, reading))| (TrackerId(id), *reading))
    }

    /// All that can fail, with what each says then. What a file says under a weight may be any number, so that its failure
    /// cannot be played.
    pub(super) fn failures(&self, model: &'n Model) -> impl Iterator<Item = (Kind, &'n str, TrackerId, Reading)> {
        let weights = move |kind, name| {
            let follows = model.instances.iter().flat_map(|instance| ties::follows(model, instance));
            follows.filter(move |it| (it.kind, it.name) == (kind, name)).map(|it| it.weight.value)
        };
        (0..=u16::MAX).zip(&self.trackers).filter_map(move |(id, (kind, name, well))| {
            let fails = match well {
                Reading::Value(_) if weights(*kind, *name).any(|weight| weight != 0) => return None,
                Reading::Value(value) => Reading::Value(i32::from(*value == 0)),
                Reading::Bad => Reading::Good,
                Reading::Good | Reading::Unknown => Reading::Bad,
            };
            Some((*kind, *name, TrackerId(id), fails))
        })
    }

    /// What an instance follows, by number.
    pub(super) fn tracks(&self, model: &Model, instance: &Instance) -> Box<[Track]> {
        let follows = ties::follows(model, instance).into_iter();
        let track = |it: Follows<'_>| {
            let at = self.trackers.iter().position(|(kind, name, _)| (*kind, *name) == (it.kind, it.name))?;
            Some(Track { tracker: TrackerId(u16::try_from(at).ok()?), weight: it.weight })
        };
        follows.filter_map(track).collect()
    }
}

/// The core's number of an instance's sync group: its place in the configuration.
pub(super) fn sync_group(model: &Model, instance: &str) -> Option<GroupId> {
    let group = ties::sync_group(model, instance)?;
    let at = model.sync_groups.iter().position(|known| std::ptr::eq(known, group))?;
    u16::try_from(at).ok().map(GroupId)
}

/// What a tracker says while all is well. Success is the failure of one that is reversed with weight 0.
fn well(tracker: &Follows<'_>) -> Reading {
    match tracker.kind {
        Kind::File if tracker.weight.value == 0 && tracker.weight.reverse => Reading::Value(1),
        Kind::File => Reading::Value(0),
        _ if tracker.weight.value == 0 && tracker.weight.reverse => Reading::Bad,
        Kind::Interface | Kind::Script | Kind::Process | Kind::Probe => Reading::Good,
    }
}

/// An instance's priority and what it follows.
pub(super) struct Priorities<'n> {
    base: u8,
    follows: Vec<Follows<'n>>,
}

impl<'n> Priorities<'n> {
    pub(super) fn of(model: &'n Model, instance: &'n Instance) -> Self {
        Self { base: *instance.priority, follows: ties::follows(model, instance) }
    }

    /// What is written, before what is followed counts.
    pub(super) fn base(&self) -> u8 {
        self.base
    }

    /// What counts while all is well.
    pub(super) fn effective(&self) -> u8 {
        self.without(&|_| false)
    }

    /// What counts when the trackers fail of which `fails` says so.
    pub(super) fn without(&self, fails: &dyn Fn(&Follows<'_>) -> bool) -> u8 {
        let Some(base) = NonZeroU8::new(self.base) else { return 0 };
        let tracker = |it: &Follows<'_>| Tracker { reading: reading(it, fails(it)), ..Tracker::default() };
        let trackers: Vec<Tracker> = self.follows.iter().map(tracker).collect();
        let tracks = (0..=u16::MAX).zip(&self.follows);
        let tracks: Vec<Track> = tracks.map(|(id, it)| Track { tracker: TrackerId(id), weight: it.weight }).collect();
        priority::sum(base, &tracks, &trackers).effective
    }

    /// `80 + 20 (script chk) - 5 (interface eth1)`, and what it comes to before it is held within the bounds.
    pub(super) fn arithmetic(&self, fails: &dyn Fn(&Follows<'_>) -> bool) -> (String, i32) {
        let (mut words, mut points) = (self.base.to_string(), i32::from(self.base));
        for it in &self.follows {
            let Contribution::Adds(more) = it.weight.contribution(reading(it, fails(it))) else { continue };
            if more == 0 {
                continue;
            }
            let sign = if more < 0 { '-' } else { '+' };
            words.append(format_args!(" {sign} {} ({} {})", more.unsigned_abs(), it.kind, it.name));
            points = points.saturating_add(i32::from(more));
        }
        (words, points)
    }

    /// The trackers that change the priority when they fail. What a file says may be any number, so that nothing can be
    /// said about its failure.
    pub(super) fn weighted(&self) -> impl Iterator<Item = &Follows<'n>> {
        self.follows.iter().filter(|it| it.weight.value != 0 && it.kind != Kind::File)
    }
}

fn reading(tracker: &Follows<'_>, fails: bool) -> Reading {
    if fails { Reading::Bad } else { well(tracker) }
}
