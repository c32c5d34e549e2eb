use millstream_broker::{BrokerError, Consumer, TaskId, TopicPartition};

use crate::error::Error;
use crate::processor::TaskState;

/// How much is read from one changelog in a round.
const ROUND_BYTES: usize = 1024 * 1024;

/// How far a store has been restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreProgress {
    /// The task.
    pub task: TaskId,
    /// Full name of the changelog.
    pub changelog: String,
    /// Offsets read so far, of `total`.
    pub done: u64,
    /// Offsets to read; 0 when the store was up to date.
    pub total: u64,
}

/// One store on its way back.
struct ChangelogRestore {
    /// The store's number in its task.
    store: usize,
    partition: TopicPartition,
    start: i64,
    position: i64,
    end: i64,
}

/// The stores of a task on their way back: each is read from where its data ends to where its
/// changelog ended when the restore began (Kafka's `StoreChangelogReader`). Committed records only;
/// the end counts open transactions too, so the restore waits until they are decided.
pub(super) struct Restoration {
    changelogs: Vec<ChangelogRestore>,
}

impl Restoration {
    pub(super) fn begin(
        state: &mut TaskState,
        changelogs: &[(usize, TopicPartition)],
        consumer: &mut dyn Consumer,
    ) -> Result<Self, Error> {
        let mut restores = Vec::with_capacity(changelogs.len());
        for (store, partition) in changelogs {
            let log = consumer.offsets(partition)?;
            let kept = state.overlay.changelog_offset(*store);
            let position = match kept {
                Some(offset) if (log.beginning..=log.end).contains(&offset) => offset,
                Some(offset) => {
                    tracing::warn!(
                        "store of task {}: its data reaches offset {offset} of {partition}, which is outside the log ({} to {}); it is restored from the beginning",
                        state.id,
                        log.beginning,
                        log.end
                    );
                    state.overlay.reset(*store)?;
                    log.beginning
                }
                None => log.beginning,
            };
            consumer.assign(partition, position)?;
            restores.push(ChangelogRestore {
                store: *store,
                partition: partition.clone(),
                start: position,
                position,
                end: log.end,
            });
        }
        Ok(Self { changelogs: restores })
    }

    /// Reads on in every changelog; gives the number of records restored, and whether all is done.
    pub(super) fn advance(
        &mut self,
        state: &mut TaskState,
        consumer: &mut dyn Consumer,
        report: &mut dyn FnMut(RestoreProgress),
    ) -> Result<(u64, bool), Error> {
        let mut restored = 0;
        for changelog in &mut self.changelogs {
            super::failpoint::reached("in-restore");
            if changelog.position >= changelog.end {
                continue;
            }
            let batch = match consumer.fetch(&changelog.partition, ROUND_BYTES) {
                Ok(Some(batch)) => batch,
                Ok(None) => continue,
                Err(BrokerError::OffsetOutOfRange { beginning, .. }) => {
                    state.overlay.reset(changelog.store)?;
                    changelog.position = beginning;
                    consumer.assign(&changelog.partition, beginning)?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let TaskState { stores, overlay, id, .. } = &mut *state;
            for record in batch.iter() {
                stores[changelog.store].restore(overlay, &record);
                // Not the end of the batch: of what lies behind the last committed record nobody
                // promises that it is still there after a crash of the broker.
                overlay.set_changelog_offset(changelog.store, record.offset + 1);
                restored += 1;
            }
            changelog.position = batch.next_offset();
            overlay.commit()?;
            report(RestoreProgress {
                task: *id,
                changelog: changelog.partition.to_string(),
                done: (changelog.position.min(changelog.end) - changelog.start).max(0) as u64,
                total: (changelog.end - changelog.start).max(0) as u64,
            });
        }
        Ok((restored, self.changelogs.iter().all(|c| c.position >= c.end)))
    }
}
