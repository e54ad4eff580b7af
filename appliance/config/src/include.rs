//! Finds the files that a configuration includes and reads them, before anything is made of their content.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, code};
use crate::files::{self, LoadError};
use crate::glob;
use crate::lex::{self, Lexer, TokenKind};
use crate::reading::{Included, Includes, is_include};
use crate::source::{FileId, Sources, Span, limits, offset};

/// Reads the file at `path` and, file after file, what it includes.
pub(crate) fn load(path: &Path) -> Result<(Sources, Includes), LoadError> {
    let bytes = files::read(path, limits::TOTAL_BYTES)?;
    let mut loader = Loader { sources: Sources::default(), includes: Includes::new(), origins: Vec::new() };
    loader.add(path.display().to_string(), path.to_owned(), &bytes, None, Checks::default());
    let mut next = 0;
    while next < loader.sources.len() {
        loader.scan(FileId::at(next));
        next += 1;
    }
    Ok((loader.sources, loader.includes))
}

struct Loader {
    sources: Sources,
    includes: Includes,
    /// For each file, by its id.
    origins: Vec<Origin>,
}

struct Origin {
    /// Symbolic links resolved, so that a loop is seen whatever the names.
    canonical: PathBuf,
    included_by: Option<FileId>,
    depth: usize,
    checks: Checks,
}

/// What `include_check` and the variants of `include` make an error. A literal name without a file always is one.
#[derive(Clone, Copy, Default)]
struct Checks {
    wildcard: bool,
    brace: bool,
}

/// A line that starts with `include` or `include_check`.
struct Line {
    variant: String,
    argument: String,
    at: Span,
}

impl Loader {
    fn add(&mut self, name: String, path: PathBuf, bytes: &[u8], by: Option<FileId>, checks: Checks) -> FileId {
        let canonical = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        let depth = by.map_or(0, |by| self.origin(by).map_or(0, |origin| origin.depth + 1));
        self.origins.push(Origin { canonical, included_by: by, depth, checks });
        self.sources.add(name, Some(path), bytes)
    }

    fn origin(&self, file: FileId) -> Option<&Origin> {
        self.origins.get(file.index())
    }

    fn scan(&mut self, file: FileId) {
        let mut checks = self.origin(file).map(|origin| origin.checks).unwrap_or_default();
        let lines = self.sources.file(file).map(|source| include_lines(file, source.text())).unwrap_or_default();
        for line in lines {
            if line.variant == "include_check" {
                checks = checks.change(&line.argument);
            } else {
                let included = self.include(file, &line, checks.of_variant(&line.variant));
                self.includes.insert((file, line.at.start), included);
            }
        }
    }

    fn include(&mut self, file: FileId, line: &Line, checks: Checks) -> Included {
        let mut included = Included::default();
        if line.argument.is_empty() {
            included.problems.push(
                Diagnostic::new(
                    &code::E012_MISSING_VALUE,
                    line.at,
                    format_args!("`{}` needs a file name", line.variant),
                )
                .fix(format_args!("write `{} FILE`", line.variant)),
            );
            return included;
        }
        if line.argument.contains('$') {
            included.problems.push(
                line.problem(format_args!("the name of an included file cannot hold parameters"))
                    .why("Includes are found before parameters are put in place, as in keepalived.")
                    .fix("write the name out"),
            );
            return included;
        }
        let base = self
            .sources
            .file(file)
            .and_then(|source| source.path())
            .and_then(Path::parent)
            .map(Path::to_owned)
            .unwrap_or_default();
        let alternatives = glob::alternatives(&line.argument);
        let braces = alternatives.len() > 1;
        for pattern in &alternatives {
            let wildcard = glob::has_wildcard(pattern);
            let paths = glob::matches(&base, pattern, &files::names_in);
            if paths.is_empty() && ((wildcard && checks.wildcard) || (braces && checks.brace)) {
                included.problems.push(
                    line.problem(format_args!("no file matches `{pattern}`"))
                        .label("demanded by include_check or by this variant of include"),
                );
            }
            for path in paths {
                if braces && !checks.brace && !path.exists() {
                    continue;
                }
                match self.include_file(file, line, &path, checks) {
                    Ok(id) => included.files.push(id),
                    Err(diagnostic) => included.problems.push(diagnostic),
                }
            }
        }
        included
    }

