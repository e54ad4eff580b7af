//! `locum check`

use std::io::{self, IsTerminal};
use std::path::Path;

use locum_config::{Configuration, LoadError, Severity, Style};

use super::home::Home;
use super::{Exit, complain, print, print_json};
use crate::machine::{self, Links};
use crate::service::links;

pub(super) fn check(file: &Path, json: bool, strict: bool) -> Exit {
    let configuration = match load(file) {
        Ok(configuration) => configuration,
        Err(error) => {
            complain(&match error.fix() {
                Some(fix) => format!("{error}\nhelp: {fix}"),
                None => error.to_string(),
            });
            return Exit::ConfigurationErrors;
        }
    };
    let printed = if json {
        print_json(&configuration.report())
    } else {
        let color = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let counted = |severity: Severity| severity.counted(configuration.count(severity));
        let instances = configuration.model().instances.len();
        print(&format!(
            "{}{}: {instances} instance{}, {}, {}, {}\n",
            configuration.render_text(Style { color, width: 100 }),
            file.display(),
            if instances == 1 { "" } else { "s" },
            counted(Severity::Error),
            counted(Severity::Warning),
            counted(Severity::Lint),
        ))
    };
    if configuration.has_errors() {
        Exit::ConfigurationErrors
    } else if strict && configuration.has_warnings() {
        Exit::ConfigurationWarnings
    } else {
        printed
    }
}

/// Reads and checks a configuration with what there is where its service runs. This process is there from then on, if it
/// may.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn load(file: &Path) -> Result<Configuration, LoadError> {
    load_at(file, &Home::of(file))
}

/// The same, for a service that is to run elsewhere than the file says.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn load_at(file: &Path, home: &Home) -> Result<Configuration, LoadError> {
    let links = if home.visit() { links(&home.run_directory()) } else { Links::default() };
    machine::load(file, links)
}
