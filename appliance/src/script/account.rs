//! Users and groups that scripts run as.

use std::fmt;

use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid, getgrouplist};

/// Runs scripts when the configuration names no user and it exists (keepalived.conf(5), `script_user`).
const CUSTOMARY_USER: &str = "keepalived_script";

/// Most groups that a user is a member of; the kernel's own limit (`NGROUPS_MAX`).
const GROUPS_MAX: usize = 65_536;

/// A user as the kernel knows it, with the groups that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// Its name, for messages.
    pub(crate) name: String,
    /// Its number.
    pub(crate) uid: Uid,
    /// Its group.
    pub(crate) gid: Gid,
    /// All its groups.
    pub(super) groups: Vec<Gid>,
}

/// A user or a group that does not exist, or cannot be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AccountError {
    /// No such user.
    NoUser(String),
    /// No such group.
    NoGroup(String),
    /// The system's tables could not be asked.
    Lookup(String, nix::errno::Errno),
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUser(name) => write!(f, "there is no user {name}"),
            Self::NoGroup(name) => write!(f, "there is no group {name}"),
            Self::Lookup(name, errno) => write!(f, "{name} cannot be looked up: {}", errno.desc()),
        }
    }
}

impl Account {
    /// The user that the service itself runs as.
    pub(crate) fn own() -> Self {
        let (uid, gid) = (geteuid(), getegid());
        let name = User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
        Self { name, uid, gid, groups: Vec::new() }
    }

    /// The user of this name or number, with its own group or another.
    ///
    /// # Errors
    /// When there is no such user or group.
    pub(crate) fn named(user: &str, group: Option<&str>) -> Result<Self, AccountError> {
        let failed = |name: &str| {
            let name = name.to_owned();
            move |errno| AccountError::Lookup(name, errno)
        };
        let known = match User::from_name(user).map_err(failed(user))? {
            Some(known) => Some(known),
            None => match user.parse() {
                Ok(number) => User::from_uid(Uid::from_raw(number)).map_err(failed(user))?,
                Err(_) => None,
            },
        };
        let known = known.ok_or_else(|| AccountError::NoUser(user.to_owned()))?;
        let gid = match group {
            None => known.gid,
            Some(group) => group_id(group)?,
        };
        let c_name = std::ffi::CString::new(known.name.as_str()).map_err(|_| AccountError::NoUser(user.to_owned()))?;
        let mut groups = getgrouplist(&c_name, gid).map_err(failed(user))?;
        groups.truncate(GROUPS_MAX);
        Ok(Self { name: known.name, uid: known.uid, gid, groups })
    }

    /// What scripts run as that name no user themselves: `script_user`, else `keepalived_script` where it exists, else the
    /// service's own.
    ///
    /// # Errors
    /// When `script_user` does not exist.
    pub(crate) fn customary(script_user: Option<&(String, Option<String>)>) -> Result<Self, AccountError> {
        match script_user {
            Some((user, group)) => Self::named(user, group.as_deref()),
            None => match Self::named(CUSTOMARY_USER, None) {
                Err(AccountError::NoUser(_)) => Ok(Self::own()),
                found => found,
            },
        }
    }

    /// Whether a process of ours is already what it has to be.
    pub(super) fn is_ours(&self) -> bool {
        self.uid == geteuid() && self.gid == getegid()
    }
}

fn group_id(group: &str) -> Result<Gid, AccountError> {
    let failed = |errno| AccountError::Lookup(group.to_owned(), errno);
    if let Some(known) = Group::from_name(group).map_err(failed)? {
        return Ok(known.gid);
    }
    group.parse().map(Gid::from_raw).map_err(|_| AccountError::NoGroup(group.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_found_and_others_have_words_of_their_own() {
        let root = Account::named("root", None).unwrap();
        assert_eq!((root.uid.as_raw(), root.gid.as_raw()), (0, 0));
        assert_eq!(Account::named("0", Some("0")).unwrap(), root);
        let said = |user, group| Account::named(user, group).unwrap_err().to_string();
        assert_eq!(said("no-such-user", None), "there is no user no-such-user");
        assert_eq!(said("root", Some("no-such-group")), "there is no group no-such-group");
    }

    #[test]
    fn who_names_no_user_gets_the_customary_one() {
        let named = Account::customary(Some(&("root".into(), None))).unwrap();
        assert_eq!(named.name, "root");
        assert!(Account::customary(Some(&("no-such-user".into(), None))).is_err());
        if Account::named(CUSTOMARY_USER, None).is_err() {
            assert_eq!(Account::customary(None).unwrap(), Account::own());
        }
    }
}
