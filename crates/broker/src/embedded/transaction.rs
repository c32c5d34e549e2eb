//! The transaction coordinator: transactional ids, their producers' epochs, and open transactions
//! (Kafka's `TransactionCoordinator`).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::chunk::{Chunk, ProducerId, Visibility, max_timestamp};
use super::group_offsets::Offsets;
use super::journal::{ChunkEntry, Entry};
use super::state::State;
use super::topic::TopicId;
use crate::{BrokerError, GroupIdentity, OffsetAndMetadata, RecordBatch, TopicPartition};

/// Counts the producers of one transactional id; a higher one fences the lower.
pub(super) type Epoch = u32;

/// What is known of a transactional id.
#[derive(Debug)]
pub(super) struct TransactionalProducer {
    pub(super) transactional_id: String,
    pub(super) epoch: Epoch,
    timeout: Duration,
    open: Option<Transaction>,
    /// A commit that is decided and not yet on the disk, and up to where the journal must be.
    pub(super) committing: Option<(EndedTransaction, u64)>,
}

/// An open transaction.
#[derive(Debug)]
struct Transaction {
    began: Duration,
    partitions: Vec<(TopicId, u32)>,
    groups: BTreeSet<String>,
}

/// A transaction that has got its markers: all that is needed to make its end visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EndedTransaction {
    pub(super) producer: ProducerId,
    pub(super) committed: bool,
    /// Topic, partition, first offset, and offset of the marker.
    pub(super) partitions: Vec<(TopicId, u32, i64, i64)>,
    /// Offsets by group.
    pub(super) offsets: Vec<(String, Offsets)>,
}

impl EndedTransaction {
    /// Whether nothing was done in it.
    fn is_empty(&self) -> bool {
        self.partitions.is_empty() && self.offsets.is_empty()
    }
}

/// Who is asking: a producer and its epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProducerEpoch {
    pub(super) id: ProducerId,
    pub(super) epoch: Epoch,
}

impl State {
    /// The commit of a transactional id that waits for the disk, and for what position.
    pub(super) fn committing(&self, id: &str) -> Option<(ProducerId, u64)> {
        let producer = self.producer_ids.get(id)?;
        let (_, position) = self.producers.get(producer)?.committing.as_ref()?;
        Some((*producer, *position))
    }

    /// A producer as it was.
    pub(super) fn restore_producer(&mut self, id: ProducerId, epoch: Epoch, name: String) {
        self.producer_ids.insert(name.clone(), id);
        let known = self.producers.entry(id).or_insert_with(|| TransactionalProducer {
            transactional_id: name,
            epoch,
            timeout: Duration::MAX,
            open: None,
            committing: None,
        });
        known.epoch = known.epoch.max(epoch);
    }

    /// Gives a transactional id to a new producer: its predecessor is fenced, and what that one
    /// left open is aborted.
    pub(super) fn init_producer(&mut self, id: &str, timeout: Duration) -> ProducerEpoch {
        let next = self.producers.keys().next_back().map_or(0, |last| last + 1);
        let producer = *self.producer_ids.entry(id.to_owned()).or_insert(next);
        self.abort_open(producer);
        let known = self.producers.entry(producer).or_insert_with(|| TransactionalProducer {
            transactional_id: id.to_owned(),
            epoch: 0,
            timeout,
            open: None,
            committing: None,
        });
        known.timeout = timeout;
        let epoch = self.raise_epoch(producer);
        ProducerEpoch { id: producer, epoch }
    }

    /// Fences whoever uses the transactional id.
    fn raise_epoch(&mut self, id: ProducerId) -> Epoch {
        let Some(producer) = self.producers.get_mut(&id) else {
            return 0;
        };
        producer.epoch += 1;
        let epoch = producer.epoch;
        let transactional_id = producer.transactional_id.clone();
        self.record(&Entry::Producer { id, epoch, transactional_id });
        epoch
    }

    /// The producer, unless a newer one has taken over.
    fn current(&mut self, who: ProducerEpoch) -> Result<&mut TransactionalProducer, BrokerError> {
        match self.producers.get_mut(&who.id) {
            Some(producer) if producer.epoch == who.epoch => Ok(producer),
            Some(producer) => Err(BrokerError::ProducerFenced(producer.transactional_id.clone())),
            None => Err(BrokerError::ProducerFenced(format!("number {}", who.id))),
        }
    }

    fn in_transaction(&mut self, who: ProducerEpoch) -> Result<&mut Transaction, BrokerError> {
        let producer = self.current(who)?;
        producer.open.as_mut().ok_or_else(|| {
            BrokerError::InvalidTransactionState(
                "no transaction is open: call begin first".to_owned(),
            )
        })
    }

