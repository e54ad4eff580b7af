//! Who a client is: what the kernel says of the other end of its connection, and what the client says of its ssh session.

use std::fmt;

use locum_control::{Role, Session};
use nix::unistd::{Gid, Group, Uid, User};
use tokio::net::unix::UCred;

/// The group whose members may change things, beside root.
const ADMIN_GROUP: &str = "locum";

/// Who a client is. Shown, it is "root (pid 812, pts/0, from 10.0.0.5)".
#[derive(Clone, Debug)]
pub(crate) struct Who {
    /// The user, by name where there is one.
    user: String,
    pid: Option<i32>,
    /// The terminal that the process belongs to.
    terminal: Option<String>,
    /// Its word; all else is the kernel's.
    pub(crate) session: Option<Session>,
}

impl Who {
    pub(crate) fn new(credentials: &UCred) -> Self {
        let uid = Uid::from_raw(credentials.uid());
        let user = User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
        let pid = credentials.pid();
        Self { user, pid, terminal: pid.and_then(terminal), session: None }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.user)?;
        let pid = self.pid.map(|pid| format!("pid {pid}"));
        let from = self.session.map(|session| format!("from {}", session.from));
        let known: Vec<_> = [pid, self.terminal.clone(), from].into_iter().flatten().collect();
        if known.is_empty() { Ok(()) } else { write!(f, " ({})", known.join(", ")) }
    }
}

/// What somebody may do.
pub(crate) fn role_of(credentials: &UCred) -> Role {
    let uid = Uid::from_raw(credentials.uid());
    let is_admin = uid.is_root() || uid == Uid::effective() || is_in_admin_group(uid, credentials.gid());
    if is_admin { Role::Admin } else { Role::Reader }
}

fn is_in_admin_group(uid: Uid, gid: u32) -> bool {
    let Ok(Some(group)) = Group::from_name(ADMIN_GROUP) else { return false };
    if group.gid == Gid::from_raw(gid) {
        return true;
    }
    User::from_uid(uid).ok().flatten().is_some_and(|user| group.mem.contains(&user.name))
}

/// The terminal of a process: "pts/0" (proc(5)).
fn terminal(pid: i32) -> Option<String> {
    terminal_in(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The controlling terminal in the text of `/proc/PID/stat` (proc(5)).
fn terminal_in(stat: &str) -> Option<String> {
    // The name of the program stands in parentheses and may have anything in it.
    let (_, fields) = stat.rsplit_once(')')?;
    let number: i32 = fields.split_whitespace().nth(4)?.parse().ok()?;
    let number = number.cast_unsigned();
    let (major, minor) = ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00));
    match major {
        0 => None,
        136..=143 => Some(format!("pts/{}", (major - 136) * 256 + minor)),
        _ => {
            let device = std::fs::read_link(format!("/sys/dev/char/{major}:{minor}")).ok()?;
            Some(device.file_name()?.to_str()?.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_is_found_whatever_the_program_is_called() {
        let stat = |tty: &str| format!("7 (a) b ) S 1 7 7 {tty} 7 4194560 99");
        assert_eq!(terminal_in(&stat("34816")), Some("pts/0".into()));
        assert_eq!(terminal_in(&stat("34819")), Some("pts/3".into()));
        assert_eq!(terminal_in(&stat("35072")), Some("pts/256".into()));
        assert_eq!(terminal_in(&stat("0")), None);
        assert_eq!(terminal_in("7 (a"), None);
        assert_eq!(terminal_in(""), None);
    }

    #[test]
    fn who_somebody_is_says_what_is_known() {
        let mut who = Who { user: "root".into(), pid: None, terminal: None, session: None };
        assert_eq!(who.to_string(), "root");
        who.session = Some(Session { from: [10, 0, 0, 5].into(), at: [10, 0, 0, 1].into() });
        who.pid = Some(812);
        assert_eq!(who.to_string(), "root (pid 812, from 10.0.0.5)");
        who.terminal = Some("pts/0".into());
        assert_eq!(who.to_string(), "root (pid 812, pts/0, from 10.0.0.5)");
    }
}
