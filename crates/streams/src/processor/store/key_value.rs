use std::sync::Arc;

use millstream_broker::Headers;
use millstream_state::Overlay;

use super::cache::WriteBackCache;
use super::closing::Closing;
use super::expiry::Expiry;
use super::recency::Recency;
use super::segments::Segments;
use super::times::StoreTimes;
use crate::codec::{
    Codec, CodecError, Data, TIMESTAMP_BYTES, decode_timestamped, encode_timestamped,
};
use crate::error::{BoxError, Error};
use crate::processor::{Origin, Output, StateStore, StoreOptions};
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
///
/// A store of windows is one whose keys are windowed: in the database its keys begin with their
/// segment, and what is older than its retention is neither read nor written.
pub(crate) struct KeyValueStore<K: 'static, V: 'static> {
    pub(super) options: StoreOptions,
    pub(super) key_codec: Arc<dyn Codec<K>>,
    pub(super) value_codec: Arc<dyn Codec<V>>,
    /// How long entries live.
    pub(super) expiry: Option<Expiry>,
    pub(super) cache: Option<WriteBackCache<V>>,
    pub(super) key_bytes: Vec<u8>,
    /// The end of a range that begins in `key_bytes`.
    pub(super) range_end: Vec<u8>,
    value_bytes: Vec<u8>,
    pub(super) times: StoreTimes,
    pub(super) closing: Closing,
    /// The highest time of a window, written or still cached.
    pub(super) newest: i64,
    /// Writes of windows that were too old.
    pub(super) expired: u64,
    /// Segments before this one are gone from the database.
    pub(super) dropped_before: u64,
    /// Whether the records of its changelog carry headers.
    logs_headers: bool,
    pub(super) recency: Option<Recency>,
}

impl<K: Data, V: Data> KeyValueStore<K, V> {
    pub(crate) fn new(
        options: StoreOptions,
        key_codec: Arc<dyn Codec<K>>,
        value_codec: Arc<dyn Codec<V>>,
    ) -> Self {
        let scanned = options.segments.filter(|segments| segments.scanned);
        let suffix = scanned.map(|segments| segments.suffix);
        let cache = options.cache.clone().map(|budget| WriteBackCache::new(budget, suffix));
        Self {
            options,
            key_codec,
            value_codec,
            expiry: None,
            cache,
            key_bytes: Vec::new(),
            range_end: Vec::new(),
            value_bytes: Vec::new(),
            times: StoreTimes::default(),
            closing: Closing::default(),
            newest: -1,
            expired: 0,
            dropped_before: 0,
            logs_headers: false,
            recency: None,
        }
    }

    /// What the store and its operator know of time.
    pub(crate) fn times_mut(&mut self) -> &mut StoreTimes {
        &mut self.times
    }

    /// Says whether the records of the changelog carry the headers of what was processed.
    pub(crate) fn log_headers(&mut self, logs_headers: bool) {
        self.logs_headers = logs_headers;
    }

    pub(super) fn name(&self) -> &str {
        &self.options.name
    }

    #[cold]
    pub(super) fn format_error(&self, cause: CodecError) -> Error {
        Error::StoreFormat { store: self.options.name.to_string(), cause: cause.into() }
    }

    #[cold]
    pub(super) fn encode_error(&self, cause: &CodecError) -> Error {
        let name = &self.options.name;
        Error::Unavailable(format!("store '{name}': a key or value cannot be written: {cause}"))
    }

    pub(super) fn encode_key(&mut self, key: &K) -> Result<(), Error> {
        let mut bytes = std::mem::take(&mut self.key_bytes);
        bytes.clear();
        let encoded = self.append_key(key, &mut bytes);
        self.key_bytes = bytes;
        encoded
    }

    /// Appends the key as the database has it.
    #[inline]
    pub(super) fn append_key(&self, key: &K, out: &mut Vec<u8>) -> Result<(), Error> {
        out.resize(out.len() + self.prefix(), 0);
        let encoded = if self.key_codec.is_null(key) {
            Err(CodecError::new("a store has no place for a null key"))
        } else {
            self.key_codec.encode(key, out)
        };
        encoded.map_err(|cause| self.encode_error(&cause))?;
        if let Some(segments) = &self.options.segments {
            segments.fill_prefix(out);
        }
        Ok(())
    }

    /// Bytes in front of a key in the database that its changelog does not have.
    #[inline]
    pub(super) fn prefix(&self) -> usize {
        let of_entries = usize::from(self.expiry.is_some());
        self.options.segments.as_ref().map_or(of_entries, Segments::prefix)
    }

    /// Reads a key from the bytes in the database.
    pub(super) fn decode_key(&self, key: &[u8]) -> Result<K, Error> {
        let key = key.get(self.prefix()..).unwrap_or_default();
        self.key_codec.decode(key).map_err(|cause| self.format_error(cause))
    }

