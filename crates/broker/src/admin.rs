use std::collections::BTreeMap;

use crate::{BrokerError, OffsetAndMetadata, TopicPartition};

/// A topic to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// How many copies; `None` leaves it to the broker. The embedded broker has one.
    pub replication_factor: Option<u16>,
    /// Kafka's topic configs (`cleanup.policy`, `retention.ms`, …).
    pub configs: BTreeMap<String, String>,
    /// On the embedded broker, a bound in bytes for each partition: what every reading group has
    /// committed past is dropped to stay below it, and producing waits when nothing can be
    /// dropped. Kafka has no such thing and ignores it.
    pub bound_bytes: Option<u64>,
}

impl NewTopic {
    /// A topic with the broker's default configs.
    pub fn new(name: impl Into<String>, partitions: u32) -> Self {
        Self {
            name: name.into(),
            partitions,
            replication_factor: None,
            configs: BTreeMap::new(),
            bound_bytes: None,
        }
    }

    /// Sets one of Kafka's topic configs.
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.insert(name.into(), value.into());
        self
    }

    /// Bounds each partition; see [`bound_bytes`](Self::bound_bytes).
    pub fn bounded(mut self, bytes: u64) -> Self {
        self.bound_bytes = Some(bytes);
        self
    }
}

/// What a broker says of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// The configs that were set on it.
    pub configs: BTreeMap<String, String>,
}

/// Creates and describes topics, and manages groups' offsets.
pub trait Admin: Send {
    /// All topics, in order of their names.
    fn list_topics(&mut self) -> Result<Vec<String>, BrokerError>;

    /// Describes `topics`, in their order; `None` for one that does not exist.
    fn describe_topics(
        &mut self,
        topics: &[&str],
    ) -> Result<Vec<Option<TopicDescription>>, BrokerError>;

    /// Creates topics. Stops at the first that fails, [`BrokerError::TopicExists`] included.
    fn create_topics(&mut self, topics: &[NewTopic]) -> Result<(), BrokerError>;

    /// Deletes a topic with all its records.
    fn delete_topic(&mut self, topic: &str) -> Result<(), BrokerError>;

    /// Raises the number of partitions of `topic` to `total`.
    fn create_partitions(&mut self, topic: &str, total: u32) -> Result<(), BrokerError>;

    /// Deletes the records before the given offsets.
    fn delete_records(&mut self, before: &[(TopicPartition, i64)]) -> Result<(), BrokerError>;

    /// All offsets `group` has committed.
    fn group_offsets(
        &mut self,
        group: &str,
    ) -> Result<Vec<(TopicPartition, OffsetAndMetadata)>, BrokerError>;

    /// Sets offsets of a group that has no members.
    fn alter_group_offsets(
        &mut self,
        group: &str,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<(), BrokerError>;

    /// Forgets offsets of a group that has no members.
    fn delete_group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<(), BrokerError>;
}
