//! The connection to the service: a thread that attaches, asks, reads, and tries again when it is lost.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use locum_control::{
    Answer, Hello, Item, Line, LineBuffer, Notice, PROTOCOL, Refusal, Request, Value, Verb, from_json, to_json_line,
};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

use crate::console::Event;
use crate::model::node::Play;
use crate::options::Endpoint;
use crate::replay;
use crate::transport::{Child, Transport};

/// The pause before the first new attempt; it doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How long a server behind a command may take to greet: the command may have to reach another machine first.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the server may take to greet, or to go on with an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// It looks at many things, some of which it has to wait for.
const DOCTOR_TIMEOUT: Duration = Duration::from_secs(60);
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(3 * 255 + 10);
/// So many lines in a row that nobody understands are not a service.
const ODD_LINES_MAX: u32 = 20;
/// Requests under way.
const REQUESTS_MAX: usize = 16;
/// So many reports are handed over at once, at most. Each time wakes the loop, and a busy service says hundreds of things
/// a second. While the loop takes them in, the link better rests: both of them allocating is a fight about the heap's lock.
pub(crate) const REPORTS_MAX: usize = 256;
/// Bytes that the server does not take.
const OUTBOX_BYTES_MAX: usize = 64 * 1024;

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Everything, and events from then on.
    Watch,
    /// Everything, once.
    All,
    /// One instance.
    One(String),
    /// What the user orders, or asks before it.
    Order(Verb),
}

impl Purpose {
    fn verb(&self) -> Verb {
        match self {
            Self::Watch => Verb::Watch { instance: None, adverts: true },
            Self::All => Verb::Show { instance: None },
            Self::One(name) => Verb::Show { instance: Some(name.clone()) },
            Self::Order(verb) => verb.clone(),
        }
    }

    /// How long the answer may take. That to a yield comes when the handovers are over: up to three of the longest advert
    /// intervals.
    const fn patience(&self) -> Duration {
        match self {
            Self::Order(Verb::Yield { .. }) => HANDOVER_TIMEOUT,
            Self::Order(Verb::Doctor) => DOCTOR_TIMEOUT,
            Self::Watch | Self::All | Self::One(_) | Self::Order(_) => ANSWER_TIMEOUT,
        }
    }
}

/// What the link does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Ask.
    Ask(Purpose),
    /// Play the recording otherwise.
    Play(Playing),
}

/// How a recording is to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Playing {
    /// Run, or hold.
    Run(bool),
    /// So many times as fast as it was recorded.
    Speed(u32),
    /// From this time on, in microseconds since 1970.
    Seek(u64),
}

/// What the link has to say.
#[derive(Debug)]
pub(crate) enum Report {
    /// It tries to attach.
    Connecting,
    /// What is played goes on from here.
    Played(Play),
    /// What is played begins anew: everything that was said is forgotten.
    Rewound,
    /// The server greeted, and [`Purpose::Watch`] is under way.
    Connected(Hello),
    /// An answer begins.
    Begin(Purpose),
    /// A part of it.
    Item(Box<Item>),
    /// It ended; what the server says about it.
    Done(Purpose, String),
    /// It was refused.
    Refused(Purpose, Refusal),
    /// Something happened.
    Notice(Box<Notice>),
    /// Notices were lost on the way.
    Gap,
    /// The server sent a line that this version does not know.
    Odd,
    /// The connection is lost, or there was none.
    Lost {
        /// Why, in words.
        reason: String,
        /// Until the next attempt.
        retry_in: Duration,
    },
}

/// The link's end of its ways to the console.
pub(crate) struct Link {
    /// The number of its service.
    pub(crate) node: usize,
    pub(crate) endpoint: Endpoint,
    pub(crate) events: SyncSender<Event>,
    pub(crate) orders: Receiver<Order>,
    /// A byte here means that there is an order; its end, that the console ended.
    pub(crate) bell: UnixStream,
    /// What is to be handed over before it waits for anything.
    pub(crate) said: Vec<Report>,
}

/// How a session ended.
pub(crate) enum End {
    /// The console ended.
    Over,
    /// The connection is lost; `synced` if there was a whole answer before.
    Lost { reason: String, synced: bool },
}

