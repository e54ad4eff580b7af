//! How much memory an instance takes for as long as the service runs.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use locum_config::Surroundings;
use locum_control::{AdvertMark, Cause, MarkKind, State, TransitionRecord};
use locum_core::router::InterfaceId;
use locum_core::set::Slot;
use locum_core::time::{Duration, Instant};

use super::history::{History, make_directory};
use super::instance::Instance;
use super::network::{Interface, Network};
use super::plan::{self, Placements, Ties};
use super::texts::Texts;
use crate::counting::bytes_kept;
use crate::engine::link::InstanceKey;
use crate::engine::storage::Owned;
use crate::notify::Notifier;

const INSTANCES: usize = 1000;

/// What an ordinary instance may take, in bytes. It is little more than it takes: whoever needs more says so here.
const BYTES_MAX: usize = 2950;

/// As the benchmark configures them.
fn text() -> String {
    let mut text = String::new();
    for n in 0..INSTANCES {
        let (lan, vrid) = (n / 250, n % 250 + 1);
        let _ = writeln!(
            text,
            "vrrp_instance V{lan}_{vrid} {{\n    state BACKUP\n    interface eth{lan}\n    virtual_router_id {vrid}\n    \
             priority 200\n    advert_int 1\n    version 2\n    virtual_ipaddress {{\n        \
             10.{}.1.{vrid}/32 dev eth{lan}\n    }}\n}}",
            70 + lan
        );
    }
    text
}

/// The transitions of a start, and a full ring of adverts.
fn live(instance: &mut Instance, history: &mut History, kinds: &mut Texts) {
    let name = instance.name().to_owned();
    for (from, to) in [(State::Init, State::Backup), (State::Backup, State::Master)] {
        let (cause, text) = (Cause::Start, "started, listening for a master".to_owned());
        instance.count_transition(kinds.shared(&to.to_string()));
        let instance = name.clone();
        history.add(&TransitionRecord { instance, at_us: 1, at_unix_ms: 1, from, to, cause, text }).unwrap();
    }
    let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
    (0..1000).for_each(|at_us| instance.mark(AdvertMark { at_us, source, priority: 200, kind: MarkKind::Sent }));
}

#[test]
fn an_ordinary_instance_is_small() {
    let runtime = tokio::runtime::LocalRuntime::new().unwrap();
    let directory = std::env::temp_dir().join(format!("locum-memory-{}", std::process::id()));
    make_directory(&directory).unwrap();
    let text = text();
    let (configuration, read) =
        bytes_kept(|| locum_config::check("test.conf", text.as_bytes(), &Surroundings::default()));
    assert!(!configuration.has_errors());
    let model = configuration.model();
    let placements = Placements::of(model);
    let interface = |n: u32| (n + 1, Interface { name: format!("eth{n}"), is_up: true, ..Interface::default() });
    let network = Network::of((0..4).map(interface));
    let (mut history, mut kinds) = (History::in_directory(&directory), Texts::default());

    let (_instances, known) = bytes_kept(|| {
        let mut instances: Vec<Instance> = Vec::new();
        for configured in &model.instances {
            let (key, placement) = (InstanceKey(0), placements.get(configured).clone());
            let mut instance = Instance::new(key, Arc::clone(configured), placement, INSTANCES, Instant::ZERO, 0);
            live(&mut instance, &mut history, &mut kinds);
            instances.push(instance);
        }
        instances
    });
    let (_run, run) = bytes_kept(|| {
        let run: Vec<_> = model
            .instances
            .iter()
            .map(|configured| {
                let ties = Ties { tracks: Box::default(), group: None, start_delay: Duration::ZERO };
                let announce = plan::announce_config(configured, &model.global);
                let config = plan::core_config(configured, InterfaceId(0), announce, ties).unwrap();
                let installs =
                    plan::install_plan(configured, placements.get(configured), &network, &|_| Some(InterfaceId(0)));
                // The configuration itself goes into the router's slot.
                (config.addresses, Box::new(installs))
            })
            .collect();
        run
    });
    let (_notifier, told) = bytes_kept(|| runtime.block_on(Notifier::start(model, &directory)));
    std::fs::remove_dir_all(&directory).unwrap();

    let of_each =
        [("read", read), ("known", known), ("run", run), ("told", told)].map(|(what, bytes)| (what, bytes / INSTANCES));
    let slot = size_of::<Slot<Owned>>();
    let sum = slot + of_each.iter().map(|(_, bytes)| bytes).sum::<usize>();
    println!("an instance takes {sum} bytes: slot {slot}, {of_each:?}");
    assert!(sum <= BYTES_MAX, "an instance takes {sum} bytes: slot {slot}, {of_each:?}");
}
