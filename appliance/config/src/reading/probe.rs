//! `vrrp_probe`

use std::net::{IpAddr, SocketAddr};

use super::slot::{Places, Slot, Slots, slot};
use super::statement::Statement;
use super::values::Value;
use super::{Reader, shorten};
use crate::diagnostic::{Diagnostic, code};
use crate::model::{Probe, ProbeTarget, Setting, Weight};
use crate::names::NameKind;
use crate::schema::{Keyword, PROBE};

/// Table `main` (linux/rtnetlink.h, RT_TABLE_MAIN).
const MAIN: u32 = 254;

impl Reader<'_> {
    pub(super) fn probe(&mut self, keyword: &'static Keyword, statement: &Statement<'_>) {
        let mark = self.diagnostics.mark();
        let Some(name) = self.name(keyword, statement) else { return };
        let mut probe = new_probe(name);
        self.lines(&PROBE, statement, &mut |reader, keyword, line| {
            let Some(values) = reader.values(keyword, line) else { return };
            let at = line.whole();
            if let Some(slot) = slot(PLAIN, &mut probe, keyword) {
                slot.put(&values, &Places::line(line));
            } else if let ("source", Some(Value::Address(source))) = (keyword.name, values.first()) {
                probe.source = Some(Setting::written(*source, at));
            } else if let Some(first) = &probe.target {
                reader.second_target(line, first.at.unwrap_or(at));
            } else if let Some(target) = reader.target(keyword, &values, line) {
                probe.target = Some(Setting::written(target, at));
            }
        });
        if !probe.timeout_ms.is_written() {
            probe.timeout_ms.value = probe.interval_ms.value;
        }
        if !self.diagnostics.failed_since(mark) {
            self.settle_probe(&probe, statement);
        }
        probe.broken = self.diagnostics.failed_since(mark);
        self.model.probes.push(probe);
    }

    /// What its values say together.
    fn settle_probe(&mut self, probe: &Probe, statement: &Statement<'_>) {
        let Some(target) = &probe.target else {
            self.diagnostics.push(
                Diagnostic::new(
                    &code::E012_MISSING_VALUE,
                    statement.whole(),
                    format_args!("`vrrp_probe {}` asks for nothing", shorten(&probe.name)),
                )
                .label("no target")
                .fix("add one of `icmp ADDRESS`, `neighbour ADDRESS`, `tcp ADDRESS PORT`, `route PREFIX`"),
            );
            return;
        };
        let at = target.at.unwrap_or(statement.whole());
        let address = match target.value {
            ProbeTarget::Icmp(address) | ProbeTarget::Neighbour(address) => Some(address),
            ProbeTarget::Tcp(address) => Some(address.ip()),
            ProbeTarget::Route { .. } => None,
        };
        if let (Some(source), Some(address)) = (probe.source, address)
            && source.is_ipv4() != address.is_ipv4()
        {
            self.diagnostics.push(
                Diagnostic::new(
                    &code::E024_FAMILIES,
                    source.at.unwrap_or(at),
                    format_args!("the source {} and the target {address} are of two families", source.value),
                )
                .related(at, "the target"),
            );
        }
        let link_local = matches!(address, Some(IpAddr::V6(v6)) if v6.is_unicast_link_local());
        if link_local && probe.interface.is_none() {
            self.diagnostics.push(
                Diagnostic::new(&code::E020_NO_INTERFACE, at, "a link-local address needs an interface")
                    .label("the same on every link")
                    .fix("add `interface NAME`"),
            );
        }
        if let Some(at) = probe.timeout_ms.at.filter(|_| probe.timeout_ms.value > probe.interval_ms.value) {
            self.diagnostics.push(
                Diagnostic::new(
                    &code::E015_RANGE,
                    at,
                    format_args!("`{}` waits longer for an answer than its interval", shorten(&probe.name)),
                )
                .label("longer than the interval")
                .why("The next question would be due before the answer to this one.")
                .fix("make the timeout shorter or the interval longer"),
            );
        }
        if let (ProbeTarget::Route { .. }, Some(unused)) = (target.value, probe.source.and_then(|source| source.at)) {
            self.diagnostics.push(
                Diagnostic::new(&code::L002_NO_EFFECT, unused, "`source` has no effect on a route")
                    .why("The routing table is looked at; nothing is sent."),
            );
        }
    }

    fn second_target(&mut self, line: &Statement<'_>, first: crate::source::Span) {
        self.diagnostics.push(
            Diagnostic::new(&code::E011_MISPLACED, line.whole(), "a second target in one probe")
                .label("and another here")
                .related(first, "the first target")
                .why("A probe is good or bad; with two targets that could not be told.")
                .fix("write a `vrrp_probe` for each, and track both"),
        );
    }

    fn target(&mut self, keyword: &Keyword, values: &[Value<'_>], line: &Statement<'_>) -> Option<ProbeTarget> {
        match (keyword.name, values) {
            ("tcp", [Value::Address(address), Value::Integer(port), ..]) => {
                let port = u16::try_from(*port).ok()?;
                self.askable(*address, line).then_some(ProbeTarget::Tcp(SocketAddr::new(*address, port)))
            }
            ("icmp", [Value::Address(address), ..]) => {
                self.askable(*address, line).then_some(ProbeTarget::Icmp(*address))
            }
            ("neighbour", [Value::Address(address), ..]) => {
                self.askable(*address, line).then_some(ProbeTarget::Neighbour(*address))
            }
            _ => self.probed_route(line),
        }
    }

    /// `route PREFIX [table N]`
    fn probed_route(&mut self, line: &Statement<'_>) -> Option<ProbeTarget> {
        let (first, rest) = line.args().split_first()?;
        let destination = self.prefix(first, None)?;
        let table = match rest {
            [] => MAIN,
            [word, table, ..] if word.text == "table" => self.number_of(NameKind::Table, table)?,
            [word, ..] => {
                self.diagnostics.push(
                    Diagnostic::new(
                        &code::E010_UNKNOWN,
                        word.at,
                        format_args!("`{}` cannot follow the prefix", shorten(&word.text)),
                    )
                    .label("expected `table N`, or nothing"),
                );
                return None;
            }
        };
        Some(ProbeTarget::Route { destination, table })
    }

    /// Whether there can be an answer from this address.
    fn askable(&mut self, address: IpAddr, line: &Statement<'_>) -> bool {
        let good = !address.is_unspecified()
            && !address.is_multicast()
            && !matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
        if !good {
            let at = line.args().first().map_or(line.whole(), |word| word.at);
            self.diagnostics.push(
                Diagnostic::new(
                    &code::E017_NOT_AN_ADDRESS,
                    at,
                    format_args!("{address} is not the address of one host"),
                )
                .label("nobody in particular would answer"),
            );
        }
        good
    }
}

