//! The dialogue with a mail relay (RFC 5321), as far as it takes to hand over one mail, with a login (RFC 4954).
//!
//! A library for it would be about ten times its size, most of it for international domain names, address lists and MIME,
//! which a router's mails do not have; a board of 8 MB flash does without.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::base64;

/// Bytes of one answer, all its lines together. A relay that says more is none.
const REPLY_BYTES_MAX: usize = 16 * 1024;

/// Characters of a relay's answer that are shown.
const SHOWN_CHARS_MAX: usize = 200;

/// A connection.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// Where in the dialogue something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Greeting,
    Hello,
    StartTls,
    Login,
    Sender,
    Recipient,
    Data,
    Message,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "the greeting",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Login => "the login",
            Self::Sender => "the sender",
            Self::Recipient => "the recipients",
            Self::Data => "DATA",
            Self::Message => "the mail",
        })
    }
}

/// Why a mail was not handed over.
#[derive(Debug)]
pub(super) enum SmtpError {
    /// The connection broke.
    Io(io::Error),
    /// The relay closed it.
    Closed,
    /// The relay did not answer in time.
    Timeout(Step),
    /// What it says is not SMTP.
    Nonsense(Step),
    /// It said no.
    Refused { step: Step, code: u16, text: String },
    /// It does not offer what the configuration asks for.
    NotOffered(&'static str),
}

impl fmt::Display for SmtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the connection broke: {error}"),
            Self::Closed => f.write_str("the relay closed the connection"),
            Self::Timeout(step) => write!(f, "the relay does not answer to {step}"),
            Self::Nonsense(step) => write!(f, "the answer to {step} is not SMTP; is this the right port?"),
            Self::Refused { step, code, text } => write!(f, "the relay refuses {step}: {code} {text}"),
            Self::NotOffered(what) => write!(f, "the relay does not offer {what}"),
        }
    }
}

impl SmtpError {
    /// The relay will never take this mail, so that it makes no sense to try again: a refusal for good (RFC 5321 §4.2.1)
    /// that is about the mail. One of the login or of the connection is about the configuration, which can be mended.
    pub(super) const fn is_about_the_mail(&self) -> bool {
        match self {
            Self::Refused { step: Step::Sender | Step::Recipient | Step::Data | Step::Message, code, .. } => {
                *code >= 500
            }
            Self::Refused { .. }
            | Self::Io(_)
            | Self::Closed
            | Self::Timeout(_)
            | Self::Nonsense(_)
            | Self::NotOffered(_) => false,
        }
    }
}

impl SmtpError {
    /// A relay can answer whatever it likes, even with what it was just told.
    fn without(mut self, secret: &str) -> Self {
        if let Self::Refused { text, .. } = &mut self
            && !secret.is_empty()
            && text.contains(secret)
        {
            text.clear();
        }
        self
    }
}

impl From<io::Error> for SmtpError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A password. Shown nowhere.
pub(super) struct Password(String);

