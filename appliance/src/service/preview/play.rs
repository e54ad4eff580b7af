//! A scene that is played: our routers that take part, those around them, and what is done to ours.

use locum_control::SortedMap;
use std::net::IpAddr;

use locum_core::router::{Command, CommandError, Config, ConfigError, Preempt, Transition, VirtualRouter};
use locum_core::set::RouterId;
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::State;

use super::neighbours::{self, Neighbour};
use crate::engine::Set;
use crate::engine::storage::Owned;
use crate::simulate::{Change, GroupKey, World};

/// Packets and timers that are played. A group with adverts each second takes some dozens.
const STEPS_MAX: usize = 20_000;
/// The longest time that is played.
const TIME_MAX: Duration = Duration::from_s(600);

/// How often it is looked whether a router has handed over, and how many times at most.
const HANDOVER_STEP: Duration = Duration::from_ms(10);
const HANDOVER_STEPS: usize = 3_000;

/// What is done to a router of ours.
pub(in crate::service) enum Move {
    /// The operator says this.
    Command(Command),
    /// It goes on with this configuration.
    Reconfigure(Box<Config<Owned>>),
    /// It ends in order.
    End,
    /// It ends in order and begins again with this configuration, sending from this address.
    Restart(Box<Config<Owned>>, Option<IpAddr>),
}

/// Who takes part.
pub(super) struct Scene<'m> {
    now: Instant,
    ours: Set,
    moves: &'m [(RouterId, Move)],
    around: Vec<(GroupKey, Neighbour)>,
}

/// What came of it.
pub(super) struct Played {
    /// When it began.
    pub(super) began: Instant,
    /// Changes of state, in their order.
    pub(super) changes: Vec<Change>,
    /// What our routers would not do.
    pub(super) refused: Vec<(RouterId, Refused)>,
    /// Our routers by their groups, also those that they had before.
    pub(super) routers: SortedMap<GroupKey, RouterId>,
    /// How it stands in the end.
    pub(super) ends: SortedMap<GroupKey, End>,
    /// It took too long to play to the end.
    pub(super) is_cut_short: bool,
}

/// Why a router would not do something.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Command(CommandError),
    Configuration(ConfigError),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Command(error) => error.fmt(f),
            Self::Configuration(error) => error.fmt(f),
        }
    }
}

/// How a group of ours stands in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) state: State,
    pub(super) effective_priority: u8,
    /// Whether anybody has the addresses.
    pub(super) is_held: bool,
    /// How long nobody had them.
    pub(super) unheld: Duration,
}

impl Played {
    /// Whether the same has happened to our routers, in the same order.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let ours = |played: &Self| -> Vec<(GroupKey, State)> {
            let changes = played.changes.iter().filter(|change| change.node == 0);
            changes.map(|change| (change.group, change.transition.to)).collect()
        };
        let ends = |played: &Self| -> Vec<(GroupKey, State, bool)> {
            played.ends.iter().map(|(group, end)| (*group, end.state, end.is_held)).collect()
        };
        ours(self) == ours(other) && ends(self) == ends(other) && self.refused == other.refused
    }
}

impl<'m> Scene<'m> {
    /// Of the routers in `set`, those that are moved, the members of their sync groups, and those around them.
    pub(super) fn new(now: Instant, mut set: Set, moves: &'m [(RouterId, Move)]) -> Self {
        let groups: Vec<_> = moves.iter().filter_map(|(id, _)| set.router(*id)?.config().group).collect();
        let others: Vec<RouterId> = set
            .routers()
            .filter(|(id, router)| {
                let is_moved = moves.iter().any(|(moved, _)| moved == id);
                let is_tied = router.config().group.is_some_and(|group| groups.contains(&group));
                !is_moved && !is_tied
            })
            .map(|(id, _)| id)
            .collect();
        for id in others {
            set.forget(id);
        }
        let around = set.routers().flat_map(|(_, router)| {
            let group = GroupKey::of(router);
            neighbours::around(router, now).into_iter().map(move |found| (group, found))
        });
        let around = around.collect();
        Self { now, ours: set, moves, around }
    }

    /// Whose node this is, if it is not ours.
    pub(super) fn neighbour(&self, node: usize) -> Option<IpAddr> {
        // Ours is the first node; silent ones come last, so that numbers hold whether they are played or not.
        let masters = self.around.iter().filter(|(_, found)| found.is_master);
        let silent = self.around.iter().filter(|(_, found)| !found.is_master);
        masters.chain(silent).nth(node.checked_sub(1)?).map(|(_, found)| found.address)
    }

    /// Those of ours that share a VRID, with other peers each. Played they are one group, so what becomes of which is not known.
    pub(super) fn sharing(&self) -> Vec<(GroupKey, RouterId)> {
        let mut keys: Vec<_> = self.ours.routers().map(|(id, router)| (GroupKey::of(router), id)).collect();
        keys.sort_unstable();
        let mut shared = Vec::new();
        for pair in keys.windows(2) {
            if let [one, next] = pair
                && one.0 == next.0
            {
                shared.extend([*one, *next]);
            }
        }
        shared.dedup();
        shared
    }

