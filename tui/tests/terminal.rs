//! The console on a pseudo-terminal: drawn, left, cut off, killed, and its terminal restored each time.
//!
//! The console runs in a process of its own, because it owns the process's signals and panic hook: this test program,
//! started again with the name of the one test that is no test but the child.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "test code")]

mod support;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use locum_control::Verb;
use locum_control::client::ClientError;
use locum_tui::{
    Charset, Colour, ConsoleError, Extra, ExtraAction, Options, Router, Theme, Tty, WindowSize, once, run,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{InputFlags, LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, ttyname};
use support::screen::Screen;
use support::{FakeService, World, statuses};

const CHILD: &str = "LOCUM_TUI_TEST_CHILD";
/// What the child's options are, where they differ from the usual ones.
const LIGHT: &str = "LOCUM_TUI_TEST_LIGHT";
const IDLE_MS: &str = "LOCUM_TUI_TEST_IDLE_MS";
/// Everything takes far less; only a hang takes so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The child: not a test, but what the tests start.
#[test]
fn child() {
    let Some(arguments) = std::env::var_os(CHILD) else { return };
    let arguments = arguments.into_string().unwrap();
    let (tty, sockets) = arguments.split_once(' ').unwrap();
    let routers = sockets.split(' ').map(|socket| Router::at_socket(socket, socket)).collect();
    let options = Options {
        routers,
        tty: Tty::Path(tty.into()),
        colour: Colour::Auto,
        theme: if std::env::var_os(LIGHT).is_some() { Theme::Light } else { Theme::Dark },
        idle_lock: std::env::var(IDLE_MS).ok().map(|ms| Duration::from_millis(ms.parse().unwrap())),
        extra: Some(Box::new(Panicky)),
        ..Options::new(PathBuf::new())
    };
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
struct Console {
    child: Child,
    /// The terminal's side; dropped, the line is cut.
    master: Option<File>,
    /// Kept open, so that its settings can be looked at after the console has gone.
    slave: File,
    before: Termios,
    output: Receiver<Vec<u8>>,
    screen: Screen,
    /// Everything sent since the start.
    sent: String,
    /// The end of it, if it is only a part of a character.
    rest: Vec<u8>,
}

struct Setup<'a> {
    size: (u16, u16),
    environment: &'a [(&'a str, &'a str)],
}

const PLAIN: Setup<'_> = Setup { size: (80, 24), environment: &[("TERM", "vt100")] };
const COLOURED: Setup<'_> = Setup { size: (80, 24), environment: &[("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8")] };

impl Console {
    fn start(setup: &Setup<'_>, sockets: &[&Path]) -> Self {
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
        command.args(["--exact", "child", "--nocapture"]).env_clear().env(CHILD, arguments);
        command.envs(setup.environment.iter().copied());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        drop(guard);
        let (sender, output) = channel();
        let reader = master.try_clone().unwrap();
        thread::spawn(move || read(reader, &sender));
        let (columns, rows) = setup.size;
        let screen =
            Screen::new(if columns == 0 { 200 } else { columns.into() }, if rows == 0 { 60 } else { rows.into() });
        Self { child, master: Some(master), slave, before, output, screen, sent: String::new(), rest: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8]) {
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
    fn wait(&mut self, what: &str, done: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
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

    fn wait_for(&mut self, text: &str) {
        self.wait(text, |screen| screen.contains(text));
    }

    /// Waits until `text` was sent.
    fn wait_sent(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.sent.contains(text) {
            assert!(Instant::now() < deadline, "waited in vain for {text:?}; sent: {:?}", self.sent);
            if let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(100)) {
                self.take(&bytes);
            }
        }
    }

    fn keys(&mut self, keys: &str) {
        self.master.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Cuts the line.
    fn hang_up(&mut self) {
        self.master = None;
        // Ends the reader, which holds the other handle.
        self.output = channel().1;
    }

    /// How it ended, which must be within a second.
    fn ends(&mut self) -> ExitStatus {
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
    fn sent(&mut self) -> &str {
        thread::sleep(Duration::from_millis(100));
        while let Ok(bytes) = self.output.try_recv() {
            // After the end it may scroll, which the screen of the tests cannot.
            self.sent.push_str(&String::from_utf8_lossy(&bytes));
        }
        &self.sent
    }

    fn assert_restored(&self) {
        assert_eq!(tcgetattr(&self.slave).unwrap(), self.before, "the terminal's settings");
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

fn socket(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("locum-tui-{}-{name}.sock", std::process::id()))
}

#[test]
fn draws_and_quits_and_restores_the_terminal() {
    let path = socket("quit");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait("the overview", |text| text.contains("VI_4") && text.contains("quit"));
    assert!(console.screen.beyond_vt100.is_empty(), "{:?}", console.screen.beyond_vt100);
    let raw = tcgetattr(&console.slave).unwrap();
    assert!(!raw.local_flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG));
    assert!(raw.input_flags.contains(InputFlags::IXON), "flow control stays");
    assert_eq!(raw.control_flags, console.before.control_flags, "the line's settings stay");
    console.keys("jo");
    console.wait_for("takes over in");
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
    console.assert_restored();
    let sent = console.sent();
    assert!(sent.is_ascii() && sent.contains("gw-a: VI_4 FAULT, VI_1 BACKUP, VI_2 MASTER, VI_3 BACKUP\r"), "{sent:?}");
}

#[test]
fn colours_and_the_other_screen_are_left_behind_in_order() {
    let path = socket("alt");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&COLOURED, &[&path]);
    console.wait_for("VI_4");
    assert!(console.sent.starts_with("\x1b[?1049h\x1b[?25l"), "{:?}", console.sent);
    console.keys("\x03");
    assert_eq!(console.ends().code(), Some(10));
    let sent = console.sent();
    assert!(sent.contains("\x1b[m\x1b[?25h\x1b[?1049lgw-a: "), "{sent:?}");
    console.assert_restored();
}

#[test]
fn every_signal_that_ends_restores() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let path = socket(signal.as_str());
        let _service = FakeService::start(&path, World::default());
        let mut console = Console::start(&COLOURED, &[&path]);
        console.wait_for("VI_4");
        console.signal(signal);
        assert_eq!(console.ends().code(), Some(11), "{signal}");
        console.assert_restored();
        assert!(console.sent().contains("\x1b[?25h"));
    }
}

#[test]
fn a_panic_restores_too() {
    let path = socket("panic");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&COLOURED, &[&path]);
    console.wait_for("status of the program around");
    console.keys("X");
    let status = console.ends();
    assert!(!status.success() && !(10..=12).contains(&status.code().unwrap_or(0)), "{status:?}");
    console.assert_restored();
    assert!(console.sent().contains("\x1b[?1049l"));
}

