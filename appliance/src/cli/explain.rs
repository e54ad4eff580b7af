//! `locum explain` and `locum check --explain`

use locum_config::{Code, Severity, schema};

use super::{Exit, complain, print};

/// What a code means.
pub(super) fn code(id: &str) -> Exit {
    let Some(code) = Code::find(id) else {
        complain(&format_args!("there is no code `{}`\nhelp: codes are like E015, W010, L001", id.escape_debug()));
        return Exit::Failed;
    };
    let severity = match code.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Lint => "lint",
    };
    print(&format!("{} ({severity})\n{}\n", code.id, code.explanation))
}

/// What a keyword is for, or a code means.
pub(super) fn word(word: &str) -> Exit {
    if Code::find(word).is_some() {
        return code(word);
    }
    if let Some(help) = schema::help(word) {
        return print(&help);
    }
    let help = match schema::nearest(word) {
        Some(near) => format!("\nhelp: did you mean `{near}`?"),
        None => String::new(),
    };
    complain(&format_args!("`{}` is no word of the configuration{help}", word.escape_debug()));
    Exit::Failed
}
