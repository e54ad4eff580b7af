//! Statements with their blocks, put together from words and braces.

use std::borrow::Cow;

use crate::diagnostic::{Diagnostic, code};
use crate::model::Setting;
use crate::schema::{self, Place};
use crate::source::{Span, limits};

/// A word as it stands, without its quotes.
#[derive(Clone, Debug)]
pub(crate) struct Word<'s> {
    /// The word without double quotes.
    pub(crate) text: Cow<'s, str>,
    /// The word with them.
    pub(crate) raw: Cow<'s, str>,
    /// Where it stands, or where the parameter stands that it came out of.
    pub(crate) at: Span,
}

impl Word<'_> {
    /// It as a setting.
    pub(crate) fn setting(&self) -> Setting<String> {
        Setting::written(self.text.clone().into_owned(), self.at)
    }
}

/// A line up to its end or a brace, and the block that may follow.
#[derive(Clone, Debug)]
pub(crate) struct Statement<'s> {
    /// At least one word.
    pub(crate) words: Vec<Word<'s>>,
    /// Between braces.
    pub(crate) block: Option<Block<'s>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Block<'s> {
    pub(crate) open: Span,
    /// Its `}`; `None` when it is missing.
    pub(crate) close: Option<Span>,
    pub(crate) statements: Vec<Statement<'s>>,
}

impl<'s> Statement<'s> {
    /// The first word: the keyword, where one is expected.
    pub(crate) fn keyword(&self) -> &str {
        self.words.first().map_or("", |word| word.text.as_ref())
    }

    /// Where the first word stands.
    pub(crate) fn at(&self) -> Span {
        self.words.first().map_or(NOWHERE, |word| word.at)
    }

    /// From the first word to the last.
    pub(crate) fn whole(&self) -> Span {
        match (self.words.first(), self.words.last()) {
            (Some(first), Some(last)) => first.at.to(last.at),
            _ => NOWHERE,
        }
    }

    pub(crate) fn args(&self) -> &[Word<'s>] {
        self.words.get(1..).unwrap_or_default()
    }

    /// The words behind the keyword.
    pub(crate) fn values(&self) -> Vec<String> {
        self.args().iter().map(|word| word.text.clone().into_owned()).collect()
    }

    /// All words of the block: of one that holds names, on one line or several.
    pub(crate) fn words_inside(&self) -> Vec<Setting<String>> {
        self.statements().iter().flat_map(|line| &line.words).map(Word::setting).collect()
    }

    /// The lines of the block; none when there is no block.
    pub(crate) fn statements(&self) -> &[Self] {
        self.block.as_ref().map_or(&[], |block| &block.statements)
    }
}

const NOWHERE: Span = Span::START;

/// Puts statements together and hands out each one that stands outside all blocks.
pub(crate) struct Builder<'s, 'k> {
    /// Statements of the innermost open block, below them those around it.
    levels: Vec<Level<'s>>,
    current: Vec<Statement<'s>>,
    /// One kind for all who read statements: each kind would be another copy of what puts them together.
    sink: &'k mut dyn FnMut(Statement<'s>),
    /// Close blocks that the schema says must have ended, because it is known that a `}` is missing.
    recover: bool,
    /// The first place where a block must have ended.
    suspect: Option<Suspect>,
    /// What made the structure untellable.
    broken: Option<Diagnostic>,
    /// Braces that are ignored because they are nested too deep.
    ignored_depth: usize,
}

struct Level<'s> {
    around: Vec<Statement<'s>>,
    owner: Statement<'s>,
    open: Span,
    place: Option<&'static Place>,
}

/// `opened` lacks its `}` before `found`.
#[derive(Clone, Debug)]
struct Suspect {
    opened: Span,
    block: String,
    found: Span,
    keyword: String,
}

/// What is wrong with the braces, and whether reading again with recovery makes sense.
pub(crate) struct Outcome {
    pub(crate) broken: Option<Diagnostic>,
    pub(crate) unclosed: bool,
}

