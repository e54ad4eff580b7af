//! All that the console knows: what the service said ([`Replica`]) and where the user stands.

pub(crate) mod dialog;
pub(crate) mod group;
pub(crate) mod history;
pub(crate) mod lane;
pub(crate) mod list;
pub(crate) mod node;
pub(crate) mod replica;

use locum_control::{Edit, Role};
use ratatui::layout::Size;

use crate::action::{Context, Keymap};
use crate::columns::{Columns, Widest};
use crate::options::{ExtraAction, Router};
use crate::schema::Schema;
use crate::theme::Look;

pub(crate) use dialog::Dialog;
pub(crate) use lane::Lane;
pub(crate) use list::{Filter, List, Sort, Spot};
pub(crate) use node::{Connection, Node, Nodes};
pub(crate) use replica::{Instance, Replica};

/// How long a message stays, if no key is pressed meanwhile.
const MESSAGE_US: u64 = 15_000_000;

/// At most this many lines of an [`crate::Extra`]'s status are shown.
pub(crate) const STATUS_LINES_MAX: usize = 3;

/// All that the console knows.
#[derive(Debug)]
pub(crate) struct Model {
    /// Our monotonic clock, set before every update.
    pub(crate) now_us: u64,
    /// The services; the present one is that of the marked instance.
    pub(crate) nodes: Nodes,
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
    /// The marked instance of the present service, which is also the one that the instance screen shows.
    pub(crate) selected: Option<String>,
    /// The marked line of the history.
    pub(crate) history_at: usize,
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
    pub(crate) keymap: Keymap,
    /// The columns of the overview.
    pub(crate) columns: Columns,
    pub(crate) widest: Widest,
    /// What is wrong with the console's own configuration file.
    pub(crate) problems: Vec<String>,
    /// What may be written into an instance.
    pub(crate) schema: Schema,
}

/// What the screen shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    Overview,
    Instance,
    Peers,
    History,
    Changes,
    Service,
    Doctor,
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
            Self::Service => Context::Service,
            Self::Doctor => Context::Doctor,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// An index into [`lane::COLUMN_US`]; at first what suits the instance's interval.
    pub(crate) zoom: Option<usize>,
    /// The server's time at which it was frozen.
    pub(crate) frozen_at_us: Option<u64>,
    /// How many columns it is moved into the past.
    pub(crate) panned: u64,
    /// What of the history is looked at.
    pub(crate) explained: Option<Explained>,
}

/// Something of the history that is looked at on the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Explained {
    /// When, on the server's boot-time clock.
    pub(crate) at_us: u64,
    pub(crate) text: String,
    /// Only then does the timeline know of it.
    pub(crate) is_of_this_boot: bool,
}

/// Something to say in the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) text: String,
    /// It failed or was refused.
    pub(crate) alert: bool,
    pub(crate) until_us: u64,
}

