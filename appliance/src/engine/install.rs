//! Puts what a MASTER has into the kernel and takes it out again: addresses, and the routes, rules and interfaces that go
//! with them. Read rtnetlink(7) before changing it.
//!
//! The service prepares the messages; here they are only numbered and sent, many at a time, and the kernel's answers are
//! matched by number. Work is done in pieces, so that five hundred addresses of one router do not delay the adverts of
//! another.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;

use locum_core::router::InterfaceId;
use locum_core::set::RouterId;
use locum_core::time::Instant;
use netlink_sys::Socket;
use nix::errno::Errno;

use super::batch::Framed;
use super::link::{ItemOutcome, Refusal};
use super::pace::Paces;
use crate::netlink::NETLINK_ROUTE;
use crate::netlink::message::NLM_F_ACK;

/// Items handled before the engine looks for other work; a bit of [`Asked::items`] for each.
const PIECE: usize = u32::BITS as usize;

/// Where a netlink message has its flags and its sequence number; its length is in front.
const FLAGS_AT: usize = 6;
const SEQUENCE_AT: usize = 8;
const HEADER_BYTES: usize = 16;
const NLMSG_ERROR: u16 = 2;
/// The answer ends with attributes, and the message that it is about is cut down to its header (netlink(7)).
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// One thing that a router has in the kernel while it is MASTER, and how to put it there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Item {
    /// The message that adds it; empty where it cannot be added, because its interface does not exist.
    pub(crate) add: Box<[u8]>,
    /// The message that removes it; empty likewise.
    pub(crate) remove: Box<[u8]>,
    /// What to announce, where.
    pub(crate) announce: Option<(InterfaceId, IpAddr)>,
    /// Announced again and again, because adverts do not refresh the switches' memory of it (`garp_extra_if`).
    pub(crate) announce_extra: bool,
    /// Put back when somebody takes it away (not `no_track`).
    pub(crate) tracked: bool,
    /// Adding it once more changes nothing and says nothing: an interface that is set up.
    pub(crate) is_switch: bool,
    /// Whether we have put it there.
    pub(crate) installed: bool,
}

/// All that a router has in the kernel, in the order in which it is put there. It is taken out in the opposite order.
#[derive(Clone, Debug, Default)]
pub(crate) struct InstallPlan {
    /// Tells it from the router's plans before and after it: what became of an item is told with it.
    pub(crate) number: u32,
    pub(crate) items: Box<[Item]>,
    /// What an earlier plan installed and this one does not name: to be removed.
    pub(crate) retired: Vec<Item>,
    /// Adverts leave in frames from a virtual MAC address.
    pub(crate) framed: Option<Framed>,
}

impl InstallPlan {
    /// Takes over what `before` has installed: what both name in the same words stays, the rest is to be removed.
    /// Returns whether there is something to remove. This allocates where there is.
    pub(super) fn succeed(&mut self, before: &Self) -> bool {
        for old in before.items.iter().chain(&before.retired).filter(|old| old.installed) {
            match self.items.iter_mut().find(|new| new.add == old.add) {
                Some(new) => new.installed = true,
                None => self.retired.push(old.clone()),
            }
        }
        !self.retired.is_empty()
    }
}

/// What is to be done with the items of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobKind {
    /// Add those that are not there.
    Add,
    /// Add those again that somebody else may have taken away.
    Refresh,
    /// Remove what was added.
    Remove,
    /// Remove what the plan has retired.
    Retire,
    /// Announce the addresses.
    Announce,
    /// Announce those that adverts do not keep alive.
    AnnounceExtra,
}

impl JobKind {
    const fn removes(self) -> bool {
        matches!(self, Self::Remove | Self::Retire)
    }

    const fn announces(self) -> bool {
        matches!(self, Self::Announce | Self::AnnounceExtra)
    }
}

#[derive(Clone, Copy, Debug)]
struct Job {
    router: RouterId,
    kind: JobKind,
    /// How many items are done.
    next: usize,
}

impl Job {
    /// Whether it announces what `before` has put there.
    fn follows(&self, before: Self) -> bool {
        self.router == before.router && self.kind.announces()
    }

