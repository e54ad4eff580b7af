//! The service: everything that may wait. It reads the configuration, watches the kernel's links and addresses, gives the
//! engine its orders, takes its reports, keeps the history and answers on the control socket.
//!
//! - [`network`]: what the kernel says.
//! - [`plan`]: from the configuration to orders.
//! - [`kernel`]: what is in the kernel because of us, beside the addresses.
//! - [`journal`], [`history`]: what survives in the run directory; [`kept`]: how its files are written and read.
//! - [`instance`]: what is known about an instance.
//! - [`clients`], [`who`], [`answers`]: the control socket; [`dump`]: the state as keepalived dumps it.
//! - [`reports`]: what the engine tells, and to whom it is passed on; [`repeated`]: what is not said each time.
//! - [`changes`]: changes of what runs, on trial or for a time; [`operator`], [`yields`], [`take`]: what else the operator says;
//!   [`done`]: the list of all that; [`guard`]: care with what may cut off whoever asks for it.
//! - [`preview`]: what would follow from an order or a change, before it is carried out.
//! - [`running`]: which instances run; [`reload`], [`compare`]: a new configuration in place of the one that runs.
//! - [`follow`]: trackers and sync groups; [`status`]: what `show` says.
//! - [`statistics`]: counters that begin anew.
//! - [`stations`]: which MAC addresses the senders of adverts have.
//! - [`sandbox`]: which files it may change.
//! - [`signals`]: what signals mean to it.
//! - [`heart`]: proof that it moves; [`cleanup`]: what a start does first, without one.
//! - [`losses`]: what somebody takes away from a master.
//! - [`examine`]: it looks for what is wrong with itself.
//! - [`facts`]: what the kernel's changes mean for interfaces and instances; [`foreign`]: which addresses are not ours.

mod alarm;
mod answers;
mod changes;
mod cleanup;
mod clients;
mod compare;
mod done;
#[cfg(feature = "keepalived")]
mod dump;
mod edits;
#[cfg(feature = "doctor")]
mod examine;
mod facts;
mod follow;
mod foreign;
mod guard;
mod heart;
mod history;
mod instance;
mod journal;
mod kept;
mod kernel;
mod losses;
#[cfg(test)]
mod memory;
mod network;
mod operator;
mod plan;
mod presence;
mod preview;
mod reload;
mod repeated;
mod reports;
mod running;
mod sandbox;
mod signals;
mod start;
mod stations;
mod statistics;
mod status;
mod take;
mod texts;
mod who;
mod yields;

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;

use locum_config::Configuration;
use locum_control::{ErrorCode, Event};
use locum_core::router::{Command, CommandError, ConfigError};
use locum_core::set::RouterId;
use locum_core::time::Instant;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::net::UnixListener;
use tokio::net::unix::pipe;
use tokio::sync::mpsc;

use self::alarm::Alarm;
use self::changes::Changes;
pub(crate) use self::cleanup::cleanup;
use self::clients::{Clients, Incoming};
#[cfg(feature = "keepalived")]
pub(crate) use self::dump::default_directory as dump_directory;
use self::facts::Interface;
pub(crate) use self::foreign::look as links;
use self::heart::{Heart, Legacy};
use self::history::History;
use self::instance::Instance;
use self::journal::{Entry, Journal, RouteEntry};
use self::kernel::Kernel;
use self::kernel::recovery::remove_left_behind;
pub(crate) use self::kernel::recovery::{Fate, Remnant};
pub(crate) use self::network::Network;
#[cfg(all(test, feature = "doctor"))]
pub(crate) use self::network::{Address as KnownAddress, Interface as KnownInterface};
use self::operator::Handovers;
pub(crate) use self::plan::Placements;
#[cfg(feature = "plan")]
pub(crate) use self::plan::{Ties, core_config, ties};
#[cfg(feature = "doctor")]
pub(crate) use self::plan::{addresses as addresses_of, family as core_family, scheduling};
#[cfg(feature = "keepalived")]
pub(crate) use self::presence::RUNS;
use self::repeated::Repeated;
use self::sandbox::Sandbox;
#[cfg(feature = "keepalived")]
pub(crate) use self::signals::Dump;
use self::signals::{Meaning, Signals};
pub(crate) use self::start::StartError;
use self::stations::Listening;
use self::yields::Yields;
use crate::clock;
use crate::engine::Set;
use crate::engine::lateness::Lateness;
use crate::engine::link::{Order, OrderError, RouterView, ServiceEnd};
use crate::netlink::monitor::Monitor;
use crate::notify::{Notifier, Runs};
use crate::task;
use crate::track::{Links, Reports, Trackers};

