//! The programs on the control socket. Each has a bounded outbox: one that does not read misses notices, is told how many
//! when it reads again, and is dropped if it does not. None of it reaches the engine.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use locum_control::{
    Answer, ErrorCode, Event, FramingError, Hello, Item, Line, LineBuffer, Notice, PROTOCOL, Refusal, Role, SortedMap,
    to_json_line,
};
use locum_core::time::Instant;
use serde::Serialize;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use super::who::{Who, role_of};
use crate::clock;
use crate::task;

/// Connections at a time. A new one takes the place of the one that has been silent longest and watches nothing, so that
/// idle connections lock nobody out. Where all watch, a few more are let in for those who may change things.
const CLIENTS_MAX: usize = 32;
const CLIENTS_MAX_FOR_ADMINS: usize = 40;

/// Bytes of notices that may wait for a client. Answers, which it has asked for, may be longer.
const NOTICE_BYTES_MAX: usize = 64 * 1024;

/// The same for each instance, where they are many: all of them may advertise at once, and a client that is told that it
/// missed some asks for everything again. Two notices of an advert.
const NOTICE_BYTES_PER_INSTANCE: usize = 512;

/// While more waits for a client than this, its next request waits as well. So an outbox holds at most this much and one
/// answer.
const OUTBOX_BYTES_BEFORE_NEXT: usize = 64 * 1024;

/// What the kernel may hold for a client beside that. Small, so that one that does not read is noticed soon.
const SEND_BUFFER_BYTES: usize = 16 * 1024;

/// A client for which something waits and which reads nothing for so long is dropped.
const STALL_MAX: Duration = Duration::from_secs(10);

/// A connection's number.
pub(crate) type ClientId = u64;

/// What comes from the connections.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A line.
    Line(ClientId, Result<String, FramingError>),
    /// It will not say any more.
    Ended(ClientId),
    /// Not from a connection: what an examination that one has asked for has read.
    #[cfg(feature = "doctor")]
    Examined(Option<Box<crate::doctor::Facts>>),
    /// It was dropped because it did not read.
    Stalled(ClientId),
}

/// What a client wants to be told.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    /// Only about this instance.
    pub(crate) instance: Option<String>,
    /// Each advert as well.
    pub(crate) adverts: bool,
}

/// A program on the socket.
pub(crate) struct Client {
    /// What it may do.
    pub(crate) role: Role,
    /// Who it is.
    pub(crate) who: Who,
    /// What it wants to be told.
    pub(crate) watch: Option<Watch>,
    outbox: Rc<Outbox>,
    /// Reads what it says.
    reader: AbortHandle,
    /// When it last said something.
    last_heard: Instant,
    /// The number of its last notice.
    seq: u64,
    /// Notices it has missed since the last one.
    missed: u64,
}

#[derive(Default)]
struct Outbox {
    bytes: RefCell<Vec<u8>>,
    changed: Notify,
    /// Something was taken out.
    drained: Notify,
    /// Nothing will be added any more.
    finished: Cell<bool>,
}

/// All of them.
pub(crate) struct Clients {
    by_id: SortedMap<ClientId, Client>,
    next: ClientId,
    incoming: mpsc::Sender<Incoming>,
    /// Notices that clients have missed.
    notices_missed: u64,
    /// Bytes of notices that may wait for each.
    notice_bytes_max: usize,
}

impl Clients {
    /// None yet; what they say goes to `incoming`.
    pub(crate) fn new(incoming: mpsc::Sender<Incoming>) -> Self {
        Self { by_id: SortedMap::new(), next: 1, incoming, notices_missed: 0, notice_bytes_max: NOTICE_BYTES_MAX }
    }

    /// So many instances have something to tell.
    pub(crate) fn expect(&mut self, instances: usize) {
        self.notice_bytes_max = instances.saturating_mul(NOTICE_BYTES_PER_INSTANCE).max(NOTICE_BYTES_MAX);
    }

    /// Where what comes from the connections goes.
    #[cfg(feature = "doctor")]
    pub(crate) fn incoming(&self) -> mpsc::Sender<Incoming> {
        self.incoming.clone()
    }

