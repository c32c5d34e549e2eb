//! Kafka's protocol without librdkafka, for what it is dear at: reading. One thread for each node
//! that leads something fetches ahead, takes record batches apart, and lays out the port's.
//!
//! Where something is set that it does not know, librdkafka reads; what it knows is in [`settings`].

mod batches;
mod bytes;
mod compression;
mod connection;
mod consumer;
mod coordinator;
mod fetcher;
mod leaders;
mod login;
mod producer;
mod reading;
mod records;
mod requests;
#[cfg(feature = "tls")]
mod scram;
mod security;
mod sender;
mod settings;
mod threads;
#[cfg(feature = "tls")]
mod tls;
mod transactions;
mod writing;

pub(super) use consumer::WireConsumer;
pub(super) use producer::WireProducer;

use rdkafka::error::RDKafkaErrorCode as Code;

/// The code that a broker has sent.
fn code_of(error: i16) -> Code {
    super::ffi::code_of(error.into())
}