    /// The items whose turn it is, the number of the first of them, and whether they are the last.
    fn piece(self, plan: &mut InstallPlan) -> (u16, &mut [Item], bool) {
        let items: &mut [Item] = if self.kind == JobKind::Retire { &mut plan.retired } else { &mut plan.items };
        let count = items.len();
        let end = (self.next + PIECE).min(count);
        // What was put there last is taken out first.
        let range = if self.kind.removes() { count - end..count.saturating_sub(self.next) } else { self.next..end };
        let first = u16::try_from(range.start).unwrap_or(u16::MAX);
        (first, items.get_mut(range).unwrap_or_default(), end == count)
    }
}

/// The jobs that wait, in order.
pub(super) struct Jobs {
    queue: VecDeque<Job>,
    /// Announcements that wait for their time.
    paced: VecDeque<Job>,
    /// When the first of them may go on.
    paced_until: Option<Instant>,
    paces: Box<Paces>,
    netlink: Socket,
    sequence: u32,
    batch: Vec<u8>,
    answer: Vec<u8>,
}

/// What the engine does for the jobs.
pub(super) trait Hands {
    /// The router's plan.
    fn plan(&mut self, router: RouterId) -> Option<&mut InstallPlan>;
    /// Makes one announcement ready.
    fn announce(&mut self, router: RouterId, interface: InterfaceId, address: IpAddr);
    /// Sends those that are ready.
    fn send(&mut self);
    /// What became of an item.
    fn done(&mut self, router: RouterId, index: u16, outcome: ItemOutcome);
}

impl Jobs {
    /// `routers` is how many there will be: room for what each can have waiting.
    pub(super) fn new(routers: usize) -> io::Result<Self> {
        let netlink = Socket::new(NETLINK_ROUTE)?;
        netlink.set_non_blocking(true)?;
        // Since Linux 4.12 the kernel says what it does not like, in words; before, a number has to do.
        let _ = netlink.set_ext_ack(true).and_then(|()| netlink.set_cap_ack(true));
        Ok(Self {
            queue: VecDeque::with_capacity(routers * 4 + 16),
            paced: VecDeque::with_capacity(routers * 2 + 16),
            paced_until: None,
            paces: Box::default(),
            netlink,
            sequence: 0,
            batch: Vec::with_capacity(PIECE * 128),
            answer: vec![0; 16 * 1024],
        })
    }

    /// Makes room for so many routers.
    pub(super) fn reserve(&mut self, routers: usize) {
        self.queue.reserve((routers * 4 + 16).saturating_sub(self.queue.len()));
        self.paced.reserve((routers * 2 + 16).saturating_sub(self.paced.len()));
    }

    /// Whether something is still to be done for a router.
    pub(super) fn has(&self, router: RouterId) -> bool {
        self.queue.iter().chain(&self.paced).any(|job| job.router == router)
    }

