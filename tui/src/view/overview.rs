//! A line for each instance, the worst first.

use std::net::IpAddr;

use locum_control::{InstanceStatus, SenderStatus, State, headline, priority_sum};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::columns::Column;
use crate::model::group::router_at;
use crate::model::{Connection, Instance, Model, Sort, Spot};
use crate::options::Endpoint;
use crate::text::{clean, count, fit_end, span, width};
use crate::theme::Tone;
use crate::view::pen::{Pen, wrap};
use crate::view::{Extent, Room};

/// Below the list: a rule, who is master, the addresses, the last change.
const DETAIL_ROWS: u16 = 4;
const COMPACT_DETAIL_ROWS: u16 = 1;
/// The bar of the adverts that came in time.
const HEALTH_CELLS: usize = 5;

pub(super) fn render(model: &Model, area: Rect, buf: &mut Buffer) {
    if model.instances().next().is_none() {
        let lines = nothing(model).into_iter().flat_map(|text| wrap(&text, usize::from(area.width.saturating_sub(4))));
        for (row, text) in (1..area.height).zip(lines) {
            Pen::new(buf, model.look, area, row).skip(2).put(&text, Tone::Text);
        }
        return;
    }
    if model.list.spots.is_empty() {
        let text = "no instance has these words; Esc shows all";
        Pen::new(buf, model.look, area, 1).skip(2).put(text, Tone::Text);
        return;
    }
    let full = is_full(model);
    let list = list_area(model, area);
    let widths = Widths::choose(model, area.width.into(), full);
    let mut head = Pen::new(buf, model.look, area, 0);
    widths.head(&mut head);
    let page = usize::from(list.height).max(1);
    let selected = model.selected_index();
    let first = selected / page * page;
    let spots = model.list.spots.iter().enumerate().skip(first);
    for (row, (index, spot)) in (0..list.height).zip(spots) {
        widths.row(model, spot, index == selected, &mut Pen::new(buf, model.look, list, row));
    }
    let detail = Rect { y: list.bottom(), height: area.bottom().saturating_sub(list.bottom()), ..area };
    if full {
        detail_full(model, detail, buf);
    } else if let Some(instance) = model.selected() {
        let mut pen = Pen::new(buf, model.look, detail, 0);
        pen.put(&headline(&instance.status), Tone::Text);
    }
}

pub(super) fn extent(model: &Model, area: Rect) -> Extent {
    Extent { lines: model.list.spots.len(), page: list_area(model, area).height.into() }
}

pub(super) fn is_full(model: &Model) -> bool {
    Room::of(Rect::new(0, 0, model.size.width, model.size.height)) == Room::Full
}

/// Where the rows of the list are: below the head, above the details.
fn list_area(model: &Model, area: Rect) -> Rect {
    let detail = if is_full(model) { DETAIL_ROWS } else { COMPACT_DETAIL_ROWS };
    let list = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1 + detail), ..area };
    list.intersection(area)
}

/// The columns that there is room for, and how wide each is.
pub(super) struct Widths {
    columns: Vec<(Column, usize)>,
}

/// What is left out where there is little room.
const LATER: [Column; 5] = [Column::Group, Column::Vips, Column::Cause, Column::Health, Column::Family];
const COMPACT: [Column; 5] = [Column::Node, Column::Name, Column::State, Column::Since, Column::Master];

impl Widths {
    pub(super) fn choose(model: &Model, room: usize, full: bool) -> Self {
        let are_several = model.nodes.are_several() && model.list.only().is_none();
        let mut columns: Vec<(Column, usize)> = match model.columns.chosen() {
            Some(chosen) => chosen.iter().map(|column| (*column, widest(model, *column, full))).collect(),
            None => {
                let shown = |column: &Column| {
                    !LATER.contains(column)
                        && (full || COMPACT.contains(column))
                        && (are_several || *column != Column::Node)
                };
                Column::ALL.into_iter().filter(shown).map(|column| (column, widest(model, column, full))).collect()
            }
        };
        // What is cut first still tells things apart.
        let cuts = [
            (Column::Interface, 6),
            (Column::Name, 10),
            (Column::Node, 6),
            (Column::Master, 10),
            (Column::Adverts, 9),
            (Column::Cause, 8),
            (Column::Vips, 8),
            (Column::Name, 4),
        ];
        for (column, least) in cuts {
            let over = total(&columns).saturating_sub(room);
            if let Some((_, width)) = columns.iter_mut().find(|(other, _)| *other == column) {
                *width -= over.min(width.saturating_sub(least));
            }
        }
        while total(&columns) > room && columns.len() > 1 {
            columns.pop();
        }
        if model.columns.chosen().is_none() && full {
            columns = Self::with_more(model, columns, room);
        }
        Self { columns }
    }

