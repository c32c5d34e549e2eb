//! Settings that are one of a few words.

/// What a record in the input means for the output (Kafka's `processing.guarantee`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guarantee {
    /// Once, across failures: output, state and offsets are committed in one transaction (Kafka's
    /// `exactly_once_v2`, KIP-447).
    #[default]
    ExactlyOnce,
    /// Once, and perhaps again after a failure (Kafka's `at_least_once`).
    AtLeastOnce,
}

/// What happens when a stream thread dies of an error (Kafka's `StreamThreadExceptionResponse`,
/// KIP-671).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThreadExceptionPolicy {
    /// Another thread takes its place.
    ReplaceThread,
    /// This instance stops; others take its tasks over.
    #[default]
    ShutdownClient,
}

/// Where stores are kept (Kafka's `default.dsl.store`, KIP-591).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// On disk, in RocksDB. Needs the crate's feature `rocksdb`.
    RocksDb,
    /// In memory: restored from the changelogs at every start.
    InMemory,
}

/// Where reading of a partition begins for which the group has committed nothing (Kafka's
/// `auto.offset.reset`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoOffsetReset {
    /// At its first record.
    #[default]
    Earliest,
    /// Behind the last committed record that is there when the task starts.
    Latest,
    /// Nowhere: it is an error.
    None,
}

/// By which protocol the instances of an application agree who does what, on a Kafka cluster
/// (Kafka's `group.protocol`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupProtocol {
    /// The members assign among themselves, as every Kafka can.
    #[default]
    Classic,
    /// The broker assigns (KIP-848); Kafka 4.0 or later.
    Consumer,
}
