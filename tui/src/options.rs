//! What the caller of the console chooses, and how it ends.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use locum_control::client::ClientError;

use crate::schema::Schema;
use crate::settings::{self, Settings};

/// So many services can be attached to at once.
pub const ROUTERS_MAX: usize = 16;

/// What the console is started with. `Options::new(socket)` is a sensible start.
pub struct Options {
    /// The services to attach to, all at once. At least one, at most [`ROUTERS_MAX`].
    pub routers: Vec<Router>,
    /// The terminal.
    pub tty: Tty,
    /// Colours.
    pub colour: Colour,
    /// What the colours are used for.
    pub theme: Theme,
    /// Characters.
    pub charset: Charset,
    /// Whether the console draws on the terminal's other screen, and so leaves the scrollback as it was.
    pub alt_screen: AltScreen,
    /// The size to use where the terminal does not know its own (0×0 on many serial lines).
    pub size: Option<WindowSize>,
    /// The speed of the line in bits a second, where the terminal cannot know it (a serial line behind a converter).
    pub baud: Option<u32>,
    /// How long a lone Esc waits for the rest of a sequence; by default 50 ms, on serial lines and over SSH 250 ms.
    pub escape_timeout: Option<Duration>,
    /// Refuses every action that changes something.
    pub readonly: bool,
    /// Refuses them too once no key was pressed for so long, until the console is started again: for a console that is
    /// left open where others pass by. By default never.
    pub idle_lock: Option<Duration>,
    /// What may be written into an instance.
    pub schema: Schema,
    /// What only the configuration file can say.
    pub settings: Settings,
    /// Actions and status lines of the program around the console.
    pub extra: Option<Box<dyn Extra + Send>>,
}

impl Options {
    /// The console on standard input and output, attached to the service at `socket`.
    pub fn new(socket: PathBuf) -> Self {
        Self {
            routers: vec![Router::at_socket("", socket)],
            tty: Tty::Stdio,
            colour: Colour::Auto,
            theme: Theme::Dark,
            charset: Charset::Auto,
            alt_screen: AltScreen::Auto,
            size: None,
            baud: None,
            escape_timeout: None,
            readonly: false,
            idle_lock: None,
            schema: Schema::default(),
            settings: Settings::default(),
            extra: None,
        }
    }

    /// The same, as the user's configuration file has it, or that of the system: `$XDG_CONFIG_HOME/locum/console.conf`,
    /// else `~/.config/locum/console.conf`, else `/etc/locum/console.conf`. What is wrong with it is said on the screen.
    pub fn configured(socket: PathBuf) -> Self {
        let mut options = Self::new(socket);
        settings::load(&mut options);
        options
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("routers", &self.routers)
            .field("tty", &self.tty)
            .field("colour", &self.colour)
            .field("theme", &self.theme)
            .field("charset", &self.charset)
            .field("alt_screen", &self.alt_screen)
            .field("size", &self.size)
            .field("baud", &self.baud)
            .field("escape_timeout", &self.escape_timeout)
            .field("readonly", &self.readonly)
            .field("idle_lock", &self.idle_lock)
            .field("schema", &self.schema.instance.len())
            .field("settings", &self.settings)
            .field("extra", &self.extra.is_some())
            .finish()
    }
}

/// A service that the console attaches to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Router {
    /// What it is called where there are several; empty for its host's name.
    pub label: String,
    /// Where it is.
    pub endpoint: Endpoint,
}

impl Router {
    /// A service of this machine.
    pub fn at_socket(label: impl Into<String>, socket: impl Into<PathBuf>) -> Self {
        Self { label: label.into(), endpoint: Endpoint::Socket(socket.into()) }
    }

    /// A service that a command talks to on its standard input and output, as `ssh HOST locum proxy` does. It is given no
    /// terminal, so it must not ask for a password.
    pub fn by_command(label: impl Into<String>, command: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { label: label.into(), endpoint: Endpoint::Command(command.into_iter().map(Into::into).collect()) }
    }

    /// What a service said once.
    pub fn recorded(label: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        Self { label: label.into(), endpoint: Endpoint::Recording(file.into()) }
    }
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Behind its control socket.
    Socket(PathBuf),
    /// Behind a command and its arguments, on whose standard input and output it speaks.
    Command(Vec<OsString>),
    /// In a file: the first line says `{"locum_recording":1}`, and each of the others when a line was heard and what it
    /// was: `{"at_unix_ms":1795365318000,"line":{...}}`. What is said there is a conversation like that on the socket: a
    /// greeting, answers, notices.
    Recording(PathBuf),
}

