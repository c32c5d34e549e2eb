use std::time::Duration;

use crate::{BrokerError, GroupIdentity, OffsetAndMetadata, RecordBuffer, TopicPartition};

/// How a producer is opened.
#[derive(Clone, Debug)]
pub struct ProducerOptions {
    /// Name of the client in logs.
    pub client_id: String,
    /// With an id the producer is transactional: opening it fences its predecessor of the same id
    /// and aborts what that one left open.
    pub transactional_id: Option<String>,
    /// After this time the broker aborts a transaction by itself.
    pub transaction_timeout: Duration,
}

impl ProducerOptions {
    /// A producer without transactions.
    pub fn idempotent(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            transactional_id: None,
            transaction_timeout: Duration::from_secs(10),
        }
    }

    /// A transactional producer.
    pub fn transactional(
        client_id: impl Into<String>,
        transactional_id: impl Into<String>,
    ) -> Self {
        Self { transactional_id: Some(transactional_id.into()), ..Self::idempotent(client_id) }
    }
}

/// How a commit ended. The caller has to deal with all three.
#[must_use = "a commit that is aborted or unknown needs an answer"]
#[derive(Debug)]
pub enum CommitOutcome {
    /// The transaction is committed.
    Committed,
    /// The transaction is aborted, or cannot be committed any longer.
    Aborted(BrokerError),
    /// Whether the transaction was committed is not known: drop this producer, open a new one with
    /// the same transactional id, and read the group's committed offsets to find out.
    Unknown(BrokerError),
}

/// Writes batches, idempotently; in transactions when it was opened with a transactional id.
pub trait Producer: Send {
    /// Hands over the records of `buffer` for one partition, in order, and clears it. Outside a
    /// transaction of a transactional producer this is an error. Delivery errors may come back
    /// later, from [`flush`](Self::flush). [`BrokerError::TopicFull`] leaves the buffer as it was.
    fn send(
        &mut self,
        partition: &TopicPartition,
        buffer: &mut RecordBuffer,
    ) -> Result<(), BrokerError>;

    /// Whether writing to `topic` should wait (a bounded topic is full, or the client's queue is).
    /// A hint: what is produced all the same is taken.
    fn is_full(&self, topic: &str) -> bool;

    /// Number of partitions of `topic`.
    fn partitions(&mut self, topic: &str) -> Result<u32, BrokerError>;

    /// The largest record that `topic` takes, in bytes as a [`RecordBuffer`] encodes it; a larger
    /// one is refused with [`BrokerError::RecordTooLarge`].
    fn max_record_bytes(&mut self, topic: &str) -> Result<usize, BrokerError>;

    /// Waits until everything handed over is acknowledged, and returns the first delivery error.
    fn flush(&mut self) -> Result<(), BrokerError>;

    /// The offset after the last record this producer was acknowledged for `partition`, if any.
    fn acknowledged(&self, partition: &TopicPartition) -> Option<i64>;

    /// Begins a transaction. [`BrokerError::Timeout`] when something of the last one may still be on
    /// its way: open a new producer with the same transactional id.
    fn begin(&mut self) -> Result<(), BrokerError>;

    /// Adds a group's offsets to the transaction, under a member's identity.
    fn send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
    ) -> Result<(), BrokerError>;

    /// Commits the transaction.
    fn commit(&mut self) -> CommitOutcome;

    /// Aborts the transaction, if one is open.
    fn abort(&mut self) -> Result<(), BrokerError>;
}
