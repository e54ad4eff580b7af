//! The dialogue with a mail relay (RFC 5321), as far as it takes to hand over one mail, with a login (RFC 4954).
//!
//! A library for it would be about ten times its size, most of it for international domain names, address lists and MIME,
//! which a router's mails do not have; a board of 8 MB flash does without.

use std::fmt;
use std::io;
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
pub(super) struct Session<S> {
    stream: S,
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

impl<S: Stream> Session<S> {
    pub(super) const fn new(stream: S, limit: Duration) -> Self {
        Self { stream, received: Vec::new(), limit, offers: Vec::new() }
    }

    /// Waits for the greeting.
    pub(super) async fn greeting(&mut self) -> Result<(), SmtpError> {
        self.answer(Step::Greeting).await.map(drop)
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
    pub(super) async fn start_tls(mut self) -> Result<S, SmtpError> {
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
    pub(super) async fn quit(&mut self) {
        let _ = timeout(Duration::from_secs(1), self.command(Step::Message, "QUIT")).await;
    }

    async fn command(&mut self, step: Step, line: &str) -> Result<Reply, SmtpError> {
        let mut bytes = Vec::with_capacity(line.len() + 2);
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        let write = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        timeout(self.limit, write).await.map_err(|_| SmtpError::Timeout(step))??;
        self.answer(step).await
    }

    async fn answer(&mut self, step: Step) -> Result<Reply, SmtpError> {
        let reply = timeout(self.limit, self.reply(step)).await.map_err(|_| SmtpError::Timeout(step))??;
        if (200..400).contains(&reply.code) {
            return Ok(reply);
        }
        let text = reply.lines.join(" ");
        let text = text.chars().filter(|char| !char.is_control()).take(SHOWN_CHARS_MAX).collect();
        Err(SmtpError::Refused { step, code: reply.code, text })
    }

    /// Reads one answer, of one or several lines (RFC 5321 §4.2.1).
    async fn reply(&mut self, step: Step) -> Result<Reply, SmtpError> {
        let mut lines = Vec::new();
        let mut bytes = 0;
        loop {
            let line = self.line(step, REPLY_BYTES_MAX.saturating_sub(bytes)).await?;
            bytes += line.len();
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok()).filter(|code| (200..600).contains(code));
            let code = code.ok_or(SmtpError::Nonsense(step))?;
            let (goes_on, text) = match line.get(3..4) {
                Some("-") => (true, line.get(4..)),
                Some(" ") => (false, line.get(4..)),
                None => (false, None),
                Some(_) => return Err(SmtpError::Nonsense(step)),
            };
            lines.push(text.unwrap_or_default().to_owned());
            if !goes_on {
                return Ok(Reply { code, lines });
            }
        }
    }

    async fn line(&mut self, step: Step, bytes_max: usize) -> Result<String, SmtpError> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            if self.received.len() >= bytes_max {
                return Err(SmtpError::Nonsense(step));
            }
            let mut chunk = [0; 1_024];
            match self.stream.read(&mut chunk).await? {
                0 => return Err(SmtpError::Closed),
                read => self.received.extend_from_slice(chunk.get(..read).unwrap_or_default()),
            }
        }
    }
}

#[cfg(test)]
mod tests;
