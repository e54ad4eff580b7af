//! Changes of the running configuration that are not a reload: on trial, for a time, until the restart, or saved.
//!
//! What runs is the configuration file as it was last read, and on it a layer for each change that is not in the file. A
//! change that ends is a layer less; so whatever order changes end in, the rest stands. A change that is to be saved and is
//! on trial is written when it is confirmed, and not before: what a killed service leaves behind is the old file.

use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;

use locum_config::Configuration;
use locum_config::edit::Edited;
use locum_control::{ChangeRecord, ChangeStanding, Difference, Edit, ErrorCode, Item, Lasts, Notice};
use locum_core::time::{Duration, Instant};

use super::answers::Outcome;
use super::clients::ClientId;
use super::done::Done;
use super::edits::{config_edit, edited, with_edits};
use super::operator::SECONDS_MAX;
use super::{Service, compare, foreign};
use crate::clock;
use crate::machine::{self, Links};

/// Revisions of which it is known what they changed.
const APPLIED_MAX: usize = 16;
/// Layers at a time.
const LAYERS_MAX: usize = 64;
/// Edits in one change.
const EDITS_MAX: usize = 64;

/// A change that holds and is not in the file.
#[derive(Clone, Debug)]
struct Layer {
    number: u32,
    edits: Vec<Edit>,
    /// When it ends by itself.
    until: Option<Instant>,
    /// Until when it must be confirmed.
    trial_until: Option<Instant>,
    /// Whether it is written into the file when it is confirmed.
    is_to_be_saved: bool,
}

/// All changes.
#[derive(Debug)]
pub(super) struct Changes {
    /// What the file said when it was last read.
    base: Rc<Configuration>,
    layers: Vec<Layer>,
    done: Done,
    /// Counts what was put into effect.
    pub(super) revision: u64,
    /// What the last revisions changed.
    applied: VecDeque<(u64, Vec<Difference>)>,
}

impl Changes {
    /// What runs is the file as it is; what held only as long as an earlier run did is lost.
    pub(super) fn in_directory(directory: &Path, base: Rc<Configuration>) -> Self {
        Self { base, layers: Vec::new(), done: Done::in_directory(directory), revision: 1, applied: VecDeque::new() }
    }

    /// The change that is on trial.
    pub(super) fn on_trial(&self) -> Option<ChangeRecord> {
        let number = self.layers.iter().find(|layer| layer.trial_until.is_some())?.number;
        self.done.find(number).map(|record| self.told_again(record))
    }

    /// A record with the times of what still holds as the wall clock has them now: it may have been set since.
    fn told_again(&self, record: &ChangeRecord) -> ChangeRecord {
        let layer = self.layers.iter().find(|layer| layer.number == record.number);
        let standing = match (record.standing, layer.map(|layer| (layer.trial_until, layer.until))) {
            (ChangeStanding::OnTrial { until_unix_ms }, Some((Some(at), _))) => {
                ChangeStanding::OnTrial { until_unix_ms: clock::told_again(until_unix_ms, at) }
            }
            (ChangeStanding::HoldsUntil { until_unix_ms }, Some((None, Some(at)))) => {
                ChangeStanding::HoldsUntil { until_unix_ms: clock::told_again(until_unix_ms, at) }
            }
            (standing, _) => standing,
        };
        ChangeRecord { standing, ..record.clone() }
    }

    /// How many hold and are not in the file.
    pub(super) fn unsaved(&self) -> u32 {
        u32::try_from(self.layers.len()).unwrap_or(u32::MAX)
    }

    /// The number of the last one that holds and is not in the file.
    pub(super) fn last(&self) -> Option<u32> {
        self.layers.last().map(|layer| layer.number)
    }

    /// When the next one ends by itself.
    pub(super) fn next_end(&self) -> Option<Instant> {
        let end = |layer: &Layer| match (layer.until, layer.trial_until) {
            (Some(until), Some(trial_until)) => Some(until.min(trial_until)),
            (until, trial_until) => until.or(trial_until),
        };
        self.layers.iter().filter_map(end).min()
    }

