//! The state machine as one table. Read RFC 3768 §6.4 and RFC 9568 §6.4 before changing it.
//!
//! [`decide`] is pure: it says what to do about a stimulus, and the router does it afterwards.

/// Where the router is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// INIT.
    Init,
    /// FAULT.
    Fault,
    /// BACKUP.
    Backup,
    /// MASTER.
    Master,
    /// INIT by its state, but still answering for the addresses until the next master is heard.
    Leaving,
}

/// How the sender of an accepted advert compares with us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    /// It leaves (priority 0).
    Zero,
    /// Its priority is lower than ours.
    Lower,
    /// Its priority is ours, our address is higher.
    TieWon,
    /// Its priority is ours, its address is higher.
    TieLost,
    /// Its priority is higher.
    Higher,
}

/// What the router is confronted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stimulus {
    /// It begins.
    Start,
    /// Something keeps it from taking part.
    Blocked,
    /// The last thing that did is gone.
    Unblocked,
    /// An advert was accepted.
    Heard(Rank),
    /// `Master_Down_Timer` expired.
    MasterDown,
    /// The preempt delay is over.
    PreemptDelayOver,
    /// The operator ends the preempt delay.
    Resume,
    /// `Adver_Timer` expired.
    AdvertDue,
    /// The bound of the handover has passed.
    HandoverOver,
    /// It ends.
    Shutdown,
}

/// What the configuration says about the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// `nopreempt`.
    NeverPreempt,
    /// Preempt.
    Preempt,
    /// Preempt after a delay.
    PreemptDelayed,
}

/// What the table needs to know beside the place and the stimulus.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Priority 255.
    pub(super) owner: bool,
    /// Something keeps it from taking part.
    pub(super) blocked: bool,
    /// The preempt delay runs.
    pub(super) delaying: bool,
    /// What to do about a master of lower priority.
    pub(super) policy: Policy,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing.
    Stay,
    /// To FAULT.
    Suspend,
    /// To BACKUP, and listen for `Master_Down_Interval`.
    Listen,
    /// To MASTER.
    TakeOver,
    /// Restart the master-down timer.
    Follow,
    /// As `Follow`, and let the preempt delay run.
    FollowForNow,
    /// The master leaves: wait for no more than `Skew_Time`.
    FollowLeaving,
    /// Let the master-down timer run out.
    Overrule,
    /// Send the advert that is due.
    Advertise,
    /// Answer a leaving master at once, and heal what neighbours learnt from it.
    Assert,
    /// Another master must learn that we are here, and neighbours too.
    Defend,
    /// From MASTER to BACKUP: the other is the better one.
    GiveWay,
    /// From MASTER to INIT in order: priority 0, the addresses stay until the next master is heard.
    Leave,
    /// The next master was heard, or the bound has passed: remove the addresses.
    EndHandover,
    /// To INIT at once.
    Stop,
}

