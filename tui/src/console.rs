//! The loop: takes what happens, updates the model, draws. The only part that does I/O.

mod sizing;
mod threads;

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect, Size};
use ratatui::widgets::Widget;
use signal_hook::consts::{SIGCONT, SIGWINCH};

use self::sizing::{Probe, Sizing};
use self::threads::Threads;
use crate::action;
use crate::backend::TerminalBackend;
use crate::key::Key;
use crate::link::{Order, Report};
use crate::model::{Connection, Model, Sort};
use crate::options::{ConsoleError, Ending, Extra, Options, ROUTERS_MAX, WindowSize};
use crate::pace::{Pace, Wish};
use crate::painter::Painter;
use crate::profile::{Environment, Profile};
use crate::terminal::{self, Output, Raw, Terminal};
use crate::theme::Look;
use crate::update::{Command, settle, update};
use crate::view::{self, View};

/// Events that wait for the loop. Beyond that their senders wait, and at last the service, which then drops us. A link can
/// say [`REPORTS_MAX`](crate::link::REPORTS_MAX) things in one.
const EVENTS_MAX: usize = 8;
/// So many events are taken in before the screen has its turn.
const EVENTS_PER_TURN_MAX: usize = 16;
/// Relative times tick this often.
const TICK_US: u64 = 1_000_000;
/// The size to begin with, until the terminal's own is known.
const SIZE_DEFAULT: WindowSize = WindowSize { columns: 80, rows: 24 };
/// More than this is not drawn to, whatever the terminal says of itself.
const SIZE_MAX: WindowSize = WindowSize { columns: 500, rows: 200 };

/// What happens.
#[derive(Debug)]
pub(crate) enum Event {
    /// A key was pressed.
    Key(Key),
    /// The link to the service of this number has something to say.
    Link(usize, Vec<Report>),
    /// The terminal has this size.
    Resized(Size),
    /// The program around the console was asked.
    Extra {
        /// What it says about a key.
        said: Option<String>,
        /// Its lines of status.
        status: Vec<String>,
    },
    /// Time passed.
    Tick,
    /// A signal.
    Signal(i32),
    /// The terminal is gone.
    TerminalLost,
}

/// Runs the console until the user leaves, a signal ends it or the terminal goes away. The terminal is then as it was.
///
/// Takes over SIGINT, SIGTERM, SIGHUP, SIGWINCH and SIGCONT for that time. Afterwards the first three do nothing unless
/// the caller has a handler for them: it is meant to be the last thing that a program does.
///
/// # Errors
/// [`ConsoleError`] where there is no terminal or the system refuses what is needed. A service that does not answer is no
/// error: the screen says so, and the console tries again.
pub fn run(options: Options) -> Result<Ending, ConsoleError> {
    if options.routers.is_empty() {
        return Err(ConsoleError::NoRouter);
    }
    if options.routers.len() > ROUTERS_MAX {
        return Err(ConsoleError::TooManyRouters(options.routers.len()));
    }
    let extra_actions = options.extra.as_ref().map(|extra| extra.actions()).unwrap_or_default();
    for (index, extra) in extra_actions.iter().enumerate() {
        let again = extra_actions.iter().skip(index + 1).any(|other| other.key == extra.key);
        if again || !action::is_free(extra.key) {
            return Err(ConsoleError::KeyTaken(extra.key));
        }
    }
    let terminal = Terminal::open(&options.tty)?;
    let environment = Environment::read();
    let profile = Profile::choose(&environment, terminal.line(), &options);
    let (sender, events) = sync_channel(EVENTS_MAX);
    let stop = Arc::new(AtomicI32::new(0));
    let raw = terminal.raw()?;
    let threads = Threads::start(&terminal, &profile, &options, &sender, &stop)?;

    let mut model = Model::new(options.routers, Size::new(SIZE_DEFAULT.columns, SIZE_DEFAULT.rows));
    model.look = Look { palette: profile.palette, theme: options.theme };
    model.unicode = profile.unicode;
    model.readonly = options.readonly;
    model.idle_lock_us = options.idle_lock.map(|limit| u64::try_from(limit.as_micros()).unwrap_or(u64::MAX));
    model.extra_actions = extra_actions;
    model.keymap = options.settings.keymap;
    model.columns = options.settings.columns;
    model.schema = options.schema;
    model.list.set_sort(options.settings.sort);
    if let Some(term) = &profile.unknown_term {
        let term = crate::text::clean(term, 30);
        model.say(format!("TERM is \"{term}\", which is not known here: drawing as on a vt100"), false);
    }
    if let Some(problem) = options.settings.problems.first() {
        // The end is cut where there is no room.
        let text = match options.settings.problems.len() {
            1 => problem.clone(),
            count => format!("{count} mistakes, i has them all: {problem}"),
        };
        model.say(text, true);
    }
    model.problems = options.settings.problems;
    let output = terminal.output.try_clone().map_err(ConsoleError::Terminal)?;
    let size = model.size;
    let mut console = Console {
        backend: TerminalBackend::new(Output::new(output, Arc::clone(&stop)), &profile, size),
        painter: Painter::new(size),
        pace: Pace::new(profile.bytes_per_s, profile.is_slow()),
        sizing: Sizing::new(options.size, environment, profile.bytes_per_s),
        extra: options.extra,
        started: Instant::now(),
        tick_at_us: 0,
        terminal,
        profile,
        model,
        raw,
        threads,
        stop,
        keeps: false,
    };
    let ending = console.run(&events);
    drop(console);
    if terminal::panicked() { Err(ConsoleError::Panicked) } else { ending }
}

