//! The help.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::action::{self, Action, Context};
use crate::key::Key;
use crate::model::Model;
use crate::theme::Tone;
use crate::view::Extent;
use crate::view::pen::{Line, draw_lines, line, wrap};

/// The keys at the left of the help.
const KEY_CELLS: usize = 16;

/// The keys, those of the screen below the help first.
pub(super) fn help(model: &Model, area: Rect, buf: &mut Buffer) {
    draw_lines(&help_lines(model, area.width), model.scroll, model.look, area, buf);
}

pub(super) fn help_extent(model: &Model, area: Rect) -> Extent {
    Extent { lines: help_lines(model, area.width).len(), page: area.height.into() }
}

fn help_lines(model: &Model, width: u16) -> Vec<Line> {
    let here = model.screen.context();
    let plays = |binding: &&'static action::Binding| matches!(binding.action, Action::Play(_));
    let (playing, keys): (Vec<_>, Vec<_>) = action::in_context(here).partition(plays);
    let is_playing = model.nodes.current().play.is_some();
    let mut lines = Vec::new();
    let titled = |lines: &mut Vec<Line>, title: &str, bindings: &[&'static action::Binding]| {
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        lines.push(line(format!("Keys: {title}"), Tone::Heading));
        lines.extend(bindings.iter().flat_map(|binding| binding_lines(model, binding, width)));
    };
    if is_playing {
        titled(&mut lines, "a recording", &playing);
    }
    titled(&mut lines, here.name(), &keys);
    if !model.extra_actions.is_empty() {
        lines.push(Line::new());
        lines.push(line("Keys of this program", Tone::Heading));
        for extra in &model.extra_actions {
            lines.extend(explained(&extra.key.to_string(), &format!("{}: {}", extra.name, extra.help), width));
        }
    }
    let legends = [Context::Overview, Context::Instance, Context::Peers];
    let first = legends.into_iter().filter(|context| *context == here);
    for context in first.chain(legends.into_iter().filter(|context| *context != here)) {
        lines.push(Line::new());
        lines.push(line(format!("What stands there: {}", context.name()), Tone::Heading));
        for (mark, words) in legend(context, model.unicode) {
            lines.extend(explained(mark, words, width));
        }
    }
    for context in Context::ALL.into_iter().filter(|context| *context != here) {
        let own = |binding: &&'static action::Binding| !binding.contexts.contains(&here);
        let bindings: Vec<_> = action::in_context(context).filter(own).collect();
        if !bindings.is_empty() {
            titled(&mut lines, context.name(), &bindings);
        }
    }
    if !is_playing {
        titled(&mut lines, "a recording", &playing);
    }
    lines
}

/// The marks and columns of a screen, explained.
fn legend(context: Context, unicode: bool) -> Vec<(&'static str, &'static str)> {
    let either = |better, ascii| if unicode { better } else { ascii };
    match context {
        Context::Overview => vec![
            (either("►", ">"), "the marked line, on which the keys act"),
            ("!", "in FAULT, or a second master is heard"),
            ("?", "of several routers, one that is not reached: as it was when it was last heard"),
            ("PRIO 90(100)", "the priority that counts, and in brackets the configured one if that is another"),
            ("MASTER", "who is master as far as this router knows; \"also\": a second one besides this router"),
            ("RX/LATE/MISS", "adverts received, more than half an interval late, not come at all"),
        ],
        Context::Instance => vec![
            (either("│", "|"), "an advert"),
            (either("║", ":"), "several adverts in one column"),
            (either("·", "."), "between two adverts"),
            (either("░", "_"), "an advert is missing: more than half an interval late"),
            ("*", "an advert with another priority than the one before"),
            ("0", "an advert of priority 0: the master leaves"),
            ("X", "an advert that was discarded; below is why"),
            ("M B F I", "this router became MASTER, BACKUP, FAULT or INIT"),
            ("gw-a < gw-b", "with several routers: what gw-a hears of gw-b"),
            ("^", "now, or when it was frozen"),
        ],
        Context::Peers => vec![
            (either("███", "###"), "the priority, beside the highest one of the group"),
            ("silent", "not heard for longer than a master may be silent: right for a backup, which sends nothing"),
            ("never heard", "a unicast peer that sent nothing yet, so its priority is not known"),
            ("not accepted", "all that it sent was discarded; the reason and what to do stand below it"),
            ("not ours", "another group, whose VRID no instance on this interface has"),
        ],
        Context::History
        | Context::Changes
        | Context::Service
        | Context::Doctor
        | Context::Help
        | Context::Prompt
        | Context::Form
        | Context::Dialog => Vec::new(),
    }
}

fn binding_lines(model: &Model, binding: &'static action::Binding, width: u16) -> Vec<Line> {
    let keys: Vec<String> = model.keymap.keys(binding).iter().map(Key::to_string).collect();
    explained(&keys.join(" "), &format!("{}: {}", binding.name, binding.help), width)
}

/// A key and what it does; the words go on below themselves, or below the key where there is little room.
fn explained(key: &str, words: &str, width: u16) -> Vec<Line> {
    let indent = if width >= 60 { KEY_CELLS } else { 4 };
    let room = usize::from(width).saturating_sub(indent);
    let mut lines: Vec<Line> =
        wrap(words, room).into_iter().map(|text| line(format!("{:indent$}{text}", ""), Tone::Text)).collect();
    if indent > key.chars().count() {
        if let Some(first) = lines.first_mut().and_then(|line| line.first_mut()) {
            first.0.drain(..indent);
        }
        if let Some(first) = lines.first_mut() {
            first.insert(0, (format!("{key:<indent$}"), Tone::Key));
        }
    } else {
        lines.insert(0, line(key, Tone::Key));
    }
    lines
}
