//! Orders to the service: the questions before them. Nothing here is done unasked.

use locum_control::{Duration, Edit, Lasts, State, Verb};

use crate::action::Action;
use crate::columns::Columns;
use crate::link::Purpose;
use crate::model::Model;
use crate::model::dialog::{Button, Dialog, Does, Field, Kind};
use crate::text::{clean, seconds};
use crate::update::{Command, TEXT_CHARS_MAX, columns, form};

/// How long a yield may last, as the dialog offers it.
const YIELDS: [(&str, Lasts); 4] = [
    ("5 min", Lasts::Seconds(300)),
    ("30 min", Lasts::Seconds(1_800)),
    ("2 h", Lasts::Seconds(7_200)),
    ("until resumed", Lasts::Saved),
];

/// For how long a priority is raised that does not do to become MASTER, as the dialog offers it.
const TAKE_FOR_S: u64 = 1_800;
const TAKE_FOR: &str = "30m";

/// Begins what a key or a command asks for.
pub(super) fn begin(model: &mut Model, action: Action) -> Vec<Command> {
    if let Some(reason) = model.forbidden() {
        model.say(format!("{}: {reason}", word(action)), true);
        return Vec::new();
    }
    let selected = model.selected().map(|instance| instance.status.name.clone());
    match (action, selected) {
        (Action::Reload, _) => return vec![order(model.nodes.at, Verb::Reload { dry_run: true })],
        (Action::Keep, _) => keep(model),
        (Action::TakeBack, _) => take_back(model, None),
        (Action::Resume, Some(name)) => resume(model, Some(name)),
        (Action::Yield, Some(name)) => yield_back(model, Some(name), None),
        (Action::Take, Some(name)) => take(model, &name),
        (Action::Priority, Some(name)) => form::priority(model, &name),
        (Action::Edit, Some(name)) => form::edit(model, &name),
        (Action::New, _) => form::new(model),
        _ => model.say("there is no instance to do it with", false),
    }
    forecast(model).into_iter().collect()
}

/// Asks the service what would follow from the order that the dialog is about.
fn forecast(model: &mut Model) -> Option<Command> {
    let dialog = model.dialog.as_mut()?;
    let order_of = |button: &Button| match &button.does {
        Does::Order(verb) if matches!(verb, Verb::Yield { .. } | Verb::Take { .. } | Verb::Resume { .. }) => {
            Some(verb.clone())
        }
        Does::Order(_) | Does::Cancel | Does::Preview(_) | Does::AllOptions(_) | Does::Columns | Does::AutoColumns => {
            None
        }
    };
    let asked = dialog.buttons.iter().find_map(order_of)?;
    dialog.foresees = Some(asked.clone());
    Some(order(dialog.node, Verb::Foresee { order: Box::new(asked) }))
}

/// What a command line asks for in full. It is asked about or previewed all the same.
pub(super) fn asked(model: &mut Model, verb: Verb) -> Vec<Command> {
    if let Some(reason) = model.forbidden() {
        model.say(format!("{}: {reason}", verb.name()), true);
        return Vec::new();
    }
    match verb {
        Verb::Yield { instance, lasts, .. } => yield_back(model, instance, lasts),
        Verb::Resume { instance } => resume(model, instance),
        Verb::Rollback { number } => take_back(model, number),
        Verb::Change { edits, .. } => return vec![preview(model, model.nodes.at, edits)],
        Verb::Show { .. }
        | Verb::Why { .. }
        | Verb::Watch { .. }
        | Verb::Take { .. }
        | Verb::ClearStatistics { .. }
        | Verb::Confirm
        | Verb::Changes
        | Verb::Options { .. }
        | Verb::Diff
        | Verb::Keepalived
        | Verb::Doctor
        | Verb::Foresee { .. }
        | Verb::Reload { .. } => {}
    }
    forecast(model).into_iter().collect()
}

fn word(action: Action) -> &'static str {
    crate::action::BINDINGS.iter().find(|binding| binding.action == action).map_or("", |binding| binding.name)
}

const fn order(node: usize, verb: Verb) -> Command {
    Command::Ask(node, Purpose::Order(verb))
}

/// Asks what edits would change. They are made on what is shown now.
pub(super) fn preview(model: &Model, node: usize, edits: Vec<Edit>) -> Command {
    let service = model.nodes.get(node).and_then(|node| node.replica.service.as_ref());
    let verb = Verb::Change {
        edits,
        lasts: Lasts::UntilRestart,
        confirm_within_s: None,
        revision: service.map(|service| service.revision),
        dry_run: true,
    };
    order(node, verb)
}

