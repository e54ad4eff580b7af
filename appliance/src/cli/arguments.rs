//! What can be said on the command line, and its help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::log::{Facility, LogFormat};

/// VRRP for small boxes: keeps a virtual address alive on two or more routers.
///
/// Without a command: the console, if standard output is a terminal, else `show`.
#[derive(Debug, Parser)]
#[command(name = "locum", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// The control socket of the service [default: $LOCUM_SOCKET, or /run/locum/control.sock]; for the console also several
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Vec<PathBuf>,
    /// What `@NAME` lines of the configuration compare with [default: the host name up to its first dot]
    #[arg(short = 'i', long, global = true, value_name = "NAME")]
    pub(crate) config_id: Option<String>,
    #[command(flatten)]
    pub(crate) console: ConsoleArguments,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

pub(crate) const EXIT_CODES: &str = "Exit codes: 0 done; 1 what was asked for failed; 2 the command line makes no sense; \
3 the configuration has errors; 4 it has warnings (check --strict); 5 no service answers on the socket.";

/// How the console looks.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Console")]
pub(crate) struct ConsoleArguments {
    /// Draw with ASCII only
    #[arg(long, conflicts_with = "unicode")]
    pub(crate) ascii: bool,
    /// Draw with Unicode, whatever the locale says
    #[arg(long)]
    pub(crate) unicode: bool,
    /// Colours [default: auto]; NO_COLOR is respected
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) color: Option<ColourArgument>,
    /// The size of a terminal that does not know its own
    #[arg(long, value_name = "COLUMNSxROWS", value_parser = parse_size)]
    pub(crate) size: Option<(u16, u16)>,
    /// The speed of the line in bits a second, if the terminal does not know it
    #[arg(long, value_name = "BITS")]
    pub(crate) baud: Option<u32>,
    /// Leave the terminal's scrollback in sight
    #[arg(long)]
    pub(crate) no_alt_screen: bool,
    /// Refuse everything that changes something
    #[arg(long)]
    pub(crate) readonly: bool,
    /// Refuse it after so many minutes without a key
    #[arg(long, value_name = "MINUTES")]
    pub(crate) idle_lock: Option<u16>,
    /// The colours' meaning [default: dark]
    #[arg(long, value_enum)]
    pub(crate) theme: Option<ThemeArgument>,
    /// Print the overview as text, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// A service on another machine, reached as `ssh HOST locum proxy`; as root@router. Several are shown together
    #[arg(long, value_name = "HOST", value_parser = host)]
    pub(crate) host: Vec<String>,
    /// What is run there, as its shell takes it [default: locum proxy]
    #[arg(long, value_name = "COMMAND", requires = "host", value_parser = remote_command)]
    pub(crate) remote_command: Option<String>,
}

/// Which theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ThemeArgument {
    /// For dark screens
    Dark,
    /// For light screens
    Light,
    /// Without colours
    Mono,
    /// Without red against green
    ColourBlind,
}

/// Which colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColourArgument {
    /// What the terminal can do
    Auto,
    /// None
    Never,
    /// The terminal's own sixteen
    #[value(name = "16")]
    Sixteen,
    /// 256
    #[value(name = "256")]
    Indexed,
}

