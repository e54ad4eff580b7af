//! Routers with one VRID that talk to different peers or groups.

use super::bench::*;
use super::*;

static FIRST: [Peer; 1] = [Peer::new(OTHER)];
static SECOND: [Peer; 1] = [Peer::new(LOWER_ADDRESS)];

fn to(peers: &'static [Peer]) -> Config<Borrowed<'static>> {
    let transport = Transport::Unicast { peers, ttl: 255, check_source: false };
    Config { transport, ..config(100) }
}

/// Three: to one peer, to another, to the group.
fn three() -> (Bench, [RouterId; 3]) {
    let mut bench = Bench::start(to(&FIRST));
    let ids = [bench.id, bench.add(to(&SECOND)), bench.add(config(100))];
    (bench, ids)
}

/// How many adverts each has taken of a better router's from these three.
fn heard(bench: &mut Bench, ids: &[RouterId], from: &[(IpAddr, IpAddr)]) -> Vec<u32> {
    let counts = |bench: &Bench| -> Vec<u32> {
        let router = |id: &RouterId| bench.set.router(*id).unwrap().counters().adverts_received;
        ids.iter().map(router).collect()
    };
    let before = counts(bench);
    for (source, destination) in from {
        let message = Bench::advert_to(200, *source, *destination);
        bench.packet(Received { source: *source, destination: *destination, ttl: 255, message: &message });
    }
    counts(bench).iter().zip(before).map(|(after, before)| after - before).collect()
}

#[test]
fn each_hears_its_own_peers_or_group_only() {
    let (mut bench, ids) = three();
    assert_eq!(heard(&mut bench, &ids, &[(OTHER, ME)]), [1, 0, 0]);
    assert_eq!(heard(&mut bench, &ids, &[(LOWER_ADDRESS, ME)]), [0, 1, 0]);
    assert_eq!(heard(&mut bench, &ids, &[(OTHER, GROUP), (LOWER_ADDRESS, GROUP)]), [0, 0, 2]);
    // Nobody's peer: as if the first were alone.
    let stranger = IpAddr::V4(core::net::Ipv4Addr::new(172, 20, 45, 99));
    assert_eq!(heard(&mut bench, &ids, &[(stranger, ME)]), [1, 0, 0]);
    // One whose master falls silent takes over, and the others stay where they are.
    for _ in 0..5 {
        bench.until(bench.now.us() + 1_000_000);
        heard(&mut bench, &ids, &[(OTHER, ME), (OTHER, GROUP)]);
    }
    assert_eq!(ids.map(|id| bench.state_of(id)), [State::Backup, State::Master, State::Backup]);
}

#[test]
fn one_that_would_hear_the_same_is_refused() {
    static BOTH: [Peer; 2] =
        [Peer::new(IpAddr::V4(core::net::Ipv4Addr::new(172, 20, 45, 9))), Peer::new(LOWER_ADDRESS)];
    let (mut bench, _) = three();
    for config in [to(&FIRST), to(&SECOND), to(&BOTH), config(100)] {
        assert_eq!(bench.set.insert(bench.now, config, Some(ME)).unwrap_err().0, ConfigError::Duplicate);
    }
}

#[test]
fn whichever_ends_the_others_are_found() {
    let from = [(OTHER, ME), (LOWER_ADDRESS, ME), (OTHER, GROUP)];
    for gone in 0..3 {
        let (mut bench, ids) = three();
        bench.set.handle_stop(bench.now, ids[gone]);
        bench.drain();
        assert!(bench.set.remove(ids[gone]).is_some());
        bench.drain();
        let stay: Vec<_> = (0..3).filter(|place| *place != gone).collect();
        let (ids_left, from_left): (Vec<_>, Vec<_>) = stay.iter().map(|place| (ids[*place], from[*place])).unzip();
        assert_eq!(heard(&mut bench, &ids_left, &from_left), [1, 1], "without {gone}");
        // Its place is free again, in the tables and among those of the VRID.
        let again = bench.add([to(&FIRST), to(&SECOND), config(100)][gone].clone());
        let ids = core::array::from_fn::<_, 3, _>(|place| if place == gone { again } else { ids[place] });
        let other_group = IpAddr::V4(core::net::Ipv4Addr::new(224, 0, 0, 55));
        let fourth = bench.add(Config { transport: Transport::Multicast { group: other_group }, ..config(100) });
        let (ids, from) = ([ids[0], ids[1], ids[2], fourth], [from[0], from[1], from[2], (OTHER, other_group)]);
        assert_eq!(heard(&mut bench, &ids, &from), [1; 4], "again {gone}");
    }
}

#[test]
fn two_exchange_their_peers() {
    let (mut bench, ids) = three();
    for (id, peers) in [(ids[0], &SECOND), (ids[1], &FIRST)] {
        bench.set.reconfigure(bench.now, id, to(peers)).unwrap();
        bench.drain();
    }
    assert_eq!(heard(&mut bench, &ids, &[(OTHER, ME)]), [0, 1, 0]);
    assert_eq!(heard(&mut bench, &ids, &[(LOWER_ADDRESS, ME)]), [1, 0, 0]);
}
