//! The database in memory: a hash table a store. An ordered index of the keys is kept from the first
//! scan on, so a store that is never scanned does not pay for order.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::batch::first_bytes;
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

/// Entries that come and go together: those of a store, or of one of its segments.
#[derive(Debug, Default)]
struct Shelf {
    entries: Entries,
    ordered: OnceCell<BTreeSet<Box<[u8]>>>,
}

impl Shelf {
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

    fn scan(&self, bounds: (Bound<&[u8]>, Bound<&[u8]>), order: ScanOrder) -> Scan<'_> {
        let ordered = self.ordered.get_or_init(|| self.entries.keys().map(Box::from).collect());
        let keys = ordered.range::<[u8], _>(bounds);
        let entry = |key: &[u8]| {
            let (key, value) = self.entries.get(key)?;
            Some(Ok((Cow::Borrowed(key), Cow::Borrowed(value))))
        };
        match order {
            ScanOrder::Forward => Box::new(keys.filter_map(move |key| entry(key))),
            ScanOrder::Reverse => Box::new(keys.rev().filter_map(move |key| entry(key))),
        }
    }
}

#[derive(Debug, Default)]
struct MemoryStore {
    /// By the number of the segment; a store without segments has one.
    shelves: BTreeMap<u64, Shelf>,
    segmented: bool,
    changelog_offset: Option<i64>,
}

impl MemoryStore {
    /// The segment that a key lies in.
    fn segment(&self, key: &[u8]) -> u64 {
        if self.segmented { first_bytes(key) } else { 0 }
    }

    fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let (_, value) = self.shelves.get(&self.segment(key))?.entries.get(key)?;
        Some(value)
    }

    fn write(&mut self, key: &[u8], value: Option<&[u8]>) {
        let segment = self.segment(key);
        match value {
            Some(_) => self.shelves.entry(segment).or_default().write(key, value),
            None => {
                if let Some(shelf) = self.shelves.get_mut(&segment) {
                    shelf.write(key, None);
                }
            }
        }
    }

    fn scan<'a>(&'a self, range: &KeyRange, order: ScanOrder) -> Scan<'a> {
        let Some(bounds) = range.bounds() else {
            return Box::new(std::iter::empty());
        };
        let segment = |bound: Bound<&[u8]>, unbounded| match bound {
            Bound::Included(key) | Bound::Excluded(key) => self.segment(key),
            Bound::Unbounded => unbounded,
        };
        let segments = segment(bounds.0, 0)..=segment(bounds.1, u64::MAX);
        let shelves = self.shelves.range(segments).map(|(_, shelf)| shelf);
        if !self.segmented {
            let mut shelves = shelves;
            return match shelves.next() {
                Some(shelf) => shelf.scan(bounds, order),
                None => Box::new(std::iter::empty()),
            };
        }
        let range = range.clone();
        let scan = move |shelf: &'a Shelf| {
            let bounds = (range.start.as_ref(), range.end.as_ref());
            shelf.scan((bounds.0.map(Vec::as_slice), bounds.1.map(Vec::as_slice)), order)
        };
        match order {
            ScanOrder::Forward => Box::new(shelves.flat_map(scan)),
            ScanOrder::Reverse => Box::new(shelves.rev().flat_map(scan)),
        }
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
        Ok(self.stores[store].get(key).map(Cow::Borrowed))
    }

    fn scan(&self, store: usize, range: &KeyRange, order: ScanOrder) -> Scan<'_> {
        self.stores[store].scan(range, order)
    }

    fn approximate_len(&self, store: usize) -> u64 {
        let shelves = self.stores[store].shelves.values();
        shelves.map(|shelf| shelf.entries.len() as u64).sum()
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

    fn set_segmented(&mut self, store: usize) {
        self.stores[store].segmented = true;
    }

    fn drop_segments(&mut self, store: usize, segment: u64) -> Result<(), StateError> {
        let store = &mut self.stores[store];
        store.shelves = store.shelves.split_off(&segment);
        Ok(())
    }

    fn reset(&mut self, store: usize) -> Result<(), StateError> {
        let segmented = self.stores[store].segmented;
        self.stores[store] = MemoryStore { segmented, ..MemoryStore::default() };
        Ok(())
    }
}
