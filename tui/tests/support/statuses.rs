//! What a service says of a group of routers: .131 is master of VI_1, we are .132.

use std::net::IpAddr;

use locum_control::{
    AdvertMark, Block, BlockStatus, Cause, ChangeRecord, ChangeStanding, Counters, Event, Family, ForeignVrid, Hello,
    Histogram, InstanceStatus, InterfaceStatus, Mac, MarkKind, MasterStatus, Mode, Notice, PROTOCOL, Reject, Role,
    SenderStatus, ServiceStatus, State, Timers, TransitionRecord, VipStatus,
};

/// The other router.
pub const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(172, 20, 45, 131));
/// This router.
pub const SELF: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(172, 20, 45, 132));
/// The boot-time clock when a test begins.
pub const BOOT_US: u64 = 1_000_000_000;
/// The wall clock then: 2026-11-22 16:35:18 UTC.
pub const UNIX_MS: u64 = 1_795_365_318_000;

pub fn hello(role: Role, now_us: u64) -> Hello {
    let now_unix_ms = UNIX_MS + (now_us - BOOT_US) / 1_000;
    Hello { locum: PROTOCOL, version: "0.1.0".into(), host: "gw-a".into(), role, now_us, now_unix_ms }
}

pub fn service(role: Role, now_us: u64, instances: usize) -> ServiceStatus {
    ServiceStatus {
        host: "gw-a".into(),
        version: "0.1.0".into(),
        role,
        pid: 1,
        uptime_us: now_us - BOOT_US + 90_000_000,
        now_us,
        now_unix_ms: UNIX_MS + (now_us - BOOT_US) / 1_000,
        configuration: "/etc/locum/locum.conf".into(),
        configuration_errors: 0,
        configuration_warnings: 0,
        instances: u32::try_from(instances).unwrap(),
        lateness_max_us: 0,
        lateness: Histogram::default(),
        clients: 1,
        notices_missed: 0,
        journal_entries: 0,
        reports_lost: 0,
        fifos: Vec::new(),
        mail: None,
        revision: 1,
        on_trial: None,
        unsaved_changes: 0,
    }
}

/// A change of state, `ago_s` before the test begins.
pub fn record(instance: &str, ago_s: u64, from: State, to: State, cause: Cause) -> TransitionRecord {
    TransitionRecord {
        instance: instance.into(),
        at_us: BOOT_US - ago_s * 1_000_000,
        at_unix_ms: UNIX_MS - ago_s * 1_000,
        from,
        to,
        cause,
        text: cause.to_string(),
    }
}

/// An advert, `s` seconds after (before, if negative) the test begins.
pub fn advert(s: f64, source: IpAddr, priority: u8, kind: MarkKind) -> AdvertMark {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds")]
    let at_us = (1_000_000_000.0 + s * 1_000_000.0) as u64;
    AdvertMark { at_us, source, priority, kind }
}

/// An event, `s` seconds after the test begins.
pub fn notice(seq: u64, s: u64, event: Event) -> Notice {
    Notice { seq, at_us: BOOT_US + s * 1_000_000, at_unix_ms: UNIX_MS + s * 1_000, event }
}

