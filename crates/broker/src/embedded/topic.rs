//! A topic: its configs and the logs of its partitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::partition_log::PartitionLog;
use super::topic_config::TopicConfig;
use crate::{BrokerError, NewTopic, TopicDescription};

/// Kafka's limit on the length of a topic's name (`Topic.MAX_NAME_LENGTH`).
const MAX_NAME_LENGTH: usize = 249;
/// More partitions than anybody means: a guard against a number that went wrong.
const MAX_PARTITIONS: u32 = 100_000;

/// Number of a topic; never used twice, so that a topic created again is another one.
pub(super) type TopicId = u32;

/// One topic.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) id: TopicId,
    pub(super) name: Arc<str>,
    pub(super) configs: BTreeMap<String, String>,
    pub(super) config: TopicConfig,
    pub(super) bound_bytes: Option<u64>,
    pub(super) partitions: Vec<PartitionLog>,
}

impl Topic {
    /// Checks what is asked for and makes the topic, empty.
    pub(super) fn create(id: TopicId, new: &NewTopic) -> Result<Self, BrokerError> {
        check_name(&new.name)?;
        check_partitions(&new.name, new.partitions)?;
        Ok(Self {
            id,
            name: new.name.as_str().into(),
            configs: new.configs.clone(),
            config: TopicConfig::parse(&new.name, &new.configs)?,
            bound_bytes: new.bound_bytes,
            partitions: (0..new.partitions).map(|_| PartitionLog::new()).collect(),
        })
    }

    /// Adds empty partitions up to `total`; fewer than there are is an error, as in Kafka.
    pub(super) fn grow(&mut self, total: u32) -> Result<(), BrokerError> {
        check_partitions(&self.name, total)?;
        if (total as usize) < self.partitions.len() {
            return Err(BrokerError::InvalidTopic {
                topic: self.name.to_string(),
                reason: format!(
                    "has {} partitions already, and partitions cannot be taken away",
                    self.partitions.len()
                ),
            });
        }
        self.partitions.resize_with(total as usize, PartitionLog::new);
        Ok(())
    }

    /// What the admin says of it.
    pub(super) fn describe(&self) -> TopicDescription {
        TopicDescription {
            name: self.name.to_string(),
            partitions: self.partitions.len() as u32,
            configs: self.configs.clone(),
        }
    }

    /// Whether a partition of a bounded topic is at its bound or above.
    pub(super) fn is_full(&self) -> bool {
        self.bound_bytes.is_some_and(|bound| self.partitions.iter().any(|log| log.size() >= bound))
    }
}

fn check_name(name: &str) -> Result<(), BrokerError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let reason = if name.is_empty() {
        "a topic needs a name".to_owned()
    } else if name == "." || name == ".." {
        "the names '.' and '..' are not allowed".to_owned()
    } else if name.len() > MAX_NAME_LENGTH {
        format!("the name is longer than {MAX_NAME_LENGTH} characters")
    } else if !name.chars().all(allowed) {
        "a name consists of ASCII letters, digits, '.', '_' and '-'".to_owned()
    } else {
        return Ok(());
    };
    Err(BrokerError::InvalidTopic { topic: name.to_owned(), reason })
}

fn check_partitions(name: &str, partitions: u32) -> Result<(), BrokerError> {
    if (1..=MAX_PARTITIONS).contains(&partitions) {
        return Ok(());
    }
    Err(BrokerError::InvalidTopic {
        topic: name.to_owned(),
        reason: format!("{partitions} partitions: give it 1 to {MAX_PARTITIONS}"),
    })
}