    /// A connection was made.
    pub(crate) fn accept(&mut self, stream: UnixStream, host: &str) {
        let Ok(credentials) = stream.peer_cred() else { return };
        let role = role_of(&credentials);
        let all_watch = self.by_id.values().all(|client| client.watch.is_some());
        let most = if role == Role::Admin && all_watch { CLIENTS_MAX_FOR_ADMINS } else { CLIENTS_MAX };
        let outbox = Rc::new(Outbox::default());
        let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES); // the default is only larger
        let (reader, writer) = stream.into_split();
        if self.by_id.len() >= most && !self.make_room() {
            let message = format!("the service serves {CLIENTS_MAX} connections at a time, and all of them watch");
            let refusal = Refusal { code: ErrorCode::Failed, message };
            outbox.push(&Line::Answer { id: None, answer: Answer::Error(refusal) });
            outbox.finish();
            task::spawn(write(writer, outbox, None));
            return;
        }
        let id = self.next;
        self.next += 1;
        let who = Who::new(&credentials);
        let hello = Hello {
            locum: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").into(),
            host: host.into(),
            role,
            now_us: clock::now().us(),
            now_unix_ms: clock::unix_ms(),
        };
        outbox.push(&Line::Hello(hello));
        task::spawn(write(writer, Rc::clone(&outbox), Some((id, self.incoming.clone()))));
        let reader = task::spawn(read(reader, id, Rc::clone(&outbox), self.incoming.clone())).abort_handle();
        let last_heard = clock::now();
        self.by_id.insert(id, Client { role, who, watch: None, outbox, reader, last_heard, seq: 0, missed: 0 });
    }

    /// Ends the connection that has been silent longest and watches nothing. Returns whether there was one.
    fn make_room(&mut self) -> bool {
        let idle = self.by_id.iter().filter(|(_, client)| client.watch.is_none());
        let Some(id) = idle.min_by_key(|(_, client)| client.last_heard).map(|(id, _)| *id) else { return false };
        if let Some(client) = self.drop_client(id) {
            log::info!("control socket: the connection of client {} was ended to make room", client.who);
        }
        true
    }

    /// One of them.
    pub(crate) fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        self.by_id.get_mut(&id)
    }

    /// A client has said something.
    pub(crate) fn heard_from(&mut self, id: ClientId) {
        if let Some(client) = self.by_id.get_mut(&id) {
            client.last_heard = clock::now();
        }
    }

    /// A client will not say any more. What waits for it is still sent.
    pub(crate) fn remove(&mut self, id: ClientId) -> Option<Client> {
        let client = self.by_id.remove(&id)?;
        client.outbox.finish();
        Some(client)
    }

    /// Ends the connection of a client at once.
    pub(crate) fn drop_client(&mut self, id: ClientId) -> Option<Client> {
        let client = self.remove(id)?;
        client.reader.abort();
        Some(client)
    }

    /// Whether anybody wants to be told of each advert.
    pub(crate) fn any_watches_adverts(&self) -> bool {
        self.by_id.values().any(|client| client.watch.as_ref().is_some_and(|watch| watch.adverts))
    }

    /// Tells everybody who wants to know.
    pub(crate) fn tell(&mut self, at_us: u64, at_unix_ms: u64, event: Event) {
        // One for all; each connection has a number of its own for it.
        let mut notice = Notice { seq: 0, at_us, at_unix_ms, event };
        for client in self.by_id.values_mut() {
            if client.watch.as_ref().is_some_and(|watch| watch.wants(&notice.event)) {
                let was_taken = client.tell(&mut notice, self.notice_bytes_max);
                self.notices_missed += u64::from(!was_taken);
            }
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.by_id.len()
    }

    /// Notices that clients were too slow for.
    pub(crate) const fn notices_missed(&self) -> u64 {
        self.notices_missed
    }

    /// Ends all connections, after what waits for them is sent.
    pub(crate) fn finish(&mut self) {
        for client in std::mem::take(&mut self.by_id).into_values() {
            client.outbox.finish();
        }
    }
}

impl Watch {
    fn wants(&self, event: &Event) -> bool {
        let is_about_it = match (&self.instance, event.instance()) {
            (None, _) | (_, None) => true,
            (Some(wanted), Some(instance)) => wanted == instance,
        };
        is_about_it && (self.adverts || !matches!(event, Event::Adverts { .. }))
    }
}

impl Client {
    /// A line of an answer.
    pub(crate) fn answer(&self, id: Option<u64>, answer: Answer) {
        self.outbox.push(&Line::Answer { id, answer });
    }

    /// A part of an answer.
    pub(crate) fn item(&self, id: u64, item: Item) {
        self.answer(Some(id), Answer::Item(item));
    }

    /// The end of an answer: refused.
    pub(crate) fn refuse(&self, id: Option<u64>, code: ErrorCode, message: impl Into<String>) {
        self.answer(id, Answer::Error(Refusal { code, message: message.into() }));
    }

