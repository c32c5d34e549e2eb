//! A broker inside the process, with Kafka's semantics: partitions and offsets, groups with
//! generations, transactions with markers and fencing, read-committed up to the last stable
//! offset, retention and compaction.
//!
//! In memory by default; durable in a directory, with one journal for everything, so that a commit
//! over many partitions costs one sync.
//!
//! It has no thread and reads no clock but the one it is given: the same calls in the same order
//! give the same answers.

mod admin;
mod assignor;
mod bounded;
mod builder;
mod chunk;
mod compaction;
mod consumer;
mod group;
mod group_offsets;
mod journal;
mod member;
mod membership;
mod meta;
mod partition_log;
mod producer;
mod retention;
mod shared;
mod state;
mod storage;
mod topic;
mod topic_config;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use admin::EmbeddedAdmin;
pub use builder::{EmbeddedBrokerBuilder, Fsync};
use consumer::EmbeddedConsumer;
use membership::EmbeddedMembership;
use producer::EmbeddedProducer;
use shared::Shared;
pub use storage::{SimulatedDisk, SimulatedMount, Storage};

use crate::{
    Admin, Broker, BrokerError, Consumer, ConsumerOptions, GroupJoin, Membership, NewTopic,
    Producer, ProducerOptions,
};

/// The embedded broker. Clones are handles on the same broker.
#[derive(Clone, Debug)]
pub struct EmbeddedBroker {
    shared: Arc<Shared>,
}

impl EmbeddedBroker {
    fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// A broker that keeps everything in memory and goes by the system's clock.
    pub fn in_memory() -> Self {
        let settings = Self::builder();
        settings.in_memory()
    }

    /// Settings for a broker.
    pub fn builder() -> EmbeddedBrokerBuilder {
        EmbeddedBrokerBuilder::new()
    }

    /// Creates a topic; [`BrokerError::TopicExists`] when it is there already.
    pub fn create_topic(&self, topic: NewTopic) -> Result<(), BrokerError> {
        self.admin()?.create_topics(&[topic])
    }

    /// Waits, in real time, until the bounded `topic` has room, or `timeout` is over; says whether
    /// it has. For producers outside the engine. `true` at once for a topic that has no bound or
    /// does not exist, and when the broker is closed: the next call says so.
    pub fn wait_for_room(&self, topic: &str, timeout: Duration) -> bool {
        self.shared.wait_for_room(topic, timeout)
    }

    /// Does the housekeeping that is otherwise part of the clients' calls: aborts overdue
    /// transactions, puts silent members out, applies retention and compaction.
    pub fn maintain(&self) -> Result<(), BrokerError> {
        self.shared.maintain()
    }

    /// Closes the broker: what is written is brought to the disk, the directory is given back, and
    /// every later call of any client is answered by [`BrokerError::Closed`]. Dropping the last
    /// handle does the same, without telling of errors.
    pub fn close(&self) -> Result<(), BrokerError> {
        self.shared.close()
    }
}

impl Broker for EmbeddedBroker {
    fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, BrokerError> {
        let consumer = EmbeddedConsumer::open(Arc::clone(&self.shared), options)?;
        Ok(Box::new(consumer))
    }

    fn producer(&self, options: ProducerOptions) -> Result<Box<dyn Producer>, BrokerError> {
        let producer = EmbeddedProducer::open(Arc::clone(&self.shared), &options)?;
        Ok(Box::new(producer))
    }

    fn membership(&self, join: GroupJoin) -> Result<Box<dyn Membership>, BrokerError> {
        let membership = EmbeddedMembership::join(Arc::clone(&self.shared), join)?;
        Ok(Box::new(membership))
    }

    fn admin(&self) -> Result<Box<dyn Admin>, BrokerError> {
        let admin = EmbeddedAdmin::open(Arc::clone(&self.shared))?;
        Ok(Box::new(admin))
    }
}
