//! Where a router is, with its deadlines.

use super::transition::Place;
use crate::time::Instant;
use crate::vocabulary::State;

/// The state with its deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not begun.
    Init {
        /// When it may begin; `None` if only the first readings of trackers are waited for.
        start_at: Option<Instant>,
    },
    /// Ended.
    Stopped,
    Fault,
    Backup {
        /// When to take over: `Master_Down_Timer`.
        master_down_at: Instant,
        /// When to take over from the lower master that is heard.
        preempt_at: Option<Instant>,
    },
    Master {
        /// When to send the next advert: `Adver_Timer`.
        advertise_at: Instant,
    },
    Leaving {
        /// When to remove the addresses at the latest.
        until: Instant,
    },
    Yielding {
        /// When to be MASTER again unless another master is heard.
        until: Instant,
    },
}

impl Phase {
    pub(super) const fn place(&self) -> Place {
        match self {
            Self::Init { .. } => Place::Init,
            Self::Stopped => Place::Stopped,
            Self::Fault => Place::Fault,
            Self::Backup { .. } => Place::Backup,
            Self::Master { .. } => Place::Master,
            Self::Leaving { .. } => Place::Leaving,
            Self::Yielding { .. } => Place::Yielding,
        }
    }

    pub(super) const fn state(&self) -> State {
        match self {
            Self::Init { .. } | Self::Stopped | Self::Leaving { .. } => State::Init,
            Self::Fault => State::Fault,
            Self::Backup { .. } | Self::Yielding { .. } => State::Backup,
            Self::Master { .. } => State::Master,
        }
    }
}