    /// Adds what there is room for.
    fn with_more(model: &Model, mut columns: Vec<(Column, usize)>, room: usize) -> Vec<(Column, usize)> {
        let has_groups = model.instances().any(|(_, instance)| instance.status.group.is_some());
        let left = |columns: &[(Column, usize)]| room.saturating_sub(total(columns) + 1);
        if has_groups && widest(model, Column::Group, true) <= left(&columns) {
            columns.push((Column::Group, widest(model, Column::Group, true)));
        }
        if widest(model, Column::Vips, true) <= left(&columns) {
            columns.push((Column::Vips, widest(model, Column::Vips, true)));
            // The last one takes what is left; a bar beside the numbers only where that is plenty.
            if left(&columns) >= 40 {
                let at = columns.iter().position(|(column, _)| *column == Column::Adverts);
                columns.insert(at.map_or(0, |at| at + 1), (Column::Health, HEALTH_CELLS));
            }
            if left(&columns) >= 16 {
                columns.push((Column::Cause, left(&columns)));
            }
        }
        columns
    }

    pub(super) fn head(&self, pen: &mut Pen<'_>) {
        pen.skip(2);
        for (column, width) in &self.columns {
            pen.column(column.title(), *width, Tone::Heading);
        }
    }

    pub(super) fn row(&self, model: &Model, spot: &Spot, selected: bool, pen: &mut Pen<'_>) {
        let Some(instance) = model.instance(spot) else { return };
        let status = &instance.status;
        if selected {
            pen.put("►", Tone::Key);
        } else {
            pen.skip(1);
        }
        if !is_attached(model, spot.node) && model.nodes.are_several() {
            // As it was when it was last heard.
            pen.put("?", Tone::Warning);
        } else if status.state == State::Fault || status.second_master.is_some() {
            pen.put("!", Tone::Alert);
        } else {
            pen.skip(1);
        }
        for (column, width) in &self.columns {
            let text = cell(model, spot.node, instance, *column);
            let tone = match column {
                Column::Name if selected => Tone::Selected,
                Column::State | Column::Since | Column::Priority | Column::Master if is_lost(model, spot.node) => {
                    Tone::Subdued
                }
                Column::State => state_tone(status.state),
                Column::Master if status.second_master.is_some() => Tone::Alert,
                Column::Adverts | Column::Health if is_troubled(status) => Tone::Warning,
                Column::Health => Tone::Mark,
                Column::Node if !is_attached(model, spot.node) => Tone::Warning,
                Column::Cause => Tone::Subdued,
                Column::Node
                | Column::Name
                | Column::Vrid
                | Column::Family
                | Column::Interface
                | Column::Since
                | Column::Priority
                | Column::Master
                | Column::Adverts
                | Column::Group
                | Column::Vips => Tone::Text,
            };
            if *column == Column::Vrid {
                pen.number(&text, *width, tone);
            } else if *column == Column::Master {
                // Addresses differ at their end.
                pen.column(&fit_end(&text, *width), *width, tone);
            } else {
                pen.column(&text, *width, tone);
            }
        }
    }
}

/// The cells that a row takes, with its marks and the blanks between.
fn total(columns: &[(Column, usize)]) -> usize {
    2 + columns.iter().map(|(_, width)| width + 1).sum::<usize>().saturating_sub(1)
}

/// How wide a column would like to be.
fn widest(model: &Model, column: Column, full: bool) -> usize {
    let (least, most) = match column {
        Column::Node => (if full { 6 } else { 2 }, 16),
        Column::Name => (4, if full { 20 } else { 12 }),
        Column::Vrid => (4, 4),
        Column::Family => (4, 4),
        Column::Interface => (5, 15),
        // A question mark where it is not known to be so any more.
        Column::State => (6, 7),
        Column::Since => (6, 6),
        Column::Priority => (4, 8),
        Column::Master => (6, 24),
        Column::Adverts => (12, 17),
        Column::Health => (HEALTH_CELLS, HEALTH_CELLS),
        Column::Group => (5, 12),
        Column::Vips => (4, 36),
        Column::Cause => (11, 60),
    };
    if least == most {
        return least;
    }
    let cells = || model.instances().map(|(node, instance)| width(&cell(model, node, instance, column)));
    model.widest.of(column, || cells().max().unwrap_or(0)).clamp(least, most)
}

/// What stands in a column of an instance's line.
fn cell(model: &Model, node: usize, instance: &Instance, column: Column) -> String {
    let status = &instance.status;
    match column {
        Column::Node => model.nodes.name(node),
        Column::Name => status.name.clone(),
        Column::Vrid => status.vrid.to_string(),
        Column::Family => status.family.to_string(),
        Column::Interface => status.interface.clone(),
        Column::State => state(model, node, status),
        Column::Since => {
            let now_us = model.nodes.get(node).map_or(0, |node| node.server_us(model.now_us));
            span(now_us.saturating_sub(status.since_us))
        }
        Column::Priority => priority(status),
        Column::Master => master(model, instance),
        Column::Adverts => health(status),
        Column::Health => health_bar(status),
        Column::Group => status.group.clone().unwrap_or_else(|| "-".into()),
        Column::Vips => vips(status),
        Column::Cause => status.last_transition.as_ref().map_or_else(String::new, |last| last.text.clone()),
    }
}

