//! Words, braces, comments and blanks of one file, every byte of it.
//!
//! The language is one of lines: a statement is the words up to the end of the line, a `{` or a `}`. Comments start with
//! `#` or `!` anywhere outside double quotes. What the lexer calls a word may hold quoted parts; [`unquote`] takes the
//! quotes off (keepalived.conf(5), "Quoted strings").

use std::borrow::Cow;

/// A piece of the text. The pieces of a file, put together, are the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'s> {
    pub(crate) kind: TokenKind,
    pub(crate) text: &'s str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum TokenKind {
    /// Blanks and tabs, and a carriage return before the line end.
    Blank,
    /// A line feed, with its carriage return.
    LineEnd,
    /// `#` or `!` to the end of the line.
    Comment,
    /// Anything else, quotes included.
    Word,
    /// A word whose last quote is not closed on its line.
    OpenQuote,
    /// `{`
    Open,
    /// `}`
    Close,
    /// `$NAME=…`: the name, the equals sign and what stands on that line and, after a `\` at its end, on the following
    /// ones; comments not included.
    Definition,
}

/// Reads one text from front to back, in one pass.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'s> {
    rest: &'s str,
    /// Nothing but blanks, conditions and sequences so far on this line: a definition may start here.
    at_statement_start: bool,
    /// The line before ended a definition's line with `\`.
    in_definition: bool,
}

impl<'s> Lexer<'s> {
    pub(crate) const fn new(text: &'s str) -> Self {
        Self { rest: text, at_statement_start: true, in_definition: false }
    }

    /// The next line belongs to a definition that has been started.
    pub(crate) const fn is_in_definition(&self) -> bool {
        self.in_definition
    }

    fn take(&mut self, kind: TokenKind, len: usize) -> Token<'s> {
        let (text, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        self.rest = rest;
        Token { kind, text }
    }
}

impl<'s> Iterator for Lexer<'s> {
    type Item = Token<'s>;

    fn next(&mut self) -> Option<Token<'s>> {
        let text = self.rest;
        let first = text.chars().next()?;
        if let Some(len) = line_end(text) {
            self.at_statement_start = true;
            return Some(self.take(TokenKind::LineEnd, len));
        }
        if is_blank(first) {
            let len = text.find(|c| !is_blank(c)).unwrap_or(text.len());
            // The carriage return of a line end belongs to the line end.
            let len = if text.get(len..).is_some_and(|t| t.starts_with('\n'))
                && text.get(..len).is_some_and(|t| t.ends_with('\r'))
            {
                len - 1
            } else {
                len
            };
            if self.in_definition && text.get(len..).is_none_or(|t| line_end(t).is_some()) {
                self.in_definition = false; // A blank line ends a definition.
            }
            return Some(self.take(TokenKind::Blank, len));
        }
        if matches!(first, '#' | '!') {
            self.in_definition = false;
            let len = line_len(text);
            return Some(self.take(TokenKind::Comment, len));
        }
        if self.in_definition || (self.at_statement_start && definition_name(text).is_some()) {
            let (len, continues) = definition_len(text);
            self.in_definition = continues;
            self.at_statement_start = false;
            return Some(self.take(TokenKind::Definition, len));
        }
        match first {
            '{' => {
                self.at_statement_start = true;
                Some(self.take(TokenKind::Open, 1))
            }
            '}' => {
                self.at_statement_start = true;
                Some(self.take(TokenKind::Close, 1))
            }
            _ => {
                let (len, closed) = word_len(text);
                // `@node $NAME=…` and `~SEQ(…) $NAME=…` define as well.
                self.at_statement_start &= matches!(first, '@' | '~');
                Some(self.take(if closed { TokenKind::Word } else { TokenKind::OpenQuote }, len))
            }
        }
    }
}

const fn is_blank(c: char) -> bool {
    // Editors on Windows put U+FEFF, the byte order mark, before the first word.
    matches!(c, ' ' | '\t' | '\r' | '\u{b}' | '\u{c}' | '\u{feff}')
}

fn line_end(text: &str) -> Option<usize> {
    if text.starts_with('\n') {
        Some(1)
    } else if text.starts_with("\r\n") {
        Some(2)
    } else {
        None
    }
}

/// Bytes up to the line end.
fn line_len(text: &str) -> usize {
    let len = text.find('\n').unwrap_or(text.len());
    match text.get(..len) {
        Some(line) if len < text.len() => line.strip_suffix('\r').unwrap_or(line).len(),
        _ => len,
    }
}

