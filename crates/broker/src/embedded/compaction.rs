//! Compaction: of each key the last record stays (Kafka's `LogCleaner`). Offsets stay as they are,
//! so gaps appear. It reads and writes chunks outside the broker's lock and puts the result in place
//! when it is done.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::chunk::{Chunk, ChunkBytes, Visibility, max_timestamp};
use super::journal::{ChunkEntry, Entry};
use super::state::State;
use super::topic::TopicId;
use crate::BrokerError;

/// Compacted chunks are joined up to this size.
const JOINED_BYTES: usize = 1024 * 1024;

/// A partition to be compacted: the chunks below what must not be touched.
#[derive(Debug)]
pub(super) struct Compaction {
    topic: TopicId,
    partition: u32,
    chunks: Vec<Chunk>,
    wall_ms: i64,
    delete_retention_ms: i64,
}

/// What takes the place of the chunks in `[from, until)`; `None` = nothing.
#[derive(Debug)]
pub(super) struct Replacement {
    from: i64,
    until: i64,
    chunk: Option<Chunk>,
}

impl State {
    /// Picks a partition worth compacting. As in Kafka one is when
    /// at least half of its compactable bytes are new, or when tombstones have outlived
    /// `delete.retention.ms`.
    ///
    /// Looks at what comes after the partition `after`, so that a round ends.
    pub(super) fn begin_compaction(
        &mut self,
        wall_ms: i64,
        after: Option<(TopicId, u32)>,
    ) -> Option<Compaction> {
        for topic in self.topics.values_mut().filter(|t| t.config.compact) {
            for (number, log) in topic.partitions.iter_mut().enumerate() {
                if after.is_some_and(|after| (topic.id, number as u32) <= after) {
                    continue;
                }
                let end = log.last_stable().min(log.active_from);
                let newest = wall_ms.saturating_sub(topic.config.min_compaction_lag_ms);
                let lag = topic.config.min_compaction_lag_ms > 0;
                let (mut clean, mut dirty, mut expired) = (0, 0, false);
                let mut count = 0;
                let cleaned_until = log.cleaned_until;
                for chunk in log.chunks_mut() {
                    if chunk.next > end || (lag && chunk_timestamp(chunk) > newest) {
                        break;
                    }
                    count += 1;
                    expired |= chunk.delete_horizon.is_some_and(|at| at < wall_ms);
                    if chunk.next <= cleaned_until {
                        clean += chunk.size;
                    } else {
                        dirty += chunk.size;
                    }
                }
                if expired || (dirty > 0 && dirty >= clean) {
                    return Some(Compaction {
                        topic: topic.id,
                        partition: number as u32,
                        chunks: log.chunks().range(..count).cloned().collect(),
                        wall_ms,
                        delete_retention_ms: topic.config.delete_retention_ms,
                    });
                }
            }
        }
        None
    }

    /// Puts the result in place; what has been deleted in the meantime stays deleted.
    pub(super) fn end_compaction(&mut self, work: &Compaction, replacements: Vec<Replacement>) {
        let Some(log) = self
            .topics
            .get_mut(&work.topic)
            .and_then(|topic| topic.partitions.get_mut(work.partition as usize))
        else {
            return;
        };
        for Replacement { from, until, chunk } in replacements {
            if until <= log.log_start() {
                continue;
            }
            let mut chunk = chunk;
            if let Some(journal) = &mut self.journal {
                match &mut chunk {
                    Some(chunk) => {
                        let bytes = chunk.bytes.clone();
                        let records = bytes.as_ref().map_or(&[][..], |bytes| bytes.records());
                        let entry =
                            ChunkEntry::of(work.topic, work.partition, chunk, true, records);
                        let location = journal.append(&Entry::Chunk(entry));
                        chunk.location = Some(location);
                        journal.cache(work.topic, work.partition, chunk);
                    }
                    None => {
                        journal.append(&Entry::Removed {
                            topic: work.topic,
                            partition: work.partition,
                            from,
                            until,
                        });
                    }
                }
            }
            let old = log.replace(from, until, chunk);
            if let Some(journal) = &mut self.journal {
                for location in old.iter().filter_map(|chunk| chunk.location) {
                    journal.forget(location);
                }
            }
        }
        if let Some(last) = work.chunks.last() {
            log.cleaned_until = log.cleaned_until.max(last.next);
        }
        if let Some(journal) = &mut self.journal {
            journal.append(&log.ends_entry(work.topic, work.partition));
        }
    }
}

fn chunk_timestamp(chunk: &mut Chunk) -> i64 {
    if chunk.max_timestamp.is_none() {
        let bytes = chunk.bytes.as_ref();
        chunk.max_timestamp =
            bytes.map(|bytes| max_timestamp(&bytes.batch(chunk.base, chunk.next)));
    }
    chunk.max_timestamp.unwrap_or(i64::MIN)
}

impl Compaction {
    /// The partition.
    pub(super) fn place(&self) -> (TopicId, u32) {
        (self.topic, self.partition)
    }

