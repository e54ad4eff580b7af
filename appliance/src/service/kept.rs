//! Files of the run directory: written whole or not at all, with the version of their form, read with bounds.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use locum_control::{FromJson, Value, from_value};

/// What a file holds. `None` if there is none.
///
/// # Errors
/// What the file system says; a file of more than `bytes_max`, one whose `version` is another, or that makes no sense.
pub(super) fn read<T: FromJson>(path: &Path, bytes_max: u64, version: u32) -> io::Result<Option<T>> {
    let Some(content) = read_value(path, bytes_max, version)? else { return Ok(None) };
    Ok(Some(from_value(&content)?))
}

fn read_value(path: &Path, bytes_max: u64, version: u32) -> io::Result<Option<Value>> {
    let text = match fs::metadata(path) {
        Ok(meta) if meta.len() > bytes_max => return Err(io::Error::other("it is too long to be ours")),
        Ok(_) => fs::read(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let content: Value = serde_json::from_slice(&text)?;
    match content.get("version").and_then(Value::as_u64) {
        Some(theirs) if theirs == u64::from(version) => Ok(Some(content)),
        Some(theirs) => Err(io::Error::other(format!("it has version {theirs}, this program knows {version}"))),
        None => Err(io::Error::other("it has no version")),
    }
}

/// Writes a file by way of a temporary one, so that a reader sees the old or the new content and nothing between. It is
/// its user's alone: changes that are kept may hold a password.
///
/// # Errors
/// What the file system says; the old content stands then.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

/// Which boot of which machine this is (random(4)).
pub(super) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}
