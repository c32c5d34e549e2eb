//! Bounded topics: what every reading group has committed past makes room for what is new.

use super::state::State;
use crate::{BrokerError, TopicPartition};

/// So many times its bound may a partition hold before producing to it is refused.
const REFUSED_ABOVE: u64 = 2;

impl State {
    /// Drops what all groups with committed offsets for `partition` have passed, when the partition
    /// is at its bound. Nothing is dropped while no group reads it.
    pub(super) fn reclaim(&mut self, partition: &TopicPartition) {
        let Ok(topic) = self.topic(&partition.topic) else {
            return;
        };
        let Some(bound) = topic.bound_bytes else {
            return;
        };
        let Some(log) = topic.partitions.get(partition.partition as usize) else {
            return;
        };
        if log.size() < bound {
            return;
        }
        let passed = self
            .groups
            .values()
            .filter_map(|group| group.offsets.committed().get(partition))
            .map(|committed| committed.offset)
            .min();
        let Some(passed) = passed else { return };
        let passed = passed.min(log.last_stable());
        if self.advance_log_start(partition, passed).is_ok() {
            self.room = true;
        }
    }

    /// [`BrokerError::TopicFull`] when `partition` is so far above its bound that even a producer
    /// that does not wait must.
    pub(super) fn check_room(&mut self, partition: &TopicPartition) -> Result<(), BrokerError> {
        let Some(bound) = self.topic(&partition.topic)?.bound_bytes else {
            return Ok(());
        };
        self.reclaim(partition);
        if self.log(partition)?.size() > bound.saturating_mul(REFUSED_ABOVE) {
            return Err(BrokerError::TopicFull(partition.topic.to_string()));
        }
        Ok(())
    }
}
