//! Questions to stores of windows.

use std::ops::RangeBounds;

use millstream_state::ScanOrder;

use super::{ReadOnlyStore, merged_windows};
use crate::codec::{Data, StoredWindow};
use crate::error::Error;
use crate::processor::times;
use crate::record::{SessionWindow, Windowed};
use crate::runtime::StreamsApp;

impl StreamsApp {
    /// A store of time windows, to query it: short for [`store`](Self::store) with the type
    /// `Windowed<K>`.
    ///
    /// ```no_run
    /// # use millstream::{Error, StreamsApp};
    /// # async fn ask(app: &StreamsApp) -> Result<(), Error> {
    /// let totals = app.window_store::<String, i64>("hourly-totals")?;
    /// let last_of_acme = totals.fetch_reverse(&"acme".to_owned(), ..).await?;
    /// let all_of_an_hour = totals.fetch_all(1_700_000_000_000..1_700_003_600_000).await?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "ReadOnlyWindowStore")]
    pub fn window_store<K: Data, V: Data>(
        &self,
        name: &str,
    ) -> Result<ReadOnlyStore<'_, Windowed<K>, V>, Error> {
        self.store(name)
    }

    /// A store of sessions, to query it: short for [`store`](Self::store) with the type
    /// `Windowed<K, SessionWindow>`.
    #[doc(alias = "ReadOnlySessionStore")]
    pub fn session_store<K: Data, V: Data>(
        &self,
        name: &str,
    ) -> Result<ReadOnlyStore<'_, Windowed<K, SessionWindow>, V>, Error> {
        self.store(name)
    }
}

impl<K: Data + Sync, W: StoredWindow, V: Data> ReadOnlyStore<'_, Windowed<K, W>, V> {
    /// The windows of `key` whose times lie in `range`, in order of their times, with their values. A
    /// window's time is its start, a session's its end. What is older than the store's retention is
    /// not found.
    pub async fn fetch(&self, key: &K, range: impl RangeBounds<i64>) -> Result<Vec<(W, V)>, Error> {
        self.fetch_ordered(key, times(&range), ScanOrder::Forward).await
    }

    /// As [`fetch`](Self::fetch), the latest first.
    #[doc(alias = "backwardFetch")]
    pub async fn fetch_reverse(
        &self,
        key: &K,
        range: impl RangeBounds<i64>,
    ) -> Result<Vec<(W, V)>, Error> {
        self.fetch_ordered(key, times(&range), ScanOrder::Reverse).await
    }

    /// The windows of all keys whose times lie in `range`, in order of their times and then of their
    /// keys' bytes.
    #[doc(alias = "fetchAll")]
    pub async fn fetch_all(
        &self,
        range: impl RangeBounds<i64>,
    ) -> Result<Vec<(Windowed<K, W>, V)>, Error> {
        let range = times(&range);
        Ok(merged_windows(self.ask(move |view| view.fetch_all(range)).await?))
    }

    async fn fetch_ordered(
        &self,
        key: &K,
        range: (i64, i64),
        order: ScanOrder,
    ) -> Result<Vec<(W, V)>, Error> {
        let key = key.clone();
        // A key is in one task.
        let parts = self.ask(move |mut view| view.fetch(&key, range, order)).await?;
        Ok(parts.into_iter().flatten().map(|(window, value)| (window, value.value)).collect())
    }
}

impl<K: Data + Sync, V: Data> ReadOnlyStore<'_, Windowed<K, SessionWindow>, V> {
    /// The sessions of `key` that lie in `range` with a part of them, in order of their ends.
    #[doc(alias = "findSessions")]
    pub async fn find_sessions(
        &self,
        key: &K,
        range: impl RangeBounds<i64>,
    ) -> Result<Vec<(SessionWindow, V)>, Error> {
        let (earliest_end, latest_start) = times(&range);
        let mut found = self.fetch(key, earliest_end..).await?;
        found.retain(|(session, _)| session.start <= latest_start);
        Ok(found)
    }
}
