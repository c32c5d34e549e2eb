//! A commit: one write batch, sorted, with data and changelog offsets.

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

pub(super) fn commit(
    database: &mut RocksDatabase,
    batch: &mut CommitBatch,
) -> Result<(), StateError> {
    let mut key_buffer = Vec::new();
    let mut writes = WriteBatch::with_capacity_bytes(batch.size() + batch.len() * PER_WRITE + 64);
    for store in 0..database.stores.len() {
        let family = database.family(store)?;
        // Neighbours in the batch are neighbours in the memtable.
        for (key, value) in batch.sorted_writes(store) {
            let key = entry_key(&mut key_buffer, key);
            match value {
                Some(value) => writes.put_cf(family, key, value),
                None => writes.delete_cf(family, key),
            }
        }
    }
    for (store, offset) in batch.offsets() {
        writes.put_cf(database.family(store)?, MARK, offset.to_be_bytes());
    }
    let written = database.db.write_opt(writes, &write_options());
    written.map_err(|error| database.failed(&error))?;
    for (number, store) in database.stores.iter_mut().enumerate() {
        for (key, _) in batch.writes(number) {
            store.note(key);
            store.unflushed = true;
        }
    }
    for (store, offset) in batch.offsets() {
        let store = &mut database.stores[store];
        (store.offset, store.unflushed) = (Some(offset), true);
    }
    batch.clear();
    Ok(())
}
