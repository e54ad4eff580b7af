//! FRR's vrrpd as a router: it wants zebra beside it, and both give up root for a user of their own.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use nix::unistd::User;

/// Where the daemons lie.
const FOLDER: &str = "/usr/lib/frr";

/// Starts zebra unless it runs, waits for its socket, and becomes vrrpd. zebra outlives a stop of vrrpd, as in the field.
const SCRIPT: &str = r#"
cd "$1" || exit 1
if ! [ "$(cat "/proc/$(cat zebra.pid 2> /dev/null || echo none)/comm" 2> /dev/null)" = zebra ]; then
    rm -f zserv.api zebra.pid
    : > zebra.conf
    "$2/zebra" -f zebra.conf -z "$1/zserv.api" -i "$1/zebra.pid" --vty_socket "$1" --log stdout &
    tries=0
    while ! [ -S zserv.api ] && [ $((tries += 1)) -lt 200 ]; do sleep 0.05; done
fi
exec "$2/vrrpd" -f "$3" -z "$1/zserv.api" -i "$1/vrrpd.pid" --vty_socket "$1" --log stdout
"#;

/// What it needs that is not there.
pub(crate) fn lack() -> Option<String> {
    if !Path::new(FOLDER).join("vrrpd").is_file() {
        return Some("frr is not installed".into());
    }
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let mapped = map.split_whitespace().nth(2).and_then(|count| count.parse::<u64>().ok()).unwrap_or_default();
    (mapped <= 1).then(|| "frr changes to a user that is not in this user namespace; run it as root".into())
}

/// Adds what runs it, with its files in `folder`.
pub(crate) fn arguments(command: &mut Command, folder: &Path, configuration: &Path) {
    let user = User::from_name("frr").expect("the user database").expect("the user that frr's package makes");
    chown(folder, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("a folder of its own");
    command.args(["sh", "-c", SCRIPT, "sh"]).arg(folder).arg(FOLDER).arg(configuration);
}
