//! How a topology is written: handles whose methods add nodes to the graph.

mod branches;
mod buffer_config;
mod builder;
mod foreign_key_joins;
mod grouped_stream;
mod grouped_table;
mod kstream;
mod ktable;
mod materialized;
mod process;
mod repartition;
mod session_windowed_stream;
mod stream_joined;
mod stream_joins;
mod stream_table_grace_joins;
mod stream_table_joins;
mod suppress;
mod suppressed;
mod table_joins;
mod time_windowed_stream;
mod windowed_by;

pub use branches::Branches;
pub use buffer_config::{BufferConfig, EmitEarlyWhenFull, ShutDownWhenFull, WhenFull};
pub use builder::StreamsBuilder;
pub use grouped_stream::GroupedStream;
pub use grouped_table::GroupedTable;
pub use kstream::KStream;
pub use ktable::KTable;
pub use materialized::Materialized;
pub use process::Stores;
pub use repartition::Repartitioned;
pub use session_windowed_stream::SessionWindowedStream;
pub use stream_joined::StreamJoined;
pub use suppressed::Suppressed;
pub use time_windowed_stream::TimeWindowedStream;
pub use windowed_by::Windows;
