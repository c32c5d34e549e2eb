//! A producer with faults in front: calls time out before or after their effect, and commits end
//! in doubt, made, not made, or made later.

use std::collections::BTreeMap;

use millstream::broker::embedded::EmbeddedBroker;
use millstream::broker::{
    Broker, BrokerError, CommitOutcome, Consumer, ConsumerOptions, GroupIdentity,
    OffsetAndMetadata, Producer, ProducerOptions, RecordBuffer, TopicPartition,
};

use super::fate::timeout;
use super::{Call, Fate, Site, crash};
use crate::bug::Bug;

/// A commit that is on its way to the broker while its producer has given it up.
pub struct LateCommit {
    pub due: i64,
    pub from: Site,
    pub producer: Box<dyn Producer>,
}

/// A producer of one instance.
pub(super) struct FaultyProducer {
    at: Site,
    /// `None` when its last commit is on its way.
    inner: Option<Box<dyn Producer>>,
    /// For planted bugs: writes and commits beside the transaction.
    beside: Option<(Box<dyn Producer>, Box<dyn Consumer>)>,
    /// For the planted bug that reports a commit before it is made.
    owed: bool,
    /// For the planted bug that commits old times: those of the commit before.
    before: BTreeMap<TopicPartition, String>,
}

impl FaultyProducer {
    pub(super) fn new(
        at: Site,
        inner: Box<dyn Producer>,
        broker: &EmbeddedBroker,
    ) -> Result<Self, BrokerError> {
        let beside = match at.sim.bug {
            Some(Bug::OffsetsOutsideTransaction | Bug::WritesOutsideTransaction) => Some((
                broker.producer(ProducerOptions::idempotent("beside"))?,
                broker.consumer(ConsumerOptions::default())?,
            )),
            _ => None,
        };
        Ok(Self { at, inner: Some(inner), beside, owed: false, before: BTreeMap::new() })
    }

    /// The producer at work; makes good what it owes.
    fn inner(&mut self) -> Result<&mut dyn Producer, BrokerError> {
        let owed = std::mem::take(&mut self.owed);
        match &mut self.inner {
            Some(inner) => {
                if owed
                    && let CommitOutcome::Aborted(e) | CommitOutcome::Unknown(e) = inner.commit()
                {
                    return Err(e);
                }
                Ok(&mut **inner)
            }
            None => Err(BrokerError::Timeout("the commit is on its way".to_owned())),
        }
    }

    /// Ends a transaction in doubt.
    fn in_doubt(&mut self) -> CommitOutcome {
        let choice = self.at.sim.with(|core| core.random.below(3));
        match choice {
            0 => self.at.note(format_args!("commit in doubt: not made")),
            1 => {
                let outcome = self.inner.as_mut().map(|inner| inner.commit());
                self.at.note(format_args!("commit in doubt: {outcome:?}"));
            }
            _ => {
                let pause = self.at.sim.with(|core| core.random.between(1, 1500)) as i64;
                self.at.note(format_args!("commit in doubt: {pause} ms late"));
                if let Some(producer) = self.inner.take() {
                    let (due, from) = (self.at.sim.now() + pause, self.at.clone());
                    let late = LateCommit { due, from, producer };
                    self.at.sim.with(|core| core.late.push(late));
                }
            }
        }
        CommitOutcome::Unknown(timeout(Call::Commit))
    }

    fn commit_now(&mut self) -> CommitOutcome {
        match &mut self.inner {
            Some(inner) => {
                let outcome = inner.commit();
                self.at.note(format_args!("commit: {outcome:?}"));
                outcome
            }
            None => CommitOutcome::Unknown(timeout(Call::Commit)),
        }
    }
}