/// How often adverts are passed on to those who watch them.
const ADVERTS_EVERY: Duration = Duration::from_millis(100);

/// How often what the kernel refused is looked at, with the beat of the heart that is nearest.
const KERNEL_EVERY: locum_core::time::Duration = locum_core::time::Duration::from_s(1);

/// Room that is kept for orders that wait. A start needs more for a moment, an order for each instance.
const WAITING_ORDERS_KEPT: usize = 64;

/// How long the engine may take to answer. It answers within a millisecond; if it does not within this, something is
/// badly wrong, and whoever asked is told so.
const ENGINE_TIMEOUT: locum_core::time::Duration = locum_core::time::Duration::from_s(5);

/// Routers shown by the engine in one go.
const VIEWS_AT_A_TIME: usize = 64;

/// What the service is told on its command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// The configuration file.
    pub(crate) configuration: PathBuf,
    /// Where to listen.
    pub(crate) socket: PathBuf,
    /// Where to keep the journal and the history.
    pub(crate) run_directory: PathBuf,
    /// Where keepalived's dumps are written at its signals, if they are.
    pub(crate) dumps: Option<PathBuf>,
    /// Files that hold its process number while it runs.
    pub(crate) pid_files: Vec<PathBuf>,
    /// It gives up the right to change other files than its own.
    pub(crate) sandbox: bool,
    /// A process waits on the other end of standard output for the word that the service runs.
    pub(crate) waiting_parent: bool,
}

/// The service.
struct Service {
    options: Options,
    host: String,
    started: Instant,
    /// When instances may begin: after `vrrp_startup_delay` and `vrrp_delay_after_boot`.
    begin_at: Instant,
    /// What it runs with.
    configuration: Rc<Configuration>,
    /// Errors and warnings in it.
    findings: (u32, u32),
    engine: ServiceEnd,
    /// Readable when the engine has told something.
    reports_ready: Rc<pipe::Receiver>,
    engine_thread: Option<JoinHandle<()>>,
    /// How late the engine was, as it said last.
    lateness: Box<Lateness>,
    /// Orders that found the queue full.
    waiting_orders: std::collections::VecDeque<Order>,
    network: Network,
    interfaces: Vec<Interface>,
    instances: Vec<Instance>,
    /// The index in `instances` of each of the engine's routers.
    by_router: Vec<Option<usize>>,
    /// The sync groups, in the order of the engine's numbers.
    groups: Vec<String>,
    /// What instances follow.
    trackers: Trackers,
    /// What they have to say.
    tracker_reports: Reports,
    /// Links as they are believed: with the delays of `interface_up_down_delays`.
    links: Links,
    /// The engine's key of the next instance.
    next_key: u32,
    history: History,
    /// The kinds of causes that transitions had.
    cause_kinds: texts::Texts,
    heart: Heart,
    sandbox: Sandbox,
    /// What the run before has left to go on with.
    legacy: Legacy,
    journal: Journal,
    notifier: Notifier,
    /// Notification scripts that have ended.
    script_runs: Runs,
    /// The addresses that it lists.
    journalled_addresses: Vec<Entry>,
    /// The routes and rules that it lists.
    journalled_routes: Vec<RouteEntry>,
    /// How many plans the engine was given beside the first of each instance.
    plans: u32,
    kernel: Kernel,
    /// When what the kernel refused of it is tried again.
    kernel_retry_at: Option<Instant>,
    /// When it is looked at next.
    kernel_due: Instant,
    /// Which interfaces the addresses of each instance go on.
    placements: Placements,
    clients: Clients,
    /// What strangers could have us say each time.
    repeated: Repeated,
    changes: Changes,
    yields: Yields,
    /// Answers that wait for the end of handovers.
    handovers: Vec<Handovers>,
    #[cfg(feature = "doctor")]
    examination: examine::Examination,
    listening: Listening,
    /// What the engine answered to the question that is open.
    reply: Reply,
    next_ticket: u32,
    stopped: bool,
    /// The engine ended by itself.
    failed: bool,
    _lock: start::Lock,
}

