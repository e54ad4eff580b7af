//! One timer of the kernel for all that the service's loop does at times of its own.
//!
//! tokio keeps its timers in wheels: one that is due in a second ends two waits or three, and whoever sets one that is due
//! before the others wakes the loop once more. Between adverts this is all that the service does, so it wakes once.
//! timerfd_create(2).

use std::io;

use locum_core::time::Instant;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;

use crate::readiness::{self, Owned};

/// A timer on the clock that [`crate::clock::now`] reads.
pub(super) struct Alarm {
    timer: AsyncFd<Owned<TimerFd>>,
    set_for: Option<Instant>,
}

impl Alarm {
    /// Must be called on the runtime.
    pub(super) fn new() -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        Ok(Self { timer: readiness::readable(timer)?, set_for: None })
    }

    /// Waits until then. It may end early, after a wait for another time that was given up: whoever waits looks at the clock.
    pub(super) async fn rings(&mut self, at: Instant) -> io::Result<()> {
        if self.set_for != Some(at) {
            // Zero would switch it off.
            let since_boot = std::time::Duration::from_micros(at.us().max(1));
            let once = Expiration::OneShot(TimeSpec::from_duration(since_boot));
            self.timer.get_ref().0.set(once, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            self.set_for = Some(at);
        }
        // How often it rang is not read: setting it again forgets that.
        self.timer.readable().await?.clear_ready();
        self.set_for = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use locum_core::time::Duration;

    #[tokio::test]
    async fn it_rings_at_the_last_time_that_was_asked_for() {
        let mut alarm = Alarm::new().unwrap();
        let begun = clock::now();
        for ms in [30, 10, 20] {
            let at = clock::now() + Duration::from_ms(ms);
            alarm.rings(at).await.unwrap();
            assert!(clock::now() >= at);
        }
        // One that is over rings at once.
        alarm.rings(Instant::from_us(0)).await.unwrap();
        alarm.rings(begun).await.unwrap();
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_loses_nothing() {
        let mut alarm = Alarm::new().unwrap();
        let late = clock::now() + Duration::from_s(3_600);
        tokio::select! {
            biased;
            rung = alarm.rings(late) => panic!("an hour early: {rung:?}"),
            () = tokio::task::yield_now() => {}
        }
        let soon = clock::now() + Duration::from_ms(5);
        for _ in 0..3 {
            tokio::select! {
                biased;
                () = std::future::ready(()) => {}
                rung = alarm.rings(soon) => panic!("not asked: {rung:?}"),
            }
        }
        while clock::now() < soon {
            alarm.rings(soon).await.unwrap();
        }
    }
}
