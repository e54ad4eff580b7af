//! The console on a pseudo-terminal, in a process of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use locum_tui::{Colour, Extra, ExtraAction, Keyword, Options, Router, Schema, Takes, Theme, Tty, run};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{InputFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, ttyname};

use crate::support::screen::Screen;

const CHILD: &str = "LOCUM_TUI_TEST_CHILD";
/// What the child's options are, where they differ from the usual ones.
pub(crate) const LIGHT: &str = "LOCUM_TUI_TEST_LIGHT";
pub(crate) const IDLE_MS: &str = "LOCUM_TUI_TEST_IDLE_MS";
pub(crate) const BAUD: &str = "LOCUM_TUI_TEST_BAUD";
/// The sockets are reached by a command.
pub(crate) const BY_COMMAND: &str = "LOCUM_TUI_TEST_BY_COMMAND";
/// The command's socket.
const PROXY: &str = "LOCUM_TUI_TEST_PROXY";
/// What is given are recordings.
pub(crate) const RECORDED: &str = "LOCUM_TUI_TEST_RECORDED";
pub(crate) const READONLY: &str = "LOCUM_TUI_TEST_READONLY";
/// The configuration file is read.
pub(crate) const CONFIGURED: &str = "LOCUM_TUI_TEST_CONFIGURED";
/// Everything takes far less; only a hang takes so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The child: not a test, but what the tests start.
#[test]
fn child() {
    let Some(arguments) = std::env::var_os(CHILD) else { return };
    let arguments = arguments.into_string().unwrap();
    let (tty, sockets) = arguments.split_once(' ').unwrap();
    let by_command = std::env::var_os(BY_COMMAND).is_some();
    let recorded = std::env::var_os(RECORDED).is_some();
    let router = |path: &str| match (by_command, recorded) {
        (true, _) => proxied(path),
        (false, true) => Router::recorded(path, path),
        (false, false) => Router::at_socket(path, path),
    };
    let routers = sockets.split(' ').map(router).collect();
    let base = if std::env::var_os(CONFIGURED).is_some() { Options::configured } else { Options::new };
    let options = Options {
        routers,
        baud: std::env::var(BAUD).ok().map(|baud| baud.parse().unwrap()),
        readonly: std::env::var_os(READONLY).is_some(),
        schema: schema(),
        tty: Tty::Path(tty.into()),
        colour: Colour::Auto,
        idle_lock: std::env::var(IDLE_MS).ok().map(|ms| Duration::from_millis(ms.parse().unwrap())),
        extra: Some(Box::new(Panicky)),
        ..base(PathBuf::new())
    };
    let theme = if std::env::var_os(LIGHT).is_some() { Theme::Light } else { options.theme };
    let options = Options { theme, ..options };
    // The code tells the test how it ended.
    std::process::exit(match run(options) {
        Ok(locum_tui::Ending::Quit) => 10,
        Ok(locum_tui::Ending::Signal(_)) => 11,
        Ok(locum_tui::Ending::TerminalLost) => 12,
        Err(error) => {
            eprintln!("{error}");
            13
        }
    });
}

/// A service behind a command, which carries the conversation to its socket.
fn proxied(socket: &str) -> Router {
    if socket.ends_with(".pid") {
        // One that never reaches anything, and ignores a hang-up.
        let script = format!("trap '' HUP TERM; echo $$ > '{socket}'; while :; do sleep 1; done");
        return Router::by_command(socket, ["sh".to_owned(), "-c".to_owned(), script]);
    }
    let program = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    // What the test program says of itself goes elsewhere.
    let script = format!("{PROXY}={socket} exec '{program}' --exact harness::proxy --nocapture >/dev/null 2>&1");
    Router::by_command(socket, ["sh".to_owned(), "-c".to_owned(), script])
}

/// The command: no test either.
#[test]
fn proxy() {
    let Some(path) = std::env::var_os(PROXY) else { return };
    let Ok(stream) = std::os::unix::net::UnixStream::connect(path) else { std::process::exit(1) };
    let mut towards = stream.try_clone().unwrap();
    thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut towards);
        std::process::exit(0);
    });
    // Standard input and output are one socket, of which libtest has taken the output.
    let mut back = File::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let _ = std::io::copy(&mut &stream, &mut back);
    std::process::exit(0);
}

