//! A service that is none: speaks the control protocol, with instances and adverts as the test wants them.

#![allow(dead_code, unreachable_pub, reason = "shared by tests and an example, none of which uses all of it")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code, also where an example uses it"
)]

pub mod screen;
pub mod statuses;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use locum_control::{
    AdvertMark, Answer, Cause, Difference, DifferenceKind, ErrorCode, Event, Hello, InstanceStatus, InterfaceStatus,
    Item, Line, MarkKind, Notice, PROTOCOL, Refusal, Request, Role, Setting, State, TransitionRecord, Verb, from_json,
};
use statuses::{BOOT_US, PEER, SELF, UNIX_MS};

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
    pub interfaces: Vec<InterfaceStatus>,
    pub history: Vec<TransitionRecord>,
    /// Adverts go on, one a second for each instance.
    pub adverts: bool,
    /// Adverts go on as fast as they can be sent.
    pub flood: bool,
    /// Requests seen.
    pub requests: Vec<Verb>,
    /// A change is on trial.
    pub on_trial: bool,
    /// Said in place of the first line.
    pub garbage: Option<Vec<u8>>,
    /// The connection stays open after that, without a word.
    pub stalls: bool,
    /// Connections so far.
    pub connections: u32,
}

impl World {
    pub fn now_us(&self) -> u64 {
        BOOT_US + u64::try_from(self.started.elapsed().as_micros()).unwrap()
    }
}

impl Default for World {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            role: Role::Admin,
            protocol: PROTOCOL,
            instances: vec![
                statuses::backup("VI_1", 45),
                statuses::master("VI_2", 144),
                statuses::waiting("VI_3", 46),
                statuses::fault("VI_4", 47),
            ],
            interfaces: vec![statuses::interface("eth0")],
            history: vec![statuses::record("VI_1", 600, State::Init, State::Backup, Cause::Start)],
            adverts: true,
            flood: false,
            requests: Vec::new(),
            on_trial: false,
            garbage: None,
            stalls: false,
            connections: 0,
        }
    }
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

    pub fn world(&self) -> MutexGuard<'_, World> {
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
    let (hello, garbage) = {
        let mut world = world.lock().unwrap();
        world.connections += 1;
        let hello = Hello { locum: world.protocol, ..statuses::hello(world.role, world.now_us()) };
        (hello, world.garbage.clone())
    };
    if let Some(garbage) = garbage {
        let _ = (&stream).write_all(&garbage);
        while !stop.load(Ordering::Relaxed) && world.lock().unwrap().stalls {
            thread::sleep(Duration::from_millis(20));
        }
        return;
    }
    if !say(&Line::Hello(hello)) {
        return;
    }
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut reader = BufReader::new(stream);
    let (mut watching, mut seq, mut next_advert) = (false, 0, Instant::now());
    let mut text = String::new();
    while !stop.load(Ordering::Relaxed) {
        match reader.read_line(&mut text) {
            Ok(0) => return,
            Ok(_) => {
                let request: Request = from_json(text.as_bytes()).unwrap();
                text.clear();
                watching |= matches!(request.verb, Verb::Watch { .. });
                for answer in answers(&request.verb, &mut world.lock().unwrap()) {
                    if !say(&Line::Answer { id: Some(request.id), answer }) {
                        return;
                    }
                }
            }
            Err(_) => {}
        }
        let world = world.lock().unwrap();
        if world.flood {
            reader.get_ref().set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        }
        if watching && world.adverts && (world.flood || Instant::now() >= next_advert) {
            next_advert = Instant::now() + Duration::from_secs(1);
            for status in &world.instances {
                let (kind, source, priority) = match status.state {
                    State::Master => (MarkKind::Sent, SELF, status.effective_priority),
                    State::Backup => (MarkKind::Received, PEER, 100),
                    State::Init | State::Fault => continue,
                };
                seq += 1;
                let at_us = world.now_us();
                let marks = vec![AdvertMark { at_us, source, priority, kind }];
                let event = Event::Adverts { instance: status.name.clone(), marks };
                let at_unix_ms = UNIX_MS + (at_us - BOOT_US) / 1_000;
                if !say(&Line::Notice(Notice { seq, at_us, at_unix_ms, event })) {
                    return;
                }
            }
        }
    }
}

fn answers(verb: &Verb, world: &mut World) -> Vec<Answer> {
    world.requests.push(verb.clone());
    match verb {
        Verb::Show { instance: None } | Verb::Watch { .. } => {
            let mut service = statuses::service(world.role, world.now_us(), world.instances.len());
            service.on_trial = world.on_trial.then(statuses::trial);
            let mut answers = vec![Answer::Item(Item::Service(Box::new(service)))];
            answers.extend(world.interfaces.iter().cloned().map(|status| Answer::Item(Item::Interface(status))));
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
                None => vec![refusal(ErrorCode::UnknownInstance, format!("there is no instance {name}"))],
            }
        }
        Verb::Resume { instance } => {
            let name = instance.clone().unwrap_or_default();
            match world.instances.iter_mut().find(|status| status.name == name) {
                Some(status) if status.timers.preempt_at_us.is_some() => {
                    *status = statuses::master(&name, status.vrid);
                    vec![Answer::Done(format!("{name}: preempt delay ended"))]
                }
                _ => vec![refusal(ErrorCode::NotNow, format!("{name} has no preempt delay running"))],
            }
        }
        Verb::Foresee { .. } => {
            vec![Answer::Item(Item::Finding("what would follow: nothing".into())), Answer::Done("ok".into())]
        }
        Verb::Yield { instance, .. } => {
            vec![Answer::Done(format!("{} stands back", instance.clone().unwrap_or_default()))]
        }
        Verb::Take { instance, .. } => {
            world.on_trial = true;
            vec![Answer::Done(format!("{instance} is MASTER"))]
        }
        Verb::Options { .. } => {
            let setting = Setting { keyword: "garp_master_delay".into(), values: vec!["7".into()] };
            vec![Answer::Item(Item::Setting(setting)), Answer::Done("1 option".into())]
        }
        Verb::Change { dry_run: true, .. } | Verb::Reload { dry_run: true } | Verb::Diff => {
            let difference = Difference {
                name: "VI_1".into(),
                kind: DifferenceKind::Changed,
                details: vec!["priority 80 -> 90".into()],
            };
            let line = |text: &str| Answer::Item(Item::DiffLine(text.into()));
            vec![
                Answer::Item(Item::Difference(difference)),
                line("-    priority 80"),
                line("+\tpriority 90"),
                Answer::Done("nothing is changed yet".into()),
            ]
        }
        Verb::Change { .. } => vec![Answer::Item(Item::Change(statuses::trial())), Answer::Done("it holds".into())],
        Verb::Reload { .. } => vec![Answer::Done("the file is read again".into())],
        Verb::Confirm => vec![Answer::Done("change 7 is kept".into())],
        Verb::Rollback { .. } => vec![Answer::Done("change 7 is taken back".into())],
        Verb::Doctor => vec![Answer::Done("all is well".into())],
        Verb::Changes => vec![Answer::Item(Item::Change(statuses::trial())), Answer::Done("1 change".into())],
        Verb::Keepalived | Verb::ClearStatistics { .. } => {
            vec![refusal(ErrorCode::NotNow, "the console does not ask for it".into())]
        }
    }
}

fn refusal(code: ErrorCode, message: String) -> Answer {
    Answer::Error(Refusal { code, message })
}
