//! Local queries: what a store holds now, answered by the stream threads between two records.

mod ask;
mod held_back;
mod held_versions;
mod read_only_store;
mod state_view;
mod store_lookup;
mod versioned;
mod windows;

pub use read_only_store::ReadOnlyStore;
pub(crate) use state_view::{StateView, merged, merged_windows};
pub(crate) use store_lookup::{Answer, StoreLookup, TaskStore};
pub use versioned::ReadOnlyVersionedStore;