struct Console {
    model: Model,
    backend: TerminalBackend<Output>,
    painter: Painter,
    pace: Pace,
    sizing: Sizing,
    profile: Profile,
    extra: Option<Box<dyn Extra + Send>>,
    started: Instant,
    tick_at_us: u64,
    terminal: Terminal,
    raw: Raw,
    threads: Threads,
    /// The signal that ends the console, or 0.
    stop: Arc<AtomicI32>,
    /// What is shown is to stay in the terminal.
    keeps: bool,
}

/// Why the loop ended.
enum Stop {
    Ending(Ending),
    Error(ConsoleError),
}

impl Console {
    fn run(&mut self, events: &Receiver<Event>) -> Result<Ending, ConsoleError> {
        let stop = self.work(events);
        if self.sizing.is_asking() {
            self.raw.discard_input(&self.terminal.input);
        }
        let rows = self.model.size.height;
        let left = if self.keeps { self.picture() } else { last_line(&self.model) };
        self.raw.set_farewell(terminal::farewell(&self.profile, rows, &left));
        match stop {
            Stop::Ending(ending) => Ok(ending),
            Stop::Error(error) => Err(error),
        }
    }

    fn work(&mut self, events: &Receiver<Event>) -> Stop {
        if let Err(stop) = self.begin() {
            return stop;
        }
        loop {
            let wait = Duration::from_micros(self.wake_at_us().saturating_sub(self.now_us()));
            let first = match events.recv_timeout(wait) {
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
                // Every thread is gone, the reader of the terminal among them.
                Err(RecvTimeoutError::Disconnected) => return Stop::Ending(Ending::TerminalLost),
            };
            if terminal::panicked() {
                return Stop::Error(ConsoleError::Panicked);
            }
            let turn = first.into_iter().chain(events.try_iter()).take(EVENTS_PER_TURN_MAX);
            for event in turn {
                if let Err(stop) = self.take(event) {
                    return stop;
                }
            }
            if let Err(stop) = self.tick().and_then(|()| self.draw()) {
                return stop;
            }
        }
    }

