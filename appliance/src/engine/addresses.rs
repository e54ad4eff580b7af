//! Puts addresses on interfaces and takes them off. Read rtnetlink(7) before changing it.
//!
//! The service prepares the messages; here they are only numbered and sent, many at a time, and the kernel's answers are
//! matched by number. Work is done in pieces, so that five hundred addresses of one router do not delay the adverts of
//! another.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::IpAddr;

use locum_core::router::InterfaceId;
use locum_core::set::RouterId;
use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use super::link::AddressOutcome;

/// Addresses handled before the engine looks for other work.
const PIECE: usize = 32;

/// Where a netlink message has its sequence number, and its length in front.
const SEQUENCE_AT: usize = 8;
const HEADER_BYTES: usize = 16;
const NLMSG_ERROR: u16 = 2;

/// One address of a router: how to install it.
#[derive(Clone, Debug)]
pub(crate) struct PlannedAddress {
    /// `RTM_NEWADDR` for it; empty where its interface does not exist.
    pub(crate) add: Box<[u8]>,
    /// `RTM_DELADDR` for it; empty where its interface does not exist.
    pub(crate) remove: Box<[u8]>,
    /// What to announce, where.
    pub(crate) announce: Option<(InterfaceId, IpAddr)>,
    /// Whether we have put it on its interface.
    pub(crate) installed: bool,
}

/// All addresses of a router.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressPlan {
    /// In the order of the configuration.
    pub(crate) addresses: Vec<PlannedAddress>,
    /// What an earlier plan installed and this one does not name: to be removed.
    pub(crate) retired: Vec<PlannedAddress>,
}

impl AddressPlan {
    /// Takes over what `before` has installed: what both name in the same words stays, the rest is to be removed.
    /// Returns whether there is something to remove. This allocates where there is.
    pub(super) fn succeed(&mut self, before: &Self) -> bool {
        for old in before.addresses.iter().chain(&before.retired).filter(|old| old.installed) {
            match self.addresses.iter_mut().find(|new| new.add == old.add) {
                Some(new) => new.installed = true,
                None => self.retired.push(old.clone()),
            }
        }
        !self.retired.is_empty()
    }
}

/// What is to be done with the addresses of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobKind {
    Add,
    Remove,
    /// Remove what the plan has retired.
    Retire,
    Announce,
}

#[derive(Clone, Copy, Debug)]
struct Job {
    router: RouterId,
    kind: JobKind,
    next: usize,
}

/// The jobs that wait, in order.
#[derive(Debug)]
pub(super) struct Jobs {
    queue: VecDeque<Job>,
    netlink: Socket,
    sequence: u32,
    batch: Vec<u8>,
    answer: Vec<u8>,
}

impl Jobs {
    /// `routers` is how many there will be: room for what each can have waiting.
    pub(super) fn new(routers: usize) -> io::Result<Self> {
        let netlink = Socket::new(
            Domain::from(nix::libc::AF_NETLINK),
            Type::RAW,
            Some(Protocol::from(nix::libc::NETLINK_ROUTE)),
        )?;
        netlink.set_nonblocking(true)?;
        Ok(Self {
            queue: VecDeque::with_capacity(routers * 4 + 16),
            netlink,
            sequence: 0,
            batch: Vec::with_capacity(PIECE * 128),
            answer: vec![0; 16 * 1024],
        })
    }

    /// Makes room for so many routers.
    pub(super) fn reserve(&mut self, routers: usize) {
        self.queue.reserve((routers * 4 + 16).saturating_sub(self.queue.len()));
    }

    /// Whether something is still to be done for a router.
    pub(super) fn has(&self, router: RouterId) -> bool {
        self.queue.iter().any(|job| job.router == router)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds a job. One to remove ends those of the router that wait to add or announce; a second round of
    /// announcements is not queued behind one that has not begun.
    pub(super) fn push(&mut self, router: RouterId, kind: JobKind) {
        if kind == JobKind::Remove {
            self.queue.retain(|job| job.router != router || job.kind == JobKind::Retire);
        }
        let waits = |job: &Job| job.router == router && job.kind == kind && job.next == 0;
        if !self.queue.iter().any(waits) {
            self.queue.push_back(Job { router, kind, next: 0 });
        }
    }

    /// Does a piece of the first job. `plan_of` finds a router's plan, `announce` sends one announcement, and `done` hears
    /// what became of each address.
    pub(super) fn work<'a>(
        &mut self,
        plan_of: impl FnOnce(RouterId) -> Option<&'a mut AddressPlan>,
        mut announce: impl FnMut(RouterId, InterfaceId, IpAddr),
        mut done: impl FnMut(RouterId, u16, AddressOutcome),
    ) {
        let Some(job) = self.queue.pop_front() else { return };
        let Some(plan) = plan_of(job.router) else { return };
        let addresses = if job.kind == JobKind::Retire { &mut plan.retired } else { &mut plan.addresses };
        let end = (job.next + PIECE).min(addresses.len());
        let is_last = end == addresses.len();
        let piece = addresses.get_mut(job.next..end).unwrap_or_default();
        let first = u16::try_from(job.next).unwrap_or(u16::MAX);
        match job.kind {
            JobKind::Announce => {
                for (interface, address) in piece.iter().filter_map(|address| address.announce) {
                    announce(job.router, interface, address);
                }
            }
            JobKind::Add | JobKind::Remove | JobKind::Retire => {
                let outcomes = self.change(job.kind, piece);
                for ((index, address), outcome) in (first..).zip(piece).zip(outcomes) {
                    let Some(outcome) = outcome else { continue };
                    address.installed = match outcome {
                        AddressOutcome::Installed => true,
                        AddressOutcome::Foreign | AddressOutcome::Removed => false,
                        AddressOutcome::Failed(_) => address.installed,
                    };
                    // Nobody asks any more what became of a retired one.
                    if job.kind != JobKind::Retire {
                        done(job.router, index, outcome);
                    }
                }
            }
        }
        if !is_last {
            self.queue.push_front(Job { next: end, ..job });
        }
    }

