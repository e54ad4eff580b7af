//! What adverts cost: computing time, system calls, memory. The two take turns.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::{Context, Pair, Taken, in_turn};
use crate::bare::floor;
use crate::daemon::{Daemon, Setup};
use crate::figures::{Goal, Line, Sample, us};
use crate::ground::Ground;

/// All of these rows have the interval of the field.
const INTERVAL_MS: u64 = 1000;

/// Those of the shorter form send more often.
const fn setup(context: &Context, instances: usize) -> Setup {
    Setup::new(instances, 200, if context.quick { 100 } else { INTERVAL_MS })
}

/// By how much the bare loop may vary before the row is called noisy.
const SPREAD_MAX: f64 = 1.25;

/// Computing time per advert.
pub(crate) fn cpu(context: &Context, instances: usize) -> Taken {
    let (sent_goal, received_goal) = match instances {
        100 => (Goal::OfPeers(0.9), Goal::OfPeers(0.7)),
        1000 => (Goal::OfPeers(0.75), Goal::OfPeers(0.6)),
        _ => (Goal::None, Goal::None),
    };
    let mut sent = Line::new("CPU per advert sent [us]", sent_goal);
    let mut received = Line::new("CPU per advert received [us]", received_goal);
    let (mut floor_sent, mut floor_received) = (Sample::default(), Sample::default());
    let rate = u32::try_from(instances.max(100)).unwrap_or(u32::MAX);
    for run in 0..context.runs {
        for which in in_turn(run) {
            let ground = Ground::new(2, instances);
            let bare = floor(&ground, rate, context.window(2));
            floor_sent.push(bare.sent);
            floor_received.push(bare.received);
            let pair = Pair::start(context, which, &ground, &setup(context, instances));
            let before = (pair.master.cpu(), pair.backup.cpu(), pair.master.frames_sent());
            sleep(context.window(if instances < 10 { 10 } else { 5 }));
            let after = (pair.master.cpu(), pair.backup.cpu(), pair.master.frames_sent());
            let adverts = as_f64(after.2 - before.2).max(1.0);
            sent.push(which, us(after.0 - before.0) / adverts);
            received.push(which, us(after.1 - before.1) / adverts);
        }
    }
    let of = |line: &Line, floor: &Sample| match (line.ours.median(), line.theirs.median(), floor.median()) {
        (Some(ours), Some(theirs), Some(floor)) => format!("x{:.2} and x{:.2}", ours / floor, theirs / floor),
        _ => "-".into(),
    };
    let mut taken = Taken::default();
    let text = format!(
        "a bare loop at {rate}/s needs {floor_sent} to send, {floor_received} to receive: {} of it sending, {} receiving",
        of(&sent, &floor_sent),
        of(&received, &floor_received)
    );
    taken.note_noise(text, context.runs > 1 && floor_sent.spread() > SPREAD_MAX);
    taken.lines.extend([sent, received]);
    taken
}

/// System calls per advert. strace slows down what it counts, so this is not measured together with anything else.
pub(crate) fn calls(context: &Context, instances: usize) -> Taken {
    let (sent_goal, received_goal) = match instances {
        100 => (Goal::AtMost(2.2), Goal::AtMost(2.2)),
        1000 => (Goal::AtMost(0.5), Goal::AtMost(0.7)),
        _ => (Goal::None, Goal::None),
    };
    let mut sent = Line::new("system calls per advert sent", sent_goal);
    let mut received = Line::new("system calls per advert received", received_goal);
    for run in 0..context.runs {
        for which in in_turn(run) {
            let ground = Ground::new(2, instances);
            let pair = Pair::start(context, which, &ground, &setup(context, instances));
            for (line, daemon) in [(&mut sent, &pair.master), (&mut received, &pair.backup)] {
                let before = pair.master.frames_sent();
                let calls = count_calls(&ground, daemon, context.window(5));
                let adverts = as_f64(pair.master.frames_sent() - before);
                if let Some(calls) = calls.filter(|_| adverts > 0.0) {
                    line.push(which, calls / adverts);
                }
            }
        }
    }
    let missing = sent.ours.len() == 0;
    let notes = if missing { vec!["strace is not installed, or not allowed here".into()] } else { Vec::new() };
    Taken { lines: vec![sent, received], notes, is_noisy: false }
}

/// The system calls of a daemon in so much time.
fn count_calls(ground: &Ground, daemon: &Daemon, time: Duration) -> Option<f64> {
    let file = ground.folder(1).join("calls");
    let seconds = time.as_secs_f64().to_string();
    let mut command = Command::new("timeout");
    command.args(["--signal", "INT", &seconds, "strace", "--follow-forks", "--summary-only", "--output"]).arg(&file);
    for pid in daemon.pids() {
        command.args(["--attach", &pid.to_string()]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    let text = fs::read_to_string(file).ok()?;
    let total = text.lines().find(|line| line.trim_end().ends_with("total"))?;
    // "100.00  0.001 3  1234 [errors] total"; a name or a number, the calls are the fourth.
    total.split_whitespace().nth(3)?.parse().ok()
}

/// Memory of a master, over all its processes.
pub(crate) fn memory(context: &Context, instances: usize) -> Taken {
    let most = match instances {
        1 => Goal::AtMost(3.0),
        1000 => Goal::AtMost(6.0),
        _ => Goal::None,
    };
    let mut rss = Line::new("resident memory [MiB]", most);
    let mut pss = Line::new("of it, what is shared in parts (PSS) [MiB]", Goal::None);
    let mut private = Line::new("of it, private [MiB]", Goal::None);
    for run in 0..context.runs.min(3) {
        for which in in_turn(run) {
            let ground = Ground::new(2, instances);
            let pair = Pair::start(context, which, &ground, &setup(context, instances));
            let memory = pair.master.memory();
            rss.push(which, memory.rss / 1024.0);
            pss.push(which, memory.pss / 1024.0);
            private.push(which, memory.private / 1024.0);
        }
    }
    Taken { lines: vec![rss, pss, private], ..Taken::default() }
}

#[allow(clippy::cast_precision_loss, reason = "counts")]
const fn as_f64(count: u64) -> f64 {
    count as f64
}
