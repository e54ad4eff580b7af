//! `locum show` and `locum why`

use std::path::Path;

use locum_control::{
    ChecksumFlavour, Duration, Histogram, InstanceStatus, InterfaceStatus, Item, Mode, NoAcceptStatus, NotifyStatus,
    PartKind, SCHEMA, ServiceStatus, Setting, SortedMap, State, TrackReading, TransitionRecord, Verb, headline,
    outlook, priority_sum, rfc8347, sender_mac_words,
};
use serde::Serialize;

use super::{Exit, ask, print, print_json, table, words};
use crate::text::Append;

/// What `show --json` prints.
#[derive(Default, Serialize)]
struct Shown {
    schema: u32,
    service: Option<ServiceStatus>,
    interfaces: Vec<InterfaceStatus>,
    instances: Vec<InstanceStatus>,
    /// The counters of each instance under the names of RFC 8347.
    statistics: SortedMap<String, SortedMap<&'static str, u32>>,
}

/// What `why --json` prints.
#[derive(Serialize)]
struct Why<'a> {
    schema: u32,
    instance: &'a InstanceStatus,
    outlook: String,
    /// Newest first.
    transitions: &'a [TransitionRecord],
}

pub(super) fn show(socket: &Path, instance: Option<String>, json: bool) -> Exit {
    let in_full = instance.is_some();
    let (items, _) = match ask(socket, Verb::Show { instance }) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let mut shown = Shown { schema: SCHEMA, ..Shown::default() };
    for item in items {
        if let Item::Service(service) = item {
            shown.service = Some(*service);
        } else if let Item::Interface(interface) = item {
            shown.interfaces.push(interface);
        } else if let Item::Instance(instance) = item {
            shown.instances.push(*instance);
        }
    }
    if json {
        let statistics = |status: &InstanceStatus| (status.name.clone(), rfc8347(&status.counters));
        shown.statistics = shown.instances.iter().map(statistics).collect();
        return print_json(&shown);
    }
    let now_us = shown.service.as_ref().map_or(0, |service| service.now_us);
    match shown.instances.first() {
        Some(instance) if in_full => {
            let engine = shown.service.as_ref().and_then(|service| lateness(&service.lateness));
            print(&(full(instance, now_us) + &engine.unwrap_or_default()))
        }
        Some(_) => print(&brief(&shown, now_us)),
        None => print("no instances\n"),
    }
}

/// What the running configuration says of an instance.
pub(super) fn options(socket: &Path, instance: String, json: bool) -> Exit {
    #[derive(Serialize)]
    struct Options {
        schema: u32,
        options: Vec<Setting>,
    }
    let (items, _) = match ask(socket, Verb::Options { instance }) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let mut options = Vec::new();
    for item in items {
        if let Item::Setting(setting) = item {
            options.push(setting);
        }
    }
    if json {
        return print_json(&Options { schema: SCHEMA, options });
    }
    let line = |setting: &Setting| format!("{} {}", setting.keyword, setting.values.join(" ")).trim_end().to_owned();
    print(&options.iter().map(|setting| line(setting) + "\n").collect::<String>())
}

/// The instances in keepalived's JSON, or one of them.
#[cfg(feature = "keepalived")]
pub(super) fn keepalived(socket: &Path, instance: Option<&str>) -> Exit {
    let (items, _) = match ask(socket, Verb::Keepalived) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let is_meant = |dump: &serde_json::Value| {
        instance.is_none_or(|name| dump.pointer("/data/iname").is_some_and(|iname| iname == name))
    };
    let mut dumps = Vec::new();
    for item in items {
        if let Item::Keepalived(dump) = item
            && is_meant(&dump)
        {
            dumps.push(dump);
        }
    }
    if let Some(name) = instance.filter(|_| dumps.is_empty()) {
        super::complain(&format_args!("no instance is called {name}"));
        return Exit::Failed;
    }
    print_json(&dumps)
}

