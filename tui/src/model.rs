//! All that the console knows: what the service said ([`Replica`]) and where the user stands.

pub(crate) mod dialog;
pub(crate) mod lane;
pub(crate) mod list;
pub(crate) mod replica;

use std::collections::BTreeSet;

use locum_control::{ChangeRecord, Difference, Edit, Role, TransitionRecord};
use ratatui::layout::Size;

use crate::action::Context;
use crate::options::{ExtraAction, Router};
use crate::theme::Look;

pub(crate) use dialog::Dialog;
pub(crate) use lane::Lane;
pub(crate) use list::{Filter, List, Sort};
pub(crate) use replica::{Instance, OperatorRecord, Replica};

/// How long a message stays, if no key is pressed meanwhile.
const MESSAGE_US: u64 = 15_000_000;

/// At most this many lines of an [`crate::Extra`]'s status are shown.
pub(crate) const STATUS_LINES_MAX: usize = 3;

/// All that the console knows.
#[derive(Debug)]
pub(crate) struct Model {
    /// Our monotonic clock, set before every update.
    pub(crate) now_us: u64,
    pub(crate) replica: Replica,
    pub(crate) connection: Connection,
    /// What can be attached to.
    pub(crate) routers: Vec<Router>,
    /// Which of them is.
    pub(crate) router: usize,
    pub(crate) screen: Screen,
    /// The screens to which the way back leads, the first one first; none of them twice.
    pub(crate) trail: Vec<Screen>,
    pub(crate) help: bool,
    /// What the overview lists.
    pub(crate) list: List,
    /// Which changes of state the history shows.
    pub(crate) history_filter: Filter,
    /// A line that is being typed.
    pub(crate) prompt: Option<Prompt>,
    pub(crate) dialog: Option<Dialog>,
    /// The form whose preview is under way.
    pub(crate) form: Option<Dialog>,
    pub(crate) retry: Option<Retry>,
    /// The preview under way is such a retry.
    pub(crate) was_stale: bool,
    /// What the answer under way says would change.
    pub(crate) differences: Vec<Difference>,
    /// What would follow from it, and what the check says about it.
    pub(crate) foreseen: Vec<String>,
    /// The changes that the answer under way tells of.
    pub(crate) changes_coming: Vec<ChangeRecord>,
    /// The last changes, newest first, as they were last asked for.
    pub(crate) changes: Vec<ChangeRecord>,
    /// The marked instance, which is also the one that the instance screen shows.
    pub(crate) selected: Option<String>,
    /// How far the present screen is scrolled, in lines.
    pub(crate) scroll: usize,
    pub(crate) timeline: Timeline,
    pub(crate) message: Option<Message>,
    pub(crate) size: Size,
    pub(crate) look: Look,
    pub(crate) unicode: bool,
    pub(crate) readonly: bool,
    /// After so long without a key nothing can be changed any more.
    pub(crate) idle_lock_us: Option<u64>,
    /// It came to that.
    pub(crate) locked: bool,
    /// When the last key was pressed, on our clock.
    pub(crate) key_at_us: u64,
    pub(crate) extra_actions: Vec<ExtraAction>,
    pub(crate) extra_status: Vec<String>,
    pub(crate) refresh: Refresh,
}

/// How things stand with the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// Not attached yet.
    Connecting,
    /// Attached; the first answer is under way.
    Syncing,
    /// Attached and up to date.
    Attached,
    /// Not attached any more, or not at all.
    Lost {
        reason: String,
        /// The next attempt, on our clock.
        retry_at_us: u64,
        /// When it was lost, on our clock.
        since_us: u64,
    },
}

/// What the screen shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    Overview,
    Instance,
    Peers,
    History,
    Changes,
}

impl Screen {
    /// What has the keys while nothing covers the screen.
    pub(crate) const fn context(self) -> Context {
        match self {
            Self::Overview => Context::Overview,
            Self::Instance => Context::Instance,
            Self::Peers => Context::Peers,
            Self::History => Context::History,
            Self::Changes => Context::Changes,
        }
    }
}

/// A line of the history.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry<'a> {
    Transition(&'a TransitionRecord),
    Operator(&'a OperatorRecord),
}

impl Entry<'_> {
    pub(crate) const fn at_unix_ms(&self) -> u64 {
        match self {
            Self::Transition(record) => record.at_unix_ms,
            Self::Operator(record) => record.at_unix_ms,
        }
    }

    /// What a filter looks for.
    fn words(&self) -> String {
        match self {
            Self::Transition(record) => format!("{} {} {}", record.instance, record.to, record.text),
            Self::Operator(record) => format!("{} operator {}", record.who, record.text),
        }
    }
}

/// A line that the user types, in the place of the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) purpose: Typing,
    pub(crate) text: String,
}

/// What is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typing {
    /// The filter of the present screen, which holds at every key.
    Filter,
    /// A command.
    Command,
}

/// A change that was refused because the configuration had changed: asked about again once that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(crate) edits: Vec<Edit>,
    pub(crate) is_ready: bool,
}

/// How the timeline is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// An index into [`lane::COLUMN_US`]; at first what suits the instance's interval.
    pub(crate) zoom: Option<usize>,
    /// The server's time at which it was frozen.
    pub(crate) frozen_at_us: Option<u64>,
    /// How many columns it is moved into the past.
    pub(crate) panned: u64,
}

