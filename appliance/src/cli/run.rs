//! `locum run`

use std::process::ExitCode;

use ::log::LevelFilter;

use super::arguments::{Misused, Opt, Said};
use super::home::Home;
use super::log::{self, Facility, LogFormat, LogTarget};
use super::values::number;
use super::verbs::named_socket;
use super::{Exit, SOCKET, complain, default_configuration};
use crate::service;
use crate::supervision::parent;

pub(super) const OPTIONS: &[Opt] = &[
    Opt::value(
        "file",
        "FILE",
        "The configuration [default: /etc/locum/locum.conf, else /etc/keepalived/keepalived.conf, else \
         /etc/config/keepalived]",
    )
    .short('f'),
    Opt::value(
        "run-dir",
        "DIR",
        "Where the journal and the history are kept, and the socket if nothing else is said [default: /run/locum]",
    ),
    Opt::value("log", "LEVEL", "What is logged: error, warn, info, debug").default("info"),
    Opt::choice(
        "log-format",
        "FORMAT",
        &[("plain", "For people"), ("logfmt", "key=value pairs"), ("json", "A JSON value a line")],
        "How lines of the log look",
    )
    .default("plain"),
    Opt::choice(
        "log-target",
        "TARGET",
        &[
            ("stderr", "Standard error; under systemd each line carries its priority for the journal"),
            ("journal", "Standard error, with a priority before each line in any case"),
            ("syslog", "The local syslog daemon"),
        ],
        "Where they go",
    )
    .default("stderr"),
    Opt::value("log-facility", "FACILITY", "The facility of what goes to syslog: daemon, user, local0 to local7")
        .default("daemon"),
    #[cfg(feature = "keepalived")]
    Opt::perhaps(
        "keepalived-dumps",
        "DIR",
        "/tmp",
        "Write keepalived's dumps at its signals, as the files keepalived.data, keepalived.stats and keepalived.json",
    ),
    Opt::flag("json", "The same as --log-format json").conflicts(&["log-format"]),
    Opt::flag(
        "sandbox",
        "Without scripts: give up the right to change other files than its own (Landlock); what needs more takes a restart",
    ),
    Opt::flag(
        "supervise",
        "Stay as a parent that starts the service again after a crash; for systems without systemd or procd",
    ),
    Opt::value("supervised-by", "PID", "What that parent says to the service: its process")
        .hidden()
        .conflicts(&["supervise"]),
];

/// Runs the service as the command line says.
pub(super) fn run(said: &Said) -> Result<ExitCode, Misused> {
    let configuration = said.path("file").unwrap_or_else(default_configuration);
    let home = Home::of(&configuration);
    let settings = log_settings(said, home.log_name())?;
    let parent = said.read("supervised-by", number)?;
    log::start(&settings);
    if said.has("supervise") {
        return Ok(parent::supervise(std::env::args_os().collect()));
    }
    if let Some(parent) = parent {
        parent::end_with(parent);
    }
    let run_directory = said.path("run-dir").unwrap_or_else(|| home.run_directory());
    let socket = named_socket(said).unwrap_or_else(|| run_directory.join(SOCKET));
    let others = service::Options { sandbox: said.has("sandbox"), ..service::Options::default() };
    #[cfg(feature = "keepalived")]
    let others = service::Options { dumps: said.path("keepalived-dumps"), ..others };
    let options = service::Options { configuration, socket, run_directory, ..others };
    Ok(serve(&home, options).into())
}

fn log_settings(said: &Said, name: String) -> Result<log::Settings, Misused> {
    let level = said.read("log", |word| word.parse().map_err(|_| "write error, warn, info, debug or off".into()))?;
    let facility = said.read("log-facility", Facility::parse)?.unwrap_or_default();
    let target = match said.one_of("log-target") {
        "journal" => LogTarget::Journal,
        "syslog" => LogTarget::Syslog(facility),
        _ => LogTarget::StandardError,
    };
    let format = match said.one_of("log-format") {
        _ if said.has("json") => LogFormat::Json,
        "json" => LogFormat::Json,
        "logfmt" => LogFormat::Logfmt,
        _ => LogFormat::Plain,
    };
    Ok(log::Settings { level: level.unwrap_or(LevelFilter::Info), format, targets: vec![target], name })
}

/// Runs the service until it ends, where it belongs. The log has begun.
pub(super) fn serve(home: &Home, options: service::Options) -> Exit {
    if let Err(error) = home.enter() {
        complain(&error);
        return Exit::Failed;
    }
    let result = service::run(options);
    ::log::logger().flush();
    match result {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(&error);
            if error.is_about_configuration() { Exit::ConfigurationErrors } else { Exit::Failed }
        }
    }
}
