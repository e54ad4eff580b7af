//! The way to the mail relay: where it is, how it is spoken to, and one mail handed over.

use std::fmt;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use locum_config::model::{self, MailSecurity};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::smtp::{Password, Session, SmtpError, Stream};
#[cfg(feature = "mail-tls")]
use super::tls;
use crate::task;

/// Bytes of a password at most.
const PASSWORD_BYTES_MAX: u64 = 1_024;

/// The whole dialogue may take so many times `smtp_connect_timeout`, which holds for each of its steps.
const STEPS_MAX: u32 = 4;

/// Questions to the resolver that are open. It cannot be interrupted; one that hangs must not collect threads.
static RESOLVING: AtomicUsize = AtomicUsize::new(0);
const RESOLVING_MAX: usize = 2;

/// How mail goes, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Relay {
    host: String,
    port: u16,
    helo: String,
    security: MailSecurity,
    user: Option<String>,
    password_file: Option<String>,
    ca_file: Option<String>,
    limit: Duration,
}

/// Why a mail was not handed over.
#[derive(Debug)]
pub(super) enum RelayError {
    /// Its name is not known.
    Resolve(String, String),
    /// It cannot be reached.
    Connect(SocketAddr, io::Error),
    /// It did not answer in time.
    ConnectTimeout(SocketAddr),
    /// All of it took too long.
    TooLong(Duration),
    /// The dialogue failed.
    Smtp(SmtpError),
    /// TLS failed; the text says how.
    Tls(String),
    /// The password cannot be read.
    Password(String, io::Error),
    /// A login without TLS would tell the password to everybody on the way.
    LoginInClear,
}

impl fmt::Display for RelayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(host, error) => write!(f, "{host} cannot be resolved: {error}"),
            Self::Connect(address, error) => write!(f, "{address}: {error}"),
            Self::ConnectTimeout(address) => write!(f, "{address} does not answer"),
            Self::TooLong(limit) => write!(f, "the relay took longer than {} s", limit.as_secs()),
            Self::Smtp(error) => error.fmt(f),
            Self::Tls(text) => f.write_str(text),
            Self::Password(path, error) => write!(f, "smtp_password_file {path}: {error}"),
            Self::LoginInClear => f.write_str(
                "a login in clear would tell the password to everybody on the way; write smtp_security starttls or tls",
            ),
        }
    }
}

impl std::error::Error for RelayError {}

impl From<SmtpError> for RelayError {
    fn from(error: SmtpError) -> Self {
        Self::Smtp(error)
    }
}

impl RelayError {
    /// It makes no sense to try this mail again.
    pub(super) const fn is_about_the_mail(&self) -> bool {
        match self {
            Self::Smtp(error) => error.is_about_the_mail(),
            Self::Resolve(..)
            | Self::Connect(..)
            | Self::ConnectTimeout(_)
            | Self::TooLong(_)
            | Self::Tls(_)
            | Self::Password(..)
            | Self::LoginInClear => false,
        }
    }
}

impl Relay {
    /// The relay of a configuration that has one.
    pub(super) fn new(mail: &model::Mail, host_name: &str) -> Option<Self> {
        let (host, port) = mail.server.as_ref()?.value.clone();
        let value = |setting: &Option<model::Setting<String>>| setting.as_ref().map(|setting| setting.value.clone());
        Some(Self {
            host,
            port,
            helo: value(&mail.helo_name).unwrap_or_else(|| host_name.to_owned()),
            security: *mail.security,
            user: value(&mail.user),
            password_file: value(&mail.password_file),
            ca_file: value(&mail.ca_file),
            limit: Duration::from_millis(u64::from(*mail.connect_timeout_ms).max(1_000)),
        })
    }

    /// Hands over a mail. Gives the recipients that were refused, if others were not.
    pub(super) async fn send(&self, from: &str, to: &[String], mail: &str) -> Result<Vec<String>, RelayError> {
        let longest = self.limit * STEPS_MAX;
        timeout(longest, self.send_unbounded(from, to, mail)).await.unwrap_or(Err(RelayError::TooLong(longest)))
    }

