use std::path::PathBuf;

use crate::TopicPartition;

/// What can go wrong between the engine and a broker. Messages name the thing and the remedy, and
/// never hold a record's payload.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The topic does not exist.
    #[error("topic '{0}' does not exist: create it before starting, or correct its name")]
    UnknownTopic(String),
    /// The topic has no such partition.
    #[error("partition {0} does not exist")]
    UnknownPartition(TopicPartition),
    /// A topic of that name is there already.
    #[error("topic '{0}' exists already")]
    TopicExists(String),
    /// A topic cannot be created or changed as asked.
    #[error("topic '{topic}': {reason}")]
    InvalidTopic {
        /// The topic.
        topic: String,
        /// What is wrong with the request.
        reason: String,
    },
    /// A read position lies outside the log.
    #[error(
        "offset {offset} of {partition} is outside the log ({beginning} to {end}): records were deleted before they were read, or the topic was made anew; set the group's offset to one that is there"
    )]
    OffsetOutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The offset asked for.
        offset: i64,
        /// First offset of the log.
        beginning: i64,
        /// Offset after the last record.
        end: i64,
    },
    /// A partition is read that was not assigned to the consumer.
    #[error("partition {0} is not assigned to this consumer: assign it before it is read")]
    NotAssigned(TopicPartition),
    /// A group's offsets cannot be changed from outside while it has members.
    #[error("group '{0}' has members: stop them before its offsets are changed")]
    GroupNotEmpty(String),
    /// A bounded topic has no room until its readers have committed past its oldest records.
    #[error("topic '{0}' is full: wait until its readers have committed past its oldest records")]
    TopicFull(String),
    /// A record, or a batch, is larger than the broker takes.
    #[error(
        "a record of {bytes} bytes for {partition} is larger than the limit of {limit} bytes: make records smaller, or raise the topic's max.message.bytes"
    )]
    RecordTooLarge {
        /// The partition.
        partition: TopicPartition,
        /// Size of the record.
        bytes: usize,
        /// Largest size taken.
        limit: usize,
    },
    /// A newer producer with the same transactional id (or a newer epoch) has taken over.
    #[error("producer '{0}' is fenced: a newer producer with this transactional id has started")]
    ProducerFenced(String),
    /// The group has moved on to a newer generation.
    #[error("group '{group}': generation {generation} of member '{member}' is over")]
    IllegalGeneration {
        /// The group.
        group: String,
        /// The member that asked.
        member: String,
        /// The generation it believed in.
        generation: i32,
    },
    /// The group does not know the member (any longer).
    #[error("group '{group}' does not know member '{member}'")]
    UnknownMember {
        /// The group.
        group: String,
        /// The member that asked.
        member: String,
    },
    /// The group is between two generations; ask again.
    #[error("group '{0}' is rebalancing")]
    RebalanceInProgress(String),
    /// An open transaction may still change the group's committed offsets; ask again.
    #[error("committed offsets of group '{0}' wait for an open transaction")]
    UnstableOffsets(String),
    /// A call that does not fit the producer's state.
    #[error("producer: {0}")]
    InvalidTransactionState(String),
    /// The broker did not answer in time; whether it acted is not known.
    #[error("the broker did not answer in time: {0}")]
    Timeout(String),
    /// Stored bytes do not match their checksum or cannot be read.
    #[error("{}: corrupt at byte {position}: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        position: u64,
        /// What does not fit, and the remedy.
        reason: String,
    },
    /// A directory that cannot be used: locked, not writable, or of another application.
    #[error("directory {}: {reason}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why, and the remedy.
        reason: String,
    },
    /// The operating system refused a read or write.
    #[error("{context}: {reason}")]
    Io {
        /// What was being done, with the file's name.
        context: String,
        /// The operating system's words.
        reason: String,
    },
    /// No broker of a cluster answers.
    #[error(
        "no broker at {servers} can be reached ({reason}): check bootstrap.servers, the network, and security.protocol"
    )]
    Unreachable {
        /// The brokers that were tried.
        servers: String,
        /// What went wrong last.
        reason: String,
    },
    /// The cluster does not allow it.
    #[error(
        "not allowed: {action} ({reason}); grant it to the application's user, or correct its credentials"
    )]
    Denied {
        /// What was to be done.
        action: String,
        /// The cluster's words.
        reason: String,
    },
    /// A setting that the client or the cluster refuses.
    #[error("setting `{key}`: {reason}")]
    InvalidSetting {
        /// The setting.
        key: String,
        /// What is wrong with it, without its value, which may be a secret.
        reason: String,
    },
    /// The cluster is too old for what is asked of it.
    #[error("the cluster does not support {0}")]
    Unsupported(String),
    /// Another member with the same static identity has joined the group.
    #[error(
        "group '{group}': another instance with group.instance.id '{instance}' has started: give each its own"
    )]
    InstanceFenced {
        /// The group.
        group: String,
        /// The static identity.
        instance: String,
    },
    /// Something else that a cluster or its client says.
    #[error("{action}: {reason}")]
    Cluster {
        /// What was to be done.
        action: String,
        /// The words of the cluster or the client.
        reason: String,
    },
    /// The broker has been closed, or has failed before and takes nothing more.
    #[error("the broker is closed: {0}")]
    Closed(String),
}

impl BrokerError {
    /// Whether the same call may succeed later without anything else being done.
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            Self::TopicFull(_)
                | Self::RebalanceInProgress(_)
                | Self::UnstableOffsets(_)
                | Self::Timeout(_)
                | Self::Unreachable { .. }
        )
    }

    /// Whether somebody else has taken over the caller's work: it must drop what it holds, write
    /// nothing more and rejoin (Kafka Streams' `TaskMigratedException`).
    pub fn is_fenced(&self) -> bool {
        matches!(
            self,
            Self::ProducerFenced(_) | Self::IllegalGeneration { .. } | Self::UnknownMember { .. }
        )
    }
}
