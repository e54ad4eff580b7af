//! Who is on the wire: every router heard with each VRID of each interface, strangers among them, and who would follow.

use std::cmp::Reverse;
use std::net::IpAddr;

use locum_control::{
    InstanceStatus, InterfaceStatus, Mode, Reject, SenderStatus, SortedMap, SortedSet, State, mac_words,
    sender_mac_words,
};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::group::{members, router_at, router_with, succession};
use crate::model::{Instance, Model};
use crate::text::{fit_end, span, width};
use crate::theme::Tone;
use crate::view::overview::state_tone;
use crate::view::pen::{Line, Pen, draw_first_lines, line, wrap};
use crate::view::{Extent, below_head};

/// The cells of a bar, which stand for the highest priority of the group.
const BAR_CELLS: usize = 20;
const BAR_CELLS_COMPACT: usize = 5;
/// From this width on, the bars are long and sentences are worth their cells.
const WIDE_COLUMNS: u16 = 72;
/// Ranges of free VRIDs named.
const FREE_RANGES_MAX: usize = 8;

pub(super) fn render(model: &Model, area: Rect, buf: &mut Buffer) {
    let by =
        if model.nodes.are_several() { format!(" by {}", model.nodes.name(model.nodes.at)) } else { String::new() };
    let title = format!("Routers heard{by}, by interface and VRID");
    Pen::new(buf, model.look, area, 0).put(&title, Tone::Heading);
    let area = below_head(area);
    let enough = model.scroll.saturating_add(usize::from(area.height)).saturating_add(1);
    let (lines, all) = lines(model, area.width, enough);
    draw_first_lines(&lines, all, model.scroll, model.look, area, buf);
}

pub(super) fn extent(model: &Model, area: Rect) -> Extent {
    Extent { lines: lines(model, area.width, usize::MAX).0.len(), page: below_head(area).height.into() }
}

/// The lines, at least the first `enough`, and whether they are all: with a thousand groups, only those that are looked
/// at are worth their time.
fn lines(model: &Model, columns: u16, enough: usize) -> (Vec<Line>, bool) {
    let mut by_interface: SortedMap<&str, Vec<&Instance>> =
        model.replica().interfaces.keys().map(|name| (name.as_str(), Vec::new())).collect();
    for instance in model.replica().instances.values() {
        by_interface.get_or_default(&instance.status.interface).push(instance);
    }
    let mut lines = Vec::new();
    for (name, mut groups) in by_interface {
        groups.sort_by_key(|instance| (instance.status.vrid, instance.status.family.to_string()));
        let interface = model.replica().interfaces.get(name).map(|interface| &interface.status);
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        lines.push(interface_line(name, interface));
        for instance in &groups {
            if lines.len() >= enough {
                return (lines, false);
            }
            group(model, instance, columns, &mut lines);
        }
        if let Some(interface) = interface {
            strangers(model, interface, columns, &mut lines);
        }
        free(&groups, interface, columns, &mut lines);
    }
    if lines.is_empty() {
        lines.push(line("There is no instance, so nothing is listened to.", Tone::Text));
    }
    (lines, true)
}

fn interface_line(name: &str, interface: Option<&InterfaceStatus>) -> Line {
    let (words, tone) = match interface {
        None => ("", Tone::Text),
        Some(interface) if !interface.exists => ("does not exist", Tone::Fault),
        Some(interface) if !interface.up => ("is down", Tone::Fault),
        Some(_) => ("is up", Tone::Subdued),
    };
    vec![(format!("{name} "), Tone::Key), (words.into(), tone)]
}

/// A router that may hold the addresses of a group.
struct Candidate<'a> {
    name: String,
    /// Its address, unless it is the present router.
    address: Option<IpAddr>,
    /// What it advertised last; unknown for one that was never heard.
    priority: Option<u8>,
    words: String,
    tone: Tone,
    sender: Option<&'a SenderStatus>,
    rank: Rank,
}

/// Where a candidate stands in its group's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Master,
    TakesPart,
    Unknown,
    Outside,
}

