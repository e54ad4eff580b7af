//! What a packet filter does to an advert, as far as its rules tell: each advert that an instance sends or hears is led
//! through them. What depends on things that nobody can know here is said to be so.

use locum_control::{SortedMap, SortedSet};
use std::net::IpAddr;

use locum_config::model::Family;

use super::tools::ToolError;
use super::{Checks, Subject, iptables, nftables};

const NAME: &str = "firewall";
/// Adverts that are led through the rules. Many instances send the same kind.
const ADVERTS_MAX: usize = 64;
/// Rules that are looked at for one advert.
const STEPS_MAX: usize = 50_000;
const DEPTH_MAX: usize = 16;

/// An advert on its way through this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Advert {
    pub(super) is_incoming: bool,
    pub(super) interface: String,
    pub(super) is_ipv6: bool,
    /// Unknown for adverts of routers that were not heard yet.
    pub(super) source: Option<IpAddr>,
    pub(super) destination: Option<IpAddr>,
}

/// Whether something holds for an advert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    Maybe,
}

impl Truth {
    pub(super) const fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    pub(super) const fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
        }
    }

    pub(super) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Maybe,
        }
    }

    pub(super) const fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }
}

/// What a rule does with what it fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Accept,
    Drop,
    /// Goes on behind it.
    Nothing,
    /// Leaves the chain.
    Return,
    Jump(String),
    /// As a jump, but never comes back.
    Goto(String),
}

/// A rule as it is for one advert.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) fits: Truth,
    /// It speaks of VRRP: of protocol 112 or its groups.
    pub(super) is_about_vrrp: bool,
    pub(super) action: Action,
    /// Where it is, for people.
    pub(super) place: String,
}

/// Rules in turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    pub(super) rules: Vec<Rule>,
    /// What becomes of what no rule decides, if packets begin here on an advert's way; with words for it.
    pub(super) policy: Option<(Action, String)>,
}

/// Chains by name. Those of one table do not know those of another, which their names must tell apart.
pub(super) type Chains = SortedMap<String, Chain>;

/// What becomes of an advert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Passes,
    /// Dropped, at a place.
    Dropped(String),
    /// It may be.
    MayBeDropped(String),
    /// Dropped unless a rule lets it pass, which depends on its sender.
    Depends(String),
}

/// Leads an advert through all chains that it meets.
pub(super) fn fate(chains: &Chains) -> Fate {
    let mut worst = Fate::Passes;
    for (name, chain) in chains.iter().filter(|(_, chain)| chain.policy.is_some()) {
        let mut walk = Walk { chains, steps: 0, doubts: Vec::new() };
        let decided = walk.through(name, 0, Truth::Yes);
        let policy = chain.policy.clone().unwrap_or((Action::Accept, String::new()));
        let (action, place) = decided.unwrap_or(policy);
        let fate = walk.judge(&action, place);
        if rank(&fate) > rank(&worst) {
            worst = fate;
        }
    }
    worst
}

const fn rank(fate: &Fate) -> u8 {
    match fate {
        Fate::Passes => 0,
        Fate::Depends(_) => 1,
        Fate::MayBeDropped(_) => 2,
        Fate::Dropped(_) => 3,
    }
}

struct Walk<'a> {
    chains: &'a Chains,
    steps: usize,
    /// Rules that may decide: what they would do, whether they are about VRRP, and where they are.
    doubts: Vec<(Action, bool, String)>,
}

impl Walk<'_> {
    /// What is decided in a chain for sure, if anything is.
    fn through(&mut self, name: &str, depth: usize, certainty: Truth) -> Option<(Action, String)> {
        let chain = self.chains.get(name).filter(|_| depth < DEPTH_MAX)?;
        for rule in &chain.rules {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return None;
            }
            let fits = rule.fits.and(certainty);
            if fits == Truth::No {
                continue;
            }
            match &rule.action {
                Action::Nothing => {}
                Action::Accept | Action::Drop if fits == Truth::Yes => {
                    return Some((rule.action.clone(), rule.place.clone()));
                }
                Action::Accept | Action::Drop => {
                    self.doubts.push((rule.action.clone(), rule.is_about_vrrp, rule.place.clone()));
                }
                Action::Return if fits == Truth::Yes => return None,
                Action::Return => {}
                Action::Jump(target) | Action::Goto(target) => {
                    let doubts_before = self.doubts.len();
                    let decided = self.through(target, depth + 1, fits);
                    // A jump that speaks of VRRP does so for all that it leads to.
                    self.doubts.iter_mut().skip(doubts_before).for_each(|doubt| doubt.1 |= rule.is_about_vrrp);
                    if decided.is_some() || (matches!(rule.action, Action::Goto(_)) && fits == Truth::Yes) {
                        return decided;
                    }
                }
            }
        }
        None
    }

    /// What follows from what was decided and from what may have been decided before.
    fn judge(self, action: &Action, place: String) -> Fate {
        let doubt = |wanted: &Action, only_about_vrrp: bool| {
            let is_it = |doubt: &&(Action, bool, String)| doubt.0 == *wanted && (doubt.1 || !only_about_vrrp);
            self.doubts.iter().find(is_it).map(|(_, _, place)| place.clone())
        };
        if *action == Action::Drop {
            return match (doubt(&Action::Accept, true), doubt(&Action::Accept, false)) {
                (Some(accepting), _) => Fate::Depends(accepting),
                (None, Some(_)) => Fate::MayBeDropped(place),
                (None, None) => Fate::Dropped(place),
            };
        }
        doubt(&Action::Drop, true).map_or(Fate::Passes, Fate::MayBeDropped)
    }
}

