//! keepalived's options (keepalived(8) of 2.2.7), read as getopt_long(3) reads them, so that units and init scripts go on
//! working. Each option is acted on, or says why it means nothing here, or is refused with what to do instead.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::cli::log::Facility;
use crate::text::Append;

/// What was said on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `-f`
    pub(super) file: Option<PathBuf>,
    /// `-n`
    pub(super) foreground: bool,
    /// `-l`
    pub(super) to_console: bool,
    /// `-G`
    pub(super) no_syslog: bool,
    /// `-D`
    pub(super) in_detail: bool,
    /// `-S`
    pub(super) facility: Facility,
    /// `-p`
    pub(super) pid_file: Option<PathBuf>,
    /// `-r`
    pub(super) vrrp_pid_file: Option<PathBuf>,
    /// `-s`
    pub(super) namespace: Option<String>,
    /// `-i`
    pub(super) config_id: Option<String>,
    /// `-u`
    pub(super) umask: Option<u32>,
    /// `-t`, and the file that it writes to.
    pub(super) test: Option<Option<PathBuf>>,
    /// `--signum`
    pub(super) signal: Option<String>,
    /// `-v`
    pub(super) version: bool,
    /// `-h`
    pub(super) help: bool,
    /// It was started by another process of this program, which waits for a word of it.
    pub(super) detached: bool,
    /// Options that mean nothing here, and why.
    pub(super) notices: Vec<String>,
}

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    /// A value of this kind.
    A(&'static str),
    /// The same, joined to the option, or nothing.
    Perhaps(&'static str),
}

/// What an option means here.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    /// It is acted on.
    Does(fn(&mut Options, Option<&OsStr>) -> Result<(), String>),
    /// It is so anyway.
    Always,
    /// Nothing follows from it, for this reason.
    Nothing(&'static str),
    /// The service does not start with it; this is what to do.
    Refused(&'static str),
}

/// An option.
struct Known {
    short: Option<char>,
    long: &'static str,
    takes: Takes,
    meaning: Meaning,
    help: &'static str,
}

const fn known(short: char, long: &'static str, takes: Takes, meaning: Meaning, help: &'static str) -> Known {
    Known { short: Some(short), long, takes, meaning, help }
}

const fn long(long: &'static str, takes: Takes, meaning: Meaning, help: &'static str) -> Known {
    Known { short: None, long, takes, meaning, help }
}

/// What the process that detaches says to the one that stays.
pub(super) const DETACHED: &str = "--detached-by-locum";

use Meaning::{Always, Does, Nothing, Refused};
use Takes::{A, Perhaps};

const NO_CHECKERS: &str = "locum has no health checks of real servers and no such process";

/// All of them.
static KNOWN: [Known; 38] = [
    known(
        'f',
        "use-file",
        A("FILE"),
        Does(|it, value| set(&mut it.file, path(value))),
        "the configuration [/etc/keepalived/keepalived.conf]",
    ),
    known('n', "dont-fork", Takes::Nothing, Does(|it, _| on(&mut it.foreground)), "stay in the foreground"),
    known('l', "log-console", Takes::Nothing, Does(|it, _| on(&mut it.to_console)), "log to standard error as well"),
    known('G', "no-syslog", Takes::Nothing, Does(|it, _| on(&mut it.no_syslog)), "do not log to syslog"),
    known('D', "log-detail", Takes::Nothing, Does(|it, _| on(&mut it.in_detail)), "log more"),
    known('S', "log-facility", A("FACILITY"), Does(facility), "daemon, user, or local0 to local7"),
    known(
        'p',
        "pid",
        A("FILE"),
        Does(|it, value| set(&mut it.pid_file, path(value))),
        "the process number goes there [/run/keepalived.pid]",
    ),
    known(
        'r',
        "vrrp_pid",
        A("FILE"),
        Does(|it, value| set(&mut it.vrrp_pid_file, path(value))),
        "and there: there is one process [/run/vrrp.pid]",
    ),
    known('s', "namespace", A("NAME"), Does(namespace), "run in this network namespace"),
    known(
        'i',
        "config-id",
        A("NAME"),
        Does(|it, value| text(value).map(|name| it.config_id = Some(name))),
        "what `@NAME` lines compare with",
    ),
    known('u', "umask", A("NUMBER"), Does(umask), "mode bits that new files do not get"),
    known(
        't',
        "config-test",
        Perhaps("FILE"),
        Does(|it, value| {
            it.test = Some(value.map(PathBuf::from));
            Ok(())
        }),
        "check the configuration: 0 it is well, 5 errors, 6 scripts without enable_script_security",
    ),
    long(
        "signum",
        A("NAME"),
        Does(|it, value| text(value).map(|name| it.signal = Some(name))),
        "print the number of a signal: STOP, RELOAD, DATA, STATS, STATS_CLEAR, JSON",
    ),
    known('v', "version", Takes::Nothing, Does(|it, _| on(&mut it.version)), "print the version"),
    known('h', "help", Takes::Nothing, Does(|it, _| on(&mut it.help)), "print this"),
    known('P', "vrrp", Takes::Nothing, Always, "VRRP only"),
    known('B', "no_bfd", Takes::Nothing, Always, "no BFD"),
    known('R', "dont-respawn", Takes::Nothing, Always, "no child process is started again: there is none"),
    known('X', "release-vips", Takes::Nothing, Always, "addresses go when it ends"),
    known('e', "all-config", Takes::Nothing, Always, "an included file that is missing is an error"),
    long("all", Takes::Nothing, Nothing("VRRP is all that there is"), "run all subsystems"),
    long("no-mem-check", Takes::Nothing, Nothing("there is no such check"), "no checks of memory"),
    known('I', "dont-release-ipvs", Takes::Nothing, Nothing("locum does not touch IPVS"), "leave IPVS as it is"),
    known('c', "checkers_pid", A("FILE"), Nothing(NO_CHECKERS), "PID file of the checkers"),
    known('b', "bfd_pid", A("FILE"), Nothing("locum has no BFD process"), "PID file of BFD"),
    known(
        'd',
        "dump-conf",
        Takes::Nothing,
        Nothing("`locum show` has it; at SIGUSR1 it goes into the file keepalived.data"),
        "dump the configuration",
    ),
    known(
        'a',
        "address-monitoring",
        Takes::Nothing,
        Nothing("`ip monitor address` tells each address; locum tells what others do to its own"),
        "log every address that comes or goes",
    ),
    known(
        'm',
        "core-dump",
        Takes::Nothing,
        Nothing("the unit (LimitCORE=) or the shell (ulimit -c) allows core dumps"),
        "allow core dumps",
    ),
    known(
        'C',
        "check",
        Takes::Nothing,
        Refused("locum has no health checks of real servers: run keepalived -C for them, beside locum"),
        "health checks only",
    ),
    known(
        'V',
        "dont-release-vrrp",
        Takes::Nothing,
        Refused("an address that stays behind would be answered by two routers; leave the option out"),
        "leave the addresses when it ends",
    ),
    known(
        'x',
        "snmp",
        Takes::Nothing,
        Refused("locum has no SNMP: leave the option out, and collect `locum metrics`"),
        "SNMP",
    ),
    known(
        'A',
        "snmp-agent-socket",
        A("FILE"),
        Refused("locum has no SNMP: leave the option out, and collect `locum metrics`"),
        "SNMP's socket",
    ),
    known(
        'T',
        "genhash",
        Takes::Nothing,
        Refused("locum has no health checks of real servers; genhash(1) comes with keepalived"),
        "genhash",
    ),
    known(
        'M',
        "core-dump-pattern",
        Perhaps("PATTERN"),
        Refused("locum does not change settings of the whole machine: write /proc/sys/kernel/core_pattern yourself"),
        "core dumps by another name",
    ),
    known(
        'g',
        "log-file",
        A("FILE"),
        Refused("log to syslog, or to standard error with -l -G, and have that written to a file"),
        "log to files",
    ),
    long("flush-log-file", Takes::Nothing, Refused("locum writes no log files"), "flush log files"),
    long("perf", Perhaps("WHEN"), Refused("use perf(1)"), "record performance data"),
    long("debug", Perhaps("OPTIONS"), Refused("use -D, or `locum run --log debug`"), "debugging"),
];

fn on(what: &mut bool) -> Result<(), String> {
    *what = true;
    Ok(())
}

fn set(what: &mut Option<PathBuf>, value: PathBuf) -> Result<(), String> {
    *what = Some(value);
    Ok(())
}

fn path(value: Option<&OsStr>) -> PathBuf {
    value.map(PathBuf::from).unwrap_or_default()
}

fn text(value: Option<&OsStr>) -> Result<String, String> {
    let text = value.and_then(OsStr::to_str).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| "its value cannot be read".into())
}

fn facility(it: &mut Options, value: Option<&OsStr>) -> Result<(), String> {
    it.facility = Facility::parse(&text(value)?)?;
    Ok(())
}

fn namespace(it: &mut Options, value: Option<&OsStr>) -> Result<(), String> {
    let name = text(value)?;
    if name.contains('/') || name == "." || name == ".." {
        return Err("write its name, as `ip netns list` has it".into());
    }
    it.namespace = Some(name);
    Ok(())
}

/// Octal with a zero before it, else decimal, as strtol(3) reads it.
fn umask(it: &mut Options, value: Option<&OsStr>) -> Result<(), String> {
    let text = text(value)?;
    let number = match text.strip_prefix('0') {
        Some("") => Ok(0),
        Some(octal) => u32::from_str_radix(octal, 8),
        None => text.parse(),
    };
    it.umask = Some(number.ok().filter(|mask| *mask <= 0o777).ok_or("write it as 022")?);
    Ok(())
}

/// Reads the command line, without the name of the program.
///
/// # Errors
/// What cannot be understood, or is refused and what to do, in a sentence.
pub(super) fn parse(arguments: &[OsString]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut left = arguments.iter();
    while let Some(argument) = left.next() {
        let bytes = argument.as_bytes();
        if argument == DETACHED {
            options.detached = true;
        } else if argument == "--" {
            break;
        } else if let Some(long) = bytes.strip_prefix(b"--") {
            let (name, joined) = match long.iter().position(|byte| *byte == b'=') {
                Some(at) => (long.get(..at), long.get(at + 1..).map(OsStr::from_bytes)),
                None => (Some(long), None),
            };
            let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
            let known = find_long(&name)?;
            let value = match (known.takes, joined) {
                (Takes::Nothing, Some(_)) => return Err(format!("--{} takes no value", known.long)),
                (A(what), None) => Some(next_value(&mut left, &format!("--{}", known.long), what)?),
                (_, joined) => joined,
            };
            act(&mut options, known, &format!("--{}", known.long), value)?;
        } else if let Some(letters) = bytes.strip_prefix(b"-").filter(|letters| !letters.is_empty()) {
            parse_letters(&mut options, letters, &mut left)?;
        } else {
            return Err(unexpected(argument));
        }
    }
    match left.next() {
        Some(argument) => Err(unexpected(argument)),
        None => Ok(options),
    }
}

/// Options of one letter, the last of which may have a value.
fn parse_letters<'a>(
    options: &mut Options,
    mut letters: &'a [u8],
    left: &mut impl Iterator<Item = &'a OsString>,
) -> Result<(), String> {
    while let [letter, rest @ ..] = letters {
        let letter = char::from(*letter);
        let known = KNOWN.iter().find(|known| known.short == Some(letter));
        let known = known.ok_or_else(|| format!("-{letter} is none of keepalived's options"))?;
        let name = format!("-{letter} (--{})", known.long);
        let joined = Some(OsStr::from_bytes(rest)).filter(|value| !value.is_empty());
        let value = match known.takes {
            Takes::Nothing => {
                act(options, known, &name, None)?;
                letters = rest;
                continue;
            }
            A(what) => Some(joined.map_or_else(|| next_value(left, &name, what), Ok)?),
            Perhaps(_) => joined,
        };
        return act(options, known, &name, value);
    }
    Ok(())
}

