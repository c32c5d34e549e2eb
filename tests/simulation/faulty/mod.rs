//! The port with faults in front: what an instance of the application sees of the broker.

mod admin;
mod broker;
mod consumer;
mod fate;
mod membership;
mod producer;
mod site;

pub use broker::FaultyBroker;
pub use fate::{Call, Crash, Fate, crash};
pub use producer::LateCommit;
pub use site::Site;
