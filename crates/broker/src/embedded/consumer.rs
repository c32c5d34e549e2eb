//! A consumer: positions, and batches cut out of chunks.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::chunk::{Chunk, ChunkBytes, Location};
use super::partition_log::Read;
use super::shared::Shared;
use crate::{
    BrokerError, Consumer, ConsumerOptions, GroupIdentity, IsolationLevel, OffsetAndMetadata,
    PartitionOffsets, RecordBatch, TopicPartition,
};

/// A consumer of the embedded broker.
#[derive(Debug)]
pub(super) struct EmbeddedConsumer {
    shared: Arc<Shared>,
    number: u64,
    options: ConsumerOptions,
    cursors: FxHashMap<TopicPartition, Cursor>,
}

/// Where a consumer stands in a partition.
#[derive(Debug)]
struct Cursor {
    position: i64,
    /// The chunk the last batch was the beginning of.
    within: Option<Within>,
}

/// The rest of a chunk: what stands before it need not be walked through again.
#[derive(Debug)]
struct Within {
    bytes: ChunkBytes,
    base: i64,
    next: i64,
    location: Option<Location>,
    /// No record before this offset is left.
    reached: i64,
    /// Where the record at the cursor's position starts.
    at: usize,
}

impl EmbeddedConsumer {
    /// Opens a consumer without partitions.
    pub(super) fn open(shared: Arc<Shared>, options: ConsumerOptions) -> Result<Self, BrokerError> {
        let number = shared.update(|state| {
            state.check_open()?;
            Ok(state.number_client())
        })?;
        Ok(Self { shared, number, options, cursors: FxHashMap::default() })
    }
}

impl Consumer for EmbeddedConsumer {
    fn assign(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.shared.update(|state| {
            state.check_open()?;
            let log = state.log_mut(partition)?;
            if let Some(waker) = &self.options.waker {
                log.subscribe(self.number, self.options.isolation, waker.clone());
            }
            Ok(())
        })?;
        let cursor = Cursor { position: offset, within: None };
        self.cursors.insert(partition.clone(), cursor);
        Ok(())
    }

    fn unassign(&mut self, partition: &TopicPartition) {
        if self.cursors.remove(partition).is_some() {
            let number = self.number;
            self.shared.update(|state| {
                if let Ok(log) = state.log_mut(partition) {
                    log.unsubscribe(number);
                }
            });
        }
    }

    fn fetch(
        &mut self,
        partition: &TopicPartition,
        max_bytes: usize,
    ) -> Result<Option<RecordBatch>, BrokerError> {
        self.shared.maintain_if_due()?;
        let cursor = self
            .cursors
            .get_mut(partition)
            .ok_or_else(|| BrokerError::NotAssigned(partition.clone()))?;
        let position = cursor.position;
        let mut moved_from = None;
        let (mut within, next) = loop {
            let (chunk, next) =
                match read(&self.shared, partition, position, self.options.isolation)? {
                    Read::OutOfRange | Read::Nothing => return Ok(None),
                    Read::Skip(next) => {
                        cursor.position = next;
                        cursor.within = None;
                        return Ok(Some(RecordBatch::empty(next)));
                    }
                    Read::Records { chunk, next } => (chunk, next),
                };
            if let Some(within) = cursor.within.take_if(|within| within.is_of(&chunk)) {
                break (within, next);
            }
            match self.shared.bytes_of(&chunk)? {
                Some(bytes) => break (Within::new(&chunk, bytes), next),
                // The cleaner has copied it to another place since it was looked up.
                None if moved_from != Some(chunk.location) => moved_from = Some(chunk.location),
                None => return Err(self.shared.missing(&chunk)),
            }
        };
        within.skip_to(position);
        let (batch, rest) = within.cut(max_bytes, next);
        cursor.position = batch.next_offset();
        cursor.within = rest;
        Ok(Some(batch))
    }

    fn lag(&mut self, partition: &TopicPartition) -> Option<u64> {
        let position = self.cursors.get(partition)?.position;
        let log = self.offsets(partition).ok()?;
        let end = match self.options.isolation {
            IsolationLevel::ReadCommitted => log.last_stable,
            IsolationLevel::ReadUncommitted => log.end,
        };
        Some(u64::try_from(end - position).unwrap_or(0))
    }