/// Answers of the engine that somebody waits for.
#[derive(Default)]
struct Reply {
    views: Option<(Vec<RouterView>, Option<usize>, Box<Lateness>)>,
    copied: Option<Box<Set>>,
    obeyed: Option<(u32, Result<(), CommandError>)>,
    reconfigured: Vec<(u32, Result<(), ConfigError>)>,
}

/// Runs the service until it is told to stop.
///
/// # Errors
/// Why it could not start.
pub(crate) fn run(options: Options) -> Result<(), StartError> {
    let mut result = Ok(());
    task::block_on(Box::pin(async { result = start_and_serve(options).await }))?;
    result
}

async fn start_and_serve(options: Options) -> Result<(), StartError> {
    let (incoming_sender, incoming) = mpsc::channel(64);
    let sources = Sources {
        // Before anything else: from here on a signal is an orderly stop.
        signals: Signals::open()?,
        monitor: network::monitor()?,
        alarm: Alarm::new()?,
        incoming,
    };
    presence::appear(&options)?;
    let started = start::start(options.clone(), Clients::new(incoming_sender)).await;
    let (mut service, listener) = started.inspect_err(|_| presence::disappear(&options))?;
    if let Err(error) = presence::tell_parent(&options) {
        log::warn!("the process that started this one cannot be told that it runs: {error}");
    }
    service.serve(sources, listener).await
}

/// Where things come from.
struct Sources {
    signals: Signals,
    monitor: Monitor,
    alarm: Alarm,
    incoming: mpsc::Receiver<Incoming>,
}

impl Service {
    async fn serve(&mut self, mut sources: Sources, listener: UnixListener) -> Result<(), StartError> {
        let reports = Rc::clone(&self.reports_ready);
        let script_runs = self.script_runs.clone();
        let mut adverts_at = tokio::time::Instant::now();
        while !self.stopped {
            let watched = self.clients.any_watches_adverts();
            let waiting = !self.waiting_orders.is_empty();
            let tracker_reports = self.tracker_reports.clone();
            let links_due = self.links.wake();
            let due = self.due();
            tokio::select! {
                biased;
                ready = reports.readable() => {
                    ready?;
                    self.take_reports();
                }
                report = tracker_reports.next() => self.tracker_says(&report),
                () = links_due => {
                    self.links.expire();
                    self.network_changed();
                }
                rung = sources.alarm.rings(due) => {
                    rung?;
                    self.time_has_passed();
                }
                ready = sources.monitor.readable() => {
                    ready?;
                    // Everything that is there, then one look at what follows from it.
                    match self.network.hear(&mut sources.monitor) {
                        Ok(true) => self.network_changed(),
                        Ok(false) => {}
                        Err(error) => {
                            log::error!("the kernel's network cannot be followed: {error}");
                            // Out of memory, most likely; trying again at once would only spin.
                            tokio::time::sleep(Duration::from_millis(100)).await;
                        }
                    }
                }
                () = self.kernel.route_deleted() => {
                    self.network.disturb();
                    self.follow_kernel();
                }
                meaning = sources.signals.recv() => match meaning {
                    Meaning::Stop => self.shut_down(),
                    Meaning::Reload => {
                        self.heart.manager.reloading();
                        self.reload_at_signal();
                        self.tell_manager_that_all_runs();
                    }
                    Meaning::Dump(dump) => self.dump_at_signal(dump),
                },
                Some(incoming) = sources.incoming.recv() => self.handle_incoming(incoming),
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.clients.accept(stream, &self.host),
                    Err(error) => {
                        log::warn!("control socket: {error}");
                        // Out of descriptors, most likely; trying again at once would only spin.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                run = script_runs.next() => self.tell_run(run),
                () = tokio::time::sleep_until(adverts_at), if watched => {
                    adverts_at = tokio::time::Instant::now() + ADVERTS_EVERY;
                    self.take_reports();
                    self.tell_adverts();
                }
                () = tokio::time::sleep(Duration::from_millis(2)), if waiting => self.send_waiting_orders(),
            }
        }
        self.end().await
    }

    /// When there is something to do even if nothing happens.
    fn due(&self) -> Instant {
        // What ends by itself: a yield, a change, the wait for handovers.
        let ends = [self.yields.next_end(), self.changes.next_end(), self.handovers_due(), self.listening.due()];
        ends.into_iter().flatten().fold(self.heart.due(), Instant::min)
    }

    fn time_has_passed(&mut self) {
        let now = clock::now();
        if self.heart.due() <= now {
            self.beat();
            // In the same wake-up, on a schedule of its own to the nearest beat.
            if self.kernel_due <= now + self.heart.half_beat() {
                self.kernel_due = (self.kernel_due + KERNEL_EVERY).max(now);
                // Whoever was heard first may be in there.
                self.take_reports();
                self.tick_kernel();
            }
        }
        self.end_yields();
        self.end_changes();
        self.answer_handovers(clock::now());
        if self.listening.due().is_some_and(|due| due <= now) {
            self.listen();
        }
    }

    fn handle_incoming(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Line(client, line) => {
                self.clients.heard_from(client);
                self.answer(client, line);
            }
            #[cfg(feature = "doctor")]
            Incoming::Examined(facts) => self.tell_examined(facts.as_deref()),
            Incoming::Ended(client) => drop(self.clients.remove(client)),
            Incoming::Stalled(client) => {
                if let Some(client) = self.clients.drop_client(client) {
                    log::warn!("control socket: client {} was dropped, it does not read", client.who);
                }
            }
        }
    }

