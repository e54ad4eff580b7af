//! What every screen has: the bar at the top, the status lines and the footer at the bottom.

use locum_control::{Role, State};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::action::{self, Action};
use crate::command;
use crate::key::Key;
use crate::model::{Connection, Filter, Model, Prompt, Typing};
use crate::text::{fit, fit_end, span, width};
use crate::theme::Tone;
use crate::view::pen::Pen;
use crate::view::{Room, banner};

/// From this height on there is a row for what a person should know on every screen.
const BANNER_ROWS_MIN: u16 = 8;

/// Draws the frame and returns what is inside it.
pub(super) fn render(model: &Model, area: Rect, buf: &mut Buffer) -> Rect {
    bar(model, area, Room::of(area) == Room::Full, buf);
    let body = body(model, area);
    let first = body.bottom() - area.top();
    for (row, text) in (first..).zip(&model.extra_status) {
        Pen::new(buf, model.look, area, row).put(text, Tone::Text);
    }
    if body.y > area.y + 1 {
        banner::render(model, area, buf);
    }
    footer(model, area, buf);
    body
}

/// What is inside the frame.
pub(super) fn body(model: &Model, area: Rect) -> Rect {
    let status = u16::try_from(model.extra_status.len()).unwrap_or(0);
    // On a small screen the status lines give way to the list.
    let status = if area.height >= 8 + status { status } else { 0 };
    let banner = u16::from(area.height >= BANNER_ROWS_MIN && !banner::pieces(model).is_empty());
    Rect { y: area.y + (1 + banner).min(area.height), height: area.height.saturating_sub(2 + banner + status), ..area }
}

/// Whose console it is, how things stand, and whether it is connected.
pub(super) fn bar(model: &Model, area: Rect, full: bool, buf: &mut Buffer) {
    let (right, alert) = connection(model, full);
    let mut pen = Pen::new(buf, model.look, area, 0);
    let room = pen.room().saturating_sub(width(&right) + 2);
    let candidates = titles(model, full);
    let left = candidates.iter().find(|title| width(title) <= room).or(candidates.last());
    pen.put(&fit(left.map_or("", String::as_str), room), Tone::Bar);
    pen.fill(Tone::Bar);
    let mut pen = Pen::new(buf, model.look, area, 0);
    pen.skip(room + 1).put(&right, if alert { Tone::Alert } else { Tone::Bar });
}

/// Whose console it is and how many instances are in which state, from the most to the least wordy.
fn titles(model: &Model, full: bool) -> Vec<String> {
    if model.nodes.are_several() {
        let names: Vec<String> = (0..model.nodes.len()).map(|at| model.nodes.name(at)).collect();
        let (long, short) = (counts(model, true), counts(model, false));
        let count = names.len();
        let some = format!(" {count} routers | {short}");
        if !full {
            return vec![some];
        }
        let names = names.join(", ");
        return vec![format!(" {names} | {long}"), format!(" {count} routers | {long}"), some];
    }
    let node = model.nodes.current();
    let Some(hello) = &node.replica.hello else { return vec![format!(" locum")] };
    let Some(service) = &node.replica.service else { return vec![format!(" {}", hello.host)] };
    let since_answer_us = model.server_us().saturating_sub(service.now_us);
    let up = span(service.uptime_us.saturating_add(since_answer_us));
    let short = format!(" {} | {}", hello.host, counts(model, false));
    if !full {
        return vec![short];
    }
    let counts = counts(model, true);
    vec![
        format!(" locum {} on {}, up {up} | {counts}", hello.version, hello.host),
        format!(" locum {} on {} | {counts}", hello.version, hello.host),
        format!(" {} | {counts}", hello.host),
        short,
    ]
}

