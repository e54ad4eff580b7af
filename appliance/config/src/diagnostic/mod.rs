//! What is wrong with a configuration, said so that it can be put right.

pub(crate) mod code;
pub(crate) mod render;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::ops::{Deref, DerefMut};

pub use self::code::{CODES, Code};
pub use self::render::{Report, ReportEntry, Style};
use crate::source::{Span, limits};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing needs to be done.
    Lint,
    /// It loads, but probably does not do what was meant.
    Warning,
    /// What is meant cannot be told, or cannot work. What it concerns does not run.
    Error,
}

impl Severity {
    /// So many of them, in words: `1 error`, `2 warnings`.
    #[must_use]
    pub fn counted(self, count: usize) -> String {
        format!("{count} {self}{}", if count == 1 { "" } else { "s" })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lint => "lint",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One finding. It is written step by step and handed on, so it lies in a box: a move is a pointer, and two hundred places
/// that write one are short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic(Box<Finding>);

/// What a diagnostic says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its kind, stable over versions; tells the severity.
    pub code: &'static Code,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub at: Span,
    /// What to say at the caret.
    pub label: Cow<'static, str>,
    /// Other places that belong to it.
    pub related: Vec<Related>,
    /// Why it matters; empty when the message says it all.
    pub why: Cow<'static, str>,
    /// What to do; empty when that is not known.
    pub fix: Cow<'static, str>,
    /// The instances that it concerns. Those of an error are held in FAULT.
    pub instances: Vec<String>,
    /// The configuration as a whole cannot be told apart: nothing starts.
    pub refuses_start: bool,
}

/// Another place that belongs to a diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Where.
    pub at: Span,
    /// What to say there.
    pub label: Cow<'static, str>,
}

impl Deref for Diagnostic {
    type Target = Finding;

    fn deref(&self) -> &Finding {
        &self.0
    }
}

impl DerefMut for Diagnostic {
    fn deref_mut(&mut self) -> &mut Finding {
        &mut self.0
    }
}

/// A part of what a diagnostic says, as it is given: with `format_args!` it is put together in one place, not in two hundred.
pub(crate) trait Text {
    /// The text.
    fn text(self) -> Cow<'static, str>;
}

impl Text for &'static str {
    fn text(self) -> Cow<'static, str> {
        Cow::Borrowed(self)
    }
}

impl Text for String {
    fn text(self) -> Cow<'static, str> {
        Cow::Owned(self)
    }
}

impl Text for Cow<'static, str> {
    fn text(self) -> Self {
        self
    }
}

impl Text for fmt::Arguments<'_> {
    fn text(self) -> Cow<'static, str> {
        Cow::Owned(fmt::format(self))
    }
}

impl Diagnostic {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    pub(crate) fn new(code: &'static Code, at: Span, message: impl Text) -> Self {
        Self(Box::new(Finding {
            code,
            message: message.text().into_owned(),
            at,
            label: Cow::Borrowed(""),
            related: Vec::new(),
            why: Cow::Borrowed(""),
            fix: Cow::Borrowed(""),
            instances: Vec::new(),
            refuses_start: false,
        }))
    }

    #[must_use]
    pub(crate) fn label(mut self, label: impl Text) -> Self {
        replace(&mut self.label, label.text());
        self
    }

    #[must_use]
    pub(crate) fn why(mut self, why: impl Text) -> Self {
        replace(&mut self.why, why.text());
        self
    }

    #[must_use]
    pub(crate) fn fix(mut self, fix: impl Text) -> Self {
        replace(&mut self.fix, fix.text());
        self
    }

    #[must_use]
    pub(crate) fn related(mut self, at: Span, label: impl Text) -> Self {
        self.related.push(Related { at, label: label.text() });
        self
    }

    #[must_use]
    pub(crate) fn instance(mut self, name: &str) -> Self {
        if !self.instances.iter().any(|known| known == name) {
            self.instances.push(name.to_owned());
        }
        self
    }

    #[must_use]
    pub(crate) fn refuse_start(mut self) -> Self {
        self.refuses_start = true;
        self
    }
}

/// One function for all: the compiler puts what drops the old text into each place otherwise.
fn replace(text: &mut Cow<'static, str>, by: Cow<'static, str>) {
    *text = by;
}

