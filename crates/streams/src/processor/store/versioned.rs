use std::any::Any;
use std::sync::Arc;

use millstream_broker::{Headers, RecordBatch};
use millstream_state::{Overlay, RestoreBatch, StateError};

use super::segments::Segments;
use super::times::StoreTimes;
use super::versions::Versions;
use crate::codec::{Codec, CodecError, Data};
use crate::error::Error;
use crate::processor::{Output, StateStore, StoreOptions};
use crate::record::{Timestamped, VersionPut, VersionedRecord};

/// A store that keeps the versions of its keys for a time (Kafka's `VersionedKeyValueStore`,
/// KIP-889). It is never cached: what is written is in the overlay and in the changelog at once.
pub(crate) struct VersionedStore<K: 'static, V: 'static> {
    options: StoreOptions,
    versions: Versions,
    key: Arc<dyn Codec<K>>,
    value: Arc<dyn Codec<V>>,
    times: StoreTimes,
    /// Writes that were too old.
    expired: u64,
    dropped_before: u64,
}

impl<K: Data, V: Data> VersionedStore<K, V> {
    pub(crate) fn new(
        options: StoreOptions,
        segments: Segments,
        key: Arc<dyn Codec<K>>,
        value: Arc<dyn Codec<V>>,
    ) -> Self {
        let versions = Versions { store: options.number, segments };
        let times = StoreTimes::default();
        Self { options, versions, key, value, times, expired: 0, dropped_before: 0 }
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

    fn encoded_key(&self, key: &K) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let encoded = if self.key.is_null(key) {
            Err(CodecError::new("a store has no place for a null key"))
        } else {
            self.key.encode(key, &mut bytes)
        };
        encoded.map_err(|cause| self.encode_error(&cause))?;
        Ok(bytes)
    }

    fn decode(&self, bytes: &[u8]) -> Result<V, Error> {
        self.value.decode(bytes).map_err(|cause| self.format_error(cause))
    }

    /// Whether changes carry the old value.
    pub(crate) fn sends_old(&self) -> bool {
        self.options.sends_old
    }

    /// A value that the format writes as null is no value.
    pub(crate) fn present(&self, value: Option<V>) -> Option<V> {
        value.filter(|value| !self.value.is_null(value))
    }

    /// The latest version.
    pub(crate) fn latest(
        &self,
        overlay: &Overlay,
        key: &K,
    ) -> Result<Option<Timestamped<V>>, Error> {
        let Some((timestamp, bytes)) = self.versions.latest(overlay, &self.encoded_key(key)?)?
        else {
            return Ok(None);
        };
        Ok(Some(Timestamped { value: self.decode(&bytes)?, timestamp }))
    }

    /// The version that is valid at `time`; of what is older than the history only a version that is
    /// still the latest is found.
    pub(crate) fn as_of(
        &self,
        overlay: &Overlay,
        key: &K,
        time: i64,
    ) -> Result<Option<VersionedRecord<V>>, Error> {
        let key = self.encoded_key(key)?;
        if let Some((valid_from, bytes)) = self.versions.latest(overlay, &key)?
            && valid_from <= time
        {
            return Ok(Some(VersionedRecord {
                value: self.decode(&bytes)?,
                valid_from,
                valid_to: None,
            }));
        }
        let newest = self.newest(overlay)?;
        if time < self.first_seen(newest) {
            return Ok(None);
        }
        let (found, _) = self.versions.find(overlay, &key, time, newest)?;
        let Some(row) = found else { return Ok(None) };
        let (valid_from, valid_to) = (row.from, Some(row.to));
        let value = row.value.map(|bytes| self.decode(&bytes)).transpose()?;
        Ok(value.map(|value| VersionedRecord { value, valid_from, valid_to }))
    }

    /// The versions of `key` that are valid at some time from `from` to `to`, both included, the earliest
    /// first: those within the history, and the latest however old it is.
    pub(crate) fn versions_in(
        &self,
        overlay: &Overlay,
        key: &K,
        (from, to): (i64, i64),
    ) -> Result<Vec<VersionedRecord<V>>, Error> {
        let key = self.encoded_key(key)?;
        let newest = self.newest(overlay)?;
        let since = from.max(self.first_seen(newest));
        let rows = self.versions.between(overlay, &key, (since, to), newest)?.into_iter();
        let mut found = Vec::new();
        for (row, value) in rows.filter_map(|mut row| row.value.take().map(|value| (row, value))) {
            let (value, valid_from, valid_to) = (self.decode(&value)?, row.from, Some(row.to));
            found.push(VersionedRecord { value, valid_from, valid_to });
        }
        if let Some((valid_from, bytes)) = self.versions.latest(overlay, &key)?
            && valid_from <= to
            && from <= to
        {
            found.push(VersionedRecord { value: self.decode(&bytes)?, valid_from, valid_to: None });
        }
        Ok(found)
    }

