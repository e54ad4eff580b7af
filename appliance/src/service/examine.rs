//! `doctor`: what is read from the system is read on a thread of its own, since that may take seconds, and is judged here
//! with what the service knows then.

use locum_control::{Answer, ErrorCode, Item};

use super::Service;
use super::clients::{ClientId, Incoming};
use crate::{doctor, task};

/// More do not wait for one examination.
const WAITING_MAX: usize = 32;

/// The examination that is under way, if one is: who waits for what it finds.
#[derive(Debug, Default)]
pub(super) struct Examination {
    waiting: Vec<(ClientId, u64)>,
}

impl Service {
    /// Begins an examination, or has the client wait for the one that is under way.
    pub(super) fn examine(&mut self, client: ClientId, id: u64) -> Result<(), (ErrorCode, String)> {
        let waiting = &mut self.examination.waiting;
        if waiting.len() >= WAITING_MAX {
            return Err((ErrorCode::NotNow, "too many ask for this at the same time".into()));
        }
        waiting.push((client, id));
        if waiting.len() > 1 {
            return Ok(());
        }
        let mut wanted = doctor::wanted(Some(&*self.configuration));
        wanted.run_directory = self.options.run_directory.clone();
        wanted.is_service = true;
        let incoming = self.clients.incoming();
        task::spawn(async move {
            let facts = match task::in_thread("examiner", move || Box::new(doctor::gather(&wanted))) {
                Ok(facts) => facts.await.ok(),
                Err(error) => {
                    log::error!("doctor: {error}");
                    None
                }
            };
            let _ = incoming.send(Incoming::Examined(facts)).await; // the service ends
        });
        Ok(())
    }

    /// Tells all who wait what was found.
    pub(super) fn tell_examined(&mut self, facts: Option<&doctor::Facts>) {
        let waiting = std::mem::take(&mut self.examination.waiting);
        let Some(facts) = facts else {
            for (client, id) in waiting {
                if let Some(client) = self.clients.get_mut(client) {
                    client.refuse(Some(id), ErrorCode::Failed, "the examination has failed: see the log");
                }
            }
            return;
        };
        // If the engine does not answer, what it said last is judged.
        let refreshed = self.refresh_views();
        let instances: Vec<_> = (0..self.instances.len()).filter_map(|index| self.instance_status(index)).collect();
        let interfaces = self.interface_statuses(&instances);
        let subject = doctor::Subject {
            configuration: Ok(&*self.configuration),
            network: Some(&self.network),
            facts,
            service: Some(doctor::Service { instances: &instances, interfaces: &interfaces }),
        };
        let checks = doctor::examine(&subject);
        let done = match refreshed {
            Ok(()) => doctor::summary(&checks),
            Err((_, why)) => format!("{}; {why}", doctor::summary(&checks)),
        };
        for (client, id) in waiting {
            let Some(client) = self.clients.get_mut(client) else { continue };
            for check in &checks {
                client.item(id, Item::Check(check.clone()));
            }
            client.answer(Some(id), Answer::Done(done.clone()));
        }
    }
}
