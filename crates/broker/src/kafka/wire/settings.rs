//! Which settings the reader knows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::KafkaConfig;
use super::super::client::SOCKET_TIMEOUT;
use super::connection::Address;
use crate::{ConsumerOptions, IsolationLevel};

/// How partitions are read.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) client_id: String,
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
    /// The settings of a reader, or `None` when something is set that only librdkafka knows.
    pub(super) fn new(config: &KafkaConfig, options: &ConsumerOptions) -> Option<Self> {
        let mut settings = Self {
            client_id: options.client_id.clone(),
            isolation: options.isolation,
            bootstrap: addresses(&config.bootstrap_servers)?,
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
        let all = |all: &BTreeMap<String, String>, settings: &mut Self| {
            all.iter().all(|(key, value)| settings.set(key, value).is_some())
        };
        (all(&config.common, &mut settings) && all(&config.consumer, &mut settings))
            .then_some(settings)
    }

    fn set(&mut self, key: &str, value: &str) -> Option<()> {
        let milliseconds = || value.parse().ok().map(Duration::from_millis);
        match key {
            "client.id" => value.clone_into(&mut self.client_id),
            "security.protocol" if value.eq_ignore_ascii_case("plaintext") => {}
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

/// `host:port` with commas between; a protocol before it may only be plaintext.
fn addresses(servers: &str) -> Option<Vec<Address>> {
    let address = |server: &str| {
        let server = server.trim();
        let server = match server.split_once("://") {
            Some((protocol, server)) if protocol.eq_ignore_ascii_case("plaintext") => server,
            Some(_) => return None,
            None => server,
        };
        let (host, port) = match server.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (server, 9092),
        };
        Some((host.trim_matches(['[', ']']).to_owned(), port))
    };
    servers.split(',').map(address).collect()
}
