//! The state machine as one table. Read RFC 3768 §6.4 and RFC 9568 §6.4 before changing it.
//!
//! [`decide`] is pure: it says what to do about a stimulus, and the router does it afterwards.

/// Where the router is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// INIT, before it begins.
    Init,
    /// INIT, after it has ended.
    Stopped,
    /// FAULT.
    Fault,
    /// BACKUP.
    Backup,
    /// MASTER.
    Master,
    /// INIT by its state, but still answering for the addresses until the next master is heard.
    Leaving,
    /// BACKUP by its state, but still answering for the addresses until the next master is heard.
    Yielding,
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
    /// The operator ends the preempt delay, or the yield of a router that is still handing over.
    Resume,
    /// The operator wants it to be MASTER now.
    Take,
    /// The operator wants it to stand back.
    Yield,
    /// `Adver_Timer` expired.
    AdvertDue,
    /// `Adver_Timer` expired so long ago that a backup has taken over since.
    AdvertOverdue,
    /// The bound of the handover has passed.
    HandoverOver,
    /// Another member of its sync group is MASTER.
    GroupMaster,
    /// Another member of its sync group gave way.
    GroupBackup,
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
    /// It must not take over: the operator has it stand back, or another member of its group hears a better master.
    pub(super) held: bool,
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
    /// Ask again in a while.
    Hold,
    /// Send the advert that is due.
    Advertise,
    /// Answer a leaving master at once, and heal what neighbours learnt from it.
    Assert,
    /// Another master must learn that we are here, and neighbours too.
    Defend,
    /// From MASTER to BACKUP: the other is the better one.
    GiveWay,
    /// From MASTER to BACKUP: priority 0, since the rest of the group has moved.
    StepDown,
    /// From MASTER to BACKUP without a word: a backup has taken over, and an advert of ours might unseat it.
    Resign,
    /// From MASTER to INIT in order: priority 0, the addresses stay until the next master is heard.
    Leave,
    /// From MASTER to BACKUP in order, as `Leave`.
    HandOver,
    /// From a handover to the end: nothing to send, the addresses stay until the next master is heard.
    LeaveNow,
    /// The next master was heard, or the bound has passed: remove the addresses.
    EndHandover,
    /// Nobody takes over, or the operator changed his mind: MASTER again, the addresses are still there.
    Reclaim,
    /// To INIT at once.
    Stop,
}

/// The table.
pub(super) const fn decide(place: Place, stimulus: Stimulus, rules: Rules) -> Decision {
    match place {
        Place::Init => init(stimulus, rules),
        Place::Stopped => Decision::Stay,
        Place::Fault => fault(stimulus, rules),
        Place::Backup => backup(stimulus, rules),
        Place::Master => master(stimulus),
        Place::Leaving | Place::Yielding => handover(place, stimulus),
    }
}

const fn init(stimulus: Stimulus, rules: Rules) -> Decision {
    use Decision as D;
    use Stimulus as S;
    match stimulus {
        // RFC 3768 §6.4.1 (100): the owner becomes Master, everybody else Backup.
        S::Start if rules.blocked => D::Suspend,
        S::Start if rules.owner && !rules.held => D::TakeOver,
        S::Start => D::Listen,
        S::Shutdown => D::Stop,
        S::Blocked
        | S::Unblocked
        | S::Heard(Rank::Zero | Rank::Lower | Rank::TieWon | Rank::TieLost | Rank::Higher)
        | S::MasterDown
        | S::PreemptDelayOver
        | S::Resume
        | S::Take
        | S::Yield
        | S::AdvertDue
        | S::AdvertOverdue
        | S::HandoverOver
        | S::GroupMaster
        | S::GroupBackup => D::Stay,
    }
}

const fn fault(stimulus: Stimulus, rules: Rules) -> Decision {
    use Decision as D;
    use Stimulus as S;
    match stimulus {
        S::Unblocked if rules.owner && !rules.held => D::TakeOver,
        S::Unblocked => D::Listen,
        S::Shutdown => D::Stop,
        S::Start
        | S::Blocked
        | S::Heard(Rank::Zero | Rank::Lower | Rank::TieWon | Rank::TieLost | Rank::Higher)
        | S::MasterDown
        | S::PreemptDelayOver
        | S::Resume
        | S::Take
        | S::Yield
        | S::AdvertDue
        | S::AdvertOverdue
        | S::HandoverOver
        | S::GroupMaster
        | S::GroupBackup => D::Stay,
    }
}

const fn backup(stimulus: Stimulus, rules: Rules) -> Decision {
    use Decision as D;
    use Stimulus as S;
    match stimulus {
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
        S::MasterDown | S::PreemptDelayOver if rules.held => D::Hold,
        S::MasterDown => D::TakeOver,
        S::PreemptDelayOver | S::Resume if rules.delaying => D::TakeOver,
        S::Take | S::GroupMaster => D::TakeOver,
        S::Blocked => D::Suspend,
        S::Shutdown => D::Stop,
        S::Start
        | S::Unblocked
        | S::PreemptDelayOver
        | S::Resume
        | S::Yield
        | S::AdvertDue
        | S::AdvertOverdue
        | S::HandoverOver
        | S::GroupBackup => D::Stay,
    }
}

