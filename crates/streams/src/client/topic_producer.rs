use millstream_broker::{Broker, CommitOutcome, ProducerOptions};

use crate::codec::Data;
use crate::error::Error;
use crate::processor::{Output, RecordWriter};
use crate::record::Record;
use crate::runtime::RecordCollector;
use crate::topic::Topic;

/// Writes typed records to topics; in transactions when it was opened with a transactional id.
///
/// ```
/// use millstream::broker::{NewTopic, ProducerOptions, embedded::EmbeddedBroker};
/// use millstream::{Record, Topic, TopicConsumer, TopicProducer};
///
/// let broker = EmbeddedBroker::in_memory();
/// broker.create_topic(NewTopic::new("words", 1))?;
/// let words: Topic<String, i64> = "words".into();
/// let mut producer = TopicProducer::new(&broker, ProducerOptions::idempotent("example"))?;
/// producer.send(&words, Record::new("hello".to_owned(), 1, 0))?;
/// producer.flush()?;
///
/// let mut consumer = TopicConsumer::new(&broker, &words)?;
/// assert_eq!(consumer.poll()?[0].record.key, "hello");
/// # Ok::<_, millstream::Error>(())
/// ```
#[derive(Debug)]
pub struct TopicProducer {
    collector: RecordCollector,
}

impl TopicProducer {
    /// Opens a producer. With a transactional id it fences its predecessor.
    pub fn new(broker: &dyn Broker, options: ProducerOptions) -> Result<Self, Error> {
        let transactional = options.transactional_id.is_some();
        let producer = broker.producer(options)?;
        Ok(Self { collector: RecordCollector::new(producer, transactional) })
    }

    /// Writes a record to its partition's buffer; full buffers are sent. A transactional producer
    /// begins its transaction by itself. To a bounded topic of the embedded broker write only after
    /// [`wait_for_room`](millstream_broker::embedded::EmbeddedBroker::wait_for_room): one far above
    /// its bound refuses, and what is refused stays buffered until it is sent again or aborted.
    pub fn send<K: Data, V: Data>(
        &mut self,
        topic: &Topic<K, V>,
        record: Record<K, V>,
    ) -> Result<(), Error> {
        self.send_all(topic, [record])
    }

    /// Writes records one after the other, as [`send`](Self::send) does.
    pub fn send_all<K: Data, V: Data>(
        &mut self,
        topic: &Topic<K, V>,
        records: impl IntoIterator<Item = Record<K, V>>,
    ) -> Result<(), Error> {
        let handle = self.collector.topic(topic.name())?;
        let writer = RecordWriter::new(topic.clone().into());
        for record in records {
            writer.write(&mut self.collector, handle, &record).map_err(|cause| {
                let name = topic.name();
                Error::Unavailable(format!(
                    "a record for the topic '{name}' cannot be written: {cause}"
                ))
            })?;
            if self.collector.wants_send() {
                self.collector.send()?;
            }
        }
        Ok(())
    }

    /// Sends what is buffered and waits until it is acknowledged.
    pub fn flush(&mut self) -> Result<(), Error> {
        Ok(self.collector.flush()?)
    }

    /// Sends what is buffered and commits the transaction. After an error it is not known, or it is
    /// known not to be: open a new producer with the same transactional id, and look at what is
    /// there.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.collector.flush()?;
        if !self.collector.has_uncommitted() {
            return Ok(());
        }
        match self.collector.commit() {
            CommitOutcome::Committed => Ok(()),
            CommitOutcome::Aborted(error) | CommitOutcome::Unknown(error) => Err(error.into()),
        }
    }

    /// Drops what is buffered and aborts the transaction.
    pub fn abort(&mut self) -> Result<(), Error> {
        Ok(self.collector.abort()?)
    }
}
