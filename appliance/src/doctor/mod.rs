//! What keeps virtual routers from working, looked for where it usually is.
//!
//! - [`facts`]: what there is to know, read from the system; [`tools`]: the programs that are asked.
//! - [`firewall`]: what a packet filter does to an advert; [`nftables`], [`iptables`]: how the rules are read.
//! - [`configured`], [`interfaces`], [`machine`], [`heard`]: the checks, each a function over facts that can be given.
//!
//! The service examines itself when it is asked for `doctor`, so that what holds for its process and its network namespace
//! is found; without one, the command line does the same with what it can see.

mod configured;
mod facts;
mod firewall;
mod heard;
mod interfaces;
mod iptables;
mod machine;
mod nftables;
#[cfg(test)]
mod tests;
mod tools;

use std::net::IpAddr;

use locum_config::Configuration;
use locum_config::model::Instance;
use locum_control::{Check, CheckResult, InstanceStatus, InterfaceStatus, SortedSet};

pub(crate) use self::facts::{Facts, Wanted, gather};
use crate::service::{Network, Placements, addresses_of};

/// More is not said about one kind of thing.
const CHECKS_OF_A_KIND_MAX: usize = 64;
/// Characters of a sentence.
const TEXT_CHARS_MAX: usize = 400;

/// What is examined.
pub(crate) struct Subject<'a> {
    /// The configuration that runs, or would run; else why it cannot be read, and what to do about that.
    pub(crate) configuration: Result<&'a Configuration, (String, Option<String>)>,
    /// Links and addresses, if the kernel could be asked.
    pub(crate) network: Option<&'a Network>,
    /// The rest of what was read from the system.
    pub(crate) facts: &'a Facts,
    /// What the service says of itself, if one runs.
    pub(crate) service: Option<Service<'a>>,
}

/// What the service says of itself.
#[derive(Clone, Copy)]
pub(crate) struct Service<'a> {
    pub(crate) instances: &'a [InstanceStatus],
    pub(crate) interfaces: &'a [InterfaceStatus],
}

impl<'a> Subject<'a> {
    /// The instances that are to run.
    fn instances(&self) -> impl Iterator<Item = &'a Instance> + use<'a> {
        let configuration = self.configuration.as_ref().ok().copied();
        let all = configuration.into_iter().flat_map(|it| &it.model().instances).map(|instance| &**instance);
        all.filter(|instance| !instance.broken)
    }

    /// The instances that are to run, with the interface that each has.
    fn placed(&self) -> impl Iterator<Item = (&'a Instance, &'a str)> + use<'a> {
        self.instances().filter_map(|instance| Some((instance, instance.interface.as_ref()?.value.as_str())))
    }

    /// The interfaces that instances have, each once.
    fn interfaces(&self) -> SortedSet<&'a str> {
        self.placed().map(|(_, name)| name).collect()
    }

    /// The interfaces that locum makes.
    fn placements(&self) -> Placements {
        self.configuration.as_ref().map_or_else(|_| Placements::default(), |it| Placements::of(it.model()))
    }

    /// The other routers of an instance as far as they are known: those of its configuration, and those that were heard.
    fn others(&self, instance: &Instance) -> Vec<IpAddr> {
        let mut others: Vec<IpAddr> = instance.peers.iter().map(|peer| peer.value.address).collect();
        let statuses = self.service.map_or(&[][..], |service| service.instances);
        let heard = statuses.iter().filter(|status| status.name == instance.name.value).flat_map(|it| &it.senders);
        others.extend(heard.filter(|sender| sender.received > 0).map(|sender| sender.address));
        others.sort_unstable();
        others.dedup();
        others
    }
}

