//! The examples, run as programs.

mod kills;
#[cfg(feature = "kafka")]
mod on_kafka;
mod order_totals;
mod program;
mod text;
mod word_count;