#[test]
fn ends_when_the_terminal_goes_away() {
    let path = socket("hangup");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    console.hang_up();
    assert_eq!(console.ends().code(), Some(12));
}

#[test]
fn ends_when_the_terminal_goes_away_while_there_is_no_service() {
    let mut console = Console::start(&PLAIN, &[&socket("nobody")]);
    console.wait_for("disconnected");
    console.hang_up();
    assert_eq!(console.ends().code(), Some(12));
}

#[test]
fn ends_on_a_signal_while_the_line_takes_nothing() {
    let path = socket("stopped");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    // The terminal holds the output with XOFF. Keys draw until the console waits for the line.
    console.keys("\x13");
    for _ in 0..20 {
        console.keys("?");
        thread::sleep(Duration::from_millis(30));
    }
    console.signal(Signal::SIGTERM);
    assert_eq!(console.ends().code(), Some(11));
    console.assert_restored();
}

#[test]
fn survives_the_restart_of_the_service() {
    let path = socket("restart");
    let service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    drop(service);
    console.wait_for("disconnected - retrying");
    let world = World { instances: vec![statuses::backup("VI_9", 9)], ..World::default() };
    let _service = FakeService::start(&path, world);
    console.wait_for("VI_9");
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
}

#[test]
fn says_what_is_wrong_with_a_service_that_is_none() {
    let newer = World { protocol: 99, ..World::default() };
    let garbage = |bytes: &[u8]| World { garbage: Some(bytes.to_vec()), ..World::default() };
    let hello = serde_json::to_vec(&statuses::hello(locum_control::Role::Admin, statuses::BOOT_US)).unwrap();
    let after_hello = |more: &[u8]| garbage(&[&hello, &b"\n"[..], more].concat());
    for (name, world, words) in [
        ("newer", newer, "version 99"),
        ("garbage", garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "makes no"),
        ("binary", garbage(&[0xff; 300_000]), "longer than"),
        ("latin", garbage(b"\xe9t\xe9\n"), "not UTF-8"),
        ("unasked", after_hello(b"{\"id\":7,\"done\":\"x\"}\n"), "out of turn"),
        ("cut", after_hello(b"{\"id\":1,\"item\":{\"instance\":{\"na"), "closed the connection"),
        ("silent", garbage(b""), "closed the connection"),
    ] {
        let path = socket(name);
        let service = FakeService::start(&path, world);
        let mut console = Console::start(&PLAIN, &[&path]);
        console.wait_for(words);
        service.world().garbage = None;
        service.world().protocol = locum_control::PROTOCOL;
        console.wait_for("VI_4");
        console.keys("q");
        assert_eq!(console.ends().code(), Some(10), "{name}");
    }
}

