use std::sync::Arc;

use millstream_broker::RecordView;

use crate::codec::{Codec, CodecError, Data, decode_nullable};
use crate::error::Stage;
use crate::processor::{Context, NodeResult, SourceNode};
use crate::record::Record;
use crate::topic::{TimestampExtractor, Topic};

/// Reads a topic as a stream (Kafka's `SourceNode`).
struct StreamSource<K: 'static, V: 'static> {
    key: Arc<dyn Codec<K>>,
    value: Arc<dyn Codec<V>>,
    timestamps: Option<Arc<TimestampExtractor<K, V>>>,
}

pub(crate) fn stream_source<K: Data, V: Data>(topic: &Topic<K, V>) -> Box<dyn SourceNode> {
    Box::new(StreamSource {
        key: topic.key.clone(),
        value: topic.value.clone(),
        timestamps: topic.timestamps.clone(),
    })
}

impl<K: Data, V: Data> StreamSource<K, V> {
    #[inline]
    fn decode(&self, record: &RecordView<'_>) -> Result<(K, V), CodecError> {
        let key = decode_nullable(&*self.key, record.key).map_err(in_part("key"))?;
        let value = decode_nullable(&*self.value, record.value).map_err(in_part("value"))?;
        Ok((key, value))
    }
}

impl<K: Data, V: Data> SourceNode for StreamSource<K, V> {
    fn timestamp(&self, record: &RecordView<'_>, partition_time: i64) -> Result<i64, CodecError> {
        match &self.timestamps {
            None => broker_time(record),
            Some(extract) => {
                let (key, value) = self.decode(record)?;
                Ok(extract(&key, &value, record.timestamp, partition_time))
            }
        }
    }

    fn read(&self, ctx: &mut Context<'_>, record: &RecordView<'_>, timestamp: i64) -> NodeResult {
        match self.decode(record) {
            Ok((key, value)) => {
                ctx.forward(Record { key, value, timestamp, headers: record.headers() })
            }
            Err(cause) => Err(ctx.failure(Stage::Decode, cause.into())),
        }
    }
}

/// Reads a topic as a table: nulls are part of it, so they are handed on for the table to judge.
struct TableTopicSource<K: 'static, V: 'static>(StreamSource<K, V>);

pub(crate) fn table_topic_source<K: Data, V: Data>(topic: &Topic<K, V>) -> Box<dyn SourceNode> {
    Box::new(TableTopicSource(StreamSource {
        key: topic.key.clone(),
        value: topic.value.clone(),
        timestamps: topic.timestamps.clone(),
    }))
}

impl<K: Data, V: Data> SourceNode for TableTopicSource<K, V> {
    fn timestamp(&self, record: &RecordView<'_>, partition_time: i64) -> Result<i64, CodecError> {
        if record.key.is_none() || record.value.is_none() {
            // An extractor looks at whole entries; a delete has the broker's time.
            return broker_time(record);
        }
        self.0.timestamp(record, partition_time)
    }

    fn read(&self, ctx: &mut Context<'_>, record: &RecordView<'_>, timestamp: i64) -> NodeResult {
        let key = record.key.map(|bytes| self.0.key.decode(bytes).map_err(in_part("key")));
        let value = record.value.map(|bytes| self.0.value.decode(bytes).map_err(in_part("value")));
        match (key.transpose(), value.transpose()) {
            (Ok(key), Ok(value)) => {
                ctx.forward(Record { key, value, timestamp, headers: record.headers() })
            }
            (Err(cause), _) | (_, Err(cause)) => Err(ctx.failure(Stage::Decode, cause.into())),
        }
    }
}

/// The broker's timestamp; a negative one is an error, where an extractor would have to put it right
/// (Kafka's `FailOnInvalidTimestamp`).
fn broker_time(record: &RecordView<'_>) -> Result<i64, CodecError> {
    match record.timestamp {
        timestamp @ 0.. => Ok(timestamp),
        timestamp => Err(CodecError::new(format!("its timestamp is negative ({timestamp})"))),
    }
}

fn in_part(part: &str) -> impl FnOnce(CodecError) -> CodecError + '_ {
    move |cause| CodecError::new(format!("{part}: {cause}"))
}
