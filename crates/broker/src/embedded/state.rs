//! Everything the broker knows, behind one lock: what is done under it is a few pointer moves per
//! batch, so that a lock for each partition would cost more than it saves.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::chunk::{Chunk, ProducerId};
use super::group::Group;
use super::journal::{Entry, Journal, topic_entry};
use super::partition_log::PartitionLog;
use super::topic::{Topic, TopicId};
use super::transaction::TransactionalProducer;
use crate::{BrokerError, NewTopic, TopicPartition, Waker};

/// The broker's state.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) topics: BTreeMap<TopicId, Topic>,
    pub(super) topic_ids: FxHashMap<Arc<str>, TopicId>,
    next_topic: TopicId,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) producers: BTreeMap<ProducerId, TransactionalProducer>,
    pub(super) producer_ids: BTreeMap<String, ProducerId>,
    next_client: u64,
    /// To be called when the lock is released.
    pub(super) wakes: Vec<Waker>,
    /// Whether a bounded topic has got room since the lock was taken.
    pub(super) room: bool,
    closed: bool,
    /// Of a durable broker, once it is open.
    pub(super) journal: Option<Journal>,
}

impl State {
    /// [`BrokerError::Closed`] after [`close`](Self::close).
    pub(super) fn check_open(&self) -> Result<(), BrokerError> {
        if self.closed {
            return Err(BrokerError::Closed("it was asked to close".to_owned()));
        }
        Ok(())
    }

    /// [`BrokerError::Closed`] when nothing can be written (any longer).
    pub(super) fn check_writable(&self) -> Result<(), BrokerError> {
        self.check_open()?;
        match self.journal.as_ref().and_then(Journal::failed) {
            Some(cause) => Err(BrokerError::Closed(cause.to_owned())),
            None => Ok(()),
        }
    }

    /// Writes an entry to the journal, if there is one.
    pub(super) fn record(&mut self, entry: &Entry<'_>) {
        if let Some(journal) = &mut self.journal {
            journal.append(entry);
        }
    }

    /// Position after everything recorded; 0 in memory.
    pub(super) fn journal_end(&self) -> u64 {
        self.journal.as_ref().map_or(0, Journal::end)
    }

