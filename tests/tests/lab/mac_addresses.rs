//! Which MAC addresses the routers have that are heard is told, and that two of them use one address.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fmt, thread};

use locum_control::{Check, Item, Mac, SenderStatus, Verb};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B, X};
use locum_tests::{Group, Lab, VrrpPacket, wait_for, with_lab};

use crate::TAKEOVER_MAX;

const GROUP: Group = Group::VI_1;

/// Far more than the advert after the first one, and the second after that.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// A and B in IPv4 and IPv6, A with virtual MAC addresses.
fn configuration(priority: u8, options: impl fmt::Display) -> String {
    let instance = |name: &str, vrid: u8, version: u8, vip: &str| {
        format!(
            "vrrp_instance {name} {{\n    interface eth0\n    virtual_router_id {vrid}\n    priority {priority}\n    \
             version {version}\n    {options}\n    virtual_ipaddress {{\n        {vip}\n    }}\n}}\n"
        )
    };
    let v4 = instance(GROUP.instance, GROUP.vrid, 2, &format!("{}/24", GROUP.vip));
    v4 + &instance("VI_6", 46, 3, "fe80::45:1/64")
}

fn senders(lab: &mut Lab, instance: &str) -> Vec<SenderStatus> {
    lab.router(B).status(instance).map(|status| status.senders).unwrap_or_default()
}

#[test]
fn of_the_group_and_of_strangers() {
    with_lab(&[Locum, Locum], |lab| {
        lab.enable_ipv6(A);
        lab.enable_ipv6(B);
        lab.start(A, &configuration(100, "use_vmac"));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let injector = lab.injector();
        let from_x = || VrrpPacket { auth_type: 0, auth: [0; 8], priority: 100, ..VrrpPacket::default() };
        // One with the address of A, and one with a VRID of its own.
        let twice = VrrpPacket { source: A.address(), addresses: vec![GROUP.vip], ..from_x() };
        let stranger = VrrpPacket { vrid: 77, ..from_x() };
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    injector.send(&twice);
                    injector.send(&stranger);
                    thread::sleep(Duration::from_millis(300));
                }
            });
            let _ends = Ends(&is_over);
            lab.start(B, &configuration(80, ""));
            let (ours, its) = (Mac([0, 0, 0x5e, 0, 1, 45]), Mac(X.mac()));
            wait_for("the two MAC addresses of one address", WAIT_MAX, || {
                senders(lab, GROUP.instance).into_iter().find(|it| (it.mac, it.other_mac) == (Some(ours), Some(its)))
            });
            wait_for("the MAC address of a stranger", WAIT_MAX, || {
                let interface = lab.router(B).interface("eth0")?;
                interface.foreign.into_iter().find(|it| (it.vrid, it.mac) == (77, Some(its)))
            });
            wait_for("the virtual MAC address over IPv6", WAIT_MAX, || {
                let virtual_mac = Some(Mac([0, 0, 0x5e, 0, 2, 46]));
                senders(lab, "VI_6").into_iter().find(|it| (it.mac, it.other_mac) == (virtual_mac, None))
            });
        });
        let found = |item: &Item| matches!(item, Item::Check(Check { name, .. }) if name == "address-twice");
        let (findings, _) = lab.router(B).client().request(Verb::Doctor).expect("it is examined");
        assert!(findings.iter().any(found), "{findings:?}");
    });
}

/// Has the stranger fall silent, also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
