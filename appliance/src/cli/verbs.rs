//! What can be said on the command line, its help, and what is done about it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use locum_control::{Edit, Lasts, Verb as Request};

use super::arguments::{Choice, Count, Misused, Operand, Opt, Program, Said, Verb};
use super::values::{number, seconds};
use super::{
    Exit, RUN_DIRECTORY, SOCKET, check, cleanup, default_configuration, notify_test, proxy, reload, run, show,
    start_looking, steer, watch,
};
use crate::parts::PARTS;

/// locum.
pub(crate) static LOCUM: Program = Program {
    root: Verb {
        more: "Without a command: the console, if standard output is a terminal, else `show`.",
        options: &[
            Opt::value(
                "socket",
                "PATH",
                "The control socket of the service [default: $LOCUM_SOCKET, or /run/locum/control.sock]; for the console \
                 also several",
            )
            .repeats(),
            Opt::value(
                "config-id",
                "NAME",
                "What `@NAME` lines of the configuration compare with [default: the host name up to its first dot]",
            )
            .short('i'),
        ],
        ..Verb::new(
            "locum",
            "VRRP for small boxes: keeps a virtual address alive on two or more routers",
            start_looking,
        )
    },
    sections: &[
        #[cfg(feature = "console")]
        ("Console", super::console::OPTIONS),
    ],
    verbs: VERBS,
    parts: PARTS,
    closing: EXIT_CODES,
};

pub(crate) const EXIT_CODES: &str = "Exit codes: 0 done; 1 what was asked for failed; 2 the command line makes no sense; \
3 the configuration has errors; 4 it has warnings (check --strict); 5 no service answers on the socket.";

const JSON: Opt = Opt::flag("json", "As JSON");
const DRY_RUN: Opt = Opt::flag("dry-run", "Only say what would follow, as far as it can be known");
const DRY_RUN_OF_CHANGE: Opt =
    Opt::flag("dry-run", "Only say what would change, and what would follow as far as it can be known");
const ALL: Opt = Opt::flag("all", "All instances").conflicts(&["INSTANCE"]);
const WHICH: Operand = Operand::new("INSTANCE", Count::One, "Which");
const WHOM: Operand = Operand::new("INSTANCE", Count::Unless("all"), "An instance or a sync group");
const SAVE: Opt =
    Opt::flag("save", "Write it into the configuration file: only the words that change").conflicts(&["for"]);
const CONFIRM: Opt = Opt::value(
    "confirm",
    "TIME",
    "Take it back unless `locum confirm` comes within so long, as 5m; 0 for never [default: 5m where you are connected \
     through a virtual address, else 0]",
);
const TAKE_BACK: Opt = Opt::value("for", "TIME", "Take it back after so long, as 30m");

const PLAIN_OR_JSON: &[Choice] = &[("text", "For people"), ("json", "For programs")];

