//! `global_defs`

use std::net::IpAddr;

use super::Reader;
use super::slot::{Places, Slot, Slots, slot};
use super::statement::Statement;
use super::values::Value;
use crate::diagnostic::{Diagnostic, code};
use crate::model::{ExtraInterfaces, Fifo, Global, MailSecurity, Setting, Version};
use crate::schema::{GLOBAL_DEFS, Keyword};
use crate::source::Span;

impl Reader<'_> {
    pub(super) fn global_defs(&mut self, statement: &Statement<'_>) {
        for line in statement.statements() {
            let Some(keyword) = self.keyword(&GLOBAL_DEFS, line) else { continue };
            match keyword.name {
                "notification_email" => self.model.global.mail.to.extend(line.words_inside()),
                "startup_script" | "shutdown_script" | "notify_fifo_script" | "vrrp_notify_fifo_script" => {
                    let script = self.command(keyword, line);
                    let global = &mut self.model.global;
                    *match keyword.name {
                        "startup_script" => &mut global.startup.script,
                        "shutdown_script" => &mut global.shutdown.script,
                        "notify_fifo_script" => &mut global.notify_fifo.script,
                        _ => &mut global.vrrp_notify_fifo.script,
                    } = script;
                }
                _ => {
                    let Some(values) = self.values(keyword, line) else { continue };
                    if let Some(slot) = slot(PLAIN, &mut self.model.global, keyword) {
                        slot.put(&values, &Places::line(line));
                    } else if let Err(refused) = self.model.global.apply(keyword, &values, line.whole()) {
                        let at = line.args().first().map_or(line.whole(), |word| word.at);
                        self.diagnostics.push(
                            Diagnostic::new(
                                &code::E017_NOT_AN_ADDRESS,
                                at,
                                format_args!("wrong address for `{}`", keyword.name),
                            )
                            .label(refused),
                        );
                    }
                }
            }
        }
    }
}

