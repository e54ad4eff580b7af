//! From the text to the model: every line is looked up in the schema, its values are read, and what is wrong is said.

mod address;
mod agree;
mod expand;
mod global;
mod home;
mod instance;
mod line;
mod options;
mod probe;
mod route;
mod rule;
mod sequence;
mod settle;
mod slot;
mod statement;
mod substitute;
mod tracker;
mod values;
mod virtual_mac;

use std::sync::Arc;

use locum_sorted::{SortedMap, SortedSet};

use self::expand::Setting as ExpandSetting;
pub(crate) use self::expand::{Included, Includes, is_include};
use self::instance::{Draft, concern};
pub(crate) use self::line::shorten;
pub(crate) use self::statement::{Block, Statement, Word};
#[cfg(feature = "explain")]
pub(crate) use self::values::describe;
pub(crate) use self::values::network;
use crate::around::Surroundings;
use crate::diagnostic::{Diagnostic, Diagnostics, Mark, Severity, code};
use crate::lint;
use crate::model::{Home, Instance, Model, Options};
use crate::schema;
use crate::source::{FileId, Sources, Span, limits, offset};
use crate::uci;

/// What reading gives.
pub(crate) struct Outcome {
    pub(crate) model: Model,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Where secrets stand, in order.
    pub(crate) secrets: Vec<Span>,
}

/// Reads all files of a configuration.
pub(crate) fn read(
    sources: &Sources,
    includes: &Includes,
    around: &Surroundings<'_>,
    mut found: Diagnostics,
) -> Outcome {
    if let Some(untellable) = untellable(sources) {
        found.push(untellable);
        return Outcome { model: Model::default(), diagnostics: found.finish(), secrets: Vec::new() };
    }
    for (index, _) in sources.iter().enumerate().filter(|(_, source)| source.text().starts_with('\u{feff}')) {
        let start = Span::new(FileId::at(index), 0, 0);
        found.push(
            Diagnostic::new(&code::L012_BYTE_ORDER_MARK, start, "the file starts with a byte order mark")
                .why("keepalived takes it for a part of the first word.")
                .fix("save the file as UTF-8 without byte order mark"),
        );
    }
    let setting = ExpandSetting { includes, config_id: around.config_id.as_deref(), environment: around.environment };
    let mut reader = Reader::new(around, found);
    if sources.file(FileId::MAIN).is_some_and(|main| uci::is_uci(main.text())) {
        let mut converting = Diagnostics::default();
        for statement in uci::statements(sources, &mut converting) {
            reader.top(&statement);
        }
        reader.take_over(converting, None);
        return reader.finish(sources);
    }
    let (mut outcome, mut expanding) = expand::run(sources, &setting, false, &mut |statement| reader.top(&statement));
    if outcome.unclosed {
        // What was read so far stands in the wrong blocks. Read again, closing blocks where they must have ended, so that
        // the rest of the file is checked as it was meant.
        reader.reset();
        (outcome, expanding) = expand::run(sources, &setting, true, &mut |statement| reader.top(&statement));
    }
    reader.take_over(expanding, outcome.broken);
    reader.finish(sources)
}

/// The statements outside all blocks that `keep` asks for, with everything put in place; for edits, which must find where
/// the words of a configuration stand that has been read without an error in its structure.
pub(crate) fn statements<'s>(
    sources: &'s Sources,
    includes: &Includes,
    around: &Surroundings<'_>,
    keep: &dyn Fn(&Statement<'s>) -> bool,
) -> Vec<Statement<'s>> {
    let setting = ExpandSetting { includes, config_id: around.config_id.as_deref(), environment: around.environment };
    let mut kept = Vec::new();
    expand::run(sources, &setting, false, &mut |statement| {
        if keep(&statement) {
            kept.push(statement);
        }
    });
    kept
}

/// Where the service of a configuration runs, without the rest of it.
pub(crate) fn home(sources: &Sources, includes: &Includes, around: &Surroundings<'_>) -> Home {
    let mut reader = Reader::new(around, Diagnostics::default());
    if untellable(sources).is_none() {
        let is_home = |statement: &Statement<'_>| matches!(statement.keyword(), "net_namespace" | "instance");
        statements(sources, includes, around, &is_home).iter().for_each(|statement| reader.top(statement));
    }
    reader.model.home
}

/// What makes a file unreadable as a whole.
fn untellable(sources: &Sources) -> Option<Diagnostic> {
    for (index, source) in sources.iter().enumerate() {
        let file = FileId::at(index);
        let bytes = source.bytes();
        if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
            let count = bytes.iter().filter(|byte| **byte == 0).count();
            return Some(
                Diagnostic::new(&code::E004_NUL, Span::new(file, offset(at), offset(at + 1)), format_args!("the file holds {count} NUL byte(s)"))
                    .label("the first of them")
                    .why("Most often the power failed while the file was written. What stood there is lost, so the service does not start with this file.")
                    .fix("restore the file from a backup or from another router")
                    .refuse_start(),
            );
        }
        let mut start = 0;
        for line in bytes.split(|byte| *byte == b'\n') {
            if line.len() > limits::LINE_BYTES {
                return Some(
                    Diagnostic::new(
                        &code::E005_BOUND,
                        Span::new(file, offset(start), offset(start)),
                        format_args!("a line of {} bytes", line.len()),
                    )
                    .label("this line")
                    .why(format_args!("A line may have {} bytes at most.", limits::LINE_BYTES))
                    .refuse_start(),
                );
            }
            start += line.len() + 1;
        }
    }
    let main = sources.file(FileId::MAIN)?;
    (uci::looks_like_uci(main.text()) && !uci::is_uci(main.text())).then(|| {
        Diagnostic::new(&code::E035_LEFT_OUT, Span::START, "this is a UCI file, and this locum was built without `uci`")
            .fix("write /etc/locum/locum.conf in the words of keepalived.conf, or take a locum that reads UCI")
            .refuse_start()
    })
}

