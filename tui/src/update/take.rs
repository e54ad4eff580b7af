//! What the links report, and what is to be asked next.

use locum_control::{ErrorCode, Item, Verb};

use crate::link::{Purpose, Report};
use crate::model::node::{Play, Refresh};
use crate::model::replica::Follow;
use crate::model::{Connection, Model, Node, Screen};
use crate::text::clean;
use crate::update::{Command, TEXT_CHARS_MAX, answers, steer};

/// The pause between two questions that events raise.
const ASK_PAUSE_US: u64 = 100_000;
/// Counters are fetched again after this time, and a bit later for each instance there is.
const REFRESH_US: u64 = 5_000_000;
const REFRESH_PER_INSTANCE_US: u64 = 20_000;
/// So many instances to ask for, and it is simpler to ask for all.
const ASK_ONE_BY_ONE_MAX: usize = 8;

/// Takes in what the link to service `at` reports.
pub(crate) fn take(model: &mut Model, at: usize, report: Report) {
    let now_us = model.now_us;
    let is_shown = at == model.nodes.at;
    let of = if model.nodes.are_several() { format!("{}: ", model.nodes.name(at)) } else { String::new() };
    let Some(node) = model.nodes.get_mut(at) else { return };
    match report {
        Report::Connecting => {}
        Report::Played(play) => node.play = Some(Play { as_of_us: now_us, ..play }),
        Report::Rewound => node.replica.forget(),
        Report::Connected(hello) => {
            let its_now_us = node.now_us(now_us);
            node.replica.greeted(its_now_us, &hello);
            node.connection = Connection::Syncing;
            node.refresh = Refresh { asking: true, asked_at_us: now_us, ..Refresh::default() };
        }
        Report::Begin(Purpose::Order(_)) => node.answer = crate::model::node::Answer::default(),
        Report::Begin(purpose) => node.replica.begin(&purpose),
        Report::Item(item) => {
            if let Some(item) = answers::item(node, *item) {
                // A recording does not tell when it was asked.
                let asked_at_us = if node.play.is_some() { node.now_us(now_us) } else { node.refresh.asked_at_us };
                let asked_at_us = if matches!(item, Item::Service(_)) { asked_at_us } else { now_us };
                node.replica.item(asked_at_us, node.now_us(now_us), item);
            }
        }
        Report::Done(Purpose::Order(verb), text) => answers::done(model, at, verb, &text),
        Report::Refused(Purpose::Order(verb), refusal) => answers::refused(model, at, verb, &refusal),
        Report::Done(purpose, _) => {
            if purpose == Purpose::Watch {
                node.connection = Connection::Attached;
                node.known_until_us = None;
            }
            answered(node, now_us, &purpose);
            node.replica.done(&purpose);
            if let Some(retry) = node.retry.as_mut().filter(|_| matches!(purpose, Purpose::Watch | Purpose::All)) {
                retry.is_ready = true;
            }
        }
        Report::Refused(purpose, refusal) => {
            answered(node, now_us, &purpose);
            match purpose {
                Purpose::One(name) if refusal.code == ErrorCode::UnknownInstance => {
                    node.replica.remove(&name);
                }
                Purpose::Watch | Purpose::All | Purpose::One(_) | Purpose::Order(_) => {
                    model.say(of + &clean(&refusal.message, TEXT_CHARS_MAX), true);
                }
            }
        }
        Report::Notice(notice) => match node.replica.notice(*notice) {
            Follow::Nothing => {}
            Follow::Ask(name) => {
                node.refresh.instances.insert(name);
                if node.refresh.instances.len() > ASK_ONE_BY_ONE_MAX {
                    node.refresh.instances.clear();
                    node.refresh.all_at_us = now_us;
                }
            }
            Follow::AskAll => {
                node.refresh.changes = is_shown && model.screen == Screen::Changes;
                node.refresh.instances.clear();
                node.refresh.all_at_us = now_us;
            }
            Follow::Resync => node.refresh.resync = true,
            Follow::Stopping => model.say(of + "the service stops", true),
        },
        Report::Gap => node.refresh.resync = true,
        Report::Odd => {
            model.say(of + "the service says things that this console does not know: it may be newer", false);
        }
        Report::Lost { reason, retry_in } => {
            let retry_us = u64::try_from(retry_in.as_micros()).unwrap_or(u64::MAX);
            let retry_at_us = now_us.saturating_add(retry_us);
            node.known_until_us.get_or_insert(now_us);
            node.connection = Connection::Lost { reason: clean(&reason, TEXT_CHARS_MAX), retry_at_us };
            (node.form, node.retry, node.was_stale) = (None, None, false);
            // What it said before matters less than that it is gone, and why.
            if is_shown {
                model.message = None;
            }
            if model.dialog.as_ref().is_some_and(|dialog| dialog.node == at) {
                model.dialog = None;
            }
        }
    }
}

/// A question was answered: the next one may be asked.
fn answered(node: &mut Node, now_us: u64, purpose: &Purpose) {
    let count = u64::try_from(node.replica.instances.len()).unwrap_or(u64::MAX);
    let refresh = &mut node.refresh;
    refresh.asking = false;
    refresh.not_before_us = now_us.saturating_add(ASK_PAUSE_US);
    if matches!(purpose, Purpose::Watch | Purpose::All) {
        let pause_us = REFRESH_US.saturating_add(count.saturating_mul(REFRESH_PER_INSTANCE_US));
        refresh.all_at_us = now_us.saturating_add(pause_us);
    }
}

/// The next question to service `at`, if there is one to ask now.
pub(super) fn question(model: &mut Model, at: usize) -> Option<Command> {
    let now_us = model.now_us;
    let node = model.nodes.get_mut(at)?;
    if !matches!(node.connection, Connection::Attached) || node.play.is_some() {
        return None;
    }
    if let Some(retry) = node.retry.take_if(|retry| retry.is_ready) {
        node.was_stale = true;
        return Some(steer::preview(model, at, retry.edits));
    }
    let refresh = &mut node.refresh;
    if std::mem::take(&mut refresh.changes) {
        return Some(Command::Ask(at, Purpose::Order(Verb::Changes)));
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
    (refresh.asking, refresh.asked_at_us) = (true, now_us);
    Some(Command::Ask(at, purpose))
}
