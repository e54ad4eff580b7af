//! The dialogue with relays that behave, and with others.

use tokio::io::{DuplexStream, duplex};

use super::super::super::tests::run_local;
use super::*;

const LIMIT: Duration = Duration::from_millis(300);

/// A relay that gives these answers, one for each line that it hears; gives back what it heard.
async fn relay(mut stream: DuplexStream, answers: &[&str]) -> String {
    let mut heard = String::new();
    for (index, answer) in answers.iter().enumerate() {
        if index > 0 {
            let is_text = heard.ends_with("DATA\r\n");
            let end = if is_text { "\r\n.\r\n" } else { "\r\n" };
            let from = heard.len();
            while !heard[from..].ends_with(end) {
                let mut chunk = [0; 4_096];
                match stream.read(&mut chunk).await {
                    Ok(0) | Err(_) => return heard,
                    Ok(read) => heard.push_str(std::str::from_utf8(&chunk[..read]).unwrap()),
                }
            }
        }
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return heard;
        }
    }
    // Open until the other side has had enough.
    let _ = stream.read(&mut [0; 64]).await;
    heard
}

/// Hands over a mail to a relay that answers so; what came of it, and what the relay heard.
fn hand_over(answers: &[&str], user: Option<&str>) -> (Result<Vec<String>, SmtpError>, String) {
    let (ours, theirs) = duplex(64 * 1024);
    run_local(async {
        let client = async move {
            let mut session = Session::new(Box::new(ours), LIMIT);
            session.greeting().await?;
            session.hello("gw1").await?;
            if let Some(user) = user {
                session.login(user, &Password::new("secret42".into())).await?;
            }
            let to = ["a@x".to_owned(), "b@y".to_owned()];
            session.send("gw1@z", &to, "Subject: s\r\n\r\nline\r\n.\r\n..two\r\n").await
        };
        tokio::join!(client, relay(theirs, answers))
    })
}

const GOOD: [&str; 8] =
    ["220 hi\r\n", "250-me\r\n250 SIZE\r\n", "250 1\r\n", "250 2\r\n", "251 3\r\n", "354 go\r\n", "250 ok\r\n", ""];

#[test]
fn a_mail_is_handed_over_and_no_line_ends_it_too_soon() {
    let (result, heard) = hand_over(&GOOD, None);
    assert_eq!(result.unwrap(), Vec::<String>::new());
    let expected = "EHLO gw1\r\nMAIL FROM:<gw1@z>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n\
                    Subject: s\r\n\r\nline\r\n..\r\n...two\r\n.\r\n";
    assert_eq!(heard, expected);
}

#[test]
fn logins_by_plain_and_login() {
    let mut answers = GOOD.to_vec();
    answers[1] = "250-me\r\n250 AUTH LOGIN PLAIN\r\n";
    answers.insert(2, "235 in\r\n");
    let (result, heard) = hand_over(&answers, Some("user"));
    result.unwrap();
    assert!(heard.contains(&format!("AUTH PLAIN {}\r\n", base64(b"\0user\0secret42"))), "{heard}");

    answers[1] = "250-me\r\n250 AUTH=LOGIN\r\n";
    answers.splice(2..3, ["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", "235 in\r\n"]);
    let (result, heard) = hand_over(&answers, Some("user"));
    result.unwrap();
    assert!(heard.contains(&format!("AUTH LOGIN\r\n{}\r\n{}\r\n", base64(b"user"), base64(b"secret42"))), "{heard}");

    let (result, _) = hand_over(&GOOD, Some("user"));
    assert!(matches!(result, Err(SmtpError::NotOffered(_))), "{result:?}");
}

#[test]
fn a_relay_that_refuses_the_login_does_not_bring_the_password_into_the_log() {
    let answers = ["220 hi\r\n", "250-me\r\n250 AUTH PLAIN\r\n", "535 5.7.8 no, not secret42\r\n"];
    let (result, _) = hand_over(&answers, Some("user"));
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "the relay refuses the login: 535 ");
    assert!(!error.is_about_the_mail(), "the next attempt may have another password");
    assert!(!format!("{error:?} {:?}", Password::new("secret42".into())).contains("secret42"));
}

