use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::fs;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;

use rocksdb::{ColumnFamily, DB, DEFAULT_COLUMN_FAMILY_NAME, FlushOptions, ReadOptions};

use super::backend::OpenTask;
use super::commit::{commit, write_options};
use super::failure::failure;
use super::layout::{PREFIX_OPTION, USED_KEY, entry_key, entry_range};
use super::newest::{KnownKeys, NewestTimes};
use super::open::CONDEMNED;
use super::restore::HeldBack;
use super::scan::{scan, visit};
use crate::batch::first_bytes;
use crate::{
    CommitBatch, Database, KeyRange, RestoreBatch, Scan, ScanOrder, SegmentedKeys, StateError,
    Visit,
};

/// A store of an open database.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) name: String,
    /// Up to where in its changelog it reaches, with what is held back.
    pub(super) offset: Option<i64>,
    /// Whether something was written that is in memory only.
    pub(super) unflushed: bool,
    pub(super) held_back: HeldBack,
    /// Where it keeps windows, what its keys look like.
    segmented: Option<SegmentedKeys>,
    /// Beginnings of keys outside of these are not in the database: a look there costs nothing.
    held: Option<(u64, u64)>,
    /// The time of its latest window, until the first visit.
    latest: i64,
    /// The newest window of each key, from the first visit on.
    newest: OnceCell<NewestTimes>,
}

impl Store {
    pub(super) fn new(name: &str, offset: Option<i64>, is_new: bool) -> Self {
        Self {
            name: name.to_owned(),
            offset,
            unflushed: false,
            held_back: HeldBack::default(),
            segmented: None,
            held: (!is_new).then_some((0, u64::MAX)),
            latest: -1,
            newest: OnceCell::new(),
        }
    }

    /// Takes note of a key that comes into the database.
    pub(super) fn note(&mut self, key: &[u8]) {
        let beginning = first_bytes(key);
        let (first, last) = self.held.get_or_insert((beginning, beginning));
        (*first, *last) = ((*first).min(beginning), (*last).max(beginning));
        match self.newest.get_mut() {
            Some(newest) => newest.note(key),
            None => {
                let time = self.segmented.and_then(|keys| keys.kept_time(key));
                self.latest = time.map_or(self.latest, |time| self.latest.max(time));
            }
        }
    }

    /// Whether there may be windows from `start` on, of its key and in its segment.
    pub(super) fn holds(&self, start: &[u8], all: &Arc<KnownKeys>) -> bool {
        let segment = first_bytes(start);
        self.held.is_some_and(|(first, last)| (first..=last).contains(&segment))
            && self.segmented.is_none_or(|keys| self.latest(start, all) >= keys.time(start))
    }

    /// A time that no window of a key is later than.
    fn latest(&self, window: &[u8], all: &Arc<KnownKeys>) -> i64 {
        let Some(keys) = self.segmented.filter(|keys| keys.suffix > 0) else { return i64::MAX };
        // What came in before it is asked for the first time is not known.
        let newest = || NewestTimes::new(keys, self.latest, all.clone());
        self.newest.get_or_init(newest).latest(window)
    }
}

/// The database of a task.
pub(super) struct RocksDatabase {
    pub(super) db: DB,
    pub(super) stores: Vec<Store>,
    used_at: Option<i64>,
    pub(super) path: PathBuf,
    key: RefCell<Vec<u8>>,
    /// Of single reads, kept as making them costs an allocation.
    read: ReadOptions,
    /// Number of the next file of a restore.
    pub(super) next_file: u64,
    /// After the database itself: whoever opens it next finds it closed.
    pub(super) open: OpenTask,
}

impl RocksDatabase {
    pub(super) fn new(
        db: DB,
        stores: Vec<Store>,
        used_at: Option<i64>,
        path: PathBuf,
        open: OpenTask,
    ) -> Self {
        let (key, read) = (RefCell::default(), ReadOptions::default());
        Self { db, stores, used_at, path, key, read, next_file: 0, open }
    }

    /// The column family of a store.
    pub(super) fn family(&self, store: usize) -> Result<&ColumnFamily, StateError> {
        let name = &self.stores[store].name;
        self.db.cf_handle(name).ok_or_else(|| {
            StateError::failed(&self.open.task, format!("store '{name}' is not in its database"))
        })
    }

    /// The error of this database. Damage is noted, so that the next to open it sets it aside.
    #[cold]
    pub(super) fn failed(&self, error: &rocksdb::Error) -> StateError {
        let error = failure(&self.open.task, &self.path, error);
        if error.is_corrupt()
            && let Err(unnoted) = fs::write(self.path.join(CONDEMNED), &error.reason)
        {
            tracing::warn!("{error}: this cannot be noted beside it: {unnoted}");
        }
        error
    }

    /// Flushes what is in memory only, in the background unless it is waited for.
    fn flush(&mut self, wait: bool) -> Result<(), rocksdb::Error> {
        let mut options = FlushOptions::default();
        options.set_wait(wait);
        // A flush that is not waited for may fail later; RocksDB then refuses the next write.
        let names = self.stores.iter().filter(|store| store.unflushed).map(|store| &*store.name);
        for name in names.chain([DEFAULT_COLUMN_FAMILY_NAME]) {
            if let Some(family) = self.db.cf_handle(name) {
                self.db.flush_cf_opt(family, &options)?;
            }
        }
        self.stores.iter_mut().for_each(|store| store.unflushed = false);
        Ok(())
    }
}

