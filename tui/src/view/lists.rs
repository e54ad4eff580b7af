//! The history and the help.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::action::{self, Context};
use crate::key::Key;
use crate::model::{Model, Screen};
use crate::text::date_time;
use crate::theme::Tone;
use crate::view::Extent;
use crate::view::overview::state_tone;
use crate::view::pen::{Line, Pen, draw_lines, line};

/// The changes of state of all instances, newest first.
pub(super) fn history(model: &Model, area: Rect, buf: &mut Buffer) {
    Pen::new(buf, model.palette, area, 0).put("Changes of state, newest first (UTC)", Tone::Heading);
    if model.replica.history.is_empty() {
        Pen::new(buf, model.palette, area, 2).skip(2).put("none yet", Tone::Text);
    }
    draw_lines(&history_lines(model), model.scroll, model.palette, below_head(area), buf);
}

pub(super) fn history_extent(model: &Model, area: Rect) -> Extent {
    Extent { lines: model.replica.history.len(), page: below_head(area).height.into() }
}

fn below_head(area: Rect) -> Rect {
    Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area }.intersection(area)
}

fn history_lines(model: &Model) -> Vec<Line> {
    let now_ms = model.replica.clock.unix_ms(model.server_us());
    let name_cells =
        model.replica.history.iter().map(|record| record.instance.chars().count()).max().unwrap_or(0).min(20);
    let records = model.replica.history.iter().rev();
    records
        .map(|record| {
            vec![
                (format!("{} ", date_time(record.at_unix_ms, now_ms)), Tone::Subdued),
                (format!("{:<name_cells$.name_cells$} ", record.instance), Tone::Text),
                (format!("{:<6} ", record.to.to_string()), state_tone(record.to)),
                (record.text.clone(), Tone::Text),
            ]
        })
        .collect()
}

/// The keys, those of the screen below the help first.
pub(super) fn help(model: &Model, area: Rect, buf: &mut Buffer) {
    draw_lines(&help_lines(model), model.scroll, model.palette, area, buf);
}

pub(super) fn help_extent(model: &Model, area: Rect) -> Extent {
    Extent { lines: help_lines(model).len(), page: area.height.into() }
}

fn help_lines(model: &Model) -> Vec<Line> {
    let here = match model.screen {
        Screen::Overview => Context::Overview,
        Screen::Instance => Context::Instance,
        Screen::History { .. } => Context::History,
    };
    let mut lines = vec![line(format!("Keys: {}", here.name()), Tone::Heading)];
    lines.extend(action::in_context(here).map(binding_line));
    if !model.extra_actions.is_empty() {
        lines.push(Line::new());
        lines.push(line("Keys of this program", Tone::Heading));
        for extra in &model.extra_actions {
            lines.push(vec![
                (format!("{:<16}", extra.key), Tone::Key),
                (format!("{}: {}", extra.name, extra.help), Tone::Text),
            ]);
        }
    }
    lines.push(Line::new());
    lines.push(line("Timeline", Tone::Heading));
    let (advert, several, quiet, missed) =
        if model.unicode { ("│", "║", "·", "░") } else { ("|", ":", ".", "_") };
    let marks = [
        (advert, "an advert"),
        (several, "several adverts in one column"),
        (quiet, "between two adverts"),
        (missed, "an advert is missing: more than half an interval late"),
        ("0", "an advert of priority 0: the master leaves"),
        ("X", "an advert that was discarded; below is why"),
        ("M B F I", "this router became MASTER, BACKUP, FAULT or INIT"),
        ("^", "now, or when it was frozen"),
    ];
    for (mark, words) in marks {
        lines.push(vec![(format!("{mark:<16}"), Tone::Key), (words.to_owned(), Tone::Text)]);
    }
    for context in Context::ALL.into_iter().filter(|context| *context != here) {
        let shared = |binding: &&action::Binding| !binding.contexts.contains(&here);
        let mut bindings = action::in_context(context).filter(shared).peekable();
        if bindings.peek().is_some() {
            lines.push(Line::new());
            lines.push(line(format!("Keys: {}", context.name()), Tone::Heading));
            lines.extend(bindings.map(binding_line));
        }
    }
    lines
}

fn binding_line(binding: &action::Binding) -> Line {
    let keys: Vec<String> = binding.keys.iter().map(Key::to_string).collect();
    vec![(format!("{:<15} ", keys.join(" ")), Tone::Key), (format!("{}: {}", binding.name, binding.help), Tone::Text)]
}
