//! A producer. Every call is carried out before it returns, so there is nothing to retry and
//! nothing that could be written twice: idempotence needs no sequence numbers here.

use std::sync::Arc;
use std::time::Duration;

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
    /// Whether something was sent since the last flush.
    unsynced: bool,
}

impl EmbeddedProducer {
    /// Opens a producer; with a transactional id it fences its predecessor.
    pub(super) fn open(
        shared: Arc<Shared>,
        options: &ProducerOptions,
    ) -> Result<Self, BrokerError> {
        shared.maintain_if_due()?;
        let transactional = match &options.transactional_id {
            Some(id) => Some(init(&shared, id, options.transaction_timeout)?),
            None => {
                shared.update(|state| state.check_open())?;
                None
            }
        };
        Ok(Self { shared, transactional, acknowledged: FxHashMap::default(), unsynced: false })
    }

    fn transactional(&self) -> Result<ProducerEpoch, BrokerError> {
        self.transactional.ok_or_else(|| {
            BrokerError::InvalidTransactionState(
                "it was opened without a transactional id".to_owned(),
            )
        })
    }

    /// Decides to commit, and says up to where the journal must be on the disk for it.
    fn begin_commit(&self) -> Result<(ProducerEpoch, u64), BrokerError> {
        let who = self.transactional()?;
        self.shared.maintain_if_due()?;
        self.shared.update(|state| {
            state.check_writable()?;
            Ok((who, state.begin_commit(who)?))
        })
    }
}

/// Takes a transactional id over. A commit of the predecessor that is decided comes first.
fn init(shared: &Shared, id: &str, timeout: Duration) -> Result<ProducerEpoch, BrokerError> {
    loop {
        let decided = shared.update(|state| {
            state.check_writable()?;
            match state.committing(id) {
                Some(decided) => Ok(Err(decided)),
                None => Ok(Ok(state.init_producer(id, timeout))),
            }
        })?;
        match decided {
            Ok(who) => return Ok(who),
            Err((producer, position)) => {
                shared.sync_to(position)?;
                shared.update(|state| state.finish_commit(producer, position));
            }
        }
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
            state.check_writable()?;
            state.append(partition, bytes, count, self.transactional)
        })?;
        buffer.clear();
        self.unsynced = true;
        match self.acknowledged.get_mut(partition) {
            Some(known) => *known = next,
            None => {
                self.acknowledged.insert(partition.clone(), next);
            }
        }
        self.shared.spill_if_due()
    }

    fn is_full(&self, topic: &str) -> bool {
        self.shared.update(|state| state.topic(topic).is_ok_and(|topic| topic.is_full()))
    }

    fn partitions(&mut self, topic: &str) -> Result<u32, BrokerError> {
        self.shared.update(|state| Ok(state.topic(topic)?.partitions.len() as u32))
    }

    fn max_record_bytes(&mut self, topic: &str) -> Result<usize, BrokerError> {
        self.shared.update(|state| Ok(state.topic(topic)?.config.max_message_bytes))
    }

    fn flush(&mut self) -> Result<(), BrokerError> {
        let end = self.shared.update(|state| {
            state.check_writable()?;
            Ok(state.journal_end())
        })?;
        // Records of a transaction are as durable as they must be when it commits.
        if self.transactional.is_none() && self.unsynced {
            self.shared.sync_to(end)?;
            self.unsynced = false;
        }
        Ok(())
    }

    fn acknowledged(&self, partition: &TopicPartition) -> Option<i64> {
        self.acknowledged.get(partition).copied()
    }

    fn begin(&mut self) -> Result<(), BrokerError> {
        let who = self.transactional()?;
        self.shared.maintain_if_due()?;
        let now = self.shared.now();
        let deadline = self.shared.update(|state| {
            state.check_writable()?;
            state.begin(who, now)
        })?;
        // A transaction is overdue when its deadline has passed, not when it is reached.
        self.shared.due_by(deadline.saturating_add(Duration::from_millis(1)));
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
            state.check_writable()?;
            state.send_offsets(who, offsets, identity, now)
        })
    }

    fn commit(&mut self) -> CommitOutcome {
        let (who, position) = match self.begin_commit() {
            Ok(decided) => decided,
            Err(error) => return CommitOutcome::Aborted(error),
        };
        if let Err(error) = self.shared.sync_to(position) {
            // It may have reached the disk: only opening the broker again will tell.
            return CommitOutcome::Unknown(error);
        }
        self.shared.update(|state| state.finish_commit(who.id, position));
        CommitOutcome::Committed
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        let who = self.transactional()?;
        self.shared.maintain_if_due()?;
        self.shared.update(|state| {
            state.check_writable()?;
            state.abort(who)
        })
    }
}
