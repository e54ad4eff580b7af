//! `locum reload`

use std::path::Path;

use locum_control::{Difference, DifferenceKind, Item, SCHEMA, Verb};
use serde::Serialize;

use super::{Exit, ask, print, print_json};

#[derive(Serialize)]
struct Reload<'a> {
    schema: u32,
    dry_run: bool,
    differences: &'a [Difference],
    result: &'a str,
}

pub(super) fn reload(socket: &Path, dry_run: bool, json: bool) -> Exit {
    let (items, result) = match ask(socket, Verb::Reload { dry_run }) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let differences = differences(items);
    if json {
        return print_json(&Reload { schema: SCHEMA, dry_run, differences: &differences, result: &result });
    }
    print(&format!("{}{result}\n", lines(&differences)))
}

/// Of an answer, what it says about changes.
pub(super) fn differences(items: Vec<Item>) -> Vec<Difference> {
    let difference = |item| match item {
        Item::Difference(difference) => Some(difference),
        Item::Service(_)
        | Item::Interface(_)
        | Item::Instance(_)
        | Item::Transition(_)
        | Item::Notice(_)
        | Item::Change(_) => None,
    };
    items.into_iter().filter_map(difference).collect()
}

/// A line for each change.
pub(super) fn lines(differences: &[Difference]) -> String {
    let line = |difference: &Difference| {
        let name = &difference.name;
        let details = difference.details.join(", ");
        match difference.kind {
            DifferenceKind::Added => format!("+ {name}: begins\n"),
            DifferenceKind::Changed => format!("~ {name}: {details}\n"),
            DifferenceKind::Restarted => format!("! {name}: ends and begins again: {details}\n"),
            DifferenceKind::Removed => format!("- {name}: ends\n"),
            DifferenceKind::Block => format!("~ {name}: {details}\n"),
        }
    };
    differences.iter().map(line).collect()
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
        assert_eq!(
            lines(&changes),
            "+ VI_1: begins\n\
             ~ VI_1: priority 100 -> 120, VIP 10.0.0.1/24 removed\n\
             ! VI_1: ends and begins again: virtual_router_id 1 -> 2\n\
             - VI_1: ends\n"
        );
    }
}
