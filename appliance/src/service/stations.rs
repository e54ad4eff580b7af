//! Which MAC addresses the senders of adverts have. Read packet(7) before changing it.
//!
//! The engine's sockets do not tell where a packet came from. So when somebody is heard whose MAC address is not known, and
//! now and then while somebody looks, the service listens for a few adverts by itself: on sockets that get nothing but VRRP
//! from this link, whose queue is emptied every few milliseconds however full it is. A flood costs no more than that, and
//! the engine knows nothing of it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

use locum_control::Mac;
use locum_core::router::SENDERS_MAX;
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::Family;
use locum_core::wire::vrrp;
use nix::libc;
use nix::sys::socket::{LinkAddr, recvfrom};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::Service;
use crate::{clock, packet_filter};

/// So many intervals are listened to: who uses an address together with somebody else is heard twice in them.
const INTERVALS: u64 = 3;
/// And a moment more, for adverts that come late.
const MARGIN: Duration = Duration::from_s(1);
/// Never longer than this: one advert of any interval that there is (RFC 3768 §5.3.7).
const LISTEN_MAX: Duration = Duration::from_s(300);
/// Between two times.
const PAUSE: Duration = Duration::from_s(5);
/// Somebody who looks is told what is not older than this, if something was heard since.
const AGE_MAX: Duration = Duration::from_s(60);
/// How often what has come in is taken.
const TAKE_EVERY: Duration = Duration::from_ms(50);
/// Packets taken at once.
const TAKE_MAX: usize = 2_048;
/// The longest IPv4 header, and the VRRP fields up to the VRID.
const BYTES_MAX: u8 = 64;

/// A router that was heard with the VRID of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Station {
    address: IpAddr,
    /// An advert of it was accepted.
    accepted: bool,
    /// Where its last advert came from.
    mac: Option<Mac>,
    /// Where the first one did that was heard this time.
    first: Option<Mac>,
    /// Two that its adverts come from in turn, and whether that was heard this time.
    two: Option<(Mac, Mac)>,
    again: bool,
}

/// The routers heard with the VRID of an instance.
#[derive(Clone, Debug, Default)]
pub(super) struct Stations(Vec<Station>);

impl Stations {
    /// Notes that `address` was heard. Returns whether that is news.
    pub(super) fn note(&mut self, address: IpAddr, accepted: bool) -> bool {
        if let Some(station) = self.0.iter_mut().find(|station| station.address == address) {
            station.accepted |= accepted;
            return false;
        }
        if self.0.len() >= SENDERS_MAX {
            // As in the core, a stranger never displaces one whose adverts were accepted.
            let Some(at) = self.0.iter().position(|station| !station.accepted || accepted) else { return false };
            self.0.remove(at);
        }
        self.0.reserve_exact(1);
        self.0.push(Station { address, accepted, mac: None, first: None, two: None, again: false });
        true
    }

    /// The MAC address that the adverts of `address` come from, and another one if there are two.
    pub(super) fn macs(&self, address: IpAddr) -> (Option<Mac>, Option<Mac>) {
        let station = self.0.iter().find(|station| station.address == address);
        match station.map(|station| (station.two, station.mac)) {
            Some((Some((one, other)), _)) => (Some(one), Some(other)),
            Some((None, mac)) => (mac, None),
            None => (None, None),
        }
    }

    fn begin(&mut self) {
        for station in &mut self.0 {
            (station.first, station.again) = (None, false);
        }
    }

    /// Notes where an advert came from. Returns the two, if it is news that there are two.
    fn hear(&mut self, address: IpAddr, mac: Mac) -> Option<(Mac, Mac)> {
        let station = self.0.iter_mut().find(|station| station.address == address)?;
        let last = station.mac.replace(mac);
        let Some(first) = station.first else {
            station.first = Some(mac);
            return None;
        };
        // From one to another may be a router that was replaced; and back again may not.
        let last = last.filter(|last| *last != mac && first == mac)?;
        let two = (mac.min(last), mac.max(last));
        station.again = true;
        (station.two.replace(two) != Some(two)).then_some(two)
    }

    fn end(&mut self) {
        for station in self.0.iter_mut().filter(|station| station.first.is_some() && !station.again) {
            station.two = None;
        }
    }
}

