//! The engine: the thread that owns the virtual routers.
//!
//! It waits for a packet, an order or a deadline, hands one input to the core, and does what the core says. Nothing on it
//! may wait for anything else: no file, no name service, no log, no lock; and in the steady state it allocates nothing.
//!
//! - [`link`]: what it and the service say to each other.
//! - `orders`: what the service wants done.
//! - [`wire`]: the sockets of an interface.
//! - [`install`]: addresses and what belongs to them into the kernel and out of it, in pieces; [`pace`]: how fast they are
//!   announced.
//! - `batch`: many packets in one system call.
//! - `untold`: what is told later because there is no room now.
//! - [`scheduling`]: when it runs; [`lateness`]: how late it was.

pub(crate) mod batch;
pub(crate) mod install;
pub(crate) mod lateness;
pub(crate) mod link;
mod orders;
pub(crate) mod pace;
pub(crate) mod scheduling;
pub(crate) mod storage;
#[cfg(test)]
mod tests;
mod untold;
pub(crate) mod wire;

use std::io;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::thread::JoinHandle;

use locum_core::priority::Tracker;
use locum_core::router::{Action, Event, InterfaceId, Transition};
use locum_core::set::{Interface, Output, RouterId, RouterSet, Slot};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::Family;
use locum_core::wire::{arp, neighbour};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use self::batch::{Content, Inbox, Outbox, Over};
use self::install::{Hands, InstallPlan, JobKind, Jobs};
use self::lateness::Lateness;
use self::link::{EngineEnd, ItemOutcome, Report, ServiceEnd};
use self::scheduling::Scheduling;
use self::storage::Owned;
use self::untold::Untold;
use self::wire::{Attachment, Inbox6};
use crate::clock;

/// Interfaces that one service can use.
pub(crate) const INTERFACES_MAX: usize = 1024;

/// Packets taken from an interface before the others have their turn.
const RECEIVE_MAX: usize = 256;

/// The same after a stall: everything that can have queued up must be heard before an expired timer counts, or a router
/// that was only slow would take over from a master that is well.
const RECEIVE_MAX_AFTER_STALL: usize = 16 * 1024;

/// A wait longer than this is waited in two parts.
const LONG_WAIT: Duration = Duration::from_ms(100);

/// Of a long wait, the part that is waited last. The kernel may end a wait late by a thousandth of it, or a two-hundredth for a
/// thread with a nice value (`select_estimate_accuracy` in its fs/select.c), on an idle machine by all of that: 3.6 ms of a
/// master-down interval. The last part is so short that its own share is below the 50 us of every timer (prctl(2),
/// PR_SET_TIMERSLACK).
const LAST_PART: u64 = 128;

/// How much of a wait is waited at first.
fn waited_first(timeout: Duration) -> Duration {
    if timeout <= LONG_WAIT { timeout } else { Duration::from_us(timeout.us() - timeout.us() / LAST_PART) }
}

/// So many packets taken at once are part of a burst: the adverts of a router that are due together leave it one after the
/// other, a few microseconds apart.
const BURST: usize = 4;

/// How long a burst is left to grow before it is taken. Who wakes for every few packets of it spends most of the time on
/// waking; and this is still far below what a timer of VRRP is about.
const BURST_PAUSE: Duration = Duration::from_us(250);

/// How often it is looked whether something came in where the kernel does not say so.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(1);

/// A timer this late means that the engine did not run for a while.
const STALL: Duration = Duration::from_ms(5);

/// How many of each there can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// Routers.
    pub(crate) routers: usize,
    /// Interfaces, at most [`INTERFACES_MAX`].
    pub(crate) interfaces: usize,
    /// Trackers.
    pub(crate) trackers: usize,
}

/// The routers of an engine.
pub(crate) type Set = RouterSet<Owned, Vec<Slot<Owned>>, Vec<Interface>, Vec<Tracker>>;

/// What the engine keeps for a router beside the router itself.
#[derive(Default)]
struct Beside {
    plan: Option<Box<InstallPlan>>,
    announcements_sent: u32,
    /// The error of the last packet that could not be sent; told once until sending works again.
    send_error: Option<Errno>,
    untold: Untold,
}

