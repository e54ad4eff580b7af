//! `locum` without a verb: the console.

use std::path::{Path, PathBuf};
use std::time::Duration;

use locum_config::schema::{self, Count, Kind, Status};
use locum_tui::{
    AltScreen, Charset, Colour, ConsoleError, Endpoint, Keyword, Options, ROUTERS_MAX, Router, Schema, Takes, Theme,
    WindowSize,
};

use super::arguments::{ColourArgument, ConsoleArguments, ThemeArgument};
use super::{Exit, complain, complain_about, print};

/// What is run on another machine.
const REMOTE_COMMAND: &str = "locum proxy";

/// The console on the service at `socket`, or on all of `sockets` and of the hosts that the arguments name.
pub(super) fn console(socket: &Path, sockets: &[PathBuf], arguments: &ConsoleArguments) -> Exit {
    let mut options = options(socket, arguments);
    if sockets.len() > 1 || !arguments.host.is_empty() {
        let local = sockets.iter().map(|socket| Router::at_socket("", socket));
        let remote = arguments.host.iter().map(|host| on_host(host, arguments.remote_command.as_deref()));
        options.routers = local.chain(remote).collect();
    }
    if options.routers.len() > ROUTERS_MAX {
        complain(&format!("the console shows at most {ROUTERS_MAX} services"));
        return Exit::Failed;
    }
    open(options, arguments.once)
}

/// A service on another machine. ssh is given the host and the command as words of their own, and no terminal: it cannot ask
/// for a password, so a key has to be there.
fn on_host(host: &str, command: Option<&str>) -> Router {
    let label = host.rsplit_once('@').map_or(host, |(_, machine)| machine);
    let words =
        ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", host, command.unwrap_or(REMOTE_COMMAND)];
    Router::by_command(label, words)
}

/// Opens the console, or prints its overview.
pub(super) fn open(options: Options, once: bool) -> Exit {
    if !once {
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
    options.schema = schema();
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

/// What may be written into an instance, as the check knows it.
fn schema() -> Schema {
    let all = |keywords: &'static [schema::Keyword]| {
        let supported =
            keywords.iter().filter(|keyword| keyword.status == Status::Supported && keyword.block.is_none());
        supported.filter_map(told).collect()
    };
    let address = schema::VIRTUAL_ADDRESSES.entry.as_ref().map_or(&[][..], |entry| entry.options);
    Schema { instance: all(schema::INSTANCE.keywords), address: all(address) }
}

/// An option for the console; none where its value must not be shown.
fn told(keyword: &schema::Keyword) -> Option<Keyword> {
    let takes = match keyword.args {
        [] => Takes::Nothing,
        [arg] if matches!(arg.count, Count::One | Count::Optional) => match arg.kind {
            Kind::Integer { min, max, unit } => Takes::Number {
                least: min.saturating_mul(1_000_000),
                most: max.saturating_mul(1_000_000),
                is_whole: true,
                unit: unit.into(),
            },
            Kind::Decimal { min_millionths, max_millionths, unit } => {
                Takes::Number { least: min_millionths, most: max_millionths, is_whole: false, unit: unit.into() }
            }
            Kind::Choice(words) => Takes::Choice(words.iter().map(ToString::to_string).collect()),
            Kind::Switch => Takes::Choice(["on", "off"].map(str::to_owned).to_vec()),
            Kind::Address | Kind::Network => Takes::Address,
            Kind::Interface | Kind::Word | Kind::Script => Takes::Words,
            Kind::Secret => return None,
        },
        args if args.iter().any(|arg| arg.kind == Kind::Secret) => return None,
        _ => Takes::Words,
    };
    let (name, help, default) = (keyword.name.to_owned(), keyword.help.to_owned(), keyword.default.to_owned());
    Some(Keyword { name, takes, help, default })
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
