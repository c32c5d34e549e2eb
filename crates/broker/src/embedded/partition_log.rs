//! The log of one partition: chunks in order of their offsets, with gaps where control records lie
//! and where compaction took records away.

use std::collections::VecDeque;

use super::chunk::{Chunk, ProducerId, Visibility};
use super::journal::Entry;
use super::topic::TopicId;
use crate::{IsolationLevel, PartitionOffsets, Waker};

/// A consumer that wants to know when the end it sees has moved.
#[derive(Clone, Debug)]
struct Subscriber {
    consumer: u64,
    isolation: IsolationLevel,
    waker: Waker,
}

/// What a read at a position finds.
#[derive(Debug)]
pub(super) enum Read {
    /// The position lies outside the log.
    OutOfRange,
    /// Nothing to be seen yet.
    Nothing,
    /// No records to be seen up to this offset.
    Skip(i64),
    /// A chunk with records; reading goes on at `next`, past control records.
    Records { chunk: Chunk, next: i64 },
}

/// The log of one partition.
#[derive(Debug, Default)]
pub(super) struct PartitionLog {
    chunks: VecDeque<Chunk>,
    log_start: i64,
    end: i64,
    size: u64,
    /// Open transactions with their first offset here, earliest first.
    open: Vec<(ProducerId, i64)>,
    subscribers: Vec<Subscriber>,
    /// Offset up to which the log has been compacted.
    pub(super) cleaned_until: i64,
    /// First offset of the active segment, which is never compacted.
    pub(super) active_from: i64,
    active_bytes: u64,
}

impl PartitionLog {
    /// An empty log.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Bytes of all records.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// First offset.
    pub(super) fn log_start(&self) -> i64 {
        self.log_start
    }

    /// Offset after the last record (Kafka's high watermark; there are no replicas to wait for).
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// First offset of the earliest open transaction, or the end.
    pub(super) fn last_stable(&self) -> i64 {
        self.open
            .iter()
            .map(|(_, first)| *first)
            .min()
            .map_or(self.end, |first| first.max(self.log_start))
    }

    /// All three offsets.
    pub(super) fn offsets(&self) -> PartitionOffsets {
        PartitionOffsets {
            beginning: self.log_start,
            end: self.end,
            last_stable: self.last_stable(),
        }
    }

    /// The chunks in order.
    pub(super) fn chunks(&self) -> &VecDeque<Chunk> {
        &self.chunks
    }

    /// The chunk that starts at `base`.
    pub(super) fn chunk_mut(&mut self, base: i64) -> Option<&mut Chunk> {
        let at = self.chunks.partition_point(|chunk| chunk.base < base);
        self.chunks.get_mut(at).filter(|chunk| chunk.base == base)
    }

