use std::fmt;

use crate::{
    Admin, BrokerError, Consumer, ConsumerOptions, GroupJoin, Membership, Producer, ProducerOptions,
};

/// A cluster that can be connected to: hands out the four kinds of clients. Shared by all stream
/// threads of a process.
pub trait Broker: Send + Sync + fmt::Debug {
    /// A client that reads partitions.
    fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, BrokerError>;

    /// A client that writes, transactionally when the options name a transactional id.
    fn producer(&self, options: ProducerOptions) -> Result<Box<dyn Producer>, BrokerError>;

    /// Joins a group that hands out tasks.
    fn membership(&self, join: GroupJoin) -> Result<Box<dyn Membership>, BrokerError>;

    /// A client that creates and describes topics.
    fn admin(&self) -> Result<Box<dyn Admin>, BrokerError>;
}
