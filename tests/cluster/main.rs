//! Applications on a real Kafka broker.
#![allow(clippy::disallowed_methods, reason = "a real broker lives in real time")]

mod errors;
mod global_tables;
mod handover;
mod late_requests;
mod log;
mod nodes;
mod numbers;
mod outages;
mod rights;
#[cfg(feature = "kafka-tls")]
mod tls;
mod torn;

use millstream_kafka_server::KafkaServer;

/// A broker that tests share.
fn server() -> String {
    KafkaServer::shared().bootstrap()
}
