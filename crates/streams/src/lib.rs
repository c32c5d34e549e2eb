//! Kafka Streams for Rust.
#![doc = "See the README for the first program."]

pub mod codec;
mod dsl;
mod error;
mod operators;
mod processor;
mod record;
pub mod runtime;
pub mod testing;
mod topic;
mod topology;

pub use dsl::{
    Branches, GroupedStream, GroupedTable, KStream, KTable, Materialized, Repartitioned, Stores,
    StreamsBuilder,
};
pub use error::{
    BoxError, Error, ErrorPolicies, ErrorPolicy, Panic, RecordFailure, Stage, TopologyError,
};
pub use processor::{
    FixedKeyContext, FixedKeyProcessor, Processor, ProcessorContext, PunctuationType, Schedule,
    StoreHandle, StoreRef,
};
pub use record::{Change, Header, Headers, Record, Timestamped};
pub use topic::Topic;
pub use topology::{InternalTopic, SubTopology, SubTopologyTopics, Topology};
