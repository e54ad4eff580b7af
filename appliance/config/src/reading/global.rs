//! `global_defs`

use std::net::IpAddr;

use super::Reader;
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
                "notification_email" => {
                    let addresses = line.statements().iter().flat_map(|line| &line.words);
                    let addresses: Vec<_> =
                        addresses.map(|word| Setting::written(word.text.clone().into_owned(), word.at)).collect();
                    self.model.global.mail.to.extend(addresses);
                }
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
                    if let Err(refused) = self.model.global.apply(keyword, &values, line.whole()) {
                        let at = line.args().first().map_or(line.whole(), |word| word.at);
                        self.diagnostics.push(
                            Diagnostic::new(
                                &code::E017_NOT_AN_ADDRESS,
                                at,
                                format!("wrong address for `{}`", keyword.name),
                            )
                            .label(refused),
                        );
                    }
                }
            }
        }
    }
}

impl Global {
    /// Takes a value over. What is not acted on by any version of the model is left aside.
    fn apply(&mut self, keyword: &Keyword, values: &[Value<'_>], at: Span) -> Result<(), &'static str> {
        let defaults = &mut self.instance_defaults;
        let text = || match values.first() {
            Some(Value::Text(text)) => Some(Setting::written((*text).to_owned(), at)),
            _ => None,
        };
        let switch = || match values.first() {
            Some(Value::Switch(on)) => Setting::written(*on, at),
            _ => Setting::written(true, at),
        };
        match keyword.name {
            "router_id" => self.router_id = text(),
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
            "default_interface" => self.default_interface = text(),
            "vrrp_strict" => self.strict = switch(),
            "vrrp_check_unicast_src" => self.check_unicast_source = switch(),
            "vrrp_startup_delay" => self.startup_delay_ms = millis(values, at),
            "vrrp_delay_after_boot" => self.delay_after_boot_ms = millis(values, at),
            "vrrp_garp_interval" => self.garp_interval_us = micros(values, at),
            "vrrp_gna_interval" => self.gna_interval_us = micros(values, at),
            "vrrp_rt_priority" => self.realtime_priority = integer(values, at),
            "vrrp_priority" => self.nice = integer(values, at),
            "vrrp_no_swap" => self.no_swap = switch(),
            "script_user" => {
                self.script_user = match values {
                    [Value::Text(user), rest @ ..] => {
                        let group = match rest.first() {
                            Some(Value::Text(group)) => Some((*group).to_owned()),
                            _ => None,
                        };
                        Some(Setting::written(((*user).to_owned(), group), at))
                    }
                    _ => None,
                }
            }
            "enable_script_security" => self.script_security = switch(),
            "notification_email_from" => self.mail.from = text(),
            "smtp_server" => {
                let port = match values.get(1) {
                    Some(Value::Integer(port)) => u16::try_from(*port).unwrap_or(0),
                    _ => 0, // Settled when smtp_security is known.
                };
                self.mail.server = text().map(|host| Setting { value: (host.value, port), at: host.at });
            }
            "smtp_user" => self.mail.user = text(),
            "smtp_password_file" => self.mail.password_file = text(),
            "smtp_security" => {
                let security = match values.first() {
                    Some(Value::Choice("starttls")) => MailSecurity::StartTls,
                    Some(Value::Choice("tls")) => MailSecurity::Tls,
                    _ => MailSecurity::None,
                };
                self.mail.security = Setting::written(security, at);
            }
            "smtp_ca_file" => self.mail.ca_file = text(),
            "smtp_digest" => take(&mut self.mail.digest_s, integer(values, at)),
            "smtp_helo_name" => self.mail.helo_name = text(),
            "smtp_connect_timeout" => self.mail.connect_timeout_ms = millis(values, at),
            "no_email_faults" => self.mail.no_faults = switch(),
            "notify_fifo" => self.notify_fifo.fifo = fifo(values, at),
            "vrrp_notify_fifo" => self.vrrp_notify_fifo.fifo = fifo(values, at),
            "vrrp_notify_priority_changes" => defaults.notify_priority_changes = Some(switch()),
            "fifo_write_vrrp_states_on_reload" => self.fifo_states_on_reload = switch(),
            "notify_timeout" => self.notify_timeout_ms = millis(values, at),
            "startup_script_timeout" => take(&mut self.startup.timeout_s, integer(values, at)),
            "shutdown_script_timeout" => take(&mut self.shutdown.timeout_s, integer(values, at)),
            "set_supplementary_groups" => self.supplementary_groups = switch(),
            "vmac_prefix" => take(&mut self.vmac_prefix, text()),
            "vmac_addr_prefix" => take(&mut self.vmac_address_prefix, text()),
            "disable_local_igmp" => self.disable_local_igmp = switch(),
            "nftables" => {
                let table = text().unwrap_or_else(|| Setting::written("locum".to_owned(), at));
                self.firewall.nftables = Some(table);
            }
            "nftables_priority" => take(&mut self.firewall.nftables_priority, integer(values, at)),
            "nftables_counters" => self.firewall.nftables_counters = switch(),
            "nftables_ifindex" => self.firewall.nftables_ifindex = switch(),
            "vrrp_iptables" => {
                let chain = |at: usize| values.get(at).and_then(Value::text).map(str::to_owned);
                let chains = match chain(0) {
                    Some(input) => (input, chain(1)),
                    None => ("INPUT".to_owned(), Some("OUTPUT".to_owned())),
                };
                self.firewall.iptables = Some(Setting::written(chains, at));
            }
            "vrrp_ipsets" => {
                let names = values.iter().filter_map(Value::text);
                self.firewall.ipsets = names.map(|name| Setting::written(name.to_owned(), at)).collect();
            }
            "vrrp_garp_master_repeat" => defaults.garp_master_repeat = integer(values, at),
            "vrrp_garp_master_delay" => defaults.garp_master_delay_s = integer(values, at),
            "vrrp_garp_master_refresh" => defaults.garp_refresh_s = integer(values, at),
            "vrrp_garp_master_refresh_repeat" => defaults.garp_refresh_repeat = integer(values, at),
            "vrrp_garp_lower_prio_repeat" => defaults.garp_lower_priority_repeat = integer(values, at),
            "vrrp_garp_lower_prio_delay" => defaults.garp_lower_priority_delay_s = integer(values, at),
            "vrrp_min_garp" if switch().value => {
                defaults.garp_master_repeat = Some(Setting::written(1, at));
                defaults.garp_master_delay_s = Some(Setting::written(0, at));
                defaults.garp_lower_priority_repeat = Some(Setting::written(1, at));
                defaults.garp_lower_priority_delay_s = Some(Setting::written(0, at));
            }
            "vrrp_garp_extra_if" => defaults.extra_interfaces = Some(extra_interfaces(values, at)),
            "vrrp_cpu_affinity" => self.cpu_affinity = values.iter().filter_map(cpu).collect(),
            "vrrp_rlimit_rttime" => self.rlimit_rttime_us = integer(values, at),
            "use_symlink_paths" => self.symlink_paths = switch(),
            "vrrp_down_timer_adverts" => defaults.down_timer_adverts = integer(values, at),
            "vrrp_lower_prio_no_advert" => defaults.lower_priority_no_advert = Some(switch()),
            "vrrp_higher_prio_send_advert" => defaults.higher_priority_send_advert = Some(switch()),
            "vrrp_owner_ignore_adverts" => defaults.owner_ignore_adverts = Some(switch()),
            "vrrp_skip_check_adv_addr" => defaults.skip_check_advert_addresses = Some(switch()),
            "v3_checksum_as_v2" => defaults.v3_checksum_as_v2 = Some(switch()),
            "smtp_alert" => defaults.smtp_alert = Some(switch()),
            "smtp_alert_vrrp" => defaults.smtp_alert_vrrp = Some(switch()),
            _ => {}
        }
        Ok(())
    }
}

/// Takes a value over, if there is one.
fn take<T>(slot: &mut Setting<T>, value: Option<Setting<T>>) {
    if let Some(value) = value {
        *slot = value;
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

/// The first value as a number that the schema's range makes fit.
pub(super) fn integer<T: TryFrom<i64>>(values: &[Value<'_>], at: Span) -> Option<Setting<T>> {
    match values.first() {
        Some(Value::Integer(value)) => T::try_from(*value).ok().map(|value| Setting::written(value, at)),
        _ => None,
    }
}

/// The first value, in seconds with decimals, as whole milliseconds.
pub(super) fn millis(values: &[Value<'_>], at: Span) -> Setting<u32> {
    scaled(values, 1_000, at)
}

/// The same as microseconds.
pub(super) fn micros(values: &[Value<'_>], at: Span) -> Setting<u32> {
    scaled(values, 1, at)
}

fn scaled(values: &[Value<'_>], divisor: i64, at: Span) -> Setting<u32> {
    match values.first() {
        Some(Value::Millionths(value)) => Setting::written(u32::try_from(value / divisor).unwrap_or(u32::MAX), at),
        _ => Setting::written(0, at),
    }
}
