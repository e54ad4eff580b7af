//! A service that is none: speaks the control protocol, with instances and adverts as the test wants them.

#![allow(dead_code, unreachable_pub, reason = "shared by tests and an example, none of which uses all of it")]
#![allow(clippy::unwrap_used, reason = "test code, also where an example uses it")]

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use locum_control::{
    AdvertMark, Answer, Block, BlockStatus, Cause, Counters, ErrorCode, Event, Family, Hello, InstanceStatus, Item,
    Line, MarkKind, MasterStatus, Mode, Notice, PROTOCOL, Refusal, Reject, Request, Role, SenderStatus, ServiceStatus,
    State, Timers, TransitionRecord, Verb, VipStatus,
};

/// A service on a socket. Dropping it closes the socket and every connection.
pub struct FakeService {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    world: Arc<Mutex<World>>,
}

/// What the service claims.
pub struct World {
    pub started: Instant,
    pub role: Role,
    pub protocol: u32,
    pub instances: Vec<InstanceStatus>,
    pub history: Vec<TransitionRecord>,
    /// Adverts of the router .131 go on.
    pub adverts: bool,
    /// Requests seen.
    pub requests: Vec<Verb>,
}

const MASTER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(172, 20, 45, 131));
/// The service has been up for so long when the test starts.
const BOOT_US: u64 = 1_000_000_000;

impl World {
    pub fn now_us(&self) -> u64 {
        BOOT_US + u64::try_from(self.started.elapsed().as_micros()).unwrap()
    }

    fn now_unix_ms() -> u64 {
        u64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
    }
}

impl Default for World {
    fn default() -> Self {
        let mut waiting = backup("VI_3", 46);
        waiting.timers.preempt_at_us = Some(BOOT_US + 250_000_000);
        Self {
            started: Instant::now(),
            role: Role::Admin,
            protocol: PROTOCOL,
            instances: vec![backup("VI_1", 45), master("VI_2", 144), waiting, fault("VI_4", 47)],
            history: vec![record("VI_1", BOOT_US - 60_000_000, State::Init, State::Backup, Cause::Start)],
            adverts: true,
            requests: Vec::new(),
        }
    }
}

pub fn record(instance: &str, at_us: u64, from: State, to: State, cause: Cause) -> TransitionRecord {
    let at_unix_ms = World::now_unix_ms() - 60_000;
    TransitionRecord { instance: instance.into(), at_us, at_unix_ms, from, to, cause, text: cause.to_string() }
}

pub fn backup(name: &str, vrid: u8) -> InstanceStatus {
    InstanceStatus {
        name: name.into(),
        interface: "eth0".into(),
        vrid,
        family: Family::Ipv4,
        version: 2,
        mode: Mode::Unicast { peers: vec![MASTER] },
        source: Some([172, 20, 45, 132].into()),
        state: State::Backup,
        since_us: BOOT_US - 60_000_000,
        since_unix_ms: World::now_unix_ms() - 60_000,
        priority: 80,
        effective_priority: 80,
        preempt: true,
        preempt_delay_us: 0,
        advert_interval_cs: 100,
        skew_us: 687_500,
        master_down_interval_us: 3_687_500,
        master: Some(MasterStatus { address: MASTER, priority: 100, is_self: false, last_heard_us: Some(BOOT_US) }),
        timers: Timers { master_down_at_us: Some(BOOT_US + 3_687_500), ..Timers::default() },
        blocks: Vec::new(),
        vips: vec![VipStatus {
            address: format!("172.20.45.{}/24", 200 + u16::from(vrid) % 50),
            device: "eth0".into(),
            label: Some("eth0:0".into()),
            excluded: false,
            installed: false,
            error: None,
        }],
        senders: vec![SenderStatus {
            address: MASTER,
            priority: 100,
            advert_interval_cs: 100,
            first_heard_us: BOOT_US - 60_000_000,
            last_heard_us: BOOT_US,
            received: 60,
            late: 1,
            missed: 0,
            longest_gap_us: 1_600_000,
            rejected: 0,
            last_reject: None,
        }],
        second_master: None,
        counters: Counters { rejected: [(Reject::Password, 3)].into(), ..Counters::default() },
        last_transition: Some(record(name, BOOT_US - 60_000_000, State::Init, State::Backup, Cause::Start)),
    }
}

pub fn master(name: &str, vrid: u8) -> InstanceStatus {
    let mut status = backup(name, vrid);
    status.state = State::Master;
    status.priority = 100;
    status.effective_priority = 100;
    status.master = None;
    status.timers = Timers::default();
    for vip in &mut status.vips {
        vip.installed = true;
    }
    status
}

pub fn fault(name: &str, vrid: u8) -> InstanceStatus {
    let mut status = backup(name, vrid);
    status.state = State::Fault;
    status.interface = "eth9".into();
    status.master = None;
    status.timers = Timers::default();
    status.senders.clear();
    status.blocks.push(BlockStatus {
        block: Block::InterfaceMissing,
        since_us: BOOT_US - 60_000_000,
        detail: "eth9 does not exist".into(),
    });
    status
}

