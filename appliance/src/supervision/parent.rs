//! `locum run --supervise`: a parent that starts the service again after a crash, for systems without a service manager
//! that would. It reads no configuration and touches no network; what it does not do cannot crash it.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, getppid};

use crate::clock;

/// The service is started again after this long, then after twice as long, and so on.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A service that has run for so long has not crashed because of how it was started.
const RAN_WELL: Duration = Duration::from_secs(60);

/// The option that makes a parent, and the one that its child gets in its place.
const OPTION: &str = "--supervise";
const OPTION_OF_CHILD: &str = "--supervised-by";

/// Passed on to the service.
const PASSED_ON: [Signal; 5] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];

/// Runs the service with the arguments of this process until it ends in order.
pub(crate) fn supervise(arguments: Vec<OsString>) -> ExitCode {
    match Parent::new().and_then(|parent| parent.run(arguments)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            log::error!("the service cannot be supervised: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Has the service end in order with its parent: without it, nobody would start it again.
pub(crate) fn end_with(parent: i32) {
    // The parent has them blocked, and a process begins with what its parent has blocked.
    if let Err(errno) = signals().thread_unblock() {
        log::warn!("the service may not hear signals: {errno}");
    }
    if let Err(errno) = nix::sys::prctl::set_pdeathsig(Signal::SIGTERM) {
        log::warn!("the service will not end with its parent: {errno}");
    }
    // It may have ended before.
    if getppid() != Pid::from_raw(parent) {
        let _ = nix::sys::signal::raise(Signal::SIGTERM); // cannot fail for a signal that exists
    }
}

struct Parent {
    signals: SignalFd,
}

impl Parent {
    fn new() -> io::Result<Self> {
        signals().thread_block()?;
        Ok(Self { signals: SignalFd::with_flags(&signals(), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)? })
    }

    fn run(self, mut arguments: Vec<OsString>) -> io::Result<u8> {
        let name = if arguments.is_empty() { "locum".into() } else { arguments.remove(0) };
        arguments.retain(|argument| argument != OPTION);
        arguments.extend([OPTION_OF_CHILD.into(), std::process::id().to_string().into()]);
        let mut pauses = Pauses::default();
        loop {
            let began = Instant::now();
            let child = Command::new("/proc/self/exe").arg0(&name).args(&arguments).spawn()?;
            let (status, is_asked) = self.wait_for(child)?;
            let lasted = began.elapsed();
            match what_follows(status, is_asked, pauses.is_first(lasted)) {
                Next::End(code) => return Ok(code),
                Next::Again => {
                    let pause = pauses.next(lasted);
                    let pause_ms = clock::whole_ms(pause);
                    log::error!("the service has ended unexpectedly ({status}); it is started again in {pause_ms} ms");
                    if self.pause(pause)? {
                        return Ok(0);
                    }
                }
            }
        }
    }

    /// Waits until the service has ended, and passes signals on to it. Says whether it was asked to end.
    fn wait_for(&self, mut child: Child) -> io::Result<(ExitStatus, bool)> {
        let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
        let mut is_asked = false;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok((status, is_asked));
            }
            self.wait(PollTimeout::NONE)?;
            while let Some(signal) = self.signal()? {
                is_asked |= ends(signal);
                if signal != Signal::SIGCHLD {
                    let _ = kill(pid, signal); // it may have ended just now, which is seen next
                }
            }
        }
    }

    /// Waits for so long. Returns whether it was asked to end meanwhile.
    fn pause(&self, pause: Duration) -> io::Result<bool> {
        let until = Instant::now() + pause;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            // Rounded up, so as not to spin through the last millisecond.
            let left = i32::try_from(left.as_millis() + 1).unwrap_or(i32::MAX);
            self.wait(PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX))?;
            while let Some(signal) = self.signal()? {
                if ends(signal) {
                    return Ok(true);
                }
            }
        }
    }

    fn wait(&self, timeout: PollTimeout) -> io::Result<()> {
        let mut fds = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    fn signal(&self) -> io::Result<Option<Signal>> {
        let info = self.signals.read_signal()?;
        Ok(info.and_then(|info| Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()))
    }
}

/// Those that the parent waits for.
fn signals() -> SigSet {
    PASSED_ON.into_iter().chain([Signal::SIGCHLD]).collect()
}

fn ends(signal: Signal) -> bool {
    matches!(signal, Signal::SIGTERM | Signal::SIGINT)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// With this code.
    End(u8),
    Again,
}

/// What follows from the end of the service. One that could not even start will not start the next time.
fn what_follows(status: ExitStatus, is_asked: bool, is_first: bool) -> Next {
    match (status.code(), status.signal()) {
        (Some(0), _) => Next::End(0),
        (Some(code), _) if is_asked || is_first => Next::End(u8::try_from(code).unwrap_or(1)),
        (None, Some(signal)) if is_asked => Next::End(u8::try_from(128 + signal).unwrap_or(1)),
        _ => Next::Again,
    }
}

/// How long to wait before the service is started again.
#[derive(Debug, Default)]
struct Pauses {
    last: Option<Duration>,
}

impl Pauses {
    /// Whether a service that has lasted so long is the first one, and has hardly begun.
    fn is_first(&self, lasted: Duration) -> bool {
        self.last.is_none() && lasted < Duration::from_secs(2)
    }

    fn next(&mut self, lasted: Duration) -> Duration {
        let pause = match self.last {
            Some(last) if lasted < RAN_WELL => (last * 2).min(PAUSE_MAX),
            Some(_) | None => PAUSE_FIRST,
        };
        self.last = Some(pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_crashes_again_and_again_is_started_ever_less_often() {
        let mut pauses = Pauses::default();
        let lengths: Vec<_> = (0..12).map(|_| pauses.next(Duration::from_secs(1)).as_millis()).collect();
        assert_eq!(lengths, [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
        assert_eq!(pauses.next(RAN_WELL), PAUSE_FIRST);
    }

    #[test]
    fn only_a_crash_leads_to_another_start() {
        let exit = |code: i32| ExitStatus::from_raw(code << 8);
        let killed = ExitStatus::from_raw(9);
        assert_eq!(what_follows(exit(0), false, false), Next::End(0));
        assert_eq!(what_follows(exit(3), false, true), Next::End(3), "its configuration is refused");
        assert_eq!(what_follows(exit(1), false, false), Next::Again);
        assert_eq!(what_follows(killed, false, true), Next::Again);
        assert_eq!(what_follows(killed, true, false), Next::End(137), "it did not end in order when asked to");
    }
}
