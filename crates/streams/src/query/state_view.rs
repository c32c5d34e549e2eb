use std::ops::Bound;

use millstream_broker::TaskId;
use millstream_state::{KeyRange, ScanOrder};

use crate::codec::{Data, StoredWindow, Wire};
use crate::error::Error;
use crate::processor::{Found, KeyValueStore, TaskState, Wanted};
use crate::record::{Timestamped, Windowed};
use crate::runtime::StreamThread;
use crate::topology::Topology;

/// What one stream thread answers.
pub(crate) enum Answer<T> {
    /// It has no task with the store.
    Elsewhere,
    Found(T),
}

/// A store of a topology, to be found in the tasks of a thread.
#[derive(Clone, Debug)]
pub(crate) struct StoreLookup {
    pub(crate) name: String,
    /// Its number in the topology.
    pub(crate) number: usize,
    /// The sub-topology whose tasks have it.
    sub_topology: Option<u32>,
    /// Whether every thread has the whole of it.
    pub(super) is_global: bool,
}

impl StoreLookup {
    /// Finds a store by its name.
    pub(crate) fn find(topology: &Topology, name: &str) -> Result<Self, Error> {
        let stores = &topology.inner.stores;
        match stores.iter().position(|store| store.name == name) {
            Some(number) => {
                let mut subs = topology.sub_topologies().iter();
                let sub = subs.find(|sub| sub.stores.contains(&number));
                let sub_topology = sub.map(|sub| sub.id);
                let is_global = sub.is_some_and(|sub| sub.is_global);
                Ok(Self { name: name.to_owned(), number, sub_topology, is_global })
            }
            None => {
                let names: Vec<_> = stores.iter().map(|store| store.name.as_str()).collect();
                let names = names.join(", ");
                Err(Error::Unavailable(format!(
                    "the topology has no store '{name}'; it has: {names}"
                )))
            }
        }
    }

    /// Works on the store in each task of `thread` that has it; an error while one is still being
    /// restored, since an answer would be incomplete.
    pub(crate) fn each<K: Data, V: Data, T>(
        &self,
        thread: &mut StreamThread,
        mut work: impl FnMut(StateView<'_, K, V>) -> Result<T, Error>,
    ) -> Result<Answer<Vec<T>>, Error> {
        if self.is_global {
            let Some(global) = thread.global_mut() else {
                return Err(Error::Unavailable(format!(
                    "the global store '{}' is being restored: ask again when the application is running",
                    self.name
                )));
            };
            let Some(number) = global.store_numbers[self.number] else {
                return Ok(Answer::Elsewhere);
            };
            return Ok(Answer::Found(vec![work(self.view(global, number)?)?]));
        }
        let has_it = |task: TaskId| Some(task.sub_topology) == self.sub_topology;
        if let Some((task, _)) = thread.tasks().find(|(task, running)| has_it(*task) && !running) {
            return Err(Error::Unavailable(format!(
                "store '{}' is being restored in task {task}: ask again when the application is running",
                self.name
            )));
        }
        let mut results = Vec::new();
        for task in thread.tasks_mut() {
            let Some(number) = task.stores.iter().position(|store| *store == self.number) else {
                continue;
            };
            results.push(work(self.view(&mut task.state, number)?)?);
        }
        if results.is_empty() { Ok(Answer::Elsewhere) } else { Ok(Answer::Found(results)) }
    }

    /// The entries of the store in all tasks of `thread`, as bytes.
    pub(crate) fn raw_entries(
        &self,
        thread: &mut StreamThread,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Error> {
        let mut entries = Vec::new();
        for task in thread.tasks_mut() {
            let Some(number) = task.stores.iter().position(|store| *store == self.number) else {
                continue;
            };
            let scan = task.state.overlay.scan(number, &KeyRange::all(), ScanOrder::Forward);
            for entry in scan {
                let (key, value) = entry?;
                entries.push((key.into_owned(), value.into_owned()));
            }
        }
        Ok(entries)
    }

    fn view<'a, K: Data, V: Data>(
        &self,
        state: &'a mut TaskState,
        number: usize,
    ) -> Result<StateView<'a, K, V>, Error> {
        let TaskState { stores, overlay, .. } = state;
        let store: Option<&mut KeyValueStore<K, V>> = stores[number].as_any_mut().downcast_mut();
        match store {
            Some(store) => Ok(StateView { store, overlay }),
            None => Err(Error::Unavailable(format!(
                "store '{}' holds other types than {} and {}: ask with the types it was made with",
                self.name,
                std::any::type_name::<K>(),
                std::any::type_name::<V>()
            ))),
        }
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
    overlay: &'a millstream_state::Overlay,
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
