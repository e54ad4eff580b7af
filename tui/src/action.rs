//! The one table of what can be done with which key: keymap, footer, help and the test against double use come from it.
//!
//! Never bound, because some line or terminal eats them: Ctrl-S and Ctrl-Q (flow control), Ctrl-Z, function keys, Alt.

use crate::key::Key;

/// What a key can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Open,
    Back,
    History,
    Peers,
    Resume,
    Yield,
    Take,
    Priority,
    Edit,
    Changes,
    Keep,
    TakeBack,
    Reload,
    Freeze,
    ZoomIn,
    ZoomOut,
    PanBack,
    PanForward,
    NextInstance,
    PreviousInstance,
    NextRouter,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Confirm,
    Cancel,
    Choose,
    OtherButton,
    PreviousButton,
    Filter,
    ShowAll,
    Sort,
    Command,
    Accept,
    Abandon,
    Erase,
    EraseAll,
    Complete,
    Charset,
    Theme,
    Redraw,
    Help,
    Quit,
    Interrupt,
}

/// What has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    Overview,
    Instance,
    Peers,
    History,
    Changes,
    Help,
    Prompt,
    Form,
    Dialog,
}

impl Context {
    /// Every context.
    pub(crate) const ALL: [Self; 9] = [
        Self::Overview,
        Self::Instance,
        Self::Peers,
        Self::History,
        Self::Changes,
        Self::Help,
        Self::Prompt,
        Self::Form,
        Self::Dialog,
    ];

    /// Its name, as a heading.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Instance => "Instance",
            Self::Peers => "Peers",
            Self::History => "History",
            Self::Changes => "Changes",
            Self::Help => "Help",
            Self::Prompt => "Typing a filter or a command",
            Self::Form => "Field of a dialog",
            Self::Dialog => "Dialog",
        }
    }
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) action: Action,
    /// One or two words for the footer.
    pub(crate) name: &'static str,
    /// The keys, the one to show first.
    pub(crate) keys: &'static [Key],
    /// A line for the help.
    pub(crate) help: &'static str,
    pub(crate) contexts: &'static [Context],
    /// Whether the footer shows it, if there is room. Rows that come first are shown first.
    pub(crate) footer: bool,
}

const LISTS: &[Context] =
    &[Context::Overview, Context::Instance, Context::Peers, Context::History, Context::Changes, Context::Help];
const SCREENS: &[Context] = &[Context::Overview, Context::Instance, Context::Peers, Context::History, Context::Changes];
const BELOW: &[Context] = &[Context::Instance, Context::Peers, Context::History, Context::Changes, Context::Help];