    /// Begins to stop: the engine hands over, and says when it is done.
    fn shut_down(&mut self) {
        log::info!("stopping: masters hand over");
        self.heart.manager.stopping();
        let now = clock::now();
        self.clients.tell(now.us(), clock::unix_ms(), Event::Stopping);
        self.order(Order::Shutdown);
    }

    async fn end(&mut self) -> Result<(), StartError> {
        self.take_reports();
        if let Some(thread) = self.engine_thread.take() {
            let _ = thread.join(); // a panic of the engine has been reported by itself
        }
        if self.failed {
            // Its routers cannot have left in order; what they had installed must go all the same.
            let network = Network::read().map_err(StartError::Netlink)?;
            let left = self.journal.read()?;
            remove_left_behind(&left, network)?;
        }
        let all_gone = self.kernel.end();
        // Everything has been handed over; now the last words about it may take their time.
        self.notifier.shut_down().await;
        self.heart.stop();
        if all_gone && let Err(error) = self.journal.clear() {
            log::warn!("journal: {error}");
        }
        let _ = std::fs::remove_file(&self.options.socket); // gone already is as well
        presence::disappear(&self.options);
        self.clients.finish();
        // A moment for what waits in the outboxes.
        tokio::time::sleep(Duration::from_millis(10)).await;
        if self.failed {
            return Err(StartError::Engine);
        }
        log::info!("stopped");
        Ok(())
    }

    /// Gives the engine an order, now or as soon as there is room.
    fn order(&mut self, mut order: Order) {
        if let Order::SetPlan { router, plan } = &mut order {
            self.number_plan(*router, plan);
        }
        self.waiting_orders.push_back(order);
        self.send_waiting_orders();
    }

    fn send_waiting_orders(&mut self) {
        while let Some(order) = self.waiting_orders.pop_front() {
            match self.engine.order(order) {
                Ok(()) => {}
                Err(OrderError::Full(order)) => {
                    self.waiting_orders.push_front(order);
                    return;
                }
                Err(OrderError::Gone) => return self.engine_failed(),
            }
        }
        if self.waiting_orders.capacity() > WAITING_ORDERS_KEPT {
            self.waiting_orders = std::collections::VecDeque::new();
        }
    }

    /// Brings every instance's view up to date.
    fn refresh_views(&mut self) -> Result<(), (ErrorCode, String)> {
        self.ask_for_views()?;
        // A change of state that was told behind the view is newer than that: FAULT would be shown without what blocks it. Once
        // more is enough, unless states change so fast that nobody can see them.
        let is_newer = |instance: &Instance| instance.view.as_ref().is_some_and(|view| view.state != instance.state);
        if self.instances.iter().any(is_newer) { self.ask_for_views() } else { Ok(()) }
    }

