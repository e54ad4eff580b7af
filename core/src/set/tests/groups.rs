//! Sync groups.

use super::*;
use crate::priority::{Track, Weight};
use crate::router::GroupId;

const ETH1: InterfaceId = InterfaceId(1);
const UPLINK: &[Track] = &[Track { tracker: TrackerId(0), weight: Weight { value: 0, reverse: false } }];

fn member(interface: InterfaceId, priority: u8) -> Config<Borrowed<'static>> {
    Config { interface, group: Some(GroupId(7)), ..config(priority) }
}

/// Two members of a group, router 0 on ETH0 and router 1 on ETH1.
fn group() -> (Bench, RouterId, RouterId) {
    unequal(100, 100)
}

fn unequal(first: u8, second: u8) -> (Bench, RouterId, RouterId) {
    let mut bench = Bench::start(member(ETH0, first));
    let other = bench.add(member(ETH1, second));
    let id = bench.id;
    (bench, id, other)
}

fn masters() -> (Bench, RouterId, RouterId) {
    let (mut bench, first, second) = group();
    bench.until(DOWN_US);
    assert_eq!([bench.state_of(first), bench.state_of(second)], [State::Master; 2]);
    bench.lines();
    (bench, first, second)
}

/// Both hear a master of priority 150, at different moments, until `us`.
fn both_hear(bench: &mut Bench, us: u64) {
    for second in bench.now.us() / 1_000_000..us / 1_000_000 {
        bench.until(second * 1_000_000 + 100_000);
        bench.hear_on(ETH0, OTHER, 150);
        bench.until(second * 1_000_000 + 900_000);
        bench.hear_on(ETH1, OTHER, 150);
    }
}

#[test]
fn the_group_takes_over_together_when_the_last_of_its_timers_expires() {
    let (mut bench, first, second) = group();
    both_hear(&mut bench, 5_000_000);
    bench.lines();
    bench.until(4_900_000 + DOWN_US - 1);
    assert_eq!([bench.state_of(first), bench.state_of(second)], [State::Backup; 2]);
    assert_eq!(bench.lines(), [""; 0]);
    bench.until(4_900_000 + DOWN_US);
    assert_eq!(
        bench.lines(),
        [
            "1 advert 100 to 224.0.0.18",
            "1 AddAddresses",
            "1 Announce",
            "1 BACKUP -> MASTER: master 172.20.45.132 silent for 3.6 s (3 intervals)",
            "0 advert 100 to 224.0.0.18",
            "0 AddAddresses",
            "0 Announce",
            "0 BACKUP -> MASTER: sync group followed member 1",
        ]
    );
}

#[test]
fn a_member_that_still_hears_the_master_holds_the_group_back() {
    let (mut bench, first, second) = group();
    both_hear(&mut bench, 5_000_000);
    // The first segment goes silent, the second does not.
    for second in 5..30 {
        bench.until(second * 1_000_000);
        bench.hear_on(ETH1, OTHER, 150);
    }
    assert_eq!([bench.state_of(first), bench.state_of(second)], [State::Backup; 2]);
    assert_eq!(bench.command(first, Command::Take), Err(CommandError::HeldByGroup));
}

#[test]
fn a_lower_master_holds_nobody_back() {
    let (mut bench, first, second) = group();
    for second in 0..4 {
        bench.until(second * 1_000_000);
        bench.hear_on(ETH0, OTHER, 80);
        bench.hear_on(ETH1, OTHER, 80);
    }
    bench.until(DOWN_US);
    assert_eq!([bench.state_of(first), bench.state_of(second)], [State::Master; 2]);
}

#[test]
fn fault_of_one_is_fault_of_all_and_ends_together() {
    let (mut bench, ..) = masters();
    bench.set.handle_link(bench.now, ETH1, Link::Down);
    bench.drain();
    assert_eq!(
        bench.lines(),
        [
            "1 Blocked(LinkDown)",
            "1 RemoveAddresses",
            "1 MASTER -> FAULT: link down",
            "0 Blocked(Group)",
            "0 advert 0 to 224.0.0.18",
            "0 RemoveAddresses",
            "0 MASTER -> FAULT: sync group followed member 1",
        ]
    );
    bench.set.handle_link(bench.now, ETH1, Link::Up);
    bench.drain();
    assert_eq!(
        bench.lines(),
        [
            "1 Unblocked(LinkDown)",
            "1 FAULT -> BACKUP: link is up",
            "0 Unblocked(Group)",
            "0 FAULT -> BACKUP: sync group followed member 1",
        ]
    );
}