    /// Tells it something, unless more than `bytes_max` wait already. Returns whether there was room for it.
    fn tell(&mut self, notice: &mut Notice, bytes_max: usize) -> bool {
        if self.outbox.len() > bytes_max {
            self.missed += 1;
            return false;
        }
        let missed = std::mem::take(&mut self.missed);
        if missed > 0 {
            let Notice { at_us, at_unix_ms, .. } = *notice;
            self.push_notice(&mut Notice { seq: 0, at_us, at_unix_ms, event: Event::Lagged { missed } });
        }
        self.push_notice(notice);
        true
    }

    fn push_notice(&mut self, notice: &mut Notice) {
        self.seq += 1;
        notice.seq = self.seq;
        self.outbox.push(notice);
    }
}

impl Outbox {
    fn push(&self, line: &impl Serialize) {
        self.bytes.borrow_mut().extend_from_slice(to_json_line(line).as_bytes());
        self.changed.notify_one();
    }

    fn len(&self) -> usize {
        self.bytes.borrow().len()
    }

    fn finish(&self) {
        self.finished.set(true);
        self.changed.notify_one();
    }
}

/// Sends what waits, until there is nothing more to come or nobody who reads.
async fn write(mut stream: OwnedWriteHalf, outbox: Rc<Outbox>, client: Option<(ClientId, mpsc::Sender<Incoming>)>) {
    let mut chunk = Vec::new();
    loop {
        chunk.clear();
        std::mem::swap(&mut chunk, &mut *outbox.bytes.borrow_mut());
        outbox.drained.notify_one();
        if chunk.is_empty() {
            if outbox.finished.get() {
                return;
            }
            outbox.changed.notified().await;
            continue;
        }
        let mut rest = chunk.as_slice();
        while !rest.is_empty() {
            match tokio::time::timeout(STALL_MAX, stream.write(rest)).await {
                Ok(Ok(count)) => rest = rest.get(count..).unwrap_or_default(),
                Ok(Err(_)) => return, // it has gone, and its other half says so
                Err(_) => {
                    if let Some((id, incoming)) = client {
                        let _ = incoming.send(Incoming::Stalled(id)).await; // the service ends: nobody to tell
                    }
                    return;
                }
            }
        }
    }
}

/// Takes lines, as fast as they are dealt with and their answers are read.
async fn read(mut stream: OwnedReadHalf, id: ClientId, outbox: Rc<Outbox>, incoming: mpsc::Sender<Incoming>) {
    let mut buffer = LineBuffer::default();
    let mut chunk = [0; 4096];
    loop {
        while let Some(line) = buffer.next_line() {
            while outbox.len() > OUTBOX_BYTES_BEFORE_NEXT {
                outbox.drained.notified().await;
            }
            if incoming.send(Incoming::Line(id, line)).await.is_err() {
                return;
            }
        }
        match stream.read(&mut chunk).await {
            Ok(count) if count > 0 => buffer.extend(chunk.get(..count).unwrap_or_default()),
            Ok(_) | Err(_) => {
                let _ = incoming.send(Incoming::Ended(id)).await; // the service ends: nobody to tell
                return;
            }
        }
    }
}

/// Listens on the socket. A socket left behind by a service that was killed is taken over; the caller has made sure that
/// no other service lives.
///
/// # Errors
/// What the file system says.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory)?;
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another service answers on it")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    // Whoever is on the machine may look; what changes something is decided by who asks.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use locum_control::{AdvertMark, MarkKind};

    use super::*;

    #[test]
    fn all_instances_may_advertise_at_once_and_no_more_waits() {
        const INSTANCES: u32 = 1_000;
        tokio::runtime::LocalRuntime::new().unwrap().block_on(async {
            let mut clients = Clients::new(mpsc::channel(1).0);
            let (ours, _theirs) = UnixStream::pair().unwrap();
            clients.accept(ours, "gw-a");
            clients.by_id.values_mut().for_each(|it| it.watch = Some(Watch { instance: None, adverts: true }));
            let mut tell_all = |instances: usize| {
                clients.expect(instances);
                let before = clients.notices_missed();
                let source = std::net::Ipv4Addr::new(172, 20, 45, 131).into();
                let mark = AdvertMark { at_us: 1 << 40, source, priority: 200, kind: MarkKind::Received };
                // Nothing of it leaves meanwhile: nobody else has his turn.
                for n in 0..INSTANCES {
                    let event = Event::Adverts { instance: format!("V{n}"), marks: vec![mark] };
                    clients.tell(1 << 40, 1 << 40, event);
                }
                clients.notices_missed() - before
            };
            assert_eq!(tell_all(1_000), 0);
            assert!(tell_all(1) > 0, "what waits is bounded by what there is");
        });
    }
}
