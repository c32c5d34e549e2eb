//! How the clients of a cluster are configured.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;

use super::KafkaConfig;
use super::errors::Doing;
use super::ffi::{Kind, Native};
use crate::BrokerError;

/// After so long a request is taken for lost. Above [`CALL_TIMEOUT`], so that a call gives up before
/// a request of its is sent again unnoticed.
pub(super) const SOCKET_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a call waits for its answer.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// What all clients of a cluster have in common.
pub(super) fn common(config: &KafkaConfig, client_id: &str) -> ClientConfig {
    let mut native = ClientConfig::new();
    native
        .set("bootstrap.servers", &config.bootstrap_servers)
        .set("client.id", client_id)
        .set("socket.timeout.ms", SOCKET_TIMEOUT.as_millis().to_string())
        .set("socket.nagle.disable", "true")
        .set("reconnect.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "1000")
        .set("retry.backoff.ms", "10")
        .set("enable.metrics.push", "false");
    extend(&mut native, &config.common);
    native
}

pub(super) fn extend(native: &mut ClientConfig, settings: &BTreeMap<String, String>) {
    for (key, value) in settings {
        native.set(key, value);
    }
}

/// Makes a client.
pub(super) fn open(
    kind: Kind,
    config: &KafkaConfig,
    native: &ClientConfig,
) -> Result<Arc<Native>, BrokerError> {
    let doing = Doing { servers: &config.bootstrap_servers, action: "to make a Kafka client" };
    let native = native.create_native_config().map_err(|error| doing.wrapped(&error))?;
    Native::new(kind, native)
        .map_err(|reason| BrokerError::Cluster { action: doing.action.to_owned(), reason })
}
