//! What is wrong with a configuration, said so that it can be put right.

pub(crate) mod code;
pub(crate) mod render;

use std::borrow::Cow;
use std::cmp::Reverse;

pub use self::code::{CODES, Code};
pub use self::render::{Report, ReportEntry, Style};
use crate::source::{FileId, Span, limits};

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

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
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

impl Diagnostic {
    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    pub(crate) fn new(code: &'static Code, at: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            at,
            label: Cow::Borrowed(""),
            related: Vec::new(),
            why: Cow::Borrowed(""),
            fix: Cow::Borrowed(""),
            instances: Vec::new(),
            refuses_start: false,
        }
    }

    #[must_use]
    pub(crate) fn label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.label = label.into();
        self
    }

    #[must_use]
    pub(crate) fn why(mut self, why: impl Into<Cow<'static, str>>) -> Self {
        self.why = why.into();
        self
    }

    #[must_use]
    pub(crate) fn fix(mut self, fix: impl Into<Cow<'static, str>>) -> Self {
        self.fix = fix.into();
        self
    }

    #[must_use]
    pub(crate) fn related(mut self, at: Span, label: impl Into<Cow<'static, str>>) -> Self {
        self.related.push(Related { at, label: label.into() });
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

/// Collects diagnostics, up to [`limits::DIAGNOSTICS`].
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    kept: Vec<Diagnostic>,
    dropped: usize,
    dropped_severity: Option<Severity>,
}

impl Diagnostics {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        // What refuses the start is always kept: there is at most one of each kind.
        if self.kept.len() < limits::DIAGNOSTICS || diagnostic.refuses_start {
            self.kept.push(diagnostic);
        } else {
            self.dropped += 1;
            self.dropped_severity = self.dropped_severity.max(Some(diagnostic.severity()));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Takes all of them out.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Diagnostic> + use<> {
        std::mem::take(&mut self.kept).into_iter()
    }

    /// Forgets the findings from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.kept.truncate(len);
        self.dropped = 0;
        self.dropped_severity = None;
    }

    /// Takes out the findings from `len` on.
    pub(crate) fn split_off(&mut self, len: usize) -> Vec<Diagnostic> {
        self.kept.split_off(len.min(self.kept.len()))
    }

    /// The findings from `start` on; for giving them something in common.
    pub(crate) fn since(&mut self, start: usize) -> &mut [Diagnostic] {
        self.kept.get_mut(start..).unwrap_or_default()
    }

    /// In the order of the text, with a last one that says how many there were beyond the bound.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.kept.sort_by_key(|d| (d.at.file, d.at.start, Reverse(d.severity())));
        if let Some(severity) = self.dropped_severity {
            let code = match severity {
                Severity::Error => &code::E005_BOUND,
                Severity::Warning | Severity::Lint => &code::W034_MORE,
            };
            let at = self.kept.last().map_or(Span::new(FileId(0), 0, 0), |last| last.at);
            let message = format!("{} more diagnostics are not shown", self.dropped);
            self.kept
                .push(Diagnostic::new(code, at, message).why(format!("At most {} are kept.", limits::DIAGNOSTICS)));
        }
        self.kept
    }
}
