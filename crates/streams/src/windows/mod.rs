//! Which windows a record belongs to, and how long each is open.

#[cfg(feature = "calendar")]
mod calendar_windows;
mod emit;
mod fixed;
mod join_windows;
mod session_windows;
mod sliding_windows;
mod time_windows;
mod unlimited_windows;

use std::time::Duration;

#[cfg(feature = "calendar")]
pub use calendar_windows::CalendarWindows;
pub use emit::EmitStrategy;
pub(crate) use fixed::FixedWindows;
pub use join_windows::JoinWindows;
pub use session_windows::SessionWindows;
pub use sliding_windows::SlidingWindows;
pub use time_windows::TimeWindows;
pub use unlimited_windows::UnlimitedWindows;

/// A duration in whole milliseconds, as all of Kafka's times are.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