impl Password {
    pub(super) const fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

/// A dialogue.
pub(super) struct Session {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
    /// How long the relay may take for each answer.
    limit: Duration,
    /// What it offered to EHLO, in capitals.
    offers: Vec<String>,
}

struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Session {
    pub(super) const fn new(stream: Box<dyn Stream>, limit: Duration) -> Self {
        Self { stream, received: Vec::new(), limit, offers: Vec::new() }
    }

    /// Waits for the greeting.
    pub(super) async fn greeting(&mut self) -> Result<(), SmtpError> {
        self.exchange(Step::Greeting, String::new()).await.map(drop)
    }

    /// Says who we are, and hears what the relay offers.
    pub(super) async fn hello(&mut self, name: &str) -> Result<(), SmtpError> {
        match self.command(Step::Hello, &format!("EHLO {name}")).await {
            Ok(reply) => {
                self.offers = reply.lines.into_iter().skip(1).map(|line| line.to_ascii_uppercase()).collect();
                Ok(())
            }
            // A relay of before 1995 (RFC 5321 §3.2).
            Err(SmtpError::Refused { code: 500..=504, .. }) => {
                self.command(Step::Hello, &format!("HELO {name}")).await.map(drop)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks for TLS, and gives the connection to whoever speaks it.
    pub(super) async fn start_tls(mut self) -> Result<Box<dyn Stream>, SmtpError> {
        if !self.offers.iter().any(|offer| offer == "STARTTLS") {
            return Err(SmtpError::NotOffered("STARTTLS"));
        }
        self.command(Step::StartTls, "STARTTLS").await?;
        // What came before TLS could have been put there by anybody (RFC 3207 §4.2, CVE-2011-0411).
        if self.received.is_empty() { Ok(self.stream) } else { Err(SmtpError::Nonsense(Step::StartTls)) }
    }

    /// Logs in.
    pub(super) async fn login(&mut self, user: &str, password: &Password) -> Result<(), SmtpError> {
        let offers = |mechanism: &str| {
            let auth = self.offers.iter().filter_map(|offer| offer.strip_prefix("AUTH"));
            auth.flat_map(|list| list.split([' ', '='])).any(|offered| offered == mechanism)
        };
        let secret = &password.0;
        let result = if offers("PLAIN") {
            let plain = base64(format!("\0{user}\0{secret}").as_bytes());
            self.command(Step::Login, &format!("AUTH PLAIN {plain}")).await.map(drop)
        } else if offers("LOGIN") {
            self.login_in_steps(user, secret).await
        } else {
            Err(SmtpError::NotOffered("a login by PLAIN or LOGIN (before TLS, many relays do not)"))
        };
        result.map_err(|error| error.without(secret))
    }

    async fn login_in_steps(&mut self, user: &str, secret: &str) -> Result<(), SmtpError> {
        self.command(Step::Login, "AUTH LOGIN").await?;
        self.command(Step::Login, &base64(user.as_bytes())).await?;
        self.command(Step::Login, &base64(secret.as_bytes())).await.map(drop)
    }

    /// Hands over a mail. Gives the recipients that were refused, if others were not.
    pub(super) async fn send(&mut self, from: &str, to: &[String], mail: &str) -> Result<Vec<String>, SmtpError> {
        self.command(Step::Sender, &format!("MAIL FROM:<{from}>")).await?;
        let mut refused = Vec::new();
        let mut last = None;
        for address in to {
            match self.command(Step::Recipient, &format!("RCPT TO:<{address}>")).await {
                Ok(_) => {}
                Err(SmtpError::Refused { step, code, text }) => {
                    refused.push(format!("{address}: {code} {text}"));
                    // One that may yet be taken decides: then all of it is tried again.
                    let code = last.as_ref().map_or(code, |(before, _)| code.min(*before));
                    last = Some((code, SmtpError::Refused { step, code, text }));
                }
                Err(error) => return Err(error),
            }
        }
        if let Some((_, error)) = last.filter(|_| refused.len() == to.len()) {
            return Err(error);
        }
        self.command(Step::Data, "DATA").await?;
        let mut text = String::with_capacity(mail.len() + 64);
        for line in mail.lines() {
            // A line with a dot alone would end the mail (RFC 5321 §4.5.2).
            let dot = if line.starts_with('.') { "." } else { "" };
            text.extend([dot, line, "\r\n"]);
        }
        text.push('.');
        self.command(Step::Message, &text).await?;
        Ok(refused)
    }

    /// Says goodbye; what the relay says to that matters no more.
    pub(super) async fn quit(mut self) {
        self.limit = Duration::from_secs(1);
        let _ = self.command(Step::Message, "QUIT").await;
    }

    async fn command(&mut self, step: Step, line: &str) -> Result<Reply, SmtpError> {
        self.exchange(step, format!("{line}\r\n")).await
    }

    /// Says something, and hears the answer. In a box: what waits for it, at a dozen places, would else have all of this in it.
    fn exchange<'a>(
        &'a mut self,
        step: Step,
        said: String,
    ) -> Pin<Box<dyn Future<Output = Result<Reply, SmtpError>> + 'a>> {
        let limit = self.limit;
        let exchanged = async move {
            self.stream.write_all(said.as_bytes()).await?;
            self.stream.flush().await?;
            loop {
                if let Some(reply) = self.reply(step)? {
                    return reply.accepted(step);
                }
                let mut chunk = [0; 1_024];
                match self.stream.read(&mut chunk).await? {
                    0 => return Err(SmtpError::Closed),
                    read => self.received.extend_from_slice(chunk.get(..read).unwrap_or_default()),
                }
            }
        };
        Box::pin(async move { timeout(limit, exchanged).await.unwrap_or(Err(SmtpError::Timeout(step))) })
    }

    /// One answer, of one or several lines (RFC 5321 §4.2.1), as soon as all of it has been received.
    fn reply(&mut self, step: Step) -> Result<Option<Reply>, SmtpError> {
        let nonsense = || SmtpError::Nonsense(step);
        let mut lines = Vec::new();
        let mut read = 0;
        for line in self.received.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            read += line.len();
            let line = String::from_utf8_lossy(line);
            let line = line.trim_end_matches(['\r', '\n']);
            let code = line.get(..3).and_then(|code| code.parse().ok()).filter(|code| (200..600).contains(code));
            let code = code.ok_or_else(nonsense)?;
            let goes_on = match line.as_bytes().get(3) {
                Some(b'-') => true,
                Some(b' ') | None => false,
                Some(_) => return Err(nonsense()),
            };
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if !goes_on {
                self.received.drain(..read);
                return Ok(Some(Reply { code, lines }));
            }
        }
        if self.received.len() < REPLY_BYTES_MAX { Ok(None) } else { Err(nonsense()) }
    }
}

impl Reply {
    /// The reply, if it is a yes or a question for more.
    fn accepted(self, step: Step) -> Result<Self, SmtpError> {
        let Self { code, lines } = &self;
        if (200..400).contains(code) {
            return Ok(self);
        }
        let text = lines.join(" ").chars().filter(|char| !char.is_control()).take(SHOWN_CHARS_MAX).collect();
        Err(SmtpError::Refused { step, code: *code, text })
    }
}

#[cfg(test)]
mod tests;
