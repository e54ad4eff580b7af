//! What an event changes. No I/O: what has to be done outside is returned as [`Command`]s.

mod answers;
mod columns;
mod form;
mod play;
mod prompt;
mod steer;
mod take;

use locum_control::Verb;

use crate::action::{Action, Context};
use crate::console::Event;
use crate::key::Key;
use crate::link::{Playing, Purpose};
use crate::model::history::{self, What};
use crate::model::lane::COLUMN_US;
use crate::model::{Explained, Filter, Model, STATUS_LINES_MAX, Screen, Sort, Spot, Timeline, Typing};
use crate::options::Theme;
use crate::text::clean;
use crate::theme::Palette;
use crate::view;

pub(crate) use take::take;

const TEXT_CHARS_MAX: usize = 300;
/// Fields that a page of a form is.
const FORM_PAGE: isize = 8;

/// What has to be done outside of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Leave.
    Quit,
    /// Leave, and leave what is shown in the terminal.
    QuitKeeping,
    /// Ask the terminal for its size and draw everything anew.
    Redraw,
    /// Ask the service of this number.
    Ask(usize, Purpose),
    /// Have the recording of this number go on otherwise.
    Play(usize, Playing),
    /// Tell the [`crate::Extra`] about this key.
    Extra(char),
}

/// Takes an event in, at the time `model.now_us`.
pub(crate) fn update(model: &mut Model, event: Event) -> Vec<Command> {
    lock_if_idle(model);
    let mut commands = match event {
        Event::Key(key) => {
            settle(model);
            let commands = on_key(model, key);
            settle(model);
            commands
        }
        Event::Link(node, reports) => {
            reports.into_iter().for_each(|report| take(model, node, report));
            Vec::new()
        }
        Event::Resized(size) => {
            model.size = size;
            Vec::new()
        }
        Event::Extra { said, status } => {
            if let Some(said) = said {
                model.say(clean(&said, TEXT_CHARS_MAX), false);
            }
            let lines = status.iter().take(STATUS_LINES_MAX);
            model.extra_status = lines.map(|line| clean(line, TEXT_CHARS_MAX)).collect();
            Vec::new()
        }
        // The loop's own business, or only the time that passed.
        Event::Tick | Event::Signal(_) | Event::TerminalLost => Vec::new(),
    };
    if model.message.as_ref().is_some_and(|message| message.until_us <= model.now_us) {
        model.message = None;
    }
    commands.extend(ask(model));
    commands
}

/// Locks the console that was left alone. A question that was left open goes, or the next one to pass by would answer it.
fn lock_if_idle(model: &mut Model) {
    let idle_us = model.now_us.saturating_sub(model.key_at_us);
    if model.locked || model.idle_lock_us.is_none_or(|limit_us| idle_us < limit_us) {
        return;
    }
    model.locked = true;
    model.dialog = None;
    model.prompt = None;
}

fn on_key(model: &mut Model, key: Key) -> Vec<Command> {
    model.message = None;
    model.key_at_us = model.now_us;
    let context = model.context();
    let Some(action) = model.keymap.lookup(context, key) else {
        match (context, key, &mut model.dialog) {
            (Context::Prompt, Key::Char(letter), _) => {
                prompt::typed(model, letter);
                return Vec::new();
            }
            (Context::Form, Key::Char(letter), Some(dialog)) => {
                dialog.edit(|field| field.typed(letter));
                return Vec::new();
            }
            _ => {}
        }
        let offered = !model.help && model.dialog.is_none() && model.prompt.is_none();
        let extra = model.extra_actions.iter().find(|extra| offered && key == Key::Char(extra.key));
        return extra.map(|extra| Command::Extra(extra.key)).into_iter().collect();
    };
    act(model, action)
}

