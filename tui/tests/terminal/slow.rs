//! What goes over the line, and how fast a key is answered on a slow one.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{BAUD, COLOURED, Console, Setup};
use crate::socket;
use crate::support::{FakeService, World, statuses};

/// What a line of 9600 bits a second carries: a byte is ten bits.
const BYTES_PER_S: u32 = 960;

/// A line that carries so much: what was sent arrives later, and in its turn.
struct SlowLine {
    console: Console,
    under_way: VecDeque<(Instant, u8)>,
    free_at: Instant,
    screen: vt100::Parser,
    sent: usize,
}

impl SlowLine {
    fn start(name: &str) -> (Self, FakeService) {
        let path = socket(name);
        let instances = (0..24).map(|n| statuses::backup(&format!("VI_{n:02}"), n)).collect();
        let service = FakeService::start(&path, World { instances, ..World::default() });
        let environment = &[("TERM", "vt100"), (BAUD, "9600")];
        let console = Console::start(&Setup { size: (80, 24), environment }, &[&path]);
        let screen = vt100::Parser::new(24, 80, 0);
        (Self { console, under_way: VecDeque::new(), free_at: Instant::now(), screen, sent: 0 }, service)
    }

    /// Lets time pass: takes what was sent, and shows what has arrived.
    fn step(&mut self) {
        if let Ok(bytes) = self.console.output.recv_timeout(Duration::from_millis(2)) {
            self.sent += bytes.len();
            for byte in bytes {
                self.free_at = self.free_at.max(Instant::now()) + Duration::from_secs(1) / BYTES_PER_S;
                self.under_way.push_back((self.free_at, byte));
            }
        }
        while self.under_way.front().is_some_and(|(at, _)| *at <= Instant::now()) {
            if let Some((_, byte)) = self.under_way.pop_front() {
                self.screen.process(&[byte]);
            }
        }
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// How long it takes until `done` holds of what has arrived.
    fn until(&mut self, what: &str, done: impl Fn(&str) -> bool) -> Duration {
        let start = Instant::now();
        while !done(&self.text()) {
            self.step();
            assert!(start.elapsed() < Duration::from_secs(30), "waited in vain for {what}:\n{}", self.text());
        }
        start.elapsed()
    }

    fn for_some(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.step();
        }
    }
}

/// At 9600 bits a second, with 24 instances that hear an advert each second. What is measured is printed; what is
/// asserted of times is many times what is needed, because other work may go on beside the test.
#[test]
fn a_key_is_answered_soon_on_a_line_of_9600_baud() {
    let (mut line, _service) = SlowLine::start("9600");
    line.until("the overview", |text| text.contains("VI_00") && text.contains("quit"));
    line.for_some(Duration::from_secs(3));
    let mut delays = Vec::new();
    // Keys, and what begins to show that they were heard.
    let screens = [
        ("t", "What has"),
        ("?", "Keys: Hist"),
        ("\x1b", "What has"),
        ("p", "Routers heard"),
        ("\x1b\x1b", "VRID IFACE"),
    ];
    for round in 0..2 {
        for (keys, words) in screens {
            line.console.keys(keys);
            delays.push((line.until(words, |text| text.contains(words)), words));
            line.for_some(Duration::from_millis(700 * (round + 1)));
        }
        for _ in 0..3 {
            let marked = |text: &str| text.lines().position(|row| row.starts_with('>'));
            let before = marked(&line.text());
            line.console.keys("j");
            delays.push((line.until("the mark to move", |text| marked(text) > before), "j"));
            line.for_some(Duration::from_millis(300));
        }
    }
    delays.sort();
    let (median, worst) = (delays[delays.len() / 2], *delays.last().unwrap());
    println!("9600 baud, key to first effect: median {:?} ({}), worst {:?} ({})", median.0, median.1, worst.0, worst.1);
    assert!(median.0 < Duration::from_secs(3) && worst.0 < Duration::from_secs(9), "{delays:?}");
}

/// What each screen costs while nothing happens but adverts.
#[test]
fn each_screen_stays_within_its_budget_at_9600_baud() {
    const WATCHED: Duration = Duration::from_secs(4);
    let (mut line, _service) = SlowLine::start("9600-budget");
    line.until("the overview", |text| text.contains("VI_00") && text.contains("quit"));
    for (name, keys, words) in [
        ("overview", "", "VRID IFACE"),
        ("instance", "o", "adverts, "),
        ("peers", "p", "Routers heard"),
        ("history", "t", "What has"),
        ("service", "i", "reached at"),
    ] {
        line.console.keys(keys);
        line.until(name, |text| text.contains(words));
        line.for_some(Duration::from_secs(3));
        let before = line.sent;
        line.for_some(WATCHED);
        let per_s = (line.sent - before) as u64 / WATCHED.as_secs();
        println!("9600 baud, {name}: {per_s} B/s");
        assert!(per_s <= 400, "{name}: {per_s} B/s");
    }
}

#[test]
fn a_quiet_overview_costs_little() {
    let path = socket("budget");
    let instances = (0..24).map(|n| statuses::backup(&format!("VI_{n:02}"), n)).collect();
    let _service = FakeService::start(&path, World { instances, ..World::default() });
    let mut console = Console::start(&COLOURED, &[&path]);
    console.wait_for("VI_00");
    thread::sleep(Duration::from_secs(1));
    let before = console.sent().len();
    let start = Instant::now();
    thread::sleep(Duration::from_secs(3));
    let bytes = console.sent().len() - before;
    let per_s = u64::try_from(bytes).unwrap() * 1_000 / u64::try_from(start.elapsed().as_millis()).unwrap();
    assert!(per_s > 0, "the counters move");
    assert!(per_s <= 400, "{per_s} B/s");
}

/// A thousand instances that each hear an advert a second: what that costs the console, and that its memory has a bound.
/// Printed; what is asserted of time is many times what an optimised build takes.
#[test]
fn a_thousand_adverts_a_second_cost_little() {
    const WATCHED: Duration = Duration::from_secs(6);
    let path = socket("thousand");
    let instances =
        (0..1_000_u16).map(|n| statuses::backup(&format!("VI_{n:04}"), u8::try_from(n % 250).unwrap())).collect();
    let _service = FakeService::start(&path, World { instances, ..World::default() });
    let mut console = Console::start(&COLOURED, &[&path]);
    console.wait_for("VI_0000");
    thread::sleep(Duration::from_secs(3));
    let (cpu, start) = (console.cpu(), Instant::now());
    thread::sleep(WATCHED);
    let share = (console.cpu() - cpu).as_secs_f64() / start.elapsed().as_secs_f64();
    let memory_kb = console.resident_kb();
    println!("1,000 instances, 1,000 adverts/s: {:.1} % of a core, {memory_kb} kB resident", share * 100.0);
    assert!(share < if cfg!(debug_assertions) { 0.5 } else { 0.25 }, "{share}");
    assert!(memory_kb < 64 * 1_024, "{memory_kb} kB");
    console.keys("q");
    assert_eq!(console.ends().code(), Some(10));
}
