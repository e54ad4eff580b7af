//! `nft -j list ruleset`, as libnftables-json(5) has it, for one advert.

use std::net::IpAddr;

use locum_control::{SortedMap, from_json};
use locum_core::wire::vrrp::PROTOCOL;
use serde_json::Value;

use super::firewall::{Action, Advert, Chain, Chains, Rule, Truth};

/// Values in one set that are looked at.
const ELEMENTS_MAX: usize = 100_000;

/// The rules of the kernel.
#[derive(Debug)]
pub(super) struct Ruleset {
    chains: Vec<Value>,
    rules: Vec<Value>,
    /// Elements of named sets and maps, by table and name.
    sets: SortedMap<(String, String), Vec<Value>>,
}

impl Ruleset {
    /// # Errors
    /// When it is not what nft prints.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let all: Value = from_json(text.as_bytes()).map_err(|error| error.to_string())?;
        let list = all.get("nftables").and_then(Value::as_array).ok_or("there is no list in it")?;
        let mut ruleset = Self { chains: Vec::new(), rules: Vec::new(), sets: SortedMap::new() };
        for entry in list.iter().filter_map(Value::as_object).flatten() {
            match entry.0.as_str() {
                "chain" => ruleset.chains.push(entry.1.clone()),
                "rule" => ruleset.rules.push(entry.1.clone()),
                "set" | "map" => {
                    let elements = entry.1.get("elem").and_then(Value::as_array).cloned().unwrap_or_default();
                    ruleset.sets.insert((table(entry.1), text_of(entry.1, "name").to_owned()), elements);
                }
                _ => {}
            }
        }
        Ok(ruleset)
    }

    /// The chains that an advert may meet.
    pub(super) fn chains(&self, advert: &Advert) -> Chains {
        let mut chains = Chains::new();
        for chain in self.chains.iter().filter(|chain| is_for(chain, advert)) {
            let policy = is_met(chain, advert).then(|| {
                let action = if text_of(chain, "policy") == "drop" { Action::Drop } else { Action::Accept };
                (action, format!("the policy of chain {} {}", table(chain), text_of(chain, "name")))
            });
            chains.insert(key(&table(chain), text_of(chain, "name")), Chain { rules: Vec::new(), policy });
        }
        for rule in &self.rules {
            let name = key(&table(rule), text_of(rule, "chain"));
            if let Some(chain) = chains.get_mut(&name) {
                chain.rules.extend(self.rules_of(rule, advert));
            }
        }
        chains
    }

    /// A rule, or one for each entry of a verdict map.
    fn rules_of(&self, rule: &Value, advert: &Advert) -> Vec<Rule> {
        let table = table(rule);
        let comment =
            rule.get("comment").and_then(Value::as_str).map(|text| format!(" \"{text}\"")).unwrap_or_default();
        let handle = rule.get("handle").and_then(Value::as_u64).unwrap_or(0);
        let place = format!("the rule with handle {handle}{comment} in chain {table} {}", text_of(rule, "chain"));
        let (mut fits, mut is_about_vrrp) = (Truth::Yes, false);
        let mut rules = Vec::new();
        let made = |fits, is_about_vrrp, action| Rule { fits, is_about_vrrp, action, place: place.clone() };
        let Some(statements) = rule.get("expr").and_then(Value::as_array) else { return rules };
        for (name, body) in statements.iter().filter_map(Value::as_object).flatten() {
            match name.as_str() {
                "match" => {
                    let (left, right) = (body.get("left"), body.get("right"));
                    let (Some(left), Some(right)) = (left, right) else { continue };
                    let ours = ours(left, advert);
                    let truth = self.compare(&ours, text_of(body, "op"), right, &table);
                    is_about_vrrp |= ours.is_about_vrrp(truth);
                    fits = fits.and(truth);
                }
                "vmap" => {
                    let Some(key) = body.get("key") else { continue };
                    let ours = ours(key, advert);
                    for entry in self.elements(body.get("data").unwrap_or(&Value::Null), &table) {
                        let Some([wanted, verdict]) = entry.as_array().map(Vec::as_slice) else { continue };
                        let truth = self.compare(&ours, "==", wanted, &table);
                        let verdict = verdict.as_object().and_then(|verdict| verdict.iter().next());
                        let verdict = verdict.and_then(|(kind, body)| action(kind, body, &table));
                        if let Some(verdict) = verdict.filter(|_| truth != Truth::No) {
                            rules.push(made(fits.and(truth), is_about_vrrp || ours.is_about_vrrp(truth), verdict));
                        }
                    }
                }
                // These only note something, or change what becomes of the packet later.
                "counter" | "log" | "mangle" | "notrack" | "set" | "map" | "meter" | "dup" | "ct helper" => {}
                _ => match action(name, body, &table) {
                    Some(action) => {
                        rules.push(made(fits, is_about_vrrp, action));
                        return rules;
                    }
                    None if name == "xt" => {
                        // What iptables knows and nft does not. A target of that kind may drop.
                        if text_of(body, "type") == "target" {
                            rules.push(made(fits.and(Truth::Maybe), is_about_vrrp, Action::Drop));
                        }
                        fits = fits.and(Truth::Maybe);
                    }
                    // limit, quota, connlimit, queue, and what later versions bring.
                    None => fits = fits.and(Truth::Maybe),
                },
            }
        }
        rules
    }

    /// Whether what the advert has compares with what stands in the rule.
    fn compare(&self, ours: &Ours, operator: &str, right: &Value, table: &str) -> Truth {
        let equal = || self.is_one_of(ours, right, table);
        let number = |holds: fn(u64, u64) -> bool| match (ours, right.as_u64()) {
            (Ours::Number(ours, _), Some(right)) => Truth::of(holds(*ours, right)),
            _ => Truth::Maybe,
        };
        match operator {
            _ if matches!(ours, Ours::Absent) => Truth::No,
            "==" | "in" | "" => equal(),
            "!=" => equal().not(),
            "<" => number(|ours, right| ours < right),
            ">" => number(|ours, right| ours > right),
            "<=" => number(|ours, right| ours <= right),
            ">=" => number(|ours, right| ours >= right),
            _ => Truth::Maybe,
        }
    }

    fn is_one_of(&self, ours: &Ours, right: &Value, table: &str) -> Truth {
        if *ours == Ours::Unknown {
            return Truth::Maybe;
        }
        let any = |values: &[Value]| {
            let each = values.iter().take(ELEMENTS_MAX).map(|value| self.is_one_of(ours, value, table));
            each.fold(Truth::No, Truth::or)
        };
        match right {
            Value::String(name) if name.starts_with('@') => {
                let name = (table.to_owned(), name.trim_start_matches('@').to_owned());
                self.sets.get(&name).map_or(Truth::Maybe, |elements| any(elements))
            }
            Value::Array(values) => any(values),
            Value::Object(object) => match object.iter().next().map(|(kind, body)| (kind.as_str(), body)) {
                Some(("set", Value::Array(values))) => any(values),
                Some(("elem", body)) => {
                    body.get("val").map_or(Truth::Maybe, |value| self.is_one_of(ours, value, table))
                }
                Some(("range", Value::Array(ends))) => match ends.as_slice() {
                    [first, last] => ours.is_between(first, last),
                    _ => Truth::Maybe,
                },
                Some(("prefix", body)) => ours.is_in(text_of(body, "addr"), body.get("len").and_then(Value::as_u64)),
                _ => Truth::Maybe,
            },
            Value::String(text) => ours.is_text(text),
            Value::Number(number) => match (ours, number.as_u64()) {
                (Ours::Number(ours, _), Some(number)) => Truth::of(*ours == number),
                _ => Truth::Maybe,
            },
            Value::Null | Value::Bool(_) => Truth::Maybe,
        }
    }

    fn elements(&self, data: &Value, table: &str) -> Vec<Value> {
        match data {
            Value::String(name) => {
                let name = (table.to_owned(), name.trim_start_matches('@').to_owned());
                self.sets.get(&name).cloned().unwrap_or_default()
            }
            Value::Object(set) => set.get("set").and_then(Value::as_array).cloned().unwrap_or_default(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Vec::new(),
        }
    }
}

