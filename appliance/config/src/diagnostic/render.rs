//! Diagnostics as values for programs, and what of a file may be shown.

use std::ops::Range;

use super::{Diagnostic, Severity};
use crate::source::{Source, Sources, Span};

/// How text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Default for Style {
    /// Without colours, 80 columns.
    fn default() -> Self {
        Self { color: false, width: 80 }
    }
}

/// All diagnostics as a value for `--format json`.
#[derive(Debug, serde::Serialize)]
pub struct Report<'a> {
    /// The layout of this value; it changes when fields are removed or change their meaning.
    pub schema: u32,
    /// The file that was checked.
    pub file: &'a str,
    /// Number of errors.
    pub errors: usize,
    /// Number of warnings.
    pub warnings: usize,
    /// Number of lints.
    pub lints: usize,
    /// The service would not start with it.
    pub refuses_start: bool,
    /// The diagnostics, in the order of the text.
    pub diagnostics: Vec<ReportEntry<'a>>,
}

/// One diagnostic.
#[derive(Debug, serde::Serialize)]
pub struct ReportEntry<'a> {
    /// `error`, `warning` or `lint`.
    pub severity: Severity,
    /// Its kind.
    pub code: &'static str,
    /// The file.
    pub file: &'a str,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Byte offsets in the file.
    pub bytes: [u32; 2],
    /// What is wrong.
    pub message: &'a str,
    /// What stands at the caret.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub label: &'a str,
    /// Why it matters.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub why: &'a str,
    /// What to do.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub fix: &'a str,
    /// Instances that it concerns.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub instances: &'a [String],
    /// Other places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<ReportPlace<'a>>,
}

/// Another place of a diagnostic.
#[derive(Debug, serde::Serialize)]
pub struct ReportPlace<'a> {
    /// The file.
    pub file: &'a str,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is said there.
    pub label: &'a str,
}

impl<'a> ReportEntry<'a> {
    fn new(sources: &'a Sources, diagnostic: &'a Diagnostic) -> Self {
        let position = sources.position(diagnostic.at);
        Self {
            severity: diagnostic.severity(),
            code: diagnostic.code.id,
            file: sources.file(diagnostic.at.file).map_or("", Source::name),
            line: position.line,
            column: position.column,
            bytes: [diagnostic.at.start, diagnostic.at.end],
            message: &diagnostic.message,
            label: &diagnostic.label,
            why: &diagnostic.why,
            fix: &diagnostic.fix,
            instances: &diagnostic.instances,
            related: diagnostic
                .related
                .iter()
                .map(|related| {
                    let position = sources.position(related.at);
                    ReportPlace {
                        file: sources.file(related.at.file).map_or("", Source::name),
                        line: position.line,
                        column: position.column,
                        label: &related.label,
                    }
                })
                .collect(),
        }
    }
}

pub(crate) fn report<'a>(sources: &'a Sources, diagnostics: &'a [Diagnostic]) -> Report<'a> {
    let count = |severity| diagnostics.iter().filter(|d| d.severity() == severity).count();
    Report {
        schema: 1,
        file: sources.iter().next().map_or("", Source::name),
        errors: count(Severity::Error),
        warnings: count(Severity::Warning),
        lints: count(Severity::Lint),
        refuses_start: diagnostics.iter().any(|d| d.refuses_start),
        diagnostics: diagnostics.iter().map(|d| ReportEntry::new(sources, d)).collect(),
    }
}

/// The text of the window with secrets, tabs and control characters replaced byte for byte, so that columns hold and no
/// escape sequence of the file reaches the terminal.
pub(crate) fn masked(source: &Source, window: Range<usize>, secrets: &[Span], at: Span) -> String {
    let text = source.text().get(window.clone()).unwrap_or_default();
    let hidden = |offset: usize| {
        let offset = crate::source::offset(window.start + offset);
        let next = secrets.partition_point(|secret| (secret.file, secret.start) <= (at.file, offset));
        next.checked_sub(1)
            .and_then(|before| secrets.get(before))
            .is_some_and(|secret| secret.file == at.file && offset < secret.end)
    };
    let mut shown = String::with_capacity(text.len());
    for (offset, c) in text.char_indices() {
        if c == '\n' {
            shown.push(c);
        } else if hidden(offset) {
            shown.extend(std::iter::repeat_n('*', c.len_utf8()));
        } else if c != '\t' && super::steers(c) {
            shown.extend(std::iter::repeat_n('?', c.len_utf8()));
        } else {
            shown.push(c);
        }
    }
    shown
}
