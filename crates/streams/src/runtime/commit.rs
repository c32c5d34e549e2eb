//! The commit of a stream thread: all its tasks in one transaction. Order matters: caches →
//! everything produced → offsets → the broker's commit → only then the stores.

use millstream_broker::{BrokerError, CommitOutcome, OffsetAndMetadata, TopicPartition};

use super::{Metrics, Pace, StreamThread, Task, failpoint};
use crate::error::Error;

/// Commits that may be made ahead of their time when there is nothing else to do, so that what comes
/// after a pause is seen at once.
const COMMITS_AHEAD: u32 = 4;

/// Bytes of uncommitted store writes after which a thread commits early (Kafka's
/// `statestore.uncommitted.max.bytes`, KIP-892).
const MOST_PENDING: usize = 64 * 1024 * 1024;

impl StreamThread {
    /// Whether to commit after a round. A task that waits for a full topic may wait for this very
    /// thread's commit, once the others have nothing left to do.
    pub(super) fn is_commit_due(&self, processed: usize, busy: bool, blocked: bool) -> bool {
        match self.options.pace {
            Pace::Interval => {
                let now = self.options.clock.monotonic();
                let ahead = self.options.config.commit_interval() * (COMMITS_AHEAD - 1);
                let early = !busy && self.uncommitted && self.commits_paid <= now + ahead;
                let pending: usize = self.tasks.values().map(Task::pending_bytes).sum();
                now >= self.next_commit
                    || early
                    || blocked && processed == 0
                    || pending > MOST_PENDING
            }
            Pace::Records(records) => {
                self.since_commit >= records.max(1) || (processed == 0 && self.uncommitted)
            }
        }
    }

    /// Commits everything processed so far; says whether there was anything. After an error nothing
    /// of it is committed, or it is not known whether it is; the caller restarts the tasks, which
    /// finds out. A thread that restarts has nothing to commit.
    pub(super) fn commit(&mut self) -> Result<bool, Error> {
        if self.restarting {
            return Ok(false);
        }
        let now = self.options.clock.monotonic();
        let interval = self.options.config.commit_interval();
        self.next_commit = now + interval;
        for task in self.tasks.values_mut().filter(|task| task.is_running()) {
            let collector = &mut self.collector;
            self.global.with(task, |task| task.flush(collector))?;
        }
        self.collector.flush()?;
        failpoint::reached("after-produce");
        let mut offsets: Vec<_> = self.running().flat_map(Task::offsets).collect();
        if offsets.is_empty() && !self.collector.has_uncommitted() {
            (self.since_commit, self.uncommitted) = (0, false);
            return Ok(false);
        }
        self.commits_paid = self.commits_paid.max(now) + interval;
        if offsets.is_empty() {
            // What the clock alone has made needs the group's word too that the member is not put
            // out: a transaction without offsets would be nobody's business.
            offsets = self.running().flat_map(Task::positions).collect();
        }
        if self.is_exactly_once() {
            self.commit_transaction(&offsets)?;
        } else {
            if !offsets.is_empty() {
                let identity = self.identity.as_ref().ok_or_else(not_a_member)?;
                self.consumer.commit(&offsets, identity)?;
            }
            self.collector.settle();
        }
        let mut counted = Metrics { commits: 1, ..Metrics::default() };
        for task in self.tasks.values_mut().filter(|task| task.is_running()) {
            task.commit_state(&self.collector, now)?;
            let counters = std::mem::take(&mut task.state.counters);
            failpoint::reached("between-stores");
            counted.processed += counters.processed;
            counted.dropped += counters.dropped;
            counted.lag += task.lag(&mut *self.consumer);
        }
        self.metrics.add(counted);
        (self.since_commit, self.uncommitted) = (0, false);
        self.purge(now);
        Ok(true)
    }

    /// The tasks at work.
    fn running(&mut self) -> impl Iterator<Item = &mut Task> {
        self.tasks.values_mut().filter(|task| task.is_running())
    }

    fn commit_transaction(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<(), Error> {
        self.collector.begin()?;
        if !offsets.is_empty() {
            let identity = self.identity.as_ref().ok_or_else(not_a_member)?;
            self.collector.producer().send_offsets(offsets, identity)?;
        }
        failpoint::reached("after-offsets");
        failpoint::reached("during-commit");
        match self.collector.commit() {
            CommitOutcome::Committed => {
                failpoint::reached("between-commits");
                Ok(())
            }
            // Both end in a new producer and in tasks that begin from what is committed, which is
            // also how the outcome of an unknown commit is found out.
            CommitOutcome::Aborted(error) | CommitOutcome::Unknown(error) => {
                Err(undecided(error).into())
            }
        }
    }

    /// Deletes what is committed from the repartition topics, every so often (KIP-811). What cannot
    /// be deleted now is deleted the next time.
    fn purge(&mut self, now: std::time::Duration) {
        if now < self.next_purge {
            return;
        }
        self.next_purge = now + self.options.config.repartition_purge_interval();
        let running = self.tasks.values().filter(|task| task.is_running());
        let before: Vec<_> = running.flat_map(|task| task.purgeable()).collect();
        if !before.is_empty()
            && let Err(error) = self.admin.delete_records(&before)
        {
            tracing::warn!("{}: repartition topics are not purged: {error}", self.name);
        }
    }
}

/// An error of a commit that was not made is one to begin again after, unless it is final.
fn undecided(error: BrokerError) -> BrokerError {
    match error {
        BrokerError::InvalidTransactionState(state) => BrokerError::Timeout(state),
        error => error,
    }
}

fn not_a_member() -> BrokerError {
    BrokerError::RebalanceInProgress("the group has not assigned anything yet".to_owned())
}
