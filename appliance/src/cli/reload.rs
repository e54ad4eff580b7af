//! `locum reload`

use std::path::Path;

use locum_control::{Difference, DifferenceKind, Forecast, Item, SCHEMA, Verb};
use serde::Serialize;

use super::{Exit, ask, print, print_json};
use crate::text::Append;

#[derive(Serialize)]
struct Answered<'a> {
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    dry_run: Option<bool>,
    differences: &'a [Difference],
    findings: &'a [String],
    forecasts: &'a [Forecast],
    diff: &'a [String],
    result: &'a str,
}

pub(super) fn reload(socket: &Path, dry_run: bool, json: bool) -> Exit {
    answer(socket, Verb::Reload { dry_run }, json)
}

/// Asks for something that changes the configuration, or only says what it would change, and prints the answer.
pub(super) fn answer(socket: &Path, verb: Verb, json: bool) -> Exit {
    let dry_run = if let Verb::Reload { dry_run } = &verb { Some(*dry_run) } else { None };
    let (items, result) = match ask(socket, verb) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let told = Told::of(items);
    if json {
        let Told { differences, findings, forecasts, diff } = &told;
        return print_json(&Answered {
            schema: SCHEMA,
            dry_run,
            differences,
            findings,
            forecasts,
            diff,
            result: &result,
        });
    }
    print(&format!("{}{result}\n", told.lines()))
}

/// What an answer says about a change.
#[derive(Default)]
pub(super) struct Told {
    differences: Vec<Difference>,
    findings: Vec<String>,
    forecasts: Vec<Forecast>,
    diff: Vec<String>,
}

impl Told {
    pub(super) fn of(items: Vec<Item>) -> Self {
        let mut told = Self::default();
        for item in items {
            if let Item::Difference(difference) = item {
                told.differences.push(difference);
            } else if let Item::Finding(finding) = item {
                told.findings.push(finding);
            } else if let Item::DiffLine(line) = item {
                told.diff.push(line);
            } else if let Item::Forecast(forecast) = item {
                told.forecasts.push(forecast);
            }
        }
        told
    }

    /// A line for each change, then what changes in the file, what the check says about it, and what would follow; each
    /// assumption once, above what rests on it.
    pub(super) fn lines(&self) -> String {
        let mut text: String = self.differences.iter().map(line).collect();
        for line in self.diff.iter().chain(&self.findings) {
            text.push_str(line);
            text.push('\n');
        }
        let mut provided = None;
        for forecast in &self.forecasts {
            if forecast.provided != provided {
                provided.clone_from(&forecast.provided);
                text.append(format_args!("If {}:\n", provided.as_deref().unwrap_or("all stays as it is")));
            }
            let plain = Forecast { provided: None, ..forecast.clone() };
            text.append(format_args!("  {plain}\n"));
        }
        text
    }
}

fn line(difference: &Difference) -> String {
    let name = &difference.name;
    let details = difference.details.join(", ");
    match difference.kind {
        DifferenceKind::Added => format!("+ {name}: begins\n"),
        DifferenceKind::Changed => format!("~ {name}: {details}\n"),
        DifferenceKind::Restarted => format!("! {name}: ends and begins again: {details}\n"),
        DifferenceKind::Removed => format!("- {name}: ends\n"),
        DifferenceKind::Block => format!("~ {name}: {details}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_change() {
        let change = |kind, details: &[&str]| Difference {
            name: "VI_1".into(),
            kind,
            details: details.iter().map(ToString::to_string).collect(),
        };
        let changes = [
            change(DifferenceKind::Added, &[]),
            change(DifferenceKind::Changed, &["priority 100 -> 120", "VIP 10.0.0.1/24 removed"]),
            change(DifferenceKind::Restarted, &["virtual_router_id 1 -> 2"]),
            change(DifferenceKind::Removed, &[]),
        ];
        let told = Told { differences: changes.into(), ..Told::default() };
        assert_eq!(
            told.lines(),
            "+ VI_1: begins\n\
             ~ VI_1: priority 100 -> 120, VIP 10.0.0.1/24 removed\n\
             ! VI_1: ends and begins again: virtual_router_id 1 -> 2\n\
             - VI_1: ends\n"
        );
    }
}
