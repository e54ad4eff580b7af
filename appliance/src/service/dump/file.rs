//! Files in a directory that everybody may write to.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Replaces a file as a whole. Whoever reads it meets the old content or the new one, never a part; whoever has planted
/// something under one of the names, a symbolic link for one, gains nothing: no name is ever followed, and a new file is
/// always a new one (open(2), `O_EXCL`; rename(2)).
pub(super) fn replace(directory: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = directory.join(format!(".{name}.{}", std::process::id()));
    let create = || OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temporary);
    let mut file = match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Left behind by a process of this number, or planted; the name is freed, not what it leads to.
            fs::remove_file(&temporary)?;
            create()?
        }
        other => other?,
    };
    let written = file.write_all(content).and_then(|()| fs::rename(&temporary, directory.join(name)));
    written.inspect_err(|_| {
        let _ = fs::remove_file(&temporary); // what is told is why it could not be written
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_that_is_planted_is_followed() {
        let directory = std::env::temp_dir().join(format!("locum-dump-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let precious = directory.join("precious");
        fs::write(&precious, "precious").unwrap();
        let name = "keepalived.json";
        symlink(&precious, directory.join(name)).unwrap();
        symlink(&precious, directory.join(format!(".{name}.{}", std::process::id()))).unwrap();
        for content in ["[]", "[1]"] {
            replace(&directory, name, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(directory.join(name)).unwrap(), content);
        }
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        assert!(fs::symlink_metadata(directory.join(name)).unwrap().is_file());
        // A folder in the way is an error, and nothing is left behind.
        fs::create_dir(directory.join("folder")).unwrap();
        assert!(replace(&directory, "folder", b"x").is_err());
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 3);
        fs::remove_dir_all(directory).unwrap();
    }
}
