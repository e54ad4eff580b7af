//! Plays a case: one router of the real core on simulated time, to which the case's inputs happen.

use std::collections::HashMap;
use std::fmt::Write;
use std::net::IpAddr;

use locum_core::priority::Tracker;
use locum_core::reject::Reject;
use locum_core::router::{
    Action, AnnounceConfig, Borrowed, Config, Event, InterfaceId, Preempt, Received, Sender, VirtualRouter,
};
use locum_core::set::{Interface, Link, Output, PACKET_BYTES_MAX, RouterId, RouterSet, Slot};
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::{Family, State};
use locum_core::wire::vrrp::{self, Password, Version};

use crate::packet::{self, Advert, Checksum};

const ETH0: InterfaceId = InterfaceId(0);

type Set = RouterSet<Borrowed<'static>, Vec<Slot<Borrowed<'static>>>, Vec<Interface>, Vec<Tracker>>;

/// Words in pairs: `priority 100 interval 50`.
type Options<'a> = HashMap<&'a str, &'a str>;

/// The inputs of a case with what the router did about each: the case file as it should be.
pub(crate) fn play(router: &str, inputs: &[&str]) -> String {
    let mut stage = Stage::new(&options(router));
    for input in inputs {
        let _ = writeln!(stage.told, "at {input}");
        let (at, what) = input.split_once(' ').unwrap_or((input, "wait"));
        stage.input(instant(at), what);
    }
    stage.told
}

struct Stage {
    set: Set,
    config: Config<Borrowed<'static>>,
    source: IpAddr,
    id: Option<RouterId>,
    now: Instant,
    told: String,
    rejected: [u32; Reject::COUNT],
    last_line: String,
}

impl Stage {
    fn new(options: &Options<'_>) -> Self {
        let source = value(options, "source", "10.0.0.1");
        let mut set = Set::new(vec![Slot::default(); 1], vec![Interface::default(); 1], Vec::new());
        set.handle_link(Instant::ZERO, ETH0, Link::Up);
        let _ = set.poll_output(&mut []);
        Self {
            set,
            config: config(options, source),
            source,
            id: None,
            now: Instant::ZERO,
            told: String::new(),
            rejected: [0; Reject::COUNT],
            last_line: String::new(),
        }
    }

