//! What a group has committed, and what open transactions are about to commit for it.

use std::collections::BTreeMap;

use super::chunk::ProducerId;
use crate::{OffsetAndMetadata, TopicPartition};

/// Offsets by partition.
pub(super) type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// The offsets of one group.
#[derive(Debug, Default)]
pub(super) struct GroupOffsets {
    committed: Offsets,
    pending: BTreeMap<ProducerId, Offsets>,
}

impl GroupOffsets {
    /// All that is committed.
    pub(super) fn committed(&self) -> &Offsets {
        &self.committed
    }

    /// Whether an open transaction may still change the offset of `partition`.
    pub(super) fn is_unstable(&self, partition: &TopicPartition) -> bool {
        self.pending.values().any(|offsets| offsets.contains_key(partition))
    }

    /// Commits at once.
    pub(super) fn commit(&mut self, partition: TopicPartition, offset: OffsetAndMetadata) {
        self.committed.insert(partition, offset);
    }

    /// Holds an offset until the producer's transaction ends.
    pub(super) fn hold(
        &mut self,
        producer: ProducerId,
        partition: TopicPartition,
        offset: OffsetAndMetadata,
    ) {
        self.pending.entry(producer).or_default().insert(partition, offset);
    }

    /// Ends the producer's transaction, and gives back what it held.
    pub(super) fn take_pending(&mut self, producer: ProducerId) -> Offsets {
        self.pending.remove(&producer).unwrap_or_default()
    }

    /// What the producer's transaction holds.
    pub(super) fn pending(&self, producer: ProducerId) -> Option<&Offsets> {
        self.pending.get(&producer)
    }

    /// Forgets the offset of `partition`.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.committed.remove(partition);
    }

    /// Forgets all of a topic that was deleted; says which partitions had offsets.
    pub(super) fn forget_topic(&mut self, topic: &str) {
        self.committed.retain(|tp, _| &*tp.topic != topic);
        for offsets in self.pending.values_mut() {
            offsets.retain(|tp, _| &*tp.topic != topic);
        }
    }
}
