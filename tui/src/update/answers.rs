//! What comes of orders: previews to be decided on, what took effect, what was refused.

use locum_control::{Check, Difference, DifferenceKind, ErrorCode, Forecast, Item, Lasts, Refusal, Setting, Verb};

use crate::model::dialog::{Dialog, Field, Kind};
use crate::model::node::Answer;
use crate::model::replica::cleaned_change;
use crate::model::{Model, Node, Retry, Screen};
use crate::text::clean;
use crate::update::steer::titled;
use crate::update::{TEXT_CHARS_MAX, form};

/// What is kept of an answer.
const DIFFERENCES_MAX: usize = 64;
const CHANGES_MAX: usize = 128;
const CHECKS_MAX: usize = 512;
const DIFF_LINES_MAX: usize = 256;
const SETTINGS_MAX: usize = 256;
const SETTING_WORDS_MAX: usize = 64;
/// Lines of a preview; the rest is counted.
const PREVIEW_LINES_MAX: usize = 12;
/// How long a change on trial waits to be confirmed.
const TRIAL_S: u64 = 300;
/// How long a change lasts, unless another time is typed.
const APPLY_FOR_S: u64 = 1_800;
const APPLY_FOR: &str = "30m";

/// A part of an answer to an order; what else there is belongs to the replica.
pub(super) fn item(node: &mut Node, item: Item) -> Option<Item> {
    let answer = &mut node.answer;
    match item {
        Item::Difference(difference) => {
            if answer.differences.len() < DIFFERENCES_MAX {
                answer.differences.push(difference);
            }
            None
        }
        Item::Change(record) => {
            if answer.changes.len() < CHANGES_MAX {
                answer.changes.push(cleaned_change(record));
            }
            None
        }
        Item::Forecast(forecast) => {
            foresee_forecast(answer, forecast);
            None
        }
        Item::Finding(text) => {
            foresee(answer, &text);
            None
        }
        Item::DiffLine(text) => {
            if answer.diff.len() < DIFF_LINES_MAX {
                answer.diff.push(clean(&text.replace('\t', "    "), TEXT_CHARS_MAX));
            }
            None
        }
        Item::Setting(setting) => {
            if answer.settings.len() < SETTINGS_MAX {
                let said = |text: &String| clean(text, TEXT_CHARS_MAX);
                let values = setting.values.iter().take(SETTING_WORDS_MAX).map(said).collect();
                answer.settings.push(Setting { keyword: said(&setting.keyword), values });
            }
            None
        }
        Item::Check(check) => {
            if answer.checks.len() < CHECKS_MAX {
                let said = |text: String| clean(&text, TEXT_CHARS_MAX);
                let (subject, fix) = (check.subject.map(said), check.fix.map(said));
                answer.checks.push(Check { name: said(check.name), detail: said(check.detail), subject, fix, ..check });
            }
            None
        }
        other @ (Item::Service(_)
        | Item::Interface(_)
        | Item::Instance(_)
        | Item::Transition(_)
        | Item::Keepalived(_)
        | Item::Notice(_)) => Some(other),
    }
}

/// What it rests on stands once, above all that rests on it.
fn foresee_forecast(answer: &mut Answer, forecast: Forecast) {
    if forecast.provided != answer.provided {
        answer.provided.clone_from(&forecast.provided);
        foresee(answer, &format!("If {}:", answer.provided.as_deref().unwrap_or("all stays as it is")));
    }
    foresee(answer, &Forecast { provided: None, ..forecast }.to_string());
}

fn foresee(answer: &mut Answer, text: &str) {
    if answer.foreseen.len() < DIFFERENCES_MAX {
        answer.foreseen.push(clean(text, TEXT_CHARS_MAX));
    }
}