fn brief(shown: &Shown, now_us: u64) -> String {
    let header = ["INSTANCE", "VRID", "ON", "STATE", "PRIO", "SINCE", "VIP", ""];
    let mut rows = vec![header.map(String::from).to_vec()];
    for status in &shown.instances {
        let mut vips = status.vips.iter().map(|vip| vip.address.as_str());
        let first = vips.next().unwrap_or("none").to_owned();
        let more = vips.count().saturating_add(usize::try_from(status.vips_left_out).unwrap_or(usize::MAX));
        rows.push(vec![
            status.name.clone(),
            status.vrid.to_string(),
            status.interface.clone(),
            status.state.to_string(),
            priority(status),
            words::ago(now_us, status.since_us),
            if more > 0 { format!("{first} +{more}") } else { first },
            headline(status),
        ]);
    }
    let mut text = table::render(&rows);
    for status in &shown.instances {
        if let Some(error) = status.no_accept.as_ref().and_then(|it| it.error.as_ref()) {
            text.append(format_args!(
                "{}: packets to its VIPs are ACCEPTED, no_accept has no effect: {error}\n",
                status.name
            ));
        }
    }
    if let Some(service) = shown.service.as_ref().filter(|service| service.configuration_errors > 0) {
        text.append(format_args!(
            "{} has {} errors: see `locum check {0}`\n",
            service.configuration, service.configuration_errors
        ));
    }
    text.extend(shown.service.as_ref().map(notification_trouble));
    text.extend(shown.service.as_ref().map(pending_changes));
    text
}

/// What runs and is not in the configuration file.
fn pending_changes(service: &ServiceStatus) -> String {
    let mut text = String::new();
    if let Some(change) = &service.on_trial {
        let (number, who, what) = (change.number, &change.who, change.what.join(", "));
        text.append(format_args!(
            "change {number} of {who} is on trial ({what}): `locum confirm` or `locum rollback`\n"
        ));
    }
    match service.unsaved_changes {
        0 => {}
        1 => text.push_str("1 change is not in the configuration file: see `locum changes`\n"),
        count => text.append(format_args!("{count} changes are not in the configuration file: see `locum changes`\n")),
    }
    text
}

fn priority(status: &InstanceStatus) -> String {
    if status.effective_priority == status.priority {
        status.priority.to_string()
    } else {
        format!("{} (base {})", status.effective_priority, status.priority)
    }
}

