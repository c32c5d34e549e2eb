use std::fmt;
use std::ops::RangeBounds;

use millstream_state::{Overlay, ScanOrder};

use super::KeyValueStore;
use crate::codec::Data;
use crate::error::Error;
use crate::record::Timestamped;

/// A global store, lent to a processor to be read.
pub struct GlobalStoreRef<'a, K: 'static, V: 'static> {
    pub(crate) store: &'a mut KeyValueStore<K, V>,
    pub(crate) overlay: &'a Overlay,
}

impl<K: Data, V: Data> GlobalStoreRef<'_, K, V> {
    /// The value of `key`, if it has one.
    pub fn get(&mut self, key: &K) -> Result<Option<V>, Error> {
        Ok(self.get_timestamped(key)?.map(|entry| entry.value))
    }

    /// The value of `key` with its timestamp.
    pub fn get_timestamped(&mut self, key: &K) -> Result<Option<Timestamped<V>>, Error> {
        self.store.get(self.overlay, key)
    }

    /// The entries whose keys lie in `range`, in unsigned order of the keys' bytes.
    pub fn range(
        &self,
        range: impl RangeBounds<K>,
    ) -> Result<impl Iterator<Item = Result<(K, V), Error>>, Error> {
        let range = self.store.encoded_range(range)?;
        let entries = self.store.scan(self.overlay, range, ScanOrder::Forward)?;
        Ok(entries.map(|entry| entry.map(|(key, value)| (key, value.value))))
    }
}

impl<K, V> fmt::Debug for GlobalStoreRef<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GlobalStoreRef").finish_non_exhaustive()
    }
}