/// The state, or with a question mark the one that a router was in that is reached no longer.
fn state(model: &Model, node: usize, status: &InstanceStatus) -> String {
    let doubt = if is_lost(model, node) { "?" } else { "" };
    format!("{}{doubt}", status.state)
}

fn is_lost(model: &Model, node: usize) -> bool {
    model.nodes.get(node).is_some_and(|node| node.lost_for_us(model.now_us).is_some())
}

fn is_attached(model: &Model, node: usize) -> bool {
    model.nodes.get(node).is_some_and(|node| matches!(node.connection, Connection::Attached))
}

fn is_troubled(status: &InstanceStatus) -> bool {
    status.senders.iter().any(|sender| sender.late > 0 || sender.missed > 0)
}

/// The tone of a state.
pub(super) const fn state_tone(state: State) -> Tone {
    match state {
        State::Init => Tone::Init,
        State::Fault => Tone::Fault,
        State::Backup => Tone::Backup,
        State::Master => Tone::Master,
    }
}

/// The priority that counts, and the configured one if it is another.
pub(super) fn priority(status: &InstanceStatus) -> String {
    if status.effective_priority == status.priority {
        status.priority.to_string()
    } else {
        format!("{}({})", status.effective_priority, status.priority)
    }
}

fn master(model: &Model, instance: &Instance) -> String {
    let status = &instance.status;
    let named = |address: IpAddr| router_at(model, instance, address).unwrap_or_else(|| address.to_string());
    if let Some(second) = &status.second_master {
        return format!("also {}", named(second.address));
    }
    match (&status.master, status.state) {
        (_, State::Master) => "this router".into(),
        (_, State::Fault) => "-".into(),
        (Some(master), State::Backup | State::Init) if master.is_self => "this router".into(),
        (Some(master), State::Backup | State::Init) => named(master.address),
        (None, State::Backup | State::Init) => "none heard".into(),
    }
}

/// The share of the adverts that came, and came in time, as a bar. One that is lost is never rounded away.
fn health_bar(status: &InstanceStatus) -> String {
    let sum = |number: fn(&SenderStatus) -> u32| status.senders.iter().map(number).map(u64::from).sum::<u64>();
    let (received, late, missed) = (sum(|it| it.received), sum(|it| it.late), sum(|it| it.missed));
    let all = received.saturating_add(missed);
    if all == 0 {
        return String::new();
    }
    let good = received.saturating_sub(late);
    let cells = usize::try_from(good * HEALTH_CELLS as u64 / all).unwrap_or(HEALTH_CELLS);
    format!("{}{}", "█".repeat(cells), "░".repeat(HEALTH_CELLS.saturating_sub(cells)))
}

/// Adverts received, late and missed, of all senders together.
fn health(status: &InstanceStatus) -> String {
    let sum = |number: fn(&SenderStatus) -> u32| count(status.senders.iter().map(number).fold(0, u32::saturating_add));
    format!("{}/{}/{}", sum(|sender| sender.received), sum(|sender| sender.late), sum(|sender| sender.missed))
}

/// The first address, and how many more there are.
fn vips(status: &InstanceStatus) -> String {
    match status.vips.split_first() {
        None => "none".into(),
        Some((first, [])) => first.address.clone(),
        Some((first, rest)) => format!("{} +{}", first.address, rest.len()),
    }
}

