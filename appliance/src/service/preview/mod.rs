//! What would follow from an order or a change, before it is carried out: the routers as they are now are copied, those
//! around them are put up as far as they have been heard ([`neighbours`]), and it is played on simulated time.
//!
//! A backup is silent, so whether one is there is known only of those that were MASTER once. Where it matters, it is
//! played both with and without them, and each forecast says which it rests on.

mod neighbours;
mod play;

use std::borrow::Cow;
use std::rc::Rc;

use locum_config::model::Instance;
use locum_config::{Configuration, Diagnostic};
use locum_control::{Difference, DifferenceKind, ErrorCode, Forecast, Item, SortedMap, Verb};
use locum_core::router::{Command, Config};
use locum_core::set::RouterId;
use locum_core::time::Duration;
use locum_core::vocabulary::Family;

pub(super) use self::play::Move;
use self::play::{Played, Scene};
use super::answers::Outcome;
use super::clients::ClientId;
use super::plan::{self, ties};
use super::{Service, compare};
use crate::clock;
use crate::engine::link::Order;
use crate::engine::storage::Owned;
use crate::simulate::GroupKey;

/// Findings that one answer tells.
const FINDINGS_MAX: usize = 32;
/// Lines of a difference that one answer tells, and characters of each.
const DIFF_LINES_MAX: usize = 400;
const DIFF_CHARS_MAX: usize = 400;

/// What is done to routers of ours, in this order.
pub(super) type Moves = Vec<(RouterId, Move)>;

/// What is not known where nobody else was ever heard.
const NOBODY_KNOWN: &str = "nobody else listens: a backup is silent, and none has been MASTER so far";

impl Service {
    /// What would follow from an order that is not carried out.
    pub(super) fn foresee(&mut self, client: ClientId, id: u64, order: Verb) -> Outcome {
        let (name, command) = match order {
            Verb::Yield { instance, last_resort, .. } => (instance, Command::Yield { last_resort }),
            Verb::Resume { instance } => (instance, Command::Resume),
            Verb::Take { instance, for_s } => {
                let moves = self.moves_of_taking(client, id, &instance, for_s)?;
                return self.foresee_moves(client, id, &moves);
            }
            other @ (Verb::Show { .. }
            | Verb::Why { .. }
            | Verb::Watch { .. }
            | Verb::Change { .. }
            | Verb::ClearStatistics { .. }
            | Verb::Confirm
            | Verb::Rollback { .. }
            | Verb::Changes
            | Verb::Foresee { .. }
            | Verb::Options { .. }
            | Verb::Diff
            | Verb::Keepalived
            | Verb::Doctor
            | Verb::Reload { .. }) => {
                let text = format!("what follows from `{}` is not foreseen", other.name());
                return Err((ErrorCode::BadRequest, text));
            }
        };
        let chosen = self.chosen_with_groups(name.as_deref())?;
        let routers = chosen.iter().filter_map(|index| self.instances.get(*index)?.router);
        let moves: Moves = routers.map(|router| (router, Move::Command(command))).collect();
        self.foresee_moves(client, id, &moves)
    }

    fn foresee_moves(&mut self, client: ClientId, id: u64, moves: &Moves) -> Outcome {
        if moves.is_empty() {
            return Err((ErrorCode::NotNow, "no instance of these runs".into()));
        }
        let forecasts = self.play(moves)?;
        self.tell_forecasts(client, id, forecasts);
        Ok("nothing is done yet".into())
    }

    /// What the check of another configuration has to say that it did not say of the one that runs.
    pub(super) fn tell_findings(&mut self, client: ClientId, id: u64, new: &Configuration) {
        // Not by its place: a line more moves all that stand behind it.
        let same =
            |one: &Diagnostic, other: &Diagnostic| (one.code.id, &one.message) == (other.code.id, &other.message);
        let before = self.configuration.diagnostics();
        let findings = new.diagnostics().iter().filter(|found| !before.iter().any(|known| same(known, found)));
        if let Some(asking) = self.clients.get_mut(client) {
            for found in findings.take(FINDINGS_MAX) {
                asking.item(id, Item::Finding(format!("{}: {}", found.severity(), new.one_line(found))));
            }
        }
    }

