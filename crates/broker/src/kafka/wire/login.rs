//! Saying who we are (SASL; KIP-43, KIP-152).

use std::io;
use std::time::Duration;

use super::connection::Connection;
use super::requests::{SASL_AUTHENTICATE, SASL_HANDSHAKE};

/// Who logs in, and how.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) mechanism: Mechanism,
    pub(super) username: String,
    pub(super) password: String,
}

/// How the password is shown (`sasl.mechanism`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    /// As it is.
    Plain,
    /// By a proof that it is known (RFC 5802).
    #[cfg(feature = "tls")]
    Scram(super::scram::Hash),
}

impl Mechanism {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "PLAIN" => Some(Self::Plain),
            #[cfg(feature = "tls")]
            "SCRAM-SHA-256" => Some(Self::Scram(super::scram::Hash::Sha256)),
            #[cfg(feature = "tls")]
            "SCRAM-SHA-512" => Some(Self::Scram(super::scram::Hash::Sha512)),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            #[cfg(feature = "tls")]
            Self::Scram(super::scram::Hash::Sha256) => "SCRAM-SHA-256",
            #[cfg(feature = "tls")]
            Self::Scram(super::scram::Hash::Sha512) => "SCRAM-SHA-512",
        }
    }
}

/// Logs in on a connection that is new.
pub(super) fn log_in(
    connection: &mut Connection,
    login: &Login,
    within: Duration,
) -> io::Result<()> {
    let name = login.mechanism.name();
    let mut answer = connection.call(SASL_HANDSHAKE, within, |request| {
        request.string(name);
    })?;
    let error = answer.i16()?;
    if error != 0 {
        let mut known = Vec::new();
        answer.each(|answer| {
            known.push(answer.string()?.to_owned());
            Ok(())
        })?;
        let reason = format!("the broker does not take {name} but {}", known.join(", "));
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    let mut say = |bytes: &[u8]| authenticate(connection, within, bytes);
    match login.mechanism {
        Mechanism::Plain => {
            let Login { username, password, .. } = login;
            say(format!("\0{username}\0{password}").as_bytes()).map(|_| ())
        }
        #[cfg(feature = "tls")]
        Mechanism::Scram(hash) => super::scram::prove(hash, login, say),
    }
}

/// Sends one message of the mechanism; what the broker answers to it.
fn authenticate(
    connection: &mut Connection,
    within: Duration,
    message: &[u8],
) -> io::Result<Vec<u8>> {
    let mut answer = connection.call(SASL_AUTHENTICATE, within, |request| {
        request.bytes(message);
    })?;
    let (error, reason) = (answer.i16()?, answer.string()?);
    if error != 0 {
        let reason = format!("the broker does not let us in: {reason}");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    Ok(answer.bytes()?.to_vec())
}
