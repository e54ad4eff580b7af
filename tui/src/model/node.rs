//! A service that the console is attached to, or tries to be; there can be several.

use locum_control::{ChangeRecord, Check, Difference, Setting, SortedSet};

use crate::model::{Dialog, Replica, Retry};
use crate::options::Router;

/// The services.
#[derive(Debug)]
pub(crate) struct Nodes {
    list: Vec<Node>,
    /// The present one.
    pub(crate) at: usize,
    /// Stands in where there is none, which the console refuses to start with.
    none: Node,
}

/// A service.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) router: Router,
    pub(crate) replica: Replica,
    pub(crate) connection: Connection,
    /// Until when what it said was kept up to date, on our clock; `None` while it is. A service that greets and drops us
    /// before it has said everything does not change that.
    pub(crate) known_until_us: Option<u64>,
    pub(crate) refresh: Refresh,
    /// What the answer under way has said so far.
    pub(crate) answer: Answer,
    /// The form whose preview is under way.
    pub(crate) form: Option<Dialog>,
    pub(crate) retry: Option<Retry>,
    /// The preview under way is such a retry.
    pub(crate) was_stale: bool,
    /// The last changes, newest first, as they were last asked for.
    pub(crate) changes: Vec<ChangeRecord>,
    /// What was looked at last, the worst first; `None` if nothing was yet.
    pub(crate) checks: Option<Vec<Check>>,
    /// It is a recording that is played.
    pub(crate) play: Option<Play>,
}

/// What an answer to an order has said so far.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// What would change.
    pub(crate) differences: Vec<Difference>,
    /// What would follow from it, and what the check says about it.
    pub(crate) foreseen: Vec<String>,
    /// What the last forecast rested on.
    pub(crate) provided: Option<String>,
    /// What changes in the text of the configuration.
    pub(crate) diff: Vec<String>,
    /// What was looked at.
    pub(crate) checks: Vec<Check>,
    /// Changes that were made.
    pub(crate) changes: Vec<ChangeRecord>,
    /// What the options of an instance say.
    pub(crate) settings: Vec<Setting>,
}

/// How things stand with a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Not attached yet.
    Connecting,
    /// Attached; the first answer is under way.
    Syncing,
    /// Attached and up to date.
    Attached,
    /// Not attached any more, or not at all.
    Lost {
        reason: String,
        /// The next attempt, on our clock.
        retry_at_us: u64,
    },
}

/// What has to be asked again, because only the event was heard and not what followed from it.
#[derive(Debug, Default)]
pub(crate) struct Refresh {
    /// A question is under way; one at a time.
    pub(crate) asking: bool,
    /// When it was asked, on our clock.
    pub(crate) asked_at_us: u64,
    /// Events were missed: everything, from the start.
    pub(crate) resync: bool,
    pub(crate) instances: SortedSet<String>,
    /// The list of changes.
    pub(crate) changes: bool,
    /// The next question at the earliest.
    pub(crate) not_before_us: u64,
    /// When the counters are old enough to be fetched again.
    pub(crate) all_at_us: u64,
}

/// Where a recording is. Its times are microseconds since 1970, on the clock of the machine that recorded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Play {
    pub(crate) start_us: u64,
    pub(crate) end_us: u64,
    /// Where it was at `as_of_us` of our clock.
    pub(crate) at_us: u64,
    pub(crate) as_of_us: u64,
    pub(crate) runs: bool,
    /// How many times as fast as it was recorded.
    pub(crate) speed: u32,
}

impl Play {
    /// Where it is at `now_us` of our clock.
    pub(crate) fn position_us(&self, now_us: u64) -> u64 {
        let passed_us = if self.runs { now_us.saturating_sub(self.as_of_us) } else { 0 };
        self.at_us.saturating_add(passed_us.saturating_mul(self.speed.into())).min(self.end_us.max(self.at_us))
    }
}

impl Node {
    fn new(router: Router) -> Self {
        Self {
            router,
            replica: Replica::default(),
            connection: Connection::Connecting,
            known_until_us: None,
            refresh: Refresh::default(),
            answer: Answer::default(),
            form: None,
            retry: None,
            was_stale: false,
            changes: Vec::new(),
            checks: None,
            play: None,
        }
    }

