use std::sync::Arc;

use millstream_broker::{BrokerError, CommitOutcome, Producer, RecordBuffer, TopicPartition};
use rustc_hash::FxHashMap;

use crate::processor::{Output, TopicHandle};

/// A buffer of this size is handed to the producer before more is processed.
const BATCH_BYTES: usize = 64 * 1024;

struct PartitionBuffer {
    partition: TopicPartition,
    records: RecordBuffer,
}

struct TopicBuffers {
    name: Arc<str>,
    max_record_bytes: usize,
    partitions: Vec<PartitionBuffer>,
    /// Where records without keys go until the buffer there is sent; then the next has its turn.
    keyless: u32,
}

/// What a stream thread writes: one reused buffer a partition, handed over in batches, in a
/// transaction if the producer is transactional (Kafka's `RecordCollectorImpl`).
pub(crate) struct RecordCollector {
    producer: Box<dyn Producer>,
    transactional: bool,
    /// Whether something was sent since the last commit; if the producer is transactional, whether
    /// a transaction is open.
    has_sent: bool,
    topics: Vec<TopicBuffers>,
    by_name: FxHashMap<String, TopicHandle>,
    /// Partitions whose buffers hold records.
    filled: Vec<(TopicHandle, u32)>,
    wants_send: bool,
}

impl RecordCollector {
    pub(crate) fn new(producer: Box<dyn Producer>, transactional: bool) -> Self {
        Self {
            producer,
            transactional,
            has_sent: false,
            topics: Vec::new(),
            by_name: FxHashMap::default(),
            filled: Vec::new(),
            wants_send: false,
        }
    }

    /// Whether a buffer is so large that it should be handed over before more is processed.
    #[inline]
    pub(crate) fn wants_send(&self) -> bool {
        self.wants_send
    }

    /// Whether something waits to be handed over.
    pub(crate) fn has_buffered(&self) -> bool {
        !self.filled.is_empty()
    }

    /// Whether something has been written since the last commit.
    pub(crate) fn has_uncommitted(&self) -> bool {
        self.has_sent || !self.filled.is_empty()
    }

    pub(crate) fn is_full(&self, topic: &str) -> bool {
        self.producer.is_full(topic)
    }

    /// The offset after the last record acknowledged for a partition.
    pub(crate) fn acknowledged(&self, partition: &TopicPartition) -> Option<i64> {
        self.producer.acknowledged(partition)
    }

    pub(crate) fn begin(&mut self) -> Result<(), BrokerError> {
        if !self.has_sent {
            if self.transactional {
                self.producer.begin()?;
            }
            self.has_sent = true;
        }
        Ok(())
    }

    /// Hands every buffer to the producer.
    pub(crate) fn send(&mut self) -> Result<(), BrokerError> {
        if self.filled.is_empty() {
            return Ok(());
        }
        self.begin()?;
        while let Some((topic, partition)) = self.filled.last().copied() {
            let topic = &mut self.topics[topic.0 as usize];
            let buffers = &mut topic.partitions[partition as usize];
            self.producer.send(&buffers.partition, &mut buffers.records)?;
            if partition == topic.keyless {
                topic.keyless = (partition + 1) % topic.partitions.len() as u32;
            }
            self.filled.pop();
        }
        self.wants_send = false;
        Ok(())
    }

    /// Hands everything over and waits until it is acknowledged.
    pub(crate) fn flush(&mut self) -> Result<(), BrokerError> {
        self.send()?;
        self.producer.flush()
    }

    pub(crate) fn producer(&mut self) -> &mut dyn Producer {
        &mut *self.producer
    }

    pub(crate) fn commit(&mut self) -> CommitOutcome {
        self.settle();
        self.producer.commit()
    }

    /// What was sent without a transaction is committed.
    pub(crate) fn settle(&mut self) {
        self.has_sent = false;
    }

    /// Drops what is buffered and aborts the open transaction.
    pub(crate) fn abort(&mut self) -> Result<(), BrokerError> {
        for (topic, partition) in self.filled.drain(..) {
            self.topics[topic.0 as usize].partitions[partition as usize].records.clear();
        }
        self.wants_send = false;
        let has_sent = std::mem::take(&mut self.has_sent);
        if has_sent && self.transactional { self.producer.abort() } else { Ok(()) }
    }
}

impl Output for RecordCollector {
    fn topic(&mut self, name: &str) -> Result<TopicHandle, BrokerError> {
        if let Some(topic) = self.by_name.get(name) {
            return Ok(*topic);
        }
        let partitions = self.producer.partitions(name)?;
        let max_record_bytes = self.producer.max_record_bytes(name)?;
        let handle = TopicHandle(self.topics.len() as u32);
        let shared: Arc<str> = name.into();
        let partitions = (0..partitions).map(|number| PartitionBuffer {
            partition: TopicPartition::new(shared.clone(), number),
            records: RecordBuffer::new(),
        });
        let partitions = partitions.collect();
        self.topics.push(TopicBuffers { name: shared, max_record_bytes, partitions, keyless: 0 });
        self.by_name.insert(name.to_owned(), handle);
        Ok(handle)
    }

    #[inline]
    fn partitions(&self, topic: TopicHandle) -> u32 {
        self.topics[topic.0 as usize].partitions.len() as u32
    }

    #[inline]
    fn max_record_bytes(&self, topic: TopicHandle) -> usize {
        self.topics[topic.0 as usize].max_record_bytes
    }

    fn keyless_partition(&mut self, topic: TopicHandle) -> u32 {
        self.topics[topic.0 as usize].keyless
    }

    #[inline]
    fn buffer(&mut self, topic: TopicHandle, partition: u32) -> &mut RecordBuffer {
        let buffers = &mut self.topics[topic.0 as usize].partitions[partition as usize];
        if buffers.records.is_empty() {
            self.filled.push((topic, partition));
        } else if buffers.records.size() >= BATCH_BYTES {
            self.wants_send = true;
        }
        &mut buffers.records
    }
}

impl std::fmt::Debug for RecordCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let topics: Vec<_> = self.topics.iter().map(|topic| &topic.name).collect();
        f.debug_struct("RecordCollector").field("topics", &topics).finish_non_exhaustive()
    }
}