impl Producer for FaultyProducer {
    fn send(
        &mut self,
        partition: &TopicPartition,
        buffer: &mut RecordBuffer,
    ) -> Result<(), BrokerError> {
        let is_changelog = partition.topic.ends_with("-changelog");
        if is_changelog && self.at.strikes(Bug::SkipsChangelogRecord, 30) {
            let kept = buffer.count() as usize - 1;
            let mut shorter = RecordBuffer::new();
            for record in buffer.iter().take(kept) {
                shorter.push(record.timestamp, record.key, record.value, &record.headers());
            }
            *buffer = shorter;
        }
        if self.at.has(Bug::WritesOutsideTransaction)
            && partition.topic.starts_with("out")
            && let Some((beside, _)) = &mut self.beside
        {
            return beside.send(partition, buffer);
        }
        let at = self.at.clone();
        let inner = self.inner()?;
        at.call(Call::Send, || inner.send(partition, buffer))
    }

    fn is_full(&self, topic: &str) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.is_full(topic))
    }

    fn max_record_bytes(&mut self, topic: &str) -> Result<usize, BrokerError> {
        self.inner()?.max_record_bytes(topic)
    }

    fn partitions(&mut self, topic: &str) -> Result<u32, BrokerError> {
        let at = self.at.clone();
        let inner = self.inner()?;
        at.call(Call::Partitions, || inner.partitions(topic))
    }

    fn flush(&mut self) -> Result<(), BrokerError> {
        let at = self.at.clone();
        let inner = self.inner()?;
        at.call(Call::Flush, || inner.flush())
    }

    fn acknowledged(&self, partition: &TopicPartition) -> Option<i64> {
        self.inner.as_ref()?.acknowledged(partition)
    }

    fn begin(&mut self) -> Result<(), BrokerError> {
        let at = self.at.clone();
        let inner = self.inner()?;
        at.call(Call::Begin, || inner.begin())
    }

    fn send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: &GroupIdentity,
    ) -> Result<(), BrokerError> {
        let mut offsets = offsets.to_vec();
        for (partition, offset) in &mut offsets {
            if self.at.strikes(Bug::CommitsOneLess, 100) {
                offset.offset = (offset.offset - 1).max(0);
            } else if self.at.strikes(Bug::CommitsOneMore, 100) {
                offset.offset += 1;
            }
            if self.at.has(Bug::CommitsOldTimes) {
                let now = offset.metadata.clone();
                if let Some(before) = self.before.insert(partition.clone(), now) {
                    offset.metadata = before;
                }
            }
            self.at.note(format_args!("offset {partition} {}", offset.offset));
        }
        if self.at.has(Bug::OffsetsOutsideTransaction)
            && let Some((_, beside)) = &mut self.beside
        {
            return beside.commit(&offsets, identity);
        }
        let at = self.at.clone();
        let inner = self.inner()?;
        let sent = at.call(Call::SendOffsets, || inner.send_offsets(&offsets, identity));
        match sent {
            Err(error) if error.is_fenced() && self.at.has(Bug::IgnoresFencing) => Ok(()),
            sent => sent,
        }
    }

    fn commit(&mut self) -> CommitOutcome {
        match self.at.fate(Call::Commit) {
            Fate::Done if self.at.has(Bug::StoreBeforeCommit) => {
                self.owed = true;
                CommitOutcome::Committed
            }
            Fate::Done => self.commit_now(),
            Fate::FailBefore | Fate::FailAfter if self.at.has(Bug::ForgetsAborted) => {
                let aborted = self.inner.as_mut().map(|inner| inner.abort());
                self.at.note(format_args!("forgets an abort: {aborted:?}"));
                CommitOutcome::Committed
            }
            Fate::FailBefore => {
                let aborted = self.inner.as_mut().map(|inner| inner.abort());
                self.at.note(format_args!("aborts instead: {aborted:?}"));
                CommitOutcome::Aborted(timeout(Call::Commit))
            }
            Fate::FailAfter => self.in_doubt(),
            Fate::CrashBefore => crash(),
            Fate::CrashAfter => {
                let _effect = self.commit_now();
                crash()
            }
        }
    }

    fn abort(&mut self) -> Result<(), BrokerError> {
        let at = self.at.clone();
        let inner = self.inner()?;
        at.call(Call::Abort, || inner.abort())
    }
}