/// The table.
pub(crate) static BINDINGS: &[Binding] = &[
    Binding {
        action: Action::Choose,
        name: "choose",
        keys: &[Key::Enter],
        help: "do what the marked button says",
        contexts: &[Context::Dialog],
        footer: true,
    },
    Binding {
        action: Action::OtherButton,
        name: "next",
        keys: &[Key::Tab, Key::Char('l'), Key::Right, Key::Char('j'), Key::Down],
        help: "mark the next button or field",
        contexts: &[Context::Dialog],
        footer: true,
    },
    Binding {
        action: Action::PreviousButton,
        name: "previous",
        keys: &[Key::Char('h'), Key::BackTab, Key::Left, Key::Char('k'), Key::Up],
        help: "mark the button or field before",
        contexts: &[Context::Dialog],
        footer: false,
    },
    Binding {
        action: Action::Choose,
        name: "done",
        keys: &[Key::Enter],
        help: "go on: to what would change, or to the buttons",
        contexts: &[Context::Form],
        footer: true,
    },
    Binding {
        action: Action::OtherButton,
        name: "next",
        keys: &[Key::Tab, Key::Ctrl('n'), Key::Down],
        help: "the next field or button",
        contexts: &[Context::Form],
        footer: true,
    },
    Binding {
        action: Action::PreviousButton,
        name: "previous",
        keys: &[Key::Ctrl('p'), Key::BackTab, Key::Up],
        help: "the field or button before",
        contexts: &[Context::Form],
        footer: false,
    },
    Binding {
        action: Action::Cancel,
        name: "cancel",
        keys: &[Key::Esc, Key::Ctrl('g')],
        help: "leave everything as it is",
        contexts: &[Context::Form],
        footer: true,
    },
    Binding {
        action: Action::Erase,
        name: "erase",
        keys: &[Key::Backspace, Key::Ctrl('h')],
        help: "erase the last character",
        contexts: &[Context::Form],
        footer: false,
    },
    Binding {
        action: Action::EraseAll,
        name: "erase all",
        keys: &[Key::Ctrl('u')],
        help: "erase the whole field",
        contexts: &[Context::Form],
        footer: true,
    },
    Binding {
        action: Action::Confirm,
        name: "yes",
        keys: &[Key::Char('y')],
        help: "do it; where there are several ways, mark the first one",
        contexts: &[Context::Dialog],
        footer: true,
    },
    Binding {
        action: Action::Cancel,
        name: "cancel",
        keys: &[Key::Esc, Key::Char('n')],
        help: "leave everything as it is",
        contexts: &[Context::Dialog],
        footer: true,
    },
    Binding {
        action: Action::Accept,
        name: "done",
        keys: &[Key::Enter],
        help: "keep the filter, or do what the command says",
        contexts: &[Context::Prompt],
        footer: true,
    },
    Binding {
        action: Action::Abandon,
        name: "cancel",
        keys: &[Key::Esc, Key::Ctrl('g')],
        help: "drop what was typed, and the filter with it",
        contexts: &[Context::Prompt],
        footer: true,
    },
    Binding {
        action: Action::Complete,
        name: "complete",
        keys: &[Key::Tab, Key::Ctrl('e')],
        help: "complete the command, as far as there is only one way",
        contexts: &[Context::Prompt],
        footer: true,
    },
    Binding {
        action: Action::Erase,
        name: "erase",
        keys: &[Key::Backspace, Key::Ctrl('h')],
        help: "erase the last character; in an empty line: cancel",
        contexts: &[Context::Prompt],
        footer: false,
    },
    Binding {
        action: Action::EraseAll,
        name: "erase all",
        keys: &[Key::Ctrl('u')],
        help: "erase the whole line",
        contexts: &[Context::Prompt],
        footer: false,
    },
    Binding {
        action: Action::Up,
        name: "up",
        keys: &[Key::Up, Key::Ctrl('p')],
        help: "a line up in the list",
        contexts: &[Context::Prompt],
        footer: false,
    },
    Binding {
        action: Action::Down,
        name: "down",
        keys: &[Key::Down, Key::Ctrl('n')],
        help: "a line down in the list",
        contexts: &[Context::Prompt],
        footer: false,
    },
    Binding {
        action: Action::Open,
        name: "open",
        keys: &[Key::Enter, Key::Char('o')],
        help: "the marked instance: its adverts as they come, timers, causes, counters",
        contexts: &[Context::Overview],
        footer: true,
    },
    Binding {
        action: Action::Back,
        name: "back",
        keys: &[Key::Esc, Key::Char('b'), Key::Backspace],
        help: "one screen back",
        contexts: BELOW,
        footer: true,
    },
    Binding {
        action: Action::NextRouter,
        name: "next router",
        keys: &[Key::Char('n'), Key::Tab],
        help: "attach to the next router",
        contexts: &[Context::Overview],
        footer: true,
    },
    Binding {
        action: Action::Resume,
        name: "resume",
        keys: &[Key::Char('r')],
        help: "end the yield, preempt delay or start delay of the instance now (asks first)",
        contexts: &[Context::Overview, Context::Instance],
        footer: true,
    },
    Binding {
        action: Action::Keep,
        name: "confirm",
        keys: &[Key::Char('K')],
        help: "keep the change that is on trial (asks first)",
        contexts: SCREENS,
        footer: true,
    },
    Binding {
        action: Action::TakeBack,
        name: "rollback",
        keys: &[Key::Char('B')],
        help: "take the last change that is not saved back (asks first); :rollback 7 takes another",
        contexts: SCREENS,
        footer: true,
    },
    Binding {
        action: Action::Yield,
        name: "yield",
        keys: &[Key::Char('y')],
        help: "hand over and stand back for a time (asks first); with its whole sync group",
        contexts: &[Context::Overview, Context::Instance],
        footer: true,
    },
    Binding {
        action: Action::Priority,
        name: "priority",
        keys: &[Key::Char('P')],
        help: "another priority; shows what would change first",
        contexts: &[Context::Overview, Context::Instance],
        footer: true,
    },
    Binding {
        action: Action::Edit,
        name: "edit",
        keys: &[Key::Char('e')],
        help: "change priority, preempt, intervals, addresses, peers; shows what would change first",
        contexts: &[Context::Overview, Context::Instance],
        footer: true,
    },
    Binding {
        action: Action::Take,
        name: "take",
        keys: &[Key::Char('M')],
        help: "become MASTER now, if the protocol allows it (asks first)",
        contexts: &[Context::Overview, Context::Instance],
        footer: false,
    },
    Binding {
        action: Action::Reload,
        name: "reload",
        keys: &[Key::Char('R')],
        help: "read the configuration file again; shows what would change first",
        contexts: &[Context::Overview],
        footer: false,
    },
    Binding {
        action: Action::ZoomIn,
        name: "closer",
        keys: &[Key::Char('+'), Key::Char('=')],
        help: "less time in a column of the timeline",
        contexts: &[Context::Instance],
        footer: true,
    },
    Binding {
        action: Action::ZoomOut,
        name: "wider",
        keys: &[Key::Char('-')],
        help: "more time in a column of the timeline",
        contexts: &[Context::Instance],
        footer: true,
    },
    Binding {
        action: Action::Freeze,
        name: "freeze",
        keys: &[Key::Char('f')],
        help: "hold the timeline still, or let it run again; nothing is lost meanwhile",
        contexts: &[Context::Instance],
        footer: true,
    },
    Binding {
        action: Action::PanBack,
        name: "earlier",
        keys: &[Key::Char('h'), Key::Left],
        help: "move the timeline into the past (freezes it)",
        contexts: &[Context::Instance],
        footer: false,
    },
    Binding {
        action: Action::PanForward,
        name: "later",
        keys: &[Key::Char('l'), Key::Right],
        help: "move the timeline towards now",
        contexts: &[Context::Instance],
        footer: false,
    },
    Binding {
        action: Action::NextInstance,
        name: "next",
        keys: &[Key::Char('n'), Key::Tab],
        help: "the next instance",
        contexts: &[Context::Instance],
        footer: true,
    },
    Binding {
        action: Action::PreviousInstance,
        name: "previous",
        keys: &[Key::Char('N'), Key::BackTab],
        help: "the previous instance",
        contexts: &[Context::Instance],
        footer: false,
    },
    Binding {
        action: Action::Peers,
        name: "peers",
        keys: &[Key::Char('p')],
        help: "who was heard on each interface and with which VRID, strangers too; who would follow; free VRIDs",
        contexts: &[Context::Overview, Context::Instance, Context::History],
        footer: true,
    },
    Binding {
        action: Action::History,
        name: "history",
        keys: &[Key::Char('t')],
        help: "the changes of state of all instances, newest first",
        contexts: &[Context::Overview, Context::Instance, Context::Peers],
        footer: true,
    },
    Binding {
        action: Action::Changes,
        name: "changes",
        keys: &[Key::Char('C')],
        help: "the last changes of the configuration: who, when, what became of them",
        contexts: &[Context::Overview, Context::Instance, Context::Peers, Context::History],
        footer: false,
    },
    Binding {
        action: Action::Filter,
        name: "filter",
        keys: &[Key::Char('/')],
        help: "show only lines with these words: names, interfaces, addresses, states, vrid45; !word: only lines without it",
        contexts: &[Context::Overview, Context::History],
        footer: true,
    },
    Binding {
        action: Action::ShowAll,
        name: "show all",
        keys: &[Key::Esc, Key::Char('b'), Key::Backspace],
        help: "end the filter",
        contexts: &[Context::Overview],
        footer: false,
    },
    Binding {
        action: Action::Sort,
        name: "sort",
        keys: &[Key::Char('>')],
        help: "another order: worst first, by name, by VRID, last change first",
        contexts: &[Context::Overview],
        footer: true,
    },
    Binding {
        action: Action::Up,
        name: "up",
        keys: &[Key::Char('k'), Key::Up],
        help: "a line up",
        contexts: LISTS,
        footer: false,
    },
    Binding {
        action: Action::Down,
        name: "down",
        keys: &[Key::Char('j'), Key::Down],
        help: "a line down",
        contexts: LISTS,
        footer: false,
    },
    Binding {
        action: Action::PageUp,
        name: "page up",
        keys: &[Key::Ctrl('u'), Key::PageUp],
        help: "a page up",
        contexts: LISTS,
        footer: false,
    },
    Binding {
        action: Action::PageDown,
        name: "page down",
        keys: &[Key::Ctrl('d'), Key::PageDown],
        help: "a page down",
        contexts: LISTS,
        footer: false,
    },
    Binding {
        action: Action::Top,
        name: "top",
        keys: &[Key::Char('g'), Key::Home],
        help: "to the first line",
        contexts: LISTS,
        footer: false,
    },
    Binding {
        action: Action::Bottom,
        name: "bottom",
        keys: &[Key::Char('G'), Key::End],
        help: "to the last line",
        contexts: LISTS,
        footer: false,
    },
    Binding {
        action: Action::Help,
        name: "help",
        keys: &[Key::Char('?')],
        help: "this page; again: back",
        contexts: LISTS,
        footer: true,
    },
    Binding {
        action: Action::Quit,
        name: "quit",
        keys: &[Key::Char('q')],
        help: "leave the console; the service goes on",
        contexts: LISTS,
        footer: true,
    },
    Binding {
        action: Action::Charset,
        name: "ASCII/UTF-8",
        keys: &[Key::Char('u')],
        help: "draw with ASCII, or with UTF-8 line characters",
        contexts: SCREENS,
        footer: false,
    },
    Binding {
        action: Action::Theme,
        name: "theme",
        keys: &[Key::Char('T')],
        help: "other colours: for a dark or a light background, none, or for the colour-blind",
        contexts: SCREENS,
        footer: false,
    },
    Binding {
        action: Action::Command,
        name: "command",
        keys: &[Key::Char(':')],
        help: "type what to do, as :open VI_1, :filter fault, :sort vrid; Tab completes",
        contexts: SCREENS,
        footer: false,
    },
    Binding {
        action: Action::Redraw,
        name: "redraw",
        keys: &[Key::Ctrl('l')],
        help: "ask the terminal for its size again and draw everything anew",
        contexts: &Context::ALL,
        footer: false,
    },
    Binding {
        action: Action::Interrupt,
        name: "quit",
        keys: &[Key::Ctrl('c')],
        help: "leave the console from anywhere",
        contexts: &Context::ALL,
        footer: false,
    },
];

