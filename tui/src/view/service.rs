//! The services themselves: what they are, how they do, and how well they are reached.

use locum_control::{FifoStatus, MailStatus};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::{Connection, Model, Node};
use crate::text::{clean, span};
use crate::theme::Tone;
use crate::view::Extent;
use crate::view::pen::{Line, draw_lines, line, wrap};

/// The labels at the left.
const LABEL_CELLS: usize = 14;
const TEXT_CHARS_MAX: usize = 300;
/// A clock that is so far off makes times hard to compare.
const AHEAD_MS: u64 = 1_000;

pub(super) fn render(model: &Model, area: Rect, buf: &mut Buffer) {
    draw_lines(&lines(model, area.width), model.scroll, model.look, area, buf);
}

pub(super) fn extent(model: &Model, area: Rect) -> Extent {
    Extent { lines: lines(model, area.width).len(), page: area.height.into() }
}

fn lines(model: &Model, width: u16) -> Vec<Line> {
    let mut lines = Vec::new();
    for (at, node) in model.nodes.iter().enumerate() {
        if at > 0 {
            lines.push(Line::new());
        }
        lines.push(line(model.nodes.name(at), Tone::Heading));
        let mut section = Section { lines: &mut lines, room: usize::from(width).saturating_sub(LABEL_CELLS) };
        reached(model, at, node, &mut section);
        itself(model, node, &mut section);
    }
    if !model.problems.is_empty() {
        lines.push(Line::new());
        lines.push(line("This console's own file: what stands there and makes no sense", Tone::Heading));
        let mut section = Section { lines: &mut lines, room: usize::from(width).saturating_sub(LABEL_CELLS) };
        model.problems.iter().for_each(|problem| section.put("", problem, Tone::Warning));
    }
    lines
}

/// Lines with labels.
struct Section<'a> {
    lines: &'a mut Vec<Line>,
    room: usize,
}

impl Section<'_> {
    fn put(&mut self, label: &str, text: &str, tone: Tone) {
        for (index, text) in wrap(&clean(text, TEXT_CHARS_MAX), self.room).into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            self.lines.push(vec![(format!("{label:<LABEL_CELLS$}"), Tone::Subdued), (text, tone)]);
        }
    }
}

/// Where it is, whether it answers, and what its clock shows.
fn reached(model: &Model, at: usize, node: &Node, section: &mut Section<'_>) {
    section.put("reached at", &node.router.endpoint.to_string(), Tone::Text);
    let (text, tone) = match &node.connection {
        Connection::Connecting => ("connecting".to_owned(), Tone::Text),
        Connection::Syncing => ("reading what it knows".to_owned(), Tone::Text),
        Connection::Attached if node.play.is_some() => ("a recording".to_owned(), Tone::Text),
        Connection::Attached => ("connected".to_owned(), Tone::Text),
        Connection::Lost { reason, .. } => (format!("disconnected: {reason}"), Tone::Alert),
    };
    section.put("connection", &text, tone);
    if !model.nodes.are_several() {
        return;
    }
    match model.nodes.ahead_ms(at, model.now_us) {
        Some((ahead_ms, error_ms)) => {
            let apart_ms = ahead_ms.unsigned_abs();
            let text = match ahead_ms {
                _ if apart_ms <= error_ms.max(20) => "as the first router's".to_owned(),
                0.. => format!("{} ahead of the first router's", seconds(apart_ms)),
                ..0 => format!("{} behind the first router's", seconds(apart_ms)),
            };
            let tone = if apart_ms > AHEAD_MS.max(error_ms) { Tone::Warning } else { Tone::Text };
            section.put("wall clock", &format!("{text}, to {error_ms} ms"), tone);
        }
        None => section.put("wall clock", "not known", Tone::Subdued),
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03} s", ms / 1_000, ms % 1_000)
}

/// What it says of itself.
fn itself(model: &Model, node: &Node, section: &mut Section<'_>) {
    let Some(service) = &node.replica.service else { return };
    let up = span(service.uptime_us.saturating_add(node.server_us(model.now_us).saturating_sub(service.now_us)));
    let text = format!("locum {} on {}, process {}, up {up}", service.version, service.host, service.pid);
    section.put("service", &text, Tone::Text);
    let (errors, warnings) = (service.configuration_errors, service.configuration_warnings);
    let (found, tone) = match (errors, warnings) {
        (0, 0) => ("no errors or warnings".to_owned(), Tone::Text),
        (0, warnings) => (format!("{warnings} warnings: locum check explains them"), Tone::Warning),
        (errors, warnings) => (format!("{errors} ERRORS, {warnings} warnings: locum check explains them"), Tone::Fault),
    };
    section.put("configuration", &format!("{}, revision {}: {found}", service.configuration, service.revision), tone);
    match service.unsaved_changes {
        0 => section.put("changes", "all that runs is in the file", Tone::Text),
        count => section.put("changes", &format!("{count} are not in the file: C lists them"), Tone::Warning),
    }
    let late = locum_control::Duration::from_us(service.lateness_max_us);
    section.put("engine", &format!("its timer came {late} late at the worst"), Tone::Text);
    let slow = if service.notices_missed > 0 {
        format!("; {} events came too fast for some of them", service.notices_missed)
    } else {
        String::new()
    };
    section.put("clients", &format!("{} on its socket{slow}", service.clients), Tone::Text);
    if service.reports_lost > 0 {
        let text = format!("{} reports of the engine were lost: the machine was too busy", service.reports_lost);
        section.put("", &text, Tone::Warning);
    }
    for (index, fifo) in service.fifos.iter().enumerate() {
        let (text, tone) = fifo_words(fifo);
        section.put(if index == 0 { "FIFOs" } else { "" }, &text, tone);
    }
    if let Some(mail) = &service.mail {
        let (text, tone) = mail_words(mail);
        section.put("mail", &text, tone);
        if let Some(error) = &mail.last_error {
            section.put("", &format!("the last attempt failed: {error}"), Tone::Warning);
        }
    }
    for (index, interface) in node.replica.interfaces.values().map(|interface| &interface.status).enumerate() {
        let (words, tone) = match (interface.exists, interface.up) {
            (false, _) => ("does not exist", Tone::Fault),
            (true, false) => ("is down", Tone::Fault),
            (true, true) => ("is up", Tone::Text),
        };
        let strangers = match interface.foreign.len() {
            0 => String::new(),
            count => format!("; {count} groups of others on it: p shows them"),
        };
        let label = if index == 0 { "interfaces" } else { "" };
        section.put(label, &format!("{} {words}{strangers}", interface.name), tone);
    }
}

fn fifo_words(fifo: &FifoStatus) -> (String, Tone) {
    match (fifo.waiting, fifo.lost) {
        (0, 0) => (format!("{}: read", fifo.path), Tone::Text),
        (waiting, 0) => (format!("{}: {waiting} lines wait for a reader", fifo.path), Tone::Warning),
        (waiting, lost) => {
            let text = format!("{}: {waiting} lines wait for a reader, {lost} were thrown away", fifo.path);
            (text, Tone::Warning)
        }
    }
}

fn mail_words(mail: &MailStatus) -> (String, Tone) {
    let mut text = format!("{} sent", mail.sent);
    for (count, words) in [
        (u64::from(mail.waiting), "wait for the relay"),
        (u64::from(mail.collected), "changes are collected for one mail"),
        (mail.refused, "refused by the relay"),
        (mail.lost, "thrown away because too many waited"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {words}"));
        }
    }
    let is_good = mail.refused == 0 && mail.lost == 0 && mail.last_error.is_none();
    (text, if is_good { Tone::Text } else { Tone::Warning })
}
