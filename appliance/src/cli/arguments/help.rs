//! The help of a program and of its verbs.

use super::{Opt, Program, Verb};
use crate::text::Append;

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// A line each: `-h`.
    Brief,
    /// All that there is: `--help`.
    Full,
}

/// Where explanations stand in the full help.
const INDENT: &str = "          ";

/// A row of a table: what is typed, what it means, and more about that.
struct Row {
    typed: String,
    meaning: String,
    more: Vec<String>,
}

impl Row {
    fn new(typed: impl Into<String>, meaning: &str) -> Self {
        Self { typed: typed.into(), meaning: meaning.to_owned(), more: Vec::new() }
    }
}

/// The help of the program or of one of its verbs.
pub(crate) fn help(program: &'static Program, verb: &'static Verb, length: Length) -> String {
    let has_more = has_more(verb);
    let length = if has_more { length } else { Length::Brief };
    let mut text = match (length, verb.more) {
        (Length::Brief, _) | (_, "") => format!("{}\n", verb.about),
        (Length::Full, more) => format!("{}.\n\n{more}\n", verb.about),
    };
    text.append(format_args!("\n{}\n", usage(program, verb)));
    let is_root = program.is_root(verb);
    if is_root {
        let verbs = program.verbs.iter().map(|verb| (verb.name, verb.about));
        let verbs = verbs.chain([("help", "Print this message or the help of the given subcommand(s)")]);
        section(&mut text, "Commands", Length::Brief, verbs.map(|(name, about)| Row::new(name, about)).collect());
    }
    let operands = verb.operands.iter().map(|operand| Row::new(operand.spelled(), operand.help));
    section(&mut text, "Arguments", length, operands.collect());
    let shown = |options: &[Opt]| -> Vec<Row> {
        options.iter().filter(|option| !option.hidden).map(|option| row(option, length)).collect()
    };
    let mut rows = if is_root { Vec::new() } else { shown(verb.options) };
    rows.extend(shown(program.root.options));
    if !verb.passes_on {
        let meaning = match (has_more, length) {
            (false, _) => "Print help",
            (true, Length::Brief) => "Print help (see more with '--help')",
            (true, Length::Full) => "Print help (see a summary with '-h')",
        };
        rows.push(Row::new("-h, --help", meaning));
    }
    if is_root {
        rows.push(Row::new("-V, --version", "Print version"));
    }
    section(&mut text, "Options", length, rows);
    for (title, options) in program.sections.iter().filter(|_| is_root) {
        section(&mut text, title, length, shown(options));
    }
    if is_root {
        text.append(format_args!("\n{}\n", program.closing));
    }
    text
}

/// The line that says how it is written.
pub(super) fn usage(program: &Program, verb: &Verb) -> String {
    let mut text = format!("Usage: {}", program.root.name);
    if program.is_root(verb) {
        return text + " [OPTIONS] [COMMAND]";
    }
    text.append(format_args!(" {}", verb.name));
    if !verb.passes_on {
        text.push_str(" [OPTIONS]");
    }
    let options = verb.options.iter().filter(|option| option.required).map(Opt::spelled);
    for word in options.chain(verb.operands.iter().map(super::Operand::spelled)) {
        text.append(format_args!(" {word}"));
    }
    text
}

/// Whether the full help says more than the brief one.
fn has_more(verb: &Verb) -> bool {
    !verb.more.is_empty() || verb.options.iter().any(|option| !option.choices().is_empty())
}

fn row(option: &Opt, length: Length) -> Row {
    let letter = option.short.map_or("    ".into(), |letter| format!("-{letter}, "));
    let mut row = Row::new(letter + &option.spelled(), option.help);
    let default = option.default.map(|value| format!("[default: {value}]"));
    let choices = option.choices();
    match length {
        Length::Brief => {
            row.meaning.extend(default.map(|default| format!(" {default}")));
            if !choices.is_empty() {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                row.meaning.append(format_args!(" [possible values: {}]", words.join(", ")));
            }
        }
        Length::Full => {
            if !choices.is_empty() {
                let width = choices.iter().map(|(word, _)| word.len()).max().unwrap_or_default() + 1;
                let list = choices
                    .iter()
                    .map(|(word, meaning)| format!("\n{INDENT}- {:<width$} {meaning}", format!("{word}:")));
                row.more.push(format!("Possible values:{}", list.collect::<String>()));
            }
            row.more.extend(default);
        }
    }
    row
}

/// A title and its rows; nothing where there are none.
fn section(text: &mut String, title: &str, length: Length, rows: Vec<Row>) {
    if rows.is_empty() {
        return;
    }
    text.append(format_args!("\n{title}:\n"));
    let width = rows.iter().map(|row| row.typed.len()).max().unwrap_or_default();
    for (at, row) in rows.into_iter().enumerate() {
        let Row { typed, meaning, more } = row;
        if length == Length::Brief {
            text.append(format_args!("  {typed:<width$}  {meaning}\n"));
            continue;
        }
        if at > 0 {
            text.push('\n');
        }
        text.append(format_args!("  {typed}\n{INDENT}{meaning}\n"));
        for paragraph in more {
            text.append(format_args!("\n{INDENT}{paragraph}\n"));
        }
    }
}
