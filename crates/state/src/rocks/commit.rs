//! A commit: sorted, with data and changelog offsets; as one write batch, but for stores with much.

use rocksdb::{WriteBatch, WriteOptions};

use super::database::RocksDatabase;
use super::layout::{MARK, entry_key};
use crate::{CommitBatch, StateError};

/// Bytes that RocksDB needs for a write beside its key and value, about.
const PER_WRITE: usize = 12;

/// Without a write-ahead log: the changelog is one.
pub(super) fn write_options() -> WriteOptions {
    let mut options = WriteOptions::default();
    options.disable_wal(true);
    options
}

/// So many bytes of a store at a time are written as a file at once: to insert them into a memtable,
/// which would be full, costs as much again as the file that it becomes.
const LARGE: usize = 4 * 1024 * 1024;

pub(super) fn commit(
    database: &mut RocksDatabase,
    batch: &mut CommitBatch,
) -> Result<(), StateError> {
    let mut key_buffer = Vec::new();
    let mut writes = WriteBatch::with_capacity_bytes(batch.size() + batch.len() * PER_WRITE + 64);
    let mut filed = vec![false; database.stores.len()];
    for (store, filed) in filed.iter_mut().enumerate() {
        // Behind what is in a memtable a file would have to wait for it.
        let large = batch.size_of(store) >= LARGE && !database.stores[store].unflushed;
        if let Some(offset) = batch.offset(store).filter(|_| large) {
            let written = database.ingest(store, offset, |file| {
                let mut writes = batch.sorted_writes(store);
                writes.try_for_each(|(key, value)| file.write(key, value))
            });
            written.map_err(|error| database.failed(&error))?;
            *filed = true;
            continue;
        }
        let family = database.family(store)?;
        // Neighbours in the batch are neighbours in the memtable.
        for (key, value) in batch.sorted_writes(store) {
            let key = entry_key(&mut key_buffer, key);
            match value {
                Some(value) => writes.put_cf(family, key, value),
                None => writes.delete_cf(family, key),
            }
        }
        if let Some(offset) = batch.offset(store) {
            writes.put_cf(family, MARK, offset.to_be_bytes());
        }
    }
    let written = database.db.write_opt(writes, &write_options());
    written.map_err(|error| database.failed(&error))?;
    for (number, (store, filed)) in database.stores.iter_mut().zip(filed).enumerate() {
        let mut written = batch.offset(number).is_some();
        store.offset = batch.offset(number).or(store.offset);
        for (key, _) in batch.writes(number) {
            store.note(key);
            written = true;
        }
        store.unflushed |= written && !filed;
    }
    batch.clear();
    Ok(())
}
