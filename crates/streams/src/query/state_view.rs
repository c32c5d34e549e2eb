use std::ops::Bound;

use millstream_broker::TaskId;
use millstream_state::{KeyRange, ScanOrder};

use crate::codec::Data;
use crate::error::Error;
use crate::processor::{KeyValueStore, TaskState};
use crate::record::Timestamped;
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
    ) -> Result<Vec<(Vec<u8>, K, Timestamped<V>)>, Error> {
        let range = self.store.encoded_range((range.0.as_ref(), range.1.as_ref()))?;
        let entries = self.store.scan(self.overlay, range, ScanOrder::Forward)?;
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