/// Something to say in the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) text: String,
    /// It failed or was refused.
    pub(crate) alert: bool,
    pub(crate) until_us: u64,
}

/// What has to be asked again, because only the event was heard and not what followed from it.
#[derive(Debug, Default)]
pub(crate) struct Refresh {
    /// A question is under way; one at a time.
    pub(crate) asking: bool,
    /// Events were missed: everything, from the start.
    pub(crate) resync: bool,
    pub(crate) instances: BTreeSet<String>,
    /// The list of changes.
    pub(crate) changes: bool,
    /// The next question at the earliest.
    pub(crate) not_before_us: u64,
    /// When the counters are old enough to be fetched again.
    pub(crate) all_at_us: u64,
}

impl Model {
    pub(crate) fn new(routers: Vec<Router>, size: Size) -> Self {
        Self {
            now_us: 0,
            replica: Replica::default(),
            connection: Connection::Connecting,
            routers,
            router: 0,
            screen: Screen::Overview,
            trail: Vec::new(),
            help: false,
            list: List::default(),
            history_filter: Filter::default(),
            prompt: None,
            dialog: None,
            form: None,
            retry: None,
            was_stale: false,
            differences: Vec::new(),
            foreseen: Vec::new(),
            changes_coming: Vec::new(),
            changes: Vec::new(),
            selected: None,
            scroll: 0,
            timeline: Timeline::default(),
            message: None,
            size,
            look: Look::MONO,
            unicode: false,
            readonly: false,
            idle_lock_us: None,
            locked: false,
            key_at_us: 0,
            extra_actions: Vec::new(),
            extra_status: Vec::new(),
            refresh: Refresh::default(),
        }
    }

    /// What has the keys.
    pub(crate) fn context(&self) -> Context {
        if let Some(dialog) = &self.dialog {
            if dialog.field().is_some() { Context::Form } else { Context::Dialog }
        } else if self.prompt.is_some() {
            Context::Prompt
        } else if self.help {
            Context::Help
        } else {
            self.screen.context()
        }
    }

    /// The server's boot-time clock now. While there is no connection it stands still, because nothing is known of what
    /// happened since.
    pub(crate) const fn server_us(&self) -> u64 {
        match self.connection {
            Connection::Lost { since_us, .. } => self.replica.clock.boot_us(since_us),
            Connection::Connecting | Connection::Syncing | Connection::Attached => {
                self.replica.clock.boot_us(self.now_us)
            }
        }
    }

    /// The marked instance, if it is still there.
    pub(crate) fn selected(&self) -> Option<&Instance> {
        self.replica.instances.get(self.selected.as_deref()?)
    }

    /// The filter of the present screen, if it can have one.
    pub(crate) const fn filter(&self) -> Option<&Filter> {
        match self.screen {
            Screen::Overview => Some(self.list.filter()),
            Screen::History => Some(&self.history_filter),
            Screen::Instance | Screen::Peers | Screen::Changes => None,
        }
    }

    /// Sets the filter of the present screen, if it can have one.
    pub(crate) fn set_filter(&mut self, filter: Filter) {
        match self.screen {
            Screen::Overview => self.list.set_filter(filter),
            Screen::History => self.history_filter = filter,
            Screen::Instance | Screen::Peers | Screen::Changes => {}
        }
    }

    /// How many lines the filter of the present screen lets through, and of how many.
    pub(crate) fn matches(&self) -> (usize, usize) {
        match self.screen {
            Screen::Overview => (self.list.names.len(), self.replica.instances.len()),
            Screen::History => (self.history().len(), self.replica.history.len() + self.replica.operator.len()),
            Screen::Instance | Screen::Peers | Screen::Changes => (0, 0),
        }
    }

    /// What the history shows: changes of state and what operators did, newest first.
    pub(crate) fn history(&self) -> Vec<Entry<'_>> {
        let transitions = self.replica.history.iter().map(Entry::Transition);
        let mut entries: Vec<Entry<'_>> =
            transitions.chain(self.replica.operator.iter().map(Entry::Operator)).collect();
        let filter = &self.history_filter;
        entries.retain(|entry| filter.is_empty() || filter.accepts(&entry.words()));
        // Where two happened in the same millisecond, the order in which they were told holds.
        entries.reverse();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.at_unix_ms()));
        entries
    }

    /// Where the marked instance stands in the list.
    pub(crate) fn selected_index(&self) -> usize {
        let selected = self.selected.as_deref();
        self.list.names.iter().position(|name| Some(name.as_str()) == selected).unwrap_or(0)
    }

    pub(crate) fn say(&mut self, text: impl Into<String>, alert: bool) {
        let until_us = self.now_us.saturating_add(MESSAGE_US);
        self.message = Some(Message { text: text.into(), alert, until_us });
    }

    /// Why the user may not change anything, if so.
    pub(crate) fn forbidden(&self) -> Option<&'static str> {
        if self.readonly {
            return Some("the console was started read-only");
        }
        if self.locked {
            return Some("locked, because it was left alone: leave the console and start it again");
        }
        match (&self.connection, self.replica.role()) {
            (Connection::Attached, Some(Role::Admin)) => None,
            (Connection::Attached, _) => Some("you may look but not change: that needs root or the admin group"),
            (Connection::Connecting | Connection::Syncing | Connection::Lost { .. }, _) => {
                Some("there is no connection to the service")
            }
        }
    }
}
