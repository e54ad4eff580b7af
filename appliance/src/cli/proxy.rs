//! `locum proxy`: the conversation with a service, carried over standard input and output. It is what runs on the other
//! machine when the console is told `--host`.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use locum_control::Session;
use locum_control::client::ClientError;

use super::{Exit, complain, complain_about};
use crate::task;

/// How long the service may take for its last words when nobody asks it any more.
const LAST_WORDS: Duration = Duration::from_secs(2);
const CHUNK_BYTES: usize = 16 * 1024;

/// Copies both ways until one side ends.
pub(super) fn proxy(socket: &Path) -> Exit {
    let connected = UnixStream::connect(socket).and_then(|stream| Ok((stream.try_clone()?, stream)));
    let (to_service, from_service) = match connected {
        Ok(both) => both,
        Err(error) => return complain_about(socket, &ClientError::Connect(error)),
    };
    match run(to_service, from_service) {
        Ok(()) => Exit::Done,
        // Whoever listened has gone, which is how this ends.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            complain(&format_args!("{}: {error}", socket.display()));
            Exit::Failed
        }
    }
}

/// What has come of each direction, as far as it has ended.
#[derive(Default)]
struct Ended {
    /// Standard input has ended: who asked has gone.
    asking: Option<io::Result<()>>,
    /// The service has ended, or nobody takes what it says.
    answering: Option<io::Result<()>>,
}

fn run(mut to_service: UnixStream, mut from_service: UnixStream) -> io::Result<()> {
    if let Some(session) = Session::of_this_process() {
        to_service.write_all(&session.line())?;
    }
    let closing = to_service.try_clone()?;
    // Not a channel, which would be ten kilobytes of a router's flash.
    let asking = Arc::new((Mutex::new(Ended::default()), Condvar::new()));
    let (answering, both) = (Arc::clone(&asking), Arc::clone(&asking));
    // A thread that still waits when the process ends, ends with it.
    let ask = move || {
        let result = copy(&mut io::stdin().lock(), &mut to_service);
        locked(&asking.0).asking = Some(result);
        asking.1.notify_one();
    };
    let answer = move || {
        let result = copy(&mut from_service, &mut io::stdout().lock());
        locked(&answering.0).answering = Some(result);
        answering.1.notify_one();
    };
    task::start_thread("asking", Box::new(ask))?;
    task::start_thread("answering", Box::new(answer))?;
    wait(&both.0, &both.1, &closing)
}

fn wait(ended: &Mutex<Ended>, changed: &Condvar, service: &UnixStream) -> io::Result<()> {
    let goes_on = |ended: &mut Ended| ended.asking.is_none() && ended.answering.is_none();
    let mut sides = changed.wait_while(locked(ended), goes_on).unwrap_or_else(PoisonError::into_inner);
    if let Some(result) = sides.answering.take() {
        return result;
    }
    // That the service has gone already is as well.
    let _ = service.shutdown(Shutdown::Write);
    let answers = |ended: &mut Ended| ended.answering.is_none();
    let waited = changed.wait_timeout_while(sides, LAST_WORDS, answers);
    let (mut sides, _) = waited.unwrap_or_else(PoisonError::into_inner);
    sides.asking.take().unwrap_or(Ok(())).and(sides.answering.take().unwrap_or(Ok(())))
}

fn locked(ended: &Mutex<Ended>) -> MutexGuard<'_, Ended> {
    ended.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`io::copy`], but what was read is passed on at once.
fn copy(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<()> {
    let mut chunk = [0; CHUNK_BYTES];
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(chunk.get(..count).unwrap_or_default())?;
        to.flush()?;
    }
}
