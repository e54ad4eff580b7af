//! x
#![no_std]
#[cfg(test)]
extern crate std;
pub mod reject;
pub mod time;
pub mod vocabulary;
pub mod wire;
