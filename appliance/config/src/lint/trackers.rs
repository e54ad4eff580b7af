//! Trackers: names that lead nowhere, weights that do nothing, scripts that cannot run.

use std::path::Path;

use locum_sorted::SortedMap;

use crate::around::{ScriptFile, Surroundings};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::model::{Instance, Model, Notify, Script, Setting, SyncGroup, TrackedBy, Tracks, Weight};

/// Names in `track_…` lists that lead nowhere, or to a block with an error.
pub(super) fn references(model: &mut Model, found: &mut Diagnostics) {
    let kinds: [(&str, &str, SortedMap<String, bool>); 4] = [
        ("track_script", "vrrp_script", model.scripts.iter().map(|it| (it.name.value.clone(), it.broken)).collect()),
        ("track_file", "track_file", model.track_files.iter().map(|it| (it.name.value.clone(), it.broken)).collect()),
        (
            "track_process",
            "vrrp_track_process",
            model.track_processes.iter().map(|it| (it.name.value.clone(), it.broken)).collect(),
        ),
        ("track_probe", "vrrp_probe", model.probes.iter().map(|it| (it.name.value.clone(), it.broken)).collect()),
    ];
    for instance in &mut model.instances {
        let mut is_broken = false;
        let Tracks { interfaces: _, scripts, files, processes, probes } = &*instance.tracks;
        let lists = [scripts, files, processes, probes];
        for ((list, block, known), entries) in kinds.iter().zip(lists) {
            for entry in entries {
                if let Some(diagnostic) = reference(list, block, known, entry, found) {
                    is_broken = true;
                    found.push(diagnostic.instance(&instance.name.value));
                }
            }
        }
        if is_broken {
            Instance::hold(instance);
        }
    }
    for group in &mut model.sync_groups {
        let Tracks { interfaces: _, scripts, files, processes, probes } = &group.tracks;
        let lists = [scripts, files, processes, probes];
        for ((list, block, known), entries) in kinds.iter().zip(lists) {
            for entry in entries {
                if let Some(mut diagnostic) = reference(list, block, known, entry, found) {
                    group.broken = true;
                    diagnostic.instances = group.member_names();
                    found.push(diagnostic);
                }
            }
        }
    }
}

fn reference(
    list: &str,
    block: &str,
    known: &SortedMap<String, bool>,
    entry: &TrackedBy,
    found: &Diagnostics,
) -> Option<Diagnostic> {
    let name = &entry.name.value;
    let at = entry.name.at?;
    match known.get(name) {
        Some(false) => None,
        Some(true) => Some(
            Diagnostic::new(&code::E028_BROKEN_TRACKER, at, format_args!("`{block} {name}` has an error"))
                .label("followed here")
                .why("The instance is held in FAULT: without the check it would run on a guess."),
        ),
        None => {
            let diagnostic = Diagnostic::new(&code::E025_UNDEFINED, at, format_args!("there is no `{block} {name}`"))
                .label(format_args!("`{list}` refers to it"))
                .why("Without it the instance would run unchecked, so it is held in FAULT instead.");
            Some(match found.suggest(name, known.keys().map(String::as_str)) {
                Some(near) => diagnostic.fix(format_args!("did you mean `{near}`?")),
                None => diagnostic.fix(format_args!("add `{block} {name} {{ … }}`, or take this line away")),
            })
        }
    }
}

