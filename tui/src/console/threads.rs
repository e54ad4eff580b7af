//! The threads that feed the loop: signals, the terminal, and a link for each service.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::iterator::{Handle, Signals};

use crate::console::Event;
use crate::input;
use crate::link::{Link, Order};
use crate::options::{ConsoleError, Endpoint, Options};
use crate::profile::Profile;
use crate::terminal::Terminal;

/// Orders that wait for the link.
const ORDERS_MAX: usize = 64;
/// How long the commands that carry conversations may take to end.
const COMMANDS_END: Duration = Duration::from_millis(300);

/// The threads that feed the loop. Dropping it tells them to end; none of them is waited for but those that have a
/// command to end, and these not for long.
pub(super) struct Threads {
    signals: Handle,
    /// Dropped, it ends the reader of the terminal.
    _input_bell: UnixStream,
    /// One for each service.
    pub(super) links: Vec<LinkEnd>,
    /// Those that have a command to end.
    commands: Vec<JoinHandle<()>>,
}

/// The console's end of its way to a link.
pub(super) struct LinkEnd {
    pub(super) bell: UnixStream,
    pub(super) orders: SyncSender<Order>,
}

impl Threads {
    pub(super) fn start(
        terminal: &Terminal,
        profile: &Profile,
        options: &Options,
        events: &SyncSender<Event>,
        stop: &Arc<AtomicI32>,
    ) -> Result<Self, ConsoleError> {
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let built = thread::Builder::new().name(name.to_owned()).spawn(work);
            built.map_err(ConsoleError::System)
        };
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT]).map_err(ConsoleError::System)?;
        let handle = signals.handle();
        let (sender, stop) = (events.clone(), Arc::clone(stop));
        spawn(
            "signals",
            Box::new(move || {
                for signal in signals.forever() {
                    if matches!(signal, SIGINT | SIGTERM | SIGHUP) {
                        stop.store(signal, Ordering::Relaxed);
                    }
                    if sender.send(Event::Signal(signal)).is_err() {
                        return;
                    }
                }
            }),
        )?;
        let (input_bell, bell) = UnixStream::pair().map_err(ConsoleError::System)?;
        let input = terminal.input.try_clone().map_err(ConsoleError::Terminal)?;
        let (sender, escape_timeout) = (events.clone(), profile.escape_timeout);
        spawn("terminal", Box::new(move || input::run(input, &bell, escape_timeout, &sender)))?;
        let (mut links, mut commands) = (Vec::new(), Vec::new());
        for (node, router) in options.routers.iter().enumerate() {
            let (link_bell, bell) = UnixStream::pair().map_err(ConsoleError::System)?;
            for end in [&link_bell, &bell] {
                end.set_nonblocking(true).map_err(ConsoleError::System)?;
            }
            let (orders, receiver) = sync_channel(ORDERS_MAX);
            let endpoint = router.endpoint.clone();
            let link = Link { node, endpoint, events: events.clone(), orders: receiver, bell, said: Vec::new() };
            let is_command = matches!(link.endpoint, Endpoint::Command(_));
            let thread = spawn("link", Box::new(move || link.run()))?;
            commands.extend(is_command.then_some(thread));
            links.push(LinkEnd { bell: link_bell, orders });
        }
        Ok(Self { signals: handle, _input_bell: input_bell, links, commands })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.signals.close();
        // Nobody is to be left behind who still tries to reach another machine.
        self.links.clear();
        let until = Instant::now() + COMMANDS_END;
        while Instant::now() < until && !self.commands.iter().all(JoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(2));
        }
    }
}