struct Engine {
    set: Set,
    beside: Vec<Beside>,
    attachments: Vec<Option<Box<Attachment>>>,
    jobs: Jobs,
    end: EngineEnd,
    outbox: Outbox,
    inbox: Inbox,
    inbox6: Inbox6,
    /// Sockets that had something when the engine last woke.
    readable: Vec<(InterfaceId, Family)>,
    /// One of them had so much that more is on its way.
    is_burst: bool,
    /// How late it was for its deadlines.
    lateness: Lateness,
    /// Orders wait.
    has_orders: bool,
    /// The kernel does not say when something comes in; told once.
    cannot_wait: bool,
    /// Routers that have been told to end, and are removed when they have.
    ending: Vec<RouterId>,
    stopping: bool,
}

/// Starts the engine's thread.
///
/// # Errors
/// When the kernel gives no descriptors or no thread.
pub(crate) fn start(sizes: Sizes, scheduling: Scheduling) -> io::Result<(ServiceEnd, JoinHandle<()>)> {
    let (end, service_end) = link::link()?;
    let jobs = Jobs::new(sizes.routers)?;
    let thread = std::thread::Builder::new()
        .name("engine".into())
        .spawn(move || Engine::new(sizes, end, jobs).run(scheduling))?;
    Ok((service_end, thread))
}

impl Engine {
    fn new(sizes: Sizes, end: EngineEnd, jobs: Jobs) -> Self {
        let interfaces = sizes.interfaces.min(INTERFACES_MAX);
        let mut attachments = Vec::new();
        attachments.resize_with(interfaces, || None);
        let mut beside = Vec::new();
        beside.resize_with(sizes.routers, Beside::default);
        Self {
            set: Set::new(
                vec![Slot::default(); sizes.routers],
                vec![Interface::default(); interfaces],
                vec![Tracker::default(); sizes.trackers],
            ),
            beside,
            attachments,
            jobs,
            end,
            outbox: Outbox::new(),
            inbox: Inbox::new(),
            inbox6: Inbox6::default(),
            readable: Vec::with_capacity(2 * interfaces),
            is_burst: false,
            lateness: Lateness::default(),
            has_orders: false,
            cannot_wait: false,
            ending: Vec::with_capacity(sizes.routers),
            stopping: false,
        }
    }

    fn run(&mut self, scheduling: Scheduling) {
        scheduling.apply(|error| self.end.tell(Report::NotScheduled(error)));
        self.end.pass_on();
        crate::privileges::restrict_engine();
        // Ordinary threads are woken up to 50 µs late, to save power (prctl(2)); adverts are worth the power.
        let _ = nix::sys::prctl::set_timerslack(1);
        while self.turn().is_continue() {}
    }

    /// Waits for something to do, and does it.
    fn turn(&mut self) -> ControlFlow<()> {
        self.wait();
        // Packets before timers: what has come in may say that the master is well.
        self.receive();
        if self.obey().is_err() {
            return ControlFlow::Break(());
        }
        self.expire();
        self.jobs();
        self.tell_what_is_untold();
        self.remove_ended();
        if self.stopping && self.set.is_stopped() && self.jobs.is_empty() && !self.end.wanted_room() {
            self.end.tell(Report::Stopped);
            return ControlFlow::Break(());
        }
        // The next piece of kernel work comes first; a ring that fills up meanwhile wakes the service by itself.
        let now = clock::now();
        if self.jobs.deadline(now).is_none_or(|at| at > now) {
            self.end.pass_on();
        }
        ControlFlow::Continue(())
    }

    /// Waits for a packet, an order or a deadline; not at all if there is work to go on with.
    fn wait(&mut self) {
        if std::mem::take(&mut self.is_burst) {
            self.let_it_grow();
        }
        let now = clock::now();
        let deadline = self.deadline(now);
        self.end.sleeps_until(deadline);
        let timeout = deadline.map(|at| waited_first(at.since(now)));
        let timeout = timeout.map(|timeout| TimeSpec::from(std::time::Duration::from_micros(timeout.us())));
        let mut fds: heapless::Vec<PollFd<'_>, { 2 * INTERFACES_MAX + 1 }> = heapless::Vec::new();
        let _ = fds.push(PollFd::new(self.end.wake_fd(), PollFlags::POLLIN));
        self.readable.clear();
        for (index, attachment) in (0..).zip(&self.attachments) {
            for family in [Family::Ipv4, Family::Ipv6] {
                // Both have room for two sockets of every interface.
                if let Some(fd) = attachment.as_ref().and_then(|attachment| attachment.socket(family)) {
                    let _ = fds.push(PollFd::new(fd, PollFlags::POLLIN));
                    self.readable.push((InterfaceId(index), family));
                }
            }
        }
        // One system call; a timer descriptor would cost one or two more (to set it and to read it).
        match ppoll(&mut fds, timeout, None) {
            Ok(0) | Err(Errno::EINTR) => {
                self.has_orders = false;
                self.readable.clear();
                return;
            }
            Ok(_) => {}
            // The kernel has no memory, or not this call. Whoever looks at everything now and then goes on, only later.
            Err(errno) => {
                drop(fds);
                if !std::mem::replace(&mut self.cannot_wait, true) {
                    self.end.tell(Report::CannotWait(errno));
                }
                self.has_orders = true;
                std::thread::sleep(LOOK_EVERY);
                return;
            }
        }
        let mut is_ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
        self.has_orders = is_ready.next().unwrap_or(false);
        self.readable.retain(|_| is_ready.next().unwrap_or(false));
    }