    pub(super) fn decode_value(&self, bytes: &[u8]) -> Result<Timestamped<V>, Error> {
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

    /// What the store holds for a value; `None` for none.
    pub(super) fn encoded_value(
        &self,
        value: Option<&Timestamped<V>>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(value) = value else { return Ok(None) };
        let mut bytes = Vec::new();
        self.encode_value(value, &mut bytes)?;
        Ok(Some(bytes))
    }

    /// Reads the value under the encoded key from below the cache, and its size.
    fn load(
        &self,
        overlay: &Overlay,
        key: &[u8],
    ) -> Result<(Option<Timestamped<V>>, usize), Error> {
        if let Some(segments) = &self.options.segments
            && segments.time(key).is_none_or(|time| time < segments.first_seen(self.times.store))
        {
            return Ok((None, 0));
        }
        match overlay.get(self.options.number, key)? {
            Some(bytes) => {
                let value = self.decode_value(&bytes)?;
                Ok((Some(value).filter(|value| !self.is_over(value.timestamp)), bytes.len()))
            }
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
            let value = cache.slot(slot).value.clone();
            return Ok(value.filter(|value| !self.is_over(value.timestamp)));
        }
        if let Some(recency) = &mut self.recency {
            recency.note(&self.key_bytes, false);
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
        if let Some(segments) = &self.options.segments {
            self.newest = self.newest.max(segments.time(&self.key_bytes).unwrap_or(-1));
        }
        if self.expiry.is_some() {
            self.times.store = self.times.store.max(origin.timestamp);
        }
        let number = self.cached(overlay)?;
        let over = self.over_until();
        if let (Some(cache), Some(number)) = (&mut self.cache, number) {
            let slot = cache.slot(number);
            let was = slot.value.is_some();
            let old = if keep_old { slot.value.clone() } else { slot.value.take() };
            let old = old.filter(|old| over.is_none_or(|over| old.timestamp > over));
            let new = update(old).map_err(UpdateError::User)?;
            slot.value = present(&*self.value_codec, new).0;
            if let (Some(_), Some(new)) = (&self.expiry, &slot.value) {
                self.times.store = self.times.store.max(new.timestamp);
            }
            let is = slot.value.is_some();
            cache.mark_dirty(number, origin);
            if let Some(segments) = &self.options.segments
                && was != is
            {
                // What is to be closed is found there, flushed or not.
                let number = self.options.number;
                self.closing.note(segments, overlay, number, &self.key_bytes, is);
            }
            let Some(cache) = &self.cache else { return Ok(Updated::Cached { evict: false }) };
            return Ok(Updated::Cached { evict: cache.is_over_budget() });
        }
        let (old, _) = match &self.options.segments {
            // Each has a number of its own, so nothing is there.
            Some(segments) if segments.numbered => (None, 0),
            _ => self.load(overlay, &self.key_bytes)?,
        };
        let sent_old = if self.options.sends_old { old.clone() } else { None };
        let new = update(old).map_err(UpdateError::User)?;
        let (new, timestamp) = present(&*self.value_codec, new);
        if let (Some(_), Some(new)) = (&self.expiry, &new) {
            self.times.store = self.times.store.max(new.timestamp);
        }
        let key_bytes = std::mem::take(&mut self.key_bytes);
        let written = self.write(overlay, output, &key_bytes, new.as_ref(), origin);
        self.key_bytes = key_bytes;
        written?;
        let change = Change { new: new.map(|new| new.value), old: sent_old.map(|old| old.value) };
        Ok(Updated::Written { change, timestamp })
    }

    /// Writes a value to the overlay and the changelog.
    pub(super) fn write(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        key: &[u8],
        value: Option<&Timestamped<V>>,
        origin: &Origin,
    ) -> Result<(), Error> {
        if self.expiry.is_some() {
            let written = value.map_or(-1, |value| value.timestamp);
            self.times.store = self.times.store.max(origin.timestamp).max(written);
        }
        self.make_room(overlay, output, key, value.is_none(), origin)?;
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
        let number = self.options.number;
        let live = match &self.options.segments {
            None => Some(true),
            // There is nothing to delete; only the changelog hears of it.
            Some(segments) if segments.numbered && bytes.is_none() => None,
            Some(segments) => {
                let time = segments.time(key).unwrap_or(-1);
                self.times.store = self.times.store.max(time);
                let live = segments.segment(time) >= segments.first_kept(self.times.store);
                if live && self.cache.is_none() {
                    self.closing.note(segments, overlay, number, key, bytes.is_some());
                }
                Some(live)
            }
        };
        if self.expiry.is_some() {
            self.index_entry(overlay, key, value.map(|value| value.timestamp))?;
        }
        let bytes = value.map(|_| &*self.value_bytes);
        match live {
            Some(true) => overlay.write(number, key, bytes),
            Some(false) => self.expired += 1,
            None => {}
        }
        let key = &key[self.prefix()..];
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
        self.sweep(overlay, output, origin)
    }

    /// Cleans one dirty slot: writes it, and gives the change to forward if a node listens.
    pub(super) fn flush_slot(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        number: u32,
    ) -> Result<Option<(Origin, Record<K, Change<V>>)>, Error> {
        let Some(cache) = &mut self.cache else {
            return Ok(None);
        };
        let origin = cache.clean(number);
        let slot = cache.slot(number);
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
        let key = self.decode_key(key_bytes)?;
        let mut timestamp = new.as_ref().map_or(origin.timestamp, |new| new.timestamp);
        if let Some(segments) = self.options.segments.filter(|segments| segments.dates_results) {
            timestamp = segments.time(key_bytes).unwrap_or(timestamp);
        }
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
        if self.cache.is_none() && self.options.segments.is_none() {
            // Nobody asks what was there.
            self.encode_key(key)?;
            let value = value.filter(|value| !self.value_codec.is_null(&value.value));
            let key_bytes = std::mem::take(&mut self.key_bytes);
            let written = self.write(overlay, output, &key_bytes, value.as_ref(), origin);
            self.key_bytes = key_bytes;
            return written;
        }
        let value = Timestamped { value: value.map(|value| value.value), timestamp };
        match self.update(overlay, output, key, origin, false, |_| Ok(value)) {
            Ok(Updated::Cached { evict: true }) => {
                let oldest = self.cache.as_mut().map(WriteBackCache::take_oldest);
                for number in oldest.unwrap_or_default() {
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
