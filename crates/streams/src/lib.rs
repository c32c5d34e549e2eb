//! Kafka Streams for Rust.
#![doc = "See the README for the first program."]

mod client;
pub mod codec;
mod dsl;
mod error;
mod operators;
mod processor;
mod query;
mod record;
pub mod runtime;
pub mod testing;
mod topic;
mod topology;

pub use client::{ConsumedRecord, TopicConsumer, TopicProducer};
pub use codec::Wire;
pub use dsl::{
    Branches, GroupedStream, GroupedTable, KStream, KTable, Materialized, Repartitioned, Stores,
    StreamsBuilder,
};
pub use error::{
    BoxError, Error, ErrorPolicies, ErrorPolicy, Panic, RecordFailure, Stage, TopologyError,
};
pub use millstream_broker as broker;
pub use millstream_state as state;
pub use processor::{
    FixedKeyContext, FixedKeyProcessor, Processor, ProcessorContext, PunctuationType, Schedule,
    StoreHandle, StoreRef,
};
pub use query::ReadOnlyStore;
pub use record::{Change, Header, Headers, Record, Timestamped};
pub use runtime::{AppState, Config, ConfigError, Guarantee, Metrics, RestoreProgress, StreamsApp};
pub use topic::Topic;
pub use topology::{InternalTopic, SubTopology, SubTopologyTopics, Topology};
