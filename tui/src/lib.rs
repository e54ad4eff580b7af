//! locum's console: what the routers of a group say to each other, on any terminal.
//!
//! Built as model, update and view. [`run`] is the only part that does I/O:
//!
//! ```text
//!  terminal ──► input (bytes → keys) ─┐                        ┌─► view (model → cells) ─► painter ─► terminal
//!  signals ───────────────────────────┼─► update (model, event)┤
//!  services ◄─► links (lines → events)┘                        └─► commands ─► links, terminal
//! ```
//!
//! There is a link for each service: to its socket, to a command that carries the conversation elsewhere, or to a recording
//! that is played.
//!
//! [`once`] prints the overview as text and touches no terminal.
//!
//! The threads (terminal, signals, a link each) feed one bounded channel; the loop takes what is there, then draws. Nothing
//! here needs terminfo: `profile` says what a terminal may be sent, and `backend` sends nothing else.

mod action;
mod backend;
mod clock;
mod columns;
mod command;
mod console;
#[cfg(test)]
mod fixture;
mod input;
mod key;
mod link;
mod model;
mod once;
mod options;
mod pace;
mod painter;
mod profile;
mod replay;
mod schema;
mod settings;
mod terminal;
mod text;
mod theme;
mod transport;
mod update;
mod view;

pub use console::run;
pub use once::once;
pub use options::{
    AltScreen, Charset, Colour, ConsoleError, Ending, Endpoint, Extra, ExtraAction, Options, ROUTERS_MAX, Router,
    Theme, Tty, WindowSize,
};
pub use schema::{Keyword, Schema, Takes};
pub use settings::Settings;