fn schema() -> Schema {
    let keyword = |name: &str, takes| Keyword {
        name: name.into(),
        takes,
        help: "Until the announcements are repeated.".into(),
        default: "5 s".into(),
    };
    let delay = Takes::Number { least: 0, most: 60_000_000, is_whole: false, unit: "s".into() };
    Schema { instance: vec![keyword("garp_master_delay", delay)], address: vec![keyword("dev", Takes::Words)] }
}

/// A program around the console that fails.
struct Panicky;

impl Extra for Panicky {
    fn actions(&self) -> Vec<ExtraAction> {
        vec![ExtraAction { key: 'X', name: "fail".into(), help: "panic".into() }]
    }

    fn handle(&mut self, _key: char) -> String {
        panic!("as asked");
    }

    fn status(&self) -> Vec<String> {
        vec!["status of the program around".into()]
    }
}

/// The console on a pseudo-terminal.
pub(crate) struct Console {
    pub(crate) child: Child,
    /// The terminal's side; dropped, the line is cut.
    pub(crate) master: Option<File>,
    /// Kept open, so that its settings can be looked at after the console has gone.
    pub(crate) slave: File,
    pub(crate) before: Termios,
    pub(crate) output: Receiver<Vec<u8>>,
    pub(crate) screen: Screen,
    /// The same by a terminal emulator that knows nothing of the console.
    pub(crate) emulator: vt100::Parser,
    /// Everything sent since the start.
    pub(crate) sent: String,
    /// The end of it, if it is only a part of a character.
    rest: Vec<u8>,
    /// How long it is waited for what must come.
    pub(crate) patience: Duration,
}

pub(crate) struct Setup<'a> {
    pub(crate) size: (u16, u16),
    pub(crate) environment: &'a [(&'a str, &'a str)],
}

pub(crate) const PLAIN: Setup<'_> = Setup { size: (80, 24), environment: &[("TERM", "vt100")] };
pub(crate) const COLOURED: Setup<'_> =
    Setup { size: (80, 24), environment: &[("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8")] };

