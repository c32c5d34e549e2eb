//! Gives disk space back: the oldest segments are deleted when no records in them are needed, and
//! when too little of all that is stored is live, what is live in the oldest is copied forward.
//! Only the oldest go, so that a later entry which took something away never loses what it is
//! about.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{ChunkEntry, Entry, Journal, JournalWriter, segment_name};
use crate::BrokerError;
use crate::embedded::chunk::{Chunk, ChunkBytes, Visibility};
use crate::embedded::state::State;
use crate::embedded::topic::TopicId;

/// A chunk and where it belongs.
type Live = (TopicId, u32, Chunk);

impl Journal {
    /// The oldest segment, if it is worth being emptied; never the current one.
    fn oldest_to_clean(&self) -> Option<u64> {
        let (number, oldest) = self.segments.first_key_value()?;
        if *number == self.segment || self.failed.is_some() {
            return None;
        }
        let all: u64 = self.segments.values().map(|used| used.len).sum();
        let live: u64 = self.segments.values().map(|used| used.live).sum();
        // Each segment that is copied to begins with a snapshot, which may be larger than all else in
        // it: cleaning does not make that go.
        let snapshot = self.snapshot_end.saturating_sub(self.segment_began);
        let needed = live + snapshot * (live / self.segment_limit.max(1) + 1);
        let slack = 2 * self.segment_limit;
        (oldest.live == 0 || all > 2 * needed + slack).then_some(*number)
    }
}

impl JournalWriter {
    /// Deletes and empties oldest segments as long as it is worth it. One caller at a time.
    pub(in crate::embedded) fn clean(&self, state: &Mutex<State>) -> Result<(), BrokerError> {
        let locked =
            || -> MutexGuard<'_, State> { state.lock().unwrap_or_else(PoisonError::into_inner) };
        loop {
            let Some((segment, live)) = locked().live_in_oldest() else {
                return Ok(());
            };
            for (topic, partition, chunk) in live {
                let bytes = match &chunk.bytes {
                    Some(bytes) => bytes.clone(),
                    None => match self.read(&chunk)? {
                        Some(bytes) => bytes,
                        None => return Ok(()),
                    },
                };
                locked().copy_forward(topic, partition, &chunk, &bytes);
            }
            if !locked().forget_segment(segment) {
                return Ok(());
            }
            // Whatever took the place of what is about to be deleted must outlive a crash.
            self.sync_all(state)?;
            let name = segment_name(segment);
            self.storage()
                .delete(&name)
                .map_err(|error| self.io_error("deleting", &name, &error))?;
        }
    }
}

impl State {
    /// The oldest segment if it is to go, and its live chunks. Not as long as an open transaction
    /// has records there.
    fn live_in_oldest(&self) -> Option<(u64, Vec<Live>)> {
        let segment = self.journal.as_ref()?.oldest_to_clean()?;
        let mut live = Vec::new();
        for topic in self.topics.values() {
            for (partition, log) in topic.partitions.iter().enumerate() {
                for chunk in log.chunks() {
                    if chunk.location.is_some_and(|l| l.segment == segment) {
                        if matches!(chunk.visibility, Visibility::Open(_)) {
                            return None;
                        }
                        live.push((topic.id, partition as u32, chunk.clone()));
                    }
                }
            }
        }
        Some((segment, live))
    }

    /// Writes a chunk again, at the end of the journal; one of an aborted transaction is dropped.
    fn copy_forward(&mut self, topic: TopicId, partition: u32, copied: &Chunk, bytes: &ChunkBytes) {
        let Some(log) = self
            .topics
            .get_mut(&topic)
            .and_then(|topic| topic.partitions.get_mut(partition as usize))
        else {
            return;
        };
        let Some(journal) = &mut self.journal else {
            return;
        };
        let here = log.chunk_mut(copied.base).filter(|chunk| chunk.location == copied.location);
        let Some(chunk) = here else { return };
        if chunk.visibility == Visibility::Aborted {
            let dropped = log.replace(copied.base, copied.next, None);
            for location in dropped.iter().filter_map(|chunk| chunk.location) {
                journal.forget(location);
            }
            return;
        }
        let entry = ChunkEntry::of(topic, partition, chunk, true, bytes.records());
        let location = journal.append(&Entry::Chunk(entry));
        if let Some(old) = chunk.location.replace(location) {
            journal.forget(old);
        }
        // Until it is written it must be in memory.
        chunk.bytes = Some(bytes.clone());
        journal.cache(topic, partition, chunk);
        if journal.is_segment_full() {
            self.start_segment();
        }
    }

    /// Takes an empty segment off the books; says whether it was empty.
    fn forget_segment(&mut self, segment: u64) -> bool {
        let Some(journal) = &mut self.journal else {
            return false;
        };
        let empty = journal.segments.get(&segment).is_some_and(|s| s.live == 0);
        if empty {
            journal.segments.remove(&segment);
            journal.append_oldest();
        }
        empty
    }
}