    /// The journal's entry about its ends.
    pub(super) fn ends_entry(&self, topic: TopicId, partition: u32) -> Entry<'static> {
        Entry::Ends {
            topic,
            partition,
            log_start: self.log_start,
            end: self.end,
            cleaned_until: self.cleaned_until,
        }
    }

    /// The chunks, for those who change what is beside the records.
    pub(super) fn chunks_mut(&mut self) -> impl Iterator<Item = &mut Chunk> {
        self.chunks.iter_mut()
    }

    /// Appends a chunk that starts at the end. Says whether its transaction is new here.
    pub(super) fn append(&mut self, chunk: Chunk, segment_bytes: u64) -> bool {
        debug_assert!(chunk.base >= self.end);
        if self.active_bytes >= segment_bytes {
            self.active_from = chunk.base;
            self.active_bytes = 0;
        }
        self.active_bytes += chunk.size as u64;
        self.size += chunk.size as u64;
        self.end = chunk.next;
        let mut begun = false;
        if let Visibility::Open(producer) = chunk.visibility
            && !self.open.iter().any(|(id, _)| *id == producer)
        {
            self.open.push((producer, chunk.base));
            begun = true;
        }
        self.chunks.push_back(chunk);
        begun
    }

    /// First offset of the producer's open transaction here, if it has one.
    pub(super) fn open_since(&self, producer: ProducerId) -> Option<i64> {
        let open = self.open.iter().find(|(id, _)| *id == producer);
        open.map(|(_, first)| *first)
    }

    /// Producers with open transactions here.
    pub(super) fn open_producers(&self) -> impl Iterator<Item = ProducerId> {
        self.open.iter().map(|(id, _)| *id)
    }

    /// Gives an offset to a control record (the marker of a transaction's end).
    pub(super) fn append_marker(&mut self) -> i64 {
        self.end += 1;
        self.end - 1
    }

    /// Ends the producer's transaction: what it wrote in `[first, marker)` is visible or aborted
    /// from now on.
    pub(super) fn end_transaction(
        &mut self,
        producer: ProducerId,
        first: i64,
        marker: i64,
        committed: bool,
    ) {
        let visibility = if committed { Visibility::Visible } else { Visibility::Aborted };
        let from = self.chunks.partition_point(|chunk| chunk.next <= first);
        for chunk in self.chunks.range_mut(from..) {
            if chunk.base >= marker {
                break;
            }
            if chunk.visibility == Visibility::Open(producer) {
                chunk.visibility = visibility;
            }
        }
        self.open.retain(|(id, _)| *id != producer);
    }

    /// What a reader at `position` sees next.
    pub(super) fn read(&self, position: i64, isolation: IsolationLevel) -> Read {
        if position < self.log_start || position > self.end {
            return Read::OutOfRange;
        }
        let committed = isolation == IsolationLevel::ReadCommitted;
        let limit = if committed { self.last_stable() } else { self.end };
        if position >= limit {
            return Read::Nothing;
        }
        let from = self.chunks.partition_point(|chunk| chunk.next <= position);
        let mut seen = self
            .chunks
            .range(from..)
            .take_while(|chunk| chunk.base < limit)
            .filter(|chunk| !(committed && chunk.visibility == Visibility::Aborted));
        match seen.next() {
            None => Read::Skip(limit),
            Some(chunk) => Read::Records {
                next: seen.next().map_or(limit, |after| after.base),
                chunk: chunk.clone(),
            },
        }
    }

    /// Moves the first offset to `offset` and gives the chunks back that lie wholly before it.
    /// An offset that is passed already changes nothing.
    pub(super) fn advance_log_start(&mut self, offset: i64) -> Vec<Chunk> {
        let mut dropped = Vec::new();
        if offset <= self.log_start {
            return dropped;
        }
        self.log_start = offset;
        self.end = self.end.max(offset);
        while self.chunks.front().is_some_and(|chunk| chunk.next <= offset) {
            if let Some(chunk) = self.chunks.pop_front() {
                self.size -= chunk.size as u64;
                dropped.push(chunk);
            }
        }
        dropped
    }

    /// Puts `replacement` in the place of all chunks inside `[from, until)` and gives those back.
    pub(super) fn replace(
        &mut self,
        from: i64,
        until: i64,
        replacement: Option<Chunk>,
    ) -> Vec<Chunk> {
        let start = self.chunks.partition_point(|chunk| chunk.base < from);
        let mut stop = start;
        while self.chunks.get(stop).is_some_and(|c| c.next <= until) {
            stop += 1;
        }
        let old: Vec<Chunk> = self.chunks.drain(start..stop).collect();
        self.size -= old.iter().map(|chunk| chunk.size as u64).sum::<u64>();
        if let Some(chunk) = replacement {
            self.size += chunk.size as u64;
            self.end = self.end.max(chunk.next);
            self.chunks.insert(start, chunk);
        }
        old
    }

    /// Raises the end, when it is lower: for offsets nothing is stored at.
    pub(super) fn raise_end(&mut self, end: i64) {
        self.end = self.end.max(end);
    }

    /// Registers a consumer's waker, in place of an earlier one.
    pub(super) fn subscribe(&mut self, consumer: u64, isolation: IsolationLevel, waker: Waker) {
        self.unsubscribe(consumer);
        self.subscribers.push(Subscriber { consumer, isolation, waker });
    }

    /// Forgets a consumer's waker.
    pub(super) fn unsubscribe(&mut self, consumer: u64) {
        self.subscribers.retain(|s| s.consumer != consumer);
    }

    /// Collects the wakers of those who see the end move: everybody at a transaction's end and at
    /// an append outside a transaction, else only those who read uncommitted records.
    pub(super) fn wake(&self, stable: bool, wakes: &mut Vec<Waker>) {
        let sees = |s: &&Subscriber| stable || s.isolation == IsolationLevel::ReadUncommitted;
        wakes.extend(self.subscribers.iter().filter(sees).map(|s| s.waker.clone()));
    }
}
