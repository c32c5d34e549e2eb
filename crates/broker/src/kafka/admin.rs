use std::collections::BTreeMap;
use std::sync::Arc;

use futures_executor::block_on;
use rdkafka::admin::{
    AdminOptions, ConfigSource, NewPartitions, NewTopic as Created, TopicReplication,
};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use super::client::CALL_TIMEOUT;
use super::cluster::Cluster;
use crate::{
    Admin, BrokerError, Clock, NewTopic, OffsetAndMetadata, SystemClock, TopicDescription,
    TopicPartition,
};

/// Manages the topics and groups of a cluster.
pub(super) struct KafkaAdmin {
    cluster: Arc<Cluster>,
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(CALL_TIMEOUT)).operation_timeout(Some(CALL_TIMEOUT))
}

impl KafkaAdmin {
    pub(super) fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster }
    }

    /// A topic that was made is not known to every broker at once.
    fn wait_until_known(&self, topics: &[NewTopic]) -> Result<(), BrokerError> {
        let clock = SystemClock::new();
        loop {
            let there = self.cluster.partitions()?;
            let missing = topics.iter().find(|topic| {
                there.get(&topic.name).is_none_or(|partitions| *partitions < topic.partitions)
            });
            match missing {
                None => return Ok(()),
                Some(topic) if clock.monotonic() > CALL_TIMEOUT => {
                    let name = &topic.name;
                    return Err(BrokerError::Timeout(format!(
                        "topic '{name}' was created and is not to be seen: grant the application's user the right Describe on it"
                    )));
                }
                Some(_) => std::thread::park_timeout(CALL_TIMEOUT / 1000),
            }
        }
    }

    /// The outcome for one topic, in the port's words.
    fn topic_error(&self, action: &str, topic: &str, code: Code) -> BrokerError {
        let topic = topic.to_owned();
        match code {
            Code::TopicAlreadyExists => BrokerError::TopicExists(topic),
            Code::UnknownTopicOrPartition | Code::UnknownTopic => BrokerError::UnknownTopic(topic),
            Code::InvalidTopic
            | Code::InvalidPartitions
            | Code::InvalidReplicationFactor
            | Code::InvalidReplicaAssignment
            | Code::InvalidConfig
            | Code::InvalidRequest
            | Code::PolicyViolation => {
                BrokerError::InvalidTopic { topic, reason: code.to_string() }
            }
            code => {
                let action = format!("{action} '{topic}'");
                self.cluster.doing(&action).code(code, code.to_string())
            }
        }
    }
}

impl Admin for KafkaAdmin {
    fn list_topics(&mut self) -> Result<Vec<String>, BrokerError> {
        let mut names: Vec<String> = self.cluster.partitions()?.into_keys().collect();
        names.sort_unstable();
        Ok(names)
    }

    fn describe_topics(
        &mut self,
        topics: &[&str],
    ) -> Result<Vec<Option<TopicDescription>>, BrokerError> {
        let there = self.cluster.partitions()?;
        let known: Vec<&str> =
            topics.iter().copied().filter(|topic| there.contains_key(*topic)).collect();
        let configs = match known.is_empty() {
            true => Vec::new(),
            false => self.cluster.configs(&known)?,
        };
        let described: BTreeMap<&str, BTreeMap<String, String>> = known
            .into_iter()
            .zip(configs)
            .map(|(topic, configs)| {
                let set = configs
                    .entries
                    .into_iter()
                    .filter(|entry| entry.source == ConfigSource::DynamicTopic)
                    .filter_map(|entry| Some((entry.name, entry.value?)));
                (topic, set.collect())
            })
            .collect();
        let describe = |topic: &&str| {
            Some(TopicDescription {
                name: (*topic).to_owned(),
                partitions: *there.get(*topic)?,
                configs: described.get(topic).cloned().unwrap_or_default(),
            })
        };
        Ok(topics.iter().map(describe).collect())
    }