impl Link {
    /// Works until the console ends.
    pub(crate) fn run(mut self) {
        if let Endpoint::Recording(path) = self.endpoint.clone() {
            replay::run(&mut self, &path);
            return;
        }
        let mut backoff = BACKOFF_MIN;
        while self.report(Report::Connecting).is_ok() {
            let End::Lost { reason, synced } = self.attach() else { return };
            if synced {
                backoff = BACKOFF_MIN;
            }
            if self.report(Report::Lost { reason, retry_in: backoff }).is_err() || self.pause(backoff).is_err() {
                return;
            }
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    /// Has something to say: now, or together with what comes right after it.
    pub(crate) fn report(&mut self, report: Report) -> Result<(), End> {
        self.said.push(report);
        if self.said.len() < REPORTS_MAX { Ok(()) } else { self.hand_over() }
    }

    /// Hands over what was said.
    fn hand_over(&mut self) -> Result<(), End> {
        if self.said.is_empty() {
            return Ok(());
        }
        self.events.send(Event::Link(self.node, std::mem::take(&mut self.said))).map_err(|_| End::Over)
    }

    fn attach(&mut self) -> End {
        match self.endpoint.clone() {
            Endpoint::Socket(path) => match connected(&path) {
                Ok(stream) => Session::new(self, Transport::Socket(stream)).run(),
                Err(errno) => {
                    let reason = format!("no service answers at {}: {}", path.display(), errno.desc());
                    End::Lost { reason, synced: false }
                }
            },
            Endpoint::Command(words) => match Child::start(&words) {
                Ok(child) => Session::new(self, Transport::Child(child)).run(),
                Err(error) => End::Lost { reason: format!("cannot run {}: {error}", self.endpoint), synced: false },
            },
            Endpoint::Recording(_) => End::Over,
        }
    }

    /// Waits before the next attempt. Questions that were meant for the lost connection are dropped.
    fn pause(&mut self, pause: Duration) -> Result<(), End> {
        let until = Instant::now() + pause;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.wait(Some(left))?;
            while self.order()?.is_some() {}
        }
    }

    /// Waits until the bell rings, at most so long.
    pub(crate) fn wait(&mut self, most: Option<Duration>) -> Result<(), End> {
        self.hand_over()?;
        let mut fds = [PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, most.map_or(PollTimeout::NONE, timeout)) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(_) => Err(End::Over),
        }
    }

    /// The next order, if there is one.
    pub(crate) fn order(&mut self) -> Result<Option<Order>, End> {
        let mut bytes = [0; 64];
        match self.bell.read(&mut bytes) {
            Ok(0) => return Err(End::Over),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return Err(End::Over),
        }
        match self.orders.try_recv() {
            Ok(order) => Ok(Some(order)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(End::Over),
        }
    }
}

/// One connection.
struct Session<'a> {
    link: &'a mut Link,
    transport: Transport,
    buffer: LineBuffer,
    outbox: Vec<u8>,
    requests: VecDeque<Asked>,
    next_id: u64,
    next_seq: Option<u64>,
    greeted: bool,
    synced: bool,
    odd_lines: u32,
    /// As much was read at once as can be: there may be more, which is handed over together with it.
    is_more: bool,
    /// When the server has to have said something.
    deadline: Option<Instant>,
}

struct Asked {
    id: u64,
    purpose: Purpose,
    begun: bool,
}

impl<'a> Session<'a> {
    fn new(link: &'a mut Link, transport: Transport) -> Self {
        let (patience, session) = match transport {
            Transport::Socket(_) => (ANSWER_TIMEOUT, locum_control::Session::of_this_process()),
            // Where the conversation comes out, another session is what counts: `locum proxy` says it.
            Transport::Child(_) => (COMMAND_TIMEOUT, None),
        };
        let outbox = session.map(locum_control::Session::line).unwrap_or_default();
        Self {
            link,
            transport,
            buffer: LineBuffer::default(),
            outbox,
            requests: VecDeque::new(),
            next_id: 1,
            next_seq: None,
            greeted: false,
            synced: false,
            odd_lines: 0,
            is_more: false,
            deadline: Some(Instant::now() + patience),
        }
    }

    fn run(mut self) -> End {
        loop {
            if let Err(end) = self.step() {
                return end;
            }
        }
    }

    fn lost(&self, reason: impl Into<String>) -> End {
        let mut reason = reason.into();
        // What the command complained about says more than that it ended.
        if let Some(complaint) = self.transport.complaint() {
            reason = format!("{complaint} ({reason})");
        }
        End::Lost { reason, synced: self.synced }
    }

