//! The overview as text, once: for scripts, and for lines on which no screen works.

use std::io::{self, IsTerminal};
use std::time::Duration;

use locum_control::Verb;
use locum_control::client::{Client, ClientError};
use ratatui::layout::Size;

use crate::link::{Purpose, Report};
use crate::model::{Connection, Model};
use crate::options::{ConsoleError, Endpoint, Options};
use crate::profile::{Environment, Line, Profile};
use crate::text::clean;
use crate::transport::Child;
use crate::update::{settle, take};
use crate::view;

/// The width where nobody says another.
const COLUMNS_DEFAULT: u16 = 80;
/// The widths that make sense.
const COLUMNS_MIN: u16 = 20;
const COLUMNS_MAX: u16 = 500;

/// The overview as plain text: a line for each instance, the worst first, then a line for
/// each one that is in trouble. Touches no terminal.
///
/// The width is that of `options.size`, else of the terminal on standard output, else of the environment (`COLUMNS`),
/// else 80. Of the other options only the charset and the columns count.
///
/// # Errors
/// [`ConsoleError::Service`] where none of the services answers.
pub fn once(options: &Options) -> Result<String, ConsoleError> {
    if options.routers.is_empty() {
        return Err(ConsoleError::NoRouter);
    }
    let environment = Environment::read();
    let profile = Profile::choose(&environment, Line::Pseudo, options);
    let terminal = || {
        let stdout = io::stdout();
        let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok()).flatten();
        size.map(|size| size.ws_col)
    };
    let known = |columns: Option<u16>| columns.filter(|columns| *columns > 0);
    let columns = known(options.size.map(|size| size.columns)).or_else(|| known(terminal()));
    let columns = columns.or_else(|| known(environment.columns)).unwrap_or(COLUMNS_DEFAULT);

    // A window high enough for everything: what is shown depends on the width alone.
    let size = Size::new(columns.clamp(COLUMNS_MIN, COLUMNS_MAX), COLUMNS_MAX);
    let mut model = Model::new(options.routers.clone(), size);
    model.unicode = profile.unicode;
    model.readonly = options.readonly;
    model.columns = options.settings.columns.clone();
    let mut first_error = None;
    for (at, router) in options.routers.iter().enumerate() {
        if let Err(error) = ask(&mut model, at, &router.endpoint) {
            let lost = Report::Lost { reason: error.to_string(), retry_in: Duration::MAX };
            take(&mut model, at, lost);
            first_error.get_or_insert(ConsoleError::Service(router.endpoint.clone(), error));
        }
    }
    if let Some(error) = first_error.filter(|_| model.nodes.iter().all(|node| node.replica.hello.is_none())) {
        return Err(error);
    }
    settle(&mut model);
    Ok(view::plain(&model))
}

/// Fetches what the service knows now.
fn ask(model: &mut Model, at: usize, endpoint: &Endpoint) -> Result<(), ClientError> {
    let mut client;
    let _child;
    match endpoint {
        Endpoint::Socket(socket) => client = Client::connect(socket)?,
        Endpoint::Command(words) => {
            let child = Child::start(words).map_err(ClientError::Connect)?;
            let answer = child.blocking_stream().map_err(ClientError::Connect).and_then(Client::over);
            // What the command complained about says more than that it ended.
            client = answer.map_err(|error| match child.complaint() {
                Some(complaint) => ClientError::Connect(io::Error::other(complaint)),
                None => error,
            })?;
            _child = child;
        }
        Endpoint::Recording(_) => {
            return Err(ClientError::Nonsense("a recording is played by the console, not printed at once".into()));
        }
    }
    take(model, at, Report::Connected(client.hello().clone()));
    let (items, said) = client.request(Verb::Show { instance: None }).map_err(cleaned)?;
    take(model, at, Report::Begin(Purpose::All));
    for item in items {
        take(model, at, Report::Item(Box::new(item)));
    }
    take(model, at, Report::Done(Purpose::All, said));
    if let Some(node) = model.nodes.get_mut(at) {
        node.connection = Connection::Attached;
    }
    Ok(())
}

/// What a service says goes to a terminal in the end.
fn cleaned(error: ClientError) -> ClientError {
    const CHARS_MAX: usize = 300;
    match error {
        ClientError::Nonsense(what) => ClientError::Nonsense(clean(&what, CHARS_MAX)),
        ClientError::Refused(mut refusal) => {
            refusal.message = clean(&refusal.message, CHARS_MAX);
            ClientError::Refused(refusal)
        }
        other @ (ClientError::Connect(_)
        | ClientError::Broken(_)
        | ClientError::Closed
        | ClientError::Timeout
        | ClientError::Protocol(_)) => other,
    }
}
