//! Proof that the service and its engine move: for a watchdog, and for the next start after a crash.
//!
//! A start that knows that the engine still moved a moment ago knows that no other router can have taken over: backups
//! wait for three intervals. Then it goes on as MASTER at once, and the clients notice next to nothing. If it cannot know,
//! it begins as BACKUP and listens, as after any start: it never fights a router that took over.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use locum_config::{Configuration, Model, model};
use locum_core::router::Command;
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::State;

use super::Service;
use super::kept::boot_id;
use super::losses::NOBODY_ASKS;
use crate::clock;
use crate::engine::link::Order;
use crate::namespace::own_number;
use crate::privileges::Scripts;
use crate::supervision::manager::Manager;
use crate::text::Append;

const FILE: &str = "alive";

/// How often it beats: four times an advert interval, within these bounds.
const EVERY_MIN: Duration = Duration::from_ms(50);
const EVERY_MAX: Duration = Duration::from_ms(1000);

/// A service that crashed sooner than this may crash again; its addresses are better off elsewhere.
const LIVED_ENOUGH: Duration = Duration::from_s(10);

/// The heart of a service.
pub(super) struct Heart {
    pub(super) manager: Manager,
    path: PathBuf,
    file: Option<File>,
    /// The boot and the namespace, as they stand in the stamp.
    place: String,
    /// Of what was running, and for whom: says whether the stamp is about the same.
    identity: u64,
    /// The configuration's, when that was last looked at.
    revision: u64,
    /// Whether there were scripts when it began.
    pub(super) scripts: Scripts,
    began: Instant,
    every: Duration,
    next: Instant,
    /// What the manager was told last.
    status: String,
    /// When the engine was last asked whether it moves, or seen to be on time.
    asked: Instant,
    /// It does not, and that has been said.
    is_stuck: bool,
}

/// What the run before has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    identity: u64,
    began: Instant,
    /// When its engine was last known to move.
    moved: Instant,
}

/// Which instances of the run before may go on as MASTER, and until when.
#[derive(Debug, Default)]
pub(super) struct Legacy(Option<Stamp>);

impl Legacy {
    /// Until when an instance that was MASTER may go on. `None` if it must listen first.
    pub(super) fn until(&self, configured: &model::Instance) -> Option<Instant> {
        let stamp = self.0?;
        let interval = Duration::from_cs(*configured.advert_interval_cs);
        // Its last advert left at most an interval before, and the others wait for three. A quarter is for the way.
        let until = stamp.moved + Duration::from_us(interval.us().saturating_mul(7) / 4);
        (stamp.moved.since(stamp.began) >= LIVED_ENOUGH).then_some(until)
    }
}

impl Heart {
    /// Reads what the run before has left, and begins to beat.
    pub(super) fn in_directory(directory: &Path, configuration: &Configuration) -> (Self, Legacy) {
        let path = directory.join(FILE);
        let now = clock::now();
        let identity = identity(configuration);
        let place = place();
        let left = fs::read_to_string(&path).ok().and_then(|text| Stamp::parse(&text, &place));
        let legacy = Legacy(left.filter(|stamp| stamp.identity == identity && stamp.moved <= now));
        let manager = Manager::from_environment();
        let every = every(configuration, &manager);
        let heart = Self {
            manager,
            path,
            file: None,
            place,
            identity,
            revision: 0,
            scripts: scripts(configuration.model()),
            began: now,
            every,
            next: now,
            status: String::new(),
            asked: now,
            is_stuck: false,
        };
        (heart, legacy)
    }

    /// When it beats next.
    pub(super) const fn due(&self) -> Instant {
        self.next
    }

    /// Half of the time between two beats, or less.
    pub(super) const fn half_beat(&self) -> Duration {
        Duration::from_us(self.every.us() / 2)
    }

    fn stamp(&mut self, moved: Instant) -> io::Result<()> {
        let stamp = Stamp { identity: self.identity, began: self.began, moved };
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
                self.file.insert(file)
            }
        };
        // Always of the same length, and in one piece.
        file.write_all_at(stamp.text(&self.place).as_bytes(), 0)
    }

    /// The service ends in order: nobody is to go on from here.
    pub(super) fn stop(&mut self) {
        self.file = None;
        let _ = fs::remove_file(&self.path); // there may be none
    }
}