    fn input(&mut self, at: Instant, what: &str) {
        let (verb, rest) = what.split_once(' ').unwrap_or((what, ""));
        // An input of the same moment as a timer comes first, as a packet does that is already there.
        let until = if verb == "wait" { at } else { at - Duration::from_us(1) };
        while let Some(due) = self.set.deadline().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.set.handle_timeout(self.now);
            self.drain();
        }
        self.now = at;
        match verb {
            "wait" => {}
            "start" => {
                let inserted = self.set.insert(at, self.config.clone(), Some(self.source));
                self.id = Some(inserted.unwrap_or_else(|(error, _)| panic!("{error}")));
            }
            "advert" => self.advert(rest),
            "stop" => self.set.handle_shutdown(at),
            "link" => self.set.handle_link(at, ETH0, if rest == "up" { Link::Up } else { Link::Down }),
            "senders" => self.senders(),
            _ => panic!("{verb}: no such input"),
        }
        self.drain();
        self.state_line();
    }

    fn advert(&mut self, words: &str) {
        let options = options(words);
        let version = self.config.version.number();
        let own = self.config.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let from: IpAddr = value(&options, "from", "10.0.0.2");
        let addresses: String = value(&options, "addresses", &own);
        let password: String = value(&options, "password", "");
        let mut auth = [0; 8];
        auth.iter_mut().zip(password.bytes()).for_each(|(byte, given)| *byte = given);
        let checksum: String = value(&options, "checksum", if from.is_ipv6() { "pseudo" } else { "plain" });
        let advert = Advert {
            from,
            to: value(&options, "to", &group(from).to_string()),
            ttl: value(&options, "ttl", "255"),
            version: value(&options, "version", &version.to_string()),
            packet_type: value(&options, "type", "1"),
            vrid: value(&options, "vrid", "1"),
            priority: value(&options, "priority", "100"),
            interval_cs: value(&options, "interval", &self.config.advert_interval_cs.to_string()),
            reserved: value(&options, "reserved", "0"),
            addresses: parse_addresses(&addresses),
            count: options.get("count").map(|count| count.parse().expect("a number")),
            auth_type: value(&options, "auth", if password.is_empty() { "0" } else { "1" }),
            auth,
            checksum: match checksum.as_str() {
                "plain" => Checksum::Plain,
                "pseudo" => Checksum::Pseudo,
                _ => Checksum::Wrong,
            },
            cut: value(&options, "cut", "0"),
            extra: value(&options, "extra", "0"),
        };
        let known =
            "from to ttl version type vrid priority interval reserved addresses count auth password checksum cut extra";
        for word in options.keys() {
            assert!(known.split(' ').any(|it| it == *word), "{word}: no such part of an advert");
        }
        let message = advert.bytes();
        let received = Received { source: advert.from, destination: advert.to, ttl: advert.ttl, message: &message };
        self.set.handle_packet(self.now, ETH0, &received);
    }

    fn senders(&mut self) {
        let senders: Vec<Sender> = self.router().map(|router| router.senders().to_vec()).unwrap_or_default();
        for Sender { address, priority, advert_interval_cs, checksum, addresses_differ, .. } in senders {
            let checksum = checksum.map_or("none".into(), |it| format!("{it:?}").to_lowercase());
            let differ = if addresses_differ { ", other addresses" } else { "" };
            let line = format!(
                "  knows {address} priority {priority} every {advert_interval_cs} cs checksum {checksum}{differ}"
            );
            let _ = writeln!(self.told, "{line}");
        }
    }

    fn drain(&mut self) {
        let mut buffer = [0; PACKET_BYTES_MAX];
        // No input has more outputs; a core that never comes to an end must not hang the test.
        for _ in 0..10_000 {
            let text = match self.set.poll_output(&mut buffer) {
                Output::Timeout(_) => {
                    self.discards();
                    return;
                }
                Output::Transmit(transmit) => packet::describe(&buffer[..transmit.len]),
                Output::Action { action: Action::AddAddresses, .. } => "adds the addresses".into(),
                Output::Action { action: Action::RemoveAddresses, .. } => "removes the addresses".into(),
                Output::Action { action: Action::Announce, .. } => {
                    let addresses: Vec<_> = self.config.addresses.iter().map(ToString::to_string).collect();
                    format!("announces {}", addresses.join(" "))
                }
                Output::Event { event: Event::Transition(it), .. } => format!("{} -> {}: {}", it.from, it.to, it.cause),
                Output::Event { event: Event::Heard { source, priority }, .. } => {
                    format!("accepts the advert of {source}, priority {priority}")
                }
                Output::Event { event: Event::Rejected { source, reason, .. }, .. } => {
                    format!("reports: {source}: {reason}")
                }
                Output::Event { event: Event::SecondMaster { source, priority }, .. } => {
                    format!("reports: second master {source}, priority {priority}")
                }
                Output::Event { event: Event::AddressesDiffer { source, differ: true }, .. } => {
                    format!("reports: the addresses of {source} differ")
                }
                Output::Stray { .. } => "reports: a packet for no router".into(),
                _ => continue,
            };
            self.tell(&text);
        }
        panic!("no end to what the router does at {}", seconds(self.now));
    }

    fn discards(&mut self) {
        for (index, reason) in Reject::ALL.into_iter().enumerate() {
            let by_router = self.router().map_or(0, |router| router.counters().rejected.of(reason));
            let count = by_router + self.set.interface(ETH0).map_or(0, |interface| interface.rejected().of(reason));
            if count != self.rejected[index] {
                self.rejected[index] = count;
                self.tell(&format!("discards: {reason}"));
            }
        }
    }

    fn tell(&mut self, text: &str) {
        let _ = writeln!(self.told, "  {} {text}", seconds(self.now));
    }

    /// The state and the timers, unless they are as they were.
    fn state_line(&mut self) {
        let Some(router) = self.router() else { return };
        let mut line = format!("  = {}", router.state());
        let timers = router.timers();
        for (name, at) in [
            ("master-down", timers.master_down_at),
            ("advert", timers.advertise_at),
            ("preempt", timers.preempt_at),
            ("handover", timers.handover_until),
        ] {
            if let Some(at) = at {
                let _ = write!(line, ", {name} timer at {}", seconds(at));
            }
        }
        if router.state() == State::Backup {
            let (skew, down) = (router.skew(), router.master_down_interval());
            let _ = write!(line, " (skew {} of {})", in_seconds(skew), in_seconds(down));
        }
        if line != self.last_line {
            let _ = writeln!(self.told, "{line}");
            self.last_line = line;
        }
    }

    fn router(&self) -> Option<&VirtualRouter<Borrowed<'static>>> {
        self.set.router(self.id?)
    }
}

