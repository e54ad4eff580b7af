//! A line for each instance, the worst first.

use locum_control::{InstanceStatus, State, headline, priority_sum};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::{Connection, Instance, Model, Sort};
use crate::text::{count, fit_end, span, width};
use crate::theme::Tone;
use crate::view::pen::{Pen, wrap};
use crate::view::{Extent, Room};

/// Below the list: a rule, who is master, the addresses, the last change.
const DETAIL_ROWS: u16 = 4;
const COMPACT_DETAIL_ROWS: u16 = 1;

pub(super) fn render(model: &Model, area: Rect, buf: &mut Buffer) {
    if model.replica.instances.is_empty() {
        let lines = nothing(model).into_iter().flat_map(|text| wrap(&text, usize::from(area.width.saturating_sub(4))));
        for (row, text) in (1..area.height).zip(lines) {
            Pen::new(buf, model.look, area, row).skip(2).put(&text, Tone::Text);
        }
        return;
    }
    if model.list.names.is_empty() {
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
    let names = model.list.names.iter().enumerate().skip(first);
    for (row, (index, name)) in (0..list.height).zip(names) {
        let Some(instance) = model.replica.instances.get(name) else { continue };
        widths.row(model, instance, index == selected, &mut Pen::new(buf, model.look, list, row));
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
    Extent { lines: model.list.names.len(), page: list_area(model, area).height.into() }
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

/// How wide each column is; 0 leaves it out.
pub(super) struct Widths {
    name: usize,
    vrid: usize,
    interface: usize,
    state: usize,
    since: usize,
    priority: usize,
    master: usize,
    health: usize,
    group: usize,
    vips: usize,
    cause: usize,
}

impl Widths {
    pub(super) fn choose(model: &Model, room: usize, full: bool) -> Self {
        let statuses = || model.replica.instances.values().map(|instance| &instance.status);
        let widest = |text: fn(&InstanceStatus) -> String, least: usize, most: usize| {
            statuses().map(|status| width(&text(status))).max().unwrap_or(0).clamp(least, most)
        };
        let mut widths = Self {
            name: widest(|status| status.name.clone(), 4, 20),
            vrid: 4,
            interface: widest(|status| status.interface.clone(), 5, 15),
            state: 6,
            since: 6,
            priority: widest(priority, 4, 8),
            master: widest(master, 6, 24),
            health: widest(health, 12, 17),
            group: 0,
            vips: 0,
            cause: 0,
        };
        if !full {
            widths = Self { vrid: 0, interface: 0, priority: 0, health: 0, name: widths.name.min(12), ..widths };
        }
        // What is cut first still tells things apart.
        let least = |width: &mut usize, least: usize, over: usize| *width -= over.min(width.saturating_sub(least));
        for step in 0..4 {
            let over = widths.total().saturating_sub(room);
            match step {
                0 => least(&mut widths.interface, 6, over),
                1 => least(&mut widths.name, 10, over),
                2 => least(&mut widths.master, 10, over),
                _ => least(&mut widths.health, 9, over),
            }
        }
        if full {
            let group = widest(|status| status.group.clone().unwrap_or_default(), 0, 12);
            if group > 0 && widths.total() + 1 + group.max(5) <= room {
                widths.group = group.max(5);
            }
            let vips = widest(vips, 4, 36);
            if widths.total() + 1 + vips <= room {
                widths.vips = vips;
            }
            let rest = room.saturating_sub(widths.total() + 1);
            if widths.vips > 0 && rest >= 16 {
                widths.cause = rest;
            }
        }
        widths
    }

    fn total(&self) -> usize {
        let all = [
            self.name,
            self.vrid,
            self.interface,
            self.state,
            self.since,
            self.priority,
            self.master,
            self.health,
            self.group,
            self.vips,
            self.cause,
        ];
        let shown = all.iter().filter(|width| **width > 0);
        2 + shown.map(|width| width + 1).sum::<usize>() - 1
    }

    pub(super) fn head(&self, pen: &mut Pen<'_>) {
        pen.skip(2);
        let columns = [
            ("NAME", self.name),
            ("VRID", self.vrid),
            ("IFACE", self.interface),
            ("STATE", self.state),
            ("SINCE", self.since),
            ("PRIO", self.priority),
            ("MASTER", self.master),
            ("RX/LATE/MISS", self.health),
            ("GROUP", self.group),
            ("ADDRESSES", self.vips),
            ("LAST CHANGE", self.cause),
        ];
        for (title, width) in columns {
            if width > 0 {
                pen.column(title, width, Tone::Heading);
            }
        }
    }

    pub(super) fn row(&self, model: &Model, instance: &Instance, selected: bool, pen: &mut Pen<'_>) {
        let status = &instance.status;
        let plain = if selected { Tone::Selected } else { Tone::Text };
        if selected {
            pen.put("►", Tone::Key);
        } else {
            pen.skip(1);
        }
        if status.state == State::Fault || status.second_master.is_some() {
            pen.put("!", Tone::Alert);
        } else {
            pen.skip(1);
        }
        let since = span(model.server_us().saturating_sub(status.since_us));
        let cause = status.last_transition.as_ref().map_or("", |last| last.text.as_str());
        let troubled = status.senders.iter().any(|sender| sender.late > 0 || sender.missed > 0);
        pen.column(&status.name, self.name, plain);
        if self.vrid > 0 {
            pen.number(&status.vrid.to_string(), self.vrid, Tone::Text);
            pen.column(&status.interface, self.interface, Tone::Text);
        }
        pen.column(&status.state.to_string(), self.state, state_tone(status.state));
        pen.column(&since, self.since, Tone::Text);
        if self.priority > 0 {
            pen.column(&priority(status), self.priority, Tone::Text);
        }
        let master_tone = if status.second_master.is_some() { Tone::Alert } else { Tone::Text };
        pen.column(&fit_end(&master(status), self.master), self.master, master_tone);
        if self.health > 0 {
            pen.column(&health(status), self.health, if troubled { Tone::Warning } else { Tone::Text });
        }
        if self.group > 0 {
            pen.column(status.group.as_deref().unwrap_or("-"), self.group, Tone::Text);
        }
        if self.vips > 0 {
            pen.column(&vips(status), self.vips, Tone::Text);
        }
        if self.cause > 0 {
            pen.column(cause, self.cause, Tone::Subdued);
        }
    }
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

fn master(status: &InstanceStatus) -> String {
    if let Some(second) = &status.second_master {
        return format!("also {}", second.address);
    }
    match (&status.master, status.state) {
        (_, State::Master) => "this router".into(),
        (_, State::Fault) => "-".into(),
        (Some(master), State::Backup | State::Init) if master.is_self => "this router".into(),
        (Some(master), State::Backup | State::Init) => master.address.to_string(),
        (None, State::Backup | State::Init) => "none heard".into(),
    }
}

/// Adverts received, late and missed, of all senders together.
fn health(status: &InstanceStatus) -> String {
    let sum = |number: fn(&locum_control::SenderStatus) -> u32| {
        count(status.senders.iter().map(number).fold(0, u32::saturating_add))
    };
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
    Pen::new(buf, model.look, area, 0).skip(2).put(&format!(" {} ", status.name), Tone::Key);
    let alarming = status.state == State::Fault || status.second_master.is_some();
    Pen::new(buf, model.look, area, 1)
        .put(&format!("{} ", status.state), state_tone(status.state))
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
    if let Some(last) = &status.last_transition {
        let now_ms = model.replica.clock.unix_ms(model.server_us());
        let ago = span(now_ms.saturating_sub(last.at_unix_ms).saturating_mul(1_000));
        Pen::new(buf, model.look, area, 3)
            .put("last change ", Tone::Subdued)
            .put(&format!("{ago} ago, {} to {}: {}", last.from, last.to, last.text), Tone::Text);
    }
}

/// What to say where there is no instance to show.
pub(super) fn nothing(model: &Model) -> Vec<String> {
    let socket = model.routers.get(model.router).map(|router| router.socket.display().to_string()).unwrap_or_default();
    match &model.connection {
        Connection::Connecting => vec![format!("attaching to {socket} ...")],
        Connection::Syncing => vec!["reading what the service knows ...".to_owned()],
        Connection::Attached => {
            let file = model.replica.service.as_ref().map_or("", |service| service.configuration.as_str());
            vec![
                "There is no instance.".to_owned(),
                format!("The service runs, but {file} configures no vrrp_instance."),
            ]
        }
        Connection::Lost { reason, retry_at_us, .. } => {
            let left_s = retry_at_us.saturating_sub(model.now_us).div_ceil(1_000_000);
            vec![
                reason.clone(),
                format!("Next attempt in {left_s} s. Is the service running (locum run), and is this its socket?"),
            ]
        }
    }
}

/// For a window of a few cells: state and name of as many instances as there are rows, the worst first.
pub(super) fn tiny(model: &Model, area: Rect, buf: &mut Buffer) {
    if !matches!(model.connection, Connection::Attached) || model.list.names.is_empty() {
        let text = match model.connection {
            Connection::Attached if !model.replica.instances.is_empty() => "none with these words",
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
    let names = model.list.names.iter().skip(first).chain(model.list.names.iter().take(first));
    for (row, name) in (0..area.height).zip(names) {
        let Some(instance) = model.replica.instances.get(name) else { continue };
        let status = &instance.status;
        let mut pen = Pen::new(buf, model.look, area, row);
        if status.second_master.is_some() {
            pen.put("!", Tone::Alert);
        }
        pen.column(&status.state.to_string(), 6, state_tone(status.state)).put(name, Tone::Text);
    }
}