    /// Begins a transaction; says when it times out.
    pub(super) fn begin(
        &mut self,
        who: ProducerEpoch,
        now: Duration,
    ) -> Result<Duration, BrokerError> {
        let producer = self.current(who)?;
        if producer.open.is_some() {
            return Err(BrokerError::InvalidTransactionState(
                "a transaction is open already: commit or abort it first".to_owned(),
            ));
        }
        producer.open =
            Some(Transaction { began: now, partitions: Vec::new(), groups: BTreeSet::new() });
        Ok(now.saturating_add(producer.timeout))
    }

    /// Appends records, inside the producer's transaction when there is a producer. Returns the
    /// offset after them.
    pub(super) fn append(
        &mut self,
        partition: &TopicPartition,
        bytes: Arc<[u8]>,
        count: u32,
        who: Option<ProducerEpoch>,
    ) -> Result<i64, BrokerError> {
        if let Some(who) = who {
            self.in_transaction(who)?;
        }
        let unknown = || BrokerError::UnknownTopic(partition.topic.to_string());
        let id = *self.topic_ids.get(&partition.topic).ok_or_else(unknown)?;
        if self.topics.get(&id).is_some_and(|t| t.bound_bytes.is_some()) {
            self.check_room(partition)?;
        }
        let topic = self.topics.get_mut(&id).ok_or_else(unknown)?;
        check_sizes(&bytes, partition, topic.config.max_message_bytes)?;
        let log = topic
            .partitions
            .get_mut(partition.partition as usize)
            .ok_or_else(|| BrokerError::UnknownPartition(partition.clone()))?;
        let visibility = who.map_or(Visibility::Visible, |who| Visibility::Open(who.id));
        let mut chunk = Chunk::new(log.end(), count, bytes, visibility);
        if let Some(journal) = &mut self.journal {
            // Later it might have to be read back for this.
            if let Some(bytes) = &chunk.bytes {
                chunk.max_timestamp = Some(max_timestamp(&bytes.batch(chunk.base, chunk.next)));
                let records = bytes.records();
                let entry = ChunkEntry::of(id, partition.partition, &chunk, false, records);
                chunk.location = Some(journal.append(&Entry::Chunk(entry)));
            }
            journal.cache(id, partition.partition, &chunk);
        }
        let next = chunk.next;
        let begun = log.append(chunk, topic.config.segment_bytes);
        log.wake(visibility == Visibility::Visible, &mut self.wakes);
        if begun && let Some(who) = who {
            let transaction = self.in_transaction(who)?;
            transaction.partitions.push((id, partition.partition));
        }
        Ok(next)
    }

    /// Adds a group's offsets to the producer's transaction (`TxnOffsetCommit`).
    pub(super) fn send_offsets(
        &mut self,
        who: ProducerEpoch,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
        now: Duration,
    ) -> Result<(), BrokerError> {
        self.in_transaction(who)?;
        self.check_offsets(offsets, identity, now)?;
        let (group, _) = self.group_and_wakes(&identity.group);
        for (partition, offset) in offsets {
            group.offsets.hold(who.id, partition.clone(), offset.clone());
        }
        let transaction = self.in_transaction(who)?;
        transaction.groups.insert(identity.group.clone());
        Ok(())
    }