/// When it is listened.
#[derive(Debug, Default)]
pub(super) struct Listening {
    /// Open while it is.
    ears: Option<[Option<Socket>; 2]>,
    /// Until when.
    until: Instant,
    /// When what has come in is taken next; while there are no ears, when they may be opened again.
    next: Instant,
    /// How long it is to be listened, if it is.
    wanted: Option<Duration>,
    /// The kernel refuses it; said once.
    is_refused: bool,
}

impl Listening {
    /// Has a sender of this interval listened to.
    pub(super) fn want(&mut self, now: Instant, interval: Duration) {
        let time = (Duration::from_us(interval.us().saturating_mul(INTERVALS)) + MARGIN).min(LISTEN_MAX);
        if self.ears.is_some() {
            self.until = self.until.max(now + time);
        } else {
            self.wanted = Some(self.wanted.map_or(time, |wanted| wanted.max(time)));
        }
    }

    /// When there is something to do.
    pub(super) const fn due(&self) -> Option<Instant> {
        if self.ears.is_some() || self.wanted.is_some() { Some(self.next) } else { None }
    }

    /// Whether what is known was heard so long ago that it should be heard again.
    fn is_old(&self, now: Instant) -> bool {
        self.ears.is_none() && self.wanted.is_none() && now.since(self.until) >= AGE_MAX
    }
}

/// An advert, and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Heard {
    /// The kernel's index of the interface.
    interface: u32,
    mac: Mac,
    source: IpAddr,
    vrid: u8,
}

impl Service {
    /// Somebody looks: what was heard long ago is heard again.
    pub(super) fn listen_again(&mut self) {
        let now = clock::now();
        let heard = |instance: &&super::Instance| !instance.stations.0.is_empty();
        let intervals = self.instances.iter().filter(heard).map(super::Instance::interval);
        if let Some(interval) = intervals.max().filter(|_| self.listening.is_old(now)) {
            self.listening.want(now, interval);
        }
    }

    /// Begins to listen, takes what was heard, or ends.
    pub(super) fn listen(&mut self) {
        let now = clock::now();
        match self.listening.wanted.take() {
            Some(time) if self.listening.ears.is_none() => {
                self.instances.iter_mut().for_each(|instance| instance.stations.begin());
                (self.listening.until, self.listening.next) = (now + time, now + TAKE_EVERY);
                let ears = [Family::Ipv4, Family::Ipv6].map(open);
                if let [Err(error), Err(_)] = &ears
                    && !std::mem::replace(&mut self.listening.is_refused, true)
                {
                    log::info!("MAC addresses of other routers cannot be told: {error}");
                }
                self.listening.ears = Some(ears.map(Result::ok));
            }
            _ => {
                self.take_heard();
                self.listening.next = now + TAKE_EVERY;
                if now >= self.listening.until {
                    self.listening.ears = None;
                    self.listening.next = now + PAUSE;
                    self.instances.iter_mut().for_each(|instance| instance.stations.end());
                }
            }
        }
    }

    fn take_heard(&mut self) {
        let mut heard = Vec::new();
        for (socket, family) in self.listening.ears.iter().flatten().zip([Family::Ipv4, Family::Ipv6]) {
            if let Some(socket) = socket {
                take(socket, family, &mut heard);
            }
        }
        if heard.is_empty() {
            return;
        }
        // Whose adverts they are: looked up anew each time, because a reload changes it.
        let mut places: Vec<((&str, u8, bool), usize)> = Vec::with_capacity(self.instances.len());
        for (index, instance) in self.instances.iter().enumerate() {
            let is_v6 = instance.family() == Family::Ipv6;
            places.push(((instance.interface(), *instance.configured.vrid, is_v6), index));
        }
        places.sort_unstable();
        let base_of = |index: u32| {
            let name = self.network.name(index)?;
            let made = self.interfaces.iter().find(|interface| interface.name == name)?.made.as_ref();
            Some(made.map_or(name, |made| made.base.as_str()))
        };
        let mut ours: Vec<(usize, Heard)> = Vec::new();
        let mut strangers: Vec<(usize, Heard)> = Vec::new();
        let mut last: Option<(u32, Option<&str>)> = None;
        for advert in heard {
            let base = match last {
                Some((index, base)) if index == advert.interface => base,
                _ => base_of(advert.interface),
            };
            last = Some((advert.interface, base));
            let Some(base) = base else { continue };
            let wanted = (base, advert.vrid, advert.source.is_ipv6());
            let from = places.partition_point(|(place, _)| *place < wanted);
            let those = places.get(from..).unwrap_or_default().iter();
            let mut those = those.take_while(|(place, _)| *place == wanted).map(|(_, index)| *index);
            // Several may share a VRID, with other peers each.
            let peers = |index: usize| self.instances.get(index).map(|instance| &instance.configured.peers);
            let is_peer =
                |index: &usize| peers(*index).is_some_and(|all| all.iter().any(|peer| peer.address == advert.source));
            match those.clone().find(is_peer).or_else(|| those.next()) {
                Some(index) => ours.push((index, advert)),
                None => {
                    let place = self.interfaces.iter().position(|interface| interface.name == base);
                    strangers.extend(place.map(|place| (place, advert)));
                }
            }
        }
        for (index, advert) in ours {
            let Some(instance) = self.instances.get_mut(index) else { continue };
            if let Some((one, other)) = instance.stations.hear(advert.source, advert.mac) {
                let (name, source) = (instance.name(), advert.source);
                log::warn!("{name}: two routers use the address {source}: one has the MAC address {one}, one {other}");
            }
        }
        for (place, advert) in strangers {
            let Some(interface) = self.interfaces.get_mut(place) else { continue };
            let is_it =
                |known: &&mut locum_control::ForeignVrid| (known.vrid, known.source) == (advert.vrid, advert.source);
            if let Some(known) = interface.foreign.iter_mut().find(is_it) {
                known.mac = Some(advert.mac);
            }
        }
    }
}

