//! What a start does first, without a start: takes out of the kernel what a service that is gone has left there.

use std::fs;
use std::path::{Path, PathBuf};

use super::StartError;
use super::journal::Journal;
use super::kernel::recovery::{self, Fate, Remnant};
use super::network::Network;
use super::start;
use crate::namespace;

/// Takes out of the kernel what the journal of this run directory lists, and the journal with it; or only says what would
/// go.
///
/// # Errors
/// When a service runs on the run directory, the journal cannot be understood, or the kernel cannot be asked.
pub(crate) fn cleanup(run_directory: &Path, socket: &Path, dry_run: bool) -> Result<Vec<Remnant>, StartError> {
    if !run_directory.exists() {
        return Ok(Vec::new());
    }
    let _lock = start::lock(run_directory)?;
    let journal = Journal::in_directory(run_directory);
    go_where_it_was_written(&journal, run_directory)?;
    let left = journal.read().map_err(|error| StartError::Journal(run_directory.to_owned(), error))?;
    let network = Network::read().map_err(StartError::Netlink)?;
    let mut remnants = recovery::clean(&left, &network, dry_run)?;
    // The lock says that nobody listens on it.
    if is_socket(socket) {
        remnants.push(remove_file(socket.to_owned(), dry_run));
    }
    let all_gone = remnants.iter().all(|remnant| matches!(remnant.fate, Fate::Removed));
    if !dry_run && all_gone {
        let failed = |error| StartError::Io("journal".into(), error);
        journal.clear().map_err(failed)?;
    }
    Ok(remnants)
}

/// Goes over to the network namespace that the journal is about.
fn go_where_it_was_written(journal: &Journal, run_directory: &Path) -> Result<(), StartError> {
    let failed = |error| StartError::Journal(run_directory.to_owned(), error);
    match journal.namespace().map_err(failed)? {
        None => Ok(()),
        Some(number) if number == namespace::own_number() => Ok(()),
        Some(number) => match namespace::name_of(number) {
            Some(name) => namespace::enter(&name).map_err(StartError::Namespace),
            None => Err(StartError::Elsewhere(run_directory.to_owned())),
        },
    }
}

fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

fn remove_file(path: PathBuf, dry_run: bool) -> Remnant {
    let what = path.display().to_string();
    let fate = match dry_run {
        true => Fate::Found,
        false => fs::remove_file(&path).map_or_else(|error| Fate::Refused(error.to_string()), |()| Fate::Removed),
    };
    Remnant { what, fate }
}
