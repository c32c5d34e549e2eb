//! What runs: nodes, what they may reach, and the stores behind them. Knows neither the broker nor
//! the clock nor threads.

mod api;
mod context;
mod dead_letters;
mod node;
mod output;
mod punctuation;
mod record_writer;
mod source;
mod store;
mod task_state;
mod versioned_tables;

pub use api::{FixedKeyContext, FixedKeyProcessor, Processor, ProcessorContext};
pub use punctuation::{PunctuationType, Schedule};
pub use store::{
    GlobalStoreHandle, GlobalStoreRef, StoreHandle, StoreRef, VersionedStoreHandle,
    VersionedStoreRef,
};

pub(crate) use api::{FixedKeyNode, processor_node};
pub(crate) use context::Context;
pub(crate) use dead_letters::DeadLetters;
pub(crate) use node::{Layer, Node, NodeEntry, NodeError, NodeResult, Outdated, take};
pub(crate) use output::{Output, TopicHandle};
pub(crate) use punctuation::Punctuations;
pub(crate) use record_writer::{RecordWriter, SinkFormats};
pub(crate) use source::{NoInput, SourceNode};
pub(crate) use store::{
    CacheBudget, ChangeBuffer, ChangelogTarget, Flush, Found, GraceBuffer, KeyValueStore, Segments,
    StateStore, StoreOptions, UpdateError, Updated, VersionedStore, Wanted, times,
};
pub(crate) use task_state::{Counters, Origin, TaskState};
