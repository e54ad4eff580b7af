//! What instances follow: scripts, files, processes, interfaces, and probes of our own. Each runs by itself on the
//! service's thread; only its changes are told.
//!
//! - [`board`]: where they write and the service reads.
//! - [`watch`](mod@watch): asking at intervals, for scripts and probes.
//! - [`judge`]: how often and how long something must be so before it counts.
//! - [`script`], [`file`](mod@file), [`process`], [`probe`], [`link`]: what there is to follow.
//!
//! keepalived.conf(5) has the meaning of all but the probes, which are locum's own.

mod board;
mod file;
mod judge;
mod link;
mod probe;
mod process;
mod script;
mod watch;

use std::fmt;
use std::rc::Rc;

use locum_config::model::{Model, Probe, TrackFile, TrackProcess, TrackedBy, Tracks, VrrpScript, Weight};
use locum_control::SortedMap;
use locum_core::priority::TrackerId;
use tokio::task::JoinHandle;

use self::board::{Board, Pen};
pub(crate) use self::board::{Report, Reports, TrackerStatus};
pub(crate) use self::link::Links;
use crate::script::Customs;
use crate::task;

/// What can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// `track_interface`
    Interface,
    /// `vrrp_script`
    Script,
    /// `track_file`
    File,
    /// `vrrp_track_process`
    Process,
    /// `vrrp_probe`
    Probe,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interface => "interface",
            Self::Script => "script",
            Self::File => "file",
            Self::Process => "process",
            Self::Probe => "probe",
        })
    }
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Interface, Self::Script, Self::File, Self::Process, Self::Probe];

    /// What of this kind is followed.
    pub(crate) fn followed(self, tracks: &Tracks) -> &[TrackedBy] {
        match self {
            Self::Interface => &tracks.interfaces,
            Self::Script => &tracks.scripts,
            Self::File => &tracks.files,
            Self::Process => &tracks.processes,
            Self::Probe => &tracks.probes,
        }
    }
}

/// All trackers that somebody follows.
#[derive(Debug, Default)]
pub(crate) struct Trackers {
    board: Rc<Board>,
    running: SortedMap<(Kind, String), Running>,
    /// What holds for the scripts that run.
    customs: Option<Customs>,
    /// One task for all files.
    files: Option<JoinHandle<()>>,
    /// One task for all processes.
    processes: Option<JoinHandle<()>>,
}

/// A tracker that runs.
#[derive(Debug)]
struct Running {
    pen: Pen,
    what: What,
    /// Of a script or a probe.
    task: Option<JoinHandle<()>>,
}

/// What a tracker was made from. One that is the same in another configuration is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Interface,
    Script(Box<VrrpScript>),
    File(Box<TrackFile>),
    Process(Box<TrackProcess>),
    Probe(Box<Probe>),
}

impl Trackers {
    /// Starts all that are followed. Must be called on a [`tokio::runtime::LocalRuntime`].
    pub(crate) fn start(model: &Model) -> Self {
        let mut trackers = Self::default();
        trackers.reload(model);
        trackers
    }

    /// Goes over to another configuration. Trackers that are the same in it keep their numbers and their readings; the
    /// numbers of others may be given to new ones. Must be called on a [`tokio::runtime::LocalRuntime`].
    pub(crate) fn reload(&mut self, model: &Model) {
        let wanted = wanted(model);
        let customs = Customs::of(&model.global);
        let same_customs = self.customs.as_ref() == Some(&customs);
        let mut changed = Vec::new();
        self.running.retain(|key, running| {
            let is_script = key.0 == Kind::Script;
            let stays = wanted.get(key) == Some(&running.what) && (same_customs || !is_script);
            if !stays {
                changed.push(key.0);
            }
            stays
        });
        for (key, what) in wanted {
            if self.running.contains_key(&key) {
                continue;
            }
            changed.push(key.0);
            let Some(pen) = self.board.insert(key.0, &key.1) else {
                log::error!("{} {} is not followed: there are too many trackers", key.0, key.1);
                continue;
            };
            let running = Running::start(pen, what, &customs);
            self.running.insert(key, running);
        }
        self.customs = Some(customs);
        if changed.contains(&Kind::File) {
            self.follow_files();
        }
        if changed.contains(&Kind::Process) {
            self.follow_processes();
        }
    }

    /// Where changes come from.
    pub(crate) fn reports(&self) -> Reports {
        self.board.reports()
    }

    /// The number of a tracker. `None` where nobody follows it.
    pub(crate) fn id(&self, kind: Kind, name: &str) -> Option<TrackerId> {
        // A key is made for the look-up, which happens on a reload only.
        self.running.get(&(kind, name.to_owned())).map(|running| running.pen.tracker())
    }

    /// What is known about a tracker.
    pub(crate) fn status(&self, tracker: TrackerId) -> Option<TrackerStatus> {
        self.board.status(tracker)
    }