/// The settings of plain keywords. What is not acted on by any version of the model is left aside.
#[rustfmt::skip] // a row a keyword
pub(super) const PLAIN: &Slots<Global> = &[
    ("router_id", |global| Slot::OptText(&mut global.router_id)),
    ("default_interface", |global| Slot::OptText(&mut global.default_interface)),
    ("vrrp_strict", |global| Slot::Switch(&mut global.strict)),
    ("vrrp_check_unicast_src", |global| Slot::Switch(&mut global.check_unicast_source)),
    ("vrrp_startup_delay", |global| Slot::Millis(&mut global.startup_delay_ms)),
    ("vrrp_delay_after_boot", |global| Slot::Millis(&mut global.delay_after_boot_ms)),
    ("vrrp_garp_interval", |global| Slot::Micros(&mut global.garp_interval_us)),
    ("vrrp_gna_interval", |global| Slot::Micros(&mut global.gna_interval_us)),
    ("vrrp_rt_priority", |global| Slot::OptU8(&mut global.realtime_priority)),
    ("vrrp_priority", |global| Slot::OptI8(&mut global.nice)),
    ("vrrp_no_swap", |global| Slot::Switch(&mut global.no_swap)),
    ("enable_script_security", |global| Slot::Switch(&mut global.script_security)),
    ("notification_email_from", |global| Slot::OptText(&mut global.mail.from)),
    ("smtp_user", |global| Slot::OptText(&mut global.mail.user)),
    ("smtp_password_file", |global| Slot::OptText(&mut global.mail.password_file)),
    ("smtp_ca_file", |global| Slot::OptText(&mut global.mail.ca_file)),
    ("smtp_digest", |global| Slot::U32(&mut global.mail.digest_s)),
    ("smtp_helo_name", |global| Slot::OptText(&mut global.mail.helo_name)),
    ("smtp_connect_timeout", |global| Slot::Millis(&mut global.mail.connect_timeout_ms)),
    ("no_email_faults", |global| Slot::Switch(&mut global.mail.no_faults)),
    ("vrrp_notify_priority_changes", |global| Slot::OptSwitch(&mut global.instance_defaults.notify_priority_changes)),
    ("fifo_write_vrrp_states_on_reload", |global| Slot::Switch(&mut global.fifo_states_on_reload)),
    ("notify_timeout", |global| Slot::Millis(&mut global.notify_timeout_ms)),
    ("startup_script_timeout", |global| Slot::U32(&mut global.startup.timeout_s)),
    ("shutdown_script_timeout", |global| Slot::U32(&mut global.shutdown.timeout_s)),
    ("set_supplementary_groups", |global| Slot::Switch(&mut global.supplementary_groups)),
    ("vmac_prefix", |global| Slot::Text(&mut global.vmac_prefix)),
    ("vmac_addr_prefix", |global| Slot::Text(&mut global.vmac_address_prefix)),
    ("disable_local_igmp", |global| Slot::Switch(&mut global.disable_local_igmp)),
    ("nftables_priority", |global| Slot::I32(&mut global.firewall.nftables_priority)),
    ("nftables_counters", |global| Slot::Switch(&mut global.firewall.nftables_counters)),
    ("nftables_ifindex", |global| Slot::Switch(&mut global.firewall.nftables_ifindex)),
    ("vrrp_garp_master_repeat", |global| Slot::OptU32(&mut global.instance_defaults.garp_master_repeat)),
    ("vrrp_garp_master_delay", |global| Slot::OptU32(&mut global.instance_defaults.garp_master_delay_s)),
    ("vrrp_garp_master_refresh", |global| Slot::OptU32(&mut global.instance_defaults.garp_refresh_s)),
    ("vrrp_garp_master_refresh_repeat", |global| Slot::OptU32(&mut global.instance_defaults.garp_refresh_repeat)),
    ("vrrp_garp_lower_prio_repeat", |global| Slot::OptU32(&mut global.instance_defaults.garp_lower_priority_repeat)),
    ("vrrp_garp_lower_prio_delay", |global| Slot::OptU32(&mut global.instance_defaults.garp_lower_priority_delay_s)),
    ("use_symlink_paths", |global| Slot::Switch(&mut global.symlink_paths)),
    ("vrrp_down_timer_adverts", |global| Slot::OptU8(&mut global.instance_defaults.down_timer_adverts)),
    ("vrrp_lower_prio_no_advert", |global| Slot::OptSwitch(&mut global.instance_defaults.lower_priority_no_advert)),
    ("vrrp_higher_prio_send_advert", |global| Slot::OptSwitch(&mut global.instance_defaults.higher_priority_send_advert)),
    ("vrrp_owner_ignore_adverts", |global| Slot::OptSwitch(&mut global.instance_defaults.owner_ignore_adverts)),
    ("vrrp_skip_check_adv_addr", |global| Slot::OptSwitch(&mut global.instance_defaults.skip_check_advert_addresses)),
    ("v3_checksum_as_v2", |global| Slot::OptSwitch(&mut global.instance_defaults.v3_checksum_as_v2)),
    ("smtp_alert", |global| Slot::OptSwitch(&mut global.instance_defaults.smtp_alert)),
    ("smtp_alert_vrrp", |global| Slot::OptSwitch(&mut global.instance_defaults.smtp_alert_vrrp)),
];

