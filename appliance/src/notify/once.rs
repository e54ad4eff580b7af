//! `startup_script` and `shutdown_script`: run once, and waited for.

use std::time::Duration;

use locum_config::model;

use crate::clock;
use crate::script::{Command, Customs, check, run};

/// Runs it, if there is one, and says in the log how it ended. Whatever it does, the service goes on.
pub(super) async fn run_once(keyword: &str, script: &model::ServiceScript, customs: &Customs) {
    let Some(configured) = &script.script else { return };
    let command = Command::new(&configured.value, customs);
    if let Err(why) = check(&command, customs.security) {
        return log::warn!("{keyword}: {why}");
    }
    let outcome = run(&command, Duration::from_secs(u64::from(*script.timeout_s))).await;
    let said = outcome.last_lines.last().map(|line| format!("; it said: {line}")).unwrap_or_default();
    if outcome.is_success() {
        log::info!("{keyword}: done in {} ms", clock::whole_ms(outcome.duration));
    } else {
        log::warn!("{keyword}: {}{said}", outcome.end);
    }
}
