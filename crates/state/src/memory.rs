//! The database in memory: a hash table a store, or a segment of one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;

use crate::batch::first_bytes;
use crate::entries::Entries;
use crate::{
    CommitBatch, Database, KeyRange, RestoreBatch, Scan, ScanOrder, SegmentedKeys, StateBackend,
    StateError, Visit,
};

/// Opens databases in memory; they begin empty and are restored from their changelogs.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryBackend;

impl StateBackend for MemoryBackend {
    fn open(&self, _task: &str, stores: &[&str]) -> Result<Box<dyn Database>, StateError> {
        Ok(Box::new(MemoryDatabase::new(stores.len())))
    }
}

/// Bytes of dropped segments that a commit gives back beside twice what it writes: so that much comes
/// back in a millisecond or two, and no more waits than what came in.
const SHED: usize = 8 * 1024 * 1024;

#[derive(Debug, Default)]
struct MemoryStore {
    /// By the number of the segment; a store without segments has one.
    segments: BTreeMap<u64, Entries>,
    /// Segments that were dropped, and whose memory is given back bit by bit.
    dropped: Vec<Entries>,
    segmented: Option<SegmentedKeys>,
    changelog_offset: Option<i64>,
}

impl MemoryStore {
    /// The segment that a key lies in.
    fn segment(&self, key: &[u8]) -> u64 {
        if self.segmented.is_some() { first_bytes(key) } else { 0 }
    }

    fn get(&self, key: &[u8]) -> Option<&[u8]> {
        let (_, value) = self.segments.get(&self.segment(key))?.get(key)?;
        Some(value)
    }

    fn write(&mut self, key: &[u8], value: Option<&[u8]>) {
        let segment = self.segment(key);
        match value {
            Some(value) => drop(self.segments.entry(segment).or_default().insert(key, value)),
            None => {
                if let Some(entries) = self.segments.get_mut(&segment) {
                    entries.remove(key);
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
        let numbers = segment(bounds.0, 0)..=segment(bounds.1, u64::MAX);
        let runs = self.segments.range(numbers).map(move |(_, entries)| {
            let run = entries.range(bounds);
            (entries, run)
        });
        let runs: Vec<_> = runs.collect();
        let entry = |entries: &'a Entries, at| {
            let (key, value) = entries.entry(at);
            Ok((Cow::Borrowed(key), Cow::Borrowed(value)))
        };
        let runs = runs.into_iter();
        match order {
            ScanOrder::Forward => {
                Box::new(runs.flat_map(move |(all, run)| run.map(move |at| entry(all, at))))
            }
            ScanOrder::Reverse => Box::new(
                runs.rev().flat_map(move |(all, run)| run.rev().map(move |at| entry(all, at))),
            ),
        }
    }

    /// Gives back about `most` bytes of dropped segments.
    fn shed(&mut self, most: usize) {
        let mut shed = 0;
        while shed < most
            && let Some(entries) = self.dropped.last_mut()
        {
            match entries.shed(most - shed) {
                0 => drop(self.dropped.pop()),
                bytes => shed += bytes,
            }
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

    fn visit(
        &self,
        store: usize,
        (start, end): (&[u8], &[u8]),
        order: ScanOrder,
        visit: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        let store = &self.stores[store];
        let suffix = store.segmented.map_or(0, |keys| keys.suffix);
        if let Some(entries) = store.segments.get(&store.segment(start))
            && start <= end
        {
            for at in entries.windows((start, end), suffix, order) {
                let (key, value) = entries.entry(at);
                if visit(key, value).is_break() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn approximate_len(&self, store: usize) -> u64 {
        let segments = self.stores[store].segments.values();
        segments.map(|entries| entries.len() as u64).sum()
    }

    fn changelog_offset(&self, store: usize) -> Option<i64> {
        self.stores[store].changelog_offset
    }

    fn commit(&mut self, batch: &mut CommitBatch) -> Result<(), StateError> {
        let shed = SHED + 2 * batch.size();
        for (number, store) in self.stores.iter_mut().enumerate() {
            store.shed(shed);
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

    fn set_segmented(&mut self, store: usize, keys: SegmentedKeys) {
        self.stores[store].segmented = Some(keys);
    }

    fn drop_segments(&mut self, store: usize, segment: u64) -> Result<(), StateError> {
        let store = &mut self.stores[store];
        let kept = store.segments.split_off(&segment);
        store.dropped.extend(std::mem::replace(&mut store.segments, kept).into_values());
        Ok(())
    }

    fn reset(&mut self, store: usize) -> Result<(), StateError> {
        let segmented = self.stores[store].segmented;
        self.stores[store] = MemoryStore { segmented, ..MemoryStore::default() };
        Ok(())
    }
}
