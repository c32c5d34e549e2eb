//! What all handles of a broker share: the lock around its state, its clock, and the work that is
//! done when it is due. The broker has no thread: its clients' calls carry the housekeeping.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::chunk::{Chunk, ChunkBytes};
use super::journal::JournalWriter;
use super::state::State;
use crate::{BrokerError, Clock};

/// One broker.
pub(super) struct Shared {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Notified when a bounded topic may have got room.
    room: Condvar,
    /// Time between two rounds of retention and compaction.
    maintenance_interval: Duration,
    /// Monotonic time in milliseconds at which housekeeping is due.
    due_ms: AtomicU64,
    /// Of a durable broker.
    writer: Option<JournalWriter>,
    /// Held by whoever compacts and cleans.
    cleaning: Mutex<()>,
}

/// The state holds payloads, which are never printed.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("clock", &self.clock)
            .field("durable", &self.writer.is_some())
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// A broker over `state`.
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        state: State,
        maintenance_interval: Duration,
        writer: Option<JournalWriter>,
    ) -> Self {
        let due = clock.monotonic().saturating_add(maintenance_interval);
        Self {
            clock,
            state: Mutex::new(state),
            room: Condvar::new(),
            maintenance_interval,
            due_ms: AtomicU64::new(millis(due)),
            writer,
            cleaning: Mutex::new(()),
        }
    }

    /// Monotonic time.
    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// The state stays usable when a thread has panicked: every change under the lock is complete
    /// or is not made.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the state, and calls the wakers it leaves behind after the lock is released.
    pub(super) fn update<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = work(&mut state);
        state.tidy();
        let wakes = std::mem::take(&mut state.wakes);
        let room = std::mem::take(&mut state.room);
        drop(state);
        for waker in wakes {
            waker.wake();
        }
        if room {
            self.room.notify_all();
        }
        result
    }

    /// Waits until `topic` has room, is gone, or `timeout` is over; says whether it has room.
    pub(super) fn wait_for_room(&self, topic: &str, timeout: Duration) -> bool {
        let full = |state: &mut State| {
            state.check_open().is_ok() && state.topic(topic).is_ok_and(|topic| topic.is_full())
        };
        let waited = self.room.wait_timeout_while(self.lock(), timeout, full);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !full(&mut state)
    }

    /// The records of a chunk, from memory or from the disk. `Ok(None)` when the chunk has been
    /// copied to another place since.
    pub(super) fn bytes_of(&self, chunk: &Chunk) -> Result<Option<ChunkBytes>, BrokerError> {
        match (&chunk.bytes, &self.writer) {
            (Some(bytes), _) => Ok(Some(bytes.clone())),
            (None, Some(writer)) => writer.read(chunk),
            (None, None) => Ok(None),
        }
    }

    /// The error about a chunk whose segment is gone though nobody has moved it.
    pub(super) fn missing(&self, chunk: &Chunk) -> BrokerError {
        match (&self.writer, chunk.location) {
            (Some(writer), Some(location)) => writer.missing(location),
            _ => BrokerError::Closed("records that were in memory are gone".to_owned()),
        }
    }

    /// Returns when the journal is on the disk up to `position`; at once in memory.
    pub(super) fn sync_to(&self, position: u64) -> Result<(), BrokerError> {
        match &self.writer {
            Some(writer) => writer.sync_to(&self.state, position),
            None => Ok(()),
        }
    }

    /// Returns when all is on the disk.
    pub(super) fn sync_all(&self) -> Result<(), BrokerError> {
        match &self.writer {
            Some(writer) => writer.sync_all(&self.state),
            None => Ok(()),
        }
    }

    /// Writes the journal out when much is buffered.
    pub(super) fn spill_if_due(&self) -> Result<(), BrokerError> {
        match &self.writer {
            Some(writer) if self.lock().should_spill() => writer.write_out(&self.state),
            _ => Ok(()),
        }
    }

    /// Takes nothing more, brings everything to the disk, and gives the directory back.
    pub(super) fn close(&self) -> Result<(), BrokerError> {
        let was_open = self.update(|state| {
            let was_open = state.check_open().is_ok();
            state.close();
            was_open
        });
        let synced = if was_open { self.sync_all() } else { Ok(()) };
        if let Some(writer) = &self.writer {
            writer.storage().unlock();
        }
        synced
    }

    /// Housekeeping no later than `at`.
    pub(super) fn due_by(&self, at: Duration) {
        self.due_ms.fetch_min(millis(at), Ordering::Relaxed);
    }

    /// Does the housekeeping when its time has come.
    pub(super) fn maintain_if_due(&self) -> Result<(), BrokerError> {
        if millis(self.now()) >= self.due_ms.load(Ordering::Relaxed) {
            self.maintain()?;
        }
        Ok(())
    }

    /// Aborts overdue transactions, puts silent members out, applies retention and compaction.
    pub(super) fn maintain(&self) -> Result<(), BrokerError> {
        let now = self.now();
        let interval = now.saturating_add(self.maintenance_interval);
        self.due_ms.store(millis(interval), Ordering::Relaxed);
        let wall_ms = self.clock.wall_ms();
        let next = self.update(|state| {
            state.check_open()?;
            for group in state.groups.values_mut() {
                group.expel_expired(now, &mut state.wakes);
            }
            state.retain(wall_ms);
            Ok(state.abort_overdue(now))
        })?;
        if let Some(next) = next {
            self.due_by(next.saturating_add(Duration::from_millis(1)));
        }
        // Segments are deleted here and nowhere else: nobody must read meanwhile what is compacted.
        let Ok(_cleaning) = self.cleaning.try_lock() else {
            return Ok(());
        };
        self.compact(wall_ms)?;
        match &self.writer {
            Some(writer) => writer.clean(&self.state),
            None => Ok(()),
        }
    }

    /// One caller at a time.
    fn compact(&self, wall_ms: i64) -> Result<(), BrokerError> {
        let mut done = None;
        while let Some(work) = self.update(|state| state.begin_compaction(wall_ms, done)) {
            let replacements = work.run(|chunk| {
                self.bytes_of(chunk)?.ok_or_else(|| {
                    BrokerError::Closed("records to be compacted have moved".to_owned())
                })
            })?;
            self.update(|state| state.end_compaction(&work, replacements));
            done = Some(work.place());
        }
        Ok(())
    }
}

impl Drop for Shared {
    /// Whoever forgets to close loses nothing, but is not told of errors either.
    fn drop(&mut self) {
        let open = self.lock().check_open().is_ok();
        if open && let Err(error) = self.close() {
            tracing::error!(%error, "the broker could not be closed in order");
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