impl FakeService {
    pub fn start(path: &Path, world: World) -> Self {
        let _ = std::fs::remove_file(path);
        let listener = UnixListener::bind(path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, world) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(world)));
        let (its_stop, its_world) = (Arc::clone(&stop), Arc::clone(&world));
        thread::spawn(move || {
            while !its_stop.load(Ordering::Relaxed) {
                if let Ok((stream, _)) = listener.accept() {
                    let (stop, world) = (Arc::clone(&its_stop), Arc::clone(&its_world));
                    thread::spawn(move || serve(stream, &stop, &world));
                } else {
                    thread::sleep(Duration::from_millis(5));
                }
            }
        });
        Self { path: path.to_owned(), stop, world }
    }

    pub fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }
}

impl Drop for FakeService {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = std::fs::remove_file(&self.path);
    }
}

fn serve(stream: UnixStream, stop: &AtomicBool, world: &Mutex<World>) {
    let mut out = stream.try_clone().unwrap();
    let mut say = |line: &Line| {
        let mut bytes = serde_json::to_vec(line).unwrap();
        bytes.push(b'\n');
        out.write_all(&bytes).is_ok()
    };
    let (hello, role) = {
        let world = world.lock().unwrap();
        let (now_us, now_unix_ms) = (world.now_us(), World::now_unix_ms());
        let role = world.role;
        let hello =
            Hello { locum: world.protocol, version: "0.1.0".into(), host: "gw-a".into(), role, now_us, now_unix_ms };
        (hello, role)
    };
    if !say(&Line::Hello(hello)) {
        return;
    }
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut reader = BufReader::new(stream);
    let mut watching = false;
    let (mut seq, mut next_advert) = (0, Instant::now());
    let mut text = String::new();
    while !stop.load(Ordering::Relaxed) {
        match reader.read_line(&mut text) {
            Ok(0) => return,
            Ok(_) => {
                let request: Request = serde_json::from_str(&text).unwrap();
                text.clear();
                watching |= matches!(request.verb, Verb::Watch { .. });
                for answer in answers(&request.verb, role, &mut world.lock().unwrap()) {
                    if !say(&Line::Answer { id: Some(request.id), answer }) {
                        return;
                    }
                }
            }
            Err(_) => {}
        }
        let world = world.lock().unwrap();
        if watching && world.adverts && Instant::now() >= next_advert {
            next_advert = Instant::now() + Duration::from_secs(1);
            for status in &world.instances {
                let (kind, source, priority) = match status.state {
                    State::Master => (MarkKind::Sent, [172, 20, 45, 132].into(), 100),
                    State::Backup => (MarkKind::Received, MASTER, 100),
                    State::Init | State::Fault => continue,
                };
                seq += 1;
                let at_us = world.now_us();
                let marks = vec![AdvertMark { at_us, source, priority, kind }];
                let event = Event::Adverts { instance: status.name.clone(), marks };
                let notice = Notice { seq, at_us, at_unix_ms: World::now_unix_ms(), event };
                if !say(&Line::Notice(notice)) {
                    return;
                }
            }
        }
    }
}

fn answers(verb: &Verb, role: Role, world: &mut World) -> Vec<Answer> {
    world.requests.push(verb.clone());
    let service = ServiceStatus {
        host: "gw-a".into(),
        version: "0.1.0".into(),
        role,
        pid: 1,
        uptime_us: world.now_us() - BOOT_US + 90_000_000,
        now_us: world.now_us(),
        now_unix_ms: World::now_unix_ms(),
        configuration: "/etc/locum/locum.conf".into(),
        configuration_errors: 0,
        configuration_warnings: 0,
        instances: u32::try_from(world.instances.len()).unwrap(),
        lateness_max_us: 0,
        reports_lost: 0,
    };
    match verb {
        Verb::Show { instance: None } | Verb::Watch { .. } => {
            let mut answers = vec![Answer::Item(Item::Service(service))];
            let instances = world.instances.iter().cloned();
            answers.extend(instances.map(|status| Answer::Item(Item::Instance(Box::new(status)))));
            if matches!(verb, Verb::Watch { .. }) {
                answers.extend(world.history.iter().cloned().map(|record| Answer::Item(Item::Transition(record))));
            }
            answers.push(Answer::Done("ok".into()));
            answers
        }
        Verb::Show { instance: Some(name) } | Verb::Why { instance: name } => {
            match world.instances.iter().find(|status| status.name == *name) {
                Some(status) => vec![Answer::Item(Item::Instance(Box::new(status.clone()))), Answer::Done("ok".into())],
                None => vec![Answer::Error(Refusal {
                    code: ErrorCode::UnknownInstance,
                    message: format!("there is no instance {name}"),
                })],
            }
        }
        Verb::Resume { instance } => match world.instances.iter_mut().find(|status| status.name == *instance) {
            Some(status) if status.timers.preempt_at_us.is_some() => {
                status.timers.preempt_at_us = None;
                status.state = State::Master;
                status.since_us = BOOT_US;
                vec![Answer::Done(format!("{instance}: preempt delay ended"))]
            }
            _ => vec![Answer::Error(Refusal {
                code: ErrorCode::NotNow,
                message: format!("{instance} has no preempt delay running"),
            })],
        },
    }
}
