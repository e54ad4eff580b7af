//! The console on the demo's routers, with keys that break them and lines that say what the client notices.

use locum_control::State;
use locum_tui::{Extra, ExtraAction, Options, Router};

use super::group::RouterId;
use super::report::seconds;
use super::sandbox::Inside;
use super::silence::Outages;
use super::story::{RouterView, Snapshot};
use super::{Demo, DemoError, Ending};

/// Starts the routers and opens the console on them, until the user leaves.
pub(super) fn run(demo: Demo, mut options: Options, mut inside: Inside) -> Result<Ending, DemoError> {
    RouterId::ALL.into_iter().try_for_each(|id| demo.start(id))?;
    options.routers =
        RouterId::ALL.into_iter().map(|id| Router::at_socket(id.name(), demo.router(id).socket())).collect();
    options.extra = Some(Box::new(Controls { demo, chosen: None }));
    inside.release_signals()?;
    locum_tui::run(options).map(|_| Ending::Good).map_err(DemoError::Console)
}

/// The keys and status lines.
struct Controls {
    demo: Demo,
    /// The router that the keys act on; the present master if none was chosen.
    chosen: Option<RouterId>,
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Control {
    Cut,
    Plug,
    Kill,
    Stop,
    Start,
    Choose(Option<RouterId>),
}

/// The keys: key, what it does, name, help.
const CONTROLS: [(char, Control, &str, &str); 9] = [
    ('c', Control::Cut, "cut", "cut the cable of the router (the master, or the one chosen with 1, 2 or 3)"),
    ('w', Control::Plug, "plug in", "plug the cable of the chosen router in again; with none chosen, every cut cable"),
    ('x', Control::Kill, "kill", "kill the router's service without warning (kill -9)"),
    ('s', Control::Stop, "stop", "stop the router's service in order (SIGTERM): it hands over first"),
    ('a', Control::Start, "start", "start the service of the chosen router; with none chosen, all that do not run"),
    ('0', Control::Choose(None), "master", "let the keys act on whoever is master"),
    ('1', Control::Choose(Some(RouterId::A)), "A", "let the keys act on A"),
    ('2', Control::Choose(Some(RouterId::B)), "B", "let the keys act on B"),
    ('3', Control::Choose(Some(RouterId::C)), "C", "let the keys act on C"),
];

impl Extra for Controls {
    fn actions(&self) -> Vec<ExtraAction> {
        let action = |(key, _, name, help): (char, Control, &str, &str)| ExtraAction {
            key,
            name: name.into(),
            help: help.into(),
        };
        CONTROLS.into_iter().map(action).collect()
    }

    fn handle(&mut self, key: char) -> String {
        let Some((_, control, ..)) = CONTROLS.into_iter().find(|(known, ..)| *known == key) else {
            return String::new();
        };
        if let Control::Choose(chosen) = control {
            self.chosen = chosen;
            return match chosen {
                Some(id) => format!("the keys act on {id} now"),
                None => "the keys act on the master now".into(),
            };
        }
        let targets = targets(control, self.chosen, &self.demo.story.snapshot());
        if targets.is_empty() {
            return nothing_to_do(control, self.chosen);
        }
        let said = targets.into_iter().map(|id| match act(&self.demo, control, id) {
            Ok(said) => said,
            Err(error) => error.to_string(),
        });
        said.collect::<Vec<_>>().join("; ")
    }

