//! The mailer against a relay on the loopback that plays a part.

use std::net::SocketAddr;

use locum_config::Model;
use locum_config::model::Setting;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::super::tests::{Folder, eventually, run_local};
use super::super::told::Subject;
use super::super::told::tests::notice;
use super::*;

/// What a relay does with a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Play {
    Take,
    Refuse(&'static str),
    Hang,
}

type Taken = Rc<RefCell<Vec<String>>>;

/// A relay that plays these parts, one a connection, and takes everything from then on.
async fn relay(plays: Vec<Play>) -> (SocketAddr, Taken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let taken = Taken::default();
    let kept = Rc::clone(&taken);
    tokio::task::spawn_local(async move {
        let mut plays = plays.into_iter();
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            let play = plays.next().unwrap_or(Play::Take);
            tokio::task::spawn_local(converse(stream, play, Rc::clone(&kept)));
        }
    });
    (address, taken)
}

async fn converse(stream: tokio::net::TcpStream, play: Play, taken: Taken) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    if play == Play::Hang {
        let _ = lines.next_line().await;
        return;
    }
    write.write_all(b"220 relay\r\n").await.unwrap();
    let mut mail = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = match (&mut mail, line.as_str()) {
            (Some(text), ".") => {
                taken.borrow_mut().push(std::mem::take(text));
                mail = None;
                "250 taken"
            }
            (Some(text), line) => {
                String::extend(text, [line, "\n"]);
                continue;
            }
            (None, "DATA") => match play {
                Play::Refuse(answer) => answer,
                Play::Take | Play::Hang => {
                    mail = Some(String::new());
                    "354 go on"
                }
            },
            (None, "QUIT") => return,
            (None, _) => "250 ok",
        };
        if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

fn global(address: SocketAddr) -> Global {
    let mut model = Model::default();
    let mail = &mut model.global.mail;
    mail.to = vec![Setting::implied("admin@example.net".into())];
    mail.server = Some(Setting::implied((address.ip().to_string(), address.port())));
    mail.connect_timeout_ms = Setting::implied(1_000);
    model.global.router_id = Some(Setting::implied("gw1".into()));
    model.global
}

fn subjects(taken: &Taken) -> Vec<String> {
    let subject = |mail: &String| {
        mail.lines().find_map(|line| line.strip_prefix("Subject: [gw1] VRRP Instance ")).unwrap_or("digest").to_owned()
    };
    taken.borrow().iter().map(subject).collect()
}

fn status_of(mailer: &Mailer) -> MailStatus {
    mailer.status().unwrap()
}

/// Retries without waiting for them.
fn hurry(mailer: &Mailer) {
    mailer.inner.borrow_mut().retry_at = None;
    mailer.wake.notify_one();
}

#[test]
fn each_state_is_mailed_once_in_order() {
    let folder = Folder::new("mail-order");
    run_local(async {
        let (address, taken) = relay(vec![]).await;
        let mailer = Mailer::start(&global(address), &folder.0);
        assert!(mailer.alert(&notice("VI_1", Word::Backup), None));
        assert!(!mailer.alert(&notice("VI_1", Word::Backup), Some(Word::Backup)), "that was mailed");
        assert!(mailer.alert(&notice("VI_1", Word::Master), Some(Word::Backup)));
        assert!(!mailer.alert(&notice("VI_1", Word::HeardLower), Some(Word::Master)));
        assert!(mailer.alert(&notice("VI_1", Word::Stop), Some(Word::Master)));
        mailer.shut_down(Duration::from_secs(5)).await;
        let expected = ["VI_1 - Entering BACKUP state", "VI_1 - Entering MASTER state", "VI_1 - Stopping"];
        assert_eq!(subjects(&taken), expected);
    });
}

#[test]
fn no_mail_without_a_relay_and_none_of_fault_where_it_is_not_wanted() {
    let folder = Folder::new("mail-none");
    run_local(async {
        let mailer = Mailer::start(&Global::default(), &folder.0);
        assert!(!mailer.alert(&notice("VI_1", Word::Master), None));
        let (address, _) = relay(vec![]).await;
        let mut global = global(address);
        global.mail.no_faults = Setting::implied(true);
        mailer.reload(&global);
        assert!(!mailer.alert(&notice("VI_1", Word::Fault), None));
        assert!(mailer.alert(&notice("VI_1", Word::Master), None));
    });
}

#[test]
fn later_means_again_and_never_means_never() {
    let folder = Folder::new("mail-4xx-5xx");
    run_local(async {
        let plays = vec![Play::Refuse("451 later"), Play::Refuse("554 never"), Play::Take];
        let (address, taken) = relay(plays).await;
        let mailer = Mailer::start(&global(address), &folder.0);
        mailer.alert(&notice("first", Word::Master), None);
        mailer.alert(&notice("second", Word::Master), None);
        eventually(|| status_of(&mailer).last_error.is_some()).await;
        let status = mailer.status().unwrap();
        assert_eq!((status.waiting, status.refused), (2, 0));
        assert_eq!(status.last_error.as_deref(), Some("the relay refuses DATA: 451 later"));
        hurry(&mailer);
        eventually(|| status_of(&mailer).waiting == 0).await;
        let status = mailer.status().unwrap();
        assert_eq!((status.sent, status.refused), (1, 1));
        assert_eq!(subjects(&taken), ["second - Entering MASTER state"], "the first was refused for good");
    });
}

