//! The routers: each a `locum run` on its machine, watched over its control socket.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use locum_control::client::{Client, ClientError};
use locum_control::{Event, Item, TransitionRecord, Verb};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

use super::DemoError;
use super::group::RouterId;
use super::lan::Machine;
use super::sandbox::Inside;
use super::story::Story;

/// How often a router is looked after that has nothing to tell.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How much of its log is shown when it has failed.
const LOG_TAIL_BYTES: u64 = 1_500;

/// A router: its machine, its files and the service that runs on it.
#[derive(Debug)]
pub(super) struct Router {
    id: RouterId,
    machine: Machine,
    folder: PathBuf,
    service: Mutex<Option<Child>>,
}

impl Router {
    /// The router on this machine. Nothing runs on it yet.
    pub(super) fn new((id, machine): (RouterId, Machine), inside: &Inside) -> Self {
        Self { id, machine, folder: inside.files().join(id.name()), service: Mutex::new(None) }
    }

    /// Its control socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// Starts the service.
    pub(super) fn start(&self) -> Result<(), DemoError> {
        let failed = |error| DemoError::Router(self.id, error);
        let mut service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        if service.is_some() {
            return Err(DemoError::Running(self.id));
        }
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let configuration = self.folder.join("locum.conf");
        fs::write(&configuration, self.id.configuration()).map_err(failed)?;
        let log = File::create(self.folder.join("log")).map_err(failed)?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0("locum").arg("run").arg("-f").arg(&configuration).arg("--run-dir").arg(&self.folder);
        command.env_remove("LOCUM_SOCKET").env_remove("JOURNAL_STREAM");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.process_group(0); // Ctrl-C is for the demo, not for the routers
        let started = self.machine.enter(|| {
            SigSet::empty().thread_set_mask()?; // the service inherits it, and waits for signals
            command.spawn()
        })?;
        *service = Some(started.map_err(failed)?);
        Ok(())
    }

    /// Sends its service a signal.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), DemoError> {
        let service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = service.as_ref().and_then(|service| i32::try_from(service.id()).ok());
        let pid = pid.ok_or(DemoError::NotRunning(self.id))?;
        kill(Pid::from_raw(pid), signal).map_err(|errno| DemoError::Router(self.id, errno.into()))
    }

    /// Takes note if its service has ended.
    fn ended(&self) -> Option<ExitStatus> {
        let mut service = self.service.lock().unwrap_or_else(PoisonError::into_inner);
        let status = service.as_mut()?.try_wait().ok().flatten()?;
        *service = None;
        Some(status)
    }

    fn is_running(&self) -> bool {
        self.service.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The end of its log.
    pub(super) fn log_tail(&self) -> String {
        let read = || -> io::Result<String> {
            let mut file = File::open(self.folder.join("log"))?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
            let mut bytes = Vec::new();
            file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        read().unwrap_or_default() // nothing to show is nothing to show
    }
}

/// Starts a thread for each router, which tells the story what happens on it. They end with the process.
pub(super) fn start_watching(routers: &Arc<[Router; RouterId::COUNT]>, story: &Arc<Story>) -> Result<(), DemoError> {
    for id in RouterId::ALL {
        let (routers, story) = (Arc::clone(routers), Arc::clone(story));
        let work = move || {
            if let Some(router) = routers.get(id.index()) {
                watch(router, &story);
            }
        };
        thread::Builder::new().name(format!("watch-{id}")).spawn(work).map_err(DemoError::System)?;
    }
    Ok(())
}

fn watch(router: &Router, story: &Story) -> ! {
    let mut seen_us = 0;
    loop {
        if router.is_running()
            && let Err(error) = follow(router, story, &mut seen_us)
            && !matches!(error, ClientError::Connect(_) | ClientError::Closed | ClientError::Broken(_))
        {
            story.trouble(router.id, &error.to_string());
        }
        if let Some(status) = router.ended() {
            story.ended(router.id, status, &router.log_tail());
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Passes on what a service tells, until it ends. `seen_us` is when the last change of state happened that was passed on:
/// a service also tells those of the past.
fn follow(router: &Router, story: &Story, seen_us: &mut u64) -> Result<(), ClientError> {
    let mut client = Client::connect(Path::new(&router.socket()))?;
    let (items, _) = client.request(Verb::Watch { instance: None, adverts: false })?;
    let mut pass_on = |record: &TransitionRecord| {
        if record.at_us > *seen_us {
            *seen_us = record.at_us;
            story.transition(router.id, record);
        }
    };
    for item in &items {
        if let Item::Transition(record) = item {
            pass_on(record);
        }
    }
    loop {
        if let Event::Transition(record) = client.next_notice(None)?.event {
            pass_on(&record);
        }
    }
}
