//! What moves a router beside packets and time: trackers, delays, the operator.

use super::*;
use crate::priority::{Track, Weight};
use crate::router::AnnounceConfig;
use core::net::Ipv4Addr;

const fn track(tracker: u16, value: i16) -> Track {
    Track { tracker: TrackerId(tracker), weight: Weight { value, reverse: false } }
}

const UPLINK: &[Track] = &[track(0, 0)];
const PROXY: &[Track] = &[track(1, -30)];

/// A router that follows `tracks`, of which trackers 0 and 1 are well, and is MASTER.
fn tracking_master(tracks: &'static [Track]) -> Bench {
    let mut bench = Bench::start(Config { tracks, ..config(100) });
    bench.reading(0, Reading::Good);
    bench.reading(1, Reading::Good);
    bench.until(DOWN_US);
    assert_eq!(bench.state(), State::Master);
    bench.lines();
    bench
}

#[test]
fn a_tracker_without_weight_holds_the_start_until_it_is_known() {
    let mut bench = Bench::start(Config { tracks: UPLINK, ..config(100) });
    bench.until(60_000_000);
    assert_eq!(bench.lines(), [""; 0]);
    bench.reading(0, Reading::Good);
    assert_eq!(bench.lines(), ["INIT -> BACKUP: started, listens first"]);
}

#[test]
fn a_tracker_that_fails_from_the_start_means_fault() {
    let mut bench = Bench::start(Config { tracks: UPLINK, ..config(255) });
    bench.reading(0, Reading::Bad);
    assert_eq!(bench.lines(), ["Blocked(Tracker)", "INIT -> FAULT: tracker failed"]);
    bench.reading(0, Reading::Good);
    assert_eq!(
        bench.lines()[..2],
        ["Unblocked(Tracker)", "advert 255 to 224.0.0.18"],
        "the owner takes over as soon as it may"
    );
}

#[test]
fn a_master_whose_tracker_fails_leaves_with_priority_zero_and_comes_back() {
    let mut bench = tracking_master(UPLINK);
    bench.reading(0, Reading::Bad);
    assert_eq!(
        bench.lines(),
        ["Blocked(Tracker)", "advert 0 to 224.0.0.18", "RemoveAddresses", "MASTER -> FAULT: tracker 0 failed"]
    );
    bench.reading(0, Reading::Good);
    assert_eq!(bench.lines(), ["Unblocked(Tracker)", "FAULT -> BACKUP: tracker 0 recovered"]);
}

