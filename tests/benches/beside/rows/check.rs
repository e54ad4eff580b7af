//! How long it takes to read and check a large configuration.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use locum_tests::{Namespace, unique_name};

use super::{Context, Taken, in_turn};
use crate::daemon::Which;
use crate::figures::{Goal, Line, ms};

/// Instances of an interface.
const OF_AN_INTERFACE: usize = 250;

/// Measures it.
pub(crate) fn take(context: &Context, instances: usize) -> Taken {
    let namespace = Namespace::new(&unique_name(), "check").unwrap_or_else(|error| panic!("{error}"));
    for n in 0..instances.div_ceil(OF_AN_INTERFACE) {
        let made = namespace.ip(&format!("link add i{n} type veth peer name p{n}"));
        made.unwrap_or_else(|error| panic!("{error}"));
        namespace.ip(&format!("link set i{n} up")).unwrap_or_else(|error| panic!("{error}"));
    }
    let file = format!("/run/{}.conf", namespace.name());
    fs::write(&file, text(instances)).expect("a file in our own /run");
    let mut line = Line::new(format!("check of {instances} instances [ms]"), Goal::OfPeers(1.0));
    for run in 0..context.runs {
        for which in in_turn(run) {
            let mut command = Command::new("ip"); // which gives it a /sys that shows these interfaces
            command.args(["netns", "exec", namespace.name()]).arg(context.programs.path(which));
            match which {
                Which::Locum => command.arg("check").arg(&file),
                Which::Peer => command.args(["--config-test", "--log-console", "--no-syslog", "--use-file", &file]),
            };
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let started = Instant::now();
            let status = command.status().expect("ip is there");
            line.push(which, ms(started.elapsed()));
            assert!(status.success() || which == Which::Peer, "locum does not like the file: {status}");
        }
    }
    Taken { lines: vec![line], ..Taken::default() }
}

fn text(instances: usize) -> String {
    let mut text = String::new();
    for n in 0..instances {
        let (interface, place) = (n / OF_AN_INTERFACE, n % OF_AN_INTERFACE);
        let _ = writeln!(
            text,
            "vrrp_instance VI_{n} {{\n    interface i{interface}\n    virtual_router_id {}\n    priority 100\n    \
             virtual_ipaddress {{\n        10.{interface}.{place}.1/24\n    }}\n}}",
            place + 1
        );
    }
    text
}
