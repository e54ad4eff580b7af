//! An instance is made MASTER at the operator's word. Where the master that is heard would not give way, the priority is
//! raised above that master's for a time: a change like any other, which ends by itself and can be taken back.

use locum_control::{Edit, ErrorCode, Forecast, Item, Lasts};
use locum_core::priority::BACKUP_PRIORITY_MAX;
use locum_core::router::{Command, Heard};
use locum_core::set::RouterId;
use locum_core::time::Duration;
use locum_core::vocabulary::State;

use super::Service;
use super::answers::Outcome;
use super::changes::Asked;
use super::clients::ClientId;
use super::edits::with_edits;
use super::preview::{Move, Moves};
use crate::clock;
use crate::text::Append;

/// For how long the priority is raised where nothing else was said.
const RAISED_FOR_S: u64 = 1800;

/// A priority that has to be raised.
struct Raise {
    instance: String,
    from: u8,
    to: u8,
}

impl Service {
    /// Makes an instance MASTER.
    pub(super) fn take(&mut self, client: ClientId, id: u64, name: &str, for_s: Option<u64>) -> Outcome {
        let (router, raises) = self.taking(name)?;
        let for_s = for_s.unwrap_or(RAISED_FOR_S);
        let mut text = format!("{name} is MASTER");
        let mut change = None;
        if !raises.is_empty() {
            let asked = Asked {
                edits: edits(&raises),
                lasts: Lasts::Seconds(for_s),
                confirm_within_s: Some(0), // it ends by itself, and it brings addresses here
                revision: None,
                dry_run: false,
            };
            self.change(client, id, asked)?;
            change = self.changes.last();
            for raise in &raises {
                let whose = if raise.instance == name { String::new() } else { format!("{}: ", raise.instance) };
                text.append(format_args!("; {whose}{}", raise.words(for_s)));
            }
            text.push_str("; `locum rollback` ends that");
        }
        let taken = self.command(router, Command::Take);
        let taken = taken.and_then(|told| told.map_err(|error| (ErrorCode::NotNow, format!("{name}: {error}"))));
        if let Err(refusal) = taken {
            if let Some(number) = change {
                self.rollback(client, Some(number))?;
            }
            return Err(refusal);
        }
        let who = self.who(client);
        self.note_order(&who, text.clone());
        Ok(text)
    }

    /// What would follow from that.
    pub(super) fn moves_of_taking(
        &mut self,
        client: ClientId,
        id: u64,
        name: &str,
        for_s: Option<u64>,
    ) -> Result<Moves, (ErrorCode, String)> {
        let (router, raises) = self.taking(name)?;
        let mut moves = Vec::new();
        if !raises.is_empty() {
            let raised = with_edits(&self.configuration, &edits(&raises), self.links())?;
            (moves, _) = self.moves_to(&raised);
        }
        if let Some(asking) = self.clients.get_mut(client) {
            for raise in &raises {
                let text = raise.words(for_s.unwrap_or(RAISED_FOR_S));
                let instance = raise.instance.clone();
                asking.item(id, Item::Forecast(Forecast { instance, in_us: None, provided: None, text }));
            }
        }
        moves.push((router, Move::Command(Command::Take)));
        Ok(moves)
    }

    /// Whose priorities have to be raised for it: its own, and those of its sync group, which moves as one.
    fn taking(&mut self, name: &str) -> Result<(RouterId, Vec<Raise>), (ErrorCode, String)> {
        let not_now = |text: String| (ErrorCode::NotNow, text);
        self.refresh_views()?;
        let index = self.find(name)?;
        let router = self.instances.get(index).and_then(|instance| instance.router);
        let no_router = || not_now(format!("{name}: its configuration has an error, it does not run"));
        let router = router.ok_or_else(no_router)?;
        let mut raises = Vec::new();
        for instance in self.chosen_with_groups(Some(name))?.into_iter().filter_map(|index| self.instances.get(index)) {
            let Some(view) = instance.view.as_deref().filter(|_| instance.state == State::Backup) else { continue };
            let listens_until = |heard: &Heard| heard.at + view.master_down_interval;
            let Some(heard) = view.heard.filter(|heard| listens_until(heard) > clock::now()) else { continue };
            if view.standing_back.is_some() || view.effective_priority > heard.priority {
                continue;
            }
            // What trackers take away counts as well.
            let lacking = u16::from(heard.priority - view.effective_priority) + 1;
            let to = u16::from(view.priority) + lacking;
            let to = u8::try_from(to).ok().filter(|to| *to <= BACKUP_PRIORITY_MAX).ok_or_else(|| {
                let (address, theirs, ours) = (heard.address, heard.priority, view.effective_priority);
                not_now(format!(
                    "{}: master {address} has priority {theirs} and ours is {ours}: it cannot be raised above that",
                    instance.name()
                ))
            })?;
            raises.push(Raise { instance: instance.name().to_owned(), from: view.priority, to });
        }
        Ok((router, raises))
    }
}

impl Raise {
    fn words(&self, for_s: u64) -> String {
        format!("its priority is raised from {} to {} for {}", self.from, self.to, Duration::from_s(for_s))
    }
}

fn edits(raises: &[Raise]) -> Vec<Edit> {
    let edit = |raise: &Raise| Edit::Set {
        instance: raise.instance.clone(),
        keyword: "priority".into(),
        values: vec![raise.to.to_string()],
    };
    raises.iter().map(edit).collect()
}
