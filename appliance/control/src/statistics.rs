//! Counters under the names that the IETF's data model of VRRP has for them, so that what reads such a model from other
//! routers can read ours. Read RFC 8347 §2.5 and §4 ("ietf-vrrp", `statistics`) before changing it.

use crate::{Counters, Reject, SortedMap};

/// The statistics of one instance, by the model's leaf names. What the model has no leaf for is not in it.
pub fn rfc8347(counters: &Counters) -> SortedMap<&'static str, u32> {
    let of = |reasons: &[Reject]| {
        let counts = reasons.iter().filter_map(|reason| counters.rejected.get(reason));
        counts.fold(0u32, |sum, count| sum.saturating_add(*count))
    };
    SortedMap::from([
        ("master-transitions", counters.became_master),
        ("advertisement-rcvd", counters.adverts_received),
        ("advertisement-sent", counters.adverts_sent),
        ("interval-errors", of(&[Reject::Interval])),
        ("priority-zero-pkts-rcvd", counters.priority_zero_received),
        ("priority-zero-pkts-sent", counters.priority_zero_sent),
        ("invalid-type-pkts-rcvd", of(&[Reject::PacketType])),
        ("address-list-errors", of(&[Reject::Addresses])),
        ("packet-length-errors", of(&[Reject::Length, Reject::Malformed])),
        // The model keeps these for all instances together; here each instance has its own.
        ("checksum-errors", of(&[Reject::Checksum])),
        ("version-errors", of(&[Reject::Version])),
        ("ip-ttl-errors", of(&[Reject::Ttl])),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_leaf_has_its_counter() {
        let rejected = Reject::ALL.into_iter().zip(1..).collect();
        let counters = Counters { adverts_sent: 100, became_master: 3, rejected, ..Counters::default() };
        let statistics = rfc8347(&counters);
        let count = |reason: Reject| counters.rejected[&reason];
        assert_eq!(statistics["advertisement-sent"], 100);
        assert_eq!(statistics["master-transitions"], 3);
        assert_eq!(statistics["ip-ttl-errors"], count(Reject::Ttl));
        assert_eq!(statistics["packet-length-errors"], count(Reject::Length) + count(Reject::Malformed));
        assert_eq!(statistics.len(), 12);
    }
}
