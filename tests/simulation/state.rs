//! Databases that outlive the crash of their instance: of each store what was on the disk. That is
//! some commit of the past, not before the last one that the engine waited for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use millstream::state::{
    CommitBatch, Database, KeyRange, RestoreBatch, Scan, ScanOrder, StateBackend, StateError,
    open_stores,
};

use crate::bug::Bug;
use crate::faulty::{Call, Fate, Site, crash};

/// What one store holds, and up to where in its changelog.
#[derive(Clone, Debug, Default)]
pub struct StoreData {
    pub entries: BTreeMap<Box<[u8]>, Box<[u8]>>,
    pub offset: Option<i64>,
}

/// One task's stores by name.
type Stores = BTreeMap<String, StoreData>;

#[derive(Clone, Debug, Default)]
struct TaskData {
    is_open: bool,
    /// What the next to open it finds.
    on_disk: Stores,
    /// What it held when it was closed, or its instance crashed.
    last: Stores,
}

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

    /// What the store of a task held when it was closed.
    pub fn store(&self, task: &str, store: &str) -> Option<StoreData> {
        let places = Half::ENDINGS.map(|ending| format!("{task}{ending}"));
        self.with(|tasks| {
            let mut closed =
                places.iter().filter_map(|place| tasks.get(place)).filter(|task| !task.is_open);
            closed.find_map(|task| task.last.get(store).cloned())
        })
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
        let halves = [0, 1].map(|number| Half { backend: self, number });
        if !self.at.sim.scenario.two_backends {
            return halves[0].open(task, stores);
        }
        let stores = stores.iter().enumerate();
        let stores = stores.map(|(number, name)| (*name, &halves[number % 2] as &dyn StateBackend));
        open_stores(task, &stores.collect::<Vec<_>>())
    }
}

/// One of two backends that share the disk of an instance.
#[derive(Debug)]
struct Half<'a> {
    backend: &'a KeptBackend,
    number: usize,
}

impl Half<'_> {
    /// What the one and the other put behind the names of tasks.
    const ENDINGS: [&'static str; 2] = ["", ":second"];
}

impl StateBackend for Half<'_> {
    fn open(&self, task: &str, stores: &[&str]) -> Result<Box<dyn Database>, StateError> {
        let KeptBackend { at, state } = self.backend;
        let task = &*format!("{task}{}", Self::ENDINGS[self.number]);
        let kept = at.sim.scenario.kept_state;
        let found = state.with(|tasks| {
            let data = tasks.entry(task.to_owned()).or_default();
            let was_open = std::mem::replace(&mut data.is_open, true);
            (!was_open).then(|| std::mem::take(&mut data.on_disk))
        });
        // A database on a real disk is locked while it is open.
        let mut data =
            found.ok_or_else(|| StateError::failed(task, "its database is open already"))?;
        if !kept {
            data.clear();
        }
        let stores = stores.iter().map(|name| {
            let data = data.remove(*name).unwrap_or_default();
            at.note(format_args!("opens {name} of {task} at {:?}", data.offset));
            OpenStore { name: (*name).to_owned(), on_disk: data.clone(), data, held_back: None }
        });
        Ok(Box::new(KeptDatabase {
            at: at.clone(),
            state: state.clone(),
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
    stores: Vec<OpenStore>,
}

struct OpenStore {
    name: String,
    data: StoreData,
    /// What a crash leaves of it.
    on_disk: StoreData,
    /// What was restored and cannot be read yet, and where it ends.
    held_back: Option<(Vec<Restored>, i64)>,
}

type Restored = (Box<[u8]>, Option<Box<[u8]>>);

impl OpenStore {
    fn take_in(&mut self) {
        let Some((records, offset)) = self.held_back.take() else { return };
        for (key, value) in records {
            match value {
                Some(value) => self.data.entries.insert(key, value),
                None => self.data.entries.remove(&key),
            };
        }
        self.data.offset = Some(offset);
    }
}

impl KeptDatabase {
    fn data(&self, store: usize) -> &StoreData {
        &self.stores[store].data
    }

    /// One store or the other is written to the disk in the background.
    fn flush_some(&mut self, chance: u64) {
        for store in &mut self.stores {
            if self.at.sim.with(|core| core.random.chance(chance)) {
                store.on_disk = store.data.clone();
            }
        }
    }

    fn write(&mut self, batch: &mut CommitBatch) {
        self.stores.iter_mut().for_each(OpenStore::take_in);
        let loses_data = self.at.strikes(Bug::LosesStoreData, 30);
        for (number, OpenStore { data, .. }) in self.stores.iter_mut().enumerate() {
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
            self.stores[store].data.offset = Some(offset);
        }
        batch.clear();
        self.flush_some(100);
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
        let held_back = self.stores[store].held_back.as_ref().map(|(_, offset)| *offset);
        held_back.or(self.data(store).offset).map(|offset| offset + later)
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

    fn restore(
        &mut self,
        store: usize,
        records: &mut RestoreBatch,
        offset: i64,
    ) -> Result<(), StateError> {
        let store = &mut self.stores[store];
        let (held_back, end) = store.held_back.get_or_insert_default();
        held_back.extend(records.iter().map(|(key, value)| (key.into(), value.map(Into::into))));
        *end = offset;
        records.clear();
        if self.at.sim.with(|core| core.random.chance(300)) {
            store.take_in();
        }
        self.flush_some(100);
        Ok(())
    }

    fn persist(&mut self, _now_ms: i64, wait: bool) -> Result<(), StateError> {
        self.stores.iter_mut().for_each(OpenStore::take_in);
        self.flush_some(if wait { 1000 } else { 500 });
        Ok(())
    }

    fn drop_segments(&mut self, store: usize, segment: u64) -> Result<(), StateError> {
        // Only in memory: after a crash they may be back.
        let early = u64::from(self.at.has(Bug::DropsSegmentEarly));
        let first = (segment + early).to_be_bytes();
        self.stores[store].data.entries.retain(|key, _| **key >= first[..]);
        Ok(())
    }

    fn reset(&mut self, store: usize) -> Result<(), StateError> {
        // A family of columns is dropped for good at once.
        let OpenStore { data, on_disk, held_back, .. } = &mut self.stores[store];
        (*data, *on_disk, *held_back) = (StoreData::default(), StoreData::default(), None);
        Ok(())
    }
}

impl Drop for KeptDatabase {
    fn drop(&mut self) {
        let mut closed = TaskData::default();
        for OpenStore { name, data, on_disk, .. } in std::mem::take(&mut self.stores) {
            closed.last.insert(name.clone(), data);
            closed.on_disk.insert(name, on_disk);
        }
        let task = std::mem::take(&mut self.task);
        self.state.with(|tasks| tasks.insert(task, closed));
    }
}
