//! `locum notify-test`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use locum_config::Configuration;
use locum_config::model::Instance;
use locum_control::client::Client;
use locum_control::{Item, Verb};
use locum_core::vocabulary::State;

use super::{Exit, complain, default_configuration, print};
use crate::machine::{self, Links};
use crate::notify::{Standing, Trial, try_all};
use crate::task;
use crate::text::there_is;

pub(super) fn notify_test(socket: &Path, instance: Option<String>, file: Option<PathBuf>) -> Exit {
    let running = running(socket);
    let of_service = running.iter().find_map(|item| {
        let Item::Service(status) = item else { return None };
        Some(PathBuf::from(&status.configuration))
    });
    let file = file.or(of_service).unwrap_or_else(default_configuration);
    let configuration = match machine::load(&file, Links::default()) {
        Ok(configuration) => configuration,
        Err(error) => {
            complain(&error);
            return Exit::ConfigurationErrors;
        }
    };
    let Some(chosen) = choose(&configuration, instance.as_deref()) else { return Exit::Failed };
    let standing = running.iter().find_map(|item| {
        let Item::Instance(status) = item else { return None };
        let standing = Standing { state: status.state, priority: status.effective_priority };
        (status.name == *chosen.name).then_some(standing)
    });
    if standing.is_none() {
        complain(&format_args!(
            "no service answers about {}; the last word to its scripts is BACKUP",
            chosen.name.value
        ));
    }
    let standing = standing.unwrap_or(Standing { state: State::Backup, priority: *chosen.priority });
    let (mut tried, mut failed) = (0_u32, 0_u32);
    let tell = |trial: Trial| {
        tried += 1;
        failed += u32::from(trial.result.is_err());
        print(&text(&trial));
    };
    if let Err(error) = task::block_on(Box::pin(try_all(configuration.model(), chosen, standing, tell))) {
        complain(&error);
        return Exit::Failed;
    }
    match (tried, failed) {
        (0, _) => {
            complain(&format_args!("{} tells nobody: no script, no FIFO, no mail is configured", chosen.name.value));
            Exit::Failed
        }
        (_, 0) => print(&format!("{tried} tried, all well\n")),
        (_, _) => {
            print(&format!("{tried} tried, {failed} failed\n"));
            Exit::Failed
        }
    }
}

/// What the service says, if one runs.
fn running(socket: &Path) -> Vec<Item> {
    let asked = Client::connect(socket).and_then(|mut client| client.request(Verb::Show { instance: None }));
    asked.map(|(items, _)| items).unwrap_or_default()
}

fn choose<'a>(configuration: &'a Configuration, name: Option<&str>) -> Option<&'a Arc<Instance>> {
    let instances = &configuration.model().instances;
    let there_is = || there_is(&instances.iter().map(|instance| instance.name.value.as_str()).collect::<Vec<_>>());
    match (name, instances.as_slice()) {
        (Some(name), _) => {
            let found = configuration.model().instance(name);
            if found.is_none() {
                complain(&format_args!("no instance is called {name}; {}", there_is()));
            }
            found
        }
        (None, [only]) => Some(only),
        (None, []) => {
            complain(&"the configuration has no instance");
            None
        }
        (None, _) => {
            complain(&format_args!("say which instance; {}", there_is()));
            None
        }
    }
}

fn text(trial: &Trial) -> String {
    let (mark, result) = match &trial.result {
        Ok(text) => ("ok    ", text),
        Err(text) => ("FAILED", text),
    };
    let said: String = trial.last_lines.iter().map(|line| format!("         | {line}\n")).collect();
    format!("{mark}  {}: {result}\n{said}", trial.what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_and_what_scripts_said_below() {
        let trial = Trial {
            what: "INSTANCE VI_1: notify (MASTER)".into(),
            result: Err("exit 3, 5 ms".into()),
            last_lines: vec!["disk full".into()],
        };
        assert_eq!(text(&trial), "FAILED  INSTANCE VI_1: notify (MASTER): exit 3, 5 ms\n         | disk full\n");
    }
}
