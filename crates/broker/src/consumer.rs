use std::fmt;
use std::sync::Arc;

use crate::{BrokerError, GroupIdentity, OffsetAndMetadata, RecordBatch, TopicPartition};

/// Which records a consumer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum IsolationLevel {
    /// All records, those of open and aborted transactions too.
    ReadUncommitted,
    /// Records of committed transactions, up to the last stable offset.
    #[default]
    ReadCommitted,
}

/// Called, from any thread and quickly, when a client may have something new: data for an assigned
/// partition, or a change of membership.
#[derive(Clone)]
pub struct Waker(Arc<dyn Fn() + Send + Sync>);

impl Waker {
    /// Wraps what is to be called. It must not block and must not call the broker.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }

    /// Calls it.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

/// How a consumer is opened.
#[derive(Clone, Debug, Default)]
pub struct ConsumerOptions {
    /// Name of the client in logs.
    pub client_id: String,
    /// Which records it sees.
    pub isolation: IsolationLevel,
    /// Called when an assigned partition may have new records; lets the owner sleep in between.
    pub waker: Option<Waker>,
}

/// The ends of a partition's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionOffsets {
    /// Offset of the first record still there.
    pub beginning: i64,
    /// Offset after the last record of any state (Kafka's high watermark).
    pub end: i64,
    /// Offset after the last record that is not behind an open transaction.
    pub last_stable: i64,
}

/// Reads partitions. No call waits for data.
pub trait Consumer: Send {
    /// Adds `partition` to the assignment, or moves it, so that `offset` is read next.
    fn assign(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError>;

    /// Takes `partition` out of the assignment. Not an error when it is not in it.
    fn unassign(&mut self, partition: &TopicPartition);

    /// The next batch of `partition`, of about `max_bytes` bytes at the most (always at least one
    /// record when there is one); `None` when nothing new can be seen yet. Records of aborted
    /// transactions and control records are left out, and the batch's
    /// [`next_offset`](RecordBatch::next_offset) is past them, so a batch may be empty.
    /// [`BrokerError::OffsetOutOfRange`] when the position lies outside the log.
    fn fetch(
        &mut self,
        partition: &TopicPartition,
        max_bytes: usize,
    ) -> Result<Option<RecordBatch>, BrokerError>;

    /// How many offsets lie between what was fetched last of an assigned partition and its last
    /// stable offset, as far as the client knows without asking (Kafka's `currentLag`, KIP-695);
    /// `None` while it knows nothing.
    fn lag(&mut self, partition: &TopicPartition) -> Option<u64>;

    /// Beginning, end and last stable offset of any partition, assigned or not. Asks the broker.
    fn offsets(&mut self, partition: &TopicPartition) -> Result<PartitionOffsets, BrokerError>;

    /// What `group` has committed for each of `partitions`, in their order. Asks for stable
    /// offsets: [`BrokerError::UnstableOffsets`] while an open transaction may still change them.
    fn committed(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<OffsetAndMetadata>>, BrokerError>;

    /// Commits offsets outside a transaction (at-least-once) under a member's identity.
    fn commit(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
    ) -> Result<(), BrokerError>;
}
