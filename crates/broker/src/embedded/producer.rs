//! A producer. Every call is carried out before it returns, so there is nothing to retry and
//! nothing that could be written twice: idempotence needs no sequence numbers here.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::shared::Shared;
use super::transaction::ProducerEpoch;
use crate::{
    BrokerError, CommitOutcome, GroupIdentity, OffsetAndMetadata, Producer, ProducerOptions,
    RecordBuffer, TopicPartition,
};

/// A producer of the embedded broker.
#[derive(Debug)]
pub(super) struct EmbeddedProducer {
    shared: Arc<Shared>,
    /// With a transactional id.
    transactional: Option<ProducerEpoch>,
    acknowledged: FxHashMap<TopicPartition, i64>,
}

impl EmbeddedProducer {
    /// Opens a producer; with a transactional id it fences its predecessor.
    pub(super) fn open(
        shared: Arc<Shared>,
        options: &ProducerOptions,
    ) -> Result<Self, BrokerError> {
        shared.maintain_if_due()?;
        let transactional = shared.update(|state| {
            state.check_open()?;
            let id = options.transactional_id.as_deref();
            Ok(id.map(|id| state.init_producer(id, options.transaction_timeout)))
        })?;
        Ok(Self {
            shared,
            transactional,
            acknowledged: FxHashMap::default(),
        })
    }

    fn transactional(&self) -> Result<ProducerEpoch, BrokerError> {
        self.transactional.ok_or_else(|| {
            BrokerError::InvalidTransactionState(
                "it was opened without a transactional id".to_owned(),
            )
        })
    }

    fn try_commit(&self) -> Result<(), BrokerError> {
        let who = self.transactional()?;
        self.shared.maintain_if_due()?;
        self.shared.update(|state| {
            state.check_open()?;
            state.commit(who)
        })
    }
}

impl Producer for EmbeddedProducer {
    fn send(
        &mut self,
        partition: &TopicPartition,
        buffer: &mut RecordBuffer,
    ) -> Result<(), BrokerError> {
        if buffer.is_empty() {
            return Ok(());
        }
        self.shared.maintain_if_due()?;
        let bytes: Arc<[u8]> = buffer.as_bytes().into();
        let count = buffer.count();
        let next = self.shared.update(|state| {
            state.check_open()?;
            state.append(partition, bytes, count, self.transactional)
        })?;
        buffer.clear();
        match self.acknowledged.get_mut(partition) {
            Some(known) => *known = next,
            None => {
                self.acknowledged.insert(partition.clone(), next);
            }
        }
        Ok(())
    }

    fn is_full(&self, topic: &str) -> bool {
        self.shared
            .update(|state| state.topic(topic).is_ok_and(|topic| topic.is_full()))
    }

    fn partitions(&mut self, topic: &str) -> Result<u32, BrokerError> {
        self.shared
            .update(|state| Ok(state.topic(topic)?.partitions.len() as u32))
    }

    fn flush(&mut self) -> Result<(), BrokerError> {
        self.shared.update(|state| state.check_open())
    }

    fn acknowledged(&self, partition: &TopicPartition) -> Option<i64> {
        self.acknowledged.get(partition).copied()
    }

    fn begin(&mut self) -> Result<(), BrokerError> {
        let who = self.transactional()?;
        self.shared.maintain_if_due()?;
        let now = self.shared.now();
        let deadline = self.shared.update(|state| {
            state.check_open()?;
            state.begin(who, now)
        })?;
        // A transaction is overdue when its deadline has passed, not when it is reached.
        self.shared
            .due_by(deadline.saturating_add(std::time::Duration::from_millis(1)));
        Ok(())
    }

    fn send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
    ) -> Result<(), BrokerError> {
        let who = self.transactional()?;
        self.shared.maintain_if_due()?;
        let now = self.shared.now();
        self.shared.update(|state| {
            state.check_open()?;
            state.send_offsets(who, offsets, identity, now)
        })
    }

    fn commit(&mut self) -> CommitOutcome {
        match self.try_commit() {
            Ok(()) => CommitOutcome::Committed,
            Err(error) => CommitOutcome::Aborted(error),
        }
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        let who = self.transactional()?;
        self.shared.maintain_if_due()?;
        self.shared.update(|state| {
            state.check_open()?;
            state.abort(who)
        })
    }
}
