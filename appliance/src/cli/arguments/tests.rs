//! Ours beside clap, with the tables of locum.

use std::ffi::OsString;

use clap::parser::ValueSource;

use super::definitions::command;
use super::help::{Length, help};
use super::{Parsed, Said, Verb, parse};
use crate::cli::verbs::LOCUM;

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn said(line: &str) -> Result<Said, String> {
    match parse(&LOCUM, &words(line)) {
        Ok(Parsed::Said(said)) => Ok(said),
        Ok(Parsed::Text(text)) => Err(text),
        Err(misused) => Err(misused.to_string()),
    }
}

/// What is said, as names and values in the order of their names.
fn ours(line: &str) -> Option<(String, Vec<(String, String)>)> {
    let said = said(line).ok()?;
    let mut values: Vec<_> =
        said.values.iter().map(|(name, value)| (name.to_string(), value.to_string_lossy().into_owned())).collect();
    values.sort_by(|one, other| one.0.cmp(&other.0)); // stable: values of one name stay in their order
    Some((said.verb.name.to_owned(), values))
}

fn claps(line: &str) -> Option<(String, Vec<(String, String)>)> {
    let words = [OsString::from("locum")].into_iter().chain(words(line));
    let matches = command(&LOCUM).try_get_matches_from(words).ok()?;
    let mut values = Vec::new();
    let mut collect = |matches: &clap::ArgMatches, is_behind: bool| {
        let given = matches.ids().filter(|id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine));
        // What every verb takes is in both.
        let everybodys = |id: &&clap::Id| LOCUM.root.options.iter().any(|option| option.name == id.as_str());
        for id in given.filter(|id| !(is_behind && everybodys(id))) {
            if matches.try_get_one::<bool>(id.as_str()).is_ok() {
                values.push((id.to_string(), String::new()));
                continue;
            }
            let raw = matches.get_raw(id.as_str()).into_iter().flatten();
            values.extend(raw.map(|value| (id.to_string(), value.to_string_lossy().into_owned())));
        }
    };
    collect(&matches, false);
    let verb = matches.subcommand().map(|(name, matches)| {
        collect(matches, true);
        name.to_owned()
    });
    values.sort_by(|one, other| one.0.cmp(&other.0));
    Some((verb.unwrap_or_else(|| "locum".into()), values))
}

#[test]
fn the_tables_are_sound() {
    command(&LOCUM).debug_assert();
    let before: Vec<_> = LOCUM.options_of(&LOCUM.root).map(|option| option.name).collect();
    for verb in LOCUM.verbs {
        // What stands before a verb and what stands behind it are kept by name, together.
        assert!(verb.options.iter().all(|option| !before.contains(&option.name)), "{}", verb.name);
    }
}

#[test]
fn the_help_is_claps() {
    let tidy = |text: String| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    // Clap has two kinds of [OPTIONS] where what follows is passed on.
    for verb in LOCUM.verbs.iter().filter(|verb| !verb.passes_on).chain([&LOCUM.root]) {
        for (asked, length) in [("-h", Length::Brief), ("--help", Length::Full)] {
            let words = if LOCUM.is_root(verb) { vec!["locum", asked] } else { vec!["locum", verb.name, asked] };
            let claps = command(&LOCUM).term_width(0).try_get_matches_from(words).unwrap_err();
            let (ours, claps) = (help(&LOCUM, verb, length), tidy(claps.to_string()));
            assert!(tidy(ours.clone()) == claps, "--- ours\n{ours}\n--- clap's\n{claps}");
        }
    }
}

#[test]
fn what_is_understood_is_what_clap_understands() {
    for line in [
        "",
        "show",
        "show VI_1 --json",
        "--socket /x show",
        "show --socket /x",
        "show --socket=/x",
        "--socket /x --socket /y",
        "-i a show -ib",
        "--socket /x show --socket /y",
        "--socket /x show --socket /y --socket /z",
        "-i=a",
        "--ascii",
        "--ascii --unicode",
        "show --ascii",
        "--ascii show",
        "show VI_1 --options",
        "show --options",
        "show VI_1 --options --format json",
        "show --json --json",
        "show --json --format json",
        "show --format=json",
        "show --format yaml",
        "show --format",
        "show --format --json",
        "show --json=yes",
        "show a b",
        "show -- --json",
        "show -",
        "show --jsn",
        "show -x",
        "shw",
        "set VI_1 weight chk -30",
        "set VI_1 priority -x",
        "set VI_1 -30 1",
        "set VI_1",
        "set VI_1 priority 120 --for 30m --save",
        "set VI_1 vip add 10.0.0.9/24 --confirm 5m --dry-run",
        "yield",
        "yield VI_1",
        "yield --all",
        "yield VI_1 --all",
        "yield --all --for 1m --persist",
        "yield --all --until-reboot",
        "yield --all --until-reboot --persist",
        "rollback",
        "rollback 3",
        "export",
        "export --pcap x",
        "export --pcap x y",
        "plan",
        "plan a b --json c",
        "run -f x --run-dir y --log debug",
        "run -fx",
        "run -f",
        "run --keepalived-dumps",
        "run --keepalived-dumps=/x",
        "run --keepalived-dumps /x",
        "run --json --log-format plain",
        "run --supervise --supervised-by 3",
        "check",
        "check x --strict",
        "check --explain E015",
        "check x --explain E015",
        "keepalived",
        "keepalived -n -f x --all",
        "keepalived --socket /x -n --socket /y",
        "keepalived -- -n",
        "--host a --host b",
        "--remote-command x",
        "--host a --remote-command x",
        "--once",
        "--theme mono",
        "demo --duration 3s",
        "demo --headless --duration 3s",
        "record x --max-size 1k",
        "explain",
    ] {
        assert_eq!(ours(line), claps(line), "{line}");
    }
}