/// What changes something, and what is said about that.
#[derive(Debug, Subcommand)]
pub(crate) enum Steer {
    /// Change an option of an instance while it runs, as `set VI_1 priority 120` or `set VI_1 vip add 10.0.0.9/24`
    Set {
        /// Which
        instance: String,
        /// The option as in the configuration file; vip, excluded-vip or peer with add or remove; weight with a tracker
        keyword: String,
        /// Its words
        #[arg(allow_negative_numbers = true)]
        values: Vec<String>,
        #[command(flatten)]
        how: How,
    },
    /// Take an option of an instance away while it runs: its default holds
    Unset {
        /// Which
        instance: String,
        /// The option as in the configuration file
        keyword: String,
        #[command(flatten)]
        how: How,
    },
    /// Have instances hand over and stand back until they are resumed
    Yield {
        /// An instance or a sync group
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        instance: Option<String>,
        /// All instances
        #[arg(long)]
        all: bool,
        /// For so long, as 30m; also across a restart of the service [default: 5m where you are connected through a virtual
        /// address]
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        lasts: Option<u64>,
        /// Also after the machine has started again [default: until it starts again]
        #[arg(long, conflicts_with = "lasts")]
        persist: bool,
        /// Until the machine starts again, which is the default
        #[arg(long, conflicts_with_all = ["lasts", "persist"])]
        until_reboot: bool,
        /// Take over all the same, with the lowest priority, when nobody else is heard
        #[arg(long)]
        last_resort: bool,
        /// Only say what would follow, as far as it can be known
        #[arg(long)]
        dry_run: bool,
    },
    /// Have instances take part again: ends a yield, a preempt delay or a start delay
    Resume {
        /// An instance or a sync group
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        instance: Option<String>,
        /// All instances
        #[arg(long)]
        all: bool,
        /// Only say what would follow, as far as it can be known
        #[arg(long)]
        dry_run: bool,
    },
    /// Make an instance MASTER now, for a time with a higher priority where its own does not do
    Take {
        /// Which
        instance: String,
        /// How long the priority is raised, where it has to be [default: 30m]
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        raised_for: Option<u64>,
        /// Only say what would follow, as far as it can be known
        #[arg(long)]
        dry_run: bool,
    },
    /// Count adverts, rejected packets and transitions anew; the history stays
    ClearStatistics {
        /// An instance or a sync group [default: all]
        instance: Option<String>,
    },
    /// Confirm the change that is on trial
    Confirm,
    /// Take a change back
    Rollback {
        /// Which, as `locum changes` numbers them [default: the last one that is not saved]
        number: Option<u32>,
    },
    /// Say what runs and is not in the configuration file
    Diff {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List the last changes
    Changes {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// How a change is made.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct How {
    /// Take it back after so long, as 30m
    #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
    pub(crate) lasts: Option<u64>,
    /// Write it into the configuration file: only the words that change
    #[arg(long, conflicts_with = "lasts")]
    pub(crate) save: bool,
    /// Take it back unless `locum confirm` comes within so long, as 5m; 0 for never [default: 5m where you are connected
    /// through a virtual address, else 0]
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) confirm: Option<u64>,
    /// Only say what would change, and what would follow as far as it can be known
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A time as `30m` or `1h 30m`, in whole seconds.
fn seconds(text: &str) -> Result<u64, String> {
    let text = if text.bytes().all(|byte| byte.is_ascii_digit()) { format!("{text}s") } else { text.to_owned() };
    let duration = humantime::parse_duration(&text).map_err(|error| format!("{error}; write it as 30m or 90s"))?;
    Ok(duration.as_secs())
}

/// How the service runs.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunArguments {
    /// The configuration [default: /etc/locum/locum.conf, else /etc/keepalived/keepalived.conf, else /etc/config/keepalived]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Where the journal and the history are kept, and the socket if nothing else is said [default: /run/locum]
    #[arg(long, value_name = "DIR")]
    pub(crate) run_dir: Option<PathBuf>,
    /// What is logged: error, warn, info, debug
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log: log::LevelFilter,
    /// How lines of the log look
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Where they go
    #[arg(long, value_enum, default_value_t, value_name = "TARGET")]
    pub(crate) log_target: TargetArgument,
    /// The facility of what goes to syslog: daemon, user, local0 to local7
    #[arg(long, default_value = "daemon", value_name = "FACILITY", value_parser = Facility::parse)]
    pub(crate) log_facility: Facility,
    /// Write keepalived's dumps at its signals, as the files keepalived.data, keepalived.stats and keepalived.json
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "/tmp")]
    pub(crate) keepalived_dumps: Option<PathBuf>,
    /// The same as --log-format json
    #[arg(long, conflicts_with = "log_format")]
    pub(crate) json: bool,
    /// Without scripts: give up the right to change other files than its own (Landlock); what needs more takes a restart
    #[arg(long)]
    pub(crate) sandbox: bool,
    /// Stay as a parent that starts the service again after a crash; for systems without systemd or procd
    #[arg(long)]
    pub(crate) supervise: bool,
    /// What that parent says to the service: its process
    #[arg(long, hide = true, value_name = "PID", conflicts_with = "supervise")]
    pub(crate) supervised_by: Option<i32>,
}

