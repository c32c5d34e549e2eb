//! A consumer with faults in front: partitions fall silent for a while, so that what is read
//! arrives in another order than it was written in; calls time out.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millstream::broker::{
    Admin, BrokerError, Consumer, GroupIdentity, OffsetAndMetadata, PartitionOffsets, RecordBatch,
    TopicPartition,
};

use super::{Call, Site};
use crate::bug::Bug;
use crate::scenario::APPLICATION;

/// A consumer of one instance.
pub(super) struct FaultyConsumer {
    at: Site,
    inner: Box<dyn Consumer>,
    /// For the planted bug that goes round the consumer.
    unguarded: Box<dyn Admin>,
    /// Until when a partition is silent.
    silent: BTreeMap<TopicPartition, i64>,
    /// For the planted bug that delivers twice.
    again: BTreeMap<TopicPartition, RecordBatch>,
}

impl FaultyConsumer {
    pub(super) fn new(at: Site, inner: Box<dyn Consumer>, unguarded: Box<dyn Admin>) -> Self {
        Self { at, inner, unguarded, silent: BTreeMap::new(), again: BTreeMap::new() }
    }

    /// Whether the partition keeps silent now.
    fn is_silent(&mut self, partition: &TopicPartition) -> bool {
        let now = self.at.sim.now();
        if self.silent.get(partition).is_some_and(|until| now < *until) {
            return true;
        }
        let rate = self.at.sim.scenario.rates.delay;
        let pause = self.at.sim.with(|core| {
            let falls = core.chaos && rate > 0 && core.random.below(10_000) < rate;
            falls.then(|| core.random.between(5, 200) as i64)
        });
        match pause {
            Some(pause) => {
                self.silent.insert(partition.clone(), now + pause);
                true
            }
            None => false,
        }
    }
}

impl Consumer for FaultyConsumer {
    fn assign(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), BrokerError> {
        self.again.remove(partition);
        self.at.note(format_args!("reads {partition} from {offset}"));
        self.at.call(Call::Assign, || self.inner.assign(partition, offset))
    }

    fn unassign(&mut self, partition: &TopicPartition) {
        self.inner.unassign(partition);
    }

    fn fetch(
        &mut self,
        partition: &TopicPartition,
        max_bytes: usize,
    ) -> Result<Option<RecordBatch>, BrokerError> {
        if self.is_silent(partition) {
            return Ok(None);
        }
        if let Some(batch) = self.again.remove(partition) {
            return Ok(Some(batch));
        }
        let fetch = || self.inner.fetch(partition, max_bytes);
        let Some(batch) = self.at.call(Call::Fetch, fetch)? else {
            return Ok(None);
        };
        self.at.sim.with(|core| core.trace.mix(batch.next_offset() as u64));
        if batch.first().is_some() {
            if self.at.strikes(Bug::DropsFetched, 50) {
                return Ok(Some(RecordBatch::empty(batch.next_offset())));
            }
            if self.at.strikes(Bug::DeliversTwice, 50) {
                self.again.insert(partition.clone(), batch.clone());
            }
        }
        Ok(Some(batch))
    }

    fn lag(&mut self, partition: &TopicPartition) -> Option<u64> {
        self.inner.lag(partition)
    }

    fn offsets(&mut self, partition: &TopicPartition) -> Result<PartitionOffsets, BrokerError> {
        self.at.call(Call::Offsets, || self.inner.offsets(partition))
    }

    fn committed(
        &mut self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Option<OffsetAndMetadata>>, BrokerError> {
        if self.at.has(Bug::UnstableOffsets) {
            let all: BTreeMap<_, _> =
                self.unguarded.group_offsets(APPLICATION)?.into_iter().collect();
            return Ok(partitions.iter().map(|tp| all.get(tp).cloned()).collect());
        }
        let mut committed =
            self.at.call(Call::Committed, || self.inner.committed(group, partitions))?;
        for committed in committed.iter_mut().flatten() {
            if self.at.has(Bug::ForgetsTimes) {
                committed.metadata.clear();
            } else if self.at.has(Bug::NumbersBeginAnew) {
                committed.metadata = without_numbers(&committed.metadata);
            }
        }
        Ok(committed)
    }

    fn commit(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
    ) -> Result<(), BrokerError> {
        self.at.call(Call::CommitOffsets, || self.inner.commit(offsets, identity))
    }
}

/// What is kept beside an offset, the numbers under a name that nobody knows.
fn without_numbers(metadata: &str) -> String {
    let mut bytes = STANDARD.decode(metadata).unwrap_or_default();
    let name = b"/number";
    for at in 0..bytes.len().saturating_sub(name.len()) {
        if bytes[at..].starts_with(name) {
            bytes[at] = b'-';
        }
    }
    STANDARD.encode(bytes)
}