fn resume(model: &mut Model, name: Option<String>) {
    let server_us = model.server_us();
    let left = |at_us: u64| Duration::from_us(at_us.saturating_sub(server_us));
    let status = name.as_ref().and_then(|name| model.replica().instances.get(name)).map(|instance| &instance.status);
    let lines = match (&name, status) {
        (None, _) => vec!["End every yield, preempt delay and start delay now?".to_owned()],
        (Some(group), None) => vec![format!("Have the group {group} take part again now?")],
        (Some(name), Some(status)) => {
            let from = status.master.as_ref();
            let from = from
                .map_or_else(String::new, |master| format!(" from {} (priority {})", master.address, master.priority));
            if status.standing_back.is_some() {
                let again = format!("With priority {} it takes over if the master's is lower.", status.priority);
                vec![format!("Have {name} take part again now?"), again]
            } else if let Some(at_us) = status.timers.start_at_us {
                vec![format!("End the start delay of {name} now?"), format!("It has {} left to wait.", left(at_us))]
            } else if let Some(at_us) = status.timers.link_up_at_us {
                let left = left(at_us);
                vec![format!("Have the link of {name} count as up now?"), format!("It has {left} left to wait.")]
            } else if let Some(at_us) = status.timers.preempt_at_us {
                let then = format!("Without it, {name} becomes MASTER at once and takes the addresses{from}.");
                let left = left(at_us);
                vec![format!("End the preempt delay of {name} now?"), format!("It has {left} left to wait. {then}")]
            } else {
                let text = format!(
                    "{name} has no preempt delay or start delay running and does not stand back: nothing to resume"
                );
                model.say(text, false);
                return;
            }
        }
    };
    let verb = Verb::Resume { instance: name };
    ask(model, Dialog::question("Resume", lines, vec![("Resume", verb)]));
}

/// Asks the user, about the present service.
pub(super) fn ask(model: &mut Model, dialog: Dialog) {
    let title = titled(model, model.nodes.at, &dialog.title);
    model.dialog = Some(Dialog { node: model.nodes.at, title, ..dialog });
}

/// A title that says which router is meant, where there are several.
pub(super) fn titled(model: &Model, node: usize, title: &str) -> String {
    if model.nodes.are_several() { format!("{}: {title}", model.nodes.name(node)) } else { title.to_owned() }
}

/// The instances that an order to `name` is about: one, those of its group, or all.
fn meant(model: &Model, name: Option<&str>) -> Vec<String> {
    let statuses = || model.replica().instances.values().map(|instance| &instance.status);
    let Some(name) = name else { return statuses().map(|status| status.name.clone()).collect() };
    let own = statuses().find(|status| status.name == name);
    let group = own.map_or(Some(name), |status| status.group.as_deref());
    let members =
        statuses().filter(|status| status.name == name || group.is_some() && status.group.as_deref() == group);
    members.map(|status| status.name.clone()).collect()
}

fn yield_back(model: &mut Model, name: Option<String>, lasts: Option<Lasts>) {
    let names = meant(model, name.as_deref());
    let title = match &name {
        Some(name) => format!("Yield {name}"),
        None => "Yield all instances".to_owned(),
    };
    let is_master = |name: &String| {
        model.replica().instances.get(name).is_some_and(|instance| instance.status.state == State::Master)
    };
    let masters: Vec<&str> = names.iter().filter(|name| is_master(name)).map(String::as_str).collect();
    let mut lines = vec![format!("Have {} hand over and stand back?", clean(&names.join(", "), 120))];
    if masters.is_empty() {
        lines.push("It is not MASTER: nothing changes now, but it will not take over.".to_owned());
    } else {
        lines.push(format!(
            "MASTER now: {}. It leaves with priority 0 and keeps its addresses until another master is heard. If nobody \
             takes over, it becomes MASTER again and says so.",
            clean(&masters.join(", "), 120)
        ));
    }
    let order = |lasts: Lasts| Verb::Yield { instance: name.clone(), lasts: Some(lasts), last_resort: false };
    let only = match lasts {
        Some(Lasts::Seconds(seconds)) => format!("Yield for {}", Duration::from_s(seconds)),
        Some(_) | None => "Yield until resumed".to_owned(),
    };
    let buttons = match lasts {
        Some(lasts) => vec![(only.as_str(), order(lasts))],
        None => YIELDS.into_iter().map(|(name, lasts)| (name, order(lasts))).collect(),
    };
    let resort = Field::new("if alone, take over", Kind::LastResort, "no".into());
    ask(model, Dialog::question(&title, lines, buttons).with_fields(vec![resort]));
}

fn take(model: &mut Model, name: &str) {
    let Some(status) = model.replica().instances.get(name).map(|instance| &instance.status) else { return };
    if status.state == State::Master {
        model.say(format!("{name} is MASTER already"), false);
        return;
    }
    let from = match &status.master {
        Some(master) => format!("The master now is {} (priority {}); ", master.address, master.priority),
        None => "No master is heard; ".to_owned(),
    };
    let ours = status.effective_priority;
    let lines = vec![
        format!("Make {name} MASTER now?"),
        format!("{from}ours is {ours}. Where that is not enough, it is raised for a time."),
    ];
    let verb = Verb::Take { instance: name.into(), for_s: Some(TAKE_FOR_S) };
    let raised = Field::new("raised for", Kind::Time, TAKE_FOR.into());
    ask(model, Dialog::question("Take", lines, vec![("Take", verb)]).with_fields(vec![raised]));
}

