//! Broker semantics, written against the port: the suite in [`semantics`] runs on every broker a
//! [`cluster::Cluster`] can be made of. What only the embedded broker can do is tested beside it.

mod cluster;
mod durable;
mod embedded;
mod power_failure;
mod recovery;
mod semantics;
