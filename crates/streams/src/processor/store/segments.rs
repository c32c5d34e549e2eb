//! How a store of windows lies in the database: in segments of time, which go as a whole when they
//! are too old (Kafka's `AbstractRocksDBSegmentedBytesStore`).

use millstream_state::SegmentedKeys;

/// Bytes of the segment's number in front of a key.
pub(crate) const SEGMENT_BYTES: usize = 8;

/// No segment is shorter than this (`Stores.persistentWindowStore`).
const LEAST_INTERVAL: i64 = 60_000;

/// In front of a key behind the segment's number, in stores with an index: what is stored, and the
/// keys once more by their times (`PrefixedWindowKeySchemas`).
const STORED: u8 = 0;
const INDEX: u8 = 1;

/// How windows are divided into segments, and for how long they are kept. Times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segments {
    /// A window is kept while its time is later than the store's stream time less this.
    pub(crate) retention: i64,
    pub(crate) interval: i64,
    /// Bytes behind the key in what is stored; they begin with the window's time.
    pub(crate) suffix: usize,
    /// Whether the operator looks for the windows of a key by range.
    pub(crate) scanned: bool,
    /// Whether the operator looks for windows by their time.
    pub(crate) indexed: bool,
    /// Whether several values of a key may have one time. A delete then deletes nothing.
    pub(crate) numbered: bool,
    /// Whether a result has its window's time as its timestamp, as sessions do.
    pub(crate) dates_results: bool,
}

impl Segments {
    pub(crate) fn new(retention: i64, suffix: usize) -> Self {
        Self {
            retention,
            interval: (retention / 2).max(LEAST_INTERVAL),
            suffix,
            scanned: false,
            indexed: false,
            numbered: false,
            dates_results: false,
        }
    }

    /// For versions that are kept for `history` (`RocksDbVersionedKeyValueBytesStoreSupplier`).
    pub(crate) fn of_versions(history: i64) -> Self {
        let interval = match history {
            i64::MIN..=60_000 => (history / 3).max(2_000),
            60_001..=300_000 => (history / 5).max(20_000),
            300_001..=3_600_000 => (history / 12).max(60_000),
            _ => (history / 24).max(300_000),
        };
        Self { interval, ..Self::new(history, 0) }
    }

    /// What its keys look like to the database.
    pub(crate) fn keys(&self) -> SegmentedKeys {
        SegmentedKeys { interval: self.interval, suffix: self.suffix }
    }

    /// Bytes in front of a key.
    #[inline]
    pub(crate) fn prefix(&self) -> usize {
        SEGMENT_BYTES + usize::from(self.indexed)
    }

    /// The time of a window by the key it is stored under, or by its key in the changelog; `None` for
    /// what is no such key.
    #[inline]
    pub(crate) fn time(&self, key: &[u8]) -> Option<i64> {
        let at = key.len().checked_sub(self.suffix)?;
        Some(i64::from_be_bytes(*key[at..].first_chunk()?))
    }

    /// Writes the segment's number into the room that was left for it.
    #[inline]
    pub(crate) fn fill_prefix(&self, key: &mut [u8]) {
        let segment = self.segment(self.time(key).unwrap_or(0));
        if let Some(number) = key.first_chunk_mut() {
            *number = segment.to_be_bytes();
        }
    }

    /// The key under which the index has a stored key: it begins as that does, with its segment.
    pub(crate) fn index_key(&self, stored: &[u8]) -> Vec<u8> {
        let (key, suffix) = stored.split_at(stored.len().saturating_sub(self.suffix));
        let (segment, key) = key.split_at(SEGMENT_BYTES.min(key.len()));
        [segment, &[INDEX], suffix, key.get(1..).unwrap_or_default()].concat()
    }

    /// The stored key that a key of the index stands for.
    pub(crate) fn stored_key(&self, index: &[u8]) -> Vec<u8> {
        let (segment, rest) = index.split_at(SEGMENT_BYTES.min(index.len()));
        let rest = rest.get(1..).unwrap_or_default();
        let (suffix, key) = rest.split_at(self.suffix.min(rest.len()));
        [segment, &[STORED], key, suffix].concat()
    }

    /// Where the index has the times from `time` on, within that time's segment.
    pub(crate) fn index_from(&self, time: i64) -> Vec<u8> {
        let segment = self.segment(time).to_be_bytes();
        [&segment[..], &[INDEX], &time.to_be_bytes()].concat()
    }

    /// The time of a key of the index; `None` for a stored key.
    pub(crate) fn index_time(&self, index: &[u8]) -> Option<i64> {
        let rest = index.get(SEGMENT_BYTES..)?;
        (*rest.first()? == INDEX)
            .then(|| rest.get(1..)?.first_chunk().map(|t| i64::from_be_bytes(*t)))?
    }

    /// Whether an entry of the database is a window that reads see at a stream time.
    pub(crate) fn is_seen(&self, key: &[u8], stream_time: i64) -> bool {
        let stored = !self.indexed || key.get(SEGMENT_BYTES) == Some(&STORED);
        stored && self.time(key).is_some_and(|time| time >= self.first_seen(stream_time))
    }

    /// The number of the segment of a time.
    #[inline]
    pub(crate) fn segment(&self, time: i64) -> u64 {
        (time.max(0) / self.interval) as u64
    }

    /// The first segment that is kept at a stream time.
    pub(crate) fn first_kept(&self, stream_time: i64) -> u64 {
        self.segment(stream_time.saturating_sub(self.retention))
    }

    /// The first time that a read sees at a stream time.
    #[inline]
    pub(crate) fn first_seen(&self, stream_time: i64) -> i64 {
        stream_time.saturating_sub(self.retention).saturating_add(1)
    }
}
