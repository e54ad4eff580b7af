//! `locum metrics`: what `show` knows, as numbers that a monitoring system collects.

mod families;
#[cfg(test)]
mod tests;
mod text;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use locum_control::{InstanceStatus, InterfaceStatus, Item, ServiceStatus, Verb};

use self::text::Dialect;
use super::{Exit, ask, complain, print};

/// What is told.
#[derive(Debug, Default)]
struct Snapshot {
    service: Option<ServiceStatus>,
    interfaces: Vec<InterfaceStatus>,
    instances: Vec<InstanceStatus>,
}

impl Snapshot {
    fn of(items: Vec<Item>) -> Self {
        let mut snapshot = Self::default();
        for item in items {
            if let Item::Service(service) = item {
                snapshot.service = Some(*service);
            } else if let Item::Interface(interface) = item {
                snapshot.interfaces.push(interface);
            } else if let Item::Instance(instance) = item {
                snapshot.instances.push(*instance);
            }
        }
        snapshot
    }
}

/// Prints the metrics in OpenMetrics' text format, or writes them into a file for node-exporter's textfile collector.
pub(super) fn metrics(socket: &Path, textfile: Option<&Path>) -> Exit {
    let (items, _) = match ask(socket, Verb::Show { instance: None }) {
        Ok(answer) => answer,
        Err(exit) => return exit,
    };
    let snapshot = Snapshot::of(items);
    let Some(path) = textfile else { return print(&families::render(&snapshot, Dialect::OpenMetrics)) };
    match replace(path, families::render(&snapshot, Dialect::Prometheus).as_bytes()) {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(&format_args!("{}: {error}", path.display()));
            Exit::Failed
        }
    }
}

/// Replaces a file as a whole: whoever reads it meets the old content or the new one, never a part.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    // The collector takes files that end in .prom; this one does not.
    let temporary = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temporary).and_then(|mut file| {
        file.write_all(content)?;
        fs::rename(&temporary, path)
    });
    written.inspect_err(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            let _ = fs::remove_file(&temporary); // what is told is why it could not be written
        }
    })
}
