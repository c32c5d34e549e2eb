//! A Kafka cluster behind the port, by librdkafka (feature `kafka`).

mod config;

pub use config::{GroupProtocol, KafkaConfig};

/// Stands in for the adapter until that is merged: refuses to connect.
#[derive(Debug)]
pub enum KafkaBroker {}

impl KafkaBroker {
    /// Refuses.
    pub fn connect(_: KafkaConfig) -> Result<Self, crate::BrokerError> {
        Err(crate::BrokerError::Closed("the Kafka adapter is not merged yet".to_owned()))
    }
}

impl crate::Broker for KafkaBroker {
    fn consumer(
        &self,
        _: crate::ConsumerOptions,
    ) -> Result<Box<dyn crate::Consumer>, crate::BrokerError> {
        match *self {}
    }

    fn producer(
        &self,
        _: crate::ProducerOptions,
    ) -> Result<Box<dyn crate::Producer>, crate::BrokerError> {
        match *self {}
    }

    fn membership(
        &self,
        _: crate::GroupJoin,
    ) -> Result<Box<dyn crate::Membership>, crate::BrokerError> {
        match *self {}
    }

    fn admin(&self) -> Result<Box<dyn crate::Admin>, crate::BrokerError> {
        match *self {}
    }
}
