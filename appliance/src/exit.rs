//! Exit codes.

use std::process::ExitCode;

/// What the process ends with. Scripts rely on these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// What was asked for failed.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The configuration has errors, or cannot be read.
    ConfigurationErrors = 3,
    /// The configuration has warnings, and `check --strict` was asked for.
    ConfigurationWarnings = 4,
    /// No service answers on the socket.
    NoService = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
