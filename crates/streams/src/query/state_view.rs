use std::ops::Bound;

use millstream_state::{KeyRange, Overlay, ScanOrder};

use super::{Answer, StoreLookup, TaskStore};
use crate::codec::{Data, StoredWindow, Wire};
use crate::error::Error;
use crate::processor::{Found, KeyValueStore, Wanted};
use crate::record::{Timestamped, Windowed};
use crate::runtime::StreamThread;

impl StoreLookup {
    /// Works on the store in each task of `thread` that has it; an error while one is still being
    /// restored, since an answer would be incomplete.
    pub(crate) fn each<K: Data, V: Data, T>(
        &self,
        thread: &mut StreamThread,
        mut work: impl FnMut(StateView<'_, K, V>) -> Result<T, Error>,
    ) -> Result<Answer<Vec<T>>, Error> {
        self.each_store(thread, |TaskStore { store, overlay }| {
            let store: Option<&mut KeyValueStore<K, V>> = store.as_any_mut().downcast_mut();
            match store {
                Some(store) => work(StateView { store, overlay }),
                None if self.is_versioned => Err(Error::Unavailable(format!(
                    "store '{}' keeps versions: ask it with `versioned_store`, and a test driver with `versions`",
                    self.name
                ))),
                None => Err(self.other_types::<K, V>()),
            }
        })
    }
}

/// Entries, each with its key's bytes to merge by.
pub(crate) type Entries<K, V> = Vec<(Vec<u8>, K, Timestamped<V>)>;

/// Puts together what the tasks gave, in byte order of the keys or against it.
pub(crate) fn merged<K, V>(
    parts: impl IntoIterator<Item = Entries<K, V>>,
    order: ScanOrder,
) -> impl Iterator<Item = (K, Timestamped<V>)> {
    let mut entries: Vec<_> = parts.into_iter().flatten().collect();
    entries.sort_by(|a, b| match order {
        ScanOrder::Forward => a.0.cmp(&b.0),
        ScanOrder::Reverse => b.0.cmp(&a.0),
    });
    entries.into_iter().map(|(_, key, value)| (key, value))
}

/// A store of one task, to be read: what was processed last is seen, committed or not.
pub(crate) struct StateView<'a, K: 'static, V: 'static> {
    store: &'a mut KeyValueStore<K, V>,
    overlay: &'a Overlay,
}

impl<K: Data, V: Data> StateView<'_, K, V> {
    /// The value of `key`.
    pub(crate) fn get(&mut self, key: &K) -> Result<Option<Timestamped<V>>, Error> {
        self.store.get(self.overlay, key)
    }

    /// The entries of a range, each with its key's bytes to merge by.
    pub(crate) fn range(
        &self,
        range: &(Bound<K>, Bound<K>),
        order: ScanOrder,
    ) -> Result<Entries<K, V>, Error> {
        self.scan(self.store.encoded_range((range.0.as_ref(), range.1.as_ref()))?, order)
    }

    /// The entries whose keys' bytes begin with those of `prefix`.
    pub(crate) fn prefix<P: Wire>(&self, prefix: &P) -> Result<Entries<K, V>, Error> {
        self.scan(self.store.prefix_range(prefix)?, ScanOrder::Forward)
    }

    fn scan(&self, range: KeyRange, order: ScanOrder) -> Result<Entries<K, V>, Error> {
        let entries = self.store.scan(self.overlay, range, order)?;
        entries
            .map(|entry| {
                let (key, value) = entry?;
                Ok((self.store.encoded_key(&key)?, key, value))
            })
            .collect()
    }

    /// About how many entries there are.
    pub(crate) fn approximate_len(&self) -> u64 {
        self.store.approximate_len(self.overlay)
    }
}

impl<K: Data, W: StoredWindow, V: Data> StateView<'_, Windowed<K, W>, V> {
    /// The windows of a key whose times lie in `from..=to`.
    pub(crate) fn fetch(
        &mut self,
        key: &K,
        (from, to): (i64, i64),
        order: ScanOrder,
    ) -> Result<Vec<Found<W, V>>, Error> {
        let any = Windowed { key: key.clone(), window: W::any_at(0) };
        self.store.fetch(self.overlay, &any, (from, to), order, |_| Wanted::Yes)
    }

    /// The windows of all keys whose times lie in `from..=to`, each with its time and its key's bytes
    /// to merge by.
    pub(crate) fn fetch_all(&self, (from, to): (i64, i64)) -> Result<AllWindows<K, W, V>, Error> {
        let found = self.store.fetch_all(self.overlay, from, to)?.into_iter();
        let placed = found.map(|(key, value)| {
            Ok(((key.window.time(), self.store.encoded_key(&key)?), key, value))
        });
        placed.collect()
    }
}

/// Windows of all keys, each with its time and its key's bytes.
pub(crate) type AllWindows<K, W, V> = Vec<((i64, Vec<u8>), Windowed<K, W>, Timestamped<V>)>;

/// Puts together what the tasks gave, in order of the windows' times and then of their keys.
pub(crate) fn merged_windows<K, W, V>(
    parts: impl IntoIterator<Item = AllWindows<K, W, V>>,
) -> Vec<(Windowed<K, W>, V)> {
    let mut windows: Vec<_> = parts.into_iter().flatten().collect();
    windows.sort_by(|a, b| a.0.cmp(&b.0));
    windows.into_iter().map(|(_, key, value)| (key, value.value)).collect()
}