    fn status(&self) -> Vec<String> {
        status(&self.demo.story.snapshot(), self.chosen)
    }
}

fn act(demo: &Demo, control: Control, id: RouterId) -> Result<String, DemoError> {
    match control {
        Control::Cut => demo.cut(id).map(|()| format!("{id}'s cable is cut")),
        Control::Plug => demo.plug(id).map(|()| format!("{id}'s cable is plugged in again")),
        Control::Kill => demo.kill(id).map(|()| format!("{id}'s service is killed")),
        Control::Stop => demo.stop(id).map(|()| format!("{id}'s service stops in order")),
        Control::Start => demo.start(id).map(|()| format!("{id}'s service is started")),
        Control::Choose(_) => Ok(String::new()),
    }
}

/// The routers that a key acts on.
fn targets(control: Control, chosen: Option<RouterId>, snapshot: &Snapshot) -> Vec<RouterId> {
    let fits = |id: &RouterId| {
        let view = snapshot.router(*id);
        match control {
            Control::Cut => view.is_plugged,
            Control::Plug => !view.is_plugged,
            Control::Kill | Control::Stop => view.runs,
            Control::Start => !view.runs,
            Control::Choose(_) => false,
        }
    };
    match (chosen, control) {
        (Some(id), _) => Some(id).into_iter().filter(fits).collect(),
        (None, Control::Plug | Control::Start) => RouterId::ALL.into_iter().filter(fits).collect(),
        (None, _) => snapshot.masters().filter(fits).take(1).collect(),
    }
}

fn nothing_to_do(control: Control, chosen: Option<RouterId>) -> String {
    match (control, chosen) {
        (Control::Plug, None) => "every cable is plugged in".into(),
        (Control::Start, None) => "every service runs".into(),
        (_, None) => "nobody is master now: wait, or choose a router with 1, 2 or 3".into(),
        (Control::Cut, Some(id)) => format!("{id}'s cable is cut already"),
        (Control::Plug, Some(id)) => format!("{id}'s cable is plugged in"),
        (Control::Kill | Control::Stop, Some(id)) => format!("{id}'s service does not run"),
        (Control::Start, Some(id)) => format!("{id}'s service runs already"),
        (Control::Choose(_), Some(_)) => String::new(),
    }
}

fn status(snapshot: &Snapshot, chosen: Option<RouterId>) -> Vec<String> {
    let now = snapshot.now;
    let silences = &snapshot.silences;
    let client = match silences.present(now) {
        None => "not answered yet".into(),
        Some(_) if silences.is_answered(now) => {
            format!("answered by {}", snapshot.answered_by.map_or("a stranger", RouterId::name))
        }
        Some(silent) => format!("NOT ANSWERED for {} s", seconds(silent)),
    };
    let outages = silences.outages().map_or_else(
        || "no outage so far".into(),
        |Outages { count, last, longest }| {
            let (last, longest) = (seconds(last.lasted), seconds(longest.lasted));
            format!("outages {count}, last {last} s, longest {longest} s")
        },
    );
    let routers: Vec<_> = RouterId::ALL.into_iter().map(|id| format!("{id}: {}", words(snapshot.router(id)))).collect();
    let target = chosen.map_or("the master", RouterId::name);
    vec![
        format!("Client: {client}; {outages}"),
        format!("Routers: {}", routers.join("   ")),
        format!("Keys on {target}: c cut  w plug in  x kill  s stop  a start  1/2/3/0 choose"),
    ]
}

fn words(view: RouterView) -> String {
    let state = match view.state {
        Some(state) => state.to_string(),
        None if view.runs => State::Init.to_string(),
        None if view.should_run => "crashed".into(),
        None => "off".into(),
    };
    if view.is_plugged { state } else { format!("{state}, cable cut") }
}

#[cfg(test)]
mod tests {
    use locum_core::time::{Duration, Instant};

    use super::*;
    use crate::demo::silence::Silences;

    const UP: RouterView = RouterView { runs: true, should_run: true, is_plugged: true, state: Some(State::Backup) };

    /// A is cut off, B is master, C was stopped.
    fn snapshot() -> Snapshot {
        let a = RouterView { is_plugged: false, state: Some(State::Fault), ..UP };
        let b = RouterView { state: Some(State::Master), ..UP };
        let c = RouterView { runs: false, should_run: false, state: None, ..UP };
        let now = Instant::from_us(10_000_000);
        let mut silences = Silences::default();
        for _ in 0..400 {
            silences.send(Duration::ZERO);
        }
        silences.answered(1, now - Duration::from_ms(4_000));
        silences.answered(371, now - Duration::from_ms(300));
        Snapshot { now, routers: [a, b, c], silences, answered_by: Some(RouterId::B) }
    }

    #[test]
    fn keys_act_on_the_master_and_mend_whatever_is_broken() {
        use RouterId::{A, B, C};
        let on = |control, chosen| targets(control, chosen, &snapshot());
        assert_eq!(on(Control::Cut, None), [B]);
        assert_eq!(on(Control::Kill, None), [B]);
        assert_eq!(on(Control::Plug, None), [A]);
        assert_eq!(on(Control::Start, None), [C]);
    }

    #[test]
    fn keys_act_on_the_chosen_one_alone() {
        use RouterId::{A, B, C};
        let on = |control, chosen| targets(control, Some(chosen), &snapshot());
        assert_eq!(on(Control::Kill, A), [A]);
        assert_eq!(on(Control::Stop, C), []);
        assert_eq!(on(Control::Plug, B), []);
        assert_eq!(nothing_to_do(Control::Stop, Some(C)), "C's service does not run");
    }

    #[test]
    fn the_status_fits_on_a_serial_line_and_says_what_matters() {
        let lines = status(&snapshot(), None);
        assert_eq!(
            lines,
            [
                "Client: NOT ANSWERED for 0.300 s; outages 1, last 3.700 s, longest 3.700 s",
                "Routers: A: FAULT, cable cut   B: MASTER   C: off",
                "Keys on the master: c cut  w plug in  x kill  s stop  a start  1/2/3/0 choose",
            ]
        );
        assert!(lines.iter().all(|line| line.len() <= 80), "{lines:?}");
    }

    #[test]
    fn no_two_controls_share_a_key() {
        let keys: locum_control::SortedSet<_> = CONTROLS.iter().map(|(key, ..)| key).collect();
        assert_eq!(keys.len(), CONTROLS.len());
    }
}