    /// What is shown, as text.
    fn picture(&self) -> String {
        let mut buffer = Buffer::empty(Rect::from((Position::ORIGIN, self.model.size)));
        View(&self.model).render(buffer.area, &mut buffer);
        let lines = view::lines_of(&buffer);
        lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\r\n")
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// When there is something to do even if nothing happens.
    fn wake_at_us(&self) -> u64 {
        // Nothing is drawn before the size is known or will not be.
        let next = self.sizing.waits_until_us().or_else(|| self.pace.due_at_us());
        next.map_or(self.tick_at_us, |at| at.min(self.tick_at_us))
    }

    fn begin(&mut self) -> Result<(), Stop> {
        self.raw.set_farewell(terminal::farewell(&self.profile, self.model.size.height, ""));
        self.send(&terminal::greeting(&self.profile))?;
        self.model.now_us = self.now_us();
        self.tell_extra(None)?;
        self.probe()
    }

    fn take(&mut self, event: Event) -> Result<(), Stop> {
        self.model.now_us = self.now_us();
        let wish = match &event {
            Event::Key(Key::CursorReport { row, column }) => {
                let answer = WindowSize { columns: *column, rows: *row };
                let size = self.sizing.answered(self.model.now_us, answer, &self.terminal);
                return size.map_or(Ok(()), |size| self.resize(size));
            }
            Event::Key(_) | Event::Resized(_) => Wish::Key,
            Event::Link(..) | Event::Extra { .. } | Event::Tick => Wish::News,
            Event::Signal(signal) => return self.signal(*signal),
            Event::TerminalLost => return Err(Stop::Ending(Ending::TerminalLost)),
        };
        self.pace.want(wish);
        for command in update(&mut self.model, event) {
            self.obey(command)?;
        }
        Ok(())
    }

    fn signal(&mut self, signal: i32) -> Result<(), Stop> {
        match signal {
            SIGWINCH => self.probe(),
            SIGCONT => {
                self.raw.enter(&self.terminal.input).map_err(Stop::Error)?;
                self.send(&terminal::greeting(&self.profile))?;
                self.redraw()
            }
            _ => Err(Stop::Ending(Ending::Signal(signal))),
        }
    }

    fn obey(&mut self, command: Command) -> Result<(), Stop> {
        match command {
            Command::Quit => Err(Stop::Ending(Ending::Quit)),
            Command::QuitKeeping => {
                // Without another screen it stays anyway.
                self.keeps = self.profile.alt_screen;
                Err(Stop::Ending(Ending::Quit))
            }
            Command::Redraw => self.redraw(),
            Command::Ask(node, purpose) => self.order(node, Order::Ask(purpose)),
            Command::Play(node, playing) => self.order(node, Order::Play(playing)),
            Command::Extra(key) => {
                let said = self.extra.as_mut().map(|extra| extra.handle(key));
                self.tell_extra(said)
            }
        }
    }

    fn order(&mut self, node: usize, order: Order) -> Result<(), Stop> {
        let Some(link) = self.threads.links.get(node) else { return Ok(()) };
        // A link that takes no orders is stuck in handing over events; it will ask for everything when it is free again.
        if link.orders.try_send(order).is_err() {
            if let Some(node) = self.model.nodes.get_mut(node) {
                node.refresh.asking = false;
                node.refresh.resync = true;
            }
            return Ok(());
        }
        match (&link.bell).write(&[0]) {
            Ok(_) => Ok(()),
            // Full of earlier rings: it will wake up.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            // A link ends with its recording; the others go on.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(()),
            Err(error) => Err(Stop::Error(ConsoleError::System(error))),
        }
    }

    fn tell_extra(&mut self, said: Option<String>) -> Result<(), Stop> {
        let Some(extra) = &self.extra else { return Ok(()) };
        let status = extra.status();
        self.take(Event::Extra { said, status })
    }

    fn tick(&mut self) -> Result<(), Stop> {
        let now_us = self.now_us();
        if now_us < self.tick_at_us {
            return Ok(());
        }
        self.tick_at_us = now_us.saturating_add(TICK_US);
        self.tell_extra(None)?;
        self.take(Event::Tick)
    }

    /// Draws, if it is time.
    fn draw(&mut self) -> Result<(), Stop> {
        let now_us = self.now_us();
        if let Some(until_us) = self.sizing.waits_until_us() {
            if now_us < until_us {
                return Ok(());
            }
            let size = self.sizing.give_up(&self.terminal, SIZE_DEFAULT);
            self.resize(size)?;
        }
        if self.pace.due_at_us().is_none_or(|due_at_us| now_us < due_at_us) {
            return Ok(());
        }
        self.model.now_us = now_us;
        settle(&mut self.model);
        let area = Rect::from((Position::ORIGIN, self.model.size));
        let mut wanted = Buffer::empty(area);
        View(&self.model).render(area, &mut wanted);
        let before = self.backend.written();
        let painted = self.painter.paint(&mut self.backend, &wanted, self.pace.bytes_max());
        let all = painted.map_err(|error| self.lost(error))?;
        self.pace.drawn(now_us, self.backend.written() - before, all);
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.backend.send(bytes).map_err(|error| self.lost(error))?;
        let now_us = self.now_us();
        self.pace.sent(now_us, bytes.len() as u64);
        Ok(())
    }

    /// What it means that the terminal takes no more.
    fn lost(&self, error: io::Error) -> Stop {
        let gone = matches!(error.raw_os_error(), Some(code) if code == nix::libc::EIO || code == nix::libc::ENXIO)
            || matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::WriteZero);
        let signal = self.stop.load(Ordering::Relaxed);
        if terminal::panicked() {
            Stop::Error(ConsoleError::Panicked)
        } else if signal != 0 {
            Stop::Ending(Ending::Signal(signal))
        } else if gone {
            Stop::Ending(Ending::TerminalLost)
        } else {
            Stop::Error(ConsoleError::Terminal(error))
        }
    }

