//! What the adapter of a Kafka cluster is told.

use millstream_broker::kafka::{self, KafkaConfig};

use super::{Config, GroupProtocol};

impl Config {
    /// How the cluster of `bootstrap.servers` is reached; `None` when no cluster is named.
    pub fn kafka(&self) -> Option<KafkaConfig> {
        let mut kafka = KafkaConfig::new(self.bootstrap_servers()?);
        kafka.group_protocol = match self.group_protocol() {
            GroupProtocol::Classic => kafka::GroupProtocol::Classic,
            GroupProtocol::Consumer => kafka::GroupProtocol::Consumer,
        };
        kafka.session_timeout = self.session_timeout();
        kafka.heartbeat_interval = self.heartbeat_interval();
        kafka.replication_factor = self.replication_factor();
        let clients = self.clients.clone();
        kafka.common = clients.every;
        kafka.consumer = clients.consumer;
        kafka.producer = clients.producer;
        kafka.admin = clients.admin;
        Some(kafka)
    }
}
