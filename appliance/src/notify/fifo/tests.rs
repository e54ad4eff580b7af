//! FIFOs that nobody reads, that are somebody else's, and scripts that read them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;

use locum_config::model::Setting;

use super::super::tests::{Folder, eventually, run_local};
use super::*;

fn customs() -> Customs {
    let mut global = model::Global::default();
    global.script_user = Some(Setting::implied(("root".into(), None)));
    Customs::of(&global)
}

fn configured(path: &str) -> model::NotifyFifo {
    let fifo = model::Fifo { path: path.into(), user: None, group: None };
    model::NotifyFifo { fifo: Some(Setting::implied(fifo)), script: None }
}

#[test]
fn without_a_reader_memory_is_bounded_and_the_newest_are_kept() {
    let folder = Folder::new("no-reader");
    let path = folder.path("fifo");
    run_local(async {
        let fifo = Fifo::open(&configured(&path), &customs()).unwrap().unwrap();
        let line = |number: usize| format!("INSTANCE \"VI_1\" MASTER {number:07}\n");
        let count = 20_000;
        for number in 0..count {
            fifo.write(&line(number));
        }
        let status = fifo.status();
        assert_eq!((status.path.as_str(), status.waiting as usize), (path.as_str(), LINES_MAX));
        assert!(status.lost > 0);
        // A reader comes: first what is in the pipe, then the newest, and nothing twice.
        let reader = std::thread::spawn({
            let path = path.clone();
            move || {
                let mut lines = BufReader::new(File::open(path).unwrap()).lines();
                let mut seen = Vec::new();
                loop {
                    let line = lines.next().unwrap().unwrap();
                    let number: usize = line.rsplit(' ').next().unwrap().parse().unwrap();
                    seen.push(number);
                    if number == count {
                        return seen;
                    }
                }
            }
        });
        fifo.write(&line(count));
        eventually(|| fifo.status().waiting == 0).await;
        let seen = reader.join().unwrap();
        assert!(seen.is_sorted_by(|one, next| one < next));
        assert_eq!(seen.len() as u64 + fifo.status().lost, count as u64 + 1, "each line is read or counted");
        assert!(seen.ends_with(&[count - 2, count - 1, count]));
    });
    assert!(!Path::new(&path).exists());
}

#[test]
fn what_is_there_before_is_used_if_it_is_a_fifo_of_ours_and_left_there() {
    let folder = Folder::new("before");
    let path = folder.path("fifo");
    run_local(async {
        mkfifo(path.as_str(), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        drop(Fifo::open(&configured(&path), &customs()).unwrap().unwrap());
        assert!(Path::new(&path).exists(), "it is not ours to remove");
        fs::write(folder.path("file"), "precious").unwrap();
        let error = Fifo::open(&configured(&folder.path("file")), &customs()).unwrap_err();
        assert!(matches!(error, FifoError::NotAFifo), "{error}");
        assert_eq!(folder.read("file"), "precious");
        std::os::unix::fs::symlink(&path, folder.path("link")).unwrap();
        assert!(Fifo::open(&configured(&folder.path("link")), &customs()).is_err(), "links lead anywhere");
        assert!(Fifo::open(&configured(&folder.path("no/such/directory")), &customs()).is_err());
        if geteuid().is_root() {
            chown(&path, Some(12_345), None).unwrap();
            let error = Fifo::open(&configured(&path), &customs()).unwrap_err();
            assert!(matches!(error, FifoError::NotOurs), "{error}");
        }
    });
}

#[test]
fn a_script_reads_it_and_is_started_again_when_it_ends() {
    let folder = Folder::new("reader");
    let (path, log) = (folder.path("fifo"), folder.path("log"));
    let script = folder.script("reader", &format!("read line < \"$2\"; echo \"$1 $$ $line\" >> {log}"));
    run_local(async {
        let mut configured = configured(&path);
        let words = vec![script, "argument".into()];
        configured.script = Some(Setting::implied(model::Script { words, user: None, group: None }));
        let fifo = Fifo::open(&configured, &customs()).unwrap().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fifo.write("one\n");
        eventually(|| folder.read("log").lines().count() == 1).await;
        fifo.write("two\n");
        eventually(|| folder.read("log").lines().count() == 2).await;
        let text = folder.read("log");
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
        assert_eq!((words[0][0], words[0][2], words[1][2]), ("argument", "one", "two"));
        assert_ne!(words[0][1], words[1][1]);
        drop(fifo);
        // The one that waits for a third line must not outlive us.
        tokio::time::sleep(Duration::from_millis(100)).await;
    });
}
