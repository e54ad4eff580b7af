//! Every screen, as it shows what real routers said: recordings of lab runs, in the form in which `locum replay` takes
//! them, at three sizes, in ASCII without colours and in UTF-8 with them.

use std::fmt::Write;

use locum_control::{Answer, Line};
use ratatui::style::{Color, Modifier};

use super::*;
use crate::link::Report;
use crate::model::node::Play;
use crate::options::{Router, Theme};
use crate::replay::Talk;
use crate::theme::{Look, Palette};
use crate::update::{settle, take};

const WIDE: [(u16, u16); 3] = [(80, 24), (40, 12), (160, 50)];
const SCREENS: [(&str, &str); 5] =
    [("overview", ""), ("instance", "o"), ("peers", "p"), ("history", "t"), ("service", "i")];

/// The model when the whole recording was heard.
fn heard(name: &str) -> Model {
    let path = format!("{}/tests/recordings/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut model = Model::new(vec![Router::at_socket("", "/run/locum/control.sock")], Size::new(80, 24));
    let (mut talk, mut at_us) = (Talk::default(), 0);
    for line in text.lines().skip(1) {
        let recorded: serde_json::Value = serde_json::from_str(line).unwrap();
        at_us = recorded["at_unix_ms"].as_u64().unwrap() * 1_000;
        let line: Line = locum_control::from_value(&recorded["line"]).unwrap();
        model.now_us = at_us;
        let is_service = matches!(line, Line::Answer { answer: Answer::Item(Item::Service(_)), .. });
        if let Some(node) = model.nodes.get_mut(0).filter(|_| is_service) {
            node.refresh.asked_at_us = at_us;
        }
        for report in talk.heard(line) {
            take(&mut model, 0, report);
        }
    }
    model.now_us = at_us;
    settle(&mut model);
    model
}

/// The screen in all of its forms.
fn forms(model: &mut Model) -> String {
    let mut text = String::new();
    for (columns, rows) in WIDE {
        model.size = Size::new(columns, rows);
        for unicode in [false, true] {
            model.unicode = unicode;
            model.look = if unicode { Look { palette: Palette::Sixteen, theme: Theme::Dark } } else { Look::MONO };
            let charset = if unicode { "UTF-8" } else { "ASCII" };
            let shown = screen(model);
            assert!(unicode || shown.is_ascii());
            writeln!(text, "=== {columns}x{rows} {charset}\n{shown}").unwrap();
        }
        writeln!(text, "=== {columns}x{rows} colours").unwrap();
        text.push_str(&colours(model));
    }
    text
}

/// A letter for each cell that is not plain: r, g, y, b, m, c for its colour, a capital one if it is bold; `#` for one that
/// is reversed, `+` for bold and `_` for underlined without a colour.
fn colours(model: &Model) -> String {
    let buffer = crate::fixture::rendered(model);
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let letter = |x| {
            let cell = &buffer[(x, y)];
            let bold = cell.modifier.contains(Modifier::BOLD);
            if cell.modifier.contains(Modifier::REVERSED) {
                return '#';
            }
            let colours = [
                (Color::Red, 'r'),
                (Color::Green, 'g'),
                (Color::Yellow, 'y'),
                (Color::Blue, 'b'),
                (Color::Magenta, 'm'),
                (Color::Cyan, 'c'),
            ];
            let Some((_, letter)) = colours.into_iter().find(|(colour, _)| *colour == cell.fg) else {
                let underlined = cell.modifier.contains(Modifier::UNDERLINED);
                return if underlined {
                    '_'
                } else if bold {
                    '+'
                } else {
                    ' '
                };
            };
            if bold { letter.to_ascii_uppercase() } else { letter }
        };
        let row: String = (0..buffer.area.width).map(letter).collect();
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

fn on_every_screen(name: &str, keys: &str) {
    for (screen, setup) in SCREENS {
        let mut model = heard(name);
        type_text(&mut model, keys);
        type_text(&mut model, setup);
        assert_snapshot!(format!("{name}-{screen}"), forms(&mut model));
    }
}

#[test]
fn a_failover_and_back() {
    on_every_screen("failover", "");
    // What the history says of the takeover, at its moment.
    let mut model = heard("failover");
    type_text(&mut model, "t/master");
    press(&mut model, Key::Enter);
    press(&mut model, Key::Enter);
    assert_snapshot!("failover-explained", forms(&mut model));
}

#[test]
fn a_second_master() {
    on_every_screen("second-master", "");
}

#[test]
fn a_flapping_tracker() {
    on_every_screen("flapping-tracker", "");
}

#[test]
fn sixty_instances() {
    on_every_screen("sixty-instances", "jjj");
}

#[test]
fn long_names() {
    on_every_screen("long-names", "");
}

#[test]
fn no_instance() {
    on_every_screen("no-instance", "");
}

#[test]
fn a_lost_connection() {
    for (screen, setup) in SCREENS {
        let mut model = heard("failover");
        type_text(&mut model, setup);
        let reason = "the service closed the connection".to_owned();
        take(&mut model, 0, Report::Lost { reason, retry_in: StdDuration::from_secs(2) });
        model.now_us += 65_000_000;
        assert_snapshot!(format!("lost-{screen}"), forms(&mut model));
    }
}

/// The same, played: the bar and the banner say so.
#[test]
fn a_recording() {
    let mut model = heard("failover");
    let end_us = model.now_us;
    let play = Play { start_us: end_us - 16_000_000, end_us, at_us: end_us, as_of_us: 0, runs: false, speed: 1 };
    take(&mut model, 0, Report::Played(play));
    assert_snapshot!("played-overview", forms(&mut model));
}