impl Stamp {
    fn text(&self, place: &str) -> String {
        let Self { identity, began, moved } = self;
        format!("{place} {identity:020} {:020} {:020}\n", began.us(), moved.us())
    }

    /// `None` for one of another boot or namespace, of another version, or that is damaged.
    fn parse(text: &str, place: &str) -> Option<Self> {
        let words: Vec<&str> = text.strip_prefix(place)?.strip_suffix('\n')?.split(' ').collect();
        let ["", identity, began, moved] = words.as_slice() else { return None };
        let at = |word: &str| word.parse().ok().map(Instant::from_us);
        Some(Self { identity: identity.parse().ok()?, began: at(began)?, moved: at(moved)? })
    }
}

/// Where a stamp is worth something, with the version of its form.
fn place() -> String {
    format!("1 {} {:020}", boot_id(), own_number())
}

/// Whether a configuration has programs run.
pub(super) fn scripts(model: &Model) -> Scripts {
    let of = |notify: &model::Notify| {
        let all =
            [&notify.master, &notify.backup, &notify.fault, &notify.stop, &notify.any, &notify.master_heard_lower];
        all.iter().any(|script| script.is_some())
            || notify.deleted.as_ref().is_some_and(|deleted| deleted.value.is_some())
    };
    let global = &model.global;
    let services = [&global.startup.script, &global.shutdown.script];
    let fifos = [&global.notify_fifo.script, &global.vrrp_notify_fifo.script];
    let any = !model.scripts.is_empty()
        || services.iter().chain(&fifos).any(|script| script.is_some())
        || model.instances.iter().any(|instance| of(&instance.notify))
        || model.sync_groups.iter().any(|group| of(&group.notify));
    if any { Scripts::May } else { Scripts::None }
}

/// Says whether two runs are about the same instances.
fn identity(configuration: &Configuration) -> u64 {
    let mut hasher = DefaultHasher::new();
    for instance in &configuration.model().instances {
        let interface = instance.interface.as_ref().map(|name| &name.value);
        let (priority, interval_cs, group) =
            (*instance.priority, *instance.advert_interval_cs, *instance.multicast_group);
        let mut words = format!("{:?} {interface:?} {} {}", instance.name.value, *instance.vrid, instance.family);
        words.append(format_args!(" {priority} {interval_cs} {group}"));
        instance.peers.iter().for_each(|peer| words.append(format_args!(" {}", peer.value.address)));
        instance.addresses.iter().for_each(|vip| words.append(format_args!(" {}/{}", vip.address, vip.prefix_len)));
        hasher.write(words.as_bytes());
    }
    hasher.finish()
}

fn every(configuration: &Configuration, manager: &Manager) -> Duration {
    let intervals = configuration.model().instances.iter().map(|it| Duration::from_cs(*it.advert_interval_cs));
    let quarter = intervals.min().map_or(EVERY_MAX, |interval| Duration::from_us(interval.us() / 4));
    let watchdog = manager.watchdog().map(|at_least| clock::whole_us(at_least) / 3);
    quarter.min(watchdog.map_or(EVERY_MAX, Duration::from_us)).min(EVERY_MAX).max(EVERY_MIN)
}