/// The name in `$NAME=`.
pub(crate) fn definition_name(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let len = name_len(name)?;
    name.get(len..)?.starts_with('=').then(|| name.get(..len)).flatten()
}

/// Bytes of the name of a definition: letters, digits and `_`, not starting with a digit.
pub(crate) fn name_len(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    (first.is_ascii_alphabetic() || first == '_')
        .then(|| text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len()))
}

/// Bytes of one line of a definition (to a comment, or the line end), and whether a `\` carries it on.
fn definition_len(text: &str) -> (usize, bool) {
    let line = text.get(..line_len(text)).unwrap_or_default();
    let mut quoted = false;
    let mut chars = line.char_indices();
    let mut end = line.len();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => {
                chars.next();
            }
            '#' | '!' if !quoted => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let kept = line.get(..end).unwrap_or_default().trim_end_matches(is_blank);
    (kept.len(), end == line.len() && kept.ends_with('\\'))
}

/// Bytes of the word that `text` starts with, and whether its quotes are closed.
fn word_len(text: &str) -> (usize, bool) {
    if let Some(len) = sequence_len(text) {
        return (len, true);
    }
    let mut quoted = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\n' => {
                let end = at - usize::from(at > 0 && text.as_bytes().get(at - 1) == Some(&b'\r'));
                return (end, !quoted);
            }
            '"' => quoted = !quoted,
            // What follows a backslash means itself, except for blanks, line ends and braces.
            '\\' if chars
                .clone()
                .next()
                .is_some_and(|(_, next)| !next.is_whitespace() && !matches!(next, '{' | '}')) =>
            {
                chars.next();
            }
            '$' if !quoted => {
                if let Some(len) = text.get(at + 1..).and_then(reference_len) {
                    while chars.clone().next().is_some_and(|(next, _)| next < at + 1 + len) {
                        chars.next();
                    }
                }
            }
            _ if !quoted && (is_blank(c) || matches!(c, '{' | '}' | '#' | '!')) => return (at, true),
            _ => {}
        }
    }
    (text.len(), !quoted)
}

/// Bytes of `{NAME}` or `{NAME argument…}` after a `$`.
pub(crate) fn reference_len(text: &str) -> Option<usize> {
    let name = text.strip_prefix('{')?;
    name_len(name)?;
    let close = name.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ' ' | '\t')))?;
    name.get(close..)?.starts_with('}').then_some(close + 2)
}

/// Bytes of `~SEQ(…)`, `~SEQx(…)` or `~LST(…)`, whose brackets may hold blanks and braces.
fn sequence_len(text: &str) -> Option<usize> {
    let rest =
        text.strip_prefix("~SEQx(").or_else(|| text.strip_prefix("~SEQ(")).or_else(|| text.strip_prefix("~LST("))?;
    let open = text.len() - rest.len();
    let close = rest.get(..line_len(rest))?.find(')')?;
    Some(open + close + 1)
}

/// A word without its double quotes, and with `\#` and `\!` as the plain character. Other escapes only have a meaning in
/// scripts (see [`split_command`]).
pub(crate) fn unquote(word: &str) -> Cow<'_, str> {
    if !word.contains(['"', '\\']) {
        return Cow::Borrowed(word);
    }
    if let Some(inner) = word.strip_prefix('"').and_then(|w| w.strip_suffix('"'))
        && !inner.contains(['"', '\\'])
    {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(word.len());
    let mut quoted = false;
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' => match chars.next() {
                Some(next @ ('#' | '!')) if !quoted => plain.push(next),
                Some(next) => plain.extend(['\\', next]),
                None => plain.push('\\'),
            },
            other => plain.push(other),
        }
    }
    Cow::Owned(plain)
}

/// Splits a command line as the shell would: blanks separate, `'` and `"` hold together, escapes are read as
/// keepalived.conf(5) "Quoted strings" lists them. A quote that is not closed reaches to the end.
pub(crate) fn split_command(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && c.is_whitespace() {
            words.extend(word.take());
        } else {
            let word = word.get_or_insert_default();
            match c {
                '"' | '\'' if quote.is_none() => quote = Some(c),
                '\\' => word.extend(escape(&mut chars)),
                other => word.push(other),
            }
        }
    }
    words.extend(word);
    words
}