fn full(status: &InstanceStatus, now_us: u64) -> String {
    let span = |us: u64| Duration::from_us(us).to_string();
    let mut lines = heading(status, now_us);
    lines.push(format!(
        "  VRRPv{} {}, VRID {} on {}, {}",
        status.version,
        status.family,
        status.vrid,
        status.interface,
        match &status.mode {
            Mode::Multicast { group } => format!("multicast to {group}"),
            Mode::Unicast { peers } => format!("unicast to {}", list(peers)),
        }
    ));
    lines
        .push(format!("  adverts from {}", status.source.map_or("no address yet".into(), |source| source.to_string())));
    let preempt = match (status.preempt, status.preempt_delay_us) {
        (false, _) => "never preempts".to_owned(),
        (true, 0) => "preempts".to_owned(),
        (true, delay_us) => format!("preempts after {}", span(delay_us)),
    };
    lines.push(format!("  priority {}, {preempt}", priority_sum(status)));
    if let Some(group) = &status.group {
        lines.push(format!("  in sync group {group}: its members move together"));
    }
    if let Some(back) = &status.standing_back {
        let unless = if back.last_resort { ", unless nobody else is heard" } else { "" };
        lines.push(format!("  stands back for {}{unless} (`locum resume` ends it)", words::ago(now_us, back.since_us)));
    }
    lines.push(format!(
        "  advert interval {}, skew {}, a master is down after {}",
        span(u64::from(status.advert_interval_cs) * 10_000),
        span(status.skew_us),
        span(status.master_down_interval_us)
    ));
    let in_time = |at: Option<u64>| at.map(|at| span(at.saturating_sub(now_us)));
    for (what, at) in [
        ("begins (`locum resume` skips the wait) in", status.timers.start_at_us),
        ("the link counts as up (`locum resume` skips the wait) in", status.timers.link_up_at_us),
        ("the link counts as down in", status.timers.link_down_at_us),
        ("takes over unless the master is heard, in", status.timers.master_down_at_us),
        ("preempt delay ends (`locum resume` skips it), in", status.timers.preempt_at_us),
        ("next advert in", status.timers.advertise_at_us),
        ("addresses go at the latest in", status.timers.handover_until_us),
    ] {
        lines.extend(in_time(at).map(|left| format!("  {what} {left}")));
    }
    lines.extend(trackers(status, now_us));
    lines.extend(notifications(status, now_us));
    lines.push("Addresses".into());
    for vip in &status.vips {
        let label = vip.label.as_ref().map(|label| format!(" label {label}")).unwrap_or_default();
        let excluded = if vip.excluded { ", not in adverts" } else { "" };
        let what = match (&vip.error, vip.installed) {
            (Some(error), _) => error.as_str(),
            (None, true) => "here",
            (None, false) => "not here",
        };
        lines.push(format!("  {} on {}{label}: {what}{excluded}", vip.address, vip.device));
    }
    if status.vips_left_out > 0 {
        lines.push(format!("  and {} more", status.vips_left_out));
    }
    lines.extend(parts(status));
    if !status.senders.is_empty() {
        lines.push("Heard".into());
    }
    for sender in &status.senders {
        let age = words::ago(now_us, sender.last_heard_us);
        let mut line = format!("  {}: ", sender.address);
        if sender.received > 0 {
            line.append(format_args!(
                "priority {}, {age} ago, {} adverts, {} late, {} missed, longest gap {}",
                sender.priority,
                sender.received,
                sender.late,
                sender.missed,
                span(sender.longest_gap_us)
            ));
            line.push_str(match sender.checksum {
                Some(ChecksumFlavour::Plain) => ", checksum as in VRRPv2",
                Some(ChecksumFlavour::PseudoHeader) => ", checksum with pseudo-header",
                None => "",
            });
        }
        if let Some(words) = sender_mac_words(sender, status.vrid) {
            line.push_str(if sender.received > 0 { ", " } else { "" });
            line.push_str(&words);
        }
        if let Some(reason) = sender.last_reject {
            let separator = if sender.received > 0 || sender.mac.is_some() { "; " } else { "" };
            line.append(format_args!("{separator}{} packets discarded, the last one: {reason}", sender.rejected));
        }
        lines.push(line);
    }
    let counters = &status.counters;
    lines.push("Counted".into());
    lines.push(format!(
        "  adverts sent {}, received {}; priority 0 sent {}, received {}; became MASTER {}; announcements {}",
        counters.adverts_sent,
        counters.adverts_received,
        counters.priority_zero_sent,
        counters.priority_zero_received,
        counters.became_master,
        counters.announcements_sent
    ));
    for (reason, count) in &counters.rejected {
        lines.push(format!("  discarded, {reason}: {count}. {}", reason.help()));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// How late the engine was for the deadlines of all instances.
fn lateness(lateness: &Histogram) -> Option<String> {
    let [most, nearly_all] = [990, 999].map(|per_mille| lateness.within_us(per_mille));
    Some(format!(
        "Engine\n  woke for {} deadlines: 99 % at most {} late, 99.9 % {}; {} once\n",
        lateness.count(),
        Duration::from_us(most?),
        Duration::from_us(nearly_all?),
        Duration::from_us(lateness.max_us)
    ))
}

/// What it has in the kernel while it is MASTER, beside its addresses, and how packets to them are kept away.
fn parts(status: &InstanceStatus) -> Vec<String> {
    let mut lines = Vec::new();
    let kinds = [
        (PartKind::Interface, "Interfaces", "up", "down"),
        (PartKind::Route, "Routes", "here", "not here"),
        (PartKind::Rule, "Rules", "here", "not here"),
    ];
    for (kind, heading, there, not_there) in kinds {
        let of_kind: Vec<_> = status.parts.iter().filter(|part| part.kind == kind).collect();
        if !of_kind.is_empty() {
            lines.push(heading.into());
        }
        for part in of_kind {
            let what = part.error.as_deref().unwrap_or(if part.installed { there } else { not_there });
            let untracked = if part.tracked { "" } else { " (no_track)" };
            lines.push(format!("  {}: {what}{untracked}", part.name));
        }
    }
    if status.parts_left_out > 0 {
        lines.push(format!("  and {} more", status.parts_left_out));
    }
    if let Some(NoAcceptStatus { table, in_force, error }) = &status.no_accept {
        lines.push("Packets to the addresses (no_accept)".into());
        lines.push(match error {
            Some(error) => format!("  ACCEPTED, because the kernel refuses nftables table {table}: {error}"),
            None if *in_force => format!("  dropped by nftables table {table}"),
            None => format!("  dropped by nftables table {table} when it takes part"),
        });
    }
    lines
}

/// Who was told, and how it went.
fn notifications(status: &InstanceStatus, now_us: u64) -> Vec<String> {
    let mut lines = Vec::new();
    if !status.notified.is_empty() {
        lines.push("Notifications".into());
    }
    for told in &status.notified {
        let NotifyStatus { name, script, state, run, .. } = told;
        let whose = if *name == status.name { String::new() } else { format!("{name}: ") };
        let (age, took) = (words::ago(now_us, run.at_us), Duration::from_us(run.duration_us));
        lines.push(format!("  {whose}{script} ({state}) {age} ago took {took}: {}", run.result));
        lines.extend(run.last_lines.iter().map(|line| format!("    | {line}")));
    }
    if status.notifications_skipped > 0 {
        lines.push(format!("  {} states were never told, because scripts took so long", status.notifications_skipped));
    }
    lines
}

/// What of the service's own notifications is not as it should be.
fn notification_trouble(service: &ServiceStatus) -> String {
    let mut text = String::new();
    for fifo in service.fifos.iter().filter(|fifo| fifo.lost > 0) {
        text.append(format_args!("{}: nobody reads it, {} lines are lost\n", fifo.path, fifo.lost));
    }
    if let Some(mail) = service.mail.as_ref().filter(|mail| mail.last_error.is_some()) {
        let error = mail.last_error.as_deref().unwrap_or_default();
        text.append(format_args!(
            "mail: {error}; {} wait, {} refused, {} lost\n",
            mail.waiting, mail.refused, mail.lost
        ));
    }
    text
}

/// What it follows, and how each of it is.
fn trackers(status: &InstanceStatus, now_us: u64) -> Vec<String> {
    let mut lines = Vec::new();
    if !status.trackers.is_empty() {
        lines.push("Trackers".into());
    }
    for track in &status.trackers {
        let says = match track.reading {
            TrackReading::Unknown => "not known yet".to_owned(),
            TrackReading::Good => "well".to_owned(),
            TrackReading::Bad => "FAILED".to_owned(),
            TrackReading::Value(value) => value.to_string(),
        };
        let counts = match (track.weight, track.reverse) {
            (0, false) => "a failure means FAULT".to_owned(),
            (0, true) => "success means FAULT".to_owned(),
            (weight, reverse) => format!("weight {weight}{}", if reverse { " reverse" } else { "" }),
        };
        let since = words::ago(now_us, track.since_us);
        lines.push(format!("  {} {}: {says} for {since}: {} ({counts})", track.kind, track.name, track.detail));
        if let Some(last) = &track.last {
            let took = Duration::from_us(last.duration_us);
            let skipped = if track.skipped > 0 { format!(", {} left out", track.skipped) } else { String::new() };
            let age = words::ago(now_us, last.at_us);
            lines.push(format!("    last run {age} ago took {took}: {} ({} runs{skipped})", last.result, track.runs));
            lines.extend(last.last_lines.iter().map(|line| format!("    | {line}")));
        }
    }
    lines
}

/// State, since when and why.
fn heading(status: &InstanceStatus, now_us: u64) -> Vec<String> {
    let mut lines = vec![format!(
        "{} is {} since {} ({} ago)",
        status.name,
        status.state,
        words::wall_clock(status.since_unix_ms),
        words::ago(now_us, status.since_us)
    )];
    // The blocks of a FAULT say it better.
    if let Some(last) = status.last_transition.as_ref().filter(|_| status.state != State::Fault) {
        lines.push(format!("  because: {}", last.text));
    }
    for block in &status.blocks {
        let since = words::ago(now_us, block.since_us);
        lines.push(format!("  blocked for {since} by {}: {}", block.block, block.detail));
    }
    lines.push(format!("  {}", headline(status)));
    lines
}

fn list(addresses: &[std::net::IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

pub(super) fn why(socket: &Path, instance: String, json: bool) -> Exit {
    let (items, _) = match ask(socket, Verb::Why { instance }) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let mut status = None;
    let mut transitions = Vec::new();
    for item in items {
        if let Item::Instance(instance) = item {
            status = Some(instance);
        } else if let Item::Transition(transition) = item {
            transitions.push(transition);
        }
    }
    let Some(status) = status else {
        super::complain(&"the service has not said anything about it");
        return Exit::Failed;
    };
    if json {
        let outlook = outlook(&status);
        return print_json(&Why { schema: SCHEMA, instance: &status, outlook, transitions: &transitions });
    }
    let mut lines = heading(&status, crate::clock::now().us());
    lines.push(format!("  priority {}", priority_sum(&status)));
    lines.push(format!("  {}", outlook(&status)));
    lines.push("History, newest first".into());
    let rows: Vec<_> = transitions
        .iter()
        .map(|record| {
            let step = format!("{} -> {}", record.from, record.to);
            vec![format!("  {}", words::wall_clock(record.at_unix_ms)), step, record.text.clone()]
        })
        .collect();
    print(&format!("{}\n{}", lines.join("\n"), table::render(&rows)))
}
