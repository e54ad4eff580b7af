//! Mails that are not sent yet: a file each in the run directory, so that they survive a restart of the service.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Mails that wait at most; then the oldest goes. The run directory of a small box is memory.
pub(super) const MAILS_MAX: usize = 64;

/// Bytes of one mail at most.
pub(super) const MAIL_BYTES_MAX: usize = 32 * 1024;

/// The mails that wait, the oldest first.
#[derive(Debug)]
pub(super) struct Spool {
    directory: PathBuf,
    /// Numbers of the files, in order.
    waiting: std::collections::VecDeque<u64>,
    next: u64,
    /// Mails that were thrown away because too many waited.
    lost: u64,
}

impl Spool {
    /// The spool in a run directory, with what an earlier run has left there.
    pub(super) fn open(run_directory: &Path) -> Self {
        let directory = run_directory.join("mail");
        let mut waiting: Vec<u64> = fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                // What was half written when the power failed.
                if path.extension()? != "mail" {
                    let _ = fs::remove_file(&path); // a leftover more or less
                    return None;
                }
                path.file_stem()?.to_str()?.parse().ok()
            })
            .collect();
        waiting.sort_unstable();
        let next = waiting.last().map_or(1, |last| last.saturating_add(1));
        let mut spool = Self { directory, waiting: waiting.into(), next, lost: 0 };
        spool.make_room(MAILS_MAX);
        spool
    }

    /// Puts a mail at the end.
    pub(super) fn add(&mut self, mail: &str) -> io::Result<()> {
        if mail.len() > MAIL_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the mail is too long"));
        }
        let made = DirBuilder::new().mode(0o700).recursive(true).create(&self.directory);
        made?;
        self.make_room(MAILS_MAX - 1);
        let number = self.next;
        self.next += 1;
        let path = self.path(number);
        let unfinished = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(mail.as_bytes()).and_then(|()| fs::rename(&unfinished, &path)).inspect_err(|_| {
            let _ = fs::remove_file(&unfinished); // a full file system must not stay full of it
        })?;
        self.waiting.push_back(number);
        Ok(())
    }

    /// The oldest. What cannot be read is thrown away.
    pub(super) fn first(&mut self) -> Option<(u64, String)> {
        while let Some(number) = self.waiting.front().copied() {
            let mut mail = String::new();
            let limit = u64::try_from(MAIL_BYTES_MAX).unwrap_or(u64::MAX);
            let read = fs::File::open(self.path(number)).and_then(|file| file.take(limit).read_to_string(&mut mail));
            match read {
                Ok(_) if !mail.is_empty() => return Some((number, mail)),
                Ok(_) => log::warn!("mail {number} in the spool is empty, it is thrown away"),
                Err(error) => log::warn!("mail {number} in the spool cannot be read, it is thrown away: {error}"),
            }
            self.remove(number);
        }
        None
    }

    /// Takes one away.
    pub(super) fn remove(&mut self, number: u64) {
        self.waiting.retain(|known| *known != number);
        let _ = fs::remove_file(self.path(number)); // gone already is as well
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many were thrown away because too many waited.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    fn make_room(&mut self, keep: usize) {
        while self.waiting.len() > keep {
            let Some(oldest) = self.waiting.front().copied() else { return };
            if self.lost == 0 {
                log::warn!("mail: more than {MAILS_MAX} wait, the oldest are thrown away");
            }
            self.lost += 1;
            self.remove(oldest);
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number:010}.mail"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_survive_in_order_and_within_bounds() {
        let directory = std::env::temp_dir().join(format!("locum-spool-{}", std::process::id()));
        let mut spool = Spool::open(&directory);
        assert_eq!(spool.first(), None);
        for mail in 0..MAILS_MAX + 3 {
            spool.add(&format!("mail {mail}")).unwrap();
        }
        assert_eq!((spool.len(), spool.lost()), (MAILS_MAX, 3));
        assert!(spool.add(&"x".repeat(MAIL_BYTES_MAX + 1)).is_err());
        // What a power failure leaves, and what somebody has emptied.
        fs::write(directory.join("mail/0000000999.new"), "half").unwrap();
        fs::write(directory.join("mail/0000000004.mail"), "").unwrap();

        let mut again = Spool::open(&directory);
        assert_eq!(again.len(), MAILS_MAX);
        let (number, mail) = again.first().unwrap();
        assert_eq!((number, mail.as_str()), (5, "mail 4"));
        again.remove(number);
        assert_eq!(again.first().unwrap().1, "mail 5");
        again.add("the newest").unwrap();
        assert_eq!(again.waiting.back(), Some(&(u64::try_from(MAILS_MAX).unwrap() + 4)));
        assert_eq!(fs::read_dir(directory.join("mail")).unwrap().count(), again.len());
        fs::remove_dir_all(&directory).unwrap();
    }
}
