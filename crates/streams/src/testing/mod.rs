//! Tests without a broker: the driver runs a topology step by step, on the very engine an
//! application runs on, with a clock that stands still.

mod check;
mod driver;
mod driver_stores;
mod test_topics;

pub use check::{Shown, check, check_with};
pub use driver::{DriverOptions, TopologyTestDriver};
pub use test_topics::{TestInputTopic, TestOutputTopic};
