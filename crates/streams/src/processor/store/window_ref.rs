//! Stores of windows, read and written by hand.

use std::ops::{Bound, RangeBounds};

use millstream_state::ScanOrder;

use super::{Found, StoreRef, Wanted};
use crate::codec::{Data, StoredWindow};
use crate::error::Error;
use crate::record::{NumberedWindow, SessionWindow, TimeWindow, Timestamped, Windowed};

/// The first and the last time of a range of times.
pub(crate) fn times(range: &impl RangeBounds<i64>) -> (i64, i64) {
    let from = match range.start_bound() {
        Bound::Included(from) => *from,
        Bound::Excluded(from) => from.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(to) => *to,
        Bound::Excluded(to) => to.saturating_sub(1),
        Bound::Unbounded => i64::MAX,
    };
    (from, to)
}

/// Stores of windows: made with
/// [`add_window_store`](crate::StreamsBuilder::add_window_store) or
/// [`add_session_store`](crate::StreamsBuilder::add_session_store), where there are examples. Windows
/// that are older than the store's retention, counted from the latest window written, are not found.
impl<K: Data, W: StoredWindow, V: Data> StoreRef<'_, Windowed<K, W>, V> {
    /// The windows of `key` whose times lie in `range`, in order of their times, with their values. A
    /// window's time is its start, a session's its end.
    pub fn fetch(&mut self, key: &K, range: impl RangeBounds<i64>) -> Result<Vec<(W, V)>, Error> {
        self.fetch_ordered(key, &range, ScanOrder::Forward)
    }

    /// As [`fetch`](Self::fetch), the latest first.
    #[doc(alias = "backwardFetch")]
    pub fn fetch_reverse(
        &mut self,
        key: &K,
        range: impl RangeBounds<i64>,
    ) -> Result<Vec<(W, V)>, Error> {
        self.fetch_ordered(key, &range, ScanOrder::Reverse)
    }

    /// The windows of all keys whose times lie in `range`, in order of their times and then of their
    /// keys' bytes.
    #[doc(alias = "fetchAll")]
    pub fn fetch_all(
        &self,
        range: impl RangeBounds<i64>,
    ) -> Result<Vec<(Windowed<K, W>, V)>, Error> {
        let (from, to) = times(&range);
        let found = self.store.fetch_all(self.overlay, from, to)?;
        Ok(found.into_iter().map(|(key, value)| (key, value.value)).collect())
    }

    fn fetch_ordered(
        &mut self,
        key: &K,
        range: &impl RangeBounds<i64>,
        order: ScanOrder,
    ) -> Result<Vec<(W, V)>, Error> {
        let (from, to) = times(range);
        let any = Windowed { key: key.clone(), window: W::any_at(0) };
        let found = self.store.fetch(self.overlay, &any, (from, to), order, |_| Wanted::Yes)?;
        Ok(found.into_iter().map(without_time).collect())
    }

    /// Sets or deletes the value of a window, which begins at `start`.
    fn write_window(
        &mut self,
        key: &K,
        start: i64,
        window: W,
        value: Option<V>,
    ) -> Result<(), Error> {
        if start < 0 {
            return Err(Error::Unavailable(format!(
                "store '{}': a window that begins at {start} cannot be kept: windows begin with the Unix epoch",
                self.store.name()
            )));
        }
        let key = Windowed { key: key.clone(), window };
        let timestamp = self.origin.timestamp;
        let value = value.map(|value| Timestamped { value, timestamp });
        self.store.put(self.overlay, self.output, &key, value, &self.origin)
    }
}

impl<K: Data, V: Data> StoreRef<'_, Windowed<K>, V> {
    /// Sets the value of `key` in the window that begins at `start`, as of the record being processed.
    pub fn put_at(&mut self, key: &K, start: i64, value: V) -> Result<(), Error> {
        self.write_window(key, start, TimeWindow::any_at(start), Some(value))
    }

    /// Deletes the window of `key` that begins at `start`.
    pub fn delete_at(&mut self, key: &K, start: i64) -> Result<(), Error> {
        self.write_window(key, start, TimeWindow::any_at(start), None)
    }
}

impl<K: Data, V: Data> StoreRef<'_, Windowed<K, NumberedWindow>, V> {
    /// Adds a value of `key` to the window that begins at `start`; what is there stays. A value that
    /// is null (the `None` of an `Option`) is not kept.
    pub fn put_at(&mut self, key: &K, start: i64, value: V) -> Result<(), Error> {
        let number = self.store.next_number();
        let window = NumberedWindow { start, end: start, number };
        self.write_window(key, start, window, Some(value))
    }
}

impl<K: Data, V: Data> StoreRef<'_, Windowed<K, SessionWindow>, V> {
    /// Sets the value of the session of `key` from `start` to `end`.
    pub fn put_session(&mut self, key: &K, window: SessionWindow, value: V) -> Result<(), Error> {
        self.write_window(key, window.start.min(window.end), window, Some(value))
    }

    /// Deletes a session of `key`.
    #[doc(alias = "remove")]
    pub fn delete_session(&mut self, key: &K, window: SessionWindow) -> Result<(), Error> {
        self.write_window(key, window.start.min(window.end), window, None)
    }

    /// The sessions of `key` that lie in `range` with a part of them, in order of their ends.
    #[doc(alias = "findSessions")]
    pub fn find_sessions(
        &mut self,
        key: &K,
        range: impl RangeBounds<i64>,
    ) -> Result<Vec<(SessionWindow, V)>, Error> {
        let (earliest_end, latest_start) = times(&range);
        let mut found = self.fetch(key, earliest_end..)?;
        found.retain(|(session, _)| session.start <= latest_start);
        Ok(found)
    }
}

fn without_time<W, V>((window, value): Found<W, V>) -> (W, V) {
    (window, value.value)
}
