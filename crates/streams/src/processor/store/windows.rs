use std::cmp::Ordering;
use std::ops::{Bound, ControlFlow};

use millstream_state::{KeyRange, Overlay, ScanOrder};

use super::KeyValueStore;
use super::segments::{SEGMENT_BYTES, Segments};
use crate::codec::{Data, StoredWindow};
use crate::error::Error;
use crate::record::{NumberedWindow, Timestamped, Windowed};

/// A window of a key and what is stored for it.
pub(crate) type Found<W, V> = (W, Timestamped<V>);

/// Whether a window that was found is wanted, and more behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Yes,
    AsLast,
    NoMore,
}

/// Bytes of a time in a key.
const TIME: usize = 8;

/// A value as it was found.
enum Value<'a, V> {
    Live(&'a Timestamped<V>),
    Stored(&'a [u8]),
}

impl<K: Data, V: Data> KeyValueStore<Windowed<K, NumberedWindow>, V> {
    /// The next number of a value. Kafka Streams begins at 1 after each start and may then overwrite
    /// values; here numbers go on.
    pub(crate) fn next_number(&mut self) -> u32 {
        let next = (self.times.number.max(0) + 1) & i64::from(i32::MAX);
        self.times.number = next;
        next as u32
    }

    /// Whether a value of this time meets itself: as in Kafka Streams, one that is in its last
    /// millisecond of being found does not.
    pub(crate) fn meets_itself(&self, time: i64) -> bool {
        let segments = self.options.segments;
        segments.is_none_or(|kept| time > kept.first_seen(self.times.store.max(time)))
    }
}

/// What stores of windows can besides.
impl<K: Data, V: Data, W: StoredWindow> KeyValueStore<Windowed<K, W>, V> {
    /// The windows of a key whose times (a window's start, a session's end) lie in `from..=to`, in
    /// order of their times, as far as `wanted` says. `any` is any window of the key.
    pub(crate) fn fetch(
        &mut self,
        overlay: &Overlay,
        any: &Windowed<K, W>,
        (from, to): (i64, i64),
        order: ScanOrder,
        wanted: impl Fn(&W) -> Wanted,
    ) -> Result<Vec<Found<W, V>>, Error> {
        let Some(segments) = self.options.segments else { return Ok(Vec::new()) };
        self.encode_key(any)?;
        let mut start = std::mem::take(&mut self.key_bytes);
        let mut end = std::mem::take(&mut self.range_end);
        let times = start.len() - segments.suffix;
        start[times..].fill(0);
        start[times..times + TIME].copy_from_slice(&from.max(0).to_be_bytes());
        end.clear();
        end.extend_from_slice(&start);
        end[times..].fill(u8::MAX);
        let newest = self.newest.max(self.times.store).max(0);
        end[times..times + TIME].copy_from_slice(&to.min(newest).to_be_bytes());
        let found = self.fetch_between(overlay, &segments, (&mut start, &mut end), order, wanted);
        (self.key_bytes, self.range_end) = (start, end);
        found
    }

    /// The windows under the keys from `start` to `end`, in each segment that these may lie in.
    fn fetch_between(
        &self,
        overlay: &Overlay,
        segments: &Segments,
        (start, end): (&mut [u8], &mut [u8]),
        order: ScanOrder,
        wanted: impl Fn(&W) -> Wanted,
    ) -> Result<Vec<Found<W, V>>, Error> {
        let from = segments.time(start).unwrap_or(0);
        let to = segments.time(end).unwrap_or(0);
        // What the cache may still hold of older windows is in no segment before this.
        let first =
            segments.segment(from).max(segments.first_kept(self.times.store).saturating_sub(1));
        let last = segments.segment(to);
        let mut found = Vec::new();
        for place in 0..(last + 1).saturating_sub(first) {
            let number = if order == ScanOrder::Forward { first + place } else { last - place };
            start[..SEGMENT_BYTES].copy_from_slice(&number.to_be_bytes());
            end[..SEGMENT_BYTES].copy_from_slice(&number.to_be_bytes());
            if self.fetch_segment(overlay, segments, (start, end), order, &wanted, &mut found)? {
                break;
            }
        }
        Ok(found)
    }

    /// Those of one segment; says whether no more are wanted.
    fn fetch_segment(
        &self,
        overlay: &Overlay,
        segments: &Segments,
        (start, end): (&[u8], &[u8]),
        order: ScanOrder,
        wanted: &impl Fn(&W) -> Wanted,
        found: &mut Vec<Found<W, V>>,
    ) -> Result<bool, Error> {
        let first_seen = segments.first_seen(self.times.store);
        let key = segments.prefix()..start.len() - segments.suffix;
        let is_of_key = |stored: &[u8]| {
            stored.len() == start.len() && stored[key.clone()] == start[key.clone()]
        };
        let slots = self.cache.as_ref().map(|cache| cache.windows((start, end), order));
        // A cache that keeps no groups is asked by queries only: what is written is found below it.
        let mut unwritten: Vec<_> =
            self.cache.iter().flat_map(|cache| cache.ungrouped_dirty()).collect();
        unwritten.retain(|slot| is_of_key(&slot.key) && (start..=end).contains(&&*slot.key));
        unwritten.sort_by(|a, b| match order {
            ScanOrder::Forward => a.key.cmp(&b.key),
            ScanOrder::Reverse => b.key.cmp(&a.key),
        });
        let mut slots = slots.into_iter().flatten().chain(unwritten);
        let mut next = || slots.next();
        let mut take = |stored: &[u8], value: Value<'_, V>| -> Result<bool, Error> {
            let window = self.decode_key(stored)?.window;
            let wanted = wanted(&window);
            if wanted != Wanted::NoMore {
                let value = match value {
                    Value::Live(value) => value.clone(),
                    Value::Stored(bytes) => self.decode_value(bytes)?,
                };
                found.push((window, value));
            }
            Ok(wanted != Wanted::Yes)
        };
        let mut cached = next();
        let mut ended = Ok(false);
        if order == ScanOrder::Reverse && cached.is_some() {
            // Most often all that is wanted is cached, and nothing below is as late.
            let latest = overlay.latest(self.options.number, (start, end));
            while let (Some(slot), Ok(false)) = (cached, &ended)
                && segments.time(&slot.key).is_some_and(|time| time > latest)
            {
                if let Some(value) = &slot.value {
                    ended = take(&slot.key, Value::Live(value));
                }
                cached = next();
            }
            if !matches!(ended, Ok(false)) {
                return ended;
            }
        }
        overlay.visit(self.options.number, (start, end), order, &mut |stored, bytes| {
            let mut is_cached = false;
            while let (Some(slot), Ok(false)) = (cached, &ended) {
                let compared = match order {
                    ScanOrder::Forward => (*slot.key).cmp(stored),
                    ScanOrder::Reverse => stored.cmp(&*slot.key),
                };
                if compared == Ordering::Greater {
                    break;
                }
                if let Some(value) = &slot.value {
                    ended = take(&slot.key, Value::Live(value));
                }
                cached = next();
                is_cached = compared == Ordering::Equal;
            }
            let is_seen = segments.time(stored).is_some_and(|time| time >= first_seen);
            if matches!(ended, Ok(false)) && !is_cached && is_seen && is_of_key(stored) {
                ended = take(stored, Value::Stored(bytes));
            }
            if matches!(ended, Ok(false)) {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        let mut ended = ended?;
        while let (Some(slot), false) = (cached, ended) {
            if let Some(value) = &slot.value {
                ended = take(&slot.key, Value::Live(value))?;
            }
            cached = next();
        }
        Ok(ended)
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
