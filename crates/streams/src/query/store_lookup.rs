use millstream_broker::TaskId;
use millstream_state::{KeyRange, Overlay, ScanOrder};

use crate::error::Error;
use crate::processor::{StateStore, TaskState};
use crate::runtime::StreamThread;
use crate::topology::{ChangelogKind, Topology};

/// What one stream thread answers.
pub(crate) enum Answer<T> {
    /// It has no task with the store.
    Elsewhere,
    Found(T),
}

/// A store of one task, its types forgotten.
pub(crate) struct TaskStore<'a> {
    pub(super) store: &'a mut dyn StateStore,
    pub(super) overlay: &'a Overlay,
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
    pub(super) is_versioned: bool,
}

impl StoreLookup {
    /// Finds a store by its name.
    pub(crate) fn find(topology: &Topology, name: &str) -> Result<Self, Error> {
        let stores = &topology.inner.stores;
        match stores.iter().position(|store| store.name == name) {
            Some(number) => {
                let mut subs = topology.sub_topologies().iter();
                let sub = subs.find(|sub| sub.stores.contains(&number));
                Ok(Self {
                    name: name.to_owned(),
                    number,
                    sub_topology: sub.map(|sub| sub.id),
                    is_global: sub.is_some_and(|sub| sub.is_global),
                    is_versioned: matches!(stores[number].kind, ChangelogKind::Versions { .. }),
                })
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
    pub(super) fn each_store<T>(
        &self,
        thread: &mut StreamThread,
        mut work: impl FnMut(TaskStore<'_>) -> Result<T, Error>,
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
            return Ok(Answer::Found(vec![work(TaskStore::of(global, number))?]));
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
            results.push(work(TaskStore::of(&mut task.state, number))?);
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

    /// The error of a question with types that are not the store's.
    pub(super) fn other_types<K, V>(&self) -> Error {
        Error::Unavailable(format!(
            "store '{}' holds other types than {} and {}: ask with the types it was made with",
            self.name,
            std::any::type_name::<K>(),
            std::any::type_name::<V>()
        ))
    }
}

impl<'a> TaskStore<'a> {
    fn of(state: &'a mut TaskState, number: usize) -> Self {
        let TaskState { stores, overlay, .. } = state;
        Self { store: &mut *stores[number], overlay }
    }
}