    /// Whether all is done, but for announcements that wait for their time.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// When there is something to do.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.queue.is_empty() { self.paced_until } else { Some(now) }
    }

    /// How announcements are spaced from now on. Gives the old paces back, for somebody else to free.
    pub(super) fn set_paces(&mut self, paces: Box<Paces>) -> Box<Paces> {
        std::mem::replace(&mut self.paces, paces)
    }

    /// Adds a job. One to remove ends those of the router that wait to add or announce; a second round of
    /// announcements is not queued behind one that has not begun.
    pub(super) fn push(&mut self, router: RouterId, kind: JobKind) {
        if kind == JobKind::Remove {
            self.queue.retain(|job| job.router != router || job.kind == JobKind::Retire);
            self.paced.retain(|job| job.router != router);
        }
        let waits = |job: &Job| job.router == router && job.kind == kind && job.next == 0;
        if !self.queue.iter().chain(&self.paced).any(waits) {
            self.queue.push_back(Job { router, kind, next: 0 });
        }
    }

    /// Does a piece of the first job, or sends announcements whose time has come.
    pub(super) fn work(&mut self, now: Instant, hands: &mut impl Hands) {
        match self.queue.pop_front() {
            Some(job) if job.kind.announces() => self.go_on_announcing(now, job, hands),
            Some(job) => {
                let asked = self.ask(job, hands);
                // Clients wait for the announcement: not until the next turn of the engine, and not for the answers to be
                // read, for what was asked is done.
                if asked.is_last
                    && let Some(next) = self.queue.front().copied().filter(|next| next.follows(job))
                {
                    self.queue.pop_front();
                    self.go_on_announcing(now, next, hands);
                }
                self.hear(job, asked, hands);
            }
            None if self.paced_until.is_some_and(|until| until <= now) => {
                self.paced_until = None;
                // Each waiting job has its turn; those of other interfaces do not wait for one another.
                for _ in 0..self.paced.len() {
                    let Some(job) = self.paced.pop_front() else { return };
                    match self.announce(now, job, hands) {
                        Progress::Done => {}
                        Progress::Piece(rest) => self.park(rest, now),
                        Progress::Waits(rest, until) => self.park(rest, until),
                    }
                }
            }
            None => {}
        }
    }

    fn go_on_announcing(&mut self, now: Instant, job: Job, hands: &mut impl Hands) {
        match self.announce(now, job, hands) {
            Progress::Done => {}
            Progress::Piece(rest) => self.queue.push_front(rest),
            Progress::Waits(rest, until) => self.park(rest, until),
        }
    }

    fn park(&mut self, job: Job, until: Instant) {
        self.paced.push_back(job);
        self.paced_until = Some(self.paced_until.map_or(until, |known| known.min(until)));
    }

    /// Sends a piece of the job's announcements in one go.
    fn announce(&mut self, now: Instant, job: Job, hands: &mut impl Hands) -> Progress {
        let progress = self.make_ready(now, job, hands);
        hands.send();
        progress
    }

    fn make_ready(&mut self, now: Instant, job: Job, hands: &mut impl Hands) -> Progress {
        let mut next = job.next;
        for _ in 0..PIECE {
            let Some(item) = hands.plan(job.router).and_then(|plan| plan.items.get(next)) else {
                return Progress::Done;
            };
            let wanted = job.kind == JobKind::Announce || item.announce_extra;
            if let Some((interface, address)) = item.announce.filter(|_| wanted) {
                if let Err(until) = self.paces.send(now, interface, address) {
                    return Progress::Waits(Job { next, ..job }, until);
                }
                hands.announce(job.router, interface, address);
            }
            next += 1;
        }
        Progress::Piece(Job { next, ..job })
    }

    /// Sends the messages for a piece of the job in one go.
    fn ask(&mut self, job: Job, hands: &mut impl Hands) -> Asked {
        let mut asked = Asked { first: self.sequence, is_last: true, ..Asked::default() };
        let Some(plan) = hands.plan(job.router) else { return asked };
        let (_, piece, is_last) = job.piece(plan);
        asked.is_last = is_last;
        self.batch.clear();
        let backwards = job.kind.removes();
        let mut before = None;
        for place in 0..piece.len() {
            let index = if backwards { piece.len() - 1 - place } else { place };
            let Some(item) = piece.get(index) else { continue };
            let message = match job.kind {
                JobKind::Add if !item.installed => &item.add,
                JobKind::Refresh if item.tracked => &item.add,
                JobKind::Remove | JobKind::Retire if item.installed => &item.remove,
                JobKind::Add
                | JobKind::Refresh
                | JobKind::Remove
                | JobKind::Retire
                | JobKind::Announce
                | JobKind::AnnounceExtra => continue,
            };
            // An empty one, for an interface that does not exist, asks nothing.
            if message.is_empty() {
                continue;
            }
            // Each has the flag that asks for an answer. The last one keeps it: whoever is refused is answered in any case.
            let start = self.batch.len();
            if let Some(before) = before.replace(start) {
                self.put(before + FLAGS_AT, |flags| (u16::from_ne_bytes(flags) & !NLM_F_ACK).to_ne_bytes());
            }
            self.batch.extend_from_slice(message);
            let number = asked.first.wrapping_add(u32::try_from(index).unwrap_or(u32::MAX));
            self.put(start + SEQUENCE_AT, |_| number.to_ne_bytes());
            asked.items |= 1 << index;
            asked.last = Some(index);
        }
        self.sequence = self.sequence.wrapping_add(u32::try_from(PIECE).unwrap_or(u32::MAX));
        // rtnetlink handles the messages while they are sent: when `send` returns, the answers are there.
        if !self.batch.is_empty()
            && let Err(error) = self.netlink.send(&self.batch, 0)
        {
            asked.failure = Some(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw));
        }
        asked
    }

    /// Reads what the kernel answered, and tells what became of each item.
    fn hear(&mut self, job: Job, asked: Asked, hands: &mut impl Hands) {
        let answers = self.answers(asked);
        let Some(plan) = hands.plan(job.router) else { return };
        let (first, piece, is_last) = job.piece(plan);
        let mut told: heapless::Vec<(u16, ItemOutcome), PIECE> = heapless::Vec::new();
        for ((index, item), answer) in (first..).zip(piece).zip(answers) {
            let Some(outcome) = answer.and_then(|answer| judge(job.kind, item, answer)) else { continue };
            // Nobody asks any more what became of a retired one.
            if job.kind != JobKind::Retire {
                let _ = told.push((index, outcome)); // has room for the piece
            }
        }
        for (index, outcome) in told {
            hands.done(job.router, index, outcome);
        }
        if !is_last {
            self.queue.push_front(Job { next: job.next + PIECE, ..job });
        }
    }

    /// Changes a field of the messages that are about to be sent.
    fn put<const BYTES: usize>(&mut self, at: usize, change: impl FnOnce([u8; BYTES]) -> [u8; BYTES]) {
        if let Some(field) = self.batch.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *field = change(*field);
        }
    }

    /// The kernel's answers, one for each item of the piece; `None` where nothing was asked.
    fn answers(&mut self, asked: Asked) -> [Option<Result<(), Refusal>>; PIECE] {
        let mut answers = [const { None }; PIECE];
        let Some(last) = asked.last else { return answers };
        // When the last one is answered, so are all that were refused. Nobody looks whether there are more.
        while asked.failure.is_none()
            && answers.get(last).is_some_and(Option::is_none)
            && let Ok(len) = self.netlink.recv(&mut self.answer.as_mut_slice(), 0)
        {
            let mut rest = self.answer.get(..len).unwrap_or_default();
            while let Some((answer, after)) = split_message(rest) {
                rest = after;
                let index = usize::try_from(answer.sequence.wrapping_sub(asked.first)).unwrap_or(usize::MAX);
                if let Some(slot) = answers.get_mut(index).filter(|_| answer.kind == NLMSG_ERROR) {
                    *slot = Some(answer.result);
                }
            }
        }
        // What became of those that have no answer; that is not known where even the last one has none.
        let others = match asked.failure {
            Some(errno) => Err(Refusal { errno, words: None }),
            None if answers.get(last).is_some_and(Option::is_some) => Ok(()),
            None => return answers,
        };
        for (_, answer) in answers.iter_mut().enumerate().filter(|(index, _)| asked.items & (1 << index) != 0) {
            answer.get_or_insert_with(|| others.clone());
        }
        answers
    }
}

