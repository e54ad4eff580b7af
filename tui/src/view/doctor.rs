//! What was found to keep the instances from working, and what to do about it.

use locum_control::{Check, CheckResult};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Model;
use crate::theme::Tone;
use crate::view::pen::{Line, Pen, draw_lines, line, wrap};
use crate::view::{Extent, below_head};

/// The results at the left, and what stands below them.
const RESULT_CELLS: usize = 10;

pub(super) fn render(model: &Model, area: Rect, buf: &mut Buffer) {
    Pen::new(buf, model.look, area, 0).put(&title(model), Tone::Heading);
    draw_lines(&lines(model, area.width), model.scroll, model.look, below_head(area), buf);
}

pub(super) fn extent(model: &Model, area: Rect) -> Extent {
    Extent { lines: lines(model, area.width).len(), page: below_head(area).height.into() }
}

/// How many there are of each result.
fn title(model: &Model) -> String {
    let of =
        if model.nodes.are_several() { format!(" on {}", model.nodes.name(model.nodes.at)) } else { String::new() };
    let Some(checks) = &model.nodes.current().checks else { return format!("Doctor{of}") };
    let count = |result| checks.iter().filter(|check| check.result == result).count();
    let counts = CheckResult::WORST_FIRST.map(|result| (count(result), result));
    let words = counts.iter().filter(|(count, _)| *count > 0).map(|(count, result)| format!("{count} {result}"));
    format!("Doctor{of}: {}", words.collect::<Vec<_>>().join(", "))
}

fn lines(model: &Model, width: u16) -> Vec<Line> {
    let Some(checks) = &model.nodes.current().checks else { return Vec::new() };
    if checks.is_empty() {
        return vec![line("nothing was looked at", Tone::Text)];
    }
    checks.iter().flat_map(|check| entry(check, usize::from(width))).collect()
}

fn entry(check: &Check, width: usize) -> Vec<Line> {
    let (word, tone) = match check.result {
        CheckResult::Problem => ("PROBLEM", Tone::Fault),
        CheckResult::Warning => ("warning", Tone::Warning),
        CheckResult::Unknown => ("not known", Tone::Subdued),
        CheckResult::Ok => ("ok", Tone::Text),
    };
    let subject = check.subject.as_ref().map_or_else(String::new, |subject| format!(" {subject}"));
    let room = width.saturating_sub(RESULT_CELLS);
    let mut lines: Vec<Line> = Vec::new();
    for (index, text) in wrap(&format!("{}{subject}: {}", check.name, check.detail), room).into_iter().enumerate() {
        let word = if index == 0 { word } else { "" };
        lines.push(vec![(format!("{word:<RESULT_CELLS$}"), tone), (text, Tone::Text)]);
    }
    // What to do matters only where something is to be done.
    for fix in check.fix.iter().filter(|_| check.result != CheckResult::Ok) {
        let texts = wrap(&format!("do: {fix}"), room).into_iter();
        lines.extend(texts.map(|text| vec![(" ".repeat(RESULT_CELLS), Tone::Text), (text, Tone::Key)]));
    }
    lines
}
