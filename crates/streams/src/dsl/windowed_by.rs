use super::{GroupedStream, SessionWindowedStream, TimeWindowedStream};
use crate::codec::Wire;
use crate::windows::{SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows};

/// Windows that a grouped stream can be divided into. The kinds of windows are Kafka's; nobody else
/// implements this.
pub trait Windows {
    /// What the grouped stream becomes.
    type Stream<K: Wire, V: Wire>;

    #[doc(hidden)]
    fn divide<K: Wire, V: Wire>(self, grouped: GroupedStream<K, V>) -> Self::Stream<K, V>;
}

impl Windows for TimeWindows {
    type Stream<K: Wire, V: Wire> = TimeWindowedStream<K, V>;

    fn divide<K: Wire, V: Wire>(self, grouped: GroupedStream<K, V>) -> Self::Stream<K, V> {
        TimeWindowedStream::fixed(grouped, self.into())
    }
}

impl Windows for UnlimitedWindows {
    type Stream<K: Wire, V: Wire> = TimeWindowedStream<K, V>;

    fn divide<K: Wire, V: Wire>(self, grouped: GroupedStream<K, V>) -> Self::Stream<K, V> {
        TimeWindowedStream::fixed(grouped, self.into())
    }
}

impl Windows for SlidingWindows {
    type Stream<K: Wire, V: Wire> = TimeWindowedStream<K, V>;

    fn divide<K: Wire, V: Wire>(self, grouped: GroupedStream<K, V>) -> Self::Stream<K, V> {
        TimeWindowedStream::sliding(grouped, self)
    }
}

impl Windows for SessionWindows {
    type Stream<K: Wire, V: Wire> = SessionWindowedStream<K, V>;

    fn divide<K: Wire, V: Wire>(self, grouped: GroupedStream<K, V>) -> Self::Stream<K, V> {
        SessionWindowedStream::new(grouped, self)
    }
}

impl<K: Wire, V: Wire> GroupedStream<K, V> {
    /// Divides the groups into windows: [`TimeWindows`], [`SlidingWindows`], [`SessionWindows`] or
    /// [`UnlimitedWindows`].
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{SlidingWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let windows = SlidingWindows::of_time_difference(Duration::from_millis(10));
    ///         let counts = s.group_by_key().windowed_by(windows).count("n");
    ///         counts.to_stream().map(|w, n| (format!("{}{}", w.key, w.window.start), n))
    ///     },
    ///     "a:x@20 a:y@25",
    ///     "a10:1 a21:1 a15:2",
    /// );
    /// ```
    #[doc(alias = "windowedBy")]
    pub fn windowed_by<W: Windows>(&self, windows: W) -> W::Stream<K, V> {
        windows.divide(self.clone())
    }
}
