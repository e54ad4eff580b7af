//! What the engine and the service say to each other.
//!
//! Orders go through a bounded queue with an event descriptor that wakes the engine. Reports go through a ring without
//! locks: the engine never waits. A report that finds the ring full is counted as lost; but changes of state, and of what is
//! in the kernel, are kept and told when the service has made room.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

use heapless::spsc::{Consumer, Producer, Queue};
use locum_core::priority::{Reading, TrackerId};
use locum_core::reject::RejectCounters;
use locum_core::router::{
    Command, CommandError, Config, ConfigError, Counters, Event, GroupId, Heard, InterfaceId, Second, Sender,
    StandingBack, Timers,
};
use locum_core::set::{Link, RouterId, Stray};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::{Block, State};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::install::InstallPlan;
use super::lateness::Lateness;
use super::pace::Paces;
use super::scheduling::SchedulingError;
use super::storage::Owned;
use super::wire::Attachment;
use super::{Set, Sizes};

/// Reports that can wait. At a thousand instances and an advert a second they fill up in two seconds.
const REPORTS: usize = 2048;

/// Places that the stream of adverts leaves free for what is news.
const PLACES_FOR_NEWS: usize = REPORTS / 4;

/// Places that news leave free for answers. There are never more of these under way than orders, for of these there are no
/// more while the ring is half full.
const PLACES_FOR_ANSWERS: usize = 256;

/// Orders that can wait.
const ORDERS: usize = 64;

/// An instance as the service knows it: its place in the service's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InstanceKey(pub u32);

/// What the service wants.
#[derive(Debug)]
pub(crate) enum Order {
    /// Use these sockets for an interface, in place of those before.
    Attach { interface: InterfaceId, attachment: Box<Attachment> },
    /// The interface has gone, and its sockets with it.
    Detach { interface: InterfaceId },
    /// The link is this now.
    SetLink { interface: InterfaceId, link: Link },
    /// Run a router. Answered by [`Report::Inserted`].
    /// With `last_resort`, it stands back from the beginning.
    Insert {
        key: InstanceKey,
        config: Box<Config<Owned>>,
        source: Option<IpAddr>,
        plan: Box<InstallPlan>,
        last_resort: Option<bool>,
    },
    /// Send from this address now.
    SetSource { router: RouterId, source: Option<IpAddr> },
    /// The addresses are to be installed in this way now. The old plan comes back by [`Report::Discarded`].
    SetPlan { router: RouterId, plan: Box<InstallPlan> },
    /// Something may have been taken out of the kernel by somebody else: put it back if the router holds it.
    Refresh { router: RouterId },
    /// Announce the addresses that adverts do not keep alive, if the router is MASTER.
    AnnounceExtra { router: RouterId },
    /// This keeps the router from taking part, or no longer does.
    SetBlock { router: RouterId, block: Block, holds: bool },
    /// Announcements are spaced like this now.
    SetPaces(Box<Paces>),
    /// A tracker says this now.
    SetReading { tracker: TrackerId, reading: Reading },
    /// Do what the operator says. Answered by [`Report::Obeyed`].
    Command { router: RouterId, command: Command, ticket: u32 },
    /// Go on with this configuration. Answered by [`Report::Reconfigured`].
    Reconfigure { router: RouterId, config: Box<Config<Owned>>, ticket: u32 },
    /// It belongs to this sync group now; from one to another by way of none.
    SetGroup { router: RouterId, group: Option<GroupId> },
    /// End in order, then go. Answered by [`Report::Removed`].
    Remove { router: RouterId },
    /// Have room for so many.
    Grow(Sizes),
    /// Show these routers, at most as many as `views` has room for, and how late the engine was. Answered by
    /// [`Report::Views`].
    View { first: usize, views: Vec<RouterView>, lateness: Box<Lateness> },
    /// Hand out a copy of all routers as they are, on which it can be played what would happen. Answered by
    /// [`Report::Copied`].
    Copy,
    /// Stop in order. Answered by [`Report::Stopped`].
    Shutdown,
}

