use std::collections::VecDeque;

use millstream_broker::{
    OffsetAndMetadata, PartitionOffsets, RecordBatch, RecordView, TopicPartition,
};

use super::config::AutoOffsetReset;
use crate::codec::{decode_offset_metadata, encode_offset_metadata};
use crate::error::Error;

/// Records of one input partition that wait to be processed, as they were fetched (Kafka's
/// `RecordQueue`). Decoded only when they are taken.
pub(super) struct PartitionQueue {
    pub(super) partition: TopicPartition,
    /// Whether the topic is one of the application's own, to be purged behind the commit.
    pub(super) is_repartition: bool,
    batches: VecDeque<RecordBatch>,
    /// Position of the head in the first batch.
    head: Option<usize>,
    /// Where fetching goes on.
    pub(super) fetched: i64,
    /// Offset of the next record to process: what is committed.
    consumed: i64,
    committed: i64,
    /// Highest timestamp seen, or -1.
    pub(super) partition_time: i64,
    /// Whether the task may go on while this queue is empty.
    pub(super) may_be_empty: bool,
    /// Since when it has been empty while others were not, in wall-clock milliseconds.
    pub(super) empty_since: Option<i64>,
}

impl PartitionQueue {
    pub(super) fn new(partition: TopicPartition, is_repartition: bool) -> Self {
        Self {
            partition,
            is_repartition,
            batches: VecDeque::new(),
            head: None,
            fetched: 0,
            consumed: 0,
            committed: 0,
            partition_time: -1,
            may_be_empty: false,
            empty_since: None,
        }
    }

    /// Starts at what the group has committed; when nothing is, or what comes next is deleted, where
    /// `auto.offset.reset` says. The application's own topics are never begun in the middle.
    pub(super) fn start(
        &mut self,
        committed: Option<OffsetAndMetadata>,
        log: PartitionOffsets,
        reset: AutoOffsetReset,
    ) -> Result<(), Error> {
        let kept = committed.as_ref().map(|committed| committed.offset);
        let beginning = log.beginning;
        if let Some(gone) = kept.filter(|offset| *offset < beginning) {
            tracing::warn!("{}: records {gone} to {beginning} are deleted unread", self.partition);
        }
        let reset = if self.is_repartition { AutoOffsetReset::Earliest } else { reset };
        let (offset, committed_offset) = match kept.filter(|offset| *offset >= beginning) {
            Some(offset) => (offset, offset),
            None => match reset {
                AutoOffsetReset::Earliest => (beginning, beginning),
                // To be committed though nothing is read: after a restart the end is another one.
                AutoOffsetReset::Latest => (log.last_stable, log.last_stable - 1),
                AutoOffsetReset::None => return Err(self.no_offset()),
            },
        };
        (self.fetched, self.consumed, self.committed) = (offset, offset, committed_offset);
        self.partition_time =
            committed.map_or(-1, |committed| decode_offset_metadata(&committed.metadata).0);
        Ok(())
    }

    fn no_offset(&self) -> Error {
        Error::Config(format!(
            "`auto.offset.reset` is `none`, and the application has no offset for {} that is \
             still there: set one for its group, or set `auto.offset.reset` to `earliest` or \
             `latest`",
            self.partition
        ))
    }

    /// Offsets fetched and not yet processed; gaps count too.
    pub(super) fn buffered(&self) -> usize {
        usize::try_from(self.fetched - self.consumed).unwrap_or(0)
    }

