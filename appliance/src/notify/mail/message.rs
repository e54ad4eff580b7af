//! The text of a mail: subject and first line as keepalived writes them, then what a person wants to know besides.
//!
//! Read RFC 5322 and, for what is not ASCII, RFC 2047 and RFC 2045 before changing it.

use std::fmt::Write;

use locum_control::{SortedMap, time};

use super::super::told::{Notice, Subject, Word};
use super::base64;

/// Characters of one line that come from outside. A line of a mail has at most 998 bytes (RFC 5322 §2.1.1).
const TEXT_CHARS_MAX: usize = 200;

/// Bytes that one encoded word holds, so that it stays within 75 characters (RFC 2047 §2).
const ENCODED_WORD_BYTES: usize = 42;

/// What is the same in all mails of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sender {
    /// `router_id`
    pub(super) router: String,
    pub(super) host: String,
    /// `notification_email_from`
    pub(super) from: String,
    /// `notification_email`
    pub(super) to: Vec<String>,
}

/// The subject's end and the first line for a state, as keepalived has them; nothing for what is not mailed.
pub(super) fn words(subject: &Subject, word: Word) -> Option<(&'static str, &'static str)> {
    let is_group = matches!(subject, Subject::Group(_));
    Some(match (word, is_group) {
        (Word::Master, false) => ("Entering MASTER state", "=> VRRP Instance is now owning VRRP VIPs <="),
        (Word::Backup, false) => ("Entering BACKUP state", "=> VRRP Instance is no longer owning VRRP VIPs <="),
        (Word::Fault, false) => ("Entering FAULT state", "=> VRRP Instance is no longer owning VRRP VIPs <="),
        (Word::Stop, false) => ("Stopping", "=> VRRP Instance stopping <="),
        (Word::Deleted, false) => ("Deleted", "=> VRRP Deleted at reload <="),
        (Word::Master, true) => ("Entering MASTER state", "=> All VRRP group instances are now in MASTER state <="),
        (Word::Backup, true) => ("Entering BACKUP state", "=> All VRRP group instances are now in BACKUP state <="),
        (Word::Fault, true) => ("Entering FAULT state", "=> All VRRP group instances are now in FAULT state <="),
        (Word::Stop, true) => ("Stopping", "=> All VRRP group instances are now stopping <="),
        (Word::Deleted, true) | (Word::HeardLower | Word::MasterPriority | Word::BackupPriority, _) => return None,
    })
}

/// A mail about one change. `number` tells it from others of the same moment.
pub(super) fn single(sender: &Sender, notice: &Notice, number: u64) -> Option<String> {
    let (what, first_line) = words(&notice.subject, notice.word)?;
    let subject = format!("[{}] VRRP {} - {what}", sender.router, kind_and_name(&notice.subject));
    let mut body = format!("{first_line}\n\n");
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(body, "{name:<10}{}", plain(value)); // into a string
        }
    };
    line("What:", &where_it_is(notice));
    line("State:", &notice.from.map(|from| format!("{from} -> {}", notice.word)).unwrap_or_default());
    line("Cause:", &notice.cause);
    if let Subject::Instance(_) = notice.subject {
        line("Priority:", &notice.priority.to_string());
    }
    line("Time:", &moment(notice.at_unix_ms));
    line("Router:", &sender.host);
    Some(mail(sender, &subject, &body, notice.at_unix_ms, number))
}

/// One mail about many changes.
pub(super) fn digest(sender: &Sender, notices: &[Notice], left_out: u64, now_unix_ms: u64, number: u64) -> String {
    let count = u64::try_from(notices.len()).unwrap_or(u64::MAX).saturating_add(left_out);
    let subject = format!("[{}] VRRP - {count} changes of state", sender.router);
    let mut body = String::from("=> Many VRRP changes in a short time <=\n\n");
    if left_out > 0 {
        let _ = writeln!(body, "The first {left_out} are left out."); // into a string, as below
    }
    let mut last = SortedMap::new();
    for notice in notices {
        let (name, word) = (kind_and_name(&notice.subject), notice.word);
        let _ = writeln!(body, "{}  {name}: {word}  {}", moment(notice.at_unix_ms), plain(&notice.cause));
        last.insert(name, word);
    }
    let _ = writeln!(body, "\nHow it stands at {} on {}:", moment(now_unix_ms), plain(&sender.host));
    for (name, word) in last {
        let _ = writeln!(body, "{name}: {word}");
    }
    mail(sender, &subject, &body, now_unix_ms, number)
}