/// What the engine tells.
#[derive(Debug)]
pub(crate) enum Report {
    /// What became of [`Order::Insert`].
    Inserted { key: InstanceKey, result: Result<RouterId, ConfigError> },
    /// Something happened to a router.
    Event { at: Instant, router: RouterId, event: Event },
    /// A packet for no router came in.
    Stray { at: Instant, interface: InterfaceId, stray: Stray },
    /// An item of a router's plan is in the kernel, or not any more.
    Item { router: RouterId, plan: u32, index: u16, outcome: ItemOutcome },
    /// What became of [`Order::Command`].
    Obeyed { ticket: u32, result: Result<(), CommandError> },
    /// What became of [`Order::Reconfigure`]. The configuration that is not used any more comes back to be freed.
    Reconfigured {
        ticket: u32,
        result: Result<(), ConfigError>,
        #[allow(dead_code, reason = "only its drop matters")]
        unused: Box<Config<Owned>>,
    },
    /// A router has ended and is gone. What it used comes back to be freed.
    Removed {
        router: RouterId,
        #[allow(dead_code, reason = "only its drop matters")]
        unused: Box<Config<Owned>>,
        #[allow(dead_code, reason = "only its drop matters")]
        plan: Option<Box<InstallPlan>>,
    },
    /// The views asked for.
    Views { views: Vec<RouterView>, more_from: Option<usize>, lateness: Box<Lateness> },
    /// The copy asked for.
    Copied(Box<Set>),
    /// A packet could not be sent.
    SendFailed { router: RouterId, errno: Errno },
    /// The kernel does not say when something comes in, so that it is looked for again and again.
    CannotWait(Errno),
    /// The thread cannot be scheduled as it was to be.
    NotScheduled(SchedulingError),
    /// Not needed any more; freed by the service, so that the engine does not have to.
    Discarded(#[allow(dead_code, reason = "only its drop matters")] Box<InstallPlan>),
    /// See `Discarded`.
    Unpaced(#[allow(dead_code, reason = "only its drop matters")] Box<Paces>),
    /// See `Discarded`.
    Detached(#[allow(dead_code, reason = "only its drop matters")] Box<Attachment>),
    /// All routers have stopped; the engine's last word.
    Stopped,
}

/// What became of an item of a router's plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ItemOutcome {
    /// It is in the kernel, put there by us.
    Installed,
    /// Somebody had taken it away, and it is there again.
    PutBack,
    /// It was there already, and stays when we leave: somebody else's.
    Foreign,
    /// It is gone.
    Removed,
    /// The kernel refused.
    Failed(Refusal),
}

/// The kernel's no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Its number.
    pub(crate) errno: Errno,
    /// Its words, where it has any that are more than the number's.
    pub(crate) words: Option<Box<str>>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.words.as_deref().unwrap_or_else(|| self.errno.desc()))
    }
}

/// A router as it was at one moment.
#[derive(Clone, Debug)]
pub(crate) struct RouterView {
    /// Which.
    pub(crate) router: RouterId,
    /// Its state.
    pub(crate) state: State,
    /// The address that it sends from.
    pub(crate) source: Option<IpAddr>,
    /// The base priority, as it is now.
    pub(crate) priority: u8,
    /// Whether the operator has it stand back.
    pub(crate) standing_back: Option<StandingBack>,
    /// The priority that counts.
    pub(crate) effective_priority: u8,
    /// `Skew_Time`.
    pub(crate) skew: Duration,
    /// `Master_Down_Interval`.
    pub(crate) master_down_interval: Duration,
    /// Its timers.
    pub(crate) timers: Timers,
    /// The master heard last.
    pub(crate) heard: Option<Heard>,
    /// Another master heard while MASTER.
    pub(crate) second: Option<Second>,
    /// What keeps it in FAULT.
    pub(crate) blocks: heapless::Vec<(Block, Instant), { Block::ALL.len() }>,
    /// Who was heard.
    pub(crate) senders: heapless::Vec<Sender, { locum_core::router::SENDERS_MAX }>,
    /// What was counted.
    pub(crate) counters: Counters,
    /// Announcements sent.
    pub(crate) announcements_sent: u32,
    /// Packets discarded at its interface before a router was found.
    pub(crate) interface_rejected: RejectCounters,
}

