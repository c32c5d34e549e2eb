use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use millstream_state::Overlay;

use super::VersionedStore;
use crate::codec::Data;
use crate::error::Error;
use crate::processor::Output;
use crate::record::{VersionPut, VersionedRecord};

/// A versioned store of a topology, with its types: what a processor names to reach it. Cheap to
/// clone.
pub struct VersionedStoreHandle<K, V> {
    pub(crate) name: Arc<str>,
    /// Its number in the topology.
    pub(crate) number: usize,
    pub(crate) types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> VersionedStoreHandle<K, V> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<K, V> Clone for VersionedStoreHandle<K, V> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), number: self.number, types: PhantomData }
    }
}

impl<K, V> fmt::Debug for VersionedStoreHandle<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VersionedStoreHandle").field(&self.name).finish()
    }
}

/// A versioned store, lent to a processor while it works on a record (Kafka's
/// `VersionedKeyValueStore`). What is written is logged to the store's changelog and committed with
/// the record.
pub struct VersionedStoreRef<'a, K: 'static, V: 'static> {
    pub(crate) store: &'a mut VersionedStore<K, V>,
    pub(crate) overlay: &'a mut Overlay,
    pub(crate) output: &'a mut dyn Output,
}

impl<K: Data, V: Data> VersionedStoreRef<'_, K, V> {
    /// The latest version of `key`, if it has one.
    pub fn get(&self, key: &K) -> Result<Option<VersionedRecord<V>>, Error> {
        let latest = self.store.latest(self.overlay, key)?;
        Ok(latest.map(|latest| VersionedRecord {
            value: latest.value,
            valid_from: latest.timestamp,
            valid_to: None,
        }))
    }

    /// The version of `key` that is valid at `time`. When that is before the store's history nothing
    /// is found but a version that is still the latest.
    #[doc(alias = "get")]
    pub fn get_as_of(&self, key: &K, time: i64) -> Result<Option<VersionedRecord<V>>, Error> {
        self.store.as_of(self.overlay, key, time)
    }

    /// Puts a version in that is valid from `time` on, until the next one there is; one of the same
    /// time is replaced. A version older than the store's history is dropped and counted.
    pub fn put(&mut self, key: &K, value: V, time: i64) -> Result<VersionPut, Error> {
        self.store.put(self.overlay, self.output, key, Some(&value), time)
    }

    /// As [`put`](Self::put), without a value: `key` has none from `time` on, until the next version
    /// there is.
    pub fn put_delete(&mut self, key: &K, time: i64) -> Result<VersionPut, Error> {
        self.store.put(self.overlay, self.output, key, None, time)
    }

    /// Has `key` without a value from `time` on, until the next version there is; gives the version
    /// that was valid then.
    pub fn delete(&mut self, key: &K, time: i64) -> Result<Option<VersionedRecord<V>>, Error> {
        let before = self.get_as_of(key, time)?;
        self.store.put(self.overlay, self.output, key, None, time)?;
        Ok(before)
    }
}

impl<K, V> fmt::Debug for VersionedStoreRef<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VersionedStoreRef").finish_non_exhaustive()
    }
}
