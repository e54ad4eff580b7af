//! Lines of `virtual_rules` and `static_rules`.

use std::ops::ControlFlow;

use super::Reader;
use super::options::{Families, Met};
use super::statement::{Statement, Word};
use super::values::Value;
use crate::diagnostic::{Diagnostic, code};
use crate::model::{At, Family, Prefix, Rule, RuleAction, Setting};
use crate::names::{self, NameKind};
use crate::schema::{Keyword, Place};
use crate::source::Span;

/// What the first rule without a preference gets; the next ones get less. keepalived's number, so that the rules of a
/// configuration that is taken over stand where they stood.
pub(super) const FIRST_PREFERENCE: u32 = 16_384;

/// Actions of a word.
const PLAIN_ACTIONS: [(&str, RuleAction); 5] = [
    ("l3mdev", RuleAction::L3mdev),
    ("nop", RuleAction::Nop),
    ("blackhole", RuleAction::Blackhole),
    ("unreachable", RuleAction::Unreachable),
    ("prohibit", RuleAction::Prohibit),
];

/// A rule while its line is read.
struct Draft {
    rule: Rule,
    families: Families,
    action: Option<(RuleAction, Span)>,
    preference: Option<Setting<u32>>,
    /// Words that only go with a table.
    table_words: Option<Span>,
}

