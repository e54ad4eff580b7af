//! x
pub mod clock;
pub mod engine;