    /// Whether there may be routers that listen in silence.
    pub(super) fn has_silent(&self) -> bool {
        self.around.iter().any(|(_, found)| !found.is_master)
    }

    /// Whether a MASTER of ours is moved that knows of nobody else.
    pub(super) fn hands_over_to_nobody_known(&self) -> bool {
        self.ours.routers().any(|(_, router)| {
            let group = GroupKey::of(router);
            router.state() == State::Master && !self.around.iter().any(|(known, _)| *known == group)
        })
    }

    /// Those who are silent, and what of them: "10.0.0.3 (priority 90, last heard 2 h 5 min ago) still listens".
    pub(super) fn silent_text(&self, one: &str, several: &str) -> String {
        let silent = self.around.iter().filter(|(_, found)| !found.is_master);
        let mut names: Vec<String> = silent
            .map(|(_, found)| {
                let ago = self.now.since(found.last_heard);
                format!("{} (priority {}, last heard {ago} ago)", found.address, found.priority)
            })
            .collect();
        names.dedup();
        let what = if names.len() == 1 { one } else { several };
        format!("{} {what}", names.join(", "))
    }

    /// Plays the moves until nothing more happens by itself.
    pub(super) fn play(&self, with_silent: bool) -> Played {
        let mut world = World::new(self.now, STEPS_MAX, GroupKey::of);
        let ours = world.add(self.ours.clone());
        for (_, found) in self.around.iter().filter(|(_, found)| found.is_master) {
            world.add(found.set());
        }
        for (_, found) in self.around.iter().filter(|(_, found)| !found.is_master && with_silent) {
            world.add(found.set());
        }
        let mut refused = Vec::new();
        for (id, act) in self.moves {
            let result = world.with(ours, |set, now| match act {
                Move::Command(command) => set.handle_command(now, *id, *command).map_err(Refused::Command),
                Move::Reconfigure(config) => {
                    let changed = set.reconfigure(now, *id, (**config).clone());
                    changed.map(drop).map_err(|(error, _)| Refused::Configuration(error))
                }
                Move::End | Move::Restart(..) => {
                    set.handle_stop(now, *id);
                    Ok(())
                }
            });
            if let Some(Err(error)) = result {
                refused.push((*id, error));
            }
        }
        let mut routers: SortedMap<_, _> = self.ours.routers().map(|(id, router)| (GroupKey::of(router), id)).collect();
        for (id, act) in self.moves {
            let Move::Restart(config, source) = act else { continue };
            match restart(&mut world, ours, *id, config, *source) {
                Ok(group) => drop(routers.insert(group, *id)),
                Err(error) => refused.push((*id, Refused::Configuration(error))),
            }
        }
        let is_cut_short = world.run(settling_time(&world)).is_err();
        let ends = world.set(ours).into_iter().flat_map(Set::routers).map(|(_, router)| {
            let group = GroupKey::of(router);
            let watch = world.watch(group);
            let (unheld, is_held) = (watch.nobody, watch.is_held());
            let (state, effective_priority) = (router.state(), router.effective_priority());
            (group, End { state, effective_priority, is_held, unheld })
        });
        let ends = ends.collect();
        Played { began: self.now, changes: world.changes().to_vec(), refused, routers, ends, is_cut_short }
    }
}

/// Begins a router again as soon as it has ended.
fn restart(
    world: &mut World,
    node: usize,
    id: RouterId,
    config: &Config<Owned>,
    source: Option<IpAddr>,
) -> Result<GroupKey, ConfigError> {
    let has_ended =
        |world: &World| world.set(node).and_then(|set| set.router(id)).is_none_or(VirtualRouter::is_stopped);
    for _ in 0..HANDOVER_STEPS {
        if has_ended(world) || world.run(HANDOVER_STEP).is_err() {
            break;
        }
    }
    let begun = world.with(node, |set, now| {
        set.forget(id);
        set.insert(now, config.clone(), source).map_err(|(error, _)| error)
    });
    let new = begun.ok_or(ConfigError::Interface)??;
    let router = world.set(node).and_then(|set| set.router(new));
    router.map(GroupKey::of).ok_or(ConfigError::Interface)
}

/// How long to play until nothing more happens by itself: twice the longest wait that there is.
fn settling_time(world: &World) -> Duration {
    let waits = world.set(0).into_iter().flat_map(Set::routers).map(|(_, router)| {
        let delay = match router.config().preempt {
            Preempt::After(delay) => delay,
            Preempt::Never | Preempt::AtOnce => Duration::ZERO,
        };
        let pending = router.timers().start_at.map_or(Duration::ZERO, |at| at.since(world.now()));
        router.master_down_interval() + delay + pending
    });
    (waits.max().unwrap_or(Duration::ZERO).times(2) + Duration::from_s(2)).min(TIME_MAX)
}

/// What a neighbour does, where it is worth a line.
pub(super) fn in_short(transition: Transition) -> Option<&'static str> {
    match (transition.from, transition.to) {
        (_, State::Master) => Some("becomes MASTER"),
        (State::Master, State::Backup) => Some("gives way"),
        (State::Init | State::Backup | State::Master | State::Fault, _) => None,
    }
}
