//! `vrrp_probe`, locum's own: what scripts are mostly written for, without starting a process for it.

mod echo;
mod neighbour;
mod packet;
mod route;
mod tcp;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use locum_config::model::{Probe, ProbeTarget};
use locum_core::priority::TrackerId;
use tokio::time::{Instant, timeout};

use super::watch::{Answer, Check, Plan, Verdict};
use crate::clock;

/// A probe that is asked.
pub(super) struct Asked {
    target: ProbeTarget,
    way: Way,
    timeout: Duration,
    /// Told apart from other probes' questions, and from those of other programs.
    identifier: u16,
    sequence: u16,
    /// Opened when a route is first looked for.
    routes: Option<route::Routes>,
}

/// Where a question goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Way {
    interface: Option<String>,
    source: Option<IpAddr>,
}

/// Why there is no answer.
#[derive(Debug)]
enum Failure {
    /// The other side has said no: refused, unreachable.
    Refused(String),
    /// What is looked for is not there.
    Absent(String),
    /// The question cannot be asked: no such interface, no such source address, no route.
    CannotAsk(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(words) | Self::Absent(words) => f.write_str(words),
            Self::CannotAsk(error) => write!(f, "cannot be asked: {error}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::CannotAsk(error)
    }
}

impl Asked {
    /// One, and how often it is asked; `None` for one that is broken.
    pub(super) fn planned(probe: &Probe, TrackerId(number): TrackerId) -> Option<(Box<dyn Check>, Plan)> {
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        let asked = Self {
            target: probe.target.as_ref()?.value,
            way: Way {
                interface: probe.interface.as_ref().map(|interface| interface.value.clone()),
                source: probe.source.as_ref().map(|source| source.value),
            },
            timeout: ms(*probe.timeout_ms),
            identifier: u16::try_from(std::process::id() & 0xffff).unwrap_or(0) ^ number,
            sequence: 0,
            routes: None,
        };
        let plan = Plan {
            interval: ms(*probe.interval_ms),
            rise: *probe.rise,
            fall: *probe.fall,
            fail_hold: ms(*probe.fail_hold_ms),
            recover_hold: ms(*probe.recover_hold_ms),
            starts_failed: *probe.starts_failed,
        };
        Some((Box::new(asked), plan))
    }

    async fn ask(&mut self) -> Result<String, Failure> {
        self.sequence = self.sequence.wrapping_add(1);
        let way = &self.way;
        match self.target {
            ProbeTarget::Icmp(address) => echo::ask(address, way, self.identifier, self.sequence).await,
            ProbeTarget::Neighbour(address) => neighbour::ask(address, way).await,
            ProbeTarget::Tcp(address) => tcp::ask(address, way).await,
            ProbeTarget::Route { destination, table } => route::ask(destination, table, way, &mut self.routes).await,
        }
    }
}

impl Check for Asked {
    fn check(&mut self) -> Pin<Box<dyn Future<Output = Verdict> + '_>> {
        let started = Instant::now();
        let limit = self.timeout;
        Box::pin(async move {
            let (answer, result) = match timeout(limit, self.ask()).await {
                Ok(Ok(words)) => (Answer::Good, words),
                Ok(Err(failure)) => (Answer::Bad, failure.to_string()),
                Err(_) => (Answer::Bad, format!("no answer within {} ms", clock::whole_ms(limit))),
            };
            Verdict { answer, result, duration: started.elapsed(), last_lines: Vec::new() }
        })
    }
}
