//! The port of millstream to a partitioned, transactional log, and the adapters behind it.
//!
//! The traits ([`Broker`], [`Consumer`], [`Producer`], [`Membership`], [`Admin`]) are all that the
//! engine knows of a broker. They speak in batches of raw bytes, never block on the record path,
//! and take time from a [`Clock`]. [`embedded`] is a broker inside the process with Kafka's
//! semantics; a Kafka adapter stands behind the same traits.

mod admin;
mod clock;
mod consumer;
mod error;
mod headers;
mod membership;
mod partitioner;
mod port;
mod producer;
mod record;
mod topic_partition;

pub mod embedded;
#[cfg(feature = "kafka")]
pub mod kafka;

pub use admin::{Admin, NewTopic, TopicDescription};
pub use clock::{Clock, ManualClock, SystemClock};
pub use consumer::{Consumer, ConsumerOptions, IsolationLevel, PartitionOffsets, Waker};
pub use error::BrokerError;
pub use headers::{Header, Headers};
pub use membership::{
    GroupIdentity, GroupJoin, Membership, MembershipChange, MembershipEvent, TaskId,
};
pub use partitioner::{murmur2, partition_for_key};
pub use port::Broker;
pub use producer::{CommitOutcome, Producer, ProducerOptions};
pub use record::{RecordBatch, RecordBuffer, RecordView};
pub use topic_partition::{OffsetAndMetadata, TopicPartition};
