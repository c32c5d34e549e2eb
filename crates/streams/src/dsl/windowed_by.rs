use super::{
    CogroupedStream, GroupedStream, SessionWindowedCogroup, SessionWindowedStream,
    TimeWindowedCogroup, TimeWindowedStream,
};
use crate::codec::{Data, Wire};
use crate::windows::{SessionWindows, SlidingWindows, TimeWindows, UnlimitedWindows};

/// Windows that a grouped stream or a cogroup can be divided into. The kinds of windows are Kafka's; nobody else
/// implements this.
pub trait Windows {
    /// What the grouped stream becomes.
    type Stream<K: Wire, V: Wire>;

    /// What the cogroup becomes.
    type Cogroup<K: Wire, A: Data>;

    #[doc(hidden)]
    fn divide<K: Wire, V: Wire>(self, grouped: GroupedStream<K, V>) -> Self::Stream<K, V>;

    #[doc(hidden)]
    fn divide_cogroup<K: Wire, A: Data>(
        self,
        cogroup: CogroupedStream<K, A>,
    ) -> Self::Cogroup<K, A>;
}

/// Windows in time make the same of a stream, whatever their kind.
macro_rules! in_time {
    ($windows:ty) => {
        impl Windows for $windows {
            type Stream<K: Wire, V: Wire> = TimeWindowedStream<K, V>;
            type Cogroup<K: Wire, A: Data> = TimeWindowedCogroup<K, A>;

            fn divide<K: Wire, V: Wire>(self, grouped: GroupedStream<K, V>) -> Self::Stream<K, V> {
                TimeWindowedStream::new(grouped, self.into())
            }

            fn divide_cogroup<K: Wire, A: Data>(
                self,
                cogroup: CogroupedStream<K, A>,
            ) -> TimeWindowedCogroup<K, A> {
                TimeWindowedCogroup::new(cogroup, self.into())
            }
        }
    };
}

in_time!(TimeWindows);
in_time!(UnlimitedWindows);
in_time!(SlidingWindows);
#[cfg(feature = "calendar")]
in_time!(crate::windows::CalendarWindows);

impl Windows for SessionWindows {
    type Stream<K: Wire, V: Wire> = SessionWindowedStream<K, V>;
    type Cogroup<K: Wire, A: Data> = SessionWindowedCogroup<K, A>;

    fn divide<K: Wire, V: Wire>(self, grouped: GroupedStream<K, V>) -> Self::Stream<K, V> {
        SessionWindowedStream::new(grouped, self)
    }

    fn divide_cogroup<K: Wire, A: Data>(
        self,
        cogroup: CogroupedStream<K, A>,
    ) -> SessionWindowedCogroup<K, A> {
        SessionWindowedCogroup::new(cogroup, self)
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

impl<K: Wire, A: Data> CogroupedStream<K, A> {
    /// Divides the groups into windows, which all streams share: [`TimeWindows`], [`SlidingWindows`],
    /// [`SessionWindows`] or [`UnlimitedWindows`]. Each stream closes windows by its own stream time.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{TimeWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let (small, large) = (s.filter(|_, v| v.len() < 2), s.filter(|_, v| v.len() > 1));
    ///         let all = small.group_by_key().cogroup(|_, v, all: String| all + &v);
    ///         let all = all.cogroup(&large.group_by_key(), |_, v, all| all + "#" + &v);
    ///         let windowed = all.windowed_by(TimeWindows::tumbling(Duration::from_millis(10)));
    ///         windowed.aggregate("all", String::new).to_stream().map(|w, v| (w.key, v))
    ///     },
    ///     "a:x@1 a:yy@2 a:z@10",
    ///     "a:x a:x#yy a:z",
    /// );
    /// ```
    #[doc(alias = "windowedBy")]
    pub fn windowed_by<W: Windows>(&self, windows: W) -> W::Cogroup<K, A> {
        windows.divide_cogroup(self.clone())
    }
}
