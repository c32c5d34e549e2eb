use std::time::Duration;

use super::millis;

/// Sessions: windows that grow with the activity in them, one after the other for each key (Kafka's
/// `SessionWindows`). A record joins all sessions that are at most the inactivity gap away, and so
/// may make one of several.
///
/// ```text
/// records    a  b       c              gap: 5
/// sessions   |--|       |
/// then d between them:
/// records    a  b   d   c
/// sessions   |----------|
/// ```
///
/// A session takes records until stream time has passed its end by more than gap and grace; the
/// grace is zero unless [`grace`](Self::grace) says otherwise. Later ones are dropped and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionWindows {
    pub(crate) gap: i64,
    pub(crate) grace: i64,
}

impl SessionWindows {
    /// Sessions that end when nothing comes for `gap`, with no grace.
    #[doc(alias = "ofInactivityGapWithNoGrace")]
    #[doc(alias = "ofInactivityGapAndGrace")]
    pub fn of_inactivity_gap(gap: Duration) -> Self {
        Self { gap: millis(gap), grace: 0 }
    }

    /// How long a session still takes records after its gap has passed, in stream time.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = millis(grace);
        self
    }

    /// How long a store keeps sessions by default.
    pub(crate) fn retention(&self) -> i64 {
        self.gap.saturating_add(self.grace)
    }
}