    /// Another configuration is in effect.
    pub(super) fn applied(&mut self, differences: Vec<Difference>) {
        self.revision += 1;
        if self.applied.len() >= APPLIED_MAX {
            self.applied.pop_front();
        }
        self.applied.push_back((self.revision, differences));
    }

    /// Adds a record. What still holds is never pushed out.
    fn push(&mut self, who: &str, what: Vec<String>, standing: ChangeStanding) -> u32 {
        let layers = &self.layers;
        self.done.push(who, what, standing, |number| layers.iter().any(|layer| layer.number == number))
    }
}

impl Service {
    /// Makes a change.
    pub(super) fn change(&mut self, client: ClientId, id: u64, asked: Asked) -> Outcome {
        let Asked { edits, lasts, confirm_within_s, revision, dry_run } = asked;
        let (confirm_within_s, why) = self.confirm_within(client, lasts, confirm_within_s);
        self.check(&edits, lasts, confirm_within_s, revision).inspect_err(|(code, _)| {
            // What it was made on is not what runs: this has changed meanwhile.
            let since = self.changes.applied.iter().filter(|(applied, _)| Some(*applied) > revision);
            let since = since.flat_map(|(_, differences)| differences.iter().cloned());
            if *code == ErrorCode::Stale
                && let Some(asking) = self.clients.get_mut(client)
            {
                since.for_each(|difference| asking.item(id, Item::Difference(difference)));
            }
        })?;
        let new = with_edits(&self.configuration, &edits, self.links())?;
        let differences = compare::compare(self.configuration.model(), new.model());
        if let Some(asking) = self.clients.get_mut(client) {
            for difference in &differences {
                asking.item(id, Item::Difference(difference.clone()));
            }
        }
        self.tell_findings(client, id, &new);
        if differences.is_empty() && lasts != Lasts::Saved {
            return Ok("nothing changes: that is what runs already".into());
        }
        if dry_run {
            if lasts == Lasts::Saved {
                let (path, file, then) = self.in_file(&edits)?;
                self.tell_difference(client, id, [(&path, &file), (&path, then.configuration())]);
            } else {
                let running = Rc::clone(&self.configuration);
                self.tell_difference(client, id, [("running", &running), ("then", &new)]);
            }
            self.tell_what_it_comes_through(client, id);
            self.foresee_configuration(client, id, &new)?;
            return Ok("nothing is changed yet".into());
        }
        self.apply(new)?;
        let now = clock::now();
        let after = |seconds: u64| now + Duration::from_s(seconds);
        let mut layer = Layer {
            number: 0,
            edits: edits.clone(),
            until: match lasts {
                Lasts::Seconds(seconds) => Some(after(seconds)),
                Lasts::UntilRestart | Lasts::UntilReboot | Lasts::Saved => None,
            },
            trial_until: confirm_within_s.map(after),
            is_to_be_saved: lasts == Lasts::Saved,
        };
        let standing = standing(&layer);
        let what = edits.iter().map(|edit| Ok(config_edit(self.configuration.model(), edit)?.to_string()));
        let what: Vec<String> = what.collect::<Result<_, (ErrorCode, String)>>()?;
        let who = self.who(client);
        let number = self.changes.push(&who, what.clone(), standing);
        layer.number = number;
        self.changes.layers.push(layer);
        let mut text = format!("change {number}: {}", what.join(", "));
        if confirm_within_s.is_none()
            && lasts == Lasts::Saved
            && let Err((code, error)) = self.save(number)
        {
            // All or nothing: what cannot be saved is not left running as if it were.
            self.take_back(number, ChangeStanding::TakenBack)?;
            return Err((code, format!("{error}; nothing is changed")));
        }
        text.push_str(&match (confirm_within_s, lasts) {
            (Some(seconds), _) => {
                format!("; taken back in {} unless it is confirmed (`locum confirm`)", Duration::from_s(seconds))
            }
            (None, Lasts::Seconds(seconds)) => format!("; taken back in {}", Duration::from_s(seconds)),
            (None, Lasts::Saved) => format!("; saved in {}", self.options.configuration.display()),
            (None, Lasts::UntilRestart | Lasts::UntilReboot) => "; it holds until the service ends".to_owned(),
        });
        self.tell_operator(&who, text.clone());
        if let Some(why) = why {
            text = format!("{why}; {text}");
        }
        if let (Some(asking), Some(record)) = (self.clients.get_mut(client), self.changes.done.find(number)) {
            asking.item(id, Item::Change(record.clone()));
        }
        Ok(text)
    }

