//! Broker semantics, written against the port: the suite in [`semantics`] runs on every broker a
//! [`cluster::Cluster`] can be made of. What only the embedded broker can do is tested beside it.
#![allow(clippy::disallowed_methods, reason = "a real broker lives in real time")]

mod cluster;
mod durable;
mod embedded;
mod group_simulation;
#[cfg(feature = "kafka")]
mod kafka;
mod power_failure;
mod power_failure_compaction;
mod recovery;
mod semantics;
