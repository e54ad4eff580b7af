use std::io::Write;
use std::os::unix::net::UnixListener;
use std::sync::mpsc::sync_channel;
use std::thread;

use locum_control::{Event as Happening, Role};

use super::*;
use crate::fixture::statuses;

/// A busy service says hundreds of things a second, and each time that the loop is woken costs more than what was said.
#[test]
fn what_comes_together_is_handed_over_together() {
    /// More than are read or handed over at once, and fewer than a socket gives in pieces (32 KiB).
    const NOTICES: usize = 350;
    let path = std::env::temp_dir().join(format!("locum-tui-link-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path); // of a process that had the same number
    let listener = UnixListener::bind(&path).unwrap();
    let (events, reports) = sync_channel(1_024);
    let (orders, receiver) = sync_channel(16);
    let (bell, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let endpoint = Endpoint::Socket(path.clone());
    let link = Link { node: 0, endpoint, events, orders: receiver, bell: theirs, said: Vec::new() };
    let link = thread::spawn(move || link.run());
    let (mut stream, _) = listener.accept().unwrap();
    let mut text = String::new();
    let mut put = |line: &Line| {
        text.push_str(&serde_json::to_string(line).unwrap());
        text.push('\n');
    };
    put(&Line::Hello(statuses::hello(Role::Admin, statuses::BOOT_US)));
    (1..=350).for_each(|seq| put(&Line::Notice(statuses::notice(seq, 1, Happening::Stopping))));
    assert!((17_000..32_000).contains(&text.len()), "{}", text.len());
    stream.write_all(text.as_bytes()).unwrap();
    let (mut heard, mut counts) = (Vec::new(), Vec::new());
    while heard.len() < NOTICES {
        let event = reports.recv_timeout(Duration::from_secs(10)).unwrap();
        let Event::Link(0, said) = event else { panic!("{event:?}") };
        counts.push(said.len());
        let seq = |report: Report| if let Report::Notice(notice) = report { Some(notice.seq) } else { None };
        heard.extend(said.into_iter().filter_map(seq));
    }
    assert_eq!(heard, (1..=350).collect::<Vec<_>>(), "in order, and none is lost");
    // That it attaches; as much as may be handed over at once, with the greeting; and the rest.
    assert_eq!(counts, [1, REPORTS_MAX, NOTICES + 1 - REPORTS_MAX]);
    drop((bell, orders, stream, reports));
    link.join().unwrap();
    std::fs::remove_file(&path).unwrap();
}
