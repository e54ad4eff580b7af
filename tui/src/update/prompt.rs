//! The line that is typed in the place of the footer: a filter, which holds at every key, or a command.

use crate::command::{self, Asked};
use crate::model::list::FILTER_CHARS_MAX;
use crate::model::{Filter, Model, Prompt, Typing};
use crate::text::clean;
use crate::update::{Command, TEXT_CHARS_MAX, act, play, sort, steer, theme};

/// Opens the line; a filter that holds can be changed.
pub(super) fn open(model: &mut Model, purpose: Typing) {
    let text = match purpose {
        Typing::Filter => model.filter().map(|filter| filter.text().to_owned()).unwrap_or_default(),
        Typing::Command => String::new(),
    };
    model.prompt = Some(Prompt { purpose, text });
}

pub(super) fn typed(model: &mut Model, letter: char) {
    let Some(prompt) = &mut model.prompt else { return };
    if prompt.text.chars().count() < FILTER_CHARS_MAX {
        prompt.text.push(letter);
        changed(model);
    }
}

pub(super) fn erase(model: &mut Model) {
    let Some(prompt) = &mut model.prompt else { return };
    if prompt.text.pop().is_none() {
        model.prompt = None;
        return;
    }
    changed(model);
}

pub(super) fn erase_all(model: &mut Model) {
    let Some(prompt) = &mut model.prompt else { return };
    prompt.text.clear();
    changed(model);
}

pub(super) fn abandon(model: &mut Model) {
    erase_all(model);
    model.prompt = None;
}

pub(super) fn accept(model: &mut Model) -> Vec<Command> {
    let Some(prompt) = model.prompt.take() else { return Vec::new() };
    if prompt.purpose == Typing::Filter {
        return Vec::new();
    }
    match command::read(model, &prompt.text) {
        Ok(Asked::Nothing) => {}
        Ok(Asked::Act(action)) => return act(model, action),
        Ok(Asked::On(action, name)) => {
            model.selected = Some(name);
            return act(model, action);
        }
        Ok(Asked::Order(verb)) => return steer::asked(model, verb),
        Ok(Asked::Filter(text)) => model.set_filter(Filter::new(&text)),
        Ok(Asked::Sort(order)) => sort(model, order),
        Ok(Asked::Columns(columns)) => model.columns = columns,
        Ok(Asked::Seek(moment)) => return play::seek(model, moment),
        Ok(Asked::Theme(chosen)) => theme(model, chosen),
        Ok(Asked::Extra(key)) => return vec![Command::Extra(key)],
        Err(wrong) => model.say(clean(&wrong, TEXT_CHARS_MAX), true),
    }
    Vec::new()
}

pub(super) fn complete(model: &mut Model) {
    let Some(prompt) = model.prompt.as_ref().filter(|prompt| prompt.purpose == Typing::Command) else { return };
    let (before, names) = command::completions(model, &prompt.text);
    let mut text = format!("{before}{}", command::in_common(&names));
    let is_whole = names.len() == 1;
    if let Some(prompt) = model.prompt.as_mut().filter(|_| !names.is_empty()) {
        if is_whole && before.is_empty() {
            text.push(' ');
        }
        prompt.text = text.chars().take(FILTER_CHARS_MAX).collect();
    }
}

/// The filter holds while it is typed.
fn changed(model: &mut Model) {
    let Some(prompt) = &model.prompt else { return };
    if prompt.purpose == Typing::Filter {
        let filter = Filter::new(&prompt.text);
        model.set_filter(filter);
        (model.scroll, model.history_at) = (0, 0);
    }
}
