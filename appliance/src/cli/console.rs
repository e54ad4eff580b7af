//! `locum` without a verb: the console.

use std::path::Path;
use std::time::Duration;

use locum_tui::{AltScreen, Charset, Colour, ConsoleError, Endpoint, Options, Theme, WindowSize};

use super::arguments::{ColourArgument, ConsoleArguments, ThemeArgument};
use super::{Exit, complain, complain_about, print};

pub(super) fn console(socket: &Path, arguments: &ConsoleArguments) -> Exit {
    let options = options(socket, arguments);
    if !arguments.once {
        return run(options);
    }
    match locum_tui::once(&options) {
        Ok(text) => print(&text),
        Err(ConsoleError::Service(Endpoint::Socket(socket), error)) => complain_about(&socket, &error),
        Err(error) => {
            complain(&error.to_string());
            Exit::Failed
        }
    }
}

/// The console's options from the command line.
pub(crate) fn options(socket: &Path, arguments: &ConsoleArguments) -> Options {
    let mut options = Options::new(socket.to_owned());
    options.charset = match (arguments.ascii, arguments.unicode) {
        (true, _) => Charset::Ascii,
        (_, true) => Charset::Unicode,
        (false, false) => Charset::Auto,
    };
    options.colour = match arguments.color {
        ColourArgument::Auto => Colour::Auto,
        ColourArgument::Never => Colour::Never,
        ColourArgument::Sixteen => Colour::Sixteen,
        ColourArgument::Indexed => Colour::Indexed,
    };
    if arguments.no_alt_screen {
        options.alt_screen = AltScreen::Never;
    }
    options.size = arguments.size.map(|(columns, rows)| WindowSize { columns, rows });
    options.baud = arguments.baud;
    options.readonly = arguments.readonly;
    options.idle_lock = arguments.idle_lock.map(|minutes| Duration::from_secs(u64::from(minutes) * 60));
    options.theme = match arguments.theme {
        ThemeArgument::Dark => Theme::Dark,
        ThemeArgument::Light => Theme::Light,
        ThemeArgument::Mono => Theme::Mono,
        ThemeArgument::ColourBlind => Theme::ColourBlind,
    };
    options
}

/// Runs the console, and says why if it cannot.
pub(crate) fn run(options: Options) -> Exit {
    match locum_tui::run(options) {
        Ok(_) => Exit::Done,
        Err(error) => {
            complain(&error.to_string());
            Exit::Failed
        }
    }
}