/// What `key` does in `context`.
pub(crate) fn lookup(context: Context, key: Key) -> Option<Action> {
    in_context(context).find(|binding| binding.keys.contains(&key)).map(|binding| binding.action)
}

/// The rows that hold in `context`.
pub(crate) fn in_context(context: Context) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |binding| binding.contexts.contains(&context))
}

/// Whether an [`crate::ExtraAction`] may have this key: a printable character that no screen uses.
pub(crate) fn is_free(key: char) -> bool {
    key.is_ascii_graphic() && SCREENS.iter().all(|context| lookup(*context, Key::Char(key)).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_in_one_context() {
        for context in Context::ALL {
            let mut keys: Vec<Key> = in_context(context).flat_map(|binding| binding.keys).copied().collect();
            keys.sort_unstable();
            let count = keys.len();
            keys.dedup();
            assert_eq!(keys.len(), count, "{context:?} binds a key twice");
        }
    }

    #[test]
    fn no_key_is_bound_that_a_line_may_eat() {
        for key in BINDINGS.iter().flat_map(|binding| binding.keys) {
            assert!(!matches!(key, Key::Ctrl('s' | 'q' | 'z' | 'v' | 'o')), "{key}");
        }
    }

    #[test]
    fn everything_can_be_done_with_plain_keys() {
        // Arrows, Home, Tab and Shift-Tab get lost on some lines; letters, Ctrl and Enter do not.
        for binding in BINDINGS {
            let plain = |key: &&Key| matches!(key, Key::Char(_) | Key::Ctrl(_) | Key::Enter);
            assert!(binding.keys.iter().any(|key| plain(&key)), "{:?}", binding.action);
            assert!(!binding.help.is_empty() && !binding.name.is_empty());
        }
    }

    #[test]
    fn escape_never_leaves_or_changes_anything() {
        for context in Context::ALL {
            let action = lookup(context, Key::Esc);
            assert!(
                matches!(action, None | Some(Action::Back | Action::Cancel | Action::ShowAll | Action::Abandon)),
                "{context:?}: {action:?}"
            );
        }
    }

    #[test]
    fn every_context_says_how_to_leave_it() {
        for context in Context::ALL {
            assert_eq!(lookup(context, Key::Ctrl('c')), Some(Action::Interrupt));
            assert!(in_context(context).any(|binding| binding.footer));
        }
        assert!(!is_free('q') && !is_free('n') && !is_free('\u{1b}') && !is_free('é'));
        assert!(is_free('1') && is_free('c'));
    }
}
