//! TLS towards the mail relay.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::smtp::Stream;

/// Where systems keep the certificates that they trust: Debian, Alpine and OpenWrt; Fedora; FreeBSD's habit, also Alpine's.
const SYSTEM_FILES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Why there is no TLS.
#[derive(Debug)]
pub(super) enum TlsError {
    /// The certificates to trust cannot be read.
    Certificates(String, String),
    /// There are none.
    NoCertificates,
    /// What is written as the relay's name cannot be in a certificate.
    Name(InvalidDnsNameError),
    /// The relay and we could not agree, or its certificate is not trusted.
    Handshake(io::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificates(path, error) => write!(f, "certificates in {path}: {error}"),
            Self::NoCertificates => {
                f.write_str("this system has no certificates to trust; install ca-certificates, or write smtp_ca_file")
            }
            Self::Name(error) => write!(f, "smtp_server: {error}"),
            Self::Handshake(error) => write!(f, "TLS with the relay failed: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}

/// Speaks TLS on a connection. The relay has to show a certificate for `host` that is signed by one of those in `ca_file`, or
/// by one that the system trusts.
pub(super) async fn connect(
    stream: Box<dyn Stream>,
    host: &str,
    ca_file: Option<&str>,
) -> Result<TlsStream<Box<dyn Stream>>, TlsError> {
    // Made for each mail, and dropped with it: a hundred and fifty certificates are half a megabyte, mails are rare.
    let roots = roots(ca_file)?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Handshake(io::Error::other(error)))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(TlsError::Name)?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(TlsError::Handshake)
}

fn roots(ca_file: Option<&str>) -> Result<RootCertStore, TlsError> {
    let system = || SYSTEM_FILES.into_iter().find(|path| Path::new(path).exists());
    let path = ca_file.or_else(system).ok_or(TlsError::NoCertificates)?;
    let failed = |error: String| TlsError::Certificates(path.to_owned(), error);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))? {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        // Systems keep some that nobody can use any more.
        if let Err(error) = roots.add(certificate) {
            log::debug!("{path}: {error}");
        }
    }
    if roots.is_empty() { Err(failed("there is none".into())) } else { Ok(roots) }
}
