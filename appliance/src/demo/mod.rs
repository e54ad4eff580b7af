//! `locum demo`: three routers and a client on a virtual LAN, to look at and to break, without touching the machine.
//!
//! ```text
//!  locum demo ─── watches ──► locum demo --inside N        PID 1 of namespaces of its own (user, PID, mount, network)
//!  (the user's,                │  the switch, the probe, the programme or the console
//!   outside)                   ├─ locum run   A  .131  priority 100 ┐
//!                              ├─ locum run   B  .132  priority 80  ├ VIP .248
//!                              └─ locum run   C  .133  priority 70  ┘
//! ```
//!
//! Reading order: [`group`] (who takes part, what the protocol promises), [`sandbox`] (the namespaces, and how it all
//! ends), [`lan`] (cables and addresses), [`router`] (the services), [`probe`] (the client), [`story`] (what has happened),
//! then [`programme`] (without a terminal) or `console` (with one).
//!
//! Everything that it makes hangs on the process inside: when that ends, however it ends, the kernel takes back the
//! routers, the namespaces, the links and the files, which live on a tmpfs that nobody outside can see.

#[cfg(feature = "console")]
mod console;
mod error;
mod group;
mod lan;
mod probe;
mod programme;
mod report;
mod router;
mod sandbox;
mod silence;
mod story;
mod tty;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::error::DemoError;
use self::group::RouterId;
use self::lan::Lan;
use self::programme::Programme;
use self::router::Router;
use self::sandbox::Inside;
use self::story::{Story, Who};

/// How the demo is wanted.
#[derive(Debug)]
pub(crate) enum Mode {
    /// Plays the programme for so long and reports on standard output.
    Headless(Duration),
    /// Opens the console on the routers.
    #[cfg(feature = "console")]
    Console(Box<locum_tui::Options>),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As it should.
    Good,
    /// It worked, but a handover took longer than the protocol allows, or somebody interrupted it.
    Bad,
}

/// How long the programme takes if nothing else is said.
pub(crate) const DURATION_DEFAULT: Duration = Duration::from_secs(20);

/// Runs the demo. `inside` is what the process outside has handed to the one inside, see [`sandbox`]; without it this is
/// the process outside.
///
/// # Errors
/// What the system refuses, in words that say what to do about it.
pub(crate) fn run(mode: Mode, inside: Option<u32>) -> Result<Ending, DemoError> {
    // Before anything is built: a programme that does not fit.
    let programme = match &mode {
        Mode::Headless(duration) => Some(Programme::fit(*duration)?),
        #[cfg(feature = "console")]
        Mode::Console(_) => None,
    };
    let Some(lifeline) = inside else { return sandbox::run(programme.is_none()) };
    let inside = Inside::enter(lifeline)?;
    let (lan, machines) = Lan::build()?;
    let story = Arc::new(Story::new());
    let client = machines.client;
    let routers = Arc::new(machines.routers.map(|machine| Router::new(machine, &inside)));
    probe::start(&client, &story)?;
    router::start_watching(&routers, &story)?;
    let demo = Demo { lan, routers, story };
    match (mode, programme) {
        (Mode::Headless(_), Some(programme)) => Ok(programme.play(&demo)),
        #[cfg(feature = "console")]
        (Mode::Console(options), _) => console::run(demo, *options, inside),
        (Mode::Headless(_), None) => Ok(Ending::Bad),
    }
}

/// What the programme and the console steer.
struct Demo {
    lan: Lan,
    routers: Arc<[Router; RouterId::COUNT]>,
    story: Arc<Story>,
}

impl Demo {
    fn router(&self, id: RouterId) -> &Router {
        let [a, b, c] = &*self.routers;
        match id {
            RouterId::A => a,
            RouterId::B => b,
            RouterId::C => c,
        }
    }

    /// Starts a router's service.
    fn start(&self, id: RouterId) -> Result<(), DemoError> {
        if self.story.snapshot().router(id).runs {
            return Err(DemoError::Running(id));
        }
        self.story.tell(Who::Demo, format!("starts {id}"));
        self.story.starting(id);
        self.router(id).start().inspect_err(|_| self.story.is_gone(id))
    }

    /// Stops it in order, with SIGTERM.
    fn stop(&self, id: RouterId) -> Result<(), DemoError> {
        self.story.tell(Who::Demo, format!("stops {id} in order (SIGTERM)"));
        self.story.ending(id);
        self.router(id).signal(nix::sys::signal::Signal::SIGTERM)
    }

    /// Kills it without warning.
    fn kill(&self, id: RouterId) -> Result<(), DemoError> {
        self.story.tell(Who::Demo, format!("kills {id} (kill -9)"));
        self.story.ending(id);
        self.router(id).signal(nix::sys::signal::Signal::SIGKILL)
    }

    /// Pulls its cable out of the switch.
    fn cut(&self, id: RouterId) -> Result<(), DemoError> {
        self.story.tell(Who::Demo, format!("cuts {id}'s cable"));
        self.story.cable(id, false);
        self.lan.set_cable(id, false)
    }

    /// Plugs it in again.
    fn plug(&self, id: RouterId) -> Result<(), DemoError> {
        self.story.tell(Who::Demo, format!("plugs {id}'s cable in again"));
        self.story.cable(id, true);
        self.lan.set_cable(id, true)
    }
}
