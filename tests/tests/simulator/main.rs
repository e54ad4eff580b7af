//! Routers on simulated time: the real core, simulated segments, seeded faults, and what must hold whatever happens.
//!
//! A failure prints the seed, the commit, and one line an event. `SIMULATOR_SEED=N` plays one seed and prints its events;
//! `SIMULATOR_SEEDS=N` says how many are played; `SIMULATOR_SECONDS=N` plays seeds that nobody has played yet for so long,
//! as a machine does at night.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests, and the harness wants them outside cfg(test)"
)]

mod node;
mod random;
mod segment;
mod world;

use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use segment::{Fault, Segment};
use world::World;

/// Seeds played where nobody says how many.
const SEEDS: u64 = 10_000;

/// How a life went.
struct Life {
    outcome: Result<(), String>,
    faults: u64,
    takeovers: u64,
    /// A line an event.
    log: String,
}

/// Plays the seeds that are asked for.
fn play(live: impl Fn(u64) -> Life) {
    let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse::<u64>().ok());
    let seed = number("SIMULATOR_SEED");
    let seconds = number("SIMULATOR_SECONDS").map(Duration::from_secs);
    let first = match (seed, seconds) {
        (Some(seed), _) => seed,
        // Far from the seeds of every day, and other ones each night.
        (None, Some(_)) => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() << 20),
        (None, None) => 0,
    };
    let count = if seed.is_some() { 1 } else { number("SIMULATOR_SEEDS").unwrap_or(SEEDS) };
    let started = Instant::now();
    let goes_on = |lives: u64| match seconds {
        Some(seconds) if seed.is_none() => started.elapsed() < seconds,
        _ => lives < count,
    };
    let (mut lives, mut faults, mut takeovers) = (0, 0, 0);
    while goes_on(lives) {
        let seed = first + lives;
        let life = live(seed);
        if let Err(broken) = life.outcome {
            panic!("seed {seed}, commit {}: {broken}\n{}", commit(), life.log);
        }
        if count == 1 {
            println!("seed {seed}\n{}", life.log);
        }
        (lives, faults, takeovers) = (lives + 1, faults + life.faults, takeovers + life.takeovers);
    }
    println!("{lives} lives from seed {first} on, {faults} faults, {takeovers} takeovers");
    // A simulator in which nothing happens proves nothing.
    assert!(
        lives < 100 || (faults > lives && takeovers > lives),
        "{faults} faults, {takeovers} takeovers in {lives} lives"
    );
}

/// What a seed means depends on it.
fn commit() -> String {
    let git =
        Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let text = git.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if text.is_empty() { "unknown".into() } else { text }
}

/// Goal: safety and liveness under faults. Method: many short lives of a group, each with faults drawn from its seed; then
/// peace, and a look at what has become of it.
#[test]
fn one_master_within_the_bound_after_the_last_fault() {
    play(|seed| {
        let mut segment = Segment::new(seed);
        let outcome = segment.live();
        let (faults, takeovers) = (segment.faults(), segment.takeovers());
        Life { outcome, faults, takeovers, log: segment.log().to_owned() }
    });
}

/// Goal: sync groups are never torn apart and never chase each other. Method: as above, with nodes on two segments.
#[test]
fn groups_of_two_segments_move_together() {
    play(|seed| {
        let mut world = World::new(seed);
        let outcome = world.live();
        Life { outcome, faults: world.struck, takeovers: world.takeovers, log: world.log().to_owned() }
    });
}

/// The checks can fail: a group in which one router is deaf for good has two masters, and that is noticed.
#[test]
fn a_group_that_stays_split_is_noticed() {
    let mut segment = Segment::untroubled(7);
    segment.strike(Fault::Deaf(segment.the_worst()));
    segment.forget_to_heal();
    let broken = segment.live().expect_err("a router that hears nobody is a second master");
    assert!(broken.starts_with("masters when all is settled"), "{broken}\n{}", segment.log());
}

/// As above, for two segments.
#[test]
fn nodes_that_stay_split_are_noticed() {
    let mut world = World::of_the_deaf(7);
    let broken = world.live().expect_err("nodes that hear nobody are all masters");
    assert!(broken.starts_with("masters of the segments"), "{broken}\n{}", world.log());
}
