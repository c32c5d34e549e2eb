use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;
use std::sync::Arc;

use millstream_state::{KeyRange, Overlay, ScanOrder};

use super::KeyValueStore;
use crate::codec::{Data, Wire};
use crate::error::Error;
use crate::processor::{Origin, Output};
use crate::record::Timestamped;

/// A state store of a topology, with its types: what a processor names to reach it. Cheap to clone.
pub struct StoreHandle<K, V> {
    pub(crate) name: Arc<str>,
    /// Its number in the topology.
    pub(crate) number: usize,
    pub(crate) types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> StoreHandle<K, V> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<K, V> Clone for StoreHandle<K, V> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), number: self.number, types: PhantomData }
    }
}

impl<K, V> fmt::Debug for StoreHandle<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreHandle").field(&self.name).finish()
    }
}

/// A key-value store, lent to a processor while it works on a record. What is written is logged to
/// the store's changelog and committed with the record.
pub struct StoreRef<'a, K: 'static, V: 'static> {
    pub(crate) store: &'a mut KeyValueStore<K, V>,
    pub(crate) overlay: &'a mut Overlay,
    pub(crate) output: &'a mut dyn Output,
    pub(crate) origin: Origin,
}

impl<K: Data, V: Data> StoreRef<'_, K, V> {
    /// The value of `key`, if it has one.
    pub fn get(&mut self, key: &K) -> Result<Option<V>, Error> {
        Ok(self.get_timestamped(key)?.map(|entry| entry.value))
    }

    /// The value of `key` with its timestamp; in a plain store the timestamp is -1 or that of the
    /// last write.
    pub fn get_timestamped(&mut self, key: &K) -> Result<Option<Timestamped<V>>, Error> {
        self.store.get(self.overlay, key)
    }

    /// Sets the value of `key`, as of the record being processed.
    pub fn put(&mut self, key: &K, value: V) -> Result<(), Error> {
        let timestamp = self.origin.timestamp;
        self.put_timestamped(key, Timestamped { value, timestamp })
    }

    /// Sets the value of `key` with a timestamp of its own.
    pub fn put_timestamped(&mut self, key: &K, value: Timestamped<V>) -> Result<(), Error> {
        self.store.put(self.overlay, self.output, key, Some(value), &self.origin)
    }

    /// Sets the value of `key` unless it has one; gives the one it has.
    #[doc(alias = "putIfAbsent")]
    pub fn put_if_absent(&mut self, key: &K, value: V) -> Result<Option<V>, Error> {
        let present = self.get(key)?;
        if present.is_none() {
            self.put(key, value)?;
        }
        Ok(present)
    }

    /// Deletes `key` and gives the value it had.
    pub fn delete(&mut self, key: &K) -> Result<Option<V>, Error> {
        let present = self.get(key)?;
        self.store.put(self.overlay, self.output, key, None, &self.origin)?;
        Ok(present)
    }

    /// The entries whose keys lie in `range`, in unsigned order of the keys' bytes.
    pub fn range(
        &self,
        range: impl RangeBounds<K>,
    ) -> Result<impl Iterator<Item = Result<(K, V), Error>>, Error> {
        let range = self.store.encoded_range(range)?;
        self.scan(range, ScanOrder::Forward)
    }

    /// As [`range`](Self::range), backwards.
    #[doc(alias = "reverseRange")]
    pub fn range_reverse(
        &self,
        range: impl RangeBounds<K>,
    ) -> Result<impl Iterator<Item = Result<(K, V), Error>>, Error> {
        let range = self.store.encoded_range(range)?;
        self.scan(range, ScanOrder::Reverse)
    }

    /// The entries whose keys' bytes begin with those of `prefix`, in unsigned order of the keys' bytes.
    /// An error for a store of windows.
    #[doc(alias = "prefixScan")]
    pub fn prefix<P: Wire>(
        &self,
        prefix: &P,
    ) -> Result<impl Iterator<Item = Result<(K, V), Error>>, Error> {
        let range = self.store.prefix_range(prefix)?;
        self.scan(range, ScanOrder::Forward)
    }

    /// All entries, in unsigned order of the keys' bytes.
    pub fn all(&self) -> Result<impl Iterator<Item = Result<(K, V), Error>>, Error> {
        self.scan(KeyRange::all(), ScanOrder::Forward)
    }

    /// All entries with their timestamps, in unsigned order of the keys' bytes.
    pub fn all_timestamped(
        &self,
    ) -> Result<impl Iterator<Item = Result<(K, Timestamped<V>), Error>>, Error> {
        self.store.scan(self.overlay, KeyRange::all(), ScanOrder::Forward)
    }

    /// About how many entries there are.
    #[doc(alias = "approximateNumEntries")]
    pub fn approximate_len(&self) -> u64 {
        self.store.approximate_len(self.overlay)
    }

    fn scan(
        &self,
        range: KeyRange,
        order: ScanOrder,
    ) -> Result<impl Iterator<Item = Result<(K, V), Error>>, Error> {
        let entries = self.store.scan(self.overlay, range, order)?;
        Ok(entries.map(|entry| entry.map(|(key, value)| (key, value.value))))
    }
}

impl<K, V> fmt::Debug for StoreRef<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreRef").finish_non_exhaustive()
    }
}
