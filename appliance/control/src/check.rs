//! What `doctor` says.

use std::fmt;

use serde::Serialize;

use crate::reading::{readable, readable_words};

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What kind of thing, for programs: "link", "firewall". Stable over versions.
    pub name: String,
    /// Which one: an interface or an instance; absent for the machine as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How it is.
    pub result: CheckResult,
    /// What was found, in a sentence.
    pub detail: String,
    /// What to do about it; absent where nothing has to be done, or nobody can say what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// How a thing is. The worse, the later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// As it should be.
    Ok,
    /// It could not be found out.
    Unknown,
    /// It works, but may fail when it is needed.
    Warning,
    /// It does not work.
    Problem,
}

impl CheckResult {
    /// All of them, the worst first.
    pub const WORST_FIRST: [Self; 4] = [Self::Problem, Self::Warning, Self::Unknown, Self::Ok];
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Unknown => "not known",
            Self::Warning => "warning",
            Self::Problem => "problem",
        })
    }
}

readable! {
    Check { name, subject, result, detail, fix }
}

readable_words! {
    CheckResult: Ok, Unknown, Warning, Problem;
}
