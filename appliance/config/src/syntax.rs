//! A tree of one file that keeps every byte: what edits are made on.
//!
//! The tree has three kinds of nodes. The file holds statements; a statement is a line's words and the block that may
//! follow; a block is what stands between braces, with them. Blanks, comments and line ends are tokens wherever they
//! stand. [`parse`] takes any text; where braces are missing, the last blocks end with the file, and what is nested
//! deeper than [`limits::BLOCK_DEPTH`] stays flat.

use rowan::{GreenNodeBuilder, Language};

use crate::lex::{self, Lexer, TokenKind};
use crate::source::limits;

/// What nodes and tokens of the tree are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum SyntaxKind {
    /// Blanks and tabs.
    Blank,
    /// The end of a line.
    LineEnd,
    /// `#` or `!` to the end of the line.
    Comment,
    /// A word, with its quotes.
    Word,
    /// A word whose quote is not closed.
    OpenQuote,
    /// `{`
    Open,
    /// `}`
    Close,
    /// A line of `$NAME=…`.
    Definition,
    /// Node: words and the block that may follow.
    Statement,
    /// Node: braces and what stands between them.
    Block,
    /// Node: the file.
    File,
}

const KINDS: [SyntaxKind; 11] = {
    use SyntaxKind::{Blank, Block, Close, Comment, Definition, File, LineEnd, Open, OpenQuote, Statement, Word};
    [Blank, LineEnd, Comment, Word, OpenQuote, Open, Close, Definition, Statement, Block, File]
};

/// The language of keepalived.conf, for rowan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeepalivedConf {}

impl Language for KeepalivedConf {
    type Kind = SyntaxKind;

    fn kind_from_raw(raw: rowan::SyntaxKind) -> SyntaxKind {
        // Only kinds that `kind_to_raw` made come here.
        KINDS.get(usize::from(raw.0)).copied().unwrap_or(SyntaxKind::File)
    }

    fn kind_to_raw(kind: SyntaxKind) -> rowan::SyntaxKind {
        rowan::SyntaxKind(kind as u16)
    }
}

/// A node of the tree.
pub type SyntaxNode = rowan::SyntaxNode<KeepalivedConf>;
/// A token of the tree.
pub type SyntaxToken = rowan::SyntaxToken<KeepalivedConf>;
/// A node or a token of the tree.
pub type SyntaxElement = rowan::SyntaxElement<KeepalivedConf>;

/// The tree of a text. Its text is the text.
#[must_use]
pub fn parse(text: &str) -> SyntaxNode {
    let tokens: Vec<lex::Token<'_>> = Lexer::new(text).collect();
    let mut tree = Tree { builder: GreenNodeBuilder::new(), open: Vec::new() };
    tree.builder.start_node(KeepalivedConf::kind_to_raw(SyntaxKind::File));
    let mut in_line = false;
    for (index, token) in tokens.iter().enumerate() {
        let rest = tokens.get(index..).unwrap_or_default();
        match token.kind {
            TokenKind::Word | TokenKind::OpenQuote => {
                if !in_line {
                    tree.start(SyntaxKind::Statement);
                    in_line = true;
                }
                tree.token(*token);
            }
            TokenKind::Open => {
                if !in_line {
                    tree.start(SyntaxKind::Statement);
                }
                tree.start(SyntaxKind::Block);
                tree.token(*token);
                in_line = false;
            }
            TokenKind::Close => {
                if in_line {
                    tree.end(SyntaxKind::Statement);
                }
                tree.token(*token);
                tree.end(SyntaxKind::Block);
                tree.end(SyntaxKind::Statement);
                in_line = false;
            }
            TokenKind::Blank | TokenKind::Comment | TokenKind::LineEnd => {
                // Blanks between words belong to the statement, and so does all that stands before its brace.
                // One look ahead for each run of them, or a long one would be looked at again and again.
                let run_starts = index
                    .checked_sub(1)
                    .and_then(|before| tokens.get(before))
                    .is_none_or(|before| !is_trivia(before.kind));
                if in_line && run_starts && !belongs_to_statement(rest) {
                    tree.end(SyntaxKind::Statement);
                    in_line = false;
                }
                tree.token(*token);
            }
            TokenKind::Definition => tree.token(*token),
        }
    }
    while let Some(open) = tree.open.pop() {
        if open.is_some() {
            tree.builder.finish_node();
        }
    }
    tree.builder.finish_node();
    SyntaxNode::new_root(tree.builder.finish())
}

const fn is_trivia(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Blank | TokenKind::Comment | TokenKind::LineEnd)
}

