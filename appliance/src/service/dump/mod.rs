//! The state as keepalived dumps it, so that what reads keepalived's dumps (exporters, status pages) goes on working: as JSON
//! over the control socket, and on request at keepalived's signals as files.
//!
//! The words of the dumps are keepalived's interface, as of 2.2.7. What keepalived tells there and must not be told, the
//! password, is left out.

mod file;
mod json;
mod text;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use locum_config::Instance as Configured;
use locum_config::model::VrrpScript;
use locum_control::{InstanceStatus, Item, VipStatus, to_json};
use serde_json::Value;

use super::Service;
use super::answers::Outcome;
use super::clients::ClientId;
use super::plan::Placement;
use super::signals::Dump;
use super::status::VIPS_BYTES_MAX;

/// What is told of an instance.
struct Subject<'a> {
    configured: &'a Configured,
    placement: &'a Placement,
    status: InstanceStatus,
    /// All its addresses; `status` has as many as fit on a line of the socket.
    vips: Vec<VipStatus>,
    /// All scripts that there are.
    scripts: &'a [VrrpScript],
    /// Changes of its state from MASTER.
    left_master: u32,
}

impl Subject<'_> {
    /// The interface that it takes part on: the made one, where there is one.
    fn interface(&self) -> &str {
        self.placement.own().map_or(&self.status.interface, |made| &made.name)
    }
}

impl Service {
    /// The instances as keepalived's JSON has them: an [`Item::Keepalived`] each.
    pub(super) fn answer_dump(&mut self, client: ClientId, id: u64) -> Outcome {
        let dump = self.json_dump()?;
        let count = dump.len();
        if let Some(asking) = self.clients.get_mut(client) {
            for mut instance in dump {
                json::shorten(&mut instance, VIPS_BYTES_MAX);
                asking.item(id, Item::Keepalived(Box::new(instance)));
            }
        }
        Ok(format!("{count} instances"))
    }

    fn json_dump(&mut self) -> Result<Vec<Value>, (locum_control::ErrorCode, String)> {
        self.refresh_views()?;
        Ok(self.subjects().map(|subject| json::instance(&subject)).collect())
    }

    /// Writes what a signal asks for, if the command line allows it.
    pub(super) fn dump_at_signal(&mut self, dump: Dump) {
        let Some(directory) = self.options.dumps.clone() else {
            let help = "`locum run --keepalived-dumps` writes keepalived's files at its signals";
            return log::info!("{} is ignored: {help}", dump.signal_name());
        };
        if let Err(error) = self.write_dump(&directory, dump) {
            log::warn!("{}: {error}", directory.join(dump.file_name()).display());
        }
    }

    fn write_dump(&mut self, directory: &Path, dump: Dump) -> Result<(), String> {
        let content = match dump {
            Dump::Json => {
                let dump = self.json_dump().map_err(|(_, text)| text)?;
                to_json(&dump)
            }
            Dump::Data => {
                self.refresh_views().map_err(|(_, text)| text)?;
                let model = self.configuration.model();
                text::data(&self.subjects().collect::<Vec<_>>(), model, |script| self.script_state(script))
            }
            Dump::Statistics | Dump::StatisticsAndClear => {
                self.refresh_views().map_err(|(_, text)| text)?;
                self.subjects().fold(String::new(), |mut all, subject| {
                    let _ = write!(all, "{}", text::Statistics(&subject)); // a string takes whatever is written
                    all
                })
            }
        };
        file::replace(directory, dump.file_name(), content.as_bytes()).map_err(|error| error.to_string())?;
        if dump == Dump::StatisticsAndClear {
            // What could not be written is not forgotten.
            self.clear_counters(0..self.instances.len()).map_err(|(_, text)| text)?;
            self.note_order(dump.signal_name(), "the statistics of all instances are cleared".into());
        }
        log::debug!("{} written", directory.join(dump.file_name()).display());
        Ok(())
    }

    fn subjects(&self) -> impl Iterator<Item = Subject<'_>> {
        (0..).zip(&self.instances).filter_map(|(index, instance)| {
            Some(Subject {
                configured: &instance.configured,
                placement: &instance.placement,
                status: self.instance_status(index)?,
                vips: instance.vips(),
                scripts: &self.configuration.model().scripts,
                left_master: instance.left_master,
            })
        })
    }

    /// What a script says, as far as an instance follows it.
    fn script_state(&self, name: &str) -> Option<bool> {
        let ids = self.trackers.ids();
        let statuses = ids.into_iter().filter_map(|id| self.trackers.status(id));
        let mut of_it = statuses.filter(|status| status.name == name && status.kind.to_string() == "script");
        of_it.next().map(|status| status.reading == locum_core::priority::Reading::Good)
    }
}

impl Dump {
    /// The name of the file.
    const fn file_name(self) -> &'static str {
        match self {
            Self::Data => "keepalived.data",
            Self::Statistics | Self::StatisticsAndClear => "keepalived.stats",
            Self::Json => "keepalived.json",
        }
    }
}

/// Where dumps go if nothing else is said: as with keepalived, the directory for temporary files.
pub(crate) fn default_directory() -> PathBuf {
    let named = std::env::var_os("TMPDIR").map(PathBuf::from).filter(|path| path.is_absolute());
    named.unwrap_or_else(|| "/tmp".into())
}
