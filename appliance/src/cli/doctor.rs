//! `locum doctor`

use std::path::{Path, PathBuf};

use locum_control::client::{Client, ClientError};
use locum_control::{Check, CheckResult, ErrorCode, Item, SCHEMA, Verb};
use serde::Serialize;

use super::home::Home;
use super::{Exit, check, complain_about, default_configuration, print, print_json};
use crate::doctor::{Subject, examine, gather, summary, wanted};
use crate::service::Network;
use crate::text::Append;

/// What `doctor --json` prints.
#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    /// Whether the service has looked, or this program because none answers.
    by_service: bool,
    worst: CheckResult,
    checks: &'a [Check],
}

/// Asks the service; where none answers, or a file is named, looks itself.
pub(super) fn doctor(socket: &Path, file: Option<PathBuf>, json: bool) -> Exit {
    let answer = if file.is_some() { None } else { by_service(socket) };
    let (checks, by_service) = match answer {
        Some(Ok(checks)) => (checks, true),
        Some(Err(error)) => return complain_about(socket, &error),
        None => (here(&file.unwrap_or_else(default_configuration)), false),
    };
    let worst = checks.iter().map(|check| check.result).max().unwrap_or(CheckResult::Ok);
    let printed = if json {
        print_json(&Report { schema: SCHEMA, by_service, worst, checks: &checks })
    } else {
        print(&text(&checks, by_service))
    };
    match worst {
        CheckResult::Problem => Exit::Failed,
        CheckResult::Warning => Exit::ConfigurationWarnings,
        CheckResult::Ok | CheckResult::Unknown => printed,
    }
}

/// What the service finds. `None` where there is none, or one that does not know how to look.
fn by_service(socket: &Path) -> Option<Result<Vec<Check>, ClientError>> {
    let mut client = match Client::connect(socket) {
        Ok(client) => client,
        Err(ClientError::Connect(_)) => return None,
        Err(error) => return Some(Err(error)),
    };
    match client.request(Verb::Doctor) {
        Ok((items, _)) => Some(Ok(items.into_iter().filter_map(check_of).collect())),
        Err(ClientError::Refused(refusal)) if refusal.code == ErrorCode::BadRequest => None,
        Err(error) => Some(Err(error)),
    }
}

fn check_of(item: Item) -> Option<Check> {
    if let Item::Check(check) = item { Some(check) } else { None }
}

/// What this program finds by itself.
fn here(file: &Path) -> Vec<Check> {
    let loaded = check::load(file);
    let configuration = loaded.as_ref().map_err(|error| (error.to_string(), error.fix().map(str::to_owned)));
    let mut wanted = wanted(loaded.as_ref().ok());
    wanted.run_directory = Home::of(file).run_directory();
    let (facts, network) = (gather(&wanted), Network::read().ok());
    examine(&Subject { configuration, network: network.as_ref(), facts: &facts, service: None })
}

/// For people: what is wrong first, each with what to do about it.
fn text(checks: &[Check], by_service: bool) -> String {
    let mut text = String::new();
    for check in checks {
        let subject = check.subject.as_ref().map(|subject| format!(" {subject}")).unwrap_or_default();
        text.append(format_args!("{:<9} {}{subject}: {}\n", check.result.to_string(), check.name, check.detail));
        if let Some(fix) = check.fix.as_ref().filter(|_| check.result != CheckResult::Ok) {
            text.append(format_args!("{:<9} -> {fix}\n", ""));
        }
    }
    text.push_str(&summary(checks));
    text.push_str(if by_service { "\n" } else { "; no service was asked\n" });
    text
}
