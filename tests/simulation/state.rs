//! Databases that outlive the crash of their instance: what was committed, and nothing else.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use millstream::state::{
    CommitBatch, Database, KeyRange, Scan, ScanOrder, StateBackend, StateError,
};

use crate::bug::Bug;
use crate::faulty::{Call, Fate, Site, crash};

/// What one store holds, and up to where in its changelog.
#[derive(Clone, Debug, Default)]
pub struct StoreData {
    pub entries: BTreeMap<Box<[u8]>, Box<[u8]>>,
    pub offset: Option<i64>,
}

/// One task's stores by name; `None` while the task has them open.
type TaskData = Option<BTreeMap<String, StoreData>>;

/// The disk of one instance.
#[derive(Clone, Debug, Default)]
pub struct KeptState {
    tasks: Arc<Mutex<BTreeMap<String, TaskData>>>,
}

impl KeptState {
    fn with<R>(&self, work: impl FnOnce(&mut BTreeMap<String, TaskData>) -> R) -> R {
        work(&mut self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Loses everything: the instance is moved to another machine.
    pub fn wipe(&self) {
        self.with(BTreeMap::clear);
    }

    /// The store of a task, if the task is closed.
    pub fn store(&self, task: &str, store: &str) -> Option<StoreData> {
        self.with(|tasks| tasks.get(task)?.as_ref()?.get(store).cloned())
    }
}

/// Opens the databases of one life of an instance.
pub struct KeptBackend {
    pub at: Site,
    pub state: KeptState,
}

impl fmt::Debug for KeptBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptBackend({:?})", self.at)
    }
}

impl StateBackend for KeptBackend {
    fn open(&self, task: &str, stores: &[&str]) -> Result<Box<dyn Database>, StateError> {
        let kept = self.at.sim.scenario.kept_state;
        let found = self.state.with(|tasks| {
            let data = tasks.insert(task.to_owned(), None);
            data.map_or(Some(BTreeMap::new()), |data| data)
        });
        // A database on a real disk is locked while it is open.
        let mut data = found.ok_or_else(|| StateError {
            task: task.to_owned(),
            reason: "its database is open already".to_owned(),
        })?;
        if !kept {
            data.clear();
        }
        let stores = stores.iter().map(|name| {
            let data = data.remove(*name).unwrap_or_default();
            self.at.note(format_args!("opens {name} of {task} at {:?}", data.offset));
            ((*name).to_owned(), data)
        });
        Ok(Box::new(KeptDatabase {
            at: self.at.clone(),
            state: self.state.clone(),
            task: task.to_owned(),
            stores: stores.collect(),
        }))
    }
}

/// The database of one task while it is open; given back when it is dropped.
struct KeptDatabase {
    at: Site,
    state: KeptState,
    task: String,
    stores: Vec<(String, StoreData)>,
}

impl KeptDatabase {
    fn data(&self, store: usize) -> &StoreData {
        &self.stores[store].1
    }

    fn write(&mut self, batch: &mut CommitBatch) {
        let loses_data = self.at.strikes(Bug::LosesStoreData, 30);
        for (number, (_, data)) in self.stores.iter_mut().enumerate() {
            for (key, value) in batch.writes(number) {
                match value {
                    _ if loses_data => {}
                    Some(value) => {
                        data.entries.insert(key.into(), value.into());
                    }
                    None => {
                        data.entries.remove(key);
                    }
                }
            }
        }
        for (store, offset) in batch.offsets() {
            self.stores[store].1.offset = Some(offset);
        }
        batch.clear();
    }
}

impl Database for KeptDatabase {
    fn get(&self, store: usize, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StateError> {
        let value = self.data(store).entries.get(key);
        Ok(value.map(|value| Cow::Borrowed(&**value)))
    }

    fn scan(&self, store: usize, range: &KeyRange, order: ScanOrder) -> Scan<'_> {
        let range = range.clone();
        let entries = self.data(store).entries.iter();
        let found = entries.filter(move |(key, _)| range.contains(key));
        let lent = found.map(|(key, value)| Ok((Cow::Borrowed(&**key), Cow::Borrowed(&**value))));
        match order {
            ScanOrder::Forward => Box::new(lent),
            ScanOrder::Reverse => Box::new(lent.rev()),
        }
    }

    fn approximate_len(&self, store: usize) -> u64 {
        self.data(store).entries.len() as u64
    }

    fn changelog_offset(&self, store: usize) -> Option<i64> {
        let later = i64::from(self.at.has(Bug::RestoresFromLater)) * 3;
        self.data(store).offset.map(|offset| offset + later)
    }

    fn commit(&mut self, batch: &mut CommitBatch) -> Result<(), StateError> {
        match self.at.fate(Call::StoreCommit) {
            Fate::CrashBefore => crash(),
            Fate::CrashAfter => {
                self.write(batch);
                crash()
            }
            _ => self.write(batch),
        }
        Ok(())
    }

    fn reset(&mut self, store: usize) -> Result<(), StateError> {
        self.stores[store].1 = StoreData::default();
        Ok(())
    }
}

impl Drop for KeptDatabase {
    fn drop(&mut self) {
        let stores = std::mem::take(&mut self.stores).into_iter().collect();
        let task = std::mem::take(&mut self.task);
        self.state.with(|tasks| tasks.insert(task, Some(stores)));
    }
}