impl Service {
    /// Looks whether the engine moves, asks it where that cannot be seen, and passes on that it does.
    pub(super) fn beat(&mut self) {
        let now = clock::now();
        if self.heart.revision != self.changes.revision {
            self.heart.revision = self.changes.revision;
            self.heart.identity = identity(&self.configuration);
            self.heart.every = every(&self.configuration, &self.heart.manager);
            if self.heart.scripts == Scripts::None && scripts(self.configuration.model()) == Scripts::May {
                self.heart.scripts = Scripts::May;
                log::warn!(
                    "there were no scripts when the service began, so it gave up the right to gain privileges: scripts \
                     that need sudo, or mail by sendmail, work after a restart"
                );
            }
        }
        let is_on_time = self.engine.shared.is_on_time(now);
        if is_on_time {
            // It sleeps with nothing left undone, which is as good as an answer and does not wake it.
            self.heart.asked = now;
        }
        if is_on_time || self.engine.shared.has_answered() {
            if self.heart.is_stuck {
                self.heart.is_stuck = false;
                log::warn!("the engine moves again");
            }
            self.heart.manager.alive();
            if self.heart.manager.is_there() {
                let status = self.states();
                if status != self.heart.status {
                    self.heart.manager.status(&status);
                    self.heart.status = status;
                }
            }
            let asked = self.heart.asked;
            // Only a MASTER has something to go on with.
            if self.instances.iter().any(|instance| instance.state == State::Master)
                && let Err(error) = self.heart.stamp(asked)
            {
                log::debug!("{}: {error}", self.heart.path.display()); // a start after a crash listens first, then
            }
        } else if !self.heart.is_stuck && now.since(self.heart.asked) > EVERY_MAX {
            self.heart.is_stuck = true;
            log::error!("the engine has not moved for {}", now.since(self.heart.asked));
        }
        if !is_on_time && self.engine.shared.has_answered() {
            self.heart.asked = now;
            self.engine.shared.ask();
        }
        // Only what is stamped has to be fresh.
        let has_master = self.instances.iter().any(|instance| instance.state == State::Master);
        let is_leisurely = !has_master && self.heart.manager.watchdog().is_none();
        self.heart.next = now + if is_leisurely { EVERY_MAX } else { self.heart.every };
    }

    /// All runs, and so many instances are in each state.
    pub(super) fn tell_manager_that_all_runs(&mut self) {
        self.heart.status = self.states();
        self.heart.manager.ready(&self.heart.status);
    }

    fn states(&self) -> String {
        let count = |state| self.instances.iter().filter(|instance| instance.state == state).count();
        let of = |state| format!("{} {state}", count(state));
        [State::Master, State::Backup, State::Fault, State::Init].map(of).join(", ")
    }

    /// An instance that was MASTER when the service crashed a moment ago goes on.
    pub(super) fn go_on(&mut self, index: usize) {
        let Some(instance) = self.instances.get_mut(index) else { return };
        let now = clock::now();
        let (Some(until), Some(router)) = (instance.goes_on_until, instance.router) else { return };
        if now < until {
            self.order(Order::Command { router, command: Command::GoOn, ticket: NOBODY_ASKS });
        } else {
            instance.goes_on_until = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use locum_config::Surroundings;

    fn configuration(text: &str) -> Configuration {
        locum_config::check("test.conf", text.as_bytes(), &Surroundings::default())
    }

    const TEXT: &str =
        "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 10.0.0.1\n }\n}\n";

    #[test]
    fn a_stamp_is_read_as_it_was_written_and_only_here() {
        let stamp = Stamp { identity: 7, began: Instant::from_us(1), moved: Instant::from_us(u64::MAX) };
        let text = stamp.text(&place());
        assert_eq!(Stamp::parse(&text, &place()), Some(stamp));
        for end in 0..text.len() {
            assert_eq!(Stamp::parse(&text[..end], &place()), None);
        }
        assert_eq!(Stamp::parse(&text.replace(&boot_id(), "another"), &place()), None);
        assert_eq!(Stamp::parse(&text.replacen('1', "2", 1), &place()), None);
    }

    #[test]
    fn who_goes_on_was_heard_of_a_moment_ago_and_had_not_just_begun() {
        let configuration = configuration(TEXT);
        let instance = &configuration.model().instances[0];
        let at = |seconds: u64| Instant::from_us(seconds * 1_000_000);
        let legacy = |began, moved| Legacy(Some(Stamp { identity: 0, began: at(began), moved: at(moved) }));
        assert_eq!(legacy(100, 200).until(instance), Some(at(200) + Duration::from_ms(1_750)));
        assert_eq!(legacy(195, 200).until(instance), None, "it may crash again");
        assert_eq!(Legacy::default().until(instance), None);
    }

    #[test]
    fn another_configuration_is_another_matter() {
        let before = identity(&configuration(TEXT));
        assert_eq!(before, identity(&configuration(&TEXT.replace(" interface", "  interface"))));
        for (from, to) in
            [("eth0", "eth1"), ("id 1", "id 2"), ("10.0.0.1", "10.0.0.2"), ("vrrp_instance A", "vrrp_instance B")]
        {
            assert_ne!(before, identity(&configuration(&TEXT.replace(from, to))));
        }
    }
}
