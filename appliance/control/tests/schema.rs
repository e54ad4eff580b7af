//! The page of the JSON's fields is what the types say. A field that it has may not go or change its type: programs rely on
//! it; that would be another schema number.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const HEAD: &str = "# What JSON says

<!-- Made from the types in src and in the core's vocabulary by a test; do not edit it. `INSTA_UPDATE=always cargo test -p locum-control --test schema` makes it anew. -->

`locum … --json` prints one value with the number of this schema in `schema`. Fields are added without a new number, and
programs ignore those that they do not know; a field that goes, or changes its type or its meaning, is a new number. The
control socket says the same types, a value a line (src/lib.rs has the conversation).

| command | prints |
| --- | --- |
| `locum show --json` | `schema`; `service`: ServiceStatus; `interfaces`: InterfaceStatus each; `instances`: InstanceStatus each; `statistics`: by instance, counters under the names of RFC 8347 |
| `locum show INSTANCE --options --json` | `schema`; `options`: Setting each |
| `locum why INSTANCE --json` | `schema`; `instance`: InstanceStatus; `outlook`: a sentence; `transitions`: TransitionRecord each, newest first |
| `locum watch --json` | a Notice a line |
| `locum changes --json` | `schema`; `changes`: ChangeRecord each |
| `locum doctor --json` | `schema`; `by_service`: whether the service has looked; `worst`: CheckResult; `checks`: Check each, the worst first |

Times that end in `_us` are microseconds of the boot-time clock (`now_us` is that clock), or durations; those that end in
`_unix_ms` are milliseconds since 1970. What stands with `?` can be absent or null.
";

const SOURCES: [&str; 8] = [
    "src/status.rs",
    "src/heard.rs",
    "src/histogram.rs",
    "src/notification.rs",
    "src/event.rs",
    "src/change.rs",
    "src/check.rs",
    "../../core/src/vocabulary.rs",
];

/// Types that say something only on the way in.
const LEFT_OUT: [&str; 3] = ["Edit", "List", "Lasts"];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The page.
fn page() -> String {
    let mut page = HEAD.to_owned();
    for source in SOURCES {
        types(&fs::read_to_string(here(source)).unwrap(), &mut page);
    }
    page
}

/// Adds the types of a source file. It is read as rustfmt writes it: an item begins in the first column, its members after
/// four blanks, the fields of a variant after eight.
fn types(source: &str, page: &mut String) {
    let (mut doc, mut attributes) = (String::new(), String::new());
    let mut inside: Option<Item> = None;
    for line in source.lines().take_while(|line| *line != "#[cfg(test)]") {
        let text = line.trim();
        if let Some(more) = text.strip_prefix("///") {
            doc.push_str(more);
            continue;
        }
        if text.starts_with("#[") {
            attributes.push_str(text);
            continue;
        }
        if let Some(item) = &inside {
            if line == "}" {
                inside = None;
            } else {
                item.member(line, doc.trim(), &attributes, page);
            }
        } else if let Some(item) = Item::opened_by(line, &attributes)
            && !LEFT_OUT.contains(&item.name.as_str())
        {
            let kind = if item.is_enum { "a word, or an object with the word as its key" } else { "object" };
            let kind = item.tag.as_ref().map_or(kind.to_owned(), |tag| format!("object; `{tag}` says which"));
            write!(page, "\n## {}\n\n{} ({kind})\n\n", item.name, doc.trim()).unwrap();
            page.push_str("| field | type | meaning |\n| --- | --- | --- |\n");
            inside = Some(item);
        }
        doc.clear();
        attributes.clear();
    }
}

struct Item {
    name: String,
    is_enum: bool,
    tag: Option<String>,
    rename: Option<String>,
}

impl Item {
    fn opened_by(line: &str, attributes: &str) -> Option<Self> {
        let rest = line.strip_suffix(" {")?;
        let (is_enum, name) = match (rest.strip_prefix("pub struct "), rest.strip_prefix("pub enum ")) {
            (Some(name), _) => (false, name),
            (_, Some(name)) => (true, name),
            _ => return None,
        };
        // Without serde it is on no wire.
        if !attributes.contains("Serialize") {
            return None;
        }
        let value = |key: &str| {
            let from = attributes.split(&format!("{key} = \"")).nth(1)?;
            Some(from.split('"').next()?.to_owned())
        };
        Some(Self { name: name.to_owned(), is_enum, tag: value("tag"), rename: value("rename_all") })
    }