impl Reader<'_> {
    pub(super) fn rules(&mut self, place: &'static Place, statement: &Statement<'_>) -> Vec<Rule> {
        let mut rules = Vec::new();
        for line in statement.statements() {
            rules.extend(self.rule(place, line));
        }
        rules
    }

    fn rule(&mut self, place: &'static Place, line: &Statement<'_>) -> Option<Rule> {
        let mark = self.diagnostics.mark();
        let mut draft = Draft::new(line.whole());
        self.no_block_in(place, line);
        self.each_option(place, &line.words, &mut |reader, met, word, _| match met {
            Met::Option { option, values, words } => {
                reader.rule_option(&mut draft, option, &values, word, words);
                ControlFlow::Continue(())
            }
            Met::Other(entry) => {
                reader.unknown_option(place, entry, word);
                ControlFlow::Break(())
            }
        });
        if !self.diagnostics.failed_since(mark) {
            self.settle_rule(&mut draft, line);
        }
        if self.diagnostics.failed_since(mark) {
            return None;
        }
        let Draft { mut rule, families, preference, action, .. } = draft;
        rule.family = families.family();
        let default = |prefix: &mut Option<Prefix>| {
            if let Some(prefix) = prefix {
                families.give_default(prefix);
            }
        };
        default(&mut rule.from);
        default(&mut rule.to);
        rule.action = action?.0;
        rule.preference = match preference {
            Some(preference) => preference,
            None => self.next_preference(rule.family, line),
        };
        Some(rule)
    }

    /// The number of a rule that has none.
    fn next_preference(&mut self, family: Family, line: &Statement<'_>) -> Setting<u32> {
        let [v4, v6] = &mut self.next_preferences;
        let next = match family {
            Family::V4 => v4,
            Family::V6 => v6,
        };
        let preference = *next;
        *next = next.saturating_sub(1).max(1);
        self.diagnostics.push(
            Diagnostic::new(&code::W032_NO_PREFERENCE, line.whole(), "a rule without preference")
                .label(format_args!("gets {preference}"))
                .why("Which rule is asked first would depend on the order of lines, here and on the other router.")
                .fix("add `preference N`, below 32766 to come before the table main"),
        );
        Setting::implied(preference)
    }

    fn rule_option(
        &mut self,
        draft: &mut Draft,
        option: &'static Keyword,
        values: &[Value<'_>],
        at: &Word<'_>,
        words: &[Word<'_>],
    ) {
        let word = words.first();
        let text = values.first().and_then(Value::text);
        let setting = || text.map(|text| Setting::written(text.to_owned(), at.at));
        let number = match values.first() {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        };
        let number32 = number.and_then(|number| u32::try_from(number).ok());
        let rule = &mut draft.rule;
        match (option.name, word) {
            ("from", Some(word)) => rule.from = self.family_prefix(&mut draft.families, word),
            ("to", Some(word)) => rule.to = self.family_prefix(&mut draft.families, word),
            ("not", _) => rule.inverted = true,
            ("inet", _) => self.family(&mut draft.families, Family::V4, at.at),
            ("inet6", _) => self.family(&mut draft.families, Family::V6, at.at),
            ("preference" | "priority" | "order", Some(word)) => {
                draft.preference = number32.map(|number| Setting::written(number, word.at));
            }
            ("iif" | "dev", _) => rule.input_interface = setting(),
            ("oif", _) => rule.output_interface = setting(),
            ("tos" | "dsfield", Some(word)) => {
                rule.tos = self.number_of(NameKind::DsField, word).and_then(|tos| u8::try_from(tos).ok()).unwrap_or(0);
            }
            ("fwmark", Some(word)) => rule.fwmark = self.parsed(word, "MARK or MARK/MASK, decimal or with 0x", fwmark),
            ("uidrange", Some(word)) => rule.uid_range = self.parsed(word, "FIRST-LAST", range),
            ("ipproto" | "ip_proto", Some(word)) => {
                rule.ip_protocol = self.parsed(word, "tcp, udp, icmp, …, or a number from 0 to 255", ip_protocol);
            }
            ("sport", Some(word)) => rule.source_ports = self.parsed(word, "PORT or FIRST-LAST", ports),
            ("dport", Some(word)) => rule.destination_ports = self.parsed(word, "PORT or FIRST-LAST", ports),
            ("tunnel-id", _) => rule.tunnel_id = number.and_then(|number| u64::try_from(number).ok()),
            ("table" | "lookup", Some(word)) => {
                if let Some(table) = self.number_of(NameKind::Table, word) {
                    if table == 0 && self.around.route_names.is_some() {
                        self.odd(word.at, "table 0 means no table", "choose another table");
                    }
                    self.action(draft, RuleAction::Table(table), at.at);
                }
            }
            ("goto", _) => self.action(draft, RuleAction::Goto(number32.unwrap_or(0)), at.at),
            ("suppress_prefixlength" | "sup_pl", _) => {
                rule.suppress_prefix_len = number32;
                draft.table_words = Some(at.at);
            }
            ("suppress_ifgroup" | "sup_group", Some(word)) => {
                rule.suppress_group = self.number_of(NameKind::Group, word);
                draft.table_words = Some(at.at);
            }
            ("realms", Some(word)) => {
                rule.realms = self.realms_of(word);
                draft.table_words = Some(at.at);
                self.family(&mut draft.families, Family::V4, at.at);
            }
            ("protocol", Some(word)) => {
                rule.protocol = self.number_of(NameKind::Protocol, word).and_then(|number| u8::try_from(number).ok());
            }
            ("no_track", _) => rule.no_track = true,
            ("track_group", _) => rule.track_group = setting(),
            // `type` says nothing itself.
            (word, _) => {
                if let Some((_, action)) = PLAIN_ACTIONS.iter().find(|(name, _)| *name == word) {
                    self.action(draft, *action, at.at);
                }
            }
        }
    }

    fn action(&mut self, draft: &mut Draft, action: RuleAction, at: Span) {
        if let Some((_, first)) = draft.action {
            self.diagnostics.push(
                Diagnostic::new(&code::E031_ROUTE, at, "a rule does one thing")
                    .label("a second action")
                    .related(first, "the first")
                    .fix("write a rule for each"),
            );
        }
        draft.action = Some((action, at));
    }

    /// What the words of a rule say together.
    fn settle_rule(&mut self, draft: &mut Draft, line: &Statement<'_>) {
        match draft.action {
            None => self.odd(
                line.whole(),
                "the rule does nothing",
                "add `table NAME`, or one of blackhole, unreachable, prohibit, goto N, nop",
            ),
            Some((RuleAction::Goto(target), at)) => match draft.preference {
                Some(preference) if preference.value < target => {}
                Some(_) => self.odd(at, "`goto` leads backwards", "name a rule with a greater preference"),
                None => self.odd(at, "`goto` without preference", "add `preference N`, less than the target's"),
            },
            Some((RuleAction::Table(_) | RuleAction::L3mdev, _)) => {}
            Some(_) => {
                if let Some(at) = draft.table_words {
                    self.odd(at, "this only goes with `table`", "take it away");
                }
            }
        }
        if let (Some(group), None) = (&draft.rule.track_group, &draft.rule.input_interface) {
            let at = group.at.unwrap_or(line.whole());
            self.odd(
                at,
                "`track_group` without `iif`",
                "add `iif INTERFACE`: without it nobody would see the rule's loss",
            );
        }
    }
}

impl Draft {
    fn new(at: Span) -> Self {
        Self {
            rule: Rule {
                family: Family::V4,
                preference: Setting::implied(0),
                inverted: false,
                from: None,
                to: None,
                tos: 0,
                fwmark: None,
                input_interface: None,
                output_interface: None,
                uid_range: None,
                ip_protocol: None,
                source_ports: None,
                destination_ports: None,
                tunnel_id: None,
                action: RuleAction::Nop,
                suppress_prefix_len: None,
                suppress_group: None,
                realms: None,
                protocol: None,
                no_track: false,
                track_group: None,
                at: At(at),
            },
            families: Families::default(),
            action: None,
            preference: None,
            table_words: None,
        }
    }
}

/// MARK or MARK/MASK
fn fwmark(text: &str) -> Option<(u32, Option<u32>)> {
    match text.split_once('/') {
        Some((mark, mask)) => Some((names::parse(mark)?, Some(names::parse(mask)?))),
        None => Some((names::parse(text)?, None)),
    }
}

/// FIRST-LAST
fn range(text: &str) -> Option<(u32, u32)> {
    let (first, last) = text.split_once('-')?;
    let range = (first.parse().ok()?, last.parse().ok()?);
    (range.0 <= range.1).then_some(range)
}

/// PORT or FIRST-LAST
fn ports(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = (first.parse().ok()?, last.parse().ok()?);
    (range.0 <= range.1).then_some(range)
}

/// Protocols that rules are written for (IANA, Assigned Internet Protocol Numbers).
const IP_PROTOCOLS: [(&str, u8); 13] = [
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("ipv6-icmp", 58),
    ("ospf", 89),
    ("vrrp", 112),
    ("sctp", 132),
    ("udplite", 136),
];

/// One of them, or a number.
fn ip_protocol(text: &str) -> Option<u8> {
    let known = IP_PROTOCOLS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    known.map_or_else(|| text.parse().ok(), |(_, number)| Some(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_as_ip_rule_does() {
        assert_eq!(fwmark("24/12"), Some((24, Some(12))));
        assert_eq!(fwmark("0x10"), Some((16, None)));
        assert_eq!(fwmark("-1"), None);
        assert_eq!(range("10000-19999"), Some((10_000, 19_999)));
        assert_eq!(range("2-1"), None);
        assert_eq!(ports("53"), Some((53, 53)));
        assert_eq!(ports("1-65536"), None);
        assert_eq!(ip_protocol("UDP"), Some(17));
        assert_eq!(ip_protocol("256"), None);
    }
}
