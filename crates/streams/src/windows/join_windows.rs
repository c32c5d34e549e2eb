use std::time::Duration;

use super::millis;

/// Which records of two streams are joined (Kafka's `JoinWindows`): those of the right stream with
/// timestamps from `before` earlier than the left record's to `after` later, both ends included.
///
/// ```text
///            t-before       t        t+after
/// left                      x
/// right      [---------- joined ----------]
/// ```
///
/// Records that come out of order are joined as long as the stores keep their partners, which is for
/// `before + after + grace`; a result of a left or outer join that found no partner is handed on when
/// stream time has passed its window and the grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinWindows {
    pub(crate) before: i64,
    pub(crate) after: i64,
    pub(crate) grace: i64,
    pub(crate) eager: bool,
}

impl JoinWindows {
    /// Joins records at most `difference` apart, with no grace.
    #[doc(alias = "ofTimeDifferenceWithNoGrace")]
    #[doc(alias = "ofTimeDifferenceAndGrace")]
    pub fn of_time_difference(difference: Duration) -> Self {
        let difference = millis(difference);
        Self { before: difference, after: difference, grace: 0, eager: false }
    }

    /// How much earlier than the left record the right one may be, in milliseconds; negative when it
    /// must be so much later.
    pub fn before(mut self, milliseconds: i64) -> Self {
        self.before = milliseconds;
        self
    }

    /// How much later than the left record the right one may be, in milliseconds; negative when it
    /// must be so much earlier.
    pub fn after(mut self, milliseconds: i64) -> Self {
        self.after = milliseconds;
        self
    }

    /// How long after its window a record may still find partners that come late, in stream time.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = millis(grace);
        self
    }

    /// Has left and outer joins hand on a record without a partner at once, and once more when a
    /// partner comes, as Kafka Streams did before version 3.1 and still does for `JoinWindows.of`.
    pub fn eager(mut self) -> Self {
        self.eager = true;
        self
    }

    /// From the earliest partner to the latest.
    pub(crate) fn size(&self) -> i64 {
        self.before.saturating_add(self.after)
    }

    /// How long the stores keep records.
    pub(crate) fn retention(&self) -> i64 {
        self.size().saturating_add(self.grace)
    }

    /// What is wrong with the windows, if anything is.
    pub(crate) fn problem(&self) -> Option<String> {
        (self.size() < 0).then(|| {
            format!(
                "its window ends {} ms after the record and begins {} ms before it, so it ends before it begins",
                self.after, self.before
            )
        })
    }
}
