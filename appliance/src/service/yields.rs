//! Who stands back by order of the operator: written to the run directory before it is done, so that neither a restart nor
//! a SIGKILL forgets it.

use std::io;
use std::path::{Path, PathBuf};

use locum_control::{Lasts, SortedMap, readable, to_json};
use locum_core::time::{Duration, Instant};
use serde::Serialize;

use super::kept::{self, boot_id};
use crate::clock;

const FILE: &str = "yields.json";
const VERSION: u32 = 1;
/// A file longer than this is none of ours.
const BYTES_MAX: u64 = 1 << 20;

/// The yield of one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Yield {
    /// Whether it takes over all the same when nobody else is heard.
    pub(super) last_resort: bool,
    /// The boot in which it began.
    boot: String,
    /// When it ends by itself, on the boot-time clock of that boot; no jump of the wall clock changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    until_us: Option<u64>,
    /// The same on the wall clock, which is all that another boot has.
    #[serde(skip_serializing_if = "Option::is_none")]
    until_unix_ms: Option<u64>,
    /// How long it lasts as a whole: also where the wall clock has gone back, nothing of it is left beyond that.
    #[serde(skip_serializing_if = "Option::is_none")]
    lasts_s: Option<u64>,
    /// Whether it ends with the boot.
    ends_with_boot: bool,
    /// Whether it ends with the service.
    #[serde(skip)]
    ends_with_service: bool,
}

readable! {
    // Whatever ends with the service is not in the file.
    Yield { last_resort, boot, until_us, until_unix_ms, lasts_s, ends_with_boot; or_default ends_with_service }
    Content { version, instances }
}

impl Yield {
    pub(super) fn new(lasts: Lasts, last_resort: bool) -> Self {
        let seconds = match lasts {
            Lasts::Seconds(seconds) => Some(seconds),
            Lasts::UntilRestart | Lasts::UntilReboot | Lasts::Saved => None,
        };
        Self {
            last_resort,
            boot: boot_id(),
            until_us: seconds.map(|seconds| (clock::now() + Duration::from_s(seconds)).us()),
            until_unix_ms: seconds.map(|seconds| clock::unix_ms().saturating_add(seconds.saturating_mul(1_000))),
            lasts_s: seconds,
            ends_with_boot: lasts == Lasts::UntilReboot,
            ends_with_service: lasts == Lasts::UntilRestart,
        }
    }

    /// When it ends by itself, on this boot's clock.
    fn until(&self) -> Option<Instant> {
        self.until_us.map(Instant::from_us)
    }

    /// When it ends by itself, on the wall clock, in milliseconds since 1970.
    pub(super) fn until_unix_ms(&self) -> Option<u64> {
        Some(clock::told_again(self.until_unix_ms?, self.until()?))
    }

    /// What is left of it in this boot: of one that began in another, what the wall clock says. `None` if it is over.
    fn in_this_boot(mut self, boot: &str) -> Option<Self> {
        if self.boot != boot {
            if self.ends_with_boot {
                return None;
            }
            if let Some(until_unix_ms) = self.until_unix_ms {
                let whole = self.lasts_s.map_or(u64::MAX, |seconds| seconds.saturating_mul(1_000));
                let left_ms = until_unix_ms.saturating_sub(clock::unix_ms()).min(whole);
                self.until_us = Some((clock::now() + Duration::from_ms(left_ms)).us());
                self.until_unix_ms = Some(clock::unix_ms().saturating_add(left_ms));
            }
            boot.clone_into(&mut self.boot);
        }
        self.until().is_none_or(|until| until > clock::now()).then_some(self)
    }
}

#[derive(Serialize)]
struct Content {
    version: u32,
    instances: SortedMap<String, Yield>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Yields {
    path: PathBuf,
    by_instance: SortedMap<String, Yield>,
}

impl Yields {
    /// Reads what an earlier run has left. What cannot be understood is reported, and nobody stands back.
    pub(super) fn in_directory(directory: &Path) -> Self {
        let path = directory.join(FILE);
        let content = kept::read(&path, BYTES_MAX, VERSION).unwrap_or_else(|error| {
            log::error!("{}: {error}: what stood back takes part again", path.display());
            None
        });
        let by_instance = content.map_or_else(SortedMap::new, |content: Content| content.instances);
        // Once: the service asks for the next end at every turn.
        let boot = boot_id();
        let kept = by_instance.into_iter().filter_map(|(name, kept)| Some((name, kept.in_this_boot(&boot)?)));
        Self { path, by_instance: kept.collect() }
    }

    /// The yield of an instance.
    pub(super) fn of(&self, instance: &str) -> Option<&Yield> {
        self.by_instance.get(instance)
    }