impl Global {
    /// Takes over the value of a keyword that is not among the plain ones.
    fn apply(&mut self, keyword: &Keyword, values: &[Value<'_>], at: Span) -> Result<(), &'static str> {
        let text = |at: usize| values.get(at).and_then(Value::text).map(str::to_owned);
        match keyword.name {
            "vrrp_version" => self.version = version(values, at),
            "vrrp_mcast_group4" => match values.first() {
                Some(Value::Address(IpAddr::V4(group))) if group.is_multicast() => {
                    self.multicast_group4 = Setting::written(*group, at);
                }
                _ => return Err("expected an IPv4 multicast address, 224.0.0.0 to 239.255.255.255"),
            },
            "vrrp_mcast_group6" => match values.first() {
                Some(Value::Address(IpAddr::V6(group))) if is_link_local_multicast(group) => {
                    self.multicast_group6 = Setting::written(*group, at);
                }
                _ => return Err("expected an IPv6 link-local multicast address, ff02::…"),
            },
            "script_user" => self.script_user = text(0).map(|user| Setting::written((user, text(1)), at)),
            "smtp_server" => {
                let port = match values.get(1) {
                    Some(Value::Integer(port)) => u16::try_from(*port).unwrap_or(0),
                    _ => 0, // Settled when smtp_security is known.
                };
                self.mail.server = text(0).map(|host| Setting::written((host, port), at));
            }
            "smtp_security" => {
                let security = match values.first() {
                    Some(Value::Choice("starttls")) => MailSecurity::StartTls,
                    Some(Value::Choice("tls")) => MailSecurity::Tls,
                    _ => MailSecurity::None,
                };
                self.mail.security = Setting::written(security, at);
            }
            "notify_fifo" => self.notify_fifo.fifo = fifo(values, at),
            "vrrp_notify_fifo" => self.vrrp_notify_fifo.fifo = fifo(values, at),
            "nftables" => {
                let table = text(0).unwrap_or_else(|| "locum".to_owned());
                self.firewall.nftables = Some(Setting::written(table, at));
            }
            "vrrp_iptables" => {
                let chains = match text(0) {
                    Some(input) => (input, text(1)),
                    None => ("INPUT".to_owned(), Some("OUTPUT".to_owned())),
                };
                self.firewall.iptables = Some(Setting::written(chains, at));
            }
            "vrrp_ipsets" => {
                let names = values.iter().filter_map(Value::text);
                self.firewall.ipsets = names.map(|name| Setting::written(name.to_owned(), at)).collect();
            }
            "vrrp_min_garp" if values.first() != Some(&Value::Switch(false)) => {
                let defaults = &mut self.instance_defaults;
                defaults.garp_master_repeat = Some(Setting::written(1, at));
                defaults.garp_master_delay_s = Some(Setting::written(0, at));
                defaults.garp_lower_priority_repeat = Some(Setting::written(1, at));
                defaults.garp_lower_priority_delay_s = Some(Setting::written(0, at));
            }
            "vrrp_garp_extra_if" => {
                self.instance_defaults.extra_interfaces = Some(extra_interfaces(values, at));
            }
            "vrrp_cpu_affinity" => self.cpu_affinity = values.iter().filter_map(cpu).collect(),
            _ => {}
        }
        Ok(())
    }
}

fn cpu(value: &Value<'_>) -> Option<u16> {
    if let Value::Integer(cpu) = value { u16::try_from(*cpu).ok() } else { None }
}

/// `[all] SECONDS`
pub(super) fn extra_interfaces(values: &[Value<'_>], at: Span) -> Setting<ExtraInterfaces> {
    let interval_s = match values.last() {
        Some(Value::Integer(seconds)) => u32::try_from(*seconds).unwrap_or(0),
        _ => 0,
    };
    Setting::written(ExtraInterfaces { all: values.len() > 1, interval_s }, at)
}

/// `PATH [USER [GROUP]]`
fn fifo(values: &[Value<'_>], at: Span) -> Option<Setting<Fifo>> {
    let mut words = values.iter().filter_map(Value::text).map(str::to_owned);
    let path = words.next()?;
    Some(Setting::written(Fifo { path, user: words.next(), group: words.next() }, at))
}

pub(super) fn is_link_local_multicast(group: &std::net::Ipv6Addr) -> bool {
    group.segments().first().is_some_and(|first| first & 0xff0f == 0xff02)
}

pub(super) fn version(values: &[Value<'_>], at: Span) -> Option<Setting<Version>> {
    match values.first() {
        Some(Value::Integer(3)) => Some(Setting::written(Version::V3, at)),
        Some(Value::Integer(_)) => Some(Setting::written(Version::V2, at)),
        _ => None,
    }
}
