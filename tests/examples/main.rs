//! The examples, run as programs.

#[cfg(feature = "kafka")]
mod cluster;
mod kills;
mod order_totals;
mod program;
mod text;
mod word_count;
