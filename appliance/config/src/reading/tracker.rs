//! `vrrp_sync_group`, `vrrp_script`, `track_file`, `vrrp_track_process`, `interface_up_down_delays` and the
//! `track_…` lists of instances and groups.

use locum_sorted::SortedMap;

use super::slot::{Places, Slot, Slots, slot};
use super::statement::Statement;
use super::values::{self, Value};
use super::{Reader, shorten};
use crate::diagnostic::{Diagnostic, code};
use crate::model::{
    At, GarpGroup, Notify, Setting, SyncGroup, TrackFile, TrackProcess, TrackedBy, Tracks, UpDownDelay, VrrpScript,
    Weight,
};
use crate::schema::{GARP_GROUP, Keyword, Kind, Place, SCRIPT, SYNC_GROUP, TRACK_FILE, TRACK_PROCESS};
use crate::source::Span;

impl Reader<'_> {
    pub(super) fn sync_group(&mut self, keyword: &'static Keyword, statement: &Statement<'_>) {
        let mark = self.diagnostics.mark();
        let Some(name) = self.name(keyword, statement) else { return };
        let mut group = SyncGroup {
            name,
            broken: false,
            members: Vec::new(),
            tracks: Tracks::default(),
            notify: Notify::default(),
            smtp_alert: Setting::implied(false),
            tracking_weight: Setting::implied(false),
        };
        for line in statement.statements() {
            let Some(keyword) = self.keyword(&SYNC_GROUP, line) else { continue };
            match keyword.name {
                "group" => group.members.extend(line.words_inside()),
                "smtp_alert" => group.smtp_alert = self.switch(keyword, line),
                "sync_group_tracking_weight" => group.tracking_weight = Setting::written(true, line.at()),
                "notify_priority_changes" => group.notify.priority_changes = self.switch(keyword, line),
                name if name.starts_with("notify") => self.notify(&mut group.notify, keyword, line),
                _ => self.tracks(&mut group.tracks, keyword, line),
            }
        }
        group.broken = self.diagnostics.failed_since(mark);
        for diagnostic in self.diagnostics.since(mark) {
            diagnostic.instances = group.member_names();
        }
        self.model.sync_groups.push(group);
    }

    fn switch(&mut self, keyword: &'static Keyword, line: &Statement<'_>) -> Setting<bool> {
        match self.values(keyword, line).as_deref() {
            Some([Value::Switch(on), ..]) => Setting::written(*on, line.whole()),
            Some(_) => Setting::written(true, line.whole()),
            None => Setting::implied(false),
        }
    }

    /// A `track_…` list.
    pub(super) fn tracks(&mut self, tracks: &mut Tracks, keyword: &'static Keyword, line: &Statement<'_>) {
        let Some(place) = keyword.block else { return };
        let mut seen: SortedMap<String, Span> = SortedMap::new();
        for entry in line.statements() {
            let Some((Value::Text(name), options)) = self.entry(place, entry) else { continue };
            let name = Setting::written(name.to_owned(), entry.at());
            let weight =
                options.iter().find(|(option, _, _)| option.name == "weight").map(|(_, values, _)| weight(values));
            let list = match keyword.name {
                "track_interface" => &mut tracks.interfaces,
                "track_script" => &mut tracks.scripts,
                "track_file" => &mut tracks.files,
                "track_process" => &mut tracks.processes,
                "track_probe" => &mut tracks.probes,
                _ => continue, // track_bfd: said to be outside.
            };
            if let Some(first) = seen.insert(name.value.clone(), entry.at()) {
                self.diagnostics.push(
                    Diagnostic::new(
                        &code::W017_DUPLICATE_ENTRY,
                        entry.whole(),
                        format_args!("`{}` stands twice in `{}`", shorten(&name), keyword.name),
                    )
                    .label("again here")
                    .related(first, "first here")
                    .why("The first one counts.")
                    .fix("take one of them away"),
                );
                continue;
            }
            list.push(TrackedBy { name, weight });
        }
    }

    pub(super) fn script(&mut self, keyword: &'static Keyword, statement: &Statement<'_>) {
        let mark = self.diagnostics.mark();
        let Some(name) = self.name(keyword, statement) else { return };
        let mut script = new_script(name);
        let mut user = None;
        self.lines(&SCRIPT, statement, &mut |reader, keyword, line| {
            if keyword.name == "script" {
                script.command = reader.command(keyword, line);
                return;
            }
            let Some(values) = reader.values(keyword, line) else { return };
            if let Some(slot) = slot(PLAIN_OF_SCRIPTS, &mut script, keyword) {
                slot.put(&values, &Places::line(line));
            } else {
                user = Some(line.values());
            }
        });
        if !script.timeout_ms.is_written() {
            script.timeout_ms = Setting::implied(script.interval_ms.value);
        }
        if let (Some(command), Some(user)) = (&mut script.command, user) {
            let mut names = user.into_iter();
            command.value.user = names.next();
            command.value.group = names.next();
        }
        if script.command.is_none() && !self.diagnostics.failed_since(mark) {
            self.diagnostics.push(
                Diagnostic::new(
                    &code::E012_MISSING_VALUE,
                    statement.whole(),
                    format_args!("`vrrp_script {}` has no script", shorten(&script.name)),
                )
                .label("nothing to run")
                .fix("add `script \"/path/to/script\"`"),
            );
        }
        script.broken = self.diagnostics.failed_since(mark);
        self.model.scripts.push(script);
    }

    pub(super) fn track_file(&mut self, keyword: &'static Keyword, statement: &Statement<'_>) {
        let mark = self.diagnostics.mark();
        let Some(name) = self.name(keyword, statement) else { return };
        let mut file =
            TrackFile { name, broken: false, path: None, weight: Weight { value: 1, reverse: false }, initial: None };
        self.lines(&TRACK_FILE, statement, &mut |reader, keyword, line| {
            let Some(values) = reader.values(keyword, line) else { return };
            match keyword.name {
                "file" => Slot::OptText(&mut file.path).put(&values, &Places::line(line)),
                "weight" => file.weight = weight(&values),
                _ => file.initial = reader.initial_value(&values, line),
            }
        });
        if file.path.is_none() && !self.diagnostics.failed_since(mark) {
            self.diagnostics.push(
                Diagnostic::new(
                    &code::E012_MISSING_VALUE,
                    statement.whole(),
                    format_args!("`track_file {}` names no file", shorten(&file.name)),
                )
                .label("nothing to read")
                .fix("add `file \"/path/to/file\"`"),
            );
        }
        file.broken = self.diagnostics.failed_since(mark);
        self.model.track_files.push(file);
    }

    /// `init_file [VALUE] [overwrite]`
    fn initial_value(&mut self, values: &[Value<'_>], line: &Statement<'_>) -> Option<Setting<(i64, bool)>> {
        let mut value = 0;
        let mut overwrite = false;
        for (given, word) in values.iter().zip(line.args()) {
            let Value::Text(text) = given else {
                overwrite = true;
                continue;
            };
            if *text == "overwrite" {
                overwrite = true;
                continue;
            }
            match text.parse::<i64>() {
                Ok(number) => value = number,
                Err(_) => {
                    self.diagnostics.push(
                        Diagnostic::new(
                            &code::E014_NOT_A_NUMBER,
                            word.at,
                            format_args!("`{}` is no value for `init_file`", shorten(text)),
                        )
                        .label("expected a whole number, or `overwrite`"),
                    );
                    return None;
                }
            }
        }
        Some(Setting::written((value, overwrite), line.whole()))
    }

    pub(super) fn track_process(&mut self, keyword: &'static Keyword, statement: &Statement<'_>) {
        let mark = self.diagnostics.mark();
        let Some(name) = self.name(keyword, statement) else { return };
        let mut process = new_process(name);
        self.lines(&TRACK_PROCESS, statement, &mut |reader, keyword, line| {
            let Some(values) = reader.values(keyword, line) else { return };
            let places = Places::line(line);
            if let Some(slot) = slot(PLAIN_OF_PROCESSES, &mut process, keyword) {
                slot.put(&values, &places);
                return;
            }
            match keyword.name {
                "process" => process.command = line.values(),
                "param_match" => {
                    if let Some(Value::Choice(how)) = values.first() {
                        process.match_arguments = Some(Setting::written((*how).to_owned(), places.whole));
                    }
                }
                _ => {
                    Slot::Millis(&mut process.fork_delay_ms).put(&values, &places);
                    process.terminate_delay_ms = process.fork_delay_ms;
                }
            }
        });
        if process.command.is_empty() && !self.diagnostics.failed_since(mark) {
            self.diagnostics.push(
                Diagnostic::new(
                    &code::E012_MISSING_VALUE,
                    statement.whole(),
                    format_args!("`vrrp_track_process {}` names no process", shorten(&process.name)),
                )
                .label("nothing to look for")
                .fix("add `process NAME`"),
            );
        }
        process.broken = self.diagnostics.failed_since(mark);
        self.model.track_processes.push(process);
    }

    pub(super) fn garp_group(&mut self, statement: &Statement<'_>) {
        let mark = self.diagnostics.mark();
        let mut group = GarpGroup {
            interfaces: Vec::new(),
            garp_interval_us: Setting::implied(0),
            gna_interval_us: Setting::implied(0),
            at: At(statement.whole()),
        };
        self.lines(&GARP_GROUP, statement, &mut |reader, keyword, line| match keyword.name {
            "interfaces" => {
                for word in line.statements().iter().flat_map(|line| &line.words) {
                    group.interfaces.extend(reader.interface_name(word));
                }
            }
            name => {
                let Some(values) = reader.values(keyword, line) else { return };
                let places = Places::line(line);
                match (name, values.first()) {
                    ("interface", Some(Value::Text(name))) => {
                        group.interfaces.push(Setting::written((*name).to_owned(), places.whole));
                    }
                    ("garp_interval", _) => Slot::Micros(&mut group.garp_interval_us).put(&values, &places),
                    _ => Slot::Micros(&mut group.gna_interval_us).put(&values, &places),
                }
            }
        });
        if group.interfaces.is_empty() && !self.diagnostics.failed_since(mark) {
            self.diagnostics.push(
                Diagnostic::new(&code::E012_MISSING_VALUE, statement.whole(), "`garp_group` names no interface")
                    .label("limits nothing")
                    .fix("add `interface NAME` or `interfaces { … }`"),
            );
        }
        self.model.garp_groups.push(group);
    }

    /// `interface_up_down_delays { INTERFACE DOWN [UP] }`, in seconds up to 255.
    pub(super) fn up_down_delays(&mut self, statement: &Statement<'_>) {
        const DELAY: Kind = Kind::Decimal { min_millionths: 0, max_millionths: 255_000_000, unit: "s" };
        for line in statement.statements() {
            let mut delays = Vec::new();
            for word in line.args() {
                match values::read(word, DELAY) {
                    Ok(values::Read { value: Value::Millionths(us), .. }) => {
                        delays.push(u32::try_from(us / 1_000).unwrap_or(u32::MAX));
                    }
                    Ok(_) => {}
                    Err(refusal) => self.diagnostics.push(
                        Diagnostic::new(refusal.code, word.at, format_args!("`{}` is no delay", shorten(&word.text)))
                            .label(format_args!("expected {}", refusal.expected))
                            .fix(refusal.fix),
                    ),
                }
            }
            match *delays.as_slice() {
                [down_ms] => self.up_down_delay(line, down_ms, down_ms),
                [down_ms, up_ms, ..] => self.up_down_delay(line, down_ms, up_ms),
                [] => self.diagnostics.push(
                    Diagnostic::new(&code::E012_MISSING_VALUE, line.whole(), "no delay for this interface")
                        .fix("write `INTERFACE DOWN_SECONDS [UP_SECONDS]`"),
                ),
            }
        }
    }

    fn up_down_delay(&mut self, line: &Statement<'_>, down_ms: u32, up_ms: u32) {
        let interface = line.keyword().to_owned();
        self.model.up_down_delays.push(UpDownDelay { interface, down_ms, up_ms, at: At(line.whole()) });
    }

    /// Walks the lines of a block of plain keywords.
    pub(super) fn lines(
        &mut self,
        place: &'static Place,
        statement: &Statement<'_>,
        act: &mut dyn FnMut(&mut Self, &'static Keyword, &Statement<'_>),
    ) {
        let mut seen: Vec<(&'static str, Span)> = Vec::new();
        for line in statement.statements() {
            let Some(keyword) = self.keyword(place, line) else { continue };
            match seen.iter().find(|(name, _)| *name == keyword.name) {
                Some((_, before)) => self.repeated(keyword, line.whole(), *before, "The last one counts."),
                None => seen.push((keyword.name, line.whole())),
            }
            act(self, keyword, line);
        }
    }
}

pub(super) fn new_script(name: Setting<String>) -> VrrpScript {
    VrrpScript {
        name,
        broken: false,
        command: None,
        interval_ms: Setting::implied(1_000),
        timeout_ms: Setting::implied(0),
        weight: Weight::default(),
        rise: Setting::implied(1),
        fall: Setting::implied(1),
        starts_failed: Setting::implied(false),
    }
}

/// The settings of plain keywords of `vrrp_script`.
#[rustfmt::skip] // a row a keyword
pub(super) const PLAIN_OF_SCRIPTS: &Slots<VrrpScript> = &[
    ("interval", |script| Slot::Millis(&mut script.interval_ms)),
    ("timeout", |script| Slot::Millis(&mut script.timeout_ms)),
    ("weight", |script| Slot::Weight(&mut script.weight)),
    ("rise", |script| Slot::U32(&mut script.rise)),
    ("fall", |script| Slot::U32(&mut script.fall)),
    ("init_fail", |script| Slot::Flag(&mut script.starts_failed)),
];

pub(super) fn new_process(name: Setting<String>) -> TrackProcess {
    TrackProcess {
        name,
        broken: false,
        command: Vec::new(),
        match_arguments: None,
        full_command: Setting::implied(false),
        weight: Weight::default(),
        quorum: Setting::implied(1),
        quorum_max: None,
        fork_delay_ms: Setting::implied(0),
        terminate_delay_ms: Setting::implied(0),
    }
}

/// The settings of plain keywords of `vrrp_track_process`.
#[rustfmt::skip] // a row a keyword
pub(super) const PLAIN_OF_PROCESSES: &Slots<TrackProcess> = &[
    ("weight", |process| Slot::Weight(&mut process.weight)),
    ("quorum", |process| Slot::U32(&mut process.quorum)),
    ("quorum_max", |process| Slot::OptU32(&mut process.quorum_max)),
    ("fork_delay", |process| Slot::Millis(&mut process.fork_delay_ms)),
    ("terminate_delay", |process| Slot::Millis(&mut process.terminate_delay_ms)),
    ("full_command", |process| Slot::Flag(&mut process.full_command)),
];

/// `weight N [reverse]`
pub(super) fn weight(values: &[Value<'_>]) -> Weight {
    Weight {
        value: match values.first() {
            Some(Value::Integer(weight)) => i32::try_from(*weight).unwrap_or(0),
            _ => 0,
        },
        reverse: values.get(1) == Some(&Value::Choice("reverse")),
    }
}
