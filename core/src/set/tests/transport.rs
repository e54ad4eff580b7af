//! How adverts travel: to a group, or to each peer.

use super::bench::*;
use super::*;
use crate::reject::RejectCounters;

static PEERS: [Peer; 2] = [Peer { address: OTHER, ttl_min: 60, ttl_max: 64 }, Peer::new(LOWER_ADDRESS)];

fn unicast(check_source: bool) -> Bench {
    let transport = Transport::Unicast { peers: PEERS.as_slice(), ttl: 61, check_source };
    Bench::start(Config { transport, ..config(100) })
}

/// What became of an advert of a better router.
fn hears(bench: &mut Bench, source: IpAddr, destination: IpAddr, ttl: u8) -> Option<Reject> {
    let before = *bench.router().counters();
    bench.packet(Received { source, destination, ttl, message: &Bench::advert_to(200, source, destination) });
    let after = bench.router().counters();
    let counted = |counters: &RejectCounters, reason| counters.of(reason);
    let rejected = Reject::ALL.into_iter().find(|it| counted(&after.rejected, *it) > counted(&before.rejected, *it));
    assert_eq!(rejected.is_none(), after.adverts_received > before.adverts_received);
    rejected
}

#[test]
fn unicast_goes_to_each_peer_and_accepts_no_multicast() {
    let transport = Transport::Unicast { peers: PEERS.as_slice(), ttl: 61, check_source: false };
    let mut bench = Bench::start(Config { transport, ..config(255) });
    assert_eq!(bench.times("advert 255").len(), 2);
    assert_eq!(bench.router().counters().adverts_sent, 2);
    let first = ipv4::Packet::parse(&bench.sent[0].2).unwrap();
    assert_eq!((IpAddr::V4(first.source), IpAddr::V4(first.destination), first.ttl), (ME, OTHER, 61));
    assert_eq!(hears(&mut bench, LOWER_ADDRESS, GROUP, 255), Some(Reject::Multicast));
}

#[test]
fn a_peer_is_heard_within_its_bounds_of_ttl() {
    let mut bench = unicast(false);
    for (ttl, rejected) in
        [(59, Some(Reject::Ttl)), (60, None), (64, None), (65, Some(Reject::Ttl)), (255, Some(Reject::Ttl))]
    {
        assert_eq!(hears(&mut bench, OTHER, ME, ttl), rejected, "TTL {ttl}");
    }
    // One without bounds may be anywhere.
    assert_eq!([1, 254, 255].map(|ttl| hears(&mut bench, LOWER_ADDRESS, ME, ttl)), [None; 3]);
}

#[test]
fn who_is_no_peer_is_heard_unless_the_source_is_checked() {
    let stranger = IpAddr::V4(core::net::Ipv4Addr::new(172, 20, 45, 99));
    assert_eq!(hears(&mut unicast(false), stranger, ME, 255), None);
    assert_eq!(hears(&mut unicast(true), stranger, ME, 255), Some(Reject::UnknownPeer));
}

#[test]
fn only_the_own_group_is_heard() {
    let other_group = IpAddr::V4(core::net::Ipv4Addr::new(224, 0, 0, 55));
    let mut bench = Bench::start(config(100));
    assert_eq!(hears(&mut bench, OTHER, other_group, 255), Some(Reject::Group));
    assert_eq!(hears(&mut bench, OTHER, ME, 255), Some(Reject::Unicast));
    assert_eq!(hears(&mut bench, OTHER, GROUP, 255), None);

    let transport = Transport::Multicast { group: other_group };
    let mut bench = Bench::start(Config { transport, ..config(100) });
    assert_eq!(hears(&mut bench, OTHER, GROUP, 255), Some(Reject::Group));
    assert_eq!(hears(&mut bench, OTHER, other_group, 255), None);
    bench.until(10_000_000);
    let last = ipv4::Packet::parse(&bench.sent.last().unwrap().2).unwrap();
    assert_eq!(IpAddr::V4(last.destination), other_group);
}