/// A socket that gets the adverts of a family that arrive on any interface.
fn open(family: Family) -> io::Result<Socket> {
    let (protocol, next_header_at, ttl_at) = match family {
        Family::Ipv4 => (libc::ETH_P_IP, 9, 8),
        Family::Ipv6 => (libc::ETH_P_IPV6, 6, 7),
    };
    let protocol = u16::try_from(protocol).unwrap_or_default().to_be();
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(i32::from(protocol))))?;
    socket.attach_filter(&adverts(next_header_at, ttl_at))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A packet filter for VRRP that no router has passed on: else the MAC address would be that router's.
fn adverts(next_header_at: u32, ttl_at: u32) -> [SockFilter; 6] {
    [
        packet_filter::load_byte(next_header_at),
        packet_filter::unless(u32::from(vrrp::PROTOCOL), 3),
        packet_filter::load_byte(ttl_at),
        packet_filter::unless(u32::from(u8::MAX), 1),
        packet_filter::take(u32::from(BYTES_MAX)),
        packet_filter::take(0),
    ]
}

/// Takes what has come in.
fn take(socket: &Socket, family: Family, heard: &mut Vec<Heard>) {
    let mut bytes = [0; BYTES_MAX as usize];
    for _ in 0..TAKE_MAX {
        let Ok((len, Some(from))) = recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut bytes) else { return };
        let mac = from.addr().filter(|mac| from.halen() == mac.len() && *mac != [0; 6]);
        let read = bytes.get(..len).and_then(|bytes| read(bytes, family));
        if let (Some(mac), Some((source, vrid)), Ok(interface)) = (mac, read, u32::try_from(from.ifindex())) {
            heard.push(Heard { interface, mac: Mac(mac), source, vrid });
        }
    }
}

