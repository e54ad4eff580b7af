//! What is said about an instance or a group, and to whom in which words: a script's arguments and environment, a line on a
//! FIFO.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use locum_config::model;
use locum_control::{Value, from_json, to_json};
use locum_core::vocabulary::{Cause, State};

/// What a notification is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// A `vrrp_instance`.
    Instance(Rc<str>),
    /// A `vrrp_sync_group`.
    Group(Rc<str>),
}

impl Subject {
    /// An instance.
    pub(crate) fn instance(name: &str) -> Self {
        Self::Instance(name.into())
    }

    /// A sync group.
    pub(crate) fn group(name: &str) -> Self {
        Self::Group(name.into())
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Instance(name) | Self::Group(name) => name,
        }
    }

    /// What is said for a priority: groups have none, and 0 is said for it.
    pub(super) const fn shown_priority(&self, priority: u8) -> u8 {
        match self {
            Self::Instance(_) => priority,
            Self::Group(_) => 0,
        }
    }

    /// What scripts and FIFOs call its kind.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Instance(_) => "INSTANCE",
            Self::Group(_) => "GROUP",
        }
    }
}

/// The word for what has happened (keepalived.conf(5), `notify` and `vrrp_notify_fifo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// It became MASTER.
    Master,
    /// It became BACKUP.
    Backup,
    /// It went to FAULT.
    Fault,
    /// The service stops.
    Stop,
    /// A reload has removed it.
    Deleted,
    /// As MASTER it heard an advert of lower priority.
    HeardLower,
    /// The priority of a MASTER has changed.
    MasterPriority,
    /// The priority of one that is not MASTER has changed.
    BackupPriority,
}

impl Word {
    /// The word for a state that has been entered.
    pub(crate) const fn of(state: State) -> Self {
        match state {
            State::Init => Self::Stop,
            State::Fault => Self::Fault,
            State::Backup => Self::Backup,
            State::Master => Self::Master,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Master => "MASTER",
            Self::Backup => "BACKUP",
            Self::Fault => "FAULT",
            Self::Stop => "STOP",
            Self::Deleted => "DELETED",
            Self::HeardLower => "MASTER_RX_LOWER_PRI",
            Self::MasterPriority => "MASTER_PRIORITY",
            Self::BackupPriority => "BACKUP_PRIORITY",
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

/// A change of state, as the service tells of it.
#[derive(Clone, Debug)]
pub(crate) struct Change<'a> {
    /// The state before.
    pub(crate) from: State,
    /// The state after. INIT means that the service stops.
    pub(crate) to: State,
    /// Why.
    pub(crate) cause: Cause,
    /// The same in words, with the particulars.
    pub(crate) cause_text: &'a str,
}

/// What is said of an instance as it is configured; of a group, nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Particulars(Option<Arc<model::Instance>>);

impl Particulars {
    pub(super) fn of(instance: &Arc<model::Instance>) -> Self {
        Self(Some(Arc::clone(instance)))
    }

    pub(super) fn vrid(&self) -> Option<u8> {
        self.0.as_ref().map(|instance| *instance.vrid)
    }

    pub(super) fn interface(&self) -> Option<&str> {
        self.0.as_ref()?.interface.as_ref().map(|name| name.value.as_str())
    }

    fn family(&self) -> Option<model::Family> {
        self.0.as_ref().map(|instance| instance.family)
    }
}

/// One thing to tell.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub(super) subject: Subject,
    pub(super) word: Word,
    pub(super) from: Option<State>,
    pub(super) priority: u8,
    pub(super) cause_kind: String,
    pub(super) cause: String,
    pub(super) at_unix_ms: u64,
    pub(super) particulars: Particulars,
    /// A reload has removed it, whatever the word for that is.
    pub(super) is_deletion: bool,
}

impl Notice {
    /// What `notify` gets after its own arguments.
    pub(super) fn arguments(&self) -> [String; 4] {
        let Self { subject, word, .. } = self;
        [
            subject.kind().into(),
            subject.name().into(),
            word.to_string(),
            self.subject.shown_priority(self.priority).to_string(),
        ]
    }

    /// The line on a FIFO, with its end.
    pub(super) fn line(&self) -> String {
        let Self { subject, word, .. } = self;
        format!("{} \"{}\" {word} {}\n", subject.kind(), subject.name(), self.subject.shown_priority(self.priority))
    }

