//! The signals at which keepalived dumps (keepalived(8), SIGNALS).

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

/// All of them. They are taken in any case: not taken, each of them would end the process.
#[derive(Debug)]
pub(super) struct DumpSignals(Vec<(Dump, Signal)>);

impl DumpSignals {
    /// Takes the signals from now on.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn open() -> io::Result<Self> {
        let all = [Dump::Data, Dump::Statistics, Dump::StatisticsAndClear, Dump::Json];
        let mut numbers = all.map(|dump| (dump, dump.signal())).to_vec();
        // Programs that carry keepalived's number with them carry that of the other C library, too.
        for other in [36, 37] {
            if numbers.iter().all(|(_, number)| *number != other) {
                numbers.push((Dump::Json, other));
            }
        }
        let open = |(dump, number)| Ok((dump, signal(SignalKind::from_raw(number))?));
        numbers.into_iter().map(open).collect::<io::Result<_>>().map(Self)
    }

    /// The next one that comes.
    pub(super) async fn recv(&mut self) -> Dump {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Dump> {
        for (dump, signal) in &mut self.0 {
            if signal.poll_recv(context).is_ready() {
                return Poll::Ready(*dump);
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
