//! The broker as one instance sees it.

use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{
    Admin, Broker, BrokerError, Consumer, ConsumerOptions, GroupJoin, IsolationLevel, Membership,
    Producer, ProducerOptions,
};

use super::admin::FaultyAdmin;
use super::consumer::FaultyConsumer;
use super::membership::FaultyMembership;
use super::producer::FaultyProducer;
use super::{Call, Site};
use crate::bug::Bug;

/// The embedded broker with faults in front.
#[derive(Debug)]
pub struct FaultyBroker {
    pub at: Site,
    pub broker: EmbeddedBroker,
}

impl Broker for FaultyBroker {
    fn consumer(&self, mut options: ConsumerOptions) -> Result<Box<dyn Consumer>, BrokerError> {
        if self.at.has(Bug::ReadsUncommitted) {
            options.isolation = IsolationLevel::ReadUncommitted;
        }
        let opened = || self.broker.consumer(options);
        let inner = self.at.call(Call::OpenClient, opened)?;
        let unguarded = self.broker.admin()?;
        Ok(Box::new(FaultyConsumer::new(self.at.clone(), inner, unguarded)))
    }

    fn producer(&self, options: ProducerOptions) -> Result<Box<dyn Producer>, BrokerError> {
        let opened = || self.broker.producer(options);
        let inner = self.at.call(Call::InitProducer, opened)?;
        let producer = FaultyProducer::new(self.at.clone(), inner, &self.broker)?;
        Ok(Box::new(producer))
    }

    fn membership(&self, join: GroupJoin) -> Result<Box<dyn Membership>, BrokerError> {
        let joined = || self.broker.membership(join);
        let inner = self.at.call(Call::OpenClient, joined)?;
        Ok(Box::new(FaultyMembership::new(self.at.clone(), inner)))
    }

    fn admin(&self) -> Result<Box<dyn Admin>, BrokerError> {
        let inner = self.at.call(Call::OpenClient, || self.broker.admin())?;
        Ok(Box::new(FaultyAdmin { at: self.at.clone(), inner }))
    }
}