/// A mail that shows that mail arrives.
pub(super) fn test(sender: &Sender, instance: &str, now_unix_ms: u64) -> String {
    let subject = format!("[{}] VRRP Instance {} - Test", sender.router, plain(instance));
    let body =
        format!("=> Mail of this router arrives. Nothing has happened. <=\n\nRouter:   {}\n", plain(&sender.host));
    mail(sender, &subject, &body, now_unix_ms, 0)
}

fn mail(sender: &Sender, subject: &str, body: &str, unix_ms: u64, number: u64) -> String {
    let to: Vec<_> = sender.to.iter().map(|address| plain(address)).collect();
    let is_ascii = body.is_ascii();
    let encoding = if is_ascii { "7bit" } else { "base64" };
    let domain: String =
        sender.host.chars().filter(|char| char.is_ascii_alphanumeric() || ".-".contains(*char)).collect();
    let mut text = format!(
        "Date: {}\r\nFrom: {}\r\nSubject: {}\r\nX-Mailer: locum {}\r\nTo: {}\r\nMessage-ID: <{unix_ms}.{number}.{}@{domain}>\r\n\
         Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: {encoding}\r\n\r\n",
        date(unix_ms),
        plain(&sender.from),
        header(subject),
        env!("CARGO_PKG_VERSION"),
        to.join(",\r\n "),
        std::process::id(),
    );
    if is_ascii {
        body.lines().for_each(|line| text.extend([line, "\r\n"]));
    } else {
        let encoded = base64(body.as_bytes());
        for (index, char) in encoded.chars().enumerate() {
            if index > 0 && index % 76 == 0 {
                text.push_str("\r\n");
            }
            text.push(char);
        }
        text.push_str("\r\n");
    }
    text
}

fn kind_and_name(subject: &Subject) -> String {
    let kind = match subject {
        Subject::Instance(_) => "Instance",
        Subject::Group(_) => "Group",
    };
    format!("{kind} {}", plain(subject.name()))
}

fn where_it_is(notice: &Notice) -> String {
    let name = kind_and_name(&notice.subject);
    match (notice.particulars.vrid(), notice.particulars.interface()) {
        (Some(vrid), Some(interface)) => format!("{name} (VRID {vrid} on {interface})"),
        (Some(vrid), None) => format!("{name} (VRID {vrid})"),
        (None, _) => name,
    }
}

/// One line of bounded length without anything that could begin another one.
fn plain(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).take(TEXT_CHARS_MAX).collect()
}

/// A header's text; in encoded words where it is not ASCII.
fn header(text: &str) -> String {
    let text = plain(text);
    if text.is_ascii() {
        return text;
    }
    let mut words = Vec::new();
    let mut word = String::new();
    for char in text.chars() {
        if word.len() + char.len_utf8() > ENCODED_WORD_BYTES {
            words.push(std::mem::take(&mut word));
        }
        word.push(char);
    }
    words.push(word);
    let words: Vec<_> = words.iter().map(|word| format!("=?UTF-8?B?{}?=", base64(word.as_bytes()))).collect();
    words.join("\r\n ")
}

fn moment(unix_ms: u64) -> String {
    format!("{} {} UTC", time::date(unix_ms), time::time_of_day(unix_ms))
}

/// As RFC 5322 §3.3 writes it.
fn date(unix_ms: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let weekday = usize::try_from(unix_ms / 86_400_000 % 7).ok().and_then(|day| DAYS.get(day)).unwrap_or(&"Thu");
    let (year, month, day) = time::year_month_day(unix_ms);
    let month = usize::try_from(month).ok().and_then(|month| MONTHS.get(month.checked_sub(1)?)).unwrap_or(&"Jan");
    format!("{weekday}, {day:02} {month} {year} {} +0000", time::time_of_day(unix_ms))
}

