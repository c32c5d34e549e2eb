//! A real Kafka for tests and benches: [`KafkaServer`] starts one from the jars of Maven Central,
//! [`KafkaCluster`] several nodes, a
//! [`Proxy`] in front of it holds, drops or cuts chosen requests, [`JavaWordCount`] is Kafka Streams
//! itself on the same topics,
//! [`JavaPrograms`] its test driver, and [`kills`] has an application die again and again.
//!
//! `cargo run -p millstream-kafka-server` starts one by hand.

mod broker_jars;
mod cluster;
mod folder;
mod installation;
mod java_jars;
mod java_programs;
mod java_topics;
mod java_word_count;
mod jvm;
pub mod kills;
mod options;
mod ports;
mod proxy;
mod server;

pub use cluster::KafkaCluster;
pub use java_programs::JavaPrograms;
pub use java_topics::JavaTopics;
pub use java_word_count::{JavaOptions, JavaWordCount};
pub use options::KafkaOptions;
pub use proxy::{Action, ApiKey, Fault, Proxy, Target};
pub use server::KafkaServer;
