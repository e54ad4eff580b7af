//! Conformance as data: what RFC 9568 and RFC 3768 ask in their sections 6 and 7, rule by rule, each with a case that plays
//! it on the real core in simulated time.
//!
//! `tests/conformance/rules` lists the rules; a `.case` file beside it says which of them it shows, describes a router, and
//! then has what happens to it (`at …`), each followed by all that the router does about it. `CONFORMANCE_UPDATE=1` writes
//! what the core does into the cases, and the table into `tests/README.md`, for a person to read and judge.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "these are tests, and the harness wants them outside cfg(test)"
)]

mod packet;
mod play;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const TABLE_BEGINS: &str =
    "<!-- rules and cases: written by CONFORMANCE_UPDATE=1 cargo test -p locum-tests --test conformance -->\n";
const TABLE_ENDS: &str = "<!-- end of rules and cases -->\n";

/// A rule: a line of `rules`.
struct Rule {
    name: String,
    text: String,
    /// What shows it, where a case alone cannot: a test of the lab, or why nothing does.
    beside: Option<String>,
}

struct Case {
    path: PathBuf,
    rules: Vec<String>,
    /// All before the first `at`.
    head: String,
    router: String,
    inputs: Vec<String>,
    whole: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

fn updates() -> bool {
    std::env::var_os("CONFORMANCE_UPDATE").is_some()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn rules() -> Vec<Rule> {
    let text = read(&folder().join("rules"));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let rule = |line: &str| {
        let (name, rest) = line.split_once(' ').unwrap_or_else(|| panic!("{line}: a name, then what it asks"));
        let (text, beside) = match rest.split_once(" | ") {
            Some((text, beside)) => (text, Some(beside.trim().to_owned())),
            None => (rest, None),
        };
        Rule { name: name.into(), text: text.trim().into(), beside }
    };
    lines.map(rule).collect()
}

fn cases() -> Vec<Case> {
    let entries = fs::read_dir(folder()).expect("the folder of the cases").flatten().map(|entry| entry.path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|it| it == "case")).collect();
    paths.sort();
    let case = |path: PathBuf| {
        let whole = read(&path);
        let value = |name: &str| {
            let line = whole.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{}: no line `{name}`", path.display())).trim().to_owned()
        };
        let head: String =
            whole.lines().take_while(|line| !line.starts_with("at ")).map(|line| format!("{line}\n")).collect();
        let inputs: Vec<_> = whole.lines().filter_map(|line| line.strip_prefix("at ")).map(ToOwned::to_owned).collect();
        assert!(!inputs.is_empty(), "{}: nothing happens", path.display());
        let (rules, router) = (value("rules"), value("router"));
        Case { rules: rules.split_whitespace().map(ToOwned::to_owned).collect(), router, head, inputs, whole, path }
    };
    paths.into_iter().map(case).collect()
}

impl Case {
    fn name(&self) -> String {
        self.path.file_stem().expect("a file name").to_string_lossy().into_owned()
    }
}

/// Goal: the core does what the rules ask. Method: every case is played, and every line compared.
#[test]
fn every_case_is_what_the_core_does() {
    let mut wrong = String::new();
    for case in cases() {
        let inputs: Vec<&str> = case.inputs.iter().map(String::as_str).collect();
        let played = format!("{}{}", case.head, play::play(&case.router, &inputs));
        if played == case.whole {
            continue;
        }
        if updates() {
            fs::write(&case.path, played).expect("write the case");
            continue;
        }
        let _ = writeln!(wrong, "{} ({})", case.name(), case.rules.join(" "));
        let differs = played.lines().zip(case.whole.lines()).position(|(is, should)| is != should);
        let at = differs.unwrap_or_else(|| played.lines().count().min(case.whole.lines().count()));
        let line = |text: &str| text.lines().nth(at).unwrap_or("(nothing)").to_owned();
        let _ = writeln!(wrong, "  line {}, should: {}\n  but is: {}", at + 1, line(&case.whole), line(&played));
    }
    assert!(wrong.is_empty(), "cases that the core does not keep to:\n{wrong}");
}

/// A rule without a case, or a case without a rule, is an error; so is a rule that claims a test which is not there.
#[test]
fn every_rule_has_a_case_and_every_case_a_rule() {
    let (rules, cases) = (rules(), cases());
    let mut shown: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for case in &cases {
        assert!(!case.rules.is_empty(), "{}: shows no rule", case.name());
        for rule in &case.rules {
            assert!(rules.iter().any(|it| it.name == *rule), "{}: no rule is called {rule}", case.name());
            shown.entry(rule).or_default().push(case.name());
        }
    }
    for (index, rule) in rules.iter().enumerate() {
        assert!(!rules[..index].iter().any(|it| it.name == rule.name), "{}: twice", rule.name);
        let known = rule.beside.as_deref().is_some_and(|beside| {
            let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
            match beside.split_once(' ') {
                Some(("lab", name)) => {
                    let found = [format!("tests/lab/{name}.rs"), format!("src/{name}.rs")];
                    assert!(found.iter().any(|path| tests.join(path).is_file()), "{}: no {beside}", rule.name);
                    true
                }
                Some(("kernel:" | "not:", reason)) => !reason.is_empty(),
                _ => panic!("{}: {beside}: neither a test of the lab, nor a reason", rule.name),
            }
        });
        assert!(known || shown.contains_key(rule.name.as_str()), "{}: no case shows it", rule.name);
    }
    let table = table(&rules, &shown);
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = read(&readme);
    let begins = text.find(TABLE_BEGINS).expect("the table's place") + TABLE_BEGINS.len();
    let ends = text.find(TABLE_ENDS).expect("the table's end");
    if updates() {
        fs::write(&readme, format!("{}{table}{}", &text[..begins], &text[ends..])).expect("write the README");
    } else {
        assert_eq!(&text[begins..ends], table, "the table in tests/README.md is old: run with CONFORMANCE_UPDATE=1");
    }
}

fn table(rules: &[Rule], shown: &BTreeMap<&str, Vec<String>>) -> String {
    let mut table = String::from("| rule | asks | shown by |\n| --- | --- | --- |\n");
    for Rule { name, text, beside } in rules {
        let cases = shown.get(name.as_str()).map(|cases| cases.iter().map(|case| format!("`{case}`")).collect());
        let mut proofs: Vec<String> = cases.unwrap_or_default();
        proofs.extend(beside.iter().map(|beside| match beside.split_once(' ') {
            Some(("lab", test)) => format!("lab: `{test}`"),
            _ => beside.trim_start_matches("not: ").to_owned(),
        }));
        let _ = writeln!(table, "| {name} | {text} | {} |", proofs.join(", "));
    }
    table
}