/// `auth_pass ab#cd`: what was meant as the rest of a password is not shown either.
fn with_glued_comment(sources: &Sources, secret: Span) -> Span {
    let Some(source) = sources.file(secret.file) else { return secret };
    let rest = source.text().get(secret.end() as usize..).unwrap_or_default();
    if rest.starts_with(['#', '!']) { secret.until(offset(source.line_range(secret.start).end)) } else { secret }
}

/// Reads statements one after the other; what refers to something else is resolved at the end.
struct Reader<'a> {
    around: &'a Surroundings<'a>,
    diagnostics: Diagnostics,
    /// The diagnostics before the first statement.
    before: Mark,
    model: Model,
    drafts: Vec<Draft>,
    /// The options of instances that write none, before `global_defs` counts.
    unwritten: Arc<Options>,
    /// Instances with an error that was found outside their own lines.
    failed: SortedSet<String>,
    all_failed: bool,
    /// Where secrets stand.
    secrets: Vec<Span>,
    /// Where the block of each instance begins and ends, in the order of reading.
    blocks: Vec<(Span, Span, String)>,
    /// The preferences of the next rules without one: IPv4 and IPv6.
    next_preferences: [u32; 2],
    /// Names of blocks, by keyword.
    names: SortedMap<(&'static str, String), Span>,
}

impl<'a> Reader<'a> {
    fn new(around: &'a Surroundings<'a>, diagnostics: Diagnostics) -> Self {
        Self {
            around,
            before: diagnostics.mark(),
            diagnostics,
            model: Model::default(),
            drafts: Vec::new(),
            unwritten: Arc::default(),
            failed: SortedSet::new(),
            all_failed: false,
            secrets: Vec::new(),
            blocks: Vec::new(),
            next_preferences: [rule::FIRST_PREFERENCE; 2],
            names: SortedMap::new(),
        }
    }

    fn reset(&mut self) {
        self.diagnostics.return_to(self.before);
        self.model = Model::default();
        self.drafts.clear();
        self.failed.clear();
        self.blocks.clear();
        self.next_preferences = [rule::FIRST_PREFERENCE; 2];
        self.names.clear();
    }

    fn finish(mut self, sources: &Sources) -> Outcome {
        self.settle_global();
        let mut usual = *self.unwritten;
        settle::take_options(&mut usual, &self.model.global);
        let usual = Arc::new(usual);
        for draft in std::mem::take(&mut self.drafts) {
            self.finish_instance(draft, &usual);
        }
        for instance in &mut self.model.instances {
            if self.all_failed || self.failed.contains(&instance.name.value) {
                Instance::hold(instance);
            }
        }
        lint::check(&mut self.model, self.around, &mut self.diagnostics);
        for secret in &mut self.secrets {
            *secret = with_glued_comment(sources, *secret);
        }
        self.secrets.sort_unstable();
        self.secrets.dedup();
        Outcome { model: self.model, diagnostics: self.diagnostics.finish(), secrets: self.secrets }
    }

    /// What was found before the statements were read; it fails the instances in whose blocks it stands.
    fn take_over(&mut self, mut found: Diagnostics, more: Option<Diagnostic>) {
        for mut diagnostic in found.drain().chain(more) {
            if let Some(name) = self.instance_at(diagnostic.at) {
                concern(&mut diagnostic, &name);
            }
            if diagnostic.severity() == Severity::Error {
                self.failed.extend(diagnostic.instances.iter().cloned());
            }
            self.diagnostics.push(diagnostic);
        }
        // What was not kept may concern any of them.
        self.all_failed = found.has_dropped_error();
    }

    /// The instance in whose block a place is.
    fn instance_at(&self, at: Span) -> Option<String> {
        let holds = |(first, last, _): &&(Span, Span, String)| {
            first.file == at.file && (first.start..last.end()).contains(&at.start)
        };
        self.blocks.iter().find(holds).map(|(_, _, name)| name.clone())
    }

    /// A statement outside all blocks.
    fn top(&mut self, statement: &Statement<'_>) {
        let Some(keyword) = self.keyword(&schema::FILE, statement) else { return };
        match keyword.name {
            "global_defs" => self.global_defs(statement),
            "net_namespace" | "instance" => self.home(keyword, statement),
            "vrrp_instance" => self.instance(keyword, statement),
            "vrrp_sync_group" => self.sync_group(keyword, statement),
            "vrrp_script" => self.script(keyword, statement),
            "track_file" => self.track_file(keyword, statement),
            "vrrp_track_process" => self.track_process(keyword, statement),
            "vrrp_probe" => self.probe(keyword, statement),
            "garp_group" => self.garp_group(statement),
            "static_ipaddress" => self.static_addresses(statement),
            "static_routes" => {
                let routes = self.routes(&schema::STATIC_ROUTES, statement);
                self.model.static_routes.extend(routes);
            }
            "static_rules" => {
                let rules = self.rules(&schema::STATIC_RULES, statement);
                self.model.static_rules.extend(rules);
            }
            "track_group" => self.track_group(keyword, statement),
            "interface_up_down_delays" => self.up_down_delays(statement),
            _ => self.pass_over(keyword, statement),
        }
    }
}