/// What an advert has where a rule looks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ours {
    /// A number, and the name that nft has for it.
    Number(u64, &'static str),
    Name(String),
    Address(IpAddr),
    /// Packets of this kind have none, so that nothing compares with it.
    Absent,
    Unknown,
}

impl Ours {
    /// Whether a rule that compares this, with this outcome, speaks of VRRP.
    fn is_about_vrrp(&self, truth: Truth) -> bool {
        let is_vrrp = match self {
            Self::Number(number, name) => (*number, *name) == (PROTOCOL.into(), "vrrp"),
            Self::Address(address) => address.is_multicast(),
            Self::Name(_) | Self::Absent | Self::Unknown => false,
        };
        is_vrrp && truth == Truth::Yes
    }

    fn is_text(&self, text: &str) -> Truth {
        match self {
            Self::Number(number, name) => Truth::of(*name == text || text.parse() == Ok(*number)),
            Self::Name(name) => Truth::of(match text.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == text,
            }),
            Self::Address(address) => text.parse::<IpAddr>().map_or(Truth::Maybe, |text| Truth::of(text == *address)),
            Self::Absent => Truth::No,
            Self::Unknown => Truth::Maybe,
        }
    }

    fn is_between(&self, first: &Value, last: &Value) -> Truth {
        match self {
            Self::Number(number, _) => match (first.as_u64(), last.as_u64()) {
                (Some(first), Some(last)) => Truth::of((first..=last).contains(number)),
                _ => Truth::Maybe,
            },
            Self::Address(address) => {
                let end = |value: &Value| value.as_str().and_then(|text| text.parse::<IpAddr>().ok());
                match (end(first), end(last)) {
                    (Some(first), Some(last)) => Truth::of((first..=last).contains(address)),
                    _ => Truth::Maybe,
                }
            }
            Self::Absent => Truth::No,
            Self::Name(_) | Self::Unknown => Truth::Maybe,
        }
    }

    fn is_in(&self, network: &str, prefix_len: Option<u64>) -> Truth {
        let network = network.parse::<IpAddr>().ok().zip(prefix_len.and_then(|len| u8::try_from(len).ok()));
        match (self, network) {
            (Self::Address(address), Some((network, len))) => {
                Truth::of(super::interfaces::covers(network, len, *address))
            }
            (Self::Absent, _) => Truth::No,
            _ => Truth::Maybe,
        }
    }
}