fn detail_full(model: &Model, area: Rect, buf: &mut Buffer) {
    let mut rule = Pen::new(buf, model.look, area, 0);
    let dashes = "─".repeat(rule.room());
    rule.put(&dashes, Tone::Subdued);
    if model.list.sort() != Sort::Worst {
        let order = format!(" {} ", model.list.sort().words());
        let mut pen = Pen::new(buf, model.look, area, 0);
        let room = pen.room();
        pen.skip(room.saturating_sub(width(&order) + 2)).put(&order, Tone::Key);
    }
    let Some(instance) = model.selected() else { return };
    let status = &instance.status;
    let of =
        if model.nodes.are_several() { format!(" on {}", model.nodes.name(model.nodes.at)) } else { String::new() };
    Pen::new(buf, model.look, area, 0).skip(2).put(&format!(" {}{of} ", status.name), Tone::Key);
    let alarming = status.state == State::Fault || status.second_master.is_some();
    let mut pen = Pen::new(buf, model.look, area, 1);
    if let Some(lost_us) = model.nodes.current().lost_for_us(model.now_us) {
        pen.put(&format!("not reached for {}; it was ", span(lost_us)), Tone::Warning);
    }
    pen.put(&format!("{} ", status.state), state_tone(status.state))
        .put(&headline(status), if alarming { Tone::Warning } else { Tone::Text });
    let mut pen = Pen::new(buf, model.look, area, 2);
    if status.effective_priority != status.priority {
        pen.put("priority ", Tone::Subdued).put(&priority_sum(status), Tone::Text).put("; ", Tone::Subdued);
    }
    if let Some(group) = &status.group {
        pen.put("group ", Tone::Subdued).put(group, Tone::Text).put("; ", Tone::Subdued);
    }
    pen.put("addresses ", Tone::Subdued);
    let addresses: Vec<String> = status.vips.iter().map(|vip| vip.address.clone()).collect();
    pen.put(&if addresses.is_empty() { "none".to_owned() } else { addresses.join(" ") }, Tone::Text);
    // Why there are two matters more than when it last changed.
    let detail = instance.second_master.as_ref().filter(|_| status.second_master.is_some());
    if let Some(detail) = detail {
        Pen::new(buf, model.look, area, 3).put("second master ", Tone::Subdued).put(detail, Tone::Warning);
    } else if let Some(last) = &status.last_transition {
        let now_ms = model.replica().clock.unix_ms(model.server_us());
        let ago = span(now_ms.saturating_sub(last.at_unix_ms).saturating_mul(1_000));
        let what = format!("{} to {}: {}", last.from, last.to, last.text);
        let mut pen = Pen::new(buf, model.look, area, 3);
        // The cause matters more than what it is called.
        let (label, long) = ("last change ", format!("{ago} ago, {what}"));
        let fits = width(label) + width(&long) <= pen.room();
        if fits {
            pen.put(label, Tone::Subdued);
        }
        let text = if fits { long } else { format!("{ago} ago {what}") };
        pen.put(&text, Tone::Text);
    }
}

/// What to say where there is no instance to show.
pub(super) fn nothing(model: &Model) -> Vec<String> {
    let node = model.nodes.current();
    let endpoint = clean(&node.router.endpoint.to_string(), 200);
    match &node.connection {
        Connection::Connecting => vec![format!("attaching to {endpoint} ...")],
        Connection::Syncing => vec!["reading what the service knows ...".to_owned()],
        Connection::Attached => {
            let file = node.replica.service.as_ref().map_or("", |service| service.configuration.as_str());
            vec![
                "There is no instance.".to_owned(),
                format!("The service runs, but {file} configures no vrrp_instance."),
            ]
        }
        Connection::Lost { reason, retry_at_us, .. } => {
            let left_s = retry_at_us.saturating_sub(model.now_us).div_ceil(1_000_000);
            let advice = match &node.router.endpoint {
                Endpoint::Socket(_) => {
                    format!("Next attempt in {left_s} s. Is the service running (locum run), and is this its socket?")
                }
                Endpoint::Command(_) => format!("Next attempt in {left_s} s."),
                Endpoint::Recording(_) => return vec![reason.clone()],
            };
            vec![reason.clone(), advice]
        }
    }
}

/// For a window of a few cells: state and name of as many instances as there are rows, the worst first.
pub(super) fn tiny(model: &Model, area: Rect, buf: &mut Buffer) {
    let is_any_attached = model.nodes.iter().any(|node| matches!(node.connection, Connection::Attached));
    if !is_any_attached || model.list.spots.is_empty() {
        let text = match model.connection() {
            Connection::Attached if model.instances().next().is_some() => "none with these words",
            Connection::Lost { .. } => "disconnected",
            Connection::Connecting => "connecting",
            Connection::Syncing => "reading",
            Connection::Attached => "no instance",
        };
        Pen::new(buf, model.look, area, 0).put(text, Tone::Alert);
        return;
    }
    let first = model.selected_index();
    // With the marked instance on the top row, j and k reach all of them.
    let spots = model.list.spots.iter().skip(first).chain(model.list.spots.iter().take(first));
    for (row, spot) in (0..area.height).zip(spots) {
        let Some(instance) = model.instance(spot) else { continue };
        let status = &instance.status;
        let mut pen = Pen::new(buf, model.look, area, row);
        if status.second_master.is_some() {
            pen.put("!", Tone::Alert);
        }
        let is_lost = is_lost(model, spot.node);
        let tone = if is_lost { Tone::Subdued } else { state_tone(status.state) };
        pen.column(&state(model, spot.node, status), if is_lost { 7 } else { 6 }, tone).put(&spot.name, Tone::Text);
        if model.nodes.are_several() {
            pen.skip(1).put(&model.nodes.name(spot.node), Tone::Subdued);
        }
    }
}
