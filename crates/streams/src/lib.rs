//! Kafka Streams for Rust.

pub mod codec;
