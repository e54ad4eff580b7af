//! The signals that the service takes: to stop, to read its configuration again, and those at which keepalived dumps
//! (keepalived(8), SIGNALS).

use std::io;
use std::task::{Context, Poll};

use nix::libc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What is dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dump {
    /// The configuration and the state, as text.
    Data,
    /// The counters, as text.
    Statistics,
    /// The same, after which keepalived begins to count anew.
    StatisticsAndClear,
    /// All of it as JSON.
    Json,
}

impl Dump {
    /// The signal, for people.
    pub(super) const fn signal_name(self) -> &'static str {
        match self {
            Self::Data => "SIGUSR1",
            Self::Statistics => "SIGUSR2",
            Self::StatisticsAndClear => "SIGRTMAX-1",
            Self::Json => "SIGRTMIN+2",
        }
    }

    /// The signal's number.
    pub(crate) fn signal(self) -> i32 {
        match self {
            Self::Data => libc::SIGUSR1,
            Self::Statistics => libc::SIGUSR2,
            Self::StatisticsAndClear => libc::SIGRTMAX() - 1,
            // It depends on the C library: 36 with glibc, 37 with musl.
            Self::Json => libc::SIGRTMIN() + 2,
        }
    }
}

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Stop,
    Reload,
    Dump(Dump),
}

/// All of them. They are taken in any case: not taken, each of them would end the process.
#[derive(Debug)]
pub(super) struct Signals(Vec<(Meaning, Signal)>);

impl Signals {
    /// Takes the signals from now on.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn open() -> io::Result<Self> {
        let mut numbers =
            vec![(Meaning::Stop, libc::SIGTERM), (Meaning::Stop, libc::SIGINT), (Meaning::Reload, libc::SIGHUP)];
        let dumps = [Dump::Data, Dump::Statistics, Dump::StatisticsAndClear, Dump::Json];
        numbers.extend(dumps.map(|dump| (Meaning::Dump(dump), dump.signal())));
        // Programs that carry keepalived's number with them carry that of the other C library, too.
        for other in [36, 37] {
            if numbers.iter().all(|(_, number)| *number != other) {
                numbers.push((Meaning::Dump(Dump::Json), other));
            }
        }
        let mut signals = Vec::with_capacity(numbers.len());
        for (meaning, number) in numbers {
            signals.push((meaning, signal(SignalKind::from_raw(number))?));
        }
        Ok(Self(signals))
    }

    /// What the next one that comes means.
    pub(super) async fn recv(&mut self) -> Meaning {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Meaning> {
        for (meaning, signal) in &mut self.0 {
            if signal.poll_recv(context).is_ready() {
                return Poll::Ready(*meaning);
            }
        }
        Poll::Pending
    }
}

#[cfg(not(feature = "keepalived"))]
impl super::Service {
    /// Says that nothing is dumped.
    pub(super) fn dump_at_signal(&mut self, dump: Dump) {
        log::info!("{} is ignored: {}", dump.signal_name(), crate::parts::lacking("keepalived"));
    }
}
