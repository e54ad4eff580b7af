//! Interfaces that go down and up: `interface_up_down_delays`, and `track_interface`.

use std::time::Duration;

use locum_config::model::UpDownDelay;
use locum_control::SortedMap;
use tokio::time::Instant;

use super::judge::{Hold, until};

/// Lets the links of interfaces settle. The service asks it before it believes the kernel.
#[derive(Debug, Default)]
pub(crate) struct Links {
    holds: SortedMap<String, (UpDownDelay, Hold)>,
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

    /// Whether an interface is about to count as up, or as down, and how long that is from now.
    pub(crate) fn pending(&self, interface: &str) -> Option<(bool, Duration)> {
        let (is_up, due) = self.holds.get(interface)?.1.pending()?;
        Some((is_up, due.saturating_duration_since(Instant::now())))
    }

    /// An interface that is about to count as up does so now. Returns whether it was.
    pub(crate) fn skip_to_up(&mut self, interface: &str) -> bool {
        let Some((_, hold)) = self.holds.get_mut(interface) else { return false };
        hold.pending().is_some_and(|(is_up, _)| is_up) && hold.skip()
    }

    /// What was to count by now counts, also of interfaces that nobody asks about any more.
    pub(crate) fn expire(&mut self) {
        for (_, hold) in self.holds.values_mut() {
            hold.expire(Instant::now());
        }
    }

    /// Ends when an interface may have settled: [`Links::settle`] gives another answer after [`Links::expire`].
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_link_that_is_up_again_counts_later_or_when_it_is_told_to() {
        let text = b"interface_up_down_delays {\n eth0 2 30\n}\n";
        let configuration = locum_config::check("test.conf", text, &locum_config::Surroundings::default());
        let mut links = Links::new(&configuration.model().up_down_delays);
        assert!(links.settle("eth0", true), "the first word counts");
        assert!(links.settle("eth0", false));
        assert_eq!(links.pending("eth0"), Some((false, Duration::from_secs(2))));
        assert!(!links.skip_to_up("eth0"), "that it goes down is not skipped");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!links.settle("eth0", false));
        assert_eq!(links.pending("eth0"), None);
        assert!(!links.settle("eth0", true));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(links.pending("eth0"), Some((true, Duration::from_secs(20))));
        assert!(links.skip_to_up("eth0"));
        assert!(links.settle("eth0", true));
        assert!(!links.skip_to_up("eth0") && links.pending("eth0").is_none());
        assert!(links.pending("eth1").is_none());
    }
}
