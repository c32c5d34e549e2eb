//! How a connection is protected, and who we are.

use super::login::{Login, Mechanism};
#[cfg(feature = "tls")]
use super::tls::{Certificates, Tls};

/// What is set of it, by librdkafka's names.
#[derive(Default)]
pub(super) struct Security {
    protocol: String,
    mechanism: String,
    username: String,
    password: String,
    #[cfg(feature = "tls")]
    certificates: Certificates,
}

/// What a connection begins with.
#[derive(Default)]
pub(super) struct Protection {
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Tls>,
    pub(super) login: Option<Login>,
}

impl Security {
    /// `None` when it is no setting of these.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Option<()> {
        let setting = match key {
            "security.protocol" => &mut self.protocol,
            "sasl.mechanism" | "sasl.mechanisms" => &mut self.mechanism,
            "sasl.username" => &mut self.username,
            "sasl.password" => &mut self.password,
            #[cfg(feature = "tls")]
            _ => return self.certificates.set(key, value),
            #[cfg(not(feature = "tls"))]
            _ => return None,
        };
        value.clone_into(setting);
        Some(())
    }

    /// How it is to be protected, or which setting only librdkafka knows.
    pub(super) fn protection(self) -> Result<Protection, String> {
        let (is_encrypted, logs_in) = match self.protocol.to_ascii_lowercase().as_str() {
            "" | "plaintext" => (false, false),
            "sasl_plaintext" => (false, true),
            "ssl" => (true, false),
            "sasl_ssl" => (true, true),
            _ => return Err("security.protocol".to_owned()),
        };
        let mut protection = Protection::default();
        if is_encrypted {
            #[cfg(feature = "tls")]
            {
                let tls = Tls::new(&self.certificates);
                protection.tls = Some(tls.ok_or_else(|| "ssl.ca.location".to_owned())?);
            }
            #[cfg(not(feature = "tls"))]
            return Err("security.protocol".to_owned());
        }
        if logs_in {
            let Self { username, password, .. } = self;
            let mechanism =
                Mechanism::named(&self.mechanism).ok_or_else(|| "sasl.mechanism".to_owned())?;
            protection.login = Some(Login { mechanism, username, password });
        }
        Ok(protection)
    }
}