/// The router that a case describes. What lives as long as the test may as well live for ever.
fn config(options: &Options<'_>, source: IpAddr) -> Config<Borrowed<'static>> {
    let family = Family::of(source);
    let addresses: String = value(options, "addresses", "10.0.0.248");
    let version = if value::<u8>(options, "version", "3") == 2 { Version::V2 } else { Version::V3 };
    let preempt: String = value(options, "preempt", "on");
    let checksum: String = value(options, "checksum", "plain");
    let password = options.get("password").map(|text| Password::new(text.as_bytes()));
    let known = "source addresses version preempt checksum password vrid priority interval";
    for word in options.keys() {
        assert!(known.split(' ').any(|it| it == *word), "{word}: no such part of a router");
    }
    Config {
        version,
        priority: value(options, "priority", "100"),
        advert_interval_cs: value(options, "interval", "100"),
        preempt: if preempt == "on" { Preempt::AtOnce } else { Preempt::Never },
        password,
        // One announcement, so that a case is short: the rest is keepalived's business, not the RFC's.
        announce: AnnounceConfig {
            repeat: 1,
            delay: Duration::ZERO,
            heal_repeat: 1,
            heal_delay: Duration::ZERO,
            ..AnnounceConfig::default()
        },
        checksum: if checksum == "pseudo" { vrrp::Checksum::PseudoHeader } else { vrrp::Checksum::Plain },
        ..Config::new(value(options, "vrid", "1"), family, &*Vec::leak(parse_addresses(&addresses)))
    }
}

/// Where adverts go (RFC 9568 §5.1.1.2, §5.1.2.2).
fn group(of: IpAddr) -> IpAddr {
    let group = if of.is_ipv4() { "224.0.0.18" } else { "ff02::12" };
    group.parse().expect("an address")
}

fn options(words: &str) -> Options<'_> {
    let words: Vec<&str> = words.split_whitespace().collect();
    let pairs = words.chunks(2).map(|pair| match pair {
        [name, value] => (*name, *value),
        _ => panic!("{words:?}: names and values come in pairs"),
    });
    pairs.collect()
}

fn value<T: std::str::FromStr>(options: &Options<'_>, name: &str, default: &str) -> T {
    let text = options.get(name).copied().unwrap_or(default);
    text.parse().unwrap_or_else(|_| panic!("{name} {text}: makes no sense"))
}

/// Addresses with commas between; `none` for none.
fn parse_addresses(text: &str) -> Vec<IpAddr> {
    let parts = text.split(',').filter(|text| *text != "none" && !text.is_empty());
    parts.map(|text| text.parse().unwrap_or_else(|_| panic!("{text}: no address"))).collect()
}

/// Seconds with up to six decimals, exactly.
fn instant(text: &str) -> Instant {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let us = format!("{part:0<6}");
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{text}: no time"));
    Instant::from_us(number(whole) * 1_000_000 + number(&us))
}

fn seconds(at: Instant) -> String {
    in_seconds(at.since(Instant::ZERO))
}

fn in_seconds(duration: Duration) -> String {
    format!("{}.{:06}", duration.us() / 1_000_000, duration.us() % 1_000_000)
}
