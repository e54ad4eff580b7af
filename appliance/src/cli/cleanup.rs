//! `locum cleanup`

use std::path::Path;

use super::{Exit, complain, print};
use crate::service::{self, Fate, Remnant};

/// Says what was removed, a line each.
pub(super) fn cleanup(run_directory: &Path, socket: &Path, dry_run: bool) -> Exit {
    let remnants = match service::cleanup(run_directory, socket, dry_run) {
        Ok(remnants) => remnants,
        Err(error) => {
            complain(&error);
            return Exit::Failed;
        }
    };
    if remnants.is_empty() {
        return print("nothing was left behind\n");
    }
    let mut exit = Exit::Done;
    for Remnant { what, fate } in remnants {
        let said = match fate {
            Fate::Found => print(&format!("would remove {what}\n")),
            Fate::Supposed => print(&format!("would remove {what}, if it is there\n")),
            Fate::Removed => print(&format!("removed {what}\n")),
            Fate::Refused(words) => {
                complain(&format_args!("{what} cannot be removed: {words}"));
                Exit::Failed
            }
        };
        if said != Exit::Done {
            exit = said;
        }
    }
    exit
}