    /// What differs in the text of two configurations.
    pub(super) fn tell_difference(
        &mut self,
        client: ClientId,
        id: u64,
        [(old_name, old), (new_name, new)]: [(&str, &Configuration); 2],
    ) {
        let text = old.difference(new, [old_name, new_name]);
        let Some(asking) = self.clients.get_mut(client) else { return };
        for line in text.lines().take(DIFF_LINES_MAX) {
            asking.item(id, Item::DiffLine(line.chars().take(DIFF_CHARS_MAX).collect()));
        }
        let more = text.lines().count().saturating_sub(DIFF_LINES_MAX);
        if more > 0 {
            asking.item(id, Item::DiffLine(format!("… {more} lines more")));
        }
    }

    /// What would follow from another configuration.
    pub(super) fn foresee_configuration(
        &mut self,
        client: ClientId,
        id: u64,
        new: &Rc<Configuration>,
    ) -> Result<(), (ErrorCode, String)> {
        let (moves, unknown) = self.moves_to(new);
        let mut forecasts = if moves.is_empty() { Vec::new() } else { self.play(&moves)? };
        forecasts.extend(unknown);
        self.tell_forecasts(client, id, forecasts);
        Ok(())
    }

    /// What a configuration would have the engine do, and of which instances that is not known.
    pub(super) fn moves_to(&mut self, new: &Rc<Configuration>) -> (Moves, Vec<Forecast>) {
        let old = Rc::clone(&self.configuration);
        let differences = compare::compare(old.model(), new.model());
        // Configurations of routers are made from what is in effect.
        self.configuration = Rc::clone(new);
        let (mut moves, mut unknown) = (Vec::new(), Vec::new());
        for Difference { name, kind, .. } in differences {
            let configured = new.model().instance(&name);
            let config = configured.and_then(|configured| self.core_config(configured));
            let follows = configured.map_or(0, |configured| ties::follows(new.model(), configured).len());
            let is_known = |config: &Config<Owned>| config.tracks.len() == follows;
            let known = self.instances.iter().find(|instance| instance.name() == name);
            let running = known.and_then(|instance| Some((instance.router?, instance.source, instance.group.clone())));
            let text: Cow<'static, str> = match (kind, running, config) {
                (DifferenceKind::Block, ..) => continue,
                (DifferenceKind::Removed, Some((router, ..)), _) => {
                    moves.push((router, Move::End));
                    continue;
                }
                (DifferenceKind::Restarted, Some((router, source, _)), Some(config)) if is_known(&config) => {
                    moves.push((router, Move::Restart(Box::new(config), source)));
                    continue;
                }
                (DifferenceKind::Changed, Some((router, _, group)), Some(config))
                    if is_known(&config) && self.group_name(&name) == group =>
                {
                    moves.push((router, Move::Reconfigure(Box::new(config))));
                    continue;
                }
                (DifferenceKind::Added, _, config) => self.begins(configured.map(AsRef::as_ref), config).into(),
                (DifferenceKind::Removed, None, _) => "ends; it did not run".into(),
                (DifferenceKind::Changed | DifferenceKind::Restarted, ..) => {
                    "what follows is not known: it follows something new, or did not run".into()
                }
            };
            unknown.push(Forecast { instance: name, in_us: None, provided: None, text: text.into_owned() });
        }
        self.configuration = old;
        (moves, unknown)
    }

    /// How an instance begins that there was not. Who else is there is known only of those that were heard with its VRID.
    fn begins(&self, configured: Option<&Instance>, config: Option<Config<Owned>>) -> String {
        let interface = configured.and_then(|configured| configured.interface.as_ref());
        let foreign = self.interfaces.iter().filter(|known| interface.is_some_and(|name| name.value == known.name));
        let heard = foreign.flat_map(|known| &known.foreign).find(|heard| {
            let same_family = configured.is_some_and(|new| plan::family(new.family) == Family::of(heard.source));
            same_family && configured.is_some_and(|new| new.vrid.value == heard.vrid)
        });
        if let (Some(heard), Some(interface)) = (heard, interface) {
            return format!(
                "begins as BACKUP; {} was heard with VRID {} on {}: if that is not its group, take another VRID",
                heard.source, heard.vrid, interface.value
            );
        }
        let Some(config) = config else { return "begins; who else is there is not known before".into() };
        if config.is_owner() {
            return "begins as MASTER, as the owner of its addresses".into();
        }
        let interval = Duration::from_cs(config.advert_interval_cs);
        let wait = config.master_down_interval(config.priority.get(), interval) + config.start_delay;
        format!("begins as BACKUP, and is MASTER after {wait} if nobody better is heard by then")
    }

    /// Plays moves with those who are silent, and without them where there are any.
    fn play(&mut self, moves: &[(RouterId, Move)]) -> Result<Vec<Forecast>, (ErrorCode, String)> {
        self.order(Order::Copy);
        let set = *self.wait_for(|reply| reply.copied.take())?;
        let scene = Scene::new(clock::now(), set, moves);
        let with = scene.play(true);
        Ok(if scene.has_silent() {
            let without = scene.play(false);
            if with.is_like(&without) {
                self.words(&scene, &without, None)
            } else {
                let mut both = self.words(&scene, &with, Some(scene.silent_text("still listens", "still listen")));
                let gone = scene.silent_text("does not listen any more", "do not listen any more");
                both.extend(self.words(&scene, &without, Some(gone)));
                both
            }
        } else {
            let alone = scene.hands_over_to_nobody_known().then(|| NOBODY_KNOWN.into());
            self.words(&scene, &with, alone)
        })
    }

    /// What was played, in words.
    fn words(&self, scene: &Scene, played: &Played, provided: Option<String>) -> Vec<Forecast> {
        let mut found = Vec::new();
        let name_of = |(group, router): (&GroupKey, &RouterId)| {
            let index = self.index_of(*router)?;
            Some((*group, (index, self.instances.get(index)?.name().to_owned())))
        };
        let sharing = scene.sharing();
        let is_alone = |(group, _): &(&GroupKey, _)| !sharing.iter().any(|(shared, _)| shared == *group);
        let names: SortedMap<_, _> = played.routers.iter().filter(is_alone).filter_map(name_of).collect();
        let mut say = |name: &str, in_us: Option<u64>, text: String| {
            found.push(Forecast { instance: name.to_owned(), in_us, provided: provided.clone(), text });
        };
        for (group, router) in &sharing {
            let Some((_, (_, name))) = name_of((group, router)) else { continue };
            say(
                &name,
                None,
                "what follows is not known: another that is moved has the same VRID, for other peers".into(),
            );
        }
        for refused in &played.refused {
            let name = self.index_of(refused.0).and_then(|index| self.instances.get(index));
            say(name.map_or("", |instance| instance.name()), None, format!("refused: {}", refused.1));
        }
        for change in &played.changes {
            let Some((index, name)) = names.get(&change.group) else { continue };
            let transition = change.transition;
            let in_us = Some(transition.at.since(played.began).us());
            match scene.neighbour(change.node) {
                None => {
                    let cause = self.cause_text(*index, transition.cause);
                    say(name, in_us, format!("{} -> {}: {cause}", transition.from, transition.to));
                }
                Some(address) => {
                    if let Some(verb) = play::in_short(transition) {
                        say(name, in_us, format!("{address} {verb}"));
                    }
                }
            }
        }
        for (group, (_, name)) in &names {
            let Some(end) = played.ends.get(group) else { continue };
            let moved = played.changes.iter().any(|change| change.group == *group);
            let text = match (moved, end.is_held) {
                (false, _) => format!("stays {}, effective priority {}", end.state, end.effective_priority),
                (true, false) => "nobody has the addresses then".to_owned(),
                (true, true) if end.unheld.us() == 0 => "the addresses are answered for all the time".to_owned(),
                (true, true) => format!("nobody answers for the addresses for {}", end.unheld),
            };
            say(name, None, text);
        }
        if played.is_cut_short {
            let text = "what comes later is not known: it takes too long to play".to_owned();
            say("", None, text);
        }
        found
    }

    fn tell_forecasts(&mut self, client: ClientId, id: u64, forecasts: Vec<Forecast>) {
        if let Some(asking) = self.clients.get_mut(client) {
            forecasts.into_iter().for_each(|forecast| asking.item(id, Item::Forecast(forecast)));
        }
    }
}
