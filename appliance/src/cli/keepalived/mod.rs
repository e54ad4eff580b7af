//! locum called as `keepalived`, or as `locum keepalived`: with keepalived's options, log, PID files, signals and dumps.

mod detach;
mod options;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use locum_config::{Configuration, Model, Style};
use log::LevelFilter;
use nix::sys::stat::{Mode, umask};

use self::options::Options;
pub(super) use self::options::help;
use super::home::Home;
use super::log::{LogFormat, LogTarget, Settings};
use super::{SOCKET, check, complain, print};
use crate::machine;
use crate::service::{self, Dump};

/// Where PID files of services with a name stand.
const PID_FOLDER: &str = "/run/keepalived";

const CONFIGURATION: &str = "/etc/keepalived/keepalived.conf";

/// What the dumps and the command line are modelled on. Programs read it from `keepalived -v`, and take from it what they
/// may rely on.
const LIKE: &str = "2.2.7";

/// keepalived's exit codes, as the program of Debian has them; its manual has others.
const USAGE: u8 = 1;
const CONFIGURATION_ERRORS: u8 = 5;
const INSECURE_SCRIPTS: u8 = 6;

/// Does what the command line says. `socket` is that of `locum --socket` or of the environment.
pub(super) fn main(arguments: &[OsString], socket: Option<PathBuf>) -> ExitCode {
    let mut options = match options::parse(arguments) {
        Ok(options) => options,
        Err(error) => {
            complain(&format_args!("{error}\nhelp: `keepalived --help` lists what there is"));
            return USAGE.into();
        }
    };
    if options.help {
        return print(&help()).into();
    }
    if options.version {
        // To standard error, as keepalived does.
        let version = env!("CARGO_PKG_VERSION");
        let text = format!("Keepalived v{LIKE} as far as VRRP's options, signals and dumps go\nlocum {version}\n");
        let _ = io::stderr().lock().write_all(text.as_bytes()); // nobody is left to tell if this fails
        return ExitCode::SUCCESS;
    }
    if let Some(name) = &options.signal {
        return signal_number(name);
    }
    if let Some(name) = options.config_id.clone() {
        machine::set_config_id(name);
    }
    if let Some(mask) = options.umask {
        umask(Mode::from_bits_truncate(mask));
    }
    let file = options.file.clone().unwrap_or_else(|| CONFIGURATION.into());
    if let Some(log) = &options.test {
        return test(&file, &home_of(&file, &options), log.as_deref()).into();
    }
    if !options.foreground && !options.detached {
        return detach::start(arguments, socket.as_deref());
    }
    options.file = Some(file);
    match run(options, socket) {
        Ok(exit) => exit.into(),
        Err(error) => {
            complain(&error);
            super::Exit::Failed.into()
        }
    }
}

fn run(options: Options, socket: Option<PathBuf>) -> Result<super::Exit, String> {
    let mut configuration = options.file.clone().unwrap_or_default();
    let home = home_of(&configuration, &options);
    let pid_files = pid_files(&options, &home);
    for path in &pid_files {
        if let Some(pid) = other_process(path) {
            let path = path.display();
            return Err(format!("a keepalived or locum runs already, process {pid} of {path}\nhelp: stop it first"));
        }
    }
    if home.instance.is_some()
        && let Err(error) = fs::create_dir_all(PID_FOLDER)
    {
        return Err(format!("{PID_FOLDER}: {error}"));
    }
    let _ = nix::sys::prctl::set_name(c"keepalived"); // programs look for the process by this name
    if options.detached {
        configuration = std::path::absolute(&configuration).map_err(|error| error.to_string())?;
        detach::leave_terminal().map_err(|error| format!("cannot detach: {error}"))?;
    }
    super::log::start(&log_settings(&options, home.log_name()));
    for notice in &options.notices {
        log::info!("{notice}");
    }
    let run_directory = home.run_directory();
    let socket = socket.unwrap_or_else(|| run_directory.join(SOCKET));
    let dumps = Some(service::dump_directory());
    let waiting_parent = options.detached;
    let options =
        service::Options { configuration, socket, run_directory, dumps, pid_files, waiting_parent, sandbox: false };
    Ok(super::run::serve(&home, options))
}

