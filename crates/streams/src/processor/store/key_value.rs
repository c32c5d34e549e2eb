use std::any::Any;
use std::borrow::Cow;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use millstream_broker::{Headers, RecordBatch};
use millstream_state::{KeyRange, Overlay, RestoreBatch, ScanOrder};

use super::cache::WriteBackCache;
use crate::codec::{
    Codec, CodecError, Data, TIMESTAMP_BYTES, decode_timestamped, encode_timestamped,
};
use crate::error::{BoxError, Error};
use crate::processor::{Context, NodeError, NodeResult, Origin, Output, StateStore, StoreOptions};
use crate::record::{Change, Record, Timestamped};

/// What became of an update.
pub(crate) enum Updated<V> {
    /// The cache holds it back; the change is forwarded when it is flushed.
    Cached {
        /// The caches hold too much now.
        evict: bool,
    },
    /// It is written, and the change is to be forwarded now.
    Written { change: Change<V>, timestamp: i64 },
}

/// Why an update failed.
pub(crate) enum UpdateError {
    /// In the closure.
    User(BoxError),
    /// In the store.
    Store(Error),
}

impl From<Error> for UpdateError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// A key-value store of one task, timestamped or plain: a write-back cache of live values in front
/// of the task's overlay. In a plain store the timestamp of a value is only that of its last write.
pub(crate) struct KeyValueStore<K: 'static, V: 'static> {
    options: StoreOptions,
    key_codec: Arc<dyn Codec<K>>,
    value_codec: Arc<dyn Codec<V>>,
    cache: Option<WriteBackCache<V>>,
    key_bytes: Vec<u8>,
    value_bytes: Vec<u8>,
    /// Whether the records of its changelog carry headers.
    logs_headers: bool,
}

impl<K: Data, V: Data> KeyValueStore<K, V> {
    pub(crate) fn new(
        options: StoreOptions,
        key_codec: Arc<dyn Codec<K>>,
        value_codec: Arc<dyn Codec<V>>,
    ) -> Self {
        let cache = options.cache.clone().map(WriteBackCache::new);
        Self {
            options,
            key_codec,
            value_codec,
            cache,
            key_bytes: Vec::new(),
            value_bytes: Vec::new(),
            logs_headers: false,
        }
    }

    /// Says whether the records of the changelog carry the headers of what was processed.
    pub(crate) fn log_headers(&mut self, logs_headers: bool) {
        self.logs_headers = logs_headers;
    }

    #[cold]
    fn format_error(&self, cause: CodecError) -> Error {
        Error::StoreFormat { store: self.options.name.to_string(), cause: cause.into() }
    }

    #[cold]
    fn encode_error(&self, cause: &CodecError) -> Error {
        let name = &self.options.name;
        Error::Unavailable(format!("store '{name}': a key or value cannot be written: {cause}"))
    }

    fn encode_key(&mut self, key: &K) -> Result<(), Error> {
        self.key_bytes.clear();
        let encoded = if self.key_codec.is_null(key) {
            Err(CodecError::new("a store has no place for a null key"))
        } else {
            self.key_codec.encode(key, &mut self.key_bytes)
        };
        encoded.map_err(|cause| self.encode_error(&cause))
    }

    fn decode_value(&self, bytes: &[u8]) -> Result<Timestamped<V>, Error> {
        let decoded = if self.options.timestamped {
            decode_timestamped(bytes, &*self.value_codec)
        } else {
            let value = self.value_codec.decode(bytes);
            value.map(|value| Timestamped { value, timestamp: -1 })
        };
        decoded.map_err(|cause| self.format_error(cause))
    }

    /// Appends what the store holds for a value.
    fn encode_value(&self, value: &Timestamped<V>, out: &mut Vec<u8>) -> Result<(), Error> {
        let encoded = if self.options.timestamped {
            encode_timestamped(value, &*self.value_codec, out)
        } else {
            self.value_codec.encode(&value.value, out)
        };
        encoded.map_err(|cause| self.encode_error(&cause))
    }

    /// Reads the value under the encoded key from below the cache, and its size.
    fn load(
        &self,
        overlay: &Overlay,
        key: &[u8],
    ) -> Result<(Option<Timestamped<V>>, usize), Error> {
        match overlay.get(self.options.number, key)? {
            Some(bytes) => Ok((Some(self.decode_value(&bytes)?), bytes.len())),
            None => Ok((None, 0)),
        }
    }

    /// The cached slot of the encoded key, loaded when it is not there; `None` without a cache.
    #[inline]
    fn cached(&mut self, overlay: &Overlay) -> Result<Option<u32>, Error> {
        let Some(cache) = &mut self.cache else {
            return Ok(None);
        };
        if let Some(slot) = cache.find(&self.key_bytes) {
            return Ok(Some(slot));
        }
        let (value, bytes) = self.load(overlay, &self.key_bytes)?;
        let cache = self.cache.as_mut();
        Ok(cache.map(|cache| cache.insert(&self.key_bytes, value, bytes)))
    }

