use std::fmt;

use super::TopologyTestDriver;
use crate::client::ConsumedRecord;
use crate::codec::{CodecError, Data, decode_nullable};
use crate::error::Error;
use crate::record::Record;
use crate::topic::Topic;

/// An input topic of a [`TopologyTestDriver`].
pub struct TestInputTopic<'a, K: 'static, V: 'static> {
    driver: &'a mut TopologyTestDriver,
    topic: Topic<K, V>,
}

impl<'a, K: Data, V: Data> TestInputTopic<'a, K, V> {
    pub(super) fn new(driver: &'a mut TopologyTestDriver, topic: Topic<K, V>) -> Self {
        Self { driver, topic }
    }

    /// Sends a record with the driver's wall-clock time, and processes it.
    #[doc(alias = "pipeInput")]
    pub fn send(&mut self, key: impl Into<K>, value: impl Into<V>) -> Result<(), Error> {
        let now = self.driver.now_ms();
        self.send_record(Record::new(key.into(), value.into(), now))
    }

    /// Sends a record with a timestamp of its own, and processes it.
    pub fn send_at(
        &mut self,
        key: impl Into<K>,
        value: impl Into<V>,
        timestamp: i64,
    ) -> Result<(), Error> {
        self.send_record(Record::new(key.into(), value.into(), timestamp))
    }

    /// Sends a record, and processes it.
    pub fn send_record(&mut self, record: Record<K, V>) -> Result<(), Error> {
        self.send_all([record])
    }

    /// Sends many records, then processes them.
    #[doc(alias = "pipeRecordList")]
    pub fn send_all(
        &mut self,
        records: impl IntoIterator<Item = Record<K, V>>,
    ) -> Result<(), Error> {
        self.driver.producer.send_all(&self.topic, records)?;
        self.driver.run()
    }
}

impl<K, V> fmt::Debug for TestInputTopic<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestInputTopic").field(&self.topic.name).finish()
    }
}

/// A topic that the application under a [`TopologyTestDriver`] writes.
pub struct TestOutputTopic<'a, K: 'static, V: 'static> {
    driver: &'a mut TopologyTestDriver,
    topic: Topic<K, V>,
}

impl<'a, K: Data, V: Data> TestOutputTopic<'a, K, V> {
    pub(super) fn new(driver: &'a mut TopologyTestDriver, topic: Topic<K, V>) -> Self {
        Self { driver, topic }
    }

    /// Keys and values written since the last read, those of a partition in order.
    #[doc(alias = "readKeyValuesToList")]
    pub fn read_all(&mut self) -> Result<Vec<(K, V)>, Error> {
        let records = self.read_records()?.into_iter();
        Ok(records.map(|consumed| (consumed.record.key, consumed.record.value)).collect())
    }

    /// Records written since the last read, those of a partition in order.
    #[doc(alias = "readRecordsToList")]
    pub fn read_records(&mut self) -> Result<Vec<ConsumedRecord<K, V>>, Error> {
        let topic = &self.topic;
        let consumer = self.driver.output_consumer(&topic.name)?;
        let mut records = Vec::new();
        while !consumer.is_at_end()? {
            for consumed in consumer.poll()? {
                let ConsumedRecord { record, partition, offset } = consumed;
                let unreadable = |cause: CodecError| {
                    let name = &topic.name;
                    Error::Unavailable(format!("{name}-{partition}@{offset}: {cause}"))
                };
                let key = decode_nullable(&*topic.key, record.key.as_deref());
                let value = decode_nullable(&*topic.value, record.value.as_deref());
                let record = Record {
                    key: key.map_err(unreadable)?,
                    value: value.map_err(unreadable)?,
                    timestamp: record.timestamp,
                    headers: record.headers,
                };
                records.push(ConsumedRecord { record, partition, offset });
            }
        }
        Ok(records)
    }
}

impl<K, V> fmt::Debug for TestOutputTopic<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestOutputTopic").field(&self.topic.name).finish()
    }
}
