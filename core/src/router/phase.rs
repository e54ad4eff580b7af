//! Where a router is, with its deadlines.

use super::transition::Place;
use crate::time::Instant;
use crate::vocabulary::State;

/// The state with its deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Init,
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
}

impl Phase {
    pub(super) const fn place(&self) -> Place {
        match self {
            Self::Init => Place::Init,
            Self::Fault => Place::Fault,
            Self::Backup { .. } => Place::Backup,
            Self::Master { .. } => Place::Master,
            Self::Leaving { .. } => Place::Leaving,
        }
    }

    pub(super) const fn state(&self) -> State {
        match self {
            Self::Init | Self::Leaving { .. } => State::Init,
            Self::Fault => State::Fault,
            Self::Backup { .. } => State::Backup,
            Self::Master { .. } => State::Master,
        }
    }
}
