//! Routers on simulated time: the real core, a simulated segment, seeded faults, and what must hold whatever happens.
//!
//! A failure prints the seed and one line an event. `SIMULATOR_SEED=N` plays one seed and prints its events;
//! `SIMULATOR_SEEDS=N` says how many are played.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests, and the harness wants them outside cfg(test)"
)]

mod random;
mod segment;

use segment::{Fault, Segment};

/// Seeds played where nobody says how many.
const SEEDS: u64 = 10_000;

fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse::<u64>().ok());
    match (number("SIMULATOR_SEED"), number("SIMULATOR_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(SEEDS),
    }
}

/// Goal: safety and liveness under faults. Method: many short lives of a group, each with faults drawn from its seed; then
/// peace, and a look at what has become of it.
#[test]
fn one_master_within_the_bound_after_the_last_fault() {
    let seeds = seeds();
    let verbose = seeds.end - seeds.start == 1;
    let mut takeovers = 0;
    let mut faults = 0;
    for seed in seeds.clone() {
        let mut segment = Segment::new(seed);
        let outcome = segment.live();
        if let Err(broken) = &outcome {
            panic!("seed {seed}: {broken}\n{}", segment.log());
        }
        if verbose {
            println!("seed {seed}\n{}", segment.log());
        }
        takeovers += segment.takeovers();
        faults += segment.faults();
    }
    let lives = seeds.end - seeds.start;
    println!("{lives} lives, {faults} faults, {takeovers} takeovers");
    // A simulator in which nothing happens proves nothing.
    assert!(
        verbose || (faults > lives && takeovers > lives),
        "{faults} faults, {takeovers} takeovers in {lives} lives"
    );
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