/// The table.
pub(super) const fn decide(place: Place, stimulus: Stimulus, rules: Rules) -> Decision {
    use Decision as D;
    use Stimulus as S;
    match place {
        Place::Init => match stimulus {
            // RFC 3768 §6.4.1 (100): the owner becomes Master, everybody else Backup.
            S::Start if rules.blocked => D::Suspend,
            S::Start if rules.owner => D::TakeOver,
            S::Start => D::Listen,
            S::Blocked
            | S::Unblocked
            | S::Heard(Rank::Zero | Rank::Lower | Rank::TieWon | Rank::TieLost | Rank::Higher)
            | S::MasterDown
            | S::PreemptDelayOver
            | S::Resume
            | S::AdvertDue
            | S::HandoverOver
            | S::Shutdown => D::Stay,
        },
        Place::Fault => match stimulus {
            S::Unblocked if rules.owner => D::TakeOver,
            S::Unblocked => D::Listen,
            S::Shutdown => D::Stop,
            S::Start
            | S::Blocked
            | S::Heard(Rank::Zero | Rank::Lower | Rank::TieWon | Rank::TieLost | Rank::Higher)
            | S::MasterDown
            | S::PreemptDelayOver
            | S::Resume
            | S::AdvertDue
            | S::HandoverOver => D::Stay,
        },
        Place::Backup => match stimulus {
            // RFC 3768 §6.4.2: "If the Priority in the ADVERTISEMENT is zero, then set the Master_Down_Timer to
            // Skew_Time"; "if Preempt_Mode is False, or if the Priority is greater than or equal to the local
            // Priority, then reset the Master_Down_Timer, else discard".
            S::Heard(Rank::Zero) => D::FollowLeaving,
            S::Heard(Rank::Higher | Rank::TieWon | Rank::TieLost) => D::Follow,
            S::Heard(Rank::Lower) => match rules.policy {
                Policy::NeverPreempt => D::Follow,
                Policy::PreemptDelayed => D::FollowForNow,
                Policy::Preempt => D::Overrule,
            },
            S::MasterDown => D::TakeOver,
            S::PreemptDelayOver | S::Resume if rules.delaying => D::TakeOver,
            S::Blocked => D::Suspend,
            S::Shutdown => D::Stop,
            S::Start | S::Unblocked | S::PreemptDelayOver | S::Resume | S::AdvertDue | S::HandoverOver => D::Stay,
        },
        Place::Master => match stimulus {
            S::AdvertDue => D::Advertise,
            // RFC 3768 §6.4.3: priority zero is answered at once; a higher priority, or an equal one with the higher
            // address, makes us Backup; anything else is discarded, to which RFC 9568 §6.4.3 adds an advert at once,
            // so that the sender and the switches learn who is master.
            S::Heard(Rank::Zero) => D::Assert,
            S::Heard(Rank::Lower | Rank::TieWon) => D::Defend,
            S::Heard(Rank::Higher | Rank::TieLost) => D::GiveWay,
            S::Blocked => D::Suspend,
            S::Shutdown => D::Leave,
            S::Start | S::Unblocked | S::MasterDown | S::PreemptDelayOver | S::Resume | S::HandoverOver => D::Stay,
        },
        Place::Leaving => match stimulus {
            S::Heard(Rank::Lower | Rank::TieWon | Rank::TieLost | Rank::Higher) | S::HandoverOver | S::Blocked => {
                D::EndHandover
            }
            S::Start
            | S::Unblocked
            | S::Heard(Rank::Zero)
            | S::MasterDown
            | S::PreemptDelayOver
            | S::Resume
            | S::AdvertDue
            | S::Shutdown => D::Stay,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: [Place; 5] = [Place::Init, Place::Fault, Place::Backup, Place::Master, Place::Leaving];
    const STIMULI: [Stimulus; 14] = [
        Stimulus::Start,
        Stimulus::Blocked,
        Stimulus::Unblocked,
        Stimulus::Heard(Rank::Zero),
        Stimulus::Heard(Rank::Lower),
        Stimulus::Heard(Rank::TieWon),
        Stimulus::Heard(Rank::TieLost),
        Stimulus::Heard(Rank::Higher),
        Stimulus::MasterDown,
        Stimulus::PreemptDelayOver,
        Stimulus::Resume,
        Stimulus::AdvertDue,
        Stimulus::HandoverOver,
        Stimulus::Shutdown,
    ];
    const PLAIN: Rules = Rules { owner: false, blocked: false, delaying: false, policy: Policy::Preempt };

    /// Every place against every stimulus: a row a stimulus, a column a place, `-` for [`Decision::Stay`].
    const TABLE: &str = "
        stimulus          Init      Fault     Backup         Master     Leaving
        Start             Listen    -         -              -          -
        Blocked           -         -         Suspend        Suspend    EndHandover
        Unblocked         -         Listen    -              -          -
        Heard(Zero)       -         -         FollowLeaving  Assert     -
        Heard(Lower)      -         -         Overrule       Defend     EndHandover
        Heard(TieWon)     -         -         Follow         Defend     EndHandover
        Heard(TieLost)    -         -         Follow         GiveWay    EndHandover
        Heard(Higher)     -         -         Follow         GiveWay    EndHandover
        MasterDown        -         -         TakeOver       -          -
        PreemptDelayOver  -         -         -              -          -
        Resume            -         -         -              -          -
        AdvertDue         -         -         -              Advertise  -
        HandoverOver      -         -         -              -          EndHandover
        Shutdown          -         Stop      Stop           Leave      -
    ";

    #[test]
    fn the_table() {
        let rows: std::vec::Vec<_> = TABLE.lines().filter(|line| !line.trim().is_empty()).skip(1).collect();
        assert_eq!(rows.len(), STIMULI.len());
        for (row, stimulus) in rows.into_iter().zip(STIMULI) {
            let mut words = row.split_whitespace();
            assert_eq!(words.next().unwrap(), std::format!("{stimulus:?}"));
            for place in PLACES {
                let expected = words.next().unwrap().replace('-', "Stay");
                assert_eq!(std::format!("{:?}", decide(place, stimulus, PLAIN)), expected, "{place:?} {stimulus:?}");
            }
        }
    }

    /// What the rules change, and nothing else.
    #[test]
    fn the_rules() {
        let changed = |rules: Rules| {
            let mut differences = std::vec::Vec::new();
            for place in PLACES {
                for stimulus in STIMULI {
                    let decision = decide(place, stimulus, rules);
                    if decision != decide(place, stimulus, PLAIN) {
                        differences.push((place, stimulus, decision));
                    }
                }
            }
            differences
        };
        let lower = Stimulus::Heard(Rank::Lower);
        assert_eq!(
            changed(Rules { owner: true, ..PLAIN }),
            [
                (Place::Init, Stimulus::Start, Decision::TakeOver),
                (Place::Fault, Stimulus::Unblocked, Decision::TakeOver),
            ]
        );
        assert_eq!(changed(Rules { blocked: true, ..PLAIN }), [(Place::Init, Stimulus::Start, Decision::Suspend)]);
        assert_eq!(
            changed(Rules { delaying: true, ..PLAIN }),
            [
                (Place::Backup, Stimulus::PreemptDelayOver, Decision::TakeOver),
                (Place::Backup, Stimulus::Resume, Decision::TakeOver),
            ]
        );
        assert_eq!(
            changed(Rules { policy: Policy::NeverPreempt, ..PLAIN }),
            [(Place::Backup, lower, Decision::Follow)]
        );
        assert_eq!(
            changed(Rules { policy: Policy::PreemptDelayed, ..PLAIN }),
            [(Place::Backup, lower, Decision::FollowForNow)]
        );
    }
}
