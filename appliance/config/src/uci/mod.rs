//! OpenWrt's `/etc/config/keepalived`, as the init script of its keepalived package reads it: sections become the
//! statements of keepalived.conf that they stand for, with their places in the UCI file, and are read like these.
//!
//! Where the script quietly drops something, this does not: a reference to a section that does not exist is an error,
//! addresses may stand where the name of a section does, a flag of `0` is off, and a script is followed by those who
//! name it.

mod edit;
mod lines;

use std::borrow::Cow;
use std::net::IpAddr;

pub(crate) use self::edit::changes;
use self::lines::{Section, sections};
pub(crate) use self::lines::{is_uci, looks_like_uci};
use crate::diagnostic::{Diagnostic, Diagnostics, code};
use crate::reading::{Block, Statement, Word, network, shorten};
use crate::schema::{GLOBAL_DEFS, INSTANCE, Kind, Place, SCRIPT, SYNC_GROUP};
use crate::source::{FileId, Sources, Span};
use crate::suggest::closest;

/// The statements that a UCI file stands for.
pub(crate) fn statements<'s>(sources: &'s Sources, found: &mut Diagnostics) -> Vec<Statement<'s>> {
    let text = sources.file(FileId::MAIN).map_or("", |main| main.text());
    let sections = sections(FileId::MAIN, text, found);
    let mut writer = Writer { sections: &sections, found, instance: None };
    sections.iter().filter_map(|section| writer.section(section)).collect()
}

/// Sections that are only there for others to name them.
const NAMED: [&str; 7] = ["ipaddress", "route", "track_interface", "track_script", "peer", "real_server", "url"];
/// Section kinds that become a statement.
const KINDS: [&str; 9] = [
    "globals",
    "vrrp_instance",
    "vrrp_sync_group",
    "vrrp_script",
    "static_ipaddress",
    "static_routes",
    "interface_up_down_delays",
    "bfd_instance",
    "virtual_server",
];

struct Writer<'a, 's> {
    sections: &'a [Section<'s>],
    found: &'a mut Diagnostics,
    /// The instance that is being written, for what is said meanwhile.
    instance: Option<String>,
}

impl<'a, 's> Writer<'a, 's> {
    fn section(&mut self, section: &Section<'s>) -> Option<Statement<'s>> {
        self.instance = None;
        let kind = section.kind.text.as_ref();
        match kind {
            "globals" => Some(self.plain_block(section, "global_defs", &GLOBAL_DEFS)),
            "vrrp_instance" => {
                self.instance = section.own_name().map(|name| name.text.clone().into_owned());
                self.named(section, &INSTANCE)
            }
            "vrrp_sync_group" => self.named(section, &SYNC_GROUP),
            "vrrp_script" => self.named(section, &SCRIPT),
            "static_ipaddress" => {
                let lines = self.lines(section.all("address"), Self::address);
                Some(block(vec![word("static_ipaddress", section.kind.at)], section, lines))
            }
            "interface_up_down_delays" => {
                let words: Vec<Word<'s>> =
                    ["device", "down_delay", "up_delay"].iter().filter_map(|it| section.get(it)).cloned().collect();
                let lines = if words.is_empty() { Vec::new() } else { vec![line(words)] };
                Some(block(vec![word("interface_up_down_delays", section.kind.at)], section, lines))
            }
            "static_routes" => {
                let lines = self.lines(section.all("route"), Self::route);
                Some(block(vec![word("static_routes", section.kind.at)], section, lines))
            }
            // Outside the project, which the reader says once for each.
            "bfd_instance" | "virtual_server" => {
                let name = section.own_name().cloned().unwrap_or_else(|| word("-", section.kind.at));
                Some(block(vec![section.kind.clone(), name], section, Vec::new()))
            }
            known if NAMED.contains(&known) => None,
            unknown => {
                let diagnostic = Diagnostic::new(
                    &code::E010_UNKNOWN,
                    section.kind.at,
                    format_args!("unknown section type `{}`", shorten(unknown)),
                );
                let near = closest(unknown, KINDS.iter().chain(&NAMED).copied());
                self.found.push(match near {
                    Some(near) => diagnostic.fix(format_args!("did you mean `{near}`?")),
                    None => diagnostic.label("not in OpenWrt's keepalived package"),
                });
                None
            }
        }
    }

    /// A section with a name.
    fn named(&mut self, section: &Section<'s>, place: &'static Place) -> Option<Statement<'s>> {
        let Some(name) = section.own_name() else {
            self.found.push(
                Diagnostic::new(
                    &code::E012_MISSING_VALUE,
                    section.kind.at,
                    format_args!("this `{}` has no name", section.kind.text),
                )
                .fix("add `option name 'NAME'`"),
            );
            return None;
        };
        let mut statement = self.plain_block(section, place.name, place);
        statement.words.push(name.clone());
        Some(statement)
    }

