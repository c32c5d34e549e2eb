use std::sync::Arc;

use super::cogrouped_stream::Initializer;
use super::time_windowing::TimeWindowing;
use super::{CogroupedStream, KTable, Materialized};
use crate::codec::{Data, Wire};
use crate::record::{TimeWindow, Windowed};
use crate::windows::EmitStrategy;

/// Several grouped streams divided into the same windows, to be folded into one aggregate (Kafka's
/// `TimeWindowedCogroupedKStream`). Made by [`windowed_by`](CogroupedStream::windowed_by). What becomes
/// of null, late and out-of-order records is as in a
/// [`TimeWindowedStream`](super::TimeWindowedStream); each stream has its own stream time.
#[doc(alias = "TimeWindowedCogroupedKStream")]
#[derive(Clone, Debug)]
pub struct TimeWindowedCogroup<K, A> {
    cogroup: CogroupedStream<K, A>,
    windows: TimeWindowing,
}

impl<K: Wire, A: Data> TimeWindowedCogroup<K, A> {
    pub(super) fn new(cogroup: CogroupedStream<K, A>, windows: TimeWindowing) -> Self {
        Self { cogroup, windows }
    }

    /// Folds all streams into one aggregate for each key and window, beginning with what `initializer`
    /// gives. A result that is null (the `None` of an `Option`) deletes the window.
    ///
    /// ```text
    /// words     a:x@1               a:y@12          windows of 10 ms
    /// numbers             a:1@2              a:2@3
    /// result    [0,10):x  [0,10):x1 [10,20):y [0,10):x12
    /// ```
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use millstream::{TimeWindows, testing::check};
    /// check(
    ///     |s| {
    ///         let counts = s.group_by_key().cogroup(|_, _, n| n + 1);
    ///         let windows = TimeWindows::tumbling(Duration::from_millis(10));
    ///         let counts = counts.windowed_by(windows).aggregate("n", || 0i64);
    ///         counts.to_stream().map(|w, n| (w.key, n))
    ///     },
    ///     "a:x@1 a:y@2 a:z@10",
    ///     "a:1 a:2 a:1",
    /// );
    /// ```
    pub fn aggregate(
        &self,
        store: impl Into<Materialized<K, A>>,
        initializer: impl Fn() -> A + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, A> {
        let (store, emit) = (self.cogroup.named_store(store), EmitStrategy::default());
        self.cogroup.report(&store.name, self.windows.problem(emit));
        let (spec, windows) = (self.windows.store_spec(emit), self.windows.clone());
        let (name, initializer): (_, Initializer<A>) = (store.name.clone(), Arc::new(initializer));
        self.cogroup.table(
            &name,
            |graph, users, table| store.attach_windows::<TimeWindow>(graph, users, table, spec),
            move |aggregation, setup, input| {
                aggregation.in_time(&windows, (setup.stores[0], input), initializer.clone())
            },
        )
    }
}
