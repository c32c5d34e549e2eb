//! A state backend from outside of the crate, as users write them: sorted maps, which stay for as long as
//! a handle of it does.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use millstream::state::{
    CommitBatch, Database, KeyRange, RestoreBatch, Scan, ScanOrder, StateBackend, StateError,
    StateErrorKind,
};

/// What is kept of one store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) entries: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) offset: Option<i64>,
}

/// What is kept of all, and what was asked for.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// By task and store.
    pub(crate) stores: BTreeMap<(String, String), Kept>,
    open: BTreeSet<String>,
    pub(crate) commits: usize,
    pub(crate) restores: usize,
    pub(crate) cleanings: usize,
    /// How often it is still to say that a database is open elsewhere.
    pub(crate) busy: usize,
    pub(crate) broken: bool,
    pub(crate) panics: bool,
    /// How often it is to find its data damaged at a commit, without saying whose they are.
    pub(crate) damaged: usize,
    pub(crate) openings: usize,
}

/// A handle of the backend.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<Contents>>);

impl Shelf {
    pub(crate) fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap()
    }

    /// A new handle, as stores are given one.
    pub(crate) fn handle(&self) -> Arc<dyn StateBackend> {
        Arc::new(self.clone())
    }

    /// Names of the stores, each once.
    pub(crate) fn names(&self) -> Vec<String> {
        let contents = self.contents();
        let names: BTreeSet<_> = contents.stores.keys().map(|(_, store)| store.clone()).collect();
        names.into_iter().collect()
    }
}

impl StateBackend for Shelf {
    fn open(&self, task: &str, stores: &[&str]) -> Result<Box<dyn Database>, StateError> {
        assert!(!std::mem::take(&mut self.contents().panics), "the shelf has fallen over");
        let mut contents = self.contents();
        if contents.broken {
            return Err(StateError::failed(task, "the shelf is broken: mend it"));
        }
        if contents.busy > 0 || !contents.open.insert(task.to_owned()) {
            contents.busy = contents.busy.saturating_sub(1);
            let (task, reason) = (task.to_owned(), "it is open".to_owned());
            return Err(StateError { task, reason, kind: StateErrorKind::Busy });
        }
        contents.openings += 1;
        let stores = stores.iter().map(|store| {
            let name = (task.to_owned(), (*store).to_owned());
            let kept = contents.stores.entry(name.clone()).or_default().clone();
            (name, kept)
        });
        let stores = stores.collect();
        Ok(Box::new(OpenShelf { shelf: self.clone(), task: task.to_owned(), stores }))
    }

    fn place(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    fn clean(&self, _now: Duration, _delay: Duration) {
        self.contents().cleanings += 1;
    }
}

/// The stores of one task, as they were when it was opened and with what was committed since.
struct OpenShelf {
    shelf: Shelf,
    task: String,
    stores: Vec<((String, String), Kept)>,
}

impl OpenShelf {
    /// Keeps a store.
    fn keep(&self, store: usize) {
        let (name, kept) = &self.stores[store];
        self.shelf.contents().stores.insert(name.clone(), kept.clone());
    }

    fn write(&mut self, store: usize, key: &[u8], value: Option<&[u8]>) {
        let entries = &mut self.stores[store].1.entries;
        match value {
            Some(value) => entries.insert(key.to_vec(), value.to_vec()),
            None => entries.remove(key),
        };
    }
}

impl Drop for OpenShelf {
    fn drop(&mut self) {
        self.shelf.contents().open.remove(&self.task);
    }
}

impl Database for OpenShelf {
    fn get(&self, store: usize, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StateError> {
        Ok(self.stores[store].1.entries.get(key).map(|value| Cow::Borrowed(&**value)))
    }

    fn scan(&self, store: usize, range: &KeyRange, order: ScanOrder) -> Scan<'_> {
        let range = range.clone();
        let found = self.stores[store].1.entries.iter();
        let found = found.filter(move |(key, _)| range.contains(key));
        let lent = found.map(|(key, value)| Ok((Cow::Borrowed(&**key), Cow::Borrowed(&**value))));
        match order {
            ScanOrder::Forward => Box::new(lent),
            ScanOrder::Reverse => Box::new(lent.rev()),
        }
    }

    fn approximate_len(&self, store: usize) -> u64 {
        self.stores[store].1.entries.len() as u64
    }

    fn changelog_offset(&self, store: usize) -> Option<i64> {
        self.stores[store].1.offset
    }

    fn commit(&mut self, batch: &mut CommitBatch) -> Result<(), StateError> {
        let damaged = self.shelf.contents().damaged;
        if damaged > 0 {
            self.shelf.contents().damaged = damaged - 1;
            let (task, reason) = (String::new(), "worms".to_owned());
            return Err(StateError { task, reason, kind: StateErrorKind::Corrupt });
        }
        for store in 0..self.stores.len() {
            for (key, value) in batch.writes(store) {
                self.write(store, key, value);
            }
        }
        for (store, offset) in batch.offsets() {
            self.stores[store].1.offset = Some(offset);
        }
        batch.clear();
        (0..self.stores.len()).for_each(|store| self.keep(store));
        self.shelf.contents().commits += 1;
        Ok(())
    }

    fn restore(
        &mut self,
        store: usize,
        records: &mut RestoreBatch,
        offset: i64,
    ) -> Result<(), StateError> {
        for (key, value) in records.iter() {
            self.write(store, key, value);
        }
        self.stores[store].1.offset = Some(offset);
        self.keep(store);
        self.shelf.contents().restores += records.len();
        records.clear();
        Ok(())
    }

    fn drop_segments(&mut self, store: usize, segment: u64) -> Result<(), StateError> {
        let first = segment.to_be_bytes();
        self.stores[store].1.entries.retain(|key, _| key[..] >= first[..]);
        self.keep(store);
        Ok(())
    }

    fn reset(&mut self, store: usize) -> Result<(), StateError> {
        self.stores[store].1 = Kept::default();
        self.keep(store);
        Ok(())
    }
}
