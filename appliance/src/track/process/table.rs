//! Which processes run that somebody looks for.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use locum_config::model::TrackProcess;
use locum_control::SortedMap;

use super::connector::Event;

/// Bytes of a process's name in the kernel (`TASK_COMM_LEN` without its end).
const COMM_BYTES: usize = 15;

/// Bytes of a command line that are compared, beyond those that are looked for.
const MORE_BYTES: usize = 2;

/// How a process is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Matcher {
    /// By its name in the kernel.
    Name(Vec<u8>),
    /// By its command line.
    Command {
        /// The command, as it is started.
        command: Vec<u8>,
        /// The arguments, each with a zero byte after it.
        arguments: Vec<u8>,
        how: Arguments,
    },
}

/// How far arguments must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arguments {
    /// They do not matter.
    Any,
    /// All of them.
    Exact,
    /// The first ones.
    First,
    /// The first ones, of which the last may be longer.
    Beginning,
}

impl Matcher {
    pub(super) fn new(process: &TrackProcess) -> Self {
        let mut words = process.command.iter().map(String::as_bytes);
        let name = words.next().unwrap_or_default().to_owned();
        let arguments: Vec<u8> = words.flat_map(|word| word.iter().copied().chain([0])).collect();
        let how = match process.match_arguments.as_ref().map(|how| how.value.as_str()) {
            Some("initial") => Arguments::Beginning,
            Some("partial") => Arguments::First,
            Some(_) => Arguments::Exact,
            None if arguments.is_empty() => Arguments::Any,
            None => Arguments::Exact,
        };
        if how == Arguments::Any && !*process.full_command {
            let len = name.len().min(COMM_BYTES);
            return Self::Name(name.get(..len).unwrap_or_default().to_owned());
        }
        Self::Command { command: name, arguments, how }
    }

    fn matches(&self, name: &[u8], command_line: &[u8]) -> bool {
        match self {
            Self::Name(wanted) => wanted == name,
            Self::Command { command, arguments, how } => {
                let mut parts = command_line.splitn(2, |byte| *byte == 0);
                if parts.next() != Some(command.as_slice()) || command.is_empty() {
                    return false;
                }
                let theirs = parts.next().unwrap_or_default();
                match how {
                    Arguments::Any => true,
                    Arguments::Exact => theirs == arguments.as_slice(),
                    Arguments::First => theirs.starts_with(arguments),
                    // Without the zero byte at the end of the last.
                    Arguments::Beginning => theirs.starts_with(arguments.strip_suffix(&[0]).unwrap_or_default()),
                }
            }
        }
    }

    /// How much of a command line it takes to decide.
    fn command_bytes(&self) -> usize {
        match self {
            Self::Name(_) => 0,
            Self::Command { command, arguments, .. } => command.len() + arguments.len() + MORE_BYTES,
        }
    }
}

/// The processes that match, by what they match. Bounded by how many processes the kernel lets there be.
#[derive(Debug)]
pub(super) struct Table {
    matchers: Vec<Matcher>,
    counts: Vec<u32>,
    /// The places in `matchers` that a process matches; those that match none are not in it.
    processes: SortedMap<u32, Vec<usize>>,
    names_wanted: bool,
    command_bytes: usize,
}

impl Table {
    pub(super) fn new(matchers: Vec<Matcher>) -> Self {
        Self {
            counts: vec![0; matchers.len()],
            processes: SortedMap::new(),
            names_wanted: matchers.iter().any(|matcher| matches!(matcher, Matcher::Name(_))),
            command_bytes: matchers.iter().map(Matcher::command_bytes).max().unwrap_or(0),
            matchers,
        }
    }

    pub(super) fn count(&self, index: usize) -> u32 {
        self.counts.get(index).copied().unwrap_or(0)
    }

    /// Forgets all and looks at all.
    pub(super) fn read_all(&mut self) {
        self.processes.clear();
        self.counts.fill(0);
        let Ok(entries) = std::fs::read_dir("/proc") else { return };
        for entry in entries.flatten() {
            if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                self.set(pid, self.matching(pid), |_, _| {});
            }
        }
    }

    /// Takes an event; tells each count that has changed.
    pub(super) fn apply(&mut self, event: Event, changed: impl FnMut(usize, u32)) {
        match event {
            // A copy of its parent, until it says otherwise.
            Event::Fork { parent, child } => {
                if let Some(matches) = self.processes.get(&parent).cloned() {
                    self.set(child, matches, changed);
                }
            }
            Event::Changed(pid) => self.set(pid, self.matching(pid), changed),
            Event::Exit(pid) => self.set(pid, Vec::new(), changed),
            Event::Lost => {}
        }
    }

    fn set(&mut self, pid: u32, matches: Vec<usize>, mut changed: impl FnMut(usize, u32)) {
        let before =
            if matches.is_empty() { self.processes.remove(&pid) } else { self.processes.insert(pid, matches.clone()) };
        let before = before.unwrap_or_default();
        let gone = before.iter().filter(|index| !matches.contains(index)).map(|index| (*index, false));
        let new = matches.iter().filter(|index| !before.contains(index)).map(|index| (*index, true));
        for (index, is_new) in gone.chain(new) {
            if let Some(count) = self.counts.get_mut(index) {
                *count = if is_new { count.saturating_add(1) } else { count.saturating_sub(1) };
                changed(index, *count);
            }
        }
    }

    /// What a process matches. A zombie matches nothing: it does not run.
    fn matching(&self, pid: u32) -> Vec<usize> {
        // The command line lies in the process's own memory, which may be swapped out: only read if somebody wants it.
        let command_line = if self.command_bytes == 0 { Vec::new() } else { read(pid, "cmdline", self.command_bytes) };
        let stat = if self.names_wanted { read(pid, "stat", 128) } else { Vec::new() };
        let name = running_name(&stat).unwrap_or_default();
        if command_line.is_empty() && name.is_empty() {
            return Vec::new();
        }
        let matches = self.matchers.iter().enumerate().filter(|(_, matcher)| matcher.matches(name, &command_line));
        matches.map(|(index, _)| index).collect()
    }
}

