//! Interfaces that go down and up: `interface_up_down_delays`, and `track_interface`.

use std::collections::HashMap;
use std::time::Duration;

use locum_config::model::UpDownDelay;
use tokio::time::Instant;

use super::judge::{Hold, until};

/// Lets the links of interfaces settle. The service asks it before it believes the kernel.
#[derive(Debug, Default)]
pub(crate) struct Links {
    holds: HashMap<String, (UpDownDelay, Hold)>,
}

impl Links {
    /// With the delays of a configuration.
    pub(crate) fn new(delays: &[UpDownDelay]) -> Self {
        let mut links = Self::default();
        links.reload(delays);
        links
    }

    /// Takes other delays; interfaces whose delays stay what they were are left as they are.
    pub(crate) fn reload(&mut self, delays: &[UpDownDelay]) {
        let mut before = std::mem::take(&mut self.holds);
        for delay in delays {
            let hold = match before.remove(&delay.interface) {
                Some((known, hold)) if known == *delay => hold,
                Some((_, hold)) => fresh(delay, hold.settled()),
                None => fresh(delay, None),
            };
            self.holds.insert(delay.interface.clone(), (delay.clone(), hold));
        }
    }

    /// The kernel says that the interface is up, or down, now. Gives what is to be believed. The first word about an
    /// interface is believed at once.
    pub(crate) fn settle(&mut self, interface: &str, is_up: bool) -> bool {
        let Some((_, hold)) = self.holds.get_mut(interface) else { return is_up };
        hold.take(Instant::now(), is_up);
        hold.settled().unwrap_or(is_up)
    }

    /// Ends when an interface may have settled: [`Links::settle`] gives another answer from then on.
    pub(crate) fn wake(&self) -> impl Future<Output = ()> + use<> {
        until(self.holds.values().filter_map(|(_, hold)| hold.due()).min())
    }
}

fn fresh(delay: &UpDownDelay, settled: Option<bool>) -> Hold {
    let ms = |ms: u32| Duration::from_millis(u64::from(ms));
    let mut hold = Hold::new(ms(delay.down_ms), ms(delay.up_ms));
    if let Some(is_up) = settled {
        hold.take(Instant::now(), is_up);
    }
    hold
}
