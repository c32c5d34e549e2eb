use std::time::Duration;

use millstream_broker::{Admin, BrokerError, Consumer, PartitionOffsets, TopicPartition};
use millstream_state::RestoreBatch;

use super::persistence::Persistence;
use super::restore_progress::{RestoreProgress, Speed};
use crate::error::Error;
use crate::processor::TaskState;

/// How much is read from one changelog in a round.
const ROUND_BYTES: usize = 1024 * 1024;

/// How long a compacted topic keeps deletes if its configs do not say (Kafka's default of
/// `delete.retention.ms`).
const DELETES_KEPT_MS: i64 = 24 * 60 * 60 * 1000;

/// A database that was in use so recently has missed nothing, whatever the topic's configs say.
const RECENT_MS: i64 = 60 * 1000;

/// What a task needs from its thread to begin.
pub(super) struct TaskStart<'a> {
    pub(super) consumer: &'a mut dyn Consumer,
    pub(super) admin: &'a mut dyn Admin,
    /// Time that does not go back.
    pub(super) now: Duration,
    /// Told how the restore goes.
    pub(super) report: &'a mut dyn FnMut(RestoreProgress),
}

/// One store on its way back.
struct ChangelogRestore {
    /// The store's number in its task.
    store: usize,
    partition: TopicPartition,
    start: i64,
    position: i64,
    end: i64,
    /// Whether it is the topic that its table is read from.
    is_source: bool,
    speed: Speed,
}

/// The stores of a task on their way back: each is read from where its data ends to where its
/// changelog ended when the restore began (Kafka's `StoreChangelogReader`). Committed records only;
/// the end counts open transactions too, so the restore waits until they are decided.
pub(super) struct Restoration {
    changelogs: Vec<ChangelogRestore>,
    batch: RestoreBatch,
    persistence: Persistence,
    restored: u64,
}

impl Restoration {
    pub(super) fn begin(
        state: &mut TaskState,
        changelogs: &[(usize, TopicPartition)],
        application_id: &str,
        start: &mut TaskStart<'_>,
    ) -> Result<Self, Error> {
        let mut restores = Vec::with_capacity(changelogs.len());
        for (store, partition) in changelogs {
            let mut log = start.consumer.offsets(partition)?;
            let is_source = state.sources.contains(partition);
            if is_source {
                // What comes after the last commit is still to be processed.
                let one = std::slice::from_ref(partition);
                let committed = start.consumer.committed(application_id, one)?;
                let committed = committed.into_iter().flatten().next();
                log.end = committed.map_or(log.beginning, |at| at.offset.max(log.beginning));
            }
            let position = match state.overlay.changelog_offset(*store) {
                None => log.beginning,
                Some(offset) => match outdated(state, partition, offset, log, start)? {
                    None => offset,
                    Some(why) => {
                        tracing::warn!(
                            "store of task {}: {why}; it is restored from the beginning",
                            state.id
                        );
                        state.overlay.reset(*store)?;
                        log.beginning
                    }
                },
            };
            start.consumer.assign(partition, position)?;
            let total = log.end - position;
            if total > 0 {
                tracing::info!(
                    "task {}: restoring {partition} from offset {position}, {total} to go",
                    state.id
                );
            }
            restores.push(ChangelogRestore {
                store: *store,
                partition: partition.clone(),
                start: position,
                position,
                end: log.end,
                is_source,
                speed: Speed::new(start.now),
            });
        }
        Ok(Self {
            changelogs: restores,
            batch: RestoreBatch::default(),
            persistence: Persistence::new(start.now),
            restored: 0,
        })
    }

    /// Records restored so far.
    pub(super) fn restored(&self) -> u64 {
        self.restored
    }

    /// Reads on in every changelog; gives the number of records restored, and whether all is done.
    pub(super) fn advance(
        &mut self,
        state: &mut TaskState,
        start: &mut TaskStart<'_>,
    ) -> Result<(u64, bool), Error> {
        let before = self.restored;
        for changelog in &mut self.changelogs {
            super::failpoint::reached("in-restore");
            if changelog.position >= changelog.end {
                continue;
            }
            let records = match start.consumer.fetch(&changelog.partition, ROUND_BYTES) {
                // What comes after the last commit is still to be processed.
                Ok(Some(records)) if changelog.is_source => records.before(changelog.end),
                Ok(Some(records)) => records,
                Ok(None) => continue,
                Err(BrokerError::OffsetOutOfRange { beginning, end, .. }) => {
                    state.overlay.reset(changelog.store)?;
                    changelog.position = beginning;
                    // The log may have become shorter: nobody writes the rest of it but this task.
                    if !changelog.is_source {
                        changelog.end = end;
                    }
                    start.consumer.assign(&changelog.partition, beginning)?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let store = changelog.store;
            if let Some(next) = state.stores[store].replay(&records, &mut state.overlay)? {
                self.restored += records.iter().count() as u64;
                self.persistence.committed(state.overlay.pending_bytes().max(1), start.now);
                state.overlay.set_changelog_offset(store, next);
                state.overlay.commit()?;
            }
            // Not the end of the batch: of what lies behind the last committed record nobody
            // promises that it is still there after a crash of the broker.
            if let Some(next) = state.stores[changelog.store].restore(&records, &mut self.batch) {
                self.restored += self.batch.len() as u64;
                self.persistence.committed(self.batch.size().max(1), start.now);
                state.overlay.restore(changelog.store, &mut self.batch, next)?;
            }
            changelog.position = records.next_offset();
            let done = (changelog.position.min(changelog.end) - changelog.start).max(0) as u64;
            let total = (changelog.end - changelog.start).max(0) as u64;
            (start.report)(changelog.speed.progress(
                state.id,
                &changelog.partition,
                (done, total),
                start.now,
            ));
        }
        if self.persistence.is_due(start.now) {
            // A crash in a long restore is not to begin it anew.
            state.overlay.persist(state.wall_clock, false)?;
            self.persistence = Persistence::new(start.now);
        }
        let done = self.changelogs.iter().all(|c| c.position >= c.end);
        Ok((self.restored - before, done))
    }
}

/// Why what a store holds, up to `offset`, is not the beginning of what its changelog tells; `None`
/// when it is.
pub(super) fn outdated(
    state: &TaskState,
    partition: &TopicPartition,
    offset: i64,
    log: PartitionOffsets,
    start: &mut TaskStart<'_>,
) -> Result<Option<String>, Error> {
    let PartitionOffsets { beginning, end, .. } = log;
    if !(beginning..=end).contains(&offset) {
        return Ok(Some(format!(
            "its data reaches offset {offset} of {partition}, which is outside the log ({beginning} to {end})"
        )));
    }
    let unused = match state.overlay.used_at() {
        Some(at) if offset < end => state.wall_clock.saturating_sub(at),
        _ => return Ok(None),
    };
    if unused < RECENT_MS {
        return Ok(None);
    }
    let described = start.admin.describe_topics(&[&partition.topic])?.into_iter().flatten().next();
    let kept = described
        .and_then(|topic| topic.configs.get("delete.retention.ms")?.parse().ok())
        .unwrap_or(DELETES_KEPT_MS);
    Ok((unused > kept).then(|| {
        format!(
            "it was in use {} s ago, and {partition} keeps deletes for {} s (delete.retention.ms)",
            unused / 1000,
            kept / 1000
        )
    }))
}