    fn check(
        &self,
        edits: &[Edit],
        lasts: Lasts,
        confirm_within_s: Option<u64>,
        revision: Option<u64>,
    ) -> Result<(), (ErrorCode, String)> {
        let bad = |text: String| Err((ErrorCode::BadRequest, text));
        if edits.is_empty() || edits.len() > EDITS_MAX {
            return bad(format!("a change has 1 to {EDITS_MAX} edits"));
        }
        let seconds = match lasts {
            Lasts::Seconds(seconds) => Some(seconds),
            Lasts::UntilReboot => return bad("a change lasts for a time, until the restart, or is saved".into()),
            Lasts::UntilRestart | Lasts::Saved => None,
        };
        if seconds.into_iter().chain(confirm_within_s).any(|seconds| !(1..=SECONDS_MAX).contains(&seconds)) {
            return bad(format!("a time is 1 second to {} days", SECONDS_MAX / 86_400));
        }
        if let Some(revision) = revision.filter(|revision| *revision != self.changes.revision) {
            let now = self.changes.revision;
            let text = format!("made on revision {revision}, but the configuration is at revision {now}: look again");
            return Err((ErrorCode::Stale, text));
        }
        if let Some(on_trial) = self.changes.on_trial() {
            let (number, who) = (on_trial.number, &on_trial.who);
            let text = format!("change {number} of {who} is on trial: confirm it or take it back first");
            return Err((ErrorCode::NotNow, text));
        }
        if self.changes.layers.len() >= LAYERS_MAX {
            return Err((ErrorCode::NotNow, format!("{LAYERS_MAX} changes are not saved: save or take back some")));
        }
        Ok(())
    }

    /// Confirms what is on trial.
    pub(super) fn confirm(&mut self, client: ClientId) -> Outcome {
        let nothing = || (ErrorCode::NotNow, "no change is on trial".to_owned());
        let number = self.changes.on_trial().ok_or_else(nothing)?.number;
        let layer = self.changes.layers.iter_mut().find(|layer| layer.number == number).ok_or_else(nothing)?;
        let (is_to_be_saved, trial_until) = (layer.is_to_be_saved, layer.trial_until.take());
        let standing = standing(layer);
        if is_to_be_saved {
            self.save(number).inspect_err(|_| {
                // Still on trial: whoever asked can mend what keeps it from being saved and confirm again.
                if let Some(layer) = self.changes.layers.iter_mut().find(|layer| layer.number == number) {
                    layer.trial_until = trial_until;
                }
            })?;
        } else {
            self.changes.done.note(number, standing);
        }
        let text = format!("change {number} is confirmed{}", if is_to_be_saved { " and saved" } else { "" });
        let who = self.who(client);
        self.tell_operator(&who, text.clone());
        Ok(text)
    }

    /// Takes a change back.
    pub(super) fn rollback(&mut self, client: ClientId, number: Option<u32>) -> Outcome {
        let Some(number) = number.or_else(|| self.changes.last()) else {
            return Err((ErrorCode::NotNow, "no change holds that is not saved".into()));
        };
        if !self.changes.layers.iter().any(|layer| layer.number == number) {
            let known = self.changes.done.find(number);
            let text = match known.map(|record| record.standing) {
                Some(ChangeStanding::Saved) => {
                    format!(
                        "change {number} is in the configuration file: change it back there, or with `locum set --save`"
                    )
                }
                Some(ChangeStanding::Done | ChangeStanding::NotAllowed) => {
                    format!("{number} was an order, not a change: `locum resume` ends a yield")
                }
                Some(_) => format!("change {number} does not hold any more"),
                None => format!("there is no change {number}; `locum changes` lists them"),
            };
            return Err((ErrorCode::NotNow, text));
        }
        self.take_back(number, ChangeStanding::TakenBack)?;
        let text = format!("change {number} is taken back");
        let who = self.who(client);
        self.tell_operator(&who, text.clone());
        Ok(text)
    }

