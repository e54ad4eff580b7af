//! `locum demo`.

#[cfg(feature = "console")]
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use super::arguments::{Misused, Opt, Said};
use super::values::{number, seconds};
use super::{Exit, complain};
use crate::demo::{self, DURATION_DEFAULT, Ending, Mode};

pub(super) const OPTIONS: &[Opt] = &[
    Opt::flag(
        "headless",
        "Play a fixed programme and print what happens, instead of opening the console; without a terminal this is what it \
         does anyway",
    ),
    Opt::value("duration", "TIME", "How long the programme may take, as 20s or 1m [default: 20s]").requires("headless"),
    Opt::value(
        "inside",
        "DESCRIPTOR",
        "What the demo says to itself when it starts itself again in namespaces of its own",
    )
    .hidden(),
];

pub(super) fn demo(said: &Said) -> Result<ExitCode, Misused> {
    let mode = mode(said)?;
    let exit = match demo::run(mode, said.read("inside", number)?) {
        Ok(Ending::Good) => Exit::Done,
        Ok(Ending::Bad) => Exit::Failed,
        Err(error) => {
            complain(&format_args!("demo: {error}"));
            Exit::Failed
        }
    };
    Ok(exit.into())
}

fn mode(said: &Said) -> Result<Mode, Misused> {
    let duration = said.read("duration", seconds)?.map(Duration::from_secs);
    #[cfg(feature = "console")]
    if !said.has("headless") && io::stdout().is_terminal() {
        return Ok(Mode::Console(Box::new(super::console::options(std::path::Path::new(""), said)?)));
    }
    Ok(Mode::Headless(duration.unwrap_or(DURATION_DEFAULT)))
}