static VERBS: &[Verb] = &[
    Verb { options: run::OPTIONS, ..Verb::new("run", "Run the service, in the foreground", run::run) },
    Verb {
        more: "Refuses while a service runs on the run directory. A start does the same by itself.",
        options: &[
            Opt::value("run-dir", "DIR", "The run directory of the service that is gone [default: /run/locum]"),
            Opt::flag("dry-run", "Only say what would be removed"),
        ],
        ..Verb::new(
            "cleanup",
            "Remove what a service that was killed has left in the kernel: addresses, routes, rules, interfaces, settings",
            |said| {
                let run_directory = said.path("run-dir").unwrap_or_else(|| RUN_DIRECTORY.into());
                let socket = named_socket(said).unwrap_or_else(|| run_directory.join(SOCKET));
                done(cleanup::cleanup(&run_directory, &socket, said.has("dry-run")))
            },
        )
    },
    Verb {
        operands: &[Operand::new("INSTANCE", Count::Optional, "Only this one, in full")],
        options: &[
            Opt::flag("options", "What the running configuration says of it instead, an option a line")
                .requires("INSTANCE")
                .conflicts(&["format"]),
            JSON.conflicts(&["format"]),
            Opt::choice(
                "format",
                "FORMAT",
                &[
                    ("text", "For people"),
                    ("json", "For programs"),
                    #[cfg(feature = "keepalived")]
                    ("keepalived", "For programs that read keepalived's dumps"),
                ],
                "In which form",
            )
            .default("text"),
        ],
        ..Verb::new("show", "Show the instances, or one in full", |said| {
            let (socket, instance) = (socket(said), said.text("INSTANCE")?);
            let json = said.has("json");
            done(match (said.one_of("format"), instance) {
                (_, Some(instance)) if said.has("options") => show::options(&socket, instance, json),
                #[cfg(feature = "keepalived")]
                ("keepalived", instance) => show::keepalived(&socket, instance.as_deref()),
                (format, instance) => show::show(&socket, instance, json || format == "json"),
            })
        })
    },
    Verb {
        operands: &[WHICH],
        options: &[JSON],
        ..Verb::new("why", "Say how an instance came to be in its state", |said| {
            done(show::why(&socket(said), said.needed("INSTANCE")?, said.has("json")))
        })
    },
    Verb {
        operands: &[Operand::new("INSTANCE", Count::Optional, "Only about this instance")],
        options: &[Opt::flag("adverts", "Each advert as well"), Opt::flag("json", "A JSON value a line")],
        ..Verb::new("watch", "Tell what happens, as it happens", |said| {
            done(watch::watch(&socket(said), said.text("INSTANCE")?, said.has("adverts"), said.has("json")))
        })
    },
    #[cfg(feature = "metrics")]
    Verb {
        options: &[Opt::value(
            "textfile",
            "FILE",
            "Write it for node-exporter's textfile collector instead, as a file that is replaced as a whole",
        )],
        ..Verb::new("metrics", "Print what a monitoring system collects, in OpenMetrics' text format", |said| {
            done(super::metrics::metrics(&socket(said), said.path("textfile").as_deref()))
        })
    },
    Verb {
        operands: &[
            WHICH,
            Operand::new(
                "KEYWORD",
                Count::One,
                "The option as in the configuration file; vip, excluded-vip or peer with add or remove; weight with a \
                 tracker",
            ),
            Operand::new("VALUES", Count::Any, "Its words").negative(),
        ],
        options: &[TAKE_BACK, SAVE, CONFIRM, DRY_RUN_OF_CHANGE],
        ..Verb::new(
            "set",
            "Change an option of an instance while it runs, as `set VI_1 priority 120` or `set VI_1 vip add 10.0.0.9/24`",
            |said| {
                let words = (said.needed("INSTANCE")?, said.needed("KEYWORD")?, said.texts("VALUES")?);
                done(steer::set(&socket(said), words, how(said)?))
            },
        )
    },
    Verb {
        operands: &[WHICH, Operand::new("KEYWORD", Count::One, "The option as in the configuration file")],
        options: &[TAKE_BACK, SAVE, CONFIRM, DRY_RUN_OF_CHANGE],
        ..Verb::new("unset", "Take an option of an instance away while it runs: its default holds", |said| {
            let edit = Edit::Unset { instance: said.needed("INSTANCE")?, keyword: said.needed("KEYWORD")? };
            done(steer::change(&socket(said), edit, how(said)?))
        })
    },
    Verb {
        operands: &[WHOM],
        options: &[
            ALL,
            Opt::value(
                "for",
                "TIME",
                "For so long, as 30m; also across a restart of the service [default: 5m where you are connected through a \
                 virtual address]",
            ),
            Opt::flag("persist", "Also after the machine has started again [default: until it starts again]")
                .conflicts(&["for"]),
            Opt::flag("until-reboot", "Until the machine starts again, which is the default")
                .conflicts(&["for", "persist"]),
            Opt::flag("last-resort", "Take over all the same, with the lowest priority, when nobody else is heard"),
            DRY_RUN,
        ],
        ..Verb::new("yield", "Have instances hand over and stand back until they are resumed", |said| {
            let lasts = match said.read("for", seconds)? {
                Some(seconds) => Some(Lasts::Seconds(seconds)),
                None if said.has("persist") => Some(Lasts::Saved),
                None => said.has("until-reboot").then_some(Lasts::UntilReboot),
            };
            let (instance, last_resort) = (said.text("INSTANCE")?, said.has("last-resort"));
            order_or_foresee(said, Request::Yield { instance, lasts, last_resort })
        })
    },
    Verb {
        operands: &[WHOM],
        options: &[ALL, DRY_RUN],
        ..Verb::new(
            "resume",
            "Have instances take part again: ends a yield, a preempt delay or a start delay",
            |said| order_or_foresee(said, Request::Resume { instance: said.text("INSTANCE")? }),
        )
    },
    Verb {
        operands: &[WHICH],
        options: &[
            Opt::value("for", "TIME", "How long the priority is raised, where it has to be [default: 30m]"),
            DRY_RUN,
        ],
        ..Verb::new(
            "take",
            "Make an instance MASTER now, for a time with a higher priority where its own does not do",
            |said| {
                let (instance, for_s) = (said.needed("INSTANCE")?, said.read("for", seconds)?);
                order_or_foresee(said, Request::Take { instance, for_s })
            },
        )
    },
    Verb {
        operands: &[Operand::new("INSTANCE", Count::Optional, "An instance or a sync group [default: all]")],
        ..Verb::new(
            "clear-statistics",
            "Count adverts, rejected packets and transitions anew; the history stays",
            |said| order(said, Request::ClearStatistics { instance: said.text("INSTANCE")? }),
        )
    },
    Verb::new("confirm", "Confirm the change that is on trial", |said| order(said, Request::Confirm)),
    Verb {
        operands: &[Operand::new(
            "NUMBER",
            Count::Optional,
            "Which, as `locum changes` numbers them [default: the last one that is not saved]",
        )],
        ..Verb::new("rollback", "Take a change back", |said| {
            order(said, Request::Rollback { number: said.read("NUMBER", number)? })
        })
    },
    Verb {
        options: &[JSON],
        ..Verb::new("diff", "Say what runs and is not in the configuration file", |said| {
            done(reload::answer(&socket(said), Request::Diff, said.has("json")))
        })
    },
    Verb {
        options: &[JSON],
        ..Verb::new("changes", "List the last changes", |said| done(steer::changes(&socket(said), said.has("json"))))
    },
    Verb {
        options: &[DRY_RUN_OF_CHANGE, JSON],
        ..Verb::new(
            "reload",
            "Put the changed configuration file into effect; nothing changes if it has an error",
            |said| done(reload::reload(&socket(said), said.has("dry-run"), said.has("json"))),
        )
    },
    Verb {
        more: "Scripts are told of every state, and last of the one that the instance is in; they find LOCUM_TEST=1.",
        operands: &[Operand::new("INSTANCE", Count::Optional, "Which; needed where there are several")],
        options: &[
            Opt::value("file", "FILE", "The configuration [default: that of the service, if one runs]").short('f')
        ],
        ..Verb::new(
            "notify-test",
            "Try who is told about an instance: runs each of its scripts, writes to each FIFO, sends a mail",
            |said| done(notify_test::notify_test(&socket(said), said.text("INSTANCE")?, said.path("file"))),
        )
    },
    Verb {
        operands: &[Operand::new(
            "FILE",
            Count::Optional,
            "The configuration [default: /etc/locum/locum.conf, else /etc/keepalived/keepalived.conf, else \
             /etc/config/keepalived]",
        )],
        options: &[
            Opt::choice("format", "FORMAT", PLAIN_OR_JSON, "How").default("text"),
            Opt::flag("json", "The same as --format json").conflicts(&["format"]),
            Opt::flag("strict", "Exit with 4 if there are warnings"),
            #[cfg(feature = "explain")]
            Opt::value("explain", "CODE", "Say what a code means, as E015, instead of checking")
                .conflicts(&["FILE", "format", "json", "strict"]),
        ],
        ..Verb::new("check", "Explain a configuration: errors, warnings and lints", |said| {
            #[cfg(feature = "explain")]
            if let Some(code) = said.text("explain")? {
                return done(super::explain::code(&code));
            }
            let json = said.has("json") || said.one_of("format") == "json";
            let file = said.path("FILE").unwrap_or_else(default_configuration);
            done(check::check(&file, json, said.has("strict")))
        })
    },
    #[cfg(feature = "doctor")]
    Verb {
        more: "Exits with 0 if all is well, 1 if there are problems, 4 if there are only warnings.",
        operands: &[Operand::new(
            "FILE",
            Count::Optional,
            "Look with this configuration, as if no service ran [default: ask the service; if none runs, as `check`]",
        )],
        options: &[JSON],
        ..Verb::new(
            "doctor",
            "Look for what keeps virtual routers from working: links, addresses, packet filters, settings of the kernel, \
             other daemons",
            |said| done(super::doctor::doctor(&socket(said), said.path("FILE"), said.has("json"))),
        )
    },
    #[cfg(feature = "record")]
    Verb {
        operands: &[Operand::new("FILE", Count::One, "A new file; only you can read it, and no password is in it")],
        options: &[
            Opt::value("for", "TIME", "End after so long, as 8h"),
            Opt::value("max-size", "SIZE", "End when the file has this size").default("64M"),
        ],
        ..Verb::new("record", "Record what the service says, to be played by `replay`, until Ctrl-C", |said| {
            let file = said.path("FILE").unwrap_or_default();
            let size = said.read("max-size", super::values::bytes)?.unwrap_or_default();
            done(super::record::record(&socket(said), &file, said.read("for", seconds)?, size))
        })
    },
    #[cfg(feature = "console")]
    Verb {
        more: "Options of the console stand before the word: locum --ascii replay FILE",
        operands: &[Operand::new("FILE", Count::One, "The recording")],
        ..Verb::new("replay", "Play a recording in the console: Space holds it, [ and ] go back and on", |said| {
            let options = super::console::options(Path::new(""), said)?;
            done(super::console::replay(&said.path("FILE").unwrap_or_default(), options, said.has("once")))
        })
    },
    #[cfg(feature = "record")]
    Verb {
        more: "The packets are rebuilt from what the service keeps of each: time, sender and priority.",
        operands: &[Operand::new("RECORDING", Count::Optional, "A recording [default: what the service has kept]")],
        options: &[Opt::value("pcap", "FILE", "The capture, a new file").required()],
        ..Verb::new(
            "export",
            "Write the adverts of a recording, or the last ones that the service has kept, as a capture for Wireshark",
            |said| {
                let capture = said.path("pcap").unwrap_or_default();
                done(super::record::export(&socket(said), said.path("RECORDING").as_deref(), &capture))
            },
        )
    },
    Verb::new(
        "proxy",
        "Carry the conversation with the service over standard input and output, for a console on another machine",
        |said| done(proxy::proxy(&socket(said))),
    ),
    #[cfg(feature = "explain")]
    Verb {
        operands: &[Operand::new("WORD", Count::One, "A keyword, as advert_int, or a code, as E015")],
        ..Verb::new("explain", "Explain a word of the configuration, or the code of a message", |said| {
            done(super::explain::word(&said.needed("WORD")?))
        })
    },
    #[cfg(feature = "keepalived")]
    Verb {
        passes_on: true,
        operands: &[Operand::new("OPTIONS", Count::Any, "keepalived's options; `locum keepalived --help` lists them")],
        ..Verb::new(
            "keepalived",
            "Be keepalived: with its options, log, PID files, signals and dumps, as when called by the name keepalived",
            |said| Ok(super::keepalived::main(&said.words("OPTIONS"), named_socket(said))),
        )
    },
    #[cfg(feature = "plan")]
    Verb {
        operands: &[Operand::new("FILE", Count::AtLeastOne, "One for each router")],
        options: &[JSON],
        ..Verb::new(
            "plan",
            "Compare the configurations of all routers of a group, and play what happens when one of them fails",
            |said| done(super::plan::plan(&said.paths("FILE"), said.has("json"))),
        )
    },
    #[cfg(feature = "demo")]
    Verb {
        options: super::demo::OPTIONS,
        ..Verb::new(
            "demo",
            "Show it all on a virtual LAN: three routers and a client, to look at and to break; the machine is left alone",
            super::demo::demo,
        )
    },
];

