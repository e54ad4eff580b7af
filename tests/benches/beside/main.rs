//! locum beside keepalived: `tests/bench --help`, and a section in tests/README.md.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a measurement that cannot be taken ends the run"
)]

mod bare;
mod daemon;
mod figures;
mod ground;
mod rows;
mod sandbox;
mod tools;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use locum_tests::find_program;

use crate::daemon::Programs;

const HELP: &str = "\
locum beside keepalived, in network namespaces of their own, in the same run.

  tests/bench [ROW...] [--runs N] [--peer PATH] [--locum PATH] [--quick] [--list]

ROW         what to measure: all whose names contain one of the words; everything, about 85 minutes, without
--runs N    how often (7). The median counts; the least and the most stand in brackets
--peer PATH another keepalived than the one in PATH
--locum     another locum than the one that was just built with --release
--quick     each row once and short, with whatever locum was built: that it works, not how fast
--list      the rows

How to read it. Both daemons run at the same time or in turns, on the same machine, so that noise meets both: read the
ratio first. The goal is for locum's median. `of a bare loop` is what the kernel alone takes here to send or receive the
same packets one at a time. A row that says `noisy` was taken while the bare loop itself varied by more than a quarter, or
while an ordinary thread was woken 2 ms late: take it again.
All routers of a row share one kernel: while one hears an advert and, say, gives its addresses up, the one that sent it waits
for it at times. Between machines it does not.
It changes nothing outside its namespaces and refuses to run anywhere else; Ctrl-C ends all that it started.
";

/// What was asked for.
struct Options {
    words: Vec<String>,
    runs: usize,
    quick: bool,
    list: bool,
    programs: Programs,
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("bench: {error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let rows: Vec<_> = rows::all(options.quick).into_iter().filter(|row| row.is_wanted(&options.words)).collect();
    if options.list {
        rows.iter().for_each(|row| println!("{}", row.name));
        return ExitCode::SUCCESS;
    }
    if rows.is_empty() {
        eprintln!("bench: no row is called that; --list names them");
        return ExitCode::from(2);
    }
    let done = if sandbox::is_inside() { run(&options, &rows) } else { sandbox::run_inside() };
    done.unwrap_or_else(|error| {
        eprintln!("bench: {error}");
        ExitCode::FAILURE
    })
}

fn run(options: &Options, rows: &[rows::Row]) -> Result<ExitCode, String> {
    sandbox::enter()?;
    sandbox::watch();
    let context = rows::Context { programs: options.programs.clone(), runs: options.runs, quick: options.quick };
    let started = Instant::now();
    println!("{}", figures::heading(&peer_name(&options.programs)));
    let mut noisy = Vec::new();
    for row in rows {
        println!("{}", row.name);
        let taken = row.take(&context);
        for line in &taken.lines {
            println!("  {line}");
        }
        for note in &taken.notes {
            println!("    {note}");
        }
        if taken.is_noisy {
            noisy.push(row.name.clone());
        }
    }
    println!("{} rows in {:.0} s, {} runs each", rows.len(), started.elapsed().as_secs_f64(), context.runs);
    if !noisy.is_empty() {
        println!("the machine was too noisy for: {}", noisy.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

fn peer_name(programs: &Programs) -> String {
    let said = Command::new(&programs.peer).arg("--version").output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).unwrap_or_default();
    let mut words = said.split_whitespace();
    match (words.next(), words.next()) {
        (Some(name), Some(version)) => format!("{} {version}", name.to_lowercase()),
        _ => "peer".into(),
    }
}

fn options() -> Result<Option<Options>, String> {
    let mut options = Options {
        words: Vec::new(),
        runs: 0,
        quick: false,
        list: false,
        programs: Programs { locum: PathBuf::new(), peer: find_program("keepalived").unwrap_or_default() },
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--runs" => {
                let runs = value()?.parse().ok().filter(|runs| (1..=100).contains(runs));
                options.runs = runs.ok_or("--runs takes a number from 1 to 100")?;
            }
            "--peer" => options.programs.peer = value()?.into(),
            "--locum" => options.programs.locum = value()?.into(),
            "--quick" => options.quick = true,
            "--list" => options.list = true,
            "--help" | "-h" => return Ok(None),
            "--bench" => {} // cargo's own
            word if word.starts_with('-') => return Err(format!("{word} is not an option")),
            word => options.words.push(word.to_owned()),
        }
    }
    if options.runs == 0 {
        options.runs = if options.quick { 1 } else { 7 };
    }
    for (what, path) in [("locum", &mut options.programs.locum), ("keepalived", &mut options.programs.peer)] {
        *path = path.canonicalize().map_err(|error| format!("no {what} at {:?}: {error}", path.display()))?;
    }
    Ok(Some(options))
}
