//! The verbs that change something: set, unset, yield, resume, take, confirm, rollback; and the list of changes.

use std::path::Path;

use locum_control::{ChangeRecord, ChangeStanding, Edit, Item, Lasts, List, SCHEMA, Verb};
use serde::Serialize;

use super::{Exit, ask, complain, print, print_json, reload, table, words};

#[derive(Serialize)]
struct Changes<'a> {
    schema: u32,
    changes: &'a [ChangeRecord],
}

/// How a change is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct How {
    /// It is taken back after so long.
    pub(super) for_s: Option<u64>,
    /// It goes into the configuration file.
    pub(super) save: bool,
    /// It is taken back unless it is confirmed within so long; 0 for never.
    pub(super) confirm_within_s: Option<u64>,
    /// Only what would follow is asked for.
    pub(super) dry_run: bool,
}

/// `set INSTANCE KEYWORD VALUES…`
pub(super) fn set(socket: &Path, (instance, keyword, values): (String, String, Vec<String>), how: How) -> Exit {
    match edit(instance, keyword, values) {
        Ok(edit) => change(socket, edit, how),
        Err(text) => {
            complain(&text);
            Exit::Failed
        }
    }
}

/// Makes a change.
pub(super) fn change(socket: &Path, edit: Edit, how: How) -> Exit {
    let How { for_s, save, confirm_within_s, dry_run } = how;
    let lasts = match (for_s, save) {
        (Some(seconds), _) => Lasts::Seconds(seconds),
        (None, true) => Lasts::Saved,
        (None, false) => Lasts::UntilRestart,
    };
    order(socket, Verb::Change { edits: vec![edit], lasts, confirm_within_s, revision: None, dry_run })
}

/// Asks for it, and prints what came of it.
pub(super) fn order(socket: &Path, verb: Verb) -> Exit {
    match ask(socket, verb) {
        Ok((items, done)) => print(&format!("{}{done}\n", reload::Told::of(items).lines())),
        Err(exit) => exit,
    }
}

/// The edit that the words of `set` mean.
fn edit(instance: String, keyword: String, values: Vec<String>) -> Result<Edit, String> {
    let list = match keyword.as_str() {
        "vip" | "virtual_ipaddress" => List::Vip,
        "excluded-vip" | "virtual_ipaddress_excluded" => List::ExcludedVip,
        "peer" | "unicast_peer" => List::Peer,
        "weight" => {
            let [tracker, weight] = values.as_slice() else {
                return Err(format!("write `set {instance} weight TRACKER N`"));
            };
            let weight = weight.parse().map_err(|_| format!("`{weight}` is no weight: a number from -253 to 253"))?;
            return Ok(Edit::SetWeight { instance, tracker: tracker.clone(), weight });
        }
        _ => return Ok(Edit::Set { instance, keyword, values }),
    };
    let usage = || format!("write `set {instance} {keyword} add ADDRESS` or `set {instance} {keyword} remove ADDRESS`");
    let Some((verb, words)) = values.split_first() else { return Err(usage()) };
    let first = words.first().ok_or_else(usage)?;
    match verb.as_str() {
        "add" => Ok(Edit::Add { instance, list, words: words.to_vec() }),
        "remove" => {
            let address = first.split_once('/').map_or(first.as_str(), |(address, _)| address);
            let address = address.parse().map_err(|_| format!("`{first}` is no address"))?;
            Ok(Edit::Remove { instance, list, address })
        }
        _ => Err(usage()),
    }
}

/// The list of changes.
pub(super) fn changes(socket: &Path, json: bool) -> Exit {
    let (items, _) = match ask(socket, Verb::Changes) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let mut records = Vec::new();
    for item in items {
        if let Item::Change(record) = item {
            records.push(record);
        }
    }
    if json {
        return print_json(&Changes { schema: SCHEMA, changes: &records });
    }
    if records.is_empty() {
        return print("no changes\n");
    }
    let mut rows = vec![["NO", "WHEN", "WHO", "WHAT", ""].map(String::from).to_vec()];
    for record in &records {
        let what = record.what.join(", ");
        let when = words::wall_clock(record.at_unix_ms);
        rows.push(vec![record.number.to_string(), when, record.who.clone(), what, standing(record.standing)]);
    }
    print(&table::render(&rows))
}

fn standing(standing: ChangeStanding) -> String {
    match standing {
        ChangeStanding::OnTrial { until_unix_ms } => {
            format!("ON TRIAL: taken back at {} unless confirmed", words::wall_clock(until_unix_ms))
        }
        ChangeStanding::HoldsUntil { until_unix_ms } => format!("holds until {}", words::wall_clock(until_unix_ms)),
        ChangeStanding::Holds => "holds until the service ends".into(),
        ChangeStanding::Saved => "saved".into(),
        ChangeStanding::TakenBack => "taken back".into(),
        ChangeStanding::NotConfirmed => "taken back, not confirmed".into(),
        ChangeStanding::Over => "its time is over".into(),
        ChangeStanding::Lost => "lost when the service ended".into(),
        ChangeStanding::Done => String::new(),
        ChangeStanding::NotAllowed => "not allowed".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_edits() {
        let meant = |words: &str| {
            let mut words = words.split(' ').map(String::from);
            edit("A".into(), words.next().unwrap_or_default(), words.collect())
        };
        let instance = || "A".to_owned();
        assert_eq!(
            meant("priority 120"),
            Ok(Edit::Set { instance: instance(), keyword: "priority".into(), values: vec!["120".into()] })
        );
        assert_eq!(
            meant("vip add 10.0.0.9/24 dev eth0"),
            Ok(Edit::Add {
                instance: instance(),
                list: List::Vip,
                words: ["10.0.0.9/24", "dev", "eth0"].map(String::from).to_vec()
            })
        );
        let address = "10.0.0.9".parse().unwrap();
        assert_eq!(meant("peer remove 10.0.0.9"), Ok(Edit::Remove { instance: instance(), list: List::Peer, address }));
        let weight = Edit::SetWeight { instance: instance(), tracker: "chk".into(), weight: -30 };
        assert_eq!(meant("weight chk -30"), Ok(weight));
        for bad in ["weight chk", "weight chk much", "vip", "vip add", "vip swap 10.0.0.9", "vip remove nonsense"] {
            assert!(meant(bad).is_err(), "{bad}");
        }
    }
}