/// Leads the adverts of all instances through all filters.
pub(super) fn filters(subject: &Subject<'_>, checks: &mut Checks) {
    let found = &subject.facts.filters;
    let failed = |error: &ToolError| match error {
        ToolError::Missing => {
            "there is a packet filter, and the program that lists its rules is not installed".to_owned()
        }
        ToolError::Failed(why) => format!("the rules of the packet filter cannot be listed: {why}"),
    };
    let fix = if subject.facts.is_root {
        "look at the rules by hand: protocol 112 must come in and go out"
    } else {
        "ask as root; protocol 112 must come in and go out"
    };
    let all = [&found.nftables, &found.iptables, &found.ip6tables];
    for error in all.into_iter().flatten().filter_map(|answer| answer.as_ref().err()) {
        checks.unknown(NAME, None, failed(error), fix);
    }
    if all.into_iter().all(Option::is_none) {
        return checks.ok(NAME, None, "the kernel has no packet filter");
    }
    let listed = |answer: &'_ Option<Result<String, ToolError>>| answer.as_ref().and_then(|answer| answer.clone().ok());
    let nft = listed(&found.nftables).map(|text| nftables::Ruleset::parse(&text));
    let nft = match nft {
        Some(Err(why)) => {
            checks.unknown(NAME, None, format!("what nft lists cannot be understood: {why}"), fix);
            None
        }
        Some(Ok(ruleset)) => Some(ruleset),
        None => None,
    };
    let (old_v4, old_v6) = (listed(&found.iptables), listed(&found.ip6tables));
    let mut passing = 0_usize;
    let adverts = adverts(subject);
    for advert in &adverts {
        let nft_chains = nft.as_ref().map(|ruleset| ruleset.chains(advert));
        let old = if advert.is_ipv6 { &old_v6 } else { &old_v4 };
        let old_chains = old.as_ref().map(|text| iptables::chains(text, advert));
        let fates: Vec<Fate> = nft_chains.iter().chain(&old_chains).map(fate).collect();
        let Some(worst) = fates.into_iter().max_by_key(rank) else { continue };
        passing += usize::from(worst == Fate::Passes);
        say(advert, worst, checks);
    }
    if passing == adverts.len() && (nft.is_some() || old_v4.is_some()) && !adverts.is_empty() {
        checks.ok(NAME, None, "no rule of the packet filter drops protocol 112");
    }
}

/// The kinds of adverts that the instances send and hear.
fn adverts(subject: &Subject<'_>) -> SortedSet<Advert> {
    let mut adverts = SortedSet::new();
    for (instance, interface) in subject.placed() {
        let is_ipv6 = instance.family == Family::V6;
        let others = subject.others(instance);
        let own = instance.source_address.as_ref().map(|address| address.value).or_else(|| {
            let family = crate::service::core_family(instance.family);
            subject.network.and_then(|network| network.source_on(interface, family, &[]))
        });
        let advert = |is_incoming, source, destination| Advert {
            is_incoming,
            interface: interface.to_owned(),
            is_ipv6,
            source,
            destination,
        };
        let sources: Vec<Option<IpAddr>> =
            if others.is_empty() { vec![None] } else { others.into_iter().map(Some).collect() };
        let group = instance.multicast_group.value;
        for source in sources {
            let destination = if instance.is_unicast() { own } else { Some(group) };
            adverts.insert(advert(true, source, destination));
        }
        if instance.is_unicast() {
            adverts.extend(instance.peers.iter().map(|peer| advert(false, own, Some(peer.value.address))));
        } else {
            adverts.insert(advert(false, own, Some(group)));
        }
    }
    while adverts.len() > ADVERTS_MAX {
        adverts.pop_last();
    }
    adverts
}

fn say(advert: &Advert, fate: Fate, checks: &mut Checks) {
    let whose = match (advert.is_incoming, advert.source, advert.destination) {
        (true, Some(source), _) => format!("adverts (protocol 112) from {source}"),
        (true, None, _) => "adverts (protocol 112) of other routers".to_owned(),
        (false, _, Some(destination)) => format!("our adverts (protocol 112) to {destination}"),
        (false, _, None) => "our adverts (protocol 112)".to_owned(),
    };
    let subject = Some(advert.interface.clone());
    let fix = |place: &str| {
        let hook = if advert.is_incoming { "input" } else { "output" };
        let is_old = place.starts_with("ip");
        let program = if advert.is_ipv6 { "ip6tables" } else { "iptables" };
        if is_old {
            format!("let protocol 112 pass before that: {program} -I {} -p 112 -j ACCEPT", hook.to_ascii_uppercase())
        } else {
            "let protocol 112 pass before that, as `meta l4proto 112 accept`; `nft -a list ruleset` shows the rule, `nft \
             insert rule …` puts one before others"
                .to_owned()
        }
    };
    match fate {
        Fate::Passes => {}
        Fate::Dropped(place) => checks.problem(NAME, subject, format!("{whose} are dropped by {place}"), fix(&place)),
        Fate::MayBeDropped(place) => {
            checks.warning(NAME, subject, format!("{whose} may be dropped by {place}"), fix(&place));
        }
        Fate::Depends(place) => checks.unknown(
            NAME,
            subject,
            format!("{whose} pass only if {place} fits them"),
            "see that it lets all other routers of the group in",
        ),
    }
}