fn group(model: &Model, instance: &Instance, columns: u16, lines: &mut Vec<Line>) {
    let status = &instance.status;
    let family = format!(" {}", status.family);
    lines.push(vec![
        (format!("VRID {:<3} ", status.vrid), Tone::Text),
        (status.name.clone(), Tone::Key),
        (if columns >= WIDE_COLUMNS { family } else { String::new() }, Tone::Subdued),
    ]);
    let mut candidates: Vec<Candidate<'_>> = vec![ourselves(model, status)];
    let wide = columns >= WIDE_COLUMNS;
    let named = |address: IpAddr| match router_at(model, instance, address).or_else(|| router_with(model, address)) {
        Some(name) if wide => format!("{name} {address}"),
        Some(name) => name,
        None => address.to_string(),
    };
    candidates.extend(status.senders.iter().map(|sender| heard(model, status, sender, named(sender.address))));
    if let Mode::Unicast { peers } = &status.mode {
        let unheard = |peer: &&IpAddr| !status.senders.iter().any(|sender| sender.address == **peer);
        candidates.extend(peers.iter().filter(unheard).map(|peer| never_heard(*peer, named(*peer))));
    }
    for candidate in &mut candidates {
        ask_itself(model, instance, candidate);
    }
    candidates.sort_by_key(|candidate| (candidate.rank, Reverse(candidate.priority)));
    let widest = candidates.iter().map(|candidate| width(&candidate.name)).max().unwrap_or(0);
    let highest = candidates.iter().filter_map(|candidate| candidate.priority).max().unwrap_or(0);
    let name_cells = widest.min(if wide { 39 } else { 15 });
    let room = usize::from(columns);
    for candidate in candidates {
        let priority = candidate.priority.map_or_else(|| "?".to_owned(), |priority| priority.to_string());
        let name = fit_end(&candidate.name, name_cells);
        let bar_cells = if wide { BAR_CELLS } else { BAR_CELLS_COMPACT };
        let used = 2 + name_cells + 1 + 4 + bar_cells + 1 + width(&candidate.words);
        lines.push(vec![
            (format!("  {name}{:1$}", "", name_cells + 1 - width(&name)), Tone::Text),
            (format!("{priority:>3} "), Tone::Text),
            (bar(candidate.priority, highest, bar_cells), Tone::Mark),
            (candidate.words, candidate.tone),
        ]);
        if let Some(sender) = candidate.sender {
            mac(sender, status.vrid, used, room, lines);
        }
        let rejected = candidate.sender.and_then(|sender| Some((sender.rejected, sender.last_reject?)));
        if let Some((count, reason)) = rejected {
            explain(&format!("rejected {count} of its packets, the last: {reason}"), reason, room, lines);
        }
    }
    lines.extend(
        wrap(&succession(model, instance), room.saturating_sub(2))
            .into_iter()
            .map(|text| indented(2, text, Tone::Text)),
    );
}

/// The MAC address of a sender: in its line if there is room behind the `used` cells, else below.
fn mac(sender: &SenderStatus, vrid: u8, used: usize, room: usize, lines: &mut Vec<Line>) {
    let Some(words) = sender_mac_words(sender, vrid) else { return };
    let tone = if sender.other_mac.is_some() { Tone::Alert } else { Tone::Subdued };
    match lines.last_mut() {
        Some(line) if used + 2 + width(&words) <= room => line.push((format!(", {words}"), tone)),
        Some(_) | None => {
            lines.extend(wrap(&words, room.saturating_sub(4)).into_iter().map(|text| indented(4, text, tone)));
        }
    }
}

fn ourselves<'a>(model: &Model, status: &InstanceStatus) -> Candidate<'a> {
    Candidate {
        name: if model.nodes.are_several() { model.nodes.name(model.nodes.at) } else { "this router".into() },
        address: None,
        priority: Some(status.effective_priority),
        words: status.state.to_string(),
        tone: state_tone(status.state),
        sender: None,
        rank: rank(status.state),
    }
}

fn heard<'a>(model: &Model, status: &InstanceStatus, sender: &'a SenderStatus, name: String) -> Candidate<'a> {
    let silent_us = model.server_us().saturating_sub(sender.last_heard_us);
    let second = status.second_master.as_ref().is_some_and(|second| second.address == sender.address);
    let is_master = status.master.as_ref().is_some_and(|master| !master.is_self && master.address == sender.address);
    let (mut words, tone, rank) = if second {
        ("SECOND MASTER".to_owned(), Tone::Alert, Rank::Master)
    } else if sender.received == 0 {
        ("not accepted".to_owned(), Tone::Fault, Rank::Outside)
    } else if sender.priority == 0 {
        (format!("left {} ago", span(silent_us)), Tone::Subdued, Rank::Outside)
    } else if is_master && silent_us <= status.master_down_interval_us {
        (State::Master.to_string(), state_tone(State::Master), Rank::Master)
    } else if silent_us <= status.master_down_interval_us {
        ("advertises".to_owned(), Tone::Warning, Rank::TakesPart)
    } else {
        (format!("silent {}", span(silent_us)), Tone::Subdued, Rank::TakesPart)
    };
    for (count, what) in [(sender.late, "late"), (sender.missed, "missed")] {
        if count > 0 {
            words.push_str(&format!(", {count} {what}"));
        }
    }
    let priority = (sender.received > 0).then_some(sender.priority);
    Candidate { name, address: Some(sender.address), priority, words, tone, sender: Some(sender), rank }
}

/// A unicast peer that has said nothing yet: as a backup it need not.
fn never_heard<'a>(peer: IpAddr, name: String) -> Candidate<'a> {
    Candidate {
        name,
        address: Some(peer),
        priority: None,
        words: "never heard".into(),
        tone: Tone::Subdued,
        sender: None,
        rank: Rank::Unknown,
    }
}

