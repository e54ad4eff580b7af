//! `locum demo`.

use std::io::{self, IsTerminal};
use std::time::Duration;

use super::arguments::ConsoleArguments;
use super::{Exit, complain};
use crate::demo::{self, DURATION_DEFAULT, Ending, Mode};

pub(super) fn demo(
    headless: bool,
    duration: Option<Duration>,
    inside: Option<u32>,
    console: &ConsoleArguments,
) -> Exit {
    let headless = headless || !cfg!(feature = "console") || !io::stdout().is_terminal();
    match demo::run(mode(headless, duration, console), inside) {
        Ok(Ending::Good) => Exit::Done,
        Ok(Ending::Bad) => Exit::Failed,
        Err(error) => {
            complain(&format!("demo: {error}"));
            Exit::Failed
        }
    }
}

fn mode(headless: bool, duration: Option<Duration>, console: &ConsoleArguments) -> Mode {
    #[cfg(feature = "console")]
    if !headless {
        return Mode::Console(Box::new(super::console::options(std::path::Path::new(""), console)));
    }
    let _ = (headless, console);
    Mode::Headless(duration.unwrap_or(DURATION_DEFAULT))
}