/// The character that an escape stands for; the backslash has been read.
fn escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    let digits = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>, radix, most| {
        let mut value = 0;
        for _ in 0..most {
            let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else { break };
            value = value * radix + digit;
            chars.next();
        }
        // \400 to \777 do not fit a byte; keepalived keeps the low eight bits.
        char::from_u32(value & 0xff)
    };
    match *chars.peek()? {
        '0'..='7' => digits(chars, 8, 3),
        first => {
            chars.next();
            Some(match first {
                'x' if chars.peek().is_some_and(char::is_ascii_hexdigit) => return digits(chars, 16, 2),
                'c' if chars.peek().is_some() => char::from_u32(u32::from(chars.next()?) & 0x1f)?,
                'a' => '\u{7}',
                'b' => '\u{8}',
                'E' => '\u{1b}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\u{b}',
                other => other,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TokenKind::{Blank, Close, Comment, Definition, LineEnd, Open, OpenQuote, Word};

    fn tokens(text: &str) -> Vec<(TokenKind, &str)> {
        let tokens: Vec<_> = Lexer::new(text).map(|token| (token.kind, token.text)).collect();
        assert_eq!(tokens.iter().map(|(_, text)| *text).collect::<String>(), text);
        tokens
    }

    fn words(text: &str) -> Vec<(TokenKind, &str)> {
        tokens(text).into_iter().filter(|(kind, _)| !matches!(kind, Blank | LineEnd)).collect()
    }

    #[test]
    fn a_statement_in_its_pieces() {
        assert_eq!(
            tokens("\tstate MASTER # why\r\n}\n"),
            [
                (Blank, "\t"),
                (Word, "state"),
                (Blank, " "),
                (Word, "MASTER"),
                (Blank, " "),
                (Comment, "# why"),
                (LineEnd, "\r\n"),
                (Close, "}"),
                (LineEnd, "\n")
            ]
        );
    }

    #[test]
    fn braces_and_comments_end_words() {
        assert_eq!(words("group{A}#x"), [(Word, "group"), (Open, "{"), (Word, "A"), (Close, "}"), (Comment, "#x")]);
        assert_eq!(words("auth_pass ab!cd"), [(Word, "auth_pass"), (Word, "ab"), (Comment, "!cd")]);
        assert_eq!(words(r"auth_pass ab\!cd"), [(Word, "auth_pass"), (Word, r"ab\!cd")]);
    }

    #[test]
    fn quotes_hold_blanks_braces_and_comment_signs() {
        assert_eq!(words(r##"a "b {#!} c"d e"##), [(Word, "a"), (Word, r##""b {#!} c"d"##), (Word, "e")]);
        assert_eq!(words("a \"b c\r\nd"), [(Word, "a"), (OpenQuote, "\"b c"), (Word, "d")]);
        assert_eq!(words(r#""a\"b" c"#), [(Word, r#""a\"b""#), (Word, "c")]);
    }

    #[test]
    fn definitions_reach_over_lines() {
        assert_eq!(
            words("$A=1 # x\n$B= \\\n vrrp { \\\n }\nstate $A"),
            [
                (Definition, "$A=1"),
                (Comment, "# x"),
                (Definition, "$B= \\"),
                (Definition, "vrrp { \\"),
                (Definition, "}"),
                (Word, "state"),
                (Word, "$A")
            ]
        );
        assert_eq!(words("@a $P=2\nx $P=2"), [(Word, "@a"), (Definition, "$P=2"), (Word, "x"), (Word, "$P=2")]);
    }

    #[test]
    fn references_and_sequences_hold_their_braces() {
        assert_eq!(words("x ${_ENV HOME}/y {"), [(Word, "x"), (Word, "${_ENV HOME}/y"), (Open, "{")]);
        assert_eq!(words("~LST({A, B}, {1,2}) 10.${A}"), [(Word, "~LST({A, B}, {1,2})"), (Word, "10.${A}")]);
    }

    #[test]
    fn words_lose_their_quotes() {
        assert_eq!(unquote("plain"), "plain");
        assert_eq!(unquote("\"a b\""), "a b");
        assert_eq!(unquote("a\" b \"c"), "a b c");
        assert_eq!(unquote(r"a\#b\n"), r"a#b\n");
    }

    #[test]
    fn commands_split_as_the_manual_shows() {
        assert_eq!(
            split_command(r#"/etc/n.sh ' spaces\\x20f\x69le ' '"s p a c e "' SG1.low master"#),
            ["/etc/n.sh", r" spaces\x20file ", "\"s p a c e \"", "SG1.low", "master"]
        );
        assert_eq!(split_command(r"a\ b '' \101\cA"), ["a b", "", "A\u{1}"]);
    }
}