    pub(super) fn push(&mut self, batch: RecordBatch) {
        self.fetched = batch.next_offset();
        if batch.first().is_some() {
            self.may_be_empty = false;
            self.empty_since = None;
            if self.batches.is_empty() {
                self.head = batch.first();
            }
            self.batches.push_back(batch);
        } else if self.batches.is_empty() {
            // Nothing but control records and aborted ones: passed over at once.
            self.consumed = self.fetched;
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// The record to be processed next.
    #[inline]
    pub(super) fn head(&self) -> Option<RecordView<'_>> {
        let batch = self.batches.front()?;
        Some(batch.read(self.head?).0)
    }

    /// The batch at the head and the position in it, to read while the queue itself is at rest.
    #[inline]
    pub(super) fn front(&self) -> Option<(RecordBatch, usize)> {
        Some((self.batches.front()?.clone(), self.head?))
    }

    /// Moves past the head, to `next` in its batch.
    #[inline]
    pub(super) fn advance(&mut self, offset: i64, next: Option<usize>) {
        self.consumed = offset + 1;
        self.head = next;
        if next.is_none() {
            self.next_batch();
        }
    }

    fn next_batch(&mut self) {
        if let Some(done) = self.batches.pop_front() {
            self.consumed = self.consumed.max(done.next_offset());
        }
        self.head = self.batches.front().and_then(RecordBatch::first);
        if self.batches.is_empty() {
            // Control records and aborted ones behind the last batch are passed over with it.
            self.consumed = self.consumed.max(self.fetched);
        }
    }

    /// Whether it has moved since the last commit.
    pub(super) fn has_moved(&self) -> bool {
        self.consumed > self.committed
    }

    /// Where it stands, as it is committed, with what processors want kept.
    pub(super) fn position(&self, kept: &[(String, i64)]) -> OffsetAndMetadata {
        OffsetAndMetadata {
            offset: self.consumed,
            metadata: encode_offset_metadata(self.partition_time, kept),
        }
    }

    /// Offset of the next record to process.
    pub(super) fn consumed(&self) -> i64 {
        self.consumed
    }

    pub(super) fn mark_committed(&mut self) {
        self.committed = self.consumed;
    }

    pub(super) fn committed(&self) -> i64 {
        self.committed
    }
}

#[cfg(test)]
mod tests {
    use millstream_broker::RecordBuffer;

    use super::*;

    #[test]
    fn what_is_skipped_behind_the_last_record_is_consumed_with_it() {
        let mut records = RecordBuffer::new();
        records.push(0, None, Some(b"a"), &millstream_broker::Headers::new());
        let mut queue = PartitionQueue::new(TopicPartition::new("t", 0), false);
        let log = PartitionOffsets { beginning: 0, end: 5, last_stable: 5 };
        queue.start(None, log, AutoOffsetReset::Earliest).expect("it starts");
        let bytes = records.as_bytes();
        queue.push(RecordBatch::new(bytes.into(), 0, bytes.len(), 0, 1));
        queue.push(RecordBatch::empty(5));
        queue.advance(0, None);
        assert!(queue.is_empty());
        assert!(queue.has_moved());
        assert_eq!(queue.position(&[]).offset, 5);
    }

    #[test]
    fn where_reading_begins() {
        use AutoOffsetReset::{Earliest, Latest, None as Nowhere};
        let log = PartitionOffsets { beginning: 10, end: 25, last_stable: 20 };
        // Committed, policy, own topic: the first offset, and whether it is to be committed.
        let rows = [
            (None, Earliest, false, Some((10, false))),
            (None, Latest, false, Some((20, true))),
            (None, Latest, true, Some((10, false))),
            (None, Nowhere, false, None),
            (None, Nowhere, true, Some((10, false))),
            (Some(12), Earliest, false, Some((12, false))),
            (Some(12), Latest, false, Some((12, false))),
            (Some(12), Nowhere, false, Some((12, false))),
            // What comes next is deleted.
            (Some(9), Earliest, false, Some((10, false))),
            (Some(9), Latest, false, Some((20, true))),
            (Some(9), Nowhere, false, None),
        ];
        for (committed, reset, is_repartition, expected) in rows {
            let mut queue = PartitionQueue::new(TopicPartition::new("t", 0), is_repartition);
            let kept = committed.map(|offset| OffsetAndMetadata {
                offset,
                metadata: encode_offset_metadata(7, &[]),
            });
            let started = queue.start(kept, log, reset);
            let found = started.ok().map(|()| (queue.fetched, queue.has_moved()));
            assert_eq!(found, expected, "{committed:?} {reset:?} {is_repartition}");
        }
    }
}
