//! `locum` without a verb: the console.

use std::path::Path;

use locum_tui::{AltScreen, Charset, Colour, Options, WindowSize};

use super::arguments::{ColourArgument, ConsoleArguments};
use super::{Exit, complain};

pub(super) fn console(socket: &Path, arguments: &ConsoleArguments) -> Exit {
    run(options(socket, arguments))
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
