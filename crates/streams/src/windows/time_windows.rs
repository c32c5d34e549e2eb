use std::time::Duration;

use super::millis;

/// Windows of a fixed size at fixed places (Kafka's `TimeWindows`): tumbling windows lie one behind
/// the other, hopping windows overlap. They are aligned to the Unix epoch.
///
/// A record belongs to each window with `start <= timestamp < end`. A window takes records until
/// stream time reaches its end plus the grace, which is zero unless [`grace`](Self::grace) says
/// otherwise; a record that is later is dropped and counted.
///
/// ```text
/// tumbling(10 s)   |---------|---------|---------|
/// hopping(10 s, 5 s)
///                  |---------|---------|
///                       |---------|---------|
/// ```
///
/// ```
/// use std::time::Duration;
/// use millstream::TimeWindows;
/// let windows = TimeWindows::tumbling(Duration::from_secs(10)).grace(Duration::from_secs(2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeWindows {
    pub(super) size: i64,
    pub(super) advance: i64,
    pub(super) grace: i64,
}

impl TimeWindows {
    /// Windows of this size, one behind the other, with no grace.
    #[doc(alias = "ofSizeWithNoGrace")]
    #[doc(alias = "ofSizeAndGrace")]
    pub fn tumbling(size: Duration) -> Self {
        Self { size: millis(size), advance: millis(size), grace: 0 }
    }

    /// Windows of this size that begin every `advance`, with no grace.
    #[doc(alias = "advanceBy")]
    pub fn hopping(size: Duration, advance: Duration) -> Self {
        Self { size: millis(size), advance: millis(advance), grace: 0 }
    }

    /// How long after its end a window still takes records, in stream time.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = millis(grace);
        self
    }

    pub(super) fn problem(&self) -> Option<String> {
        let Self { size, advance, .. } = *self;
        if size <= 0 {
            return Some("its windows are shorter than a millisecond".to_owned());
        }
        (advance <= 0 || advance > size).then(|| {
            format!(
                "its windows of {size} ms advance by {advance} ms, but must advance by at least 1 ms and at most their size"
            )
        })
    }

    /// Starts of the windows that hold `timestamp`, which is not negative, in order.
    pub(super) fn starts(&self, timestamp: i64) -> impl Iterator<Item = i64> + use<> {
        let Self { size, advance, .. } = *self;
        let first = (timestamp.saturating_sub(size) + advance).max(0) / advance * advance;
        let next = move |start: &i64| start.checked_add(advance);
        std::iter::successors(Some(first), next).take_while(move |start| *start <= timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_windows_hold_a_time() {
        let ms = Duration::from_millis;
        let rows: [(TimeWindows, i64, &[i64]); 8] = [
            (TimeWindows::tumbling(ms(10)), 0, &[0]),
            (TimeWindows::tumbling(ms(10)), 9, &[0]),
            (TimeWindows::tumbling(ms(10)), 10, &[10]),
            (TimeWindows::hopping(ms(10), ms(4)), 0, &[0]),
            (TimeWindows::hopping(ms(10), ms(4)), 9, &[0, 4, 8]),
            (TimeWindows::hopping(ms(10), ms(4)), 10, &[4, 8]),
            (TimeWindows::hopping(ms(10), ms(10)), 25, &[20]),
            (TimeWindows::tumbling(ms(10)), i64::MAX, &[i64::MAX / 10 * 10]),
        ];
        for (windows, timestamp, expected) in rows {
            let starts: Vec<_> = windows.starts(timestamp).collect();
            assert_eq!(starts, expected, "{windows:?} {timestamp}");
        }
    }
}