    fn redraw(&mut self) -> Result<(), Stop> {
        self.painter.reset(self.model.size);
        self.pace.want(Wish::Key);
        self.probe()
    }

    /// Finds the size out; where nobody knows it, asks the terminal.
    fn probe(&mut self) -> Result<(), Stop> {
        let now_us = self.now_us();
        match self.sizing.probe(now_us, &self.terminal) {
            Probe::Known(size) => self.resize(size),
            Probe::Ask(question) => self.send(question),
        }
    }

    fn resize(&mut self, size: WindowSize) -> Result<(), Stop> {
        let size = Size::new(size.columns.clamp(1, SIZE_MAX.columns), size.rows.clamp(1, SIZE_MAX.rows));
        self.backend.resize(size);
        if size != self.model.size {
            self.painter.reset(size);
        }
        self.raw.set_farewell(terminal::farewell(&self.profile, size.height, ""));
        self.take(Event::Resized(size))
    }
}

/// What stays on the screen when the console has gone.
fn last_line(model: &Model) -> String {
    const NODES_MAX: usize = 3;
    let mut parts = Vec::new();
    for (at, node) in model.nodes.iter().enumerate().filter(|(_, node)| node.replica.hello.is_some()).take(NODES_MAX) {
        let mut statuses: Vec<_> = node.replica.instances.values().map(|instance| (at, &instance.status)).collect();
        Sort::Worst.apply(&mut statuses);
        let shown = statuses.iter().take(4).map(|(_, status)| format!("{} {}", status.name, status.state));
        let mut text = format!("{}: {}", model.nodes.name(at), shown.collect::<Vec<_>>().join(", "));
        let more = statuses.len().saturating_sub(4);
        if more > 0 {
            text.push_str(&format!(" and {more} more"));
        }
        if !matches!(node.connection, Connection::Attached) {
            text.push_str(" (when last heard)");
        }
        parts.push(text);
    }
    let text = parts.join("; ");
    let text = crate::text::fit(&text, usize::from(model.size.width).saturating_sub(1));
    if model.unicode {
        return text.into_owned();
    }
    text.chars().map(|letter| if letter.is_ascii() { letter } else { crate::text::ascii(letter) }).collect()
}
