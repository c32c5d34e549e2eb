use std::fmt;
use std::sync::Arc;

/// One partition of a topic. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: u32,
}

impl TopicPartition {
    /// Names partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: u32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// A committed position of a group: the offset of the next record to read, and a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    /// Offset of the next record to read.
    pub offset: i64,
    /// Free text kept beside the offset; the engine keeps the partition time here.
    pub metadata: String,
}

impl OffsetAndMetadata {
    /// A position without a note.
    pub fn new(offset: i64) -> Self {
        Self { offset, metadata: String::new() }
    }
}
