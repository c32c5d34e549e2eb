//! Connections that are encrypted, by the OpenSSL that librdkafka uses too.

use std::io;
use std::net::TcpStream;
use std::path::Path;

use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{SslConnector, SslMethod, SslStream, SslVerifyMode};

/// What is set of certificates, by librdkafka's names.
#[derive(Default)]
pub(super) struct Certificates {
    authorities: Option<String>,
    own: Option<String>,
    key: Option<String>,
    key_password: String,
    is_unchecked: bool,
    is_name_unchecked: bool,
}

impl Certificates {
    pub(super) fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "ssl.ca.location" => self.authorities = Some(value.to_owned()),
            "ssl.certificate.location" => self.own = Some(value.to_owned()),
            "ssl.key.location" => self.key = Some(value.to_owned()),
            "ssl.key.password" => value.clone_into(&mut self.key_password),
            "enable.ssl.certificate.verification" => {
                self.is_unchecked = !value.eq_ignore_ascii_case("true");
            }
            "ssl.endpoint.identification.algorithm" => {
                self.is_name_unchecked = value.eq_ignore_ascii_case("none");
            }
            _ => return None,
        }
        Some(())
    }
}

/// Makes encrypted connections.
pub(super) struct Tls {
    connector: SslConnector,
    checks_name: bool,
}

impl Tls {
    /// `None` when the files cannot be read, which librdkafka says better, or when the authorities
    /// are the system's and OpenSSL, built along, does not know where they are.
    pub(super) fn new(certificates: &Certificates) -> Option<Self> {
        if certificates.authorities.is_none() && cfg!(feature = "kafka-tls-vendored") {
            return None;
        }
        let connector = connector(certificates)
            .inspect_err(|error| tracing::debug!("certificates: {error}"))
            .ok()?;
        let checks_name = !certificates.is_name_unchecked && !certificates.is_unchecked;
        Some(Self { connector, checks_name })
    }

    /// Encrypts a connection that is new.
    pub(super) fn on(&self, stream: TcpStream, host: &str) -> io::Result<SslStream<TcpStream>> {
        let configuration = self.connector.configure()?.verify_hostname(self.checks_name);
        configuration
            .connect(host, stream)
            .map_err(|error| io::Error::new(io::ErrorKind::PermissionDenied, error.to_string()))
    }
}

fn connector(certificates: &Certificates) -> Result<SslConnector, ErrorStack> {
    let mut connector = SslConnector::builder(SslMethod::tls_client())?;
    if let Some(authorities) = &certificates.authorities {
        match Path::new(authorities).is_dir() {
            true => connector.load_verify_locations(None, Some(authorities.as_ref()))?,
            false => connector.set_ca_file(authorities)?,
        }
    }
    if let Some(own) = &certificates.own {
        connector.set_certificate_chain_file(own)?;
    }
    if let Some(key) = &certificates.key {
        // What cannot be read has no key in it.
        let pem = std::fs::read(key).unwrap_or_default();
        let password = certificates.key_password.as_bytes();
        connector.set_private_key(&*PKey::private_key_from_pem_passphrase(&pem, password)?)?;
    }
    if certificates.is_unchecked {
        connector.set_verify(SslVerifyMode::NONE);
    }
    Ok(connector.build())
}
