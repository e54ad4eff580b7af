//! The command line.

mod arguments;
mod check;
mod cleanup;
#[cfg(feature = "console")]
mod console;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod explain;
mod home;
mod keepalived;
mod log;
#[cfg(feature = "manual")]
pub(crate) mod manual;
mod metrics;
mod notify_test;
mod plan;
mod proxy;
mod record;
mod reload;
mod show;
mod steer;
mod table;
mod watch;
mod words;

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use locum_control::Verb;
use locum_control::client::{Client, ClientError};

use self::arguments::{Arguments, Command, Format, RunArguments, ShowFormat, TargetArgument};
use self::home::Home;
use self::log::{LogFormat, LogTarget};
use crate::exit::Exit;
use crate::service;
use crate::supervision::parent;

/// Where the configuration is looked for.
const CONFIGURATIONS: [&str; 3] =
    ["/etc/locum/locum.conf", "/etc/keepalived/keepalived.conf", "/etc/config/keepalived"];
const RUN_DIRECTORY: &str = "/run/locum";
const SOCKET: &str = "control.sock";

/// The program.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let socket = std::env::var_os("LOCUM_SOCKET").map(PathBuf::from);
    if name_of(&words) == Some("keepalived".as_ref()) {
        return keepalived::main(words.get(1..).unwrap_or_default(), socket);
    }
    let arguments = Arguments::parse_from(with_name_as_verb(words));
    let socket = arguments.socket.first().cloned().or(socket);
    if arguments.socket.len() > 1 && arguments.command.is_some() {
        complain("only the console takes several sockets");
        return ExitCode::from(2);
    }
    if !arguments.console.host.is_empty() && arguments.command.is_some() {
        complain("only the console takes --host");
        return ExitCode::from(2);
    }
    let at = |socket: &Option<PathBuf>| socket.clone().unwrap_or_else(|| Path::new(RUN_DIRECTORY).join(SOCKET));
    if let Some(name) = arguments.config_id.clone() {
        crate::machine::set_config_id(name);
    }
    let exit = match arguments.command {
        None => start_looking(&at(&socket), &arguments),
        Some(Command::Run(how)) => {
            let configuration = how.file.clone().unwrap_or_else(default_configuration);
            let home = Home::of(&configuration);
            log::start(&log_settings(&how, home.log_name()));
            if how.supervise {
                return parent::supervise(std::env::args_os().collect());
            }
            if let Some(parent) = how.supervised_by {
                parent::end_with(parent);
            }
            let run_directory = how.run_dir.unwrap_or_else(|| home.run_directory());
            let socket = socket.unwrap_or_else(|| run_directory.join(SOCKET));
            let dumps = how.keepalived_dumps;
            let (sandbox, others) = (how.sandbox, service::Options::default());
            let options = service::Options { configuration, socket, run_directory, dumps, sandbox, ..others };
            run(&home, options)
        }
        Some(Command::Show { instance: Some(instance), options: true, json, .. }) => {
            show::options(&at(&socket), instance, json)
        }
        Some(Command::Show { instance, format: ShowFormat::Keepalived, .. }) => {
            show::keepalived(&at(&socket), instance.as_deref())
        }
        Some(Command::Show { instance, json, format, .. }) => {
            show::show(&at(&socket), instance, json || format == ShowFormat::Json)
        }
        Some(Command::Cleanup { run_dir, dry_run }) => {
            let run_directory = run_dir.unwrap_or_else(|| RUN_DIRECTORY.into());
            cleanup::cleanup(&run_directory, &socket.unwrap_or_else(|| run_directory.join(SOCKET)), dry_run)
        }
        Some(Command::Why { instance, json }) => show::why(&at(&socket), instance, json),
        Some(Command::Watch { instance, adverts, json }) => watch::watch(&at(&socket), instance, adverts, json),
        Some(Command::Metrics { textfile }) => metrics::metrics(&at(&socket), textfile.as_deref()),
        Some(Command::Steer(verb)) => steer::steer(&at(&socket), verb),
        Some(Command::Reload { dry_run, json }) => reload::reload(&at(&socket), dry_run, json),
        Some(Command::NotifyTest { instance, file }) => notify_test::notify_test(&at(&socket), instance, file),
        Some(Command::Check { explain: Some(code), .. }) => explain::code(&code),
        Some(Command::Explain { word }) => explain::word(&word),
        Some(Command::Keepalived { arguments }) => return keepalived::main(&arguments, socket),
        Some(Command::Check { file, format, json, strict, explain: None }) => {
            let format = if json { Format::Json } else { format };
            check::check(&file.unwrap_or_else(default_configuration), format, strict)
        }
        Some(Command::Doctor { file, json }) => doctor::doctor(&at(&socket), file, json),
        Some(Command::Record { file, lasts, max_size }) => record::record(&at(&socket), &file, lasts, max_size),
        #[cfg(feature = "console")]
        Some(Command::Replay { file }) => record::replay(&file, &arguments.console),
        Some(Command::Export { pcap, recording }) => record::export(&at(&socket), recording.as_deref(), &pcap),
        Some(Command::Proxy) => proxy::proxy(&at(&socket)),
        Some(Command::Plan { files, json }) => plan::plan(&files, json),
        #[cfg(feature = "demo")]
        Some(Command::Demo { headless, duration, inside }) => {
            demo::demo(headless, duration, inside, &arguments.console)
        }
    };
    exit.into()
}

