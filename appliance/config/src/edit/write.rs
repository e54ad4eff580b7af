//! Putting a file in the place of another, so that after any accident one of the two is there, whole.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::files;
use crate::source::limits;

/// Why a file was not replaced. It is as it was.
#[derive(Debug)]
pub enum WriteError {
    /// The configuration was not read from a file.
    NoFile,
    /// Somebody changed the file since it was read.
    Changed(PathBuf),
    /// The operating system refused a step.
    Io {
        /// What was to be done.
        step: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The new file is in place, but it cannot be told whether the directory has reached the disk: after a loss of power
    /// the old one may be back.
    NotSynced(PathBuf, io::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFile => f.write_str("the configuration was not read from a file"),
            Self::Changed(path) => {
                write!(f, "{} was changed since it was read; look at it, then edit again", path.display())
            }
            Self::Io { step, path, error } => write!(f, "cannot {step} {}: {error}", path.display()),
            Self::NotSynced(path, error) => {
                write!(f, "{} is changed, but may not be on the disk yet: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } | Self::NotSynced(_, error) => Some(error),
            Self::NoFile | Self::Changed(_) => None,
        }
    }
}

/// Puts `new` in the place of the file at `path`, if that still holds `old`. Symbolic links are followed; what they lead
/// to is replaced. Owner, group and mode stay.
pub(super) fn replace(path: &Path, old: &[u8], new: &[u8]) -> Result<(), WriteError> {
    let real = fs::canonicalize(path).map_err(failed("find", path))?;
    let before = fs::metadata(&real).map_err(failed("look at", &real))?;
    match files::read(&real, limits::TOTAL_BYTES) {
        Ok(now) if now == old => {}
        _ => return Err(WriteError::Changed(real)),
    }
    if old == new {
        return Ok(());
    }
    let directory = real.parent().unwrap_or(Path::new("/"));
    let (mut file, temporary) = Temporary::create(directory, &real)?;
    let path = temporary.path.clone();
    let failed_there = |step| failed(step, &path);
    // First the owner: a change of it takes bits of the mode away.
    let made = file.metadata().map_err(failed_there("look at"))?;
    if (made.uid(), made.gid()) != (before.uid(), before.gid()) {
        fchown(&file, Some(before.uid()), Some(before.gid())).map_err(failed_there("give its owner to"))?;
    }
    file.set_permissions(Permissions::from_mode(before.mode() & 0o7777)).map_err(failed_there("set the mode of"))?;
    file.write_all(new).map_err(failed_there("write"))?;
    file.sync_all().map_err(failed_there("write"))?;
    let now = fs::metadata(&real).map_err(failed("look at", &real))?;
    if !is_same(&before, &now) {
        return Err(WriteError::Changed(real));
    }
    fs::rename(&temporary.path, &real).map_err(failed("replace", &real))?;
    temporary.keep();
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(|error| WriteError::NotSynced(real, error))
}

fn failed(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    move |error| WriteError::Io { step, path, error }
}

/// Whether nobody wrote or replaced the file between two looks at it.
fn is_same(before: &Metadata, now: &Metadata) -> bool {
    let look = |file: &Metadata| (file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec());
    look(before) == look(now)
}

/// A file of ours that goes away again, unless it is kept.
struct Temporary {
    path: PathBuf,
    keep: bool,
}

impl Temporary {
    /// In the directory of the file that it is for, because only there renaming is one step; open to nobody else, because
    /// of the passwords in it.
    fn create(directory: &Path, target: &Path) -> Result<(File, Self), WriteError> {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let mut attempt = 0;
        loop {
            let path = directory.join(format!(".{name}.locum-{}-{attempt}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => return Ok((file, Self { path, keep: false })),
                // Left behind by one that was killed, and had the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 9 => attempt += 1,
                Err(error) => return Err(failed("make", &path)(error)),
            }
        }
    }

    fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.keep {
            let _ = fs::remove_file(&self.path); // nothing depends on it
        }
    }
}
