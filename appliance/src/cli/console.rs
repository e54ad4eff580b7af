//! `locum` without a verb: the console.

use std::path::{Path, PathBuf};
use std::time::Duration;

use locum_tui::{AltScreen, Charset, Colour, ConsoleError, Endpoint, Options, Router, Theme, WindowSize};

use super::arguments::{ColourArgument, ConsoleArguments, ThemeArgument};
use super::{Exit, complain, complain_about, print};

/// The console on the service at `socket`, or on all of `sockets` if there are several.
pub(super) fn console(socket: &Path, sockets: &[PathBuf], arguments: &ConsoleArguments) -> Exit {
    let mut options = options(socket, arguments);
    if sockets.len() > 1 {
        options.routers = sockets.iter().map(|socket| Router::at_socket("", socket)).collect();
    }
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

/// The console's options: the configuration file's, and over them those of the command line.
pub(crate) fn options(socket: &Path, arguments: &ConsoleArguments) -> Options {
    let mut options = Options::configured(socket.to_owned());
    if arguments.ascii {
        options.charset = Charset::Ascii;
    } else if arguments.unicode {
        options.charset = Charset::Unicode;
    }
    if let Some(colour) = arguments.color {
        options.colour = match colour {
            ColourArgument::Auto => Colour::Auto,
            ColourArgument::Never => Colour::Never,
            ColourArgument::Sixteen => Colour::Sixteen,
            ColourArgument::Indexed => Colour::Indexed,
        };
    }
    if arguments.no_alt_screen {
        options.alt_screen = AltScreen::Never;
    }
    options.size = arguments.size.map(|(columns, rows)| WindowSize { columns, rows });
    options.baud = arguments.baud.or(options.baud);
    options.readonly |= arguments.readonly;
    if let Some(minutes) = arguments.idle_lock {
        options.idle_lock = Some(Duration::from_secs(u64::from(minutes) * 60));
    }
    if let Some(theme) = arguments.theme {
        options.theme = match theme {
            ThemeArgument::Dark => Theme::Dark,
            ThemeArgument::Light => Theme::Light,
            ThemeArgument::Mono => Theme::Mono,
            ThemeArgument::ColourBlind => Theme::ColourBlind,
        };
    }
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
