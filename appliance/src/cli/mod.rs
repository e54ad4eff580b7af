//! The command line.

#[cfg_attr(
    not(all(feature = "keepalived", feature = "plan", feature = "record")),
    allow(dead_code, reason = "tables can say more than this build's do")
)]
mod arguments;
mod check;
mod cleanup;
#[cfg(feature = "console")]
mod console;
#[cfg(feature = "demo")]
mod demo;
#[cfg(feature = "doctor")]
mod doctor;
#[cfg(feature = "explain")]
mod explain;
mod home;
#[cfg(feature = "keepalived")]
mod keepalived;
mod log;
#[cfg(feature = "manual")]
pub(crate) mod manual;
#[cfg(feature = "metrics")]
mod metrics;
mod notify_test;
#[cfg(feature = "plan")]
mod plan;
mod proxy;
#[cfg(feature = "record")]
mod record;
mod reload;
mod run;
mod show;
mod steer;
mod table;
mod values;
mod verbs;
mod watch;
mod words;

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use locum_control::client::{Client, ClientError};
use locum_control::{Verb, to_json_line};

use self::arguments::{Misused, Parsed, Said};
use self::verbs::{LOCUM, socket};
use crate::exit::Exit;

/// Where the configuration is looked for.
const CONFIGURATIONS: [&str; 3] =
    ["/etc/locum/locum.conf", "/etc/keepalived/keepalived.conf", "/etc/config/keepalived"];
const RUN_DIRECTORY: &str = "/run/locum";
const SOCKET: &str = "control.sock";

/// The program.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if name_of(&words) == Some("keepalived".as_ref()) {
        #[cfg(feature = "keepalived")]
        return keepalived::main(words.get(1..).unwrap_or_default(), verbs::socket_of_environment());
        #[cfg(not(feature = "keepalived"))]
        return {
            complain(&crate::parts::lacking("keepalived"));
            Exit::Usage.into()
        };
    }
    let words = with_name_as_verb(words);
    let said = match arguments::parse(&LOCUM, words.get(1..).unwrap_or_default()) {
        Ok(Parsed::Said(said)) => said,
        Ok(Parsed::Text(text)) => return print(&text).into(),
        Err(misused) => return refuse(&misused),
    };
    if said.has_verb()
        && let Some(what) = only_for_the_console(&said)
    {
        complain(&what);
        return Exit::Usage.into();
    }
    match said.text("config-id") {
        Ok(Some(name)) => crate::machine::set_config_id(name),
        Ok(None) => {}
        Err(misused) => return refuse(&misused),
    }
    said.act().unwrap_or_else(|misused| refuse(&misused))
}

/// Says that the command line makes no sense, and why.
fn refuse(misused: &Misused) -> ExitCode {
    let _ = write!(io::stderr().lock(), "{misused}"); // nobody is left to tell if this fails
    Exit::Usage.into()
}

/// What was said that no verb takes.
fn only_for_the_console(said: &Said) -> Option<&'static str> {
    #[cfg(feature = "console")]
    if said.has("host") {
        return Some("only the console takes --host");
    }
    (said.paths("socket").len() > 1).then_some("only the console takes several sockets")
}

/// Called as `locumd`, it is `locum run`; and `locum help config KEYWORD` is `locum explain KEYWORD`.
fn with_name_as_verb(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if name_of(&arguments) == Some("locumd".as_ref()) {
        arguments.insert(1, "run".into());
    }
    match arguments.as_slice() {
        [program, help, config, keyword] if help == "help" && config == "config" => {
            vec![program.clone(), "explain".into(), keyword.clone()]
        }
        _ => arguments,
    }
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
fn start_looking(said: &Said) -> Result<ExitCode, Misused> {
    #[cfg(feature = "console")]
    if said.has("once") || io::IsTerminal::is_terminal(&io::stdout()) {
        return console::console(&socket(said), said).map(Into::into);
    }
    Ok(show::show(&socket(said), None, false).into())
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
            complain(&format_args!(
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
            complain(&format_args!("{socket}: {error}"));
            Exit::Failed
        }
    }
}

/// Prints. If nobody reads any more, that is their wish and no failure.
pub(crate) fn print(text: &str) -> Exit {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format_args!("cannot write: {error}"));
            Exit::Failed
        }
        Ok(()) | Err(_) => Exit::Done,
    }
}

/// Says on standard error what went wrong.
pub(crate) fn complain(what: &dyn Display) {
    let line = format!("locum: {what}\n");
    let _ = io::stderr().lock().write_all(line.as_bytes()); // nobody is left to tell if this fails
}

/// Prints a value as one line of JSON.
fn print_json(value: &impl serde::Serialize) -> Exit {
    print(&to_json_line(value))
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
