//! What is said about each file of the corpus, recorded beside it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use locum_config::source::FileId;
use locum_config::{ScriptFile, Style, Surroundings, check};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "conf")).collect();
    files.sort();
    files
}

/// The samples that Debian's keepalived package brings, where it is installed, with the codes of what is said about them.
/// Their text is not part of this project.
#[test]
fn samples_of_keepalived() {
    let folder = Path::new("/usr/share/doc/keepalived/samples");
    if !folder.is_dir() {
        eprintln!("{} is not there: install keepalived to check its samples", folder.display());
        return;
    }
    let mut found = String::new();
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("keepalived.conf") && !name.ends_with(".gz") {
            let configuration = check(name, &std::fs::read(&path).unwrap(), &Surroundings::default());
            let mut codes: Vec<&str> = configuration.diagnostics().iter().map(|found| found.code.id).collect();
            codes.sort_unstable();
            codes.dedup();
            writeln!(found, "{name}: {}", codes.join(" ")).unwrap();
        }
    }
    insta::assert_snapshot!(found);
}

#[test]
fn every_file_comes_back_byte_for_byte() {
    for folder in ["scenarios", "mistakes", "field", "uci"] {
        for path in files(folder) {
            let bytes = std::fs::read(&path).unwrap();
            let configuration = check("file", &bytes, &Surroundings::default());
            match configuration.tree(FileId::MAIN) {
                Some(tree) => assert_eq!(tree.text().to_string().as_bytes(), bytes, "{}", path.display()),
                None => assert!(std::str::from_utf8(&bytes).is_err(), "{}", path.display()),
            }
            assert_eq!(configuration.sources().file(FileId::MAIN).unwrap().bytes(), bytes);
        }
    }
}

fn script_file(path: &Path) -> ScriptFile {
    if path.ends_with("not-executable.sh") { ScriptFile::NotExecutable } else { ScriptFile::Executable }
}

fn verdicts(folder: &str, interfaces: Option<&[&str]>) {
    let around = Surroundings {
        interfaces: interfaces.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
        config_id: Some("main".to_owned()),
        script_file: Some(&script_file),
        ..Surroundings::default()
    };
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new("../corpus").join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let files = files(folder);
    assert!(!files.is_empty());
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let configuration = check(name, &std::fs::read(&path).unwrap(), &around);
        let report = configuration.report();
        let mut text = format!("{} error(s), {} warning(s), {} lint(s)", report.errors, report.warnings, report.lints);
        text.push_str(if configuration.refuses_start() { "; refuses the start\n" } else { "\n" });
        for instance in &configuration.model().instances {
            let state = match (configuration.refuses_start(), instance.broken) {
                (true, _) => "not started",
                (false, true) => "held in FAULT",
                (false, false) => "runs",
            };
            writeln!(text, "{}: {state}", instance.name.value).unwrap();
        }
        text.push('\n');
        text.push_str(&configuration.render_text(Style::default()));
        settings.bind(|| insta::assert_snapshot!(path.file_stem().unwrap().to_str().unwrap(), text));
    }
}

#[test]
fn scenarios() {
    verdicts("scenarios", Some(&["lo", "eth0"]));
}

#[test]
fn mistakes() {
    verdicts("mistakes", Some(&["lo", "eth0"]));
}

#[test]
fn field() {
    verdicts("field", None);
}

#[test]
fn uci() {
    verdicts("uci", None);
}
