//! Holds README.md to the truth: its screens and its table of keys are what the console draws and does.
//!
//! `LOCUM_TUI_README=write cargo test -p locum-tui readme` writes them anew.

use super::*;
use locum_control::AdvertMark;

use crate::action::{self, Context};
use crate::fixture::{link_to, notice_to};
use crate::link::Purpose;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

#[test]
fn the_readme_shows_what_there_is() {
    let readme = std::fs::read_to_string(PATH).unwrap();
    let mut wanted = readme.clone();
    for (name, text) in sections() {
        wanted = replaced(&wanted, name, &text);
    }
    if std::env::var_os("LOCUM_TUI_README").is_some() {
        std::fs::write(PATH, &wanted).unwrap();
    } else {
        assert!(readme == wanted, "README.md is out of date; this belongs there:\n{wanted}");
    }
}

fn sections() -> [(&'static str, String); 11] {
    let mut model = situation();
    let overview = shown(&model);
    let once = fenced(&plain(&model));
    let with = |keys: &str| {
        let mut model = situation();
        for letter in keys.chars() {
            press(&mut model, if letter == '\n' { Key::Enter } else { Key::Char(letter) });
        }
        shown(&model)
    };
    type_text(&mut model, "/eth0 !backup");
    [
        ("overview", overview),
        ("filter", shown(&model)),
        ("instance", with("o")),
        ("peers", with("p")),
        ("history", with("t")),
        ("explained", with("tj\n")),
        ("edit", with("e")),
        ("routers", shown(&two_routers())),
        ("group", shown(&group())),
        ("once", once),
        ("keys", keys()),
    ]
}

/// A failover and back, with other groups that go on as before.
fn situation() -> Model {
    let mut model = failover();
    for name in ["VI_3", "VI_5"] {
        adverts(&mut model, name, heard(1, 8));
    }
    model
}

/// Two routers of the same groups.
fn two_routers() -> Model {
    let mut model = Model::new(vec![router(""), router("")], Size::new(80, 24));
    attach(&mut model, Role::Admin, vec![statuses::backup("VI_1", 45), statuses::master("VI_2", 144)]);
    let other = |mut status: InstanceStatus, is_master: bool| {
        status.source = Some(PEER);
        status.senders[0].address = statuses::SELF;
        if let Some(master) = &mut status.master {
            (master.address, master.priority) = (statuses::SELF, if is_master { 80 } else { 100 });
        }
        status
    };
    let hello = statuses::hello(Role::Admin, BOOT_US);
    link_to(&mut model, 1, Report::Connected(locum_control::Hello { host: "gw-b".into(), ..hello }));
    link_to(&mut model, 1, Report::Begin(Purpose::Watch));
    for status in [other(statuses::master("VI_1", 45), true), other(statuses::backup("VI_2", 144), false)] {
        link_to(&mut model, 1, Report::Item(Box::new(Item::Instance(Box::new(status)))));
    }
    link_to(&mut model, 1, Report::Done(Purpose::Watch, "ok".into()));
    model
}

/// The same, looked at more closely: gw-a hears gw-b no longer, which goes on.
fn group() -> Model {
    let mut model = two_routers();
    adverts(&mut model, "VI_1", heard(-12, -2));
    let sent: Vec<_> =
        sent(-12, 1).into_iter().map(|mark| AdvertMark { source: PEER, priority: 100, ..mark }).collect();
    notice_to(&mut model, 1, locum_control::Event::Adverts { instance: "VI_1".into(), marks: sent });
    wait_until(&mut model, 1);
    press(&mut model, Key::Enter);
    model
}

/// The section `name` of `readme` with other contents.
fn replaced(readme: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let (before, rest) = readme.split_once(&begin).unwrap_or_else(|| panic!("README.md has no section {name}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("the section {name} of README.md has no end"));
    format!("{before}{begin}{text}{end}{after}")
}

/// The screen, without the rows that are empty because there is no more to show.
fn shown(model: &Model) -> String {
    let mut text = String::new();
    let mut was_empty = false;
    for row in screen(model).lines() {
        if !(row.is_empty() && was_empty) {
            text.push_str(row);
            text.push('\n');
        }
        was_empty = row.is_empty();
    }
    fenced(&text)
}

fn fenced(text: &str) -> String {
    format!("```text\n{text}```\n")
}

fn keys() -> String {
    let mut text = "| keys | | what | where |\n| --- | --- | --- | --- |\n".to_owned();
    // What is typed first comes first.
    let mut bindings: Vec<&action::Binding> = action::BINDINGS.iter().collect();
    bindings.sort_by_key(|binding| Context::ALL.iter().position(|context| binding.contexts.first() == Some(context)));
    for binding in bindings {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        let everywhere = binding.contexts.len() == Context::ALL.len();
        let names: Vec<String> = binding.contexts.iter().map(|context| context.name().to_lowercase()).collect();
        let place = if everywhere { "everywhere".to_owned() } else { names.join(", ") };
        text.push_str(&format!("| {} | {} | {} | {place} |\n", keys.join(" "), binding.name, binding.help));
    }
    text
}
