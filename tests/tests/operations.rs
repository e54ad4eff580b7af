//! What libFuzzer looks for, played from seeds where there is no libFuzzer: sequences of operations on a set of routers.
//!
//! `OPERATIONS_SEED=N` plays one seed, with `OPERATIONS_TRACE=1` aloud; `OPERATIONS_SEEDS=N` says how many are played.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests, and the harness wants them outside cfg(test)"
)]

#[path = "../fuzz/driver/operations.rs"]
mod operations;
#[path = "simulator/random.rs"]
#[allow(dead_code, reason = "the simulator uses all of it")]
mod random;

use std::panic::catch_unwind;

use random::Random;

/// Seeds played where nobody says how many.
const SEEDS: u64 = 4_000;

#[test]
fn any_sequence_of_operations_keeps_what_must_hold() {
    let number = |name| std::env::var(name).ok().and_then(|text: String| text.parse::<u64>().ok());
    let seeds = match (number("OPERATIONS_SEED"), number("OPERATIONS_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(SEEDS),
    };
    for seed in seeds {
        let mut random = Random::new(seed);
        let length = 50 + random.below(1_500);
        let bytes: Vec<u8> = (0..length).map(|_| u8::try_from(random.below(256)).expect("a byte")).collect();
        assert!(catch_unwind(|| operations::play(&bytes)).is_ok(), "seed {seed} breaks it");
    }
}
