//! Which settings the reader knows.

use std::time::Duration;

use super::super::KafkaConfig;
use super::super::client::SOCKET_TIMEOUT;
use super::connection::Address;
use super::security::{Protection, Security};
use crate::{ConsumerOptions, IsolationLevel};

/// How partitions are read.
pub(super) struct Settings {
    pub(super) client_id: String,
    pub(super) protection: Protection,
    pub(super) isolation: IsolationLevel,
    pub(super) bootstrap: Vec<Address>,
    /// How long a broker holds an answer back when there is nothing (`fetch.wait.max.ms`).
    pub(super) max_wait: Duration,
    pub(super) min_bytes: i32,
    pub(super) max_bytes: i32,
    pub(super) max_partition_bytes: i32,
    /// A partition with so many bytes is not asked for.
    pub(super) queued_bytes: usize,
    /// The longest answer, and the longest batch once it is decompressed.
    pub(super) longest_answer: usize,
    pub(super) setup_timeout: Duration,
    pub(super) socket_timeout: Duration,
    pub(super) backoff: Duration,
    pub(super) longest_backoff: Duration,
}

impl Settings {
    /// The settings of a reader, or which of them only librdkafka knows.
    pub(super) fn new(config: &KafkaConfig, options: &ConsumerOptions) -> Result<Self, String> {
        let mut security = Security::default();
        let mut settings = Self {
            protection: Protection::default(),
            client_id: options.client_id.clone(),
            isolation: options.isolation,
            bootstrap: addresses(&config.bootstrap_servers)
                .ok_or_else(|| "bootstrap.servers".to_owned())?,
            max_wait: Duration::from_millis(100),
            min_bytes: 1,
            max_bytes: 8 * 1024 * 1024,
            max_partition_bytes: 512 * 1024,
            queued_bytes: 512 * 1024,
            longest_answer: 100 * 1024 * 1024,
            setup_timeout: Duration::from_secs(10),
            socket_timeout: SOCKET_TIMEOUT,
            backoff: Duration::from_millis(20),
            longest_backoff: Duration::from_secs(1),
        };
        for (key, value) in config.common.iter().chain(&config.consumer) {
            let set = security.set(key, value).or_else(|| settings.set(key, value));
            set.ok_or_else(|| key.clone())?;
        }
        settings.protection = security.protection()?;
        Ok(settings)
    }

    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        let milliseconds = || value.parse().ok().map(Duration::from_millis);
        match key {
            "client.id" => value.clone_into(&mut self.client_id),
            "fetch.wait.max.ms" => self.max_wait = milliseconds()?,
            "fetch.min.bytes" => self.min_bytes = value.parse().ok()?,
            "fetch.max.bytes" => self.max_bytes = value.parse().ok()?,
            "fetch.message.max.bytes" | "max.partition.fetch.bytes" => {
                self.max_partition_bytes = value.parse().ok()?;
            }
            "queued.max.messages.kbytes" => self.queued_bytes = value.parse::<usize>().ok()? * 1024,
            "receive.message.max.bytes" => self.longest_answer = value.parse().ok()?,
            "socket.connection.setup.timeout.ms" => self.setup_timeout = milliseconds()?,
            "socket.timeout.ms" => self.socket_timeout = milliseconds()?,
            "reconnect.backoff.ms" => self.backoff = milliseconds()?,
            "reconnect.backoff.max.ms" => self.longest_backoff = milliseconds()?,
            _ => return None,
        }
        Some(())
    }
}

/// `host:port` with commas between.
fn addresses(servers: &str) -> Option<Vec<Address>> {
    let address = |server: &str| {
        let server = server.trim();
        if server.contains("://") {
            return None;
        }
        let (host, port) = match server.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (server, 9092),
        };
        Some((host.trim_matches(['[', ']']).to_owned(), port))
    };
    servers.split(',').map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let mut config = KafkaConfig::new("a:1,[::1]:2, b");
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        config.consumer = pairs.collect();
        Settings::new(&config, &ConsumerOptions::default())
    }

    #[test]
    fn what_is_known_is_taken() {
        let settings = settings(&[
            ("fetch.wait.max.ms", "7"),
            ("max.partition.fetch.bytes", "8"),
            ("queued.max.messages.kbytes", "9"),
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "ann"),
            ("sasl.password", "x"),
        ])
        .unwrap_or_else(|unknown| panic!("{unknown}"));
        let bootstrap = [("a", 1), ("::1", 2), ("b", 9092)].map(|(host, port)| (host.into(), port));
        assert_eq!(settings.bootstrap, bootstrap);
        assert_eq!(settings.max_wait, Duration::from_millis(7));
        assert_eq!((settings.max_partition_bytes, settings.queued_bytes), (8, 9 * 1024));
        assert!(settings.protection.login.is_some_and(|login| login.username == "ann"));
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (key, value) in [
            ("client.rack", "r"),
            ("fetch.min.bytes", "many"),
            ("queued.min.messages", "1"),
            ("security.protocol", "other"),
        ] {
            assert_eq!(settings(&[(key, value)]).err().as_deref(), Some(key));
        }
        let by_ticket = [("security.protocol", "sasl_plaintext"), ("sasl.mechanism", "GSSAPI")];
        assert_eq!(settings(&by_ticket).err().as_deref(), Some("sasl.mechanism"));
        #[cfg(not(feature = "tls"))]
        assert_eq!(
            settings(&[("security.protocol", "ssl")]).err().as_deref(),
            Some("security.protocol")
        );
    }
}