#[test]
fn two_faults_end_with_the_second() {
    let (mut bench, first, second) = masters();
    let link = |bench: &mut Bench, interface, link| {
        bench.set.handle_link(bench.now, interface, link);
        bench.drain();
    };
    link(&mut bench, ETH1, Link::Down);
    link(&mut bench, ETH0, Link::Down);
    link(&mut bench, ETH1, Link::Up);
    assert_eq!([bench.state_of(first), bench.state_of(second)], [State::Fault; 2]);
    let blocks = |bench: &Bench, id| bench.set.router(id).unwrap().blocks().map(|(block, _)| block).collect::<Vec<_>>();
    assert_eq!(blocks(&bench, first), [Block::LinkDown]);
    assert_eq!(blocks(&bench, second), [Block::Group]);
    link(&mut bench, ETH0, Link::Up);
    assert_eq!([bench.state_of(first), bench.state_of(second)], [State::Backup; 2]);
}

#[test]
fn a_better_master_on_one_segment_has_all_give_way() {
    let (mut bench, ..) = masters();
    bench.hear_on(ETH0, OTHER, 150);
    assert_eq!(
        bench.lines(),
        [
            "0 advert 100 to 224.0.0.18",
            "0 RemoveAddresses",
            "0 MASTER -> BACKUP: preempted by 172.20.45.132 (priority 150)",
            "1 advert 0 to 224.0.0.18",
            "1 RemoveAddresses",
            "1 MASTER -> BACKUP: sync group followed member 0",
        ]
    );
}

#[test]
fn unequal_members_settle() {
    // The first would take over from what it hears, the second would give way to it: for keepalived, for ever in turn.
    let (mut bench, first, second) = unequal(200, 50);
    let mut moves = 0;
    for second in 0..120 {
        bench.until(second * 1_000_000);
        bench.hear_on(ETH0, OTHER, 100);
        bench.hear_on(ETH1, OTHER, 100);
        moves += bench.lines().iter().filter(|line| line.contains("->")).count();
    }
    assert_eq!(moves, 2, "both begin, and that is all");
    assert_eq!([bench.state_of(first), bench.state_of(second)], [State::Backup; 2]);
}

#[test]
fn an_owner_takes_its_group_along() {
    let (mut bench, first, second) = unequal(255, 100);
    assert_eq!([bench.state_of(first), bench.state_of(second)], [State::Master; 2]);
    let lines = bench.lines();
    assert_eq!(lines.last().unwrap(), "1 BACKUP -> MASTER: sync group followed member 0");
}

#[test]
fn one_that_joins_a_group_in_fault_is_in_fault() {
    let mut bench = Bench::start_with(member(ETH0, 100), Some(ME), Link::Down);
    let other = bench.add(member(ETH1, 100));
    assert_eq!(bench.state_of(other), State::Fault);
    assert_eq!(bench.lines().last().unwrap(), "1 INIT -> FAULT: sync group in FAULT");
    // And one that brings a fault along.
    let (mut bench, first, _) = masters();
    let vrid = NonZeroU8::new(46).unwrap();
    bench.set.insert(bench.now, Config { vrid, ..member(ETH0, 100) }, None).unwrap();
    bench.drain();
    assert_eq!(bench.state_of(first), State::Fault);
}

#[test]
fn one_that_waits_holds_the_group_back() {
    let (mut bench, first, second) = group();
    let vrid = NonZeroU8::new(46).unwrap();
    let third = bench.add(Config { vrid, tracks: UPLINK, ..member(ETH0, 100) });
    bench.until(60_000_000);
    assert_eq!(
        [bench.state_of(first), bench.state_of(second), bench.state_of(third)],
        [State::Backup, State::Backup, State::Init]
    );
    bench.reading(0, Reading::Good);
    bench.until(70_000_000);
    assert_eq!([first, second, third].map(|id| bench.state_of(id)), [State::Master; 3]);
}