#[test]
fn resume_asks_and_reaches_the_service() {
    let path = socket("resume");
    let service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    console.keys("Gr");
    console.wait_for("End the preempt delay of VI_3");
    assert!(!service.world().requests.iter().any(|verb| matches!(verb, Verb::Resume { .. })));
    console.keys("y");
    console.wait_for("preempt delay ended");
    assert!(service.world().requests.contains(&Verb::Resume { instance: Some("VI_3".into()) }));
    // It looks what came of it.
    console.wait_for("2 MASTER");
}

#[test]
fn a_filter_is_typed_and_ended() {
    let path = socket("filter");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    console.keys("/!fault");
    console.wait("three of the four", |text| {
        text.contains("/!fault") && text.contains("3 of 4") && !text.contains("VI_4")
    });
    console.keys("\r");
    console.wait_for("/!fault: 3 of 4");
    console.keys("\x1b");
    console.wait("all of them", |text| text.contains("VI_4") && !text.contains("of 4"));
    console.keys(":pe\t\r");
    console.wait_for("VRID 7   not ours: 172.20.45.9");
    assert!(console.screen.beyond_vt100.is_empty(), "{:?}", console.screen.beyond_vt100);
}

#[test]
fn the_overview_is_printed_once_without_a_terminal() {
    let path = socket("once");
    let _service = FakeService::start(&path, World::default());
    let size = |columns| Some(WindowSize { columns, rows: 0 });
    let options = |columns| Options { size: size(columns), charset: Charset::Ascii, ..Options::new(path.clone()) };
    let text = once(&options(80)).unwrap();
    assert!(text.is_ascii() && text.ends_with("\n! VI_4: eth9 does not exist\n"), "{text}");
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 2 + 4 + 1, "{text}");
    assert!(rows[2].starts_with(" !VI_4   47 eth9  FAULT"), "{text}");
    for columns in [0, 1, 20, 40, 200, u16::MAX] {
        let text = once(&options(columns)).unwrap();
        assert!(text.contains("VI_3"), "{columns}: {text}");
        let most = usize::from(if columns == 0 { 80 } else { columns.clamp(20, 500) });
        assert!(text.lines().all(|line| line.len() <= most), "{columns}: {text}");
    }
    let error = once(&Options::new(socket("no-service"))).unwrap_err();
    assert!(matches!(error, ConsoleError::Service(_, ClientError::Connect(_))), "{error}");
    let garbage = World { garbage: Some(b"\x1b[2J\n".to_vec()), ..World::default() };
    let other = socket("once-garbage");
    let _other = FakeService::start(&other, garbage);
    let error = once(&Options::new(other)).unwrap_err().to_string();
    assert!(error.contains("no sense") && !error.contains('\x1b'), "{error:?}");
}

