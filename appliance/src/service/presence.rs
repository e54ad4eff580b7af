//! What a running service is known by: its PID files, and the word to a process that waits for it to run.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc;
use nix::unistd::{dup2_stderr, dup2_stdout};

use super::Options;
use super::start::StartError;

/// The word, on standard output.
pub(crate) const RUNS: &str = "runs";

/// The service is about to start: writes the PID files.
///
/// # Errors
/// One that cannot be written.
pub(super) fn appear(options: &Options) -> Result<(), StartError> {
    let write =
        |path: &PathBuf| write(path).map_err(|error| StartError::Io(format!("PID file {}", path.display()), error));
    options.pid_files.iter().try_for_each(write).inspect_err(|_| disappear(options))
}

/// The service runs: says so to whoever waits for that.
///
/// # Errors
/// What the kernel says.
pub(super) fn tell_parent(options: &Options) -> io::Result<()> {
    if options.waiting_parent {
        // Whoever waited may have gone; and from here on there is no terminal to write to.
        let _ = writeln!(io::stdout().lock(), "{RUNS}").and_then(|()| io::stdout().lock().flush());
        let null = OpenOptions::new().write(true).open("/dev/null")?;
        dup2_stdout(&null).and_then(|()| dup2_stderr(&null)).map_err(io::Error::from)?;
    }
    Ok(())
}

/// The service has ended.
pub(super) fn disappear(options: &Options) {
    for path in &options.pid_files {
        let is_ours = fs::read_to_string(path).is_ok_and(|text| text.trim() == std::process::id().to_string());
        if is_ours && let Err(error) = fs::remove_file(path) {
            log::warn!("PID file {}: {error}", path.display());
        }
    }
}

/// A symbolic link in its place is not followed.
fn write(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file: File =
        options.write(true).create(true).truncate(true).mode(0o644).custom_flags(libc::O_NOFOLLOW).open(path)?;
    writeln!(file, "{}", std::process::id())
}
