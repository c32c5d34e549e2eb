//! The harness, tried on itself.

mod server;
mod wire;