/// Weights that cannot do what they are for.
pub(super) fn weights(model: &Model, found: &mut Diagnostics) {
    let groups: SortedMap<&str, &SyncGroup> = model
        .sync_groups
        .iter()
        .flat_map(|group| group.members.iter().map(move |member| (member.value.as_str(), group)))
        .collect();
    let own = OwnWeights::of(model);
    for instance in &model.instances {
        let group = groups.get(instance.name.value.as_str());
        for (entry, weight) in own.weighted(&instance.tracks) {
            let Some(at) = entry.name.at else { continue };
            let priority = i32::from(instance.priority.value);
            let name = &entry.name.value;
            let shown = format!("{:+}", weight.value);
            let ignored = group.filter(|group| !group.tracking_weight.value);
            let diagnostic = if priority == 255 {
                Diagnostic::new(
                    &code::W022_OWNER,
                    at,
                    format_args!("`{name}` has weight {shown}, the instance priority 255"),
                )
                .why("The owner of the addresses ignores weights; only weight 0 (FAULT) would count.")
                .fix("choose a priority of 254 at most, or `weight 0`")
            } else if let Some(group) = ignored {
                Diagnostic::new(&code::W023_WEIGHT, at, format_args!("`{name}` has weight {shown}, the instance is in a sync group"))
                    .label(format_args!("a member of `{}`", group.name.value))
                    .why("It changes the priority of this member alone, and a group of unequal members takes over only while none of them hears a better master. keepalived leaves such a weight out.")
                    .fix("track it in the group, where it counts for all members alike, or write `weight 0`")
            } else if !instance.preempt.value {
                Diagnostic::new(&code::W023_WEIGHT, at, format_args!("`{name}` has weight {shown}, the instance `nopreempt`"))
                    .label("changes the priority only")
                    .why("With nopreempt on all routers of the group, no router takes over from a master whose priority has dropped.")
                    .fix("write `weight 0`, so that the failure means FAULT and another router takes over; or take `nopreempt` away")
            } else {
                match bound(priority, weight) {
                    Some(why) => Diagnostic::new(
                        &code::W023_WEIGHT,
                        at,
                        format_args!("priority {priority} and weight {shown} leave the range of priorities"),
                    )
                    .label("only part of it counts")
                    .why(why)
                    .fix("choose priority and weight so that all sums stay from 1 to 254"),
                    None => continue,
                }
            };
            found.push(diagnostic.instance(&instance.name.value));
        }
    }
}

/// Why a weight is cut off at the ends of the range: an effective priority is 1 to 254.
fn bound(priority: i32, weight: Weight) -> Option<String> {
    let sum = priority + if weight.reverse { -weight.value } else { weight.value };
    if sum > 254 {
        Some(format!("The effective priority would be {sum}; it is held at 254."))
    } else if sum < 1 {
        Some(format!("The effective priority would be {sum}; it is held at 1."))
    } else {
        None
    }
}

/// The weights that trackers have themselves.
struct OwnWeights<'m> {
    scripts: SortedMap<&'m str, Weight>,
    processes: SortedMap<&'m str, Weight>,
    probes: SortedMap<&'m str, Weight>,
}

impl<'m> OwnWeights<'m> {
    fn of(model: &'m Model) -> Self {
        Self {
            scripts: model.scripts.iter().map(|it| (it.name.value.as_str(), it.weight)).collect(),
            processes: model.track_processes.iter().map(|it| (it.name.value.as_str(), it.weight)).collect(),
            probes: model.probes.iter().map(|it| (it.name.value.as_str(), it.weight)).collect(),
        }
    }

    /// The entries that change the priority, with the weight that holds for them.
    fn weighted<'t>(&self, tracks: &'t Tracks) -> Vec<(&'t TrackedBy, Weight)> {
        // The weight of a file is multiplied by what the file says, which nobody knows here.
        let lists = [
            (&tracks.interfaces, None),
            (&tracks.scripts, Some(&self.scripts)),
            (&tracks.processes, Some(&self.processes)),
            (&tracks.probes, Some(&self.probes)),
        ];
        let mut weighted = Vec::new();
        for (entries, known) in lists {
            for entry in entries {
                let own = || known.and_then(|known| known.get(entry.name.value.as_str())).copied();
                let weight = entry.weight.or_else(own).filter(|weight| weight.value != 0);
                weighted.extend(weight.map(|weight| (entry, weight)));
            }
        }
        weighted
    }
}

