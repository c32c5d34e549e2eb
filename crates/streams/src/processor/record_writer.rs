use std::cell::RefCell;
use std::sync::Arc;

use millstream_broker::partition_for_key;

use crate::codec::{Codec, CodecError, Data};
use crate::processor::{Output, TopicHandle};
use crate::record::Record;
use crate::topic::{Partitioner, Topic};

/// How records are written.
pub(crate) struct SinkFormats<K: 'static, V: 'static> {
    pub(crate) key: Arc<dyn Codec<K>>,
    pub(crate) value: Arc<dyn Codec<V>>,
    pub(crate) partitioner: Option<Arc<Partitioner<K, V>>>,
    /// Bytes at the end of a key that have no part in the choice of its partition.
    pub(crate) window_suffix: usize,
}

impl<K: Data, V: Data> SinkFormats<K, V> {
    /// The formats of an internal topic, partitioned by the whole key.
    pub(crate) fn internal(key: Arc<dyn Codec<K>>, value: Arc<dyn Codec<V>>) -> Self {
        Self { key, value, partitioner: None, window_suffix: 0 }
    }
}

impl<K, V> Clone for SinkFormats<K, V> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            value: self.value.clone(),
            partitioner: self.partitioner.clone(),
            window_suffix: self.window_suffix,
        }
    }
}

impl<K: Data, V: Data> From<Topic<K, V>> for SinkFormats<K, V> {
    fn from(topic: Topic<K, V>) -> Self {
        let Topic { key, value, partitioner, .. } = topic;
        let window_suffix = key.window_suffix();
        Self { key, value, partitioner, window_suffix }
    }
}

impl<K: Data, V: Data> SinkFormats<K, Option<V>> {
    /// Writes a table to a topic: `None` is a tombstone, which goes where its key goes.
    pub(crate) fn of_table(topic: Topic<K, V>) -> Self {
        let value = Arc::new(Nullable(topic.value));
        let window_suffix = topic.key.window_suffix();
        Self { key: topic.key, value, partitioner: None, window_suffix }
    }
}

/// A format with a null.
struct Nullable<V: 'static>(Arc<dyn Codec<V>>);

impl<V: Data> Codec<Option<V>> for Nullable<V> {
    fn encode(&self, value: &Option<V>, out: &mut Vec<u8>) -> Result<(), CodecError> {
        value.as_ref().map_or(Ok(()), |value| self.0.encode(value, out))
    }

    fn decode(&self, bytes: &[u8]) -> Result<Option<V>, CodecError> {
        self.0.decode(bytes).map(Some)
    }

    fn is_null(&self, value: &Option<V>) -> bool {
        value.as_ref().is_none_or(|value| self.0.is_null(value))
    }

    fn decode_null(&self) -> Result<Option<V>, CodecError> {
        Ok(None)
    }
}

/// Encodes records and appends them to the buffers of their partitions.
pub(crate) struct RecordWriter<K: 'static, V: 'static> {
    formats: SinkFormats<K, V>,
    key_bytes: RefCell<Vec<u8>>,
}

impl<K: Data, V: Data> RecordWriter<K, V> {
    pub(crate) fn new(formats: SinkFormats<K, V>) -> Self {
        Self { formats, key_bytes: RefCell::default() }
    }

    /// Writes one record. After an error nothing of it is written.
    #[inline]
    pub(crate) fn write(
        &self,
        output: &mut dyn Output,
        topic: TopicHandle,
        record: &Record<K, V>,
    ) -> Result<(), CodecError> {
        let SinkFormats { key: key_codec, value: value_codec, partitioner, window_suffix } =
            &self.formats;
        let mut bytes = self.key_bytes.borrow_mut();
        bytes.clear();
        let key = if key_codec.is_null(&record.key) {
            None
        } else {
            key_codec.encode(&record.key, &mut bytes)?;
            Some(bytes.as_slice())
        };
        let partitions = output.partitions(topic);
        let partition = match (partitioner, key) {
            (Some(choose), _) => choose(&record.key, &record.value, partitions) % partitions.max(1),
            (None, Some(_)) if partitions == 1 => 0,
            (None, Some(key)) => {
                let end = key.len().saturating_sub(*window_suffix);
                partition_for_key(&key[..end], partitions)
            }
            (None, None) => output.keyless_partition(topic),
        };
        let limit = output.max_record_bytes(topic);
        let buffer = output.buffer(topic, partition);
        let start = buffer.size();
        buffer.push_with(record.timestamp, key, &record.headers, |out| {
            let present = !value_codec.is_null(&record.value);
            if present {
                value_codec.encode(&record.value, out)?;
            }
            // Found out here, where the record's origin is known, and not when its batch is sent.
            let size = out.len() - start;
            if size > limit { Err(too_large(size, limit)) } else { Ok(present) }
        })
    }
}

#[cold]
fn too_large(size: usize, limit: usize) -> CodecError {
    CodecError::new(format!(
        "a record of {size} bytes is larger than the limit of {limit} bytes of its topic: make records smaller, or raise the topic's max.message.bytes"
    ))
}
