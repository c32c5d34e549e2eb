use std::time::Duration;

use super::millis;

/// Windows of a fixed length that end or begin with a record (Kafka's `SlidingWindows`, KIP-450):
/// two records are in one window when they are at most the time difference apart, both ends
/// included. There is a window for each distinct set of records.
///
/// ```text
/// records          a     b        c          time difference: 10
/// [a-10, a]        |a                        a
/// [b-10, b]        |a....b                   a b
/// [a+1, a+11]            |b.......c          b c
/// [b+1, b+11]                     |c         c
/// ```
///
/// A window takes records until stream time has passed its end by more than the grace, which is zero
/// unless [`grace`](Self::grace) says otherwise. Records with a null key or value are dropped and
/// counted, as are late ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlidingWindows {
    pub(crate) difference: i64,
    pub(crate) grace: i64,
}

impl SlidingWindows {
    /// Windows of records at most `difference` apart, with no grace.
    #[doc(alias = "ofTimeDifferenceWithNoGrace")]
    #[doc(alias = "ofTimeDifferenceAndGrace")]
    pub fn of_time_difference(difference: Duration) -> Self {
        Self { difference: millis(difference), grace: 0 }
    }

    /// How long after its end a window still takes records, in stream time.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = millis(grace);
        self
    }

    /// How long a store keeps windows by default.
    pub(crate) fn retention(&self) -> i64 {
        self.difference.saturating_mul(2).saturating_add(self.grace)
    }
}
