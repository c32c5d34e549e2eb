//! Topics as typed values.

use std::fmt;
use std::sync::Arc;

use crate::codec::{Codec, Data, Wire, WireCodec};

/// Takes the timestamp of a record out of its contents (Kafka's `TimestampExtractor`): gets key,
/// value, the timestamp the broker has, and the highest one of the partition so far (-1 = none).
pub(crate) type TimestampExtractor<K, V> = dyn Fn(&K, &V, i64, i64) -> i64 + Send + Sync;

/// Chooses the partition of a record to be written: gets key, value and the number of partitions.
pub(crate) type Partitioner<K, V> = dyn Fn(&K, &V, u32) -> u32 + Send + Sync;

/// A topic with its types and everything that is said about it in one place: formats, timestamps,
/// partitioning (Kafka's `Consumed` and `Produced`). A plain name becomes a topic with the formats
/// of its types.
///
/// ```
/// use millstream::Topic;
/// let words: Topic<String, i64> = "words".into();
/// assert_eq!(words.name(), "words");
/// ```
#[doc(alias = "Consumed")]
#[doc(alias = "Produced")]
pub struct Topic<K: 'static, V: 'static> {
    pub(crate) name: String,
    pub(crate) key: Arc<dyn Codec<K>>,
    pub(crate) value: Arc<dyn Codec<V>>,
    pub(crate) timestamps: Option<Arc<TimestampExtractor<K, V>>>,
    pub(crate) partitioner: Option<Arc<Partitioner<K, V>>>,
}

impl<K: Data, V: Data> Topic<K, V> {
    /// A topic with formats chosen by hand: for types without [`Wire`], or to override theirs.
    pub fn with(name: impl Into<String>, key: impl Codec<K>, value: impl Codec<V>) -> Self {
        Self {
            name: name.into(),
            key: Arc::new(key),
            value: Arc::new(value),
            timestamps: None,
            partitioner: None,
        }
    }

    /// Reads timestamps (milliseconds since the Unix epoch) out of the records instead of taking
    /// the broker's. A record with a negative result is dropped and counted.
    #[doc(alias = "TimestampExtractor")]
    pub fn timestamps(self, extract: impl Fn(&K, &V) -> i64 + Send + Sync + 'static) -> Self {
        self.timestamps_with(move |key, value, _, _| extract(key, value))
    }

    /// As [`timestamps`](Self::timestamps), given also the broker's timestamp and the highest one
    /// of the partition so far (-1 before the first record).
    pub fn timestamps_with(
        mut self,
        extract: impl Fn(&K, &V, i64, i64) -> i64 + Send + Sync + 'static,
    ) -> Self {
        self.timestamps = Some(Arc::new(extract));
        self
    }

    /// Chooses the partition of each record written, given the number of partitions; a result out
    /// of range is taken modulo that number. The default is Kafka's murmur2 of the key's bytes.
    #[doc(alias = "StreamPartitioner")]
    pub fn partitioned_by(
        mut self,
        partition: impl Fn(&K, &V, u32) -> u32 + Send + Sync + 'static,
    ) -> Self {
        self.partitioner = Some(Arc::new(partition));
        self
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<K: Wire, V: Wire> Topic<K, V> {
    /// A topic with the formats of its types.
    pub fn new(name: impl Into<String>) -> Self {
        Self::with(name, WireCodec::<K>::new(), WireCodec::<V>::new())
    }
}

impl<K: Wire, V: Wire> From<&str> for Topic<K, V> {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl<K: Wire, V: Wire> From<String> for Topic<K, V> {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

impl<K: 'static, V: 'static> From<&Topic<K, V>> for Topic<K, V> {
    fn from(topic: &Topic<K, V>) -> Self {
        topic.clone()
    }
}

impl<K: 'static, V: 'static> Clone for Topic<K, V> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            key: self.key.clone(),
            value: self.value.clone(),
            timestamps: self.timestamps.clone(),
            partitioner: self.partitioner.clone(),
        }
    }
}

impl<K: 'static, V: 'static> fmt::Debug for Topic<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Topic").field(&self.name).finish()
    }
}
