use millstream_broker::{Headers, RecordBatch, partition_for_key};

use crate::error::RecordFailure;
use crate::processor::{Origin, Output, TopicHandle};

/// Room for what is said of a failure, in bytes.
const WORDS: usize = 16 * 1024;

/// Where records go that fail (Kafka's dead letter queue, KIP-1034): key, value, timestamp and
/// headers as they were read, and what went wrong in headers.
#[derive(Debug)]
pub(crate) struct DeadLetters {
    topic: TopicHandle,
    /// The record at work: the number of its input, its batch and its place there.
    input: Option<(u32, RecordBatch, usize)>,
}

impl DeadLetters {
    pub(crate) fn new(topic: TopicHandle) -> Self {
        Self { topic, input: None }
    }

    /// Keeps hold of the record that is about to be processed.
    pub(crate) fn hold(&mut self, input: u32, batch: &RecordBatch, position: usize) {
        self.input = Some((input, batch.clone(), position));
    }

    /// Writes the record that failed. Of one that an earlier record left behind in a cache only the
    /// place is known, so key and value are null, as Kafka Streams has it in punctuations.
    pub(crate) fn write(&self, failure: &RecordFailure, origin: &Origin, output: &mut dyn Output) {
        let held = self.input.as_ref().map(|(input, batch, at)| (*input, batch.read(*at).0));
        let record = held
            .filter(|(input, record)| (*input, record.offset) == (origin.source, origin.offset));
        let record = record.map(|(_, record)| record);
        let (key, value) = record.map_or((None, None), |record| (record.key, record.value));
        let mut headers = record.map_or_else(Headers::new, |record| record.headers());
        let limit = output.max_record_bytes(self.topic);
        let size = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + WORDS;
        if size > limit {
            tracing::warn!("no dead letter is written, it would be too large: {failure}");
            return;
        }
        let cut = |words: String| words.chars().take(WORDS / 16).collect::<String>();
        let said: [(&str, String); 6] = [
            ("exception", failure.stage.to_string()),
            ("message", cut(failure.cause.to_string())),
            ("stacktrace", cut(failure.to_string())),
            ("topic", failure.topic.to_string()),
            ("partition", failure.partition.to_string()),
            ("offset", failure.offset.to_string()),
        ];
        for (name, words) in said {
            headers.push(format!("__streams.errors.{name}"), Some(words.as_bytes()));
        }
        let partitions = output.partitions(self.topic);
        let partition = match key {
            Some(key) => partition_for_key(key, partitions),
            None => output.keyless_partition(self.topic),
        };
        output.buffer(self.topic, partition).push(origin.timestamp, key, value, &headers);
    }
}
