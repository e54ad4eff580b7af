//! The transitions of every instance, kept over restarts: a line of JSON each in the run directory.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use locum_control::{Cause, SortedMap, State, TransitionRecord, from_json, to_json_line};

use super::kept;
use super::texts::Texts;

/// How many transitions are kept for each instance.
pub(crate) const KEPT: usize = 64;

const FILE: &str = "history.jsonl";

/// Lines that are appended before the file is written anew with only what is kept. Bounds its growth: the run directory
/// of a small box is memory.
const LINES_APPENDED_MAX: usize = 1_000;

/// A longer line is not ours.
const LINE_BYTES_MAX: usize = 4_096;

/// The transitions that are kept.
#[derive(Debug)]
pub(crate) struct History {
    path: PathBuf,
    file: Option<File>,
    lines_appended: usize,
    /// A ring each, of at most [`KEPT`].
    by_instance: SortedMap<String, VecDeque<Kept>>,
    /// What many instances say at the same time.
    texts: Texts,
}

/// A transition of an instance that is known: see [`TransitionRecord`].
#[derive(Debug)]
struct Kept {
    at_us: u64,
    at_unix_ms: u64,
    from: State,
    to: State,
    cause: Cause,
    text: Rc<str>,
}

impl Kept {
    fn record(&self, instance: &str) -> TransitionRecord {
        let Self { at_us, at_unix_ms, from, to, cause, ref text } = *self;
        TransitionRecord { instance: instance.to_owned(), at_us, at_unix_ms, from, to, cause, text: text.to_string() }
    }
}

impl History {
    /// Reads what earlier runs have left in this run directory. Lines that cannot be understood (the power failed while
    /// one was written) are left out.
    pub(crate) fn in_directory(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let mut history =
            Self { path, file: None, lines_appended: 0, by_instance: SortedMap::new(), texts: Texts::default() };
        if let Ok(file) = File::open(&history.path) {
            for line in BufReader::new(file).lines().map_while(Result::ok) {
                history.lines_appended += 1;
                if line.len() <= LINE_BYTES_MAX
                    && let Ok(record) = from_json::<TransitionRecord>(line.as_bytes())
                {
                    history.keep(&record);
                }
            }
        }
        history
    }

    /// The transitions of an instance, the oldest first.
    pub(crate) fn of(&self, instance: &str) -> impl DoubleEndedIterator<Item = TransitionRecord> {
        self.by_instance.get(instance).into_iter().flatten().map(move |kept| kept.record(instance))
    }

    /// The last transition of an instance.
    pub(crate) fn last(&self, instance: &str) -> Option<TransitionRecord> {
        Some(self.by_instance.get(instance)?.back()?.record(instance))
    }

    /// The state after it.
    pub(crate) fn last_state(&self, instance: &str) -> Option<State> {
        self.by_instance.get(instance)?.back().map(|kept| kept.to)
    }

    /// Adds a transition.
    ///
    /// # Errors
    /// When it could not be written; it is kept in memory all the same.
    pub(crate) fn add(&mut self, record: &TransitionRecord) -> io::Result<()> {
        let line = to_json_line(record);
        self.keep(record);
        self.lines_appended += 1;
        if self.lines_appended > LINES_APPENDED_MAX {
            return self.rewrite();
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?),
        };
        file.write_all(line.as_bytes())
    }

    fn keep(&mut self, record: &TransitionRecord) {
        let TransitionRecord { at_us, at_unix_ms, from, to, cause, .. } = *record;
        let text = self.texts.shared(&record.text);
        let ring = self.by_instance.get_or_default(record.instance.clone());
        if ring.len() >= KEPT {
            ring.pop_front();
        }
        if ring.len() == ring.capacity() {
            // By two, as many as a start brings: left to itself it makes room for four, and a thousand instances wait.
            ring.reserve_exact(2);
        }
        ring.push_back(Kept { at_us, at_unix_ms, from, to, cause, text });
    }

    /// Writes only what is kept.
    fn rewrite(&mut self) -> io::Result<()> {
        let mut content = String::new();
        for (name, ring) in &self.by_instance {
            for kept in ring {
                content.push_str(&to_json_line(&kept.record(name)));
            }
        }
        self.file = None;
        kept::write(&self.path, content.as_bytes())?;
        self.lines_appended = 0;
        Ok(())
    }

    /// Forgets the instances that `is_known` does not know and nobody will ask for again.
    pub(crate) fn retain(&mut self, is_known: impl Fn(&str) -> bool) {
        self.by_instance.retain(|instance, _| is_known(instance));
    }
}

/// Makes the run directory.
///
/// # Errors
/// What the file system says.
pub(crate) fn make_directory(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    fs::DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
    // What is read there is believed: whoever can write there could have anything removed from the kernel.
    let mode = fs::metadata(directory)?.mode();
    if mode & 0o002 != 0 {
        let text = format!("everybody may write into it (mode {:o}); take one of its own", mode & 0o7777);
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use locum_control::{Cause, State};

    fn record(instance: &str, at_us: u64) -> TransitionRecord {
        let (from, to, cause) = (State::Init, State::Backup, Cause::Start);
        TransitionRecord { instance: instance.into(), at_us, at_unix_ms: 0, from, to, cause, text: "started".into() }
    }

    #[test]
    fn it_survives_restarts_damage_and_a_long_life() {
        let directory = std::env::temp_dir().join(format!("locum-history-{}", std::process::id()));
        make_directory(&directory).unwrap();
        let mut history = History::in_directory(&directory);
        for at_us in 0..3_000 {
            history.add(&record("VI_1", at_us)).unwrap();
        }
        history.add(&record("VI_2", 7)).unwrap();
        let size = fs::metadata(&history.path).unwrap().len();
        assert!(size < 200_000, "{size} bytes");

        let mut file = OpenOptions::new().append(true).open(&history.path).unwrap();
        file.write_all(b"{\"instance\":\"VI_1\",\"at_us").unwrap();
        let mut again = History::in_directory(&directory);
        assert!(again.of("VI_1").map(|record| record.at_us).eq(2_936..3_000));
        assert_eq!(again.last("VI_2").unwrap().at_us, 7);
        again.retain(|name| name == "VI_2");
        assert_eq!(again.of("VI_1").count(), 0);
        fs::remove_dir_all(directory).unwrap();
    }
}
