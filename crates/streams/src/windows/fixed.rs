use super::{TimeWindows, UnlimitedWindows};
use crate::record::TimeWindow;

/// Windows whose places are known before any record comes.
#[derive(Clone, Debug)]
pub(crate) enum FixedWindows {
    Time(TimeWindows),
    Unlimited(UnlimitedWindows),
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
        let (times, unlimited) = match self {
            Self::Time(windows) => (Some(windows.starts(timestamp)), None),
            Self::Unlimited(windows) => (None, Some(windows.start)),
        };
        let starts = times.into_iter().flatten();
        let unlimited = unlimited.filter(|start| *start <= timestamp);
        starts.chain(unlimited).map(|start| TimeWindow { start, end: self.end(start) })
    }

    /// The end of the window that begins at `start`.
    #[inline]
    pub(crate) fn end(&self, start: i64) -> i64 {
        match self {
            Self::Time(windows) => start.saturating_add(windows.size),
            Self::Unlimited(_) => i64::MAX,
        }
    }

    /// The longest that a window may be.
    pub(crate) fn size(&self) -> i64 {
        match self {
            Self::Time(windows) => windows.size,
            Self::Unlimited(_) => i64::MAX,
        }
    }

    pub(crate) fn grace(&self) -> i64 {
        match self {
            Self::Time(windows) => windows.grace,
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
            Self::Unlimited(windows) => (windows.start < 0)
                .then(|| "its unlimited window begins before the Unix epoch".to_owned()),
        }
    }
}