#[cfg(test)]
mod tests {
    use super::super::super::told::tests::notice;
    use super::*;

    fn sender() -> Sender {
        Sender {
            router: "gw1".into(),
            host: "gw1.example.net".into(),
            from: "keepalived@gw1".into(),
            to: vec!["admin@example.net".into(), "second@example.net".into()],
        }
    }

    fn line<'a>(mail: &'a str, beginning: &str) -> Option<&'a str> {
        mail.lines().find_map(|line| line.strip_prefix(beginning))
    }

    #[test]
    fn subject_and_first_line_are_those_of_keepalived() {
        let mail = single(&sender(), &notice("VI_1", Word::Master), 7).unwrap();
        assert_eq!(line(&mail, "Subject: "), Some("[gw1] VRRP Instance VI_1 - Entering MASTER state"));
        assert_eq!(line(&mail, "Date: "), Some("Sun, 22 Nov 2026 16:40:01 +0000"));
        assert_eq!(line(&mail, "To: "), Some("admin@example.net,"));
        let (_, body) = mail.split_once("\r\n\r\n").unwrap();
        assert!(body.starts_with("=> VRRP Instance is now owning VRRP VIPs <=\r\n"), "{body}");
        assert_eq!(line(body, "What:     "), Some("Instance VI_1 (VRID 45 on eth0)"));
        assert_eq!(line(body, "State:    "), Some("BACKUP -> MASTER"));
        assert_eq!(line(body, "Cause:    "), Some("nobody heard for 3.6 s"));
        assert_eq!(line(body, "Time:     "), Some("2026-11-22 16:40:01 UTC"));
        let mut group = notice("VG", Word::Stop);
        group.subject = Subject::group("VG");
        let mail = single(&sender(), &group, 7).unwrap();
        assert_eq!(line(&mail, "Subject: "), Some("[gw1] VRRP Group VG - Stopping"));
        assert_eq!(single(&sender(), &notice("VI_1", Word::HeardLower), 7), None);
    }

    #[test]
    fn names_and_causes_cannot_add_a_header_or_a_line() {
        let mut evil = notice("VI\r\nBcc: all@example.net", Word::Fault);
        evil.cause = format!("x\r\n.\r\nMAIL FROM:<y> {}", "z".repeat(2_000));
        let mail = single(&sender(), &evil, 1).unwrap();
        assert!(!mail.contains("\nBcc"), "{mail}");
        assert!(!mail.contains("\nMAIL") && !mail.contains("\n."), "{mail}");
        assert!(mail.lines().all(|line| line.len() < 998));
        assert_eq!(mail.matches('\n').count(), mail.matches("\r\n").count());
    }

    #[test]
    fn what_is_not_ascii_is_encoded() {
        let mail = single(&sender(), &notice("Büro-Straße-im-ersten-Stock-neben-der-Küche", Word::Backup), 1).unwrap();
        assert!(mail.is_ascii());
        assert!(mail.contains("Subject: =?UTF-8?B?") && mail.contains("Content-Transfer-Encoding: base64"));
        assert!(mail.lines().all(|line| line.len() <= 90), "{mail}");
    }

    #[test]
    fn a_digest_says_what_was_and_how_it_stands() {
        let mut notices: Vec<_> = (0..3).map(|_| notice("VI_1", Word::Master)).collect();
        notices.push(notice("VI_2", Word::Fault));
        let mail = digest(&sender(), &notices, 2, 1_795_365_661_000, 9);
        assert_eq!(line(&mail, "Subject: "), Some("[gw1] VRRP - 6 changes of state"));
        assert!(mail.contains("The first 2 are left out."));
        assert_eq!(mail.matches("  Instance VI_1: MASTER  nobody heard").count(), 3);
        assert!(mail.contains("How it stands at 2026-11-22 16:41:01 UTC on gw1.example.net:\r\nInstance VI_1: MASTER\r\nInstance VI_2: FAULT\r\n"), "{mail}");
    }

    #[test]
    fn dates_of_other_days() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(951_782_400_000), "Tue, 29 Feb 2000 00:00:00 +0000");
    }
}
