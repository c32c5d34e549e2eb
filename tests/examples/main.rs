//! The examples, run as programs.

mod kills;
mod order_totals;
mod program;
mod text;
mod word_count;
