use std::cell::RefCell;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use locum_control::Role;

use super::*;
use crate::console::Event as Heard;
use crate::fixture::statuses::{self, UNIX_MS};
use crate::options::Endpoint;

/// What a recorder writes: a greeting, everything, and then something each second.
fn recording(seconds: u64) -> String {
    let mut text = "{\"locum_recording\":1,\"host\":\"gw-a\"}\n".to_owned();
    let mut put = |ms: u64, line: &Line| {
        let line = serde_json::to_string(line).unwrap();
        text.push_str(&format!("{{\"at_unix_ms\":{},\"line\":{line}}}\n", UNIX_MS + ms));
    };
    let boot_us = statuses::BOOT_US;
    put(0, &Line::Hello(statuses::hello(Role::Admin, boot_us)));
    let answer = |answer| Line::Answer { id: Some(1), answer };
    put(1, &answer(Answer::Item(Item::Service(Box::new(statuses::service(Role::Admin, boot_us, 1))))));
    put(1, &answer(Answer::Item(Item::Instance(Box::new(statuses::backup("VI_1", 45))))));
    put(1, &answer(Answer::Done("ok".into())));
    for s in 1..=seconds {
        let event = Event::Adverts { instance: "VI_1".into(), marks: crate::fixture::heard(0, 1) };
        put(s * 1_000, &Line::Notice(statuses::notice(s, s, event)));
    }
    text
}

struct Deck {
    reports: Receiver<Heard>,
    /// Those that came together with the last one that was wanted, last first.
    rest: RefCell<Vec<Report>>,
    orders: SyncSender<Order>,
    bell: Option<UnixStream>,
    player: Option<thread::JoinHandle<()>>,
    path: PathBuf,
}

impl Deck {
    fn start(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("locum-tui-replay-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let (events, reports) = sync_channel(1_024);
        let (orders, receiver) = sync_channel(16);
        let (bell, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let endpoint = Endpoint::Recording(path.clone());
        let link = Link { node: 0, endpoint, events, orders: receiver, bell: theirs, said: Vec::new() };
        let player = Some(thread::spawn(move || link.run()));
        Self { reports, rest: RefCell::default(), orders, bell: Some(bell), player, path }
    }

    fn order(&self, playing: Playing) {
        self.orders.send(Order::Play(playing)).unwrap();
        self.bell.as_ref().unwrap().write_all(&[0]).unwrap();
    }

    /// The reports up to the first one that is wanted.
    fn until(&self, wanted: impl Fn(&Report) -> bool) -> Vec<Report> {
        let mut heard = Vec::new();
        loop {
            let mut rest = self.rest.borrow_mut();
            while rest.is_empty() {
                let event = self.reports.recv_timeout(Duration::from_secs(10));
                let Ok(Heard::Link(0, reports)) = event else { panic!("{event:?} after {heard:?}") };
                rest.extend(reports.into_iter().rev());
            }
            let Some(report) = rest.pop() else { continue };
            let is_it = wanted(&report);
            heard.push(report);
            if is_it {
                return heard;
            }
        }
    }
}

impl Drop for Deck {
    fn drop(&mut self) {
        self.bell = None;
        // Whatever it says last is not waited for.
        drop(std::mem::replace(&mut self.reports, sync_channel(1).1));
        if let Some(player) = self.player.take() {
            player.join().unwrap();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

fn notices(reports: &[Report]) -> usize {
    reports.iter().filter(|report| matches!(report, Report::Notice(_))).count()
}

fn is_held(report: &Report) -> bool {
    matches!(report, Report::Played(play) if !play.runs)
}

#[test]
fn what_was_said_is_said_again() {
    let deck = Deck::start("plays", &recording(3));
    deck.order(Playing::Speed(64));
    let heard = deck.until(is_held);
    assert!(heard.iter().any(|report| matches!(report, Report::Connected(hello) if hello.host == "gw-a")));
    assert!(heard.iter().any(|report| matches!(report, Report::Begin(Purpose::Watch))));
    assert!(heard.iter().any(|report| matches!(report, Report::Done(Purpose::Watch, _))));
    assert_eq!(notices(&heard), 3);
    let Some(Report::Played(play)) = heard.last() else { panic!("{heard:?}") };
    let (start_us, end_us) = (UNIX_MS * 1_000, (UNIX_MS + 3_000) * 1_000);
    assert_eq!((play.start_us, play.end_us, play.at_us), (start_us, end_us, end_us), "held at its end");
    // From its end it runs from the start.
    deck.order(Playing::Run(true));
    let again = deck.until(is_held);
    assert!(again.iter().any(|report| matches!(report, Report::Rewound)));
    assert_eq!(notices(&again), 3);
}

#[test]
fn it_is_moved_forth_at_once_and_back_through_its_beginning() {
    let deck = Deck::start("seeks", &recording(3_600));
    deck.order(Playing::Run(false));
    deck.until(is_held);
    deck.order(Playing::Seek((UNIX_MS + 1_800_000) * 1_000));
    let forth = deck.until(|report| {
        notices(std::slice::from_ref(report)) == 1 && matches!(report, Report::Notice(notice) if notice.seq == 1_800)
    });
    assert_eq!(notices(&forth), 1_800);
    deck.order(Playing::Seek((UNIX_MS + 10_000) * 1_000));
    let back = deck.until(|report| matches!(report, Report::Notice(notice) if notice.seq == 10));
    assert!(back.iter().any(|report| matches!(report, Report::Rewound)));
    assert_eq!(notices(&back), 10);
    // Beyond its ends there is nothing.
    deck.order(Playing::Seek(u64::MAX));
    deck.until(|report| matches!(report, Report::Played(play) if play.at_us == play.end_us));
    deck.order(Playing::Seek(0));
    deck.until(|report| matches!(report, Report::Played(play) if play.at_us == play.start_us));
}

#[test]
fn what_is_no_recording_is_said() {
    let torn = recording(2);
    let torn = &torn[..torn.len() - 20];
    let deck = Deck::start("torn", torn);
    deck.order(Playing::Speed(64));
    assert_eq!(notices(&deck.until(is_held)), 1, "a torn last line is left out");
    for (name, text, says) in [
        ("empty", "", "no recording"),
        ("text", "hello\n", "no recording"),
        ("newer", "{\"locum_recording\":9}\n", "version 9"),
        ("bare", "{\"locum_recording\":1}\n", "is empty"),
        ("binary", "\u{0}\u{1}\n", "no recording"),
    ] {
        let deck = Deck::start(name, text);
        let heard = deck.until(|report| matches!(report, Report::Lost { .. }));
        assert!(matches!(heard.last(), Some(Report::Lost { reason, .. }) if reason.contains(says)), "{heard:?}");
    }
    let odd = recording(1).replace("\"seq\":1", "\"sequence\":1") + "{\"at_unix_ms\":1,\"line\":{}}\n";
    let deck = Deck::start("odd", &odd);
    deck.until(|report| matches!(report, Report::Odd));
}
