//! keepalived.conf for locum: read without loss, checked against the language as data, explained, and turned into plain
//! values for the service.
//!
//! A configuration is read in this order, each step in a module of its own: bytes ([`source`]), words (`lex`),
//! statements with conditions, definitions and includes put in place (`reading`), values by the [`schema`], the [`model`]
//! with its defaults, and checks over all of it (`lint`). What is wrong anywhere is a [`Diagnostic`].
//!
//! A file of OpenWrt's UCI is turned into the statements that it stands for (`uci`) and read on in the same way. Changes by
//! name are made on the text that was read, so that every byte that need not change stays ([`edit`]); what differs between
//! two texts is shown line by line (`difference`).
//!
//! No input makes it panic, and all it takes is bounded by [`source::limits`].

pub mod diagnostic;
pub mod edit;
pub mod files;
pub mod model;
pub mod schema;
pub mod source;
pub mod syntax;

mod around;
mod difference;
mod glob;
mod include;
mod lex;
mod lint;
mod names;
mod reading;
mod suggest;
mod uci;

use std::path::Path;

pub use self::around::{Environment, InterfaceAddress, MailSupport, ScriptFile, Surroundings};
pub use self::diagnostic::{Code, Diagnostic, Finding, Report, Severity, Style};
pub use self::files::LoadError;
use self::model::{Family, Version};
pub use self::model::{Home, Instance, Model, Secret};
pub use self::names::{NameKind, RouteNames};
use self::reading::Includes;
use self::source::{FileId, Source, Sources, Span};
pub use self::suggest::closest;
use self::syntax::SyntaxNode;

/// The protocol versions and families that the service speaks. An instance of another one is held in FAULT.
pub(crate) const SUPPORTED_VERSIONS: &[(Version, Family)] =
    &[(Version::V2, Family::V4), (Version::V3, Family::V4), (Version::V3, Family::V6)];

/// A configuration, read and checked.
#[derive(Clone, Debug)]
pub struct Configuration {
    sources: Sources,
    /// What stands in place of the `include` lines, for reading again after an edit.
    includes: Includes,
    model: Model,
    diagnostics: Vec<Diagnostic>,
    secrets: Vec<Span>,
}

/// Reads and checks the configuration file at `path` and the files that it includes.
///
/// # Errors
///
/// When the file itself cannot be read. What is wrong inside it is found in [`Configuration::diagnostics`].
pub fn load(path: &Path, around: &Surroundings<'_>) -> Result<Configuration, LoadError> {
    let (sources, includes) = include::load(path)?;
    Ok(Configuration::read(sources, includes, around))
}

/// Reads from the configuration file at `path` where its service runs, and nothing else: a service goes there before it
/// looks at what there is. What is wrong in the file is said by who reads all of it.
///
/// # Errors
///
/// When the file itself cannot be read.
pub fn home(path: &Path, around: &Surroundings<'_>) -> Result<Home, LoadError> {
    let (sources, includes) = include::load(path)?;
    Ok(reading::home(&sources, &includes, around))
}

/// Checks a text as if it were the configuration file `name`. Does no I/O, so includes are not followed.
#[must_use]
pub fn check(name: &str, text: &[u8], around: &Surroundings<'_>) -> Configuration {
    let mut sources = Sources::default();
    sources.add(name.to_owned(), None, text);
    Configuration::read(sources, Includes::new(), around)
}

impl Configuration {
    fn read(sources: Sources, includes: Includes, around: &Surroundings<'_>) -> Self {
        let outcome = reading::read(&sources, &includes, around, diagnostic::Diagnostics::default());
        let reading::Outcome { model, diagnostics, secrets } = outcome;
        Self { sources, includes, model, diagnostics, secrets }
    }

    /// What it says. Instances with an error are in it, marked [`Instance::broken`].
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The files it was read from.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The tree of a file, for edits. `None` when the file is not UTF-8: an edit could not keep every byte of it.
    #[must_use]
    pub fn tree(&self, file: FileId) -> Option<SyntaxNode> {
        self.sources.file(file).filter(|source| source.is_utf8()).map(|source| syntax::parse(source.text()))
    }

    /// What was found, in the order of the text.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The errors because of which an instance is held in FAULT.
    pub fn causes<'a>(&'a self, instance: &'a str) -> impl Iterator<Item = &'a Diagnostic> + 'a {
        self.diagnostics.iter().filter(move |found| {
            found.severity() == Severity::Error && found.instances.iter().any(|name| name == instance)
        })
    }

    /// Whether the structure of the file cannot be told apart, so that nothing may start with it.
    #[must_use]
    pub fn refuses_start(&self) -> bool {
        self.diagnostics.iter().any(|found| found.refuses_start)
    }

    /// Whether there are errors. A reload is refused then.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.has(Severity::Error)
    }

    /// Whether there are warnings.
    #[must_use]
    pub fn has_warnings(&self) -> bool {
        self.has(Severity::Warning)
    }

    fn has(&self, severity: Severity) -> bool {
        self.diagnostics.iter().any(|found| found.severity() == severity)
    }

    /// How many diagnostics there are of this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|found| found.severity() == severity).count()
    }

    /// One diagnostic for a log or a cause: `file:line:column: message [code]`, on one line.
    #[must_use]
    pub fn one_line(&self, found: &Diagnostic) -> String {
        format!("{}: {} [{}]", self.sources.place(found.at), found.message, found.code.id)
    }

    /// All diagnostics as text, with the lines in question. Passwords in them are shown as asterisks.
    #[must_use]
    pub fn render_text(&self, style: Style) -> String {
        self.render(style, self.diagnostics.iter())
    }

    /// The errors alone as text, as [`Configuration::render_text`] shows them: why something was refused.
    #[must_use]
    pub fn render_errors(&self, style: Style) -> String {
        self.render(style, self.diagnostics.iter().filter(|found| found.severity() == Severity::Error))
    }

    /// Those alone because of which nothing may start, and how many others there are.
    #[must_use]
    pub fn render_refusal(&self, style: Style) -> String {
        let refusing = || self.diagnostics.iter().filter(|found| found.refuses_start);
        let mut text = self.render(style, refusing());
        text.push_str("the configuration cannot be told apart, so nothing is started");
        let errors = self.count(Severity::Error).saturating_sub(refusing().count());
        let others = [(Severity::Error, errors), (Severity::Warning, self.count(Severity::Warning))];
        let others = others.into_iter().filter(|(_, count)| *count > 0);
        let others: Vec<String> = others.map(|(severity, count)| severity.counted(count)).collect();
        if !others.is_empty() {
            let file = self.sources.iter().next().map_or("", Source::name);
            text.push_str(&format!("\nbeside that: {}; `locum check {file}` shows all", others.join(", ")));
        }
        text
    }

    fn render<'a>(&'a self, style: Style, diagnostics: impl Iterator<Item = &'a Diagnostic>) -> String {
        let mut text = String::new();
        for found in diagnostics {
            text.push_str(&diagnostic::render::text(&self.sources, &self.secrets, found, style));
            text.push_str("\n\n");
        }
        text
    }

    /// All diagnostics as a value to serialise.
    #[must_use]
    pub fn report(&self) -> Report<'_> {
        diagnostic::render::report(&self.sources, &self.diagnostics)
    }
}
