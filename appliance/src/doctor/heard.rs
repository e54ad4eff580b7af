//! What the service has heard and what became of it.

use locum_control::{ForeignVrid, InstanceStatus, Reject, SortedMap, State, mac_words};

use super::{Checks, Subject, interfaces};

/// What runs: second masters, what was rejected, what keeps an instance in FAULT, what the kernel refused.
pub(super) fn instances(subject: &Subject<'_>, checks: &mut Checks) {
    let Some(service) = subject.service else {
        return checks.ok("service", None, "no service runs: what it would have heard and done is not known");
    };
    for status in service.instances {
        let name = Some(status.name.clone());
        let before = checks.0.len();
        blocks(subject, status, checks);
        if let Some(second) = &status.second_master {
            let detail = format!(
                "{} (priority {}) is MASTER of VRID {} as well: two routers hold the virtual addresses",
                second.address, second.priority, status.vrid
            );
            let fix = "it does not hear us, or it is a stranger with the same virtual_router_id: see that protocol 112 passes \
                       both ways, and compare the configurations with `locum plan`";
            checks.problem("second-master", name.clone(), detail, fix);
        }
        senders(status, checks);
        refused(status, checks);
        if checks.0.len() == before {
            checks.ok("instance", name, format!("{}, and nothing wrong was heard", status.state));
        }
    }
}

/// What keeps it from taking part.
fn blocks(subject: &Subject<'_>, status: &InstanceStatus, checks: &mut Checks) {
    let is_down = !interfaces::is_up(subject, &status.interface);
    for block in &status.blocks {
        let fix = if is_down {
            format!("see to {} first", status.interface)
        } else {
            format!("`locum why {}` says since when", status.name)
        };
        checks.problem("fault", Some(status.name.clone()), format!("in FAULT: {}", block.detail), fix);
    }
    if let Some(back) = &status.standing_back {
        let until = if back.until_unix_ms.is_some() { " for a time" } else { "" };
        checks.warning(
            "yield",
            Some(status.name.clone()),
            format!("stands back{until}, as an operator ordered: it does not take over"),
            format!("locum resume {}", status.name),
        );
    }
}

/// Who is heard with its VRID and rejected, or has another interval.
fn senders(status: &InstanceStatus, checks: &mut Checks) {
    let name = || Some(status.name.clone());
    for sender in &status.senders {
        if let Some(reason) = sender.last_reject.filter(|_| sender.rejected > 0) {
            let detail = format!(
                "{} packets with VRID {} from {} were discarded: {reason}",
                sender.rejected, status.vrid, sender.address
            );
            checks.warning("discarded", name(), detail, reason.help());
        }
        if let (Some(mac), Some(other)) = (sender.mac, sender.other_mac) {
            let detail = format!("two routers use the address {}: {mac} and {other}", sender.address);
            checks.problem("address-twice", name(), detail, "give each router an address of its own");
        }
        if sender.received > 0 && sender.advert_interval_cs != status.advert_interval_cs {
            let detail = format!(
                "{} sends every {} and this router every {}",
                sender.address,
                seconds(sender.advert_interval_cs),
                seconds(status.advert_interval_cs)
            );
            checks.warning("interval", name(), detail, "give all routers of the group the same advert_int");
        }
    }
    // One in twenty may be an accident.
    for sender in status.senders.iter().filter(|it| it.missed > 0 && it.missed.saturating_mul(20) > it.received) {
        checks.warning(
            "lost-adverts",
            name(),
            format!(
                "{} adverts of {} have not arrived, beside {} that have",
                sender.missed, sender.address, sender.received
            ),
            format!("look for a bad link or an overloaded router; the timeline of {} shows when", status.name),
        );
    }
}

/// What the kernel refused.
fn refused(status: &InstanceStatus, checks: &mut Checks) {
    let name = || Some(status.name.clone());
    for vip in &status.vips {
        if let Some(error) = &vip.error {
            let detail = format!("the kernel refuses {} on {}: {error}", vip.address, vip.device);
            checks.problem("address", name(), detail, "look at `ip address` and the log of the service");
        } else if status.state == State::Master && !vip.installed {
            let detail = format!("MASTER without {} on {}", vip.address, vip.device);
            checks.problem("address", name(), detail, format!("see that {} exists and is up", vip.device));
        }
    }
    for part in &status.parts {
        if let Some(error) = &part.error {
            let detail = format!("the kernel refuses {}: {error}", part.name);
            checks.problem("kernel", name(), detail, "look at the log of the service");
        }
    }
    if let Some(error) = status.no_accept.as_ref().and_then(|no_accept| no_accept.error.as_ref()) {
        let detail = format!("packets to its addresses are not dropped, which no_accept asks for: {error}");
        checks.problem(
            "no_accept",
            name(),
            detail,
            "the kernel needs nf_tables for it: load the module, or write `accept`",
        );
    }
}

/// What was heard on the interfaces that no instance is for.
pub(super) fn segments(subject: &Subject<'_>, checks: &mut Checks) {
    let Some(service) = subject.service else { return };
    for interface in service.interfaces {
        let here = Some(interface.name.clone());
        let foreign: Vec<String> = interface.foreign.iter().map(stranger).collect();
        if !foreign.is_empty() {
            let detail = format!("other groups are heard on {}: VRID {}", interface.name, foreign.join(", "));
            checks.ok("foreign-vrid", here.clone(), detail);
        }
        discarded(&interface.name, &interface.rejected, checks);
    }
}

fn stranger(group: &ForeignVrid) -> String {
    let mac = group.mac.map_or_else(String::new, |mac| format!(", {}", mac_words(mac, group.source, group.vrid)));
    format!("{} ({}{mac})", group.vrid, group.source)
}

fn discarded(interface: &str, rejected: &SortedMap<Reject, u32>, checks: &mut Checks) {
    for (reason, count) in rejected {
        // Strangers with a VRID of their own are no fault.
        if *count == 0 || *reason == Reject::UnknownVrid {
            continue;
        }
        let detail = format!("{count} packets were discarded on {interface}: {reason}");
        checks.warning("discarded", Some(interface.to_owned()), detail, reason.help());
    }
}

fn seconds(interval_cs: u16) -> String {
    format!("{}.{:02} s", interval_cs / 100, interval_cs % 100)
}
