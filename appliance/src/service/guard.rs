//! Care with what may cut off whoever asks for it: a session that came in through a virtual address ends where the address
//! moves, and then nobody is there to undo what was done.

use std::fmt;
use std::net::IpAddr;

use locum_control::{Forecast, Item, Lasts};

use super::Service;
use super::clients::ClientId;
use super::plan;

/// How long a change may go unconfirmed, and a yield lasts, where nothing else was said.
const GUARD_S: u64 = 300;

/// The virtual address that a session came in through.
#[derive(Debug)]
pub(super) struct Through {
    instance: String,
    vip: IpAddr,
}

impl fmt::Display for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "you are connected through {}", self.vip)
    }
}

impl Service {
    /// The virtual address that a client's session came in through, if it did.
    pub(super) fn comes_through(&mut self, client: ClientId) -> Option<Through> {
        let vip = self.clients.get_mut(client)?.who.session?.at;
        let has_it = |instance: &&super::instance::Instance| {
            plan::addresses(&instance.configured).any(|(address, _)| address.address == vip)
        };
        let instance = self.instances.iter().find(has_it)?.name().to_owned();
        Some(Through { instance, vip })
    }

    /// How long a yield lasts, and what there is to say about that.
    pub(super) fn yield_lasts(&mut self, client: ClientId, asked: Option<Lasts>) -> (Lasts, Option<String>) {
        match (asked, self.comes_through(client)) {
            (Some(lasts), _) => (lasts, None),
            (None, None) => (Lasts::UntilReboot, None),
            (None, Some(through)) => (Lasts::Seconds(GUARD_S), Some(format!("{through}: it ends in 5 minutes"))),
        }
    }

    /// Within how many seconds a change is to be confirmed, and what there is to say about that.
    pub(super) fn confirm_within(
        &mut self,
        client: ClientId,
        lasts: Lasts,
        asked: Option<u64>,
    ) -> (Option<u64>, Option<String>) {
        let ends_soon = matches!(lasts, Lasts::Seconds(seconds) if seconds <= GUARD_S);
        match (asked, self.comes_through(client)) {
            (Some(seconds), _) => (Some(seconds).filter(|seconds| *seconds > 0), None),
            (None, Some(through)) if !ends_soon => (Some(GUARD_S), Some(through.to_string())),
            (None, _) => (None, None),
        }
    }

    /// Tells a client that its session came in through an address that may move, if it did.
    pub(super) fn tell_what_it_comes_through(&mut self, client: ClientId, id: u64) {
        let Some(through) = self.comes_through(client) else { return };
        let text = format!("{through}: where it moves, your session ends");
        let instance = through.instance;
        if let Some(asking) = self.clients.get_mut(client) {
            asking.item(id, Item::Forecast(Forecast { instance, in_us: None, provided: None, text }));
        }
    }
}
