//! Brings the journal to the disk. Who waits for a sync finds it done when another one's came
//! later: commits of several threads share syncs.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Piece, frame, segment_name};
use crate::BrokerError;
use crate::RecordBatch;
use crate::embedded::builder::Fsync;
use crate::embedded::chunk::{Chunk, ChunkBytes, Location};
use crate::embedded::journal::Entry;
use crate::embedded::state::State;
use crate::embedded::storage::Storage;

/// The writing end of the journal. Its lock is taken before the state's, never after it.
#[derive(Debug)]
pub(in crate::embedded) struct JournalWriter {
    storage: Arc<dyn Storage>,
    fsync: Fsync,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// The segment being written.
    segment: Option<u64>,
    written: u64,
    synced: u64,
    failed: Option<String>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl JournalWriter {
    /// A writer that has written nothing.
    pub(in crate::embedded) fn new(storage: Arc<dyn Storage>, fsync: Fsync) -> Self {
        Self { storage, fsync, progress: Mutex::default() }
    }

    /// The disk.
    pub(in crate::embedded) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// Writes out what is buffered.
    pub(in crate::embedded) fn write_out(&self, state: &Mutex<State>) -> Result<(), BrokerError> {
        self.bring(state, u64::MAX, false)
    }

    /// Returns when everything up to `position` is on the disk, as far as the settings ask for it.
    pub(in crate::embedded) fn sync_to(
        &self,
        state: &Mutex<State>,
        position: u64,
    ) -> Result<(), BrokerError> {
        self.bring(state, position, self.fsync == Fsync::OnCommit)
    }

    /// Returns when everything is on the disk, whatever the settings say.
    pub(in crate::embedded) fn sync_all(&self, state: &Mutex<State>) -> Result<(), BrokerError> {
        self.bring(state, u64::MAX, true)
    }

    fn bring(&self, state: &Mutex<State>, position: u64, sync: bool) -> Result<(), BrokerError> {
        let mut progress = locked(&self.progress);
        if let Some(cause) = &progress.failed {
            return Err(BrokerError::Closed(cause.clone()));
        }
        let done = if sync { progress.synced } else { progress.written };
        if done >= position {
            return Ok(());
        }
        let brought = self.write(&mut progress, state).and_then(|()| {
            if sync {
                self.sync(&mut progress)?;
            }
            Ok(())
        });
        if let Err(error) = brought {
            fail(&mut progress, state, &error);
            return Err(error);
        }
        if sync {
            // What was asked for is on the disk: an error from here on is the next caller's.
            if let Some(journal) = &mut locked(state).journal {
                journal.append_synced(progress.synced);
            }
            if let Err(error) = self.write(&mut progress, state) {
                fail(&mut progress, state, &error);
            }
        }
        Ok(())
    }

    fn write(&self, progress: &mut Progress, state: &Mutex<State>) -> Result<(), BrokerError> {
        let Some((pieces, end)) = locked(state).journal.as_mut().map(|j| j.take_pieces()) else {
            return Ok(());
        };
        for piece in &pieces {
            self.write_piece(progress, piece)?;
        }
        progress.written = end;
        let mut state = locked(state);
        if let Some(journal) = &mut state.journal {
            journal.wrote(end, pieces);
        }
        state.evict();
        Ok(())
    }

    fn write_piece(&self, progress: &mut Progress, piece: &Piece) -> Result<(), BrokerError> {
        let name = segment_name(piece.segment);
        if progress.segment != Some(piece.segment) {
            // Whatever lies in an earlier segment is on the disk: damage there is no torn tail.
            self.sync(progress)?;
            self.storage.create(&name).map_err(|error| self.io_error("creating", &name, &error))?;
            progress.segment = Some(piece.segment);
        }
        self.storage
            .append(&name, &piece.bytes)
            .map_err(|error| self.io_error("writing", &name, &error))
    }

    fn sync(&self, progress: &mut Progress) -> Result<(), BrokerError> {
        if let Some(segment) = progress.segment {
            let name = segment_name(segment);
            self.storage.sync(&name).map_err(|error| self.io_error("syncing", &name, &error))?;
        }
        progress.synced = progress.written;
        Ok(())
    }

    /// An error of the operating system, with what was being done.
    pub(in crate::embedded) fn io_error(
        &self,
        doing: &str,
        name: &str,
        error: &io::Error,
    ) -> BrokerError {
        let path = self.storage.location().join(name);
        BrokerError::Io {
            context: format!("{doing} {}", path.display()),
            reason: error.to_string(),
        }
    }

    /// The error about a segment that somebody else has deleted.
    pub(in crate::embedded) fn missing(&self, location: Location) -> BrokerError {
        BrokerError::Corrupt {
            path: self.storage.location().join(segment_name(location.segment)),
            position: location.position,
            reason:
                "the file is gone while the broker uses it: restore the directory from a backup"
                    .to_owned(),
        }
    }

    /// Reads a chunk's records back. `Ok(None)` when its segment is gone: the chunk has moved.
    pub(in crate::embedded) fn read(
        &self,
        chunk: &Chunk,
    ) -> Result<Option<ChunkBytes>, BrokerError> {
        let Some(location) = chunk.location else {
            return Ok(None);
        };
        let name = segment_name(location.segment);
        let mut bytes = vec![0; location.len as usize];
        match self.storage.read_at(&name, location.position, &mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io_error("reading", &name, &error)),
        }
        let start = frame::payload(&bytes)
            .and_then(Entry::decode)
            .and_then(|entry| match entry {
                Entry::Chunk(entry)
                    if (entry.base, entry.next) == (chunk.base, chunk.next)
                        && RecordBatch::validate(entry.records) =>
                {
                    Some(bytes.len() - entry.records.len())
                }
                _ => None,
            })
            .ok_or_else(|| BrokerError::Corrupt {
                path: self.storage.location().join(&name),
                position: location.position,
                reason: "the records read back are not those that were written: check the disk \
                         and restore the directory from a backup"
                    .to_owned(),
            })?;
        let bytes = bytes.into();
        Ok(Some(ChunkBytes { bytes, start }))
    }
}

fn fail(progress: &mut Progress, state: &Mutex<State>, error: &BrokerError) {
    let cause = format!("it failed before: {error}; remove the cause and open it again");
    tracing::error!(%error, "the journal takes nothing more");
    if let Some(journal) = &mut locked(state).journal {
        journal.fail(&cause);
    }
    progress.failed = Some(cause);
}
