//! The journal of a durable broker: one sequence of frames for all partitions, groups and
//! transactions, in segment files. One sync makes everything before it durable, so a transaction
//! over many partitions costs one, and is there wholly or not at all.
//!
//! [`Journal`] is the part under the broker's lock: frames get their place in the files there, in
//! the order of the changes they stand for. [`JournalWriter`] brings the bytes to the disk, outside
//! that lock.

mod cleaning;
mod entry;
mod frame;
mod recovery;
mod snapshot;
mod tail;
mod wire;
mod writer;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

pub(super) use entry::{ChunkEntry, Entry};
pub(super) use recovery::recover;
pub(super) use snapshot::topic_entry;
pub(super) use writer::JournalWriter;

use super::chunk::{Chunk, Location};
use super::state::State;
use super::topic::TopicId;

/// Buffered bytes beyond which a producer writes them out without waiting for a commit.
const SPILL_BYTES: usize = 1024 * 1024;

/// The name of a segment's file.
pub(super) fn segment_name(segment: u64) -> String {
    format!("{segment:020}.journal")
}

/// Frames for one segment, not written yet.
struct Piece {
    segment: u64,
    bytes: Vec<u8>,
}

/// Payloads are never printed.
impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes for segment {}", self.bytes.len(), self.segment)
    }
}

/// How much of a segment is still needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SegmentUse {
    /// All bytes.
    pub(super) len: u64,
    /// Bytes of frames that hold live chunks.
    pub(super) live: u64,
}

/// A chunk whose records are in memory, and may be dropped once they are written.
#[derive(Clone, Copy, Debug)]
struct Cached {
    topic: TopicId,
    partition: u32,
    base: i64,
    size: usize,
    location: Location,
    end: u64,
}

/// The journal as the broker's state sees it. Positions count the bytes of all segments together
/// since the broker was opened.
#[derive(Debug)]
pub(super) struct Journal {
    segment: u64,
    segment_began: u64,
    /// Position after the segment's snapshot, which may be larger than the limit.
    snapshot_end: u64,
    segment_limit: u64,
    pieces: Vec<Piece>,
    /// Memory of pieces that are written, to be used again.
    spare: Vec<u8>,
    appended: u64,
    written: u64,
    segments: BTreeMap<u64, SegmentUse>,
    cache: VecDeque<Cached>,
    cached_bytes: usize,
    cache_limit: usize,
    failed: Option<String>,
}

impl Journal {
    /// A journal that goes on after `segments`, with a segment to be started.
    pub(super) fn new(
        segments: BTreeMap<u64, SegmentUse>,
        segment_limit: u64,
        cache_limit: usize,
    ) -> Self {
        Self {
            segment: segments.keys().next_back().map_or(0, |last| last + 1),
            segment_began: 0,
            snapshot_end: 0,
            segment_limit,
            pieces: Vec::new(),
            spare: Vec::new(),
            appended: 0,
            written: 0,
            segments,
            cache: VecDeque::new(),
            cached_bytes: 0,
            cache_limit,
            failed: None,
        }
    }

    /// Position after the last frame.
    pub(super) fn end(&self) -> u64 {
        self.appended
    }

    /// Why nothing can be written any longer, if so.
    pub(super) fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Takes nothing more: what is written could not be trusted.
    fn fail(&mut self, cause: &str) {
        self.failed.get_or_insert_with(|| cause.to_owned());
    }

    /// Whether the segment should give way to a new one.
    pub(super) fn is_segment_full(&self) -> bool {
        self.appended - self.snapshot_end >= self.segment_limit && self.failed.is_none()
    }

    /// Whether so much is buffered that it should be written out.
    pub(super) fn should_spill(&self) -> bool {
        let buffered: usize = self.pieces.iter().map(|piece| piece.bytes.len()).sum();
        buffered > SPILL_BYTES && self.failed.is_none()
    }