#[test]
fn only_a_refusal_for_good_of_the_mail_itself_ends_it() {
    let refused_at = |step: usize, answer: &'static str| {
        let mut answers = GOOD.to_vec();
        answers[step] = answer;
        hand_over(&answers, None).0
    };
    for (step, answer, is_about_the_mail) in [
        (0, "554 go away\r\n", false),
        (1, "421 later\r\n", false),
        (2, "451 later\r\n", false),
        (2, "550 you?\r\n", true),
        (5, "452 full\r\n", false),
        (6, "552 too big\r\n", true),
        (6, "451-greylisted\r\n451 later\r\n", false),
    ] {
        let error = refused_at(step, answer).unwrap_err();
        assert_eq!(error.is_about_the_mail(), is_about_the_mail, "{answer}: {error}");
    }
}

#[test]
fn some_recipients_may_be_refused() {
    let mut answers = GOOD.to_vec();
    answers[3] = "550 who?\r\n";
    assert_eq!(hand_over(&answers, None).0.unwrap(), ["a@x: 550 who?"]);
    answers[4] = "450 busy\r\n";
    let error = hand_over(&answers, None).0.unwrap_err();
    assert!(!error.is_about_the_mail(), "the second may be taken yet: {error}");
}

#[test]
fn relays_that_hang_hang_up_or_are_no_relays() {
    let (result, _) = hand_over(&[], None);
    assert!(matches!(result, Err(SmtpError::Timeout(Step::Greeting))), "{result:?}");
    let (result, _) = hand_over(&["220 hi\r\n", ""], None);
    assert!(matches!(result, Err(SmtpError::Timeout(Step::Hello))), "{result:?}");
    for nonsense in
        ["SSH-2.0-OpenSSH\r\n", "99 no\r\n", "22\r\n", "220!\r\n", "\r\n", "\u{1}\u{2}\u{3}\r\n", "é20 x\r\n"]
    {
        let (result, _) = hand_over(&[nonsense], None);
        assert!(matches!(result, Err(SmtpError::Nonsense(Step::Greeting))), "{nonsense:?}: {result:?}");
    }
    let endless = "x".repeat(REPLY_BYTES_MAX + 10);
    let (result, _) = hand_over(&[&endless], None);
    assert!(matches!(result, Err(SmtpError::Nonsense(_))), "{result:?}");
    let lines = "220-x\r\n".repeat(REPLY_BYTES_MAX / 4);
    let (result, _) = hand_over(&[&lines], None);
    assert!(matches!(result, Err(SmtpError::Nonsense(_))), "{result:?}");
    let closed = run_local(async {
        let (ours, theirs) = duplex(64);
        drop(theirs);
        Session::new(Box::new(ours), LIMIT).greeting().await
    });
    assert!(matches!(closed, Err(SmtpError::Closed)), "{closed:?}");
}

#[test]
fn what_comes_before_tls_is_not_taken_for_what_comes_after() {
    let injected = run_local(async {
        let (ours, theirs) = duplex(4_096);
        let client = async move {
            let mut session = Session::new(Box::new(ours), LIMIT);
            session.greeting().await?;
            session.hello("gw1").await?;
            session.start_tls().await.map(drop)
        };
        let answers = ["220 hi\r\n", "250-me\r\n250 STARTTLS\r\n", "220 go\r\n250 injected\r\n"];
        tokio::join!(client, relay(theirs, &answers)).0
    });
    assert!(matches!(injected, Err(SmtpError::Nonsense(Step::StartTls))), "{injected:?}");
}

#[test]
fn base64_is_that_of_the_rfc() {
    let cases =
        [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
    for (plain, encoded) in cases {
        assert_eq!(base64(plain.as_bytes()), encoded);
    }
}
