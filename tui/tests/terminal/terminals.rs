//! Every terminal, locale and size.

use crate::harness::{Console, LIGHT, PLAIN, Setup};
use crate::socket;
use crate::support::{FakeService, World};

#[test]
fn the_theme_decides_the_colours() {
    let path = socket("theme");
    let _service = FakeService::start(&path, World::default());
    let dark = [("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8")];
    let mut console = Console::start(&Setup { size: (80, 24), environment: &dark }, &[&path]);
    console.wait_sent("\x1b[36mBACKUP");
    let light = [("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8"), (LIGHT, "1")];
    let mut console = Console::start(&Setup { size: (80, 24), environment: &light }, &[&path]);
    console.wait_sent("38;5;24mBACKUP");
    console.keys("T");
    console.wait_for("theme mono");
}

#[test]
fn a_terminal_without_a_size_is_asked_for_it() {
    let path = socket("size");
    let _service = FakeService::start(&path, World::default());
    let unknown = Setup { size: (0, 0), ..PLAIN };
    let mut console = Console::start(&unknown, &[&path]);
    console.wait_sent("\x1b[999;999H\x1b[6n");
    console.keys("\x1b[12;40R");
    console.wait("the footer in row 12", |screen| screen.lines().nth(11).is_some_and(|row| row.contains("quit")));
    let is_outside = |(row, text): (usize, &str)| row >= 12 && !text.is_empty() || text.chars().count() > 40;
    assert!(!console.screen.text().lines().enumerate().any(is_outside), "{}", console.screen.text());
    // Without an answer, 80 by 24.
    let mut console = Console::start(&unknown, &[&path]);
    console.wait("the footer in row 24", |screen| screen.lines().nth(23).is_some_and(|row| row.contains("quit")));
    // Half of it known: only the other half is taken from the environment.
    let environment = &[("TERM", "vt100"), ("COLUMNS", "100"), ("LINES", "7")];
    let mut console = Console::start(&Setup { size: (0, 30), environment }, &[&path]);
    console.wait("the footer in row 30", |screen| screen.lines().nth(29).is_some_and(|row| row.contains("quit")));
    assert!(!console.sent.contains("\x1b[6n"));
}

#[test]
fn ctrl_l_asks_for_the_size_again_and_draws_everything() {
    let path = socket("redraw");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait("the overview", |text| text.contains("VI_4") && text.contains("quit"));
    console.sent.clear();
    console.keys("\x0c");
    console.wait_sent("\x1b[2J");
    console.wait("the overview", |text| text.contains("VI_4") && text.contains("quit"));
}

#[test]
fn every_terminal_and_locale_is_drawn_to() {
    let path = socket("matrix");
    let _service = FakeService::start(&path, World::default());
    for term in ["vt100", "vt102", "vt220", "linux", "xterm", "screen", "dumb", "", "no-such-terminal"] {
        for locale in ["C", "C.UTF-8"] {
            for size in [(1, 1), (20, 5), (40, 12), (80, 24), (200, 60)] {
                let setup = Setup { size, environment: &[("TERM", term), ("LC_ALL", locale)] };
                let mut console = Console::start(&setup, &[&path]);
                if size == (1, 1) {
                    console.wait_sent("\x1b[2J");
                } else {
                    console.wait_for("VI_4");
                }
                assert!(size == (1, 1) || console.emulated() == console.screen.text(), "{}", console.emulated());
                assert!(locale == "C.UTF-8" || console.sent.is_ascii(), "{term} {size:?}: {:?}", console.sent);
                let only_vt100 = matches!(term, "vt100" | "vt102" | "dumb" | "" | "no-such-terminal");
                assert!(!only_vt100 || console.screen.beyond_vt100.is_empty(), "{:?}", console.screen.beyond_vt100);
                console.keys("q");
                assert_eq!(console.ends().code(), Some(10), "{term} {locale} {size:?}");
                console.assert_restored();
            }
        }
    }
}
