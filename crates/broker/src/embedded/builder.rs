//! How an embedded broker is opened.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::EmbeddedBroker;
use super::journal::{Journal, JournalWriter, recover};
use super::meta::take_possession;
use super::shared::Shared;
use super::state::State;
use super::storage::{Directory, Storage};
use crate::{BrokerError, Clock, SystemClock};

/// When a durable broker waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Fsync {
    /// When a transaction commits, offsets are committed, a producer outside a transaction flushes,
    /// or the admin changes something: what was acknowledged outlives a power failure.
    #[default]
    OnCommit,
    /// Only when a segment is full and when the broker is closed: what was acknowledged outlives the
    /// process, not the machine.
    Never,
}

/// Settings of an [`EmbeddedBroker`]; made by [`EmbeddedBroker::builder`].
#[derive(Clone, Debug)]
pub struct EmbeddedBrokerBuilder {
    clock: Arc<dyn Clock>,
    maintenance_interval: Duration,
    storage: Option<Arc<dyn Storage>>,
    application: String,
    fsync: Fsync,
    segment_bytes: u64,
    cache_bytes: usize,
}

impl EmbeddedBrokerBuilder {
    pub(super) fn new() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            maintenance_interval: Duration::from_secs(1),
            storage: None,
            application: "millstream".to_owned(),
            fsync: Fsync::default(),
            segment_bytes: 32 * 1024 * 1024,
            cache_bytes: 32 * 1024 * 1024,
        }
    }

    /// The clock that timeouts and retention go by. The system's when it is not set.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Time between two rounds of retention and compaction (Kafka's
    /// `log.retention.check.interval.ms`). One second when it is not set. The rounds are part of
    /// the clients' calls: the broker has no thread of its own.
    pub fn maintenance_interval(mut self, interval: Duration) -> Self {
        self.maintenance_interval = interval;
        self
    }

    /// Makes the broker durable, in a directory of its own. It is made when it is missing.
    pub fn directory(self, path: impl Into<PathBuf>) -> Self {
        let directory = Directory::new(path.into());
        self.storage(Arc::new(directory))
    }

    /// Makes the broker durable, in any storage.
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = Some(storage);
        self
    }

    /// Whose directory it is: another application is refused. `millstream` when it is not set. A
    /// line break in the name counts as a space.
    pub fn application(mut self, name: impl Into<String>) -> Self {
        self.application = name.into().replace(['\n', '\r'], " ");
        self
    }

    /// When to wait for the disk.
    pub fn fsync(mut self, fsync: Fsync) -> Self {
        self.fsync = fsync;
        self
    }

    /// Size in bytes at which a segment file of the journal gives way to the next one. 32 MiB when
    /// it is not set. Not the topics' `segment.bytes`, which is about compaction.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes.max(1);
        self
    }

    /// How many bytes of records a durable broker keeps in memory, newest first. 32 MiB when it is
    /// not set; what is not written yet is kept in any case.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Opens the broker. A durable one replays its journal, cuts off what a crash left half written
    /// and aborts the transactions that were open. [`BrokerError::Directory`] when the directory is
    /// in use, somebody else's or not writable; [`BrokerError::Corrupt`] when something is damaged
    /// that had been on the disk.
    pub fn open(self) -> Result<EmbeddedBroker, BrokerError> {
        match self.storage.clone() {
            None => Ok(self.in_memory()),
            Some(storage) => self.durable(storage),
        }
    }

    pub(super) fn in_memory(self) -> EmbeddedBroker {
        let state = State::default();
        EmbeddedBroker::new(Shared::new(self.clock, state, self.maintenance_interval, None))
    }

    fn durable(self, storage: Arc<dyn Storage>) -> Result<EmbeddedBroker, BrokerError> {
        take_possession(&*storage, &self.application)?;
        let writer = JournalWriter::new(Arc::clone(&storage), self.fsync);
        let opened = self.recovered(&writer).inspect_err(|_| storage.unlock())?;
        Ok(EmbeddedBroker::new(Shared::new(
            self.clock,
            opened,
            self.maintenance_interval,
            Some(writer),
        )))
    }

    fn recovered(&self, writer: &JournalWriter) -> Result<State, BrokerError> {
        let recovered = recover(writer)?;
        let mut state = recovered.state;
        state.journal =
            Some(Journal::new(recovered.segments, self.segment_bytes, self.cache_bytes));
        state.start_segment();
        state.abort_left_open();
        let state = Mutex::new(state);
        writer.sync_all(&state)?;
        Ok(state.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