/// Whether the blanks, comments and line ends that `rest` starts with stand inside a statement.
fn belongs_to_statement(rest: &[lex::Token<'_>]) -> bool {
    let mut same_line = true;
    for token in rest {
        match token.kind {
            TokenKind::Blank | TokenKind::Comment => {}
            TokenKind::LineEnd => same_line = false,
            TokenKind::Open => return true,
            TokenKind::Word | TokenKind::OpenQuote => return same_line,
            TokenKind::Close | TokenKind::Definition => return false,
        }
    }
    false
}

struct Tree {
    builder: GreenNodeBuilder<'static>,
    /// Nodes that are not finished; `None` for one that is too deep to be one.
    open: Vec<Option<SyntaxKind>>,
}

impl Tree {
    fn token(&mut self, token: lex::Token<'_>) {
        let kind = match token.kind {
            TokenKind::Blank => SyntaxKind::Blank,
            TokenKind::LineEnd => SyntaxKind::LineEnd,
            TokenKind::Comment => SyntaxKind::Comment,
            TokenKind::Word => SyntaxKind::Word,
            TokenKind::OpenQuote => SyntaxKind::OpenQuote,
            TokenKind::Open => SyntaxKind::Open,
            TokenKind::Close => SyntaxKind::Close,
            TokenKind::Definition => SyntaxKind::Definition,
        };
        self.builder.token(KeepalivedConf::kind_to_raw(kind), token.text);
    }

    fn start(&mut self, kind: SyntaxKind) {
        let shallow = self.open.len() < 2 * limits::BLOCK_DEPTH;
        if shallow {
            self.builder.start_node(KeepalivedConf::kind_to_raw(kind));
        }
        self.open.push(shallow.then_some(kind));
    }

    /// Ends the innermost node if it is of this kind, or too deep to be one.
    fn end(&mut self, kind: SyntaxKind) {
        match self.open.last() {
            Some(Some(open)) if *open == kind => {
                self.builder.finish_node();
                self.open.pop();
            }
            Some(None) => {
                self.open.pop();
            }
            Some(Some(_)) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The tree in brackets, without blanks and line ends.
    fn shape(text: &str) -> String {
        let tree = parse(text);
        assert_eq!(tree.text().to_string(), text);
        let mut shape = String::new();
        let brackets = |kind| {
            if kind == SyntaxKind::Statement {
                ["(", ")"]
            } else if kind == SyntaxKind::Block {
                ["[", "]"]
            } else {
                ["", ""]
            }
        };
        for event in tree.preorder_with_tokens() {
            match event {
                rowan::WalkEvent::Enter(rowan::NodeOrToken::Node(node)) => shape.push_str(brackets(node.kind())[0]),
                rowan::WalkEvent::Leave(rowan::NodeOrToken::Node(node)) => shape.push_str(brackets(node.kind())[1]),
                rowan::WalkEvent::Enter(rowan::NodeOrToken::Token(token)) if token.kind() == SyntaxKind::Comment => {
                    shape.push('#');
                }
                rowan::WalkEvent::Enter(rowan::NodeOrToken::Token(token)) => shape.push_str(token.text().trim()),
                rowan::WalkEvent::Leave(rowan::NodeOrToken::Token(_)) => {}
            }
        }
        shape
    }

    #[test]
    fn statements_hold_their_blocks() {
        assert_eq!(shape("a b # c\nd {\n e\n f { g } # h\n}\ni"), "(ab)#(d[{(e)(f[{(g)}])#}])(i)");
        assert_eq!(shape("a # why\n\n {\n b }\n"), "(a#[{(b)}])");
    }

    #[test]
    fn braces_may_be_missing_or_too_many() {
        assert_eq!(shape("a { b\nc"), "(a[{(b)(c)])");
        assert_eq!(shape("a } b"), "(a)}(b)");
        assert_eq!(shape("{ a }"), "([{(a)}])");
    }

    #[test]
    fn depth_costs_no_stack() {
        let text = "a {\n".repeat(100_000);
        assert_eq!(parse(&text).text().to_string(), text);
        let closed = format!("{text}{}", "}\n".repeat(100_000));
        assert_eq!(parse(&closed).text().to_string(), closed);
    }

    #[test]
    fn a_brace_far_from_its_keyword_costs_no_time() {
        let text = format!("a{}{{", "\n# b".repeat(200_000));
        assert_eq!(parse(&text).text().to_string(), text);
    }

    proptest! {
        #[test]
        fn the_text_of_the_tree_is_the_text(text in "[ab\"'\\\\{}#!$@~= \t\r\n()\u{e4}]{0,120}") {
            prop_assert_eq!(parse(&text).text().to_string(), text);
        }

        #[test]
        fn any_text_is_kept(text in any::<String>()) {
            prop_assert_eq!(parse(&text).text().to_string(), text);
        }
    }
}
