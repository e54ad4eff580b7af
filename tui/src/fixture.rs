//! Models for tests, made as the console makes them: by events.

use locum_control::{AdvertMark, Event as Happening, InstanceStatus, Item, MarkKind, Role, TransitionRecord};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::widgets::Widget;

use crate::console::Event;
use crate::key::Key;
use crate::link::{Purpose, Report};
use crate::model::Model;
use crate::options::Router;
use crate::update::{Command, settle, update};
use crate::view::View;

#[path = "../tests/support/statuses.rs"]
#[allow(unreachable_pub, dead_code, reason = "shared with the integration tests")]
pub(crate) mod statuses;

use statuses::{BOOT_US, PEER, SELF};

/// A model attached to a service that has these instances.
pub(crate) fn attached(columns: u16, rows: u16, statuses: Vec<InstanceStatus>) -> Model {
    let mut model = Model::new(vec![router("a")], Size::new(columns, rows));
    model.now_us = 0;
    attach(&mut model, Role::Admin, statuses);
    model
}

pub(crate) fn router(label: &str) -> Router {
    Router::at_socket(label, format!("/run/locum/{label}.sock"))
}

pub(crate) fn attach(model: &mut Model, role: Role, statuses: Vec<InstanceStatus>) {
    link(model, Report::Connected(statuses::hello(role, BOOT_US)));
    answer(model, &Purpose::Watch, statuses);
}

/// The service answers a question with these instances.
pub(crate) fn answer(model: &mut Model, purpose: &Purpose, statuses: Vec<InstanceStatus>) -> Vec<Command> {
    let service = statuses::service(Role::Admin, BOOT_US + model.now_us, statuses.len());
    link(model, Report::Begin(purpose.clone()));
    link(model, Report::Item(Box::new(Item::Service(Box::new(service)))));
    link(model, Report::Item(Box::new(Item::Interface(statuses::interface("eth0")))));
    for status in statuses {
        link(model, Report::Item(Box::new(Item::Instance(Box::new(status)))));
    }
    link(model, Report::Done(purpose.clone(), "ok".into()))
}

pub(crate) fn link(model: &mut Model, report: Report) -> Vec<Command> {
    link_to(model, 0, report)
}

/// The same of another service than the first.
pub(crate) fn link_to(model: &mut Model, node: usize, report: Report) -> Vec<Command> {
    let commands = update(model, Event::Link(node, vec![report]));
    // The loop does so before it draws.
    settle(model);
    commands
}

/// Something happened at the service, at the model's present time.
pub(crate) fn happens(model: &mut Model, event: Happening) -> Vec<Command> {
    notice_to(model, 0, event)
}

pub(crate) fn notice_to(model: &mut Model, node: usize, event: Happening) -> Vec<Command> {
    let notice = statuses::notice(1, model.now_us / 1_000_000, event);
    link_to(model, node, Report::Notice(Box::new(notice)))
}

pub(crate) fn transition(model: &mut Model, record: TransitionRecord) -> Vec<Command> {
    happens(model, Happening::Transition(record))
}

pub(crate) fn press(model: &mut Model, key: Key) -> Vec<Command> {
    update(model, Event::Key(key))
}

pub(crate) fn type_text(model: &mut Model, text: &str) -> Vec<Command> {
    text.chars().flat_map(|letter| press(model, Key::Char(letter))).collect()
}

/// Time passes, up to `s` seconds after the start.
pub(crate) fn wait_until(model: &mut Model, s: u64) -> Vec<Command> {
    model.now_us = s * 1_000_000;
    update(model, Event::Tick)
}

pub(crate) fn adverts(model: &mut Model, instance: &str, marks: Vec<AdvertMark>) -> Vec<Command> {
    happens(model, Happening::Adverts { instance: instance.into(), marks })
}

/// The peer's advert each second from `from` to `to`, heard.
pub(crate) fn heard(from: i32, to: i32) -> Vec<AdvertMark> {
    (from..to).map(|s| statuses::advert(f64::from(s) + 0.2, PEER, 100, MarkKind::Received)).collect()
}

/// Our own advert each second.
pub(crate) fn sent(from: i32, to: i32) -> Vec<AdvertMark> {
    (from..to).map(|s| statuses::advert(f64::from(s) + 0.3, SELF, 80, MarkKind::Sent)).collect()
}

pub(crate) fn rendered(model: &Model) -> Buffer {
    let area = Rect::new(0, 0, model.size.width, model.size.height);
    let mut buffer = Buffer::empty(area);
    View(model).render(area, &mut buffer);
    buffer
}

/// The screen as text, a line a row, blanks at the end of rows cut off.
pub(crate) fn screen(model: &Model) -> String {
    let lines = crate::view::lines_of(&rendered(model));
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join("\n")
}
