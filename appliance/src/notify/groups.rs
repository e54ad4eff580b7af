//! When a sync group has moved: its members tell, one by one, and the group is where all of them are.

use std::rc::Rc;

use locum_config::Model;
use locum_core::vocabulary::{Cause, State};

use super::told::{Change, Subject};

/// The sync groups of a configuration.
#[derive(Debug, Default)]
pub(super) struct Groups(Vec<Group>);

#[derive(Debug)]
struct Group {
    name: Rc<str>,
    members: Vec<Member>,
    /// What was last told about it.
    state: State,
    /// Why its members move: the cause of the one that moved first.
    why: Option<(Cause, String)>,
}

#[derive(Debug)]
struct Member {
    name: String,
    state: State,
}

/// A group that has moved.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) subject: Subject,
    pub(super) from: State,
    pub(super) to: State,
    pub(super) cause: Cause,
    pub(super) cause_text: String,
    /// It is told before the member whose move shows it.
    pub(super) is_first: bool,
}

impl Groups {
    /// Those of this configuration; what is known about groups and members of the same name stays.
    pub(super) fn follow(&mut self, model: &Model) {
        let before = std::mem::take(&mut self.0);
        let state_of = |member: &str| {
            let known = before.iter().flat_map(|group| &group.members).find(|known| known.name == member);
            known.map_or(State::Init, |known| known.state)
        };
        let group = |configured: &locum_config::model::SyncGroup| {
            let name = configured.name.value.as_str();
            let members =
                configured.members.iter().map(|member| Member { name: member.value.clone(), state: state_of(member) });
            let state = before.iter().find(|group| *group.name == *name).map_or(State::Init, |group| group.state);
            Group { name: name.into(), members: members.collect(), state, why: None }
        };
        self.0 = model.sync_groups.iter().map(group).collect();
    }

    /// A member has moved; has its group?
    pub(super) fn moved(&mut self, instance: &str, change: &Change<'_>) -> Option<Moved> {
        let group = self.0.iter_mut().find(|group| group.members.iter().any(|member| member.name == instance))?;
        for member in group.members.iter_mut().filter(|member| member.name == instance) {
            member.state = change.to;
        }
        if group.why.is_none() || !matches!(change.cause, Cause::GroupMoved { .. }) {
            group.why = Some((change.cause, change.cause_text.to_owned()));
        }
        // keepalived tells of a group that starts before it tells of its members, and of one that stops after everything.
        let starts = group.state == State::Init && change.from == State::Init && change.to != State::Master;
        let is_whole = group.members.iter().all(|member| member.state == change.to);
        if change.to == State::Init || change.to == group.state || !(starts || is_whole) {
            return None;
        }
        Some(group.told(change.to, starts))
    }

    /// The group that an instance belongs to.
    pub(super) fn of(&self, instance: &str) -> Option<Subject> {
        let group = self.0.iter().find(|group| group.members.iter().any(|member| member.name == instance))?;
        Some(Subject::Group(Rc::clone(&group.name)))
    }

    /// The service stops: the groups that did not.
    pub(super) fn stop(&mut self) -> Vec<Moved> {
        let stopped = self.0.iter_mut().filter(|group| group.state != State::Init);
        let is_whole = |group: &&mut Group| group.members.iter().all(|member| member.state == State::Init);
        stopped.filter(is_whole).map(|group| group.told(State::Init, false)).collect()
    }
}

impl Group {
    fn told(&mut self, to: State, is_first: bool) -> Moved {
        let from = std::mem::replace(&mut self.state, to);
        let (cause, cause_text) = self.why.take().unwrap_or((Cause::Shutdown, String::new()));
        Moved { subject: Subject::Group(Rc::clone(&self.name)), from, to, cause, cause_text, is_first }
    }
}

#[cfg(test)]
mod tests {
    use locum_config::{Surroundings, check};

    use super::*;

    fn groups() -> Groups {
        let text = "vrrp_sync_group VG { group { A\nB } }\nvrrp_instance A { interface lo\nvirtual_router_id 1 }\n\
                    vrrp_instance B { interface lo\nvirtual_router_id 2 }\n";
        let mut groups = Groups::default();
        groups.follow(check("test.conf", text.as_bytes(), &Surroundings::default()).model());
        groups
    }

    fn to(
        groups: &mut Groups,
        name: &str,
        from: State,
        to: State,
        cause: Cause,
    ) -> Option<(State, State, bool, Cause)> {
        let moved = groups.moved(name, &Change { from, to, cause, cause_text: "x" })?;
        Some((moved.from, moved.to, moved.is_first, moved.cause))
    }

    #[test]
    fn a_group_is_where_all_its_members_are() {
        use State::{Backup, Fault, Init, Master};
        let mut groups = groups();
        let (start, followed) = (Cause::Start, Cause::GroupMoved { member: 0 });
        let waited = Cause::NobodyHeard { waited_us: 1 };
        assert_eq!(to(&mut groups, "A", Init, Backup, start), Some((Init, Backup, true, start)));
        assert_eq!(to(&mut groups, "B", Init, Backup, start), None);
        assert_eq!(to(&mut groups, "A", Backup, Master, waited), None);
        assert_eq!(to(&mut groups, "B", Backup, Master, followed), Some((Backup, Master, false, waited)));
        assert_eq!(to(&mut groups, "B", Master, Fault, waited), None);
        assert_eq!(to(&mut groups, "B", Fault, Master, waited), None, "it was the group's state all the time");
        assert_eq!(to(&mut groups, "C", Master, Fault, waited), None, "no member");
        assert_eq!(groups.stop(), [], "it has not stopped");
        assert_eq!(to(&mut groups, "A", Master, Init, Cause::Shutdown), None);
        assert_eq!(to(&mut groups, "B", Master, Init, Cause::Shutdown), None);
        let stopped = groups.stop();
        assert_eq!(stopped.iter().map(|moved| (moved.from, moved.to)).collect::<Vec<_>>(), [(Master, Init)]);
        assert_eq!(groups.stop(), [], "once is enough");
    }
}
