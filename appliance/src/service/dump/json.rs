//! An instance in keepalived's JSON.

use locum_config::model::{Authentication, Broadcast, Lifetime, Script, Version, VirtualAddress};
use locum_control::{Reject, State};
use serde_json::{Map, Value};

use super::Subject;
use crate::service::plan;
use crate::text::Append;

/// An instance: its data and its statistics.
pub(super) fn instance(subject: &Subject<'_>) -> Value {
    object(vec![("data", data(subject)), ("stats", statistics(subject))]).into()
}

fn data(subject: &Subject<'_>) -> Value {
    let Subject { configured, placement, status, .. } = subject;
    let garp = &configured.garp;
    let flag = |holds: bool| Value::from(u8::from(holds));
    let interval = seconds(u64::from(status.advert_interval_cs) * 10_000);
    let master_priority = status.master.as_ref().filter(|master| !master.is_self).map_or(0, |master| master.priority);
    let mut data = object(vec![
        ("iname", status.name.as_str().into()),
        ("dont_track_primary", flag(*configured.ignore_own_link)),
        ("skip_check_adv_addr", flag(*configured.skip_check_advert_addresses)),
        ("strict_mode", flag(*configured.strict)),
        ("vmac_ifname", placement.own().map_or("", |made| made.name.as_str()).into()),
        ("ifp_ifname", subject.interface().into()),
        ("master_priority", master_priority.into()),
        ("last_transition", last_transition(subject).into()),
        ("garp_delay", (*garp.master_delay_s).into()),
        ("garp_refresh", (*garp.refresh_s).into()),
        ("garp_rep", (*garp.master_repeat).into()),
        ("garp_refresh_rep", (*garp.refresh_repeat).into()),
        ("garp_lower_prio_delay", (*garp.lower_priority_delay_s).into()),
        ("garp_lower_prio_rep", (*garp.lower_priority_repeat).into()),
        ("lower_prio_no_advert", flag(*configured.lower_priority_no_advert)),
        ("higher_prio_send_advert", flag(*configured.higher_priority_send_advert)),
        ("vrid", status.vrid.into()),
        ("base_priority", status.priority.into()),
        ("effective_priority", status.effective_priority.into()),
        ("vipset", subject.vips.iter().any(|vip| vip.installed).into()),
        ("promote_secondaries", (*configured.promote_secondaries).into()),
        ("adver_int", interval.clone()),
        ("master_adver_int", interval),
        ("accept", flag(*configured.accept)),
        ("nopreempt", (!*configured.preempt).into()),
        ("preempt_delay", seconds(status.preempt_delay_us)),
        ("state", state_number(status.state).into()),
        ("wantstate", state_number(status.state).into()),
        ("version", if *configured.version == Version::V3 { 3.into() } else { 2.into() }),
        ("smtp_alert", (*configured.smtp_alert).into()),
        ("notify_deleted", configured.notify.deleted.is_some().into()),
    ]);
    add_scripts(&mut data, subject);
    add_lists(&mut data, subject);
    match &configured.authentication {
        Authentication::None => data.insert("auth_type".into(), 0.into()),
        Authentication::Password(_) => {
            data.insert("auth_type".into(), 1.into());
            data.insert("auth_data".into(), "(not told)".into())
        }
        Authentication::AuthenticationHeader(_) => data.insert("auth_type".into(), 2.into()),
    };
    Value::Object(data)
}

fn add_scripts(data: &mut Map<String, Value>, subject: &Subject<'_>) {
    let notify = &subject.configured.notify;
    for (key, script) in [
        ("script_backup", &notify.backup),
        ("script_master", &notify.master),
        ("script_fault", &notify.fault),
        ("script_stop", &notify.stop),
        ("script", &notify.any),
        ("script_master_rx_lower_pri", &notify.master_heard_lower),
    ] {
        if let Some(script) = script {
            data.insert(key.into(), command(script).into());
        }
    }
}

/// Lists, without those that are empty.
fn add_lists(data: &mut Map<String, Value>, subject: &Subject<'_>) {
    let configured = subject.configured;
    let scripts = subject.status.trackers.iter().filter(|track| track.kind == "script").filter_map(|track| {
        let script = subject.scripts.iter().find(|script| script.name.value == track.name)?;
        script.command.as_ref().map(|script| command(script))
    });
    let interfaces = subject.status.trackers.iter().filter(|track| track.kind == "interface");
    for (key, lines) in [
        ("vips", addresses(subject, &configured.addresses, false)),
        ("evips", addresses(subject, &configured.excluded_addresses, true)),
        ("vroutes", configured.routes.iter().map(plan::route_name).collect()),
        ("vrules", configured.rules.iter().map(plan::rule_name).collect()),
        ("track_ifp", interfaces.map(|track| track.name.clone()).collect()),
        ("track_script", scripts.collect()),
    ] {
        if !lines.is_empty() {
            data.insert(key.into(), lines.into());
        }
    }
}