#[test]
fn one_that_goes_for_good_takes_nobody_along() {
    let (mut bench, first, second) = masters();
    bench.set.handle_link(bench.now, ETH1, Link::Down);
    bench.drain();
    bench.set.handle_stop(bench.now, second);
    bench.drain();
    assert_eq!(bench.state_of(first), State::Backup, "what blocked the group has gone");
    assert!(bench.set.remove(second).is_some());
    bench.until(60_000_000);
    assert_eq!(bench.state_of(first), State::Master);
    // The ring is whole again.
    bench.set.handle_link(bench.now, ETH1, Link::Up);
    bench.drain();
    let again = bench.add(member(ETH1, 100));
    assert_eq!(bench.state_of(again), State::Master);
}

#[test]
fn strangers_and_other_groups_do_not_follow() {
    let (mut bench, ..) = masters();
    let vrid = NonZeroU8::new(46).unwrap();
    let stranger = bench.add(Config { vrid, group: None, ..member(ETH0, 100) });
    let vrid = NonZeroU8::new(47).unwrap();
    let foreign = bench.add(Config { vrid, group: Some(GroupId(8)), ..member(ETH0, 100) });
    bench.set.handle_link(bench.now, ETH1, Link::Down);
    bench.drain();
    assert_eq!([bench.state_of(stranger), bench.state_of(foreign)], [State::Backup; 2]);
}

#[test]
fn a_router_changes_its_group() {
    // A backup joins masters, and is one.
    let (mut bench, first, second) = masters();
    let vrid = NonZeroU8::new(46).unwrap();
    let third = bench.add(Config { vrid, group: None, ..member(ETH0, 100) });
    bench.lines();
    bench.set.handle_group(bench.now, third, Some(GroupId(7)));
    bench.drain();
    assert_eq!(bench.lines().last().unwrap(), "2 BACKUP -> MASTER: sync group followed member 1");
    // It leaves, and goes on by itself.
    bench.set.handle_group(bench.now, third, None);
    bench.drain();
    bench.set.handle_link(bench.now, ETH1, Link::Down);
    bench.drain();
    assert_eq!([first, second, third].map(|id| bench.state_of(id)), [State::Fault, State::Fault, State::Master]);
    // Back into the group, which is in FAULT.
    bench.set.handle_group(bench.now, third, Some(GroupId(7)));
    bench.drain();
    assert_eq!(bench.state_of(third), State::Fault);
    // Who brought the fault leaves: the others are free again, and it is not.
    bench.set.handle_group(bench.now, second, None);
    bench.drain();
    assert_eq!([first, second, third].map(|id| bench.state_of(id)), [State::Backup, State::Fault, State::Backup]);
}

#[test]
fn a_master_takes_a_group_along_unless_that_hears_a_better_one() {
    for (better, expected) in [(false, [State::Master; 3]), (true, [State::Backup; 3])] {
        let vrid = NonZeroU8::new(46).unwrap();
        let mut bench = Bench::start(Config { vrid, ..config(100) });
        bench.until(DOWN_US);
        let first = bench.add(member(ETH0, 100));
        let second = bench.add(member(ETH1, 100));
        if better {
            bench.hear_on(ETH1, OTHER, 150);
        }
        bench.set.handle_group(bench.now, bench.id, Some(GroupId(7)));
        bench.drain();
        assert_eq!([bench.id, first, second].map(|id| bench.state_of(id)), expected);
    }
}

/// Found by the simulator: the handover of one member is over before that of the other, whose interval is longer.
#[test]
fn a_yield_that_nobody_follows_is_taken_back_by_the_whole_group() {
    let slow = Config { advert_interval_cs: 200, ..member(ETH1, 100) };
    let mut bench = Bench::start(member(ETH0, 100));
    let (first, second) = (bench.id, bench.add(slow));
    bench.until(20_000_000);
    assert_eq!([bench.state_of(first), bench.state_of(second)], [State::Master; 2]);
    for id in [first, second] {
        assert_eq!(bench.command(id, Command::Yield { last_resort: true }), Ok(()));
    }
    assert_eq!([bench.state_of(first), bench.state_of(second)], [State::Backup; 2]);
    bench.lines();
    bench.until(22_100_000);
    assert_eq!([bench.state_of(first), bench.state_of(second)], [State::Master; 2]);
    // Both say so: whoever keeps a list of yields takes both off it.
    let told = |line: &&std::string::String| line.contains("nobody took over within 2.0 s");
    assert_eq!(bench.lines().iter().filter(told).count(), 2);
    assert_eq!(bench.set.router(second).unwrap().standing_back(), None);
}