#[test]
fn a_console_that_is_left_alone_is_locked() {
    let path = socket("idle");
    let service = FakeService::start(&path, World::default());
    let environment = &[("TERM", "vt100"), (IDLE_MS, "700")];
    let mut console = Console::start(&Setup { size: (80, 24), environment }, &[&path]);
    console.wait_for("connected, admin");
    console.keys("Gr");
    console.wait_for("connected, locked");
    console.wait("the question to go", |text| !text.contains("Cancel"));
    console.keys("yr");
    console.wait_for("start it again");
    assert!(!service.world().requests.iter().any(|verb| matches!(verb, Verb::Resume { .. })));
}

#[test]
fn the_theme_decides_the_colours() {
    let path = socket("theme");
    let _service = FakeService::start(&path, World::default());
    let dark = [("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8")];
    let mut console = Console::start(&Setup { size: (80, 24), environment: &dark }, &[&path]);
    console.wait_sent("\x1b[36mBACKUP");
    let light = [("TERM", "xterm-256color"), ("LC_ALL", "C.UTF-8"), (LIGHT, "1")];
    let mut console = Console::start(&Setup { size: (80, 24), environment: &light }, &[&path]);
    console.wait_sent("38;5;24mBACKUP");
    console.keys("T");
    console.wait_for("theme mono");
}

#[test]
fn several_services_stand_side_by_side() {
    let (one, two) = (socket("one"), socket("two"));
    let _one = FakeService::start(&one, World { instances: vec![statuses::backup("VI_A", 1)], ..World::default() });
    let second = FakeService::start(&two, World { instances: vec![statuses::backup("VI_B", 1)], ..World::default() });
    let mut console = Console::start(&PLAIN, &[&one, &two]);
    console.wait("both", |text| text.contains("VI_A") && text.contains("VI_B"));
    console.keys("n");
    console.wait("the first alone", |text| text.contains("VI_A") && !text.contains("VI_B"));
    console.keys("n");
    console.wait("the second alone", |text| !text.contains("VI_A") && text.contains("VI_B"));
    console.keys("\t");
    drop(second);
    console.wait("one is lost", |text| text.contains("1 of 2 disconnected") && text.contains("VI_A"));
}

#[test]
fn a_terminal_without_a_size_is_asked_for_it() {
    let path = socket("size");
    let _service = FakeService::start(&path, World::default());
    let unknown = Setup { size: (0, 0), ..PLAIN };
    let mut console = Console::start(&unknown, &[&path]);
    console.wait_sent("\x1b[999;999H\x1b[6n");
    console.keys("\x1b[12;40R");
    console.wait("the footer in row 12", |screen| screen.lines().nth(11).is_some_and(|row| row.contains("quit")));
    let is_outside = |(row, text): (usize, &str)| row >= 12 && !text.is_empty() || text.chars().count() > 40;
    assert!(!console.screen.text().lines().enumerate().any(is_outside), "{}", console.screen.text());
    // Without an answer, 80 by 24.
    let mut console = Console::start(&unknown, &[&path]);
    console.wait("the footer in row 24", |screen| screen.lines().nth(23).is_some_and(|row| row.contains("quit")));
    // Half of it known: only the other half is taken from the environment.
    let environment = &[("TERM", "vt100"), ("COLUMNS", "100"), ("LINES", "7")];
    let mut console = Console::start(&Setup { size: (0, 30), environment }, &[&path]);
    console.wait("the footer in row 30", |screen| screen.lines().nth(29).is_some_and(|row| row.contains("quit")));
    assert!(!console.sent.contains("\x1b[6n"));
}

#[test]
fn ctrl_l_asks_for_the_size_again_and_draws_everything() {
    let path = socket("redraw");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait("the overview", |text| text.contains("VI_4") && text.contains("quit"));
    console.sent.clear();
    console.keys("\x0c");
    console.wait_sent("\x1b[2J");
    console.wait("the overview", |text| text.contains("VI_4") && text.contains("quit"));
}