/// An order to service `at` was carried out.
pub(super) fn done(model: &mut Model, at: usize, verb: Verb, text: &str) {
    let of = if model.nodes.are_several() { format!("{}: ", model.nodes.name(at)) } else { String::new() };
    let text = of + &clean(text, TEXT_CHARS_MAX);
    let screen = model.screen;
    let Some(node) = model.nodes.get_mut(at) else { return };
    let answer = std::mem::take(&mut node.answer);
    match verb {
        Verb::Changes => node.changes = answer.changes,
        Verb::Doctor => {
            let mut checks = answer.checks;
            checks.sort_by_key(|check| std::cmp::Reverse(check.result));
            node.checks = Some(checks);
            model.message = None;
        }
        Verb::Change { edits, revision, dry_run: true, .. } => {
            node.form = None;
            let was_stale = std::mem::take(&mut node.was_stale);
            if answer.differences.is_empty() {
                model.say(text, false);
                return;
            }
            let mut lines = preview_lines(&answer.differences, answer.foreseen);
            if was_stale {
                lines.insert(0, "Somebody has changed the configuration meanwhile. On what it is now:".to_owned());
            }
            let apply = |lasts: Lasts, confirm_within_s: Option<u64>| {
                let edits = edits.clone();
                Verb::Change { edits, lasts, confirm_within_s, revision, dry_run: false }
            };
            let buttons = vec![
                ("Apply, 5 min to confirm", apply(Lasts::UntilRestart, Some(TRIAL_S))),
                ("Apply until restart", apply(Lasts::UntilRestart, None)),
                ("Apply for a time", apply(Lasts::Seconds(APPLY_FOR_S), None)),
                ("Apply and save", apply(Lasts::Saved, None)),
            ];
            let lasts = Field::new("for a time of", Kind::Time, APPLY_FOR.into());
            let dialog = Dialog::question("What would change", lines, buttons).with_fields(vec![lasts]);
            open(model, at, Dialog { diff: answer.diff, ..dialog });
        }
        Verb::Options { instance } => {
            if let Some(dialog) = form::all(&model.schema, &instance, &answer.settings) {
                open(model, at, dialog);
            }
        }
        Verb::Foresee { order } => {
            let waits = |dialog: &&mut Dialog| dialog.node == at && dialog.foresees.as_ref() == Some(&*order);
            if let Some(dialog) = model.dialog.as_mut().filter(waits) {
                dialog.foresees = None;
                dialog.lines.extend(answer.foreseen.into_iter().take(PREVIEW_LINES_MAX));
            }
        }
        Verb::Reload { dry_run: true } => {
            if answer.differences.is_empty() {
                model.say(format!("reload: {text}"), false);
                return;
            }
            let lines = preview_lines(&answer.differences, answer.foreseen);
            let buttons = vec![("Reload", Verb::Reload { dry_run: false })];
            open(
                model,
                at,
                Dialog { diff: answer.diff, ..Dialog::question("Reload: what would change", lines, buttons) },
            );
        }
        Verb::Show { .. }
        | Verb::Why { .. }
        | Verb::Watch { .. }
        | Verb::Resume { .. }
        | Verb::Yield { .. }
        | Verb::Take { .. }
        | Verb::ClearStatistics { .. }
        | Verb::Change { .. }
        | Verb::Confirm
        | Verb::Rollback { .. }
        | Verb::Diff
        | Verb::Keepalived
        | Verb::Reload { .. } => {
            node.refresh.instances.clear();
            node.refresh.all_at_us = model.now_us;
            node.refresh.changes = screen == Screen::Changes;
            model.say(text, false);
        }
    }
}

/// Opens a dialog, unless the user meanwhile does something else or may not.
fn open(model: &mut Model, at: usize, dialog: Dialog) {
    if let Some(reason) = model.forbidden_at(at) {
        model.say(reason, true);
    } else if model.dialog.is_none() && model.prompt.is_none() {
        model.message = None;
        let title = titled(model, at, &dialog.title);
        model.dialog = Some(Dialog { node: at, title, ..dialog });
    }
}

/// An order to service `at` was refused.
pub(super) fn refused(model: &mut Model, at: usize, verb: Verb, refusal: &Refusal) {
    // A service that cannot say what would follow is asked nevertheless; the question stands as it is.
    if matches!(verb, Verb::Foresee { .. }) {
        return;
    }
    let of = if model.nodes.are_several() { format!("{}: ", model.nodes.name(at)) } else { String::new() };
    model.say(of + &clean(&refusal.message, TEXT_CHARS_MAX), true);
    let now_us = model.now_us;
    let Some(node) = model.nodes.get_mut(at) else { return };
    node.answer = Answer::default();
    let Verb::Change { edits, dry_run, .. } = verb else { return };
    if refusal.code == ErrorCode::Stale {
        // Asked again on what holds now, and shown; it is not applied unseen.
        node.retry = Some(Retry { edits, is_ready: false });
        node.refresh.all_at_us = now_us;
    } else if dry_run && model.dialog.is_none() {
        node.was_stale = false;
        model.dialog = node.form.take();
    }
}

fn preview_lines(differences: &[Difference], foreseen: Vec<String>) -> Vec<String> {
    let mut lines = Vec::new();
    for difference in differences {
        let how = match difference.kind {
            DifferenceKind::Added => "begins",
            DifferenceKind::Changed => "goes on with other values",
            DifferenceKind::Restarted => "ENDS AND BEGINS AGAIN",
            DifferenceKind::Removed => "ENDS",
            DifferenceKind::Block => "is different",
        };
        let details = if difference.details.is_empty() { String::new() } else { ": ".to_owned() };
        let text = format!("{} {how}{details}{}", difference.name, difference.details.join("; "));
        lines.push(clean(&text, TEXT_CHARS_MAX));
    }
    let more = lines.len().saturating_sub(PREVIEW_LINES_MAX);
    lines.truncate(PREVIEW_LINES_MAX);
    if more > 0 {
        lines.push(format!("... and {more} more"));
    }
    let more = foreseen.len().saturating_sub(PREVIEW_LINES_MAX);
    lines.extend(foreseen.into_iter().take(PREVIEW_LINES_MAX));
    if more > 0 {
        lines.push(format!("... and {more} more"));
    }
    lines
}
