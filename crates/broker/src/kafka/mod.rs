//! A Kafka cluster behind the port (feature `kafka`): read and written by requests of our own (`wire`),
//! all else by librdkafka.
//!
//! Kafka 2.5 or later. Each client of the port has threads of its own; only the folder `ffi` calls
//! librdkafka directly.

mod admin;
mod bounded;
mod client;
mod cluster;
mod config;
mod consumer;
mod errors;
mod ffi;
mod membership;
mod producer;
mod wire;

use std::sync::Arc;

use admin::KafkaAdmin;
use cluster::Cluster;
pub use config::{GroupProtocol, KafkaConfig};
use consumer::KafkaConsumer;
use membership::KafkaMembership;
use producer::KafkaProducer;
use wire::{WireConsumer, WireProducer};

use crate::{
    Admin, Broker, BrokerError, Consumer, ConsumerOptions, GroupJoin, Membership, Producer,
    ProducerOptions,
};

/// A Kafka cluster. Clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct KafkaBroker {
    cluster: Arc<Cluster>,
}

impl KafkaBroker {
    /// A handle on the cluster that `config` names. Settings are checked here; the first call of a
    /// client finds out whether the cluster can be reached, within ten seconds.
    pub fn connect(config: KafkaConfig) -> Result<Self, BrokerError> {
        Ok(Self { cluster: Cluster::connect(config)? })
    }
}

impl Broker for KafkaBroker {
    fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, BrokerError> {
        match WireConsumer::open(&self.cluster, &options) {
            Some(opened) => Ok(Box::new(opened?)),
            None => Ok(Box::new(KafkaConsumer::open(&self.cluster, options)?)),
        }
    }

    fn producer(&self, options: ProducerOptions) -> Result<Box<dyn Producer>, BrokerError> {
        match WireProducer::open(&self.cluster, &options) {
            Some(opened) => Ok(Box::new(opened?)),
            None => Ok(Box::new(KafkaProducer::open(&self.cluster, options)?)),
        }
    }

    fn membership(&self, join: GroupJoin) -> Result<Box<dyn Membership>, BrokerError> {
        Ok(Box::new(KafkaMembership::join(&self.cluster, join)?))
    }

    fn admin(&self) -> Result<Box<dyn Admin>, BrokerError> {
        Ok(Box::new(KafkaAdmin::new(self.cluster.clone())))
    }
}
