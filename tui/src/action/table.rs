//! The rows of the table.

use super::{Action, Binding, Context, Step};
use crate::key::Key;

const LISTS: &[Context] = &[
    Context::Overview,
    Context::Instance,
    Context::Peers,
    Context::History,
    Context::Changes,
    Context::Service,
    Context::Doctor,
    Context::Help,
];
pub(super) const SCREENS: &[Context] =
    &[Context::Overview, Context::Instance, Context::Peers, Context::History, Context::Changes, Context::Service];
const BELOW: &[Context] = &[
    Context::Instance,
    Context::Peers,
    Context::History,
    Context::Changes,
    Context::Service,
    Context::Doctor,
    Context::Help,
];

/// The table. Rows that come first are shown first in the footer.
#[rustfmt::skip] // a row a line
pub(crate) static BINDINGS: &[Binding] = &[
    shown(Action::Choose, "choose", &[Key::Enter], &[Context::Dialog], "do what the marked button says"),
    shown(Action::OtherButton, "next", &[Key::Tab, Key::Char('l'), Key::Right, Key::Char('j'), Key::Down], &[Context::Dialog], "mark the next button or field"),
    row(Action::PreviousButton, "previous", &[Key::Char('h'), Key::BackTab, Key::Left, Key::Char('k'), Key::Up], &[Context::Dialog], "mark the button or field before"),
    shown(Action::Choose, "done", &[Key::Enter], &[Context::Form], "go on: to what would change, or to the buttons"),
    shown(Action::OtherButton, "next", &[Key::Tab, Key::Ctrl('n'), Key::Down], &[Context::Form], "the next field or button"),
    row(Action::PreviousButton, "previous", &[Key::Ctrl('p'), Key::BackTab, Key::Up], &[Context::Form], "the field or button before"),
    shown(Action::Cancel, "cancel", &[Key::Esc, Key::Ctrl('g')], &[Context::Form], "leave everything as it is"),
    row(Action::Erase, "erase", &[Key::Backspace, Key::Ctrl('h')], &[Context::Form], "erase the last character"),
    shown(Action::EraseAll, "erase all", &[Key::Ctrl('u')], &[Context::Form], "erase the whole field"),
    shown(Action::Confirm, "yes", &[Key::Char('y')], &[Context::Dialog], "do it; where there are several ways, mark the first one"),
    shown(Action::Cancel, "cancel", &[Key::Esc, Key::Char('n')], &[Context::Dialog], "leave everything as it is"),
    shown(Action::Accept, "done", &[Key::Enter], &[Context::Prompt], "keep the filter, or do what the command says"),
    shown(Action::Abandon, "cancel", &[Key::Esc, Key::Ctrl('g')], &[Context::Prompt], "drop what was typed, and the filter with it"),
    shown(Action::Complete, "complete", &[Key::Tab, Key::Ctrl('e')], &[Context::Prompt], "complete the command, as far as there is only one way"),
    row(Action::Erase, "erase", &[Key::Backspace, Key::Ctrl('h')], &[Context::Prompt], "erase the last character; in an empty line: cancel"),
    row(Action::EraseAll, "erase all", &[Key::Ctrl('u')], &[Context::Prompt], "erase the whole line"),
    row(Action::Up, "up", &[Key::Up, Key::Ctrl('p')], &[Context::Prompt], "a line up in the list"),
    row(Action::Down, "down", &[Key::Down, Key::Ctrl('n')], &[Context::Prompt], "a line down in the list"),
    shown(Action::Play(Step::Toggle), "play", &[Key::Char(' ')], SCREENS, "let a recording run, or hold it"),
    shown(Action::Play(Step::Back), "10 s back", &[Key::Char('[')], SCREENS, "ten seconds back in a recording"),
    shown(Action::Play(Step::On), "10 s on", &[Key::Char(']')], SCREENS, "ten seconds on in a recording; :seek 16:35:15 goes to a time"),
    row(Action::Play(Step::FarBack), "5 min back", &[Key::Char('{')], SCREENS, "five minutes back in a recording"),
    row(Action::Play(Step::FarOn), "5 min on", &[Key::Char('}')], SCREENS, "five minutes on in a recording"),
    row(Action::Play(Step::Faster), "speed", &[Key::Char('*')], SCREENS, "a recording 4, 16 or 64 times as fast, or at once"),
    shown(Action::Open, "open", &[Key::Enter, Key::Char('o')], &[Context::Overview], "the marked instance: its adverts as they come, timers, causes, counters"),
    shown(Action::Explain, "explain", &[Key::Enter, Key::Char('o')], &[Context::History], "the instance at that moment: its timeline then, and what was heard before"),
    shown(Action::Back, "back", &[Key::Esc, Key::Char('b'), Key::Backspace], BELOW, "one screen back"),
    shown(Action::NextRouter, "routers", &[Key::Char('n'), Key::Tab], &[Context::Overview], "list one router's instances, those of the next one, or all again"),
    shown(Action::Resume, "resume", &[Key::Char('r')], &[Context::Overview, Context::Instance], "end the yield, preempt delay or start delay of the instance now (asks first)"),
    shown(Action::Keep, "confirm", &[Key::Char('K')], SCREENS, "keep the change that is on trial (asks first)"),
    shown(Action::TakeBack, "rollback", &[Key::Char('B')], SCREENS, "take the last change that is not saved back (asks first); :rollback 7 takes another"),
    shown(Action::Yield, "yield", &[Key::Char('y')], &[Context::Overview, Context::Instance], "hand over and stand back for a time (asks first); with its whole sync group"),
    shown(Action::Priority, "priority", &[Key::Char('P')], &[Context::Overview, Context::Instance], "another priority; shows what would change first"),
    shown(Action::Edit, "edit", &[Key::Char('e')], &[Context::Overview, Context::Instance], "change priority, preempt, intervals, addresses, peers; shows what would change first"),
    row(Action::Take, "take", &[Key::Char('M')], &[Context::Overview, Context::Instance], "become MASTER now, with a higher priority for a time where needed (asks first)"),
    row(Action::New, "new", &[Key::Char('A')], &[Context::Overview], "add an instance like the marked one, or from nothing; shows what would change first"),
    row(Action::Reload, "reload", &[Key::Char('R')], &[Context::Overview], "read the configuration file again; shows what would change first"),
    shown(Action::ZoomIn, "closer", &[Key::Char('+'), Key::Char('=')], &[Context::Instance], "less time in a column of the timeline"),
    shown(Action::ZoomOut, "wider", &[Key::Char('-')], &[Context::Instance], "more time in a column of the timeline"),
    shown(Action::Freeze, "freeze", &[Key::Char('f')], &[Context::Instance], "hold the timeline still, or let it run again; nothing is lost meanwhile"),
    row(Action::PanBack, "earlier", &[Key::Char('h'), Key::Left], &[Context::Instance], "move the timeline into the past (freezes it)"),
    row(Action::PanForward, "later", &[Key::Char('l'), Key::Right], &[Context::Instance], "move the timeline towards now"),
    shown(Action::NextInstance, "next", &[Key::Char('n'), Key::Tab], &[Context::Instance], "the next instance"),
    row(Action::PreviousInstance, "previous", &[Key::Char('N'), Key::BackTab], &[Context::Instance], "the previous instance"),
    shown(Action::Peers, "peers", &[Key::Char('p')], &[Context::Overview, Context::Instance, Context::History], "who was heard on each interface and with which VRID, strangers too; who would follow; free VRIDs"),
    shown(Action::History, "history", &[Key::Char('t')], &[Context::Overview, Context::Instance, Context::Peers], "the changes of state of all instances, newest first"),
    row(Action::Changes, "changes", &[Key::Char('C')], &[Context::Overview, Context::Instance, Context::Peers, Context::History], "the last changes of the configuration: who, when, what became of them"),
    shown(Action::Filter, "filter", &[Key::Char('/')], &[Context::Overview, Context::History], "show only lines with these words: names, interfaces, addresses, states, vrid45; !word: only lines without it; =VI_1: the whole word; since:10m"),
    row(Action::ShowAll, "show all", &[Key::Esc, Key::Char('b'), Key::Backspace], &[Context::Overview], "end the filter"),
    shown(Action::Sort, "sort", &[Key::Char('>')], &[Context::Overview], "another order: worst first, by name, by VRID, last change first"),
    row(Action::Columns, "columns", &[Key::Char('v')], &[Context::Overview], "choose the columns of the list; also :columns name state master"),
    row(Action::Doctor, "doctor", &[Key::Char('d')], &[Context::Overview, Context::Instance, Context::Peers, Context::History, Context::Service, Context::Doctor], "look for what keeps the instances from working: links, firewall, kernel settings, clock; again: look anew"),
    row(Action::Service, "service", &[Key::Char('i')], &[Context::Overview, Context::Instance, Context::Peers, Context::History], "the service itself: version, configuration, clocks, FIFOs, mail, connection"),
    row(Action::Up, "up", &[Key::Char('k'), Key::Up], LISTS, "a line up"),
    row(Action::Down, "down", &[Key::Char('j'), Key::Down], LISTS, "a line down"),
    row(Action::PageUp, "page up", &[Key::Ctrl('u'), Key::PageUp], LISTS, "a page up"),
    row(Action::PageDown, "page down", &[Key::Ctrl('d'), Key::PageDown], LISTS, "a page down"),
    row(Action::PageUp, "page up", &[Key::Ctrl('u'), Key::PageUp], &[Context::Dialog], "what stands above, where there is not room for all"),
    row(Action::PageDown, "page down", &[Key::Ctrl('d'), Key::PageDown], &[Context::Dialog], "what stands below, where there is not room for all"),
    row(Action::PageUp, "page up", &[Key::Ctrl('y'), Key::PageUp], &[Context::Form], "some fields back"),
    row(Action::PageDown, "page down", &[Key::Ctrl('d'), Key::PageDown], &[Context::Form], "some fields on"),
    row(Action::Top, "top", &[Key::Char('g'), Key::Home], LISTS, "to the first line"),
    row(Action::Bottom, "bottom", &[Key::Char('G'), Key::End], LISTS, "to the last line"),
    shown(Action::Help, "help", &[Key::Char('?')], LISTS, "this page; again: back"),
    row(Action::QuitKeeping, "leave the screen", &[Key::Char('Q')], LISTS, "leave the console and what it shows in the terminal"),
    shown(Action::Quit, "quit", &[Key::Char('q')], LISTS, "leave the console; the service goes on"),
    row(Action::Charset, "ASCII/UTF-8", &[Key::Char('u')], SCREENS, "draw with ASCII, or with UTF-8 line characters"),
    row(Action::Theme, "theme", &[Key::Char('T')], SCREENS, "other colours: for a dark or a light background, none, or for the colour-blind"),
    row(Action::Command, "command", &[Key::Char(':')], SCREENS, "type what to do, as :open VI_1, :filter fault, :sort vrid; Tab completes"),
    row(Action::Redraw, "redraw", &[Key::Ctrl('l')], &Context::ALL, "ask the terminal for its size again and draw everything anew"),
    row(Action::Interrupt, "quit", &[Key::Ctrl('c')], &Context::ALL, "leave the console from anywhere"),
];

/// A row.
const fn row(
    action: Action,
    name: &'static str,
    keys: &'static [Key],
    contexts: &'static [Context],
    help: &'static str,
) -> Binding {
    Binding { action, name, keys, help, contexts, footer: false }
}

/// A row that the footer shows, if there is room.
const fn shown(
    action: Action,
    name: &'static str,
    keys: &'static [Key],
    contexts: &'static [Context],
    help: &'static str,
) -> Binding {
    Binding { footer: true, ..row(action, name, keys, contexts, help) }
}