impl Diagnostic {
    /// Words of the file stand in the texts. None of them may steer a terminal or fill a log.
    fn make_harmless(&mut self) {
        harmless(&mut self.message);
        let Finding { label, why, fix, related, .. } = &mut *self.0;
        for text in [label, why, fix].into_iter().chain(related.iter_mut().map(|related| &mut related.label)) {
            if let Cow::Owned(text) = text {
                harmless(text);
            }
        }
    }
}

fn harmless(text: &mut String) {
    const MOST_CHARACTERS: usize = 400;
    if let Some((end, _)) = text.char_indices().nth(MOST_CHARACTERS) {
        text.truncate(end);
        text.push('…');
    }
    if text.contains(steers) {
        *text = text.chars().map(|c| if steers(c) { '?' } else { c }).collect();
    }
}

/// Control characters, and characters that change the direction or the width of what stands around them.
pub(crate) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Collects diagnostics, up to [`limits::DIAGNOSTICS`].
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    kept: Vec<Diagnostic>,
    /// Errors found, also those that were not kept.
    errors: usize,
    dropped: usize,
    dropped_severity: Option<Severity>,
}

/// A point in the course of finding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    kept: usize,
    errors: usize,
}

impl Diagnostics {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity() == Severity::Error);
        // What refuses the start is always kept: there is at most one of each kind.
        if self.kept.len() < limits::DIAGNOSTICS || diagnostic.refuses_start {
            self.kept.push(diagnostic);
        } else {
            self.dropped += 1;
            self.dropped_severity = self.dropped_severity.max(Some(diagnostic.severity()));
        }
    }

    /// Whether further findings are only counted. What is costly to find out for their text need not be.
    pub(crate) fn is_full(&self) -> bool {
        self.kept.len() >= limits::DIAGNOSTICS
    }

    /// The candidate that may have been meant, unless nobody would read it.
    pub(crate) fn suggest<'c>(&self, text: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
        if self.is_full() { None } else { crate::suggest::closest(text, candidates) }
    }

    /// How far finding has come.
    pub(crate) fn mark(&self) -> Mark {
        Mark { kept: self.kept.len(), errors: self.errors }
    }

    /// Whether an error was found since, kept or not.
    pub(crate) fn failed_since(&self, mark: Mark) -> bool {
        self.errors > mark.errors
    }

    pub(crate) fn has_dropped_error(&self) -> bool {
        self.dropped_severity == Some(Severity::Error)
    }

    /// Takes all of them out.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Diagnostic> + use<> {
        std::mem::take(&mut self.kept).into_iter()
    }

    /// Forgets what was found since.
    pub(crate) fn return_to(&mut self, mark: Mark) {
        self.kept.truncate(mark.kept);
        self.errors = mark.errors;
        self.dropped = 0;
        self.dropped_severity = None;
    }

    /// What was found since and kept; for giving it something in common.
    pub(crate) fn since(&mut self, mark: Mark) -> &mut [Diagnostic] {
        self.kept.get_mut(mark.kept..).unwrap_or_default()
    }

    /// In the order of the text, with a last one that says how many there were beyond the bound.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.kept.sort_by_key(|d| (d.at.file, d.at.start, Reverse(d.severity()), d.code.id));
        // What `global_defs` says wrongly is found once for each instance that takes it over.
        self.kept.dedup_by(|again, first| {
            let same = (again.code, again.at, &again.message) == (first.code, first.at, &first.message);
            if same {
                let new: Vec<String> =
                    again.instances.drain(..).filter(|name| !first.instances.contains(name)).collect();
                first.instances.extend(new);
            }
            same
        });
        for diagnostic in &mut self.kept {
            diagnostic.make_harmless();
        }
        if let Some(severity) = self.dropped_severity {
            let code = match severity {
                Severity::Error => &code::E005_BOUND,
                Severity::Warning | Severity::Lint => &code::W034_MORE,
            };
            let at = self.kept.last().map_or(Span::START, |last| last.at);
            let message = format!("{} more diagnostics are not shown", self.dropped);
            self.kept.push(
                Diagnostic::new(code, at, message).why(format_args!("At most {} are kept.", limits::DIAGNOSTICS)),
            );
        }
        self.kept
    }
}
