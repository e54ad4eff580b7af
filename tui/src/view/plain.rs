//! The overview as lines of text, without frame, mark and keys.

use locum_control::headline;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;

use crate::model::replica::severity;
use crate::model::{Connection, Model};
use crate::theme::Tone;
use crate::view::pen::{Pen, wrap};
use crate::view::{frame, only_ascii, overview};

/// Every instance in a line, then what is wrong with those that are in trouble. Each line ends with a newline.
pub(crate) fn plain(model: &Model) -> String {
    let columns = model.size.width;
    let widths = overview::Widths::choose(model, columns.into(), overview::is_full(model));
    let mut lines = vec![row(model, |area, buf| frame::bar(model, area, overview::is_full(model), buf))];
    if model.instances().next().is_none() {
        let texts = overview::nothing(model).into_iter().flat_map(|text| wrap(&text, columns.into()));
        lines.extend(texts.map(|text| row(model, |area, buf| put(model, &text, area, buf))));
    } else {
        lines.push(row(model, |area, buf| widths.head(&mut Pen::new(buf, model.look, area, 0))));
    }
    for spot in &model.list.spots {
        lines.push(row(model, |area, buf| widths.row(model, spot, false, &mut Pen::new(buf, model.look, area, 0))));
    }
    for spot in &model.list.spots {
        let Some(status) = model.instance(spot).map(|instance| &instance.status).filter(|it| severity(it) < 2) else {
            continue;
        };
        let of = if model.nodes.are_several() { format!(" on {}", model.nodes.name(spot.node)) } else { String::new() };
        let text = format!("! {}{of}: {}", status.name, headline(status));
        let texts = wrap(&text, columns.into()).into_iter();
        lines.extend(texts.map(|text| row(model, |area, buf| put(model, &text, area, buf))));
    }
    for (at, node) in model.nodes.iter().enumerate().filter(|_| model.nodes.are_several()) {
        if let Connection::Lost { reason, .. } = &node.connection {
            let texts = wrap(&format!("! {}: {reason}", model.nodes.name(at)), columns.into()).into_iter();
            lines.extend(texts.map(|text| row(model, |area, buf| put(model, &text, area, buf))));
        }
    }
    lines.concat()
}

fn put(model: &Model, text: &str, area: Rect, buf: &mut Buffer) {
    Pen::new(buf, model.look, area, 0).put(text, Tone::Text);
}

/// A row as it is drawn, with a newline. One at a time: there is no bound on how many there are.
fn row(model: &Model, draw: impl FnOnce(Rect, &mut Buffer)) -> String {
    let area = Rect::new(0, 0, model.size.width, 1);
    let mut buf = Buffer::empty(area);
    draw(area, &mut buf);
    if !model.unicode {
        only_ascii(area, &mut buf);
    }
    lines_of(&buf).concat()
}

/// The rows of a buffer as text, without the blanks at their ends, each with a newline.
pub(crate) fn lines_of(buf: &Buffer) -> Vec<String> {
    let columns = usize::from(buf.area.width).max(1);
    let line = |cells: &[Cell]| {
        let (mut text, mut skip) = (String::new(), 0);
        for cell in cells {
            if skip == 0 {
                text.push_str(cell.symbol());
                skip = crate::text::width(cell.symbol());
            }
            skip = skip.saturating_sub(1);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    };
    buf.content().chunks(columns).map(line).collect()
}
