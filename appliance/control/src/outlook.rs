//! Sentences that the command line and the console both say about an instance.

use crate::{Duration, InstanceStatus, State, TrackReading, TrackStatus};

/// What matters most about the instance now, in a few words: who is master, or what is wrong.
pub fn headline(status: &InstanceStatus) -> String {
    if let Some(second) = &status.second_master {
        return format!("second master {} (priority {})", second.address, second.priority);
    }
    match status.state {
        State::Fault => match status.blocks.split_first() {
            Some((first, [])) => first.detail.clone(),
            Some((first, rest)) => format!("{} (and {} more)", first.detail, rest.len()),
            None => "blocked".into(),
        },
        State::Master => "we hold the addresses".into(),
        State::Backup if status.timers.handover_until_us.is_some() => "handing over".into(),
        State::Backup if status.standing_back.is_some() => match &status.master {
            Some(master) => format!("stands back; master is {} (priority {})", master.address, master.priority),
            None => "stands back; no master heard".into(),
        },
        State::Init if status.timers.start_at_us.is_some() => "waits to begin".into(),
        State::Init if status.trackers.iter().any(|track| track.awaited) => {
            let awaited = status.trackers.iter().filter(|track| track.awaited);
            let names: Vec<_> = awaited.map(|track| format!("{} {}", track.kind, track.name)).collect();
            format!("waits for the first word of {}", names.join(", "))
        }
        State::Backup | State::Init => match &status.master {
            Some(master) => format!("master is {} (priority {})", master.address, master.priority),
            None if status.state == State::Init => "stopped".into(),
            None => "no master heard yet".into(),
        },
    }
}

/// How the effective priority comes about, as `70 = 100 - 30 (script chk failed: exit 1)`. Trackers that add nothing are left
/// out.
pub fn priority_sum(status: &InstanceStatus) -> String {
    let mut text = status.effective_priority.to_string();
    if status.standing_back.is_some() {
        return format!("{text} while it stands back (base {})", status.priority);
    }
    let counted: Vec<&TrackStatus> = status.trackers.iter().filter(|track| track.adds != 0).collect();
    if counted.is_empty() && status.effective_priority == status.priority {
        return text;
    }
    let sum = counted.iter().fold(i32::from(status.priority), |sum, track| sum.saturating_add(track.adds.into()));
    text.push_str(&format!(" = {}", status.priority));
    for track in counted {
        let sign = if track.adds < 0 { '-' } else { '+' };
        let says = match track.reading {
            TrackReading::Good => "is well".to_owned(),
            TrackReading::Bad => format!("failed: {}", track.detail),
            TrackReading::Value(value) => format!("says {value}"),
            TrackReading::Unknown => "is not known yet".to_owned(),
        };
        text.push_str(&format!(" {sign} {} ({} {} {says})", track.adds.unsigned_abs(), track.kind, track.name));
    }
    if sum != i32::from(status.effective_priority) && status.priority != u8::MAX {
        text.push_str(&format!(", which is {sum}, within 1 to 254"));
    }
    text
}

/// What happens if the present master fails, as far as this router can know. Backups are silent in VRRP, so a master
/// does not know its successor.
pub fn outlook(status: &InstanceStatus) -> String {
    let takeover = Duration::from_us(status.master_down_interval_us);
    match status.state {
        State::Master => {
            let heard = status.senders.iter().filter(|sender| sender.received > 0).max_by_key(|s| s.last_heard_us);
            match heard {
                Some(sender) => format!(
                    "if this router fails, who follows is unknown (backups are silent); last heard: {} with priority {}",
                    sender.address, sender.priority
                ),
                None => {
                    "if this router fails, who follows is unknown: backups are silent, and no other router was heard"
                        .into()
                }
            }
        }
        State::Backup if status.standing_back.as_ref().is_some_and(|back| !back.last_resort) => {
            "it stands back: if the master fails, this router does not take over until it is resumed".into()
        }
        State::Backup => match &status.master {
            Some(master) => format!(
                "if {} fails, this router (priority {}) takes over after {takeover}, unless one of higher priority does",
                master.address, status.effective_priority
            ),
            None => format!("takes over {takeover} after it began to listen, unless a master is heard"),
        },
        State::Fault => "does not take part until what blocks it is mended".into(),
        State::Init => "does not take part".into(),
    }
}
