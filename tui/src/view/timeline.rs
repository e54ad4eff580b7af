//! The adverts as they come: a lane for this router and one for each router heard.

use locum_control::{InstanceStatus, State, TransitionRecord};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::group::{members, router_at};
use crate::model::lane::{COLUMN_US, Column, Lane, Window};
use crate::model::{Instance, Model, Node};
use crate::text::{fit_end, span, time_of_day, width};
use crate::theme::Tone;
use crate::view::overview::state_tone;
use crate::view::pen::Pen;

/// A title, and the axis below the lanes.
const FRAME_ROWS: u16 = 2;
const LANES_SHOWN_MAX: usize = 12;

/// How many rows it takes.
pub(super) fn height(model: &Model, instance: &Instance, most: u16) -> u16 {
    let lanes = u16::try_from(rows(model, instance).len()).unwrap_or(u16::MAX);
    lanes.saturating_add(FRAME_ROWS).min(most)
}

/// The zoom in use: the chosen one, or one in which the adverts of the instance stand two or three columns apart.
pub(super) fn zoom(model: &Model, status: &InstanceStatus) -> usize {
    model.timeline.zoom.unwrap_or_else(|| {
        let interval_us = u64::from(status.advert_interval_cs).max(1) * 10_000;
        COLUMN_US.partition_point(|column_us| column_us.saturating_mul(2) <= interval_us).saturating_sub(1)
    })
}

/// How many columns of time there are at this width.
pub(super) fn columns(model: &Model, instance: &Instance, width: u16) -> usize {
    usize::from(width).saturating_sub(label_width(&rows(model, instance), width) + 1)
}

pub(super) fn render(model: &Model, instance: &Instance, area: Rect, buf: &mut Buffer) {
    let all = rows(model, instance);
    let label_cells = label_width(&all, area.width);
    let window = window(model, instance, area.width);
    let shown = usize::from(area.height.saturating_sub(FRAME_ROWS));
    title(model, &window, all.len().saturating_sub(shown), area, buf);
    for (row, lane) in (1..).zip(all.iter().take(shown)) {
        let mut pen = Pen::new(buf, model.look, area, row);
        pen.column(&fit_end(&lane.label, label_cells), label_cells, lane.tone);
        let Some(node) = model.nodes.get(lane.node) else { continue };
        let mut window = window.shifted(lane.shift_us);
        let lost = node.lost_for_us(model.now_us).map(|_| node.server_us(model.now_us));
        if let Some(lost_at_us) = lost {
            window.until_us = window.until_us.min(lost_at_us);
        }
        lane_columns(model, lane, &window, &mut pen);
        if let Some(column) = lost.and_then(|lost_at_us| window.column(lost_at_us)) {
            // What it has done since is not known.
            Pen::new(buf, model.look, area, row).skip(label_cells + 2 + column).put("?", Tone::Warning);
        }
        if lane.is_ours {
            let mut pen = Pen::new(buf, model.look, area, row);
            pen.skip(label_cells + 1);
            let is_its = |record: &&TransitionRecord| {
                record.instance == lane.instance.status.name && is_of_this_boot(node, record)
            };
            let moves: Vec<&TransitionRecord> = node.replica.history.iter().filter(is_its).collect();
            state_letters(&moves, &window, pen);
        }
    }
    axis(model, &window, label_cells, area, buf);
}

fn lane_columns(model: &Model, row: &Row<'_>, window: &Window, pen: &mut Pen<'_>) {
    let Some(lane) = row.lane else { return };
    let status = &row.instance.status;
    let others: Vec<&Lane> = row.instance.lanes.iter().filter(|other| !std::ptr::eq(*other, lane)).collect();
    // A sender of another interval is measured by its own, if it is known.
    let sender = status.senders.iter().find(|sender| !lane.ours && sender.address == lane.source);
    let its_us = sender.map_or(0, |sender| u64::from(sender.advert_interval_cs) * 10_000);
    let own_us = u64::from(status.advert_interval_cs).max(1) * 10_000;
    for column in lane.columns(window, if its_us > 0 { its_us } else { own_us }, &others) {
        let (letter, tone) = mark(column, model.unicode);
        pen.put(letter, tone);
    }
}

/// A row of the timeline: what a router sends, or what it hears of another one.
struct Row<'a> {
    /// Who sends it or hears it: a number of a service.
    node: usize,
    instance: &'a Instance,
    /// `None` as long as nothing was sent.
    lane: Option<&'a Lane>,
    is_ours: bool,
    /// Brings its times to the present service's clock.
    shift_us: i64,
    label: String,
    tone: Tone,
}

