//! Typed clients for what stands outside a topology: code that feeds a topic or reads one.

mod topic_consumer;
mod topic_producer;

pub use topic_consumer::{ConsumedRecord, TopicConsumer};
pub use topic_producer::TopicProducer;