    fn include_file(&mut self, by: FileId, line: &Line, path: &Path, checks: Checks) -> Result<FileId, Diagnostic> {
        let bound = |what: fmt::Arguments<'_>| {
            Diagnostic::new(&code::E005_BOUND, line.at, what).label("the bound was met here").refuse_start()
        };
        if self.sources.len() >= limits::FILES {
            return Err(bound(format_args!("more than {} files", limits::FILES)));
        }
        if self.origin(by).is_some_and(|origin| origin.depth + 1 >= limits::INCLUDE_DEPTH) {
            return Err(bound(format_args!("includes are nested deeper than {}", limits::INCLUDE_DEPTH)));
        }
        let canonical = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut around = Some(by);
        while let Some(origin) = around.and_then(|file| self.origin(file)) {
            if origin.canonical == canonical {
                return Err(line
                    .problem(format_args!("{} includes itself", path.display()))
                    .label("closes the circle")
                    .why("The line is left out.")
                    .fix("take it away"));
            }
            around = origin.included_by;
        }
        let most = limits::TOTAL_BYTES.saturating_sub(self.sources.total_bytes());
        match files::read(path, most) {
            Ok(bytes) => Ok(self.add(path.display().to_string(), path.to_owned(), &bytes, Some(by), checks)),
            Err(error) if error.is_too_large() => Err(bound(format_args!(
                "with {}, the configuration has more than {} MiB",
                path.display(),
                limits::TOTAL_BYTES >> 20
            ))),
            Err(error) => {
                let diagnostic = line.problem(format_args!("{error}")).why("What it would say is unknown.");
                Err(match error.fix() {
                    Some(_) if error.is_missing() => diagnostic.fix("correct the name, or take the line away"),
                    Some(fix) => diagnostic.fix(fix),
                    None => diagnostic,
                })
            }
        }
    }
}

impl Line {
    fn problem(&self, message: fmt::Arguments<'_>) -> Diagnostic {
        Diagnostic::new(&code::E008_INCLUDE, self.at, message)
    }
}

impl Checks {
    /// `includew`, `includeb`, `includea` add checks to those that hold anyway.
    fn of_variant(self, variant: &str) -> Self {
        Self {
            wildcard: self.wildcard || matches!(variant, "includew" | "includea"),
            brace: self.brace || matches!(variant, "includeb" | "includea"),
        }
    }

    /// `include_check`: options replace what held; with `+` or `-` they change it; none means all.
    fn change(self, options: &str) -> Self {
        if options.is_empty() {
            return Self { wildcard: true, brace: true };
        }
        let absolute = !options.starts_with(['+', '-']);
        let mut checks = if absolute { Self::default() } else { self };
        for option in options.split_whitespace() {
            let (on, name) = match option.strip_prefix('-') {
                Some(name) => (false, name),
                None => (true, option.strip_prefix('+').unwrap_or(option)),
            };
            match name {
                "wildcard_match" => checks.wildcard = on,
                "brace_match" => checks.brace = on,
                _ => {}
            }
        }
        checks
    }
}

/// The lines of a text that include others or say how to.
fn include_lines(file: FileId, text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut words: Vec<(&str, Span)> = Vec::new();
    let mut at = 0;
    let mut braces = String::new();
    for token in Lexer::new(text).chain([lex::Token { kind: TokenKind::LineEnd, text: "" }]) {
        let span = Span::new(file, offset(at), offset(at + token.text.len()));
        at += token.text.len();
        match token.kind {
            TokenKind::Word | TokenKind::OpenQuote if words.is_empty() && token.text.starts_with('@') => {}
            TokenKind::Word | TokenKind::OpenQuote => words.push((token.text, span)),
            // Braces in a file name are words of their own; put together again below.
            TokenKind::Open | TokenKind::Close if words.first().is_some_and(|(word, _)| is_include(word)) => {
                words.push((token.text, span));
            }
            TokenKind::Open | TokenKind::Close => words.clear(),
            TokenKind::LineEnd => {
                if let Some((first, rest)) = words.split_first()
                    && (is_include(first.0) || first.0 == "include_check")
                {
                    braces.clear();
                    let mut end = first.1.end();
                    for (word, span) in rest {
                        if span.start != end && !braces.is_empty() {
                            braces.push(' ');
                        }
                        braces.push_str(word);
                        end = span.end();
                    }
                    let argument = lex::unquote(&braces).into_owned();
                    lines.push(Line { variant: first.0.to_owned(), argument, at: first.1.until(end) });
                }
                words.clear();
            }
            TokenKind::Blank | TokenKind::Comment | TokenKind::Definition => {}
        }
    }
    lines
}