    /// When there is something to do, whatever comes in.
    fn deadline(&self, now: Instant) -> Option<Instant> {
        [self.set.deadline(), self.jobs.deadline(now)].into_iter().flatten().min()
    }

    /// Lets a burst come in that has begun, unless something is due meanwhile.
    fn let_it_grow(&self) {
        let now = clock::now();
        if self.deadline(now).is_none_or(|at| at > now + BURST_PAUSE) {
            std::thread::sleep(std::time::Duration::from_micros(BURST_PAUSE.us()));
        }
    }

    fn receive(&mut self) {
        if self.readable.is_empty() {
            return;
        }
        let late = self.set.deadline().map_or(Duration::ZERO, |at| clock::now().since(at));
        let most = if late > STALL { RECEIVE_MAX_AFTER_STALL } else { RECEIVE_MAX };
        for index in 0..self.readable.len() {
            match self.readable.get(index) {
                Some((interface, Family::Ipv4)) => self.receive_whole(*interface, Family::Ipv4, most),
                // A raw socket gives IPv6 packets without their header; a packet socket gives whole ones.
                Some((interface, Family::Ipv6)) if self.gives_header(*interface) => {
                    self.receive_whole(*interface, Family::Ipv6, most);
                }
                Some((interface, Family::Ipv6)) => self.receive_v6(*interface, most),
                None => return,
            }
        }
    }

    fn gives_header(&self, interface: InterfaceId) -> bool {
        let attachment = self.attachments.get(usize::from(interface.0)).and_then(Option::as_ref);
        attachment.is_some_and(|attachment| attachment.gives_header)
    }

    /// Takes packets from a socket that gives them with their IP header.
    fn receive_whole(&mut self, interface: InterfaceId, family: Family, most: usize) {
        let mut taken = 0;
        while taken < most {
            let attachment = self.attachments.get(usize::from(interface.0)).and_then(Option::as_ref);
            let Some(attachment) = attachment else { return };
            let Some(socket) = attachment.socket(family) else { return };
            let heard_on = attachment.heard_on.unwrap_or(interface);
            let lens = self.inbox.receive(socket);
            let now = clock::now();
            for (index, len) in lens.iter().enumerate() {
                let bytes = self.inbox.packet(index, *len);
                let packet = match family {
                    Family::Ipv4 => wire::read_v4(bytes),
                    Family::Ipv6 => wire::read_v6(bytes),
                };
                match packet {
                    Some(packet) => self.set.handle_packet(now, heard_on, &packet),
                    None => self.set.handle_malformed(now, heard_on, None),
                }
                self.drain(now);
            }
            taken += lens.len();
            if !Inbox::was_filled_by(lens.len()) {
                break;
            }
        }
        self.is_burst |= taken >= BURST;
    }

    fn receive_v6(&mut self, interface: InterfaceId, most: usize) {
        for taken in 0..most {
            let attachment = self.attachments.get(usize::from(interface.0)).and_then(Option::as_ref);
            let Some(attachment) = attachment else { return };
            let Some(socket) = attachment.socket(Family::Ipv6) else { return };
            let interface = attachment.heard_on.unwrap_or(interface);
            let Some(packet) = wire::receive_v6(socket, &mut self.inbox6) else { return };
            let now = clock::now();
            match packet {
                Some(packet) => self.set.handle_packet(now, interface, &packet),
                None => self.set.handle_malformed(now, interface, None),
            }
            self.drain(now);
            self.is_burst |= taken + 1 >= BURST;
        }
    }

    fn expire(&mut self) {
        let now = clock::now();
        if let Some(at) = self.set.deadline().filter(|at| *at <= now) {
            self.lateness.note(now.since(at));
            self.set.handle_timeout(now);
            self.drain(now);
        }
    }