fn act(model: &mut Model, action: Action) -> Vec<Command> {
    match action {
        Action::Quit | Action::Interrupt => return vec![Command::Quit],
        Action::QuitKeeping => return vec![Command::QuitKeeping],
        Action::Redraw => return vec![Command::Redraw],
        Action::Charset => {
            model.unicode = !model.unicode;
            let set = if model.unicode { "UTF-8" } else { "ASCII" };
            model.say(format!("drawing with {set}; u changes back"), false);
        }
        Action::Theme => theme(model, model.look.theme.next()),
        Action::Help => {
            model.help = !model.help;
            model.scroll = 0;
        }
        Action::Back => go_back(model),
        Action::Open => {
            if model.selected().is_some() {
                go_to(model, Screen::Instance);
            }
        }
        Action::History => go_to(model, Screen::History),
        Action::Peers => go_to(model, Screen::Peers),
        Action::NextRouter => next_router(model),
        Action::NextInstance => step_instance(model, 1),
        Action::PreviousInstance => step_instance(model, -1),
        Action::Up => scroll(model, -1),
        Action::Down => scroll(model, 1),
        Action::PageUp => scroll(model, -page(model)),
        Action::PageDown => scroll(model, page(model)),
        Action::Top => scroll(model, isize::MIN),
        Action::Bottom => scroll(model, isize::MAX),
        Action::ZoomIn => zoom(model, -1),
        Action::ZoomOut => zoom(model, 1),
        Action::Freeze => {
            let frozen = model.timeline.frozen_at_us.is_some();
            model.timeline.panned = 0;
            model.timeline.frozen_at_us = (!frozen).then(|| model.timeline_us());
        }
        Action::PanBack => {
            let now_us = model.timeline_us();
            model.timeline.frozen_at_us.get_or_insert(now_us);
            model.timeline.panned = model.timeline.panned.saturating_add(view::pan_columns(model));
        }
        Action::PanForward => {
            model.timeline.panned = model.timeline.panned.saturating_sub(view::pan_columns(model));
        }
        Action::Filter => prompt::open(model, Typing::Filter),
        Action::Command => prompt::open(model, Typing::Command),
        Action::ShowAll => model.set_filter(Filter::default()),
        Action::Sort => sort(model, model.list.sort().next()),
        Action::Accept => return prompt::accept(model),
        Action::Abandon => prompt::abandon(model),
        Action::Erase | Action::EraseAll => {
            let all = action == Action::EraseAll;
            match &mut model.dialog {
                Some(dialog) => dialog.edit(|field| field.erase(all)),
                None if all => prompt::erase_all(model),
                None => prompt::erase(model),
            }
        }
        Action::Complete => prompt::complete(model),
        Action::Resume
        | Action::Yield
        | Action::Take
        | Action::Priority
        | Action::Edit
        | Action::New
        | Action::Keep
        | Action::TakeBack
        | Action::Reload => return steer::begin(model, action),
        Action::Changes => {
            go_to(model, Screen::Changes);
            return vec![Command::Ask(model.nodes.at, Purpose::Order(Verb::Changes))];
        }
        Action::Service => go_to(model, Screen::Service),
        Action::Doctor => return doctor(model),
        Action::Explain => explain(model),
        Action::Columns => columns::open(model),
        Action::Play(step) => return play::act(model, step),
        Action::Confirm => return steer::choose(model, true),
        Action::Choose => return steer::choose(model, false),
        Action::Cancel => model.dialog = None,
        Action::OtherButton | Action::PreviousButton => {
            if let Some(dialog) = &mut model.dialog {
                dialog.step(action == Action::OtherButton);
            }
        }
    }
    Vec::new()
}

/// Shows another screen. The way back does not lead through it a second time.
fn go_to(model: &mut Model, screen: Screen) {
    match model.trail.iter().position(|visited| *visited == screen) {
        Some(at) => model.trail.truncate(at),
        None if model.screen != screen => model.trail.push(model.screen),
        None => {}
    }
    model.screen = screen;
    model.scroll = 0;
    model.prompt = None;
    model.timeline = Timeline { zoom: model.timeline.zoom, ..Timeline::default() };
    if screen == Screen::Overview {
        // The filter may hide the instance that was looked at meanwhile.
        keep_selection(model, 0);
    }
}

fn go_back(model: &mut Model) {
    if std::mem::take(&mut model.help) {
        model.scroll = 0;
        return;
    }
    if model.filter().is_some_and(|filter| !filter.is_empty()) {
        model.set_filter(Filter::default());
    } else if let Some(screen) = model.trail.last() {
        go_to(model, *screen);
    }
}

fn theme(model: &mut Model, theme: Theme) {
    model.look.theme = theme;
    let name = theme.name();
    if model.look.palette == Palette::Mono {
        model.say(format!("theme {name}; this terminal is drawn to without colours"), false);
    } else {
        model.say(format!("theme {name}"), false);
    }
}

fn sort(model: &mut Model, sort: Sort) {
    model.list.set_sort(sort);
    model.say(format!("sorted: {}", sort.words()), false);
}

/// Has the service look for what keeps its instances from working.
fn doctor(model: &mut Model) -> Vec<Command> {
    go_to(model, Screen::Doctor);
    if model.nodes.current().play.is_some() {
        model.say("a recording cannot be looked at: its machine is not here", true);
        return Vec::new();
    }
    model.say("looking ...", false);
    vec![Command::Ask(model.nodes.at, Purpose::Order(Verb::Doctor))]
}

/// One service after the other, and then all of them again.
fn next_router(model: &mut Model) {
    let count = model.nodes.len();
    if count < 2 {
        model.say("there is only one router", false);
        return;
    }
    let only = model.list.only().map_or(0, |only| only + 1);
    model.list.set_only((only < count).then_some(only));
    let text = if only < count { format!("only {}", model.nodes.name(only)) } else { "all routers".to_owned() };
    model.say(text, false);
}

