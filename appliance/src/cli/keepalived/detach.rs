//! Into the background. The program starts itself again in a session of its own and waits until the service runs, so that
//! whoever starts it learns whether it does. No thread is forked away from others, and nothing is inherited by chance.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use crate::cli::complain;
use crate::service::RUNS;

use super::options::DETACHED;

/// Starts the service in the background. Ends when it runs, or has said why not.
pub(super) fn start(arguments: &[OsString], socket: Option<&Path>) -> ExitCode {
    match start_and_wait(arguments, socket) {
        Ok(exit) => exit,
        Err(error) => {
            complain(&format_args!("cannot start in the background: {error}"));
            super::super::Exit::Failed.into()
        }
    }
}

fn start_and_wait(arguments: &[OsString], socket: Option<&Path>) -> io::Result<ExitCode> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("keepalived").arg(DETACHED).args(arguments.iter().map(OsString::as_os_str));
    command.envs(socket.map(|socket| (OsStr::new("LOCUM_SOCKET"), socket)));
    // What it has to say before it runs it says where this process would.
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut word = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut word)?;
    }
    if word.trim_end() == RUNS {
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(super::super::Exit::Failed as u8).into())
}

/// Into a session without a terminal; no mounted file system is held by the working directory.
pub(super) fn leave_terminal() -> io::Result<()> {
    nix::unistd::setsid()?;
    std::env::set_current_dir("/")
}
