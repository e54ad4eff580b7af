//! Holds README.md to the truth: its screens and its table of keys are what the console draws and does.
//!
//! `LOCUM_TUI_README=write cargo test -p locum-tui readme` writes them anew.

use super::*;
use crate::action::{self, Context};

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

fn sections() -> [(&'static str, String); 7] {
    let mut model = situation();
    let overview = shown(&model);
    let once = fenced(&plain(&model));
    let with = |keys: &str| {
        let mut model = situation();
        type_text(&mut model, keys);
        shown(&model)
    };
    type_text(&mut model, "/eth0 !backup");
    [
        ("overview", overview),
        ("filter", shown(&model)),
        ("instance", with("o")),
        ("peers", with("p")),
        ("history", with("t")),
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