    /// Sends the messages for a piece in one go, and gives what became of each address; `None` where nothing was to do.
    fn change(&mut self, kind: JobKind, piece: &[PlannedAddress]) -> [Option<AddressOutcome>; PIECE] {
        let mut outcomes = [None; PIECE];
        self.batch.clear();
        let first = self.sequence;
        for address in piece {
            let message = match kind {
                JobKind::Add if !address.installed => &address.add,
                JobKind::Remove | JobKind::Retire if address.installed => &address.remove,
                JobKind::Add | JobKind::Remove | JobKind::Retire | JobKind::Announce => &[][..],
            };
            let start = self.batch.len();
            self.batch.extend_from_slice(message);
            if let Some(field) = self.batch.get_mut(start + SEQUENCE_AT..start + SEQUENCE_AT + 4) {
                field.copy_from_slice(&self.sequence.to_ne_bytes());
            }
            self.sequence = self.sequence.wrapping_add(1);
        }
        if self.batch.is_empty() {
            return outcomes;
        }
        // rtnetlink handles the messages while they are sent: when `send` returns, the answers are there.
        if let Err(error) = self.netlink.send(&self.batch) {
            let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
            outcomes.fill(Some(AddressOutcome::Failed(errno)));
            return outcomes;
        }
        while let Ok(len) = (&self.netlink).read(&mut self.answer) {
            let mut rest = self.answer.get(..len).unwrap_or_default();
            while let Some((answer, after)) = split_message(rest) {
                rest = after;
                let index = usize::try_from(answer.sequence.wrapping_sub(first)).unwrap_or(usize::MAX);
                if let Some(slot) = outcomes.get_mut(index).filter(|_| answer.kind == NLMSG_ERROR) {
                    *slot = Some(outcome(kind, answer.errno));
                }
            }
        }
        outcomes
    }
}

/// What the kernel's answer to an order means.
fn outcome(kind: JobKind, errno: Option<Errno>) -> AddressOutcome {
    match (kind, errno) {
        (JobKind::Add | JobKind::Announce, None) => AddressOutcome::Installed,
        (JobKind::Add | JobKind::Announce, Some(Errno::EEXIST)) => AddressOutcome::Foreign,
        (JobKind::Add | JobKind::Announce, Some(errno)) => AddressOutcome::Failed(errno),
        // Gone with its interface, or taken away by somebody else: it is gone all the same.
        (JobKind::Remove | JobKind::Retire, None | Some(Errno::EADDRNOTAVAIL | Errno::ENODEV)) => {
            AddressOutcome::Removed
        }
        (JobKind::Remove | JobKind::Retire, Some(errno)) => AddressOutcome::Failed(errno),
    }
}

struct Answer {
    kind: u16,
    sequence: u32,
    /// `None` for "done".
    errno: Option<Errno>,
}

/// The first netlink message of `bytes`, and what follows it.
fn split_message(bytes: &[u8]) -> Option<(Answer, &[u8])> {
    let len = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
    let message = bytes.get(..len).filter(|message| message.len() >= HEADER_BYTES)?;
    let kind = u16::from_ne_bytes(*message.get(4..)?.first_chunk()?);
    let sequence = u32::from_ne_bytes(*message.get(SEQUENCE_AT..)?.first_chunk()?);
    let code = message
        .get(HEADER_BYTES..)
        .and_then(|payload| payload.first_chunk())
        .map_or(0, |code| i32::from_ne_bytes(*code));
    let errno = (code != 0).then(|| Errno::from_raw(code.wrapping_neg()));
    Some((Answer { kind, sequence, errno }, bytes.get(len.next_multiple_of(4)..).unwrap_or_default()))
}
