use std::borrow::Cow;
use std::ops::Bound;

use millstream_state::{KeyRange, Overlay, ScanOrder, Write};

use super::KeyValueStore;
use crate::codec::{Data, StoredWindow};
use crate::error::Error;
use crate::record::{NumberedWindow, Timestamped, Windowed};

/// A window of a key and what is stored for it.
pub(crate) type Found<W, V> = (W, Timestamped<V>);

impl<K: Data, V: Data> KeyValueStore<Windowed<K, NumberedWindow>, V> {
    /// The next number of a value. Kafka Streams begins at 1 after each start and may then overwrite
    /// values; here numbers go on.
    pub(crate) fn next_number(&mut self) -> u32 {
        let next = (self.times.number.max(0) + 1) & i64::from(i32::MAX);
        self.times.number = next;
        next as u32
    }
}

/// What stores of windows can besides.
impl<K: Data, V: Data, W: StoredWindow> KeyValueStore<Windowed<K, W>, V> {
    /// The windows of a key whose times (a window's start, a session's end) lie in `from..=to`, in
    /// order of their times. `any` is any window of the key.
    pub(crate) fn fetch(
        &self,
        overlay: &Overlay,
        any: &Windowed<K, W>,
        from: i64,
        to: i64,
        order: ScanOrder,
    ) -> Result<Vec<Found<W, V>>, Error> {
        self.fetch_while(overlay, any, (from, to), order, |_| true)
    }

    /// As [`fetch`](Self::fetch), up to the first window that is not to be kept.
    pub(crate) fn fetch_while(
        &self,
        overlay: &Overlay,
        any: &Windowed<K, W>,
        (from, to): (i64, i64),
        order: ScanOrder,
        keep: impl Fn(&W) -> bool,
    ) -> Result<Vec<Found<W, V>>, Error> {
        let Some(segments) = self.options.segments else { return Ok(Vec::new()) };
        let stored = self.encoded_key(any)?;
        let key = &stored[segments.prefix()..stored.len() - segments.suffix];
        let first_seen = segments.first_seen(self.times.store);
        let from = from.max(0);
        let mut found = Vec::new();
        // What the cache may still hold of older windows is in no segment before this.
        let first =
            segments.segment(from).max(segments.first_kept(self.times.store).saturating_sub(1));
        let last = segments.segment(to.min(self.newest.max(self.times.store)));
        let mut numbers: Vec<u64> = (first..=last).collect();
        if order == ScanOrder::Reverse {
            numbers.reverse();
        }
        for number in numbers {
            let mut bound = vec![0; segments.prefix()];
            bound[..8].copy_from_slice(&number.to_be_bytes());
            bound.extend_from_slice(key);
            let mut end = bound.clone();
            end.extend_from_slice(&to.to_be_bytes());
            end.extend_from_slice(&[u8::MAX; 8]);
            bound.extend_from_slice(&from.to_be_bytes());
            let range = KeyRange { start: Bound::Included(bound), end: Bound::Included(end) };
            let is_of_key = |stored: &[u8]| {
                let rest = &stored[segments.prefix().min(stored.len())..];
                rest.len() == key.len() + segments.suffix && rest.starts_with(key)
            };
            let mut cached: Vec<Write<'_>> = Vec::new();
            if let (Some(cache), (Bound::Included(start), Bound::Included(end))) =
                (&self.cache, (&range.start, &range.end))
            {
                for slot in cache.range((Bound::Included(start), Bound::Included(end))) {
                    if is_of_key(&slot.key) {
                        // Nothing behind it is asked for, and encoding it would be in vain.
                        if order == ScanOrder::Forward && !keep(&self.decode_key(&slot.key)?.window)
                        {
                            break;
                        }
                        let value = self.encoded_value(slot.value.as_ref())?;
                        cached.push((Cow::Borrowed(&*slot.key), value.map(Cow::Owned)));
                    }
                }
            }
            for entry in overlay.scan_under(self.options.number, &range, order, cached) {
                let (stored, value) = entry?;
                let hidden = segments.time(&stored).is_none_or(|time| time < first_seen)
                    && !self.is_cached(&stored);
                if is_of_key(&stored) && !hidden {
                    let window = self.decode_key(&stored)?.window;
                    if !keep(&window) {
                        return Ok(found);
                    }
                    found.push((window, self.decode_value(&value)?));
                }
            }
        }
        Ok(found)
    }

    /// The windows of all keys whose times lie in `from..=to`, in order of their times and then of
    /// their keys' bytes.
    pub(crate) fn fetch_all(
        &self,
        overlay: &Overlay,
        from: i64,
        to: i64,
    ) -> Result<Vec<(Windowed<K, W>, Timestamped<V>)>, Error> {
        let Some(segments) = self.options.segments else { return Ok(Vec::new()) };
        if from > to || to < 0 {
            return Ok(Vec::new());
        }
        let start = segments.segment(from).to_be_bytes().to_vec();
        let end = segments.segment(to).saturating_add(1).to_be_bytes().to_vec();
        let range = KeyRange { start: Bound::Included(start), end: Bound::Excluded(end) };
        let mut found = Vec::new();
        for entry in self.scan(overlay, range, ScanOrder::Forward)? {
            let (key, value) = entry?;
            if (from..=to).contains(&key.window.time()) {
                found.push((key, value));
            }
        }
        found.sort_by_key(|(key, _)| key.window.time());
        Ok(found)
    }

    /// The windows whose times lie in `from..=to`, in order of their times and then of their keys,
    /// whatever the store's retention.
    pub(crate) fn closed(
        &mut self,
        overlay: &Overlay,
        from: i64,
        to: i64,
    ) -> Result<Vec<(Windowed<K, W>, Timestamped<V>)>, Error> {
        let Some(segments) = self.options.segments else { return Ok(Vec::new()) };
        let keys = self.closing.take(&segments, overlay, self.options.number, from, to)?;
        let mut closed = Vec::with_capacity(keys.len());
        for stored in keys {
            let cached = self.cache.as_mut().and_then(|cache| {
                let slot = cache.find(&stored)?;
                Some(cache.slot(slot).value.clone())
            });
            let value = match cached {
                Some(value) => value,
                None => match overlay.get(self.options.number, &stored)? {
                    Some(bytes) => Some(self.decode_value(&bytes)?),
                    None => None,
                },
            };
            if let Some(value) = value {
                closed.push((self.decode_key(&stored)?, value));
            }
        }
        Ok(closed)
    }
}
