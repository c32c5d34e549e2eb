use std::time::Duration;

use super::{Materialized, StreamsBuilder};
use crate::codec::Data;
use crate::processor::StoreHandle;
use crate::record::{NumberedWindow, SessionWindow, Windowed};

impl StreamsBuilder {
    /// Adds a store of windows of a fixed size for processors written by hand, one value for each key
    /// and start. They are kept for `.retention(..)` in the time of the windows written, or for `size`
    /// without it. Connect it with [`process_with`](super::KStream::process_with).
    ///
    /// ```
    /// # use std::time::Duration;
    /// use millstream::{BoxError, Materialized, Processor, ProcessorContext, Record, StoreHandle, Windowed};
    ///
    /// /// Hands on how many values of the key the last 10 ms had, the latest of each millisecond.
    /// struct Recent(StoreHandle<Windowed<String>, String>);
    ///
    /// impl Processor<String, String> for Recent {
    ///     type KeyOut = String;
    ///     type ValueOut = i64;
    ///     fn process(
    ///         &mut self,
    ///         record: Record<String, String>,
    ///         ctx: &mut ProcessorContext<'_, '_, String, i64>,
    ///     ) -> Result<(), BoxError> {
    ///         let (key, time) = (&record.key, record.timestamp);
    ///         let mut log = ctx.store(&self.0)?;
    ///         log.put_at(key, time, record.value.clone())?;
    ///         let recent = log.fetch(key, time - 10..=time)?.len() as i64;
    ///         ctx.forward(record.with_value(recent))
    ///     }
    /// }
    ///
    /// # use millstream::testing::check_with;
    /// check_with(
    ///     |builder, stream| {
    ///         let store = Materialized::new("log").retention(Duration::from_millis(100));
    ///         let log = builder.add_window_store(store, Duration::from_millis(1));
    ///         stream.process_with(&log.clone(), move || Recent(log.clone()))
    ///     },
    ///     "a:x@1 a:y@5 a:z@12",
    ///     "a:1 a:2 a:2",
    /// );
    /// ```
    #[doc(alias = "windowStoreBuilder")]
    #[doc(alias = "persistentWindowStore")]
    pub fn add_window_store<K: Data, V: Data>(
        &self,
        store: impl Into<Materialized<K, V>>,
        size: Duration,
    ) -> StoreHandle<Windowed<K>, V> {
        store.into().add_window_store(&mut self.graph.borrow_mut(), Some(size))
    }

    /// As [`add_window_store`](Self::add_window_store), but a key may have several values for one
    /// start: each `put_at` adds one, and none can be deleted. It has no cache.
    #[doc(alias = "retainDuplicates")]
    pub fn add_numbered_window_store<K: Data, V: Data>(
        &self,
        store: impl Into<Materialized<K, V>>,
        size: Duration,
    ) -> StoreHandle<Windowed<K, NumberedWindow>, V> {
        store.into().add_window_store(&mut self.graph.borrow_mut(), Some(size))
    }

    /// Adds a store of sessions for processors written by hand, one value for each key, start and end.
    /// They are kept for `.retention(..)`, which must be said, after their end in the time of the
    /// sessions written. Values are kept without timestamps.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{Materialized, SessionWindow, StoreHandle, StreamsBuilder, Windowed};
    /// let builder = StreamsBuilder::new();
    /// let store = Materialized::new("visits").retention(Duration::from_secs(60));
    /// let visits: StoreHandle<Windowed<String, SessionWindow>, i64> = builder.add_session_store(store);
    /// ```
    #[doc(alias = "sessionStoreBuilder")]
    #[doc(alias = "persistentSessionStore")]
    pub fn add_session_store<K: Data, V: Data>(
        &self,
        store: impl Into<Materialized<K, V>>,
    ) -> StoreHandle<Windowed<K, SessionWindow>, V> {
        store.into().plain().add_window_store(&mut self.graph.borrow_mut(), None)
    }
}