#[test]
fn a_weight_changes_the_priority_of_the_next_advert() {
    let mut bench = tracking_master(PROXY);
    bench.reading(1, Reading::Bad);
    assert_eq!(bench.lines(), ["PriorityChanged { from: 100, to: 70 }"]);
    bench.until(DOWN_US + 1_000_000);
    assert_eq!(bench.lines().last().unwrap(), "advert 70 to 224.0.0.18");
    bench.hear(OTHER, 80);
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn a_changed_priority_moves_the_master_down_timer_by_the_skew() {
    let mut bench = Bench::start(Config { tracks: PROXY, ..config(100) });
    bench.until(1_000_000);
    bench.hear(OTHER, 150);
    bench.until(2_000_000);
    bench.reading(1, Reading::Bad);
    // Priority 70: 3 s + 186/256 s after the last advert.
    assert_eq!(bench.router().timers().master_down_at, Some(Instant::from_us(1_000_000 + 3_726_562)));
    bench.until(2_500_000);
    bench.hear(OTHER, 0);
    bench.until(2_600_000);
    bench.reading(1, Reading::Good);
    assert_eq!(bench.router().timers().master_down_at, Some(Instant::from_us(2_500_000 + SKEW_US)));
}

#[test]
fn a_tracker_that_nobody_follows_moves_nobody() {
    let mut bench = tracking_master(PROXY);
    bench.reading(0, Reading::Bad);
    bench.reading(3, Reading::Bad);
    assert_eq!(bench.lines(), [""; 0]);
    // Outside the table: nothing.
    bench.reading(400, Reading::Bad);
    assert_eq!(bench.lines(), [""; 0]);
}

#[test]
fn a_tracker_outside_the_table_is_refused() {
    const FAR: &[Track] = &[track(4, 0)];
    let mut bench = Bench::start(config(100));
    let vrid = NonZeroU8::new(46).unwrap();
    let refused = bench.set.insert(bench.now, Config { tracks: FAR, vrid, ..config(100) }, Some(ME));
    assert_eq!(refused.map_err(|(error, _)| error), Err(ConfigError::Tracker));
}

#[test]
fn the_start_can_be_delayed_and_the_delay_skipped() {
    let delayed = Config { start_delay: Duration::from_s(60), ..config(100) };
    let mut bench = Bench::start(delayed.clone());
    assert_eq!(bench.router().timers().start_at, Some(Instant::from_us(60_000_000)));
    bench.until(60_000_000 - 1);
    assert_eq!(bench.lines(), [""; 0]);
    bench.until(60_000_000);
    assert_eq!(bench.lines(), ["INIT -> BACKUP: started, listens first"]);

    let mut bench = Bench::start(delayed);
    bench.until(1_000_000);
    assert_eq!(bench.command(bench.id, Command::Resume), Ok(()));
    assert_eq!(bench.lines(), ["INIT -> BACKUP: started, listens first"]);
}

#[test]
fn one_that_has_not_begun_can_be_stopped_and_removed() {
    let mut bench = Bench::start(Config { start_delay: Duration::from_s(60), ..config(100) });
    bench.set.handle_stop(bench.now, bench.id);
    bench.drain();
    assert_eq!(bench.lines(), [""; 0]);
    assert!(bench.set.is_stopped());
    assert!(bench.set.remove(bench.id).is_some());
}

#[test]
fn a_yielding_master_answers_until_the_next_one_is_heard() {
    let mut bench = tracking_master(PROXY);
    assert_eq!(bench.command(bench.id, Command::Yield { last_resort: false }), Ok(()));
    assert_eq!(
        bench.lines(),
        ["PriorityChanged { from: 100, to: 1 }", "advert 0 to 224.0.0.18", "MASTER -> BACKUP: yielded by operator"]
    );
    assert!(bench.router().holds_addresses());
    bench.until(DOWN_US + 700_000);
    bench.hear(OTHER, 80);
    assert_eq!(
        bench.lines(),
        ["RemoveAddresses", &format!("HandoverEnded {{ to: Some({OTHER:?}), lasted: Duration(700000) }}"),]
    );
    // It stands back for good, though it has the higher priority, and though the master is lost.
    bench.hear(OTHER, 80);
    bench.until(DOWN_US + 60_000_000);
    assert_eq!(bench.lines(), [""; 0]);
    assert_eq!(bench.state(), State::Backup);
    // Until it is told otherwise.
    assert_eq!(bench.command(bench.id, Command::Resume), Ok(()));
    assert_eq!(bench.lines(), ["PriorityChanged { from: 1, to: 100 }"]);
    bench.until(DOWN_US + 65_000_000);
    assert_eq!(bench.state(), State::Master);
    assert_eq!(bench.command(bench.id, Command::Resume), Err(CommandError::NothingToResume));
}

#[test]
fn a_yield_that_nobody_answers_ends_by_itself_without_a_gap() {
    let mut bench = tracking_master(PROXY);
    assert_eq!(bench.command(bench.id, Command::Yield { last_resort: false }), Ok(()));
    // Said twice, it is the same yield.
    assert_eq!(bench.command(bench.id, Command::Yield { last_resort: false }), Ok(()));
    bench.lines();
    bench.until(DOWN_US + 10_000_000);
    let lines = bench.lines();
    assert!(lines.contains(&"BACKUP -> MASTER: yielded, but nobody took over within 2.0 s".to_string()), "{lines:?}");
    assert!(!lines.contains(&"RemoveAddresses".to_string()), "{lines:?}");
    assert_eq!(bench.router().standing_back(), None);
    assert_eq!(bench.router().effective_priority(), 100);
}

#[test]
fn a_yield_taken_back_in_time_changes_nothing_for_the_clients() {
    let mut bench = tracking_master(PROXY);
    assert_eq!(bench.command(bench.id, Command::Yield { last_resort: false }), Ok(()));
    bench.lines();
    assert_eq!(bench.command(bench.id, Command::Resume), Ok(()));
    assert_eq!(
        bench.lines(),
        [
            "PriorityChanged { from: 1, to: 100 }",
            "advert 100 to 224.0.0.18",
            "Announce",
            "BACKUP -> MASTER: yield ended by operator"
        ]
    );
}

#[test]
fn the_last_resort_takes_over_with_the_lowest_priority_and_gives_way_to_anybody() {
    let mut bench = Bench::start(config(200));
    bench.hear(OTHER, 80);
    assert_eq!(bench.command(bench.id, Command::Yield { last_resort: true }), Ok(()));
    for second in 1..20 {
        bench.until(second * 1_000_000);
        bench.hear(OTHER, 80);
    }
    assert_eq!(bench.state(), State::Backup);
    bench.lines();
    bench.until(30_000_000);
    assert_eq!(bench.lines()[0], "advert 1 to 224.0.0.18");
    bench.hear(OTHER, 80);
    assert_eq!(bench.state(), State::Backup);
}

#[test]
fn an_owner_that_yields_hears_others_again() {
    let mut bench = Bench::start(config(255));
    assert_eq!(bench.command(bench.id, Command::Yield { last_resort: false }), Ok(()));
    bench.until(700_000);
    bench.hear(OTHER, 80);
    assert!(!bench.router().holds_addresses());
    assert_eq!(bench.command(bench.id, Command::SetPriority(NonZeroU8::new(100).unwrap())), Err(CommandError::Owner));
    assert_eq!(bench.command(bench.id, Command::Resume), Ok(()));
    bench.until(10_000_000);
    assert_eq!(bench.state(), State::Master);
}

#[test]
fn a_yielding_master_can_fail_and_can_stop() {
    let mut bench = tracking_master(UPLINK);
    bench.command(bench.id, Command::Yield { last_resort: false }).unwrap();
    bench.lines();
    bench.reading(0, Reading::Bad);
    assert_eq!(
        bench.lines(),
        [
            "Blocked(Tracker)",
            "RemoveAddresses",
            "HandoverEnded { to: None, lasted: Duration(0) }",
            "BACKUP -> FAULT: tracker 0 failed"
        ]
    );

    let mut bench = tracking_master(UPLINK);
    bench.command(bench.id, Command::Yield { last_resort: false }).unwrap();
    bench.lines();
    bench.set.handle_shutdown(bench.now);
    bench.drain();
    assert_eq!(bench.lines(), ["BACKUP -> INIT: service stopped"], "priority 0 has been said already");
    bench.until(DOWN_US + 3_000_000);
    assert!(bench.set.is_stopped());
}

#[test]
fn taking_over_needs_the_higher_priority() {
    let mut bench = Bench::start(config(100));
    bench.hear(OTHER, 150);
    assert_eq!(bench.command(bench.id, Command::Take), Err(CommandError::Outranked { master: OTHER, priority: 150 }));
    assert_eq!(bench.command(bench.id, Command::SetPriority(NonZeroU8::new(160).unwrap())), Ok(()));
    assert_eq!(bench.command(bench.id, Command::Take), Ok(()));
    assert_eq!(bench.state(), State::Master);
    assert_eq!(bench.last_cause().unwrap(), "taken from 172.20.45.132 by operator");
    // What it was taken from gives way with a last advert.
    bench.hear(OTHER, 150);
    assert_eq!(bench.times("SecondMaster"), [0; 0]);
    // Again: it is so already.
    assert_eq!(bench.command(bench.id, Command::Take), Ok(()));
}

#[test]
fn taking_over_is_not_for_those_who_cannot() {
    let mut bench = Bench::start_with(config(100), None, Link::Up);
    assert_eq!(bench.command(bench.id, Command::Take), Err(CommandError::Blocked));
    let mut bench = Bench::start(config(100));
    bench.command(bench.id, Command::Yield { last_resort: false }).unwrap();
    assert_eq!(bench.command(bench.id, Command::Take), Err(CommandError::StandsBack));
    bench.set.handle_stop(bench.now, bench.id);
    bench.drain();
    for command in [Command::Take, Command::Resume, Command::Yield { last_resort: true }] {
        assert_eq!(bench.command(bench.id, command), Err(CommandError::NotRunning));
    }
}

#[test]
fn a_master_that_was_held_up_gives_way_where_that_is_wanted() {
    let mut bench = Bench::start(Config { resigns_when_overdue: true, ..config(100) });
    bench.until(DOWN_US + 500_000);
    bench.lines();
    // It sleeps over the advert that is due, but not for as long as a backup waits.
    bench.now = Instant::from_us(DOWN_US + 3_000_000);
    bench.set.handle_timeout(bench.now);
    bench.drain();
    assert_eq!(bench.lines(), ["advert 100 to 224.0.0.18"]);
    bench.now = Instant::from_us(DOWN_US + 3_000_000 + DOWN_US + 1_000_000);
    bench.set.handle_timeout(bench.now);
    bench.drain();
    let lines = bench.lines();
    assert_eq!(
        lines.last().unwrap(),
        "MASTER -> BACKUP: advert was overdue by 3.6 s: another router has taken over meanwhile"
    );
    assert!(!lines.iter().any(|line| line.starts_with("advert")), "{lines:?}");
}

/// Gives the router a new configuration.
fn reconfigure(bench: &mut Bench, config: Config<Borrowed<'static>>) {
    assert!(bench.set.reconfigure(bench.now, bench.id, config).is_ok());
    bench.drain();
}

#[test]
fn a_new_configuration_that_says_the_same_does_nothing() {
    let mut bench = tracking_master(PROXY);
    let timers = bench.router().timers();
    reconfigure(&mut bench, Config { tracks: PROXY, ..config(100) });
    assert_eq!(bench.lines(), [""; 0]);
    assert_eq!(bench.router().timers(), timers);
}

#[test]
fn a_master_goes_on_with_a_new_configuration() {
    const MORE: &[IpAddr] = &[VIPS[0], IpAddr::V4(Ipv4Addr::new(172, 20, 45, 249))];
    let mut bench = tracking_master(PROXY);
    bench.until(DOWN_US + 300_000);
    bench.lines();
    bench.sent.clear();
    reconfigure(&mut bench, Config { addresses: MORE, priority: NonZeroU8::new(120).unwrap(), ..config(100) });
    assert_eq!(bench.lines(), ["PriorityChanged { from: 100, to: 120 }"]);
    bench.until(DOWN_US + 1_000_000);
    assert_eq!(bench.sent.len(), 1, "at the moment it was due");
    assert_eq!(bench.sent[0].2[22..24], [120, 2], "priority and number of addresses");
}

/// Found by the operations of the fuzzer: a refresh every zero seconds never ended.
#[test]
fn a_refresh_begins_and_ends_with_the_configuration() {
    let mut bench = tracking_master(PROXY);
    let with = |refresh| {
        let announce = AnnounceConfig { refresh, repeat: 1, delay: Duration::ZERO, ..AnnounceConfig::default() };
        Config { tracks: PROXY, announce, ..config(100) }
    };
    let start = DOWN_US + 10_000_000;
    bench.until(start);
    bench.lines();
    reconfigure(&mut bench, with(Duration::from_s(10)));
    bench.until(start + 25_000_000);
    assert_eq!(bench.times("Announce"), [start + 10_000_000, start + 20_000_000]);
    bench.lines();
    reconfigure(&mut bench, with(Duration::ZERO));
    bench.until(start + 60_000_000);
    assert_eq!(bench.times("Announce"), [0; 0]);
}

#[test]
fn a_shorter_interval_counts_from_now_on() {
    let v3 = |advert_interval_cs| Config { version: Version::V3, password: None, advert_interval_cs, ..config(100) };
    let mut bench = Bench::start(v3(4_000));
    bench.until(200_000_000);
    assert_eq!(bench.state(), State::Master);
    bench.lines();
    reconfigure(&mut bench, v3(10));
    bench.until(200_100_000);
    assert_eq!(bench.times("advert"), [200_100_000]);
}

#[test]
fn a_backup_waits_as_long_as_its_new_configuration_says() {
    let mut bench = Bench::start(config(100));
    bench.until(1_000_000);
    bench.hear(OTHER, 150);
    reconfigure(&mut bench, Config { down_timer_adverts: NonZeroU8::new(5).unwrap(), ..config(200) });
    // 5 s + 56/256 s.
    assert_eq!(bench.router().timers().master_down_at, Some(Instant::from_us(1_000_000 + 5_218_750)));
}

#[test]
fn what_a_new_configuration_follows_holds_at_once() {
    let mut bench = tracking_master(PROXY);
    bench.reading(0, Reading::Bad);
    bench.lines();
    reconfigure(&mut bench, Config { tracks: UPLINK, ..config(100) });
    assert_eq!(bench.lines().last().unwrap(), "MASTER -> FAULT: configuration changed");
    reconfigure(&mut bench, config(100));
    assert_eq!(bench.lines().last().unwrap(), "FAULT -> BACKUP: configuration changed");
    bench.set.handle_link(bench.now, ETH0, Link::Down);
    bench.drain();
    reconfigure(&mut bench, Config { ignores_link: true, ..config(100) });
    assert_eq!(bench.state(), State::Backup);
    reconfigure(&mut bench, config(100));
    assert_eq!(bench.state(), State::Fault);
}

#[test]
fn who_a_router_is_cannot_change() {
    let mut bench = tracking_master(PROXY);
    let before = bench.router().config().vrid;
    let bad = [
        Config { vrid: NonZeroU8::new(46).unwrap(), ..config(100) },
        Config { interface: InterfaceId(1), ..config(100) },
        Config { group: Some(crate::router::GroupId(1)), ..config(100) },
    ];
    for config in bad {
        let refused = bench.set.reconfigure(bench.now, bench.id, config).map_err(|(error, _)| error);
        assert_eq!(refused.err(), Some(ConfigError::Identity));
    }
    let interval = Config { advert_interval_cs: 50, ..config(100) };
    let refused = bench.set.reconfigure(bench.now, bench.id, interval).map_err(|(error, _)| error);
    assert_eq!(refused.err(), Some(ConfigError::Interval));
    assert_eq!((bench.router().config().vrid, bench.lines().len()), (before, 0));
}

#[test]
fn an_owner_can_stand_back_from_the_beginning() {
    let mut bench = Bench::start(config(100));
    let vrid = NonZeroU8::new(46).unwrap();
    let owner = Config { vrid, ..config(255) };
    let id = bench.set.insert_standing_back(bench.now, owner, Some(ME), Some(false)).unwrap();
    bench.drain();
    assert_eq!(bench.state_of(id), State::Backup);
    bench.until(60_000_000);
    assert_eq!(bench.state_of(id), State::Backup);
    assert_eq!(bench.command(id, Command::Resume), Ok(()));
    bench.until(70_000_000);
    assert_eq!(bench.state_of(id), State::Master);
}
