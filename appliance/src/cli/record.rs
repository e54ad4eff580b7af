//! `locum record`, `locum export`

use std::path::Path;
use std::time::Duration;

use super::{Exit, complain, complain_about, print};
use crate::record::{self, Ended, Limits, ReadError, RecordError, Recorded};

/// Records what the service says.
pub(super) fn record(socket: &Path, file: &Path, lasts_s: Option<u64>, bytes: u64) -> Exit {
    let limits = Limits { lasts: lasts_s.map(Duration::from_secs), bytes };
    let said = match record::record(socket, file, limits, |words| complain(&words)) {
        Ok(recorded) => said(&recorded, file),
        Err(RecordError::NoService(error)) => {
            return complain_about(socket, &locum_control::client::ClientError::Connect(error));
        }
        Err(error) => {
            complain(&error);
            return Exit::Failed;
        }
    };
    print(&said)
}

fn said(recorded: &Recorded, file: &Path) -> String {
    let Recorded { ended, lines, bytes, gaps } = recorded;
    let file = file.display();
    let kib = bytes.div_ceil(1 << 10);
    let gaps = match gaps {
        0 => String::new(),
        1 => "; the connection was lost once".to_owned(),
        times => format!("; the connection was lost {times} times"),
    };
    let full = match ended {
        Ended::Full => " The file is full: --max-size lets it grow.",
        Ended::Time | Ended::Signal => "",
    };
    format!("{file}: {lines} lines, {kib} KiB{gaps}. `locum replay {file}` plays it.{full}\n")
}

/// Writes a capture of the adverts heard and sent.
pub(super) fn export(socket: &Path, recording: Option<&Path>, capture: &Path) -> Exit {
    match record::export(socket, recording, capture) {
        Ok(exported) => {
            let left_out = match (exported.rejected, exported.left_out) {
                (0, 0) => String::new(),
                (rejected, 0) => {
                    format!("; {rejected} rejected ones are not in it, since nobody kept what was in them")
                }
                (rejected, left_out) => format!("; {rejected} rejected ones and {left_out} more are not in it"),
            };
            print(&format!("{}: {} adverts, rebuilt{left_out}\n", capture.display(), exported.packets))
        }
        Err(ReadError::Service(error)) => complain_about(socket, &error),
        Err(error) => {
            complain(&error);
            Exit::Failed
        }
    }
}
