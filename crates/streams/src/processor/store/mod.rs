//! Typed stores in front of a task's database.

mod budget;
mod cache;
mod change_buffer;
mod closing;
mod expiry;
mod global;
mod grace_buffer;
mod handle;
mod key_value;
mod recency;
mod scans;
mod segments;
mod slot_key;
mod task_side;
mod times;
mod versioned;
mod versioned_handle;
mod versions;
mod window_ref;
mod windows;

use std::any::Any;
use std::sync::Arc;

use millstream_broker::RecordBatch;
use millstream_state::{Overlay, RestoreBatch, StateError};

use crate::processor::{Context, NodeResult, TopicHandle};

pub(crate) use budget::CacheBudget;
pub(crate) use change_buffer::ChangeBuffer;
pub use global::{GlobalStoreHandle, GlobalStoreRef};
pub(crate) use grace_buffer::GraceBuffer;
pub use handle::{StoreHandle, StoreRef};
pub(crate) use key_value::{KeyValueStore, UpdateError, Updated};
pub(crate) use segments::Segments;
pub(crate) use times::StoreTimes;
pub(crate) use versioned::{VersionBytes, VersionedStore};
pub use versioned_handle::{VersionedStoreHandle, VersionedStoreRef};
pub(crate) use window_ref::times;
pub(crate) use windows::{Found, Wanted};

/// What is flushed of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    All,
    /// What is to go, to make room.
    Oldest,
}

/// A store as its task sees it, its types forgotten.
pub(crate) trait StateStore: Send {
    fn as_any_mut(&mut self) -> &mut dyn Any;

    /// Whether the cache holds writes back.
    fn is_dirty(&self) -> bool {
        false
    }

    /// The function that flushes a store of these types.
    fn flush_with(&self) -> fn(&mut Context<'_>, usize, Flush) -> NodeResult {
        |_, _, _| Ok(())
    }

    /// Makes room in the cache: what is to go has been flushed.
    fn evict(&mut self) {}

    /// Turns records of the changelog into what the store keeps of them. Gives the offset after the
    /// last of them, if there are any.
    fn restore(&mut self, records: &RecordBatch, into: &mut RestoreBatch) -> Option<i64>;

    /// For a store whose data depend on what it holds already: applies records of the changelog,
    /// instead of [`restore`](Self::restore). `None` from every other.
    fn replay(
        &mut self,
        _records: &RecordBatch,
        _overlay: &mut Overlay,
    ) -> Result<Option<i64>, StateError> {
        Ok(None)
    }

    /// For a store of versions, all of them: by key, the newest first.
    fn versions(&self, _overlay: &Overlay) -> Result<Option<Vec<VersionBytes>>, StateError> {
        Ok(None)
    }

    /// Its name and what it knows of time, which is committed with the offsets.
    fn times(&mut self) -> (Arc<str>, &mut StoreTimes);

    /// How many writes it has refused since the last call, as they were too old.
    fn take_expired(&mut self) -> u64 {
        0
    }

    /// After a commit: deletes what is too old.
    fn expire(&mut self, _overlay: &mut Overlay) -> Result<(), StateError> {
        Ok(())
    }
}

/// Where a store logs its changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChangelogTarget {
    pub(crate) topic: TopicHandle,
    pub(crate) partition: u32,
}

/// How a store is set up in its task.
#[derive(Clone, Debug)]
pub(crate) struct StoreOptions {
    pub(crate) name: Arc<str>,
    /// Its number in the task's database.
    pub(crate) number: usize,
    /// Whether values are kept with their timestamps.
    pub(crate) timestamped: bool,
    pub(crate) changelog: Option<ChangelogTarget>,
    /// Cache budget of the stream thread; `None` switches caching off for the store.
    pub(crate) cache: Option<CacheBudget>,
    /// The node whose children hear of changes when the cache is flushed.
    pub(crate) owner: Option<u32>,
    /// Whether changes carry the old value.
    pub(crate) sends_old: bool,
    /// For a store of windows, how they lie in the database.
    pub(crate) segments: Option<Segments>,
    /// Whether it is restored from the topic that its table is read from, which may hold anything.
    pub(crate) restores_input: bool,
}
