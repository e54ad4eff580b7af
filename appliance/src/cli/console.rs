//! `locum` without a verb, and `locum replay`: the console.

use std::path::Path;
use std::time::Duration;

use locum_config::schema::{self, Count, Kind, Status};
use locum_tui::{
    AltScreen, Charset, Colour, ConsoleError, Endpoint, Keyword, Options, ROUTERS_MAX, Router, Schema, Takes, Theme,
    WindowSize,
};

use super::arguments::{Misused, Opt, Said};
use super::values::number;
use super::{Exit, complain, complain_about, print};

/// What is run on another machine.
const REMOTE_COMMAND: &str = "locum proxy";

/// How the console looks, and what it shows.
pub(super) const OPTIONS: &[Opt] = &[
    Opt::flag("ascii", "Draw with ASCII only").conflicts(&["unicode"]),
    Opt::flag("unicode", "Draw with Unicode, whatever the locale says"),
    Opt::choice(
        "color",
        "WHEN",
        &[
            ("auto", "What the terminal can do"),
            ("never", "None"),
            ("16", "The terminal's own sixteen"),
            ("256", "256"),
        ],
        "Colours [default: auto]; NO_COLOR is respected",
    ),
    Opt::value("size", "COLUMNSxROWS", "The size of a terminal that does not know its own"),
    Opt::value("baud", "BITS", "The speed of the line in bits a second, if the terminal does not know it"),
    Opt::flag("no-alt-screen", "Leave the terminal's scrollback in sight"),
    Opt::flag("readonly", "Refuse everything that changes something"),
    Opt::value("idle-lock", "MINUTES", "Refuse it after so many minutes without a key"),
    Opt::choice(
        "theme",
        "THEME",
        &[
            ("dark", "For dark screens"),
            ("light", "For light screens"),
            ("mono", "Without colours"),
            ("colour-blind", "Without red against green"),
        ],
        "The colours' meaning [default: dark]",
    ),
    Opt::flag("once", "Print the overview as text, and end"),
    Opt::value(
        "host",
        "HOST",
        "A service on another machine, reached as `ssh HOST locum proxy`; as root@router. Several are shown together",
    )
    .repeats(),
    Opt::value("remote-command", "COMMAND", "What is run there, as its shell takes it [default: locum proxy]")
        .requires("host"),
];

/// The console on the service at `socket`, or on all that the command line names.
pub(super) fn console(socket: &Path, said: &Said) -> Result<Exit, Misused> {
    let mut options = options(socket, said)?;
    let sockets = said.paths("socket");
    let hosts = said.all("host", host)?;
    let command = said.read("remote-command", |command| word_for_ssh(command).map(|()| command.to_owned()))?;
    if sockets.len() > 1 || !hosts.is_empty() {
        let local = sockets.iter().map(|socket| Router::at_socket("", socket));
        let remote = hosts.iter().map(|host| on_host(host, command.as_deref()));
        options.routers = local.chain(remote).collect();
    }
    if options.routers.len() > ROUTERS_MAX {
        complain(&format_args!("the console shows at most {ROUTERS_MAX} services"));
        return Ok(Exit::Failed);
    }
    Ok(open(options, said.has("once")))
}

/// Plays a recording in the console.
pub(super) fn replay(file: &Path, mut options: Options, once: bool) -> Exit {
    if let Err(error) = std::fs::File::open(file) {
        complain(&format_args!("{}: {error}", file.display()));
        return Exit::Failed;
    }
    options.routers = vec![Router::recorded("", file)];
    open(options, once)
}

/// The name of a machine for ssh, which must not take it for an option.
fn host(text: &str) -> Result<String, String> {
    word_for_ssh(text)?;
    if text.chars().any(char::is_whitespace) {
        return Err("a host has no spaces in its name; what to run there is said with --remote-command".into());
    }
    Ok(text.to_owned())
}

fn word_for_ssh(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("it is empty".into());
    }
    if text.starts_with('-') {
        return Err("it must not begin with a hyphen: ssh would take it for an option".into());
    }
    if text.chars().any(char::is_control) {
        return Err("there is a control character in it".into());
    }
    Ok(())
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
            complain(&error);
            Exit::Failed
        }
    }
}

/// The console's options: the configuration file's, and over them those of the command line.
pub(crate) fn options(socket: &Path, said: &Said) -> Result<Options, Misused> {
    let mut options = Options::configured(socket.to_owned());
    options.schema = schema();
    if said.has("ascii") {
        options.charset = Charset::Ascii;
    } else if said.has("unicode") {
        options.charset = Charset::Unicode;
    }
    match said.one_of("color") {
        "auto" => options.colour = Colour::Auto,
        "never" => options.colour = Colour::Never,
        "16" => options.colour = Colour::Sixteen,
        "256" => options.colour = Colour::Indexed,
        _ => {}
    }
    if said.has("no-alt-screen") {
        options.alt_screen = AltScreen::Never;
    }
    options.size = said.read("size", size)?;
    options.baud = said.read("baud", number)?.or(options.baud);
    options.readonly |= said.has("readonly");
    if let Some(minutes) = said.read("idle-lock", number::<u16>)? {
        options.idle_lock = Some(Duration::from_secs(u64::from(minutes) * 60));
    }
    match said.one_of("theme") {
        "dark" => options.theme = Theme::Dark,
        "light" => options.theme = Theme::Light,
        "mono" => options.theme = Theme::Mono,
        "colour-blind" => options.theme = Theme::ColourBlind,
        _ => {}
    }
    Ok(options)
}

fn size(text: &str) -> Result<WindowSize, String> {
    let parts = text
        .split_once(['x', 'X'])
        .and_then(|(columns, rows)| Some(WindowSize { columns: columns.parse().ok()?, rows: rows.parse().ok()? }));
    parts.filter(|size| size.columns > 0 && size.rows > 0).ok_or_else(|| "write it as 80x24".into())
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
            complain(&error);
            Exit::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::arguments::{Parsed, parse};
    use crate::cli::verbs::LOCUM;

    fn hosts(words: &[&str]) -> Result<Vec<String>, String> {
        match parse(&LOCUM, &words.iter().map(OsString::from).collect::<Vec<_>>()) {
            Ok(Parsed::Said(said)) => said.all("host", host).map_err(|misused| misused.to_string()),
            Ok(Parsed::Text(text)) => Err(text),
            Err(misused) => Err(misused.to_string()),
        }
    }

    #[test]
    fn hosts_are_no_options() {
        assert_eq!(hosts(&["--host", "root@a", "--host", "b"]).unwrap(), ["root@a", "b"]);
        for bad in ["-oProxyCommand=reboot", "", " ", "a b", "a\nb"] {
            assert!(hosts(&[&format!("--host={bad}")]).is_err(), "{bad}");
        }
        assert!(hosts(&["--host", "-oProxyCommand=reboot"]).is_err());
        assert!(word_for_ssh("-x").is_err());
        assert!(hosts(&["--remote-command", "x"]).is_err(), "for no host");
    }

    #[test]
    fn sizes() {
        assert_eq!(size("80x24"), Ok(WindowSize { columns: 80, rows: 24 }));
        for bad in ["", "80", "0x24", "80x", "x24", "-1x5", "99999x1"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