/// Scripts that cannot run, or should not.
pub(super) fn scripts(model: &Model, around: &Surroundings<'_>, found: &mut Diagnostics) {
    let followers = followers(model);
    for script in &model.scripts {
        if let Some(at) = script.timeout_ms.at.filter(|_| script.timeout_ms.value > script.interval_ms.value) {
            found.push(
                Diagnostic::new(
                    &code::L008_EQUAL_TIMEOUT,
                    at,
                    format_args!("`{}` may run longer than its interval", script.name.value),
                )
                .why("A run that takes longer than the interval puts off the next one, so a failure is seen later."),
            );
        }
        if let Some(command) = &script.command {
            let instances = followers.get(script.name.value.as_str()).map(Vec::as_slice).unwrap_or_default();
            file(
                command,
                "It counts as failed, so what follows it is lowered or goes to FAULT.",
                instances,
                model,
                around,
                found,
            );
        }
    }
    let global = &model.global;
    for (script, effect) in [
        (&global.startup.script, "Nothing is run at the start then."),
        (&global.shutdown.script, "Nothing is run at the end then."),
        (&global.notify_fifo.script, "Nobody reads the FIFO then."),
        (&global.vrrp_notify_fifo.script, "Nobody reads the FIFO then."),
    ] {
        if let Some(script) = script {
            file(script, effect, &[], model, around, found);
        }
    }
    for instance in &model.instances {
        notify(&instance.notify, std::slice::from_ref(&instance.name.value), model, around, found);
    }
    for group in &model.sync_groups {
        notify(&group.notify, &group.member_names(), model, around, found);
    }
}

/// Names of instances by the scripts that they follow.
fn followers(model: &Model) -> SortedMap<&str, Vec<String>> {
    let mut followers: SortedMap<&str, Vec<String>> = SortedMap::new();
    for instance in &model.instances {
        for entry in &instance.tracks.scripts {
            followers.get_or_default(entry.name.value.as_str()).push(instance.name.value.clone());
        }
    }
    followers
}

fn notify(notify: &Notify, instances: &[String], model: &Model, around: &Surroundings<'_>, found: &mut Diagnostics) {
    let Notify { master, backup, fault, stop, deleted, any, master_heard_lower, priority_changes: _ } = notify;
    let deleted = deleted.as_ref().and_then(|deleted| Some(Setting { value: deleted.value.clone()?, at: deleted.at }));
    for script in [master, backup, fault, stop, any, master_heard_lower]
        .into_iter()
        .flatten()
        .map(|script| &**script)
        .chain(deleted.as_ref())
    {
        file(script, "Nobody is told of the transition then.", instances, model, around, found);
    }
}

fn file(
    script: &Setting<Script>,
    effect: &'static str,
    instances: &[String],
    model: &Model,
    around: &Surroundings<'_>,
    found: &mut Diagnostics,
) {
    let (Some(look), Some(program), Some(at)) = (around.script_file, script.words.first(), script.at) else { return };
    let path = Path::new(program);
    if !path.is_absolute() {
        return; // Found by the shell or the search path.
    }
    let problem =
        |what: &str| Diagnostic::new(&code::W014_SCRIPT, at, format_args!("script {program} {what}")).why(effect);
    let mut diagnostic = match look(path) {
        ScriptFile::Executable => return,
        ScriptFile::Missing => problem("does not exist").fix("correct the path, or put the script there"),
        ScriptFile::NotAFile => problem("is not a file").fix("name the script itself"),
        ScriptFile::NotExecutable => problem("is not executable").fix(format_args!("run `chmod +x {program}`")),
        ScriptFile::WritableByOthers => {
            let user = script.user.as_deref().or(model.global.script_user.as_ref().map(|user| user.value.0.as_str()));
            if user.is_some_and(|user| user != "root") {
                return;
            }
            Diagnostic::new(
                &code::W024_WRITABLE_SCRIPT,
                at,
                format_args!("script {program} can be changed by others than root"),
            )
            .why("It may run as root, and so whoever can change it can do anything on this router.")
            .fix(format_args!("run `chown root {program}` and `chmod go-w {program}`, or set script_user"))
        }
    };
    diagnostic.instances = instances.to_vec();
    found.push(diagnostic);
}