/// Called as `locumd`, it is `locum run`; and `locum help config KEYWORD` is `locum explain KEYWORD`.
fn with_name_as_verb(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if name_of(&arguments) == Some("locumd".as_ref()) {
        arguments.insert(1, "run".into());
    }
    if arguments.len() == 4 && arguments.get(1..3).is_some_and(|words| words == ["help", "config"]) {
        arguments.splice(1..3, ["explain".into()]);
    }
    arguments
}

/// The name that the program was called by, without folders.
fn name_of(arguments: &[OsString]) -> Option<&OsStr> {
    arguments.first().map(Path::new).and_then(Path::file_name)
}

fn default_configuration() -> PathBuf {
    let exists = CONFIGURATIONS.iter().find(|path| Path::new(path).exists());
    exists.or(CONFIGURATIONS.first()).copied().unwrap_or_default().into()
}

/// Without a verb: the console where there is a terminal, else `show`.
fn start_looking(socket: &Path, arguments: &Arguments) -> Exit {
    #[cfg(feature = "console")]
    if arguments.console.once || io::IsTerminal::is_terminal(&io::stdout()) {
        return console::console(socket, &arguments.socket, &arguments.console);
    }
    let _ = arguments;
    show::show(socket, None, false)
}

fn log_settings(how: &RunArguments, name: String) -> log::Settings {
    let target = match how.log_target {
        TargetArgument::Stderr => LogTarget::StandardError,
        TargetArgument::Journal => LogTarget::Journal,
        TargetArgument::Syslog => LogTarget::Syslog(how.log_facility),
    };
    let format = if how.json { LogFormat::Json } else { how.log_format };
    log::Settings { level: how.log, format, targets: vec![target], name }
}

/// Runs the service until it ends, where it belongs. The log has begun.
fn run(home: &Home, options: service::Options) -> Exit {
    if let Err(error) = home.enter() {
        complain(&error);
        return Exit::Failed;
    }
    let result = service::run(options);
    ::log::logger().flush();
    match result {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(&error.to_string());
            if error.is_about_configuration() { Exit::ConfigurationErrors } else { Exit::Failed }
        }
    }
}

/// Connects; if nobody answers, says so.
fn connect(socket: &Path) -> Result<Client, Exit> {
    Client::connect(socket).map_err(|error| complain_about(socket, &error))
}

/// Asks one thing.
fn ask(socket: &Path, verb: Verb) -> Result<(Vec<locum_control::Item>, String), Exit> {
    let mut client = connect(socket)?;
    client.request(verb).map_err(|error| complain_about(socket, &error))
}

fn complain_about(socket: &Path, error: &ClientError) -> Exit {
    let socket = socket.display();
    match error {
        ClientError::Connect(cause) => {
            let others: Vec<_> = home::other_sockets().iter().map(|path| path.display().to_string()).collect();
            let others = match others.as_slice() {
                [] => "`--socket PATH`".to_owned(),
                others => format!("`--socket`; on this machine there is {}", others.join(", ")),
            };
            complain(&format!(
                "no service answers on {socket}: {cause}\nhelp: start it with `locum run`, or name its socket with \
                 {others}"
            ));
            Exit::NoService
        }
        ClientError::Refused(refusal) => {
            complain(&refusal.message);
            Exit::Failed
        }
        ClientError::Broken(_)
        | ClientError::Closed
        | ClientError::Timeout
        | ClientError::Nonsense(_)
        | ClientError::Protocol(_) => {
            complain(&format!("{socket}: {error}"));
            Exit::Failed
        }
    }
}

/// Prints. If nobody reads any more, that is their wish and no failure.
pub(crate) fn print(text: &str) -> Exit {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("cannot write: {error}"));
            Exit::Failed
        }
        Ok(()) | Err(_) => Exit::Done,
    }
}

/// Says on standard error what went wrong.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "locum: {text}"); // nobody is left to tell if this fails
}

/// Prints a value as one line of JSON.
fn print_json(value: &impl serde::Serialize) -> Exit {
    match serde_json::to_string(value) {
        Ok(text) => print(&format!("{text}\n")),
        Err(error) => {
            complain(&error.to_string());
            Exit::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locumd_is_locum_run() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            with_name_as_verb(words(&["/usr/sbin/locumd", "-f", "x"])),
            words(&["/usr/sbin/locumd", "run", "-f", "x"])
        );
        assert_eq!(with_name_as_verb(words(&["locum", "show"])), words(&["locum", "show"]));
        assert_eq!(with_name_as_verb(Vec::new()), words(&[]));
    }

    #[test]
    fn help_about_the_configuration_is_an_explanation() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let asked = words(&["locum", "help", "config", "priority"]);
        assert_eq!(with_name_as_verb(asked), words(&["locum", "explain", "priority"]));
        assert_eq!(with_name_as_verb(words(&["locum", "help", "run"])), words(&["locum", "help", "run"]));
    }
}
