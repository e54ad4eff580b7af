//! Diagnostics as text for people and as values for programs.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Related, Severity};
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
            bytes: [diagnostic.at.start, diagnostic.at.end()],
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

/// One diagnostic with its lines. What `secrets` covers is shown as asterisks.
pub(crate) fn text(sources: &Sources, secrets: &[Span], diagnostic: &Diagnostic, style: Style) -> String {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Lint => Level::INFO.with_name("lint"),
    };
    let (near, far): (Vec<_>, Vec<_>) =
        diagnostic.related.iter().partition(|related| is_near(related.at, diagnostic.at));
    let mut group = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.id).element(snippet(
        sources,
        secrets,
        Some((diagnostic.at, &diagnostic.label)),
        &near,
    ));
    for related in far {
        group = group.element(snippet(sources, secrets, None, &[related]));
    }
    group = messages(group, diagnostic);
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(style.width.max(40)).decor_style(DecorStyle::Ascii).render(&[group])
}

fn messages<'a>(mut group: Group<'a>, diagnostic: &'a Diagnostic) -> Group<'a> {
    if !diagnostic.why.is_empty() {
        group = group.element(Level::NOTE.message(diagnostic.why.as_ref()));
    }
    if !diagnostic.fix.is_empty() {
        group = group.element(Level::HELP.message(diagnostic.fix.as_ref()));
    }
    group
}

/// Whether two places are shown in one piece of the file. What is between them is gone through, so it must not be long.
fn is_near(a: Span, b: Span) -> bool {
    a.file == b.file && a.start.abs_diff(b.start) < 8 * 1024
}

/// The lines of places that stand near each other in one file.
fn snippet<'a>(
    sources: &'a Sources,
    secrets: &[Span],
    primary: Option<(Span, &'a str)>,
    related: &[&'a Related],
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let spans = || primary.iter().map(|(at, _)| *at).chain(related.iter().map(|related| related.at));
    let Some((at, source)) = spans().next().and_then(|at| Some((at, sources.file(at.file)?))) else {
        return Snippet::source("");
    };
    let first = source.line_range(spans().map(|span| span.start).min().unwrap_or_default());
    let last = source.line_range(spans().map(|span| span.start).max().unwrap_or_default());
    let window = first.start..last.end.max(first.start);
    let mut snippet = Snippet::source(masked(source, window.clone(), secrets, at))
        .line_start(source.position(crate::source::offset(window.start)).line as usize)
        .path(source.name());
    if let Some((at, label)) = primary {
        snippet = snippet.annotation(AnnotationKind::Primary.span(within(source, &window, at)).label(some(label)));
    }
    for related in related {
        snippet = snippet
            .annotation(AnnotationKind::Context.span(within(source, &window, related.at)).label(some(&related.label)));
    }
    snippet
}

fn some(label: &str) -> Option<&str> {
    (!label.is_empty()).then_some(label)
}

/// A span relative to the window, on character boundaries and within one line.
fn within(source: &Source, window: &Range<usize>, span: Span) -> Range<usize> {
    let line = source.line_range(span.start);
    let start = (span.start as usize).clamp(line.start, line.end.max(line.start));
    let end = (span.end() as usize).clamp(start, line.end.max(start));
    start.saturating_sub(window.start)..end.saturating_sub(window.start)
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
            .is_some_and(|secret| secret.file == at.file && offset < secret.end())
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
