//! Reading configuration files: the only place of this crate that asks the operating system.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::around::ScriptFile;
use crate::names::{NameKind, RouteNames};
use crate::source::limits;

/// A configuration file that cannot be read.
#[derive(Debug)]
pub struct LoadError {
    path: PathBuf,
    kind: LoadErrorKind,
}

#[derive(Debug)]
enum LoadErrorKind {
    Io(io::Error),
    NotAFile,
    TooLarge,
}

impl LoadError {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file does not exist.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(&self.kind, LoadErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self.kind, LoadErrorKind::TooLarge)
    }

    /// What can be done about it, where that is known.
    #[must_use]
    pub fn fix(&self) -> Option<&'static str> {
        match &self.kind {
            LoadErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                Some("name another file with `-f FILE`, or write this one")
            }
            LoadErrorKind::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Some("run it as root, or as a user who may read the file")
            }
            LoadErrorKind::Io(_) | LoadErrorKind::NotAFile | LoadErrorKind::TooLarge => None,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read the configuration {}: ", self.path.display())?;
        match &self.kind {
            LoadErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound => f.write_str("there is no such file"),
            LoadErrorKind::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                f.write_str("permission denied")
            }
            LoadErrorKind::Io(error) => error.fmt(f),
            LoadErrorKind::NotAFile => f.write_str("it is not a file"),
            LoadErrorKind::TooLarge => {
                write!(f, "it is larger than {} MiB, the most that is read", limits::TOTAL_BYTES >> 20)
            }
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            LoadErrorKind::Io(error) => Some(error),
            LoadErrorKind::NotAFile | LoadErrorKind::TooLarge => None,
        }
    }
}

/// Reads a file of at most `most` bytes. Devices, FIFOs and directories are refused: reading them may never end.
pub(crate) fn read(path: &Path, most: usize) -> Result<Vec<u8>, LoadError> {
    let fail = |kind| LoadError { path: path.to_owned(), kind };
    // Looked at before it is opened, because opening a FIFO waits for its writer.
    let metadata = std::fs::metadata(path).map_err(|error| fail(LoadErrorKind::Io(error)))?;
    if !metadata.is_file() {
        return Err(fail(LoadErrorKind::NotAFile));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let file = File::open(path).map_err(|error| fail(LoadErrorKind::Io(error)))?;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| fail(LoadErrorKind::Io(error)))?;
    if bytes.len() > most { Err(fail(LoadErrorKind::TooLarge)) } else { Ok(bytes) }
}

/// The names in a directory that are UTF-8; none when it cannot be read.
#[must_use]
pub fn names_in(path: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// The names that iproute2's files give to numbers on this machine.
#[must_use]
pub fn route_names() -> RouteNames {
    /// Where distributions put the files; those of `/etc` come last, so that they count.
    const FOLDERS: [&str; 3] = ["/usr/lib/iproute2", "/usr/share/iproute2", "/etc/iproute2"];
    /// Bytes of one file; Debian's have less than 1,000.
    const FILE_BYTES: usize = 64 * 1024;
    /// Files of one `.d` directory.
    const FILES: usize = 64;
    let mut names = RouteNames::default();
    for folder in FOLDERS.map(Path::new) {
        for kind in NameKind::ALL {
            let mut add = |path: &Path| {
                if let Ok(bytes) = read(path, FILE_BYTES) {
                    names.add(kind, &String::from_utf8_lossy(&bytes));
                }
            };
            add(&folder.join(kind.file()));
            let more = folder.join(format!("{}.d", kind.file()));
            let mut files = names_in(&more);
            files.retain(|name| name.ends_with(".conf"));
            files.sort_unstable();
            for name in files.iter().take(FILES) {
                add(&more.join(name));
            }
        }
    }
    names
}

/// What stands at the path of a script, by asking the file system.
#[must_use]
pub fn script_file(path: &Path) -> ScriptFile {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = std::fs::metadata(path) else { return ScriptFile::Missing };
    let mode = metadata.mode();
    if !metadata.is_file() {
        ScriptFile::NotAFile
    } else if mode & 0o111 == 0 {
        ScriptFile::NotExecutable
    } else if mode & 0o022 != 0 || metadata.uid() != 0 {
        ScriptFile::WritableByOthers
    } else {
        ScriptFile::Executable
    }
}
