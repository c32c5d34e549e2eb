//! Kafka Streams for Rust: programs over streams and tables, with state, exactly once, on a broker
//! inside the process.
//!
//! ```
//! use millstream::StreamsBuilder;
//!
//! # fn words(line: &str) -> Vec<String> { line.split(' ').map(str::to_owned).collect() }
//! let builder = StreamsBuilder::new();
//! builder
//!     .stream::<String, String>("text-lines")
//!     .flat_map_values(|line| words(&line))
//!     .group_by(|_, word| word.clone())
//!     .count("word-counts")
//!     .to("word-counts");
//! let topology = builder.build()?;
//! # Ok::<_, millstream::TopologyError>(())
//! ```
//!
//! - Write a topology with a [`StreamsBuilder`]: [`KStream`] and [`KTable`] have the operators.
//! - Test it with a [`TopologyTestDriver`](testing::TopologyTestDriver).
//! - Run it with a [`StreamsApp`], on a broker in memory or
//!   [durable in a directory](broker::embedded::EmbeddedBroker); feed and read topics with
//!   [`TopicProducer`] and [`TopicConsumer`], ask stores with [`StreamsApp::store`].
//! - Types say their formats by [`Wire`]; a [`Topic`] says otherwise for one topic.
//!
//! Names are Kafka's; Java's spelling is found by the search of this documentation. How the parts
//! fit together is told in `ARCHITECTURE.md`.

pub mod codec;
pub mod runtime;
pub mod testing;

mod client;
mod dsl;
mod error;
mod operators;
mod processor;
mod query;
mod record;
mod topic;
mod topology;
mod windows;

pub use client::{ConsumedRecord, TopicConsumer, TopicProducer};
pub use codec::Wire;
pub use dsl::{
    Branches, BufferConfig, CogroupedStream, EmitEarlyWhenFull, GlobalKTable, GroupedStream,
    GroupedTable, KStream, KTable, Materialized, Parents, Repartitioned, SessionWindowedCogroup,
    SessionWindowedStream, ShutDownWhenFull, Stores, StreamJoined, StreamsBuilder, Suppressed,
    TimeWindowedCogroup, TimeWindowedStream, WhenFull, Windows,
};
pub use error::{
    BoxError, Error, ErrorPolicies, ErrorPolicy, Panic, RecordFailure, Stage, TopologyError,
};
pub use processor::{
    FixedKeyContext, FixedKeyProcessor, GlobalStoreHandle, GlobalStoreRef, Processor,
    ProcessorContext, PunctuationType, Schedule, StoreHandle, StoreRef, VersionedStoreHandle,
    VersionedStoreRef,
};
pub use query::{ReadOnlyStore, ReadOnlyVersionedStore};
pub use record::{
    Change, Header, Headers, NumberedWindow, Record, SessionWindow, TimeWindow, Timestamped,
    VersionPut, VersionedRecord, Window, Windowed,
};
pub use runtime::{
    AppState, Config, ConfigError, Guarantee, Metrics, RestoreProgress, StoreKind, StreamsApp,
};
pub use topic::Topic;
pub use topology::{InternalTopic, Optimization, SubTopology, SubTopologyTopics, Topology};
#[cfg(feature = "calendar")]
pub use windows::CalendarWindows;
pub use windows::{
    EmitStrategy, JoinWindows, SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows,
};

pub use millstream_broker as broker;
pub use millstream_state as state;

/// The README's programs, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

/// The programs of the guides.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/coming-from-java.md")]
pub struct ComingFromJava;

/// The programs of the guides.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/running-on-kafka.md")]
pub struct RunningOnKafka;
