//! Ranges of a store.

use std::borrow::Cow;
use std::ops::{Bound, RangeBounds};

use millstream_state::{KeyRange, Overlay, ScanOrder};

use super::KeyValueStore;
use super::cache::WriteBackCache;
use super::expiry::entries_only;
use crate::codec::{Data, Wire};
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
        let range = match self.expiry {
            Some(_) => entries_only(range),
            None => range,
        };
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
        let entries = entries.map(|entry| {
            let (key, value) = entry?;
            Ok((self.decode_key(&key)?, self.decode_value(&value)?))
        });
        let lives = |value: &Timestamped<V>| !self.is_over(value.timestamp);
        Ok(entries.filter(move |entry| entry.as_ref().map_or(true, |(_, value)| lives(value))))
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

    /// The keys whose bytes begin with those of `prefix`, as a range.
    pub(crate) fn prefix_range<P: Wire>(&self, prefix: &P) -> Result<KeyRange, Error> {
        if self.options.segments.is_some() {
            let name = &self.options.name;
            return Err(Error::Unavailable(format!(
                "store '{name}' keeps windows, which lie in order of time: ask it with `fetch` or `fetch_all`, not for a prefix"
            )));
        }
        let mut bytes = vec![0; self.prefix()];
        prefix.encode(&mut bytes).map_err(|cause| self.encode_error(&cause))?;
        Ok(KeyRange::prefix(&bytes))
    }

    /// The key's bytes, for ranges.
    pub(crate) fn encoded_key(&self, key: &K) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.append_key(key, &mut bytes)?;
        Ok(bytes)
    }

    pub(crate) fn approximate_len(&self, overlay: &Overlay) -> u64 {
        let entries = overlay.approximate_len(self.options.number);
        // Where entries live for a limited time, each is in the index too.
        if self.expiry.is_some() { entries / 2 } else { entries }
    }
}