    /// Does the work; `read` brings a chunk's records.
    pub(super) fn run(
        &self,
        read: impl Fn(&Chunk) -> Result<ChunkBytes, BrokerError>,
    ) -> Result<Vec<Replacement>, BrokerError> {
        let last = self.last_offsets(&read)?;
        let mut joiner = Joiner::default();
        for chunk in &self.chunks {
            if chunk.visibility == Visibility::Aborted {
                joiner.cover(chunk);
            } else {
                self.keep(chunk, &read(chunk)?, &last, &mut joiner);
            }
        }
        Ok(joiner.finish())
    }

    /// Offset of the last record of each key.
    fn last_offsets(
        &self,
        read: &impl Fn(&Chunk) -> Result<ChunkBytes, BrokerError>,
    ) -> Result<FxHashMap<u128, i64>, BrokerError> {
        let mut last = FxHashMap::default();
        let visible = |chunk: &&Chunk| chunk.visibility != Visibility::Aborted;
        for chunk in self.chunks.iter().filter(visible) {
            for record in read(chunk)?.batch(chunk.base, chunk.next).iter() {
                if let Some(key) = record.key {
                    last.insert(key_hash(key), record.offset);
                }
            }
        }
        Ok(last)
    }

    /// Adds what stays of a chunk to the result. Records without a key stay.
    fn keep(
        &self,
        chunk: &Chunk,
        bytes: &ChunkBytes,
        last: &FxHashMap<u128, i64>,
        joiner: &mut Joiner,
    ) {
        let horizon = chunk
            .delete_horizon
            .unwrap_or_else(|| self.wall_ms.saturating_add(self.delete_retention_ms));
        let batch = bytes.batch(chunk.base, chunk.next);
        joiner.begin(chunk, horizon);
        let mut at = batch.first();
        while let Some(start) = at {
            let (record, next) = batch.read(start);
            let is_last =
                record.key.is_none_or(|key| last.get(&key_hash(key)) == Some(&record.offset));
            let is_tombstone = record.value.is_none() && record.key.is_some();
            if is_last && !(is_tombstone && horizon < self.wall_ms) {
                let until = next.unwrap_or(bytes.bytes.len());
                let raw = &bytes.bytes[start..until];
                joiner.push(record.offset, record.timestamp, raw, is_tombstone);
            }
            at = next;
        }
        joiner.cover(chunk);
    }
}

/// Two 64-bit hashes of a key: so long that no two keys of a log are taken for one (Kafka uses
/// MD5).
fn key_hash(key: &[u8]) -> u128 {
    let mut first = DefaultHasher::new();
    first.write(key);
    let mut second = DefaultHasher::new();
    second.write_u8(1);
    second.write(key);
    u128::from(first.finish()) << 64 | u128::from(second.finish())
}

/// Joins what stays into chunks.
#[derive(Debug, Default)]
struct Joiner {
    done: Vec<Replacement>,
    from: Option<i64>,
    until: i64,
    base: i64,
    bytes: Vec<u8>,
    max_timestamp: i64,
    has_tombstones: bool,
    horizon: i64,
}

impl Joiner {
    /// Goes on with a chunk whose tombstones may go at `horizon`.
    fn begin(&mut self, chunk: &Chunk, horizon: i64) {
        let other_horizon = self.has_tombstones && self.horizon != horizon;
        let too_far = chunk.next - self.base > i64::from(u32::MAX);
        if self.bytes.len() + chunk.size > JOINED_BYTES || other_horizon || too_far {
            self.flush();
        }
        self.horizon = horizon;
        self.from.get_or_insert(chunk.base);
    }

    fn push(&mut self, offset: i64, timestamp: i64, raw: &[u8], is_tombstone: bool) {
        if self.bytes.is_empty() {
            self.base = self.from.unwrap_or(offset);
            self.max_timestamp = i64::MIN;
        }
        // A record starts with its offset's distance from the base, which is another one now.
        let delta = (offset - self.base) as u32;
        self.bytes.extend_from_slice(&delta.to_le_bytes());
        self.bytes.extend_from_slice(&raw[4..]);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.has_tombstones |= is_tombstone;
    }

    /// What stands for a chunk is pushed.
    fn cover(&mut self, chunk: &Chunk) {
        self.from.get_or_insert(chunk.base);
        self.until = chunk.next;
    }

    fn flush(&mut self) {
        let Some(from) = self.from.take() else { return };
        let bytes = std::mem::take(&mut self.bytes);
        let chunk = (!bytes.is_empty()).then(|| Chunk {
            base: self.base,
            next: self.until,
            size: bytes.len(),
            bytes: Some(ChunkBytes::whole(Arc::from(bytes))),
            location: None,
            visibility: Visibility::Visible,
            max_timestamp: Some(self.max_timestamp),
            delete_horizon: self.has_tombstones.then_some(self.horizon),
        });
        self.done.push(Replacement { from, until: self.until, chunk });
        self.has_tombstones = false;
    }

    fn finish(mut self) -> Vec<Replacement> {
        self.flush();
        self.done
    }
}
