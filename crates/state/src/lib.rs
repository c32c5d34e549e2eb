//! Byte stores of millstream. Knows no Kafka and no formats.
//!
//! A [`Database`] holds all stores of one task. What is not committed yet lives in an [`Overlay`]
//! in front of it; a commit is one atomic [`CommitBatch`] of data and changelog offsets, an abort
//! drops the overlay. Databases are in memory, or with the feature `rocksdb` on disk.

mod batch;
mod database;
mod entries;
mod error;
mod key_groups;
mod key_order;
mod memory;
mod overlay;
mod range;
mod restore_batch;
#[cfg(feature = "rocksdb")]
pub mod rocks;
mod routed;
mod segmented_keys;
mod sharded_table;

pub use batch::CommitBatch;
pub use database::{Database, Entry, Scan, StateBackend, Visit};
pub use error::{StateError, StateErrorKind};
pub use key_groups::{GroupRun, KeyGroups};
pub use key_order::{KeyOrder, KeyRun};
pub use memory::{MemoryBackend, MemoryDatabase};
pub use overlay::{Overlay, Write};
pub use range::{KeyRange, ScanOrder};
pub use restore_batch::RestoreBatch;
pub use routed::open_stores;
pub use segmented_keys::SegmentedKeys;

#[cfg(test)]
mod model_tests;
