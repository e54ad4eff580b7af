//! What one configuration changes against another, instance by instance, in words that a technician reads before he says
//! yes.

use std::fmt::Display;

use locum_config::Model;
use locum_config::model::{
    Authentication, Global, Instance, Peer, Probe, Setting, SyncGroup, TrackFile, TrackProcess, VirtualAddress,
    VrrpScript,
};
use locum_control::{Difference, DifferenceKind};

use super::plan::ties;
use crate::seconds::Seconds;

/// What `new` changes. What stays as it is does not appear.
pub(crate) fn compare(old: &Model, new: &Model) -> Vec<Difference> {
    let mut found = Vec::new();
    for instance in &new.instances {
        let Some(before) = old.instance(&instance.name) else {
            found.push(difference(instance, DifferenceKind::Added, Vec::new()));
            continue;
        };
        let mut told = if before == instance { Vec::new() } else { details(before, instance) };
        told.extend(of_ties(old, new, before, instance));
        if !told.is_empty() {
            let restarts = needs_restart(before, instance);
            let kind = if restarts { DifferenceKind::Restarted } else { DifferenceKind::Changed };
            found.push(difference(instance, kind, told));
        }
    }
    for instance in &old.instances {
        if new.instance(&instance.name).is_none() {
            found.push(difference(instance, DifferenceKind::Removed, Vec::new()));
        }
    }
    found.extend(blocks(old, new));
    found
}

/// What changes for an instance on account of other blocks.
fn of_ties(old: &Model, new: &Model, before: &Instance, after: &Instance) -> Vec<String> {
    let mut found = Details(Vec::new());
    let group = |model| ties::sync_group(model, &before.name).map_or("none", |group| &group.name.value);
    found.value("sync group", &group(old), &group(new));
    if before.tracks == after.tracks && ties::follows(old, before) != ties::follows(new, after) {
        found.0.push("trackers changed".into());
    }
    if old.global.garp_interval_us != new.global.garp_interval_us {
        found.0.push("vrrp_garp_interval changed".into());
    }
    found.0
}

/// Other blocks.
fn blocks(old: &Model, new: &Model) -> Vec<Difference> {
    let mut found = Vec::new();
    let block = |name: String, what: &str| Difference { name, kind: DifferenceKind::Block, details: vec![what.into()] };
    for ((keyword, olds), (_, news)) in named(old).iter().zip(&named(new)) {
        for (name, after) in news {
            match olds.iter().find(|(known, _)| known == name) {
                None => found.push(block(format!("{keyword} {name}"), "added")),
                Some((_, before)) if before != after => found.push(block(format!("{keyword} {name}"), "changed")),
                Some(_) => {}
            }
        }
        for (name, _) in olds {
            if !news.iter().any(|(known, _)| known == name) {
                found.push(block(format!("{keyword} {name}"), "removed"));
            }
        }
    }
    if old.up_down_delays != new.up_down_delays {
        found.push(block("interface_up_down_delays".into(), "changed"));
    }
    let later = next_start(old, new);
    if !later.is_empty() {
        found.push(Difference { name: "next start".into(), kind: DifferenceKind::Block, details: later });
    }
    if old.global != new.global {
        found.push(block("global_defs".into(), "changed"));
    }
    found
}

