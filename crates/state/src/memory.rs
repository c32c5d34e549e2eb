//! The database in memory: a hash table a store. An ordered index of the keys is kept from the first
//! scan on, so a store that is never scanned does not pay for order.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::entries::Entries;
use crate::{
    CommitBatch, Database, KeyRange, RestoreBatch, Scan, ScanOrder, StateBackend, StateError,
};

/// Opens databases in memory; they begin empty and are restored from their changelogs.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryBackend;

impl StateBackend for MemoryBackend {
    fn open(&self, _task: &str, stores: &[&str]) -> Result<Box<dyn Database>, StateError> {
        Ok(Box::new(MemoryDatabase::new(stores.len())))
    }
}

#[derive(Debug, Default)]
struct MemoryStore {
    entries: Entries,
    ordered: OnceCell<BTreeSet<Box<[u8]>>>,
    changelog_offset: Option<i64>,
}

impl MemoryStore {
    fn write(&mut self, key: &[u8], value: Option<&[u8]>) {
        let Some(value) = value else {
            if let Some(ordered) = self.ordered.get_mut() {
                ordered.remove(key);
            }
            self.entries.remove(key);
            return;
        };
        if self.entries.insert(key, value)
            && let Some(ordered) = self.ordered.get_mut()
        {
            ordered.insert(key.into());
        }
    }

    fn ordered(&self) -> &BTreeSet<Box<[u8]>> {
        self.ordered.get_or_init(|| self.entries.keys().map(Box::from).collect())
    }
}

/// A database in memory.
#[derive(Debug)]
pub struct MemoryDatabase {
    stores: Vec<MemoryStore>,
}

impl MemoryDatabase {
    /// An empty database of `stores` stores.
    pub fn new(stores: usize) -> Self {
        Self { stores: (0..stores).map(|_| MemoryStore::default()).collect() }
    }
}

impl Database for MemoryDatabase {
    fn get(&self, store: usize, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StateError> {
        Ok(self.stores[store].entries.get(key).map(|(_, value)| Cow::Borrowed(value)))
    }

    fn scan(&self, store: usize, range: &KeyRange, order: ScanOrder) -> Scan<'_> {
        let store = &self.stores[store];
        let Some(bounds) = range.bounds() else {
            return Box::new(std::iter::empty());
        };
        let keys = store.ordered().range::<[u8], _>(bounds);
        let entry = |key: &[u8]| {
            let (key, value) = store.entries.get(key)?;
            Some(Ok((Cow::Borrowed(key), Cow::Borrowed(value))))
        };
        match order {
            ScanOrder::Forward => Box::new(keys.filter_map(move |key| entry(key))),
            ScanOrder::Reverse => Box::new(keys.rev().filter_map(move |key| entry(key))),
        }
    }

    fn approximate_len(&self, store: usize) -> u64 {
        self.stores[store].entries.len() as u64
    }

    fn changelog_offset(&self, store: usize) -> Option<i64> {
        self.stores[store].changelog_offset
    }

    fn commit(&mut self, batch: &mut CommitBatch) -> Result<(), StateError> {
        for (number, store) in self.stores.iter_mut().enumerate() {
            for (key, value) in batch.writes(number) {
                store.write(key, value);
            }
        }
        for (store, offset) in batch.offsets() {
            self.stores[store].changelog_offset = Some(offset);
        }
        batch.clear();
        Ok(())
    }

    fn restore(
        &mut self,
        store: usize,
        records: &mut RestoreBatch,
        offset: i64,
    ) -> Result<(), StateError> {
        let store = &mut self.stores[store];
        for (key, value) in records.iter() {
            store.write(key, value);
        }
        store.changelog_offset = Some(offset);
        records.clear();
        Ok(())
    }

    fn reset(&mut self, store: usize) -> Result<(), StateError> {
        self.stores[store] = MemoryStore::default();
        Ok(())
    }
}
