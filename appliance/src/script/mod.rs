//! Running one command of the configuration: a check, a notification.
//!
//! A command runs in a process group of its own, with nothing to read, as the user that the configuration says, and no
//! longer than it may. Its last lines and its end are kept; it is always reaped. Read credentials(7) and signal(7) before
//! changing it.
//!
//! - [`account`]: users and groups.
//! - [`output`]: what it prints.
//! - [`run`](mod@run): from its start to its end.
//! - [`security`]: whether it may run at all.
//! - [`signals`]: those that it must not inherit as ignored.

mod account;
mod output;
mod run;
mod security;
mod signals;

use std::cell::OnceCell;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use locum_config::model::{Global, Script};

pub(crate) use self::account::{Account, AccountError};
pub(crate) use self::run::{End, NotStarted, Outcome, Run, run};
pub(crate) use self::security::{Security, check};

/// What loaders and shells are led astray by; no script gets it from the service's own environment.
const NOT_PASSED_ON: [&str; 3] = ["IFS", "LD_PRELOAD", "LD_LIBRARY_PATH"];

/// What holds for all scripts of a configuration.
#[derive(Clone, Debug)]
pub(crate) struct Customs {
    /// `script_user`
    script_user: Option<(String, Option<String>)>,
    /// What scripts run as that name no user. Looked up for the first of them: libc loads libraries for it.
    account: OnceCell<Result<Account, AccountError>>,
    /// How strictly they are looked at.
    pub(crate) security: Security,
}

impl Customs {
    /// Those of `global_defs`.
    pub(crate) fn of(global: &Global) -> Self {
        let script_user = global.script_user.as_ref().map(|user| user.value.clone());
        let security = if *global.script_security { Security::Enforced } else { Security::Lenient };
        Self { account: OnceCell::new(), script_user, security }
    }

    fn account(&self) -> &Result<Account, AccountError> {
        self.account.get_or_init(|| Account::customary(self.script_user.as_ref()))
    }
}

impl PartialEq for Customs {
    /// Whether scripts run in the same way; a user that neither has looked up is nobody's.
    fn eq(&self, other: &Self) -> bool {
        let accounts = || {
            let is_known = self.account.get().or(other.account.get()).is_some();
            !is_known || self.account() == other.account()
        };
        self.script_user == other.script_user && self.security == other.security && accounts()
    }
}

/// A command that is ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    /// The user and group that are named, by itself or for all.
    named: Option<(String, Option<String>)>,
    account: Result<Account, AccountError>,
}

impl Command {
    /// A command of the configuration. Looks its user up.
    pub(crate) fn new(script: &Script, customs: &Customs) -> Self {
        let (named, account) = match &script.user {
            Some(user) => (Some((user.clone(), script.group.clone())), Account::named(user, script.group.as_deref())),
            None => (customs.script_user.clone(), customs.account().clone()),
        };
        let mut words = script.words.iter().map(OsString::from);
        let program = words.next().unwrap_or_default();
        Self { program, arguments: words.collect(), environment: Vec::new(), named, account }
    }

    /// With one argument more.
    pub(crate) fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// With a variable more in its environment.
    pub(crate) fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The program, as it is written.
    pub(crate) fn program(&self) -> &Path {
        Path::new(&self.program)
    }

    /// Who it runs as.
    ///
    /// # Errors
    /// When there is no such user or group.
    pub(crate) const fn account(&self) -> Result<&Account, &AccountError> {
        self.account.as_ref()
    }

    /// Looks its user up again where there was none before.
    pub(crate) fn look_again(&mut self) {
        if self.account.is_err() {
            self.account = Account::customary(self.named.as_ref());
        }
    }

    /// `script "</path"`: no program, the file has to be there and to open.
    fn opens_only(&self) -> Option<&OsStr> {
        let program = self.program.to_str()?.strip_prefix('<')?;
        let path = if program.is_empty() { self.arguments.first()?.as_os_str() } else { OsStr::new(program) };
        Some(path).filter(|path| Path::new(path).is_absolute())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.program.display().fmt(f)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", argument.display()))
    }
}

#[cfg(test)]
mod tests;