    /// Starts the next segment; the caller follows up with a snapshot.
    fn start_segment(&mut self) {
        let previous = self.segments.last_key_value();
        let previous_len = previous.map(|(_, used)| used.len);
        if self.segments.contains_key(&self.segment) {
            self.segment += 1;
        }
        self.segment_began = self.appended;
        self.segments.insert(self.segment, SegmentUse::default());
        self.append(&Entry::SegmentStart { segment: self.segment, previous_len });
        self.append_oldest();
    }

    /// Notes which segment is the oldest that is needed.
    fn append_oldest(&mut self) {
        if let Some((oldest, _)) = self.segments.first_key_value() {
            let segment = *oldest;
            self.append(&Entry::OldestSegment { segment });
        }
    }

    /// Appends a frame. After a failure it goes nowhere.
    pub(super) fn append(&mut self, entry: &Entry<'_>) -> Location {
        let segment = self.segment;
        let position = self.appended - self.segment_began;
        if self.pieces.last().is_none_or(|last| last.segment != segment) {
            let bytes = std::mem::take(&mut self.spare);
            self.pieces.push(Piece { segment, bytes });
        }
        let mut len = 0;
        if let Some(piece) = self.pieces.last_mut() {
            len = frame::push(&mut piece.bytes, |out| entry.encode(out));
        }
        if self.failed.is_some() {
            self.pieces.clear();
        }
        self.appended += u64::from(len);
        if let Some(used) = self.segments.get_mut(&segment) {
            used.len += u64::from(len);
            if matches!(entry, Entry::Chunk(_)) {
                used.live += u64::from(len);
            }
        }
        Location { segment, position, len }
    }

    /// Notes that everything up to `end` is on the disk.
    fn append_synced(&mut self, end: u64) {
        if end > self.segment_began {
            self.append(&Entry::Synced {
                segment: self.segment,
                position: self.appended - self.segment_began,
                up_to: end - self.segment_began,
            });
        }
    }

    /// Takes the frames to be written, and the position after them.
    fn take_pieces(&mut self) -> (Vec<Piece>, u64) {
        (std::mem::take(&mut self.pieces), self.appended)
    }

    /// Notes that everything up to `end` is written, and takes the memory back.
    fn wrote(&mut self, end: u64, mut pieces: Vec<Piece>) {
        self.written = self.written.max(end);
        if let Some(mut piece) = pieces.pop()
            && piece.bytes.capacity() <= 4 * SPILL_BYTES
        {
            piece.bytes.clear();
            self.spare = piece.bytes;
        }
    }

    /// A chunk at `location` is not needed any longer.
    pub(super) fn forget(&mut self, location: Location) {
        if let Some(used) = self.segments.get_mut(&location.segment) {
            used.live = used.live.saturating_sub(u64::from(location.len));
        }
    }

    /// The chunk, appended last, is in memory.
    pub(super) fn cache(&mut self, topic: TopicId, partition: u32, chunk: &Chunk) {
        let Some(location) = chunk.location else {
            return;
        };
        self.cached_bytes += chunk.size;
        self.cache.push_back(Cached {
            topic,
            partition,
            base: chunk.base,
            size: chunk.size,
            location,
            end: self.appended,
        });
    }

    /// The oldest chunk that should leave memory and may, because it is written.
    fn pop_evictable(&mut self) -> Option<Cached> {
        if self.cached_bytes <= self.cache_limit || self.cache.front()?.end > self.written {
            return None;
        }
        let cached = self.cache.pop_front()?;
        self.cached_bytes -= cached.size;
        Some(cached)
    }
}

impl State {
    /// Drops records from memory, oldest first, as far as the cache is too large.
    pub(super) fn evict(&mut self) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        while let Some(cached) = journal.pop_evictable() {
            let topic = self.topics.get_mut(&cached.topic);
            let log = topic.and_then(|t| t.partitions.get_mut(cached.partition as usize));
            // A chunk that was copied since is in the cache a second time.
            if let Some(chunk) = log.and_then(|log| log.chunk_mut(cached.base))
                && chunk.location == Some(cached.location)
            {
                chunk.bytes = None;
            }
        }
    }
}
