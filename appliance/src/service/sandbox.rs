//! `--sandbox`: the service changes no files but those that its command line and its configuration name, and runs no
//! programs but those of the system. What it gave up at its start it does not get back: a configuration that needs more is
//! refused while it runs.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use locum_config::Configuration;
use locum_control::ErrorCode;

use super::heart::scripts;
use super::{Options, Service};
use crate::privileges::{Held, Place, Right, Scripts, restrict_files};

/// Where the doctor's programs are, and what they load.
const SYSTEM: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"];

/// Settings of interfaces, and devices as /dev/null.
const WRITTEN_TO: [&str; 2] = ["/proc/sys/net", "/dev"];

/// What the service has kept the right to. Without `--sandbox` that is everything.
#[derive(Debug, Default)]
pub(super) struct Sandbox {
    kept: Option<Vec<Place>>,
}

impl Sandbox {
    /// Gives up the rest, if the command line says so and nothing that is configured needs it.
    pub(super) fn close(options: &Options, configuration: &Configuration) -> Self {
        if !options.sandbox {
            return Self::default();
        }
        if scripts(configuration.model()) == Scripts::May {
            log::warn!("--sandbox: files are not restricted, because scripts are configured, which would be as well");
            return Self::default();
        }
        let places = needed(options, configuration);
        match restrict_files(&places) {
            Held::Not(why) => {
                log::warn!("--sandbox: files are not restricted: {why}");
                Self::default()
            }
            held @ (Held::Fully | Held::Partly) => {
                let mut text = String::new();
                for place in places.iter().filter(|place| matches!(place.right, Right::Change | Right::Clear)) {
                    let _ = write!(text, " {}", place.path.display()); // writing to a string does not fail
                }
                log::info!("--sandbox: files are changed below these directories only, {held}:{text}");
                Self { kept: Some(places) }
            }
        }
    }

    /// What a configuration needs beyond what was kept, in words.
    fn lacks(&self, options: &Options, new: &Configuration) -> Option<String> {
        let kept = self.kept.as_ref()?;
        if scripts(new.model()) == Scripts::May {
            return Some("scripts".into());
        }
        let lacking = needed(options, new).into_iter().find(|place| !kept.iter().any(|it| it.covers(place)))?;
        Some(format!("to change files in {}", lacking.path.display()))
    }
}

impl Service {
    /// Refuses a configuration that needs what the service has given up.
    pub(super) fn within_sandbox(&self, new: &Configuration) -> Result<(), (ErrorCode, String)> {
        match self.sandbox.lacks(&self.options, new) {
            None => Ok(()),
            Some(what) => {
                let text = format!(
                    "the configuration needs {what}, and the service was started with --sandbox, so it gave that up; \
                     nothing is changed. Start the service again for it"
                );
                Err((ErrorCode::Failed, text))
            }
        }
    }
}

/// What a service needs with this configuration.
fn needed(options: &Options, configuration: &Configuration) -> Vec<Place> {
    let mut places: Vec<Place> = SYSTEM.iter().map(|path| Place::new(path, Right::Run)).collect();
    places.extend(WRITTEN_TO.map(|path| Place::new(path, Right::Write)));
    let mut add = |path: Option<PathBuf>, right| {
        if let Some(path) = path {
            let place = Place { path, right };
            if !places.contains(&place) {
                places.push(place);
            }
        }
    };
    add(real(&options.run_directory), Right::Change);
    add(folder(&options.socket), Right::Clear);
    for path in &options.pid_files {
        add(folder(path), Right::Clear);
    }
    if let Some(directory) = &options.dumps {
        add(real(directory), Right::Change);
    }
    // Edits replace a file by another one beside it; of a symbolic link what it leads to.
    for path in configuration.sources().iter().filter_map(|source| source.path()) {
        add(real(path).as_deref().and_then(folder), Right::Change);
    }
    let model = configuration.model();
    let fifos = [&model.global.notify_fifo.fifo, &model.global.vrrp_notify_fifo.fifo];
    for fifo in fifos.into_iter().flatten() {
        add(folder(Path::new(&fifo.path)), Right::Change);
    }
    for file in model.track_files.iter().filter(|file| file.initial.is_some()) {
        add(file.path.as_ref().and_then(|path| folder(Path::new(&path.value))), Right::Change);
    }
    places
}

/// The directory of a file, without symbolic links.
fn folder(path: &Path) -> Option<PathBuf> {
    real(std::path::absolute(path).ok()?.parent()?)
}

/// A path without symbolic links, as far as there is something; Landlock goes by what they lead to.
fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().or_else(|_| std::path::absolute(path)).ok()
}

#[cfg(test)]
mod tests {
    use locum_config::Surroundings;

    use super::*;

    fn configuration(text: &str) -> Configuration {
        locum_config::check("test.conf", text.as_bytes(), &Surroundings::default())
    }

    #[test]
    fn what_was_given_up_is_named() {
        let options = Options { run_directory: "/run/x".into(), socket: "/run/x/s".into(), ..Options::default() };
        let file = |path: &str, init: &str| format!("track_file t {{\n file {path}\n {init}\n}}\n");
        let old = configuration(&file("/var/lib/a/t", "init_file 1"));
        let sandbox = Sandbox { kept: Some(needed(&options, &old)) };
        assert_eq!(sandbox.lacks(&options, &old), None);
        assert_eq!(sandbox.lacks(&options, &configuration(&file("/var/lib/a/deeper/t", "init_file 1"))), None);
        assert_eq!(sandbox.lacks(&options, &configuration(&file("/etc/t", ""))), None, "it is only read");
        let lacks = sandbox.lacks(&options, &configuration(&file("/etc/t", "init_file 1")));
        assert_eq!(lacks.as_deref(), Some("to change files in /etc"));
        let script = configuration("vrrp_script s {\n script /bin/true\n}\n");
        assert_eq!(sandbox.lacks(&options, &script).as_deref(), Some("scripts"));
        assert_eq!(Sandbox::default().lacks(&options, &script), None);
    }

    #[test]
    fn a_directory_covers_what_is_below_it_and_lesser_rights() {
        let place = |path: &str, right| Place::new(path, right);
        let run = place("/run/locum", Right::Change);
        assert!(run.covers(&place("/run/locum/mail", Right::Clear)));
        assert!(!run.covers(&place("/run/locumx", Right::Change)) && !run.covers(&place("/run", Right::Clear)));
        assert!(!run.covers(&place("/run/locum", Right::Run)));
        assert!(!place("/run/locum", Right::Clear).covers(&run));
    }
}