    fn create_topics(&mut self, topics: &[NewTopic]) -> Result<(), BrokerError> {
        let new: Vec<Created<'_>> = topics
            .iter()
            .map(|topic| {
                // -1 leaves it to the broker (KIP-464).
                let replicas = topic.replication_factor.map_or(-1, i32::from);
                let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
                let new = Created::new(&topic.name, partitions, TopicReplication::Fixed(replicas));
                topic.configs.iter().fold(new, |new, (name, value)| new.set(name, value))
            })
            .collect();
        if let Some(topic) = topics.iter().find(|topic| topic.partitions == 0) {
            return Err(BrokerError::InvalidTopic {
                topic: topic.name.clone(),
                reason: "it needs at least one partition".to_owned(),
            });
        }
        let made = block_on(self.cluster.admin().create_topics(&new, &options()));
        let doing = self.cluster.doing("to create topics");
        for outcome in made.map_err(|error| doing.wrapped(&error))? {
            outcome.map_err(|(topic, code)| self.topic_error("to create topic", &topic, code))?;
        }
        self.wait_until_known(topics)
    }

    fn delete_topic(&mut self, topic: &str) -> Result<(), BrokerError> {
        let deleted = block_on(self.cluster.admin().delete_topics(&[topic], &options()));
        self.cluster.forget_limit(topic);
        let doing = self.cluster.doing("to delete a topic");
        for outcome in deleted.map_err(|error| doing.wrapped(&error))? {
            outcome.map_err(|(topic, code)| self.topic_error("to delete topic", &topic, code))?;
        }
        Ok(())
    }

    fn create_partitions(&mut self, topic: &str, total: u32) -> Result<(), BrokerError> {
        let new = NewPartitions::new(topic, total as usize);
        let made = block_on(self.cluster.admin().create_partitions([&new], &options()));
        let doing = self.cluster.doing("to add partitions");
        for outcome in made.map_err(|error| doing.wrapped(&error))? {
            outcome.map_err(|(topic, code)| {
                self.topic_error("to add partitions to topic", &topic, code)
            })?;
        }
        Ok(())
    }

    fn delete_records(&mut self, before: &[(TopicPartition, i64)]) -> Result<(), BrokerError> {
        let mut list = TopicPartitionList::with_capacity(before.len());
        for (partition, offset) in before {
            let mut row = list.add_partition(&partition.topic, partition.partition as i32);
            // Offsets are not negative, so this cannot fail.
            let _set = row.set_offset(Offset::Offset(*offset));
        }
        let doing = self.cluster.doing("to delete records");
        // Not to wait for every replica, nor for a leader that is gone: the caller has other things to do.
        let options = options()
            .operation_timeout(Some(CALL_TIMEOUT / 10))
            .request_timeout(Some(CALL_TIMEOUT / 5));
        let deleted = block_on(self.cluster.admin().delete_records(&list, &options));
        let deleted = deleted.map_err(|error| doing.wrapped(&error))?;
        for row in deleted.elements() {
            let partition = TopicPartition::new(row.topic(), row.partition() as u32);
            match row.error().err().and_then(|error| error.rdkafka_error_code()) {
                None => {}
                Some(Code::OffsetOutOfRange) => {
                    let log = self.cluster.offsets(&partition)?;
                    let asked = before.iter().find(|(other, _)| *other == partition);
                    return Err(BrokerError::OffsetOutOfRange {
                        offset: asked.map_or(-1, |(_, offset)| *offset),
                        partition,
                        beginning: log.beginning,
                        end: log.end,
                    });
                }
                Some(code) => {
                    return Err(self.topic_error("to delete records of topic", row.topic(), code));
                }
            }
        }
        Ok(())
    }

    fn group_offsets(
        &mut self,
        group: &str,
    ) -> Result<Vec<(TopicPartition, OffsetAndMetadata)>, BrokerError> {
        let rows = self.cluster.group_offsets(group, None)?;
        let committed = rows.into_iter().filter(|row| row.offset >= 0);
        let mut committed: Vec<_> = committed
            .map(|row| {
                let position = OffsetAndMetadata { offset: row.offset, metadata: row.metadata };
                (row.partition, position)
            })
            .collect();
        committed.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(committed)
    }

    fn alter_group_offsets(
        &mut self,
        group: &str,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<(), BrokerError> {
        self.cluster.alter_group_offsets(group, offsets)
    }

    fn delete_group_offsets(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<(), BrokerError> {
        self.cluster.delete_group_offsets(group, partitions)
    }
}
