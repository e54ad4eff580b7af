//! A segment that is split has two masters; when it heals, the right one remains and the clients find it.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use locum_control::{Cause, Event, State, Verb};
use locum_tests::Daemon::Locum;
use locum_tests::Node::{A, B};
use locum_tests::{Group, Moment, scenario, with_lab};

use crate::{TAKEOVER_MAX, with_priority};

const GROUP: Group = Group::VI_1;

#[test]
fn clients_find_the_right_master_when_a_silent_split_heals() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.start(B, &with_priority(&scenario("alone"), 80));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let probe = lab.probe(GROUP.vip);
        lab.silence(A);
        let split = lab.wait_master(GROUP, B, TAKEOVER_MAX);
        sleep(Duration::from_secs(1));
        assert_eq!(lab.timeline().since(split).answered_by(GROUP.vip), BTreeSet::from([B]), "the client asks B now");
        assert_eq!(lab.router(A).expect_status(GROUP.instance).state, State::Master, "it cannot know");

        let healed = lab.forward_all();
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        sleep(Duration::from_secs(2));
        let answers = probe.finish();
        let timeline = lab.timeline();
        let is_it = |cause| cause == Cause::PreemptedBy { by: A.address().into(), priority: 100 };
        lab.router(B).wait_cause(GROUP.instance, State::Backup, TAKEOVER_MAX, is_it);
        let late = healed + Duration::from_millis(1500);
        assert_eq!(timeline.since(late).answered_by(GROUP.vip), BTreeSet::from([A]), "the client asks A again");
        let (_, silence) = answers.longest_silence(healed, Moment::now() - Duration::from_millis(200));
        assert!(silence < Duration::from_secs(1), "the client was without answer for {silence:?}");
    });
}

#[test]
fn a_second_master_is_named_while_it_is_heard() {
    with_lab(&[Locum, Locum], |lab| {
        lab.start(A, &scenario("alone"));
        lab.start(B, &with_priority(&scenario("alone"), 80));
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let mut client = lab.router(A).client();
        client.request(Verb::Watch { instance: None, adverts: false }).expect("watch");

        // B does not hear A any more, but A hears B.
        lab.drop_adverts(A, B);
        let is_it = |cause| matches!(cause, Cause::MasterSilent { .. });
        lab.router(B).wait_cause(GROUP.instance, State::Master, TAKEOVER_MAX, is_it);
        let found = std::iter::from_fn(|| client.next_notice(Some(Duration::from_secs(5))).ok());
        let second = found.map(|notice| notice.event).find(|event| matches!(event, Event::SecondMaster { .. }));
        let Some(Event::SecondMaster { source, priority, detail, .. }) = second else { panic!("A says nothing") };
        assert_eq!((source, priority), (B.address().into(), 80));
        assert!(!detail.is_empty());
        let status = lab.router(A).expect_status(GROUP.instance);
        assert_eq!(status.state, State::Master);
        assert_eq!(status.second_master.map(|second| second.address), Some(B.address().into()));

        lab.forward_all();
        lab.wait_master(GROUP, A, TAKEOVER_MAX);
        let found = std::iter::from_fn(|| client.next_notice(Some(Duration::from_secs(8))).ok());
        let gone = found.map(|notice| notice.event).find(|event| matches!(event, Event::SecondMasterGone { .. }));
        assert!(gone.is_some(), "A does not say that the second master is gone");
        assert_eq!(lab.router(A).expect_status(GROUP.instance).second_master, None);
    });
}
