//! `iptables-save` and `ip6tables-save`, as iptables(8) and iptables-extensions(8) have it, for one advert.

use std::net::IpAddr;

use locum_core::wire::vrrp::PROTOCOL;

use super::firewall::{Action, Advert, Chain, Chains, Rule, Truth};

/// The chains that an advert may meet.
pub(super) fn chains(text: &str, advert: &Advert) -> Chains {
    let mut chains = Chains::new();
    let mut table = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name.trim();
        } else if let Some(chain) = line.strip_prefix(':') {
            let mut words = chain.split_whitespace();
            let (name, policy) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let is_met = match name {
                "PREROUTING" | "INPUT" => advert.is_incoming,
                "OUTPUT" | "POSTROUTING" => !advert.is_incoming,
                _ => false,
            };
            let policy = (is_met && table != "nat").then(|| {
                let action = if policy == "DROP" { Action::Drop } else { Action::Accept };
                (action, format!("{} policy of chain {name} in table {table}", program(advert)))
            });
            chains.insert(key(table, name), Chain { rules: Vec::new(), policy });
        } else if line.starts_with("-A ")
            && let Some((name, rule)) = rule(line, table, advert)
            && let Some(chain) = chains.get_mut(&name)
        {
            chain.rules.push(rule);
        }
    }
    chains
}

const fn program(advert: &Advert) -> &'static str {
    if advert.is_ipv6 { "ip6tables" } else { "iptables" }
}

fn key(table: &str, name: &str) -> String {
    format!("{table} {name}")
}

/// A line as `-A INPUT -i eth0 -p vrrp -j DROP`: its chain, and what it is for this advert.
fn rule(line: &str, table: &str, advert: &Advert) -> Option<(String, Rule)> {
    let words = words(line);
    let mut rest = words.iter().map(String::as_str).skip(1);
    let chain = rest.next()?;
    let place = format!("{} rule \"{line}\" in table {table}", program(advert));
    let mut rule = Rule { fits: Truth::Yes, is_about_vrrp: false, action: Action::Nothing, place };
    let mut is_negated = false;
    while let Some(word) = rest.next() {
        let mut value = || rest.next().unwrap_or_default();
        let truth = match word {
            "!" => {
                is_negated = true;
                continue;
            }
            "-j" | "-g" => {
                let target = value();
                rule.action = match target {
                    "ACCEPT" => Action::Accept,
                    "DROP" | "REJECT" => Action::Drop,
                    "RETURN" => Action::Return,
                    _ if is_known(target) => Action::Nothing,
                    _ if word == "-g" => Action::Goto(key(table, target)),
                    _ => Action::Jump(key(table, target)),
                };
                // What follows is the target's.
                break;
            }
            "-p" | "--protocol" => {
                let protocol = value();
                let is_vrrp = protocol == "vrrp" || protocol.parse() == Ok(PROTOCOL);
                rule.is_about_vrrp |= is_vrrp && !is_negated;
                Truth::of(is_vrrp || matches!(protocol, "all" | "0"))
            }
            "-i" => Truth::of(advert.is_incoming && is_interface(value(), &advert.interface)),
            "-o" => Truth::of(!advert.is_incoming && is_interface(value(), &advert.interface)),
            "-s" => is_in(advert.source, value()),
            "-d" => {
                let truth = is_in(advert.destination, value());
                let is_group = advert.destination.is_some_and(|address| address.is_multicast());
                rule.is_about_vrrp |= is_group && truth == Truth::Yes && !is_negated;
                truth
            }
            // The name of a module alone says nothing.
            "-m" => {
                value();
                continue;
            }
            "--comment" => {
                value();
                continue;
            }
            // Nobody answers an advert, so each is the first of its connection.
            "--ctstate" | "--state" => Truth::of(value().split(',').any(|state| state == "NEW")),
            "--pkt-type" => cast(value(), "multicast", "unicast", advert),
            "--dst-type" => cast(value(), "MULTICAST", "LOCAL", advert),
            _ => Truth::Maybe,
        };
        rule.fits = rule.fits.and(if is_negated { truth.not() } else { truth });
        is_negated = false;
    }
    Some((key(table, chain), rule))
}

/// Targets of the kernel after which the next rule is looked at.
fn is_known(target: &str) -> bool {
    matches!(
        target,
        "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "TRACE" | "AUDIT" | "CT" | "NOTRACK" | "TTL" | "DSCP" | "SET"
    )
}

fn is_interface(pattern: &str, interface: &str) -> bool {
    pattern.strip_suffix('+').map_or(pattern == interface, |beginning| interface.starts_with(beginning))
}

/// Whether an address is in one of `10.0.0.0/24,10.0.1.1`.
fn is_in(address: Option<IpAddr>, networks: &str) -> Truth {
    let one = |network: &str| {
        let (network, len) = network.split_once('/').map_or((network, None), |(network, len)| (network, Some(len)));
        let parsed: Option<IpAddr> = network.parse().ok();
        let most = if parsed.is_some_and(|network| network.is_ipv6()) { 128 } else { 32 };
        match (address, parsed, len.map_or(Ok(most), str::parse)) {
            (_, Some(network), Ok(0)) if address.is_none_or(|it| it.is_ipv6() == network.is_ipv6()) => Truth::Yes,
            (Some(address), Some(network), Ok(len)) => Truth::of(super::interfaces::covers(network, len, address)),
            _ => Truth::Maybe,
        }
    };
    networks.split(',').map(one).fold(Truth::No, Truth::or)
}

fn cast(wanted: &str, multicast: &str, other: &str, advert: &Advert) -> Truth {
    match advert.destination {
        Some(address) if address.is_multicast() => Truth::of(wanted == multicast),
        Some(_) => Truth::of(wanted == other),
        None => Truth::Maybe,
    }
}

/// The words of a line; what stands in quotation marks is one.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), String::new());
    let (mut is_quoted, mut is_escaped) = (false, false);
    for c in line.chars() {
        match c {
            _ if is_escaped => {
                word.push(c);
                is_escaped = false;
            }
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
