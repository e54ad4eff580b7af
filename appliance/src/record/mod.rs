//! What a service says, kept in a file: `locum record`, and what is made of it.
//!
//! - [`recorder`]: the file is written; [`conversation`]: what is asked for it.
//! - [`reader`]: it is read again; [`adverts`]: the adverts in it; [`pcapng`]: a capture of them.
//!
//! A recording is text. Its first line is `{"locum_recording":1}`, each of the others a line of the control socket and when
//! it was heard: `{"at_unix_ms":1795365601123,"line":{…}}`. The console plays it.

mod adverts;
mod conversation;
mod pcapng;
mod reader;
mod recorder;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub(crate) use self::reader::{ReadError, export};
pub(crate) use self::recorder::{Ended, Limits, RecordError, Recorded, record};

/// The version of the file.
const VERSION: u32 = 1;

/// A new file that nobody else can read: it says who is master of what, and who ordered it.
fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
