//! The broker and its topics.

use std::path::Path;
use std::time::Duration;

use millstream::Topology;
use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{BrokerError, NewTopic};

pub(crate) const APPLICATION: &str = "word-count";
pub(crate) const TEXT_LINES: &str = "text-lines";
pub(crate) const FILE_POSITIONS: &str = "file-positions";
pub(crate) const WORD_COUNTS: &str = "word-counts";
pub(crate) const PARTITIONS: u32 = 2;
/// What a partition of `text-lines` holds; the feeder waits while one is full.
const TEXT_BYTES: u64 = 2 * 1024 * 1024;
/// What a partition between the two halves of the topology holds.
const WORDS_BYTES: u64 = 4 * 1024 * 1024;
/// What compaction leaves alone at the end of a partition of counts, and how often it comes. Both
/// small, as counts change often and all is in memory.
pub(crate) const SEGMENT_BYTES: &str = "262144";
/// What is kept in memory of a broker in a directory.
const CACHE_BYTES: usize = 8 * 1024 * 1024;
const MAINTENANCE: Duration = Duration::from_millis(200);

/// In memory, or in `dir`.
pub(crate) fn open(dir: Option<&Path>, topology: &Topology) -> Result<EmbeddedBroker, BrokerError> {
    let settings = EmbeddedBroker::builder().maintenance_interval(MAINTENANCE);
    let broker = match dir {
        Some(dir) => {
            settings.directory(dir).application(APPLICATION).cache_bytes(CACHE_BYTES).open()?
        }
        None => settings.open()?,
    };
    let compacted = |name| {
        NewTopic::new(name, PARTITIONS)
            .config("cleanup.policy", "compact")
            .config("segment.bytes", SEGMENT_BYTES)
    };
    let mut topics = vec![
        NewTopic::new(TEXT_LINES, PARTITIONS).bounded(TEXT_BYTES),
        compacted(FILE_POSITIONS),
        compacted(WORD_COUNTS),
    ];
    // The application would make this one itself, with a larger bound.
    for topic in topology.topics(APPLICATION).into_iter().flat_map(|sub| sub.repartition_topics) {
        let mut words = NewTopic::new(topic.name, PARTITIONS).bounded(WORDS_BYTES);
        words.configs = topic.configs;
        topics.push(words);
    }
    for topic in topics {
        match broker.create_topic(topic) {
            Ok(()) | Err(BrokerError::TopicExists(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(broker)
}
