//! A real Kafka for tests and benches: [`KafkaServer`] starts one from the jars of Maven Central, a
//! [`Proxy`] in front of it holds, drops or cuts chosen requests.
//!
//! `cargo run -p millstream-kafka-server` starts one by hand.

mod broker_jars;
mod installation;
mod jvm;
mod options;
mod ports;
mod proxy;
mod server;

pub use options::KafkaOptions;
pub use proxy::{Action, ApiKey, Fault, Proxy, Target};
pub use server::KafkaServer;
