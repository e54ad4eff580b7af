//! The nineteen mistakes that people make most: each is found, at its place, with its reason and what to do; and what the
//! service does with such a file is what the design says: nothing with a file that cannot be told apart, FAULT for an
//! instance with an error, and a warning where it can go on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::path::Path;

use locum_config::{ScriptFile, Severity, Surroundings, check};

/// What the service does when it is started with the file.
#[derive(Debug, PartialEq)]
enum Start {
    /// All instances run.
    Runs,
    /// The first instance is held in FAULT.
    Fault,
    /// Nothing starts.
    Refused,
}

/// File, code, line, column, what a start does.
const MISTAKES: [(&str, &str, u32, u32, Start); 19] = [
    ("01-unknown-keyword", "E010", 6, 5, Start::Fault),
    ("02-missing-brace", "E001", 7, 20, Start::Refused),
    ("03-vrid-256", "E015", 4, 23, Start::Fault),
    ("04-priority-0", "E015", 5, 14, Start::Fault),
    ("05-bad-address", "E017", 8, 9, Start::Fault),
    ("06-duplicate-vrid", "E022", 14, 23, Start::Fault),
    ("07-missing-interface", "W004", 3, 15, Start::Runs),
    ("08-nopreempt-with-master", "W005", 7, 5, Start::Runs),
    ("09-long-password", "W006", 9, 19, Start::Runs),
    ("10-empty-unicast-peer", "W012", 7, 5, Start::Runs),
    ("11-weight-out-of-range", "E015", 4, 12, Start::Fault),
    ("12-script-not-executable", "W014", 2, 5, Start::Runs),
    ("13-vip-in-two-instances", "W008", 19, 9, Start::Runs),
    ("14-typo-in-state", "E016", 2, 11, Start::Fault),
    ("15-undefined-script", "E025", 12, 9, Start::Fault),
    ("16-no-vrid", "E021", 1, 1, Start::Fault),
    ("17-fractional-interval", "W007", 6, 16, Start::Runs),
    ("18-value-missing", "E012", 5, 5, Start::Fault),
    ("19-no-vip", "W009", 1, 1, Start::Runs),
];

#[test]
fn the_nineteen_usual_mistakes_are_found_explained_and_survived() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/mistakes");
    let script_file = |path: &Path| match path.ends_with("not-executable.sh") {
        true => ScriptFile::NotExecutable,
        false => ScriptFile::Executable,
    };
    for (name, code, line, column, start) in MISTAKES {
        let around = Surroundings {
            interfaces: Some(vec!["lo".to_owned(), "eth0".to_owned()]),
            script_file: Some(&script_file),
            ..Surroundings::default()
        };
        let configuration = check(name, &std::fs::read(corpus.join(format!("{name}.conf"))).unwrap(), &around);
        let found = configuration.diagnostics().iter().find(|found| found.severity() != Severity::Lint);
        let found = found.unwrap_or_else(|| panic!("{name}: nothing is found"));
        let position = configuration.sources().position(found.at);
        assert_eq!((found.code.id, position.line, position.column), (code, line, column), "{name}");
        assert!(!found.why.is_empty() || !found.label.is_empty(), "{name}: no reason");
        assert!(!found.fix.is_empty() || found.label.starts_with("expected"), "{name}: no way out");
        let one_line = configuration.one_line(found);
        assert!(one_line.starts_with(&format!("{name}:{line}:{column}: ")), "{one_line}");
        let model = configuration.model();
        let first = model.instances.first().unwrap();
        let does = match (configuration.refuses_start(), first.broken) {
            (true, _) => Start::Refused,
            (false, true) => Start::Fault,
            (false, false) => Start::Runs,
        };
        assert_eq!(does, start, "{name}");
        // What holds it in FAULT is known by name, so that `why` can say it.
        assert_eq!(first.broken, configuration.causes(&first.name).next().is_some(), "{name}");
    }
}

#[test]
fn what_refuses_the_start_is_said_alone_and_the_rest_is_counted() {
    let text = "vrrp_instance A {\n  interface eth0\n  priority 300\nvrrp_instance B {\n  interface eth0\n  virtual_router_id 2\n}\n";
    let configuration = check("a.conf", text.as_bytes(), &Surroundings::default());
    let said = configuration.render_refusal(Default::default());
    assert!(said.starts_with("error[E001]") && !said.contains("300"), "{said}");
    let more = "so nothing is started\nbeside that: 2 errors, 2 warnings; `locum check a.conf` shows all";
    assert!(said.ends_with(more), "{said}");
    let only = check("a.conf", b"vrrp_sync_group G {\n group {\n A\n }\n", &Surroundings::default());
    assert!(only.refuses_start());
}