/// Who sent a packet, and with which VRID. What came in before the filter was there is passed over.
fn read(bytes: &[u8], family: Family) -> Option<(IpAddr, u8)> {
    let (source, ttl, protocol, message) = match family {
        Family::Ipv4 => {
            let source: [u8; 4] = bytes.get(12..16)?.try_into().ok()?;
            let header_bytes = usize::from(bytes.first()? & 0x0f) * 4;
            (Ipv4Addr::from(source).into(), bytes.get(8)?, bytes.get(9)?, bytes.get(header_bytes.max(20)..)?)
        }
        Family::Ipv6 => {
            let source: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            (Ipv6Addr::from(source).into(), bytes.get(7)?, bytes.get(6)?, bytes.get(40..)?)
        }
    };
    let is_advert = *protocol == vrrp::PROTOCOL && *ttl == u8::MAX;
    // The VRID is the second byte (RFC 9568 §5.1).
    message.get(1).copied().filter(|_| is_advert).map(|vrid| (source, vrid))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn mac(last: u8) -> Mac {
        Mac([2, 0, 0, 0, 0, last])
    }

    fn address(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn heard(stations: &mut Stations, macs: &[u8]) -> Vec<(Mac, Mac)> {
        stations.begin();
        let news = macs.iter().filter_map(|last| stations.hear(address(2), mac(*last))).collect();
        stations.end();
        news
    }

    #[test]
    fn a_replaced_router_is_no_second_one() {
        let mut stations = Stations::default();
        assert!(stations.note(address(2), true) && !stations.note(address(2), true));
        assert_eq!(stations.macs(address(2)), (None, None));
        assert_eq!(heard(&mut stations, &[1, 1, 3, 3]), []);
        assert_eq!(stations.macs(address(2)), (Some(mac(3)), None));
        assert_eq!(heard(&mut stations, &[1]), []);
        assert_eq!(heard(&mut stations, &[3]), [], "hours later");
        assert_eq!(stations.macs(address(2)), (Some(mac(3)), None));
        assert_eq!(stations.hear(address(9), mac(1)), None, "nobody that was noted");
    }

    #[test]
    fn an_address_from_two_sides_is_told_once_and_until_it_ends() {
        let mut stations = Stations::default();
        stations.note(address(2), true);
        assert_eq!(heard(&mut stations, &[5, 1, 5, 1, 5]), [(mac(1), mac(5))]);
        assert_eq!(stations.macs(address(2)), (Some(mac(1)), Some(mac(5))));
        assert_eq!(heard(&mut stations, &[1, 5, 1]), [], "that is known");
        assert_eq!(heard(&mut stations, &[]), []);
        assert_eq!(stations.macs(address(2)).1, Some(mac(5)), "nobody was heard, so nothing is new");
        assert_eq!(heard(&mut stations, &[1, 1, 1]), []);
        assert_eq!(stations.macs(address(2)), (Some(mac(1)), None));
    }

    #[test]
    fn strangers_do_not_displace_the_group() {
        let mut stations = Stations::default();
        stations.note(address(2), true);
        for n in 3..=255 {
            stations.note(address(n), false);
        }
        assert_eq!(stations.0.len(), SENDERS_MAX);
        assert!(!stations.note(address(2), true), "it is still there");
        assert!(stations.note(address(1), true), "the group may");
    }

    #[test]
    fn it_is_listened_for_some_adverts_and_not_at_once_again() {
        let at = |ms| Instant::ZERO + Duration::from_ms(ms);
        let mut listening = Listening::default();
        assert_eq!(listening.due(), None);
        listening.want(at(70_000), Duration::from_cs(100));
        listening.want(at(70_000), Duration::from_cs(10));
        assert_eq!(listening.wanted, Some(Duration::from_s(4)));
        listening.want(at(70_000), Duration::from_s(255));
        assert_eq!(listening.wanted, Some(LISTEN_MAX));
        listening.next = at(75_000);
        assert_eq!(listening.due(), Some(at(75_000)), "after the pause");
        let listening = Listening { until: at(70_000), ..Listening::default() };
        assert!(!listening.is_old(at(129_999)) && listening.is_old(at(130_000)));
    }

    #[test]
    fn a_packet_is_read_whatever_is_cut_off() {
        let mut v4 = vec![0; 28];
        (v4[0], v4[8], v4[9], v4[21]) = (0x45, 255, vrrp::PROTOCOL, 45);
        v4[12..16].copy_from_slice(&[10, 0, 0, 2]);
        assert_eq!(read(&v4, Family::Ipv4), Some((address(2), 45)));
        let mut with_options = v4.clone();
        with_options[0] = 0x46;
        with_options.splice(20..20, [0; 4]);
        assert_eq!(read(&with_options, Family::Ipv4), Some((address(2), 45)));
        let mut v6 = vec![0; 48];
        (v6[6], v6[7], v6[8], v6[41]) = (vrrp::PROTOCOL, 255, 0xfe, 45);
        let link_local = Ipv6Addr::new(0xfe00, 0, 0, 0, 0, 0, 0, 0);
        assert_eq!(read(&v6, Family::Ipv6), Some((link_local.into(), 45)));
        for (packet, family, enough) in [(&v4, Family::Ipv4, 22), (&v6, Family::Ipv6, 42)] {
            for len in 0..packet.len() {
                assert_eq!(read(&packet[..len], family).is_some(), len >= enough, "{len}");
            }
        }
        v4[8] = 254;
        assert_eq!(read(&v4, Family::Ipv4), None, "a router passed it on");
        (v4[8], v4[9]) = (255, 17);
        assert_eq!(read(&v4, Family::Ipv4), None, "not VRRP");
    }
}