#[test]
fn a_flood_of_events_does_not_keep_the_keys_waiting() {
    let path = socket("flood");
    let instances = (0..100).map(|n| statuses::backup(&format!("VI_{n:02}"), n)).collect();
    let _service = FakeService::start(&path, World { instances, flood: true, ..World::default() });
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_00");
    thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    console.keys("t");
    console.wait_for("newest first");
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
}

#[test]
fn a_window_that_shrinks_takes_its_dialog_along() {
    let path = socket("shrink");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait_for("VI_4");
    console.keys("Gr");
    console.wait_for("End the preempt delay");
    for (columns, rows) in [(40, 12), (20, 5), (80, 24)] {
        let size = rustix::termios::Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(console.master.as_ref().unwrap(), size).unwrap();
        console.sent.clear();
        console.signal(Signal::SIGWINCH);
        console.wait_sent("\x1b[2J");
        console.wait_for("Cancel");
    }
    console.keys("\x1b");
    console.wait("the dialog to go", |screen| !screen.contains("Cancel") && screen.contains("VI_3"));
}

#[test]
fn after_a_stop_everything_is_drawn_again() {
    let path = socket("continue");
    let _service = FakeService::start(&path, World::default());
    let mut console = Console::start(&PLAIN, &[&path]);
    console.wait("the overview", |text| text.contains("VI_4") && text.contains("quit"));
    // As a shell does that has the terminal meanwhile.
    tcsetattr(&console.slave, SetArg::TCSANOW, &console.before).unwrap();
    console.sent.clear();
    console.signal(Signal::SIGCONT);
    console.wait_sent("\x1b[2J");
    assert!(!tcgetattr(&console.slave).unwrap().local_flags.contains(LocalFlags::ECHO));
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
    console.assert_restored();
}

#[test]
fn every_terminal_and_locale_is_drawn_to() {
    let path = socket("matrix");
    let _service = FakeService::start(&path, World::default());
    for term in ["vt100", "vt102", "vt220", "linux", "xterm", "screen", "dumb", "", "no-such-terminal"] {
        for locale in ["C", "C.UTF-8"] {
            for size in [(1, 1), (20, 5), (40, 12), (80, 24), (200, 60)] {
                let setup = Setup { size, environment: &[("TERM", term), ("LC_ALL", locale)] };
                let mut console = Console::start(&setup, &[&path]);
                if size == (1, 1) {
                    console.wait_sent("\x1b[2J");
                } else {
                    console.wait_for("VI_4");
                }
                assert!(locale == "C.UTF-8" || console.sent.is_ascii(), "{term} {size:?}: {:?}", console.sent);
                let only_vt100 = matches!(term, "vt100" | "vt102" | "dumb" | "" | "no-such-terminal");
                assert!(!only_vt100 || console.screen.beyond_vt100.is_empty(), "{:?}", console.screen.beyond_vt100);
                console.keys("q");
                assert_eq!(console.ends().code(), Some(10), "{term} {locale} {size:?}");
                console.assert_restored();
            }
        }
    }
}

#[test]
fn a_quiet_overview_costs_little() {
    let path = socket("budget");
    let instances = (0..24).map(|n| statuses::backup(&format!("VI_{n:02}"), n)).collect();
    let _service = FakeService::start(&path, World { instances, ..World::default() });
    let mut console = Console::start(&COLOURED, &[&path]);
    console.wait_for("VI_00");
    thread::sleep(Duration::from_secs(1));
    let before = console.sent().len();
    let start = Instant::now();
    thread::sleep(Duration::from_secs(3));
    let bytes = console.sent().len() - before;
    let per_s = u64::try_from(bytes).unwrap() * 1_000 / u64::try_from(start.elapsed().as_millis()).unwrap();
    assert!(per_s > 0, "the counters move");
    assert!(per_s <= 400, "{per_s} B/s");
}