/// What both sides can see at any time.
#[derive(Debug)]
pub(crate) struct Shared {
    to_engine: EventFd,
    /// A pipe with never more than one byte in it.
    to_service: PipeWriter,
    /// Reports lost because the ring was full.
    lost: AtomicU32,
    /// The engine has kept reports for want of room.
    wants_room: AtomicBool,
    /// The service has been woken and has not looked yet.
    woken: AtomicBool,
    /// The engine has ended.
    ended: AtomicBool,
    /// How often the engine was asked whether it moves, and which of that it has answered.
    asked: AtomicU32,
    answered: AtomicU32,
    /// Until when the engine sleeps unless something comes in, as [`Self::at_ms`] has it; 0 where nothing is due. Boards of
    /// 32 bits have no longer atomic numbers.
    due_ms: AtomicU32,
}

impl Shared {
    /// Reports lost so far.
    pub(crate) fn lost(&self) -> u32 {
        self.lost.load(Ordering::Relaxed)
    }

    /// The service has made room: wakes the engine if that has kept something.
    pub(crate) fn has_made_room(&self) {
        if self.wants_room.load(Ordering::SeqCst) {
            let _ = self.to_engine.write(1); // fails only when the counter is full, and then it is readable
        }
    }

    /// Whether the engine has ended, in order or by a panic.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Asks the engine whether it moves.
    pub(crate) fn ask(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _ = self.to_engine.write(1); // fails only when the counter is full, and then it is readable
    }

    /// Whether the engine has moved since it was last asked.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::SeqCst) == self.asked.load(Ordering::SeqCst)
    }

    /// Whether the engine has done all that was due by now, as far as can be seen without waking it.
    pub(crate) fn is_on_time(&self, now: Instant) -> bool {
        let due_ms = self.due_ms.load(Ordering::SeqCst);
        // The clock goes round in 49 days; what seems to be more than half of that ahead lies behind.
        due_ms != 0 && due_ms.wrapping_sub(Self::at_ms(now)).cast_signed() > 0
    }

    /// A moment in milliseconds, modulo their range and never 0.
    #[allow(clippy::cast_possible_truncation, reason = "modulo is meant")]
    const fn at_ms(at: Instant) -> u32 {
        (at.us() / 1000) as u32 | 1
    }

    /// The service is about to fetch reports: what is told from now on wakes it again. Called after the byte was taken out
    /// of the pipe.
    pub(crate) fn acknowledge(&self) {
        self.woken.store(false, Ordering::SeqCst);
    }
}

/// The engine's end.
pub(super) struct EngineEnd {
    orders: Receiver<Order>,
    reports: Producer<'static, Report>,
    pub(super) shared: Arc<Shared>,
    /// Something was told that the service is to be woken for.
    has_news: bool,
}

