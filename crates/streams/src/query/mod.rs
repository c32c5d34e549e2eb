//! Local queries: what a store holds now, answered by the stream threads between two records.

mod held_back;
mod held_versions;
mod read_only_store;
mod state_view;
mod windows;

pub use read_only_store::ReadOnlyStore;
pub(crate) use state_view::{Answer, StateView, StoreLookup, merged, merged_windows};
