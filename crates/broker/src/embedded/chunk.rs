//! A chunk: the records of one `send`, kept as the bytes they came in. The log never looks at a
//! single record on the way in or out.

use std::fmt;
use std::sync::Arc;

use crate::RecordBatch;

/// Number of a producer; one for each transactional id.
pub(super) type ProducerId = i64;

/// Who may see a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visibility {
    /// Everybody: written outside a transaction, or committed.
    Visible,
    /// Only read-uncommitted consumers: the transaction of this producer is open.
    Open(ProducerId),
    /// Only read-uncommitted consumers, for ever.
    Aborted,
}

/// Where a chunk lies in the journal: a whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Location {
    /// Number of the journal segment.
    pub(super) segment: u64,
    /// First byte of the frame.
    pub(super) position: u64,
    /// Bytes of the frame, its head included.
    pub(super) len: u32,
}

/// The bytes of a chunk: records at `bytes[start..]`.
#[derive(Clone)]
pub(super) struct ChunkBytes {
    pub(super) bytes: Arc<[u8]>,
    pub(super) start: usize,
}

/// Payloads are never printed.
impl fmt::Debug for ChunkBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.records().len())
    }
}

impl ChunkBytes {
    /// Whether both are the same bytes in memory.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.bytes, &other.bytes)
    }

    /// Bytes that hold nothing but records.
    pub(super) fn whole(bytes: Arc<[u8]>) -> Self {
        Self { bytes, start: 0 }
    }

    /// The records alone.
    pub(super) fn records(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// All records as a batch whose deltas count from `base`.
    pub(super) fn batch(&self, base: i64, next: i64) -> RecordBatch {
        let end = self.bytes.len();
        RecordBatch::new(Arc::clone(&self.bytes), self.start, end, base, next)
    }
}

/// Consecutive records of a partition.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    /// Offset the records' deltas count from.
    pub(super) base: i64,
    /// Offset after the last offset it covers.
    pub(super) next: i64,
    /// Size of the records in bytes.
    pub(super) size: usize,
    /// The records, when they are in memory. Only a durable broker drops them.
    pub(super) bytes: Option<ChunkBytes>,
    /// Where the records lie in the journal of a durable broker.
    pub(super) location: Option<Location>,
    /// Who may see it.
    pub(super) visibility: Visibility,
    /// Largest timestamp, once somebody asked for it.
    pub(super) max_timestamp: Option<i64>,
    /// When its tombstones may go, in milliseconds since the Unix epoch; `None` until it was
    /// compacted, and when it has none.
    pub(super) delete_horizon: Option<i64>,
}

impl Chunk {
    /// A chunk of `count` records from `base` on.
    pub(super) fn new(base: i64, count: u32, bytes: Arc<[u8]>, visibility: Visibility) -> Self {
        Self {
            base,
            next: base + i64::from(count),
            size: bytes.len(),
            bytes: Some(ChunkBytes::whole(bytes)),
            location: None,
            visibility,
            max_timestamp: None,
            delete_horizon: None,
        }
    }
}

/// Largest timestamp of a batch; the smallest there is when it is empty.
pub(super) fn max_timestamp(batch: &RecordBatch) -> i64 {
    batch.iter().map(|record| record.timestamp).max().unwrap_or(i64::MIN)
}