    /// The value of a key. What is read from below the cache is not kept in it: only updates may
    /// make it larger, as they make room too.
    pub(crate) fn get(
        &mut self,
        overlay: &Overlay,
        key: &K,
    ) -> Result<Option<Timestamped<V>>, Error> {
        self.encode_key(key)?;
        if let Some(cache) = &mut self.cache
            && let Some(slot) = cache.find(&self.key_bytes)
        {
            return Ok(cache.slot(slot).value.clone());
        }
        Ok(self.load(overlay, &self.key_bytes)?.0)
    }

    /// The value of a key as of the last flush of its cache.
    pub(crate) fn get_flushed(
        &mut self,
        overlay: &Overlay,
        key: &K,
    ) -> Result<Option<Timestamped<V>>, Error> {
        self.encode_key(key)?;
        Ok(self.load(overlay, &self.key_bytes)?.0)
    }

    /// Updates a key as [`Context::update_table`] says. `update` gives the value from now on, or
    /// none, and the timestamp of the change.
    #[inline]
    pub(crate) fn update(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        key: &K,
        origin: &Origin,
        keep_old: bool,
        update: impl FnOnce(Option<Timestamped<V>>) -> Result<Timestamped<Option<V>>, BoxError>,
    ) -> Result<Updated<V>, UpdateError> {
        self.encode_key(key)?;
        let number = self.cached(overlay)?;
        if let (Some(cache), Some(number)) = (&mut self.cache, number) {
            let slot = cache.slot(number);
            let old = if keep_old { slot.value.clone() } else { slot.value.take() };
            let new = update(old).map_err(UpdateError::User)?;
            slot.value = present(&*self.value_codec, new).0;
            slot.origin = origin.clone();
            cache.mark_dirty(number);
            return Ok(Updated::Cached { evict: cache.is_over_budget() });
        }
        let (old, _) = self.load(overlay, &self.key_bytes)?;
        let sent_old = if self.options.sends_old { old.clone() } else { None };
        let new = update(old).map_err(UpdateError::User)?;
        let (new, timestamp) = present(&*self.value_codec, new);
        let key_bytes = std::mem::take(&mut self.key_bytes);
        let written = self.write(overlay, output, &key_bytes, new.as_ref(), origin);
        self.key_bytes = key_bytes;
        written?;
        let change = Change { new: new.map(|new| new.value), old: sent_old.map(|old| old.value) };
        Ok(Updated::Written { change, timestamp })
    }

    /// Writes a value to the overlay and the changelog.
    fn write(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        key: &[u8],
        value: Option<&Timestamped<V>>,
        origin: &Origin,
    ) -> Result<(), Error> {
        let (prefix, timestamp) = match value {
            Some(value) if self.options.timestamped => (TIMESTAMP_BYTES, value.timestamp),
            _ => (0, origin.timestamp),
        };
        let mut value_bytes = std::mem::take(&mut self.value_bytes);
        value_bytes.clear();
        let encoded = value.map_or(Ok(()), |value| self.encode_value(value, &mut value_bytes));
        self.value_bytes = value_bytes;
        encoded?;
        let bytes = value.map(|_| &*self.value_bytes);
        overlay.write(self.options.number, key, bytes);
        if let Some(changelog) = self.options.changelog {
            // The changelog holds the plain value; its record's timestamp is the value's.
            let logged = bytes.map(|bytes| &bytes[prefix..]);
            let none = Headers::new();
            let headers = if self.logs_headers { &origin.headers } else { &none };
            output.buffer(changelog.topic, changelog.partition).push(
                timestamp,
                Some(key),
                logged,
                headers,
            );
        }
        Ok(())
    }

    /// Cleans one dirty slot: writes it, and gives the change to forward if a node listens.
    fn flush_slot(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        number: u32,
    ) -> Result<Option<(Origin, Record<K, Change<V>>)>, Error> {
        let Some(cache) = &mut self.cache else {
            return Ok(None);
        };
        let slot = cache.slot(number);
        slot.dirty = false;
        let origin = std::mem::take(&mut slot.origin);
        let new = slot.value.clone();
        let key_bytes = std::mem::take(&mut slot.key);
        let flushed = self.flush_value(overlay, output, &key_bytes, new, origin);
        if let Some(cache) = &mut self.cache {
            cache.slot(number).key = key_bytes;
            cache.resize(number, self.value_bytes.len());
        }
        flushed
    }