fn keep(model: &mut Model) {
    let trial = model.replica().service.as_ref().and_then(|service| service.on_trial.as_ref());
    let Some(record) = trial else {
        model.say("no change is on trial: there is nothing to confirm", false);
        return;
    };
    let what = clean(&record.what.join(", "), TEXT_CHARS_MAX);
    let lines = vec![format!("Keep change {} of {}?", record.number, record.who), what];
    ask(model, Dialog::question("Confirm", lines, vec![("Confirm", Verb::Confirm)]));
}

fn take_back(model: &mut Model, number: Option<u32>) {
    let service = model.replica().service.as_ref();
    let trial = service.and_then(|service| service.on_trial.as_ref());
    if number.is_none() && service.is_none_or(|service| service.on_trial.is_none() && service.unsaved_changes == 0) {
        model.say("no change holds that is not saved: there is nothing to take back", false);
        return;
    }
    let known = match number {
        Some(number) => model.nodes.current().changes.iter().find(|record| record.number == number),
        None => trial,
    };
    let lines = match (known, number) {
        (Some(record), _) => {
            let what = clean(&record.what.join(", "), TEXT_CHARS_MAX);
            vec![format!("Take change {} of {} back?", record.number, record.who), what]
        }
        (None, Some(number)) => vec![format!("Take change {number} back?")],
        (None, None) => vec!["Take the last change that is not saved back?".to_owned()],
    };
    let verb = Verb::Rollback { number: known.map(|record| record.number).or(number) };
    ask(model, Dialog::question("Rollback", lines, vec![("Take back", verb)]));
}

/// Enter in a dialog, or `y` where there is only one thing to say yes to.
pub(super) fn choose(model: &mut Model, yes: bool) -> Vec<Command> {
    let Some(dialog) = &mut model.dialog else { return Vec::new() };
    if dialog.field().is_some() && !yes {
        let preview = dialog.buttons.iter().find(|button| matches!(button.does, Does::Preview(_))).cloned();
        let Some(button) = preview else {
            dialog.at = dialog.fields.len();
            return Vec::new();
        };
        return press(model, &button);
    }
    if yes && dialog.buttons.len() != 2 {
        // Which one is meant is not clear: it is only marked.
        dialog.at = dialog.fields.len() + 1;
        return Vec::new();
    }
    let button = if yes { dialog.buttons.get(1) } else { dialog.button() };
    let Some(button) = button.cloned() else { return Vec::new() };
    press(model, &button)
}

fn press(model: &mut Model, button: &Button) -> Vec<Command> {
    let Some(dialog) = model.dialog.take() else { return Vec::new() };
    let node = dialog.node;
    let verb = match &button.does {
        Does::Cancel => return Vec::new(),
        Does::Columns => {
            columns::choose(model, &dialog);
            return Vec::new();
        }
        Does::AutoColumns => {
            model.columns = Columns::default();
            return Vec::new();
        }
        Does::Order(verb) => verb.clone(),
        Does::AllOptions(name) => {
            if dialog.is_changed() {
                model.say("preview what you have typed first, or cancel it: this would lose it", true);
                model.dialog = Some(dialog);
                return Vec::new();
            }
            model.say("reading the options ...", false);
            return vec![order(node, Verb::Options { instance: name.clone() })];
        }
        Does::Preview(subject) => {
            let edits = match dialog.edits(subject) {
                Ok(edits) => edits,
                Err(problem) => {
                    model.say(problem, true);
                    model.dialog = Some(dialog);
                    return Vec::new();
                }
            };
            if edits.is_empty() {
                model.say("nothing is different: there is nothing to change", false);
                model.dialog = Some(dialog);
                return Vec::new();
            }
            // It comes back where the service refuses what was typed.
            if let Some(node) = model.nodes.get_mut(node) {
                node.form = Some(dialog);
            }
            return vec![preview(model, node, edits)];
        }
    };
    if let Some(reason) = model.forbidden_at(node) {
        model.say(format!("{}: {reason}", verb.name()), true);
        return Vec::new();
    }
    let mut verb = verb;
    if let Verb::Yield { last_resort, .. } = &mut verb {
        *last_resort = dialog.is_last_resort();
    }
    if let Verb::Yield { lasts: Some(Lasts::Seconds(lasts_s)), .. }
    | Verb::Change { lasts: Lasts::Seconds(lasts_s), .. }
    | Verb::Take { for_s: Some(lasts_s), .. } = &mut verb
        && let Some(field) = dialog.fields.iter().find(|field| field.kind == Kind::Time)
    {
        let Some(typed_s) = seconds(&field.text) else {
            model.say(format!("{}: {}", field.label, field.problem(&[]).unwrap_or_default()), true);
            model.dialog = Some(dialog);
            return Vec::new();
        };
        *lasts_s = typed_s;
    }
    model.say(format!("{} ...", verb.name()), false);
    vec![order(node, verb)]
}