fn next_value<'a>(left: &mut impl Iterator<Item = &'a OsString>, name: &str, what: &str) -> Result<&'a OsStr, String> {
    left.next().map(OsString::as_os_str).ok_or_else(|| format!("{name} needs a value: {what}"))
}

/// The option of this name, which may be cut short as long as it is clear.
fn find_long(name: &str) -> Result<&'static Known, String> {
    if let Some(known) = KNOWN.iter().find(|known| known.long == name) {
        return Ok(known);
    }
    let mut candidates = KNOWN.iter().filter(|known| known.long.starts_with(name));
    match (candidates.next(), candidates.next()) {
        (Some(known), None) => Ok(known),
        (Some(one), Some(other)) => Err(format!("--{name} may be --{} or --{}", one.long, other.long)),
        (None, _) => Err(format!("--{name} is none of keepalived's options")),
    }
}

fn act(options: &mut Options, known: &Known, name: &str, value: Option<&OsStr>) -> Result<(), String> {
    match known.meaning {
        Does(act) => act(options, value).map_err(|error| format!("{name}: {error}")),
        Always => Ok(()),
        Nothing(why) => {
            options.notices.push(format!("{name} means nothing here: {why}"));
            Ok(())
        }
        Refused(instead) => Err(format!("{name} is not supported: {instead}")),
    }
}