/// How a change is made.
fn how(said: &Said) -> Result<steer::How, Misused> {
    Ok(steer::How {
        for_s: said.read("for", seconds)?,
        save: said.has("save"),
        confirm_within_s: said.read("confirm", seconds)?,
        dry_run: said.has("dry-run"),
    })
}

/// Asks the service to do something.
fn order(said: &Said, what: Request) -> Result<ExitCode, Misused> {
    done(steer::order(&socket(said), what))
}

/// The same, or with `--dry-run` what would follow.
fn order_or_foresee(said: &Said, what: Request) -> Result<ExitCode, Misused> {
    let what = if said.has("dry-run") { Request::Foresee { order: Box::new(what) } } else { what };
    order(said, what)
}

fn done(exit: Exit) -> Result<ExitCode, Misused> {
    Ok(exit.into())
}

/// The control socket of the service.
pub(super) fn socket(said: &Said) -> PathBuf {
    named_socket(said).unwrap_or_else(|| Path::new(RUN_DIRECTORY).join(SOCKET))
}

/// The one that the command line or the environment names.
pub(super) fn named_socket(said: &Said) -> Option<PathBuf> {
    said.path("socket").or_else(socket_of_environment)
}

pub(super) fn socket_of_environment() -> Option<PathBuf> {
    std::env::var_os("LOCUM_SOCKET").map(PathBuf::from)
}
