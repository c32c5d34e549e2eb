use std::borrow::Cow;
use std::fmt;

use crate::{CommitBatch, KeyRange, ScanOrder, StateError};

/// A key and its value.
pub type Entry<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// The entries of a scan, lazily.
pub type Scan<'a> = Box<dyn Iterator<Item = Result<Entry<'a>, StateError>> + 'a>;

/// Holds every store of one task; stores are numbered from 0 in the order they were opened with.
/// Used by one thread at a time.
pub trait Database: Send {
    /// The committed value of `key`.
    fn get(&self, store: usize, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StateError>;

    /// The committed entries of a range, in unsigned byte order of their keys.
    fn scan(&self, store: usize, range: &KeyRange, order: ScanOrder) -> Scan<'_>;

    /// About how many entries a store has.
    fn approximate_len(&self, store: usize) -> u64;

    /// Up to which changelog offset (exclusive) the store's data reaches; `None` for a store that
    /// was never committed.
    fn changelog_offset(&self, store: usize) -> Option<i64>;

    /// Writes data and offsets in one atomic step, and empties the batch. After an error the
    /// database must not be used any longer.
    fn commit(&mut self, batch: &mut CommitBatch) -> Result<(), StateError>;

    /// Empties a store and forgets its changelog offset: it will be restored from the beginning.
    fn reset(&mut self, store: usize) -> Result<(), StateError>;
}

/// Opens the databases of an application's tasks.
pub trait StateBackend: Send + Sync + fmt::Debug {
    /// Opens the database of `task` with `stores`, with what it holds from an earlier time.
    fn open(&self, task: &str, stores: &[&str]) -> Result<Box<dyn Database>, StateError>;
}