/// What the kernel was asked for a piece of a job.
#[derive(Clone, Copy, Default)]
struct Asked {
    /// The number of the message for the first item.
    first: u32,
    /// For which items there is a message, a bit for each.
    items: u32,
    /// The item whose message is the last.
    last: Option<usize>,
    /// It is the job's last piece.
    is_last: bool,
    /// They could not be sent.
    failure: Option<Errno>,
}

/// What became of an announcing job.
enum Progress {
    /// It is done.
    Done,
    /// It has done enough for now.
    Piece(Job),
    /// The next announcement must wait until then.
    Waits(Job, Instant),
}

/// What the kernel's answer to an order means. `None` when nothing has changed.
fn judge(kind: JobKind, item: &mut Item, answer: Result<(), Refusal>) -> Option<ItemOutcome> {
    let was_installed = item.installed;
    match (kind, answer) {
        (JobKind::Refresh, Ok(())) if was_installed => (!item.is_switch).then_some(ItemOutcome::PutBack),
        (JobKind::Refresh, Err(Refusal { errno: Errno::EEXIST, .. })) => None,
        (JobKind::Add | JobKind::Refresh | JobKind::Announce | JobKind::AnnounceExtra, Ok(())) => {
            item.installed = true;
            Some(ItemOutcome::Installed)
        }
        (_, Err(Refusal { errno: Errno::EEXIST, .. })) => Some(ItemOutcome::Foreign),
        // Gone with its interface, or taken away by somebody else: it is gone all the same.
        (JobKind::Remove | JobKind::Retire, Ok(()))
        | (
            JobKind::Remove | JobKind::Retire,
            Err(Refusal { errno: Errno::EADDRNOTAVAIL | Errno::ENODEV | Errno::ESRCH | Errno::ENOENT, .. }),
        ) => {
            item.installed = false;
            Some(ItemOutcome::Removed)
        }
        // It may be there all the same, as a route of which one way is down: it is removed at the end in any case.
        (_, Err(refusal)) => Some(ItemOutcome::Failed(refusal)),
    }
}