    /// The highest time there is. After a restart the database may know of more than the store.
    fn newest(&self, overlay: &Overlay) -> Result<i64, StateError> {
        match self.times.store {
            i64::MIN..0 => Ok(self.versions.newest(overlay)?.unwrap_or(-1)),
            known => Ok(known),
        }
    }

    /// The first time that a read sees at a stream time, and from which on a version is taken.
    fn first_seen(&self, newest: i64) -> i64 {
        newest.saturating_sub(self.versions.segments.retention)
    }

    /// Puts a version in, or a delete. One that is too old goes to the changelog and nowhere else.
    pub(crate) fn put(
        &mut self,
        overlay: &mut Overlay,
        output: &mut dyn Output,
        key: &K,
        value: Option<&V>,
        timestamp: i64,
    ) -> Result<VersionPut, Error> {
        let key = self.encoded_key(key)?;
        let mut bytes = Vec::new();
        let value = value.filter(|value| !self.value.is_null(value));
        let encoded = value.map_or(Ok(()), |value| self.value.encode(value, &mut bytes));
        encoded.map_err(|cause| self.encode_error(&cause))?;
        let value = value.map(|_| bytes.as_slice());
        let put = self.put_bytes(overlay, &key, value, timestamp)?;
        if put == VersionPut::TooOld {
            self.expired += 1;
            tracing::warn!(
                "store '{}' drops a version that is older than its history",
                self.options.name
            );
        }
        if let Some(changelog) = self.options.changelog {
            let buffer = output.buffer(changelog.topic, changelog.partition);
            buffer.push(timestamp, Some(&key), value, &Headers::new());
        }
        Ok(put)
    }

    fn put_bytes(
        &mut self,
        overlay: &mut Overlay,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: i64,
    ) -> Result<VersionPut, StateError> {
        self.times.store = self.newest(overlay)?;
        if timestamp < self.first_seen(self.times.store) {
            return Ok(VersionPut::TooOld);
        }
        if timestamp > self.times.store {
            self.times.store = timestamp;
            self.versions.note_newest(overlay, timestamp);
        }
        let next = self.versions.put(overlay, key, value, timestamp, self.times.store)?;
        Ok(next.map_or(VersionPut::Latest, VersionPut::Until))
    }
}

impl<K: Data, V: Data> StateStore for VersionedStore<K, V> {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn times(&mut self) -> (Arc<str>, &mut StoreTimes) {
        (self.options.name.clone(), &mut self.times)
    }

    fn take_expired(&mut self) -> u64 {
        std::mem::take(&mut self.expired)
    }

    fn expire(&mut self, overlay: &mut Overlay) -> Result<(), StateError> {
        let first = self.versions.segments.first_kept(self.times.store);
        if first > self.dropped_before {
            overlay.drop_segments(self.options.number, first)?;
            self.dropped_before = first;
        }
        Ok(())
    }

    fn restore(&mut self, _records: &RecordBatch, _into: &mut RestoreBatch) -> Option<i64> {
        None
    }

    fn replay(
        &mut self,
        records: &RecordBatch,
        overlay: &mut Overlay,
    ) -> Result<Option<i64>, StateError> {
        let mut next = None;
        for record in records.iter() {
            next = Some(record.offset + 1);
            if let Some(key) = record.key {
                self.put_bytes(overlay, key, record.value, record.timestamp)?;
            }
        }
        Ok(next)
    }

    fn versions(&self, overlay: &Overlay) -> Result<Option<Vec<VersionBytes>>, StateError> {
        let all = self.versions.all(overlay, self.times.store)?.into_iter();
        let all = all.filter_map(|(key, row)| {
            let to = Some(row.to).filter(|to| *to != i64::MAX);
            Some((key, VersionedRecord { value: row.value?, valid_from: row.from, valid_to: to }))
        });
        Ok(Some(all.collect()))
    }
}

/// A key and a version of it, as bytes.
pub(crate) type VersionBytes = (Vec<u8>, VersionedRecord<Vec<u8>>);
