//! A service that is none, to try the console on: `service SOCKET [INSTANCES]`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use support::{FakeService, World, statuses};

fn main() -> ExitCode {
    let Some(socket) = std::env::args_os().nth(1) else {
        eprintln!("usage: service SOCKET [INSTANCES]");
        return ExitCode::from(2);
    };
    let mut world = World::default();
    if let Some(count) = std::env::args().nth(2).and_then(|count| count.parse().ok()) {
        world.instances = (1..=u8::MAX)
            .cycle()
            .take(count)
            .enumerate()
            .map(|(n, vrid)| statuses::backup(&format!("VI_{n:04}"), vrid))
            .collect();
    }
    let _service = FakeService::start(socket.as_ref(), world);
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}
