//! Running programs: the tools of the system and the one under test.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a program said and how it ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs `command` to its end, without input.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn of(command: &mut Command) -> Self {
        let output =
            command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Both outputs, for messages.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs a tool that must succeed, and returns its standard output.
///
/// # Panics
/// When it fails, with what it said.
#[track_caller]
pub fn tool(program: &str, arguments: &[&str]) -> String {
    match try_tool(program, arguments) {
        Ok(stdout) => stdout,
        Err(error) => panic!("{error}"),
    }
}

/// Runs a tool, and returns its standard output or what it said when it failed.
pub(crate) fn try_tool(program: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {}: {}", arguments.join(" "), said.trim()))
}

/// Where `program` is, if it is installed, also where a user's PATH does not lead but root's does.
pub fn find_program(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(system).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

/// The binary under test: `LOCUM_BIN`, else `locum` in the target folder that this test was built into.
///
/// # Panics
/// When it is not there, with the command that builds it.
pub fn locum_binary() -> PathBuf {
    if let Some(path) = env::var_os("LOCUM_BIN") {
        let path = PathBuf::from(path);
        assert!(path.is_file(), "LOCUM_BIN names {}, which is not a file", path.display());
        return path;
    }
    let path = target_dir().join("locum");
    assert!(path.is_file(), "{} does not exist: build it with `cargo build -p locum`", path.display());
    path
}

/// Puts a copy of a program where `to` says, in place of what is there.
///
/// By a process of its own: what this one has open for writing is open for a moment in whatever another test starts meanwhile,
/// and a program that somebody has open for writing is not executed ("Text file busy").
///
/// # Panics
/// When it cannot be copied.
pub fn copy_program(from: impl AsRef<OsStr>, to: &Path) {
    let status = Command::new("install").args(["-m", "755"]).arg(from).arg(to).status().expect("install is there");
    assert!(status.success(), "{} is not copied: {status}", to.display());
}

/// The folder of the profile that this test was built into, as `target/debug`.
pub(crate) fn target_dir() -> PathBuf {
    let test = env::current_exe().expect("the test's own path");
    let deps = test.parent().expect("the folder that the test lies in");
    deps.parent().map_or_else(|| deps.to_owned(), Path::to_owned)
}

/// Runs the binary under test to its end, outside the lab.
#[track_caller]
pub fn locum<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Outcome {
    Outcome::of(Command::new(locum_binary()).args(arguments).env_remove("LOCUM_SOCKET"))
}