    /// Notes what somebody has had done that is no change of the configuration.
    pub(super) fn note_order(&mut self, who: &str, text: String) {
        self.changes.push(who, vec![text.clone()], ChangeStanding::Done);
        self.tell_operator(who, text);
    }

    /// Notes that somebody may not do what was asked for. Once in a while: whoever tries again and again does not push
    /// out what others have done.
    pub(super) fn note_not_allowed(&mut self, who: &str, text: String) {
        if self.changes.done.may_note_refusal(clock::now()) {
            self.changes.push(who, vec![text.clone()], ChangeStanding::NotAllowed);
            self.tell_operator(who, format!("may not: {text}"));
        }
    }

    /// What has been done, as those were told who watched, the oldest first.
    pub(super) fn told_before(&self) -> impl Iterator<Item = Notice> {
        self.changes.done.notices(clock::now(), clock::unix_ms())
    }

    /// The list, newest first.
    pub(super) fn list_changes(&mut self, client: ClientId, id: u64) -> Outcome {
        let records: Vec<_> = self.changes.done.records().rev().map(|it| self.changes.told_again(it)).collect();
        let text = match records.len() {
            0 => "no changes".to_owned(),
            1 => "1 change".to_owned(),
            count => format!("{count} changes"),
        };
        if let Some(asking) = self.clients.get_mut(client) {
            records.into_iter().for_each(|record| asking.item(id, Item::Change(record)));
        }
        Ok(text)
    }

    /// What runs against the file as it is now.
    pub(super) fn diff(&mut self, client: ClientId, id: u64) -> Outcome {
        let file = self.read_again()?;
        let differences = compare::compare(file.model(), self.configuration.model());
        let count = differences.len();
        if let Some(asking) = self.clients.get_mut(client) {
            differences.into_iter().for_each(|difference| asking.item(id, Item::Difference(difference)));
        }
        let path = self.options.configuration.display().to_string();
        let running = Rc::clone(&self.configuration);
        self.tell_difference(client, id, [(&path, &file), ("running", &running)]);
        Ok(match (count, self.changes.unsaved()) {
            (0, _) => format!("what runs is what {path} says"),
            (_, 0) => format!("{path} has been edited since it was read; `locum reload` puts it into effect"),
            (_, 1) => format!("this runs and is not in {path}: 1 change, see `locum changes`"),
            (_, changes) => format!("this runs and is not in {path}: {changes} changes, see `locum changes`"),
        })
    }

    /// Ends what has lasted for as long as it was to, and what nobody has confirmed.
    pub(super) fn end_changes(&mut self) {
        let now = clock::now();
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let over = self.changes.layers.iter().filter_map(|layer| match (due(layer.trial_until), due(layer.until)) {
            (true, _) => Some((layer.number, ChangeStanding::NotConfirmed)),
            (false, true) => Some((layer.number, ChangeStanding::Over)),
            (false, false) => None,
        });
        for (number, standing) in over.collect::<Vec<_>>() {
            let why = if standing == ChangeStanding::Over { "its time is over" } else { "nobody has confirmed it" };
            match self.take_back(number, standing) {
                Ok(()) => self.tell_operator("locum", format!("change {number} is taken back: {why}")),
                Err((_, text)) => {
                    log::error!("change {number} cannot be taken back, tried again in a minute: {text}");
                    let again = now + Duration::from_s(60);
                    for layer in self.changes.layers.iter_mut().filter(|layer| layer.number == number) {
                        layer.until = layer.until.map(|_| again);
                        layer.trial_until = layer.trial_until.map(|_| again);
                    }
                }
            }
        }
    }

