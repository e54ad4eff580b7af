//! What the configuration ties an instance to: its sync group, and the trackers that it follows by itself and with the
//! group. The same for the service and for a plan of several routers.

use locum_config::model::{Instance, Model, SyncGroup, TrackedBy, Weight};
use locum_core::priority::{self, WEIGHT_MAX};

use crate::track::Kind;

/// A tracker that an instance follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Follows<'m> {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its name.
    pub(crate) name: &'m str,
    /// How much it counts.
    pub(crate) weight: priority::Weight,
}

/// The sync group of an instance, unless the group has an error.
pub(crate) fn sync_group<'m>(model: &'m Model, instance: &str) -> Option<&'m SyncGroup> {
    let has = |group: &&SyncGroup| group.members.iter().any(|member| member.value == instance);
    model.sync_groups.iter().filter(|group| !group.broken).find(has)
}

/// What an instance follows: its own trackers and those of its group. One that both name counts once, as the instance says.
pub(crate) fn follows<'m>(model: &'m Model, instance: &'m Instance) -> Vec<Follows<'m>> {
    let group = sync_group(model, &instance.name);
    let tracks = std::iter::once(&*instance.tracks).chain(group.map(|group| &group.tracks));
    let mut found: Vec<Follows<'m>> = Vec::new();
    for (kind, by) in tracks.flat_map(|tracks| Kind::ALL.map(|kind| (kind, kind.followed(tracks)))) {
        for tracked in by {
            let name = tracked.name.value.as_str();
            if !found.iter().any(|known| known.kind == kind && known.name == name) {
                found.push(Follows { kind, name, weight: weight(model, kind, tracked) });
            }
        }
    }
    found
}

/// The weight of a tracker: that of the line that names it, else that of its own block.
fn weight(model: &Model, kind: Kind, tracked: &TrackedBy) -> priority::Weight {
    let name = tracked.name.value.as_str();
    let own = || match kind {
        Kind::Interface => None,
        Kind::Script => model.scripts.iter().find(|known| known.name.value == name).map(|known| known.weight),
        Kind::File => model.track_files.iter().find(|known| known.name.value == name).map(|known| known.weight),
        Kind::Process => model.track_processes.iter().find(|known| known.name.value == name).map(|known| known.weight),
        Kind::Probe => model.probes.iter().find(|known| known.name.value == name).map(|known| known.weight),
    };
    let Weight { value, reverse } = tracked.weight.or_else(own).unwrap_or_default();
    let max = i32::from(WEIGHT_MAX);
    priority::Weight { value: i16::try_from(value.clamp(-max, max)).unwrap_or_default(), reverse }
}