impl<'s, 'k> Builder<'s, 'k> {
    pub(crate) fn new(recover: bool, sink: &'k mut dyn FnMut(Statement<'s>)) -> Self {
        Self { levels: Vec::new(), current: Vec::new(), sink, recover, suspect: None, broken: None, ignored_depth: 0 }
    }

    pub(crate) fn statement(&mut self, words: Vec<Word<'s>>) {
        let Some(first) = words.first() else { return };
        if self.ignored_depth > 0 {
            return;
        }
        while let Some(suspect) = self.must_have_ended(first) {
            self.suspect.get_or_insert(suspect);
            if !self.recover {
                break;
            }
            self.close_level(None);
        }
        if self.levels.is_empty() {
            self.flush();
        }
        self.current.push(Statement { words, block: None });
    }

    pub(crate) fn open(&mut self, at: Span) {
        if self.levels.len() >= limits::BLOCK_DEPTH || self.ignored_depth > 0 {
            self.ignored_depth += 1;
            self.break_with(|| {
                Diagnostic::new(
                    &code::E005_BOUND,
                    at,
                    format_args!("blocks are nested deeper than {}", limits::BLOCK_DEPTH),
                )
                .label("this block is too deep")
            });
            return;
        }
        let owner = match self.current.pop() {
            Some(owner) if owner.block.is_none() => owner,
            other => {
                self.current.extend(other);
                self.break_with(|| {
                    Diagnostic::new(&code::E003_STRAY_OPEN, at, "`{` without a keyword before it")
                        .label("opens nothing")
                        .fix("put the keyword that it belongs to before it, or take it away")
                });
                // Its `}` must not close something else.
                Statement { words: Vec::new(), block: None }
            }
        };
        let place = match self.levels.last() {
            None => Some(&schema::FILE),
            Some(level) => level.place,
        };
        let place = place.and_then(|place| place.keyword(owner.keyword())).and_then(|keyword| keyword.block);
        self.levels.push(Level { around: std::mem::take(&mut self.current), owner, open: at, place });
    }

    pub(crate) fn close(&mut self, at: Span) {
        if self.ignored_depth > 0 {
            self.ignored_depth -= 1;
        } else if self.levels.is_empty() {
            self.break_with(|| {
                Diagnostic::new(&code::E002_EXTRA_CLOSE, at, "`}` closes nothing")
                    .label("one too many, or a `{` is missing before it")
                    .why("It cannot be told which lines belong to which block, so the service does not start with this file.")
                    .fix("take it away, or put back the `{` that it belongs to")
            });
        } else {
            self.close_level(Some(at));
        }
    }

    pub(crate) fn finish(mut self) -> Outcome {
        let unclosed = !self.levels.is_empty();
        if let Some(level) = self.levels.last() {
            let (block, opened) = match &self.suspect {
                Some(suspect) => (suspect.block.clone(), suspect.opened),
                None => (level.owner.keyword().to_owned(), level.open),
            };
            let suspect = self.suspect.clone();
            self.break_with(|| {
                let diagnostic = Diagnostic::new(&code::E001_UNCLOSED, opened, format_args!("the block of `{block}` is never closed"))
                    .label("no `}` for this `{`")
                    .why("It cannot be told which lines belong to which block, so the service does not start with this file.");
                match suspect {
                    Some(suspect) => diagnostic
                        .related(suspect.found, "cannot stand inside that block")
                        .fix(format_args!("put a `}}` before `{}`", suspect.keyword)),
                    None => diagnostic.fix("put a `}` at the end of the block"),
                }
            });
        }
        while !self.levels.is_empty() {
            self.close_level(None);
        }
        self.flush();
        let broken = if self.recover { self.suspect_diagnostic().or(self.broken) } else { self.broken };
        Outcome { broken, unclosed }
    }

    fn suspect_diagnostic(&self) -> Option<Diagnostic> {
        let suspect = self.suspect.as_ref()?;
        Some(
            Diagnostic::new(
                &code::E001_UNCLOSED,
                suspect.opened,
                format_args!("the block of `{}` is never closed", suspect.block),
            )
            .label("no `}` for this `{`")
            .related(suspect.found, "cannot stand inside that block")
            .why("It cannot be told which lines belong to which block, so the service does not start with this file.")
            .fix(format_args!("put a `}}` before `{}`", suspect.keyword))
            .refuse_start(),
        )
    }

    fn break_with(&mut self, diagnostic: impl FnOnce() -> Diagnostic) {
        if self.broken.is_none() {
            self.broken = Some(diagnostic().refuse_start());
        }
    }

    fn close_level(&mut self, close: Option<Span>) {
        if let Some(mut level) = self.levels.pop() {
            let statements = std::mem::replace(&mut self.current, level.around);
            if level.owner.words.is_empty() {
                return;
            }
            level.owner.block = Some(Block { open: level.open, close, statements });
            self.current.push(level.owner);
        }
    }

    fn flush(&mut self) {
        for statement in self.current.drain(..) {
            (self.sink)(statement);
        }
    }

    /// The innermost block, if `word` only makes sense outside it: it is no keyword there, and one in a block around.
    fn must_have_ended(&self, word: &Word<'s>) -> Option<Suspect> {
        let (inner, outer) = self.levels.split_last()?;
        let place = inner.place?;
        let name = word.text.as_ref();
        let known_inside =
            place.keyword(name).is_some() || place.entry.as_ref().is_some_and(|entry| entry.option(name).is_some());
        // In blocks that are passed over, anything goes.
        let passed_over = place.entry.as_ref().is_some_and(|entry| entry.options.is_empty() && !entry.many_per_line);
        if known_inside || passed_over {
            return None;
        }
        let known_around = schema::FILE.keyword(name).is_some_and(|keyword| keyword.block.is_some())
            || outer.iter().any(|level| level.place.is_some_and(|place| place.keyword(name).is_some()));
        known_around.then(|| Suspect {
            opened: inner.open,
            block: inner.owner.keyword().to_owned(),
            found: word.at,
            keyword: name.to_owned(),
        })
    }
}