impl Database for RocksDatabase {
    fn get(&self, store: usize, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StateError> {
        let mut buffer = self.key.borrow_mut();
        let key = entry_key(&mut buffer, key);
        let found = self.db.get_pinned_cf_opt(self.family(store)?, key, &self.read);
        let found = found.map_err(|error| self.failed(&error))?;
        Ok(found.map(|value| Cow::Owned(value.to_vec())))
    }

    fn scan(&self, store: usize, range: &KeyRange, order: ScanOrder) -> Scan<'_> {
        scan(self, store, range, order)
    }

    fn visit(
        &self,
        store: usize,
        range: (&[u8], &[u8]),
        order: ScanOrder,
        visitor: &mut Visit<'_>,
    ) -> Result<(), StateError> {
        visit(self, store, range, order, visitor)
    }

    fn latest(&self, store: usize, window: &[u8]) -> i64 {
        self.stores[store].latest(window, &self.open.shared.memory.known_keys)
    }

    fn approximate_len(&self, store: usize) -> u64 {
        let Ok(family) = self.family(store) else { return 0 };
        let keys = self.db.property_int_value_cf(family, "rocksdb.estimate-num-keys");
        // One of the keys is the changelog offset.
        keys.ok().flatten().map_or(0, |keys| keys.saturating_sub(1))
    }

    fn changelog_offset(&self, store: usize) -> Option<i64> {
        self.stores[store].offset
    }

    fn commit(&mut self, batch: &mut CommitBatch) -> Result<(), StateError> {
        self.write_held_back()?;
        commit(self, batch)
    }

    fn restore(
        &mut self,
        store: usize,
        records: &mut RestoreBatch,
        offset: i64,
    ) -> Result<(), StateError> {
        self.hold_back(store, records, offset)
    }

    fn persist(&mut self, now_ms: i64, wait: bool) -> Result<(), StateError> {
        self.write_held_back()?;
        let used = self.db.put_opt(USED_KEY, now_ms.to_be_bytes(), &write_options());
        used.and_then(|()| self.flush(wait)).map_err(|error| self.failed(&error))?;
        self.used_at = Some(now_ms);
        Ok(())
    }

    fn used_at(&self) -> Option<i64> {
        self.used_at
    }

    fn set_segmented(&mut self, store: usize, keys: SegmentedKeys) {
        let option = [("prefix_extractor", PREFIX_OPTION)];
        let set = self.family(store).map(|family| self.db.set_options_cf(family, &option));
        if let Ok(Err(error)) = set {
            tracing::warn!("state of task {}: scans will be slow: {error}", self.open.task);
        }
        let last = self.scan(store, &KeyRange::all(), ScanOrder::Reverse).next();
        // What cannot be read now is found out by whoever needs it.
        let last = last.map(|last| last.map_or(u64::MAX, |(key, _)| first_bytes(&key)));
        let store = &mut self.stores[store];
        store.segmented = Some(keys);
        store.held = last.map(|last| (0, last));
        store.latest = last.map_or(-1, |last| keys.segment_end(last));
    }

    fn drop_segments(&mut self, store: usize, segment: u64) -> Result<(), StateError> {
        let range = KeyRange {
            start: Bound::Unbounded,
            end: Bound::Excluded(segment.to_be_bytes().to_vec()),
        };
        let (start, end) = entry_range(&range);
        let family = self.family(store)?;
        // Whole files go at once, the rest is hidden and goes with the next compaction.
        let dropped = self.db.delete_file_in_range_cf(family, &start, &end);
        let dropped = dropped
            .and_then(|()| self.db.delete_range_cf_opt(family, start, end, &write_options()));
        dropped.map_err(|error| self.failed(&error))?;
        let store = &mut self.stores[store];
        store.unflushed = true;
        store.held = store.held.map(|(first, last)| (first.max(segment), last));
        store.held = store.held.filter(|(first, last)| first <= last);
        if let Some(newest) = store.newest.get_mut() {
            newest.forget_before(segment);
        }
        Ok(())
    }

    fn reset(&mut self, store: usize) -> Result<(), StateError> {
        self.forget_held_back(store);
        let number = store;
        let store = &mut self.stores[store];
        (store.offset, store.held) = (None, None);
        (store.latest, store.newest) = (-1, OnceCell::new());
        let segmented = store.segmented;
        let options = self.open.shared.memory.store(&store.name);
        // The offset is in the family too. A crash in between leaves no store, which is empty.
        let made = self.db.drop_cf(&store.name);
        let made = made.and_then(|()| self.db.create_cf(&store.name, &options));
        made.map_err(|error| self.failed(&error))?;
        if let Some(keys) = segmented {
            self.set_segmented(number, keys);
        }
        Ok(())
    }
}

impl Drop for RocksDatabase {
    fn drop(&mut self) {
        for store in 0..self.stores.len() {
            self.forget_held_back(store);
        }
    }
}
