#[cfg(feature = "calendar")]
use super::CalendarWindows;
use super::{TimeWindows, UnlimitedWindows};
use crate::record::TimeWindow;

/// Windows whose places are known before any record comes.
#[derive(Clone, Debug)]
pub(crate) enum FixedWindows {
    Time(TimeWindows),
    Unlimited(UnlimitedWindows),
    #[cfg(feature = "calendar")]
    Calendar(CalendarWindows),
}

#[cfg(feature = "calendar")]
impl From<CalendarWindows> for FixedWindows {
    fn from(windows: CalendarWindows) -> Self {
        Self::Calendar(windows)
    }
}

impl From<TimeWindows> for FixedWindows {
    fn from(windows: TimeWindows) -> Self {
        Self::Time(windows)
    }
}

impl From<UnlimitedWindows> for FixedWindows {
    fn from(windows: UnlimitedWindows) -> Self {
        Self::Unlimited(windows)
    }
}

impl FixedWindows {
    /// The windows that hold `timestamp`, by their starts.
    #[inline]
    pub(crate) fn of(&self, timestamp: i64) -> impl Iterator<Item = TimeWindow> {
        let (times, one) = match self {
            Self::Time(windows) => (Some(windows.starts(timestamp)), None),
            Self::Unlimited(windows) => (None, Some(windows.start)),
            #[cfg(feature = "calendar")]
            Self::Calendar(windows) => (None, Some(windows.start(timestamp))),
        };
        let starts = times.into_iter().flatten();
        let one = one.filter(|start| *start <= timestamp);
        starts.chain(one).map(|start| TimeWindow { start, end: self.end(start) })
    }

    /// The start of the last window that ends at `time` or before; negative for none.
    pub(crate) fn last_ended(&self, time: i64) -> i64 {
        match self {
            Self::Time(windows) => time.saturating_sub(windows.size),
            Self::Unlimited(_) => -1,
            #[cfg(feature = "calendar")]
            Self::Calendar(windows) => windows.start(time.max(0)) - 1,
        }
    }

    /// The end of the window that begins at `start`.
    #[inline]
    pub(crate) fn end(&self, start: i64) -> i64 {
        match self {
            Self::Time(windows) => start.saturating_add(windows.size),
            #[cfg(feature = "calendar")]
            Self::Calendar(windows) => windows.end(start),
            Self::Unlimited(_) => i64::MAX,
        }
    }

    /// The longest that a window may be.
    pub(crate) fn size(&self) -> i64 {
        match self {
            Self::Time(windows) => windows.size,
            #[cfg(feature = "calendar")]
            Self::Calendar(windows) => windows.size(),
            Self::Unlimited(_) => i64::MAX,
        }
    }

    pub(crate) fn grace(&self) -> i64 {
        match self {
            Self::Time(windows) => windows.grace,
            #[cfg(feature = "calendar")]
            Self::Calendar(windows) => windows.grace,
            Self::Unlimited(_) => 0,
        }
    }

    /// Whether a window has a last result.
    pub(crate) fn closes(&self) -> bool {
        !matches!(self, Self::Unlimited(_))
    }

    /// How long a store keeps windows by default.
    pub(crate) fn retention(&self) -> i64 {
        self.size().saturating_add(self.grace())
    }

    /// What is wrong with the windows, if anything is.
    pub(crate) fn problem(&self) -> Option<String> {
        match self {
            Self::Time(windows) => windows.problem(),
            #[cfg(feature = "calendar")]
            Self::Calendar(windows) => windows.problem(),
            Self::Unlimited(windows) => (windows.start < 0)
                .then(|| "its unlimited window begins before the Unix epoch".to_owned()),
        }
    }
}