impl Model {
    pub(crate) fn new(routers: Vec<Router>, size: Size) -> Self {
        Self {
            now_us: 0,
            nodes: Nodes::new(routers),
            screen: Screen::Overview,
            trail: Vec::new(),
            help: false,
            list: List::default(),
            history_filter: Filter::default(),
            prompt: None,
            dialog: None,
            selected: None,
            history_at: 0,
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
            keymap: Keymap::default(),
            columns: Columns::default(),
            widest: Widest::default(),
            problems: Vec::new(),
            schema: Schema::default(),
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

    /// What the present service said.
    pub(crate) fn replica(&self) -> &Replica {
        &self.nodes.current().replica
    }

    /// How things stand with the present service.
    pub(crate) fn connection(&self) -> &Connection {
        &self.nodes.current().connection
    }

    /// The present service's boot-time clock now.
    pub(crate) fn server_us(&self) -> u64 {
        self.nodes.current().server_us(self.now_us)
    }

    /// Up to where the timeline goes, on the same clock. Beside other routers it goes on when this one is lost.
    pub(crate) fn timeline_us(&self) -> u64 {
        let node = self.nodes.current();
        if self.nodes.are_several() { node.clock_us(self.now_us) } else { node.server_us(self.now_us) }
    }

    /// The marked instance, if it is still there.
    pub(crate) fn selected(&self) -> Option<&Instance> {
        self.replica().instances.get(self.selected.as_deref()?)
    }

    /// Marks a line of the overview, if there is one.
    pub(crate) fn mark(&mut self, spot: Option<Spot>) {
        match spot {
            Some(spot) => {
                self.nodes.at = spot.node;
                self.selected = Some(spot.name);
            }
            None => self.selected = None,
        }
    }

    /// The instance of a line of the overview.
    pub(crate) fn instance(&self, spot: &Spot) -> Option<&Instance> {
        self.nodes.get(spot.node)?.replica.instances.get(&spot.name)
    }

    /// The instances of all services, each with the number of its service, by name.
    pub(crate) fn instances(&self) -> impl Iterator<Item = (usize, &Instance)> {
        self.nodes.iter().enumerate().flat_map(|(at, node)| node.replica.instances.values().map(move |it| (at, it)))
    }

    /// The filter of the present screen, if it can have one.
    pub(crate) const fn filter(&self) -> Option<&Filter> {
        match self.screen {
            Screen::Overview => Some(self.list.filter()),
            Screen::History => Some(&self.history_filter),
            Screen::Instance | Screen::Peers | Screen::Changes | Screen::Service | Screen::Doctor => None,
        }
    }

    /// Sets the filter of the present screen, if it can have one.
    pub(crate) fn set_filter(&mut self, filter: Filter) {
        match self.screen {
            Screen::Overview => self.list.set_filter(filter),
            Screen::History => self.history_filter = filter,
            Screen::Instance | Screen::Peers | Screen::Changes | Screen::Service | Screen::Doctor => {}
        }
    }

    /// How many lines the filter of the present screen lets through, and of how many.
    pub(crate) fn matches(&self) -> (usize, usize) {
        match self.screen {
            Screen::Overview => (self.list.spots.len(), self.instances().count()),
            Screen::History => (history::entries(self).len(), history::count(self)),
            Screen::Instance | Screen::Peers | Screen::Changes | Screen::Service | Screen::Doctor => (0, 0),
        }
    }

    /// Where the marked instance stands in the list.
    pub(crate) fn selected_index(&self) -> usize {
        let is_it = |spot: &Spot| spot.node == self.nodes.at && Some(spot.name.as_str()) == self.selected.as_deref();
        self.list.spots.iter().position(is_it).unwrap_or(0)
    }

    pub(crate) fn say(&mut self, text: impl Into<String>, alert: bool) {
        let until_us = self.now_us.saturating_add(MESSAGE_US);
        self.message = Some(Message { text: text.into(), alert, until_us });
    }

    /// Why the user may not change anything of the present service, if so.
    pub(crate) fn forbidden(&self) -> Option<&'static str> {
        self.forbidden_at(self.nodes.at)
    }

    /// Why the user may not change anything of service `at`, if so.
    pub(crate) fn forbidden_at(&self, at: usize) -> Option<&'static str> {
        if self.readonly {
            return Some("the console was started read-only");
        }
        if self.locked {
            return Some("locked, because it was left alone: leave the console and start it again");
        }
        let node = self.nodes.get(at)?;
        if node.play.is_some() {
            return Some("a recording cannot be changed");
        }
        match (&node.connection, node.replica.role()) {
            (Connection::Attached, Some(Role::Admin)) => None,
            (Connection::Attached, _) => Some("you may look but not change: that needs root or the admin group"),
            (Connection::Connecting | Connection::Syncing | Connection::Lost { .. }, _) => {
                Some("there is no connection to the service")
            }
        }
    }
}
