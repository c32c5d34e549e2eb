//! What a key-value store tells of ranges of its keys.

use std::borrow::Cow;
use std::ops::{Bound, RangeBounds};

use millstream_state::{KeyRange, Overlay, ScanOrder};

use super::KeyValueStore;
use super::cache::WriteBackCache;
use crate::codec::Data;
use crate::error::Error;
use crate::record::Timestamped;

impl<K: Data, V: Data> KeyValueStore<K, V> {
    /// The entries of a range in byte order of their keys, cached ones included.
    pub(crate) fn scan<'a>(
        &'a self,
        overlay: &'a Overlay,
        range: KeyRange,
        order: ScanOrder,
    ) -> Result<impl Iterator<Item = Result<(K, Timestamped<V>), Error>> + 'a, Error> {
        let mut cached = Vec::new();
        for slot in self.cache.iter().flat_map(WriteBackCache::dirty) {
            if range.contains(&slot.key) {
                let value = self.encoded_value(slot.value.as_ref())?;
                cached.push((Cow::Borrowed(&*slot.key), value.map(Cow::Owned)));
            }
        }
        let entries = overlay.scan_under(self.options.number, &range, order, cached);
        let seen = |key: &[u8]| match &self.options.segments {
            None => true,
            Some(segments) => segments.is_seen(key, self.times.store),
        };
        let entries =
            entries.filter(move |entry| entry.as_ref().map_or(true, |(key, _)| seen(key)));
        Ok(entries.map(|entry| {
            let (key, value) = entry?;
            Ok((self.decode_key(&key)?, self.decode_value(&value)?))
        }))
    }

    /// A range of keys as a range of their bytes.
    pub(crate) fn encoded_range(&self, range: impl RangeBounds<K>) -> Result<KeyRange, Error> {
        let encode = |bound: Bound<&K>| match bound {
            Bound::Included(key) => self.encoded_key(key).map(Bound::Included),
            Bound::Excluded(key) => self.encoded_key(key).map(Bound::Excluded),
            Bound::Unbounded => Ok(Bound::Unbounded),
        };
        Ok(KeyRange { start: encode(range.start_bound())?, end: encode(range.end_bound())? })
    }

    /// The key's bytes, for ranges.
    pub(crate) fn encoded_key(&self, key: &K) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.append_key(key, &mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn approximate_len(&self, overlay: &Overlay) -> u64 {
        overlay.approximate_len(self.options.number)
    }
}