/// A router that is not heard, as a backup need not be, says itself how it stands if the console is attached to it.
fn ask_itself(model: &Model, instance: &Instance, candidate: &mut Candidate<'_>) {
    let is_silent = candidate.sender.is_none_or(|sender| {
        let silent_us = model.server_us().saturating_sub(sender.last_heard_us);
        sender.received > 0 && (sender.priority == 0 || silent_us > instance.status.master_down_interval_us)
    });
    let Some(address) = candidate.address.filter(|_| is_silent && model.nodes.are_several()) else { return };
    let is_reached = |node: usize| model.nodes.get(node).is_some_and(|node| node.lost_for_us(model.now_us).is_none());
    let group = members(model, instance);
    let mut reached = group.into_iter().filter(|(node, _)| is_reached(*node));
    let Some((_, member)) = reached.find(|(_, member)| member.status.source == Some(address)) else { return };
    let state = member.status.state;
    candidate.words = format!("says {state}, {}", candidate.words);
    candidate.tone = state_tone(state);
    candidate.priority = Some(member.status.effective_priority);
    candidate.rank = rank(state);
}

const fn rank(state: State) -> Rank {
    match state {
        State::Master => Rank::Master,
        State::Backup => Rank::TakesPart,
        State::Init | State::Fault => Rank::Outside,
    }
}

/// A bar, with a cell left out behind it.
fn bar(priority: Option<u8>, highest: u8, cells: usize) -> String {
    let filled = usize::from(priority.unwrap_or(0)) * cells / usize::from(highest.max(1));
    // The least priority is still more than none.
    let filled = if priority.is_some_and(|priority| priority > 0) { filled.max(1) } else { filled };
    format!("{}{} ", "█".repeat(filled), " ".repeat(cells - filled))
}

fn strangers(model: &Model, interface: &InterfaceStatus, columns: u16, lines: &mut Vec<Line>) {
    let room = usize::from(columns);
    let mut foreign: Vec<_> = interface.foreign.iter().collect();
    foreign.sort_by_key(|group| (group.vrid, group.source));
    for group in &foreign {
        let ago = span(model.server_us().saturating_sub(group.first_heard_us));
        let who = match router_with(model, group.source) {
            Some(name) => format!("{name} {}", group.source),
            None => group.source.to_string(),
        };
        lines.push(vec![
            (format!("VRID {:<3} ", group.vrid), Tone::Text),
            ("not ours".into(), Tone::Warning),
            (format!(": {who}, first heard {ago} ago"), Tone::Text),
        ]);
        let mac = group.mac.map(|mac| mac_words(mac, group.source, group.vrid));
        lines.extend(mac.map(|words| indented(4, words, Tone::Subdued)));
    }
    for (reason, count) in interface.rejected.iter().filter(|(_, count)| **count > 0) {
        // The groups that are not ours are named above: the number would only count their adverts, and move.
        if *reason == Reject::UnknownVrid && !foreign.is_empty() {
            lines.extend(wrap(reason.help(), room - 2.min(room)).into_iter().map(|text| indented(2, text, Tone::Text)));
        } else {
            explain(&format!("rejected {count} packets: {reason}"), *reason, room, lines);
        }
    }
}

/// What was rejected, and what to do about it.
fn explain(what: &str, reason: Reject, room: usize, lines: &mut Vec<Line>) {
    let mut put = |text: &str, tone| {
        lines.extend(wrap(text, room.saturating_sub(4)).into_iter().map(|text| indented(4, text, tone)));
    };
    put(what, Tone::Fault);
    put(reason.help(), Tone::Text);
}

fn indented(cells: usize, text: String, tone: Tone) -> Line {
    line(format!("{:cells$}{text}", ""), tone)
}

/// The VRIDs with which nobody was heard, whichever the family: a free one must not be another router's MAC address.
fn free(groups: &[&Instance], interface: Option<&InterfaceStatus>, columns: u16, lines: &mut Vec<Line>) {
    let foreign = interface.into_iter().flat_map(|interface| &interface.foreign);
    let used: SortedSet<u8> =
        groups.iter().map(|instance| instance.status.vrid).chain(foreign.map(|group| group.vrid)).collect();
    let mut ranges: Vec<String> = Vec::new();
    let mut first = 1_u16;
    for end in used.iter().copied().filter(|vrid| *vrid > 0).map(u16::from).chain([256]) {
        match end - first {
            0 => {}
            1 => ranges.push(first.to_string()),
            _ => ranges.push(format!("{first}-{}", end - 1)),
        }
        first = end + 1;
    }
    let more = if ranges.len() > FREE_RANGES_MAX { ", ..." } else { "" };
    ranges.truncate(FREE_RANGES_MAX);
    let text = if ranges.is_empty() {
        "free VRIDs: none".to_owned()
    } else {
        format!("free VRIDs, as far as heard: {}{more}", ranges.join(", "))
    };
    lines.extend(wrap(&text, columns.into()).into_iter().map(|text| line(text, Tone::Text)));
}