    fn ask_for_views(&mut self) -> Result<(), (ErrorCode, String)> {
        let mut first = Some(0);
        while let Some(from) = first {
            let room = VIEWS_AT_A_TIME.min(self.instances.len());
            if room == 0 {
                return Ok(());
            }
            let views = Vec::with_capacity(room);
            self.order(Order::View { first: from, views, lateness: Box::default() });
            let (views, more_from, lateness) = self.wait_for(|reply| reply.views.take())?;
            self.lateness = lateness;
            for view in views {
                let index = self.index_of(view.router);
                if let Some(instance) = index.and_then(|index| self.instances.get_mut(index)) {
                    instance.view = Some(Box::new(view));
                }
            }
            first = more_from;
        }
        Ok(())
    }

    fn command(&mut self, router: RouterId, command: Command) -> Result<Result<(), CommandError>, (ErrorCode, String)> {
        let ticket = self.ticket();
        self.order(Order::Command { router, command, ticket });
        let is_ours = |reply: &mut Reply| reply.obeyed.take_if(|(theirs, _)| *theirs == ticket);
        self.wait_for(is_ours).map(|(_, result)| result)
    }

    /// A number for a question to the engine, by which its answer is known.
    fn ticket(&mut self) -> u32 {
        self.next_ticket = self.next_ticket.wrapping_add(1);
        self.next_ticket
    }

    /// Waits until the engine has answered, which it does within a millisecond: nothing else is done on this thread meanwhile.
    fn wait_for<T>(&mut self, mut take: impl FnMut(&mut Reply) -> Option<T>) -> Result<T, (ErrorCode, String)> {
        let deadline = clock::now() + ENGINE_TIMEOUT;
        loop {
            self.take_reports();
            self.send_waiting_orders();
            if let Some(answer) = take(&mut self.reply) {
                return Ok(answer);
            }
            self.wait_for_reports(deadline)?;
        }
    }

    fn wait_for_reports(&self, deadline: Instant) -> Result<(), (ErrorCode, String)> {
        let failed = |text: String| Err((ErrorCode::Failed, text));
        if self.stopped {
            return failed("the service is stopping".into());
        }
        match self.reports_come_until(deadline) {
            Ok(true) => Ok(()),
            Ok(false) => failed("the engine does not answer".into()),
            Err(error) => failed(format!("the engine cannot be asked: {error}")),
        }
    }

    /// Waits until the engine has told something, at most until the deadline. Returns whether it has.
    fn reports_come_until(&self, deadline: Instant) -> nix::Result<bool> {
        let left_ms = deadline.since(clock::now()).us().div_ceil(1_000);
        let timeout = PollTimeout::try_from(left_ms).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.reports_ready.as_fd(), PollFlags::POLLIN)], timeout) {
            // tokio, which has not looked meanwhile, would not read what it does not know of.
            Ok(ready) => Ok(ready > 0 && nix::unistd::read(&self.reports_ready, &mut [0])? > 0),
            Err(Errno::EINTR) => Ok(true),
            Err(errno) => Err(errno),
        }
    }

    /// Takes what the engine has told.
    fn take_reports(&mut self) {
        let _ = self.reports_ready.try_read(&mut [0]); // fails when nothing was there, which is as well
        self.engine.shared.acknowledge();
        // Asked before, so that its last reports are taken, too.
        let has_ended = self.engine.shared.has_ended();
        while let Some(report) = self.engine.report() {
            self.handle_report(report);
            // Orders do not wait until all has been written down that is told meanwhile: of a thousand instances that
            // begin, the last would be half a second behind the first.
            self.send_waiting_orders();
        }
        self.engine.shared.has_made_room();
        if has_ended && !self.stopped {
            self.engine_failed();
        }
    }

    fn engine_failed(&mut self) {
        if !self.stopped {
            log::error!("the engine has ended unexpectedly, and the service with it");
        }
        self.stopped = true;
        self.failed = true;
    }
}
