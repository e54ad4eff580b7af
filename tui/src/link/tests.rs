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
    const NOTICES: u64 = 200;
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
    for seq in 1..=NOTICES {
        let event = Happening::Adverts { instance: "VI_1".into(), marks: crate::fixture::heard(0, 1) };
        put(&Line::Notice(statuses::notice(seq, 1, event)));
    }
    stream.write_all(text.as_bytes()).unwrap();
    let (mut heard, mut times) = (Vec::new(), 0);
    while heard.len() < usize::try_from(NOTICES).unwrap() {
        let event = reports.recv_timeout(Duration::from_secs(10)).unwrap();
        let Event::Link(0, said) = event else { panic!("{event:?}") };
        assert!((1..=REPORTS_MAX).contains(&said.len()), "{}", said.len());
        times += 1;
        let seq = |report: Report| if let Report::Notice(notice) = report { Some(notice.seq) } else { None };
        heard.extend(said.into_iter().filter_map(seq));
    }
    assert_eq!(heard, (1..=NOTICES).collect::<Vec<_>>(), "in order, and none is lost");
    assert!(times <= NOTICES / 10, "{times} times for {NOTICES} notices");
    drop((bell, orders, stream, reports));
    link.join().unwrap();
    std::fs::remove_file(&path).unwrap();
}
