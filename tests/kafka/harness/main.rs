//! The harness, tried on itself.

mod proxy;
mod server;
mod wire;
