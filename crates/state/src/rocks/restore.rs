//! The way of a changelog into a store: past the memtable. Records are held back until there are
//! many, sorted, written as a table file and handed to RocksDB, which only takes note of it. The
//! changelog offset is in the same file.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use rocksdb::{IngestExternalFileOptions, SstFileWriter};

use super::commit::commit;
use super::database::RocksDatabase;
use super::layout::{MARK, entry_key};
use crate::batch::first_bytes;
use crate::{CommitBatch, RestoreBatch, StateError};

/// Below this a table file is not worth its while.
const LEAST_FILE: usize = 1024 * 1024;
/// In front of the names of files on their way.
const FILE: &str = "restore-";

/// Neighbours by key lie far apart in the order of the log. So many are fetched into the
/// processor's cache together, which takes no longer than one alone.
const NEAR: usize = 64;

/// A place in the order of the keys: the key's first bytes, the number of its batch, its own there.
type Place = (u64, u32, u32);

/// Records of a store that are not in the database yet, in order.
#[derive(Debug, Default)]
pub(super) struct HeldBack {
    batches: Vec<RestoreBatch>,
    bytes: usize,
}

impl HeldBack {
    /// The records by key, the last of each key only.
    fn sorted(&self) -> Vec<Place> {
        let mut order = Vec::with_capacity(self.batches.iter().map(RestoreBatch::len).sum());
        for (batch, records) in self.batches.iter().enumerate() {
            let keys = records.iter().enumerate();
            order.extend(keys.map(|(n, (key, _))| (first_bytes(key), batch as u32, n as u32)));
        }
        let key =
            |(_, batch, number): &Place| self.batches[*batch as usize].record(*number as usize).0;
        order.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| key(a).cmp(key(b))).then_with(|| (b.1, b.2).cmp(&(a.1, a.2)))
        });
        order.dedup_by(|later, kept| later.0 == kept.0 && key(later) == key(kept));
        order
    }

    /// Gives the records at `places`, and touches each.
    fn fetch<'a>(&'a self, places: &[Place], records: &mut Vec<(&'a [u8], Option<&'a [u8]>)>) {
        let at =
            |(_, batch, number): &Place| self.batches[*batch as usize].record(*number as usize);
        records.extend(places.iter().map(at));
        let touched = records.iter().fold(0, |sum, (key, value)| {
            let end = value.and_then(<[u8]>::last).unwrap_or(&0);
            sum ^ key.first().unwrap_or(&0) ^ end
        });
        std::hint::black_box(touched);
    }
}

impl RocksDatabase {
    /// Holds records of a changelog back, and writes when there are enough.
    pub(super) fn hold_back(
        &mut self,
        number: usize,
        records: &mut RestoreBatch,
        offset: i64,
    ) -> Result<(), StateError> {
        let shared = self.open.shared.clone();
        let store = &mut self.stores[number];
        store.offset = Some(offset);
        let records = std::mem::take(records);
        let bytes = records.size();
        store.held_back.bytes += bytes;
        store.held_back.batches.push(records);
        let all = shared.held_back.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let held = store.held_back.bytes;
        let crowded = all > shared.memory.all_restores_bytes() && held > LEAST_FILE;
        if crowded || held > shared.memory.restore_bytes() {
            self.write_restored(number)?;
        }
        Ok(())
    }

    /// Writes what is held back of all stores.
    pub(super) fn write_held_back(&mut self) -> Result<(), StateError> {
        (0..self.stores.len()).try_for_each(|store| self.write_restored(store))
    }

    /// Drops what is held back of a store.
    pub(super) fn forget_held_back(&mut self, store: usize) -> HeldBack {
        let held = std::mem::take(&mut self.stores[store].held_back);
        self.open.shared.held_back.fetch_sub(held.bytes, Ordering::Relaxed);
        held
    }

    fn write_restored(&mut self, store: usize) -> Result<(), StateError> {
        let Some(offset) = self.stores[store].offset else { return Ok(()) };
        if self.stores[store].held_back.batches.is_empty() {
            return Ok(());
        }
        let held = self.forget_held_back(store);
        let noted = &mut self.stores[store];
        held.batches.iter().flat_map(RestoreBatch::iter).for_each(|(key, _)| noted.note(key));
        if held.bytes >= LEAST_FILE {
            let written = self.ingest(store, offset, |file| {
                let mut near = Vec::with_capacity(NEAR);
                for some in held.sorted().chunks(NEAR) {
                    held.fetch(some, &mut near);
                    near.drain(..).try_for_each(|(key, value)| file.write(key, value))?;
                }
                Ok(())
            });
            return written.map_err(|error| self.failed(&error));
        }
        let mut batch = CommitBatch::new(self.stores.len());
        for (key, value) in held.batches.iter().flat_map(RestoreBatch::iter) {
            batch.write(store, key, value);
        }
        batch.set_offset(store, offset);
        commit(self, &mut batch)
    }

    /// Writes entries of a store, in order of their keys, and its changelog offset past the memtable.
    pub(super) fn ingest(
        &mut self,
        store: usize,
        offset: i64,
        write: impl FnOnce(&mut TableFile<'_>) -> Result<(), rocksdb::Error>,
    ) -> Result<(), rocksdb::Error> {
        let path = self.path.join(format!("{FILE}{}.sst", self.next_file));
        self.next_file += 1;
        let name = &self.stores[store].name;
        let options = self.open.shared.memory.store(name);
        let mut file = TableFile { writer: SstFileWriter::create(&options), key: Vec::new() };
        file.writer.open(&path)?;
        file.writer.put(MARK, offset.to_be_bytes())?;
        write(&mut file)?;
        file.writer.finish()?;
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        match self.db.cf_handle(name) {
            Some(family) => self.db.ingest_external_file_cf_opts(family, &options, vec![&path]),
            // Only a store that is open is written.
            None => Ok(()),
        }
    }
}

/// A table file that is being written.
pub(super) struct TableFile<'a> {
    writer: SstFileWriter<'a>,
    key: Vec<u8>,
}

impl TableFile<'_> {
    pub(super) fn write(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), rocksdb::Error> {
        let key = entry_key(&mut self.key, key);
        match value {
            Some(value) => self.writer.put(key, value),
            None => self.writer.delete(key),
        }
    }
}

/// Deletes the files of a restore that a crash has left.
pub(super) fn delete_leftovers(path: &Path) {
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(FILE)) {
            // One that stays is overwritten.
            let _stays = fs::remove_file(entry.path());
        }
    }
}