    fn take_back(&mut self, number: u32, standing: ChangeStanding) -> Result<(), (ErrorCode, String)> {
        let layers: Vec<Layer> = self.changes.layers.iter().filter(|layer| layer.number != number).cloned().collect();
        let (new, dropped) = layered(&self.changes.base, &layers, self.links());
        self.apply(new)?;
        self.changes.layers = layers;
        self.drop_layers(&dropped);
        self.changes.done.note(number, standing);
        Ok(())
    }

    /// Another file was read: what is to run is it, with the layers that still fit on it.
    pub(super) fn with_layers(&mut self, file: &Rc<Configuration>) -> (Rc<Configuration>, Vec<u32>) {
        layered(file, &self.changes.layers, self.links())
    }

    /// Another file is in effect.
    pub(super) fn set_base(&mut self, file: Rc<Configuration>, dropped: &[u32]) {
        self.changes.base = file;
        self.drop_layers(dropped);
    }

    fn drop_layers(&mut self, dropped: &[u32]) {
        for number in dropped {
            log::warn!("change {number} does not fit any more and is taken back");
            self.changes.layers.retain(|layer| layer.number != *number);
            self.changes.done.note(*number, ChangeStanding::TakenBack);
        }
    }

    /// Writes the edits of a change into the file. It is part of the base then.
    fn save(&mut self, number: u32) -> Result<(), (ErrorCode, String)> {
        let Some(layer) = self.changes.layers.iter().find(|layer| layer.number == number) else { return Ok(()) };
        let (.., on_file) = self.in_file(&layer.edits)?;
        on_file.write().map_err(|error| (ErrorCode::Failed, format!("not saved: {error}")))?;
        if let Ok(base) = with_edits(&self.changes.base, &layer.edits, self.links()) {
            self.changes.base = base;
        }
        self.changes.layers.retain(|layer| layer.number != number);
        self.changes.done.note(number, ChangeStanding::Saved);
        Ok(())
    }

    /// The path of the configuration file, what it says now, and what it would say with these edits.
    fn in_file(&self, edits: &[Edit]) -> Result<(String, Configuration, Edited), (ErrorCode, String)> {
        let (path, links) = (&self.options.configuration, self.links());
        let file = machine::load(path, links.clone());
        let file = file.map_err(|error| (ErrorCode::Failed, format!("not saved: {error}")))?;
        let then = edited(&file, edits, links).map_err(|(code, text)| (code, format!("not saved: {text}")))?;
        Ok((path.display().to_string(), file, then))
    }

    /// What a configuration is checked with.
    pub(super) fn links(&self) -> Links {
        foreign::links(&self.network, &self.journalled_addresses)
    }
}

/// What was asked for.
pub(super) struct Asked {
    pub(super) edits: Vec<Edit>,
    pub(super) lasts: Lasts,
    pub(super) confirm_within_s: Option<u64>,
    pub(super) revision: Option<u64>,
    pub(super) dry_run: bool,
}

fn standing(layer: &Layer) -> ChangeStanding {
    match (layer.trial_until, layer.until) {
        (Some(until), _) => ChangeStanding::OnTrial { until_unix_ms: clock::unix_ms_at(until) },
        (None, Some(until)) => ChangeStanding::HoldsUntil { until_unix_ms: clock::unix_ms_at(until) },
        (None, None) => ChangeStanding::Holds,
    }
}

/// A file with layers on it, and the numbers of those that do not fit.
fn layered(file: &Rc<Configuration>, layers: &[Layer], links: Links) -> (Rc<Configuration>, Vec<u32>) {
    let mut current = Rc::clone(file);
    let mut dropped = Vec::new();
    for layer in layers {
        match with_edits(&current, &layer.edits, links.clone()) {
            Ok(next) => current = next,
            Err(_) => dropped.push(layer.number),
        }
    }
    (current, dropped)
}
