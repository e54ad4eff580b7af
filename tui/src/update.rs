//! What an event changes. No I/O: what has to be done outside is returned as [`Command`]s.

mod prompt;
mod steer;

use locum_control::{ErrorCode, Verb};

use crate::action::{self, Action, Context};
use crate::console::Event;
use crate::key::Key;
use crate::link::{Purpose, Report};
use crate::model::lane::COLUMN_US;
use crate::model::replica::Follow;
use crate::model::{Connection, Filter, Model, Refresh, STATUS_LINES_MAX, Screen, Sort, Timeline, Typing};
use crate::options::Theme;
use crate::text::clean;
use crate::theme::Palette;
use crate::view;

/// The pause between two questions that events raise.
const ASK_PAUSE_US: u64 = 100_000;
/// Counters are fetched again after this time, and a bit later for each instance there is.
const REFRESH_US: u64 = 5_000_000;
const REFRESH_PER_INSTANCE_US: u64 = 20_000;
/// So many instances to ask for, and it is simpler to ask for all.
const ASK_ONE_BY_ONE_MAX: usize = 8;
const TEXT_CHARS_MAX: usize = 300;

/// What has to be done outside of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Leave.
    Quit,
    /// Ask the terminal for its size and draw everything anew.
    Redraw,
    /// Ask the service.
    Ask(Purpose),
    /// Attach to the router of this number.
    Attach(usize),
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
        Event::Link(report) => {
            take(model, report);
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
    let Some(action) = action::lookup(context, key) else {
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
        Action::NextRouter => return next_router(model),
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
            model.timeline.frozen_at_us = (!frozen).then(|| model.server_us());
        }
        Action::PanBack => {
            let now_us = model.server_us();
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
        | Action::Keep
        | Action::TakeBack
        | Action::Reload => return steer::begin(model, action),
        Action::Changes => {
            go_to(model, Screen::Changes);
            return vec![Command::Ask(Purpose::Order(Verb::Changes))];
        }
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

fn next_router(model: &mut Model) -> Vec<Command> {
    if model.routers.len() < 2 {
        model.say("there is only one router to attach to", false);
        return Vec::new();
    }
    vec![Command::Attach((model.router + 1) % model.routers.len())]
}

fn step_instance(model: &mut Model, by: isize) {
    let count = model.list.names.len();
    if count == 0 {
        return;
    }
    let at = model.selected_index().saturating_add(count).saturating_add_signed(by) % count;
    model.selected = model.list.names.get(at).cloned();
    model.scroll = 0;
}

fn page(model: &Model) -> isize {
    isize::try_from(view::scroll_extent(model).page.max(1)).unwrap_or(1)
}

/// Moves the marked line of the overview, or the text of the other screens.
fn scroll(model: &mut Model, by: isize) {
    if model.screen == Screen::Overview && !model.help {
        let last = model.list.names.len().saturating_sub(1);
        let at = model.selected_index().saturating_add_signed(by).min(last);
        model.selected = model.list.names.get(at).cloned();
        return;
    }
    let extent = view::scroll_extent(model);
    let last = extent.lines.saturating_sub(extent.page);
    model.scroll = model.scroll.min(last).saturating_add_signed(by).min(last);
}

fn zoom(model: &mut Model, by: isize) {
    let at = view::zoom(model).saturating_add_signed(by).min(COLUMN_US.len() - 1);
    model.timeline.zoom = Some(at);
    model.timeline.panned = 0;
}

/// Takes in what the link reports.
pub(crate) fn take(model: &mut Model, report: Report) {
    let now_us = model.now_us;
    match report {
        Report::Connecting(router) => {
            if router != model.router {
                model.router = router;
                model.replica = crate::model::Replica::default();
                model.dialog = None;
                go_to(model, Screen::Overview);
                model.connection = Connection::Connecting;
            }
        }
        Report::Connected(hello) => {
            model.replica.greeted(now_us, &hello);
            model.connection = Connection::Syncing;
            model.refresh = Refresh { asking: true, ..Refresh::default() };
        }
        Report::Begin(Purpose::Order(_)) => {
            model.differences.clear();
            model.foreseen.clear();
            model.changes_coming.clear();
        }
        Report::Begin(purpose) => model.replica.begin(&purpose),
        Report::Item(item) => {
            if let Some(item) = steer::item(model, *item) {
                model.replica.item(now_us, item);
            }
        }
        Report::Done(Purpose::Order(verb), text) => steer::done(model, verb, &text),
        Report::Refused(Purpose::Order(verb), refusal) => steer::refused(model, verb, &refusal),
        Report::Done(purpose, _) => {
            if purpose == Purpose::Watch {
                model.connection = Connection::Attached;
            }
            answered(model, &purpose);
            model.replica.done(&purpose);
            if let Some(retry) = model.retry.as_mut().filter(|_| matches!(purpose, Purpose::Watch | Purpose::All)) {
                retry.is_ready = true;
            }
        }
        Report::Refused(purpose, refusal) => {
            answered(model, &purpose);
            match purpose {
                Purpose::One(name) if refusal.code == ErrorCode::UnknownInstance => {
                    model.replica.remove(&name);
                }
                Purpose::Watch | Purpose::All | Purpose::One(_) | Purpose::Order(_) => {
                    model.say(clean(&refusal.message, TEXT_CHARS_MAX), true);
                }
            }
        }
        Report::Notice(notice) => match model.replica.notice(*notice) {
            Follow::Nothing => {}
            Follow::Ask(name) => {
                model.refresh.instances.insert(name);
                if model.refresh.instances.len() > ASK_ONE_BY_ONE_MAX {
                    model.refresh.instances.clear();
                    model.refresh.all_at_us = now_us;
                }
            }
            Follow::AskAll => {
                model.refresh.changes = model.screen == Screen::Changes;
                model.refresh.instances.clear();
                model.refresh.all_at_us = now_us;
            }
            Follow::Resync => model.refresh.resync = true,
            Follow::Stopping => model.say("the service stops", true),
        },
        Report::Gap => model.refresh.resync = true,
        Report::Odd => model.say("the service says things that this console does not know: it may be newer", false),
        Report::Lost { reason, retry_in } => {
            let retry_us = u64::try_from(retry_in.as_micros()).unwrap_or(u64::MAX);
            let retry_at_us = now_us.saturating_add(retry_us);
            let since_us = match model.connection {
                Connection::Lost { since_us, .. } => since_us,
                Connection::Connecting | Connection::Syncing | Connection::Attached => now_us,
            };
            model.connection = Connection::Lost { reason: clean(&reason, TEXT_CHARS_MAX), retry_at_us, since_us };
            // What it said before matters less than that it is gone, and why.
            model.message = None;
            (model.dialog, model.form, model.retry, model.was_stale) = (None, None, None, false);
        }
    }
}

/// A question was answered: the next one may be asked.
fn answered(model: &mut Model, purpose: &Purpose) {
    let refresh = &mut model.refresh;
    refresh.asking = false;
    refresh.not_before_us = model.now_us.saturating_add(ASK_PAUSE_US);
    if matches!(purpose, Purpose::Watch | Purpose::All) {
        let count = u64::try_from(model.replica.instances.len()).unwrap_or(u64::MAX);
        let pause_us = REFRESH_US.saturating_add(count.saturating_mul(REFRESH_PER_INSTANCE_US));
        refresh.all_at_us = model.now_us.saturating_add(pause_us);
    }
}

/// Lists what there is now, if that changed. Before a key is taken and before anything is drawn: events alone do not call
/// for it, as there may be hundreds at once.
pub(crate) fn settle(model: &mut Model) {
    if model.list.is_stale(&model.replica) {
        let index = model.selected_index();
        model.list.arrange(&model.replica);
        keep_selection(model, index);
    }
}

/// Marks another line if the marked one is gone, or hidden by the filter: the one that now stands at `index`.
fn keep_selection(model: &mut Model, index: usize) {
    let is_there = model.selected().is_some();
    let is_listed = model.selected.as_ref().is_some_and(|name| model.list.names.contains(name));
    if is_listed || (is_there && model.screen != Screen::Overview) {
        return;
    }
    let last = model.list.names.len().saturating_sub(1);
    model.selected = model.list.names.get(index.min(last)).cloned();
    if !is_there && model.screen == Screen::Instance {
        go_to(model, Screen::Overview);
        model.say("the instance is no longer there", true);
    }
}

/// The next question to the service, if there is one to ask now.
fn ask(model: &mut Model) -> Option<Command> {
    if !matches!(model.connection, Connection::Attached) {
        return None;
    }
    if let Some(retry) = model.retry.take_if(|retry| retry.is_ready) {
        model.was_stale = true;
        return Some(steer::preview(model, retry.edits));
    }
    let now_us = model.now_us;
    let refresh = &mut model.refresh;
    if std::mem::take(&mut refresh.changes) {
        return Some(Command::Ask(Purpose::Order(Verb::Changes)));
    }
    if refresh.asking || now_us < refresh.not_before_us {
        return None;
    }
    let purpose = if std::mem::take(&mut refresh.resync) {
        refresh.instances.clear();
        Purpose::Watch
    } else if now_us >= refresh.all_at_us {
        refresh.instances.clear();
        Purpose::All
    } else {
        Purpose::One(refresh.instances.pop_first()?)
    };
    refresh.asking = true;
    Some(Command::Ask(purpose))
}

#[cfg(test)]
mod tests;