/// Shows the instance of the marked line of the history, as it was at that moment.
fn explain(model: &mut Model) {
    let entries = history::entries(model);
    let Some(entry) = entries.get(model.history_at.min(entries.len().saturating_sub(1))) else { return };
    let node = entry.node;
    let Some(name) = entry.instance().map(str::to_owned) else {
        model.say("that is about no single instance", false);
        return;
    };
    // The boot-time clock of an earlier boot says nothing in this one.
    let Some(its) = model.nodes.get(node) else { return };
    const TOLERANCE_MS: u64 = 60_000;
    let unix_ms = match entry.what {
        What::Change(record) => record.at_unix_ms,
        What::Else(happened) => happened.at_unix_ms,
    };
    let is_of_this_boot = its.replica.clock.unix_ms(entry.at_us()).abs_diff(unix_ms) < TOLERANCE_MS;
    let (at_us, text) = (entry.at_us(), entry.text().to_owned());
    if !its.replica.instances.contains_key(&name) {
        model.say(format!("the instance {name} is no longer there"), true);
        return;
    }
    model.mark(Some(Spot { node, name }));
    go_to(model, Screen::Instance);
    model.timeline.explained = Some(Explained { at_us, text, is_of_this_boot });
    if is_of_this_boot {
        model.timeline.frozen_at_us = Some(at_us.saturating_add(view::after_us(model)));
    }
}

fn step_instance(model: &mut Model, by: isize) {
    let count = model.list.spots.len();
    if count == 0 {
        return;
    }
    let at = model.selected_index().saturating_add(count).saturating_add_signed(by) % count;
    model.mark(model.list.spots.get(at).cloned());
    model.scroll = 0;
    model.timeline.explained = None;
}

fn page(model: &Model) -> isize {
    isize::try_from(view::scroll_extent(model).page.max(1)).unwrap_or(1)
}

/// Moves the marked line of the overview, or the text of the other screens.
fn scroll(model: &mut Model, by: isize) {
    let extent = view::scroll_extent(model);
    let last = extent.lines.saturating_sub(extent.page);
    if let Some(dialog) = &mut model.dialog {
        if dialog.field().is_some() {
            dialog.jump(by.signum() * FORM_PAGE);
        } else {
            dialog.scroll = dialog.scroll.min(last).saturating_add_signed(by).min(last);
        }
        return;
    }
    if model.screen == Screen::Overview && !model.help {
        let last = model.list.spots.len().saturating_sub(1);
        let at = model.selected_index().saturating_add_signed(by).min(last);
        model.mark(model.list.spots.get(at).cloned());
        return;
    }
    if model.screen == Screen::History && !model.help {
        let last = history::entries(model).len().saturating_sub(1);
        model.history_at = model.history_at.min(last).saturating_add_signed(by).min(last);
        return;
    }
    model.scroll = model.scroll.min(last).saturating_add_signed(by).min(last);
}

fn zoom(model: &mut Model, by: isize) {
    let at = view::zoom(model).saturating_add_signed(by).min(COLUMN_US.len() - 1);
    model.timeline.zoom = Some(at);
    model.timeline.panned = 0;
}

/// Lists what there is now, if that changed. Before a key is taken and before anything is drawn: events alone do not call
/// for it, as there may be hundreds at once.
pub(crate) fn settle(model: &mut Model) {
    if model.list.is_stale(&model.nodes) {
        let index = model.selected_index();
        model.list.arrange(&model.nodes, model.now_us);
        keep_selection(model, index);
    }
    let lost = model.nodes.iter().filter(|node| node.known_until_us.is_some()).count();
    model.widest.renew((model.nodes.revision(), lost), model.now_us);
}

/// Marks another line if the marked one is gone, or hidden by the filter: the one that now stands at `index`.
fn keep_selection(model: &mut Model, index: usize) {
    let is_there = model.selected().is_some();
    let spot = model.selected.clone().map(|name| Spot { node: model.nodes.at, name });
    let is_listed = spot.is_some_and(|spot| model.list.spots.contains(&spot));
    if is_listed || (is_there && model.screen != Screen::Overview) {
        return;
    }
    let last = model.list.spots.len().saturating_sub(1);
    model.mark(model.list.spots.get(index.min(last)).cloned());
    if !is_there && model.screen == Screen::Instance {
        go_to(model, Screen::Overview);
        model.say("the instance is no longer there", true);
    }
}

/// The next questions to the services, if there are any to ask now.
fn ask(model: &mut Model) -> Vec<Command> {
    (0..model.nodes.len()).filter_map(|at| take::question(model, at)).collect()
}

#[cfg(test)]
mod tests;