fn unexpected(argument: &OsStr) -> String {
    format!("{} is no option, and keepalived takes nothing else", argument.display())
}

/// What `-h` prints: every option, and what becomes of it.
pub(in crate::cli) fn help() -> String {
    let mut text = String::from(
        "Usage: keepalived [OPTIONS]\n\nlocum, called as keepalived: VRRP only, with the options of keepalived(8).\n",
    );
    let is_refused = |known: &&Known| matches!(known.meaning, Refused(_));
    for (title, refused) in [("Options", false), ("Not supported", true)] {
        text.append(format_args!("\n{title}:\n"));
        for known in KNOWN.iter().filter(|known| is_refused(known) == refused) {
            let short = known.short.map_or("    ".into(), |letter| format!("-{letter}, "));
            let value = match known.takes {
                Takes::Nothing => String::new(),
                A(what) => format!("={what}"),
                Perhaps(what) => format!("[={what}]"),
            };
            let what = match known.meaning {
                Does(_) | Always => known.help.to_owned(),
                Nothing(why) => format!("{}: nothing follows, {why}", known.help),
                Refused(instead) => format!("{}: {instead}", known.help),
            };
            text.append(format_args!("  {short}--{:<24} {what}\n", format!("{}{value}", known.long)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn lines_of_units_and_init_scripts() {
        // Debian's unit.
        assert!(read("--dont-fork").unwrap().foreground);
        // OpenWrt's init script.
        let openwrt = read("-n -f /tmp/keepalived.conf").unwrap();
        assert_eq!((openwrt.foreground, openwrt.file), (true, Some("/tmp/keepalived.conf".into())));
        // RHEL's defaults.
        let rhel = read("-D -d -S 0").unwrap();
        assert_eq!((rhel.in_detail, rhel.facility, rhel.notices.len()), (true, Facility::Local(0), 1));
        // Containers.
        let container = read("-nlD -P --vrrp_pid=/run/v.pid -p/run/k.pid -i node1").unwrap();
        assert!(container.foreground && container.to_console && container.in_detail && !container.no_syslog);
        assert_eq!(container.pid_file, Some("/run/k.pid".into()));
        assert_eq!(container.vrrp_pid_file, Some("/run/v.pid".into()));
        assert_eq!(container.config_id.as_deref(), Some("node1"));
    }

    #[test]
    fn options_joined_apart_and_cut_short() {
        for line in ["-f x", "-fx", "--use-file x", "--use-file=x", "--use x", "--us=x"] {
            assert_eq!(read(line).unwrap().file, Some("x".into()), "{line}");
        }
        // An optional value is joined or absent.
        assert_eq!(read("-t").unwrap().test, Some(None));
        assert_eq!(read("-tx -n").unwrap().test, Some(Some("x".into())));
        assert_eq!(read("--config-test=x").unwrap().test, Some(Some("x".into())));
        assert_eq!(read("--config-test -f y").unwrap().test, Some(None));
        assert!(read("--config").is_err(), "config-id or config-test");
        assert_eq!(read("-u 022").unwrap().umask, Some(0o22));
        assert_eq!(read("-u 18").unwrap().umask, Some(0o22));
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name_with_what_to_do() {
        for (line, name, help) in [
            ("-x", "--snmp", "locum metrics"),
            ("-nC", "--check", "keepalived -C"),
            ("-V", "--dont-release-vrrp", "two routers"),
            ("--log-file=/x", "--log-file", "syslog"),
            ("--perf", "--perf", "perf(1)"),
            ("-M", "--core-dump-pattern", "core_pattern"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(name) && error.contains(help), "{line}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        for (line, words) in [
            ("--frobnicate", "--frobnicate"),
            ("-Z", "-Z"),
            ("-f", "FILE"),
            ("--pid", "FILE"),
            ("--dont-fork=yes", "no value"),
            ("-n word", "word"),
            ("-- word", "word"),
            ("-S mail", "local7"),
            ("-u 9999", "022"),
            ("-s ../x", "ip netns"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn no_option_stands_twice_and_the_help_has_all() {
        let help = help();
        for (index, known) in KNOWN.iter().enumerate() {
            let is_same =
                |other: &Known| other.long == known.long || known.short.is_some() && other.short == known.short;
            assert!(!KNOWN[..index].iter().any(is_same), "{}", known.long);
            assert!(help.contains(&format!("--{}", known.long)));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused() {
        use std::os::unix::ffi::OsStringExt;
        for bytes in [&b"-\xff"[..], b"--\xff", b"-f\xff", b"-i\xff", b"-", b"", b"--=", b"-S", b"--use-file=\xff\xfe"]
        {
            let _ = parse(&[OsString::from_vec(bytes.to_vec())]);
        }
    }
}
