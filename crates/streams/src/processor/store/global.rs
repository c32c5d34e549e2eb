use std::fmt;
use std::ops::RangeBounds;

use millstream_state::{KeyRange, Overlay, ScanOrder};

use super::{KeyValueStore, StoreHandle};
use crate::codec::Data;
use crate::error::Error;
use crate::processor::TaskState;
use crate::record::Timestamped;

/// A global store of a topology, with its types: what any processor names to read it. Cheap to
/// clone.
pub struct GlobalStoreHandle<K, V>(StoreHandle<K, V>);

impl<K, V> GlobalStoreHandle<K, V> {
    pub(crate) fn new(store: StoreHandle<K, V>) -> Self {
        Self(store)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// Its number in the topology.
    pub(crate) fn number(&self) -> usize {
        self.0.number
    }
}

impl<K, V> Clone for GlobalStoreHandle<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> fmt::Debug for GlobalStoreHandle<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GlobalStoreHandle").field(&self.name()).finish()
    }
}

/// A global store, lent to a processor while it works on a record. It can only be read: what is in
/// it comes from its topic alone.
pub struct GlobalStoreRef<'a, K: 'static, V: 'static> {
    store: &'a mut KeyValueStore<K, V>,
    overlay: &'a Overlay,
}

impl<'a, K: Data, V: Data> GlobalStoreRef<'a, K, V> {
    /// The store in the state of a thread's global task, by its number in the topology; `None` where
    /// the state has none of that number.
    pub(crate) fn find(global: &'a mut TaskState, number: usize) -> Option<Self> {
        let number = global.store_numbers.get(number).copied().flatten()?;
        let store = global.stores[number]
            .as_any_mut()
            .downcast_mut()
            .expect("the handle was made with the store, so the types agree");
        Some(Self { store, overlay: &global.overlay })
    }

    /// The value of `key`, if it has one.
    pub fn get(&mut self, key: &K) -> Result<Option<V>, Error> {
        Ok(self.get_timestamped(key)?.map(|entry| entry.value))
    }

    /// The value of `key` with its timestamp; in a plain store the timestamp is -1.
    pub fn get_timestamped(&mut self, key: &K) -> Result<Option<Timestamped<V>>, Error> {
        self.store.get(self.overlay, key)
    }

    /// The entries whose keys lie in `range`, in unsigned order of the keys' bytes.
    pub fn range(
        &self,
        range: impl RangeBounds<K>,
    ) -> Result<impl Iterator<Item = Result<(K, V), Error>>, Error> {
        self.scan(self.store.encoded_range(range)?)
    }

    /// All entries, in unsigned order of the keys' bytes.
    pub fn all(&self) -> Result<impl Iterator<Item = Result<(K, V), Error>>, Error> {
        self.scan(KeyRange::all())
    }

    fn scan(&self, range: KeyRange) -> Result<impl Iterator<Item = Result<(K, V), Error>>, Error> {
        let entries = self.store.scan(self.overlay, range, ScanOrder::Forward)?;
        Ok(entries.map(|entry| entry.map(|(key, value)| (key, value.value))))
    }
}

impl<K, V> fmt::Debug for GlobalStoreRef<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GlobalStoreRef").finish_non_exhaustive()
    }
}