#[test]
fn a_relay_that_hangs_is_given_up_and_mail_survives_a_restart() {
    let folder = Folder::new("mail-hangs");
    run_local(async {
        let (address, taken) = relay(vec![Play::Hang]).await;
        let mailer = Mailer::start(&global(address), &folder.0);
        mailer.alert(&notice("VI_1", Word::Master), None);
        eventually(|| status_of(&mailer).last_error.is_some()).await;
        assert!(status_of(&mailer).last_error.unwrap().contains("does not answer to the greeting"));
        mailer.alert(&notice("VI_1", Word::Backup), Some(Word::Master));
        let begun = std::time::Instant::now();
        mailer.shut_down(Duration::from_secs(5)).await;
        assert!(begun.elapsed() < Duration::from_secs(1), "a relay that does not answer is not waited for again");
        assert_eq!(taken.borrow().len(), 0);

        let mailer = Mailer::start(&global(address), &folder.0);
        eventually(|| status_of(&mailer).waiting == 0).await;
        assert_eq!(subjects(&taken), ["VI_1 - Entering MASTER state", "VI_1 - Entering BACKUP state"]);
    });
}

#[test]
fn a_storm_is_one_digest() {
    let folder = Folder::new("mail-storm");
    run_local(async {
        let (address, taken) = relay(vec![]).await;
        let mut global = global(address);
        global.mail.digest_s = Setting::implied(1);
        let mailer = Mailer::start(&global, &folder.0);
        for number in 0..200 {
            let word = if number % 2 == 0 { Word::Master } else { Word::Backup };
            mailer.alert(&notice("VI_1", word), None);
        }
        assert_eq!(status_of(&mailer).collected as usize, DIGEST_MAX);
        eventually(|| taken.borrow().len() == SINGLE_MAILS_MAX + 1).await;
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let mails = taken.borrow().clone();
        assert_eq!(mails.len(), SINGLE_MAILS_MAX + 1);
        let digest = mails.last().unwrap();
        assert!(digest.contains("Subject: [gw1] VRRP - 195 changes of state"), "{digest}");
        assert!(digest.contains("Instance VI_1: BACKUP\n"), "{digest}");
        // It is over: a change is a mail of its own again.
        mailer.alert(&notice("VI_1", Word::Fault), None);
        eventually(|| taken.borrow().len() == SINGLE_MAILS_MAX + 2).await;
        assert_eq!(subjects(&taken).last().unwrap(), "VI_1 - Entering FAULT state");
    });
}

#[test]
fn what_is_collected_is_not_lost_when_the_service_stops() {
    let folder = Folder::new("mail-stop");
    run_local(async {
        let (address, taken) = relay(vec![]).await;
        let mailer = Mailer::start(&global(address), &folder.0);
        for _ in 0..=SINGLE_MAILS_MAX {
            mailer.alert(&notice("VI_1", Word::Stop), None);
        }
        assert_eq!(status_of(&mailer).collected, 1);
        mailer.shut_down(Duration::from_secs(5)).await;
        assert_eq!(taken.borrow().len(), SINGLE_MAILS_MAX + 1);
    });
}

#[test]
fn a_login_in_clear_is_refused_unless_nobody_can_listen() {
    let folder = Folder::new("mail-clear");
    std::fs::write(folder.path("password"), "secret42\n").unwrap();
    run_local(async {
        let (address, _) = relay(vec![]).await;
        let mut global = global(address);
        global.mail.user = Some(Setting::implied("gw1".into()));
        global.mail.password_file = Some(Setting::implied(folder.path("password")));
        let error = send_test(&global, "VI_1").await.unwrap().unwrap_err();
        assert!(error.contains("does not offer a login"), "on the loopback it may: {error}");
        global.mail.password_file = Some(Setting::implied(folder.path("missing")));
        let error = send_test(&global, "VI_1").await.unwrap().unwrap_err();
        assert!(error.contains("smtp_password_file"), "{error}");
    });
}

#[test]
fn a_relay_that_is_not_there_or_not_known() {
    run_local(async {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let mut global = global(closed);
        let error = send_test(&global, "VI_1").await.unwrap().unwrap_err();
        assert!(error.contains("Connection refused"), "{error}");
        global.mail.server = Some(Setting::implied(("no-such-host.invalid".into(), 25)));
        let error = send_test(&global, "VI_1").await.unwrap().unwrap_err();
        assert!(error.contains("no-such-host.invalid"), "{error}");
        assert_eq!(send_test(&Global::default(), "VI_1").await, None);
    });
}

#[test]
fn groups_are_mailed_too() {
    let folder = Folder::new("mail-group");
    run_local(async {
        let (address, taken) = relay(vec![]).await;
        let mailer = Mailer::start(&global(address), &folder.0);
        let mut about_group = notice("VG", Word::Master);
        about_group.subject = Subject::group("VG");
        mailer.alert(&about_group, None);
        mailer.shut_down(Duration::from_secs(5)).await;
        assert!(taken.borrow()[0].contains("Subject: [gw1] VRRP Group VG - Entering MASTER state"));
    });
}
