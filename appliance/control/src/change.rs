//! Changes of the running configuration, and what the operator has said beside it.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::FromJson;
use crate::reading::{Reader, readable, readable_by, readable_words, word_or_key};

/// A change of the configuration, by name. The words are those of keepalived.conf(5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "edit", rename_all = "snake_case")]
pub enum Edit {
    /// Writes an option of an instance, or changes it.
    Set {
        /// The instance.
        instance: String,
        /// The option, as "priority".
        keyword: String,
        /// The words after it.
        values: Vec<String>,
    },
    /// Takes an option of an instance away, so that its default holds.
    Unset {
        /// The instance.
        instance: String,
        /// The option.
        keyword: String,
    },
    /// Adds a line to a list of an instance.
    Add {
        /// The instance.
        instance: String,
        /// Which list.
        list: List,
        /// The words of the line: the address and its options.
        words: Vec<String>,
    },
    /// Takes a line out of a list of an instance.
    Remove {
        /// The instance.
        instance: String,
        /// Which list.
        list: List,
        /// The address that the line is about.
        address: std::net::IpAddr,
    },
    /// Changes how much a tracker counts that an instance follows by itself.
    SetWeight {
        /// The instance.
        instance: String,
        /// The script, interface, file, process or probe.
        tracker: String,
        /// The weight, -253 to 253; 0 means FAULT when it fails.
        weight: i16,
    },
    /// Adds an instance behind the last one. Further edits of the same change fill it.
    AddInstance {
        /// Its name.
        instance: String,
    },
    /// Takes an instance away, with all that its block says.
    RemoveInstance {
        /// Its name.
        instance: String,
    },
}

/// An option of an instance as its configuration says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The option, as "priority".
    pub keyword: String,
    /// The words after it.
    pub values: Vec<String>,
}

/// A list of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum List {
    /// `virtual_ipaddress`
    Vip,
    /// `virtual_ipaddress_excluded`
    ExcludedVip,
    /// `unicast_peer`
    Peer,
}

/// How long a change or a yield lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lasts {
    /// Until the service ends.
    #[default]
    UntilRestart,
    /// So many seconds, also across a restart of the service.
    Seconds(u64),
    /// Until the machine starts again.
    UntilReboot,
    /// Until it is taken back; a change is written into the configuration file.
    Saved,
}

/// What somebody has done: a change that was made or is on trial, or an order that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeRecord {
    /// Its number.
    pub number: u32,
    /// When it took effect, on the wall clock, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// Who made it, by the credentials of the connection.
    pub who: String,
    /// What it says, as "VI_1 priority 120" or "VI_1 stands back for 30 min".
    pub what: Vec<String>,
    /// What has become of it.
    pub standing: ChangeStanding,
}

/// What has become of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeStanding {
    /// It holds, and is taken back then unless somebody confirms it.
    OnTrial {
        /// When, on the wall clock, in milliseconds since 1970.
        until_unix_ms: u64,
    },
    /// It holds until then.
    HoldsUntil {
        /// When, on the wall clock, in milliseconds since 1970.
        until_unix_ms: u64,
    },
    /// It holds until the service ends.
    Holds,
    /// It is in the configuration file.
    Saved,
    /// Somebody took it back.
    TakenBack,
    /// Nobody confirmed it in time.
    NotConfirmed,
    /// Its time has passed.
    Over,
    /// The service ended while it was not saved.
    Lost,
    /// It was an order, as a yield or a reload, and was carried out.
    Done,
    /// Whoever asked for it may not.
    NotAllowed,
}

/// What would follow from something that was asked for as a dry run, played on the protocol machine from the present state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// The instance.
    pub instance: String,
    /// From now, in microseconds; absent for what holds throughout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_us: Option<u64>,
    /// What it rests on, where that is not known: "10.0.0.3 (priority 90, last heard 2 h ago) is still there".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provided: Option<String>,
    /// What happens: "BACKUP -> MASTER: we preempt 10.0.0.2 (priority 100)".
    pub text: String,
}

impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(in_us) = self.in_us {
            // Tenths of a second are what a person can follow.
            match in_us.saturating_add(50_000) / 100_000 {
                0 => f.write_str("at once   ")?,
                tenths => write!(f, "in {}.{} s  ", tenths / 10, tenths % 10)?,
            }
        }
        write!(f, "{}: {}", self.instance, self.text)?;
        match &self.provided {
            Some(provided) => write!(f, " (if {provided})"),
            None => Ok(()),
        }
    }
}

readable! {
    Setting { keyword; or_default values }
    ChangeRecord { number, at_unix_ms, who, what, standing }
    Forecast { instance, in_us, provided, text }
}

readable_words! {
    List: Vip, ExcludedVip, Peer;
}

readable_by! {
    Edit by "edit" or AddInstance { instance: String::new() };
    "set" => Set { instance, keyword; or_default values },
    "unset" => Unset { instance, keyword },
    "add" => Add { instance, list, words },
    "remove" => Remove { instance, list, address },
    "set_weight" => SetWeight { instance, tracker, weight },
    "add_instance" => AddInstance { instance },
    "remove_instance" => RemoveInstance { instance },
}

impl FromJson for Lasts {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        match word_or_key(value) {
            ("until_restart", _) => Self::UntilRestart,
            ("seconds", seconds) => Self::Seconds(u64::read(seconds, reader)),
            ("until_reboot", _) => Self::UntilReboot,
            ("saved", _) => Self::Saved,
            _ => {
                reader.expected("until_restart, until_reboot, saved, or an object with seconds");
                Self::default()
            }
        }
    }
}

impl FromJson for ChangeStanding {
    fn read(value: &Value, reader: &mut Reader) -> Self {
        match word_or_key(value) {
            ("on_trial", inner) => Self::OnTrial { until_unix_ms: reader.field(inner, "until_unix_ms") },
            ("holds_until", inner) => Self::HoldsUntil { until_unix_ms: reader.field(inner, "until_unix_ms") },
            ("holds", _) => Self::Holds,
            ("saved", _) => Self::Saved,
            ("taken_back", _) => Self::TakenBack,
            ("not_confirmed", _) => Self::NotConfirmed,
            ("over", _) => Self::Over,
            ("lost", _) => Self::Lost,
            ("done", _) => Self::Done,
            ("not_allowed", _) => Self::NotAllowed,
            _ => {
                reader.expected("what has become of a change");
                Self::Lost
            }
        }
    }
}
