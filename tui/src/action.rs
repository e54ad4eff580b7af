//! The one table of what can be done with which key: keymap, footer, help and the test against double use come from it.
//!
//! Never bound, because some line or terminal eats them: Ctrl-S and Ctrl-Q (flow control), Ctrl-Z, function keys, Alt.

mod keymap;
mod table;

pub(crate) use keymap::Keymap;
pub(crate) use table::BINDINGS;
use table::SCREENS;

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
    Columns,
    Service,
    Doctor,
    Explain,
    New,
    Play(Step),
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
    QuitKeeping,
    Interrupt,
}

/// What can be done with a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Let it run, or hold it.
    Toggle,
    Faster,
    Back,
    On,
    FarBack,
    FarOn,
}

/// What has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    Overview,
    Instance,
    Peers,
    History,
    Changes,
    Service,
    Doctor,
    Help,
    Prompt,
    Form,
    Dialog,
}

impl Context {
    /// Every context.
    pub(crate) const ALL: [Self; 11] = [
        Self::Overview,
        Self::Instance,
        Self::Peers,
        Self::History,
        Self::Changes,
        Self::Service,
        Self::Doctor,
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
            Self::Service => "Service",
            Self::Doctor => "Doctor",
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

/// The rows that hold in `context`.
pub(crate) fn in_context(context: Context) -> impl Iterator<Item = &'static Binding> {
    BINDINGS.iter().filter(move |binding| binding.contexts.contains(&context))
}

/// Whether an [`crate::ExtraAction`] may have this key: a printable character that no screen uses.
pub(crate) fn is_free(key: char) -> bool {
    let keymap = Keymap::default();
    key.is_ascii_graphic() && SCREENS.iter().all(|context| keymap.lookup(*context, Key::Char(key)).is_none())
}

/// The name of a row as it is typed in a command or in the configuration file.
pub(crate) fn as_word(name: &str) -> String {
    name.to_lowercase().replace([' ', '/'], "-")
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
            let action = Keymap::default().lookup(context, Key::Esc);
            assert!(
                matches!(action, None | Some(Action::Back | Action::Cancel | Action::ShowAll | Action::Abandon)),
                "{context:?}: {action:?}"
            );
        }
    }

    #[test]
    fn every_context_says_how_to_leave_it() {
        for context in Context::ALL {
            assert_eq!(Keymap::default().lookup(context, Key::Ctrl('c')), Some(Action::Interrupt));
            assert!(in_context(context).any(|binding| binding.footer));
        }
        assert!(!is_free('q') && !is_free('n') && !is_free('\u{1b}') && !is_free('é'));
        assert!(is_free('1') && is_free('c') && is_free('x') && is_free('s') && is_free('a') && is_free('w'));
    }
}
