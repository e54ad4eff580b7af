//! Requests and what is answered.

use locum_control::{
    Answer, ErrorCode, Event, FramingError, Item, Notice, Request, Role, Said, ServiceStatus, Setting, Verb, from_json,
};

use super::Service;
use super::changes::Asked;
use super::clients::{ClientId, Watch};
use super::instance::Instance;
#[cfg(not(all(feature = "doctor", feature = "keepalived")))]
use crate::parts;
use crate::text::there_is;
use crate::{clock, machine};

impl Service {
    /// Answers one line of a client.
    pub(super) fn answer(&mut self, client: ClientId, line: Result<String, FramingError>) {
        let request = match line {
            Ok(line) => from_json::<Said>(line.as_bytes()).map_err(|error| {
                (ErrorCode::BadRequest, format!("this is no request that this version knows: {error}"))
            }),
            Err(FramingError::TooLong) => Err((ErrorCode::TooLong, FramingError::TooLong.to_string())),
            Err(FramingError::NotUtf8) => Err((ErrorCode::BadRequest, FramingError::NotUtf8.to_string())),
        };
        let Request { id, verb } = match request {
            Ok(Said::Request(request)) => request,
            Ok(Said::Session { session }) => {
                if let Some(client) = self.clients.get_mut(client) {
                    client.who.session = Some(session);
                }
                return;
            }
            Err((code, message)) => {
                if let Some(client) = self.clients.get_mut(client) {
                    client.refuse(None, code, message);
                }
                return;
            }
        };
        let Some(asking) = self.clients.get_mut(client) else { return };
        if verb.changes_something() && asking.role != Role::Admin {
            let text = format!("`{}` is for root and members of the group locum", verb.name());
            asking.refuse(Some(id), ErrorCode::NotAllowed, text);
            let who = asking.who.to_string();
            self.note_not_allowed(&who, verb.name().to_owned());
            return;
        }
        let outcome = match verb {
            Verb::Show { instance } => self.show(client, id, instance.as_deref()),
            Verb::Why { instance } => self.why(client, id, &instance),
            Verb::Watch { instance, adverts } => self.watch(client, id, instance, adverts),
            Verb::Resume { instance } => self.resume(client, instance.as_deref()),
            Verb::Yield { instance, lasts, last_resort } => {
                match self.yield_instances(client, id, instance.as_deref(), lasts, last_resort) {
                    Some(outcome) => outcome,
                    // Answered when the handovers are over.
                    None => return,
                }
            }
            Verb::Take { instance, for_s } => self.take(client, id, &instance, for_s),
            Verb::ClearStatistics { instance } => self.clear_statistics(client, instance.as_deref()),
            Verb::Change { edits, lasts, confirm_within_s, revision, dry_run } => {
                self.change(client, id, Asked { edits, lasts, confirm_within_s, revision, dry_run })
            }
            Verb::Confirm => self.confirm(client),
            Verb::Rollback { number } => self.rollback(client, number),
            Verb::Changes => self.list_changes(client, id),
            Verb::Options { instance } => self.options_of(client, id, &instance),
            Verb::Diff => self.diff(client, id),
            #[cfg(not(feature = "keepalived"))]
            Verb::Keepalived => Err((ErrorCode::BadRequest, parts::lacking("keepalived"))),
            #[cfg(feature = "keepalived")]
            Verb::Keepalived => self.answer_dump(client, id),
            #[cfg(not(feature = "doctor"))]
            Verb::Doctor => Err((ErrorCode::BadRequest, parts::lacking("doctor"))),
            #[cfg(feature = "doctor")]
            Verb::Doctor => match self.examine(client, id) {
                Ok(()) => return,
                Err(refusal) => Err(refusal),
            },
            Verb::Foresee { order } => {
                self.tell_what_it_comes_through(client, id);
                self.foresee(client, id, *order)
            }
            Verb::Reload { dry_run } => self.reload(client, id, dry_run),
        };
        let Some(client) = self.clients.get_mut(client) else { return };
        match outcome {
            Ok(done) => client.answer(Some(id), Answer::Done(done)),
            Err((code, message)) => client.refuse(Some(id), code, message),
        }
    }

    fn show(&mut self, client: ClientId, id: u64, name: Option<&str>) -> Outcome {
        self.refresh_views()?;
        self.listen_again();
        let chosen = self.chosen(name)?;
        let Some(role) = self.clients.get_mut(client).map(|asking| asking.role) else { return Ok(String::new()) };
        let service = self.status(role);
        let statuses: Vec<_> = chosen.iter().filter_map(|index| self.instance_status(*index)).collect();
        let interfaces = self.interface_statuses(&statuses);
        let count = statuses.len();
        if let Some(asking) = self.clients.get_mut(client) {
            asking.item(id, Item::Service(Box::new(service)));
            for interface in interfaces {
                asking.item(id, Item::Interface(interface));
            }
            for status in statuses {
                asking.item(id, Item::Instance(Box::new(status)));
            }
        }
        Ok(format!("{count} instances"))
    }