pub fn backup(name: &str, vrid: u8) -> InstanceStatus {
    InstanceStatus {
        name: name.into(),
        interface: "eth0".into(),
        vrid,
        family: Family::Ipv4,
        version: 2,
        mode: Mode::Unicast { peers: vec![PEER] },
        source: Some(SELF),
        state: State::Backup,
        since_us: BOOT_US - 600_000_000,
        since_unix_ms: UNIX_MS - 600_000,
        priority: 80,
        effective_priority: 80,
        preempt: true,
        preempt_delay_us: 0,
        advert_interval_cs: 100,
        skew_us: 687_500,
        master_down_interval_us: 3_687_500,
        master: Some(MasterStatus { address: PEER, priority: 100, is_self: false, last_heard_us: Some(BOOT_US) }),
        timers: Timers { master_down_at_us: Some(BOOT_US + 3_687_500), ..Timers::default() },
        blocks: Vec::new(),
        vips: vec![VipStatus {
            address: format!("172.20.45.{}/24", 200 + u16::from(vrid) % 50),
            device: "eth0".into(),
            label: Some("eth0:0".into()),
            excluded: false,
            installed: false,
            error: None,
        }],
        parts: Vec::new(),
        parts_left_out: 0,
        vips_left_out: 0,
        no_accept: None,
        senders: vec![SenderStatus {
            address: PEER,
            mac: Some(Mac([0x52, 0x54, 0, 0x45, 1, 0x31])),
            other_mac: None,
            priority: 100,
            advert_interval_cs: 100,
            first_heard_us: BOOT_US - 600_000_000,
            checksum: None,
            last_heard_us: BOOT_US,
            received: 600,
            late: 1,
            missed: 0,
            longest_gap_us: 1_600_000,
            rejected: 0,
            last_reject: None,
        }],
        second_master: None,
        counters: Counters { rejected: [(Reject::Password, 3)].into(), ..Counters::default() },
        trackers: Vec::new(),
        group: None,
        standing_back: None,
        last_transition: Some(record(name, 600, State::Init, State::Backup, Cause::Start)),
        notified: Vec::new(),
        notifications_skipped: 0,
    }
}

/// An interface on which a stranger was heard.
pub fn interface(name: &str) -> InterfaceStatus {
    let (source, mac) = ([172, 20, 45, 9].into(), Some(Mac([0, 0, 0x5e, 0, 1, 7])));
    let stranger = ForeignVrid { vrid: 7, source, first_heard_us: BOOT_US - 720_000_000, mac };
    InterfaceStatus {
        name: name.into(),
        exists: true,
        up: true,
        foreign: vec![stranger],
        rejected: [(Reject::UnknownVrid, 720)].into(),
    }
}

pub fn master(name: &str, vrid: u8) -> InstanceStatus {
    let mut status = backup(name, vrid);
    status.state = State::Master;
    status.priority = 100;
    status.effective_priority = 100;
    status.master = None;
    status.timers = Timers::default();
    let cause = Cause::MasterSilent { master: PEER, silent_us: 3_609_375, intervals: 3 };
    status.last_transition = Some(record(name, 600, State::Backup, State::Master, cause));
    for vip in &mut status.vips {
        vip.installed = true;
    }
    status
}

/// A backup that waits before it preempts.
pub fn waiting(name: &str, vrid: u8) -> InstanceStatus {
    let mut status = backup(name, vrid);
    status.priority = 100;
    status.effective_priority = 90;
    status.preempt_delay_us = 300_000_000;
    status.timers.preempt_at_us = Some(BOOT_US + 250_000_000);
    if let Some(master) = &mut status.master {
        master.priority = 80;
    }
    status
}

pub fn fault(name: &str, vrid: u8) -> InstanceStatus {
    let mut status = backup(name, vrid);
    status.state = State::Fault;
    status.interface = "eth9".into();
    status.master = None;
    status.timers = Timers::default();
    status.senders.clear();
    let detail = "eth9 does not exist".to_owned();
    let since_us = BOOT_US - 600_000_000;
    status.blocks.push(BlockStatus { block: Block::InterfaceMissing, since_us, detail });
    let cause = Cause::Blocked { block: Block::InterfaceMissing };
    status.last_transition = Some(record(name, 600, State::Init, State::Fault, cause));
    status
}

/// A change that is on trial.
pub fn trial() -> ChangeRecord {
    ChangeRecord {
        number: 7,
        at_unix_ms: UNIX_MS,
        who: "anna".into(),
        what: vec!["VI_1 priority 90".into()],
        standing: ChangeStanding::OnTrial { until_unix_ms: UNIX_MS + 300_000 },
    }
}