    /// The numbers of all trackers, in order.
    pub(crate) fn ids(&self) -> Vec<TrackerId> {
        let mut ids: Vec<_> = self.running.values().map(|running| running.pen.tracker()).collect();
        ids.sort_unstable();
        ids
    }

    /// The interfaces that are followed.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = &str> {
        self.running.keys().filter(|(kind, _)| *kind == Kind::Interface).map(|(_, name)| name.as_str())
    }

    /// An interface is up or down, or, `None`, not there; after its delay (see [`Links`]), which `runs` if it is the other
    /// already. Does nothing for one that nobody follows.
    pub(crate) fn interface_is(&self, name: &str, is_up: Option<bool>, runs: bool) {
        let Some(running) = self.running.get(&(Kind::Interface, name.to_owned())) else { return };
        let detail = match is_up {
            Some(true) if runs => "it has gone down, which does not count yet (interface_up_down_delays)",
            Some(true) => "it is up",
            Some(false) if runs => "it is up again, which does not count yet (interface_up_down_delays)",
            Some(false) => "it is down",
            None => "there is no such interface",
        };
        running.pen.reading(judge::reading(is_up == Some(true)), detail.into());
    }

    fn follow_files(&mut self) {
        if let Some(task) = self.files.take() {
            task.abort();
        }
        let files: Vec<_> = self.running.values_mut().filter_map(Running::file).collect();
        if !files.is_empty() {
            self.files = Some(task::spawn(file::follow(files)));
        }
    }

    fn follow_processes(&mut self) {
        if let Some(task) = self.processes.take() {
            task.abort();
        }
        let processes: Vec<_> = self.running.values().filter_map(Running::process).collect();
        if !processes.is_empty() {
            self.processes = Some(task::spawn(process::follow(processes)));
        }
    }
}

impl Drop for Trackers {
    fn drop(&mut self) {
        self.files.take().inspect(JoinHandle::abort);
        self.processes.take().inspect(JoinHandle::abort);
    }
}

impl Running {
    fn start(pen: Pen, what: What, customs: &Customs) -> Self {
        let asked = match &what {
            What::Script(script) => script::Script::planned(script, customs),
            What::Probe(probe) => probe::Asked::planned(probe, pen.tracker()),
            What::Interface | What::File(_) | What::Process(_) => None,
        };
        let task = asked.map(|(check, plan)| task::spawn(watch::watch(check, plan, pen.clone())));
        if let What::File(file) = &what {
            file::write_initial(file);
        }
        Self { pen, what, task }
    }

    fn file(&mut self) -> Option<file::Tracked> {
        match &self.what {
            What::File(file) => file::Tracked::new(file, self.pen.clone()),
            What::Interface | What::Script(_) | What::Process(_) | What::Probe(_) => None,
        }
    }

    fn process(&self) -> Option<process::Tracked> {
        match &self.what {
            What::Process(process) => Some(process::Tracked::new(process, self.pen.clone())),
            What::Interface | What::Script(_) | What::File(_) | What::Probe(_) => None,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.take().inspect(JoinHandle::abort);
        self.pen.erase();
    }
}

/// What a configuration follows. What is broken in it, or not there, is not: the instances that follow it are broken, too.
fn wanted(model: &Model) -> SortedMap<(Kind, String), What> {
    let instances = model.instances.iter().filter(|instance| !instance.broken).map(|instance| &*instance.tracks);
    let groups = model.sync_groups.iter().filter(|group| !group.broken).map(|group| &group.tracks);
    let mut wanted = SortedMap::new();
    for tracks in instances.chain(groups) {
        for kind in Kind::ALL {
            for tracked in kind.followed(tracks) {
                let key = (kind, tracked.name.value.clone());
                if wanted.contains_key(&key) {
                    continue;
                }
                if let Some(what) = what(model, kind, &tracked.name) {
                    wanted.insert(key, what);
                }
            }
        }
    }
    wanted
}

/// What a tracker is made from. Its weight is of no concern here: it is for those who follow it.
fn what(model: &Model, kind: Kind, name: &str) -> Option<What> {
    let weight = Weight::default();
    match kind {
        Kind::Interface => Some(What::Interface),
        Kind::Script => {
            let found = model.scripts.iter().find(|script| *script.name == name && !script.broken)?;
            let mut script = Box::new(found.clone());
            script.weight = weight;
            Some(What::Script(script))
        }
        Kind::File => {
            let found = model.track_files.iter().find(|file| *file.name == name && !file.broken)?;
            let mut file = Box::new(found.clone());
            file.weight = weight;
            Some(What::File(file))
        }
        Kind::Process => {
            let found = model.track_processes.iter().find(|process| *process.name == name && !process.broken)?;
            let mut process = Box::new(found.clone());
            process.weight = weight;
            Some(What::Process(process))
        }
        Kind::Probe => {
            let found = model.probes.iter().find(|probe| *probe.name == name && !probe.broken)?;
            let mut probe = Box::new(found.clone());
            probe.weight = weight;
            Some(What::Probe(probe))
        }
    }
}

#[cfg(test)]
mod tests;
