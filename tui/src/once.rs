//! The overview as text, once: for scripts, and for lines on which no screen works.

use std::io::IsTerminal;

use locum_control::Verb;
use locum_control::client::{Client, ClientError};
use ratatui::layout::Size;

use crate::link::{Purpose, Report};
use crate::model::{Connection, Model};
use crate::options::{ConsoleError, Options};
use crate::profile::{Environment, Line, Profile};
use crate::text::clean;
use crate::update::{settle, take};
use crate::view;

/// The width where nobody says another.
const COLUMNS_DEFAULT: u16 = 80;
/// The widths that make sense.
const COLUMNS_MIN: u16 = 20;
const COLUMNS_MAX: u16 = 500;

/// The overview of the first of the routers as plain text: a line for each instance, the worst first, then a line for
/// each one that is in trouble. Touches no terminal.
///
/// The width is that of `options.size`, else of the terminal on standard output, else of the environment (`COLUMNS`),
/// else 80. Of the other options only the charset counts.
///
/// # Errors
/// [`ConsoleError::Service`] where the service does not answer.
pub fn once(options: &Options) -> Result<String, ConsoleError> {
    let router = options.routers.first().ok_or(ConsoleError::NoRouter)?;
    let environment = Environment::read();
    let profile = Profile::choose(&environment, Line::Pseudo, options);
    let terminal = || {
        let stdout = std::io::stdout();
        let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok()).flatten();
        size.map(|size| size.ws_col)
    };
    let known = |columns: Option<u16>| columns.filter(|columns| *columns > 0);
    let columns = known(options.size.map(|size| size.columns)).or_else(|| known(terminal()));
    let columns = columns.or_else(|| known(environment.columns)).unwrap_or(COLUMNS_DEFAULT);

    // A window high enough for everything: what is shown depends on the width alone.
    let size = Size::new(columns.clamp(COLUMNS_MIN, COLUMNS_MAX), COLUMNS_MAX);
    let mut model = Model::new(vec![router.clone()], size);
    model.unicode = profile.unicode;
    model.readonly = options.readonly;
    ask(&mut model).map_err(|error| ConsoleError::Service(router.socket.clone(), error))?;
    settle(&mut model);
    Ok(view::plain(&model))
}

/// Fetches what the service knows now.
fn ask(model: &mut Model) -> Result<(), ClientError> {
    let socket = model.routers.first().map(|router| router.socket.clone()).unwrap_or_default();
    let mut client = Client::connect(&socket)?;
    take(model, Report::Connected(client.hello().clone()));
    let (items, said) = client.request(Verb::Show { instance: None }).map_err(cleaned)?;
    take(model, Report::Begin(Purpose::All));
    for item in items {
        take(model, Report::Item(Box::new(item)));
    }
    take(model, Report::Done(Purpose::All, said));
    model.connection = Connection::Attached;
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
