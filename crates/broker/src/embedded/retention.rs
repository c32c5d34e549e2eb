//! Retention by time and by size (`UnifiedLog.deleteOldSegments`), chunk by chunk instead of
//! segment by segment.

use super::chunk::max_timestamp;
use super::partition_log::PartitionLog;
use super::state::State;
use super::topic_config::TopicConfig;
use crate::TopicPartition;

impl State {
    /// Drops what is beyond the retention of its topic.
    pub(super) fn retain(&mut self, wall_ms: i64) {
        let mut moves = Vec::new();
        for topic in self.topics.values_mut().filter(|t| t.config.delete) {
            for (number, log) in topic.partitions.iter_mut().enumerate() {
                let keep_from = first_retained(log, &topic.config, wall_ms);
                if keep_from > log.log_start() {
                    let partition = TopicPartition::new(topic.name.clone(), number as u32);
                    moves.push((partition, keep_from));
                }
            }
        }
        for (partition, offset) in moves {
            if self.advance_log_start(&partition, offset).is_ok() {
                self.room = true;
            }
        }
    }
}

/// The offset before which everything is beyond retention. Never above the last stable offset.
fn first_retained(log: &mut PartitionLog, config: &TopicConfig, wall_ms: i64) -> i64 {
    let stable = log.last_stable();
    let mut keep_from = log.log_start();
    let mut size = log.size();
    let oldest_ms = config.retention_ms.map(|ms| wall_ms.saturating_sub(ms));
    for chunk in log.chunks_mut() {
        if chunk.next > stable {
            break;
        }
        let too_large =
            config.retention_bytes.is_some_and(|limit| size - chunk.size as u64 >= limit);
        let too_old = oldest_ms.is_some_and(|oldest| {
            if chunk.max_timestamp.is_none() {
                let bytes = chunk.bytes.as_ref();
                chunk.max_timestamp =
                    bytes.map(|bytes| max_timestamp(&bytes.batch(chunk.base, chunk.next)));
            }
            chunk.max_timestamp.is_some_and(|newest| newest < oldest)
        });
        if !too_large && !too_old {
            break;
        }
        keep_from = chunk.next;
        size -= chunk.size as u64;
    }
    keep_from
}
