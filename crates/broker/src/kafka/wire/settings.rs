//! Which settings are known here. Where another one is set librdkafka is used.

use std::time::Duration;

use super::super::KafkaConfig;
use super::super::client::SOCKET_TIMEOUT;
use super::connection::Address;
use super::security::{Protection, Security};
use crate::{ConsumerOptions, IsolationLevel, ProducerOptions, Waker};

/// How brokers are talked to.
pub(super) struct Settings {
    pub(super) client_id: String,
    pub(super) protection: Protection,
    pub(super) bootstrap: Vec<Address>,
    /// The longest answer, and the longest batch once it is decompressed.
    pub(super) longest_answer: usize,
    pub(super) setup_timeout: Duration,
    pub(super) socket_timeout: Duration,
    pub(super) backoff: Duration,
    pub(super) longest_backoff: Duration,
}

/// How partitions are read.
pub(super) struct FetchSettings {
    pub(super) isolation: IsolationLevel,
    waker: Option<Waker>,
    /// How long a broker holds an answer back when there is nothing (`fetch.wait.max.ms`).
    pub(super) max_wait: Duration,
    pub(super) min_bytes: i32,
    pub(super) max_bytes: i32,
    pub(super) max_partition_bytes: i32,
    /// A partition with so many bytes is not asked for.
    pub(super) queued_bytes: usize,
}

/// How partitions are written.
pub(super) struct ProduceSettings {
    pub(super) transactional_id: Option<String>,
    /// The most that is batched for a partition.
    pub(super) batch_bytes: usize,
    /// What waits to be acknowledged at the most.
    pub(super) queued_bytes: usize,
    /// How long a batch that is not full waits for more (`linger.ms`).
    pub(super) linger: Duration,
    /// How long a leader waits for its followers.
    pub(super) timeout: Duration,
}

impl Settings {
    /// What `own` does not take is of connections; or else the setting that nobody knows.
    fn new<'a>(
        config: &KafkaConfig,
        client_id: &str,
        pairs: impl IntoIterator<Item = (&'a String, &'a String)>,
        mut own: impl FnMut(&str, &str) -> Option<()>,
    ) -> Result<Self, String> {
        let bootstrap = addresses(&config.bootstrap_servers);
        let mut security = Security::default();
        let mut settings = Self {
            client_id: client_id.to_owned(),
            protection: Protection::default(),
            bootstrap: bootstrap.ok_or_else(|| "bootstrap.servers".to_owned())?,
            longest_answer: 100 * 1024 * 1024,
            setup_timeout: Duration::from_secs(10),
            socket_timeout: SOCKET_TIMEOUT,
            backoff: Duration::from_millis(20),
            longest_backoff: Duration::from_secs(1),
        };
        for (key, value) in pairs {
            let set = own(key, value).or_else(|| security.set(key, value));
            set.or_else(|| settings.set(key, value)).ok_or_else(|| key.clone())?;
        }
        settings.protection = security.protection()?;
        settings.backoff = settings.backoff.max(Duration::from_millis(1));
        settings.longest_backoff = settings.longest_backoff.max(settings.backoff);
        Ok(settings)
    }

    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "client.id" => value.clone_into(&mut self.client_id),
            "receive.message.max.bytes" => self.longest_answer = value.parse().ok()?,
            "socket.connection.setup.timeout.ms" => self.setup_timeout = milliseconds(value)?,
            "socket.timeout.ms" => self.socket_timeout = milliseconds(value)?,
            "reconnect.backoff.ms" => self.backoff = milliseconds(value)?,
            "reconnect.backoff.max.ms" => self.longest_backoff = milliseconds(value)?,
            _ => return None,
        }
        Some(())
    }
}