    /// Options as lines of a block: lists by what they refer to, flags by whether they are on, all others as they are.
    fn plain_block(&mut self, section: &Section<'s>, name: &'static str, place: &'static Place) -> Statement<'s> {
        let mut lines: Vec<Statement<'s>> = Vec::new();
        let mut authentication: Vec<Statement<'s>> = Vec::new();
        let reverse = section.get("direction").filter(|direction| direction.text == "reverse");
        for option in &section.options {
            let (key, value) = (&option.name, &option.value);
            let text = key.text.as_ref();
            match text {
                "name" | "direction" => {}
                // Whether the service runs is the business of who starts it.
                "enabled" if place.name == GLOBAL_DEFS.name => {}
                "alt_config_file" if place.name == GLOBAL_DEFS.name => self.found.push(
                    Diagnostic::new(&code::W001_OUTSIDE, key.at, "`alt_config_file` is not followed")
                        .why("OpenWrt's init script takes that file instead of this one.")
                        .fix("name it to locum: `-f FILE`"),
                ),
                "linkbeat_use_polling" => {}
                "auth_type" | "auth_pass" => authentication.push(pair(key, value)),
                "fail" if place.name == SCRIPT.name => lines.push(pair(&word("fall", key.at), value)),
                "weight" if place.name == SCRIPT.name => {
                    let mut weight = pair(key, value);
                    weight.words.extend(reverse.map(|direction| word("reverse", direction.at)));
                    lines.push(weight);
                }
                _ if place.keyword(text).is_some_and(|keyword| keyword.block.is_some()) => {
                    let entries: Vec<Statement<'s>> = items(value).filter_map(|item| self.entry(text, &item)).collect();
                    // One block for a list, at its first line.
                    let known = lines.iter_mut().find(|line| line.keyword() == text);
                    match known.and_then(|line| line.block.as_mut()) {
                        Some(block) => {
                            block.close = Some(value.at);
                            block.statements.extend(entries);
                        }
                        None => lines.push(Statement {
                            words: vec![key.clone()],
                            block: Some(Block { open: key.at, close: Some(value.at), statements: entries }),
                        }),
                    }
                }
                _ if is_flag(place, text) => match value.text.as_ref() {
                    "0" | "no" | "off" | "false" | "disabled" | "" => {}
                    "1" | "yes" | "on" | "true" | "enabled" => lines.push(line(vec![key.clone()])),
                    _ if text != "use_vmac" && place.keyword(text).is_some_and(|keyword| keyword.args.is_empty()) => {
                        let message = format!("`{}` is no value for `{text}`", shorten(&value.text));
                        self.say(
                            Diagnostic::new(&code::E016_UNKNOWN_WORD, value.at, message).label("expected `1` or `0`"),
                        );
                    }
                    _ => lines.push(pair(key, value)),
                },
                _ => lines.push(pair(key, value)),
            }
        }
        if let Some(first) = authentication.first() {
            let at = first.at();
            let close = Some(section.end);
            let block = Some(Block { open: at, close, statements: authentication });
            lines.push(Statement { words: vec![word("authentication", at)], block });
        }
        block(vec![word(name, section.kind.at)], section, lines)
    }

    /// The lines that the items of a list stand for.
    fn lines<'v>(
        &mut self,
        values: impl Iterator<Item = &'v Word<'s>>,
        of_item: fn(&mut Self, &Word<'s>) -> Option<Statement<'s>>,
    ) -> Vec<Statement<'s>>
    where
        's: 'v,
    {
        let mut lines = Vec::new();
        for value in values {
            for item in items(value) {
                lines.extend(of_item(self, &item));
            }
        }
        lines
    }

    /// A line of a list: what its item refers to.
    fn entry(&mut self, list: &str, item: &Word<'s>) -> Option<Statement<'s>> {
        match list {
            "virtual_ipaddress" | "virtual_ipaddress_excluded" => self.address(item),
            "unicast_peer" => {
                if item.text.parse::<IpAddr>().is_ok() {
                    return Some(line(vec![item.clone()]));
                }
                let peer = self.refer(&["peer"], item)?;
                let mut words = vec![self.need(peer, "address")?];
                for option in ["min_ttl", "max_ttl"] {
                    add(&mut words, option, peer.get(option));
                }
                Some(line(words))
            }
            "virtual_routes" => self.route(item),
            "track_interface" => {
                let tracked = self.refer(&["track_interface"], item)?;
                self.weighed(tracked)
            }
            "track_script" => {
                let tracked = self.refer(&["vrrp_script", "track_script"], item)?;
                if tracked.kind.text == "vrrp_script" {
                    return Some(line(vec![item.clone()]));
                }
                self.weighed(tracked)
            }
            _ => Some(line(vec![item.clone()])),
        }
    }

    /// An address, or the `ipaddress` section of this name, as the init script writes it.
    fn address(&mut self, item: &Word<'s>) -> Option<Statement<'s>> {
        if network(&item.text).is_ok() {
            return Some(line(vec![item.clone()]));
        }
        let section = self.refer(&["ipaddress"], item)?;
        let address = self.need(section, "address")?;
        let takes_label = network(&address.text).is_ok_and(|(address, _)| address.is_ipv4());
        let mut words = vec![address];
        if let Some(device) = section.get("device") {
            add(&mut words, "dev", Some(device));
            if takes_label {
                let suffix = section.get("label_suffix");
                let label = format!("{}:{}", device.text, suffix.map_or("vip", |suffix| suffix.text.as_ref()));
                let at = suffix.unwrap_or(device).at;
                add(&mut words, "label", Some(&word(label, at)));
            }
            add(&mut words, "scope", section.get("scope"));
        }
        Some(line(words))
    }

    /// The `route` section of this name, as the init script writes it.
    fn route(&mut self, item: &Word<'s>) -> Option<Statement<'s>> {
        let section = self.refer(&["route"], item)?;
        let mut words = Vec::new();
        let blackhole =
            section.get("blackhole").filter(|value| matches!(value.text.as_ref(), "1" | "yes" | "on" | "true"));
        words.extend(blackhole.map(|value| word("blackhole", value.at)));
        for (option, keyword) in
            [("src_addr", "src"), ("address", "to"), ("gateway", "via"), ("device", "dev"), ("table", "table")]
        {
            let value = section.get(option);
            // LuCI offers the tables with a capital letter.
            let small = value.filter(|_| keyword == "table").map(|it| word(it.text.to_ascii_lowercase(), it.at));
            add(&mut words, keyword, small.as_ref().or(value));
        }
        if section.get("address").is_none() {
            self.need(section, "address");
            return None;
        }
        Some(line(words))
    }

    /// A tracker's name, and its weight.
    fn weighed(&mut self, section: &Section<'s>) -> Option<Statement<'s>> {
        let mut words = vec![self.need(section, "value")?];
        if let Some(weight) = section.get("weight") {
            add(&mut words, "weight", Some(weight));
            let reverse = section.get("direction").filter(|direction| direction.text == "reverse");
            words.extend(reverse.map(|direction| word("reverse", direction.at)));
        }
        Some(line(words))
    }

    /// The section of one of these kinds that `item` names.
    fn refer(&mut self, kinds: &[&str], item: &Word<'s>) -> Option<&'a Section<'s>> {
        let sections = self.sections;
        let of = |section: &&'a Section<'s>, kind: &str| section.kind.text == kind;
        let named = |section: &&'a Section<'s>| section.own_name().is_some_and(|name| name.text == item.text);
        let find = |kind: &&str| sections.iter().find(|section| of(section, kind) && named(section));
        if let Some(section) = kinds.iter().find_map(find) {
            return Some(section);
        }
        let kind = kinds.first().copied().unwrap_or_default();
        let known = sections.iter().filter(|section| kinds.iter().any(|kind| of(section, kind)));
        let names = known.filter_map(Section::own_name).map(|name| name.text.as_ref());
        let near = self.found.suggest(&item.text, names).map(str::to_owned);
        let message = format!("there is no `{kind}` section of the name `{}`", shorten(&item.text));
        self.say(
            Diagnostic::new(&code::E025_UNDEFINED, item.at, message)
                .why("OpenWrt's init script drops the line. The instance is held in FAULT instead.")
                .fix(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("add `config {kind}` with `option name '{}'`", shorten(&item.text)),
                }),
        );
        None
    }

    fn need(&mut self, section: &Section<'s>, option: &str) -> Option<Word<'s>> {
        let value = section.get(option).cloned();
        if value.is_none() {
            let message = format!("this `{}` has no `{option}`", section.kind.text);
            self.say(
                Diagnostic::new(&code::E012_MISSING_VALUE, section.kind.at, message)
                    .fix(format_args!("add `option {option} '…'`")),
            );
        }
        value
    }

    /// Says something that concerns the instance in whose section it was found.
    fn say(&mut self, diagnostic: Diagnostic) {
        self.found.push(match &self.instance {
            Some(name) => diagnostic.instance(name),
            None => diagnostic,
        });
    }
}

/// Keywords that stand alone or take on and off.
fn is_flag(place: &Place, name: &str) -> bool {
    name == "use_vmac"
        || place.keyword(name).is_some_and(|keyword| keyword.args.iter().all(|arg| arg.kind == Kind::Switch))
}

/// The items of a value of a list: several may stand in one.
fn items<'w, 's>(value: &'w Word<'s>) -> impl Iterator<Item = Word<'s>> + use<'w, 's> {
    value.text.split_whitespace().map(|item| word(item.to_owned(), value.at))
}

fn word<'s>(text: impl Into<Cow<'s, str>>, at: Span) -> Word<'s> {
    let text = text.into();
    Word { raw: text.clone(), text, at }
}

/// An option of a line, if it has a value.
fn add<'s>(words: &mut Vec<Word<'s>>, keyword: &'static str, value: Option<&Word<'s>>) {
    if let Some(value) = value {
        words.push(word(keyword, value.at));
        words.push(value.clone());
    }
}

fn line(words: Vec<Word<'_>>) -> Statement<'_> {
    Statement { words, block: None }
}

/// A keyword and its value.
fn pair<'s>(key: &Word<'s>, value: &Word<'s>) -> Statement<'s> {
    line(vec![key.clone(), value.clone()])
}

fn block<'s>(words: Vec<Word<'s>>, section: &Section<'s>, statements: Vec<Statement<'s>>) -> Statement<'s> {
    let open = section.kind.at;
    Statement { words, block: Some(Block { open, close: Some(section.end), statements }) }
}