/// Addresses as keepalived writes them. Programs take the first and the third word: the address and the interface.
pub(super) fn addresses(subject: &Subject<'_>, addresses: &[VirtualAddress], excluded: bool) -> Vec<String> {
    let installed = subject.vips.iter().filter(|vip| vip.excluded == excluded);
    addresses.iter().zip(installed).map(|(address, vip)| line(address, &vip.device, subject, vip.installed)).collect()
}

fn line(address: &VirtualAddress, device: &str, subject: &Subject<'_>, is_installed: bool) -> String {
    let mut line = address.address.to_string();
    let whole = if address.address.is_ipv4() { 32 } else { 128 };
    if address.prefix_len != whole {
        line.append(format_args!("/{}", address.prefix_len));
    }
    if let Some(Broadcast::Address(broadcast)) = address.broadcast {
        line.append(format_args!(" brd {broadcast}"));
    }
    line.append(format_args!(" dev {device}"));
    if let Some(made) = subject.placement.made.iter().find(|made| made.name == device) {
        line.append(format_args!("@{}", made.base));
    }
    line.push_str(match address.scope.map_or(0, |scope| scope.0) {
        200 => " scope site",
        253 => " scope link",
        254 => " scope host",
        255 => " scope nowhere",
        _ => " scope global",
    });
    if let Some(label) = &address.label {
        line.append(format_args!(" label {}", label.value));
    }
    if address.address.is_ipv6() {
        line.push_str(&match address.preferred_lifetime {
            Lifetime::Forever => " preferred_lft forever".to_owned(),
            Lifetime::Seconds(0) => " deprecated".to_owned(),
            Lifetime::Seconds(seconds) => format!(" preferred_lft {seconds}"),
        });
    }
    if is_installed {
        line.push_str(" set");
    }
    line
}

fn statistics(subject: &Subject<'_>) -> Value {
    let counters = &subject.status.counters;
    let of = |reason| discarded(subject, reason);
    let statistics = object(vec![
        ("advert_rcvd", counters.adverts_received.into()),
        ("advert_sent", counters.adverts_sent.into()),
        ("become_master", counters.became_master.into()),
        ("release_master", subject.left_master.into()),
        ("packet_len_err", of(Reject::Length).saturating_add(of(Reject::Malformed)).into()),
        ("advert_interval_err", of(Reject::Interval).into()),
        ("ip_ttl_err", of(Reject::Ttl).into()),
        ("invalid_type_rcvd", of(Reject::PacketType).into()),
        ("addr_list_err", of(Reject::Addresses).into()),
        // An authentication type that nobody knows is one that differs, for locum.
        ("invalid_authtype", 0.into()),
        ("authtype_mismatch", of(Reject::AuthenticationType).into()),
        ("auth_failure", of(Reject::Password).into()),
        ("pri_zero_rcvd", counters.priority_zero_received.into()),
        ("pri_zero_sent", counters.priority_zero_sent.into()),
    ]);
    statistics.into()
}

/// Takes entries off the lists of an instance until each list has no more than its share of so many bytes.
pub(super) fn shorten(instance: &mut Value, bytes_max: usize) {
    const LISTS: [&str; 4] = ["vips", "evips", "vroutes", "vrules"];
    for list in LISTS {
        let lines = instance.pointer_mut(&format!("/data/{list}")).and_then(Value::as_array_mut);
        let Some(lines) = lines else { continue };
        let mut room = bytes_max / LISTS.len();
        lines.retain(|line| {
            let left = room.checked_sub(line.as_str().map_or(0, str::len) + 3);
            room = left.unwrap_or(0);
            left.is_some()
        });
    }
}

/// Packets discarded for this reason.
pub(super) fn discarded(subject: &Subject<'_>, reason: Reject) -> u32 {
    subject.status.counters.rejected.get(&reason).copied().unwrap_or(0)
}

/// Not by way of `json!`, which writes the same code once more for each field.
fn object(fields: Vec<(&str, Value)>) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, value) in fields {
        object.insert(name.to_owned(), value);
    }
    object
}

/// Seconds since 1970.
#[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit in 52 bits for some thousand years")]
fn last_transition(subject: &Subject<'_>) -> f64 {
    subject.status.since_unix_ms as f64 / 1_000.0
}

/// Whole where it is whole: programs in strict languages read integers then.
fn seconds(us: u64) -> Value {
    if us.is_multiple_of(1_000_000) {
        return (us / 1_000_000).into();
    }
    let ms = u32::try_from(us / 1_000).unwrap_or(u32::MAX);
    (f64::from(ms) / 1_000.0).into()
}

/// keepalived's numbers of the states.
const fn state_number(state: State) -> u8 {
    match state {
        State::Init => 0,
        State::Backup => 1,
        State::Master => 2,
        State::Fault => 3,
    }
}

/// A command, each word in quotes.
pub(super) fn command(script: &Script) -> String {
    let words: Vec<_> = script.words.iter().map(|word| format!("'{word}'")).collect();
    words.join(" ")
}