/// What this router sends first, in every case, then what the other routers of the group send that the console is
/// attached to; below that, what each of them hears, those that advertise with the higher priority first, and last what
/// has not been heard for long: it gives way where there is not room for all.
fn rows<'a>(model: &'a Model, instance: &'a Instance) -> Vec<Row<'a>> {
    let group = members(model, instance);
    let are_several = group.len() > 1;
    let mut rows = Vec::new();
    for (node, member) in &group {
        let who = if are_several { model.nodes.name(*node) } else { "this router".to_owned() };
        rows.push(Row {
            node: *node,
            instance: member,
            lane: member.lanes.iter().find(|lane| lane.ours),
            is_ours: true,
            shift_us: model.nodes.shift_us(*node, model.now_us),
            label: format!("{who} p{}", member.status.effective_priority),
            tone: state_tone(member.status.state),
        });
    }
    let first_heard = rows.len();
    for (node, member) in &group {
        let mut heard: Vec<&Lane> = member.lanes.iter().filter(|lane| !lane.ours).collect();
        heard.sort_by_key(|lane| std::cmp::Reverse(lane.last_accepted().map(|mark| mark.priority)));
        for lane in heard {
            let who = router_at(model, member, lane.source).unwrap_or_else(|| lane.source.to_string());
            let (label, tone) = label(lane, &who, &member.status);
            let label = if are_several { format!("{} < {label}", model.nodes.name(*node)) } else { label };
            let shift_us = model.nodes.shift_us(*node, model.now_us);
            rows.push(Row { node: *node, instance: member, lane: Some(lane), is_ours: false, shift_us, label, tone });
        }
    }
    if let Some(heard) = rows.get_mut(first_heard..).filter(|_| are_several) {
        heard.sort_by_key(|row| is_silent(model, row));
    }
    rows.truncate(LANES_SHOWN_MAX);
    rows
}

/// Whether nothing has come for so long that somebody else is master meanwhile.
fn is_silent(model: &Model, row: &Row<'_>) -> bool {
    let last_us = row.lane.and_then(Lane::last_accepted).map_or(0, |mark| mark.at_us);
    let now_us = model.nodes.get(row.node).map_or(0, |node| node.server_us(model.now_us));
    now_us.saturating_sub(last_us) > row.instance.status.master_down_interval_us.saturating_mul(2)
}

/// Who is heard, in words, and how it looks.
fn label(lane: &Lane, who: &str, status: &InstanceStatus) -> (String, Tone) {
    let is_master = status.state != State::Master
        && status.master.as_ref().is_some_and(|master| !master.is_self && master.address == lane.source);
    let is_second = status.second_master.as_ref().is_some_and(|second| second.address == lane.source);
    match lane.last_accepted() {
        Some(last) => {
            let tone = match (is_second, is_master) {
                (true, _) => Tone::Alert,
                (false, true) => Tone::Master,
                (false, false) => Tone::Text,
            };
            (format!("{who} p{}", last.priority), tone)
        }
        // Never accepted: a stranger, or misconfigured.
        None => (format!("{who} rejected"), Tone::Warning),
    }
}