    /// What a script finds in its environment, beside what the service itself has.
    pub(super) fn environment(&self, skipped: u32) -> Vec<(&'static str, String)> {
        let name_is = match self.subject {
            Subject::Instance(_) => "LOCUM_INSTANCE",
            Subject::Group(_) => "LOCUM_GROUP",
        };
        let particulars = &self.particulars;
        let optional = [
            ("LOCUM_PREVIOUS_STATE", self.from.map(|state| state.to_string())),
            ("LOCUM_VRID", particulars.vrid().map(|vrid| vrid.to_string())),
            ("LOCUM_INTERFACE", particulars.interface().map(str::to_owned)),
            ("LOCUM_FAMILY", particulars.family().map(|family| family.to_string())),
        ];
        let mut variables = vec![
            ("LOCUM_TYPE", self.subject.kind().into()),
            (name_is, self.subject.name().into()),
            ("LOCUM_STATE", self.word.to_string()),
            ("LOCUM_PRIORITY", self.subject.shown_priority(self.priority).to_string()),
            ("LOCUM_CAUSE", self.cause.clone()),
            ("LOCUM_CAUSE_KIND", self.cause_kind.clone()),
            ("LOCUM_AT_UNIX_MS", self.at_unix_ms.to_string()),
            ("LOCUM_SKIPPED", skipped.to_string()),
        ];
        variables.extend(optional.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))));
        // A variable cannot hold the byte that ends it.
        variables.iter_mut().for_each(|(_, value)| value.retain(|char| char != '\0'));
        variables
    }
}

/// The name that JSON has for a cause, as `master_silent`.
pub(crate) fn cause_kind(cause: Cause) -> String {
    let value: Value = from_json(to_json(&cause).as_bytes()).unwrap_or_default();
    value.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn configured() -> Arc<model::Instance> {
        let text = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 45\nvirtual_ipaddress {\n10.0.0.9\n}\n}";
        let configuration = locum_config::check("test", text.as_bytes(), &locum_config::Surroundings::default());
        Arc::clone(&configuration.model().instances[0])
    }

    pub(in crate::notify) fn notice(name: &str, word: Word) -> Notice {
        Notice {
            subject: Subject::instance(name),
            word,
            from: Some(State::Backup),
            priority: 100,
            cause_kind: "nobody_heard".into(),
            cause: "nobody heard for 3.6 s".into(),
            at_unix_ms: 1_795_365_601_123,
            particulars: Particulars::of(&configured()),
            is_deletion: false,
        }
    }

    #[test]
    fn lines_and_arguments_are_those_of_the_manual() {
        let mut notice = notice("VI_1", Word::Master);
        assert_eq!(notice.line(), "INSTANCE \"VI_1\" MASTER 100\n");
        assert_eq!(notice.arguments(), ["INSTANCE", "VI_1", "MASTER", "100"]);
        notice.subject = Subject::group("VG");
        notice.word = Word::Stop;
        assert_eq!(notice.line(), "GROUP \"VG\" STOP 0\n");
        assert_eq!(notice.arguments(), ["GROUP", "VG", "STOP", "0"]);
        let words = [Word::HeardLower, Word::MasterPriority, Word::BackupPriority, Word::Deleted, Word::Fault];
        assert_eq!(
            words.map(|word| word.to_string()),
            ["MASTER_RX_LOWER_PRI", "MASTER_PRIORITY", "BACKUP_PRIORITY", "DELETED", "FAULT"]
        );
    }

    #[test]
    fn the_environment_names_the_cause() {
        let mut notice = notice("VI_1", Word::Master);
        notice.cause.push('\0');
        let found = notice.environment(2);
        let value = |name: &str| found.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        let expected = [
            ("LOCUM_TYPE", "INSTANCE"),
            ("LOCUM_INSTANCE", "VI_1"),
            ("LOCUM_STATE", "MASTER"),
            ("LOCUM_PREVIOUS_STATE", "BACKUP"),
            ("LOCUM_PRIORITY", "100"),
            ("LOCUM_CAUSE", "nobody heard for 3.6 s"),
            ("LOCUM_CAUSE_KIND", "nobody_heard"),
            ("LOCUM_VRID", "45"),
            ("LOCUM_INTERFACE", "eth0"),
            ("LOCUM_FAMILY", "IPv4"),
            ("LOCUM_AT_UNIX_MS", "1795365601123"),
            ("LOCUM_SKIPPED", "2"),
        ];
        for (name, wanted) in expected {
            assert_eq!(value(name), Some(wanted), "{name}");
        }
        assert_eq!(found.len(), expected.len(), "{found:?}");
    }

    #[test]
    fn causes_have_the_names_that_json_has_for_them() {
        assert_eq!(cause_kind(Cause::NobodyHeard { waited_us: 1 }), "nobody_heard");
        assert_eq!(cause_kind(Cause::Shutdown), "shutdown");
    }
}
