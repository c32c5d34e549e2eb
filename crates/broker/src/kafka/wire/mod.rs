//! Kafka's protocol without librdkafka, for what it is dear at: reading and writing. One thread for each
//! node that leads something works with it.
//!
//! Where something is set that is not known here, librdkafka is used; what is known is in [`settings`].

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
mod transaction;
mod transaction_requests;
mod writing;

pub(super) use consumer::WireConsumer;
pub(super) use producer::WireProducer;

use rdkafka::error::RDKafkaErrorCode as Code;

/// The code that a broker has sent.
fn code_of(error: i16) -> Code {
    super::ffi::code_of(error.into())
}
