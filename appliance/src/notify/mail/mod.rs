//! Built-in mail (keepalived.conf(5), `smtp_alert`): each change of state is a mail, many in a short time are one digest.
//!
//! A mail is a file in the spool until the relay has taken it. One task sends them in order, and tries again with pauses that
//! grow. Nothing else waits for it.
//!
//! - [`message`]: the text.
//! - [`spool`]: mails that wait.
//! - [`relay`], [`smtp`], [`tls`]: handing one over.

mod message;
mod relay;
mod smtp;
mod spool;
#[cfg(feature = "mail-tls")]
mod tls;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use locum_config::model::{self, Global};
use locum_control::MailStatus;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use self::message::Sender;
use self::relay::Relay;
use self::spool::Spool;
use super::told::{Notice, Word};
use crate::{clock, machine, task};

/// So many mails within `smtp_digest` are mails of their own; what follows comes in one.
const SINGLE_MAILS_MAX: usize = 5;

/// Changes that a digest lists; of more, the newest.
const DIGEST_MAX: usize = 100;

/// Between attempts: at first, and at most.
const RETRY_FIRST: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(15 * 60);

/// Sends mails.
pub(crate) struct Mailer {
    inner: Rc<RefCell<Inner>>,
    wake: Rc<tokio::sync::Notify>,
    task: JoinHandle<()>,
}

struct Inner {
    /// `None` where the configuration lacks a relay or a recipient.
    settings: Option<Rc<Settings>>,
    spool: Spool,
    /// When the last mails were made.
    made: VecDeque<Instant>,
    /// What the next digest will hold, and when.
    collected: Vec<Notice>,
    left_out: u64,
    digest_at: Option<Instant>,
    /// Not before.
    retry_at: Option<Instant>,
    pause: Duration,
    status: MailStatus,
    mails_made: u64,
    /// A mail is under way.
    is_sending: bool,
}

/// Mail as configured.
#[derive(Debug, PartialEq, Eq)]
struct Settings {
    relay: Relay,
    sender: Sender,
    no_faults: bool,
    /// `smtp_digest`
    window: Duration,
}

impl Settings {
    fn new(global: &Global) -> Option<Self> {
        let mail: &model::Mail = &global.mail;
        let host = machine::host_name();
        let to: Vec<_> = mail.to.iter().map(|address| address.value.clone()).collect();
        if to.is_empty() {
            return None;
        }
        let sender = Sender {
            router: global.router_id.as_ref().map_or_else(|| host.clone(), |id| id.value.clone()),
            from: mail.from.as_ref().map_or_else(|| format!("keepalived@{host}"), |from| from.value.clone()),
            to,
            host,
        };
        let relay = Relay::new(mail, &sender.host)?;
        let window = Duration::from_secs(u64::from(*mail.digest_s));
        Some(Self { relay, sender, no_faults: *mail.no_faults, window })
    }
}

impl Mailer {
    /// With what an earlier run could not send.
    pub(super) fn start(global: &Global, run_directory: &Path) -> Self {
        let inner = Inner {
            settings: Settings::new(global).map(Rc::new),
            spool: Spool::open(run_directory),
            made: VecDeque::new(),
            collected: Vec::new(),
            left_out: 0,
            digest_at: None,
            retry_at: None,
            pause: RETRY_FIRST,
            status: MailStatus::default(),
            mails_made: 0,
            is_sending: false,
        };
        let inner = Rc::new(RefCell::new(inner));
        let wake = Rc::new(tokio::sync::Notify::new());
        let task = task::spawn(work(Rc::clone(&inner), Rc::clone(&wake)));
        Self { inner, wake, task }
    }

    /// Another configuration. What waits is sent as it says.
    pub(super) fn reload(&self, global: &Global) {
        let settings = Settings::new(global).map(Rc::new);
        let mut inner = self.inner.borrow_mut();
        if inner.settings != settings {
            inner.settings = settings;
            inner.retry_at = None;
            inner.pause = RETRY_FIRST;
            self.wake.notify_one();
        }
    }

    /// Mails a change of state, if it is one of those that are mailed and not what the last mail said (`last`). Returns
    /// whether it is mailed.
    pub(super) fn alert(&self, notice: &Notice, last: Option<Word>) -> bool {
        let mut inner = self.inner.borrow_mut();
        let Some(settings) = inner.settings.clone() else { return false };
        let is_mailed = message::words(&notice.subject, notice.word).is_some()
            && last != Some(notice.word)
            && !(settings.no_faults && notice.word == Word::Fault);
        if is_mailed {
            inner.take(notice, &settings);
            self.wake.notify_one();
        }
        is_mailed
    }

    /// What became of the mails; nothing where none are sent.
    pub(super) fn status(&self) -> Option<MailStatus> {
        let inner = self.inner.borrow();
        inner.settings.is_some().then(|| inner.status())
    }