fn label_width(rows: &[Row<'_>], room: u16) -> usize {
    let widest = rows.iter().map(|row| width(&row.label)).max().unwrap_or(0);
    widest.clamp(16, (usize::from(room) * 2 / 5).max(16))
}

fn window(model: &Model, instance: &Instance, width: u16) -> Window {
    let zoom = zoom(model, &instance.status);
    let column_us = COLUMN_US.get(zoom).copied().unwrap_or(1_000_000);
    let until_us = model.timeline.frozen_at_us.unwrap_or_else(|| model.timeline_us());
    let columns = u64::try_from(columns(model, instance, width)).unwrap_or(0);
    Window::at(until_us, columns, column_us, model.timeline.panned)
}

const fn mark(column: Column, unicode: bool) -> (&'static str, Tone) {
    match column {
        Column::Blank => (" ", Tone::Text),
        // In the tone of an advert: a change of colour at every column would cost more than all the marks.
        Column::Quiet => (if unicode { "·" } else { "." }, Tone::Mark),
        Column::Missed => (if unicode { "░" } else { "_" }, Tone::Warning),
        Column::One => (if unicode { "│" } else { "|" }, Tone::Mark),
        Column::Several => (if unicode { "║" } else { ":" }, Tone::Mark),
        Column::Priority => ("*", Tone::Warning),
        Column::Zero => ("0", Tone::Warning),
        Column::Rejected => ("X", Tone::Fault),
    }
}

/// Whether a record's boot-time clock is the present one: then both of its times say the same.
fn is_of_this_boot(node: &Node, record: &TransitionRecord) -> bool {
    const TOLERANCE_MS: u64 = 60_000;
    node.replica.clock.unix_ms(record.at_us).abs_diff(record.at_unix_ms) < TOLERANCE_MS
}

/// The first letter of the new state where this router changed it.
fn state_letters(moves: &[&TransitionRecord], window: &Window, mut pen: Pen<'_>) {
    let mut at = 0;
    for record in moves.iter().filter(|record| record.at_us <= window.until_us) {
        // Two changes in one column: the later one would have to go back; the first one stays, the text tells the rest.
        let Some(column) = window.column(record.at_us).filter(|column| *column >= at) else { continue };
        pen.skip(column - at).put(&format!("{:.1}", record.to.to_string()), state_tone(record.to));
        at = column + 1;
    }
}

fn title(model: &Model, window: &Window, hidden: usize, area: Rect, buf: &mut Buffer) {
    let mut rule = Pen::new(buf, model.look, area, 0);
    let dashes = "─".repeat(rule.room());
    rule.put(&dashes, Tone::Subdued);
    let mut pen = Pen::new(buf, model.look, area, 0);
    pen.skip(2);
    pen.put(&format!(" adverts, {} a column ", locum_control::Duration::from_us(window.column_us)), Tone::Text);
    if let Some(frozen_at_us) = model.timeline.frozen_at_us {
        let ago = span(model.timeline_us().saturating_sub(frozen_at_us));
        pen.put(&format!(" FROZEN {ago} ago "), Tone::Selected);
    }
    if hidden > 0 {
        pen.put(&format!(" {hidden} more rows "), Tone::Warning);
    }
    let legend = if model.unicode {
        " │ advert ░ missed 0 leaves X rejected "
    } else {
        " | advert _ missed 0 leaves X rejected "
    };
    if pen.room() > width(legend) + 2 {
        let room = pen.room();
        pen.skip(room - width(legend) - 2).put(legend, Tone::Subdued);
    }
}

/// The time of day (UTC) at round times, and where now is.
fn axis(model: &Model, window: &Window, label_cells: usize, area: Rect, buf: &mut Buffer) {
    const LABEL_CELLS: u64 = 9;
    const STEPS_US: [u64; 13] = [
        1_000_000,
        2_000_000,
        5_000_000,
        10_000_000,
        15_000_000,
        30_000_000,
        60_000_000,
        120_000_000,
        300_000_000,
        600_000_000,
        900_000_000,
        1_800_000_000,
        3_600_000_000,
    ];
    let row = area.height.saturating_sub(1);
    let mut pen = Pen::new(buf, model.look, area, row);
    pen.column("time (UTC)", label_cells, Tone::Subdued);
    let least_us = window.column_us.saturating_mul(LABEL_CELLS + 1);
    let step_ms = STEPS_US.iter().find(|step_us| **step_us >= least_us).copied().unwrap_or(least_us).div_ceil(1_000);
    let clock = &model.replica().clock;
    let mut next = clock.unix_ms(window.start_us(0)).div_ceil(step_ms) * step_ms;
    let mut used = 0;
    let now = window.column(window.until_us);
    for column in 0..window.columns {
        let start = clock.unix_ms(window.start_us(column));
        let end = clock.unix_ms(window.start_us(column + 1)).max(start.saturating_add(1));
        if !(start..end).contains(&next) {
            continue;
        }
        let cells = column..column + LABEL_CELLS;
        let in_the_way = now.and_then(|now| u64::try_from(now).ok()).is_some_and(|now| cells.contains(&now));
        if column < used || cells.end > window.columns || in_the_way {
            next = next.saturating_add(step_ms);
            continue;
        }
        pen.skip(usize::try_from(column - used).unwrap_or(0));
        pen.put("|", Tone::Subdued).put(&time_of_day(next), Tone::Subdued);
        used = column + LABEL_CELLS;
        next = next.saturating_add(step_ms);
    }
    if let Some(now) = now {
        Pen::new(buf, model.look, area, row).skip(label_cells + 1 + now).put("^", Tone::Key);
    }
}
