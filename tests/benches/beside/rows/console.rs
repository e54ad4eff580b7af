//! What the console costs on routers of many instances: its own computing time and memory, what it sends to the terminal,
//! and what it does to the adverts, which are measured without it and with it in the same run.

use std::fs::File;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};

use super::lateness::intervals;
use super::{Context, Pair, Taken};
use crate::daemon::{Setup, Which, cpu_of, memory_of};
use crate::figures::{Goal, Line};
use crate::ground::Ground;

/// The interval of the field.
const INTERVAL_MS: u64 = 1000;
/// That of the shorter form, which would see none otherwise.
const QUICK_INTERVAL_MS: u64 = 100;

/// Measures it.
pub(crate) fn take(context: &Context, instances: usize) -> Taken {
    let mut cpu = Line::new("CPU of the console [% of a core]", Goal::AtMost(5.0));
    let mut memory = Line::new("its resident memory [MiB]", Goal::None);
    let mut bytes = Line::new("to its terminal [B/s]", Goal::AtMost(400.0));
    let mut service = Line::new("the service's CPU, with less without it [%]", Goal::None);
    let mut without = Line::new("interval's deviation without it, p99 [ms]", Goal::None);
    let mut with = Line::new("interval's deviation with it, p99 [ms]", Goal::None);
    let interval_ms = if context.quick { QUICK_INTERVAL_MS } else { INTERVAL_MS };
    let setup = Setup::new(instances, 200, interval_ms);
    let share = |time: Duration, of: Duration| 100.0 * time.as_secs_f64() / of.as_secs_f64();
    for _ in 0..context.runs {
        let ground = Ground::new(2, instances);
        let pair = Pair::start(context, Which::Locum, &ground, &setup);
        let window = context.window(10);
        let alone = {
            let (capture, before) = (ground.capture(), pair.master.cpu());
            sleep(window);
            let spent = pair.master.cpu().saturating_sub(before);
            without.ours.extend(intervals(&capture.seen(), interval_ms).1.quantile(0.99));
            spent
        };
        // One on the router that sends, one on the router that hears all that.
        let consoles = [&pair.master, &pair.backup].map(|daemon| Console::start(daemon.console()));
        // They have asked for everything by then.
        sleep(context.window(3));
        let (capture, started) = (ground.capture(), Instant::now());
        let before = consoles.each_ref().map(|console| (console.cpu(), console.bytes()));
        let served = pair.master.cpu();
        sleep(window);
        let took = started.elapsed();
        let spent = pair.master.cpu().saturating_sub(served);
        service.ours.push(share(spent, took) - share(alone, window));
        with.ours.extend(intervals(&capture.seen(), interval_ms).1.quantile(0.99));
        for (console, (spent, sent)) in consoles.iter().zip(before) {
            assert!(console.bytes() > 0, "the console has drawn nothing");
            cpu.ours.push(share(console.cpu().saturating_sub(spent), took));
            #[allow(clippy::cast_precision_loss, reason = "counts")]
            bytes.ours.push((console.bytes() - sent) as f64 / took.as_secs_f64());
            memory.ours.push(memory_of(console.child.id()).rss / 1024.0);
        }
    }
    Taken { lines: vec![cpu, memory, bytes, service, without, with], ..Taken::default() }
}

/// The console on a terminal of 80 by 24 whose other side counts.
struct Console {
    child: Child,
    bytes: Arc<AtomicU64>,
}

impl Console {
    fn start(mut command: Command) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).expect("a terminal");
        let side = || Stdio::from(pty.slave.try_clone().expect("a descriptor"));
        command.stdin(side()).stdout(side()).stderr(side()).env("TERM", "vt100");
        let child = command.spawn().expect("it ran before");
        let (mut master, bytes) = (File::from(pty.master), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&bytes);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // An error when the console has left.
            while let Ok(count @ 1..) = master.read(&mut buffer) {
                counted.fetch_add(count as u64, Ordering::Relaxed);
            }
        });
        Self { child, bytes }
    }

    fn cpu(&self) -> Duration {
        cpu_of(self.child.id())
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}
