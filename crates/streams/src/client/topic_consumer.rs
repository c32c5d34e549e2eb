use millstream_broker::{
    Broker, BrokerError, Consumer, ConsumerOptions, IsolationLevel, RecordView, TopicPartition,
};

use crate::codec::{CodecError, Data, decode_nullable};
use crate::error::Error;
use crate::record::Record;
use crate::topic::Topic;

/// How much of one partition a poll gives at most.
const POLL_BYTES: usize = 256 * 1024;

/// A record with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumedRecord<K, V> {
    /// The record.
    pub record: Record<K, V>,
    /// Partition it was read from.
    pub partition: u32,
    /// Offset in that partition.
    pub offset: i64,
}

/// Reads a topic from the beginning, all partitions, committed records only. In no group: it
/// commits nothing.
pub struct TopicConsumer<K: 'static, V: 'static> {
    topic: Topic<K, V>,
    consumer: Box<dyn Consumer>,
    /// Partitions, each with the offset read next.
    partitions: Vec<(TopicPartition, i64)>,
    /// An error to be told at the next poll.
    unreadable: Option<Error>,
}

impl<K: Data, V: Data> TopicConsumer<K, V> {
    /// Opens a consumer at the beginning of `topic`, which must exist.
    pub fn new(broker: &dyn Broker, topic: impl Into<Topic<K, V>>) -> Result<Self, Error> {
        let topic = topic.into();
        let described = broker.admin()?.describe_topics(&[topic.name()])?;
        let Some(description) = described.into_iter().flatten().next() else {
            return Err(BrokerError::UnknownTopic(topic.name().to_owned()).into());
        };
        let mut consumer = broker.consumer(ConsumerOptions {
            client_id: format!("{}-consumer", topic.name()),
            isolation: IsolationLevel::ReadCommitted,
            waker: None,
        })?;
        let mut partitions = Vec::new();
        for number in 0..description.partitions {
            let partition = TopicPartition::new(topic.name(), number);
            let beginning = consumer.offsets(&partition)?.beginning;
            consumer.assign(&partition, beginning)?;
            partitions.push((partition, beginning));
        }
        Ok(Self { topic, consumer, partitions, unreadable: None })
    }

    /// The next records, those of a partition in order; empty when there is nothing new. A record
    /// that cannot be read is an error once: the next poll goes on behind it, and nothing that was
    /// read before it is lost.
    pub fn poll(&mut self) -> Result<Vec<ConsumedRecord<K, V>>, Error> {
        if let Some(unreadable) = self.unreadable.take() {
            return Err(unreadable);
        }
        let mut records = Vec::new();
        for (partition, position) in &mut self.partitions {
            let Some(batch) = self.consumer.fetch(partition, POLL_BYTES)? else {
                continue;
            };
            *position = batch.next_offset();
            for view in batch.iter() {
                match decode(&self.topic, partition.partition, &view) {
                    Ok(record) => records.push(record),
                    Err(cause) => {
                        *position = view.offset + 1;
                        self.consumer.assign(partition, *position)?;
                        self.unreadable = Some(Error::Unavailable(format!(
                            "the record at {partition}@{} cannot be read: {cause}: read the topic with the formats it was written with, or poll on to leave it out",
                            view.offset
                        )));
                        break;
                    }
                }
            }
            if self.unreadable.is_some() {
                break;
            }
        }
        match self.unreadable.take_if(|_| records.is_empty()) {
            Some(unreadable) => Err(unreadable),
            None => Ok(records),
        }
    }

    /// Whether everything committed so far has been read.
    pub fn is_at_end(&mut self) -> Result<bool, Error> {
        for (partition, position) in &self.partitions {
            if *position < self.consumer.offsets(partition)?.last_stable {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl<K, V> std::fmt::Debug for TopicConsumer<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicConsumer").field("topic", &self.topic.name).finish_non_exhaustive()
    }
}

fn decode<K: Data, V: Data>(
    topic: &Topic<K, V>,
    partition: u32,
    view: &RecordView<'_>,
) -> Result<ConsumedRecord<K, V>, CodecError> {
    let record = Record {
        key: decode_nullable(&*topic.key, view.key)?,
        value: decode_nullable(&*topic.value, view.value)?,
        timestamp: view.timestamp,
        headers: view.headers(),
    };
    Ok(ConsumedRecord { record, partition, offset: view.offset })
}