impl Default for Endpoint {
    fn default() -> Self {
        Self::Socket(PathBuf::new())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) | Self::Recording(path) => write!(f, "{}", path.display()),
            Self::Command(words) => {
                for (index, word) in words.iter().enumerate() {
                    let blank = if index == 0 { "" } else { " " };
                    write!(f, "{blank}{}", word.display())?;
                }
                Ok(())
            }
        }
    }
}

/// Which terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tty {
    /// Standard output, and standard input if it is a terminal, else `/dev/tty`.
    Stdio,
    /// The terminal device at this path, for both directions.
    Path(PathBuf),
}

/// Which colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// What `TERM` and `COLORTERM` promise; none if `NO_COLOR` is set.
    #[default]
    Auto,
    /// None: bold, underline and reverse only.
    Never,
    /// The eight colours of the terminal's own palette (with bold: sixteen).
    Sixteen,
    /// The 256-colour palette.
    Indexed,
}

/// For which eyes and which background the colours are chosen. What they mean always stands there in words, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// For a dark background.
    #[default]
    Dark,
    /// For a light background.
    Light,
    /// Without colours, as with [`Colour::Never`].
    Mono,
    /// For people who cannot tell red from green, on a dark background.
    ColourBlind,
}

impl Theme {
    /// Every theme, as the key goes through them.
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::Mono, Self::ColourBlind];

    /// Its name, as on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Mono => "mono",
            Self::ColourBlind => "colour-blind",
        }
    }

    /// The one after it.
    pub(crate) const fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::Mono,
            Self::Mono => Self::ColourBlind,
            Self::ColourBlind => Self::Dark,
        }
    }
}

/// Which characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8 if `LC_ALL`, `LC_CTYPE` or `LANG` says so, else ASCII.
    #[default]
    Auto,
    /// Only ASCII.
    Ascii,
    /// UTF-8.
    Unicode,
}

/// Whether to use the terminal's other screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AltScreen {
    /// Where it is known to work, and not on serial lines.
    #[default]
    Auto,
    /// Never.
    Never,
    /// Always.
    Always,
}

/// A size in character cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSize {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// What a program around the console adds to it: actions, shown in the footer and the help, and lines of status.
///
/// Called from the console's loop: every method must return at once.
pub trait Extra {
    /// The actions, the same at every call.
    fn actions(&self) -> Vec<ExtraAction>;

    /// One of the actions' keys was pressed. Returns what to say about it.
    fn handle(&mut self, key: char) -> String;

    /// At most three lines, shown above the footer. Asked for once a second and after each action.
    fn status(&self) -> Vec<String>;
}

/// An action of an [`Extra`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraAction {
    /// A printable character that the console does not use itself.
    pub key: char,
    /// One or two words for the footer.
    pub name: String,
    /// A line for the help.
    pub help: String,
}

/// How the console ended, when it ended in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The user left.
    Quit,
    /// By this signal.
    Signal(i32),
    /// The terminal went away.
    TerminalLost,
}

/// Why the console could not run.
#[derive(Debug)]
pub enum ConsoleError {
    /// There is no terminal.
    NotATerminal,
    /// There is nothing to attach to.
    NoRouter,
    /// There are more than [`ROUTERS_MAX`].
    TooManyRouters(usize),
    /// The terminal device could not be opened.
    Open(PathBuf, io::Error),
    /// The terminal failed.
    Terminal(io::Error),
    /// The system refused a thread, a signal handler or a pipe.
    System(io::Error),
    /// An [`ExtraAction`] wants a key that the console uses itself, or that is no printable character.
    KeyTaken(char),
    /// None of the services answered, this the first of them; only [`crate::once`] fails so.
    Service(Endpoint, ClientError),
    /// A part of the console panicked; the terminal was restored.
    Panicked,
}

impl fmt::Display for ConsoleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotATerminal => f.write_str("the console needs a terminal; `locum show` works without one"),
            Self::NoRouter => f.write_str("no control socket to attach to"),
            Self::TooManyRouters(count) => write!(f, "{count} services are too many: at most {ROUTERS_MAX} at once"),
            Self::Open(path, error) => write!(f, "cannot open the terminal {}: {error}", path.display()),
            Self::Terminal(error) => write!(f, "the terminal failed: {error}"),
            Self::System(error) => write!(f, "the console cannot start: {error}"),
            Self::KeyTaken(key) => write!(f, "the key {key:?} is taken or cannot be typed"),
            Self::Service(endpoint, error) => write!(f, "{endpoint}: {error}"),
            Self::Panicked => f.write_str("the console failed and was ended; the terminal is restored"),
        }
    }
}

impl std::error::Error for ConsoleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open(_, error) | Self::Terminal(error) | Self::System(error) => Some(error),
            Self::Service(_, error) => Some(error),
            Self::NotATerminal | Self::NoRouter | Self::TooManyRouters(_) | Self::KeyTaken(_) | Self::Panicked => None,
        }
    }
}
