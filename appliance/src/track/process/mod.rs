//! `vrrp_track_process`: whether enough processes of a name run. Read proc(5) before changing it.
//!
//! The kernel tells of each process that begins, changes its name or ends ([`connector`]). It does so only to the first
//! network and process namespace, and only if it was built with `CONFIG_PROC_EVENTS`, which those of many small boxes are
//! not; elsewhere `/proc` is read each second.

mod connector;
mod table;

use std::time::Duration;

use locum_config::model::TrackProcess;
use tokio::time::{Instant, sleep_until};

use self::connector::{Connector, Event};
use self::table::{Matcher, Table};
use super::board::Pen;
use super::judge::{Hold, reading, until};

/// Between two looks at `/proc` where the kernel does not tell.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// After events were lost: how long to wait for the storm to pass before everything is looked at again.
const SETTLE: Duration = Duration::from_millis(200);

/// A process that is looked for, and where it is told.
#[derive(Debug)]
pub(super) struct Tracked {
    matcher: Matcher,
    quorum: u32,
    quorum_max: u32,
    hold: Hold,
    pen: Pen,
}

impl Tracked {
    pub(super) fn new(process: &TrackProcess, pen: Pen) -> Self {
        let ms = |ms: u32| Duration::from_millis(u64::from(ms));
        Self {
            matcher: Matcher::new(process),
            quorum: *process.quorum,
            quorum_max: process.quorum_max.as_ref().map_or(u32::MAX, |max| max.value),
            hold: Hold::new(ms(*process.terminate_delay_ms), ms(*process.fork_delay_ms)),
            pen,
        }
    }

    fn take(&mut self, count: u32) {
        let is_good = (self.quorum..=self.quorum_max).contains(&count);
        self.hold.take(Instant::now(), is_good);
        self.say(count);
    }

    fn say(&self, count: u32) {
        let wanted = match (self.quorum, self.quorum_max) {
            (quorum, u32::MAX) => format!("at least {quorum}"),
            (0, max) => format!("at most {max}"),
            (quorum, max) => format!("{quorum} to {max}"),
        };
        let detail = format!("{count} running, {wanted} wanted");
        if let Some(is_good) = self.hold.settled() {
            self.pen.reading(reading(is_good), detail);
        }
    }
}

/// Follows all of them.
pub(super) async fn follow(mut tracked: Vec<Tracked>) {
    let mut connector = match Connector::open().await {
        Ok(connector) => Some(connector),
        Err(error) => {
            log::info!(
                "vrrp_track_process: the kernel does not tell of processes ({error}); /proc is read each second"
            );
            None
        }
    };
    // After the connector was opened, so that what begins meanwhile is not missed.
    let mut table = Table::new(tracked.iter().map(|tracked| tracked.matcher.clone()).collect());
    look(&mut table, &mut tracked);
    let mut look_at = Instant::now() + LOOK_EVERY;
    loop {
        let due = tracked.iter().filter_map(|tracked| tracked.hold.due()).min();
        tokio::select! {
            event = next(connector.as_mut()) => match event {
                Ok(Event::Lost) => {
                    tokio::time::sleep(SETTLE).await;
                    look(&mut table, &mut tracked);
                }
                Ok(event) => {
                    table.apply(event, |index, count| {
                        if let Some(tracked) = tracked.get_mut(index) {
                            tracked.take(count);
                        }
                    });
                }
                Err(error) => {
                    log::warn!("vrrp_track_process: the kernel no longer tells of processes: {error}");
                    connector = None;
                }
            },
            () = sleep_until(look_at), if connector.is_none() => {
                look(&mut table, &mut tracked);
                look_at = Instant::now() + LOOK_EVERY;
            }
            () = until(due) => {
                for (index, tracked) in tracked.iter_mut().enumerate() {
                    if tracked.hold.expire(Instant::now()) {
                        tracked.say(table.count(index));
                    }
                }
            }
        }
    }
}

async fn next(connector: Option<&mut Connector>) -> std::io::Result<Event> {
    match connector {
        Some(connector) => connector.next().await,
        None => std::future::pending().await,
    }
}

/// Looks at all processes.
fn look(table: &mut Table, tracked: &mut [Tracked]) {
    table.read_all();
    for (index, tracked) in tracked.iter_mut().enumerate() {
        tracked.take(table.count(index));
    }
}