/// What an advert has where an expression looks.
fn ours(left: &Value, advert: &Advert) -> Ours {
    let Some((kind, body)) = left.as_object().and_then(|object| object.iter().next()) else { return Ours::Unknown };
    let protocol = Ours::Number(PROTOCOL.into(), "vrrp");
    let is_multicast = advert.destination.map(|address| address.is_multicast());
    let cast = |multicast: &str, other: &str| match is_multicast {
        Some(is_multicast) => Ours::Name(if is_multicast { multicast } else { other }.to_owned()),
        None => Ours::Unknown,
    };
    match kind.as_str() {
        "meta" => match text_of(body, "key") {
            "l4proto" => protocol,
            "iifname" | "iif" if advert.is_incoming => Ours::Name(advert.interface.clone()),
            "oifname" | "oif" if !advert.is_incoming => Ours::Name(advert.interface.clone()),
            "iifname" | "iif" | "oifname" | "oif" => Ours::Absent,
            "nfproto" => Ours::Name(if advert.is_ipv6 { "ipv6" } else { "ipv4" }.to_owned()),
            "protocol" => Ours::Name(if advert.is_ipv6 { "ip6" } else { "ip" }.to_owned()),
            "pkttype" if advert.is_incoming => cast("multicast", "host"),
            _ => Ours::Unknown,
        },
        "payload" => match (text_of(body, "protocol"), text_of(body, "field")) {
            ("ip", _) if advert.is_ipv6 => Ours::Absent,
            ("ip6", _) if !advert.is_ipv6 => Ours::Absent,
            ("ip", "protocol") | ("ip6", "nexthdr") => protocol,
            ("ip" | "ip6", "saddr") => advert.source.map_or(Ours::Unknown, Ours::Address),
            ("ip" | "ip6", "daddr") => advert.destination.map_or(Ours::Unknown, Ours::Address),
            ("ip", "ttl") | ("ip6", "hoplimit") => Ours::Number(255, ""),
            ("tcp" | "udp" | "udplite" | "sctp" | "dccp" | "icmp" | "icmpv6" | "igmp" | "esp" | "ah" | "arp", _) => {
                Ours::Absent
            }
            _ => Ours::Unknown,
        },
        // Nobody answers an advert, so each is the first of its connection.
        "ct" if text_of(body, "key") == "state" => Ours::Name("new".to_owned()),
        "fib" if text_of(body, "result") == "type" && flags_are(body, "daddr") => cast("multicast", "local"),
        _ => Ours::Unknown,
    }
}

fn flags_are(body: &Value, wanted: &str) -> bool {
    match body.get("flags") {
        Some(Value::String(flag)) => flag == wanted,
        Some(Value::Array(flags)) => flags.iter().all(|flag| flag == wanted),
        _ => false,
    }
}

/// What a verdict does; nothing if it is none.
fn action(kind: &str, body: &Value, table: &str) -> Option<Action> {
    let target = || key(table, text_of(body, "target"));
    Some(match kind {
        "accept" => Action::Accept,
        "drop" | "reject" => Action::Drop,
        "jump" => Action::Jump(target()),
        "goto" => Action::Goto(target()),
        "return" => Action::Return,
        "continue" => Action::Nothing,
        _ => return None,
    })
}

/// Whether packets of the advert's family can meet a chain.
fn is_for(chain: &Value, advert: &Advert) -> bool {
    match text_of(chain, "family") {
        "inet" | "netdev" => true,
        "ip" => !advert.is_ipv6,
        "ip6" => advert.is_ipv6,
        _ => false,
    }
}

/// Whether the advert begins in a chain.
fn is_met(chain: &Value, advert: &Advert) -> bool {
    let is_on = || match chain.get("dev") {
        Some(Value::String(device)) => *device == advert.interface,
        Some(Value::Array(devices)) => devices.iter().any(|device| *device == advert.interface),
        _ => true,
    };
    match text_of(chain, "hook") {
        // Translation is no filter, and its chains see only the first packet.
        _ if text_of(chain, "type") == "nat" => false,
        "ingress" => advert.is_incoming && is_on(),
        "egress" => !advert.is_incoming && is_on(),
        "prerouting" | "input" => advert.is_incoming,
        "output" | "postrouting" => !advert.is_incoming,
        _ => false,
    }
}

fn table(of: &Value) -> String {
    format!("{} {}", text_of(of, "family"), text_of(of, "table"))
}

fn key(table: &str, name: &str) -> String {
    format!("{table} {name}")
}

fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