impl EngineEnd {
    pub(super) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.shared.to_engine.as_fd()
    }

    pub(super) fn acknowledge(&self) {
        let _ = self.shared.to_engine.read(); // fails only when nothing was there
        self.shared.answered.store(self.shared.asked.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// The engine goes to sleep until then, unless something comes in.
    pub(super) fn sleeps_until(&self, deadline: Option<Instant>) {
        self.shared.due_ms.store(deadline.map_or(0, Shared::at_ms), Ordering::SeqCst);
    }

    /// Orders are left for the next turn.
    pub(super) fn wake_again(&self) {
        let _ = self.shared.to_engine.write(1); // fails only when the counter is full, and then it is readable
    }

    /// The next order. `Err` when the service has gone.
    pub(super) fn order(&self) -> Result<Option<Order>, ()> {
        match self.orders.try_recv() {
            Ok(order) => Ok(Some(order)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(()),
        }
    }

    /// Whether there is room for news.
    pub(super) fn has_room(&self) -> bool {
        self.reports.len() < REPORTS - PLACES_FOR_ANSWERS
    }

    /// Something is kept until there is room.
    pub(super) fn wants_room(&self) {
        self.shared.wants_room.store(true, Ordering::SeqCst);
    }

    /// Whether something is kept.
    pub(super) fn wanted_room(&self) -> bool {
        self.shared.wants_room.load(Ordering::SeqCst)
    }

    /// Nothing is kept any more.
    pub(super) fn has_told_all(&self) {
        self.shared.wants_room.store(false, Ordering::SeqCst);
    }

    /// Tells what is of no use later, without waking anybody unless the ring is filling up.
    pub(super) fn tell_later(&mut self, report: Report) {
        if self.reports.len() < REPORTS - PLACES_FOR_NEWS {
            self.enqueue(report);
        } else {
            self.count_lost();
        }
    }

    fn enqueue(&mut self, report: Report) {
        if self.reports.enqueue(report).is_err() {
            self.count_lost();
        }
        if self.reports.len() > REPORTS / 2 {
            self.wake();
        }
    }

    fn count_lost(&self) {
        let lost = self.shared.lost.load(Ordering::Relaxed);
        self.shared.lost.store(lost.saturating_add(1), Ordering::Relaxed);
    }

    /// Tells, and has the service woken at the next [`Self::pass_on`].
    pub(super) fn tell(&mut self, report: Report) {
        self.enqueue(report);
        self.has_news = true;
    }

    /// Wakes the service if there is news. Not before what is urgent is done: who is woken may be given the processor at
    /// once, and a takeover would wait until the log has been written.
    pub(super) fn pass_on(&mut self) {
        if std::mem::take(&mut self.has_news) {
            self.wake();
        }
    }

    fn wake(&self) {
        if !self.shared.woken.swap(true, Ordering::SeqCst) {
            let _ = (&self.shared.to_service).write(&[0]); // fails only when the service has gone
        }
    }
}

impl Drop for EngineEnd {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.wake();
    }
}

/// The service's end.
pub(crate) struct ServiceEnd {
    orders: SyncSender<Order>,
    reports: Consumer<'static, Report>,
    /// Readable when there are reports to fetch. Taken by whoever waits for them.
    pub(crate) ready: Option<PipeReader>,
    /// What both sides can see.
    pub(crate) shared: Arc<Shared>,
}

/// Why an order was not taken.
#[derive(Debug)]
pub(crate) enum OrderError {
    /// The queue is full; try again when the engine has had time.
    Full(Order),
    /// The engine has ended.
    Gone,
}

impl ServiceEnd {
    /// Gives an order, unless so much is to be heard first that the answers to all orders might not find a place.
    ///
    /// # Errors
    /// [`OrderError`]
    pub(crate) fn order(&self, order: Order) -> Result<(), OrderError> {
        if self.reports.len() > REPORTS / 2 {
            return Err(OrderError::Full(order));
        }
        self.orders.try_send(order).map_err(|error| match error {
            TrySendError::Full(order) => OrderError::Full(order),
            TrySendError::Disconnected(_) => OrderError::Gone,
        })?;
        let _ = self.shared.to_engine.write(1); // fails only when the counter is full, and then it is readable
        Ok(())
    }

    /// The next report.
    pub(crate) fn report(&mut self) -> Option<Report> {
        self.reports.dequeue()
    }
}

/// Both ends.
///
/// # Errors
/// When the kernel gives no event descriptors.
pub(super) fn link() -> io::Result<(EngineEnd, ServiceEnd)> {
    let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
    let (ready, to_service) = io::pipe()?;
    // With one byte at most it would not block, but the engine takes no chances.
    fcntl(&to_service, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let shared = Arc::new(Shared {
        to_engine: EventFd::from_flags(flags)?,
        to_service,
        lost: AtomicU32::new(0),
        wants_room: AtomicBool::new(false),
        woken: AtomicBool::new(false),
        ended: AtomicBool::new(false),
        asked: AtomicU32::new(0),
        answered: AtomicU32::new(0),
        due_ms: AtomicU32::new(0),
    });
    // The ring lives as long as the process: one service has one engine.
    let ring: &'static mut Queue<Report, REPORTS> = Box::leak(Box::default());
    let (producer, consumer) = ring.split();
    let (sender, receiver) = sync_channel(ORDERS);
    Ok((
        EngineEnd { orders: receiver, reports: producer, shared: Arc::clone(&shared), has_news: false },
        ServiceEnd { orders: sender, reports: consumer, ready: Some(ready), shared },
    ))
}
