//! Local queries: what a store holds now, answered by the stream threads between two records.

mod state_view;

pub use state_view::StateView;
pub(crate) use state_view::{Answer, StoreLookup};