/// How many instances are in which state; those in FAULT first, and never left out. Of several routers only those count
/// that are reached: one that is gone was MASTER, and its successor is.
fn counts(model: &Model, full: bool) -> String {
    let is_known = |node: usize| {
        !model.nodes.are_several() || model.nodes.get(node).is_some_and(|node| node.lost_for_us(model.now_us).is_none())
    };
    let statuses = || model.instances().filter(|(node, _)| is_known(*node)).map(|(_, instance)| &instance.status);
    let unknown = model.instances().filter(|(node, _)| !is_known(*node)).count();
    let second = statuses().filter(|status| status.second_master.is_some()).count();
    let mut parts = Vec::new();
    for state in [State::Fault, State::Init, State::Master, State::Backup] {
        let count = statuses().filter(|status| status.state == state).count();
        let always = matches!(state, State::Master | State::Backup) && full && statuses().next().is_some();
        if count > 0 || always {
            parts.push(if full { format!("{count} {state}") } else { format!("{count}{:.1}", state.to_string()) });
        }
    }
    if second > 0 {
        parts.insert(0, if full { format!("{second} SECOND MASTER") } else { format!("{second}!!") });
    }
    if unknown > 0 {
        parts.push(if full { format!("{unknown} unknown") } else { format!("{unknown}?") });
    }
    parts.join(if full { ", " } else { " " })
}

fn connection(model: &Model, full: bool) -> (String, bool) {
    let node = model.nodes.current();
    if node.play.is_some() {
        return (if full { "recording " } else { "rec " }.into(), false);
    }
    let lost = model.nodes.iter().filter(|node| matches!(node.connection, Connection::Lost { .. })).count();
    if lost > 0 && model.nodes.are_several() {
        let all = model.nodes.len();
        let text =
            if full { format!(" {lost} of {all} disconnected – retrying ") } else { format!(" {lost}/{all} lost ") };
        return (text, true);
    }
    let coming = model.nodes.iter().filter(|node| node.replica.hello.is_none()).count();
    if coming > 0 && model.nodes.are_several() {
        let all = model.nodes.len();
        return (if full { format!("{coming} of {all} connecting ") } else { format!("{coming}/{all} .. ") }, false);
    }
    match &node.connection {
        Connection::Connecting => ("connecting".into(), false),
        Connection::Syncing => ("reading".into(), false),
        Connection::Lost { .. } if full => (" disconnected – retrying ".into(), true),
        Connection::Lost { .. } => (" disconnected ".into(), true),
        Connection::Attached => {
            let role = match node.replica.role() {
                Some(Role::Admin) if model.readonly => "read-only",
                Some(Role::Admin) if model.locked => "locked",
                Some(Role::Admin) => "admin",
                Some(Role::Reader) | None => "reader",
            };
            (if full { format!("connected, {role} ") } else { format!("{role} ") }, false)
        }
    }
}

fn footer(model: &Model, area: Rect, buf: &mut Buffer) {
    let mut pen = Pen::new(buf, model.look, area, area.height.saturating_sub(1));
    if let Some(typed) = &model.prompt {
        prompt(model, typed, &mut pen);
        return;
    }
    if let Some(message) = &model.message {
        pen.put(&message.text, if message.alert { Tone::Warning } else { Tone::Text });
        return;
    }
    if let Connection::Lost { reason, .. } = &model.connection()
        && model.replica().hello.is_some()
    {
        // That the screen shows old data, and why, matters more than the keys.
        let age = span(model.nodes.current().lost_for_us(model.now_us).unwrap_or(0));
        let of = if model.nodes.are_several() { model.nodes.name(model.nodes.at) + " " } else { String::new() };
        pen.put(&format!("{of}as of {age} ago: {reason}"), Tone::Warning);
        return;
    }
    if let Some(filter) = model.filter().filter(|filter| !filter.is_empty() && !model.help && model.dialog.is_none()) {
        let (shown, all) = model.matches();
        let tone = if shown == 0 { Tone::Alert } else { Tone::Selected };
        pen.put(&format!("/{}: {shown} of {all}, Esc shows all", filter.text()), tone).skip(2);
    }
    let keys = keys(model);
    let cells = |(key, name): &(String, String)| width(key) + 1 + width(name) + 2;
    // The last ones, help and quit, are never crowded out.
    let kept = if model.dialog.is_some() { 0 } else { keys.len().saturating_sub(2) };
    let mut reserved: usize = keys.iter().skip(kept).map(cells).sum();
    for (index, key) in keys.iter().enumerate() {
        if index >= kept {
            reserved = reserved.saturating_sub(cells(key));
        }
        // A key without its name helps nobody.
        if cells(key) + reserved > pen.room() + 2 {
            continue;
        }
        let (key, name) = key;
        pen.put(key, Tone::Key).skip(1).put(name, Tone::Text).skip(2);
    }
}