/// Where the service of a configuration runs; `--namespace` counts more than what the file says.
fn home_of(file: &Path, options: &Options) -> Home {
    let mut home = Home::of(file);
    if options.namespace.is_some() {
        home.net_namespace.clone_from(&options.namespace);
    }
    home
}

fn log_settings(options: &Options, name: String) -> Settings {
    let mut targets = Vec::new();
    if !options.no_syslog {
        targets.push(LogTarget::Syslog(options.facility));
    }
    if options.to_console {
        targets.push(LogTarget::StandardError);
    }
    let level = if options.in_detail { LevelFilter::Debug } else { LevelFilter::Info };
    Settings { level, format: LogFormat::Plain, targets, name }
}

/// Where the process number goes: with `instance` into a directory, as keepalived has it. keepalived has a second process for
/// VRRP; here both are the same.
fn pid_files(options: &Options, home: &Home) -> Vec<PathBuf> {
    let default = |name: &str| {
        let name = home.parts().fold(name.to_owned(), |name, part| format!("{name}_{part}"));
        let folder = if home.instance.is_some() { PID_FOLDER } else { "/run" };
        Path::new(folder).join(format!("{name}.pid"))
    };
    let main = options.pid_file.clone().unwrap_or_else(|| default("keepalived"));
    let vrrp = options.vrrp_pid_file.clone().unwrap_or_else(|| default("vrrp"));
    vec![main, vrrp]
}

/// The process that a PID file names, if it is alive, and one of ours or of keepalived. A file that a process left behind
/// when it was killed holds nobody up.
fn other_process(path: &Path) -> Option<u32> {
    let pid: u32 = fs::read_to_string(path).ok()?.trim().parse().ok()?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    (pid != std::process::id() && ["keepalived", "locum", "locumd"].contains(&name.trim())).then_some(pid)
}

fn signal_number(name: &str) -> ExitCode {
    let number = match name {
        "STOP" => nix::libc::SIGTERM,
        "RELOAD" => nix::libc::SIGHUP,
        "DATA" => Dump::Data.signal(),
        "STATS" => Dump::Statistics.signal(),
        "STATS_CLEAR" => Dump::StatisticsAndClear.signal(),
        "JSON" => Dump::Json.signal(),
        _ => {
            complain(&format_args!("no signal is called {name}: STOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON"));
            return USAGE.into();
        }
    };
    print(&format!("{number}\n")).into()
}

/// Checks a configuration. What is wrong goes to standard error or into a file.
fn test(file: &Path, home: &Home, log: Option<&Path>) -> u8 {
    let (text, code) = match check::load_at(file, home) {
        Ok(configuration) => {
            let text = configuration.render_text(Style { color: false, width: 100 });
            let verdict = verdict(&configuration);
            if verdict == INSECURE_SCRIPTS {
                (format!("{text}scripts are configured, and enable_script_security is not\n"), verdict)
            } else {
                (text, verdict)
            }
        }
        Err(error) => (format!("{error}\n"), CONFIGURATION_ERRORS),
    };
    let written = match log {
        Some(path) => fs::write(path, &text),
        None => io::stderr().lock().write_all(text.as_bytes()),
    };
    if let Err(error) = written {
        complain(&format_args!("what is wrong cannot be written: {error}"));
        return super::Exit::Failed as u8;
    }
    code
}

fn verdict(configuration: &Configuration) -> u8 {
    let model = configuration.model();
    match (configuration.has_errors(), has_scripts(model) && !*model.global.script_security) {
        (true, _) => CONFIGURATION_ERRORS,
        (false, true) => INSECURE_SCRIPTS,
        (false, false) => 0,
    }
}

fn has_scripts(model: &Model) -> bool {
    let of_instances = model.instances.iter().map(|instance| &*instance.notify);
    let of_groups = model.sync_groups.iter().map(|group| &group.notify);
    let mut notify = of_instances.chain(of_groups);
    let tells = notify.any(|notify| {
        let scripts =
            [&notify.master, &notify.backup, &notify.fault, &notify.stop, &notify.any, &notify.master_heard_lower];
        scripts.into_iter().any(Option::is_some)
    });
    tells || model.scripts.iter().any(|script| script.command.is_some())
}