/// What gathering needs to know of a configuration.
pub(crate) fn wanted(configuration: Option<&Configuration>) -> Wanted {
    let mut wanted = Wanted::default();
    let Some(configuration) = configuration else { return wanted };
    let placements = Placements::of(configuration.model());
    for instance in &configuration.model().instances {
        let placement = placements.get(instance);
        let devices = addresses_of(instance).map(|(address, _)| placement.device(address, instance));
        let made = placement.made.iter().map(|made| made.name.as_str());
        let own = instance.interface.as_ref().map(|name| name.value.as_str());
        let names = own.into_iter().chain(made).chain(devices).filter(|name| !name.is_empty());
        wanted.interfaces.extend(names.map(str::to_owned));
    }
    wanted
}

/// Looks at everything; what is worst comes first, and nothing is said twice.
pub(crate) fn examine(subject: &Subject<'_>) -> Vec<Check> {
    let parts: [fn(&Subject<'_>, &mut Checks); 12] = [
        configured::findings,
        interfaces::links,
        interfaces::sources,
        interfaces::memberships,
        interfaces::bridges,
        interfaces::settings,
        firewall::filters,
        heard::instances,
        heard::segments,
        machine::clock,
        machine::process,
        machine::surroundings,
    ];
    let mut all = Vec::new();
    for part in parts {
        let mut checks = Checks::default();
        part(subject, &mut checks);
        all.extend(checks.finish());
    }
    all.sort_by_key(|check| std::cmp::Reverse(check.result));
    all
}

/// The findings counted, as "1 problem, 2 warnings, 14 ok".
pub(crate) fn summary(checks: &[Check]) -> String {
    let counted = |result: CheckResult| {
        let count = checks.iter().filter(|check| check.result == result).count();
        let plural = matches!(result, CheckResult::Problem | CheckResult::Warning) && count != 1;
        (count > 0).then(|| format!("{count} {result}{}", if plural { "s" } else { "" }))
    };
    CheckResult::WORST_FIRST.into_iter().filter_map(counted).collect::<Vec<_>>().join(", ")
}

/// What one part has found.
#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn ok(&mut self, name: &str, subject: impl Into<Option<String>>, detail: impl Into<String>) {
        self.add(name, subject.into(), CheckResult::Ok, detail.into(), None);
    }

    fn unknown(&mut self, name: &str, subject: impl Into<Option<String>>, detail: impl Into<String>, fix: &str) {
        self.add(name, subject.into(), CheckResult::Unknown, detail.into(), Some(fix.to_owned()));
    }

    fn warning(
        &mut self,
        name: &str,
        subject: impl Into<Option<String>>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(name, subject.into(), CheckResult::Warning, detail.into(), Some(fix.into()));
    }

    fn problem(
        &mut self,
        name: &str,
        subject: impl Into<Option<String>>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add(name, subject.into(), CheckResult::Problem, detail.into(), Some(fix.into()));
    }

    fn add(&mut self, name: &str, subject: Option<String>, result: CheckResult, detail: String, fix: Option<String>) {
        let (subject, fix) = (subject.map(harmless), fix.filter(|fix| !fix.is_empty()).map(harmless));
        let check = Check { name: name.to_owned(), subject, result, detail: harmless(detail), fix };
        if !self.0.contains(&check) {
            self.0.push(check);
        }
    }

    /// At most [`CHECKS_OF_A_KIND_MAX`] of them, the worst.
    fn finish(mut self) -> Vec<Check> {
        self.0.sort_by_key(|check| std::cmp::Reverse(check.result));
        let surplus = self.0.len().saturating_sub(CHECKS_OF_A_KIND_MAX);
        if surplus > 0 {
            let named = self.0.first().map_or_else(String::new, |check| check.name.clone());
            let cut = self.0.drain(CHECKS_OF_A_KIND_MAX..).map(|check| check.result).max();
            let detail = format!("{surplus} more that are not shown here");
            self.0.push(Check {
                name: named,
                subject: None,
                result: cut.unwrap_or(CheckResult::Ok),
                detail,
                fix: None,
            });
        }
        self.0
    }
}

/// Names and comments of others stand in the texts: none of them may steer a terminal.
fn harmless(text: String) -> String {
    let text: String = text.chars().take(TEXT_CHARS_MAX).collect();
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
