//! How a task begins, commits its state, and ends.

use std::time::Duration;

use millstream_broker::Consumer;
use millstream_state::Overlay;

use super::partition_queue::PartitionQueue;
use super::persistence::Persistence;
use super::restore::TaskStart;
use super::task::Phase;
use super::{Config, RecordCollector, Task, store_times};
use crate::error::Error;
use crate::processor::NodeEntry;

/// After so many restored records a task waits until they are on the disk: more of them are not to
/// be restored once more.
const WORTH_WAITING: u64 = 10_000;

impl Task {
    /// Goes on with restoring and starting; gives the number of records restored.
    pub(super) fn start(
        &mut self,
        config: &Config,
        collector: &mut RecordCollector,
        start: &mut TaskStart<'_>,
    ) -> Result<u64, Error> {
        let mut restored = 0;
        if let Phase::Restoring(restoration) = &mut self.phase {
            let (records, done) = restoration.advance(&mut self.state, start)?;
            restored = records;
            if done {
                // Until then reads may not see all of it, nor what a restore that was interrupted
                // has left in the database.
                let wait = restoration.restored() >= WORTH_WAITING;
                self.state.overlay.persist(self.state.wall_clock, wait)?;
                for (_, changelog) in &self.changelogs {
                    start.consumer.unassign(changelog);
                }
                self.phase = Phase::Starting;
            }
        }
        if matches!(self.phase, Phase::Starting) {
            let consumer = &mut *start.consumer;
            let committed = match consumer.committed(config.application_id(), &self.state.sources) {
                Ok(committed) => committed,
                Err(error) if error.is_retriable() => return Ok(restored),
                Err(error) => return Err(error.into()),
            };
            for (queue, committed) in self.queues.iter_mut().zip(committed) {
                if let Some(committed) = &committed {
                    store_times::restore(&mut self.state.stores, &committed.metadata);
                }
                let log = consumer.offsets(&queue.partition)?;
                queue.start(committed, log, config.auto_offset_reset())?;
                consumer.assign(&queue.partition, queue.fetched)?;
                tracing::debug!(
                    "task {}: reads {} from {}",
                    self.id,
                    queue.partition,
                    queue.fetched
                );
                self.state.stream_time = self.state.stream_time.max(queue.partition_time);
            }
            self.phase = Phase::Running;
            self.each_node(collector, |node, ctx| node.node.init(ctx))?;
        }
        Ok(restored)
    }

    /// After the broker's commit: writes the overlay to the database, with the changelog offsets it
    /// leads up to.
    pub(super) fn commit_state(
        &mut self,
        collector: &RecordCollector,
        now: Duration,
    ) -> Result<(), Error> {
        for (store, changelog) in &self.changelogs {
            // A table whose topic is its changelog reaches as far as the topic is processed.
            let mut queues = self.queues.iter();
            let source = queues.find(|queue| queue.partition == *changelog);
            let reached = match source {
                Some(queue) => Some(queue.consumed()),
                None => collector.acknowledged(changelog),
            };
            if let Some(offset) = reached
                // The producer may have written it in an earlier stay of the task, and others since.
                && (self.state.overlay.changelog_offset(*store)).is_none_or(|at| at < offset)
            {
                self.state.overlay.set_changelog_offset(*store, offset);
            }
        }
        self.persistence.committed(self.state.overlay.pending_bytes(), now);
        self.state.overlay.commit()?;
        for store in &mut self.state.stores {
            store.expire(&mut self.state.overlay)?;
            self.state.counters.dropped += store.take_expired();
        }
        self.queues.iter_mut().for_each(PartitionQueue::mark_committed);
        Ok(())
    }

    /// Has the database written to the disk, in the background, when it is time.
    pub(super) fn persist_when_due(&mut self, now: Duration) -> Result<(), Error> {
        if self.persistence.is_due(now) {
            self.state.overlay.persist(self.state.wall_clock, false)?;
            self.persistence = Persistence::new(now);
        }
        Ok(())
    }

    /// Stops reading. When the close is clean the nodes hear of it, and the database is on the disk
    /// afterwards.
    pub(super) fn close(&mut self, clean: bool, consumer: &mut dyn Consumer) {
        for queue in &self.queues {
            consumer.unassign(&queue.partition);
        }
        for (_, changelog) in &self.changelogs {
            consumer.unassign(changelog);
        }
        if clean {
            self.nodes.iter().for_each(NodeEntry::close);
            if let Err(error) = self.state.overlay.persist(self.state.wall_clock, true) {
                tracing::warn!("{error}; what is missing is restored from the changelogs");
            }
        }
    }

    /// Gives the database back for the task's next life, all that is not committed dropped.
    pub(super) fn into_overlay(self) -> Overlay {
        let mut overlay = self.state.overlay;
        overlay.abort();
        overlay
    }
}