    /// What its clock was set by: ours, or that of its recording.
    pub(crate) fn now_us(&self, now_us: u64) -> u64 {
        self.play.map_or(now_us, |play| play.position_us(now_us))
    }

    /// Its boot-time clock at `now_us` of ours. While there is no connection it stands still, because nothing is known of
    /// what happened since.
    pub(crate) fn server_us(&self, now_us: u64) -> u64 {
        self.clock_us(self.known_until_us.unwrap_or(now_us))
    }

    /// The same, whether it is reached or not.
    pub(crate) fn clock_us(&self, now_us: u64) -> u64 {
        self.replica.clock.boot_us(self.now_us(now_us))
    }

    /// How long ago it was last reached, if it is not now: what it said then may no longer hold.
    pub(crate) const fn lost_for_us(&self, now_us: u64) -> Option<u64> {
        match self.known_until_us {
            Some(until_us) => Some(now_us.saturating_sub(until_us)),
            None => None,
        }
    }

    /// Its wall clock at `now_us` of ours, in milliseconds since 1970.
    pub(crate) fn unix_ms(&self, now_us: u64) -> u64 {
        self.replica.clock.unix_ms(self.server_us(now_us))
    }
}

impl Nodes {
    pub(crate) fn new(routers: Vec<Router>) -> Self {
        let none = Node::new(Router::default());
        Self { list: routers.into_iter().map(Node::new).collect(), at: 0, none }
    }

    /// The present one.
    pub(crate) fn current(&self) -> &Node {
        self.list.get(self.at).unwrap_or(&self.none)
    }

    #[cfg(test)]
    pub(crate) fn current_mut(&mut self) -> &mut Node {
        self.list.get_mut(self.at).unwrap_or(&mut self.none)
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Node> {
        self.list.get(at)
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut Node> {
        self.list.get_mut(at)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.list.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn are_several(&self) -> bool {
        self.list.len() > 1
    }

    /// What a service is called: as the user called it where there are several, else its host, else where it is to be found. No two have the same
    /// name.
    pub(crate) fn name(&self, at: usize) -> String {
        let Some(node) = self.list.get(at) else { return String::new() };
        if self.are_several() && !node.router.label.is_empty() {
            return node.router.label.clone();
        }
        let host = |node: &Node| node.replica.hello.as_ref().map(|hello| hello.host.clone());
        match host(node) {
            Some(name) => {
                let before = self.list.iter().take(at).filter(|other| host(other).as_ref() == Some(&name)).count();
                if before == 0 { name } else { format!("{name}#{}", before + 1) }
            }
            None => crate::text::clean(&node.router.endpoint.to_string(), 40),
        }
    }

    /// How far the wall clock of one is ahead of that of the first that was heard, in milliseconds, and how far off that
    /// may be.
    pub(crate) fn ahead_ms(&self, at: usize, now_us: u64) -> Option<(i64, u64)> {
        let heard = |node: &&Node| node.replica.hello.is_some();
        let first = self.list.iter().find(heard)?;
        let node = self.list.get(at).filter(heard)?;
        let unix = |node: &Node| i64::try_from(node.replica.clock.unix_ms(node.clock_us(now_us))).ok();
        let ahead = unix(node)?.saturating_sub(unix(first)?);
        Some((ahead, node.replica.clock.error_us().saturating_add(first.replica.clock.error_us()).div_ceil(1_000)))
    }

    /// What has to be added to a point of service `at`'s boot-time clock to have it on that of the present one.
    pub(crate) fn shift_us(&self, at: usize, now_us: u64) -> i64 {
        let boot = |node: &Node| i64::try_from(node.clock_us(now_us)).unwrap_or(i64::MAX);
        let theirs = self.list.get(at).map_or(0, boot);
        boot(self.current()).saturating_sub(theirs)
    }

    /// Counts up when an instance of any of them comes, goes or changes its state.
    pub(crate) fn revision(&self) -> u64 {
        self.list.iter().map(|node| node.replica.revision).fold(0, u64::wrapping_add)
    }
}