pub(super) fn new_probe(name: Setting<String>) -> Probe {
    Probe {
        name,
        broken: false,
        target: None,
        interface: None,
        source: None,
        interval_ms: Setting::implied(1_000),
        timeout_ms: Setting::implied(0),
        rise: Setting::implied(1),
        fall: Setting::implied(3),
        fail_hold_ms: Setting::implied(0),
        recover_hold_ms: Setting::implied(0),
        weight: Weight::default(),
        starts_failed: Setting::implied(false),
    }
}

/// The settings of plain keywords.
#[rustfmt::skip] // a row a keyword
pub(super) const PLAIN: &Slots<Probe> = &[
    ("interface", |probe| Slot::OptText(&mut probe.interface)),
    ("interval", |probe| Slot::Millis(&mut probe.interval_ms)),
    ("timeout", |probe| Slot::Millis(&mut probe.timeout_ms)),
    ("rise", |probe| Slot::U32(&mut probe.rise)),
    ("fall", |probe| Slot::U32(&mut probe.fall)),
    ("fail_hold", |probe| Slot::Millis(&mut probe.fail_hold_ms)),
    ("recover_hold", |probe| Slot::Millis(&mut probe.recover_hold_ms)),
    ("weight", |probe| Slot::Weight(&mut probe.weight)),
    ("init_fail", |probe| Slot::Flag(&mut probe.starts_failed)),
];