    fn flush_value(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        key_bytes: &[u8],
        new: Option<Timestamped<V>>,
        origin: Origin,
    ) -> Result<Option<(Origin, Record<K, Change<V>>)>, Error> {
        let mut old = None;
        if self.options.owner.is_some() && (new.is_none() || self.options.sends_old) {
            old = self.load(overlay, key_bytes)?.0;
            if new.is_none() && old.is_none() {
                // Neither the store nor anybody downstream has ever heard of the key.
                return Ok(None);
            }
        }
        self.write(overlay, output, key_bytes, new.as_ref(), &origin)?;
        if self.options.owner.is_none() {
            return Ok(None);
        }
        let key = self.key_codec.decode(key_bytes).map_err(|cause| self.format_error(cause))?;
        let timestamp = new.as_ref().map_or(origin.timestamp, |new| new.timestamp);
        let old = old.filter(|_| self.options.sends_old);
        let change = Change { new: new.map(|new| new.value), old: old.map(|old| old.value) };
        let record = Record { key, value: change, timestamp, headers: origin.headers.clone() };
        Ok(Some((origin, record)))
    }

    /// Writes a value by hand (Processor API): no node hears of it.
    pub(crate) fn put(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        key: &K,
        value: Option<Timestamped<V>>,
        origin: &Origin,
    ) -> Result<(), Error> {
        let timestamp = value.as_ref().map_or(origin.timestamp, |value| value.timestamp);
        let value = Timestamped { value: value.map(|value| value.value), timestamp };
        match self.update(overlay, output, key, origin, false, |_| Ok(value)) {
            Ok(Updated::Cached { evict: true }) => {
                for number in
                    self.cache.as_mut().map(WriteBackCache::take_dirty).unwrap_or_default()
                {
                    self.flush_slot(overlay, output, number)?;
                }
                self.evict();
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(UpdateError::Store(error)) => Err(error),
            Err(UpdateError::User(cause)) => Err(Error::Unavailable(cause.to_string())),
        }
    }

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
                let value = match &slot.value {
                    Some(value) => {
                        let mut bytes = Vec::new();
                        self.encode_value(value, &mut bytes)?;
                        Some(Cow::Owned(bytes))
                    }
                    None => None,
                };
                cached.push((Cow::Borrowed(&*slot.key), value));
            }
        }
        let entries = overlay.scan_under(self.options.number, &range, order, cached);
        Ok(entries.map(|entry| {
            let (key, value) = entry?;
            let key = self.key_codec.decode(&key).map_err(|cause| self.format_error(cause))?;
            Ok((key, self.decode_value(&value)?))
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
        self.key_codec.encode(key, &mut bytes).map_err(|cause| self.encode_error(&cause))?;
        Ok(bytes)
    }

    pub(crate) fn approximate_len(&self, overlay: &Overlay) -> u64 {
        overlay.approximate_len(self.options.number)
    }
}

/// A value that the format writes as null is no value.
fn present<V: 'static>(
    codec: &dyn Codec<V>,
    new: Timestamped<Option<V>>,
) -> (Option<Timestamped<V>>, i64) {
    let Timestamped { value, timestamp } = new;
    let value = value.filter(|value| !codec.is_null(value));
    (value.map(|value| Timestamped { value, timestamp }), timestamp)
}

impl<K: Data, V: Data> StateStore for KeyValueStore<K, V> {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn is_dirty(&self) -> bool {
        self.cache.as_ref().is_some_and(WriteBackCache::is_dirty)
    }

    fn flush_with(&self) -> fn(&mut Context<'_>, usize) -> NodeResult {
        |ctx, store| {
            let dirty = match &mut ctx.store::<K, V>(store).cache {
                Some(cache) => cache.take_dirty(),
                None => return Ok(()),
            };
            for number in dirty {
                let task = &mut *ctx.task;
                let typed: &mut Self = task.stores[store]
                    .as_any_mut()
                    .downcast_mut()
                    .expect("this function was given out by a store of these types");
                let owner = typed.options.owner;
                let flushed = typed
                    .flush_slot(&mut task.overlay, ctx.output, number)
                    .map_err(NodeError::from)?;
                if let (Some((origin, record)), Some(owner)) = (flushed, owner) {
                    ctx.forward_from(owner, origin, record)?;
                }
            }
            Ok(())
        }
    }

    fn evict(&mut self) {
        if let Some(cache) = &mut self.cache {
            cache.evict();
        }
    }

    fn restore(&self, records: &RecordBatch, into: &mut RestoreBatch) -> Option<i64> {
        let mut next = None;
        for record in records.iter() {
            next = Some(record.offset + 1);
            let Some(key) = record.key else { continue };
            match record.value {
                None => into.push(key, None),
                Some(value) if self.options.timestamped => {
                    into.push(key, Some(&[&record.timestamp.to_be_bytes(), value]));
                }
                Some(value) => into.push(key, Some(&[value])),
            }
        }
        next
    }
}