    /// Writes down that instances stand back. On return it is on the disk.
    ///
    /// # Errors
    /// What the file system says; nothing is changed then.
    pub(super) fn begin(&mut self, instances: &[String], lasts: Lasts, last_resort: bool) -> io::Result<()> {
        let before = self.by_instance.clone();
        for instance in instances {
            self.by_instance.insert(instance.clone(), Yield::new(lasts, last_resort));
        }
        self.write().inspect_err(|_| self.by_instance = before)
    }

    /// Writes down that instances do not stand back any more.
    ///
    /// # Errors
    /// What the file system says; nothing is changed then.
    pub(super) fn end(&mut self, instances: &[String]) -> io::Result<()> {
        let before = self.by_instance.clone();
        self.by_instance.retain(|name, _| !instances.contains(name));
        if self.by_instance == before {
            return Ok(());
        }
        self.write().inspect_err(|_| self.by_instance = before)
    }

    /// When the next one ends by itself.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.by_instance.values().filter_map(Yield::until).min()
    }

    /// Those whose time has passed.
    pub(super) fn over(&self, now: Instant) -> Vec<String> {
        let is_over = |(_, known): &(&String, &Yield)| known.until().is_some_and(|until| until <= now);
        self.by_instance.iter().filter(is_over).map(|(name, _)| name.clone()).collect()
    }

    fn write(&self) -> io::Result<()> {
        let kept = self.by_instance.iter().filter(|(_, kept)| !kept.ends_with_service);
        let instances = kept.map(|(name, kept)| (name.clone(), kept.clone())).collect();
        kept::write(&self.path, to_json(&Content { version: VERSION, instances }).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("locum-yields-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn instances(yields: &Yields) -> Vec<&str> {
        yields.by_instance.keys().map(String::as_str).collect()
    }

    fn begin(yields: &mut Yields, name: &str, lasts: Lasts) {
        yields.begin(&[name.to_owned()], lasts, false).unwrap();
    }

    #[test]
    fn what_is_kept_depends_on_how_long_it_lasts() {
        let path = directory("lasts");
        let mut yields = Yields::in_directory(&path);
        begin(&mut yields, "restart", Lasts::UntilRestart);
        begin(&mut yields, "reboot", Lasts::UntilReboot);
        begin(&mut yields, "half an hour", Lasts::Seconds(1800));
        begin(&mut yields, "no time", Lasts::Seconds(0));
        begin(&mut yields, "ever", Lasts::Saved);
        assert_eq!(instances(&yields).len(), 5);
        assert_eq!(yields.over(clock::now()), ["no time"]);
        // The service starts again.
        assert_eq!(instances(&Yields::in_directory(&path)), ["ever", "half an hour", "reboot"]);
        // The machine starts again.
        let file = path.join(FILE);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace(&boot_id(), "another boot")).unwrap();
        let after = Yields::in_directory(&path);
        assert_eq!(instances(&after), ["ever", "half an hour"]);
        // What is left of the half hour is what the wall clock says.
        let left = after.next_end().unwrap().since(clock::now());
        assert!((1_700_000_000..=1_800_000_000).contains(&left.us()), "{left:?}");
        // A board without a clock of its own starts in 1970: no yield becomes longer by that.
        let until = yields.of("half an hour").and_then(Yield::until_unix_ms).unwrap();
        let text = text.replace(&until.to_string(), &(until + 50 * 365 * 86_400_000).to_string());
        fs::write(&file, text.replace(&boot_id(), "another boot")).unwrap();
        let after = Yields::in_directory(&path);
        let left = after.next_end().unwrap().since(clock::now());
        assert!((1_700_000_000..=1_800_000_000).contains(&left.us()), "{left:?}");
        let until = after.of("half an hour").and_then(Yield::until_unix_ms).unwrap();
        assert!(until <= clock::unix_ms() + 1_800_000, "{until}");
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn what_ends_is_forgotten_on_the_disk_as_well() {
        let path = directory("end");
        let mut yields = Yields::in_directory(&path);
        begin(&mut yields, "A", Lasts::Saved);
        begin(&mut yields, "B", Lasts::Saved);
        yields.end(&["A".to_owned()]).unwrap();
        assert_eq!(instances(&Yields::in_directory(&path)), ["B"]);
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_understood_holds_nobody_back() {
        let path = directory("bad");
        for text in ["", "{", "{\"version\":9,\"instances\":{}}"] {
            fs::write(path.join(FILE), text).unwrap();
            assert_eq!(instances(&Yields::in_directory(&path)), [""; 0]);
        }
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_yield_that_cannot_be_written_down_is_not_begun() {
        let path = directory("full");
        let mut yields = Yields::in_directory(&path);
        fs::remove_dir_all(path).unwrap();
        assert!(yields.begin(&["A".to_owned()], Lasts::Saved, false).is_err());
        assert_eq!(instances(&yields), [""; 0]);
    }
}
