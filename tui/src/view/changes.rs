//! The last changes of the configuration.

use locum_control::{ChangeRecord, ChangeStanding};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::Model;
use crate::text::{date_time, span};
use crate::theme::Tone;
use crate::view::pen::{Line, Pen, draw_lines, line, wrap};
use crate::view::{Extent, below_head};

/// The changes, newest first.
pub(super) fn render(model: &Model, area: Rect, buf: &mut Buffer) {
    Pen::new(buf, model.look, area, 0).put("Changes of the configuration, newest first (UTC)", Tone::Heading);
    if model.nodes.current().changes.is_empty() {
        Pen::new(buf, model.look, area, 2).skip(2).put("none yet", Tone::Text);
    }
    draw_lines(&lines(model, area.width), model.scroll, model.look, below_head(area), buf);
}

pub(super) fn extent(model: &Model, area: Rect) -> Extent {
    Extent { lines: lines(model, area.width).len(), page: below_head(area).height.into() }
}

fn lines(model: &Model, width: u16) -> Vec<Line> {
    let now_ms = model.replica().clock.unix_ms(model.server_us());
    model.nodes.current().changes.iter().flat_map(|record| entry(record, now_ms, width)).collect()
}

fn entry(record: &ChangeRecord, now_ms: u64, width: u16) -> Vec<Line> {
    let left = |until_ms: u64| span(until_ms.saturating_sub(now_ms).saturating_mul(1_000));
    let (standing, tone) = match record.standing {
        ChangeStanding::OnTrial { until_unix_ms } => {
            (format!("ON TRIAL, taken back in {}", left(until_unix_ms)), Tone::Alert)
        }
        ChangeStanding::HoldsUntil { until_unix_ms } => (format!("holds for {}", left(until_unix_ms)), Tone::Warning),
        ChangeStanding::Holds => ("holds until the service ends".to_owned(), Tone::Warning),
        ChangeStanding::Saved => ("saved".to_owned(), Tone::Text),
        ChangeStanding::TakenBack => ("taken back".to_owned(), Tone::Subdued),
        ChangeStanding::NotConfirmed => ("taken back: nobody confirmed it".to_owned(), Tone::Subdued),
        ChangeStanding::Over => ("over".to_owned(), Tone::Subdued),
        ChangeStanding::Lost => ("lost when the service ended".to_owned(), Tone::Subdued),
        ChangeStanding::Done => (String::new(), Tone::Subdued),
        ChangeStanding::NotAllowed => ("not allowed".to_owned(), Tone::Subdued),
    };
    let mut lines = vec![vec![
        (format!("{:>4} ", record.number), Tone::Key),
        (format!("{} {}: ", date_time(record.at_unix_ms, now_ms), record.who), Tone::Text),
        (standing, tone),
    ]];
    let room = usize::from(width).saturating_sub(5);
    let what = record.what.iter().flat_map(|what| wrap(what, room));
    lines.extend(what.map(|text| line(format!("     {text}"), Tone::Text)));
    lines
}