fn read(pid: u32, what: &str, bytes: usize) -> Vec<u8> {
    let mut content = Vec::new();
    let path = PathBuf::from(format!("/proc/{pid}/{what}"));
    let limit = u64::try_from(bytes).unwrap_or(u64::MAX);
    if let Ok(file) = File::open(path) {
        let _ = file.take(limit).read_to_end(&mut content); // it has ended meanwhile: what was read is as good as nothing
    }
    content
}

/// The name in `/proc/PID/stat`, which may itself hold parentheses, unless the process has ended.
fn running_name(stat: &[u8]) -> Option<&[u8]> {
    let open = stat.iter().position(|byte| *byte == b'(')?;
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let state = stat.get(close + 2)?;
    if matches!(state, b'Z' | b'X' | b'x') {
        return None;
    }
    stat.get(open + 1..close)
}

#[cfg(test)]
mod tests {
    use locum_config::model::{Setting, Weight};

    use super::*;

    fn process(command: &str, how: Option<&str>, full: bool) -> Matcher {
        Matcher::new(&TrackProcess {
            name: Setting::implied("p".into()),
            broken: false,
            command: command.split(' ').map(str::to_owned).collect(),
            match_arguments: how.map(|how| Setting::implied(how.to_owned())),
            full_command: Setting::implied(full),
            weight: Weight::default(),
            quorum: Setting::implied(1),
            quorum_max: None,
            fork_delay_ms: Setting::implied(0),
            terminate_delay_ms: Setting::implied(0),
        })
    }

    #[test]
    fn by_name_or_by_command_line() {
        let plain = process("haproxy", None, false);
        assert!(plain.matches(b"haproxy", b""));
        assert!(!plain.matches(b"haproxyd", b"") && !plain.matches(b"hap", b"haproxy\0"));
        let long = process("a-name-longer-than-the-kernel-keeps", None, false);
        assert!(long.matches(b"a-name-longer-t", b""));
        let full = process("/usr/sbin/haproxy", None, true);
        assert!(full.matches(b"x", b"/usr/sbin/haproxy\0-f\0conf\0"));
        assert!(full.matches(b"x", b"/usr/sbin/haproxy\0"));
        assert!(full.matches(b"x", b"/usr/sbin/haproxy"), "one that has changed it itself");
        assert!(!full.matches(b"/usr/sbin/haproxy", b""));
    }

    #[test]
    fn arguments_agree_as_far_as_they_must() {
        let table = [
            // wanted, how, their command line, matches
            ("nginx -c a", None, "nginx\0-c\0a\0", true),
            ("nginx -c a", None, "nginx\0-c\0ab\0", false),
            ("nginx -c a", None, "nginx\0-c\0a\0b\0", false),
            ("nginx -c a", Some("partial"), "nginx\0-c\0a\0b\0", true),
            ("nginx -c a", Some("partial"), "nginx\0-c\0ab\0", false),
            ("nginx -c a", Some("initial"), "nginx\0-c\0ab\0", true),
            ("nginx -c a", Some("initial"), "nginx\0-c\0b\0", false),
            ("nginx -c a", Some("initial"), "nginx\0-c\0", false),
            ("nginx", Some("initial"), "nginx\0-c\0", true),
            ("nginx", Some(""), "nginx\0", true),
            ("nginx", Some(""), "nginx\0-c\0", false),
        ];
        for (wanted, how, theirs, matches) in table {
            assert_eq!(
                process(wanted, how, false).matches(b"", theirs.as_bytes()),
                matches,
                "{wanted} {how:?} {theirs:?}"
            );
        }
    }

    #[test]
    fn names_may_hold_anything_and_zombies_do_not_run() {
        assert_eq!(running_name(b"12 (a) b) S 1 12"), Some(b"a) b".as_slice()));
        assert_eq!(running_name(b"12 (a) Z 1 12"), None);
        for broken in ["", "12", "12 (a", "12 )a( S", "12 (a)", "12 (a) "] {
            let _ = running_name(broken.as_bytes());
        }
    }

    #[test]
    fn events_are_counted() {
        let mut table = Table::new(vec![Matcher::Name(b"no-such-name".to_vec())]);
        table.set(u32::MAX, vec![0], |_, _| {});
        let mut told = Vec::new();
        table.apply(Event::Fork { parent: u32::MAX, child: u32::MAX - 1 }, |index, count| told.push((index, count)));
        table.apply(Event::Fork { parent: 1, child: 2 }, |index, count| told.push((index, count)));
        table.apply(Event::Changed(u32::MAX - 1), |index, count| told.push((index, count)));
        table.apply(Event::Exit(u32::MAX), |index, count| told.push((index, count)));
        table.apply(Event::Exit(u32::MAX), |index, count| told.push((index, count)));
        assert_eq!(told, [(0, 2), (0, 1), (0, 0)]);
        assert!(table.processes.is_empty());
    }

    #[test]
    fn this_process_is_found() {
        let line = std::fs::read("/proc/self/cmdline").unwrap();
        let own = String::from_utf8(line.split(|byte| *byte == 0).next().unwrap().to_vec()).unwrap();
        let mut table = Table::new(vec![process(&own, None, true), process("no-such-name", None, false)]);
        table.read_all();
        assert!(table.count(0) >= 1);
        assert_eq!((table.count(1), table.count(2)), (0, 0));
    }
}