    fn why(&mut self, client: ClientId, id: u64, name: &str) -> Outcome {
        self.refresh_views()?;
        let index = self.find(name)?;
        let status = self.instance_status(index);
        let Some(asking) = self.clients.get_mut(client) else { return Ok(String::new()) };
        if let Some(status) = status {
            asking.item(id, Item::Instance(Box::new(status)));
        }
        let mut count = 0;
        for record in self.history.of(name).rev() {
            asking.item(id, Item::Transition(record));
            count += 1;
        }
        Ok(format!("{count} transitions"))
    }

    fn watch(&mut self, client: ClientId, id: u64, name: Option<String>, adverts: bool) -> Outcome {
        self.show(client, id, name.as_deref())?;
        let chosen = self.chosen(name.as_deref())?;
        let at_unix_ms = clock::unix_ms();
        let told_before: Vec<_> = if name.is_none() { self.told_before().collect() } else { Vec::new() };
        let Some(asking) = self.clients.get_mut(client) else { return Ok(String::new()) };
        for instance in chosen.iter().filter_map(|index| self.instances.get(*index)) {
            for record in self.history.of(instance.name()) {
                asking.item(id, Item::Transition(record));
            }
            let marks: Vec<_> = instance.marks().collect();
            if adverts && let Some(last) = marks.last() {
                let event = Event::Adverts { instance: instance.name().into(), marks: marks.clone() };
                asking.item(id, Item::Notice(Notice { seq: 0, at_us: last.at_us, at_unix_ms, event }));
            }
        }
        told_before.into_iter().for_each(|notice| asking.item(id, Item::Notice(notice)));
        asking.watch = Some(Watch { instance: name, adverts });
        // What was just shown is told; nobody wants it twice.
        if !self.clients.any_watches_adverts() || adverts {
            self.instances.iter_mut().for_each(|instance| instance.untold_marks = 0);
        }
        Ok("watching".into())
    }

    /// What the running configuration says of an instance.
    fn options_of(&mut self, client: ClientId, id: u64, name: &str) -> Outcome {
        self.find(name)?;
        let settings = machine::settings(&self.configuration, name);
        let settings = settings.map_err(|error| (ErrorCode::Failed, error.to_string()))?;
        let count = settings.len();
        if let Some(asking) = self.clients.get_mut(client) {
            for setting in settings {
                let setting = Setting { keyword: setting.keyword.to_owned(), values: setting.values };
                asking.item(id, Item::Setting(setting));
            }
        }
        Ok(format!("{count} options"))
    }

    fn status(&self, role: Role) -> ServiceStatus {
        let now = clock::now();
        let (errors, warnings) = self.findings;
        let lateness = self.lateness.histogram();
        ServiceStatus {
            host: self.host.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            role,
            pid: std::process::id(),
            uptime_us: now.since(self.started).us(),
            now_us: now.us(),
            now_unix_ms: clock::unix_ms(),
            configuration: self.options.configuration.display().to_string(),
            configuration_errors: errors,
            configuration_warnings: warnings,
            instances: u32::try_from(self.instances.len()).unwrap_or(u32::MAX),
            revision: self.changes.revision,
            on_trial: self.changes.on_trial(),
            unsaved_changes: self.changes.unsaved(),
            lateness_max_us: lateness.max_us,
            lateness,
            clients: u32::try_from(self.clients.count()).unwrap_or(u32::MAX),
            notices_missed: self.clients.notices_missed(),
            journal_entries: u32::try_from(self.journalled_addresses.len() + self.journalled_routes.len())
                .unwrap_or(u32::MAX),
            reports_lost: self.engine.shared.lost().into(),
            fifos: self.notifier.fifos(),
            mail: self.notifier.mail(),
        }
    }

    /// The instances asked for, as indices.
    fn chosen(&self, name: Option<&str>) -> Result<Vec<usize>, (ErrorCode, String)> {
        match name {
            Some(name) => self.find(name).map(|index| vec![index]),
            None => Ok((0..self.instances.len()).collect()),
        }
    }

    pub(super) fn find(&self, name: &str) -> Result<usize, (ErrorCode, String)> {
        let found = self.instances.iter().position(|instance| instance.name() == name);
        found.ok_or_else(|| {
            let names = self.instances.iter().map(Instance::name);
            if let Some(near) = locum_config::closest(name, names.chain(self.groups.iter().map(String::as_str))) {
                return (ErrorCode::UnknownInstance, format!("no instance is called {name}; did you mean {near}?"));
            }
            let known: Vec<_> = self.instances.iter().map(Instance::name).collect();
            (ErrorCode::UnknownInstance, format!("no instance is called {name}; {}", there_is(&known)))
        })
    }
}

/// A request's end: what took effect, or why nothing did.
pub(super) type Outcome = Result<String, (ErrorCode, String)>;