/// Where the log goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TargetArgument {
    /// Standard error; under systemd each line carries its priority for the journal
    #[default]
    Stderr,
    /// Standard error, with a priority before each line in any case
    Journal,
    /// The local syslog daemon
    Syslog,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the service, in the foreground
    Run(RunArguments),
    /// Remove what a service that was killed has left in the kernel: addresses, routes, rules, interfaces, settings
    ///
    /// Refuses while a service runs on the run directory. A start does the same by itself.
    Cleanup {
        /// The run directory of the service that is gone [default: /run/locum]
        #[arg(long, value_name = "DIR")]
        run_dir: Option<PathBuf>,
        /// Only say what would be removed
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the instances, or one in full
    Show {
        /// Only this one, in full
        instance: Option<String>,
        /// What the running configuration says of it instead, an option a line
        #[arg(long, requires = "instance", conflicts_with = "format")]
        options: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// As text, as JSON, or in the form of keepalived's JSON dump
        #[arg(long, value_enum, default_value_t, conflicts_with = "json")]
        format: ShowFormat,
    },
    /// Say how an instance came to be in its state
    Why {
        /// Which
        instance: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Tell what happens, as it happens
    Watch {
        /// Only about this instance
        instance: Option<String>,
        /// Each advert as well
        #[arg(long)]
        adverts: bool,
        /// A JSON value a line
        #[arg(long)]
        json: bool,
    },
    /// Print what a monitoring system collects, in OpenMetrics' text format
    Metrics {
        /// Write it for node-exporter's textfile collector instead, as a file that is replaced as a whole
        #[arg(long, value_name = "FILE")]
        textfile: Option<PathBuf>,
    },
    #[command(flatten)]
    Steer(Steer),
    /// Put the changed configuration file into effect; nothing changes if it has an error
    Reload {
        /// Only say what would change, and what would follow as far as it can be known
        #[arg(long)]
        dry_run: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Try who is told about an instance: runs each of its scripts, writes to each FIFO, sends a mail
    ///
    /// Scripts are told of every state, and last of the one that the instance is in; they find LOCUM_TEST=1.
    NotifyTest {
        /// Which; needed where there are several
        instance: Option<String>,
        /// The configuration [default: that of the service, if one runs]
        #[arg(short, long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Explain a configuration: errors, warnings and lints
    Check {
        /// The configuration [default: /etc/locum/locum.conf, else /etc/keepalived/keepalived.conf, else /etc/config/keepalived]
        file: Option<PathBuf>,
        /// How
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// The same as --format json
        #[arg(long, conflicts_with = "format")]
        json: bool,
        /// Exit with 4 if there are warnings
        #[arg(long)]
        strict: bool,
        /// Say what a code means, as E015, instead of checking
        #[arg(long, value_name = "CODE", exclusive = true)]
        explain: Option<String>,
    },
    /// Look for what keeps virtual routers from working: links, addresses, packet filters, settings of the kernel, other
    /// daemons
    ///
    /// Exits with 0 if all is well, 1 if there are problems, 4 if there are only warnings.
    Doctor {
        /// Look with this configuration, as if no service ran [default: ask the service; if none runs, as `check`]
        file: Option<PathBuf>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Record what the service says, to be played by `replay`, until Ctrl-C
    Record {
        /// A new file; only you can read it, and no password is in it
        file: PathBuf,
        /// End after so long, as 8h
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        lasts: Option<u64>,
        /// End when the file has this size
        #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = bytes)]
        max_size: u64,
    },
    /// Play a recording in the console: Space holds it, [ and ] go back and on
    ///
    /// Options of the console stand before the word: locum --ascii replay FILE
    #[cfg(feature = "console")]
    Replay {
        /// The recording
        file: PathBuf,
    },
    /// Write the adverts of a recording, or the last ones that the service has kept, as a capture for Wireshark
    ///
    /// The packets are rebuilt from what the service keeps of each: time, sender and priority.
    Export {
        /// The capture, a new file
        #[arg(long, value_name = "FILE")]
        pcap: PathBuf,
        /// A recording [default: what the service has kept]
        recording: Option<PathBuf>,
    },
    /// Carry the conversation with the service over standard input and output, for a console on another machine
    Proxy,
    /// Explain a word of the configuration, or the code of a message
    Explain {
        /// A keyword, as advert_int, or a code, as E015
        word: String,
    },
    /// Be keepalived: with its options, log, PID files, signals and dumps, as when called by the name keepalived
    #[command(disable_help_flag = true)]
    Keepalived {
        /// keepalived's options; `locum keepalived --help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
        arguments: Vec<OsString>,
    },
    /// Compare the configurations of all routers of a group, and play what happens when one of them fails
    Plan {
        /// One for each router
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show it all on a virtual LAN: three routers and a client, to look at and to break; the machine is left alone
    #[cfg(feature = "demo")]
    Demo {
        /// Play a fixed programme and print what happens, instead of opening the console; without a terminal this is what
        /// it does anyway
        #[arg(long)]
        headless: bool,
        /// How long the programme may take, as 20s or 1m [default: 20s]
        #[arg(long, value_name = "TIME", requires = "headless", value_parser = humantime::parse_duration)]
        duration: Option<std::time::Duration>,
        /// What the demo says to itself when it starts itself again in namespaces of its own
        #[arg(long, hide = true, value_name = "DESCRIPTOR")]
        inside: Option<u32>,
    },
}

/// How `show` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For programs that read keepalived's dumps
    Keepalived,
}

/// How `check` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// The name of a machine for ssh, which must not take it for an option.
fn host(text: &str) -> Result<String, String> {
    word_for_ssh(text)?;
    if text.chars().any(char::is_whitespace) {
        return Err("a host has no spaces in its name; what to run there is said with --remote-command".into());
    }
    Ok(text.to_owned())
}

fn remote_command(text: &str) -> Result<String, String> {
    word_for_ssh(text).map(|()| text.to_owned())
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

/// A size as `64M`, in bytes.
fn bytes(text: &str) -> Result<u64, String> {
    let (number, factor) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (text.get(..at), 1 << 10),
        Some((at, 'm' | 'M')) => (text.get(..at), 1 << 20),
        Some((at, 'g' | 'G')) => (text.get(..at), 1 << 30),
        _ => (Some(text), 1_u64),
    };
    let number: Option<u64> = number.and_then(|number| number.parse().ok());
    let size = number.and_then(|number| number.checked_mul(factor)).filter(|size| *size > 0);
    size.ok_or_else(|| "write it as 64M, 500k or 1G".into())
}

fn parse_size(text: &str) -> Result<(u16, u16), String> {
    let parts =
        text.split_once(['x', 'X']).and_then(|(columns, rows)| Some((columns.parse().ok()?, rows.parse().ok()?)));
    parts.filter(|(columns, rows)| *columns > 0 && *rows > 0).ok_or_else(|| "write it as 80x24".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_socket_may_stand_before_or_after_the_verb() {
        for line in [["locum", "--socket", "/x", "show"], ["locum", "show", "--socket", "/x"]] {
            assert_eq!(Arguments::parse_from(line).socket, [PathBuf::from("/x")]);
        }
    }

    #[test]
    fn hosts_are_no_options() {
        let hosts = |words: &[&str]| Arguments::try_parse_from(words).map(|arguments| arguments.console.host);
        assert_eq!(hosts(&["locum", "--host", "root@a", "--host", "b"]).unwrap(), ["root@a", "b"]);
        for bad in ["-oProxyCommand=reboot", "", " ", "a b", "a\nb"] {
            assert!(hosts(&["locum", &format!("--host={bad}")]).is_err(), "{bad}");
        }
        assert!(hosts(&["locum", "--host", "a", "--remote-command", "-x"]).is_err());
        assert!(hosts(&["locum", "--remote-command", "x"]).is_err(), "for no host");
    }

    #[test]
    fn sizes() {
        for (text, size) in [("1", 1), ("2k", 2048), ("64M", 64 << 20), ("1G", 1 << 30)] {
            assert_eq!(bytes(text), Ok(size));
        }
        for bad in ["", "0", "-1", "M", "1T", "99999999999G", "\u{e4}"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_size("80x24"), Ok((80, 24)));
        for bad in ["", "80", "0x24", "80x", "x24", "-1x5", "99999x1"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
