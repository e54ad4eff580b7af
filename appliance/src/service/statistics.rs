//! Statistics that begin anew: at the operator's word, or at keepalived's signal for that.

use locum_control::ErrorCode;
use locum_core::router::Command;

use super::Service;
use super::answers::Outcome;
use super::clients::ClientId;

impl Service {
    /// Has instances count anew.
    pub(super) fn clear_statistics(&mut self, client: ClientId, name: Option<&str>) -> Outcome {
        let chosen = self.chosen_with_groups(name)?;
        let names = self.names(&chosen);
        self.clear_counters(chosen)?;
        let whose = if name.is_some() { names.join(", ") } else { "all instances".into() };
        let text = format!("the statistics of {whose} are cleared");
        let who = self.who(client);
        self.note_order(&who, text.clone());
        Ok(text)
    }

    /// Clears what the engine and the service count of these instances.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub(super) fn clear_counters(
        &mut self,
        chosen: impl IntoIterator<Item = usize>,
    ) -> Result<(), (ErrorCode, String)> {
        for index in chosen {
            let Some(instance) = self.instances.get_mut(index) else { continue };
            instance.clear_counters();
            if let Some(router) = instance.router {
                // One that is on its way out has nothing left to clear.
                let _ = self.command(router, Command::ClearCounters)?;
            }
        }
        Ok(())
    }
}