    /// Sends what can be sent within `limit`; the rest stays in the spool.
    pub(super) async fn shut_down(&self, limit: Duration) {
        {
            let mut inner = self.inner.borrow_mut();
            inner.make_digest();
            // A relay that does not answer has had its chance.
            if inner.retry_at.is_some() || inner.settings.is_none() {
                self.task.abort();
                return;
            }
        }
        self.wake.notify_one();
        let all_sent = async {
            loop {
                tokio::time::sleep(Duration::from_millis(10)).await;
                let inner = self.inner.borrow();
                if inner.retry_at.is_some() || (inner.spool.len() == 0 && !inner.is_sending) {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(limit, all_sent).await; // then it waits in the spool
        let left = self.inner.borrow().spool.len();
        if left > 0 {
            log::warn!("{left} mails wait in the run directory for the next start");
        }
        self.task.abort();
    }
}

impl Inner {
    fn status(&self) -> MailStatus {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        MailStatus {
            waiting: count(self.spool.len()),
            collected: count(self.collected.len()),
            lost: self.spool.lost(),
            ..self.status.clone()
        }
    }

    fn take(&mut self, notice: &Notice, settings: &Settings) {
        let now = Instant::now();
        while self.made.front().is_some_and(|made| now.duration_since(*made) >= settings.window) {
            self.made.pop_front();
        }
        let is_storm = self.digest_at.is_some() || self.made.len() >= SINGLE_MAILS_MAX;
        if !is_storm || settings.window.is_zero() {
            if !settings.window.is_zero() {
                self.made.push_back(now);
            }
            self.mails_made += 1;
            if let Some(mail) = message::single(&settings.sender, notice, self.mails_made) {
                self.spool(&mail);
            }
            return;
        }
        if self.collected.len() >= DIGEST_MAX {
            self.collected.remove(0);
            self.left_out += 1;
        }
        self.collected.push(notice.clone());
        self.digest_at.get_or_insert(now + settings.window);
    }

    fn make_digest(&mut self) {
        self.digest_at = None;
        let Some(settings) = self.settings.clone().filter(|_| !self.collected.is_empty()) else { return };
        let notices = std::mem::take(&mut self.collected);
        self.mails_made += 1;
        let left_out = std::mem::take(&mut self.left_out);
        let mail = match notices.as_slice() {
            [only] if left_out == 0 => message::single(&settings.sender, only, self.mails_made),
            many => Some(message::digest(&settings.sender, many, left_out, clock::unix_ms(), self.mails_made)),
        };
        self.made.push_back(Instant::now());
        if let Some(mail) = mail {
            self.spool(&mail);
        }
    }

    fn spool(&mut self, mail: &str) {
        if let Err(error) = self.spool.add(mail) {
            log::warn!("a mail cannot be kept in the run directory: {error}");
            self.status.last_error = Some(format!("a mail cannot be kept: {error}"));
        }
    }

    /// What is to be sent now.
    fn next(&mut self) -> Option<(Rc<Settings>, u64, String)> {
        let settings = self.settings.clone()?;
        if self.retry_at.is_some_and(|at| at > Instant::now()) {
            return None;
        }
        let (number, mail) = self.spool.first()?;
        Some((settings, number, mail))
    }

    fn sent(&mut self, number: u64, refused: &[String]) {
        self.spool.remove(number);
        self.status.sent += 1;
        self.status.last_error = None;
        self.retry_at = None;
        self.pause = RETRY_FIRST;
        for address in refused {
            log::warn!("mail: the relay refuses a recipient, {address}");
            self.status.last_error = Some(format!("recipient {address}"));
        }
    }

    fn failed(&mut self, number: u64, relay: &Relay, error: &relay::RelayError) {
        if error.is_about_the_mail() {
            self.spool.remove(number);
            self.status.refused += 1;
            log::error!("mail: {error}; it is thrown away");
        } else {
            log::warn!("mail: {error} ({relay}); tried again in {} s", self.pause.as_secs());
            self.retry_at = Some(Instant::now() + self.pause);
            self.pause = (self.pause * 2).min(RETRY_MAX);
        }
        self.status.last_error = Some(error.to_string());
    }
}

async fn work(inner: Rc<RefCell<Inner>>, wake: Rc<tokio::sync::Notify>) {
    loop {
        let next = {
            let mut inner = inner.borrow_mut();
            if inner.digest_at.is_some_and(|at| at <= Instant::now()) {
                inner.make_digest();
            }
            let next = inner.next();
            inner.is_sending = next.is_some();
            next
        };
        if let Some((settings, number, mail)) = next {
            let result = settings.relay.send(&settings.sender.from, &settings.sender.to, &mail).await;
            let mut inner = inner.borrow_mut();
            inner.is_sending = false;
            match result {
                Ok(refused) => inner.sent(number, &refused),
                Err(error) => inner.failed(number, &settings.relay, &error),
            }
            continue;
        }
        let until = {
            let inner = inner.borrow();
            let retry = inner.retry_at.filter(|_| inner.spool.len() > 0);
            [retry, inner.digest_at].into_iter().flatten().min()
        };
        tokio::select! {
            () = wake.notified() => {}
            () = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            } => {}
        }
    }
}

/// Sends a mail that only says that mail arrives, at once and past the spool.
pub(crate) async fn send_test(global: &Global, instance: &str) -> Option<Result<String, String>> {
    let settings = Settings::new(global)?;
    let mail = message::test(&settings.sender, instance, clock::unix_ms());
    let sent = settings.relay.send(&settings.sender.from, &settings.sender.to, &mail).await;
    Some(match sent {
        Ok(refused) if refused.is_empty() => Ok(format!("taken by {}", settings.relay)),
        Ok(refused) => Err(format!("taken by {}, but not for {}", settings.relay, refused.join(", "))),
        Err(error) => Err(format!("{} ({error})", settings.relay)),
    })
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4_usize {
            let value = usize::try_from(bits >> (18 - 6 * digit) & 63).unwrap_or(0);
            let is_padding = digit > chunk.len();
            text.push(if is_padding { '=' } else { DIGITS.get(value).copied().map_or('=', char::from) });
        }
    }
    text
}

#[cfg(test)]
mod tests;