    /// Whether much of the journal is waiting to be written.
    pub(super) fn should_spill(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::should_spill)
    }

    /// What is left to do under the lock after each piece of work.
    pub(super) fn tidy(&mut self) {
        if self.journal.as_ref().is_some_and(Journal::is_segment_full) {
            self.start_segment();
        }
        self.evict();
    }

    /// Takes nothing more.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.room = true;
    }

    /// A number for a consumer.
    pub(super) fn number_client(&mut self) -> u64 {
        self.next_client += 1;
        self.next_client
    }

    /// The topic called `name`.
    pub(super) fn topic(&self, name: &str) -> Result<&Topic, BrokerError> {
        self.topic_ids
            .get(name)
            .and_then(|id| self.topics.get(id))
            .ok_or_else(|| BrokerError::UnknownTopic(name.to_owned()))
    }

    /// The topic called `name`, to be changed.
    pub(super) fn topic_mut(&mut self, name: &str) -> Result<&mut Topic, BrokerError> {
        self.topic_ids
            .get(name)
            .and_then(|id| self.topics.get_mut(id))
            .ok_or_else(|| BrokerError::UnknownTopic(name.to_owned()))
    }

    /// The log of `partition`.
    pub(super) fn log(&self, partition: &TopicPartition) -> Result<&PartitionLog, BrokerError> {
        self.topic(&partition.topic)?
            .partitions
            .get(partition.partition as usize)
            .ok_or_else(|| BrokerError::UnknownPartition(partition.clone()))
    }

    /// The log of `partition`, to be changed.
    pub(super) fn log_mut(
        &mut self,
        partition: &TopicPartition,
    ) -> Result<&mut PartitionLog, BrokerError> {
        self.topic_mut(&partition.topic)?
            .partitions
            .get_mut(partition.partition as usize)
            .ok_or_else(|| BrokerError::UnknownPartition(partition.clone()))
    }

    /// The log by the topic's number; `None` when the topic is gone.
    pub(super) fn log_by_id(
        &mut self,
        topic: TopicId,
        partition: u32,
    ) -> Option<&mut PartitionLog> {
        let topic = self.topics.get_mut(&topic)?;
        topic.partitions.get_mut(partition as usize)
    }

    /// The group called `name`, made when there is none yet, and where to leave wakers.
    pub(super) fn group_and_wakes(&mut self, name: &str) -> (&mut Group, &mut Vec<Waker>) {
        if !self.groups.contains_key(name) {
            self.groups.insert(name.to_owned(), Group::new(name));
        }
        let group =
            self.groups.get_mut(name).expect("the group was inserted above when it was missing");
        (group, &mut self.wakes)
    }

    /// Creates a topic.
    pub(super) fn create_topic(&mut self, new: &NewTopic) -> Result<(), BrokerError> {
        if self.topic_ids.contains_key(new.name.as_str()) {
            return Err(BrokerError::TopicExists(new.name.clone()));
        }
        let topic = Topic::create(self.next_topic, new)?;
        self.record(&topic_entry(&topic));
        self.insert_topic(topic);
        Ok(())
    }

    /// Makes a topic as it was, or gives it the partitions it got later.
    pub(super) fn restore_topic(
        &mut self,
        id: TopicId,
        name: String,
        partitions: u32,
        configs: BTreeMap<String, String>,
        bound_bytes: Option<u64>,
    ) -> Result<(), BrokerError> {
        if let Some(topic) = self.topics.get_mut(&id) {
            return topic.grow(partitions);
        }
        let new = NewTopic { name, partitions, replication_factor: None, configs, bound_bytes };
        self.insert_topic(Topic::create(id, &new)?);
        Ok(())
    }

    fn insert_topic(&mut self, topic: Topic) {
        self.next_topic = self.next_topic.max(topic.id + 1);
        self.topic_ids.insert(Arc::clone(&topic.name), topic.id);
        self.topics.insert(topic.id, topic);
    }

    /// Deletes a topic with its records and all groups' offsets of it.
    pub(super) fn delete_topic(&mut self, name: &str) -> Result<(), BrokerError> {
        let id = self.topic(name)?.id;
        self.record(&Entry::TopicDeleted { id });
        self.topic_ids.remove(name);
        if let Some(topic) = self.topics.remove(&id) {
            for log in &topic.partitions {
                log.wake(true, &mut self.wakes);
                forget_chunks(&mut self.journal, log.chunks());
            }
        }
        for group in self.groups.values_mut() {
            group.offsets.forget_topic(name);
        }
        self.room = true;
        Ok(())
    }

    /// Raises the number of partitions of a topic.
    pub(super) fn create_partitions(&mut self, name: &str, total: u32) -> Result<(), BrokerError> {
        let topic = self.topic_mut(name)?;
        topic.grow(total)?;
        let entry = topic_entry(topic);
        self.record(&entry);
        Ok(())
    }

    /// Forgets offsets of a group.
    pub(super) fn forget_offsets(&mut self, group: &str, partitions: &[TopicPartition]) {
        if let Some(known) = self.groups.get_mut(group) {
            for partition in partitions {
                known.offsets.forget(partition);
            }
        }
        let offsets = partitions.iter().map(|tp| (tp.clone(), None)).collect();
        self.record(&Entry::Offsets { group: group.to_owned(), offsets });
    }

    /// Moves the first offset of a partition, and drops what lies before it.
    pub(super) fn advance_log_start(
        &mut self,
        partition: &TopicPartition,
        offset: i64,
    ) -> Result<(), BrokerError> {
        let topic = self.topic_mut(&partition.topic)?;
        let id = topic.id;
        let log = topic
            .partitions
            .get_mut(partition.partition as usize)
            .ok_or_else(|| BrokerError::UnknownPartition(partition.clone()))?;
        if offset > log.log_start() {
            let dropped = log.advance_log_start(offset);
            let entry = log.ends_entry(id, partition.partition);
            self.record(&entry);
            forget_chunks(&mut self.journal, &dropped);
        }
        Ok(())
    }

    /// Deletes the records before `offset`; −1 stands for the end, as in Kafka.
    pub(super) fn delete_records(
        &mut self,
        partition: &TopicPartition,
        offset: i64,
    ) -> Result<(), BrokerError> {
        let ends = self.log(partition)?.offsets();
        let before = if offset == -1 { ends.end } else { offset };
        if before < 0 || before > ends.end {
            return Err(BrokerError::OffsetOutOfRange {
                partition: partition.clone(),
                offset,
                beginning: ends.beginning,
                end: ends.end,
            });
        }
        self.advance_log_start(partition, before)?;
        self.room = true;
        Ok(())
    }
}

/// Chunks that are gone are not needed in the journal either.
pub(super) fn forget_chunks<'a>(
    journal: &mut Option<Journal>,
    chunks: impl IntoIterator<Item = &'a Chunk>,
) {
    if let Some(journal) = journal {
        for location in chunks.into_iter().filter_map(|chunk| chunk.location) {
            journal.forget(location);
        }
    }
}