/// The line that is being typed, and beside it what comes of it.
pub(super) fn prompt(model: &Model, prompt: &Prompt, pen: &mut Pen<'_>) {
    let (sign, hint, tone) = match prompt.purpose {
        Typing::Filter if prompt.text.is_empty() => {
            ('/', "words to look for, !word to leave out; Esc: all".to_owned(), Tone::Subdued)
        }
        Typing::Filter => {
            let (shown, all) = model.matches();
            match model.filter().and_then(Filter::odd) {
                Some(word) => ('/', format!("{word}: 10m, 16:30, 16:30:05"), Tone::Alert),
                None => ('/', format!("{shown} of {all}"), if shown == 0 { Tone::Alert } else { Tone::Text }),
            }
        }
        Typing::Command => (':', command::completions(model, &prompt.text).1.join(" "), Tone::Subdued),
    };
    // The end of what is typed matters most; the hint gets what is left.
    pen.put(&sign.to_string(), Tone::Key);
    let text = fit_end(&prompt.text, pen.room().saturating_sub(1));
    pen.put(&text, Tone::Text).put(" ", Tone::Selected).skip(1).put(&hint, tone);
}

/// The keys to name in the footer, the most useful first; help and quit are never crowded out by the program around.
fn keys(model: &Model) -> Vec<(String, String)> {
    let context = model.context();
    let shown: Vec<&'static action::Binding> =
        action::in_context(context).filter(|binding| binding.footer && is_useful(model, binding.action)).collect();
    let named = |binding: &&'static action::Binding| {
        Some((model.keymap.keys(binding).first().map(Key::to_string)?, binding.name.to_owned()))
    };
    let mut keys: Vec<(String, String)> = shown.iter().filter_map(named).collect();
    if model.dialog.is_none() && !model.help {
        let extra = model.extra_actions.iter().map(|extra| (extra.key.to_string(), extra.name.clone()));
        // What the program around is for matters more than the comforts of a list.
        let comfort =
            |binding: &&'static action::Binding| matches!(binding.action, Action::Filter | Action::Sort | Action::Help);
        let at = shown.iter().position(comfort).unwrap_or(keys.len());
        keys.splice(at..at, extra);
    }
    keys
}

/// Whether to offer an action that would only say why it does nothing.
fn is_useful(model: &Model, action: Action) -> bool {
    let selected = model.selected();
    if action == Action::NextRouter {
        model.nodes.are_several()
    } else if matches!(action, Action::Play(_)) {
        model.nodes.current().play.is_some()
    } else if action == Action::Explain {
        model.replica().history.len() + model.replica().happened.len() > 0
    } else if action == Action::Back {
        // What Esc ends first is the filter, and that stands there already.
        model.help || model.filter().is_none_or(Filter::is_empty)
    } else if action == Action::NextInstance {
        model.list.spots.len() > 1
    } else if action == Action::Resume {
        let waits = selected.map(|instance| &instance.status).is_some_and(|status| {
            let timers = &status.timers;
            timers.preempt_at_us.or(timers.start_at_us).or(timers.link_up_at_us).is_some()
                || status.standing_back.is_some()
        });
        waits && model.forbidden().is_none()
    } else if matches!(action, Action::Keep | Action::TakeBack) {
        let service = model.replica().service.as_ref().filter(|_| model.forbidden().is_none());
        service.is_some_and(|service| {
            service.on_trial.is_some() || action == Action::TakeBack && service.unsaved_changes > 0
        })
    } else if matches!(action, Action::Yield | Action::Priority | Action::Edit) {
        selected.is_some() && model.forbidden().is_none()
    } else {
        action != Action::Open || selected.is_some()
    }
}
