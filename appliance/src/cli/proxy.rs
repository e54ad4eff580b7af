//! `locum proxy`: the conversation with a service, carried over standard input and output. It is what runs on the other
//! machine when the console is told `--host`.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use locum_control::client::ClientError;

use super::{Exit, complain, complain_about};

/// How long the service may take for its last words when nobody asks it any more.
const LAST_WORDS: Duration = Duration::from_secs(2);
const CHUNK_BYTES: usize = 16 * 1024;

/// Which direction has ended, and why if it broke.
enum Side {
    /// Standard input has ended: who asked has gone.
    Asking(io::Result<()>),
    /// The service has ended, or nobody takes what it says.
    Answering(io::Result<()>),
}

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
            complain(&format!("{}: {error}", socket.display()));
            Exit::Failed
        }
    }
}

fn run(to_service: UnixStream, from_service: UnixStream) -> io::Result<()> {
    let closing = to_service.try_clone()?;
    let (ended, sides) = sync_channel(2);
    let other = ended.clone();
    // A thread that still waits when the process ends, ends with it.
    thread::Builder::new().name("asking".into()).spawn(move || {
        let _ = ended.send(Side::Asking(copy(io::stdin().lock(), to_service)));
    })?;
    thread::Builder::new().name("answering".into()).spawn(move || {
        let _ = other.send(Side::Answering(copy(from_service, io::stdout().lock())));
    })?;
    wait(&sides, &closing)
}

fn wait(sides: &Receiver<Side>, service: &UnixStream) -> io::Result<()> {
    match sides.recv() {
        Ok(Side::Answering(result)) => result,
        Ok(Side::Asking(result)) => {
            // That the service has gone already is as well.
            let _ = service.shutdown(Shutdown::Write);
            match sides.recv_timeout(LAST_WORDS) {
                Ok(Side::Answering(answering)) => result.and(answering),
                Ok(Side::Asking(_)) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => result,
            }
        }
        Err(_) => Ok(()),
    }
}

/// As [`io::copy`], but what was read is passed on at once.
fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
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