    async fn send_unbounded(&self, from: &str, to: &[String], mail: &str) -> Result<Vec<String>, RelayError> {
        let tcp = self.connect().await?;
        let is_loopback = tcp.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
        let mut stream: Box<dyn Stream> = Box::new(tcp);
        if self.security == MailSecurity::StartTls {
            let mut clear = Session::new(stream, self.limit);
            clear.greeting().await?;
            clear.hello(&self.helo).await?;
            stream = clear.start_tls().await?;
        }
        if self.security != MailSecurity::None {
            stream = self.secure(stream).await?;
        }
        let mut session = Session::new(stream, self.limit);
        if self.security != MailSecurity::StartTls {
            session.greeting().await?;
        }
        session.hello(&self.helo).await?;
        if let Some(user) = &self.user {
            if self.security == MailSecurity::None && !is_loopback {
                return Err(RelayError::LoginInClear);
            }
            session.login(user, &self.password()?).await?;
        }
        let to: Vec<_> = to.iter().map(|address| bare(address)).collect();
        let refused = session.send(&bare(from), &to, mail).await?;
        session.quit().await;
        Ok(refused)
    }

    async fn connect(&self) -> Result<TcpStream, RelayError> {
        let mut last = RelayError::Resolve(self.host.clone(), "it has no address".into());
        for address in self.addresses().await? {
            match timeout(self.limit, connect_to(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = RelayError::Connect(address, error),
                Err(_) => last = RelayError::ConnectTimeout(address),
            }
        }
        Err(last)
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, RelayError> {
        if let Ok(address) = self.host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(vec![(address, self.port).into()]);
        }
        let failed = |text: &str| RelayError::Resolve(self.host.clone(), text.to_owned());
        if RESOLVING.fetch_add(1, Ordering::Relaxed) >= RESOLVING_MAX {
            RESOLVING.fetch_sub(1, Ordering::Relaxed);
            return Err(failed("the resolver does not answer"));
        }
        // The C library's resolver waits; a thread of its own waits for it, and is left behind where it takes too long.
        let (host, port) = (self.host.clone(), self.port);
        let asked = task::in_thread("resolver", move || {
            let found = (host.as_str(), port).to_socket_addrs().map(|found| found.take(8).collect::<Vec<_>>());
            RESOLVING.fetch_sub(1, Ordering::Relaxed);
            found
        });
        let answered = asked.map_err(|error| {
            RESOLVING.fetch_sub(1, Ordering::Relaxed);
            failed(&error.to_string())
        })?;
        match timeout(self.limit, answered).await {
            Ok(Ok(found)) => found.map_err(|error| failed(&error.to_string())),
            Ok(Err(_)) | Err(_) => Err(failed("the resolver does not answer")),
        }
    }

    #[cfg(feature = "mail-tls")]
    async fn secure(&self, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, RelayError> {
        let secured = timeout(self.limit, tls::connect(stream, &self.host, self.ca_file.as_deref())).await;
        match secured {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(RelayError::Tls(error.to_string())),
            Err(_) => Err(RelayError::Tls("the relay does not answer in TLS; is this the right port?".into())),
        }
    }

    #[cfg(not(feature = "mail-tls"))]
    #[allow(clippy::unused_async, reason = "the same signature as with TLS")]
    async fn secure(&self, _: Box<dyn Stream>) -> Result<Box<dyn Stream>, RelayError> {
        let _ = &self.ca_file;
        Err(RelayError::Tls(
            "this locum was built without `mail-tls`; use a relay in your own network without TLS".into(),
        ))
    }

    /// Read anew each time, so that a new password needs no reload.
    fn password(&self) -> Result<Password, RelayError> {
        let Some(path) = &self.password_file else { return Ok(Password::new(String::new())) };
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(PASSWORD_BYTES_MAX).read_to_string(&mut text))
            .map_err(|error| RelayError::Password(path.clone(), error))?;
        Ok(Password::new(text.lines().next().unwrap_or_default().to_owned()))
    }
}

/// As `TcpStream::connect`, which also looks names up, and has code for it.
async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.connect(address).await
}

impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} port {}", self.host, self.port)
    }
}

/// The address in `Name <address>`, without anything that could end the command that it stands in.
fn bare(address: &str) -> String {
    let address = address.rsplit_once('<').map_or(address, |(_, address)| address);
    address.chars().filter(|char| !char.is_control() && !"<> ".contains(*char)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_cannot_end_the_command() {
        assert_eq!(bare("admin@example.net"), "admin@example.net");
        assert_eq!(bare("The Admin <admin@example.net>"), "admin@example.net");
        assert_eq!(bare("a@b>\r\nDATA"), "a@bDATA");
    }
}
