//! Edits as they are named on the socket, made on a configuration.

use std::rc::Rc;

use locum_config::edit::{self, EditError, Edited};
use locum_config::model::TrackedBy;
use locum_config::{Configuration, Diagnostic, Model, Severity};
use locum_control::{Edit, ErrorCode, List};

use super::plan::ties;
use crate::machine::{self, Links};

/// A configuration with edits, to be run. One with an error is refused whole.
pub(super) fn with_edits(
    to: &Configuration,
    edits: &[Edit],
    links: Links,
) -> Result<Rc<Configuration>, (ErrorCode, String)> {
    edited(to, edits, links).map(|edited| Rc::new(edited.into_configuration()))
}

/// The same, to be written.
pub(super) fn edited(to: &Configuration, edits: &[Edit], links: Links) -> Result<Edited, (ErrorCode, String)> {
    let edits: Vec<_> = edits.iter().map(|edit| config_edit(to.model(), edit)).collect::<Result<_, _>>()?;
    machine::edit(to, &edits, links).map_err(|error| {
        let text = if let EditError::Invalid(with_errors) = &error {
            let errors = with_errors.diagnostics().iter().filter(|found| found.severity() == Severity::Error);
            let line = |found: &Diagnostic| match found.fix.as_ref() {
                "" => found.message.clone(),
                fix => format!("{}: {fix}", found.message),
            };
            let lines: Vec<_> = errors.map(line).collect();
            format!("{}; nothing is changed", lines.join("; "))
        } else {
            error.to_string()
        };
        (ErrorCode::BadRequest, text)
    })
}

/// The edit of the file. A tracker is looked up in the configuration, which knows of what kind it is.
pub(super) fn config_edit(model: &Model, edit: &Edit) -> Result<edit::Edit, (ErrorCode, String)> {
    let list = |list: List| {
        let keyword = match list {
            List::Vip => "virtual_ipaddress",
            List::ExcludedVip => "virtual_ipaddress_excluded",
            List::Peer => "unicast_peer",
        };
        keyword.to_owned()
    };
    let block = |instance: &str| edit::BlockName::instance(instance);
    Ok(match edit.clone() {
        Edit::Set { instance, keyword, values } => edit::Edit::Set { block: block(&instance), keyword, values },
        Edit::Unset { instance, keyword } => edit::Edit::Unset { block: block(&instance), keyword },
        Edit::Add { instance, list: to, words } => {
            edit::Edit::AddEntry { block: block(&instance), list: list(to), words }
        }
        Edit::Remove { instance, list: from, address } => {
            edit::Edit::RemoveEntry { block: block(&instance), list: list(from), entry: address.to_string() }
        }
        Edit::AddInstance { instance } => edit::Edit::AddBlock { block: block(&instance) },
        Edit::RemoveInstance { instance } => edit::Edit::RemoveBlock { block: block(&instance) },
        Edit::SetWeight { instance, tracker, weight } => {
            let list = tracked_in(model, &instance, &tracker)?;
            let words = vec![tracker, "weight".to_owned(), weight.to_string()];
            edit::Edit::SetEntry { block: block(&instance), list: list.to_owned(), words }
        }
    })
}

/// The list of an instance in which a tracker stands.
fn tracked_in(model: &Model, instance: &str, tracker: &str) -> Result<&'static str, (ErrorCode, String)> {
    let found = model.instance(instance);
    let tracks = found.map(|instance| &instance.tracks);
    let lists = tracks.map(|tracks| {
        [
            ("track_interface", &tracks.interfaces),
            ("track_script", &tracks.scripts),
            ("track_file", &tracks.files),
            ("track_process", &tracks.processes),
            ("track_probe", &tracks.probes),
        ]
    });
    let mut lists = lists.into_iter().flatten();
    let named = |(_, list): &(_, &Vec<TrackedBy>)| list.iter().any(|by| by.name.value == tracker);
    if let Some((keyword, _)) = lists.find(named) {
        return Ok(keyword);
    }
    let text = match ties::sync_group(model, instance) {
        _ if found.is_none() => format!("no instance is called {instance}"),
        Some(group) => {
            let group = &group.name.value;
            format!(
                "{instance} does not follow {tracker} by itself; if its sync group {group} does, change it in the file"
            )
        }
        None => format!("{instance} does not follow {tracker}"),
    };
    Err((ErrorCode::BadRequest, text))
}