    /// Does what the core says.
    fn drain(&mut self, now: Instant) {
        loop {
            match self.set.poll_output(self.outbox.space()) {
                Output::Timeout(_) => break,
                Output::Transmit(transmit) => {
                    let beside = self.beside.get(transmit.router.index());
                    let framed = beside.and_then(|beside| beside.plan.as_ref()).and_then(|plan| plan.framed);
                    self.outbox.push(transmit, framed);
                    if self.outbox.is_full() {
                        self.send();
                    }
                }
                Output::Action { router, action } => {
                    let kind = match action {
                        Action::AddAddresses => JobKind::Add,
                        Action::RemoveAddresses => JobKind::Remove,
                        Action::Announce => JobKind::Announce,
                    };
                    self.jobs.push(router, kind);
                }
                Output::Event { router, event } => {
                    let report = Report::Event { at: now, router, event };
                    let untold = self.beside.get_mut(router.index()).map(|beside| &mut beside.untold);
                    match (event, untold) {
                        // The steady stream of adverts can wait until somebody looks; everything else is news.
                        (Event::Heard { .. } | Event::Sent { .. }, _) => self.end.tell_later(report),
                        (Event::Transition(transition), Some(untold)) => {
                            untold.transition(&mut self.end, router, transition);
                        }
                        (_, _) => self.end.tell(report),
                    }
                }
                Output::Stray { interface, stray } => self.end.tell(Report::Stray { at: now, interface, stray }),
            }
        }
        self.send();
    }

    /// Sends the adverts that wait.
    fn send(&mut self) {
        self.parts().1.send();
    }

    /// Does a piece of the kernel work that waits.
    fn jobs(&mut self) {
        let (jobs, mut hands) = self.parts();
        jobs.work(clock::now(), &mut hands);
    }

    fn parts(&mut self) -> (&mut Jobs, EngineHands<'_>) {
        let Self { jobs, outbox, beside, attachments, end, .. } = self;
        (jobs, EngineHands { outbox, beside, attachments, end })
    }
}

/// What the jobs work with.
struct EngineHands<'a> {
    outbox: &'a mut Outbox,
    beside: &'a mut [Beside],
    attachments: &'a [Option<Box<Attachment>>],
    end: &'a mut EngineEnd,
}

impl Hands for EngineHands<'_> {
    fn plan(&mut self, router: RouterId) -> Option<&mut InstallPlan> {
        self.beside.get_mut(router.index())?.plan.as_deref_mut()
    }

    fn announce(&mut self, router: RouterId, interface: InterfaceId, address: IpAddr) {
        let attachment = self.attachments.get(usize::from(interface.0)).and_then(Option::as_ref);
        let Some(mac) = attachment.and_then(|attachment| attachment.announces_from()) else { return };
        match address {
            IpAddr::V4(address) => {
                self.outbox.push_announcement(router, interface, &arp::gratuitous(mac, address));
            }
            IpAddr::V6(address) => {
                self.outbox.push_announcement(router, interface, &neighbour::unsolicited(mac, address));
            }
        }
        if self.outbox.is_full() {
            self.send();
        }
    }

    fn send(&mut self) {
        let Self { outbox, attachments, beside, end } = self;
        let attachment = |interface: InterfaceId| attachments.get(usize::from(interface.0))?.as_deref();
        let socket = |over| match over {
            Over::Adverts(interface, family) => attachment(interface)?.socket(family),
            Over::Frames(interface) => attachment(interface)?.frames(),
        };
        outbox.send(socket, |router, content, error| {
            let Some(beside) = beside.get_mut(router.index()) else { return };
            match (content, error) {
                (Content::Announcement, None) => {
                    beside.announcements_sent = beside.announcements_sent.saturating_add(1);
                }
                // One that is lost here is one of several rounds.
                (Content::Announcement, Some(_)) => {}
                (Content::Advert, error) if beside.send_error == error => {}
                (Content::Advert, error) => {
                    beside.send_error = error;
                    if let Some(errno) = error {
                        end.tell(Report::SendFailed { router, errno });
                    }
                }
            }
        });
    }

    fn done(&mut self, router: RouterId, index: u16, outcome: ItemOutcome) {
        let Some(beside) = self.beside.get_mut(router.index()) else { return };
        let plan = beside.plan.as_ref().map_or(0, |plan| plan.number);
        beside.untold.item(self.end, index, Report::Item { router, plan, index, outcome });
    }
}
