use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// By which protocol members of a group agree who does what (Kafka's `group.protocol`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupProtocol {
    /// Members assign among themselves. A member with a static identity that comes back after a
    /// kill has its tasks again at once.
    #[default]
    Classic,
    /// The broker assigns (KIP-848); Kafka 4.0 or later.
    Consumer,
}

/// How a Kafka cluster is reached. Settings by name are librdkafka's; what is in `common` goes to
/// every client, the others to one kind each.
#[derive(Clone)]
pub struct KafkaConfig {
    /// Brokers to begin with, `host:port` with commas between (`bootstrap.servers`).
    pub bootstrap_servers: String,
    /// How members agree (`group.protocol`).
    pub group_protocol: GroupProtocol,
    /// A member that is silent for so long is put out of its group (`session.timeout.ms`).
    pub session_timeout: Duration,
    /// How often a member shows that it lives, and hears of changes (`heartbeat.interval.ms`).
    pub heartbeat_interval: Duration,
    /// Replicas of the topics that the adapter makes for a group; `None` leaves it to the broker.
    pub replication_factor: Option<u16>,
    /// Settings of every client (`security.protocol`, `sasl.…`, `ssl.…`).
    pub common: BTreeMap<String, String>,
    /// Settings of consumers.
    pub consumer: BTreeMap<String, String>,
    /// Settings of producers.
    pub producer: BTreeMap<String, String>,
    /// Settings of the client that manages topics and groups.
    pub admin: BTreeMap<String, String>,
}

impl KafkaConfig {
    /// The cluster at `bootstrap_servers`, all else at its default.
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            group_protocol: GroupProtocol::default(),
            session_timeout: Duration::from_secs(10),
            heartbeat_interval: Duration::from_millis(300),
            replication_factor: None,
            common: BTreeMap::new(),
            consumer: BTreeMap::new(),
            producer: BTreeMap::new(),
            admin: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for KafkaConfig {
    /// Settings by name only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |settings: &BTreeMap<String, String>| -> Vec<String> {
            settings.keys().cloned().collect()
        };
        f.debug_struct("KafkaConfig")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("group_protocol", &self.group_protocol)
            .field("common", &names(&self.common))
            .field("consumer", &names(&self.consumer))
            .field("producer", &names(&self.producer))
            .field("admin", &names(&self.admin))
            .finish_non_exhaustive()
    }
}
