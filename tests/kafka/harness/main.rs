//! The harness, tried on itself.

mod java;
mod proxy;
mod server;
mod wire;
