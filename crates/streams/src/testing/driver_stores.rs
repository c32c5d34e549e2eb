//! What a test asks of stores.

use std::ops::{Bound, RangeBounds};

use millstream_state::ScanOrder;

use super::TopologyTestDriver;
use crate::codec::{Data, StoredWindow, Wire};
use crate::error::Error;
use crate::processor::times;
use crate::query::{merged, merged_windows};
use crate::record::{Timestamped, Windowed};

impl TopologyTestDriver {
    /// The value of a key in a store; `None` when it has none.
    pub fn get<K: Data, V: Data>(&mut self, store: &str, key: &K) -> Result<Option<V>, Error> {
        let values = self.ask(store, |mut view| view.get(key))?;
        Ok(values.into_iter().flatten().next().map(|value: Timestamped<V>| value.value))
    }

    /// All entries of a store with their timestamps, in byte order of their keys.
    pub fn entries<K: Data, V: Data>(
        &mut self,
        store: &str,
    ) -> Result<Vec<(K, Timestamped<V>)>, Error> {
        let all = (Bound::Unbounded, Bound::Unbounded);
        let parts = self.ask(store, |view| view.range(&all, ScanOrder::Forward))?;
        Ok(merged(parts, ScanOrder::Forward).collect())
    }

    /// The entries of a store whose keys lie in `range`, in byte order of their keys.
    pub fn range<K: Data, V: Data>(
        &mut self,
        store: &str,
        range: impl RangeBounds<K>,
    ) -> Result<Vec<(K, V)>, Error> {
        self.range_ordered(store, &range, ScanOrder::Forward)
    }

    /// As [`range`](Self::range), backwards.
    #[doc(alias = "reverseRange")]
    pub fn range_reverse<K: Data, V: Data>(
        &mut self,
        store: &str,
        range: impl RangeBounds<K>,
    ) -> Result<Vec<(K, V)>, Error> {
        self.range_ordered(store, &range, ScanOrder::Reverse)
    }

    /// The entries of a store whose keys' bytes begin with those of `prefix`, in byte order of their
    /// keys. An error for a store of windows.
    #[doc(alias = "prefixScan")]
    pub fn prefix<K: Data, V: Data>(
        &mut self,
        store: &str,
        prefix: &impl Wire,
    ) -> Result<Vec<(K, V)>, Error> {
        let entries = merged(self.ask(store, |view| view.prefix(prefix))?, ScanOrder::Forward);
        Ok(entries.map(|(key, value)| (key, value.value)).collect())
    }

    /// The windows of `key` whose times lie in `range`, in order of their times, with their values. A
    /// window's time is its start, a session's its end.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{StreamsBuilder, TimeWindow, TimeWindows, testing::TopologyTestDriver};
    /// let builder = StreamsBuilder::new();
    /// let stream = builder.stream::<String, String>("in");
    /// let windows = TimeWindows::tumbling(Duration::from_millis(10)).grace(Duration::from_millis(50));
    /// stream.group_by_key().windowed_by(windows).count("n");
    /// let mut driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, String>("in").send_at("a", "x", 3)?;
    /// driver.input::<String, String>("in").send_at("a", "y", 25)?;
    /// let found = driver.fetch::<String, TimeWindow, i64>("n", &"a".to_owned(), 0..=15)?;
    /// assert_eq!(found, [(TimeWindow { start: 0, end: 10 }, 1)]);
    /// # Ok::<_, millstream::Error>(())
    /// ```
    pub fn fetch<K: Data, W: StoredWindow, V: Data>(
        &mut self,
        store: &str,
        key: &K,
        range: impl RangeBounds<i64>,
    ) -> Result<Vec<(W, V)>, Error> {
        self.fetch_ordered(store, key, times(&range), ScanOrder::Forward)
    }

    /// As [`fetch`](Self::fetch), the latest first.
    #[doc(alias = "backwardFetch")]
    pub fn fetch_reverse<K: Data, W: StoredWindow, V: Data>(
        &mut self,
        store: &str,
        key: &K,
        range: impl RangeBounds<i64>,
    ) -> Result<Vec<(W, V)>, Error> {
        self.fetch_ordered(store, key, times(&range), ScanOrder::Reverse)
    }

    /// The windows of all keys whose times lie in `range`, in order of their times and then of their
    /// keys' bytes.
    #[doc(alias = "fetchAll")]
    pub fn fetch_all<K: Data, W: StoredWindow, V: Data>(
        &mut self,
        store: &str,
        range: impl RangeBounds<i64>,
    ) -> Result<Vec<(Windowed<K, W>, V)>, Error> {
        let range = times(&range);
        Ok(merged_windows(self.ask(store, |view| view.fetch_all(range))?))
    }

    fn range_ordered<K: Data, V: Data>(
        &mut self,
        store: &str,
        range: &impl RangeBounds<K>,
        order: ScanOrder,
    ) -> Result<Vec<(K, V)>, Error> {
        let range = (range.start_bound().cloned(), range.end_bound().cloned());
        let parts = self.ask(store, |view| view.range(&range, order))?;
        Ok(merged(parts, order).map(|(key, value)| (key, value.value)).collect())
    }

    fn fetch_ordered<K: Data, W: StoredWindow, V: Data>(
        &mut self,
        store: &str,
        key: &K,
        range: (i64, i64),
        order: ScanOrder,
    ) -> Result<Vec<(W, V)>, Error> {
        let parts = self.ask(store, |mut view| view.fetch(key, range, order))?;
        Ok(parts.into_iter().flatten().map(|(window, value)| (window, value.value)).collect())
    }
}
