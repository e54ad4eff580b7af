//! From a command line to a running service: nothing of the network is touched before everything that can refuse the start
//! has been asked.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use locum_config::model::Global;
use locum_config::{Configuration, LoadError, Model, Severity, Style};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::State;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tokio::net::UnixListener;
use tokio::net::unix::pipe;

use super::changes::Changes;
use super::clients::{self, Clients};
use super::heart::Heart;
use super::history::{self, History};
use super::journal::{self, Entry, Journal};
use super::kernel::Kernel;
use super::kernel::recovery::remove_left_behind;
use super::network::Network;
use super::plan::Placements;
use super::repeated::Repeated;
use super::texts::Texts;
use super::yields::Yields;
use super::{Options, Reply, Service, foreign, plan, running};
use crate::engine::{self, Sizes};
use crate::namespace::EnterError;
use crate::notify::Notifier;
use crate::track::{Links, Trackers};
use crate::{clock, machine, privileges};

/// Why the service could not start, or could not go on.
#[derive(Debug)]
pub(crate) enum StartError {
    /// The configuration cannot be read.
    Load(LoadError),
    /// The configuration cannot be told apart; the text says where and why.
    Refused(String),
    /// Something of the operating system.
    Io(String, io::Error),
    /// The run directory cannot be made, cannot be written or must not be used.
    RunDirectory(PathBuf, io::Error),
    /// Another service uses the run directory.
    Running(PathBuf, String),
    /// Neither root nor the capabilities.
    Privilege,
    /// There is a journal, but what it says cannot be understood.
    Journal(PathBuf, io::Error),
    /// The journal is of a network namespace that has no name.
    Elsewhere(PathBuf),
    /// The network namespace cannot be entered.
    Namespace(EnterError),
    /// The kernel's network cannot be asked.
    Netlink(io::Error),
    /// The engine ended by itself, which is a defect.
    Engine,
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Load(error) => {
                write!(f, "{error}")?;
                match error.fix() {
                    Some(fix) => write!(f, "\nhelp: {fix}"),
                    None => Ok(()),
                }
            }
            Self::Refused(text) => f.write_str(text),
            Self::Io(what, error) => write!(f, "{what}: {error}"),
            Self::RunDirectory(path, error) => write!(
                f,
                "run directory {}: {error}\nhelp: name another with `--run-dir`, as `--run-dir /tmp/locum`",
                path.display()
            ),
            Self::Running(directory, pid) => write!(
                f,
                "another locum (process {pid}) uses the run directory {}\nhelp: stop it, or give this one another \
                 `--run-dir` and `--socket`",
                directory.display()
            ),
            Self::Privilege => f.write_str(
                "no privilege to use raw sockets\nhelp: run it as root, or with CAP_NET_ADMIN and CAP_NET_RAW",
            ),
            Self::Journal(path, error) => write!(
                f,
                "the journal {} cannot be understood: {error}\nIt lists the addresses that an earlier run may have left \
                 on the interfaces.\nhelp: look for such addresses with `ip address`, remove them, then remove the file",
                path.display()
            ),
            Self::Elsewhere(directory) => write!(
                f,
                "the journal in {} was written in another network namespace, which has no name in `ip netns list`\nhelp: \
                 run this in there; if there is no such namespace any more, nothing is left behind: remove the directory",
                directory.display()
            ),
            Self::Namespace(error) => error.fmt(f),
            Self::Engine => f.write_str("the engine has ended unexpectedly; the addresses are removed"),
            Self::Netlink(error) => write!(f, "the kernel's network cannot be asked: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<io::Error> for StartError {
    fn from(error: io::Error) -> Self {
        Self::Io("the service could not start".into(), error)
    }
}

impl StartError {
    /// Whether the configuration is the reason.
    pub(crate) const fn is_about_configuration(&self) -> bool {
        matches!(self, Self::Load(_) | Self::Refused(_))
    }
}

/// The lock on the run directory. The kernel releases it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock(#[allow(dead_code, reason = "held for as long as the service lives")] Flock<File>);

/// Starts everything. On return the engine runs, and the socket answers as soon as it is served.
pub(super) async fn start(options: Options, clients: Clients) -> Result<(Service, UnixListener), StartError> {
    history::make_directory(&options.run_directory)
        .map_err(|error| StartError::RunDirectory(options.run_directory.clone(), error))?;
    let lock = lock(&options.run_directory)?;
    check_privilege()?;
    let network = Network::read().map_err(StartError::Netlink)?;
    let journal = Journal::in_directory(&options.run_directory);
    let left = journal.read().map_err(|error| StartError::Journal(options.run_directory.clone(), error))?;
    let configuration = load(&options.configuration, &network, &left.addresses)?;
    // The last that can refuse: from here on the kernel is changed.
    let listener = clients::listen(&options.socket)
        .map_err(|error| StartError::Io(format!("control socket {}", options.socket.display()), error))?;
    let network = remove_left_behind(&left, network)?;
    let placements = Placements::of(configuration.model());
    let journalled_addresses = journal_entries(configuration.model(), &network);
    let kernel = Kernel::new(configuration.model(), &placements)?;

    let mut history = History::in_directory(&options.run_directory);
    let model = configuration.model();
    let begin_at = begin_at(&model.global, clock::now());
    let (notifier, script_runs) = Notifier::start(model, &options.run_directory).await;
    history.retain(|name| model.instance(name).is_some());
    let mut interfaces = Vec::new();
    running::note_interfaces(model, &mut interfaces);
    let trackers = Trackers::start(model);
    let sizes = Sizes {
        routers: model.instances.len().max(1),
        interfaces: interfaces.len(),
        trackers: trackers.ids().last().map_or(0, |last| usize::from(last.0) + 1),
    };
    let (mut end, thread) = engine::start(sizes, plan::scheduling(&model.global))?;
    let ready = end.ready.take().ok_or_else(|| io::Error::other("the engine has no pipe"))?;
    let reports_ready = pipe::Receiver::from_owned_fd(ready.into())?;
    let (heart, legacy) = Heart::in_directory(&options.run_directory, &configuration);
    let configuration = Rc::new(configuration);
    let mut service = Service {
        configuration: Rc::clone(&configuration),
        host: machine::host_name(),
        started: clock::now(),
        begin_at,
        findings: count(&configuration),
        reports_ready: Rc::new(reports_ready),
        engine: end,
        engine_thread: Some(thread),
        lateness: Box::default(),
        waiting_orders: std::collections::VecDeque::new(),
        network,
        interfaces,
        instances: Vec::new(),
        by_router: Vec::new(),
        groups: Vec::new(),
        tracker_reports: trackers.reports(),
        trackers,
        links: Links::new(&configuration.model().up_down_delays),
        next_key: 0,
        history,
        cause_kinds: Texts::default(),
        heart,
        sandbox: super::sandbox::Sandbox::default(),
        legacy,
        journal,
        notifier,
        script_runs,
        journalled_addresses,
        journalled_routes: Vec::new(),
        plans: 0,
        kernel,
        kernel_retry_at: None,
        kernel_due: clock::now(),
        placements,
        clients,
        repeated: Repeated::default(),
        changes: Changes::in_directory(&options.run_directory, Rc::clone(&configuration)),
        yields: Yields::in_directory(&options.run_directory),
        handovers: Vec::new(),
        #[cfg(feature = "doctor")]
        examination: super::examine::Examination::default(),
        listening: super::stations::Listening::default(),
        reply: Reply::default(),
        next_ticket: 0,
        stopped: false,
        failed: false,
        options,
        _lock: lock,
    };
    // Everything that may be in the kernel from now on.
    for instance in &configuration.model().instances {
        plan::items::add_route_entries(instance, &service.network, &mut service.journalled_routes);
    }
    service.kernel.look(&service.network, false);
    service.write_journal().map_err(|error| StartError::Io("journal".into(), error))?;
    service.kernel.act(&service.network);
    service.network = Network::read().map_err(StartError::Netlink)?;
    service.set_paces();
    // Sockets and links first, so that no router begins in FAULT only because it does not know its interface yet.
    service.network_changed();
    for configured in &configuration.model().instances {
        let was_master = service.history.last_state(&configured.name) == Some(State::Master);
        service.note_unclean_end(&configured.name);
        service.insert(configured);
        if let Some(instance) = service.instances.last_mut().filter(|_| was_master) {
            instance.goes_on_until = service.legacy.until(configured);
        }
    }
    privileges::restrict_service(service.heart.scripts);
    service.sandbox = super::sandbox::Sandbox::close(&service.options, &configuration);
    service.tell_manager_that_all_runs();
    log::info!(
        "locum {} started with {} instances from {}",
        env!("CARGO_PKG_VERSION"),
        service.instances.len(),
        service.options.configuration.display()
    );
    Ok((service, listener))
}

/// Reads the configuration, and says in the log what is wrong with it.
fn load(path: &Path, network: &Network, journal: &[Entry]) -> Result<Configuration, StartError> {
    let configuration = machine::load(path, foreign::links(network, journal)).map_err(StartError::Load)?;
    if configuration.refuses_start() {
        return Err(StartError::Refused(configuration.render_refusal(Style { color: false, width: 100 })));
    }
    for found in configuration.diagnostics() {
        let line = configuration.one_line(found);
        match found.severity() {
            Severity::Error => log::error!("{line}"),
            Severity::Warning => log::warn!("{line}"),
            Severity::Lint => log::debug!("{line}"),
        }
    }
    Ok(configuration)
}

pub(super) fn count(configuration: &Configuration) -> (u32, u32) {
    let count = |severity| {
        let of_it = configuration.diagnostics().iter().filter(|found| found.severity() == severity).count();
        u32::try_from(of_it).unwrap_or(u32::MAX)
    };
    (count(Severity::Error), count(Severity::Warning))
}

/// What may be installed from now on. Where the kernel does not mark addresses, one that is there already is somebody
/// else's and must not be removed after a crash.
pub(super) fn journal_entries(model: &Model, network: &Network) -> Vec<Entry> {
    let marks = journal::kernel_marks_addresses();
    let is_there = |entry: &Entry| {
        network.addresses().any(|(_, name, known)| {
            name == entry.interface && known.address == entry.address && known.prefix_len == entry.prefix_len
        })
    };
    let all = plan::items::journal_entries(model);
    let mut entries: Vec<_> = all.into_iter().filter(|entry| marks || !is_there(entry)).collect();
    entries.sort_unstable();
    entries.dedup();
    entries
}

/// When instances may begin, if the service starts at `now`. The clock counts from the boot of the system.
fn begin_at(global: &Global, now: Instant) -> Instant {
    let after_start = now + Duration::from_ms(u64::from(*global.startup_delay_ms));
    let after_boot = Instant::ZERO + Duration::from_ms(u64::from(*global.delay_after_boot_ms));
    after_start.max(after_boot)
}

/// Locks the run directory.
///
/// # Errors
/// When another service has it.
pub(super) fn lock(run_directory: &Path) -> Result<Lock, StartError> {
    let path = run_directory.join("lock");
    let failed = |error| StartError::RunDirectory(run_directory.to_owned(), error);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut locked) => {
            // The number is only for the message to a second service.
            let pid = std::process::id().to_string();
            locked.set_len(0).and_then(|()| locked.write_all(pid.as_bytes())).map_err(failed)?;
            Ok(Lock(locked))
        }
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let mut pid = String::new();
            let _ = file.rewind().and_then(|()| file.take(20).read_to_string(&mut pid)); // a message does without
            Err(StartError::Running(run_directory.to_owned(), pid))
        }
        Err((_, errno)) => Err(failed(errno.into())),
    }
}

/// Raw sockets need a capability; better to say so once than for every interface.
fn check_privilege() -> Result<(), StartError> {
    let protocol = i32::from(locum_core::wire::vrrp::PROTOCOL);
    match socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::RAW, Some(protocol.into())) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(StartError::Privilege),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}
