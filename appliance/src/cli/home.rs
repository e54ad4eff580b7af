//! Where the service of a configuration runs and what it is called: `net_namespace` and `instance`. From them follow the
//! run directory and the name in the log, so that several services on a machine do not meet.

use std::path::{Path, PathBuf};

use locum_config::files::names_in;

use super::{RUN_DIRECTORY, complain};
use crate::{machine, namespace};

/// A service among several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Home {
    /// The network namespace that it runs in.
    pub(super) net_namespace: Option<String>,
    /// Its name.
    pub(super) instance: Option<String>,
}

impl Home {
    /// What the file says. One that cannot be read says nothing; whoever reads it next says why.
    pub(super) fn of(file: &Path) -> Self {
        let said = machine::home(file).unwrap_or_default();
        Self {
            net_namespace: said.net_namespace.map(|name| name.value),
            instance: said.instance.map(|name| name.value),
        }
    }

    /// What distinguishes it: the namespace, then the name.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        [&self.net_namespace, &self.instance].into_iter().flatten().map(String::as_str)
    }

    /// Where it keeps what must survive a restart, if nobody says otherwise: `/run/locum`, and a dash before each part.
    pub(super) fn run_directory(&self) -> PathBuf {
        self.parts().fold(RUN_DIRECTORY.to_owned(), |path, part| format!("{path}-{part}")).into()
    }

    /// What it is called in the log: as keepalived, with `_` before each part.
    pub(super) fn log_name(&self) -> String {
        self.parts().fold("locum".to_owned(), |name, part| format!("{name}_{part}"))
    }

    /// Goes over to its network namespace.
    ///
    /// # Errors
    /// Why that is not possible, and what to do.
    pub(super) fn enter(&self) -> Result<(), String> {
        match &self.net_namespace {
            Some(name) => namespace::enter(name).map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }

    /// Goes there to look around, for a command that is of use without that as well. Returns whether what is around is
    /// what the service meets.
    pub(super) fn visit(&self) -> bool {
        let Some(name) = &self.net_namespace else { return true };
        match namespace::enter(name) {
            Ok(()) => true,
            Err(error) => {
                // That there is none is found with the rest of the configuration.
                if namespace::names().contains(name) {
                    complain(&format_args!("interfaces and addresses are not looked at: {error}"));
                }
                false
            }
        }
    }
}

/// The sockets of services that were given another place by `net_namespace` or `instance`.
pub(super) fn other_sockets() -> Vec<PathBuf> {
    let run = Path::new(RUN_DIRECTORY);
    let (Some(above), Some(name)) = (run.parent(), run.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let mut others = names_in(above);
    others.retain(|other| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')));
    others.sort_unstable();
    let sockets = others.iter().map(|other| above.join(other).join(super::SOCKET));
    sockets.filter(|socket| socket.exists()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_of_one_machine_do_not_meet() {
        let home = |net_namespace: Option<&str>, instance: Option<&str>| Home {
            net_namespace: net_namespace.map(str::to_owned),
            instance: instance.map(str::to_owned),
        };
        for (home, directory, name) in [
            (home(None, None), "/run/locum", "locum"),
            (home(Some("blue"), None), "/run/locum-blue", "locum_blue"),
            (home(None, Some("two")), "/run/locum-two", "locum_two"),
            (home(Some("blue"), Some("two")), "/run/locum-blue-two", "locum_blue_two"),
        ] {
            assert_eq!((home.run_directory(), home.log_name()), (directory.into(), name.to_owned()));
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_says_nothing() {
        assert_eq!(Home::of(Path::new("/nonexistent/locum.conf")), Home::default());
        assert_eq!(Home::of(Path::new("/dev/zero")), Home::default());
    }
}
