//! Signals that the service was started with as ignored, as shells do with SIGINT and SIGQUIT of what they start in the
//! background, and nohup(1) with SIGHUP. A program inherits what is ignored; a script that is to end a child of its own by
//! such a signal would wait for ever.

use std::sync::Once;

use tokio::signal::unix::{SignalKind, signal};

/// Sees to it that what is started from now on begins with no signal ignored, and that the service goes on ignoring them:
/// a signal that is handled begins anew in another program, and the handler does nothing. To be called on the runtime.
pub(super) fn keep_from_scripts() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        for number in ignored(&status) {
            // The handler stays when the stream of signals is dropped. Those that nothing can handle cannot be ignored either,
            // and those of the C library are refused.
            let _ = signal(SignalKind::from_raw(number));
        }
    });
}

/// The signals that `/proc/PID/status` says are ignored. The standard library ignores SIGPIPE itself and gives it back to
/// what it starts.
fn ignored(status: &str) -> impl Iterator<Item = i32> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    (1..=64).filter(move |number| mask & (1 << (number - 1)) != 0 && *number != nix::libc::SIGPIPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_read_bit_by_bit() {
        let of = |status| ignored(status).collect::<Vec<_>>();
        assert_eq!(of("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001006\n"), [2, 3]);
        assert_eq!(of("SigIgn:\t8000000000000000\n"), [64]);
        assert_eq!(of("SigIgn:\tx\n"), [0; 0]);
        assert_eq!(of(""), [0; 0]);
    }
}