/// The kernel's answer to a message.
pub(crate) struct Answer {
    /// The message type; 2 is the word on a request.
    pub(crate) kind: u16,
    /// Which request it is about.
    sequence: u32,
    /// Its word.
    pub(crate) result: Result<(), Refusal>,
}

/// The first netlink message of `bytes`, and what follows it.
pub(crate) fn split_message(bytes: &[u8]) -> Option<(Answer, &[u8])> {
    let len = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
    let message = bytes.get(..len).filter(|message| message.len() >= HEADER_BYTES)?;
    let kind = u16::from_ne_bytes(*message.get(4..)?.first_chunk()?);
    let flags = u16::from_ne_bytes(*message.get(6..)?.first_chunk()?);
    let sequence = u32::from_ne_bytes(*message.get(SEQUENCE_AT..)?.first_chunk()?);
    let payload = message.get(HEADER_BYTES..).unwrap_or_default();
    let code = payload.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
    let result = match code {
        0 => Ok(()),
        code => {
            let errno = Errno::from_raw(code.wrapping_neg());
            Err(Refusal { errno, words: words(flags, payload).map(Into::into) })
        }
    };
    Some((Answer { kind, sequence, result }, bytes.get(len.next_multiple_of(4)..).unwrap_or_default()))
}

/// The kernel's words about an error, where it has any.
fn words(flags: u16, payload: &[u8]) -> Option<&str> {
    if flags & NLM_F_ACK_TLVS == 0 {
        return None;
    }
    // After the error stands the message that it is about, whole or only its header.
    let original = if flags & NLM_F_CAPPED == 0 {
        usize::try_from(u32::from_ne_bytes(*payload.get(4..)?.first_chunk()?)).ok()?
    } else {
        HEADER_BYTES
    };
    let mut rest = payload.get(4 + original.next_multiple_of(4)..)?;
    loop {
        let len = usize::from(u16::from_ne_bytes(*rest.first_chunk()?));
        let kind = u16::from_ne_bytes(*rest.get(2..)?.first_chunk()?);
        let value = rest.get(4..len)?;
        if kind == NLMSGERR_ATTR_MSG {
            let text = value.split(|byte| *byte == 0).next()?;
            return std::str::from_utf8(text).ok().filter(|text| !text.is_empty());
        }
        rest = rest.get(len.next_multiple_of(4).max(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::Message;

    fn answer(flags: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(HEADER_BYTES + payload.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(NLMSG_ERROR.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(7_u32.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn the_kernels_words_are_read_out_of_its_answer() {
        let mut payload = (-22_i32).to_ne_bytes().to_vec();
        payload.extend([0; HEADER_BYTES]);
        let text = b"Invalid scope\0";
        payload.extend(u16::try_from(4 + text.len()).unwrap().to_ne_bytes());
        payload.extend(NLMSGERR_ATTR_MSG.to_ne_bytes());
        payload.extend(text);
        let bytes = answer(NLM_F_CAPPED | NLM_F_ACK_TLVS, &payload);
        let (read, rest) = split_message(&bytes).unwrap();
        assert_eq!((read.kind, read.sequence), (NLMSG_ERROR, 7));
        let refusal = read.result.unwrap_err();
        assert_eq!(refusal.to_string(), "Invalid scope");
        assert!(rest.is_empty());

        // Whatever is cut off, nothing is read that is not there.
        for len in 0..bytes.len() {
            let _ = split_message(&bytes[..len]);
            let mut lying = bytes.clone();
            lying[..4].copy_from_slice(&u32::try_from(len).unwrap().to_ne_bytes());
            let _ = split_message(&lying);
        }
        // Not a number: MIPS has its own.
        let unreachable = -(Errno::ENETUNREACH as i32);
        let (read, _) = split_message(&answer(0, &unreachable.to_ne_bytes())).map(|(read, _)| (read, ())).unwrap();
        assert_eq!(read.result.unwrap_err().to_string(), "Network is unreachable");
    }

    #[test]
    fn what_was_put_back_is_told_and_what_was_there_is_not() {
        let mut item = Item { installed: true, tracked: true, ..Item::default() };
        let exists = || Err(Refusal { errno: Errno::EEXIST, words: None });
        assert_eq!(judge(JobKind::Refresh, &mut item, Ok(())), Some(ItemOutcome::PutBack));
        assert_eq!(judge(JobKind::Refresh, &mut item, exists()), None);
        assert!(item.installed);
        assert_eq!(judge(JobKind::Remove, &mut item, Ok(())), Some(ItemOutcome::Removed));
        assert!(!item.installed);
        assert_eq!(judge(JobKind::Add, &mut item, exists()), Some(ItemOutcome::Foreign));
        assert!(!item.installed, "what is there already is not ours");
    }

    /// What a job had done, in order.
    #[derive(Default)]
    struct Seen(InstallPlan, Vec<String>);

    impl Hands for Seen {
        fn plan(&mut self, _: RouterId) -> Option<&mut InstallPlan> {
            Some(&mut self.0)
        }

        fn announce(&mut self, _: RouterId, _: InterfaceId, address: IpAddr) {
            self.1.push(format!("{address} is announced"));
        }

        fn send(&mut self) {
            self.1.push("sent".into());
        }

        fn done(&mut self, _: RouterId, index: u16, outcome: ItemOutcome) {
            let word = if matches!(outcome, ItemOutcome::Failed(_)) { "failed" } else { "is there" };
            self.1.push(format!("item {index} {word}"));
        }
    }

    #[test]
    fn clients_do_not_wait_until_the_answers_are_read() {
        const RTM_NEWLINK: u16 = 16;
        // No interface has this number, or we may not: refused in any case.
        let add: Box<[u8]> =
            Message::new(RTM_NEWLINK, 0, &[0, 0, 0, 0, 255, 255, 255, 127, 0, 0, 0, 0, 0, 0, 0, 0]).finish();
        let announce = Some((InterfaceId(0), IpAddr::from([10, 0, 0, 1])));
        let item = Item { add, announce, ..Item::default() };
        let router = RouterId::default();
        // One whole piece, and one more of two, of which only the last is followed by the announcements.
        for count in [PIECE, PIECE + 2] {
            let mut hands =
                Seen(InstallPlan { items: vec![item.clone(); count].into(), ..InstallPlan::default() }, vec![]);
            let mut jobs = Jobs::new(1).unwrap();
            jobs.push(router, JobKind::Add);
            jobs.push(router, JobKind::Announce);
            while !jobs.is_empty() {
                jobs.work(Instant::ZERO, &mut hands);
            }
            let said = |word: &str| hands.1.iter().map(|said| said.ends_with(word)).collect::<Vec<bool>>();
            let first = said("announced").iter().position(|is| *is).unwrap();
            assert_eq!(first, if count > PIECE { PIECE } else { 0 }, "{:?}", hands.1);
            // What is ready leaves before answers are read.
            assert_eq!(said("sent").iter().position(|is| *is), Some(first + PIECE), "{:?}", hands.1);
            for word in ["announced", "failed"] {
                assert_eq!(said(word).iter().filter(|is| **is).count(), count, "{:?}", hands.1);
            }
        }
    }

    #[test]
    fn who_is_not_answered_was_not_refused() {
        const RTM_NEWLINK: u16 = 16;
        const RTM_GETLINK: u16 = 18;
        let about = |kind, index: u32| {
            let mut fixed = [0; 16];
            fixed[4..8].copy_from_slice(&index.to_ne_bytes());
            Message::new(kind, 0, &fixed).finish()
        };
        // A question about the loopback, which is answered as such; and something that nobody has.
        let (good, bad) = (about(RTM_GETLINK, 1), about(RTM_NEWLINK, i32::MAX.cast_unsigned()));
        for (order, expected) in [
            ([&good, &bad, &good], ["is there", "failed", "is there"]),
            ([&bad, &good, &bad], ["failed", "is there", "failed"]),
        ] {
            let items = order.map(|add| Item { add: (*add).clone(), ..Item::default() });
            // One that cannot be asked for.
            let items = items.into_iter().chain([Item::default()]).collect();
            let mut hands = Seen(InstallPlan { items, ..InstallPlan::default() }, vec![]);
            let mut jobs = Jobs::new(1).unwrap();
            jobs.push(RouterId::default(), JobKind::Add);
            jobs.work(Instant::ZERO, &mut hands);
            let expected: Vec<_> = (0..).zip(expected).map(|(index, word)| format!("item {index} {word}")).collect();
            assert_eq!(hands.1, expected);
        }
    }
}
