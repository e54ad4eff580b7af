//! A service that is none, to try the console on: `service SOCKET`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use support::{FakeService, World};

fn main() -> ExitCode {
    let Some(socket) = std::env::args_os().nth(1) else {
        eprintln!("usage: service SOCKET");
        return ExitCode::from(2);
    };
    let _service = FakeService::start(socket.as_ref(), World::default());
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}
