//! A Kafka cluster behind the port, by librdkafka (feature `kafka`).

mod config;

pub use config::{GroupProtocol, KafkaConfig};
