//! The reference page of the language: every place, every keyword, from the tables that reading uses.

use std::fmt::Write as _;

use super::{Count, FILE, Keyword, Kind, OWN, Place, Status, places};
use crate::reading::describe;

const HEAD: &str = "# Keywords

<!-- Made from the tables in src/schema by a test; do not edit it. `INSTA_UPDATE=always cargo test -p locum-config` makes it anew. -->

Every keyword of keepalived.conf that has to do with VRRP, up to keepalived 2.4, and locum's own, by the block that it stands
in. `locum help config KEYWORD` says the same on the router.

*Yes*: acted on as keepalived.conf(5) describes. *Read over*: accepted and without effect, and rightly so. *Not yet*: this
version warns and does what stands there instead. *No*: not part of locum. Where no release is named, keepalived does not
know the keyword.
";

/// The page, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    let mut seen: Vec<&str> = Vec::new();
    for place in places() {
        // What is passed over has nothing to say, and lists of one kind share their name.
        let says = !place.keywords.is_empty() || place.entry.as_ref().is_some_and(|entry| !entry.options.is_empty());
        if !says || seen.contains(&place.name) {
            continue;
        }
        seen.push(place.name);
        let title =
            if std::ptr::eq(place, &FILE) { "Outside all blocks".to_owned() } else { format!("`{}`", place.name) };
        let _ = write!(page, "\n## {title}\n\n"); // writing to a String does not fail
        if let Some(entry) = &place.entry {
            let _ = write!(page, "A line: `{}`, then any of these.\n\n", entry.first.name);
        }
        page.push_str("| keyword | meaning | acted on | since |\n| --- | --- | --- | --- |\n");
        let options = place.entry.iter().flat_map(|entry| entry.options);
        for keyword in place.keywords.iter().chain(options) {
            row(&mut page, place, keyword);
        }
    }
    page
}

fn row(page: &mut String, place: &Place, keyword: &Keyword) {
    let mut usage = keyword.name.to_owned();
    for arg in keyword.args {
        let _ = match arg.count {
            Count::One => write!(usage, " {}", arg.name),
            Count::Optional => write!(usage, " [{}]", arg.name),
            Count::Any => write!(usage, " {}…", arg.name.trim_end_matches('…')),
        };
    }
    if keyword.block.is_some() {
        usage.push_str(" { … }");
    }
    let mut meaning = keyword.help.to_owned();
    for arg in keyword.args {
        // What is named after its values says them.
        if matches!(arg.kind, Kind::Integer { .. } | Kind::Decimal { .. }) {
            let _ = write!(meaning, " {}: {}.", arg.name, describe(arg.kind));
        }
    }
    if !keyword.default.is_empty() {
        let _ = write!(meaning, " Default: {}.", keyword.default);
    }
    let acted = match keyword.status {
        Status::Supported => acted_with(place).unwrap_or("yes").to_owned(),
        Status::NoEffect(why) => format!("read over: {why}"),
        Status::Outside(instead) => format!("no: {instead}"),
        Status::Renamed(new) => format!("as `{new}`"),
    };
    let since = if keyword.since == OWN { "" } else { keyword.since };
    let cell = |text: &str| text.replace('|', "\\|").replace('<', "&lt;");
    let _ = writeln!(page, "| `{}` | {} | {} | {since} |", cell(&usage), cell(&meaning), cell(&acted));
}

/// A keyword of a block that is not acted on is not either.
fn acted_with(place: &Place) -> Option<&'static str> {
    let opens = |keyword: &&&Keyword| keyword.block.is_some_and(|block| std::ptr::eq(block, place));
    let places = places();
    let mut owners = places.iter().flat_map(|place| place.keywords).collect::<Vec<_>>();
    owners.retain(|keyword| opens(&keyword));
    let supported = owners.iter().any(|keyword| keyword.status == Status::Supported);
    let outside = owners.iter().all(|keyword| matches!(keyword.status, Status::Outside(_)));
    match (owners.is_empty() || supported, outside) {
        (true, _) => None,
        (false, true) => Some("with its block: no"),
        (false, false) => Some("with its block: not yet"),
    }
}
