//! What the operator says beside the configuration: yield and resume.

use locum_control::{Answer, ErrorCode, Event, Lasts, SortedSet};
use locum_core::router::Command;
use locum_core::time::{Duration, Instant};
use locum_core::vocabulary::{Cause, State};

use super::Service;
use super::answers::Outcome;
use super::clients::ClientId;
use super::instance::Instance;
use crate::clock;

/// The longest lease of a yield or a change.
pub(super) const SECONDS_MAX: u64 = 30 * 24 * 3600;

/// An answer that waits for the end of handovers.
#[derive(Debug)]
pub(super) struct Handovers {
    place: u32,
    client: ClientId,
    id: u64,
    /// Who was MASTER when it began.
    masters: SortedSet<String>,
    /// Those that still hand over.
    left: SortedSet<String>,
    /// What there is to say: what has become of the others.
    told: Vec<String>,
    /// All have been told to hand over.
    is_complete: bool,
    /// When it is answered at the latest.
    until: Instant,
}

impl Service {
    /// Has instances stand back. The answer comes when the next masters have been heard, or nobody has taken over.
    pub(super) fn yield_instances(
        &mut self,
        client: ClientId,
        id: u64,
        name: Option<&str>,
        lasts: Option<Lasts>,
        last_resort: bool,
    ) -> Option<Outcome> {
        let (lasts, why) = self.yield_lasts(client, lasts);
        if let Lasts::Seconds(seconds) = lasts
            && !(1..=SECONDS_MAX).contains(&seconds)
        {
            let text = format!("a yield lasts 1 second to {} days", SECONDS_MAX / 86_400);
            return Some(Err((ErrorCode::BadRequest, text)));
        }
        let chosen = match self.chosen_with_groups(name) {
            Ok(chosen) => chosen,
            Err(refusal) => return Some(Err(refusal)),
        };
        let runs = |index: &usize| self.instances.get(*index).is_some_and(|instance| instance.router.is_some());
        let chosen: Vec<usize> = chosen.into_iter().filter(runs).collect();
        let names = self.names(&chosen);
        if names.is_empty() {
            return Some(Err((ErrorCode::NotNow, "no instance runs that could stand back".into())));
        }
        // First it is written down, then it is done.
        if let Err(error) = self.yields.begin(&names, lasts, last_resort) {
            return Some(Err((ErrorCode::Failed, format!("it cannot be written down, nobody stands back: {error}"))));
        }
        let place = self.begin_handovers(client, id, &chosen, why);
        for index in chosen {
            let known = self.instances.get(index).map(|instance| (instance.name().to_owned(), instance.router));
            let Some((name, Some(router))) = known else { continue };
            let result = match self.command(router, Command::Yield { last_resort }) {
                Ok(result) => result,
                Err(refusal) => {
                    self.handovers.retain(|handovers| handovers.place != place);
                    return Some(Err(refusal));
                }
            };
            let Some(handovers) = self.handovers.iter_mut().find(|handovers| handovers.place == place) else {
                continue;
            };
            match result {
                Ok(()) if handovers.masters.contains(&name) => {}
                Ok(()) => handovers.told.push(format!("{name} stands back")),
                Err(error) => {
                    handovers.left.remove(&name);
                    handovers.told.push(format!("{name}: {error}"));
                }
            }
        }
        let who = self.who(client);
        let verb = if names.len() == 1 { "stands" } else { "stand" };
        self.note_order(&who, format!("{} {verb} back {}", names.join(", "), how_long(lasts)));
        if let Some(handovers) = self.handovers.iter_mut().find(|handovers| handovers.place == place) {
            handovers.is_complete = true;
        }
        self.answer_handovers(clock::now());
        None
    }

    /// Notes the masters among these instances, whose handovers an answer waits for.
    fn begin_handovers(&mut self, client: ClientId, id: u64, chosen: &[usize], told_first: Option<String>) -> u32 {
        let place = self.ticket();
        let mut handovers = Handovers {
            place,
            client,
            id,
            masters: SortedSet::new(),
            left: SortedSet::new(),
            told: told_first.into_iter().collect(),
            is_complete: false,
            until: clock::now(),
        };
        let masters = chosen.iter().filter_map(|index| self.instances.get(*index));
        for master in masters.filter(|instance| instance.state == State::Master) {
            let interval = Duration::from_cs(*master.configured.advert_interval_cs);
            handovers.until = handovers.until.max(clock::now() + interval.times(3) + Duration::from_s(2));
            handovers.masters.insert(master.name().to_owned());
        }
        handovers.left = handovers.masters.clone();
        self.handovers.push(handovers);
        place
    }

    /// A handover has come to its end.
    pub(super) fn handover_ended(&mut self, name: &str, text: &str) {
        for handovers in &mut self.handovers {
            if handovers.left.remove(name) {
                handovers.told.push(text.to_owned());
            }
        }
        self.answer_handovers(clock::now());
    }

    /// Answers those whose handovers are over, or who have waited for long enough.
    pub(super) fn answer_handovers(&mut self, now: Instant) {
        let (waiting, done): (Vec<_>, Vec<_>) = std::mem::take(&mut self.handovers)
            .into_iter()
            .partition(|handovers| !handovers.is_complete || !handovers.left.is_empty() && handovers.until > now);
        self.handovers = waiting;
        for mut handovers in done {
            handovers.told.extend(handovers.left.iter().map(|name| format!("{name} is still handing over")));
            if let Some(client) = self.clients.get_mut(handovers.client) {
                client.answer(Some(handovers.id), Answer::Done(handovers.told.join("; ")));
            }
        }
    }

