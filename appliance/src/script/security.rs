//! Whether a script may be run: that it is there, that it can be executed, and that nobody but root can change what root
//! runs (keepalived.conf(5), `enable_script_security`).

use std::fmt;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Command;
use super::account::{Account, AccountError};

/// How strictly scripts are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Security {
    /// What others can write is run all the same.
    #[default]
    Lenient,
    /// `enable_script_security`: what root runs, only root may be able to write, along its whole path.
    Enforced,
}

/// Why a script is not to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Insecure {
    /// Its user or group does not exist.
    Account(AccountError),
    /// Nothing is at its path, or nothing of its name in the directories of `PATH`.
    NotFound(PathBuf),
    /// What is at its path is a directory, a device, …
    NotAFile(PathBuf),
    /// Its user may not execute it, or not enter a directory of its path.
    NotExecutable(PathBuf, String),
    /// Others than root can change this file or directory, and root would run it.
    WritableByOthers(PathBuf),
    /// It could not be looked at.
    Unknown(PathBuf, String),
}

impl fmt::Display for Insecure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(error) => error.fmt(f),
            Self::NotFound(path) => write!(f, "not found: {}", path.display()),
            Self::NotAFile(path) => write!(f, "not a file: {}", path.display()),
            Self::NotExecutable(path, user) => write!(f, "not executable by {user}: {}", path.display()),
            Self::WritableByOthers(path) => {
                write!(f, "writable by others than root, and it would run as root: {}", path.display())
            }
            Self::Unknown(path, error) => write!(f, "{} cannot be looked at: {error}", path.display()),
        }
    }
}

impl std::error::Error for Insecure {}

/// Whether the command may be run.
///
/// # Errors
/// The first reason why not.
pub(crate) fn check(command: &Command, security: Security) -> Result<(), Insecure> {
    let account = command.account().map_err(|error| Insecure::Account(error.clone()))?;
    if command.opens_only().is_some() {
        return Ok(());
    }
    let path = find(command.program(), std::env::var_os("PATH").as_deref())?;
    let real = path.canonicalize().map_err(|error| refusal(&path, &error))?;
    let metadata = real.metadata().map_err(|error| refusal(&real, &error))?;
    if !metadata.is_file() {
        return Err(Insecure::NotAFile(path));
    }
    if !may_execute(&metadata, account) {
        return Err(Insecure::NotExecutable(path, account.name.clone()));
    }
    if let Some(closed) = ancestors(&real).find(|directory| !may_enter(directory, account)) {
        return Err(Insecure::NotExecutable(closed.to_owned(), account.name.clone()));
    }
    if security == Security::Enforced && runs_as_root(&metadata, account) {
        // Both ways: the links of the path that is written, and where they lead.
        only_root_can_change(&std::path::absolute(&path).map_err(|error| refusal(&path, &error))?)?;
        only_root_can_change(&real)?;
    }
    Ok(())
}

fn refusal(path: &Path, error: &io::Error) -> Insecure {
    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
        Insecure::NotFound(path.to_owned())
    } else {
        Insecure::Unknown(path.to_owned(), error.to_string())
    }
}

/// A name without a slash is looked for in the directories of `PATH`, as execvp(3) does.
fn find(program: &Path, directories: Option<&std::ffi::OsStr>) -> Result<PathBuf, Insecure> {
    if program.as_os_str().as_encoded_bytes().contains(&b'/') {
        return Ok(program.to_owned());
    }
    let directories = directories.unwrap_or_else(|| std::ffi::OsStr::new("/usr/sbin:/usr/bin:/sbin:/bin"));
    std::env::split_paths(directories)
        .map(|directory| directory.join(program))
        .find(|path| path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0))
        .ok_or_else(|| Insecure::NotFound(program.to_owned()))
}

fn ancestors(path: &Path) -> impl Iterator<Item = &Path> {
    path.ancestors().skip(1)
}

/// The permission bits that hold for the user, of `x` alone.
fn may_execute(metadata: &Metadata, account: &Account) -> bool {
    let mode = metadata.mode();
    if account.uid.is_root() {
        return mode & 0o111 != 0 || metadata.is_dir();
    }
    if metadata.uid() == account.uid.as_raw() {
        mode & 0o100 != 0
    } else if metadata.gid() == account.gid.as_raw()
        || account.groups.iter().any(|group| group.as_raw() == metadata.gid())
    {
        mode & 0o010 != 0
    } else {
        mode & 0o001 != 0
    }
}

/// What cannot be looked at here may well be open to the kernel (access control lists): only a clear no counts.
fn may_enter(directory: &Path, account: &Account) -> bool {
    directory.metadata().map_or(true, |metadata| may_execute(&metadata, account))
}

fn runs_as_root(metadata: &Metadata, account: &Account) -> bool {
    let mode = metadata.mode();
    account.uid.is_root()
        || account.gid.as_raw() == 0
        || (metadata.uid() == 0 && mode & 0o4000 != 0)
        || (metadata.gid() == 0 && mode & 0o2000 != 0)
}

/// Looks at the file and at each directory above it, links not followed.
fn only_root_can_change(path: &Path) -> Result<(), Insecure> {
    for part in path.ancestors() {
        let metadata = part.symlink_metadata().map_err(|error| refusal(part, &error))?;
        let mode = metadata.mode();
        // In a directory with the sticky bit nobody can replace what belongs to others; a link has no mode of its own.
        let is_exempt = metadata.is_symlink() || (metadata.is_dir() && mode & 0o1000 != 0);
        let by_group = mode & 0o020 != 0 && metadata.gid() != 0;
        if metadata.uid() != 0 || (!is_exempt && (by_group || mode & 0o002 != 0)) {
            return Err(Insecure::WritableByOthers(part.to_owned()));
        }
    }
    Ok(())
}