    fn step(&mut self) -> Result<(), End> {
        if !self.is_more {
            self.link.hand_over()?;
        }
        let wait = match self.deadline {
            None => PollTimeout::NONE,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(self.lost("the service has not answered for too long"));
                }
                timeout(left)
            }
        };
        let wait = if self.is_more { PollTimeout::ZERO } else { wait };
        let interest = if self.outbox.is_empty() { PollFlags::POLLIN } else { PollFlags::POLLIN | PollFlags::POLLOUT };
        let mut fds = [
            PollFd::new(self.transport.stream().as_fd(), interest),
            PollFd::new(self.link.bell.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, wait) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(self.lost(format!("cannot wait for the service: {error}"))),
        }
        while let Some(order) = self.link.order()? {
            match order {
                Order::Ask(purpose) => self.ask(purpose)?,
                Order::Play(_) => {}
            }
        }
        if let Transport::Child(child) = &self.transport {
            child.listen();
        }
        self.write();
        self.read()
    }

    fn ask(&mut self, purpose: Purpose) -> Result<(), End> {
        // Before the greeting there is nobody to ask; the first answer tells everything anyway.
        if !self.greeted || self.requests.len() >= REQUESTS_MAX {
            return Ok(());
        }
        let id = self.next_id;
        self.next_id += 1;
        let request = Request { id, verb: purpose.verb() };
        let line = to_json_line(&request);
        if self.outbox.len() + line.len() > OUTBOX_BYTES_MAX {
            return Err(self.lost("the service does not read"));
        }
        self.outbox.extend_from_slice(line.as_bytes());
        self.requests.push_back(Asked { id, purpose, begun: false });
        self.wait_for_answers();
        self.write();
        Ok(())
    }

    /// Sets the deadline anew: something was asked or answered.
    fn wait_for_answers(&mut self) {
        let patience = self.requests.iter().map(|asked| asked.purpose.patience()).max();
        self.deadline = patience.map(|patience| Instant::now() + patience);
    }

    /// Writes what the server takes. That it has gone is found out by reading, which also yields its last words.
    fn write(&mut self) {
        while !self.outbox.is_empty() {
            match self.transport.stream().write(&self.outbox) {
                Ok(count) => drop(self.outbox.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.outbox.clear(),
            }
        }
    }

    /// Reads once; what is left wakes us again.
    fn read(&mut self) -> Result<(), End> {
        self.is_more = false;
        let mut chunk = [0; 16 * 1024];
        let count = match self.transport.stream().read(&mut chunk) {
            Ok(0) => return Err(self.lost("the service closed the connection")),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                return Err(self.lost("the service closed the connection"));
            }
            Err(error) => return Err(self.lost(format!("the connection to the service broke: {}", error.kind()))),
        };
        self.is_more = count == chunk.len();
        self.buffer.extend(chunk.get(..count).unwrap_or_default());
        while let Some(line) = self.buffer.next_line() {
            let line = line.map_err(|error| self.lost(format!("this is no locum service: {error}")))?;
            self.line(&line)?;
        }
        Ok(())
    }

    fn line(&mut self, text: &str) -> Result<(), End> {
        let Ok(line) = from_json::<Line>(text.as_bytes()) else {
            // A newer server may say more than we know; whoever does not even speak JSON is no server.
            let is_object = from_json::<Value>(text.as_bytes()).is_ok_and(|value| value.is_object());
            self.odd_lines += 1;
            if !is_object || !self.greeted || self.odd_lines > ODD_LINES_MAX {
                return Err(self.lost("this is no locum service: it says something that makes no sense"));
            }
            return self.link.report(Report::Odd);
        };
        self.odd_lines = 0;
        match line {
            Line::Hello(hello) => self.greeting(hello),
            _ if !self.greeted => Err(self.lost("this is no locum service: it does not greet")),
            Line::Answer { id, answer } => self.answer(id, answer),
            Line::Notice(notice) => {
                if self.next_seq.is_some_and(|expected| expected != notice.seq) {
                    self.link.report(Report::Gap)?;
                }
                self.next_seq = Some(notice.seq.wrapping_add(1));
                self.link.report(Report::Notice(Box::new(notice)))
            }
        }
    }

    fn greeting(&mut self, hello: Hello) -> Result<(), End> {
        if hello.locum != PROTOCOL {
            let reason = format!(
                "the service speaks version {} of the control protocol, this console version {PROTOCOL}: use the \
                 console that came with the service",
                hello.locum
            );
            return Err(self.lost(reason));
        }
        if self.greeted {
            return Err(self.lost("the service greets twice"));
        }
        self.greeted = true;
        self.deadline = None;
        self.link.report(Report::Connected(hello))?;
        self.ask(Purpose::Watch)
    }

    fn answer(&mut self, id: Option<u64>, answer: Answer) -> Result<(), End> {
        if self.requests.is_empty() {
            return Err(self.lost("the service answers what nobody asked"));
        }
        // An answer without an id is to a line that the server could not read: the one that waits longest. The answer to a
        // yield may come after those to later questions.
        let at = id.map_or(Some(0), |id| self.requests.iter().position(|asked| asked.id == id));
        let Some((at, asked)) = at.and_then(|at| Some((at, self.requests.get_mut(at)?))) else {
            return Err(self.lost("the service answers out of turn"));
        };
        if !asked.begun {
            asked.begun = true;
            let begin = Report::Begin(asked.purpose.clone());
            self.link.report(begin)?;
        }
        let report = match answer {
            Answer::Item(item) => Some(Report::Item(Box::new(item))),
            Answer::Done(text) => {
                self.synced = true;
                self.requests.remove(at).map(|asked| Report::Done(asked.purpose, text))
            }
            Answer::Error(refusal) => self.requests.remove(at).map(|asked| Report::Refused(asked.purpose, refusal)),
        };
        self.wait_for_answers();
        report.map_or(Ok(()), |report| self.link.report(report))
    }
}

/// Connects without ever waiting: a service whose queue of new connections is full is as good as none.
fn connected(path: &Path) -> Result<UnixStream, Errno> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let fd: OwnedFd = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(fd.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(fd))
}

/// A poll timeout of at least `left`, so that a rest below a millisecond does not make us spin.
pub(crate) fn timeout(left: Duration) -> PollTimeout {
    let ms = left.as_micros().div_ceil(1_000);
    PollTimeout::try_from(ms.min(60_000)).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests;