impl FetchSettings {
    /// The settings of a reader, or which of them only librdkafka knows.
    pub(super) fn new(
        config: &KafkaConfig,
        options: &ConsumerOptions,
    ) -> Result<(Settings, Self), String> {
        let mut own = Self {
            isolation: options.isolation,
            waker: options.waker.clone(),
            max_wait: Duration::from_millis(100),
            min_bytes: 1,
            max_bytes: 8 * 1024 * 1024,
            max_partition_bytes: 512 * 1024,
            queued_bytes: 512 * 1024,
        };
        let pairs = config.common.iter().chain(&config.consumer);
        let settings =
            Settings::new(config, &options.client_id, pairs, |key, value| own.set(key, value))?;
        Ok((settings, own))
    }

    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "fetch.wait.max.ms" => self.max_wait = milliseconds(value)?,
            "fetch.min.bytes" => self.min_bytes = value.parse().ok()?,
            "fetch.max.bytes" => self.max_bytes = value.parse().ok()?,
            "fetch.message.max.bytes" | "max.partition.fetch.bytes" => {
                self.max_partition_bytes = value.parse().ok()?;
            }
            "queued.max.messages.kbytes" => self.queued_bytes = value.parse::<usize>().ok()? * 1024,
            _ => return None,
        }
        Some(())
    }

    /// Tells the owner that there is news.
    pub(super) fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker.wake();
        }
    }
}

impl ProduceSettings {
    /// The settings of a writer, or which of them only librdkafka knows.
    pub(super) fn new(
        config: &KafkaConfig,
        options: &ProducerOptions,
    ) -> Result<(Settings, Self), String> {
        let mut own = Self {
            transactional_id: options.transactional_id.clone(),
            batch_bytes: 512 * 1024,
            queued_bytes: 32 * 1024 * 1024,
            linger: Duration::ZERO,
            timeout: SOCKET_TIMEOUT * 2 / 3,
        };
        let pairs = config.common.iter().chain(&config.producer);
        let mut settings =
            Settings::new(config, &options.client_id, pairs, |key, value| own.set(key, value))?;
        if options.transactional_id.is_some() {
            // What is lost is found out before the transaction is over.
            settings.socket_timeout = settings.socket_timeout.min(options.transaction_timeout);
            own.timeout = own.timeout.min(settings.socket_timeout * 2 / 3);
        }
        Ok((settings, own))
    }

    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "batch.size" => self.batch_bytes = value.parse().ok()?,
            "queue.buffering.max.kbytes" => self.queued_bytes = value.parse::<usize>().ok()? * 1024,
            "linger.ms" | "queue.buffering.max.ms" => self.linger = milliseconds(value)?,
            "acks" | "request.required.acks" if matches!(value, "all" | "-1") => {}
            "enable.idempotence" if value == "true" => {}
            "compression.type" | "compression.codec" if value == "none" => {}
            _ => return None,
        }
        Some(())
    }
}

fn milliseconds(value: &str) -> Option<Duration> {
    value.parse().ok().map(Duration::from_millis)
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

    fn settings(pairs: &[(&str, &str)]) -> Result<(Settings, FetchSettings), String> {
        let mut config = KafkaConfig::new("a:1,[::1]:2, b");
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        config.consumer = pairs.collect();
        FetchSettings::new(&config, &ConsumerOptions::default())
    }

    #[test]
    fn what_is_known_is_taken() {
        let (settings, own) = settings(&[
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
        assert_eq!(own.max_wait, Duration::from_millis(7));
        assert_eq!((own.max_partition_bytes, own.queued_bytes), (8, 9 * 1024));
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

    #[test]
    fn producers_take_what_changes_nothing() {
        let settings = |key: &str, value: &str| {
            let mut config = KafkaConfig::new("a:1");
            config.producer.insert(key.to_owned(), value.to_owned());
            let options = ProducerOptions::idempotent("p");
            ProduceSettings::new(&config, &options).map(|(_, own)| own.batch_bytes)
        };
        assert_eq!(settings("batch.size", "1000"), Ok(1000));
        assert!(settings("acks", "all").is_ok());
        for (key, value) in [("acks", "1"), ("linger.ms", "0.5"), ("compression.type", "lz4")] {
            assert_eq!(settings(key, value), Err(key.to_owned()));
        }
    }
}
