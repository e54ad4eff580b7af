//! The console alone, attached to the control socket given as argument.

use std::process::ExitCode;

use locum_tui::{Options, run};

fn main() -> ExitCode {
    let Some(socket) = std::env::args_os().nth(1) else {
        eprintln!("usage: console SOCKET");
        return ExitCode::from(2);
    };
    match run(Options::new(socket.into())) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("console: {error}");
            ExitCode::FAILURE
        }
    }
}