#[test]
fn lines_of_random_words_are_understood_as_clap_understands_them() {
    const VERBS: [&str; 8] = ["show", "set", "yield", "run", "plan", "check", "export", "rollback"];
    const WORDS: &str = "x y -3 -- - 30m E1 --json --json=1 --socket --socket= -i -ix -i=x -f -fx --for --all --format json \
                         --format=text --save --pcap --pcap= --dry-run --keepalived-dumps --keepalived-dumps=/x --host \
                         --ascii --unicode --explain --strict --options --supervise -n";
    let others: Vec<&str> = WORDS.split_whitespace().collect();
    let mut seed = 9_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407); // Knuth's
        (seed >> 33) as usize % below
    };
    for _ in 0..1500 {
        let option = (random(3) == 0).then(|| others[random(others.len())]).filter(|word| *word != "--");
        let verb = (random(9) > 0).then(|| VERBS[random(VERBS.len())]);
        let rest: Vec<&str> = (0..random(5)).map(|_| others[random(others.len())]).collect();
        let line: Vec<&str> = option.into_iter().chain(verb).chain(rest).collect();
        let line = line.join(" ");
        assert_eq!(ours(&line), claps(&line), "{line}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (line, error) in [
        ("show --jsn", "unexpected argument '--jsn' found\n\n  tip: a similar argument exists: '--json'"),
        ("shw", "unrecognized subcommand 'shw'\n\n  tip: a similar subcommand exists: 'show'"),
        ("why", "the following required arguments were not provided:\n  <INSTANCE>"),
        ("export", "the following required arguments were not provided:\n  --pcap <FILE>"),
        ("why a b", "unexpected argument 'b' found"),
        ("set a b -x", "unexpected argument '-x' found\n\n  tip: to pass '-x' as a value, use '-- -x'"),
        (
            "show --format jsn",
            "invalid value 'jsn' for '--format <FORMAT>'\n  [possible values: text, json, keepalived]\n\n  \
          tip: a similar value exists: 'json'",
        ),
        ("show --json=1", "unexpected value '1' for '--json' found; no more were expected"),
        ("show --json --json", "the argument '--json' cannot be used multiple times"),
        ("show --json --format text", "the argument '--json' cannot be used with '--format <FORMAT>'"),
        ("yield --all x", "the argument '--all' cannot be used with '[INSTANCE]'"),
        ("run -f", "a value is required for '--file <FILE>' but none was supplied"),
    ] {
        let text = said(line).err().unwrap_or_default();
        let verb = line.split(' ').next().filter(|word| *word != "shw").unwrap_or_default();
        assert!(text.starts_with(&format!("error: {error}\n\nUsage: locum {verb}")), "{line}: {text}");
        assert!(text.ends_with("\n\nFor more information, try '--help'.\n"), "{text}");
    }
}

#[test]
fn the_words_of_a_part_that_is_not_there_name_it() {
    for part in LOCUM.parts {
        for (word, instead) in part.words {
            let is_option = |verb: &'static Verb| LOCUM.options_of(verb).any(|option| option.name == *word);
            let is_known =
                LOCUM.verb(word.as_ref()).is_some() || LOCUM.verbs.iter().any(is_option) || is_option(&LOCUM.root);
            assert_eq!(is_known, part.is_here, "{word} of {}", part.name);
            if !part.is_here {
                for line in [word.to_string(), format!("run --{word}"), format!("show --format {word}")] {
                    let text = said(&line).err().unwrap_or_default();
                    let first = format!("error: this locum was built without `{}`\n", part.name);
                    assert!(text.starts_with(&first) && text.contains(instead), "{line}: {text}");
                }
            }
        }
    }
}

#[test]
fn the_version_says_what_is_there_and_what_is_not() {
    let version = said("--version").err().unwrap_or_default();
    for part in LOCUM.parts {
        let title = if part.is_here { "with " } else { "without " };
        let line = version.lines().find_map(|line| line.strip_prefix(title)).unwrap_or_default();
        assert!(line.split(", ").any(|name| name == part.name), "{}: {version}", part.name);
    }
}