    /// Checks that offsets may be committed: the identity, and that the partitions exist.
    pub(super) fn check_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
        now: Duration,
    ) -> Result<(), BrokerError> {
        let (group, wakes) = self.group_and_wakes(&identity.group);
        group.expel_expired(now, wakes);
        group.check_identity(identity)?;
        for (partition, _) in offsets {
            self.log(partition)?;
        }
        Ok(())
    }

    /// Decides to commit the producer's transaction. It is visible after
    /// [`finish_commit`](Self::finish_commit), which may be called when the journal is on the disk
    /// up to the position returned.
    pub(super) fn begin_commit(&mut self, who: ProducerEpoch) -> Result<u64, BrokerError> {
        self.in_transaction(who)?;
        let ended = self.mark_end(who.id, true);
        let position = if ended.is_empty() { 0 } else { self.journal_end() };
        if let Some(producer) = self.producers.get_mut(&who.id) {
            producer.committing = Some((ended, position));
        }
        Ok(position)
    }

    /// Makes a decided commit visible, unless somebody else has done it.
    pub(super) fn finish_commit(&mut self, producer: ProducerId, position: u64) {
        let decided = self.producers.get_mut(&producer).and_then(|known| {
            let due = |(_, at): &mut (EndedTransaction, u64)| *at == position;
            known.committing.take_if(due)
        });
        if let Some((ended, _)) = decided {
            self.apply_end(ended);
        }
    }

    /// Aborts a transaction that is known by its records only.
    pub(super) fn abort_everywhere(&mut self, producer: ProducerId) {
        let mut partitions = Vec::new();
        for topic in self.topics.values_mut() {
            for (number, log) in topic.partitions.iter_mut().enumerate() {
                if let Some(first) = log.open_since(producer) {
                    partitions.push((topic.id, number as u32, first, log.append_marker()));
                }
            }
        }
        let ended =
            EndedTransaction { producer, committed: false, partitions, offsets: Vec::new() };
        self.record(&Entry::TransactionEnd(ended.clone()));
        self.apply_end(ended);
    }

    /// Aborts the producer's transaction, if one is open.
    pub(super) fn abort(&mut self, who: ProducerEpoch) -> Result<(), BrokerError> {
        self.current(who)?;
        self.abort_open(who.id);
        Ok(())
    }

    fn abort_open(&mut self, producer: ProducerId) {
        if self.producers.get(&producer).is_some_and(|p| p.open.is_some()) {
            let ended = self.mark_end(producer, false);
            self.apply_end(ended);
        }
    }

    /// Writes the markers: the transaction is decided from here on.
    fn mark_end(&mut self, producer: ProducerId, committed: bool) -> EndedTransaction {
        let open = self.producers.get_mut(&producer).and_then(|known| known.open.take());
        let (partitions, groups) = open.map_or_else(Default::default, |transaction| {
            (transaction.partitions, transaction.groups)
        });
        let mut marked = Vec::with_capacity(partitions.len());
        for (topic, partition) in partitions {
            if let Some(log) = self.log_by_id(topic, partition)
                && let Some(first) = log.open_since(producer)
            {
                marked.push((topic, partition, first, log.append_marker()));
            }
        }
        let offsets = groups.into_iter().filter_map(|group| {
            let pending = self.groups.get(&group)?.offsets.pending(producer)?.clone();
            Some((group, pending))
        });
        let ended = EndedTransaction {
            producer,
            committed,
            partitions: marked,
            offsets: offsets.collect(),
        };
        if !ended.is_empty() {
            self.record(&Entry::TransactionEnd(ended.clone()));
        }
        ended
    }

    /// Makes the end of a transaction visible.
    fn apply_end(&mut self, ended: EndedTransaction) {
        let EndedTransaction { producer, committed, partitions, offsets } = ended;
        for (topic, partition, first, marker) in partitions {
            let mut wakes = std::mem::take(&mut self.wakes);
            if let Some(log) = self.log_by_id(topic, partition) {
                log.end_transaction(producer, first, marker, committed);
                log.wake(true, &mut wakes);
            }
            self.wakes = wakes;
        }
        for (name, offsets) in offsets {
            let (group, _) = self.group_and_wakes(&name);
            group.offsets.take_pending(producer);
            if committed {
                self.commit_offsets(&name, offsets);
            }
        }
    }

    /// Commits offsets outside a transaction.
    pub(super) fn commit_now(&mut self, group: &str, offsets: Offsets) {
        let recorded = offsets.iter().map(|(tp, at)| (tp.clone(), Some(at.clone())));
        let entry = Entry::Offsets { group: group.to_owned(), offsets: recorded.collect() };
        self.record(&entry);
        self.commit_offsets(group, offsets);
    }

    /// Commits offsets that were checked and recorded.
    fn commit_offsets(&mut self, group: &str, offsets: Offsets) {
        let (known, _) = self.group_and_wakes(group);
        let partitions: Vec<TopicPartition> = offsets.keys().cloned().collect();
        for (partition, offset) in offsets {
            known.offsets.commit(partition, offset);
        }
        for partition in &partitions {
            self.reclaim(partition);
        }
    }

    /// Aborts the transactions that are open too long, and fences their producers. Returns when the
    /// next one is due.
    pub(super) fn abort_overdue(&mut self, now: Duration) -> Option<Duration> {
        let mut overdue = Vec::new();
        let mut next: Option<Duration> = None;
        for (id, producer) in &self.producers {
            if let Some(open) = &producer.open {
                let deadline = open.began.saturating_add(producer.timeout);
                if deadline < now {
                    overdue.push(*id);
                } else {
                    next = Some(next.map_or(deadline, |earlier| earlier.min(deadline)));
                }
            }
        }
        for id in overdue {
            self.abort_open(id);
            self.raise_epoch(id);
            if let Some(producer) = self.producers.get(&id) {
                tracing::warn!(
                    transactional_id = producer.transactional_id,
                    "transaction was open for too long: aborted, its producer is fenced"
                );
            }
        }
        next
    }
}

/// Looks at single records only when all of them together are above the limit of one.
fn check_sizes(
    bytes: &Arc<[u8]>,
    partition: &TopicPartition,
    limit: usize,
) -> Result<(), BrokerError> {
    if bytes.len() <= limit {
        return Ok(());
    }
    let batch = RecordBatch::new(Arc::clone(bytes), 0, bytes.len(), 0, 0);
    let mut at = batch.first();
    while let Some(position) = at {
        let (_, next) = batch.read(position);
        let size = next.unwrap_or(bytes.len()) - position;
        if size > limit {
            return Err(BrokerError::RecordTooLarge {
                partition: partition.clone(),
                bytes: size,
                limit,
            });
        }
        at = next;
    }
    Ok(())
}
