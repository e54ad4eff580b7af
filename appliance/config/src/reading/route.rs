//! Lines of `virtual_routes` and `static_routes`.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::ControlFlow;

use super::Reader;
use super::options::{Families, Met, is_default};
use super::statement::{Statement, Word};
use super::values::Value;
use crate::diagnostic::{Diagnostic, code};
use crate::model::{
    At, CongestionControl, Family, MetricKind, NextHop, Placement, Prefix, Route, RouteKind, RouteMetric,
    RouterPreference, Scope, Setting, TrackGroup,
};
use crate::names::NameKind;
use crate::schema::{Entry, Keyword, NEXT_HOP, Place, TRACK_GROUP};
use crate::source::Span;

/// Most ways of one route; the kernel takes more, and nobody reads them.
const NEXT_HOPS: usize = 64;

/// A route while its line is read.
struct Draft {
    route: Route,
    families: Families,
    destination: Option<Prefix>,
    /// Where `via` or `dev` stands.
    way: Option<Span>,
}

impl Reader<'_> {
    pub(super) fn routes(&mut self, place: &'static Place, statement: &Statement<'_>) -> Vec<Route> {
        let mut routes = Vec::new();
        for line in statement.statements() {
            routes.extend(self.route(place, line));
        }
        routes
    }

    fn route(&mut self, place: &'static Place, line: &Statement<'_>) -> Option<Route> {
        let mark = self.diagnostics.mark();
        let mut draft = Draft::new(line.whole());
        self.no_block_in(place, line);
        self.each_option(place, &line.words, &mut |reader, met, word, rest| match met {
            // What follows belongs to the ways, to the end of the line.
            Met::Option { option, .. } if option.name == NEXT_HOP.name => {
                reader.next_hops(&mut draft, rest);
                ControlFlow::Break(())
            }
            Met::Option { option, values, words } => {
                reader.route_option(&mut draft, option, &values, word, words);
                ControlFlow::Continue(())
            }
            Met::Other(entry) => reader.type_or_destination(&mut draft, place, entry, word),
        });
        if !self.diagnostics.failed_since(mark) {
            self.settle_route(&draft, line);
        }
        if self.diagnostics.failed_since(mark) {
            return None;
        }
        let Draft { mut route, families, destination, .. } = draft;
        route.destination = destination?;
        families.give_default(&mut route.destination);
        if let Some(from) = &mut route.from {
            families.give_default(from);
        }
        route.family = families.family();
        Some(route)
    }

    /// A word that is no option: the type, or the destination. If it is none of them, what follows it means nothing.
    fn type_or_destination(
        &mut self,
        draft: &mut Draft,
        place: &'static Place,
        entry: &'static Entry,
        word: &Word<'_>,
    ) -> ControlFlow<()> {
        if let Some((_, kind)) = RouteKind::ALL.iter().find(|(name, _)| *name == word.text) {
            draft.route.kind = *kind;
            return ControlFlow::Continue(());
        }
        let like_a_prefix = word.text.starts_with(|c: char| c.is_ascii_digit())
            || word.text.contains([':', '/'])
            || is_default(&word.text);
        if draft.destination.is_some() || !like_a_prefix {
            self.unknown_option(place, entry, word);
            return ControlFlow::Break(());
        }
        draft.destination = self.family_prefix(&mut draft.families, word);
        ControlFlow::Continue(())
    }

    fn route_option(
        &mut self,
        draft: &mut Draft,
        option: &'static Keyword,
        values: &[Value<'_>],
        at: &Word<'_>,
        words: &[Word<'_>],
    ) {
        let word = words.last();
        let text = values.first().and_then(Value::text);
        let setting = || text.map(|text| Setting::written(text.to_owned(), at.at));
        let locked = values.first() == Some(&Value::Choice("lock"));
        let number = match values.last() {
            Some(Value::Integer(number)) => u32::try_from(*number).ok(),
            _ => None,
        };
        if let Some(kind) = plain_metric(option.name) {
            if let Some(value) = number {
                draft.metric(kind, value, locked);
            }
            return;
        }
        let route = &mut draft.route;
        match (option.name, word) {
            ("via", _) => {
                route.gateway = self.gateway(&mut draft.families, values, at.at);
                draft.way.get_or_insert(at.at);
            }
            ("or", _) => self.second_gateway(draft, values, at.at),
            ("dev" | "oif", _) => {
                route.interface = setting();
                draft.way.get_or_insert(at.at);
            }
            ("src", _) => {
                if let Some(Value::Address(address)) = values.first() {
                    self.family(&mut draft.families, Family::of(*address), at.at);
                    route.preferred_source = Some(*address);
                }
            }
            ("from", Some(word)) => {
                self.family(&mut draft.families, Family::V6, at.at);
                route.from = self.family_prefix(&mut draft.families, word);
            }
            ("inet", _) => self.family(&mut draft.families, Family::V4, at.at),
            ("inet6", _) => self.family(&mut draft.families, Family::V6, at.at),
            ("table", Some(word)) => {
                if let Some(table) = self.number_of(NameKind::Table, word) {
                    route.table = table;
                }
            }
            ("vrf", _) => route.vrf = setting(),
            ("metric" | "priority" | "preference", _) => route.metric = number,
            ("scope", Some(word)) => route.scope = self.small(NameKind::Scope, word).map(Scope),
            ("protocol", Some(word)) => route.protocol = self.small(NameKind::Protocol, word),
            ("tos" | "dsfield", Some(word)) => route.tos = self.small(NameKind::DsField, word).unwrap_or(0),
            ("onlink", _) => route.onlink = true,
            ("realms", Some(word)) => {
                self.family(&mut draft.families, Family::V4, at.at);
                route.realms = self.realms_of(word);
            }
            ("expires", _) => {
                self.family(&mut draft.families, Family::V6, at.at);
                route.expires_s = number;
            }
            ("pref", _) => {
                self.family(&mut draft.families, Family::V6, at.at);
                route.preference = Some(match values.first() {
                    Some(Value::Choice("high")) => RouterPreference::High,
                    Some(Value::Choice("low")) => RouterPreference::Low,
                    _ => RouterPreference::Medium,
                });
            }
            ("rtt", Some(word)) => self.time_metric(draft, MetricKind::Rtt, 8, locked, word),
            ("rttvar", Some(word)) => self.time_metric(draft, MetricKind::RttVariance, 4, locked, word),
            ("rto_min", Some(word)) => self.time_metric(draft, MetricKind::RtoMin, 1, locked, word),
            ("features", _) => draft.metric(MetricKind::Features, 1, false),
            ("congctl", Some(word)) => {
                route.congestion_control = Some(CongestionControl { name: word.text.clone().into_owned(), locked });
            }
            ("add", _) => route.placement = Placement::Add,
            ("append", _) => route.placement = Placement::Append,
            ("prepend", _) => route.placement = Placement::Prepend,
            ("no_track", _) => route.no_track = true,
            ("track_group", _) => route.track_group = setting(),
            _ => {} // `to` says nothing itself.
        }
    }

    fn gateway(&mut self, families: &mut Families, values: &[Value<'_>], at: Span) -> Option<IpAddr> {
        let Some(Value::Address(address)) = values.last() else { return None };
        // `via inet6 ADDRESS` leads an IPv4 route through an IPv6 router (RFC 5549), so it says nothing of the route.
        match values.first() {
            Some(Value::Choice(family)) => {
                let said = if *family == "inet6" { Family::V6 } else { Family::V4 };
                if said != Family::of(*address) {
                    self.odd(at, "the address is not of the family that is named before it", "take the family away");
                }
            }
            _ => self.family(families, Family::of(*address), at),
        }
        Some(*address)
    }

    /// `via A or B`
    fn second_gateway(&mut self, draft: &mut Draft, values: &[Value<'_>], at: Span) {
        let Some(Value::Address(address)) = values.first() else { return };
        self.family(&mut draft.families, Family::of(*address), at);
        let Some(first) = draft.route.gateway.take() else {
            self.odd(at, "`or` needs a `via` before it, once", "write `nexthop via ADDRESS` for each of several ways");
            return;
        };
        let hop = |gateway| NextHop { gateway: Some(gateway), interface: None, weight: 1, onlink: false, realms: None };
        draft.route.next_hops = vec![hop(first), hop(*address)];
    }

    /// `nexthop …`, to the end of the line.
    fn next_hops(&mut self, draft: &mut Draft, words: &[Word<'_>]) {
        let mut hops: Vec<NextHop> = Vec::new();
        if let (Some(first), Some(word)) = (draft.way, words.first()) {
            self.diagnostics.push(
                Diagnostic::new(&code::E031_ROUTE, word.at, "`nexthop` beside `via` or `dev`")
                    .label("several ways")
                    .related(first, "one way")
                    .fix("put all ways into `nexthop via … dev …`"),
            );
        }
        self.each_option(&NEXT_HOP, words, &mut |reader, met, word, _| {
            match met {
                Met::Option { option, values, words } => {
                    if let Some(hop) = hops.last_mut() {
                        reader.next_hop_option(&mut draft.families, hop, option, &values, word, words);
                    }
                }
                Met::Other(_) if word.text == NEXT_HOP.name => {
                    if hops.len() == NEXT_HOPS {
                        reader.odd(word.at, "too many ways for one route", "64 are the most");
                        return ControlFlow::Break(());
                    }
                    hops.push(NextHop { gateway: None, interface: None, weight: 1, onlink: false, realms: None });
                }
                Met::Other(entry) => {
                    reader.unknown_option(&NEXT_HOP, entry, word);
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        if let (Some(word), true) =
            (words.first(), hops.iter().any(|hop| hop.gateway.is_none() && hop.interface.is_none()))
        {
            self.odd(word.at, "a `nexthop` leads nowhere", "add `via ADDRESS` or `dev INTERFACE` to each");
        }
        draft.route.next_hops = hops;
    }

    fn next_hop_option(
        &mut self,
        families: &mut Families,
        hop: &mut NextHop,
        option: &'static Keyword,
        values: &[Value<'_>],
        at: &Word<'_>,
        words: &[Word<'_>],
    ) {
        match (option.name, values, words.last()) {
            ("via", values, _) => hop.gateway = self.gateway(families, values, at.at),
            ("dev", [Value::Text(name), ..], _) => {
                hop.interface = Some(Setting::written((*name).to_owned(), at.at));
            }
            ("weight", [Value::Integer(weight), ..], _) => hop.weight = u16::try_from(*weight).unwrap_or(1),
            ("onlink", ..) => hop.onlink = true,
            ("realms", _, Some(word)) => {
                self.family(families, Family::V4, at.at);
                hop.realms = self.realms_of(word);
            }
            _ => {}
        }
    }

    /// What the words of a route say together.
    fn settle_route(&mut self, draft: &Draft, line: &Statement<'_>) {
        let route = &draft.route;
        let whole = line.whole();
        if draft.destination.is_none() {
            self.odd(whole, "the route has no destination", "write it first: ADDRESS/PREFIX, or `default`");
        }
        let has_way = draft.way.is_some() || !route.next_hops.is_empty();
        if route.kind.has_way() && !has_way {
            self.odd(whole, "the route leads nowhere", "add `via ADDRESS` or `dev INTERFACE`");
        }
        if let (Some(at), false) = (draft.way, route.kind.has_way()) {
            self.odd(at, "a route that refuses packets leads nowhere", "take `via` and `dev` away, or the type");
        }
        if let (Some(group), None) = (&route.track_group, &route.interface) {
            let at = group.at.unwrap_or(whole);
            self.odd(
                at,
                "`track_group` without `dev`",
                "add `dev INTERFACE`: without it nobody would see the route's loss",
            );
        }
    }

    fn time_metric(&mut self, draft: &mut Draft, kind: MetricKind, per_ms: u32, locked: bool, word: &Word<'_>) {
        if let Some(value) = self.parsed(word, "a number, alone or with `ms` or `s`", |text| time(text, per_ms)) {
            draft.metric(kind, value, locked);
        }
    }

    /// A name or number that fits a byte.
    fn small(&mut self, kind: NameKind, word: &Word<'_>) -> Option<u8> {
        self.number_of(kind, word).and_then(|number| u8::try_from(number).ok())
    }

    /// `track_group NAME { group { … } }`
    pub(super) fn track_group(&mut self, keyword: &'static Keyword, statement: &Statement<'_>) {
        let Some(name) = self.name(keyword, statement) else { return };
        let mut group = TrackGroup { name, members: Vec::new() };
        self.lines(&TRACK_GROUP, statement, &mut |_, _, line| {
            group.members.extend(line.words_inside());
        });
        self.model.track_groups.push(group);
    }
}

impl Draft {
    fn new(at: Span) -> Self {
        /// Table `main` (linux/rtnetlink.h, RT_TABLE_MAIN).
        const MAIN: u32 = 254;
        Self {
            route: Route {
                kind: RouteKind::Unicast,
                family: Family::V4,
                destination: Prefix { address: Ipv4Addr::UNSPECIFIED.into(), len: 0 },
                from: None,
                preferred_source: None,
                gateway: None,
                interface: None,
                next_hops: Vec::new(),
                table: MAIN,
                vrf: None,
                metric: None,
                scope: None,
                protocol: None,
                tos: 0,
                onlink: false,
                realms: None,
                expires_s: None,
                preference: None,
                metrics: Vec::new(),
                congestion_control: None,
                placement: Placement::default(),
                no_track: false,
                track_group: None,
                at: At(at),
            },
            families: Families::default(),
            destination: None,
            way: None,
        }
    }

    /// Sets a metric; the last of its kind counts.
    fn metric(&mut self, kind: MetricKind, value: u32, locked: bool) {
        self.route.metrics.retain(|metric| metric.kind != kind);
        self.route.metrics.push(RouteMetric { kind, value, locked });
    }
}

/// Metrics whose value is a plain number.
fn plain_metric(name: &str) -> Option<MetricKind> {
    Some(match name {
        "mtu" => MetricKind::Mtu,
        "advmss" => MetricKind::AdvertisedMss,
        "hoplimit" => MetricKind::HopLimit,
        "reordering" => MetricKind::Reordering,
        "window" => MetricKind::Window,
        "cwnd" => MetricKind::CongestionWindow,
        "ssthresh" => MetricKind::SlowStartThreshold,
        "initcwnd" => MetricKind::InitialCongestionWindow,
        "initrwnd" => MetricKind::InitialReceiveWindow,
        "quickack" => MetricKind::QuickAck,
        "fastopen_no_cookie" => MetricKind::FastOpenNoCookie,
        _ => return None,
    })
}

/// A time in the kernel's unit, of which there are `per_ms` in a millisecond: with `s` or `ms` (and their longer forms),
/// or a plain number of that unit, as `ip route` has it.
fn time(text: &str, per_ms: u32) -> Option<u32> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let ms_each = match text.get(digits.len()..)? {
        "" => return digits.parse().ok(),
        "s" | "sec" | "secs" => 1_000,
        "ms" | "msec" | "msecs" => 1,
        _ => return None,
    };
    digits.parse::<u32>().ok()?.checked_mul(ms_each)?.checked_mul(per_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_the_kernels_unit() {
        assert_eq!(time("102", 8), Some(102));
        assert_eq!(time("102ms", 8), Some(816));
        assert_eq!(time("1s", 4), Some(4_000));
        assert_eq!(time("1h", 1), None);
        assert_eq!(time("ms", 1), None);
        assert_eq!(time("4294967295s", 1), None);
    }
}
