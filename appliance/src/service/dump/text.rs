//! keepalived's dumps as text: of its data what programs look for in it, and its statistics whole.

use std::fmt::{self, Write};

use locum_config::Model;
use locum_config::model::Version;
use locum_control::Reject;

use super::Subject;
use super::json::{addresses, command, discarded};
use crate::text::Append;

/// `keepalived.data`.
pub(super) fn data(subjects: &[Subject<'_>], model: &Model, is_good: impl Fn(&str) -> Option<bool>) -> String {
    let mut text = String::from("------< VRRP Topology >------\n");
    for subject in subjects {
        let _ = write!(text, "{}", Data(subject)); // a string takes whatever is written
    }
    // Also where nothing follows: readers know the end of the instances by it.
    text.push_str("------< VRRP Sync groups >------\n");
    for group in &model.sync_groups {
        let is_member = |subject: &&Subject<'_>| subject.status.group.as_deref() == Some(&group.name.value);
        let state = subjects.iter().find(is_member).map_or("INIT".into(), |subject| subject.status.state.to_string());
        text.append(format_args!(" VRRP Sync Group = {}, {state}\n   VRRP member instances :\n", group.name.value));
        group.members.iter().for_each(|member| text.append(format_args!("     {}\n", member.value)));
    }
    text.push_str("------< VRRP Scripts >------\n");
    for script in &model.scripts {
        let words = script.command.as_ref().map(|script| command(script)).unwrap_or_default();
        // One that nobody follows is not run.
        let status = match is_good(&script.name.value) {
            Some(true) => "GOOD",
            Some(false) | None => "BAD",
        };
        text.append(format_args!(
            " VRRP Script = {}\n   Command = {words}\n   Interval = {} sec\n   Timeout = {} sec\n   Weight = {}\n   \
             Rise = {}\n   Fall = {}\n   Status = {status}\n   State = idle\n",
            script.name.value,
            *script.interval_ms / 1_000,
            *script.timeout_ms / 1_000,
            script.weight.value,
            *script.rise,
            *script.fall,
        ));
    }
    text
}

/// An instance in `keepalived.data`.
struct Data<'a>(&'a Subject<'a>);

impl fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(subject) = self;
        let Subject { configured, status, .. } = subject;
        let enabled = |on: bool| if on { "enabled" } else { "disabled" };
        writeln!(f, " VRRP Instance = {}", status.name)?;
        writeln!(f, "   VRRP Version = {}", if *configured.version == Version::V3 { 3 } else { 2 })?;
        if let Some(group) = &status.group {
            writeln!(f, "   Sync group = {group}")?;
        }
        writeln!(f, "   State = {}\n   Wantstate = {0}", status.state)?;
        // In microseconds, as keepalived has it. Without floating point, of which a router's flash has nothing else to print.
        let since_ms = status.since_unix_ms;
        writeln!(f, "   Last transition = {}.{:03}000", since_ms / 1_000, since_ms % 1_000)?;
        writeln!(f, "   Master down timer = {} usecs", status.master_down_interval_us)?;
        writeln!(f, "   Interface = {}", subject.interface())?;
        if let Some(source) = status.source {
            writeln!(f, "   Using src_ip = {source}")?;
        }
        let garp = &configured.garp;
        writeln!(f, "   Gratuitous ARP delay = {}", *garp.master_delay_s)?;
        writeln!(f, "   Gratuitous ARP repeat = {}", *garp.master_repeat)?;
        writeln!(f, "   Gratuitous ARP refresh = {}", *garp.refresh_s)?;
        writeln!(f, "   Gratuitous ARP refresh repeat = {}", *garp.refresh_repeat)?;
        writeln!(f, "   Gratuitous ARP lower priority delay = {}", *garp.lower_priority_delay_s)?;
        writeln!(f, "   Gratuitous ARP lower priority repeat = {}", *garp.lower_priority_repeat)?;
        writeln!(f, "   Virtual Router ID = {}", status.vrid)?;
        writeln!(f, "   Priority = {}\n   Effective priority = {}", status.priority, status.effective_priority)?;
        writeln!(f, "   Total priority = {}", status.effective_priority)?;
        match status.advert_interval_cs {
            whole if whole % 100 == 0 => writeln!(f, "   Advert interval = {} sec", whole / 100)?,
            cs => writeln!(f, "   Advert interval = {} milli-sec", u32::from(cs) * 10)?,
        }
        writeln!(f, "   Accept = {}", enabled(*configured.accept))?;
        writeln!(f, "   Preempt = {}", enabled(*configured.preempt))?;
        writeln!(f, "   Promote_secondaries = {}", enabled(*configured.promote_secondaries))?;
        writeln!(f, "   Virtual IP ({}):", configured.addresses.len())?;
        for line in addresses(subject, &configured.addresses, false) {
            writeln!(f, "     {line}")?;
        }
        if !configured.excluded_addresses.is_empty() {
            writeln!(f, "   Virtual IP Excluded :")?;
        }
        for line in addresses(subject, &configured.excluded_addresses, true) {
            writeln!(f, "     {line}")?;
        }
        if !configured.peers.is_empty() {
            writeln!(f, "   Unicast Peer :")?;
        }
        for peer in &configured.peers {
            writeln!(f, "     {}", peer.address)?;
        }
        writeln!(f, "   Using smtp notification = {}", if *configured.smtp_alert { "yes" } else { "no" })
    }
}

/// An instance in `keepalived.stats`.
pub(super) struct Statistics<'a>(pub(super) &'a Subject<'a>);

impl fmt::Display for Statistics<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(subject) = self;
        let counters = &subject.status.counters;
        let of = |reason| discarded(subject, reason);
        writeln!(f, "VRRP Instance: {}", subject.status.name)?;
        writeln!(f, "  Advertisements:")?;
        writeln!(f, "    Received: {}\n    Sent: {}", counters.adverts_received, counters.adverts_sent)?;
        writeln!(f, "  Became master: {}\n  Released master: {}", counters.became_master, subject.left_master)?;
        writeln!(f, "  Packet Errors:")?;
        writeln!(f, "    Length: {}", of(Reject::Length).saturating_add(of(Reject::Malformed)))?;
        writeln!(f, "    TTL: {}\n    Invalid Type: {}", of(Reject::Ttl), of(Reject::PacketType))?;
        writeln!(f, "    Advertisement Interval: {}", of(Reject::Interval))?;
        writeln!(f, "    Address List: {}", of(Reject::Addresses))?;
        writeln!(f, "  Authentication Errors:\n    Invalid Type: 0")?;
        writeln!(f, "    Type Mismatch: {}", of(Reject::AuthenticationType))?;
        writeln!(f, "    Failure: {}", of(Reject::Password))?;
        writeln!(f, "  Priority Zero:\n    Received: {}", counters.priority_zero_received)?;
        writeln!(f, "    Sent: {}", counters.priority_zero_sent)
    }
}