impl Console {
    pub(crate) fn start(setup: &Setup<'_>, sockets: &[&Path]) -> Self {
        // A terminal's handles must not reach the console of another test, which would keep the line up.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let size = Winsize { ws_row: setup.size.1, ws_col: setup.size.0, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let tty = ttyname(&pty.slave).unwrap();
        // The copies are closed when another program is started; the originals are not.
        let (master, slave) = (pty.master.try_clone().unwrap(), pty.slave.try_clone().unwrap());
        drop(pty);
        let (master, slave) = (File::from(master), File::from(slave));
        let mut odd = tcgetattr(&slave).unwrap();
        // Flow control, as a VT220 needs it.
        odd.input_flags.insert(InputFlags::IXON);
        tcsetattr(&slave, SetArg::TCSANOW, &odd).unwrap();
        let before = tcgetattr(&slave).unwrap();
        let mut arguments = tty.to_str().unwrap().to_owned();
        for socket in sockets {
            arguments.push(' ');
            arguments.push_str(socket.to_str().unwrap());
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "harness::child", "--nocapture"]).env_clear().env(CHILD, arguments);
        command.envs(setup.environment.iter().copied());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        drop(guard);
        let (sender, output) = channel();
        let reader = master.try_clone().unwrap();
        thread::spawn(move || read(reader, &sender));
        let (columns, rows) = setup.size;
        let (columns, rows) = (if columns == 0 { 200 } else { columns }, if rows == 0 { 60 } else { rows });
        let (screen, emulator) = (Screen::new(columns.into(), rows.into()), vt100::Parser::new(rows, columns, 0));
        Self {
            emulator,
            child,
            master: Some(master),
            slave,
            before,
            output,
            screen,
            sent: String::new(),
            rest: Vec::new(),
            patience: PATIENCE,
        }
    }

    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.emulator.process(bytes);
        self.rest.extend(bytes);
        let valid = match std::str::from_utf8(&self.rest) {
            Ok(_) => self.rest.len(),
            Err(error) => error.valid_up_to(),
        };
        let text = String::from_utf8(self.rest.drain(..valid).collect()).unwrap();
        self.screen.feed(&text);
        self.sent.push_str(&text);
    }

    /// Waits until `done` holds of what is on the screen.
    pub(crate) fn wait(&mut self, what: &str, done: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + self.patience;
        loop {
            if done(&self.screen.text()) {
                return;
            }
            let screen = self.screen.text();
            assert!(Instant::now() < deadline, "waited in vain for {what}; the screen is:\n{screen}");
            if let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(100)) {
                self.take(&bytes);
            }
        }
    }

    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait(text, |screen| screen.contains(text));
    }

    /// Waits until `text` was sent.
    pub(crate) fn wait_sent(&mut self, text: &str) {
        let deadline = Instant::now() + self.patience;
        while !self.sent.contains(text) {
            assert!(Instant::now() < deadline, "waited in vain for {text:?}; sent: {:?}", self.sent);
            if let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(100)) {
                self.take(&bytes);
            }
        }
    }

    pub(crate) fn keys(&mut self, keys: &str) {
        self.master.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// The time that it has had the processor.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name, in brackets, may hold anything; the times are the 12th and 13th number behind it (proc_pid_stat(5)).
        let numbers: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = numbers[11].parse::<u64>().unwrap() + numbers[12].parse::<u64>().unwrap();
        // A tick is 10 ms on every Linux that there is (USER_HZ).
        Duration::from_millis(ticks * 10)
    }

    /// The memory that it has, in kilobytes.
    pub(crate) fn resident_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Cuts the line.
    pub(crate) fn hang_up(&mut self) {
        self.master = None;
        // Ends the reader, which holds the other handle.
        self.output = channel().1;
    }

    /// How it ended, which must be within a second.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < Duration::from_secs(1), "still there after a second");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// All that was sent until now.
    pub(crate) fn sent(&mut self) -> &str {
        thread::sleep(Duration::from_millis(100));
        while let Ok(bytes) = self.output.try_recv() {
            self.emulator.process(&bytes);
            // After the end it may scroll, which the screen of the tests cannot.
            self.sent.push_str(&String::from_utf8_lossy(&bytes));
        }
        &self.sent
    }

    /// The rows that the emulator shows.
    pub(crate) fn emulated(&self) -> String {
        let (_, columns) = self.emulator.screen().size();
        let rows: Vec<String> = self.emulator.screen().rows(0, columns).map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n")
    }

    /// The terminal's settings are as before, and nothing that was switched on is left on.
    pub(crate) fn assert_restored(&mut self) {
        assert_eq!(tcgetattr(&self.slave).unwrap(), self.before, "the terminal's settings");
        self.sent();
        let screen = self.emulator.screen();
        assert!(!screen.hide_cursor(), "the cursor is seen");
        assert!(!screen.alternate_screen(), "the first screen is back");
        assert!(!screen.application_keypad() && !screen.application_cursor() && !screen.bracketed_paste());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        let plain = (vt100::Color::Default, vt100::Color::Default, false, false, false);
        let written = (screen.fgcolor(), screen.bgcolor(), screen.bold(), screen.underline(), screen.inverse());
        assert_eq!(written, plain, "what is written next is plain");
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until nobody wants it any more. Looks now and then instead of waiting: its handle keeps the line up.
fn read(mut master: File, sender: &Sender<Vec<u8>>) {
    let mut bytes = [0; 4096];
    loop {
        let ready = {
            let mut fds = [PollFd::new(master.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::from(20_u8)).unwrap_or(0)
        };
        let count = if ready > 0 { master.read(&mut bytes).unwrap_or(0) } else { 0 };
        if (ready > 0 && count == 0) || sender.send(bytes[..count].to_vec()).is_err() {
            return;
        }
    }
}