/// A block that has a name.
#[derive(PartialEq)]
enum Named<'m> {
    SyncGroup(&'m SyncGroup),
    Script(&'m VrrpScript),
    File(&'m TrackFile),
    Process(&'m TrackProcess),
    Probe(&'m Probe),
}

/// All blocks that have names, by keyword.
fn named(model: &Model) -> [(&'static str, Vec<(&str, Named<'_>)>); 5] {
    let sync_groups = model.sync_groups.iter().map(|it| (it.name.value.as_str(), Named::SyncGroup(it)));
    let scripts = model.scripts.iter().map(|it| (it.name.value.as_str(), Named::Script(it)));
    let files = model.track_files.iter().map(|it| (it.name.value.as_str(), Named::File(it)));
    let processes = model.track_processes.iter().map(|it| (it.name.value.as_str(), Named::Process(it)));
    let probes = model.probes.iter().map(|it| (it.name.value.as_str(), Named::Probe(it)));
    [
        ("vrrp_sync_group", sync_groups.collect()),
        ("vrrp_script", scripts.collect()),
        ("track_file", files.collect()),
        ("vrrp_track_process", processes.collect()),
        ("vrrp_probe", probes.collect()),
    ]
}

/// What a service reads at its start only.
pub(crate) fn next_start(old: &Model, new: &Model) -> Vec<String> {
    let mut found = Details(Vec::new());
    found.value("net_namespace", &word(&old.home.net_namespace), &word(&new.home.net_namespace));
    found.value("instance", &word(&old.home.instance), &word(&new.home.instance));
    let (old, new) = (&old.global, &new.global);
    let number = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let realtime = |global: &Global| number(global.realtime_priority.map(|value| value.value.to_string()));
    found.value("vrrp_rt_priority", &realtime(old), &realtime(new));
    let nice = |global: &Global| number(global.nice.map(|value| value.value.to_string()));
    found.value("vrrp_priority", &nice(old), &nice(new));
    found.setting("vrrp_no_swap", &old.no_swap, &new.no_swap);
    if old.cpu_affinity != new.cpu_affinity {
        found.0.push("vrrp_cpu_affinity changed".into());
    }
    found.0
}

/// Whether an instance must end and begin again: who it is for others has changed, or how it reaches them.
pub(crate) fn needs_restart(old: &Instance, new: &Instance) -> bool {
    identity(old) != identity(new)
}

fn identity(instance: &Instance) -> impl PartialEq {
    let Instance { interface, family, vrid, virtual_mac, ipvlan, broken, .. } = instance;
    (interface, family, vrid, virtual_mac, ipvlan, broken)
}

fn difference(instance: &Instance, kind: DifferenceKind, details: Vec<String>) -> Difference {
    Difference { name: instance.name.value.clone(), kind, details }
}

/// What differs between two instances of the same name.
fn details(old: &Instance, new: &Instance) -> Vec<String> {
    let mut found = Details(Vec::new());
    found.value("interface", &word(&old.interface), &word(&new.interface));
    found.value("family", &old.family, &new.family);
    found.setting("virtual_router_id", &old.vrid, &new.vrid);
    found.setting("priority", &old.priority, &new.priority);
    found.setting("version", &old.version, &new.version);
    let seconds = |centiseconds: u16| format!("{} s", Seconds::from_cs(centiseconds));
    found.value("advert_int", &seconds(*old.advert_interval_cs), &seconds(*new.advert_interval_cs));
    found.setting("down_timer_adverts", &old.down_timer_adverts, &new.down_timer_adverts);
    let preempt = |instance: &Instance| match (*instance.preempt, *instance.preempt_delay_ms) {
        (false, _) => "no".to_owned(),
        (true, 0) => "yes".to_owned(),
        (true, delay_ms) => format!("after {} s", Seconds::from_ms(delay_ms)),
    };
    found.value("preempt", &preempt(old), &preempt(new));
    let source = |instance: &Instance| instance.source_address.map_or("chosen".into(), |at| at.value.to_string());
    found.value("source address", &source(old), &source(new));
    if !old.is_unicast() && !new.is_unicast() {
        found.setting("multicast group", &old.multicast_group, &new.multicast_group);
    }
    found.list("peer", &old.peers, &new.peers, |peer: &Setting<Peer>| peer.value.address.to_string());
    let vip = |address: &VirtualAddress| {
        let device = address.interface.as_ref().map_or(String::new(), |device| format!(" dev {}", device.value));
        format!("{}/{}{device}", address.address, address.prefix_len)
    };
    found.list("VIP", &old.addresses, &new.addresses, vip);
    found.list("excluded VIP", &old.excluded_addresses, &new.excluded_addresses, vip);
    if old.authentication != new.authentication {
        // Never what it is.
        found.0.push(match (&old.authentication, &new.authentication) {
            (Authentication::None, _) => "password set".into(),
            (_, Authentication::None) => "password removed".into(),
            (_, _) => "password changed".into(),
        });
    }
    if old.tracks != new.tracks {
        found.0.push("trackers changed".into());
    }
    if old.notify != new.notify {
        found.0.push("notification scripts changed".into());
    }
    if old.broken != new.broken {
        found.0.push(if new.broken { "has an error now".into() } else { "its error is mended".into() });
    }
    if found.0.is_empty() {
        found.0.push("other options changed".into());
    }
    found.0
}

/// What is written, if anything is.
fn word(written: &Option<Setting<String>>) -> &str {
    written.as_ref().map_or("none", |word| &word.value)
}

struct Details(Vec<String>);

impl Details {
    /// What is written otherwise is another value.
    fn value(&mut self, what: &str, old: &dyn Display, new: &dyn Display) {
        let (old, new) = (old.to_string(), new.to_string());
        if old != new {
            self.0.push(format!("{what} {old} -> {new}"));
        }
    }

    fn setting<T: Display>(&mut self, what: &str, old: &Setting<T>, new: &Setting<T>) {
        self.value(what, &old.value, &new.value);
    }

    fn list<T: PartialEq>(&mut self, what: &str, old: &[T], new: &[T], text: impl Fn(&T) -> String) {
        for (sign, these, those) in [("removed", old, new), ("added", new, old)] {
            for item in these.iter().filter(|item| !those.contains(item)) {
                let name = text(item);
                // The same in other words, as another label: said once, as a change.
                let is_changed = those.iter().any(|other| text(other) == name);
                match (is_changed, sign) {
                    (false, _) => self.0.push(format!("{what} {name} {sign}")),
                    (true, "added") => self.0.push(format!("{what} {name} changed")),
                    (true, _) => {}
                }
            }
        }
        if old != new && old.len() == new.len() && old.iter().all(|item| new.contains(item)) {
            self.0.push(format!("{what}s in another order"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use locum_config::Surroundings;

    fn model(text: &str) -> locum_config::Configuration {
        locum_config::check("test.conf", text.as_bytes(), &Surroundings::default())
    }

    const BASE: &str = "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n priority 100\n \
                        authentication {\n auth_type PASS\n auth_pass secret01\n }\n virtual_ipaddress {\n \
                        10.0.0.1/24\n 10.0.0.2/24\n }\n}\n\
                        vrrp_instance B {\n interface eth0\n virtual_router_id 2\n virtual_ipaddress {\n 10.0.0.3/24\n }\n}\n";

    fn differences(from: &str, to: &str) -> Vec<String> {
        let new = model(&BASE.replace(from, to));
        assert_ne!(BASE.replace(from, to), BASE, "{from}");
        let line = |found: &Difference| format!("{:?} {} {}", found.kind, found.name, found.details.join(", "));
        compare(model(BASE).model(), new.model()).iter().map(line).collect()
    }

    #[test]
    fn each_change_is_named_and_nothing_else() {
        assert!(compare(model(BASE).model(), model(&BASE.replace(" interface", "  interface")).model()).is_empty());
        for (from, to, expected) in [
            ("priority 100", "priority 120", "Changed A priority 100 -> 120"),
            (
                "priority 100",
                "priority 100\n advert_int 5\n nopreempt",
                "Changed A advert_int 1 s -> 5 s, preempt yes -> no",
            ),
            ("10.0.0.2/24", "10.0.0.9/24", "Changed A VIP 10.0.0.2/24 removed, VIP 10.0.0.9/24 added"),
            ("10.0.0.2/24", "10.0.0.2/24 label eth0:1", "Changed A VIP 10.0.0.2/24 changed"),
            ("10.0.0.1/24\n 10.0.0.2/24", "10.0.0.2/24\n 10.0.0.1/24", "Changed A VIPs in another order"),
            ("secret01", "secret02", "Changed A password changed"),
            ("virtual_router_id 2", "virtual_router_id 3", "Restarted B virtual_router_id 2 -> 3"),
            ("priority 100", "priority 100\n dont_track_primary", "Changed A other options changed"),
        ] {
            assert_eq!(differences(from, to), [expected]);
        }
    }

    #[test]
    fn instances_come_and_go() {
        assert_eq!(differences("vrrp_instance B", "vrrp_instance C"), ["Added C ", "Removed B "]);
    }

    #[test]
    fn other_blocks_and_what_they_mean_for_instances_are_named() {
        let with = |script: &str, group: &str| {
            let tracked = BASE.replace("priority 100", "priority 100\n track_script {\n chk\n }");
            let text = format!("vrrp_script chk {{\n {script}\n}}\n{tracked}{group}");
            model(&text)
        };
        let lines = |old: &locum_config::Configuration, new: &locum_config::Configuration| {
            let line = |found: &Difference| format!("{:?} {} {}", found.kind, found.name, found.details.join(", "));
            compare(old.model(), new.model()).iter().map(line).collect::<Vec<_>>()
        };
        let base = with("script /bin/true\n weight -20", "");
        assert_eq!(lines(&base, &with("script /bin/false\n weight -20", "")), ["Block vrrp_script chk changed"]);
        assert_eq!(
            lines(&base, &with("script /bin/true\n weight -30", "")),
            ["Changed A trackers changed", "Block vrrp_script chk changed"]
        );
        let grouped = with("script /bin/true\n weight -20", "vrrp_sync_group G {\n group {\n A\n B\n }\n}\n");
        assert_eq!(
            lines(&base, &grouped),
            ["Changed A sync group none -> G", "Changed B sync group none -> G", "Block vrrp_sync_group G added"]
        );
    }

    #[test]
    fn what_waits_for_the_next_start_is_named() {
        let with = |lines: &str| model(&format!("{lines}{BASE}"));
        let (old, new) = (with("net_namespace blue\n"), with("instance two\nglobal_defs {\n vrrp_rt_priority 5\n}\n"));
        let later = ["net_namespace blue -> none", "instance none -> two", "vrrp_rt_priority none -> 5"];
        assert_eq!(next_start(old.model(), new.model()), later);
        let told = compare(old.model(), new.model());
        assert!(told.iter().any(|found| found.name == "next start" && found.details == later), "{told:?}");
        assert!(next_start(old.model(), old.model()).is_empty());
    }

    #[test]
    fn no_password_is_told() {
        let told = differences("secret01", "secret02").join(" ");
        assert!(!told.contains("secret"), "{told}");
    }
}