    fn member(&self, line: &str, doc: &str, attributes: &str, page: &mut String) {
        let text = line.trim().trim_end_matches(',');
        let depth = line.len() - line.trim_start().len();
        if text.is_empty()
            || text.starts_with("//")
            || text.starts_with(['}', ')'])
            || attributes.contains("serde(skip)")
        {
            return;
        }
        let (name, kind) = match text.strip_prefix("pub ").unwrap_or(text).split_once(": ") {
            Some((name, kind)) => (format!("{}{name}", if depth > 4 { "… " } else { "" }), named(kind)),
            None => {
                let (variant, kind) = text.split_once(['(', ' ']).unwrap_or((text, ""));
                (self.renamed(variant), named(kind.trim_end_matches([')', '{', ' '])))
            }
        };
        let absent = if attributes.contains("skip_serializing_if") && !kind.ends_with('?') { "?" } else { "" };
        writeln!(page, "| {name} | {kind}{absent} | {} |", doc.replace('|', "\\|")).unwrap();
    }

    fn renamed(&self, variant: &str) -> String {
        match self.rename.as_deref() {
            Some("UPPERCASE") => variant.to_uppercase(),
            Some("lowercase") => variant.to_lowercase(),
            _ => {
                let mut word = String::new();
                for (at, char) in variant.char_indices() {
                    if char.is_uppercase() && at > 0 {
                        word.push('_');
                    }
                    word.extend(char.to_lowercase());
                }
                word
            }
        }
    }
}

/// A type in the words of JSON.
fn named(kind: &str) -> String {
    let inner = |from: &str| kind.strip_prefix(from).and_then(|rest| rest.strip_suffix('>')).map(str::to_owned);
    if let Some(of) = inner("Option<") {
        return format!("{}?", named(&of));
    }
    if let Some(of) = inner("Vec<") {
        return format!("list of {}", named(&of));
    }
    if let Some(of) = inner("Box<") {
        return named(&of);
    }
    if let Some(of) = inner("SortedMap<") {
        let (key, value) = of.split_once(", ").unwrap();
        return format!("object, by {}: {}", named(key), named(value));
    }
    let kind = kind.rsplit("::").next().unwrap();
    match kind {
        "u8" | "u16" | "u32" | "u64" | "i16" | "i32" => "number".into(),
        "bool" => "true or false".into(),
        "String" => "text".into(),
        "IpAddr" => "address".into(),
        "Reject" => "reason".into(),
        other => other.into(),
    }
}

#[test]
fn the_page_of_fields_is_up_to_date_and_loses_none() {
    let (path, page) = (here("SCHEMA.md"), page());
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        fs::write(&path, &page).unwrap();
    }
    let stands = fs::read_to_string(&path).unwrap_or_default();
    let fields = |page: &str| {
        let mut place = String::new();
        let mut fields = Vec::new();
        for line in page.lines() {
            if let Some(name) = line.strip_prefix("## ") {
                name.clone_into(&mut place);
            } else if let [field, kind, _] = line.trim_start_matches("| ").split(" | ").collect::<Vec<_>>().as_slice() {
                fields.push(format!("{place} {field} {kind}"));
            }
        }
        fields
    };
    let now = fields(&page);
    let gone: Vec<_> = fields(&stands).into_iter().filter(|field| !now.contains(field)).collect();
    assert!(gone.is_empty(), "programs rely on {gone:?}: that would be another schema number");
    let new = page.lines().find(|line| !stands.contains(line));
    assert!(
        stands == page,
        "SCHEMA.md is out of date ({new:?}): `INSTA_UPDATE=always cargo test -p locum-control --test schema`"
    );
}

#[test]
fn the_page_has_what_is_on_the_wire() {
    let page = page();
    for line in [
        "| advert_interval_cs | number | The configured advert interval. |",
        "| MASTER | ",
        "| master_silent | ",
        "| … silent_us | number | ",
        "| master | MasterStatus? | ",
        "| rejected | object, by reason: number | ",
        "| lateness | Histogram | ",
        "| link_down | ",
    ] {
        assert!(page.contains(line), "{line} is not on the page");
    }
}
