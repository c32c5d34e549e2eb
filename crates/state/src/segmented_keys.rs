#[cfg(feature = "rocksdb")]
use crate::batch::first_bytes;
use crate::key_groups::beginning;

/// What the keys of a store of windows look like: the number of their segment (8 bytes,
/// big-endian), the key itself, and behind it the bytes that tell its windows apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentedKeys {
    /// How long a segment is, in milliseconds.
    pub interval: i64,
    /// Bytes that tell the windows of a key apart; they begin with the window's time (8 bytes,
    /// big-endian). 0 where the windows of a key are not asked for.
    pub suffix: usize,
}

impl SegmentedKeys {
    /// The time behind the key.
    pub(crate) fn time(&self, key: &[u8]) -> i64 {
        i64::try_from(beginning(self.suffix, key)).unwrap_or(i64::MAX)
    }

    /// The time of a window that is kept; `None` for what else is kept beside the windows.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn kept_time(&self, key: &[u8]) -> Option<i64> {
        let time = self.time(key);
        let segment = u64::try_from(time / self.interval.max(1)).ok();
        Some(time).filter(|_| segment == Some(first_bytes(key)))
    }

    /// The first time behind a segment.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn segment_end(&self, segment: u64) -> i64 {
        let next = i64::try_from(segment).unwrap_or(i64::MAX).saturating_add(1);
        next.saturating_mul(self.interval)
    }
}
