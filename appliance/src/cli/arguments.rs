//! What can be said on the command line, and its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// VRRP for small boxes: keeps a virtual address alive on two or more routers.
///
/// Without a command: the console, if standard output is a terminal, else `show`.
#[derive(Debug, Parser)]
#[command(name = "locum", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// The control socket of the service [default: /run/locum/control.sock, or $LOCUM_SOCKET]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) console: ConsoleArguments,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 what was asked for failed; 2 the command line makes no sense; \
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
    /// Colours; NO_COLOR is respected
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: ColourArgument,
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
    /// The colours' meaning
    #[arg(long, value_enum, default_value_t)]
    pub(crate) theme: ThemeArgument,
    /// Print the overview as text, and end
    #[arg(long)]
    pub(crate) once: bool,
}

/// Which theme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ThemeArgument {
    /// For dark screens
    #[default]
    Dark,
    /// For light screens
    Light,
    /// Without colours
    Mono,
    /// Without red against green
    ColourBlind,
}

/// Which colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColourArgument {
    /// What the terminal can do
    #[default]
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

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the service, in the foreground
    Run {
        /// The configuration [default: /etc/locum/locum.conf, else /etc/keepalived/keepalived.conf]
        #[arg(short, long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Where the journal and the history are kept, and the socket if nothing else is said [default: /run/locum]
        #[arg(long, value_name = "DIR")]
        run_dir: Option<PathBuf>,
        /// What is logged: error, warn, info, debug
        #[arg(long, value_name = "LEVEL", default_value = "info")]
        log: log::LevelFilter,
        /// Log a JSON value a line
        #[arg(long)]
        json: bool,
    },
    /// Show the instances, or one in full
    Show {
        /// Only this one, in full
        instance: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
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
    /// End the preempt delay of an instance: it takes over now
    Resume {
        /// Which
        instance: String,
    },
    /// Put the changed configuration file into effect; nothing changes if it has an error
    Reload {
        /// Only say what would change
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
        /// The configuration [default: /etc/locum/locum.conf, else /etc/keepalived/keepalived.conf]
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
    /// Explain a word of the configuration, or the code of a message
    Explain {
        /// A keyword, as advert_int, or a code, as E015
        word: String,
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

/// How `check` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
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
            assert_eq!(Arguments::parse_from(line).socket, Some("/x".into()));
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("80x24"), Ok((80, 24)));
        for bad in ["", "80", "0x24", "80x", "x24", "-1x5", "99999x1"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