const fn master(stimulus: Stimulus) -> Decision {
    use Decision as D;
    use Stimulus as S;
    match stimulus {
        S::AdvertDue => D::Advertise,
        // RFC 3768 §6.4.3: priority zero is answered at once; a higher priority, or an equal one with the higher
        // address, makes us Backup; anything else is discarded, to which RFC 9568 §6.4.3 adds an advert at once,
        // so that the sender and the switches learn who is master.
        S::Heard(Rank::Zero) => D::Assert,
        S::Heard(Rank::Lower | Rank::TieWon) => D::Defend,
        S::Heard(Rank::Higher | Rank::TieLost) => D::GiveWay,
        S::AdvertOverdue => D::Resign,
        S::GroupBackup => D::StepDown,
        S::Blocked => D::Suspend,
        S::Yield => D::HandOver,
        S::Shutdown => D::Leave,
        S::Start
        | S::Unblocked
        | S::MasterDown
        | S::PreemptDelayOver
        | S::Resume
        | S::Take
        | S::HandoverOver
        | S::GroupMaster => D::Stay,
    }
}

const fn handover(place: Place, stimulus: Stimulus) -> Decision {
    use Decision as D;
    use Stimulus as S;
    match (stimulus, place) {
        (S::Heard(Rank::Lower | Rank::TieWon | Rank::TieLost | Rank::Higher) | S::Blocked, _) => D::EndHandover,
        (S::HandoverOver | S::Resume | S::GroupMaster, Place::Yielding) => D::Reclaim,
        (S::HandoverOver, _) => D::EndHandover,
        (S::Shutdown, Place::Yielding) => D::LeaveNow,
        (
            S::Start
            | S::Unblocked
            | S::Heard(Rank::Zero)
            | S::MasterDown
            | S::PreemptDelayOver
            | S::Resume
            | S::Take
            | S::Yield
            | S::AdvertDue
            | S::AdvertOverdue
            | S::GroupMaster
            | S::GroupBackup
            | S::Shutdown,
            _,
        ) => D::Stay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: [Place; 7] =
        [Place::Init, Place::Stopped, Place::Fault, Place::Backup, Place::Master, Place::Leaving, Place::Yielding];
    const STIMULI: [Stimulus; 19] = [
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
        Stimulus::Take,
        Stimulus::Yield,
        Stimulus::AdvertDue,
        Stimulus::AdvertOverdue,
        Stimulus::HandoverOver,
        Stimulus::GroupMaster,
        Stimulus::GroupBackup,
        Stimulus::Shutdown,
    ];
    const PLAIN: Rules = Rules { owner: false, blocked: false, delaying: false, held: false, policy: Policy::Preempt };

    /// Every place against every stimulus: a row a stimulus, a column a place, `-` for [`Decision::Stay`].
    const TABLE: &str = "
        stimulus          Init    Stopped  Fault   Backup         Master     Leaving      Yielding
        Start             Listen  -        -       -              -          -            -
        Blocked           -       -        -       Suspend        Suspend    EndHandover  EndHandover
        Unblocked         -       -        Listen  -              -          -            -
        Heard(Zero)       -       -        -       FollowLeaving  Assert     -            -
        Heard(Lower)      -       -        -       Overrule       Defend     EndHandover  EndHandover
        Heard(TieWon)     -       -        -       Follow         Defend     EndHandover  EndHandover
        Heard(TieLost)    -       -        -       Follow         GiveWay    EndHandover  EndHandover
        Heard(Higher)     -       -        -       Follow         GiveWay    EndHandover  EndHandover
        MasterDown        -       -        -       TakeOver       -          -            -
        PreemptDelayOver  -       -        -       -              -          -            -
        Resume            -       -        -       -              -          -            Reclaim
        Take              -       -        -       TakeOver       -          -            -
        Yield             -       -        -       -              HandOver   -            -
        AdvertDue         -       -        -       -              Advertise  -            -
        AdvertOverdue     -       -        -       -              Resign     -            -
        HandoverOver      -       -        -       -              -          EndHandover  Reclaim
        GroupMaster       -       -        -       TakeOver       -          -            Reclaim
        GroupBackup       -       -        -       -              StepDown   -            -
        Shutdown          Stop    -        Stop    Stop           Leave      -            LeaveNow
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
            changed(Rules { held: true, ..PLAIN }),
            [
                (Place::Backup, Stimulus::MasterDown, Decision::Hold),
                (Place::Backup, Stimulus::PreemptDelayOver, Decision::Hold),
            ]
        );
        // An owner that must stand back listens like everybody else.
        assert_eq!(changed(Rules { held: true, owner: true, ..PLAIN }), changed(Rules { held: true, ..PLAIN }));
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