    fn offsets(&mut self, partition: &TopicPartition) -> Result<PartitionOffsets, BrokerError> {
        self.shared.maintain_if_due()?;
        self.shared.update(|state| {
            state.check_open()?;
            Ok(state.log(partition)?.offsets())
        })
    }

    fn committed(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<OffsetAndMetadata>>, BrokerError> {
        self.shared.maintain_if_due()?;
        self.shared.update(|state| {
            state.check_open()?;
            let (known, _) = state.group_and_wakes(group);
            if partitions.iter().any(|tp| known.offsets.is_unstable(tp)) {
                return Err(BrokerError::UnstableOffsets(group.to_owned()));
            }
            let committed = known.offsets.committed();
            Ok(partitions.iter().map(|tp| committed.get(tp).cloned()).collect())
        })
    }

    fn commit(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
    ) -> Result<(), BrokerError> {
        self.shared.maintain_if_due()?;
        let now = self.shared.now();
        let end = self.shared.update(|state| {
            state.check_writable()?;
            state.check_offsets(offsets, identity, now)?;
            state.commit_now(&identity.group, offsets.iter().cloned().collect());
            Ok(state.journal_end())
        })?;
        self.shared.sync_to(end)
    }
}

/// What is at `position`; [`BrokerError::OffsetOutOfRange`] when it lies outside the log.
fn read(
    shared: &Shared,
    partition: &TopicPartition,
    position: i64,
    isolation: IsolationLevel,
) -> Result<Read, BrokerError> {
    shared.update(|state| {
        state.check_open()?;
        let log = state.log(partition)?;
        let read = log.read(position, isolation);
        if matches!(read, Read::OutOfRange) {
            let ends = log.offsets();
            return Err(BrokerError::OffsetOutOfRange {
                partition: partition.clone(),
                offset: position,
                beginning: ends.beginning,
                end: ends.end,
            });
        }
        Ok(read)
    })
}

impl Drop for EmbeddedConsumer {
    fn drop(&mut self) {
        let partitions: Vec<TopicPartition> = self.cursors.keys().cloned().collect();
        for partition in &partitions {
            self.unassign(partition);
        }
    }
}

impl Within {
    fn new(chunk: &Chunk, bytes: ChunkBytes) -> Self {
        Self {
            at: bytes.start,
            bytes,
            base: chunk.base,
            next: chunk.next,
            location: chunk.location,
            reached: chunk.base,
        }
    }

    /// Whether it is the rest of this very chunk, not of one that took its place.
    fn is_of(&self, chunk: &Chunk) -> bool {
        let in_memory = chunk.bytes.as_ref();
        let stored = self.location.is_some() && self.location == chunk.location;
        stored || in_memory.is_some_and(|bytes| bytes.is_same(&self.bytes))
    }

    fn end(&self) -> usize {
        self.bytes.bytes.len()
    }

    fn batch(&self, until: usize, next: i64) -> RecordBatch {
        let bytes = Arc::clone(&self.bytes.bytes);
        RecordBatch::new(bytes, self.at, until, self.base, next)
    }

    /// Walks to the first record at `position` or after it, unless it stands there.
    fn skip_to(&mut self, position: i64) {
        if self.reached >= position {
            return;
        }
        let batch = self.batch(self.end(), self.next);
        let mut at = batch.first();
        self.at = self.end();
        while let Some(start) = at {
            let (record, after) = batch.read(start);
            if record.offset >= position {
                self.at = start;
                break;
            }
            at = after;
        }
    }

    /// Cuts off a batch of about `max_bytes`, of one record at the least. When it takes everything,
    /// reading goes on at `next`.
    fn cut(mut self, max_bytes: usize, next: i64) -> (RecordBatch, Option<Self>) {
        if self.end() - self.at <= max_bytes {
            return (self.batch(self.end(), next), None);
        }
        let all = self.batch(self.end(), self.next);
        let mut at = self.at;
        loop {
            let (_, Some(after)) = all.read(at) else {
                return (self.batch(self.end(), next), None);
            };
            at = after;
            let (following, end) = all.read(at);
            if end.unwrap_or(self.end()) - self.at > max_bytes {
                let batch = self.batch(at, following.offset);
                self.at = at;
                self.reached = following.offset;
                return (batch, Some(self));
            }
        }
    }
}
