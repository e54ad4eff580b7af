//! The model as cells. Pure: nothing here changes the model or looks at a clock.
//!
//! ```text
//!  bar      locum 0.1.0 on gw-a, up 3 d            connected
//!  banner   what waits for a person: a change on trial, who stands back; absent where there is nothing
//!  body     overview | instance | peers | history | help
//!  status   lines of the program around the console
//!  footer   a message, or the keys
//! ```

mod banner;
mod changes;
mod dialog;
mod doctor;
mod frame;
mod history;
mod instance;
mod lists;
mod overview;
mod peers;
mod pen;
mod plain;
mod service;
mod timeline;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use crate::model::{Model, Screen};
use crate::text;

pub(crate) use instance::{after_us, pan_columns, zoom};
pub(crate) use plain::{lines_of, plain};

/// From this width on, everything is shown.
const FULL_COLUMNS: u16 = 72;
const FULL_ROWS: u16 = 16;
/// From this width on, there is a bar, a list and a footer; below, one line an instance.
const COMPACT_COLUMNS: u16 = 32;
const COMPACT_ROWS: u16 = 6;

/// The whole screen, ready to be drawn.
pub(crate) struct View<'a>(pub(crate) &'a Model);

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Full,
    Compact,
    /// A line an instance, no more.
    Tiny,
}

/// How far a screen can be scrolled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// All lines.
    pub(crate) lines: usize,
    /// Those that fit.
    pub(crate) page: usize,
}

impl Room {
    const fn of(area: Rect) -> Self {
        if area.width >= FULL_COLUMNS && area.height >= FULL_ROWS {
            Self::Full
        } else if area.width >= COMPACT_COLUMNS && area.height >= COMPACT_ROWS {
            Self::Compact
        } else {
            Self::Tiny
        }
    }
}

impl Widget for View<'_> {
    fn render(self, area: Rect, buf: &mut Buffer) {
        let model = self.0;
        if Room::of(area) == Room::Tiny {
            overview::tiny(model, area, buf);
            if let Some(prompt) = &model.prompt {
                let last = Rect { y: area.bottom().saturating_sub(1), height: 1.min(area.height), ..area };
                Clear.render(last, buf);
                frame::prompt(model, prompt, &mut pen::Pen::new(buf, model.look, last, 0));
            }
        } else {
            let body = frame::render(model, area, buf);
            if model.help {
                lists::help(model, body, buf);
            } else {
                match model.screen {
                    Screen::Overview => overview::render(model, body, buf),
                    Screen::Instance => instance::render(model, body, buf),
                    Screen::Peers => peers::render(model, body, buf),
                    Screen::History => history::render(model, body, buf),
                    Screen::Changes => changes::render(model, body, buf),
                    Screen::Service => service::render(model, body, buf),
                    Screen::Doctor => doctor::render(model, body, buf),
                }
            }
        }
        // Last, so that no size hides a question.
        if let Some(dialog) = &model.dialog {
            dialog::render(model, dialog, area, buf);
        }
        if !model.unicode {
            only_ascii(area, buf);
        }
    }
}

/// How far the present screen can be scrolled.
pub(crate) fn scroll_extent(model: &Model) -> Extent {
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    let body = frame::body(model, area);
    if let Some(dialog) = &model.dialog {
        return dialog::extent(dialog, area);
    }
    if model.help {
        return lists::help_extent(model, body);
    }
    match model.screen {
        Screen::Overview => overview::extent(model, body),
        Screen::Instance => instance::extent(model, body),
        Screen::Peers => peers::extent(model, body),
        Screen::History => history::extent(model, body),
        Screen::Changes => changes::extent(model, body),
        Screen::Service => service::extent(model, body),
        Screen::Doctor => doctor::extent(model, body),
    }
}

/// What is left of `area` below a headline.
fn below_head(area: Rect) -> Rect {
    Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area }.intersection(area)
}

/// Replaces what a terminal without UTF-8 cannot show.
fn only_ascii(area: Rect, buf: &mut Buffer) {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            let Some(cell) = buf.cell_mut((x, y)) else { continue };
            if !cell.symbol().is_ascii() {
                let letter = cell.symbol().chars().next().map_or('?', text::ascii);
                cell.set_char(letter);
            }
        }
    }
}

#[cfg(test)]
mod tests;
