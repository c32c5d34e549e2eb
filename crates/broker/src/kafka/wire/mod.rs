//! Kafka's protocol without librdkafka, for what it is dear at: reading. One thread for each node
//! that leads something fetches ahead, takes record batches apart, and lays out the port's.
//!
//! What it does not know (TLS, SASL, and all settings that are not in [`settings`]) librdkafka reads.

mod bytes;
mod compression;
mod connection;
mod consumer;
mod partitions;
mod records;
mod requests;
mod settings;
mod threads;

pub(super) use consumer::WireConsumer;

use rdkafka::error::RDKafkaErrorCode as Code;

/// The code that a broker has sent.
fn code_of(error: i16) -> Code {
    super::ffi::code_of(error.into())
}