    /// When the next answer is due at the latest.
    pub(super) fn handovers_due(&self) -> Option<Instant> {
        self.handovers.iter().map(|handovers| handovers.until).min()
    }

    /// Ends yields and delays.
    pub(super) fn resume(&mut self, client: ClientId, name: Option<&str>) -> Outcome {
        self.refresh_views()?;
        let chosen = self.chosen_with_groups(name)?;
        let names = self.names(&chosen);
        let not_written = |error| (ErrorCode::Failed, format!("it cannot be written down: {error}"));
        self.yields.end(&names).map_err(not_written)?;
        let mut told = Vec::new();
        let mut refused = Vec::new();
        for index in chosen {
            let up = self.skip_link_delays(index);
            let Some(instance) = self.instances.get(index) else { continue };
            let (name, state) = (instance.name().to_owned(), instance.state);
            told.extend(up.iter().map(|link| format!("{name}: {link} counts as up")));
            let stood_back = instance.view.as_ref().is_some_and(|view| view.standing_back.is_some());
            let Some(router) = instance.router else {
                refused.push(format!("{name}: its configuration has an error, it does not run"));
                continue;
            };
            match self.command(router, Command::Resume)? {
                Ok(()) if stood_back => told.push(format!("{name} takes part again")),
                Ok(()) if state == State::Init => told.push(format!("{name} begins")),
                Ok(()) => told.push(format!("{name}: the preempt delay is ended, it takes over")),
                Err(_) if !up.is_empty() => {}
                Err(error) => refused.push(format!("{name}: {error}")),
            }
        }
        if told.is_empty() {
            let text = if refused.is_empty() { "nobody stands back".to_owned() } else { refused.join("; ") };
            return Err((ErrorCode::NotNow, text));
        }
        let who = self.who(client);
        self.note_order(&who, told.join("; "));
        // With all of them meant, those that have nothing to resume are no failure.
        if name.is_some() {
            told.extend(refused);
        }
        Ok(told.join("; "))
    }

    /// Ends what has lasted for as long as it was to.
    pub(super) fn end_yields(&mut self) {
        let over = self.yields.over(clock::now());
        if let Err(error) = self.yields.end(&over) {
            log::error!("yields: {error}");
        }
        for name in over {
            let router = self.find(&name).ok().and_then(|index| self.instances.get(index)?.router);
            let Some(router) = router else { continue };
            if let Err((_, text)) = self.command(router, Command::Resume) {
                log::error!("{name}: the yield is over, but it cannot be ended: {text}");
                continue;
            }
            self.note_order("locum", format!("{name}: the yield is over, it takes part again"));
        }
    }

    /// What follows for a yield from a change of state.
    pub(super) fn follow_yield(&mut self, name: &str, cause: Cause) {
        let text = if matches!(cause, Cause::NobodyTookOver { .. }) {
            format!("{name}: nobody has taken over, it is MASTER again")
        } else if cause == Cause::YieldEnded {
            format!("{name}: the yield was taken back")
        } else {
            return;
        };
        if let Err(error) = self.yields.end(&[name.to_owned()]) {
            log::error!("yields: {error}");
        }
        log::warn!("{text}");
        self.handover_ended(name, &text);
    }

    /// The instances of this name, or of the sync group of this name, or all.
    pub(super) fn chosen_with_groups(&self, name: Option<&str>) -> Result<Vec<usize>, (ErrorCode, String)> {
        let Some(name) = name else { return Ok((0..self.instances.len()).collect()) };
        let members: Vec<usize> = (0..)
            .zip(&self.instances)
            .filter(|(_, instance)| instance.group.as_deref() == Some(name))
            .map(|(index, _)| index)
            .collect();
        let index = match self.find(name) {
            Ok(index) => index,
            Err(_) if !members.is_empty() => return Ok(members),
            Err(refusal) => return Err(refusal),
        };
        // A group moves together: one of its members stands back only with the others.
        let group = self.instances.get(index).and_then(|instance| instance.group.clone());
        Ok(match group {
            None => vec![index],
            Some(group) => {
                let is_member = |instance: &Instance| instance.group.as_ref() == Some(&group);
                (0..).zip(&self.instances).filter(|(_, found)| is_member(found)).map(|(index, _)| index).collect()
            }
        })
    }

    pub(super) fn names(&self, chosen: &[usize]) -> Vec<String> {
        chosen.iter().filter_map(|index| self.instances.get(*index)).map(|found| found.name().to_owned()).collect()
    }

    /// Who a client is.
    pub(super) fn who(&mut self, client: ClientId) -> String {
        self.clients.get_mut(client).map_or_else(String::new, |client| client.who.to_string())
    }

    /// Tells everybody what the operator has done.
    pub(super) fn tell_operator(&mut self, who: &str, text: String) {
        log::info!("{who}: {text}");
        let now = clock::now();
        self.clients.tell(now.us(), clock::unix_ms(), Event::Operator { who: who.to_owned(), text });
    }
}

fn how_long(lasts: Lasts) -> String {
    match lasts {
        Lasts::UntilRestart => "until resumed, or until the service ends".into(),
        Lasts::Seconds(seconds) => format!("for {}", Duration::from_s(seconds)),
        Lasts::UntilReboot => "until resumed, or until the machine starts again".into(),
        Lasts::Saved => "until resumed".into(),
    }
}
