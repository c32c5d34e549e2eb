//! Databases on disk, in RocksDB: one a task, below `<root>/<application>/<task>`.
//!
//! Each store is a column family of its own name, and its changelog offset is a key in the same
//! family: both are always lost or kept together. Nothing goes to a write-ahead log. What was not
//! [persisted](crate::Database::persist) is gone after a crash, and is restored from the changelog.

mod backend;
mod commit;
mod database;
mod directory;
mod failure;
mod layout;
mod newest;
mod open;
mod options;
mod restore;
mod scan;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod visit_tests;

pub use backend::RocksBackend;
pub use options::{Customize, RocksCompression, RocksOptions};
/// The client, for [`RocksOptions::customize`].
pub use rocksdb;
