//! Programs of the system that are asked, and only to list.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Where they are looked for. Not where a variable of the environment says: the service asks with its privileges.
const FOLDERS: [&str; 6] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin"];
/// How long one may take. There are up to three, and who asks the service waits for ten seconds.
const PATIENCE: Duration = Duration::from_secs(3);
/// As much of what it says is read.
const OUTPUT_BYTES_MAX: usize = 8 << 20;
const COMPLAINT_BYTES_MAX: u64 = 2_048;

/// Why a program has not said what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ToolError {
    /// It is not installed.
    Missing,
    /// It failed, in its words or ours.
    Failed(String),
}

/// What a program prints.
///
/// # Errors
/// When it is not there, fails, takes too long or prints too much.
pub(super) fn ask(program: &str, arguments: &[&str]) -> Result<String, ToolError> {
    let path = find(program).ok_or(ToolError::Missing)?;
    let failed = |what: &str| ToolError::Failed(format!("{program}: {what}"));
    let mut command = Command::new(path);
    command.args(arguments).env_clear().env("PATH", FOLDERS.join(":")).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(&error.to_string()))?;
    let read = listen(&mut child, Instant::now() + PATIENCE);
    if read.is_err() {
        let _ = child.kill(); // it may have ended just now
    }
    let status = child.wait().map_err(|error| failed(&error.to_string()))?;
    let output = read.map_err(|what| failed(&what))?;
    if !status.success() {
        let mut complaint = String::new();
        if let Some(errors) = child.stderr.take() {
            // What cannot be read is not told; that it failed is. As a file, for files are read so elsewhere.
            let errors = File::from(OwnedFd::from(errors));
            let _ = errors.take(COMPLAINT_BYTES_MAX).read_to_string(&mut complaint);
        }
        let line =
            complaint.lines().find(|line| !line.trim().is_empty()).map_or_else(|| status.to_string(), Into::into);
        return Err(failed(line.trim()));
    }
    String::from_utf8(output).map_err(|_| failed("what it says is not UTF-8"))
}

fn find(program: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(program)).find(|path| path.is_file())
}

/// Reads until it has closed its output.
fn listen(child: &mut Child, deadline: Instant) -> Result<Vec<u8>, String> {
    let Some(output) = child.stdout.as_mut() else { return Err("it has no output".into()) };
    let mut bytes = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(output.as_fd(), PollFlags::POLLIN)], left) {
            Ok(0) => return Err(format!("it has not answered within {} s", PATIENCE.as_secs())),
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.desc().into()),
        }
        let mut chunk = [0; 16 * 1024];
        let count = output.read(&mut chunk).map_err(|error| error.to_string())?;
        if count == 0 {
            return Ok(bytes);
        }
        if bytes.len() + count > OUTPUT_BYTES_MAX {
            return Err("it says more than can be read".into());
        }
        bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_and_what_fails_says_why() {
        assert_eq!(ask("echo", &["word"]), Ok("word\n".into()));
        assert_eq!(ask("no-such-program", &[]), Err(ToolError::Missing));
        let failed = ask("sh", &["-c", "echo >&2; echo 'not allowed' >&2; exit 3"]);
        assert_eq!(failed, Err(ToolError::Failed("sh: not allowed".into())));
        let endless = ask("yes", &[]);
        assert_eq!(endless, Err(ToolError::Failed("yes: it says more than can be read".into())));
    }
}
